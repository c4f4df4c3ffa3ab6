"""What a person sees of work that goes on, on a terminal and on a pipe, on a clock that the test drives."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest

from migrate.journey import events
from migrate.journey.estimate import Duration, Space, estimate_backup
from migrate.journey.pace import Paced
from migrate.phone.mobilebackup2.expected import ExpectedBackup
from migrate.talk import console
from migrate.talk.progress import BarListener, LineListener, clear_bars, make_listener
from migrate.talk.progress_texts import (
    PHASES,
    bar_text,
    estimate_sentence,
    format_duration,
    format_range,
    phase_sentence,
    space_lines,
)

MB = 1_000_000
GB = 1000 * MB


class Stage:
    """A listener behind `Paced`, whose clock the test drives, and what it wrote with the time of each line."""

    def __init__(self, kind: type[LineListener] = LineListener, step: str = "backup") -> None:
        self.now, self.step = 0.0, step
        self.out = io.StringIO()
        self.lines: list[tuple[float, str]] = []
        self.listener = kind(self.out, lambda: self.now)
        self.paced = Paced(self.listener, clock=lambda: self.now, tick_s=None)
        self.tell(events.StepStarted(step))

    def tell(self, event: events.Event) -> None:
        self.paced(event)
        self.note()

    def note(self) -> None:
        self.lines += [(self.now, line) for line in self.out.getvalue().splitlines()]
        if not isinstance(self.listener, BarListener):
            self.out.seek(0)
            self.out.truncate()

    def pass_seconds(self, seconds: int, *, moved: int = 0, total: int = 10 * GB, done: int = 0) -> None:
        """Let time pass, with `moved` bytes a second."""
        for second in range(1, seconds + 1):
            self.now += 1.0
            if moved:
                self.tell(events.BytesMoved(self.step, done + second * moved, total))
            self.paced.tick()
            self.note()

    def phase(self, phase: str) -> None:
        self.tell(events.PhaseBegan(self.step, phase))  # type: ignore[arg-type]

    @property
    def drawn(self) -> str:
        """What is on the last line of the terminal."""
        return self.out.getvalue().replace("\n", "\r").rpartition("\r")[2]


# -- lines -------------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_a_line_at_least_every_ten_seconds() -> None:
    stage = Stage()
    stage.tell(events.BytesMoved("backup", 0, 10 * GB))
    stage.phase("getting-ready")
    stage.pass_seconds(95)
    stage.phase("copying")
    stage.pass_seconds(120, moved=40 * MB)
    stage.phase("moving-files")
    stage.pass_seconds(60)
    times = [at for at, _ in stage.lines]
    gaps = [later - at for at, later in zip(times, [*times[1:], stage.now], strict=True)]
    assert max(gaps) <= 10.0, stage.lines
    assert len(times) < 40, "and not many more"


def test_the_silence_of_the_phone_has_a_name_and_its_length() -> None:
    stage = Stage()
    stage.tell(events.BytesMoved("backup", 0, 10 * GB))
    stage.phase("getting-ready")
    stage.pass_seconds(75)
    said = [line for _, line in stage.lines]
    assert said[1] == "  Your iPhone is getting ready: this can take several minutes (2 s so far)"
    assert "(1 min" in said[-1]


def test_a_question_for_the_passcode_does_not_hide_what_the_phone_is_at() -> None:
    stage = Stage()
    stage.phase("getting-ready")
    stage.tell(events.BytesMoved("backup", 0, 10 * GB))
    stage.tell(events.PersonNeeded("Anna's iPhone", "enter-passcode"))
    stage.pass_seconds(4)
    assert any("getting ready" in line for _, line in stage.lines)


def test_a_short_silence_between_phases_counts_as_one() -> None:
    """A phone puts files in order and checks them: neither took two seconds, and the bar stood still for three."""
    stage = Stage()
    stage.phase("copying")
    stage.pass_seconds(8, moved=40 * MB)
    stage.phase("moving-files")
    stage.pass_seconds(1)
    stage.phase("finishing")
    stage.pass_seconds(2)
    assert "checks the backup" in stage.lines[-1][1]


def test_a_line_says_how_far_it_is() -> None:
    stage = Stage()
    stage.phase("copying")
    stage.tell(events.FilesMoved("backup", 1234))
    stage.pass_seconds(30, moved=40 * MB)
    assert stage.lines[-1][1] == "  10 %: 1.1 GB of about 10.0 GB, 40.0 MB/s, 4 min left, 1,234 files"


def test_a_quick_step_is_not_commented_on() -> None:
    stage = Stage(step="verify")
    for phase in PHASES:
        stage.phase(phase)
    stage.pass_seconds(1, moved=40 * MB)
    stage.tell(events.StepFinished("verify"))
    assert [line for _, line in stage.lines] == ["Checking the backup …", "  The backup is complete."]


@pytest.mark.parametrize("kind", [LineListener, BarListener])
def test_nothing_is_said_below_a_question(kind: type[LineListener]) -> None:
    stage = Stage(kind, step="agree")
    stage.pass_seconds(20)
    before = stage.out.getvalue(), len(stage.lines)
    clear_bars()
    cleared = stage.out.getvalue()
    stage.pass_seconds(60)
    assert stage.out.getvalue() == cleared and (before[1] == len(stage.lines) or kind is BarListener)
    stage.tell(events.StepFinished("agree"))
    assert "Confirmed" in stage.out.getvalue() + str(stage.lines), "and what is new is said again"


# -- the bar -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_bar_fits_and_has_what_there_is_room_for(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stage = Stage(BarListener)
    stage.phase("copying")
    stage.tell(events.FilesMoved("backup", 1234))
    stage.pass_seconds(30, moved=40 * MB)
    assert len(stage.drawn) < columns and stage.drawn.startswith("   12 % |"), stage.drawn
    assert "1.2 GB of ~10.0 GB" in stage.drawn and "4 min left" in stage.drawn
    assert ("MB/s" in stage.drawn, "1,234 files" in stage.drawn) == (columns >= 80, columns >= 80)
    assert len(stage.drawn.partition("|")[2].rpartition("|")[0]) >= 8, "there is still a bar"
    stage.tell(events.StepFinished("backup"))


@pytest.mark.parametrize("columns", [60, 80])
def test_the_length_of_a_silence_is_always_seen(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for phase in PHASES:
        stage = Stage(BarListener)
        stage.tell(events.BytesMoved("backup", 0, 10 * GB))
        stage.phase(phase)
        stage.pass_seconds(80)
        assert len(stage.drawn) < columns and "1 min" in stage.drawn, stage.drawn
        stage.tell(events.StepFinished("backup"))


def test_the_bar_never_says_a_hundred_percent() -> None:
    stage = Stage(BarListener)
    stage.phase("copying")
    stage.tell(events.BytesMoved("backup", 9_999_999, 10_000_000))
    stage.pass_seconds(3)
    stage.tell(events.BytesMoved("backup", 10_000_000, 10_000_000))
    stage.pass_seconds(3)
    assert " 99 % |" in stage.drawn and "100 %" not in stage.out.getvalue()
    stage.tell(events.StepFinished("backup"))


def test_a_countdown_keeps_its_line() -> None:
    stage = Stage(BarListener)
    stage.pass_seconds(5, moved=40 * MB)
    for left in (9, 8):
        stage.tell(events.TryingAgain("Anna's iPhone", left, "The connection was lost."))
        stage.pass_seconds(1)
    assert stage.drawn.strip() == "Trying again in 8 seconds."
    stage.tell(events.TryingAgain("Anna's iPhone", 0))
    stage.pass_seconds(1)
    assert "200.0 MB" in stage.drawn, "and the bar is back afterwards"
    stage.tell(events.StepFinished("backup"))


def test_the_bar_is_gone_when_something_is_said() -> None:
    stage = Stage(BarListener)
    stage.pass_seconds(5, moved=40 * MB)
    stage.tell(events.StepFinished("backup"))
    last, said = stage.out.getvalue().rsplit("\r", 1)
    assert said == "  The phone is backed up.\n" and not last.rsplit("\r", 1)[1].strip()


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_ranges() -> None:
    assert format_range(Duration(95, 4200)) == "2 min to 1 h 10 min"
    assert format_range(Duration(3599, 3601)) == "1 h 00 min"


def test_an_estimate_names_the_link_and_what_is_guessed() -> None:
    first = estimate_sentence(estimate_backup(ExpectedBackup("first", 60 * GB), "usb2"))
    assert "At most 60.0 GB over USB 2: 29 min to 1 h 45 min" in first and "usually less" in first
    assert "perhaps" in estimate_sentence(estimate_backup(ExpectedBackup("changes", 3 * GB), "wifi"))
    assert "interrupted" in estimate_sentence(estimate_backup(ExpectedBackup("rest", 3 * GB), "usb3"))
    assert estimate_sentence(estimate_backup(ExpectedBackup("first", None), "usb2")) == ""
    assert estimate_sentence(estimate_backup(ExpectedBackup("first", 5 * MB), "usb2")) == "", "soon over"


def test_space_is_shown_where_it_is_known() -> None:
    spaces = [("Anna\x1b[31m", Space(128 * GB, 35 * GB)), ("Ben", Space(None, None)), ("Here", Space(None, GB))]
    assert space_lines(spaces) == ["Anna\ufffd[31m: 35.0 GB free of 128.0 GB", "Here: 1.0 GB free"]


def test_the_smallest_bar_text_is_the_sizes() -> None:
    moved = events.BytesMoved("backup", 5 * MB, GB, 3 * MB, 300)
    assert bar_text(moved, files=7, is_guess=True, columns=5) == "5.0 MB of ~1.0 GB"
    assert phase_sentence(None, 3.0) == "Still working (3 s so far)"


# -- colour ------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def colourful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "MIGRATE_PLAIN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("colourful")
def test_warnings_and_errors_have_a_colour_on_a_terminal() -> None:
    shown = console.with_painted_mark("  !! gone\n     why", Terminal())
    assert shown == "  \x1b[1;31m!!\x1b[0m gone\n     why"
    assert console.with_painted_mark("  ! careful", Terminal()) == "  \x1b[33m!\x1b[0m careful"
    assert console.with_painted_mark("  - fine", Terminal()) == "  - fine"
    assert console.painted("one\n\ntwo", "good", Terminal()) == "\x1b[1;32mone\x1b[0m\n\n\x1b[1;32mtwo\x1b[0m"


@pytest.mark.usefixtures("colourful")
@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}, {"MIGRATE_PLAIN": "1"}])
def test_no_colour_where_it_is_not_wanted(setting: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    for style in console.STYLES:
        assert console.painted("text", style, Terminal()) == "text"
    assert console.painted("text", "error", io.StringIO()) == "text", "nor in a file"


@pytest.mark.usefixtures("colourful")
def test_a_dumb_terminal_and_plain_text_get_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def kind() -> type:
        paced = make_listener(as_json=False, err=Terminal())
        assert isinstance(paced, Paced)
        return type(paced.listener)

    assert kind() is BarListener
    monkeypatch.setenv("TERM", "dumb")
    assert kind() is LineListener
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("MIGRATE_PLAIN", "1")
    assert kind() is LineListener


@pytest.mark.usefixtures("colourful")
def test_only_the_terminals_own_colours_are_used() -> None:
    for code in console.STYLES.values():
        assert re.fullmatch(r"\x1b\[(1|(1;)?3[0-7])m", code)


# -- a whole backup, in its own process --------------------------------------------------------------------------------

pytest_posix = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")


@pytest_posix
def test_a_backup_as_a_script_sees_it(tmp_path: Path) -> None:
    """A phone that is silent for three seconds, behind a cable that carries 10 MB a second."""
    import json

    from tests.bench.progress import COMMAND, broken_promises, environment, seen_on_pipe, served_phone

    with served_phone(tmp_path, size_bytes=30 * MB, silence_s=3.0, rate=10 * MB, files=100) as address:
        out, err = seen_on_pipe([*COMMAND, "--json"], environment(tmp_path / "home", address))
    rows = [(at, json.loads(line)) for at, line in out]
    names = [row["event"] for _, row in rows]
    assert (names[:2], names[-2:], err) == (["run_started", "step_started"], ["step_finished", "run_finished"], [])
    last = rows[-1][1]
    assert (last["outcome"], last["exit_code"], last["error"]) == ("done", 0, None) and last["files"] > 100
    moved = [(at, row) for at, row in rows if row["event"] == "bytes_moved"]
    assert broken_promises(moved, longest_gap_s=4.0) == [], "two seconds, and as much for a busy machine"
    assert all(set(row) == {"event", "at", "step", "done", "total", "rate", "seconds_left"} for _, row in moved)
    assert any(row["done"] == 0 and row["seconds_left"] for _, row in moved), "an estimate before the first byte"


@pytest_posix
@pytest.mark.soak
def test_two_gigabytes_as_a_person_sees_them(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.bench import progress

    assert progress.main(["--gigabytes", "2"]) == 0, capsys.readouterr().out
