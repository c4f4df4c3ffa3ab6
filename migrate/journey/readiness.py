"""Whether this computer is ready for a move: its usbmuxd, its disk, its home folder, and the connected phones.

This only reads: no phone is asked for trust, and nothing on a phone is changed.
"""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from migrate.backup.disk_space import free_bytes_at
from migrate.journey.home_location import remarks_about_place
from migrate.language import _
from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.preflight import SPARE_BYTES
from migrate.plan.strategy import partial_restore_support
from migrate.problems import (
    DiskSpace,
    FindMyOn,
    HomeOpenToOthers,
    HomeUnusable,
    MigrateError,
    NoPhoneConnected,
    NotTrustedYet,
    PhoneSeen,
    SetupNotFinished,
    TooLittleSpaceHere,
    Versions,
)
from migrate.problems.finding import Finding

ROOMY_BYTES = 64 << 30
"""What a current phone may need here; its restore set shares the files. Below it there is a warning. *Guessed*."""


def check_home(home: Path) -> list[Finding]:
    """Check the home folder and its disk. Call it before the home folder is opened, which creates it and makes it
    private."""
    findings = [*_permissions(home), *remarks_about_place(home)]
    free = free_bytes_at(home)
    if free is not None and free <= SPARE_BYTES:
        findings.append(TooLittleSpaceHere(str(home), free, SPARE_BYTES).as_finding())
    elif free is not None:
        findings.append(DiskSpace(str(home), free, free >= ROOMY_BYTES).as_finding())
    return findings


def _permissions(home: Path) -> Iterator[Finding]:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield HomeUnusable(str(home), _("permission denied")).as_finding()
    elif os.name == "posix" and home.exists() and stat.S_IMODE(home.stat().st_mode) & 0o077:
        yield HomeOpenToOthers(str(home), f"{stat.S_IMODE(home.stat().st_mode):o}").as_finding()


def versions() -> Finding:
    try:
        library = version("pymobiledevice3")
    except PackageNotFoundError:
        library = _("of no known version")
    return Versions(platform.python_version(), library, platform.platform(terse=True)).as_finding()


async def check_phones(usbmux: UsbmuxConfig) -> list[Finding]:
    """Every connected phone, and what would prevent a move."""
    try:
        phones = await find_phones(usbmux)
    except MigrateError as error:
        return [error.as_finding()]
    if not phones:
        return [NoPhoneConnected().as_finding()]
    return [finding for facts in phones for finding in _phone(facts)]


def _phone(facts: PhoneFacts) -> Iterator[Finding]:
    yield PhoneSeen(
        phone=facts.name_or_model,
        model=facts.model_name or facts.model or "iPhone",
        ios_version=facts.ios_version or _("unknown"),
        connection=facts.connection,
        support=partial_restore_support(facts.ios_version),
    ).as_finding()
    if facts.trusted is False:
        yield NotTrustedYet(facts.name_or_model, bool(facts.locked)).as_finding()
    if facts.find_my:
        yield FindMyOn(facts.name_or_model, "IsAssociated is true").as_finding("warning")
    if facts.setup_finished is False:
        yield SetupNotFinished(facts.name_or_model).as_finding()
