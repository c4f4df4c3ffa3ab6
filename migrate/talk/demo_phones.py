"""The two simulated iPhones of `migrate demo`, and the move between them.

The phones run in another process behind a socket, and the move is the same as with `migrate run`. The simulated user
taps Trust, enters the passcode and finishes the setup, as a person would.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.language import _
from migrate.problems import DemoPhonesSilent
from migrate.talk.passwords import Passwords

if TYPE_CHECKING:
    from migrate.journey.context import RunContext, RunResult

KEPT_S = 3600
"""How long `--keep` leaves the phones running. They stop after an hour even if the person forgets them."""

OLD_PHONE = """
name = "Ada's old iPhone"
udid = "{udid}"
ios_version = "18.5"
model = "iPhone13,2"
passcode = "1947"
keybag_rounds = 100000

[contents]
"""

NEW_PHONE = """
name = "Ada's new iPhone"
udid = "{udid}"
ios_version = "26.1"
model = "iPhone17,3"
keybag_rounds = 100000

[contents]
empty = true
"""

AFTERMATH = """
[aftermath]
arrives_in_s = 8
signs_in_after_s = 5
"""
"""How soon apps and photos arrive on the new phone, and its user signs in to the accounts: on a real phone this takes
hours, and the first look after a move is too early for some of it."""
ARRIVAL_WAIT_S = 15.0
"""How long the demo waits for them before it looks again."""

UNHURRIED = """
[hand]
passcode_delay_s = 2.5
setup_delay_s = 4.0
setup_waits_for_computer = true
"""


@dataclass(frozen=True)
class Serving:
    """Two simulated iPhones running in another process."""

    address: str
    process_id: int


def random_udid(chip: str) -> str:
    """A random UDID, so that two demos never share a working backup."""
    return f"{chip}-{secrets.token_hex(8).upper()}"


@dataclass
class Demo:
    """The phones, password and plan of one demo."""

    old_udid: str = field(default_factory=lambda: random_udid("00008101"))
    new_udid: str = field(default_factory=lambda: random_udid("00008140"))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9), repr=False)
    unhurried: bool = False
    """Whether the simulated user waits long enough for a person to read each prompt."""

    @property
    def passwords(self) -> Passwords:
        return Passwords(preset={"old": self.password, "new": self.password})

    def empty_home(self, folder: Path) -> Path:
        """`folder`, after deleting what the last demo left there."""
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    @contextmanager
    def start_phones(self, tmp: Path, *, keep: bool) -> Iterator[Serving]:
        """Start the two phones, and stop them again unless `keep` is set and the demo succeeded.

        Raises:
            DemoPhonesSilent: they did not start.
        """
        arguments = []
        for udid, text in ((self.old_udid, OLD_PHONE), (self.new_udid, NEW_PHONE)):
            file = tmp / f"{udid}.toml"
            file.write_text(
                text.format(udid=udid) + AFTERMATH + (UNHURRIED if self.unhurried else ""), encoding="utf-8"
            )
            arguments += ["--phone", str(file)]
        with (tmp / "simulator.log").open("w+b") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "migrate", "simulator", "serve", "--for", str(KEPT_S), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={key: value for key, value in os.environ.items() if key != "USBMUXD_SOCKET_ADDRESS"},
                start_new_session=True,  # Ctrl-C stops the move; the phones are stopped after it
            )
            assert process.stdout is not None
            kept = False
            try:
                name, _equals, address = process.stdout.readline().strip().partition("=")
                if name != "USBMUXD_SOCKET_ADDRESS":
                    log.seek(0)
                    raise DemoPhonesSilent(log.read().decode(errors="replace").strip()[-400:])
                yield Serving(address, process.pid)
                kept = keep
            finally:
                process.stdout.close()
                if not kept:
                    process.terminate()
                    process.wait()

    async def run_move(self, context: RunContext) -> RunResult:
        from migrate.journey.run import run
        from migrate.plan.model import Plan

        return await run(Plan.model_validate(self.plan), context)

    @property
    def plan(self) -> dict[str, Any]:
        return {
            "version": 1,
            "name": _("The demo: everything, to an erased iPhone"),
            "old_phone": {"udid": self.old_udid},
            "new_phone": {"is": "erased", "udid": self.new_udid},
            "move": {"categories": ["everything"]},
        }

    def keep_instructions(self, serving: Serving, home: Path, *, wizard: bool = False) -> list[str]:
        stop = f"taskkill /PID {serving.process_id} /F" if os.name == "nt" else f"kill {serving.process_id}"
        password = [] if wizard else [_("Their backup password is {password}").format(password=self.password)]
        return [
            "",
            _("Both phones keep running for an hour. To stop them earlier: {command}").format(command=stop),
            _("Look at them with:"),
            f"  migrate phones --usbmuxd {serving.address} --home {home}",
            f"  migrate runs --home {home}",
            *password,
        ]
