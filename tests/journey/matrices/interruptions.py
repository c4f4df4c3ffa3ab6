"""Moves, an undo and a repair that are interrupted somewhere, continued, and compared with undisturbed ones.

A strategy joins the matrix with one `Case` in `CASES`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.backup.verify.run import verify
from migrate.journey.home import Home
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.plan.model import to_toml
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.matrices.stopping import Commands, Ended, Stop
from tests.journey.moves import NEW_PASSWORD, OLD, PASSWORD, UNTOUCHED, Lab, Person, new_phone, old_phone

FEW = ContentsSpec(
    contacts=3, messages=5, attachments=1, calls=2, photos=2, videos=0, notes=1, events=1, reminders=1, bookmarks=1,
    history=1, voicemails=0, memos=1, health_samples=2, wifi_networks=1,
)  # fmt: skip
RUN = "the-move"
CHOSEN = ["messages", "photos", "contacts"]
IN_USE: dict[str, Any] = {"new_phone": {"is": "in-use"}, "move": {"categories": CHOSEN, "may_replace": CHOSEN}}
CONTINUES_AT_MOST = 4
ASKS = frozenset({"restore-in-doubt"})
"""Errors of a resumed run that ask the person to look at the phone: allowed where the journal and the phone cannot show
whether the phone took the set. Nothing may have been sent by then."""

OF_A_LOOK = frozenset({"backup-encryption-turned-on"})
"""What only a look at a phone in doubt does: it backs up an erased phone, and turns on its encryption for that."""


@dataclass
class Place:
    """Everything of one try: phones, home, and the run that an undo reverts."""

    case: Case
    lab: Lab
    commands: Commands
    undone: str = ""
    asked: bool = False
    """Whether continuing it ended with one of ASKS."""

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "MIGRATE_HOME": str(self.lab.home.path),
            "USBMUXD_SOCKET_ADDRESS": self.lab.server.address,
            "MIGRATE_BACKUP_PASSWORD": PASSWORD,
            "MIGRATE_NEW_BACKUP_PASSWORD": NEW_PASSWORD,
        }

    @property
    def plan_file(self) -> Path:
        return self.lab.home.path.parent / "plan.toml"

    @property
    def run_folder(self) -> Path | None:
        """The folder of the run that is interrupted, if it exists."""
        found = [run for run in self.lab.home.runs.iterdir() if run.name != self.undone]
        return found[0] if found else None

    def begin(self, stop: Stop | None = None) -> Ended:
        return self.commands.run(self.case.begin(self), self.env, stop)

    def carry_on(self) -> Ended:
        """Continue until it has ended well. Returns the last answer."""
        for _ in range(CONTINUES_AT_MOST):
            ended = self.commands.run(self.case.carry_on(self), self.env)
            if ended.error_code in ASKS:
                self.asked = True
                return ended
            if ended.code == 0:
                return ended
        raise AssertionError(f"it did not end in {CONTINUES_AT_MOST} tries: {ended}")

    def next_command(self) -> Ended:
        """Any later command: it removes what a killed one left in `tmp`."""
        return self.commands.run(("runs", "--json"), self.env)

    def is_over(self) -> bool:
        """Whether the command had reported its end before it was interrupted."""
        folder = self.run_folder
        return folder is not None and any("ended" in line and line["exit_code"] == 0 for line in journal(folder))


@dataclass(frozen=True)
class Case:
    """One strategy: its phones, its plan, and how it is begun and continued."""

    name: str
    old: Callable[[], SimulatedPhone]
    new: Callable[[], SimulatedPhone]
    sections: dict[str, Any] = field(default_factory=dict)
    prepare: Callable[[Place], None] = lambda place: None
    begin: Callable[[Place], Sequence[str]] = lambda place: (
        "run", str(place.plan_file), "--id", RUN, "--yes", "--json", "--wait", "60",
    )  # fmt: skip
    carry_on: Callable[[Place], Sequence[str]] = lambda place: (
        ("resume", RUN, "--yes", "--json", "--wait", "60") if (place.lab.home.runs / RUN).exists()
        and (place.lab.home.runs / RUN / "journal.ndjson").exists() else place.case.begin(place)
    )  # fmt: skip
    result: Callable[[Place], dict[str, Any]] = lambda place: result_of_run(place)

    def __str__(self) -> str:
        return self.name


# -- results -----------------------------------------------------------------------------------------------------------


def result_of_run(place: Place) -> dict[str, Any]:
    """What a person finds afterwards: both phones, the receipt, the findings, and nothing left behind."""
    folder, lab = place.run_folder, place.lab
    assert folder is not None
    return {
        "old": lab.old.files.digests(),
        "new": lab.new.files.digests(),
        "apps": sorted(lab.new.apps),
        "receipt": lasting(json.loads((folder / "receipt.json").read_text())),
        "findings": sorted(
            finding["code"]
            for finding in json.loads((folder / "findings.json").read_text())
            if finding["code"] not in OF_A_LOOK
        ),
        "state": journal(folder)[-1].get("ended"),
        "left": left_behind(lab.home),
    }


def lasting(receipt: dict[str, Any]) -> dict[str, Any]:
    """The receipt without what differs from run to run."""
    names = ("verdict", "headline", "strategy", "categories", "not_moved", "next", "remarks", "old", "new")
    return {name: receipt.get(name) for name in names}


def left_behind(home: Home) -> list[str]:
    """Files that only a killed process leaves, and folders that are not readable by their owner only."""
    found = [str(path) for path in home.tmp.iterdir()]
    for path in home.path.rglob("*"):
        if path.suffix in (".new", ".part") or path.name.endswith(".healing"):
            found.append(str(path.relative_to(home.path)))
        if path.stat().st_mode & 0o077:
            found.append(f"{path.relative_to(home.path)} {path.stat().st_mode:o}")
    return found


def journal(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "journal.ndjson").read_bytes()
    return [json.loads(line) for line in text[: text.rfind(b"\n") + 1].splitlines()]


def repeated_steps(lines: list[dict[str, Any]]) -> list[str]:
    """Steps that were started again after they had finished, although nothing had reopened them."""
    finished, repeated = set[str](), []
    for line in lines:
        if "finished" in line:
            finished.add(line["finished"])
        elif "reopened" in line:
            finished.discard(line["reopened"])
        elif line.get("started") in finished:
            repeated.append(line["started"])
    return repeated


# -- one try -----------------------------------------------------------------------------------------------------------


@contextmanager
def prepared(case: Case, commands: Commands, tmp: Path) -> Iterator[Place]:
    """Fresh phones and a fresh home, ready for the command."""
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True, mode=0o700)
    old, new = case.old(), case.new()
    for phone in (old, new):
        phone.keybag_rounds = 10
    before = os.umask(0o077)
    try:
        with SimulatedUsbmuxd([old, new]) as server:
            (tmp / "tmp").mkdir()
            lab = Lab(old, new, server, Home(tmp / "home").open(), tmp / "tmp")
            lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD})
            place = Place(case, lab, commands)
            sections = {"safety": {"rehearse": False}, **case.sections}
            place.plan_file.write_text(to_toml(lab.plan(**sections)))
            case.prepare(place)
            yield place
    finally:
        os.umask(before)


def undisturbed(case: Case, commands: Commands, tmp: Path, *, at: str = "journal") -> tuple[dict[str, Any], int]:
    """The result of an undisturbed command, and how many journal lines or file operations it had."""
    with prepared(case, commands, tmp) as place:
        ended = place.begin(Stop(0, at=at))  # type: ignore[arg-type]
        assert ended.code == 0 and ended.seen is not None, str(ended)
        return case.result(place), ended.seen


def differences(
    case: Case, commands: Commands, tmp: Path, stop: Stop, expected: dict[str, Any]
) -> tuple[list[str], bool]:
    """Interrupt the command once, continue it, and compare. Also returns whether continuing asked a person."""
    with prepared(case, commands, tmp) as place:
        untouched = place.lab.new.files.digests()
        interrupted = place.begin(stop)
        found = judge_interruption(interrupted, stop)
        over = place.is_over()
        last = place.next_command() if over else place.carry_on()
        if place.asked:
            wrong = place.lab.new.files.digests() not in (untouched, expected.get("new"))
            return found + ["the phone is neither as before nor as after the move"] * wrong, True
        result = case.result(place)
        for name in expected:
            if result[name] != expected[name]:
                found.append(f"{name}: {difference(expected[name], result[name])}")
        if place.run_folder is not None:
            found += [f"{step} was repeated" for step in repeated_steps(journal(place.run_folder))]
        return ([*found, str(interrupted), str(last)] if found else []), False


def judge_interruption(ended: Ended, stop: Stop) -> list[str]:
    """What was wrong with how an interrupted command itself ended."""
    if stop.signal == signal.SIGKILL:
        return []
    found = []
    if "Traceback" in ended.err:
        found.append("a traceback")
    if ended.code not in (0, 50, 130):
        found.append(f"exit {ended.code} after Ctrl-C")
    if ended.events and ended.events[-1].get("event") == "run_finished":
        if ended.events[-1]["exit_code"] != ended.code:
            found.append("the last event tells another exit code")
    elif any(event.get("event") == "run_started" for event in ended.events):
        found.append("run_finished is missing")
    return found


def difference(expected: Any, result: Any) -> str:
    if isinstance(expected, dict) and isinstance(result, dict):
        keys = [key for key in {*expected, *result} if expected.get(key) != result.get(key)]
        return "; ".join(f"{key}: {expected.get(key)!r} -> {result.get(key)!r}"[:400] for key in sorted(keys)[:5])
    return f"{expected!r} -> {result!r}"[:800]


# -- undo and repair ---------------------------------------------------------------------------------------------------


def move_first(place: Place) -> None:
    """The move that is undone: messages, photos and contacts to a phone in use, without a proof."""
    lab = place.lab
    lab.move(lab.plan(**IN_USE, safety={"rehearse": False, "prove": False}))
    place.undone = lab.last_run.path.name


def undo_words(place: Place) -> Sequence[str]:
    return ("undo", place.undone, "--yes", "--json", "--wait", "60", "--lose-what-came-after")


def carry_on_undo(place: Place) -> Sequence[str]:
    folder = place.run_folder
    if folder is None or not (folder / "journal.ndjson").exists():
        return undo_words(place)
    return ("resume", folder.name, "--yes", "--json", "--wait", "60")


def damaged_backup(place: Place) -> None:
    """A working backup of the old phone with a changed and a missing blob."""
    lab = place.lab
    usbmux = UsbmuxConfig(lab.server.address, lab.home.pairing, lab.tmp)

    async def back_up() -> None:
        async with await Phone.meet(usbmux, OLD, wait_s=20) as phone:
            await phone.back_up(lab.home.working_backup(OLD), seals=lab.home.seals)

    asyncio.run(back_up())
    with Backup.open(lab.home.working_backup(OLD), PASSWORD) as backup:
        photos = [one for one in backup.records() if one.kind is Kind.FILE and "DCIM" in one.relative_path]
        names = [one.file_id for one in photos if one.size]
    changed, missing = (lab.home.working_backup(OLD) / name[:2] / name for name in sorted(names)[:2])
    changed.write_bytes(bytes(changed.stat().st_size))
    missing.unlink()


def repair_words(place: Place) -> Sequence[str]:
    return ("repair", str(place.lab.home.working_backup(OLD)), "--json", "--wait", "60")


def result_of_repair(place: Place) -> dict[str, Any]:
    """The repaired backup, and nothing else beside it."""
    home, folder = place.lab.home, place.lab.home.working_backup(OLD)
    verdict = verify(folder, PASSWORD, seals=home.seals)
    with Backup.open(folder, PASSWORD) as backup:
        contents = {
            f"{one.domain}/{one.relative_path}": b"".join(backup.chunks(one)).hex()
            for one in backup.records()
            if one.kind is Kind.FILE and one.domain != "KeychainDomain"  # the phone wraps its keys anew each time
        }
    return {
        "verdict": verdict.verdict,
        "contents": contents,
        "backups": sorted(one.name for one in home.backups.iterdir()),
        "finished": BackupFolder(folder).is_finished,
        "left": left_behind(home),
    }


def _old(**more: Any) -> Callable[[], SimulatedPhone]:
    return lambda: old_phone(spec=FEW, aftermath=UNTOUCHED, **more)


def _new(ios_version: str, *, empty: bool, **more: Any) -> Callable[[], SimulatedPhone]:
    return lambda: new_phone(ios_version, empty=empty, spec=FEW, aftermath=UNTOUCHED, **more)


OVERLAY = {**IN_USE, "new_phone": {"is": "in-use", "experimental": ["overlay"]}}
GRAFT = {**IN_USE, "new_phone": {"is": "in-use", "experimental": ["graft"]}}
CASES: tuple[Case, ...] = (
    Case("replace", _old(backup_password=PASSWORD), _new("26.1", empty=True), {"safety": {"rehearse": True}}),
    Case("replace-plain", _old(), _new("26.1", empty=True), {"backup": {"encrypted": False}}),
    Case("rebuild", _old(backup_password=PASSWORD), _new("26.1", empty=False, backup_password=NEW_PASSWORD), IN_USE),
    Case("overlay", _old(backup_password=PASSWORD), _new("26.1", empty=False, backup_password=NEW_PASSWORD), OVERLAY),
    Case("graft", _old(backup_password=PASSWORD), _new("27.0", empty=False, backup_password=NEW_PASSWORD), GRAFT),
    Case(
        "undo", _old(backup_password=PASSWORD), _new("26.1", empty=False, backup_password=NEW_PASSWORD),
        prepare=move_first, begin=undo_words, carry_on=carry_on_undo,
    ),
    Case(
        "repair", _old(backup_password=PASSWORD), _new("26.1", empty=True),
        prepare=damaged_backup, begin=repair_words, carry_on=repair_words, result=result_of_repair,
    ),
)  # fmt: skip
