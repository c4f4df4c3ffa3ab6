"""Choose how the new phone gets its data, from what the person says it is and from its iOS version.

versions.toml lists what is known about each version, every row with its source.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Literal

from migrate.language import _
from migrate.problems import BackupNewerThanPhone, StrategyRefused

Version = tuple[int, ...]
PartialRestoreSupport = Literal["keeps", "erases", "unknown"]


class Strategy(StrEnum):
    """How the restore set is composed.

    `replace`: the new phone becomes like the old one. `rebuild`: a phone in use gets its own complete backup back,
    with the chosen records in it. Only if a plan names them: `overlay`, whose set holds only the chosen records, and
    `graft`, whose set holds them inside complete copies of the phone's own domains that would be wiped otherwise.
    """

    REPLACE = "replace"
    REBUILD = "rebuild"
    OVERLAY = "overlay"
    GRAFT = "graft"

    @property
    def is_in_use(self) -> bool:
        """Whether it leaves what was not chosen as it is."""
        return self is not Strategy.REPLACE


OWN_BACKUP_STRATEGIES = frozenset({Strategy.REBUILD, Strategy.GRAFT})
"""Their sets are made from the new phone's own backup, which must be current and complete."""
FULL_RESTORES = frozenset({Strategy.REPLACE, Strategy.REBUILD})
"""They restore all domains, remove what the set lacks, and have the apps installed from the App Store (contract 5)."""


def choose_strategy(
    new_phone_is: Literal["erased", "in-use"],
    ios_version: str | None,
    *,
    experimental: Collection[str] = (),
    phone: str | None = None,
) -> Strategy:
    """The strategy for a new phone with `ios_version` (None: unknown).

    Raises:
        StrategyRefused: `experimental` asks for an overlay alone, which is not known to keep the rest of this phone.
    """
    if new_phone_is == "erased":
        return Strategy.REPLACE
    if not experimental:
        return Strategy.REBUILD
    known = partial_restore_support(ios_version)
    if Strategy.OVERLAY in experimental and known == "keeps":
        return Strategy.OVERLAY
    if Strategy.GRAFT in experimental:
        return Strategy.GRAFT
    raise StrategyRefused(phone or _("The new phone"), ios_version or _("unknown"), known)


def refuse_newer_backup(
    backup_ios_version: str | None, ios_version: str | None, *, phone: str, required: str | None = None
) -> None:
    """Refuse a backup that the phone would refuse with 203: it takes backups only from its own or an older iOS.

    `required` is Manifest.plist's RequiredProductVersion: a backup from 26.1.1 may accept 26.1 as new enough. If a
    version is unknown, the decision is left to the phone. Source: MBIsRestoreCompatible of iOS 26.1, decompiled.

    Raises:
        BackupNewerThanPhone: the phone would refuse it.
    """
    backup, phone_version = parse_version(backup_ios_version), parse_version(ios_version)
    if backup is None or phone_version is None:
        return
    needed = parse_version(required)
    if needed is None:
        new_enough = phone_version >= backup
    else:
        new_enough = phone_version[:2] > backup[:2] or (phone_version[:2] == backup[:2] and phone_version >= needed)
    if not new_enough:
        raise BackupNewerThanPhone(phone, str(ios_version), str(backup_ios_version))


def partial_restore_support(ios_version: str | None) -> PartialRestoreSupport:
    """What is known about partial restores to a phone in use with this iOS version."""
    version = parse_version(ios_version)
    if version is None:
        return "unknown"
    for row in _rows():
        if (row["from"] is None or version >= row["from"]) and (row["below"] is None or version < row["below"]):
            known: PartialRestoreSupport = row["known"]
            return known
    return "unknown"


def parse_version(text: str | None) -> Version | None:
    """`"26.5.1"` -> `(26, 5, 1)`, at least three numbers, so that 26.5 equals 26.5.0. None if it is not a version."""
    if text is None or not re.fullmatch(r"\d{1,4}(\.\d{1,4}){0,4}", text):
        return None
    numbers = tuple(int(part) for part in text.split("."))
    return numbers + (0,) * (3 - len(numbers))


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    text = resources.files("migrate.plan").joinpath("versions.toml").read_text(encoding="utf-8")
    return tuple(
        {**row, "from": parse_version(row.get("from")), "below": parse_version(row.get("below"))}
        for row in tomllib.loads(text)["in_use"]
    )
