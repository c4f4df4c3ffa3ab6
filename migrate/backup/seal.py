"""The seal: SHA-256 of every blob, taken while it streamed in, and of the finished Manifest.db. It belongs to the one
backup with the same UUID and Date in Status.plist.

    <seals>/<UDID>.json            the seal of the last finished backup
    <seals>/<UDID>.draft.ndjson    hashes of the backup in progress; one fact per line

A backup that another program made gets its seal while it is verified, and a restore set has one of its own, beside it.

A draft survives the process that wrote it (SIGKILL), so a resumed backup keeps its hashes. A torn last line is cut off.
After a power failure the last lines may be missing: then those blobs are not in the seal, and verify reports which it
could not compare.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.flush import flush_to_disk
from migrate.backup.folder import FILE_ID, BackupFolder
from migrate.backup.private_files import FILE_MODE, FOLDER_MODE, write_atomically
from migrate.backup.safe_path import inside
from migrate.problems import BackupUnfinished, SealDamaged, UnsafeName

FORMAT = 1
SEAL_LIMIT_BYTES = 1 << 30  # 120 bytes per file; phones have up to 1.3 million (facts 3.2)

_SHA256 = re.compile(r"[0-9a-f]{64}")

WAITING_LINES = 4_096
"""So many lines of a draft are kept in memory until the next flush, about half a megabyte."""


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The digests of one finished backup as it arrived: the one with this `uuid` and `date`."""

    uuid: str | None
    date: datetime | None
    digests: dict[str, str] = field(repr=False)  # file id -> SHA-256 of the stored bytes, 64 hex digits
    sizes: dict[str, int] = field(repr=False)  # file id -> stored bytes
    unreadable: dict[str, str] = field(repr=False)  # file id -> the phone's message when it could not read the file
    app_groups: dict[str, list[str]] | None = field(repr=False)
    """Bundle id -> its group containers, as the phone listed them. None: the phone was not asked."""
    manifest: str | None = None  # SHA-256 of Manifest.db as stored; None in older seals and before iOS 10
    plists: dict[str, str] = field(default_factory=dict, repr=False)
    """File name -> SHA-256 of the plists of a restore set. Those of a backup may be rewritten: every backup writes
    Info.plist first, and a change of the password rewrites the keybag (facts 2.6)."""
    in_transit: frozenset[str] = field(default=frozenset(), repr=False)
    """Those of `unreadable` that the phone read and that did not arrive as it described them, twice."""

    def belongs_to(self, folder: BackupFolder) -> bool:
        """Whether `folder` is this backup, or a hard-linked copy of it."""
        return (self.uuid, self.date) == (folder.status_uuid, folder.status_date)

    def digest_of(self, name: str) -> str | None:
        """The SHA-256 of the file called `name` (a file id, Manifest.db or a plist); None where it is not sealed."""
        return self.digests.get(name) or self.plists.get(name) or (self.manifest if name == "Manifest.db" else None)


def read_seal(seals: Path, folder: BackupFolder) -> Seal | None:
    """The seal of exactly this backup; None if there is none, or only one of another backup (see `stored_seal`).

    Raises:
        SealDamaged: the seal cannot be read.
    """
    for udid in dict.fromkeys((folder.udid, folder.path.name)):  # a host may spell the UDID in another case
        seal = stored_seal(seals, udid)
        if seal is not None and seal.belongs_to(folder):
            return seal
    return None


def stored_seal(seals: Path, udid: str) -> Seal | None:
    """The last seal of the phone `udid`, whichever backup it belongs to.

    Raises:
        SealDamaged: the seal cannot be read.
    """
    path = _seal_path(seals, udid)
    try:
        if path.stat().st_size > SEAL_LIMIT_BYTES:
            raise SealDamaged(path, f"it is larger than {SEAL_LIMIT_BYTES} bytes")
        loaded = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SealDamaged(path, error.strerror or type(error).__name__) from error
    except (ValueError, RecursionError) as error:
        raise SealDamaged(path, "it is no JSON") from error
    try:
        return _seal_from(loaded)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SealDamaged(path, f"it does not hold what a seal holds ({error})") from error


