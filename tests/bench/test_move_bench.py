"""The bench of a move still measures: one round with a few files."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.move import children, growth
from tests.bench.move.candidates import CEILING, IDEVICE, LINK_LOOP, MIGRATE, PYMOBILE, SHA256SUM
from tests.bench.move.children import Figures
from tests.bench.move.scenarios import SCENARIOS
from tests.bench.move.targets import check


def test_a_program_is_measured_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; x = bytearray(60 << 20); subprocess.run([sys.executable, '-c', 'sum(range(10**6))'])"
    )
    figures, _ = children.run([sys.executable, "-c", code])
    assert figures.cpu_s > 0.02 and figures.wall_s > 0.02
    if Path("/proc/self/status").exists():
        assert figures.peak_bytes > 60 << 20
    with pytest.raises(children.ProgramFailed, match="no such thing"):
        children.run([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_every_scenario_is_what_its_name_says() -> None:
    assert [(one.files, one.bytes) for one in SCENARIOS.values()] == [
        (50_000, 50_000 << 13),
        (128, 8 << 30),
        (60_000, 8 << 30),
        (200_000, 200_000 << 11),
    ]


def test_a_missed_ratio_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    fast, slow = Figures(1.0, 1.0, 1 << 20), Figures(9.0, 9.0, 200 << 20)
    backups = {
        MIGRATE: fast,
        IDEVICE: Figures(2.0, 1.0, 0),
        PYMOBILE: Figures(5.0, 1.0, 0),
        CEILING: Figures(0.5, 0, 0),
    }
    assert check({("a", False, "tmpfs"): {"backup": backups}}) == 0
    assert "MISSED" not in capsys.readouterr().out
    assert check({("a", False, "tmpfs"): {"backup": backups | {MIGRATE: slow}}}) == 1
    assert capsys.readouterr().out.count("MISSED") == 4, "both walls, the CPU and the memory"
    compose = {"verify": {MIGRATE: fast, SHA256SUM: fast}, "compose": {MIGRATE: slow, LINK_LOOP: fast}}
    assert check({("a", True, "disk"): compose}) == 1


def test_a_plot_shows_each_step(tmp_path: Path) -> None:
    grown = {part: {n: Figures(1.0, n / 1e5, 90 << 20) for n in (1_000, 10_000)} for part in ("verify", "a < b")}
    drawn = growth.plot_of(grown)
    names = [element.text for element in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert names.count("a < b") == 2 and "10,000" in names
    assert growth.report(grown) == 0
    assert growth.report({"verify": {1_000: Figures(1, 0.01, 0), 10_000: Figures(1, 0.2, 0)}}) == 1


@pytest.mark.soak  # it starts ten processes of Python
def test_the_bench_measures_every_step(tmp_path: Path) -> None:
    steps = [
        word for step in ("backup", "incremental", "verify", "compose", "restore", "move") for word in ("--step", step)
    ]
    command = [
        sys.executable,
        "-m",
        "tests.bench.move",
        "a",
        "c",
        "--scale",
        "0.001",
        "--rounds",
        "1",
        "--plain",
        *steps,
    ]
    _, output = children.run([*command, "--disk", "disk", "--folder", tmp_path, "--only", CEILING, "--only", MIGRATE])
    for part in ("backup", "incremental", "verify", "compose", "last look", "restore", "move: the proof's comparison"):
        assert output.count(f"| {part} | {MIGRATE} |") == 2, output
    assert not list(tmp_path.iterdir())
