"""Asks a phone again for files that it could not read, or that did not arrive as it described them.

A phone sends a file once: while its row is in the manifest and something is stored for it, it takes the file as saved
(seen with an independent phone: every later backup and repair left a file as it had arrived before a read error). So
their rows are taken out of the manifest, and their stored bytes removed, before the phone is asked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import open_manifest
from migrate.backup.private_files import FOLDER_MODE, sync_folder
from migrate.backup.safe_path import inside
from migrate.backup.verify.received import find_contradicted
from migrate.journey.backup_password import password_of
from migrate.journey.phone_session import PhoneSession
from migrate.journey.prompts import Role
from migrate.journey.repair.clone import write_manifest_without
from migrate.journey.threads import in_thread
from migrate.problems import BackupUnreadable, KeybagUnreadable, PasswordMissing, UnsafeName, WrongPassword

CANNOT_LOOK = (BackupUnreadable, KeybagUnreadable, PasswordMissing, WrongPassword)
"""Then nothing is asked for again here; verify reports the same trouble."""


@dataclass(frozen=True)
class SecondLook:
    """The looks at a working backup between two backups of one phone. The caller holds the backup's lock."""

    session: PhoneSession
    role: Role

    async def contradicted(self, folder: Path, received: Mapping[str, int]) -> dict[str, str]:
        """File id -> domain and path of each received file (with its stored bytes) that is not what its row says."""
        backup = BackupFolder(folder)
        with suppress(*CANNOT_LOOK):
            password = await password_of(self.session, folder, self.role)
            found = await in_thread(self.session, lambda: find_contradicted(backup, password, received))
            return {record.file_id: f"{record.domain} {record.relative_path}" for record in found}
        return {}

    async def forget(self, folder: Path, file_ids: Collection[str]) -> frozenset[str]:
        """Make the backup lack these files, so that the phone sends them again. Returns those that it had."""
        with suppress(*CANNOT_LOOK):
            if not file_ids or not BackupFolder(folder).is_finished:
                return frozenset()
            password = await password_of(self.session, folder, self.role)
            return await in_thread(self.session, lambda: forget_files(folder, password, file_ids))
        return frozenset()


def forget_files(folder: Path, password: str | None, file_ids: Collection[str]) -> frozenset[str]:
    """Take the rows of `file_ids` out of the manifest, then remove their stored bytes; the manifest is replaced by one
    rename. Killed in between, it leaves stored files without rows, which the phone sends again too. Blocking.

    Raises:
        BackupUnreadable, KeybagUnreadable, PasswordMissing, WrongPassword: the manifest cannot be opened.
    """
    backup, wanted = BackupFolder(folder), frozenset(file_ids)
    building = inside(folder.parent, f".{folder.name}.forgetting")
    shutil.rmtree(building, ignore_errors=True)
    with open_manifest(backup, password) as manifest:
        there = frozenset(row.file_id for row in manifest.rows(lambda _: None)) & wanted
        if not there:
            return there
        building.mkdir(mode=FOLDER_MODE)
        try:
            write_manifest_without(manifest, there, building)
            fresh = building / backup.manifest.name
            with fresh.open("r+b") as file:
                os.fsync(file.fileno())
            fresh.replace(backup.manifest)
            sync_folder(folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    for name in there:
        with suppress(UnsafeName):
            backup.blob(name).unlink(missing_ok=True)
    return there
