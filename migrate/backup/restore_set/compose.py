"""Composes the restore set: an ordinary backup folder with the chosen records of a backup.

    [1] one pass over the rows (rows.py): chosen rows are written to a new Manifest.db, and their stored files linked,
        or copied where links cannot be made (stored_files.py)
    [2] what a phone needs around them: the companions of databases, and the directories above (builder.py)
    [3] for a rebuild or a graft: all or some domains of the new phone's own backup (base_rows.py)
    [4] the plists, Status.plist last (plists.py)
    [5] the set's seal, beside it (set_seal.py)

The set uses the manifest key and keybag of one of the backups (encryption.py), so that backup's password opens it;
records from another backup are re-keyed (rekey.py). A set can also have a new keybag, or no encryption.

The backups are only read. The set appears as a whole, by one rename, or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from migrate.backup.folder import BackupFolder, find_backup
from migrate.backup.links import refuse_nesting, replace_folder
from migrate.backup.manifest.manifest import Manifest
from migrate.backup.manifest.open import open_manifest
from migrate.backup.manifest.writer import ManifestWriter
from migrate.backup.mbfile.encode import inlines_digests
from migrate.backup.private_files import FOLDER_MODE, write_new
from migrate.backup.restore_set.another_phone import EXCLUDED_DOMAINS, KEYCHAIN
from migrate.backup.restore_set.base_rows import GRAFT_DOMAINS, BaseRows
from migrate.backup.restore_set.builder import Dropped, SetBuilder
from migrate.backup.restore_set.encryption import SetEncryption
from migrate.backup.restore_set.plists import SetPlists
from migrate.backup.restore_set.rekey import ReencryptedContent, RewrappedKeys, SameKeys
from migrate.backup.restore_set.rows import ChosenRows
from migrate.backup.restore_set.wanted import Wanted, WantedIds
from migrate.backup.safe_path import inside
from migrate.backup.seal import Seal, read_seal
from migrate.problems import CannotCompose, UnsafeName
from migrate.progress import Progress, no_progress

__all__ = ["Dropped", "Encryption", "RestoreSet", "SetRequest", "compose"]

Strategy = Literal["replace", "overlay", "rebuild", "graft"]
Encryption = Literal["as-source", "encrypted", "plain"]


@dataclass(frozen=True, kw_only=True)
class SetRequest:
    """What to compose. `wanted` are file ids of records of any kind, or who chooses them row by row; companions and
    directories are added."""

    source: Path
    password: str | None = field(repr=False)
    into: Path
    """The folder to create; its parent exists. The set is a folder in it, named by the UDID of the old phone, or where
    there is a base by that of the new phone."""
    strategy: Strategy
    wanted: Collection[str] | Wanted = field(repr=False)
    apps: frozenset[str] = frozenset()
    """Bundle ids of the apps that the new phone is to install."""
    seals: Path | None = None
    """The folder of seals: the source's seal names the files that the phone could not read, and has the digest of each
    other file, which the set's seal takes over."""
    damaged: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Wanted file ids of the source to leave out, each with the reason: files that verify found damaged when the phone
    is gone and cannot send them again."""
    encryption: Encryption = "as-source"
    """For `replace` and `overlay`: an encryption other than the source's rewrites every file."""
    set_password: str | None = field(default=None, repr=False)
    """The password of an encrypted set with an unencrypted source."""
    base: Path | None = None
    """For a `rebuild` or `graft`: the new phone's own encrypted backup, fresh, complete and finished."""
    base_password: str | None = field(default=None, repr=False)
    base_seals: Path | None = None
    """The folder of seals: the base's seal names the files that the new phone could not read. None: there are none."""
    replaced: Collection[str] = field(default=frozenset(), repr=False)
    """File ids of records in the base to leave out, because a chosen category claims them."""


@dataclass(frozen=True, kw_only=True)
class RestoreSet:
    """A set on disk. `records` counts its rows, `files` those that are files, `bytes` their stored bytes."""

    path: Path
    records: int
    files: int
    bytes: int
    dropped: tuple[Dropped, ...]
    """Chosen records that cannot be sent, each with the reason."""
    replaced_files: int = 0
    """How many files of the base were left out because chosen records take their place."""


def compose(request: SetRequest, progress: Progress = no_progress) -> RestoreSet:
    """Make the restore set. Blocking; replaces the folder `into`.

    `replace` and `overlay` give the same rows for the same choice; they differ in what is chosen and in the options of
    the restore.

    Raises:
        BackupNotFound, BackupUnreadable, BackupUnfinished, PasswordMissing, WrongPassword: a backup cannot be used.
        What `wanted` raises.
        CannotCompose: it can be read, but no phone would accept a set made from it.
        RestoreWouldDelete: the base lacks something that is on the new phone, which the restore would then delete.
        DiskFullHere: the disk is full; nothing is left behind.
    """
    if (request.base is not None) != (request.strategy in _WITH_BASE):
        raise ValueError(f"a base belongs to a rebuild or a graft, and not to {request.strategy!r} alone")
    if request.base is not None and request.encryption != "as-source":
        raise ValueError(f"a {request.strategy} is encrypted as its base is")
    with _opened(request.source, request.password, request.into) as source:
        if request.base is None:
            return _compose_from_one(request, source, progress)
        with _opened(request.base, request.base_password, request.into) as base:
            return _compose_on_base(request, source, base, progress)


