"""The seal of a restore set: the SHA-256 of everything that a phone will read from it.

Where a stored file is linked, its digest is the one taken when the phone sent it, so what rots after that, before or
while the set is composed, shows when the set is sent. Where a file is written, its digest is of what was written.

What is in the set is noted as it is made, so its folder is not listed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from migrate.backup.file_ids import ID_BYTES
from migrate.backup.folder import PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.seal import Seal, sha256_of, write_seal_of
from migrate.backup.seal_file import DIGEST_BYTES, SealedFile, SortedRecords
from migrate.problems import CannotCompose

_SIZE_BYTES = 8


class SetSeal:
    """The digests of the stored files of a set at `place`, kept outside memory."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._files = SortedRecords(place.parent, ID_BYTES + DIGEST_BYTES + _SIZE_BYTES)

    def add(self, file_id: str, sha256: bytes | None, size: int) -> None:
        """Note a stored file of the set. `sha256` None: it is read.

        Raises:
            CannotCompose: it cannot be read.
        """
        if sha256 is None:
            sha256 = bytes.fromhex(_read(self._place / file_id[:2] / file_id))
        self._files.add(b"%b%b%b" % (bytes.fromhex(file_id), sha256, size.to_bytes(_SIZE_BYTES, "big")))

    def write(self, app_groups: Seal | None) -> None:
        """Write the seal of the complete set beside it. `app_groups` is the seal of the phone that the set is a backup
        of.

        Raises:
            CannotCompose: a file of the set cannot be read.
        """
        folder = BackupFolder(self._place)
        content = Seal(
            uuid=folder.status_uuid,
            date=folder.status_date,
            digests={},
            sizes={},
            unreadable={},
            app_groups=app_groups.app_groups if app_groups else None,
            manifest=_read(folder.manifest_db),
            plists={name: _read(self._place / name) for name in PLIST_LIMIT_BYTES},
        )
        write_seal_of(self._place.parent, self._place.name, content, self._rows())

    def _rows(self) -> Iterator[SealedFile]:
        end = ID_BYTES + DIGEST_BYTES
        for record in self._files:
            yield SealedFile(record[:ID_BYTES], record[ID_BYTES:end], int.from_bytes(record[end:], "big"))


def _read(path: Path) -> str:
    digest = sha256_of(path)
    if digest is None:
        raise CannotCompose(str(path.parent), f"{path.name} cannot be read from this computer's disk")
    return digest
