"""A power cut at any journal line of a move: what was not synced is lost, and the move is continued all the same."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.journey.matrices.interruptions import CASES, Case, difference, journal, prepared, repeated_steps, undisturbed
from tests.journey.matrices.stopping import Commands, Stop

if sys.platform != "linux":
    pytest.skip("reads /proc/self/fd", allow_module_level=True)

from tests.journey.matrices.power_cut import DurableImage

MOVES = [case for case in CASES if case.name in ("replace-plain", "rebuild")]


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def cut_and_continue(case: Case, commands: Commands, tmp: Path, line: int, expected: dict[str, object]) -> list[str]:
    """Cut the power right after a journal line, continue with what is on the disk, and compare."""
    with prepared(case, commands, tmp) as place:
        cut = place.begin(Stop(line, at="power"))
        assert cut.code == -9, str(cut)
        shutil.rmtree(place.lab.home.path)
        (tmp / "out-of-the-image").rename(place.lab.home.path)
        last = place.next_command() if place.is_over() else place.carry_on()
        assert not place.asked, str(last)
        result = case.result(place)
        found = [
            f"{name}: {difference(expected[name], result[name])}" for name in expected if result[name] != expected[name]
        ]
        assert place.run_folder is not None
        return found + [f"{step} was repeated" for step in repeated_steps(journal(place.run_folder))]


def test_a_file_that_was_not_synced_is_not_there_after_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "old").write_text("synced before")
    image = DurableImage(root, tmp_path / "store")
    monkeypatch.setattr(os, "fsync", os.fsync)  # so that it is put back
    image.watch()
    (root / "never").write_text("lost")
    with (root / "changed").open("w") as file:
        file.write("kept")
        file.flush()
        os.fsync(file.fileno())
        file.write(", and lost")
    (root / "old").unlink()
    image.write_to(tmp_path / "before the folder is synced")
    found = {path.name: path.read_text() for path in (tmp_path / "before the folder is synced").iterdir()}
    assert found == {"old": "synced before", "changed": "kept"}
    folder = os.open(root, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    image.write_to(tmp_path / "after it")
    found = {path.name: path.read_text() for path in (tmp_path / "after it").iterdir()}
    assert found == {"never": "", "changed": "kept"}


@pytest.mark.soak
@pytest.mark.parametrize("case", MOVES, ids=str)
def test_a_power_cut_at_every_journal_line_loses_nothing(case: Case, commands: Commands, tmp_path: Path) -> None:
    expected, lines = undisturbed(case, commands, tmp_path / "try")
    wrong = []
    for line in range(2, lines + 1):
        wrong += [f"line {line}: {one}" for one in cut_and_continue(case, commands, tmp_path / "try", line, expected)]
    assert not wrong, "\n".join(wrong)
