"""A command line for tests, and a small backup to run commands on."""

from __future__ import annotations

import hashlib
import json
import os
import plistlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.keybag import Keybag
from migrate.backup.record import Kind, Record, file_id
from migrate.talk import passwords
from migrate.talk.cli import run_command_line
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest

UDID = "00008101-000A1B2C3D4E5F60"
PASSWORD = "correct-horse-1947"
OURS = ("MIGRATE_HOME", "MIGRATE_BACKUP_PASSWORD", "MIGRATE_NEW_BACKUP_PASSWORD", "USBMUXD_SOCKET_ADDRESS", "NO_COLOR")


@dataclass(frozen=True)
class Answer:
    """The result of one command line."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def last(self) -> dict[str, Any]:
        """The last line of a `--json` answer of events."""
        last: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return last

    @property
    def error(self) -> dict[str, Any]:
        """The error of a `--json` answer."""
        error: dict[str, Any] = self.last["error"]
        return error


Migrate = Callable[..., Answer]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def migrate(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Migrate:
    """`migrate(…)` types a command line, with a fresh home and no terminal."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIGRATE_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(passwords, "_issued_passwords", set())

    def type_it(*words: object) -> Answer:
        mask = os.umask(0o022)
        try:
            code = run_command_line([str(word) for word in words])
        finally:
            os.umask(mask)
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return type_it


def database(rows: int) -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO message (text) VALUES (?)", ((f"hello {n}",) for n in range(rows)))
        connection.commit()
        data = connection.serialize()
    connection.close()
    return data


CONTENTS = {
    ("HomeDomain", "Library/SMS/sms.db"): database(7),
    ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"): b"\xff\xd8\xff" + bytes(2_000),
    ("AppDomain-org.example.diary", "Documents/diary.txt"): "Dear diary, 日記".encode(),
}


def write_backup(
    path: Path, *, password: str | None = None, contents: Mapping[tuple[str, str], bytes] | None = None
) -> Path:
    """A finished backup of CONTENTS, as a phone would write it, encrypted when there is a password."""
    contents = CONTENTS if contents is None else contents
    path.mkdir(parents=True)
    keybag, keys = Keybag.create(password, rounds=10)
    writer = MemoryManifest(ios_version="17.5.1")
    inode = 100
    for domain, relative_path in sorted(_with_ancestors(contents)):
        inode += 1
        content = contents.get((domain, relative_path))
        key = os.urandom(32)
        its_id = file_id(domain, relative_path)
        stored = b"".join(encrypted_chunks([content or b""], key)) if password else content
        writer.add(
            Record(
                file_id=its_id,
                domain=domain,
                relative_path=relative_path,
                kind=Kind.DIRECTORY if content is None else Kind.FILE,
                mode=0o040755 if content is None else 0o100644,
                inode=inode,
                user_id=501,
                group_id=501,
                size=len(content or b""),
                modified=1_700_000_000,
                changed=1_700_000_000,
                born=1_700_000_000,
                protection_class=0 if content is None else 3,
                flags=0,
                encryption_key=keys.wrap(3, key) if content is not None and password else None,
                digest=hashlib.sha1(stored).digest() if stored and domain == "HomeDomain" else None,
                extended_attributes=None,
                target=None,
            )
        )
        if content is not None and stored is not None:
            (path / its_id[:2]).mkdir(exist_ok=True)
            (path / its_id[:2] / its_id).write_bytes(stored)
    manifest_key, database_bytes = os.urandom(32), writer.to_bytes()
    (path / "Manifest.db").write_bytes(encrypt_manifest(database_bytes, manifest_key) if password else database_bytes)
    plists: dict[str, dict[str, Any]] = {
        "Manifest.plist": {
            "Version": "10.0",
            "Date": datetime(2026, 1, 2),
            "IsEncrypted": bool(password),
            "WasPasscodeSet": True,
            "BackupKeyBag": keybag.to_bytes(),
            "Lockdown": {"UniqueDeviceID": UDID, "ProductVersion": "17.5.1"},
            "Applications": {"org.example.diary": {"ContainerContentClass": "Data/Application"}},
            **({"ManifestKey": keys.wrap(3, manifest_key)} if password else {}),
        },
        "Status.plist": {"SnapshotState": "finished", "UUID": "7A6E3C51", "Date": datetime(2026, 1, 2)},
        "Info.plist": {"Device Name": "Ada's \x1b[31miPhone", "Target Identifier": UDID},
    }
    for name, content_of in plists.items():
        (path / name).write_bytes(plistlib.dumps(content_of, fmt=plistlib.FMT_BINARY))
    return path


def _with_ancestors(contents: Mapping[tuple[str, str], bytes]) -> set[tuple[str, str]]:
    places = set()
    for domain, relative_path in contents:
        parts = relative_path.split("/")
        places |= {(domain, "/".join(parts[:depth])) for depth in range(len(parts) + 1)}
    return places


@pytest.fixture
def plain_backup(tmp_path: Path) -> Path:
    return write_backup(tmp_path / "plain" / UDID)


@pytest.fixture
def encrypted_backup(tmp_path: Path) -> Path:
    return write_backup(tmp_path / "encrypted" / UDID, password=PASSWORD)