def _compose_from_one(request: SetRequest, source: Manifest, progress: Progress) -> RestoreSet:
    encryption = SetEncryption.of(source, request.encryption, request.set_password)
    rekey = SameKeys(source) if not encryption.is_new else ReencryptedContent(source, encryption.class_keys)
    seal = _seal_of(source, request.seals)
    with _building(request, source, encryption, progress) as builder:
        rows = ChosenRows(
            builder,
            source,
            rekey,
            seal=seal,
            excluded=_excluded(seal, request.damaged),
            excluded_domains={KEYCHAIN: "its items open with this backup's own keys alone"}
            if encryption.is_new
            else None,
        )
        rows.send(_wanted(request))
        builder.add_directories(source)
        made = _finished(request, builder, SetPlists(source.folder, changes=encryption.plist_changes))
        builder.write_seal(seal)
        return made


def _compose_on_base(request: SetRequest, source: Manifest, base: Manifest, progress: Progress) -> RestoreSet:
    if base.class_keys is None:
        reason = "it is not encrypted, so it lacks what phones give into encrypted backups alone; that would be deleted"
        raise CannotCompose(str(base.folder.path), reason)
    is_rebuild = request.strategy == "rebuild"
    encryption = SetEncryption.of(base, "as-source", None)
    form = inlines_digests(base.folder.ios_version or "")
    rekey = (
        RewrappedKeys(source, base.class_keys, inline_digest=form)
        if source.is_encrypted
        else ReencryptedContent(source, base.class_keys, inline_digest=form)
    )
    seal, base_seal = _seal_of(source, request.seals), _seal_of(base, request.base_seals)
    with _building(request, base, encryption, progress) as builder:
        chosen = ChosenRows(
            builder,
            source,
            rekey,
            seal=seal,
            excluded=_excluded(seal, request.damaged),
            excluded_domains=EXCLUDED_DOMAINS,
            joins_another_phone=True,
            # a rebuild deletes the new phone's own companions, so no empty ones have to take their place
            empty_companions=not is_rebuild,
        )
        chosen.send(_wanted(request))
        base_rows = BaseRows(
            builder,
            base,
            seal=base_seal,
            domains=None if is_rebuild else GRAFT_DOMAINS,
            unreadable=_unreadable_of(base, request.base_seals, base_seal),
            replaced=request.replaced,
            sent=chosen.sent,
        )
        base_rows.send()
        builder.add_directories(base, source, chosen.sent)
        plists = SetPlists(base.folder, source.folder, keeps_own_apps=is_rebuild)
        made = _finished(request, builder, plists)
        builder.write_seal(base_seal)
        return replace(made, replaced_files=base_rows.replaced_files)


@contextmanager
def _opened(path: Path, password: str | None, into: Path) -> Iterator[Manifest]:
    folder = BackupFolder(find_backup(path))
    folder.require_finished()
    if folder.is_flat:
        reason = "it is of iOS 9 or older (Manifest.mbdb): it can be read, checked and extracted, not yet restored"
        raise CannotCompose(str(folder.path), reason)
    refuse_nesting(folder.path, into)
    with open_manifest(folder, password) as manifest:
        yield manifest


@contextmanager
def _building(
    request: SetRequest, like: Manifest, encryption: SetEncryption, progress: Progress
) -> Iterator[SetBuilder]:
    """An empty set with the UDID and iOS version of the backup `like`."""
    name = like.folder.udid
    with ExitStack() as stack:
        building = stack.enter_context(replace_folder(request.into))
        place = inside(building, name)
        if place != building / place.name or place.name != name:
            raise UnsafeName(name, "is not the name of a single folder")
        place.mkdir(mode=FOLDER_MODE)
        ios_version = like.folder.ios_version or ""
        manifest = stack.enter_context(ManifestWriter(place / "Manifest.db", ios_version, encryption.manifest_key))
        for key, value in like.properties().items():
            if not encryption.is_new or key not in _PASSWORD_PROPERTIES:
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


def _wanted(request: SetRequest) -> Wanted:
    return WantedIds(request.wanted) if isinstance(request.wanted, Collection) else request.wanted


def _seal_of(manifest: Manifest, seals: Path | None) -> Seal | None:
    return read_seal(seals, manifest.folder) if seals else None


def _excluded(seal: Seal | None, damaged: Mapping[str, str]) -> dict[str, str]:
    unreadable = seal.unreadable if seal else {}
    in_transit = seal.in_transit if seal else frozenset()
    return {
        name: f"it arrived damaged: {message}" if name in in_transit else f"the phone could not read it: {message}"
        for name, message in unreadable.items()
    } | dict(damaged)


def _unreadable_of(base: Manifest, seals: Path | None, seal: Seal | None) -> dict[str, str]:
    """Raises CannotCompose: there is no seal of this very backup. What the phone could not read is in no manifest."""
    if seals is not None and seal is None:
        reason = "nothing here says which files the new iPhone could not read into it, and those would be deleted"
        raise CannotCompose(str(base.folder.path), reason)
    return _excluded(seal, {})


_WITH_BASE = ("rebuild", "graft")

_PASSWORD_PROPERTIES = frozenset({"passwordHash", "salt"})
"""Properties that depend on the password of their backup (facts 3.2)."""
