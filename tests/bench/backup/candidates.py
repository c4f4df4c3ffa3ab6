"""The programs to measure. Each runs in its own process, so that its peak memory can be read.

A program that is not installed is left out. Each is used as its documentation says.
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
from tests.bench.backup import extraction
from tests.bench.backup.synthetic import PASSWORD

Candidate = Callable[[Path], int]


def password_of(folder: Path) -> str | None:
    return PASSWORD if BackupFolder(folder).is_encrypted else None


# -- listing with sizes: open, then the size of every record -----------------------------------------------------------


def migrate_listing(folder: Path) -> int:
    with open_manifest(BackupFolder(folder), password_of(folder)) as manifest:
        return sum(record.size or 0 for record in manifest.records())


def pyiosbackup_listing(folder: Path) -> int:
    from pyiosbackup import Backup

    return sum(entry.size for entry in Backup.from_path(folder, password_of(folder) or "").iter_entries())


def iphone_backup_decrypt_listing(folder: Path) -> int:
    """It opens only encrypted backups. For a plain one its query and its FilePlist are used directly."""
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
    """The minimum for a reader based on plistlib: load every blob, take Size from object 1."""
    with PlainDatabase(folder) as path:
        database = sqlite3.connect(path)
        loaded = (plistlib.loads(blob) for (blob,) in database.execute("SELECT file FROM Files"))
        return sum(archive["$objects"][1]["Size"] for archive in loaded)


def rows_alone_listing(folder: Path) -> int:
    """SQLite's share: read the columns, without decoding a blob. No sizes."""
    with PlainDatabase(folder) as path:
        query = "SELECT fileID, domain, relativePath, flags, file FROM Files"
        return sum(1 for _ in sqlite3.connect(path).execute(query))


class PlainDatabase:
    """Manifest.db decrypted into a temporary file, as most scripts do."""

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


# -- full verify, compared with reading and hashing the same bytes -----------------------------------------------------


def migrate_verify(folder: Path) -> int:
    verdict = verify(folder, password_of(folder), seals=None)
    assert verdict.verdict == "whole", verdict.findings[:3]
    return verdict.bytes or 0


def stored_files(folder: Path) -> list[Path]:
    return [path for shard in sorted(folder.iterdir()) if shard.is_dir() for path in sorted(shard.iterdir())]


def sha1sum_verify(folder: Path) -> int:
    """The sha1sum program, over the same stored files."""
    paths = stored_files(folder)
    started = time.perf_counter()
    names = b"\0".join(os.fsencode(path) for path in paths)
    subprocess.run(["xargs", "-0", "sha1sum"], input=names, stdout=subprocess.DEVNULL, check=True)
    _measured.append(time.perf_counter() - started)
    return sum(path.stat().st_size for path in paths)


def hashlib_verify(folder: Path) -> int:
    """The same in Python, in one thread."""
    total = 0
    for path in stored_files(folder):
        with path.open("rb", buffering=0) as file:
            hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False))
            total += os.fstat(file.fileno()).st_size
    return total


# -- composing everything, compared with only linking ------------------------------------------------------------------


def migrate_compose(folder: Path) -> int:
    with open_manifest(BackupFolder(folder), password_of(folder)) as manifest:
        wanted = frozenset(record.file_id for record in manifest.records())
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        request = SetRequest(
            source=folder, password=password_of(folder), into=Path(place) / "set", strategy="replace", wanted=wanted
        )
        started = time.perf_counter()
        made = compose(request)
        _measured.append(time.perf_counter() - started)
        return made.files


def links_alone_compose(folder: Path) -> int:
    count = 0
    sources = [(path, f"{path.parent.name}/{path.name}") for path in stored_files(folder)]
    shards = sorted({path.parent.name for path, _ in sources})
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        started = time.perf_counter()
        for shard in shards:
            (Path(place) / shard).mkdir()
        for source, name in sources:
            os.link(source, f"{place}/{name}")
            count += 1
        _measured.append(time.perf_counter() - started)
    return count


LISTINGS: dict[str, Candidate] = {
    "migrate": migrate_listing,
    "pyiosbackup": pyiosbackup_listing,
    "iphone-backup-decrypt": iphone_backup_decrypt_listing,
    "plistlib alone": plistlib_listing,
    "rows alone": rows_alone_listing,
}
VERIFIES: dict[str, Candidate] = {
    "migrate": migrate_verify,
    "sha1sum": sha1sum_verify,
    "hashlib, one thread": hashlib_verify,
}
COMPOSITIONS: dict[str, Candidate] = {"migrate": migrate_compose, "os.link alone": links_alone_compose}
ALL = {
    "listing": LISTINGS,
    "verify": VERIFIES,
    "compose": COMPOSITIONS,
    "extract": extraction.EXTRACTIONS,
    "password": extraction.PASSWORDS,
}

_IMPORTS = {
    "pyiosbackup": "pyiosbackup.manifest_dbs.sqlite3",
    "iphone-backup-decrypt": "iphone_backup_decrypt.utils",
}

_measured = extraction.measured
"""Times that candidates measured themselves, where only part of their work counts."""


def measure(subject: str, name: str, folder: Path) -> dict[str, Any]:
    """Seconds, peak memory of this process in bytes, and the candidate's result, to check that it did the work."""
    if name in _IMPORTS:
        importlib.import_module(_IMPORTS[name])
    started = time.perf_counter()
    answer = ALL[subject][name](folder)
    seconds = _measured[-1] if _measured else time.perf_counter() - started
    cpu_seconds = extraction.cpu[-1] if extraction.cpu else None
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": peak_bytes(), "answer": answer}


def peak_bytes() -> int:
    """Peak memory of this process. On Linux `ru_maxrss` starts at the parent's value, so VmHWM is read instead."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
