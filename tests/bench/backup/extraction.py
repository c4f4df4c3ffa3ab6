"""Candidates that extract an encrypted backup or unlock its keybag."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.extract.extract import extract
from migrate.backup.reader import Backup
from migrate.problems import WrongPassword
from tests.bench.backup.synthetic import PASSWORD

T = TypeVar("T")
Candidate = Callable[[Path], int]

measured: list[float] = []
"""Times that candidates measured themselves, from a synced disk and without cleaning up."""


cpu: list[float] = []
"""Processor seconds of the same work, children included: comparable even on a busy machine."""


def _timed(work: Callable[[], T]) -> T:
    os.sync()
    started, before = time.perf_counter(), _cpu_seconds()
    result = work()
    measured.append(time.perf_counter() - started)
    cpu.append(_cpu_seconds() - before)
    return result


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


class _OutputFolder:
    """A temporary folder on the same disk as the backup."""

    def __init__(self, folder: Path) -> None:
        self.temporary = tempfile.TemporaryDirectory(dir=folder.parent)

    def __enter__(self) -> Path:
        return Path(self.temporary.name) / "out"

    def __exit__(self, *_: object) -> None:
        self.temporary.cleanup()


# -- extracting everything ---------------------------------------------------------------------------------------------


def migrate_extract(folder: Path) -> int:
    with _OutputFolder(folder) as to:

        def work() -> int:
            with Backup.open(folder, PASSWORD) as backup:
                return extract(backup, to, lambda domain, path: True).bytes

        return _timed(work)


def iphone_backup_decrypt_extract(folder: Path) -> int:
    """Extract everything with its folders, as in its documentation. It opens only encrypted backups."""
    from iphone_backup_decrypt import EncryptedBackup

    with _OutputFolder(folder) as to:

        def work() -> None:
            backup = EncryptedBackup(backup_directory=str(folder), passphrase=PASSWORD)
            backup.extract_files(
                relative_paths_like="%", output_folder=str(to), preserve_folders=True, domain_subfolders=True
            )

        _timed(work)
        return sum(path.stat().st_size for path in to.rglob("*") if path.is_file())


def mvt_extract(folder: Path) -> int:
    """The mvt-ios program with its default of four threads. It keeps the backup's file names and folders instead of
    creating those of the phone."""
    program = shutil.which("mvt-ios")
    if program is None:
        raise RuntimeError("mvt-ios is not in PATH (it needs a separate virtual environment)")
    quiet = [program, "--disable-update-check", "--disable-indicator-update-check"]
    environment = os.environ | {"MVT_IOS_BACKUP_PASSWORD": PASSWORD}
    with _OutputFolder(folder) as to:
        command = [*quiet, "decrypt-backup", "-d", str(to), str(folder)]
        _timed(lambda: subprocess.run(command, env=environment, capture_output=True, check=True))
        return sum(path.stat().st_size for path in to.glob("[0-9a-f][0-9a-f]/*"))


# -- deriving a key with the rounds of a real phone --------------------------------------------------------------------

ROUNDS, ITERATIONS = 10_000_000, 10_000


def migrate_password(_: Path) -> int:
    """Unlock a keybag whose round count was changed: no password opens it, but the whole derivation runs."""
    bag, _keys = Keybag.create(PASSWORD, rounds=1)
    header = tuple((tag, ROUNDS.to_bytes(4, "big") if tag == b"DPIC" else value) for tag, value in bag.header)

    def work() -> int:
        try:
            return len(Keybag(header, bag.classes).unlock(PASSWORD).classes)
        except WrongPassword:
            return 0

    return _timed(work)


def hashlib_password(_: Path) -> int:
    """The lower bound: only the two stages of the derivation."""

    def work() -> int:
        slow = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), bytes(20), ROUNDS, 32)
        hashlib.pbkdf2_hmac("sha1", slow, bytes(20), ITERATIONS, 32)
        return 0

    return _timed(work)


EXTRACTIONS: dict[str, Candidate] = {
    "migrate": migrate_extract,
    "iphone-backup-decrypt": iphone_backup_decrypt_extract,
    "mvt-ios": mvt_extract,
}
PASSWORDS: dict[str, Candidate] = {"migrate": migrate_password, "hashlib alone": hashlib_password}
