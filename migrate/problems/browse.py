"""Problems of `migrate browse`: a page on a port of this computer."""

from __future__ import annotations

from migrate.problems.problem import MigrateError


class PortTaken(MigrateError):
    """The port of a page on this computer cannot be used."""

    port: int
    system_said: str
    exit_code = 2
    what = "The page cannot be shown on port {port} of this computer."
    why = "The system answered: {system_said}."
    next = "Choose another port with --port, or leave --port out: then a free one is found."
