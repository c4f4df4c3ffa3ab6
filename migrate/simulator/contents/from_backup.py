"""A simulated iPhone that plays a saved backup: what lay on the real phone then, read from the backup when asked for."""

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
    """The content of one file of a backup, decrypted anew each time it is asked for.

    `size` is what the phone claimed when it was backed up; the content may be longer or shorter (facts 3.5).
    `chunks` raises BlobMissing and BlobUnreadable: the backup's fault.
    """

    backup: Backup = field(repr=False)
    record: Record = field(repr=False)

    @property
    def size(self) -> int:
        return self.record.size or 0

    def chunks(self) -> Iterator[bytes]:
        return self.backup.chunks(self.record)


def fill_from_backup(phone: SimulatedPhone, backup: Backup) -> None:
    """Lays everything that `backup` holds onto `phone`, over what is there, and makes it that phone by its looks: name,
    model, iOS version and build, and the person's apps.

    What is left to the caller: UDID, serial number and trust stay the simulator's own, so that no real phone's pairing
    is touched; backup password, passcode, Find My, setup and capacity are in no backup.

    Contents are not copied: `backup` must stay open and unchanged as long as the phone is used. Rows cost about a
    kilobyte of memory each, contents nothing. A blob that is missing or unreadable shows when it is asked for: the
    phone cannot read that file in a backup of its own, and `phone.files.digests()` raises BlobMissing or
    BlobUnreadable.

    Raises:
        BadRecord: a row is damaged, or names what cannot lie on a phone's disk.
        BackupUnreadable: the manifest, Manifest.plist or Info.plist. Some rows may have been laid down by then.
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
    """Takes over what is well formed; a backup is a stranger."""
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
