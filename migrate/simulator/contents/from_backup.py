"""Fills a simulated iPhone with the files of a real backup, whose contents are read on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.problems import BadRecord
from migrate.simulator.agent.backup_apps import app_from_backup, user_apps
from migrate.simulator.agent.rows.record_node import node_of
from migrate.simulator.device import identity
from migrate.simulator.device.filesystem import EMPTY
from migrate.simulator.device.phone import SimulatedPhone

NAME_LIMIT = 128
VERSION = re.compile(r"\d{1,3}(\.\d{1,3}){1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class BackupContent:
    """The content of one file in a backup, decrypted again on every read.

    `size` is the size in the backup's row; the content may be longer or shorter (facts 3.5). `chunks` raises
    BlobMissing and BlobUnreadable if the backup is damaged.
    """

    backup: Backup = field(repr=False)
    record: Record = field(repr=False)

    @property
    def size(self) -> int:
        return self.record.size or 0

    def chunks(self) -> Iterator[bytes]:
        return self.backup.chunks(self.record)


def fill_from_backup(phone: SimulatedPhone, backup: Backup) -> None:
    """Adds all files of `backup` to `phone`, over existing ones, and copies name, model, iOS version, build and apps.

    UDID, serial number and trust stay the simulator's, so that no real phone's pairing is affected. The backup
    password, passcode, Find My, setup state and capacity are not in a backup; the caller sets them.

    Contents are not copied: `backup` must stay open and unchanged as long as the phone is used. Each row needs about a
    kilobyte of memory, contents need none. Missing or unreadable blobs only show when they are read: the phone then
    cannot read that file in its own backup, and `phone.files.digests()` raises BlobMissing or BlobUnreadable.

    Raises:
        BadRecord: a row is damaged or has a path that is not possible on a phone.
        BackupUnreadable: the manifest, Manifest.plist or Info.plist cannot be read. Some files may have been added.
    """
    properties = backup.folder.manifest_plist or {}
    info = backup.folder.info or {}
    for record in backup.records():
        content = BackupContent(backup, record) if record.kind is Kind.FILE else EMPTY
        try:
            phone.files.put(node_of(record, content))
        except ValueError as error:
            raise BadRecord(record.file_id, record.domain, record.relative_path, str(error)) from error
    _copy_identity(phone, _dictionary(properties, "Lockdown"))
    applications, receipts = _dictionary(properties, "Applications"), _dictionary(info, "Applications")
    installed = info.get("Installed Applications")
    bundle_ids = installed if isinstance(installed, list) else user_apps(applications)
    for bundle_id in bundle_ids:
        if isinstance(bundle_id, str):
            phone.apps[bundle_id] = app_from_backup(bundle_id, applications, receipts)


def _copy_identity(phone: SimulatedPhone, lockdown: dict[str, object]) -> None:
    """Copies the valid values; a backup's plists are not trusted."""
    name, version, build, model = (
        value if isinstance(value := lockdown.get(key), str) and 0 < len(value) <= NAME_LIMIT else None
        for key in ("DeviceName", "ProductVersion", "BuildVersion", "ProductType")
    )
    phone.name = name or phone.name
    phone.model = model or phone.model
    if version is not None and VERSION.fullmatch(version):
        phone.ios_version = version
        phone.build = build or identity.build_of(version)


def _dictionary(plist: dict[str, object], key: str) -> dict[str, object]:
    value = plist.get(key)
    return value if isinstance(value, dict) else {}
