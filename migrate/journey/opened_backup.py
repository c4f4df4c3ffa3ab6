"""An open backup together with who owns what in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.seal import Seal, read_seal
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.choose import Chooser, OnRow
from migrate.categories.claims import Claims
from migrate.journey.backup_password import password_of
from migrate.journey.phone_session import PhoneSession
from migrate.journey.prompts import Role
from migrate.journey.steps.verify import seals_for
from migrate.journey.threads import in_thread
from migrate.language import _
from migrate.plan.model import Plan


@dataclass(frozen=True)
class OpenedBackup:
    """An open backup and the owners of its records."""

    backup: Backup
    claims: Claims
    seal: Seal | None


async def open_with_claims(session: PhoneSession, folder: Path, role: Role) -> OpenedBackup:
    """Open a backup and work out which category or app owns each of its records."""
    password = await password_of(session, folder, role)

    def opened() -> OpenedBackup:
        backup = Backup.open(folder, password)
        seal = read_seal(seals_for(session, folder), BackupFolder(folder))
        return OpenedBackup(backup, Claims.of(backup, seal.app_groups if seal else None), seal)

    return await in_thread(session, opened)


def chooser_of(opened: OpenedBackup, plan: Plan, on_row: Mapping[str, OnRow] | None = None) -> Chooser:
    """Chooses what the plan moves from a backup of the old phone. `on_row`: see `Chooser`."""
    move = plan.move
    return Chooser(opened.claims, categories=move.categories, except_=move.except_, apps=move.apps, on_row=on_row)


def title_of(claims: Claims, owner: str) -> str:
    """What a person calls a category or an app."""
    if owner.startswith(APP_PREFIX):
        return claims.apps[owner.removeprefix(APP_PREFIX)].title
    return _(claims.catalogue.category(owner).title)
