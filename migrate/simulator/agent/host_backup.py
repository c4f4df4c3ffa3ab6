"""A backup on the host, as the phone reads it: first its properties, then its manifest.

Like a real phone, it works on a temporary copy of the manifest.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.problems import BackupUnreadable, BadRecord, KeybagUnreadable, PasswordMissing, WrongPassword
from migrate.simulator.agent.host_folder import HostFolder
from migrate.simulator.agent.manifest_plist import LIMIT_BYTES, Properties, read_properties
from migrate.simulator.agent.rows.host_rows import HostRows
from migrate.simulator.agent.rows.scratch_database import CACHE_KIB
from migrate.wire.backup2 import MBError, MBErrorCode

MANIFEST_LIMIT_BYTES = 4 << 30
"""Manifests of 1.55 GB have been reported (facts 3.2)."""
ROWS_LIMIT = 5_000_000


@dataclass(frozen=True)
class HostManifest:
    """The rows of a host's manifest. The keys are None if it is not encrypted."""

    rows: HostRows = field(repr=False)
    class_keys: ClassKeys | None
    manifest_key: bytes | None = field(repr=False)
    is_flat: bool = False  # a backup with Manifest.mbdb stores its files in no subfolders

    def blob_path(self, folder: str, file_id: str) -> str:
        """The path of a record's stored file in the backup in `folder`."""
        return f"{folder}/{file_id}" if self.is_flat else blob_path(folder, file_id)


@dataclass(frozen=True)
class FetchedBackup:
    """Manifest.plist and Manifest.db as the host sent them; the latter is not opened yet."""

    properties: Properties
    copy: Path
    sha256: bytes
    """Of the manifest."""

    def open(self, password: str | None, *, cache_kib: int = CACHE_KIB) -> HostManifest:
        """Opens the manifest.

        Raises:
            MBError: PASSWORD (wrong or missing), CORRUPT (no keybag), OTHER (an invalid keybag), or INVALID_DATA (the
                manifest cannot be read).
        """
        if self.properties.is_encrypted and self.properties.keybag is None:
            raise MBError(MBErrorCode.CORRUPT, "No keybag in manifest")
        try:
            with open_manifest(BackupFolder(self.copy), password) as manifest:
                if manifest.count > ROWS_LIMIT:
                    raise MBError(MBErrorCode.INVALID_DATA, f"Manifest has more than {ROWS_LIMIT} rows")
                rows = HostRows(manifest.rows(), encrypted=manifest.is_encrypted, cache_kib=cache_kib)
                is_flat = BackupFolder(self.copy).is_flat
                return HostManifest(rows, manifest.class_keys, manifest.manifest_key, is_flat)
        except (WrongPassword, PasswordMissing):
            raise MBError(MBErrorCode.PASSWORD, "Invalid password") from None
        except KeybagUnreadable:
            raise MBError(MBErrorCode.OTHER, "Error decoding keybag") from None
        except BadRecord as error:
            raise MBError(
                MBErrorCode.INVALID_DATA, f"Invalid manifest row ({error.reason})", error.relative_path
            ) from None
        except BackupUnreadable as error:
            raise MBError(MBErrorCode.INVALID_DATA, f"Invalid manifest ({error.reason})", error.part) from None


@contextmanager
def fetch_backup(host: HostFolder, folder: str, *, takes_mbdb: bool = False) -> Iterator[FetchedBackup]:
    """Downloads the properties and the manifest of the backup in `folder`. The copy exists within the `with` block.

    Raises:
        MBError: the inner error, for instance NOT_FOUND; the caller wraps it for the host. CORRUPT for a Manifest.mbdb
            that this phone does not accept.
    """
    properties_data = host.read(f"{folder}/Manifest.plist", LIMIT_BYTES)
    properties = read_properties(properties_data)
    with tempfile.TemporaryDirectory(prefix="simulator-", ignore_cleanup_errors=True) as name:
        copy = Path(name)
        (copy / "Manifest.plist").write_bytes(properties_data)
        try:
            sha256 = _fetch_manifest(host, f"{folder}/Manifest.db", copy / "Manifest.db")
        except MBError as error:
            if error.code != MBErrorCode.NOT_FOUND:
                raise
            sha256 = _fetch_manifest(host, f"{folder}/Manifest.mbdb", copy / "Manifest.mbdb")
            if not takes_mbdb:
                raise MBError(MBErrorCode.CORRUPT, "No keybag in manifest") from None  # REPORTED of iOS 27
            (copy / "Manifest.db").unlink(missing_ok=True)
        yield FetchedBackup(properties, copy, sha256)


def _fetch_manifest(host: HostFolder, path: str, destination: Path) -> bytes:
    """Returns the file's SHA-256."""
    digest = hashlib.sha256()

    def consume(_: str, chunks: Iterator[bytes]) -> None:
        size = 0
        with destination.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                size += file.write(chunk)
                if size > MANIFEST_LIMIT_BYTES:
                    raise MBError(
                        MBErrorCode.INVALID_DATA, f"Manifest is larger than {MANIFEST_LIMIT_BYTES} bytes", path
                    )

    if problem := host.download([path], consume).get(path):
        raise problem
    return digest.digest()


def blob_path(folder: str, file_id: str) -> str:
    """The path of a record's stored file in the backup in `folder`."""
    return f"{folder}/{file_id[:2]}/{file_id}"
