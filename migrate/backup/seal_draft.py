"""The seal of a backup in progress: an append-only file of facts, merged with the seal of the base when it is finished.

Memory holds what could not be read and the lines that wait for the next flush, not what arrived: that is in the file,
and is sorted outside memory (seal_file.py).
"""

from __future__ import annotations

import binascii
import json
import os
import re
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Self

from migrate.backup.file_ids import ID_BYTES
from migrate.backup.flush import flush_to_disk
from migrate.backup.folder import FILE_ID, BackupFolder
from migrate.backup.held_shards import HeldShards
from migrate.backup.private_files import FILE_MODE, FOLDER_MODE
from migrate.backup.safe_path import inside
from migrate.backup.seal import JSON_FORMAT, Seal, sha256_of, stored_seal, write_seal
from migrate.backup.seal_file import DIGEST_BYTES, Digests, SealedFile, SealRows, Sizes, SortedRecords
from migrate.problems import BackupUnfinished

WAITING_LINES: Final = 4_096
"""So many lines are kept in memory until the next flush, about half a megabyte."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLOB_LINE = re.compile(rb'\{"blob":"([0-9a-f]{40})","sha256":"([0-9a-f]{64})","size":([0-9]{1,18})\}\n')


_RECORD = struct.Struct(f">{ID_BYTES}sQB{DIGEST_BYTES}sQ")
"""A fact for sorting: file id, number of its line, whether there is a digest, the digest, stored bytes."""
_NO_DIGEST = bytes(DIGEST_BYTES)
_PIECE_BYTES = 1 << 20


class SealDraft:
    """The seal of a backup in progress. Use it from one thread.

    What is noted is in the file, so that it survives the process, when `flush` returns: call it before the phone is
    told that its files arrived, because then it moves them into place and does not send them again.
    """

    def __init__(self, seals: Path, udid: str, base: Seal | None, *, started_ns: int) -> None:
        """Use `open`."""
        self._seals = seals
        self._udid = udid
        self._base = base
        self._path = _draft_path(seals, udid)
        self._started_ns = started_ns
        self._file: IO[bytes] | None = None
        self._waiting: list[str] = []
        self._start_from_base()

    @classmethod
    def open(cls, seals: Path, udid: str, base: Seal | None, *, fresh: bool = False) -> Self:
        """The draft to write to: that of an interrupted backup on the same base, else a new one.

        `base` is the valid seal of the backup that this one adds to, None for a full backup. `fresh` drops an earlier
        draft. A draft on another base is dropped too, because its backup was abandoned.
        """
        seals.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path = _draft_path(seals, udid)
        if not fresh and (draft := cls._read_draft(path, seals, udid, base)) is not None:
            return draft
        path.unlink(missing_ok=True)
        draft = cls(seals, udid, base, started_ns=0)
        draft._file = os.fdopen(os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, FILE_MODE), "ab")
        draft._started_ns = path.stat().st_mtime_ns
        draft._note(_line({"format": JSON_FORMAT, "udid": udid, "base": _name_of(base), "begun_ns": draft._started_ns}))
        draft.flush()
        return draft

    @classmethod
    def resume(cls, seals: Path, udid: str) -> Self | None:
        """The draft of an interrupted backup, on whichever base; None where there is none.

        During a backup Status.plist no longer names the base, so only the draft has it.

        Raises:
            SealDamaged: the stored seal cannot be read.
        """
        path = _draft_path(seals, udid)
        for base in (stored_seal(seals, udid), None) if path.exists() else ():
            if (draft := cls._read_draft(path, seals, udid, base)) is not None:
                return draft
        return None

    @classmethod
    def _read_draft(cls, path: Path, seals: Path, udid: str, base: Seal | None) -> Self | None:
        """An earlier draft on this base, its torn last line cut off; None where there is none.

        Damage before the last line (by the disk, not a killed process) makes all lines doubtful, because a lost line
        may have replaced an earlier one. Then only the head is kept, for its time.
        """
        try:
            with path.open("rb") as file:
                head = _parsed(head_line := file.readline())
                wanted = {"format": JSON_FORMAT, "udid": udid, "base": _name_of(base)}
                if head is None or not head_line.endswith(b"\n") or {key: head.get(key) for key in wanted} != wanted:
                    return None
                draft = cls(seals, udid, base, started_ns=int(head["begun_ns"]))
                length = len(head_line)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    if not draft._apply(line):
                        draft._start_from_base()
                        length = len(head_line)
                        break
                    length += len(line)
        except FileNotFoundError:
            return None
        except (KeyError, TypeError, ValueError):
            return None
        os.truncate(path, length)
        draft._file = os.fdopen(os.open(path, _APPEND), "ab")
        return draft

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- facts -------------------------------------------------------------------------------------------------------

    def add(self, file_id: str, sha256: str, size: int) -> None:
        """A blob arrived completely: SHA-256 and number of its stored bytes. It no longer counts as unreadable."""
        if not FILE_ID.fullmatch(file_id) or not _SHA256.fullmatch(sha256) or size < 0:
            raise ValueError(f"not a line of a seal's draft: {file_id!r} {sha256!r}")
        self._note(f'{{"blob":"{file_id}","sha256":"{sha256}","size":{size:d}}}\n')
        if file_id in self.unreadable:
            self._drop(file_id)

    def mark_unreadable(self, file_id: str, reason: str) -> None:
        """The phone could not read this file, so its stored bytes are not reliable."""
        self._record({"unreadable": file_id, "reason": reason})

    def mark_damaged(self, file_id: str, reason: str) -> None:
        """This file arrived otherwise than the phone described it, twice: its stored bytes are not reliable. This is
        in the file on return, because no answer to the phone follows."""
        self._record({"unreadable": file_id, "reason": reason, "in_transit": True})
        self.flush()

    def forget(self, file_id: str) -> None:
        """The phone removed this blob."""
        self._record({"forget": file_id})

    def groups(self, app_groups: dict[str, list[str]]) -> None:
        """Set the group containers of every installed app, by bundle id."""
        self._record({"groups": app_groups})

    def flush(self) -> None:
        """Write everything that was noted so far to the file.

        Raises:
            OSError
        """
        if self._file is None:
            raise ValueError("this draft is closed")
        if self._waiting:
            self._file.write("".join(self._waiting).encode("ascii"))
            self._waiting.clear()
        self._file.flush()

    def close(self) -> None:
        """Close the draft and leave it on disk for a resumed backup."""
        if self._file is None:
            return
        try:
            self.flush()
        finally:
            self._file.close()
            self._file = None

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def received(self) -> Sizes:
        """File id -> stored bytes of what has arrived since the backup began, also in an earlier process."""
        return Sizes(SealRows.spool((row for row, is_there in self._facts() if is_there), self._seals))

    @property
    def digests(self) -> Digests:
        """File id -> SHA-256 of what has arrived, and of what the base has and no line contradicts."""
        return Digests(SealRows.spool((row for row, _ in self._merged()), self._seals))

    def finish(self, folder: BackupFolder) -> Seal:
        """Write the seal of the finished backup in `folder` to disk, and remove the draft.

        Only certain hashes are included. Blobs that the phone removed are left out, and so is a hash from the base
        whose blob is newer than the start of this backup: the blob arrived, but its line was lost. `folder` must be a
        new object: one made before the backup caches the old Status.plist. Everything in it is on the disk first:
        with its seal the backup counts as finished.

        Raises:
            BackupUnfinished: Status.plist does not describe a finished backup.
            OSError: something in the folder could not be written.
        """
        uuid, date = folder.status_uuid, folder.status_date
        folder.require_finished()
        if uuid is None or date is None:
            raise BackupUnfinished(folder.path, folder.snapshot_state)
        self.flush()
        flush_to_disk(folder.path, since_ns=self._started_ns)
        with HeldShards(folder.path, flat=folder.is_flat) as shards:
            known = SealRows.spool(
                (row for row, is_from_base in self._merged() if self._is_known(shards, row, is_from_base)), self._seals
            )
        seal = Seal(
            uuid=uuid,
            date=date,
            digests=Digests(known),
            sizes=Sizes(known),
            unreadable=dict(self.unreadable),
            app_groups=dict(self.app_groups),
            manifest=None if folder.is_flat else sha256_of(folder.manifest_db),
            in_transit=frozenset(self.in_transit),
        )
        write_seal(self._seals, self._udid, seal)
        self.close()
        self._path.unlink(missing_ok=True)
        return seal

    def _is_known(self, shards: HeldShards, row: SealedFile, is_from_base: bool) -> bool:
        try:
            status = shards.status(row.file_id.hex())
        except OSError:
            return False
        return stat.S_ISREG(status.st_mode) and (not is_from_base or status.st_mtime_ns <= self._started_ns)

    def _merged(self) -> Iterator[tuple[SealedFile, bool]]:
        """Every file with a digest, in the order of the ids, and whether it is from the base."""
        facts, base = self._facts(), iter(self._base.rows if self._base is not None else ())
        row, fact = next(base, None), next(facts, None)
        while row is not None or fact is not None:
            if fact is None or (row is not None and row.file_id < fact[0].file_id):
                assert row is not None
                yield row, True
                row = next(base, None)
                continue
            noted, is_there = fact
            if row is not None and row.file_id == noted.file_id:
                row = next(base, None)
            if is_there:
                yield noted, False
            fact = next(facts, None)

    def _facts(self) -> Iterator[tuple[SealedFile, bool]]:
        """The last fact of every file that a line names, in the order of the ids. False: its stored bytes are not
        reliable, or gone."""
        if self._file is not None:
            self.flush()
        records = SortedRecords(self._seals, _RECORD.size)
        number = 0
        with self._path.open("rb") as file:
            file.readline()
            while lines := file.read(_PIECE_BYTES):
                lines += file.readline()
                for record in _records_of(lines, number):
                    records.add(record)
                    number += 1
        sorted_records = iter(records)
        last = next(sorted_records, None)
        for record in sorted_records:
            if last is not None and last[:ID_BYTES] != record[:ID_BYTES]:
                yield _fact_of(last)
            last = record
        if last is not None:
            yield _fact_of(last)

    def _start_from_base(self) -> None:
        base = self._base
        self.unreadable: dict[str, str] = dict(base.unreadable) if base else {}
        self.in_transit: set[str] = set(base.in_transit) if base else set()
        self.app_groups: dict[str, list[str]] = dict(base.app_groups or {}) if base else {}

    def _record(self, fact: dict[str, Any]) -> None:
        line = _line(fact)
        if not self._apply(line.encode("ascii")):
            raise ValueError(f"not a line of a seal's draft: {fact!r}")
        self._note(line)

    def _note(self, line: str) -> None:
        if self._file is None:
            raise ValueError("this draft is closed")
        self._waiting.append(line)
        if len(self._waiting) >= WAITING_LINES:
            self.flush()

    def _apply(self, line: bytes) -> bool:
        """Note what a line says beside digests; False where it is not valid."""
        if (blob := _BLOB_LINE.fullmatch(line)) is not None:
            if self.unreadable:
                self._drop(blob[1].decode("ascii"))
            return True
        match _parsed(line):
            case {"unreadable": str(file_id), "reason": str(reason), **rest} if FILE_ID.fullmatch(file_id):
                self._drop(file_id)
                self.unreadable[file_id] = reason
                if rest.get("in_transit") is True:
                    self.in_transit.add(file_id)
            case {"forget": str(file_id)} if FILE_ID.fullmatch(file_id):
                self._drop(file_id)
            case {"groups": dict(app_groups)}:
                self.app_groups = {bundle: list(groups) for bundle, groups in app_groups.items()}
            case _:
                return False
        return True

    def _drop(self, file_id: str) -> None:
        self.unreadable.pop(file_id, None)
        self.in_transit.discard(file_id)


_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


def _draft_path(seals: Path, udid: str) -> Path:
    return inside(seals, f"{udid}.draft.ndjson")


def _name_of(base: Seal | None) -> list[str] | None:
    return [str(base.uuid), base.date.isoformat() if base.date else ""] if base else None


def _records_of(lines: bytes, number: int) -> Iterator[bytes]:
    """What the lines, all of them valid, say of files. They are counted from `number` on."""
    pack, unhexlify = _RECORD.pack, binascii.unhexlify
    blobs = _BLOB_LINE.findall(lines)
    if len(blobs) == lines.count(b"\n"):  # as good as always: half of the time
        for file_id, sha256, size in blobs:
            yield pack(unhexlify(file_id), number, 1, unhexlify(sha256), int(size))
            number += 1
        return
    for line in lines.splitlines(keepends=True):
        if (blob := _BLOB_LINE.fullmatch(line)) is not None:
            yield pack(unhexlify(blob[1]), number, 1, unhexlify(blob[2]), int(blob[3]))
        else:
            match _parsed(line):
                case {"unreadable": str(file_id)} | {"forget": str(file_id)}:
                    yield pack(bytes.fromhex(file_id), number, 0, _NO_DIGEST, 0)
                case _:
                    continue
        number += 1


def _fact_of(record: bytes) -> tuple[SealedFile, bool]:
    file_id, _, has_digest, sha256, size = _RECORD.unpack(record)
    return SealedFile(file_id, sha256, size), bool(has_digest)


def _line(fact: dict[str, Any]) -> str:
    return json.dumps(fact, separators=(",", ":")) + "\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        loaded = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None
