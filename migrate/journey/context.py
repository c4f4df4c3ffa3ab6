"""What a run needs from outside, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.backup.verify.run import Verdict
from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.prompts import Role, UserPrompts
from migrate.phone.muxer import UsbmuxConfig
from migrate.problems.finding import Finding


@dataclass(frozen=True)
class RunResult:
    """How a run ended well: `proven`, `pending`, `undone`, `rehearsed`, or `done` when no proof was requested."""

    run_id: str
    outcome: events.Outcome
    receipt: Path | None
    """None: it was only rehearsed, and can be resumed."""


@dataclass(frozen=True)
class PresavedBackup:
    """A backup that this process made and verified before the run began (`presave.py`): the run does not repeat it."""

    name: str  # the phone's
    stamp: tuple[str | None, ...]
    """`backup_stamp` right after the backup: while the working backup still has it, it is the same backup."""
    verdict: Verdict
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class RunContext:
    """Where to write, how to reach phones, whom to ask, who listens."""

    home: Home
    tmp: Path
    """Private to this process and emptied by its owner: plaintext may lie here while it is being read."""
    usbmux: UsbmuxConfig
    prompts: UserPrompts
    listener: events.Listener = events.nobody
    wait_s: float = 1800
    saved: Mapping[str, PresavedBackup] = field(default_factory=dict)
    """By UDID: what this process has already backed up and verified."""
    page: Callable[[dict[str, Any]], str] | None = None
    """Renders the receipt as HTML, stored as `receipt.html` beside its JSON; None: no page is written."""
    named_udids: Mapping[Role, str] = field(default_factory=dict)
    """UDIDs given to `resume`, for phones that the plan leaves open."""
    ask_ios_version: Callable[[], str | None] | None = None
    """Asks a person which iOS the new phone runs while only the old one is connected; None: there is nobody to ask."""
    arrival_wait_s: float = 0.0
    """How long a proof waits for what arrives later before it leaves that open."""
