"""What is measured: one contestant at a time, alone in a process of its own, so that its peak memory is its own.

A peer that is not installed is left out. Each is used as its own documentation does.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import plistlib
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from migrate.backup.crypto.cipher import decrypted_chunks
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest, unlock
from migrate.backup.restore_set.compose import SetRequest, compose
from migrate.backup.verify.run import verify
from tests.bench.backup import opening
from tests.bench.backup.made import PASSWORD

Contestant = Callable[[Path], int]


def password_of(folder: Path) -> str | None:
    return PASSWORD if BackupFolder(folder).is_encrypted else None


# -- listing with sizes: open, then the size of every record ---------------------------------------------------------


def migrate_listing(folder: Path) -> int:
    with open_manifest(BackupFolder(folder), password_of(folder)) as manifest:
        return sum(record.size or 0 for record in manifest.records())


def pyiosbackup_listing(folder: Path) -> int:
    from pyiosbackup import Backup

    return sum(entry.size for entry in Backup.from_path(folder, password_of(folder) or "").iter_entries())


def iphone_backup_decrypt_listing(folder: Path) -> int:
    """It opens encrypted backups alone; a plain one's rows are read as it does, and its own FilePlist opens them."""
    from iphone_backup_decrypt import EncryptedBackup
    from iphone_backup_decrypt.utils import FilePlist

    password = password_of(folder)
    if password is not None:
        backup = EncryptedBackup(backup_directory=str(folder), passphrase=password)
        with backup.manifest_db_cursor() as cursor:
            return sum(FilePlist(blob).filesize for (blob,) in cursor.execute("SELECT file FROM Files"))
    with PlainDatabase(folder) as path:
        database = sqlite3.connect(path)
        query = "SELECT fileID, domain, relativePath, file FROM Files ORDER BY domain, relativePath"
        return sum(FilePlist(blob).filesize for _, _, _, blob in database.execute(query))


def plistlib_listing(folder: Path) -> int:
    """The least that a reader with plistlib does: every blob loaded, Size taken from object 1."""
    with PlainDatabase(folder) as path:
        database = sqlite3.connect(path)
        loaded = (plistlib.loads(blob) for (blob,) in database.execute("SELECT file FROM Files"))
        return sum(archive["$objects"][1]["Size"] for archive in loaded)


def rows_alone_listing(folder: Path) -> int:
    """SQLite's own share: the columns, no blob opened. No sizes."""
    with PlainDatabase(folder) as path:
        query = "SELECT fileID, domain, relativePath, flags, file FROM Files"
        return sum(1 for _ in sqlite3.connect(path).execute(query))


class PlainDatabase:
    """Manifest.db in plain, in a temporary file: what every script on the net does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = tempfile.TemporaryDirectory()

    def __enter__(self) -> Path:
        stored = (self.folder / "Manifest.db").read_bytes()
        if (password := password_of(self.folder)) is not None:
            _, key = unlock(BackupFolder(self.folder), password)
            stored = b"".join(decrypted_chunks([stored], key))
        path = Path(self.temporary.name) / "Manifest.db"
        path.write_bytes(stored)
        return path

    def __exit__(self, *_: object) -> None:
        self.temporary.cleanup()


# -- full verify, beside the reading and hashing of the same bytes -----------------------------------------------------


def migrate_verify(folder: Path) -> int:
    verdict = verify(folder, password_of(folder), seals=None)
    assert verdict.verdict == "whole", verdict.findings[:3]
    return verdict.bytes or 0


def stored_files(folder: Path) -> list[Path]:
    return [path for shard in sorted(folder.iterdir()) if shard.is_dir() for path in sorted(shard.iterdir())]


def sha1sum_verify(folder: Path) -> int:
    """The program, reading the same stored files one after another."""
    paths = stored_files(folder)
    begun = time.perf_counter()
    named = b"\0".join(os.fsencode(path) for path in paths)
    subprocess.run(["xargs", "-0", "sha1sum"], input=named, stdout=subprocess.DEVNULL, check=True)
    _measured.append(time.perf_counter() - begun)
    return sum(path.stat().st_size for path in paths)


def hashlib_verify(folder: Path) -> int:
    """The same in Python, in one thread."""
    total = 0
    for path in stored_files(folder):
        with path.open("rb", buffering=0) as file:
            hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False))
            total += os.fstat(file.fileno()).st_size
    return total


# -- composing everything, beside the links alone ----------------------------------------------------------------------


def migrate_compose(folder: Path) -> int:
    with open_manifest(BackupFolder(folder), password_of(folder)) as manifest:
        wanted = frozenset(record.file_id for record in manifest.records())
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        request = SetRequest(
            source=folder, password=password_of(folder), into=Path(place) / "set", strategy="replace", wanted=wanted
        )
        begun = time.perf_counter()
        made = compose(request)
        _measured.append(time.perf_counter() - begun)
        return made.files


def links_alone_compose(folder: Path) -> int:
    count = 0
    sources = [(path, f"{path.parent.name}/{path.name}") for path in stored_files(folder)]
    shards = sorted({path.parent.name for path, _ in sources})
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        begun = time.perf_counter()
        for shard in shards:
            (Path(place) / shard).mkdir()
        for source, name in sources:
            os.link(source, f"{place}/{name}")
            count += 1
        _measured.append(time.perf_counter() - begun)
    return count


LISTINGS: dict[str, Contestant] = {
    "migrate": migrate_listing,
    "pyiosbackup": pyiosbackup_listing,
    "iphone-backup-decrypt": iphone_backup_decrypt_listing,
    "plistlib alone": plistlib_listing,
    "rows alone": rows_alone_listing,
}
VERIFIES: dict[str, Contestant] = {
    "migrate": migrate_verify,
    "sha1sum": sha1sum_verify,
    "hashlib, one thread": hashlib_verify,
}
COMPOSITIONS: dict[str, Contestant] = {"migrate": migrate_compose, "os.link alone": links_alone_compose}
ALL = {
    "listing": LISTINGS,
    "verify": VERIFIES,
    "compose": COMPOSITIONS,
    "extract": opening.EXTRACTIONS,
    "password": opening.PASSWORDS,
}

_IMPORTS = {
    "pyiosbackup": "pyiosbackup.manifest_dbs.sqlite3",
    "iphone-backup-decrypt": "iphone_backup_decrypt.utils",
}

_measured = opening.measured
"""What a contestant timed itself, where not all that it does is the matter."""


def measure(subject: str, name: str, folder: Path) -> dict[str, Any]:
    """Seconds, peak memory of this process in bytes, and the answer, by which it shows that the work was done."""
    if name in _IMPORTS:
        importlib.import_module(_IMPORTS[name])
    begun = time.perf_counter()
    answer = ALL[subject][name](folder)
    seconds = _measured[-1] if _measured else time.perf_counter() - begun
    cpu_seconds = opening.cpu[-1] if opening.cpu else None
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": peak_bytes(), "answer": answer}


def peak_bytes() -> int:
    """The most memory this process had. `ru_maxrss` of Linux begins with its parent's, so the kernel is asked anew."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
