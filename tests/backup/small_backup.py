"""Small backups, made as a phone makes them: what tests of readers, checkers and composers stand on."""

from __future__ import annotations

import hashlib
import os
import plistlib
import sqlite3
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.folder import BackupFolder
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.seal import Seal
from migrate.backup.seal_draft import SealDraft
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest

PASSWORD = "correct-horse-1947"
UDID = "00008101-000A1B2C3D4E5F60"
ROUNDS = 10
DIGESTED = frozenset({"HomeDomain", "RootDomain", "HealthDomain", "KeychainDomain"})  # facts 3.3


@cache
def database(rows: int, *, table: str, leave_log: bool = False) -> dict[str, bytes]:
    """A real SQLite database: its bytes under '', and with `leave_log` its `-wal` and `-shm` as a phone leaves them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "database"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute(f"CREATE INDEX {table}_text ON {table}(text)")
        if leave_log:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
        rows_to_add = ((f"row {number} of {table}",) for number in range(rows))
        connection.executemany(f"INSERT INTO {table} (text) VALUES (?)", rows_to_add)
        suffixes = ("", "-wal", "-shm") if leave_log else ("",)
        found = {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in suffixes}
        connection.close()
        return found


@cache
def keybag(password: str | None) -> tuple[Keybag, ClassKeys]:
    return Keybag.create(password, rounds=ROUNDS)


@dataclass
class SmallBackup:
    """A backup folder under test. `add…` then `write()`; what a test breaks afterwards, it breaks on disk."""

    path: Path
    encrypted: bool
    ios_version: str = "17.5.1"
    status_uuid: str = "7A6E3C51-0F2D-4B8E-9C11-5D2A90E1B3F4"
    date: datetime = datetime(2026, 3, 4, 5, 6, 7)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    bad_archives: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """What stands in the `file` column instead of the record's archive."""
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    keybag: Keybag = field(init=False)
    class_keys: ClassKeys = field(init=False)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, mode=0o700)
        self.keybag, self.class_keys = keybag(self.password)
        self.manifest_key = os.urandom(32)

    @property
    def password(self) -> str | None:
        return PASSWORD if self.encrypted else None

    def add_file(self, domain: str, path: str, content: bytes, *, protection_class: int = 3, **other: Any) -> Record:
        self.add_ancestors(domain, path)
        key = os.urandom(32)
        stored = b"".join(encrypted_chunks([content], key)) if self.encrypted else content
        record = self._record(
            domain,
            path,
            Kind.FILE,
            mode=0o100644,
            size=len(content),
            protection_class=protection_class,
            encryption_key=self.class_keys.wrap(protection_class, key) if self.encrypted else None,
            digest=hashlib.sha1(stored).digest() if domain in DIGESTED else None,
        )
        record = replace(record, **other)
        self.records[domain, path] = record
        self.contents[domain, path] = content
        blob = self.blob(domain, path)
        blob.parent.mkdir(exist_ok=True, mode=0o700)
        blob.write_bytes(stored)
        blob.chmod(0o600)
        return record

    def add_directory(self, domain: str, path: str) -> None:
        if (domain, path) not in self.records:
            self.records[domain, path] = self._record(domain, path, Kind.DIRECTORY, mode=0o040755, size=0)

    def add_symlink(self, domain: str, path: str, target: str) -> None:
        self.add_ancestors(domain, path)
        self.records[domain, path] = self._record(
            domain, path, Kind.SYMLINK, mode=0o120755, size=len(target), target=target
        )

    def add_ancestors(self, domain: str, path: str) -> None:
        parts = path.split("/")[:-1]
        for depth in range(len(parts) + 1):
            self.add_directory(domain, "/".join(parts[:depth]))

    def add_app(self, bundle_id: str, content_class: str = "Data/Application") -> None:
        self.applications[bundle_id] = {
            "CFBundleIdentifier": bundle_id,
            "CFBundleVersion": "42",
            "ContainerContentClass": content_class,
            "Path": f"/var/containers/Bundle/Application/{bundle_id}.app",
        }

    def _record(self, domain: str, path: str, kind: Kind, **other: Any) -> Record:
        values: dict[str, Any] = {
            "inode": 100_000 + len(self.records),
            "user_id": 501,
            "group_id": 501,
            "modified": 1_700_000_000,
            "changed": 1_700_000_001,
            "born": 1_600_000_000,
            "protection_class": 0,
            "flags": 0,
            "encryption_key": None,
            "digest": None,
            "extended_attributes": None,
            "target": None,
        }
        return Record(
            file_id=file_id(domain, path), domain=domain, relative_path=path, kind=kind, **{**values, **other}
        )

    # -- on disk -----------------------------------------------------------------------------------------------------

    def blob(self, domain: str, path: str) -> Path:
        name = file_id(domain, path)
        return self.path / name[:2] / name

    def write(self) -> SmallBackup:
        self.write_manifest()
        self.write_plist("Info.plist", self.info())
        self.write_plist("Manifest.plist", self.manifest_plist(), binary=True)
        self.write_plist("Status.plist", self.status(), binary=True)
        return self

    def write_manifest(self) -> None:
        writer = MemoryManifest(self.ios_version)
        for key, record in self.records.items():
            if key in self.bad_archives:
                writer.add_row(record.file_id, *key, record.kind, self.bad_archives[key])
            else:
                writer.add(record)
        plain = writer.to_bytes()
        stored = encrypt_manifest(plain, self.manifest_key) if self.encrypted else pad_manifest(plain)
        (self.path / "Manifest.db").write_bytes(stored)

    def write_plist(self, name: str, content: dict[str, Any], *, binary: bool = False) -> None:
        fmt = plistlib.FMT_BINARY if binary else plistlib.FMT_XML
        (self.path / name).write_bytes(plistlib.dumps(content, fmt=fmt))

    def info(self) -> dict[str, Any]:
        return {
            "Applications": {
                bundle: {"ApplicationSINF": b"sinf", "iTunesMetadata": b"metadata", "PlaceholderIcon": b"png"}
                for bundle, app in self.applications.items()
                if app["ContainerContentClass"] == "Data/Application"
            },
            "Installed Applications": [
                bundle
                for bundle, app in self.applications.items()
                if app["ContainerContentClass"] == "Data/Application"
            ],
            "Device Name": "Mia's iPhone",
            "Product Version": self.ios_version,
            "Target Identifier": UDID,
            "Unique Identifier": UDID.upper(),
        }

    def manifest_plist(self) -> dict[str, Any]:
        plist: dict[str, Any] = {
            "Version": "10.0",
            "SystemDomainsVersion": "24.0",
            "Date": self.date,
            "IsEncrypted": self.encrypted,
            "WasPasscodeSet": True,
            "BackupKeyBag": self.keybag.to_bytes(),
            "Lockdown": {
                "ProductVersion": self.ios_version,
                "BuildVersion": "21F90",
                "ProductType": "iPhone13,2",
                "UniqueDeviceID": UDID,
                "DeviceName": "Mia's iPhone",
                "DeviceClass": "iPhone",
            },
            "Applications": self.applications,
        }
        if self.encrypted:
            plist["ManifestKey"] = self.class_keys.wrap(4, self.manifest_key)
        return plist

    def status(self, **other: Any) -> dict[str, Any]:
        return {
            "Version": "3.3",
            "UUID": self.status_uuid,
            "Date": self.date,
            "BackupState": "new",
            "SnapshotState": "finished",
            "IsFullBackup": False,
        } | other

    def seal(self, seals: Path, *, unreadable: dict[str, str] | None = None) -> Seal:
        """The seal that saving this backup would have left."""
        with SealDraft.open(seals, UDID, None, fresh=True) as draft:
            for (domain, path), record in self.records.items():
                if record.kind is not Kind.FILE:
                    continue
                if record.file_id in (unreadable or {}):
                    draft.mark_unreadable(record.file_id, (unreadable or {})[record.file_id])
                elif (stored := self.blob(domain, path)).exists():
                    data = stored.read_bytes()
                    draft.add(record.file_id, hashlib.sha256(data).hexdigest(), len(data))
            return draft.finish(BackupFolder(self.path))


