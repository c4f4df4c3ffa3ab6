"""A set made from the new phone's own backup: what has to be in that backup, and what it does not bring back.

Blocking functions on open backups, called while the set is composed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from migrate.backup.record import file_id
from migrate.backup.restore_set.base_rows import NOT_NEEDED
from migrate.content.tally import OwnerTally, Tally
from migrate.journey.opened_backup import OpenedBackup
from migrate.journey.prompts import OwnBackupLimits
from migrate.language import _
from migrate.problems import RestoreWouldDelete

EXPECTED_UNREAD: Final = frozenset({file_id(*NOT_NEEDED)})


def refuse_unread_files(own: OpenedBackup) -> None:
    """Refuse a backup of the new phone that lacks a file which the phone could not read: the restore would delete it.

    Raises:
        RestoreWouldDelete.
    """
    unread = {
        name: why for name, why in (own.seal.unreadable if own.seal else {}).items() if name not in EXPECTED_UNREAD
    }
    for name, why in unread.items():
        record = next((one for one in own.backup.records(lambda bad: None) if one.file_id == name), None)
        domain, path = (record.domain, record.relative_path) if record else ("", name)
        reason = _("the phone could not read it ({message})").format(message=why)
        raise RestoreWouldDelete(str(own.backup.folder.path), domain, path, reason)


def synced_owners(own: Tally, owners: Iterable[str]) -> dict[str, list[str]]:
    """Those of `owners` that the new phone keeps in step with an account: its own backup has items of one (*guessed*:
    that an item belongs to an account shows that its sync is on), or items that are in iCloud alone."""
    found: dict[str, list[str]] = {}
    for owner in owners:
        row = own.owner(owner)
        accounts = sorted(_accounts_of(row))
        if row is not None and (row.only_in_icloud or any(kind.offloaded for kind in row.counts.kinds)):
            accounts = accounts or ["iCloud"]
        if accounts:
            found[owner] = accounts
    return found


def limits_of(own: Tally, old: Tally, owners: Iterable[str]) -> OwnBackupLimits:
    """What the confirmation says that the phone's own backup does not bring back."""
    apps = [row for row in own.apps if row.app.reinstallable is not None or row.files]
    known = {account for row in (*own.categories, *own.apps) for account in _accounts_of(row)}
    return OwnBackupLimits(
        apps=sum(row.app.reinstallable is True for row in apps),
        not_reinstallable=tuple(row.title for row in apps if row.app.reinstallable is False),
        without_data=tuple(row.title for row in apps if row.has_no_files),
        accounts=tuple(_account_lines(old, owners, known)),
    )


def _account_lines(old: Tally, owners: Iterable[str], known: Iterable[str]) -> Iterable[str]:
    there = frozenset(known)
    for owner in sorted(owners):
        row = old.owner(owner)
        for account, count in sorted(_accounts_of(row).items()):
            if row is not None and account not in there:
                yield _("{title}, {count:,} of {account}").format(title=row.title, count=count, account=account)


def _accounts_of(row: OwnerTally | None) -> Mapping[str, int]:
    accounts: Counter[str] = Counter()
    for kind in row.counts.kinds if row is not None else ():
        if not kind.is_unknown:
            accounts.update(kind.accounts)
    return accounts
