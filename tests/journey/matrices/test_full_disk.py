"""The disk of the home folder fills up at every step: exit 33, and the move goes on after room is made."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migrate.journey import events
from migrate.plan.preflight import SPARE_BYTES
from migrate.problems import MigrateError
from tests.journey.matrices.faults import assert_no_step_repeated, phones_for
from tests.journey.moves import Lab

MakeLab = Callable[..., Lab]
DISK_BYTES = SPARE_BYTES + (96 << 20)
STEPS = (
    "meet", "preflight", "back-up-old-phone", "verify", "back-up-new-phone", "verify-new-phone", "compose", "rehearse",
    "agree", "restore", "wait-for-phone", "prove", "receipt",
)  # fmt: skip
LEFT = (0, 20_000, 400_000)
"""How many bytes are left: none for the journal, enough for its lines, enough for small files."""
CELLS = [(step, left) for step in STEPS for left in LEFT]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own for the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "none", str(home))
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    yield home
    subprocess.run(("umount", "-l", str(home)), check=True)


def fill(home: Path, left: int) -> None:
    with (home / "filler").open("ab", buffering=0) as file:
        block = bytes(1 << 20)
        while block:
            try:
                file.write(block)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                block = block[: len(block) // 2]
        file.truncate(max(0, file.tell() - left))


@pytest.mark.soak
@pytest.mark.parametrize(("step", "left"), CELLS)
def test_the_disk_fills_up_at_every_step(make_lab: MakeLab, small_disk: Path, step: str, left: int) -> None:
    assert_goes_on(make_lab, small_disk, step, left)


@pytest.mark.parametrize(("step", "left"), [("restore", 0)])
def test_the_disk_fills_up_at_some_steps(make_lab: MakeLab, small_disk: Path, step: str, left: int) -> None:
    assert_goes_on(make_lab, small_disk, step, left)


def assert_goes_on(make_lab: MakeLab, home: Path, step: str, left: int) -> None:
    lab = make_lab(*phones_for("replace"))
    lab.tmp = lab.home.tmp / "this-process"
    lab.tmp.mkdir(mode=0o700)
    lab.person.passwords["new"] = lab.person.passwords["old"]
    plan = lab.plan(safety={"save_new_phone_first": True, "rehearse": True})

    def on(event: events.Event) -> None:
        if isinstance(event, events.StepStarted) and event.step == step:
            fill(home, left)

    lab.on = on
    outcome = None
    try:
        outcome = lab.move(plan).outcome
    except MigrateError as full:
        assert full.exit_code == 33, f"{type(full).__name__}: {full.what} {full.why}"
        assert full.what and full.why and full.next
    if left == 0:
        assert outcome is None, "the journal has no room"
    lab.on = events.nobody
    (home / "filler").unlink(missing_ok=True)
    if outcome is None:
        outcome = (lab.resume() if any(lab.home.runs.iterdir()) else lab.move(plan)).outcome
    assert outcome in ("proven", "pending")
    assert_no_step_repeated(lab)
