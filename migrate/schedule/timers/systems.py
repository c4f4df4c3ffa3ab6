"""The timers of systemd, launchd, the Task Scheduler and cron, each as its own manual wants it.

Hourly, not at the hour of the backup: whether one is due is decided in `tick`, so a computer that was off or asleep
misses nothing.
"""

from __future__ import annotations

import getpass
import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from migrate.problems import NoTimerSystem, TimerNotInstalled, TimerNotRemoved
from migrate.schedule.timers.timer import CommandFailed, Run, Timer, run_command

UNIT = "migrate-auto"
LABEL = "org.iphone-migrate.auto"
TASK = "iphone-migrate automatic backups"
CRON_MARK = "# iphone-migrate automatic backups"


def timer_of(
    command: Sequence[str],
    *,
    platform: str = sys.platform,
    home: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    has_program: Callable[[str], str | None] = shutil.which,
) -> Timer | CronTimer:
    """The timer of this system that runs `command` every hour.

    Raises:
        NoTimerSystem: there is none that we know.
    """
    home = home or Path.home()
    if platform == "darwin":
        return launchd(command, home)
    if platform == "win32":
        return task_scheduler(command, Path(environment.get("LOCALAPPDATA", home)) / "iphone-migrate")
    if has_program("systemctl") and environment.get("XDG_RUNTIME_DIR"):
        return systemd(command, Path(environment.get("XDG_CONFIG_HOME") or home / ".config"))
    if has_program("crontab"):
        return CronTimer(tuple(command))
    raise NoTimerSystem(platform)


def systemd(command: Sequence[str], config: Path) -> Timer:
    """A user's timer (systemd.timer(5)). `Persistent=true`: an hour that was missed is made up for when the computer is
    on again."""
    folder = config / "systemd" / "user"
    service = f"""\
[Unit]
Description=Automatic backups of iPhones

[Service]
Type=oneshot
ExecStart={" ".join(map(_systemd_word, command))}
Nice=10
IOSchedulingClass=idle
"""
    timer = f"""\
[Unit]
Description=Looks every hour whether an iPhone is due for a backup

[Timer]
OnCalendar=hourly
RandomizedDelaySec=300
Persistent=true
Unit={UNIT}.service

[Install]
WantedBy=timers.target
"""
    control = ("systemctl", "--user")
    files = ((folder / f"{UNIT}.service", service), (folder / f"{UNIT}.timer", timer))
    return Timer(
        name="systemd",
        files=files,
        check=(("systemd-analyze", "--user", "verify", *(str(path) for path, _text in files)),),
        turn_on=((*control, "daemon-reload"), (*control, "enable", "--now", f"{UNIT}.timer")),
        turn_off=(
            (*control, "disable", "--now", f"{UNIT}.timer"),
            (*control, "daemon-reload"),
        ),
        is_on=(*control, "is-enabled", f"{UNIT}.timer"),
    )


def _systemd_word(word: str) -> str:
    """A word of ExecStart= (systemd.service(5), systemd.syntax(7)): quoted, `%` and `$` doubled."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def launchd(command: Sequence[str], home: Path) -> Timer:
    """A LaunchAgent (launchd.plist(5)): each full hour; one that passed while the Mac slept runs when it wakes."""
    path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    agent = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "StartCalendarInterval": {"Minute": 0},
        "ProcessType": "Background",
        "LowPriorityIO": True,
    }
    domain = f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}"
    return Timer(
        name="launchd",
        files=((path, plistlib.dumps(agent).decode()),),
        turn_on=(("launchctl", "bootstrap", domain, str(path)),),
        turn_off=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        is_on=("launchctl", "print", f"{domain}/{LABEL}"),
    )


def task_scheduler(command: Sequence[str], folder: Path) -> Timer:
    """A task (Microsoft's Task Scheduler schema 1.2): every hour while its user is logged on, without a stored
    password; `StartWhenAvailable` makes up for what was missed."""
    path = folder / "auto-task.xml"
    program, *arguments = command
    xml = f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Looks every hour whether an iPhone is due for a backup</Description></RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <Repetition><Interval>PT1H</Interval><StopAtDurationEnd>false</StopAtDurationEnd></Repetition>
      <StartBoundary>2026-01-01T00:00:00</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author"><LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <Hidden>true</Hidden>
    <ExecutionTimeLimit>PT12H</ExecutionTimeLimit>
    <Priority>7</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{escape(program)}</Command>
      <Arguments>{escape(subprocess.list2cmdline(arguments))}</Arguments>
    </Exec>
  </Actions>
</Task>
"""
    return Timer(
        name="Task Scheduler",
        files=((path, xml),),
        encoding="utf-16",  # as schtasks exports and reads them
        turn_on=(("schtasks", "/create", "/tn", TASK, "/xml", str(path), "/f"),),
        turn_off=(("schtasks", "/delete", "/tn", TASK, "/f"),),
        is_on=("schtasks", "/query", "/tn", TASK),
    )


@dataclass(frozen=True)
class CronTimer:
    """A line in the user's crontab, for systems without systemd. Other lines stay as they are."""

    command: tuple[str, ...]
    name: str = "cron"

    @property
    def line(self) -> str:
        """`%` is a line break for cron (crontab(5))."""
        return f"7 * * * * {shlex.join(self.command)}".replace("%", r"\%") + f" {CRON_MARK}"

    @property
    def files(self) -> tuple[tuple[Path, str], ...]:
        return ((Path(f"crontab of {getpass.getuser()}"), self.line + "\n"),)

    def install(self, run: Run = run_command) -> None:
        """
        Raises:
            TimerNotInstalled
        """
        try:
            run(("crontab", "-"), "".join(f"{line}\n" for line in (*self._others(run), self.line)))
        except CommandFailed as error:
            raise TimerNotInstalled(self.name, str(error).rstrip(".")) from error

    def remove(self, run: Run = run_command) -> None:
        """
        Raises:
            TimerNotRemoved
        """
        if not self.is_installed(run):
            return
        try:
            others = self._others(run)
            if others:
                run(("crontab", "-"), "".join(f"{line}\n" for line in others))
            else:
                run(("crontab", "-r"), None)
        except CommandFailed as error:
            raise TimerNotRemoved(self.name, str(error).rstrip(".")) from error

    def is_installed(self, run: Run = run_command) -> bool:
        try:
            return any(line.endswith(CRON_MARK) for line in run(("crontab", "-l"), None).splitlines())
        except CommandFailed:  # it also says "no crontab" that way
            return False

    def _others(self, run: Run) -> list[str]:
        """The lines of others.

        Raises:
            CommandFailed: they cannot be read, so they must not be replaced.
        """
        try:
            lines = run(("crontab", "-l"), None).splitlines()
        except CommandFailed as error:
            if "no crontab" not in str(error):
                raise
            lines = []
        return [line for line in lines if not line.endswith(CRON_MARK)]
