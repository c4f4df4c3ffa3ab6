"""The TOML file that describes a simulated iPhone (docs/simulator.md lists every key)."""

from __future__ import annotations

import copy
import difflib
import tomllib
import zlib
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from migrate.problems import PhoneFileInvalid
from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.agent.spool import Keeps
from migrate.simulator.agent.staged_restore import empty_restore
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device import identity
from migrate.simulator.device.assumptions import Assumptions
from migrate.simulator.device.conditions import Conditions
from migrate.simulator.device.phone import Screen, SimulatedPhone, Trust
from migrate.simulator.device.simulated_user import SimulatedUser, absent_user
from migrate.simulator.device.state import Setup
from migrate.simulator.faults.faults import Faults

FILE_LIMIT_BYTES = 1 << 20
PASSCODE = "000000"
"""The default passcode. Nearly every real phone has one; without it a phone gives no EscrowBag, and neither
idevicebackup2 nor pymobiledevice3 11.45 can back it up (seen, both)."""


LOCKED: tuple[Screen, ...] = ("locked", "before-first-unlock")


class PhoneFile(BaseModel):
    """The keys of a phone file. Every key has a default: an empty file is a valid phone with a little data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("iPhone", min_length=1, max_length=128, description="the phone's name")
    udid: str | None = Field(
        None,
        pattern=r"^([0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})$",
        description="the UDID; by default derived from the seed, or random without one",
    )
    seed: int | None = Field(None, description="determines UDID, serial number and contents")
    ios_version: str = Field("17.5.1", pattern=r"^\d{1,3}(\.\d{1,3}){1,2}$", description='"17.5.1"')
    model: str = Field("iPhone13,2", pattern=r"^[A-Za-z]+\d+,\d+$", description='"iPhone13,2" is an iPhone 12')
    backup_password: str | None = Field(None, repr=False, description="with a password, backups are encrypted")
    keybag_rounds: PositiveInt = Field(10_000_000, description="key derivation rounds of the backup keybag")
    trust: Trust = Field("trusted", description='whether it trusts this computer; true is "trusted", false "ask"')
    passcode: str = Field(
        PASSCODE, pattern=r"^[0-9]*$", max_length=16, repr=False, description='the passcode; "" for a phone without one'
    )
    find_my: bool = Field(False, description="Find My is on: a restore is refused with 211")
    screen: Screen = Field("unlocked", description='"unlocked", "locked", or "before-first-unlock" after a restart')
    setup: Setup = Field("finished", description="the state of Setup Assistant")
    restore_pending: bool = Field(False, description="a restore waits for the restart; another one is refused with 102")
    capacity_bytes: PositiveInt = Field(64_000_000_000, description="capacity for user data")
    battery_percent: int = Field(87, ge=0, le=100)
    language: str = "en"
    locale: str = "en_US"
    time_zone: str = "Europe/Berlin"
    on_wifi: bool = Field(False, description="usbmuxd also lists the phone as a Network device")
    activated: bool = Field(True, description="false: the backup service does not start")
    pairing_allowed: bool = Field(True, description="false: supervised, and its organization forbids pairing")
    supervisor: str = Field("", repr=False, description="a certificate (PEM): its computer pairs without a dialog")
    requires_encryption: bool = Field(False, description="the organization's policy requires encrypted backups")
    supervised: bool = Field(False, description="an organization supervises it")
    icloud_account: str = Field("", max_length=254, repr=False, description='the Apple Account; "" for none')
    icloud_backup: bool | None = Field(None, description="iCloud Backup is on; by default if there ever was one")
    cloud_backup_unix_s: NonNegativeInt | None = Field(None, description="the time of the last iCloud backup")
    keeps: Keeps = Field("contents", description='"digests": keeps only size and SHA-256 of restored files')
    contents: ContentsSpec = Field(default_factory=ContentsSpec)
    faults: Faults = Field(default_factory=Faults)
    conditions: Conditions = Field(default_factory=Conditions)
    assume: Assumptions = Field(default_factory=Assumptions)
    aftermath: Aftermath = Field(default_factory=Aftermath)
    hand: SimulatedUser = Field(
        default_factory=SimulatedUser,
        description='the simulated user; "none" never reacts, "default" does everything the phone asks for',
    )

    @model_validator(mode="before")
    @classmethod
    def _parse_user_shorthand(cls, data: object) -> object:
        """Expands `hand` to a table. By default a phone that starts locked stays locked."""
        if not isinstance(data, dict):
            return data
        hand = data.get("hand", "default")
        if hand == "none":
            return {**data, "hand": absent_user()}
        defaults = {"unlocks": False} if data.get("trust") == "locked" or data.get("screen") in LOCKED else {}
        if hand == "default":
            return {**data, "hand": defaults}
        return {**data, "hand": {**defaults, **hand} if isinstance(hand, dict) else hand}

    @field_validator("trust", mode="before")
    @classmethod
    def _parse_trust_shorthand(cls, value: object) -> object:
        return {True: "trusted", False: "ask"}[value] if isinstance(value, bool) else value

    def to_phone(self) -> SimulatedPhone:
        """Makes a phone with its contents. With a seed, every call makes a phone with the same contents."""
        udid = self.udid or (identity.udid_from_seed(self.seed) if self.seed is not None else "")
        values = {name: getattr(self, name) for name in SimulatedPhone.__dataclass_fields__ if name in _PLAIN_KEYS}
        tables = {name: copy.deepcopy(getattr(self, name)) for name in ("faults", "conditions", "assume", "aftermath")}
        user = copy.deepcopy(self.hand)
        phone = SimulatedPhone(**{**values, "udid": udid, **tables, "simulated_user": user})
        if self.restore_pending:
            phone.pending_restore = empty_restore()
        fill(phone, self.contents, self.seed if self.seed is not None else zlib.crc32(phone.udid.encode()))
        return phone


_TABLES: dict[str, Iterable[str]] = {
    "contents": ContentsSpec.model_fields,
    "faults": [field.name for field in fields(Faults)],
    "conditions": [field.name for field in fields(Conditions)],
    "assume": [field.name for field in fields(Assumptions)],
    "aftermath": [field.name for field in fields(Aftermath)],
    "hand": [field.name for field in fields(SimulatedUser)],
}
_PLAIN_KEYS = set(PhoneFile.model_fields) - {"udid", "seed", "restore_pending", *_TABLES}


def read_phone_file(path: Path) -> PhoneFile:
    """Reads a phone file.

    Raises:
        PhoneFileInvalid: the file cannot be read, is not TOML, or has an unknown key or an invalid value.
    """
    try:
        with path.open("rb") as file:
            text = file.read(FILE_LIMIT_BYTES + 1)
        if len(text) > FILE_LIMIT_BYTES:
            raise PhoneFileInvalid(path, f"The file is longer than {FILE_LIMIT_BYTES} bytes")
        return PhoneFile.model_validate(tomllib.loads(text.decode()))
    except OSError as error:
        raise PhoneFileInvalid(path, error.strerror or str(error)) from error
    except ValidationError as error:
        raise PhoneFileInvalid(path, "; ".join(_sentence(fact) for fact in error.errors())) from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise PhoneFileInvalid(path, f"The file is not valid TOML: {error}") from error


def read_phones(paths: Iterable[Path]) -> list[SimulatedPhone]:
    """Makes the phones of several files. Raises PhoneFileInvalid, also if two files have the same UDID."""
    phones: list[SimulatedPhone] = []
    for path in paths:
        phone = read_phone_file(path).to_phone()
        if any(phone.udid == other.udid for other in phones):
            raise PhoneFileInvalid(path, f"Another phone file already uses the UDID {phone.udid}")
        phones.append(phone)
    return phones


def _sentence(fact: Any) -> str:
    """One pydantic error as a sentence, without the value, which may be a password."""
    where = ".".join(str(part) for part in fact["loc"])
    if fact["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: {fact['msg']}"
    known = {1: PhoneFile.model_fields, 2: _TABLES.get(str(fact["loc"][0]), {})}.get(len(fact["loc"]), {})
    near = difflib.get_close_matches(str(fact["loc"][-1]), known, n=1)
    return f"{where} is not a known key" + (f" (did you mean {near[0]}?)" if near else "")
