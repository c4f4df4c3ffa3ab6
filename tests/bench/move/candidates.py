"""What is measured in each step: our work, and the same by other programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.move import children
from tests.bench.move.children import Figures
from tests.bench.move.phones import Served, drain, served
from tests.bench.move.scenarios import NEW, OLD, PASSWORD, Scenario, new_phone_file
from tests.bench.move.work import MARK

MIGRATE, CEILING, IDEVICE, PYMOBILE = "migrate", "ceiling", "idevicebackup2", "pymobiledevice3"
SHA256SUM, LINK_LOOP, CP_AL = "sha256sum", "os.link loop", "cp -al"
STEP_ALONE = " (without the start of Python)"
Parts = dict[str, Figures]
"""By the name of the measured part."""


@dataclass
class Place:
    """One scenario on one disk: a served old phone, and a folder for each program."""

    scenario: Scenario
    encrypted: bool
    folder: Path
    keeps_backups: bool
    """Whether later steps need what each program has backed up."""
    phone: Served = field(init=False, repr=False)
    _open: ExitStack = field(default_factory=ExitStack, repr=False)

    def __enter__(self) -> Place:
        phone_file = self.scenario.phone_file(encrypted=self.encrypted)
        self.phone = self._open.enter_context(served([phone_file], self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def password(self) -> str | None:
        return PASSWORD if self.encrypted else None

    def home_of(self, program: str) -> Path:
        home = self.folder / program.replace(" ", "-")
        home.mkdir(exist_ok=True)
        return home

    def backup_of(self, program: str) -> Path:
        return self.home_of(program) / "backups" / OLD

    # --- our work

    def work(self, step: str, **asked: Any) -> Parts:
        """Runs a step of `work.py`. The part called `process` is the whole process, with its start and imports."""
        asked = {"address": self.phone.address, "home": str(self.home_of(MIGRATE)), "password": self.password, **asked}
        command = [sys.executable, "-m", "tests.bench.move.work", step, json.dumps(asked)]
        whole, output = children.run(command, os.environ | {"TMPDIR": str(self.folder)})
        lines = [json.loads(line.removeprefix(MARK)) for line in output.splitlines() if line.startswith(MARK)]
        parts = {line.pop("part"): Figures(**line) for line in lines}
        return parts | {"process": whole}

    # --- other programs

    def other(self, command: list[str], *, home: str, address: str | None = None) -> Figures:
        """Runs another program, which must not see a real phone or a real home folder."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
        folder = str(self.home_of(home))
        environment = {**kept, "HOME": folder, "TMPDIR": str(self.folder)}
        environment["USBMUXD_SOCKET_ADDRESS"] = address or self.phone.address
        return children.run(command, environment, self.home_of(home))[0]

    def peer(self, program: str, what: str, *arguments: str, to: str = OLD, address: str | None = None) -> Figures:
        """`backup` or `restore` by another client."""
        folder = str(self.backup_of(program).parent)
        Path(folder).mkdir(exist_ok=True)
        if program == IDEVICE:
            source = ["-s", OLD] if what == "restore" else []
            command = [IDEVICE, "-u", to, *source, what, *arguments, folder]
        else:
            source = ["--source", OLD] if what == "restore" else []
            command = [sys.executable, "-m", PYMOBILE, "backup2", what, folder, "--udid", to, *source, *arguments]
        return self.other(command, home=program, address=address)


# --- the steps

Candidate = Callable[[Place], Parts]


def _ceiling(place: Place) -> Parts:
    cpu = place.phone.cpu_s
    seconds = drain(place.phone.address, place.home_of(CEILING))
    return {"backup": Figures(seconds, place.phone.cpu_s - cpu, place.phone.peak_bytes)}


def _our_backup(place: Place) -> Parts:
    return _whole(place.work("back_up", begin="fresh"), "backup")


def _our_incremental(place: Place) -> Parts:
    return _whole(place.work("back_up", begin="incremental"), "incremental")


def _whole(parts: Parts, name: str) -> Parts:
    """The figures of the whole process under the step's name, as those of another program are; the step alone beside
    it."""
    return {name: parts["process"], f"{name}{STEP_ALONE}": parts[name]}


