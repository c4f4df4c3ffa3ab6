"""The author of one kind of contents: writes files to a phone's disk, with its own random stream."""

from __future__ import annotations

import plistlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from migrate.simulator.contents.formats.sqlite_file import Database, empty_shm, empty_wal_database, write_ahead_log
from migrate.simulator.contents.people import Person, sentence, title
from migrate.simulator.contents.spec import ContentsSpec
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import MOBILE, Bytes, Content, Filesystem, Node
from migrate.simulator.device.keychain import Keychain
from migrate.units import APPLE_EPOCH_UNIX_SECONDS

REFERENCE_TIME = 1_788_264_000
"""2026-09-01T12:00:00Z: the latest date in all contents, so that their bytes do not depend on the current date."""
TWO_YEARS_S = 2 * 365 * 86_400

HOME = "HomeDomain"
CAMERA_ROLL = "CameraRollDomain"
MEDIA = "MediaDomain"
SAFARI_APP = "AppDomain-com.apple.mobilesafari"

AVAILABLE, UNTIL_FIRST_UNLOCK, UNLESS_OPEN, WHILE_UNLOCKED = 4, 3, 2, 1
"""Protection classes D, C, B, A. Most of HomeDomain is class 4, app containers class 3 (*seen*: iOS 14.3)."""

OWNERS = {
    "RootDomain": (0, 0),
    "DatabaseDomain": (0, 0),
    "SystemPreferencesDomain": (0, 0),
    "WirelessDomain": (25, 25),
    "InstallDomain": (33, 0),
    "KeychainDomain": (64, 0),
}
"""User and group id of domains whose files do not belong to `mobile` (*seen*: iOS 14.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Writes contents: files and keychain items. With the same seed, spec, version and locale they are the same."""

    files: Filesystem
    keychain: Keychain
    spec: ContentsSpec
    ios: tuple[int, ...]
    random: random.Random
    people: Sequence[Person]
    apps: dict[str, App]
    locale: str
    time_zone: str
    model: str

    def file(
        self,
        domain: str,
        path: str,
        content: bytes | Content,
        *,
        protection_class: int | None = None,
        mode: int = 0o100644,
        modified: int = REFERENCE_TIME,
        attributes: Mapping[str, bytes] | None = None,
    ) -> Node:
        """Writes a file, by default with the owner and protection class that are usual in its domain."""
        if protection_class is None:
            protection_class = UNTIL_FIRST_UNLOCK if domain.startswith("AppDomain") else AVAILABLE
        node = self.files.add_file(
            domain,
            path,
            Bytes(content) if isinstance(content, bytes) else content,
            protection_class=protection_class,
            mode=mode,
            modified=modified,
            extended_attributes=attributes,
        )
        user_id, group_id = OWNERS.get(domain, (MOBILE, MOBILE))
        return node if user_id == MOBILE else self.files.put(replace(node, user_id=user_id, group_id=group_id))

    def directory(self, domain: str, path: str = "") -> None:
        self.files.add_directory(domain, path, modified=REFERENCE_TIME)

    def symlink(self, domain: str, path: str, target: str) -> None:
        self.files.add_symlink(domain, path, target, modified=REFERENCE_TIME)

    def plist(self, domain: str, path: str, value: Any, **how: Any) -> None:
        """Writes a binary property list. `how` are keyword arguments of `file`."""
        self.file(domain, path, plistlib.dumps(value, fmt=plistlib.FMT_BINARY, sort_keys=True), **how)

    def database(self, domain: str, path: str, database: Database, *, protection_class: int | None = None) -> None:
        """Writes a checkpointed database, as most are, and closes it."""
        self.file(domain, path, database.to_bytes(), protection_class=protection_class)
        database.close()

    def database_with_wal(self, domain: str, path: str, database: Database, before: bytes | None = None) -> None:
        """Writes a database in use and closes it: the file is `before` (default: one empty page), the `-wal` has the
        changes since then."""
        before = empty_wal_database() if before is None else before
        after = database.to_bytes()
        database.close()
        salt = (self.random.getrandbits(32), self.random.getrandbits(32))
        self.file(domain, path, before)
        self.file(domain, f"{path}-wal", write_ahead_log(before, after, salt=salt))
        self.file(domain, f"{path}-shm", empty_shm())

    def moment(self, span_s: int = TWO_YEARS_S) -> int:
        """A random time within `span_s` before REFERENCE_TIME, in unix seconds."""
        return REFERENCE_TIME - self.random.randrange(span_s)

    def moments(self, count: int) -> list[int]:
        return sorted(self.moment() for _ in range(count))

    def uuid(self) -> str:
        """A random UUID in upper case, as Apple writes it."""
        digits = bytearray(self.random.randbytes(16))
        digits[6], digits[8] = digits[6] & 0x0F | 0x40, digits[8] & 0x3F | 0x80
        text = digits.hex().upper()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def sentence(self, words: int | None = None) -> str:
        return sentence(self.random, words)

    def title(self) -> str:
        return title(self.random)

    def person(self) -> Person:
        return self.random.choice(self.people)

    def pick(self, *choices: Any) -> Any:
        return self.random.choice(choices)


ContentsWriter = Callable[[Author], None]
"""A function that writes one kind of contents."""


def apple_seconds(unix_seconds: float) -> float:
    """Seconds since 2001, the time format of most databases on a phone."""
    return unix_seconds - APPLE_EPOCH_UNIX_SECONDS


def apple_ns(unix_seconds: int) -> int:
    """Nanoseconds since 2001, the time format of sms.db from iOS 11 on."""
    return (unix_seconds - APPLE_EPOCH_UNIX_SECONDS) * 1_000_000_000


def plist_date(unix_seconds: int) -> datetime:
    """The date as plistlib wants it: a naive datetime in UTC."""
    return datetime.fromtimestamp(unix_seconds, UTC).replace(tzinfo=None)