def _seal_from(loaded: Any) -> Seal:
    if loaded["format"] != FORMAT:
        raise ValueError(f"format {loaded['format']!r}")
    blobs: dict[str, list[Any]] = loaded["blobs"]
    for file_id, (sha256, size) in blobs.items():
        if not FILE_ID.fullmatch(file_id) or not _SHA256.fullmatch(sha256) or not isinstance(size, int):
            raise ValueError(f"blob {file_id[:60]!r}")
    uuid, date = loaded["uuid"], loaded["date"] and datetime.fromisoformat(loaded["date"])
    if date is not None and date.tzinfo is None:
        raise ValueError("date without a zone")
    manifest, plists = loaded.get("manifest"), dict(loaded.get("plists", {}))
    if not all(_SHA256.fullmatch(digest) for digest in (*plists.values(), *((manifest,) if manifest else ()))):
        raise ValueError("the digest of the manifest or of a plist")
    app_groups = loaded["app_groups"]
    return Seal(
        uuid=None if uuid is None else str(uuid),
        date=date,
        digests={file_id: sha256 for file_id, (sha256, _) in blobs.items()},
        sizes={file_id: size for file_id, (_, size) in blobs.items()},
        unreadable={str(file_id): str(reason) for file_id, reason in loaded["unreadable"].items()},
        app_groups=None
        if app_groups is None
        else {str(bundle): [str(group) for group in groups] for bundle, groups in app_groups.items()},
        manifest=manifest,
        plists={str(name): digest for name, digest in plists.items()},
        in_transit=frozenset(str(file_id) for file_id in loaded.get("in_transit", ())),
    )


class SealDraft:
    """The seal of a backup in progress. Use it from one thread.

    What is noted is in the file, so that it survives the process, when `flush` returns: call it before the phone is
    told that its files arrived, because then it moves them into place and does not send them again.
    """

    def __init__(self, seals: Path, udid: str, base: Seal | None, *, started_ns: int) -> None:
        """Use `open`."""
        self._seals = seals
        self._udid = udid
        self._started_ns = started_ns
        self._file: IO[bytes] | None = None
        self._waiting: list[str] = []
        self._from_base: set[str] = set()
        self._start_from(base)

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
        draft._note(_line({"format": FORMAT, "udid": udid, "base": _name_of(base), "begun_ns": draft._started_ns}))
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
                wanted = {"format": FORMAT, "udid": udid, "base": _name_of(base)}
                if head is None or not head_line.endswith(b"\n") or {key: head.get(key) for key in wanted} != wanted:
                    return None
                draft = cls(seals, udid, base, started_ns=int(head["begun_ns"]))
                length = len(head_line)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    if (parsed := _parsed(line)) is None or not draft._apply(parsed):
                        draft._start_from(base)
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

    def add(self, file_id: str, sha256: str, size: int) -> None:
        """A blob arrived completely: SHA-256 and number of its stored bytes. It no longer counts as unreadable."""
        if not FILE_ID.fullmatch(file_id) or not _SHA256.fullmatch(sha256):
            raise ValueError(f"not a line of a seal's draft: {file_id!r} {sha256!r}")
        self._note(f'{{"blob":"{file_id}","sha256":"{sha256}","size":{size:d}}}\n')
        self._put(file_id, sha256, size)

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

    def mark_unreadable(self, file_id: str, reason: str) -> None:
        """The phone could not read this file, so its stored bytes are not reliable."""
        self._record({"unreadable": file_id, "reason": reason})

    def mark_damaged(self, file_id: str, reason: str) -> None:
        """This file arrived otherwise than the phone described it, twice: its stored bytes are not reliable. This is
        in the file on return, because no answer to the phone follows."""
        self._record({"unreadable": file_id, "reason": reason, "in_transit": True})
        self.flush()

    @property
    def received(self) -> dict[str, int]:
        """File id -> stored bytes of what has arrived since the backup began, also in an earlier process."""
        return {file_id: size for file_id, size in self.sizes.items() if file_id not in self._from_base}

    def forget(self, file_id: str) -> None:
        """The phone removed this blob."""
        self._record({"forget": file_id})

    def groups(self, app_groups: dict[str, list[str]]) -> None:
        """Set the group containers of every installed app, by bundle id."""
        self._record({"groups": app_groups})

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
        flush_to_disk(folder.path, since_ns=self._started_ns)
        known = [file_id for file_id in self.digests if self._is_known(folder, file_id)]
        seal = Seal(
            uuid=uuid,
            date=date,
            digests={file_id: self.digests[file_id] for file_id in known},
            sizes={file_id: self.sizes[file_id] for file_id in known},
            unreadable=dict(self.unreadable),
            app_groups=dict(self.app_groups),
            manifest=None if folder.is_flat else sha256_of(folder.manifest_db),
            in_transit=frozenset(self.in_transit),
        )
        write_seal(self._seals, self._udid, seal)
        self.close()
        _draft_path(self._seals, self._udid).unlink(missing_ok=True)
        return seal

    def _is_known(self, folder: BackupFolder, file_id: str) -> bool:
        try:
            stored = folder.blob(file_id).stat()
        except (OSError, UnsafeName):
            return False
        return file_id not in self._from_base or stored.st_mtime_ns <= self._started_ns

    def _start_from(self, base: Seal | None) -> None:
        self.digests: dict[str, str] = dict(base.digests) if base else {}
        self.sizes: dict[str, int] = dict(base.sizes) if base else {}
        self.unreadable: dict[str, str] = dict(base.unreadable) if base else {}
        self.in_transit: set[str] = set(base.in_transit) if base else set()
        self.app_groups: dict[str, list[str]] = dict(base.app_groups or {}) if base else {}
        self._from_base = set(self.digests)

    def close(self) -> None:
        """Close the draft and leave it on disk for a resumed backup."""
        if self._file is None:
            return
        try:
            self.flush()
        finally:
            self._file.close()
            self._file = None

    def _record(self, line: dict[str, Any]) -> None:
        if not self._apply(line):
            raise ValueError(f"not a line of a seal's draft: {line!r}")
        self._note(_line(line))

    def _note(self, line: str) -> None:
        if self._file is None:
            raise ValueError("this draft is closed")
        self._waiting.append(line)
        if len(self._waiting) >= WAITING_LINES:
            self.flush()

    def _apply(self, line: dict[str, Any]) -> bool:
        """Apply one line; False where it is not valid."""
        match line:
            case {"blob": str(file_id), "sha256": str(sha256), "size": int(size)} if FILE_ID.fullmatch(
                file_id
            ) and _SHA256.fullmatch(sha256):
                self._put(file_id, sha256, size)
            case {"unreadable": str(file_id), "reason": str(reason)} if FILE_ID.fullmatch(file_id):
                self._drop(file_id)
                self.unreadable[file_id] = reason
                if line.get("in_transit") is True:
                    self.in_transit.add(file_id)
            case {"forget": str(file_id)} if FILE_ID.fullmatch(file_id):
                self._drop(file_id)
            case {"groups": dict(app_groups)}:
                self.app_groups = {bundle: list(groups) for bundle, groups in app_groups.items()}
            case _:
                return False
        return True

    def _put(self, file_id: str, sha256: str, size: int) -> None:
        if file_id in self.unreadable or file_id in self._from_base:
            self._drop(file_id)
        self.digests[file_id], self.sizes[file_id] = sha256, size

    def _drop(self, file_id: str) -> None:
        self.digests.pop(file_id, None)
        self.sizes.pop(file_id, None)
        self.unreadable.pop(file_id, None)
        self.in_transit.discard(file_id)
        self._from_base.discard(file_id)