def jpeg(scan: bytes) -> bytes:
    """A picture's frame around `scan`: what begins, is as long as it says, and ends as a JPEG does."""
    segments = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"\xff\xda\0\x08\1\1\0\0\x3f\0"
    return b"\xff\xd8" + segments + scan.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def heic(data: bytes) -> bytes:
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(60)) + box(b"mdat", data)


def mp4(data: bytes) -> bytes:
    return box(b"ftyp", b"qt  \0\0\0\0qt  ") + box(b"mdat", data) + box(b"moov", bytes(90))


def fill(backup: SmallBackup) -> None:
    messages = database(40, table="message")[""]
    contacts = database(60, table="ABPerson", leave_log=True)
    photos = database(30, table="ZASSET")[""]
    backup.add_file("HomeDomain", "Library/SMS/sms.db", messages)
    for suffix, content in contacts.items():
        backup.add_file("HomeDomain", f"Library/AddressBook/AddressBook.sqlitedb{suffix}", content)
    backup.add_file("HomeDomain", "Library/Preferences/com.apple.springboard.plist", plistlib.dumps({"a": 1}))
    backup.add_file("HomeDomain", "Library/Preferences/empty.plist", b"")
    backup.add_file("KeychainDomain", "keychain-backup.plist", plistlib.dumps({"genp": []}), protection_class=4)
    backup.add_file("CameraRollDomain", "Media/PhotoData/Photos.sqlite", photos)
    backup.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", jpeg(bytes(range(255)) * 40))
    backup.add_file("CameraRollDomain", "Media/DCIM/100APPLE/Größe 雪.HEIC", heic(b"sixteen bytes..." * 8))
    backup.add_symlink("HomeDomain", "Library/Preferences/current.plist", "com.apple.springboard.plist")
    backup.add_app("com.example.notes")
    backup.add_app("group.com.example.notes", "Shared/AppGroup")
    backup.add_app("com.example.notes.widget", "Data/PlugInKitPlugin")
    backup.add_app("com.example.game")
    backup.add_file("AppDomain-com.example.notes", "Documents/notes.sqlite", database(5, table="note")[""])
    backup.add_file("AppDomainGroup-group.com.example.notes", "shared.txt", b"shared by the app and its widget")
    backup.add_file("AppDomainPlugin-com.example.notes.widget", "Library/state.bin", bytes(1000))
    backup.add_file("AppDomain-com.example.game", "Documents/level.dat", b"level 7")


def healthy_backup(folder: Path, *, encrypted: bool = True, name: str = UDID, **options: Any) -> SmallBackup:
    """A whole backup in `folder`/backups, with something of every kind in it, written to disk."""
    backup = SmallBackup(folder / "backups" / name, encrypted, **options)
    fill(backup)
    return backup.write()
