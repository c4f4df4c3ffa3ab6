"""`notes.sqlite` of iOS 8 and older. Later versions keep the file for accounts that store notes as mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from migrate.content.item import FileRef, State, fingerprint_id
from migrate.content.normal_form import from_cocoa, seconds
from migrate.content.open_database import Columns, Database
from migrate.content.readers.notes.note import Note
from migrate.language import _

_ON_PHONE = (None, 0)
"""ZACCOUNT.ZTYPE of the phone's own notes (*guessed*)."""
_TAG = re.compile(r"<([^<>]*)>")
_BLOCKS = frozenset({"div", "p", "li", "h1", "h2", "h3", "tr"})


def old_notes(database: Database, file: FileRef) -> Iterator[Note]:
    """All notes of the store, in no order."""
    table = database.table("ZNOTE")
    bodies = database.table("ZNOTEBODY")
    if table is None or bodies is None or not table.has("Z_PK") or not bodies.has("ZOWNER", "ZCONTENT"):
        raise ValueError("it lacks the table ZNOTE or ZNOTEBODY, or columns that every known version has")
    columns = Columns(
        table,
        "n",
        key=("Z_PK",),
        id=("ZGUID",),
        title=("ZTITLE",),
        created=("ZCREATIONDATE",),
        modified=("ZMODIFICATIONDATE",),
        store=("ZSTORE",),
        deleted=("ZDELETEDFLAG",),
        bookkeeping=("ZISBOOKKEEPINGENTRY",),
    )
    folders = _folders(database)
    lacking = columns.lacking & {"title", "deleted"} | {"checklist", "attachments", "locked"}
    if "store" in columns.lacking:
        lacking |= {"folder"}
    for key, identifier, title, created, modified, store, deleted, bookkeeping, content in database.rows(
        f"SELECT {columns.sql}, b.ZCONTENT FROM {table.sql} n LEFT JOIN {bodies.sql} b ON b.ZOWNER = n.Z_PK"  # noqa: S608
    ):
        if bookkeeping == 1:
            continue
        when, body = from_cocoa(created), plain_text("" if content is None else str(content))
        folder, account = folders.get(store, (None, None)) if isinstance(store, int) else (None, None)
        shown = None if title is None else str(title)
        yield Note(
            id=str(identifier) if identifier else fingerprint_id((shown, seconds(when), body)),
            when=when,
            modified=from_cocoa(modified),
            state=State.DELETED if deleted == 1 else State.LIVE,
            account=account,
            title=shown,
            body=body,
            folder=folder,
            folders=() if folder is None else (folder,),
            row=key,
            database=file,
            lacking=lacking,
        )


def old_content(database: Database, key: int) -> str:
    """The HTML of a note's body."""
    bodies = database.table("ZNOTEBODY")
    assert bodies is not None, "the note was read from it"
    for (content,) in database.rows(f"SELECT ZCONTENT FROM {bodies.sql} WHERE ZOWNER = ? LIMIT 1", key):  # noqa: S608
        return "" if content is None else str(content)
    return ""


def _folders(database: Database) -> dict[int, tuple[str | None, str | None]]:
    """The name and account of each ZSTORE, which is what these stores call a folder."""
    stores, accounts = database.table("ZSTORE"), database.table("ZACCOUNT")
    if stores is None or not stores.has("Z_PK"):
        return {}
    names: dict[object, str | None] = {}
    if accounts is not None and accounts.has("Z_PK"):
        columns = Columns(accounts, "", key=("Z_PK",), kind=("ZTYPE",), name=("ZNAME",))
        rows = database.rows(f"SELECT {columns.sql} FROM {accounts.sql} LIMIT 10000")  # noqa: S608  quoted
        names = {key: None if kind in _ON_PHONE else str(name or _("an unnamed account")) for key, kind, name in rows}
    columns = Columns(stores, "", key=("Z_PK",), name=("ZNAME",), account=("ZACCOUNT",))
    rows = database.rows(f"SELECT {columns.sql} FROM {stores.sql} LIMIT 100000")  # noqa: S608  quoted
    return {key: (None if name is None else str(name), names.get(account)) for key, name, account in rows}


def plain_text(html: str) -> str:
    """The text of a note that is stored as HTML. Every step takes time in proportion to the length."""
    if "<" not in html and "&" not in html:
        return html
    parts: list[str] = []
    ends_line = True
    for index, part in enumerate(_TAG.split(html)):
        if index % 2 == 0:
            if part:
                parts.append(unescape(part))
                ends_line = part.endswith("\n")
            continue
        tag = part[:10].partition(" ")[0].strip("/").lower()
        if tag == "br" or (tag in _BLOCKS and not part.startswith("/") and not ends_line):
            parts.append("\n")
            ends_line = True
    return "".join(parts).strip("\n")
