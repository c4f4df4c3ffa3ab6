"""Create the first inputs of the corpus: `python -m tests.fuzz.seeding`. All are small and our own work."""

from __future__ import annotations

import json
import plistlib
import random
import sqlite3
import struct
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Kind, Record, file_id
from tests.backup.memory_manifest import MemoryManifest, pad_manifest
from tests.backup.small_backup import heic, jpeg, mp4
from tests.fuzz.parsers import CORPUS

CHANCE = random.Random(1947)


def record(path: str, **other: object) -> Record:
    values: dict[str, object] = {
        "mode": 0o100644,
        "inode": 7,
        "user_id": 501,
        "group_id": 501,
        "size": 1000,
        "modified": 1_700_000_000,
        "changed": 1_700_000_001,
        "born": 1_600_000_000,
        "protection_class": 3,
        "flags": 0,
        "encryption_key": None,
        "digest": None,
        "extended_attributes": None,
        "target": None,
    }
    return Record(
        file_id=file_id("HomeDomain", path),
        domain="HomeDomain",
        relative_path=path,
        kind=Kind.FILE,
        **{**values, **other},  # type: ignore[arg-type]
    )


RECORDS = {
    "plain": record("Library/a"),
    "encrypted": record("Library/Größe 雪", encryption_key=bytes([3, 0, 0, 0]) + bytes(40), digest=bytes(20)),
    "attributes": record("Library/b", extended_attributes=plistlib.dumps({"x": b"\xff\0"}, fmt=plistlib.FMT_BINARY)),
    "link": record("Library/c", target="/var/mobile", size=0),
    "no-size": record("Library/d", size=None, inode=1 << 40),
}


def mbdb() -> bytes:
    def counted(value: bytes | None) -> bytes:
        return b"\xff\xff" if value is None else len(value).to_bytes(2, "big") + value

    def entry(mode: int, path: bytes, *attributes: bytes) -> bytes:
        numbers = struct.pack(">HQIIIIIQBB", mode, 9, 501, 501, 1, 2, 3, 1000, 3, len(attributes))
        texts = b"".join(map(counted, (b"HomeDomain", path, None, bytes(20), bytes([3, 0, 0, 0]) + bytes(40))))
        return texts + numbers + b"".join(counted(b"name") + counted(value) for value in attributes)

    entries = (entry(0o40755, b""), entry(0o100644, b"a", b"\xff\0"), entry(0o120755, "雪".encode(), b"", b"x" * 40))
    return b"mbdb\x05\0" + b"".join(entries)


def manifest(ios_version: str) -> bytes:
    writer = MemoryManifest(ios_version)
    for one in RECORDS.values():
        writer.add(one)
    writer.set_property("salt", b"salt")
    return pad_manifest(writer.to_bytes())


def log() -> bytes:
    """A byte that gives the offset of the log, a database of four pages, and its log."""
    with TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "live.db", isolation_level=None)
        for statement in ("page_size = 512", "journal_mode = WAL", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {statement}")
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO note (text) VALUES (?)", [("note",)] * 5)
        database, frames = ((Path(folder) / f"live.db{suffix}").read_bytes() for suffix in ("", "-wal"))
        connection.close()
    assert len(database) % 16 == 0 and len(database) < 256 * 16
    return bytes([len(database) // 16]) + database + frames


def corpus() -> dict[str, dict[str, bytes]]:
    date = datetime(2026, 3, 4)
    value = {"a": [1, -1, 1 << 63, 1.5, True, date], "b": {"c": b"data", "d": "雪"}}
    seal = {"format": 1, "uuid": "U", "date": "2026-03-04T05:06:07+00:00", "unreadable": {}, "app_groups": {"a": ["b"]}}
    blobs = {"a" * 40: ["0" * 64, 16]}
    bag, _ = Keybag.create("password", rounds=10, random=CHANCE.randbytes)
    locked, _ = Keybag.create(None, rounds=10, random=CHANCE.randbytes)
    short = bag.to_bytes().replace(b"ITER\0\0\0\4\0\0\x27\x10", b"ITER\0\0\0\4\0\0\0\1")
    return {
        "mbdb": {"three-kinds": mbdb(), "empty": b"mbdb\x05\0"},
        "keybag": {"encrypted": short, "plain": locked.to_bytes()},
        "mbfile": {
            f"{name}-{version}": encode_mbfile(one, ios_version=version)
            for name, one in RECORDS.items()
            for version in ("14.3", "27.0")
        },
        "plist": {
            "binary": plistlib.dumps(value, fmt=plistlib.FMT_BINARY),
            "xml": plistlib.dumps({**value, "a": [1, date]}),
        },
        "manifest": {"ios-17": manifest("17.5"), "ios-27": manifest("27.0")},
        "log": {"in-the-log": log()},
        "form": {
            "jpeg": jpeg(b"scan" * 20),
            "heic": heic(b"data" * 20),
            "mp4": mp4(b"data" * 20),
            "binary": plistlib.dumps(value, fmt=plistlib.FMT_BINARY),
            "xml": plistlib.dumps({"a": 1}),
        },
        "seal": {
            "sealed": json.dumps({**seal, "blobs": blobs, "manifest": "0" * 64}).encode(),
            "older": json.dumps({**seal, "blobs": blobs}).encode(),
        },
    }


def main() -> None:
    for target, inputs in corpus().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in inputs.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
