"""Contestants that take everything out of an encrypted backup, and that open its keybag."""

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
from tests.bench.backup.made import PASSWORD

T = TypeVar("T")
Contestant = Callable[[Path], int]

measured: list[float] = []
"""What a contestant timed itself: the disk is quiet when it begins, and clearing up counts for nobody."""


cpu: list[float] = []
"""Processor seconds of the same, children's too: what is left to compare on a machine that others use."""


def _timed(work: Callable[[], T]) -> T:
    os.sync()
    begun, before = time.perf_counter(), _cpu_seconds()
    result = work()
    measured.append(time.perf_counter() - begun)
    cpu.append(_cpu_seconds() - before)
    return result


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


class _Emptied:
    """A folder beside the backup, on the same disk; gone afterwards."""

    def __init__(self, folder: Path) -> None:
        self.temporary = tempfile.TemporaryDirectory(dir=folder.parent)

    def __enter__(self) -> Path:
        return Path(self.temporary.name) / "out"

    def __exit__(self, *_: object) -> None:
        self.temporary.cleanup()


# -- everything out, decrypted ----------------------------------------------------------------------------------------


def migrate_extract(folder: Path) -> int:
    with _Emptied(folder) as to:

        def work() -> int:
            with Backup.open(folder, PASSWORD) as backup:
                return extract(backup, to, lambda domain, path: True).bytes

        return _timed(work)


def iphone_backup_decrypt_extract(folder: Path) -> int:
    """As its documentation takes out everything with folders kept. It opens encrypted backups alone."""
    from iphone_backup_decrypt import EncryptedBackup

    with _Emptied(folder) as to:

        def work() -> None:
            backup = EncryptedBackup(backup_directory=str(folder), passphrase=PASSWORD)
            backup.extract_files(
                relative_paths_like="%", output_folder=str(to), preserve_folders=True, domain_subfolders=True
            )

        _timed(work)
        return sum(path.stat().st_size for path in to.rglob("*") if path.is_file())


def mvt_extract(folder: Path) -> int:
    """The program, with the four threads it takes by itself. It keeps the backup's own names and folders, so it makes
    none of the phone's."""
    program = shutil.which("mvt-ios")
    if program is None:
        raise RuntimeError("mvt-ios is not in PATH (it wants a virtual environment of its own)")
    quiet = [program, "--disable-update-check", "--disable-indicator-update-check"]
    environment = os.environ | {"MVT_IOS_BACKUP_PASSWORD": PASSWORD}
    with _Emptied(folder) as to:
        command = [*quiet, "decrypt-backup", "-d", str(to), str(folder)]
        _timed(lambda: subprocess.run(command, env=environment, capture_output=True, check=True))
        return sum(path.stat().st_size for path in to.glob("[0-9a-f][0-9a-f]/*"))


# -- a password, at the count of rounds of a real phone --------------------------------------------------------------

ROUNDS, ITERATIONS = 10_000_000, 10_000


def migrate_password(_: Path) -> int:
    """A bag that no password opens, because its count was changed: all the work is done to find that out."""
    bag, _keys = Keybag.create(PASSWORD, rounds=1)
    header = tuple((tag, ROUNDS.to_bytes(4, "big") if tag == b"DPIC" else value) for tag, value in bag.header)

    def work() -> int:
        try:
            return len(Keybag(header, bag.classes).unlock(PASSWORD).classes)
        except WrongPassword:
            return 0

    return _timed(work)


def hashlib_password(_: Path) -> int:
    """The floor: both stages of the derivation, nothing else."""

    def work() -> int:
        slow = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), bytes(20), ROUNDS, 32)
        hashlib.pbkdf2_hmac("sha1", slow, bytes(20), ITERATIONS, 32)
        return 0

    return _timed(work)


EXTRACTIONS: dict[str, Contestant] = {
    "migrate": migrate_extract,
    "iphone-backup-decrypt": iphone_backup_decrypt_extract,
    "mvt-ios": mvt_extract,
}
PASSWORDS: dict[str, Contestant] = {"migrate": migrate_password, "hashlib alone": hashlib_password}
