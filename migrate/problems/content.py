"""Problems of what is inside a backup: databases and property lists that are read as messages, photos, contacts …"""

from __future__ import annotations

from migrate.problems.problem import RecordProblem


class ContentUnreadable(RecordProblem):
    reason: str
    severity = "warning"
    what = "{relative_path} could not be read, so it is not known what is in it."
    why = "{reason}."
    next = "Check whether the file is damaged: {verify_backup}"
