"""What a run needs from outside, and what comes back from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.run_state import PresavedBackup, Role, UserPrompts
from migrate.phone.muxer import UsbmuxConfig


@dataclass(frozen=True)
class RunResult:
    """How a run ended well: `proven`, `pending`, `undone`, `rehearsed`, or `done` when no proof was asked for."""

    run_id: str
    outcome: events.Outcome
    receipt: Path | None
    """None: it was only rehearsed, and can be gone on with."""
    proof: dict[str, Any]


@dataclass(frozen=True)
class RunContext:
    """Where to write, how to reach phones, whom to ask, who listens."""

    home: Home
    tmp: Path
    """Private to this process and emptied by its owner: plaintext may lie here while it is looked at."""
    usbmux: UsbmuxConfig
    prompts: UserPrompts
    listener: events.Listener = events.nobody
    wait_s: float = 1800
    saved: Mapping[str, PresavedBackup] = field(default_factory=dict)
    """By UDID: what this process has saved and verified already. Its steps are true as long as nobody saved since."""
    page: Callable[[dict[str, Any]], str] | None = None
    """Makes the receipt a page for people, kept as `receipt.html` beside its JSON; the words are not a run's own."""
    named_udids: Mapping[Role, str] = field(default_factory=dict)
    """UDIDs said beside `resume`, which has no plan of its own to put them in."""
    arrival_wait_s: float = 0.0
    """How long a proof waits for what arrives later before it leaves that open."""
