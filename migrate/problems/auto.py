"""Problems of automatic backups."""

from __future__ import annotations

from pathlib import Path

from migrate.problems.problem import Command, MigrateError


class AutoSettingsWrong(MigrateError):
    path: Path
    reason: str
    exit_code = 2
    what = "The settings of automatic backups in {path} cannot be used."
    why = "{reason!c}."
    next = "Correct the file, or remove it and turn them on again: migrate auto on"


class AutoNotOn(MigrateError):
    phone: str
    exit_code = 2
    what = "Automatic backups of {phone} are not on."
    why = "There is no schedule for it."
    next = "Turn them on: migrate auto on"


class AutoNotConnected(MigrateError):
    phone: str
    exit_code = 20
    what = "{phone} was not connected."
    why = "It is neither on a cable nor in reach over Wi-Fi, or it is asleep."
    next = "Connect it with a cable. It is tried again every hour in its window."


class AutoNotCharging(MigrateError):
    phone: str
    exit_code = 24
    what = "{phone} was not charging."
    why = "Automatic backups wait for the charger, so that none empties the battery."
    next = "Connect it to a charger, or allow it otherwise: migrate auto on --power any"


class AutoNoRoom(MigrateError):
    phone: str
    needed_bytes: int
    free_bytes: int
    exit_code = 33
    what = "There is not enough room on this computer for a backup of {phone}."
    why = "It may need {needed_bytes}, and {free_bytes} are free."
    look = Command("snapshots", "list")
    next = "Free some space. See what earlier states take: {look}"


class NoTimerSystem(MigrateError):
    system: str
    exit_code = 43
    what = "Automatic backups were not turned on."
    why = "This system ({system}) has no timer that migrate knows: systemd, cron, launchd or the Task Scheduler."
    tick = Command("auto", "tick")
    next = "Run this every hour in another way: {tick}"


class TimerNotInstalled(MigrateError):
    """The system's own timer refused, or its folder cannot be written."""

    timer: str
    reason: str
    exit_code = 43
    what = "Automatic backups were not turned on: {timer} did not accept the timer."
    why = "It answered: {reason}."
    next = "Try again after you have made that possible. Nothing was changed."


class TimerNotRemoved(MigrateError):
    timer: str
    reason: str
    exit_code = 43
    what = "The timer of {timer} could not be removed."
    why = "It answered: {reason}."
    next = "Remove it yourself, or try again: migrate auto off"
