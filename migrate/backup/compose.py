"""Compose: from a saved backup and a choice to the restore set, an ordinary backup folder of just that.

    [1] decide about the rows (set_rows.py)
    [2] link the stored files, or copy where links can't be made; write the few that are made here
    [3] write a new Manifest.db, under the old manifest key where the backup is encrypted: the file keys in the rows and
        the keybag stay valid, and the same password opens the set
    [4] write the plists, Status.plist last (set_plists.py)

The saved backup is only read. The set appears whole, by one rename, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder, find_backup, inside
from migrate.backup.links import built_beside, link_or_copy, refuse_nesting
from migrate.backup.manifest import Manifest, ManifestWriter, encrypt_manifest, pad_manifest
from migrate.backup.private_files import FOLDER_MODE, write_new
from migrate.backup.seal import read_seal
from migrate.backup.set_plists import set_plists
from migrate.backup.set_rows import Dropped, SetRows
from migrate.errors import CannotCompose, UnsafeName
from migrate.watch import Watcher, nobody

__all__ = ["Dropped", "RestoreSet", "SetRequest", "compose"]

Strategy = Literal["replace", "overlay", "graft"]
Encryption = Literal["as-source", "encrypted", "plain"]


@dataclass(frozen=True, kw_only=True)
class SetRequest:
    """What to make a restore set of. `wanted` are file ids of any kind of record; the rest comes along by itself."""

    source: Path
    password: str | None = field(repr=False)
    into: Path
    """The folder to create (its parent exists): the set is in it, under the UDID of the phone whose backup it is: the
    old phone's, and for a graft the new phone's."""
    strategy: Strategy
    wanted: Collection[str] = field(repr=False)
    apps: frozenset[str] = frozenset()
    """Bundle ids of the apps that the new phone shall install."""
    seals: Path | None = None
    """Where the seal of the source lies: what the phone could not read is known from it."""
    damaged: Mapping[str, str] = field(default_factory=dict, repr=False)
    """File ids of the source that stay out although they are wanted, each with the reason: what verify found damaged,
    where the phone is gone and cannot be asked again."""
    encryption: Encryption = "as-source"
    """Of a `replace` or an `overlay`: another encryption than the source's. Every file is written anew."""
    set_password: str | None = field(default=None, repr=False)
    """The password of a set that is encrypted and whose source is not."""
    base: Path | None = None
    """Of a `graft`: the new phone's own encrypted backup, fresh and finished."""
    base_password: str | None = field(default=None, repr=False)
    base_seals: Path | None = None
    replaced: Collection[str] = field(default=frozenset(), repr=False)
    """Of a `graft`: file ids of the base's records that leave, because a chosen category claims them there."""


@dataclass(frozen=True, kw_only=True)
class RestoreSet:
    """A set as it lies on disk. `records` counts its rows, `files` those that are files, `bytes` their stored bytes."""

    path: Path
    records: int
    files: int
    bytes: int
    dropped: tuple[Dropped, ...]
    """Chosen, and not in it: what could not be sent, each with its reason."""
    left: int = 0
    """Of a graft: how many of the base's records left, because something that was chosen takes their place."""


def compose(request: SetRequest, watch: Watcher = nobody) -> RestoreSet:
    """Make the restore set. Blocking; whatever stood at `into` is replaced.

    Both strategies carry the same rows for the same choice; they differ in what is chosen, and in the restore's
    options. A `graft` is another set altogether and is not made here.

    Raises:
        BackupNotFound, BackupUnreadable, BackupUnfinished, PasswordMissing, WrongPassword: the source cannot be used.
        CannotCompose: it can be read, and no phone would accept a set of it.
        DiskFullHere: nothing was left behind.
    """
    if request.strategy not in ("replace", "overlay"):
        raise ValueError(f"no set is composed for {request.strategy!r}")
    folder = BackupFolder(find_backup(request.source))
    folder.require_finished()
    if folder.is_flat:
        reason = "it is of iOS 9 or older (Manifest.mbdb): it can be read, checked and extracted, not yet restored"
        raise CannotCompose(str(folder.path), reason)
    refuse_nesting(folder.path, request.into)
    seal = read_seal(request.seals, folder) if request.seals else None
    with Manifest.open(folder, request.password) as manifest:
        rows = SetRows(manifest, seal.unreadable if seal else {})
        rows.choose(request.wanted)
        with built_beside(request.into) as building:
            name = folder.udid
            place = inside(building, name)
            if place != building / place.name or place.name != name:
                raise UnsafeName(name, "is no name of one folder, as a phone's is")
            place.mkdir(mode=FOLDER_MODE)
            stored_bytes = _store(folder, rows, place, watch)
            writer = ManifestWriter(folder.ios_version or "")
            domains = rows.write_into(writer)
            for key, value in manifest.properties().items():
                writer.set_property(key, value)
            records = writer.count
            write_new(place / "Manifest.db", _sealed(writer.to_bytes(), manifest))
            for plist, content in set_plists(folder, domains=domains, apps=request.apps).items():
                write_new(place / plist, content)
    return RestoreSet(
        path=request.into / name,
        records=records,
        files=len(rows.linked) + len(rows.made_bytes),
        bytes=stored_bytes,
        dropped=tuple(rows.dropped),
    )


def _sealed(database: bytes, manifest: Manifest) -> bytes:
    if manifest.manifest_key is None:
        return pad_manifest(database)
    return encrypt_manifest(database, manifest.manifest_key)


def _store(folder: BackupFolder, rows: SetRows, place: Path, watch: Watcher) -> int:
    """Bring every stored file of the set into `place`. Returns their bytes."""
    done = 0
    shards: set[str] = set()

    def target(file_id: str) -> Path:
        shard = place / file_id[:2]
        if file_id[:2] not in shards:
            shard.mkdir(mode=FOLDER_MODE)
            shards.add(file_id[:2])
        return shard / file_id

    for count, file_id in enumerate(rows.linked, 1):
        link = target(file_id)
        link_or_copy(folder.blob(file_id), link)
        done += link.stat().st_size
        watch.bytes_moved(done, None)
        watch.files_moved(count)
    for file_id, content in rows.made_bytes.items():
        write_new(target(file_id), content, sync=False)  # hundreds of them, and the set is made again if power fails
        done += len(content)
    watch.files_moved(len(rows.linked) + len(rows.made_bytes))
    return done
