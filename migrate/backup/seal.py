"""The seal: SHA-256 of every blob, taken while it streamed in, and of the finished Manifest.db. It belongs to the one
backup with the same UUID and Date in Status.plist.

    <seals>/<UDID>.seal            the seal of the last finished backup (seal_file.py)
    <seals>/<UDID>.json            the same as an earlier version wrote it
    <seals>/<UDID>.draft.ndjson    hashes of the backup in progress; one fact per line

A backup that another program made gets its seal while it is verified, and a restore set has one of its own, beside it.

A draft survives the process that wrote it (SIGKILL), so a resumed backup keeps its hashes. A torn last line is cut off.
After a power failure the last lines may be missing: then those blobs are not in the seal, and verify reports which it
could not compare.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from migrate.backup.crypto.stored_content import open_regular_file
from migrate.backup.folder import FILE_ID, BackupFolder
from migrate.backup.safe_path import inside
from migrate.backup.seal_file import (
    BrokenSealFile,
    Digests,
    SealedFile,
    SealRows,
    Sizes,
    read_seal_file,
    write_seal_file,
)
from migrate.problems import SealDamaged

FORMAT = 2
JSON_FORMAT = 1
SEAL_LIMIT_BYTES = 1 << 30  # at most 120 bytes per file; phones have up to 1.3 million (facts 3.2)

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Seal:
    """The digests of one finished backup as it arrived: the one with this `uuid` and `date`."""

    uuid: str | None
    date: datetime | None
    digests: Mapping[str, str] = field(repr=False)  # file id -> SHA-256 of the stored bytes, 64 hex digits
    sizes: Mapping[str, int] = field(repr=False)  # file id -> stored bytes
    unreadable: dict[str, str] = field(repr=False)  # file id -> the phone's message when it could not read the file
    app_groups: dict[str, list[str]] | None = field(repr=False)
    """Bundle id -> its group containers, as the phone listed them. None: the phone was not asked."""
    manifest: str | None = None  # SHA-256 of Manifest.db as stored; None in older seals and before iOS 10
    plists: dict[str, str] = field(default_factory=dict, repr=False)
    """File name -> SHA-256 of the plists of a restore set. Those of a backup may be rewritten: every backup writes
    Info.plist first, and a change of the password rewrites the keybag (facts 2.6)."""
    in_transit: frozenset[str] = field(default=frozenset(), repr=False)
    """Those of `unreadable` that the phone read and that did not arrive as it described them, twice."""

    @cached_property
    def rows(self) -> SealRows:
        """The sealed files in the order of their ids, packed."""
        if isinstance(self.digests, Digests):
            return self.digests.rows
        sizes = self.sizes
        return SealRows.pack(
            (bytes.fromhex(file_id), bytes.fromhex(sha256), sizes[file_id]) for file_id, sha256 in self.digests.items()
        )

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
    path = find_seal(seals, udid)
    try:
        if path.suffix != SEAL_SUFFIX:
            return _seal_of_earlier_version(path)
        rows, loaded = read_seal_file(path, limit_bytes=SEAL_LIMIT_BYTES)
        return _seal_from(loaded, Digests(rows), Sizes(rows), FORMAT)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SealDamaged(path, error.strerror or type(error).__name__) from error
    except BrokenSealFile as error:
        raise SealDamaged(path, error.reason) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SealDamaged(path, f"it does not hold what a seal holds ({error})") from error


def _seal_of_earlier_version(path: Path) -> Seal:
    if path.stat().st_size > SEAL_LIMIT_BYTES:
        raise BrokenSealFile(f"it is larger than {SEAL_LIMIT_BYTES} bytes")
    try:
        loaded = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BrokenSealFile("it is no JSON") from error
    blobs: dict[str, list[Any]] = loaded["blobs"]
    for file_id, (sha256, size) in blobs.items():
        if not FILE_ID.fullmatch(file_id) or not _SHA256.fullmatch(sha256) or not isinstance(size, int):
            raise ValueError(f"blob {file_id[:60]!r}")
        if not 0 <= size < 1 << 63:
            raise ValueError(f"the size of blob {file_id}")
    rows = SealRows.pack((bytes.fromhex(name), bytes.fromhex(sha256), size) for name, (sha256, size) in blobs.items())
    return _seal_from(loaded, Digests(rows), Sizes(rows), JSON_FORMAT)


def _seal_from(loaded: Any, digests: Digests, sizes: Sizes, seal_format: int) -> Seal:
    if loaded["format"] != seal_format:
        raise ValueError(f"format {loaded['format']!r}")
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
        digests=digests,
        sizes=sizes,
        unreadable={str(file_id): str(reason) for file_id, reason in loaded["unreadable"].items()},
        app_groups=None
        if app_groups is None
        else {str(bundle): [str(group) for group in groups] for bundle, groups in app_groups.items()},
        manifest=manifest,
        plists={str(name): digest for name, digest in plists.items()},
        in_transit=frozenset(str(file_id) for file_id in loaded.get("in_transit", ())),
    )


def write_seal(seals: Path, udid: str, seal: Seal) -> None:
    """Write the seal of a backup of the phone `udid`, and replace an old one when it is completely on disk."""
    write_seal_of(seals, udid, seal, seal.rows)


def write_seal_of(seals: Path, udid: str, seal: Seal, rows: Iterable[SealedFile]) -> None:
    """As `write_seal`, with other sealed files than those of `seal`, in the order of their ids."""
    path = inside(seals, f"{udid}{SEAL_SUFFIX}")
    content = {
        "format": FORMAT,
        "uuid": seal.uuid,
        "date": seal.date.isoformat() if seal.date else None,
        "unreadable": seal.unreadable,
        "app_groups": seal.app_groups,
        "manifest": seal.manifest,
        "plists": seal.plists,
        "in_transit": sorted(seal.in_transit),
    }
    write_seal_file(path, rows, content)
    inside(seals, f"{udid}{EARLIER_SUFFIX}").unlink(missing_ok=True)


SEAL_SUFFIX, EARLIER_SUFFIX = ".seal", ".json"


def find_seal(seals: Path, udid: str) -> Path:
    """The file of the last seal of the phone `udid`, whether or not it exists.

    Raises:
        UnsafeName: the UDID is not the name of a file.
    """
    path = inside(seals, f"{udid}{SEAL_SUFFIX}")
    earlier = inside(seals, f"{udid}{EARLIER_SUFFIX}")
    return earlier if not path.exists() and earlier.exists() else path


def sha256_of(path: Path) -> str | None:
    """SHA-256 of a stored file, 64 hex digits; None where it cannot be read."""
    try:
        with open_regular_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
