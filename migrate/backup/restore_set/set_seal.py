"""The seal of a restore set: the SHA-256 of everything that a phone will read from it.

Where a stored file is linked, its digest is the one taken when the phone sent it, so what rots after that, before or
while the set is composed, shows when the set is sent. Where a file is written, its digest is of what was written.

What is in the set is noted as it is made, so its folder is not listed again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from migrate.backup.file_ids import ID_BYTES
from migrate.backup.folder import PLIST_LIMIT_BYTES, BackupFolder
from migrate.backup.seal import Seal, sha256_of, write_seal_of
from migrate.backup.seal_file import DIGEST_BYTES, SealedFile, SortedRecords
from migrate.problems import CannotCompose

_SIZE_BYTES = 8
_RECORD = struct.Struct(f">{ID_BYTES}sQB{DIGEST_BYTES}s")
_RECORD_BYTES = _RECORD.size
_WRITTEN = 255
"""In place of the number of the seal that a linked file's digest is in."""
_NO_DIGEST = bytes(DIGEST_BYTES)


class SetSeal:
    """The digests of the stored files of a set at `place`, kept outside memory."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._files = SortedRecords(place.parent, _RECORD_BYTES)
        self._seals: list[Seal] = []

    def add_written(self, file_id: str, sha256: bytes, size: int) -> None:
        """Note a stored file that was written."""
        self._files.add(b"%b%b%c%b" % (bytes.fromhex(file_id), size.to_bytes(_SIZE_BYTES, "big"), _WRITTEN, sha256))

    def add_linked(self, file_ids: Sequence[str], sizes: Sequence[int], seal: Seal | None) -> None:
        """Note stored files that were linked, with their sizes; `seal` is that of the backup they are from."""
        if seal is not None and not any(seal is other for other in self._seals):
            self._seals.append(seal)
        source = _WRITTEN if seal is None else next(n for n, other in enumerate(self._seals) if other is seal)
        packed, end = bytes.fromhex("".join(file_ids)), bytes((source,)) + _NO_DIGEST
        self._files.add_all(
            packed[at : at + ID_BYTES] + size.to_bytes(_SIZE_BYTES, "big") + end
            for at, size in zip(range(0, len(packed), ID_BYTES), sizes, strict=True)
        )

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
        """Everything in the set, in the order of the ids. The seals are in that order too."""
        sealed = [_Ahead(seal.rows) for seal in self._seals]
        for record in self._files:
            file_id, size, source, sha256 = _RECORD.unpack(record)
            if source != _WRITTEN:
                sha256 = sealed[source].sha256_of(file_id)
            elif sha256 == _NO_DIGEST:
                sha256 = None
            if sha256 is None:
                name = file_id.hex()
                sha256 = bytes.fromhex(_read(self._place / name[:2] / name))
            yield SealedFile(file_id, sha256, size)


class _Ahead:
    """The rows of a seal, asked for in ascending order."""

    def __init__(self, rows: Iterable[SealedFile]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)

    def sha256_of(self, file_id: bytes) -> bytes | None:
        row = self._next
        while row is not None and row[0] < file_id:
            row = next(self._rows, None)
        self._next = row
        return row[1] if row is not None and row[0] == file_id else None


def _read(path: Path) -> str:
    digest = sha256_of(path)
    if digest is None:
        raise CannotCompose(str(path.parent), f"{path.name} cannot be read from this computer's disk")
    return digest
