"""A defect: how a test makes it, and what verify must find on an encrypted and on a plain backup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from migrate.backup.crypto.cipher import decrypted_chunks
from migrate.backup.verify.run import Depth, Verdict, verify
from migrate.categories.claims import Claims
from tests.backup.memory_manifest import encrypt_manifest, pad_manifest
from tests.backup.small_backup import SmallBackup, healthy_backup

MESSAGES = ("HomeDomain", "Library/SMS/sms.db")
SETTINGS = ("HomeDomain", "Library/Preferences/com.apple.springboard.plist")
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
PHOTOS = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
LEVEL = ("AppDomain-com.example.game", "Documents/level.dat")

CATEGORIES_OF = {
    MESSAGES: ("messages",),
    SETTINGS: ("settings",),
    PHOTO: ("photos",),
    PHOTOS: ("photos",),
    LEVEL: ("app:com.example.game",),
}
"""The categories of the files that the tests damage, from the catalogue."""

Name = tuple[str, str]
Witness = Literal["digest", "seal", "neither", "any"]


@dataclass(frozen=True)
class ExpectedFinding:
    """What verify must find. `quick`: also found without opening a stored file."""

    code: str
    severity: Literal["error", "warning", "info"] = "error"
    exit_code: int = 30
    quick: bool = False

    def __str__(self) -> str:
        mark = {"error": "", "warning": " (warning)", "info": " (info)"}[self.severity]
        depth = "" if self.quick else " ·full"
        return f"`{self.code}`{mark}{depth}"


def error(code: str, *, quick: bool = False, exit_code: int = 30) -> ExpectedFinding:
    return ExpectedFinding(code, "error", exit_code, quick)


def warning(code: str, *, quick: bool = False) -> ExpectedFinding:
    return ExpectedFinding(code, "warning", 0, quick)


def info(code: str, *, quick: bool = True) -> ExpectedFinding:
    return ExpectedFinding(code, "info", 0, quick)


class Undetectable:
    """The defect cannot be found, as docs/verify.md says. `why` is the text of its cell in the table."""

    def __init__(self, why: str = "cannot be found") -> None:
        self.why = why

    def __str__(self) -> str:
        return self.why


Expected = ExpectedFinding | Undetectable


@dataclass(frozen=True)
class Defect:
    """One way to damage a backup.

    `about`: the records that the findings must name, each with its categories. Without any, `says` must be in a
    finding's text.
    """

    name: str
    damage: Callable[[SmallBackup], None]
    encrypted: Expected
    plain: Expected
    witness: Witness = "any"
    about: tuple[Name, ...] = ()
    says: str = ""

    def expected(self, *, encrypted: bool) -> Expected:
        return self.encrypted if encrypted else self.plain


def look(backup: SmallBackup, seals: Path | None, depth: Depth = "full") -> Verdict:
    return verify(
        backup.path, backup.password, seals=seals, depth=depth, owners_of=lambda opened: Claims.of(opened).owners
    )


def assert_found(defect: Defect, folder: Path, *, encrypted: bool) -> None:
    """Damage a healthy backup and verify it: the defect is found, with the records it touches, and nothing else is."""
    backup = healthy_backup(folder, encrypted=encrypted)
    seals = folder / "seals"
    if defect.witness == "seal":
        backup.seal(seals)
    healthy = {finding.code for finding in look(backup, seals).findings}
    assert healthy <= {"checked-by-length-only"}
    defect.damage(backup)
    expected = defect.expected(encrypted=encrypted)
    verdict = look(backup, seals)
    if isinstance(expected, Undetectable):
        assert (verdict.exit_code, {f.code for f in verdict.findings} - healthy) == (0, set()), verdict.findings
        return
    assert verdict.exit_code == expected.exit_code, verdict.findings
    named = [finding for finding in verdict.findings if finding.code == expected.code]
    assert named, verdict.findings
    assert {finding.severity for finding in named} == {expected.severity}
    if defect.about:
        assert {(f.domain, f.relative_path): f.categories for f in named} == {
            name: CATEGORIES_OF[name] for name in defect.about
        }
    assert any(defect.says in finding.what for finding in named), named
    quick = look(backup, seals, "quick")
    assert (expected.code in {finding.code for finding in quick.findings}) is expected.quick


# -- ways to damage a backup -------------------------------------------------------------------------------------------

Change = Callable[[bytes], bytes]


def flipped(at: float) -> Change:
    """Flips one bit of the byte at this fraction of the data."""

    def change(data: bytes) -> bytes:
        position = min(int(at * len(data)), len(data) - 1)
        return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]

    return change


def stored(name: Name, change: Change) -> Callable[[SmallBackup], None]:
    """Changes the stored bytes of a file."""

    def damage(backup: SmallBackup) -> None:
        blob = backup.blob(*name)
        blob.write_bytes(change(blob.read_bytes()))

    return damage


def listed(name: Name, **fields: Any) -> Callable[[SmallBackup], None]:
    """Changes fields of a file's record; a callable receives the old value."""

    def damage(backup: SmallBackup) -> None:
        record = backup.records[name]
        new = {key: value(getattr(record, key)) if callable(value) else value for key, value in fields.items()}
        backup.records[name] = replace(record, **new)
        backup.write_manifest()

    return damage


def own_file(name: str, change: Change) -> Callable[[SmallBackup], None]:
    """Changes one of the backup's own files as it is stored."""

    def damage(backup: SmallBackup) -> None:
        path = backup.path / name
        path.write_bytes(change(path.read_bytes()))

    return damage


def database(change: Change) -> Callable[[SmallBackup], None]:
    """Changes the decrypted Manifest.db."""

    def damage(backup: SmallBackup) -> None:
        path = backup.path / "Manifest.db"
        data = path.read_bytes()
        plain = b"".join(decrypted_chunks([data], backup.manifest_key)) if backup.encrypted else data[:-16]
        store_manifest(backup, change(plain))

    return damage


def store_manifest(backup: SmallBackup, plain: bytes) -> None:
    """Write `plain` as Manifest.db, encrypted and padded as a phone does."""
    stored_bytes = encrypt_manifest(plain, backup.manifest_key) if backup.encrypted else pad_manifest(plain)
    (backup.path / "Manifest.db").write_bytes(stored_bytes)


def plist(name: str, **keys: Any) -> Callable[[SmallBackup], None]:
    """Writes one of the three plists with other values; None removes a key."""

    def damage(backup: SmallBackup) -> None:
        contents = {"Info.plist": backup.info, "Manifest.plist": backup.manifest_plist, "Status.plist": backup.status}
        content = {**contents[name](), **keys}
        backup.write_plist(name, {key: value for key, value in content.items() if value is not None})

    return damage
