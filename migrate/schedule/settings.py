"""`<home>/auto.toml`: which iPhones are backed up automatically, and when. People may read and change it."""

from __future__ import annotations

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from migrate.backup.private_files import write_atomically
from migrate.backup.snapshots.retention import Duration, Policy, duration
from migrate.problems import AutoSettingsWrong
from migrate.schedule.spans import Window, parse_span, parse_window

NAME = "auto.toml"
_LIMIT_BYTES = 1_000_000
_HEAD = """\
# Automatic backups. `migrate auto on` and `migrate auto off` write this file; you may change it too.
# every: 12h, 1d, 1w. window: the hours in which a backup may begin, 18:00-23:00 or any; the iPhone asks for its
# passcode, so somebody should be near. power: charging or any. overdue: when to complain. keep: which snapshots stay.

"""


class Keep(BaseModel):
    """Which snapshots stay, by restic's rules. All 0 and no `within`: all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    last: Annotated[int, Field(ge=0, description="The last so many.")] = 0
    daily: Annotated[int, Field(ge=0, description="The last of each of the last so many days.")] = 7
    weekly: Annotated[int, Field(ge=0, description="The last of each of the last so many weeks.")] = 4
    monthly: Annotated[int, Field(ge=0, description="The last of each of the last so many months.")] = 12
    yearly: Annotated[int, Field(ge=0, description="The last of each of the last so many years.")] = 0
    within: Annotated[str | None, Field(description="All that are at most so old: 1y5m7d2h.")] = None

    @field_validator("within")
    @classmethod
    def _is_a_duration(cls, text: str | None) -> str | None:
        if text is not None:
            duration(text)
        return text

    @property
    def policy(self) -> Policy:
        span: Duration | None = duration(self.within) if self.within else None
        return Policy(
            last=self.last,
            daily=self.daily,
            weekly=self.weekly,
            monthly=self.monthly,
            yearly=self.yearly,
            within=span,
        )


class PhoneSchedule(BaseModel):
    """When one iPhone is backed up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    udid: Annotated[str, Field(pattern=r"^[0-9A-Fa-f-]{24,64}$", description="The iPhone.")]
    name: Annotated[str, Field(max_length=200, description="What people call it; only for messages.")] = ""
    every: Annotated[str, Field(description="How often: 12h, 1d, 1w.")] = "1d"
    window: Annotated[str, Field(description="The hours in which it may begin: 18:00-23:00, or any.")] = "18:00-23:00"
    power: Annotated[Literal["charging", "any"], Field(description="Whether the iPhone has to be charging.")] = (
        "charging"
    )
    overdue: Annotated[str, Field(description="How old the last good backup may be until it is overdue.")] = "7d"
    keep: Annotated[Keep, Field(description="Which snapshots stay.")] = Keep()
    hook: Annotated[str | None, Field(description="A command that is told what happened.")] = None

    @field_validator("every", "overdue")
    @classmethod
    def _is_a_span(cls, text: str) -> str:
        parse_span(text)
        return text

    @field_validator("window")
    @classmethod
    def _is_a_window(cls, text: str) -> str:
        parse_window(text)
        return text

    @property
    def interval(self) -> timedelta:
        return parse_span(self.every)

    @property
    def hours(self) -> Window:
        return parse_window(self.window)

    @property
    def overdue_after(self) -> timedelta:
        return parse_span(self.overdue)

    @property
    def called(self) -> str:
        return self.name or self.udid


class Settings(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    phone: tuple[PhoneSchedule, ...] = ()

    @field_validator("phone")
    @classmethod
    def _each_once(cls, phones: tuple[PhoneSchedule, ...]) -> tuple[PhoneSchedule, ...]:
        seen: set[str] = set()
        for one in phones:
            if one.udid.casefold() in seen:
                raise ValueError(f"{one.udid} is there twice")
            seen.add(one.udid.casefold())
        return phones

    def of(self, udid: str) -> PhoneSchedule | None:
        return next((one for one in self.phone if one.udid.casefold() == udid.casefold()), None)

    def having(self, schedule: PhoneSchedule) -> Settings:
        """The settings with this iPhone's schedule, in place of its earlier one."""
        return Settings(phone=(*self.without(schedule.udid).phone, schedule))

    def without(self, udid: str) -> Settings:
        return Settings(phone=tuple(one for one in self.phone if one.udid.casefold() != udid.casefold()))


def read_settings(home: Path) -> Settings:
    """The settings; empty ones if there is no file.

    Raises:
        AutoSettingsWrong: it is not TOML, or something in it is wrong.
    """
    path = home / NAME
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise AutoSettingsWrong(path, error.strerror or type(error).__name__) from error
    try:
        if len(content) > _LIMIT_BYTES:
            raise ValueError("it is longer than any settings")
        return Settings.model_validate(tomllib.loads(content.decode()))
    except ValidationError as error:
        raise AutoSettingsWrong(path, _first_of(error)) from error
    except ValueError as error:
        raise AutoSettingsWrong(path, str(error)) from error


def write_settings(home: Path, settings: Settings) -> Path:
    """Write the file anew. Returns its path."""
    import tomlkit

    document: dict[str, Any] = settings.model_dump(exclude_none=True)
    path = home / NAME
    write_atomically(path, (_HEAD + tomlkit.dumps(document)).encode())
    return path


def _first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
