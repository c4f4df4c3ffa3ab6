"""Synthetic backups to measure, with the kinds of rows and the proportions of a phone in use."""

from __future__ import annotations

import hashlib
import itertools
import os
import plistlib
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.record import Kind, Record, file_id
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest

PASSWORD = "bench-1947"
UDID = "00008101-000A1B2C3D4E5F60"
IOS_VERSION = "17.5.1"
ROUNDS = 10
"""Few, because key derivation is measured separately."""

_DOMAINS = ("CameraRollDomain", "HomeDomain", "AppDomain-com.example.notes", "AppDomainGroup-group.com.example.chat")
_FOLDERS = ("Media/DCIM/{}APPLE", "Library/Application Support/Data {}", "Documents/{}/Attachments", "Library/{:04x}/a")


def records(count: int, wrap_key: bytes) -> Iterator[Record]:
    """`count` records: 75% files, 24% directories, 1% links, some with a digest or extended attributes.

    Records of an unencrypted backup have keys too, as on a phone.
    """
    rng = random.Random(count)
    attributes = plistlib.dumps({"com.apple.assetsd.UUID": bytes(16)}, fmt=plistlib.FMT_BINARY)
    for number in range(count):
        domain = _DOMAINS[number % 4]
        path = f"{_FOLDERS[number % 4].format(number // 500)}/{'Größe ' if number % 50 == 0 else 'IMG_'}{number:07}.dat"
        draw = rng.random()
        kind = Kind.FILE if draw < 0.75 else Kind.DIRECTORY if draw < 0.99 else Kind.SYMLINK
        is_file = kind is Kind.FILE
        born = rng.randrange(1_400_000_000, 1_700_000_000)
        yield Record(
            file_id=file_id(domain, path),
            domain=domain,
            relative_path=path,
            kind=kind,
            mode={Kind.FILE: 0o100644, Kind.DIRECTORY: 0o040755, Kind.SYMLINK: 0o120755}[kind],
            inode=number + 2,
            user_id=501,
            group_id=501,
            size=int(2 ** rng.uniform(0, 24)) if is_file else 0,
            modified=born + rng.choice((0, 5, 86_400)),
            changed=born + rng.choice((0, 5, 90_000)),
            born=born,
            protection_class=3 if is_file else 0,
            flags=0,
            encryption_key=wrap_key[:4] + rng.randbytes(40) if is_file else None,
            digest=rng.randbytes(20) if is_file and domain == "HomeDomain" else None,
            extended_attributes=attributes if is_file and number % 8 == 0 else None,
            target="/private/var/mobile/elsewhere" if kind is Kind.SYMLINK else None,
        )


class SyntheticBackup:
    """A backup folder under construction. `finish` writes the manifest and the plists."""

    def __init__(self, folder: Path, *, encrypted: bool) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.encrypted = encrypted
        self.keybag, self.class_keys = self._keys()
        self.wrap_key = self.class_keys.wrap(3, bytes(32))
        self.writer = MemoryManifest(IOS_VERSION)
        self._shards: set[str] = set()

    def _keys(self) -> tuple[Keybag, ClassKeys]:
        return Keybag.create(PASSWORD if self.encrypted else None, rounds=ROUNDS)

    def add_file(self, domain: str, path: str, content: bytes, *, times: int = 1, has_digest: bool = True) -> None:
        """Add a file of `content` repeated `times` times, streamed to disk, and its record; iOS gives those of the
        camera roll no digest."""
        key = os.urandom(32)
        chunks: Iterator[bytes] = itertools.repeat(content, times)
        stored = encrypted_chunks(chunks, key) if self.encrypted else chunks
        stored_name = file_id(domain, path)
        if stored_name[:2] not in self._shards:
            (self.folder / stored_name[:2]).mkdir()
            self._shards.add(stored_name[:2])
        digest = hashlib.sha1()
        with (self.folder / stored_name[:2] / stored_name).open("wb") as file:
            for chunk in stored:
                digest.update(chunk)
                file.write(chunk)
        self.writer.add(
            Record(
                file_id=stored_name,
                domain=domain,
                relative_path=path,
                kind=Kind.FILE,
                mode=0o100644,
                inode=self.writer.count + 2,
                user_id=501,
                group_id=501,
                size=len(content) * times,
                modified=1_700_000_000,
                changed=1_700_000_000,
                born=1_600_000_000,
                protection_class=3,
                flags=0,
                encryption_key=self.class_keys.wrap(3, key) if self.encrypted else None,
                digest=digest.digest() if has_digest else None,
                extended_attributes=None,
                target=None,
            )
        )

    def finish(self) -> None:
        plain = self.writer.to_bytes()
        manifest_key = os.urandom(32)
        stored = encrypt_manifest(plain, manifest_key) if self.encrypted else pad_manifest(plain)
        (self.folder / "Manifest.db").write_bytes(stored)
        now = datetime(2026, 3, 4, 5, 6, 7)
        lockdown = {"ProductVersion": IOS_VERSION, "ProductType": "iPhone13,2", "UniqueDeviceID": UDID}
        manifest = {
            "Version": "10.0",
            "Date": now,
            "IsEncrypted": self.encrypted,
            "WasPasscodeSet": True,
            "BackupKeyBag": self.keybag.to_bytes(),
            "Lockdown": lockdown | {"BuildVersion": "21F90", "DeviceName": "Bench", "SerialNumber": "F17XXXXXXXXX"},
            "Applications": {},
        }
        if self.encrypted:
            manifest["ManifestKey"] = self.class_keys.wrap(4, manifest_key)
        status = {"Version": "3.3", "UUID": UDID, "Date": now, "BackupState": "new", "SnapshotState": "finished"}
        info = {"Device Name": "Bench", "Product Version": IOS_VERSION, "Target Identifier": UDID}
        for name, content in (
            ("Manifest.plist", manifest),
            ("Status.plist", status | {"IsFullBackup": False}),
            ("Info.plist", info | {"Installed Applications": [], "Applications": {}, "Unique Identifier": UDID}),
        ):
            (self.folder / name).write_bytes(plistlib.dumps(content, fmt=plistlib.FMT_BINARY))


def make_listing(folder: Path, count: int, *, encrypted: bool) -> None:
    """A backup of `count` rows without stored files, enough for a listing."""
    made = SyntheticBackup(folder, encrypted=encrypted)
    for record in records(count, made.wrap_key):
        made.writer.add(record)
    made.finish()


def make_files(folder: Path, *, count: int, total_bytes: int, encrypted: bool) -> None:
    """A backup of `count` small files and one large file that holds half of `total_bytes`."""
    made = SyntheticBackup(folder, encrypted=encrypted)
    rng = random.Random(count)
    big = total_bytes // 2 if total_bytes > 100 * count else 0
    if big:
        made.add_file("CameraRollDomain", "Media/DCIM/100APPLE/big.MOV", rng.randbytes(1 << 20), times=big >> 20)
    each = max(1, (total_bytes - big) // count)
    pattern = rng.randbytes(2 * each)
    for number in range(count):
        begin = number % each
        made.add_file(_DOMAINS[number % 4], f"Files {number // 1_000}/{number:07}.dat", pattern[begin : begin + each])
    made.finish()
