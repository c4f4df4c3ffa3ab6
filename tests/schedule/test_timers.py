"""The system's timers: what is written, checked by the system's own tools where they exist here, and removed again."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import pytest

from migrate.problems import NoTimerSystem, TimerNotInstalled
from migrate.schedule.timers.systems import (
    CRON_MARK,
    TASK,
    CronTimer,
    launchd,
    systemd,
    task_scheduler,
    timer_of,
)
from migrate.schedule.timers.timer import CommandFailed, Timer

COMMAND = ("/opt/my tools/py thon", "-m", "migrate", "auto", "tick", "--home", '/home/ada/50% "of" it\'s $HOME')


class System:
    """Stands for the programs of a system: remembers what was run, and holds a crontab."""

    def __init__(self, *, refuses: str = "", crontab: str | None = None) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.refuses = refuses
        self.crontab = crontab

    def __call__(self, words: Sequence[str], text: str | None) -> str:
        self.ran.append(tuple(words))
        if self.refuses and self.refuses in words:
            raise CommandFailed("Failed to connect to bus")
        if words[:1] == ("crontab",):
            if words[1] == "-l":
                if self.crontab is None:
                    raise CommandFailed("no crontab for ada")
                return self.crontab
            self.crontab = None if words[1] == "-r" else text
        return ""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_itself_accepts_the_units(tmp_path: Path) -> None:
    program = tmp_path / "py thon"
    program.symlink_to(sys.executable)
    timer = systemd((str(program), *COMMAND[1:]), tmp_path)
    timer.install(System())
    checked = subprocess.run([*timer.check[0]], capture_output=True, text=True, check=False)
    own = [line for line in checked.stderr.splitlines() if "migrate-auto" in line]
    assert not own, own
    assert subprocess.run(["systemd-analyze", "calendar", "hourly"], capture_output=True, check=False).returncode == 0


def test_systemd_runs_the_command_as_it_is(tmp_path: Path) -> None:
    service = systemd(COMMAND, tmp_path).files[0][1]
    (line,) = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    assert line == (
        'ExecStart="/opt/my tools/py thon" "-m" "migrate" "auto" "tick" "--home" "/home/ada/50%% \\"of\\" it\'s $$HOME"'
    )


def test_launchd_gets_a_property_list_with_the_words(tmp_path: Path) -> None:
    ((path, text),) = launchd(COMMAND, tmp_path).files
    agent = plistlib.loads(text.encode())
    assert agent["ProgramArguments"] == list(COMMAND) and agent["StartCalendarInterval"] == {"Minute": 0}
    assert path == tmp_path / "Library/LaunchAgents" / f"{agent['Label']}.plist"


def test_the_task_scheduler_gets_its_xml(tmp_path: Path) -> None:
    timer = task_scheduler(COMMAND, tmp_path)
    timer.install(System())
    (path,) = tmp_path.iterdir()
    assert path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff"), "schtasks wants UTF-16"
    root = ET.fromstring(path.read_bytes().decode("utf-16").partition("?>")[2])
    names = {element.tag.partition("}")[2]: element.text for element in root.iter()}
    assert names["Command"] == COMMAND[0] and names["Interval"] == "PT1H" and names["StartWhenAvailable"] == "true"
    assert names["Arguments"] == subprocess.list2cmdline(COMMAND[1:]) and names["LogonType"] == "InteractiveToken"
    assert timer.turn_on[0][:4] == ("schtasks", "/create", "/tn", TASK)


@pytest.mark.parametrize("make", [systemd, launchd, task_scheduler])
def test_what_was_installed_is_removed_without_a_trace(make: object, tmp_path: Path) -> None:
    timer = make(COMMAND, tmp_path)  # type: ignore[operator]
    assert isinstance(timer, Timer)
    system = System()
    timer.install(system)
    assert contents(tmp_path) and timer.is_installed(system)
    timer.remove(system)
    assert contents(tmp_path) == {} and not timer.is_installed(system)
    timer.remove(System())


def test_a_timer_that_the_system_refuses_leaves_what_was_there(tmp_path: Path) -> None:
    timer = systemd(COMMAND, tmp_path)
    with pytest.raises(TimerNotInstalled, match="Failed to connect to bus"):
        timer.install(System(refuses="enable"))
    assert contents(tmp_path) == {}
    systemd(("/usr/bin/old",), tmp_path).install(System())
    before = contents(tmp_path)
    with pytest.raises(TimerNotInstalled):
        timer.install(System(refuses="enable"))
    assert contents(tmp_path) == before


def test_a_unit_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "systemd").write_text("in the way")
    with pytest.raises(TimerNotInstalled):
        systemd(COMMAND, tmp_path).install(System())


def test_cron_keeps_the_lines_of_others() -> None:
    theirs = "0 3 * * * /usr/bin/backup\n# mine\n"
    system = System(crontab=theirs)
    timer = CronTimer(COMMAND)
    timer.install(system)
    timer.install(system)
    assert system.crontab is not None
    lines = system.crontab.splitlines()
    assert lines[:2] == theirs.splitlines() and len(lines) == 3 and lines[2].endswith(CRON_MARK)
    assert r"50\%" in lines[2], "cron reads a % as the end of the line"
    assert timer.is_installed(system)
    timer.remove(system)
    assert system.crontab == theirs and not timer.is_installed(system)


def test_an_empty_crontab_is_gone_afterwards() -> None:
    system = System()
    timer = CronTimer(COMMAND)
    timer.install(system)
    timer.remove(system)
    assert system.crontab is None


def test_a_crontab_that_cannot_be_read_is_not_replaced() -> None:
    system = System(crontab="0 3 * * * /usr/bin/backup\n", refuses="-l")
    with pytest.raises(TimerNotInstalled):
        CronTimer(COMMAND).install(system)
    assert ("crontab", "-") not in system.ran


def test_each_system_gets_its_own(tmp_path: Path) -> None:
    def name(platform: str, programs: str, **environment: str) -> str:
        find = {one: one for one in programs.split()}.get
        return timer_of(COMMAND, platform=platform, home=tmp_path, environment=environment, has_program=find).name

    assert name("darwin", "") == "launchd"
    assert name("win32", "") == "Task Scheduler"
    assert name("linux", "systemctl crontab", XDG_RUNTIME_DIR="/run/user/1000") == "systemd"
    assert name("linux", "systemctl crontab") == "cron", "no session: systemd has no timers of a user"
    with pytest.raises(NoTimerSystem):
        name("linux", "")
