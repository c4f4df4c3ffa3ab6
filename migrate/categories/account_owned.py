"""Count items that belong to an account (iCloud, Google, Exchange …): they move, but stay only if you sign in to it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable

from migrate.categories.databases import columns_of, quote_identifier
from migrate.language import mark

Check = Callable[[sqlite3.Connection, str], int | None]
"""From a database and its path: how many items belong to an account; None if that is unknown."""

_LOCAL = -1
_REMOTE_SOURCES = (1, 4)
"""Store.type, first and last: 0 on the phone, 1 Exchange, 2 CalDAV (iCloud too), 3 MobileMe, 4 subscribed, 5 birthdays.
*read*: the numbers of EventKit's EKSourceType, which fit the stores of an iOS 18 database; that they are the same is
INFERRED."""
_LOCAL_ACCOUNT = "LocalAccount"
_NOTES_ON_PHONE = 3
"""ZACCOUNTTYPE of notes on the phone; the identifier of that account is `LocalAccount`. *guessed*: 1 is iCloud."""
_ACCOUNT_COLUMN = re.compile(r"ZACCOUNT\d*")


def count_account_people(connection: sqlite3.Connection, path: str) -> int | None:
    """People in a source with an account; a source without one has AccountID -1 (*seen*: iOS 15.3, 18)."""
    if "StoreID" not in columns_of(connection, "ABPerson") or "AccountID" not in columns_of(connection, "ABStore"):
        return None
    return _number(
        connection,
        "SELECT COUNT(*) FROM ABPerson p JOIN ABStore s ON s.ROWID = p.StoreID WHERE s.AccountID IS NOT ?",
        _LOCAL,
    )


def count_account_events(connection: sqlite3.Connection, path: str) -> int | None:
    """Events in calendars that come from a server."""
    known = {"CalendarItem": "calendar_id", "Calendar": "store_id", "Store": "type"}
    if not all(column in columns_of(connection, table) for table, column in known.items()):
        return None
    return _number(
        connection,
        "SELECT COUNT(*) FROM CalendarItem i JOIN Calendar c ON c.ROWID = i.calendar_id"
        " JOIN Store s ON s.ROWID = c.store_id WHERE s.type BETWEEN ? AND ?",
        *_REMOTE_SOURCES,
    )


def count_account_reminders(connection: sqlite3.Connection, path: str) -> int | None:
    """Each account has its own store, `Data-<UUID>.sqlite`; `Data-local.sqlite` is the phone's (*read*)."""
    if "Z_PK" not in columns_of(connection, "ZREMCDREMINDER"):
        return None
    if path.endswith("/Data-local.sqlite"):
        return 0
    return _number(connection, "SELECT COUNT(*) FROM ZREMCDREMINDER")


def count_account_notes(connection: sqlite3.Connection, path: str) -> int | None:
    """Notes in accounts other than the phone's own.

    Entity numbers differ between stores, and a note's account is in ZACCOUNT2, 3, 4 or 7 depending on the version, so
    this uses the column that gives the most notes an account.
    """
    table = "ZICCLOUDSYNCINGOBJECT"
    columns = columns_of(connection, table)
    if not {"Z_PK", "Z_ENT", "ZACCOUNTTYPE", "ZIDENTIFIER"} <= columns:
        return None
    if not {"Z_ENT", "Z_NAME"} <= columns_of(connection, "Z_PRIMARYKEY"):
        return None
    entities = dict(connection.execute("SELECT Z_NAME, Z_ENT FROM Z_PRIMARYKEY"))
    note, account = entities.get("ICNote"), entities.get("ICAccount")
    if note is None or account is None:
        return None
    not_deleted = " AND n.ZMARKEDFORDELETION IS NOT 1" if "ZMARKEDFORDELETION" in columns else ""
    best = (0, 0)
    for column in sorted(filter(_ACCOUNT_COLUMN.fullmatch, columns)):
        found, remote = connection.execute(
            f"SELECT COUNT(*), COUNT(CASE WHEN a.ZACCOUNTTYPE IS NOT ? AND a.ZIDENTIFIER IS NOT ? THEN 1 END)"  # noqa: S608  names are the database's own columns, quoted
            f" FROM {table} n JOIN {table} a ON a.Z_PK = n.{quote_identifier(column)} AND a.Z_ENT = ?"
            f" WHERE n.Z_ENT = ?{not_deleted}",
            (_NOTES_ON_PHONE, _LOCAL_ACCOUNT, account, note),
        ).fetchone()
        best = max(best, (int(found), int(remote)))
    return best[1]


def _number(connection: sqlite3.Connection, query: str, *values: int) -> int:
    (number,) = connection.execute(query, values).fetchone()
    return int(number)


ACCOUNT_OWNED_COUNTERS: dict[str, Check] = {
    "contacts": count_account_people,
    "calendars": count_account_events,
    "reminders": count_account_reminders,
    "notes": count_account_notes,
}
NOTE = mark(
    "{count} of them belong to an account (iCloud, Google, Exchange …): sign in to it on the new phone to keep them"
)
