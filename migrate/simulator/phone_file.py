"""A simulated iPhone as a TOML file describes it (docs/simulator.md lists every key)."""

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
"""Of a phone whose file names none: like nearly every real phone it has one. Without it a phone gives no EscrowBag,
and neither idevicebackup2 nor pymobiledevice3 11.45 can back up such a phone (seen, both)."""


LOCKED: tuple[Screen, ...] = ("locked", "before-first-unlock")


class PhoneFile(BaseModel):
    """What the file may say. Every key has a default: an empty file is a phone with a small person's contents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("iPhone", min_length=1, max_length=128, description="the name its owner gave it")
    udid: str | None = Field(
        None,
        pattern=r"^([0-9A-Fa-f]{8}-[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})$",
        description="as a real phone's; without it the seed, or else chance, makes one",
    )
    seed: int | None = Field(None, description="UDID, serial number and contents follow from it")
    ios_version: str = Field("17.5.1", pattern=r"^\d{1,3}(\.\d{1,3}){1,2}$", description='"17.5.1"')
    model: str = Field("iPhone13,2", pattern=r"^[A-Za-z]+\d+,\d+$", description='"iPhone13,2" is an iPhone 12')
    backup_password: str | None = Field(None, repr=False, description="given, its backups are encrypted")
    keybag_rounds: PositiveInt = Field(10_000_000, description="key derivation of the backup keybag, as a real phone's")
    trust: Trust = Field("trusted", description="whether it trusts this computer; true and false are trusted and ask")
    passcode: str = Field(
        PASSCODE, pattern=r"^[0-9]*$", max_length=16, repr=False, description='"" is a phone without a passcode'
    )
    find_my: bool = Field(False, description="Find My is on: a restore is refused with 211")
    screen: Screen = Field("unlocked", description='also "locked" and "before-first-unlock", as after a restart')
    setup: Setup = Field("finished", description="its Setup Assistant")
    restore_pending: bool = Field(False, description="a restore waits for the restart; the next is refused with 102")
    capacity_bytes: PositiveInt = Field(64_000_000_000, description="room for a person's data")
    battery_percent: int = Field(87, ge=0, le=100)
    language: str = "en"
    locale: str = "en_US"
    time_zone: str = "Europe/Berlin"
    on_wifi: bool = Field(False, description="usbmuxd lists it a second time, as a Network device")
    activated: bool = Field(True, description="false: its backup service does not start")
    pairing_allowed: bool = Field(True, description="false: supervised, and its owner forbids pairing")
    supervisor: str = Field("", repr=False, description="a certificate in PEM: its computer pairs without a dialog")
    requires_encryption: bool = Field(False, description="its owner's policy wants encrypted backups")
    cloud_backup_unix_s: NonNegativeInt | None = Field(None, description="when it was last backed up to iCloud")
    keeps: Keeps = Field("contents", description='"digests": of what a restore brings it keeps size and SHA-256 only')
    contents: ContentsSpec = Field(default_factory=ContentsSpec)
    faults: Faults = Field(default_factory=Faults)
    conditions: Conditions = Field(default_factory=Conditions)
    assume: Assumptions = Field(default_factory=Assumptions)
    hand: SimulatedUser = Field(
        default_factory=SimulatedUser, description='who holds it; "none": nobody, "default": who does all asked'
    )

    @model_validator(mode="before")
    @classmethod
    def _parse_user_shorthand(cls, data: object) -> object:
        """`hand` as a table. A phone that was locked away stays locked unless its hand is said to unlock it."""
        if not isinstance(data, dict):
            return data
        hand = data.get("hand", "default")
        if hand == "none":
            return {**data, "hand": absent_user()}
        own = {"unlocks": False} if data.get("trust") == "locked" or data.get("screen") in LOCKED else {}
        if hand == "default":
            return {**data, "hand": own}
        return {**data, "hand": {**own, **hand} if isinstance(hand, dict) else hand}

    @field_validator("trust", mode="before")
    @classmethod
    def _parse_trust_shorthand(cls, value: object) -> object:
        return {True: "trusted", False: "ask"}[value] if isinstance(value, bool) else value

    def to_phone(self) -> SimulatedPhone:
        """The phone, with its contents. Two calls make two phones of one kind; with a seed, of one content too."""
        udid = self.udid or (identity.udid_from_seed(self.seed) if self.seed is not None else "")
        values = {name: getattr(self, name) for name in SimulatedPhone.__dataclass_fields__ if name in _PLAIN_KEYS}
        tables = {name: copy.deepcopy(getattr(self, name)) for name in ("faults", "conditions", "assume")}
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
    "hand": [field.name for field in fields(SimulatedUser)],
}
_PLAIN_KEYS = set(PhoneFile.model_fields) - {"udid", "seed", "restore_pending", *_TABLES}


def read_phone_file(path: Path) -> PhoneFile:
    """The file's meaning. Raises PhoneFileInvalid: unreadable, no TOML, an unknown key, a value that cannot be."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_LIMIT_BYTES + 1)
        if len(text) > FILE_LIMIT_BYTES:
            raise PhoneFileInvalid(path, f"It is longer than {FILE_LIMIT_BYTES} bytes")
        return PhoneFile.model_validate(tomllib.loads(text.decode()))
    except OSError as error:
        raise PhoneFileInvalid(path, error.strerror or str(error)) from error
    except ValidationError as error:
        raise PhoneFileInvalid(path, "; ".join(_sentence(fact) for fact in error.errors())) from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise PhoneFileInvalid(path, f"It is not TOML: {error}") from error


def read_phones(paths: Iterable[Path]) -> list[SimulatedPhone]:
    """The phones of several files. Raises PhoneFileInvalid, also where two files make the same phone."""
    phones: list[SimulatedPhone] = []
    for path in paths:
        phone = read_phone_file(path).to_phone()
        if any(phone.udid == other.udid for other in phones):
            raise PhoneFileInvalid(path, f"Another phone has the UDID {phone.udid} already")
        phones.append(phone)
    return phones


def _sentence(fact: Any) -> str:
    """One of pydantic's complaints, without the value it is about: that may be a password."""
    where = ".".join(str(part) for part in fact["loc"])
    if fact["type"] not in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{where}: {fact['msg']}"
    known = {1: PhoneFile.model_fields, 2: _TABLES.get(str(fact["loc"][0]), {})}.get(len(fact["loc"]), {})
    near = difflib.get_close_matches(str(fact["loc"][-1]), known, n=1)
    return f"{where} is unknown" + (f"; did you mean {near[0]}" if near else "")
