"""Shortcuts: `Shortcuts.sqlite`. The actions of a shortcut are a property list in a table of their own."""

from __future__ import annotations

import hashlib
import plistlib
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import from_cocoa, text
from migrate.content.open_database import Columns, Database
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_identity, as_text, few, needed_table
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark
from migrate.plists import NotAPlist, load_plist

STORE = Place("HomeDomain", ("Library/Shortcuts/Shortcuts.sqlite",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut(Item):
    """A shortcut. `actions` is a digest."""

    name: str | None
    actions: str | None

    def fingerprint(self) -> Fingerprint:
        return {"name": text(self.name), "actions": self.actions}

    def describe(self) -> str:
        return _("the shortcut {name}").format(name=shortened(self.name or "") or _("without a name"))


def shortcuts(source: Source) -> Iterator[Item]:
    """All shortcuts, ordered by id."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[Shortcut]:
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            yield from _shortcuts_of(database)


def _shortcuts_of(database: Database) -> Iterator[Shortcut]:
    table = needed_table(database, "ZSHORTCUT")
    columns = Columns(
        table,
        "",
        key=("Z_PK",),
        id=("ZWORKFLOWID",),
        name=("ZNAME",),
        created=("ZCREATIONDATE",),
        modified=("ZMODIFICATIONDATE",),
    )
    actions = _actions(database)
    lacking = columns.lacking & {"name"} | ({"actions"} if actions is None else set())
    kept = " WHERE ZTOMBSTONED IS NOT 1" if table.has("ZTOMBSTONED") else ""  # *guessed*: deleted, but not synced
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED{kept}"  # noqa: S608  the schema's names, quoted
    for key, identity, name, created, modified in database.rows(query):
        digest, is_decoded = (actions or {}).get(key, (None, True))
        yield Shortcut(
            id=as_identity(identity) or fingerprint_id((text(as_text(name)), digest)),
            when=from_cocoa(created),
            modified=from_cocoa(modified),
            name=as_text(name),
            actions=digest,
            lacking=lacking,
            undecoded=frozenset[str]() if is_decoded else frozenset({"actions"}),
        )


def _actions(database: Database) -> dict[object, tuple[str, bool]] | None:
    """The digest of the actions of each shortcut, by its row, and whether they could be decoded."""
    table = database.table("ZSHORTCUTACTIONS")
    if table is None or not table.has("ZSHORTCUT", "ZDATA"):
        return None
    query = f"SELECT ZSHORTCUT, ZDATA FROM {table.sql} NOT INDEXED"  # noqa: S608  the schema's name, quoted
    return {key: _digest(data) for key, data in few(database.rows(query), "shortcuts") if data is not None}


def _digest(data: object) -> tuple[str, bool]:
    """The digest of a property list, the same whatever the order of its keys; of the bytes if it cannot be decoded."""
    stored = data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogatepass")
    try:
        plain, is_decoded = plistlib.dumps(load_plist(stored), fmt=plistlib.FMT_XML, sort_keys=True), True
    except (NotAPlist, ValueError, TypeError, OverflowError):  # the last two: what XML cannot hold
        plain, is_decoded = stored, False
    return hashlib.blake2b(plain, digest_size=16).hexdigest(), is_decoded


SHORTCUTS = Kind(
    id="shortcuts",
    owner="shortcuts",
    label=mark("shortcuts"),
    places=(STORE,),
    items=shortcuts,
)