_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a stored file, 64 hex digits; None where it cannot be read."""
    try:
        with open_regular_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _seal_path(seals: Path, udid: str) -> Path:
    return inside(seals, f"{udid}.json")


def _draft_path(seals: Path, udid: str) -> Path:
    return inside(seals, f"{udid}.draft.ndjson")


def _name_of(base: Seal | None) -> list[str] | None:
    return [str(base.uuid), base.date.isoformat() if base.date else ""] if base else None


def _line(fact: dict[str, Any]) -> str:
    return json.dumps(fact, separators=(",", ":")) + "\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        loaded = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return loaded if isinstance(loaded, dict) else None


def write_seal(seals: Path, udid: str, seal: Seal) -> None:
    """Write the seal of a backup of the phone `udid`, and replace an old one when it is completely on disk."""
    content = {
        "format": FORMAT,
        "uuid": seal.uuid,
        "date": seal.date.isoformat() if seal.date else None,
        "blobs": {file_id: [sha256, seal.sizes[file_id]] for file_id, sha256 in seal.digests.items()},
        "unreadable": seal.unreadable,
        "app_groups": seal.app_groups,
        "manifest": seal.manifest,
        "plists": seal.plists,
        "in_transit": sorted(seal.in_transit),
    }
    write_atomically(_seal_path(seals, udid), json.dumps(content, separators=(",", ":")).encode())