def _peer_backup(program: str) -> Candidate:
    def backup(place: Place) -> Parts:
        shutil.rmtree(place.backup_of(program), ignore_errors=True)
        parts = {"backup": place.peer(program, "backup", "--full")}
        if not place.keeps_backups:
            shutil.rmtree(place.backup_of(program))
        return parts

    return backup


def _peer_incremental(program: str) -> Candidate:
    return lambda place: {"incremental": place.peer(program, "backup")}


def _our_verify(place: Place) -> Parts:
    return _step(place.work("verify"), "verify")


def _step(parts: Parts, name: str) -> Parts:
    return {name: parts[name], f"{name} (with the start of Python)": parts["process"]}


def _sha256sum(place: Place) -> Parts:
    command = f"find '{place.backup_of(MIGRATE)}' -type f -print0 | xargs -0 sha256sum > /dev/null"
    return {"verify": place.other(["sh", "-c", command], home=SHA256SUM)}


def _our_compose(place: Place) -> Parts:
    parts = place.work("compose")
    return {"compose": parts["compose"], "last look": parts["last look"]}


def _link_loop(place: Place) -> Parts:
    return {"compose": place.work("link_all")["os.link loop"]}


def _cp_al(place: Place) -> Parts:
    copy = place.home_of(CP_AL) / "copy"
    parts = {"compose": place.other(["cp", "-al", str(place.backup_of(MIGRATE)), str(copy)], home=CP_AL)}
    shutil.rmtree(copy)
    return parts


def _restored(place: Place, do: Callable[[str], Parts]) -> Parts:
    """Does a restore to a new phone, in a process of its own that ends afterwards."""
    with served([new_phone_file()], place.folder) as phone:
        parts = do(phone.address)
        return parts | {"restore (the phone)": Figures(0.0, phone.cpu_s, phone.peak_bytes)}


def _our_restore(place: Place) -> Parts:
    return _restored(place, lambda address: _whole(place.work("restore", address=address), "restore"))


def _peer_restore(program: str) -> Candidate:
    def restore(place: Place) -> Parts:
        options = ["--system"] + (["--remove"] if program == PYMOBILE else [])
        options += ["--password", PASSWORD] if place.encrypted else []

        def do(address: str) -> Parts:
            return {"restore": place.peer(program, "restore", *options, to=NEW, address=address)}

        return _restored(place, do)

    return restore


def _our_move(place: Place) -> Parts:
    home = place.home_of("move")
    with served([place.scenario.phone_file(encrypted=place.encrypted), new_phone_file(keeps="contents")], home) as both:
        parts = place.work("move", home=str(home), address=both.address, rehearse=True)
    shutil.rmtree(home)
    return {f"move: {name}": figures for name, figures in parts.items()}


STEPS: Mapping[str, Mapping[str, Candidate]] = {
    "backup": {
        CEILING: _ceiling,
        MIGRATE: _our_backup,
        IDEVICE: _peer_backup(IDEVICE),
        PYMOBILE: _peer_backup(PYMOBILE),
    },
    "incremental": {
        MIGRATE: _our_incremental,
        IDEVICE: _peer_incremental(IDEVICE),
        PYMOBILE: _peer_incremental(PYMOBILE),
    },
    "verify": {MIGRATE: _our_verify, SHA256SUM: _sha256sum},
    "compose": {MIGRATE: _our_compose, LINK_LOOP: _link_loop, CP_AL: _cp_al},
    "restore": {MIGRATE: _our_restore, IDEVICE: _peer_restore(IDEVICE), PYMOBILE: _peer_restore(PYMOBILE)},
    "move": {MIGRATE: _our_move},
}
NEEDS_OWN_BACKUP = ("incremental", "restore")
"""Steps for which each program needs a backup that it made itself; `verify` and `compose` need ours."""


def prepare(place: Place, steps: list[str], programs: list[str]) -> None:
    """Makes the backups that these steps need and that no earlier step has made."""
    for program in (MIGRATE, IDEVICE, PYMOBILE):
        own = program in programs and any(step in NEEDS_OWN_BACKUP for step in steps)
        ours = program == MIGRATE and any(step in ("verify", "compose") for step in steps)
        if (own or ours) and not place.backup_of(program).exists():
            STEPS["backup"][program](place)
