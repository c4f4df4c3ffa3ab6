"""Small unencrypted backups to hold against each other."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.seal import Seal
from tests.backup.memory_manifest import MemoryManifest

Files = Mapping[tuple[str, str], bytes]
LINK = b"link to "
RESTORED_AT = 1_800_000_000
SMS = ("HomeDomain", "Library/SMS/sms.db")
LOG = (SMS[0], SMS[1] + "-wal")
CALLS = ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
CONTACTS = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
SHORTCUTS = ("HomeDomain", "Library/Shortcuts/Shortcuts.sqlite")
BOOKS = ("AppDomainGroup-group.com.apple.iBooks", "Documents/BKLibrary/BKLibrary-1-091020131601.sqlite")
KEYCHAIN = ("KeychainDomain", "keychain-backup.plist")
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
OTHER_PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.JPG")
FONT = ("HomeDomain", "Library/Fonts/mine.otf")
SETTINGS = ("HomeDomain", "Library/Preferences/com.apple.Accessibility.plist")
CACHE = ("AppDomain-com.example.chatter", "Library/WebKit/store.bin")
DOCUMENT = ("AppDomain-com.example.chatter", "Documents/chat.bin")
APP_DATABASE = ("AppDomain-com.example.chatter", "Documents/store.sqlite")


def link_to(target: str) -> bytes:
    """What stands for the content of a symbolic link in `Files`."""
    return LINK + target.encode()


def backup_of(folder: Path, files: Files, *, modified: Mapping[tuple[str, str], int] | None = None) -> Backup:
    """An unencrypted backup with exactly these files, opened. `modified`: unix seconds, else before the restore."""
    folder.mkdir()
    writer = MemoryManifest("18.5")
    for number, ((domain, path), content) in enumerate(files.items(), 1):
        name = file_id(domain, path)
        target = content.removeprefix(LINK).decode() if content.startswith(LINK) else None
        kind, mode = (Kind.FILE, 0o100644) if target is None else (Kind.SYMLINK, 0o120755)
        writer.add(
            Record(
                file_id=name, domain=domain, relative_path=path, kind=kind, mode=mode, inode=number,
                user_id=501, group_id=501, size=len(content), modified=(modified or {}).get((domain, path), 0),
                changed=0, born=0, protection_class=3, flags=0, encryption_key=None, digest=None,
                extended_attributes=None, target=target,
            )
        )  # fmt: skip
        if target is not None:
            continue
        (folder / name[:2]).mkdir(exist_ok=True)
        (folder / name[:2] / name).write_bytes(content)
    (folder / "Manifest.db").write_bytes(writer.to_bytes())
    return Backup.open(folder)


def seal_of(files: Files, unreadable: Collection[tuple[str, str]] = ()) -> Seal:
    """The seal of an unencrypted backup of these files, some of which the phone could not read."""
    return Seal(
        uuid=None,
        date=None,
        digests={file_id(*place): hashlib.sha256(content).hexdigest() for place, content in files.items()},
        sizes={file_id(*place): len(content) for place, content in files.items()},
        unreadable={file_id(*place): "Input/output error" for place in unreadable},
        app_groups=None,
    )


def zero(backup: Backup, place: tuple[str, str]) -> None:
    """Overwrite a stored file with zeros, as a bad disk does. Its length stays."""
    record = backup.record(*place)
    assert record is not None
    blob = backup.stored_path(record)
    blob.write_bytes(bytes(blob.stat().st_size))


def database(folder: Path, script: str) -> bytes:
    """The bytes of a SQLite database made by `script`."""
    path = folder / "made.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.executescript(script)
    return path.read_bytes()


def altered(content: bytes, folder: Path, script: str) -> bytes:
    """The bytes of a SQLite database after `script` has run in it."""
    path = folder / "altered.db"
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as made:
        made.executescript(script)
    return path.read_bytes()


def in_a_log(folder: Path, script: str) -> tuple[bytes, bytes]:
    """A database whose contents are all in its -wal."""
    path = folder / "logged.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("PRAGMA wal_autocheckpoint = 0")
        made.executescript(script)
        return path.read_bytes(), Path(f"{path}-wal").read_bytes()


def calls(folder: Path, *numbers: str) -> bytes:
    """A call history with one call for each number."""
    rows = "".join(
        f"INSERT INTO ZCALLRECORD VALUES ({row}, {700_000_000 + row}, '{number}', 1, 1, 60, 'call-{number}');"
        for row, number in enumerate(numbers, 1)
    )
    return database(
        folder,
        "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZADDRESS TEXT, ZORIGINATED INTEGER,"
        f" ZANSWERED INTEGER, ZDURATION REAL, ZUNIQUE_ID TEXT);{rows}",
    )
