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

from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.plan.preflight import SPARE_BYTES, free_bytes_at
from migrate.plan.strategy import partial_restore_support
from migrate.problems import FindMyOn, HomeUnusable, MigrateError, TooLittleSpaceHere
from migrate.problems.finding import Finding
from migrate.units import format_bytes

ROOMY_BYTES = 64 << 30
"""What a current phone may need here; its restore set shares the files. Below it there is a warning. *Guessed*."""


def check_home(home: Path) -> list[Finding]:
    """Check the home folder and its disk. Call it before the home folder is opened, which creates it and makes it
    private."""
    findings = list(_permissions(home))
    free = free_bytes_at(home)
    if free is not None and free <= SPARE_BYTES:
        findings.append(as_finding(TooLittleSpaceHere(str(home), free, SPARE_BYTES)))
    elif free is not None:
        findings.append(
            Finding(
                code="disk-space",
                severity="info" if free >= ROOMY_BYTES else "warning",
                what=f"{format_bytes(free)} are free where backups are kept ({home}).",
                why="A phone's backup can be as large as what lies on it; the restore set shares its files.",
                next="Use another disk with --home DIR, if a phone holds more than that.",
            )
        )
    return findings


def _permissions(home: Path) -> Iterator[Finding]:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield as_finding(HomeUnusable(str(home), "permission denied"))
    elif os.name == "posix" and home.exists() and stat.S_IMODE(home.stat().st_mode) & 0o077:
        yield Finding(
            code="home-open-to-others",
            severity="warning",
            what=f"Others on this computer could look into {home}.",
            why=f"Its permissions were {stat.S_IMODE(home.stat().st_mode):o}; backups lie in it.",
            next="Run any command of migrate: it closes that folder to others.",
        )


def versions() -> Finding:
    try:
        library = version("pymobiledevice3")
    except PackageNotFoundError:
        library = "of no known version"
    return Finding(
        code="versions",
        severity="info",
        what=f"Python {platform.python_version()}, pymobiledevice3 {library}, {platform.platform(terse=True)}.",
        why="A report of trouble needs them.",
        next="Keep them up to date.",
    )


async def check_phones(usbmux: UsbmuxConfig) -> list[Finding]:
    """Every connected phone, and what would prevent a move."""
    try:
        phones = await find_phones(usbmux)
    except MigrateError as error:
        return [as_finding(error)]
    if not phones:
        return [
            Finding(
                code="no-phone-connected",
                severity="warning",
                what="No phone is connected.",
                why="usbmuxd answers, and lists none.",
                next="Connect a phone with its cable and unlock it.",
            )
        ]
    return [finding for facts in phones for finding in _phone(facts)]


def _phone(facts: PhoneFacts) -> Iterator[Finding]:
    kind = facts.model_name or facts.model or "iPhone"
    known = {"keeps": "can be given chosen categories", "erases": "can only be given everything, erased"}
    use = known.get(partial_restore_support(facts.ios_version), "can be given everything, erased")
    yield Finding(
        code="phone",
        severity="info",
        phone=facts.name_or_model,
        what=f"{facts.name_or_model}: {kind}, iOS {facts.ios_version or 'unknown'}, {facts.connection}.",
        why=f"As a new phone it {use}.",
        next="Choose which one is old and which is new.",
    )
    if facts.trusted is False:
        yield Finding(
            code="not-trusted-yet",
            severity="warning",
            phone=facts.name_or_model,
            what=f"{facts.name_or_model} does not trust this computer yet.",
            why="It knows no pairing with it" + (", and it is locked." if facts.locked else "."),
            next=f"Unlock {facts.name_or_model} and tap Trust when a move asks for it.",
        )
    if facts.find_my:
        yield as_finding(FindMyOn(facts.name_or_model, "IsAssociated is true"), severity="warning")
    if facts.setup_finished is False:
        yield Finding(
            code="setup-not-finished",
            severity="info",
            phone=facts.name_or_model,
            what=f"{facts.name_or_model} is in front of its setup.",
            why="As a phone that is erased it can be.",
            next="Finish its setup when a move asks for it.",
        )


def as_finding(error: MigrateError, *, severity: str = "error") -> Finding:
    """An error that would stop a move, as a finding."""
    from migrate.problems import code_of

    return Finding(
        code=code_of(type(error)),
        severity="warning" if severity == "warning" else "error",
        what=error.what(),
        why=error.why(),
        next=error.next(),
    )
