"""Compose: from a saved backup and a choice to the restore set, an ordinary backup folder of just that.

    [1] one pass over the rows (set_rows.py): those that go are written to a new Manifest.db as they come, and their
        stored files linked, or copied where links can't be made (stored_files.py)
    [2] what a phone needs around them: databases' companions, and the directories above (set_draft.py)
    [3] a graft: the complete domains of the new phone's own backup (graft.py)
    [4] the plists, Status.plist last (set_plists.py)

The set has the manifest key and the keybag of one of the backups (Encryption.of), so that backup's password opens it;
what comes from elsewhere is carried over into them (carriage.py). Or it is encrypted anew, or not at all.

The saved backups are only read. The set appears whole, by one rename, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder, find_backup, inside
from migrate.backup.links import refuse_nesting, replace_folder
from migrate.backup.manifest.open import Manifest
from migrate.backup.manifest.writer import ManifestFile
from migrate.backup.private_files import FOLDER_MODE, write_new
from migrate.backup.restore_set.builder import Dropped, SetBuilder
from migrate.backup.restore_set.encryption import SetEncryption
from migrate.backup.restore_set.graft import EXCLUDED_DOMAINS, KEYCHAIN, BaseRows
from migrate.backup.restore_set.plists import SetPlists
from migrate.backup.restore_set.rekey import ReencryptedContent, RewrappedKeys, SameKeys
from migrate.backup.restore_set.rows import ChosenRows
from migrate.backup.seal import read_seal
from migrate.problems import CannotCompose, UnsafeName
from migrate.progress import Progress, no_progress

__all__ = ["Dropped", "Encryption", "RestoreSet", "SetRequest", "compose"]

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
    replaced_files: int = 0
    """Of a graft: how many of the base's files left, because something that was chosen takes their place."""


def compose(request: SetRequest, progress: Progress = no_progress) -> RestoreSet:
    """Make the restore set. Blocking; whatever stood at `into` is replaced.

    `replace` and `overlay` carry the same rows for the same choice; they differ in what is chosen, and in the restore's
    options.

    Raises:
        BackupNotFound, BackupUnreadable, BackupUnfinished, PasswordMissing, WrongPassword: a backup cannot be used.
        CannotCompose: it can be read, and no phone would accept a set of it.
        GraftWouldDelete: the base of a graft lacks what the phone would then delete.
        DiskFullHere: nothing was left behind.
    """
    if (request.base is not None) != (request.strategy == "graft"):
        raise ValueError(f"a base belongs to a graft, and not to {request.strategy!r} alone")
    if request.strategy == "graft" and request.encryption != "as-source":
        raise ValueError("a graft is encrypted as its base is")
    with _opened(request.source, request.password, request.into) as source:
        if request.base is None:
            return _compose_from_one(request, source, progress)
        with _opened(request.base, request.base_password, request.into) as base:
            return _compose_graft(request, source, base, progress)


def _compose_from_one(request: SetRequest, source: Manifest, progress: Progress) -> RestoreSet:
    encryption = SetEncryption.of(source, request.encryption, request.set_password)
    rekey = SameKeys(source) if not encryption.is_new else ReencryptedContent(source, encryption.class_keys)
    with _building(request, source, encryption, progress) as builder:
        rows = ChosenRows(
            builder,
            source,
            rekey,
            excluded=_excluded(source, request.seals, request.damaged),
            excluded_domains={KEYCHAIN: "its items open with this backup's own keys alone"}
            if encryption.is_new
            else None,
        )
        rows.send(request.wanted)
        builder.add_directories([source])
        return _finished(request, builder, SetPlists(source.folder, changes=encryption.plist_changes))


def _compose_graft(request: SetRequest, source: Manifest, base: Manifest, progress: Progress) -> RestoreSet:
    if base.class_keys is None:
        reason = "it is not encrypted, so it lacks what phones give into encrypted backups alone; that would be deleted"
        raise CannotCompose(str(base.folder.path), reason)
    encryption = SetEncryption.of(base, "as-source", None)
    rekey = (
        RewrappedKeys(source, base.class_keys) if source.is_encrypted else ReencryptedContent(source, base.class_keys)
    )
    with _building(request, base, encryption, progress) as builder:
        chosen = ChosenRows(
            builder,
            source,
            rekey,
            excluded=_excluded(source, request.seals, request.damaged),
            excluded_domains=EXCLUDED_DOMAINS,
            fresh_inodes=True,
        )
        chosen.send(request.wanted)
        own = BaseRows(
            builder, base, excluded=_excluded(base, request.base_seals, {}), replaced=request.replaced, sent=chosen.sent
        )
        own.send()
        builder.add_directories([base, source], chosen.sent)
        made = _finished(request, builder, SetPlists(base.folder, source.folder))
        return replace(made, replaced_files=own.replaced_files)


@contextmanager
def _opened(path: Path, password: str | None, into: Path) -> Iterator[Manifest]:
    folder = BackupFolder(find_backup(path))
    folder.require_finished()
    if folder.is_flat:
        reason = "it is of iOS 9 or older (Manifest.mbdb): it can be read, checked and extracted, not yet restored"
        raise CannotCompose(str(folder.path), reason)
    refuse_nesting(folder.path, into)
    with Manifest.open(folder, password) as manifest:
        yield manifest


@contextmanager
def _building(
    request: SetRequest, like: Manifest, encryption: SetEncryption, progress: Progress
) -> Iterator[SetBuilder]:
    """An empty set with the UDID and the iOS version of the backup `like`."""
    name = like.folder.udid
    with ExitStack() as stack:
        building = stack.enter_context(replace_folder(request.into))
        place = inside(building, name)
        if place != building / place.name or place.name != name:
            raise UnsafeName(name, "is not the name of a single folder")
        place.mkdir(mode=FOLDER_MODE)
        ios_version = like.folder.ios_version or ""
        manifest = stack.enter_context(ManifestFile(place / "Manifest.db", ios_version, encryption.manifest_key))
        for key, value in like.properties().items():
            if not encryption.is_new or key not in _OF_THE_PASSWORD:
                manifest.set_property(key, value)
        yield SetBuilder(place, manifest, progress, ios_version)


def _finished(request: SetRequest, builder: SetBuilder, plists: SetPlists) -> RestoreSet:
    builder.flush()
    records = builder.manifest.finish()
    for plist, content in plists.made(domains=builder.domains(), apps=request.apps).items():
        write_new(builder.place / plist, content)
    return RestoreSet(
        path=request.into / builder.place.name,
        records=records,
        files=builder.files,
        bytes=builder.stored_bytes,
        dropped=tuple(builder.dropped),
    )


def _excluded(manifest: Manifest, seals: Path | None, damaged: Mapping[str, str]) -> dict[str, str]:
    seal = read_seal(seals, manifest.folder) if seals else None
    unreadable = seal.unreadable if seal else {}
    return {**{name: f"the phone could not read it: {message}" for name, message in unreadable.items()}, **damaged}


_OF_THE_PASSWORD = frozenset({"passwordHash", "salt"})
"""Properties that speak of the password of the backup they were written for (facts 3.2)."""
