"""The Notes app: one table for folders, accounts, notes and media. Note bodies are gzipped protocol buffers.

Schema *read* from iOS 18. The numbered columns a note uses depend on the version: ZCREATIONDATE3 and ZACCOUNT7 from iOS
16 on, ZCREATIONDATE1 and ZACCOUNT3 before (the pairs are iLEAPP's, the boundary *guessed*).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from migrate.simulator.contents.author import HOME, REFERENCE_TIME, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.deflate import gzip_of
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.sqlite_file import Database, Row
from migrate.simulator.contents.note_bodies import BULLETS, CHECKLIST, TITLE, NoteRun, styled_body, table_document

GROUP = "AppDomainGroup-group.com.apple.notes"
ENTITIES: dict[str, int | tuple[int, int]] = {
    "ICCloudSyncingObject": 3,
    "ICAttachment": (5, 3),
    "ICInlineAttachment": (9, 5),
    "ICMedia": (11, 3),
    "ICNote": (12, 3),
    "ICAccount": (14, 3),
    "ICFolder": (15, 3),
    "ICNoteData": 19,
}
OBJECT = "ZICCLOUDSYNCINGOBJECT"
TABLE_TYPE = "com.apple.notes.table"
TABLES = {
    OBJECT: "ZCRYPTOITERATIONCOUNT INTEGER, ZISPASSWORDPROTECTED INTEGER, ZMARKEDFORDELETION INTEGER, "
    "ZNEEDSINITIALFETCHFROMCLOUD INTEGER, ZACCOUNT2 INTEGER, ZACCOUNT3 INTEGER, ZACCOUNT7 INTEGER, "
    "ZATTACHMENT1 INTEGER, ZACCOUNTTYPE INTEGER, ZFOLDER INTEGER, ZFOLDERTYPE INTEGER, ZHASCHECKLIST INTEGER, "
    "ZISPINNED INTEGER, ZNOTE INTEGER, ZNOTEDATA INTEGER, ZCREATIONDATE1 TIMESTAMP, ZCREATIONDATE3 TIMESTAMP, "
    "ZMODIFICATIONDATE1 TIMESTAMP, ZFILENAME VARCHAR, ZGENERATION1 VARCHAR, ZIDENTIFIER VARCHAR, ZNAME VARCHAR, "
    "ZPASSWORDHINT VARCHAR, ZSNIPPET VARCHAR, ZTITLE VARCHAR, ZTITLE1 VARCHAR, ZTITLE2 VARCHAR, ZTYPEUTI VARCHAR, "
    "ZWIDGETSNIPPET VARCHAR, ZMERGEABLEDATA1 BLOB, ZLASTVIEWEDMODIFICATIONDATE TIMESTAMP, "
    "ZCRYPTOINITIALIZATIONVECTOR BLOB, ZCRYPTOSALT BLOB, ZCRYPTOTAG BLOB, ZCRYPTOWRAPPEDKEY BLOB",
    "ZICNOTEDATA": "ZNOTE INTEGER, ZCRYPTOINITIALIZATIONVECTOR BLOB, ZCRYPTOTAG BLOB, ZDATA BLOB",
}
MORE_SCHEMA = f"CREATE INDEX ZICNOTE_FOLDER ON {OBJECT} (ZFOLDER);"
OLD_SCHEMA = """
CREATE TABLE ZNOTE (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZCREATIONDATE TIMESTAMP, ZTITLE VARCHAR);
CREATE TABLE ZNOTEBODY (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZOWNER INTEGER, ZCONTENT VARCHAR);
"""


PASSWORD, ITERATIONS = "notes password", 20_000
"""Of locked notes. 20,000 is Notes' own number (*seen*: macOS 13)."""
ON_PHONE, IN_ICLOUD = 3, 1
"""ZACCOUNTTYPE; the value for iCloud is *guessed*."""


def write(author: Author) -> None:
    store = CoreDataStore(ENTITIES, TABLES, uuid=author.uuid(), more_schema=MORE_SCHEMA)
    identifier = "LocalAccount"
    here = _add_account(store, "On My iPhone", identifier, ON_PHONE)
    in_icloud = author.spec.icloud_notes
    there = _add_account(store, "iCloud", author.uuid(), IN_ICLOUD) if in_icloud else here
    locked = range(in_icloud, in_icloud + author.spec.locked_notes)
    notes = [
        _add_note(author, store, *(there if number < in_icloud else here), moment, number, is_locked=number in locked)
        for number, moment in enumerate(author.moments(author.spec.notes))
    ]
    if len(notes) >= 3:
        _add_scan(author, store, identifier, notes[-1])
    for _ in range(author.spec.icloud_only_note_media):
        _add_medium(author, store, notes[-1], "Scanned Document.jpg")
    author.database(GROUP, "NoteStore.sqlite", store, protection_class=4)
    author.directory(GROUP, "Library/Caches")
    settings = {"ICDefaultAccount": identifier}
    author.plist(GROUP, "Library/Preferences/group.com.apple.notes.plist", settings, mode=0o100600)
    author.database(HOME, "Library/Notes/notes.sqlite", Database(OLD_SCHEMA))


def _add_account(store: CoreDataStore, name: str, identifier: str, kind: int) -> tuple[int, int]:
    """Adds an account and its folder. Returns their primary keys."""
    account = store.add("ICAccount", OBJECT, {"ZNAME": name, "ZIDENTIFIER": identifier, "ZACCOUNTTYPE": kind})
    known: Row = {"ZTITLE2": "Notes", "ZIDENTIFIER": f"DefaultFolder-{identifier}", "ZFOLDERTYPE": 0}
    return account, store.add("ICFolder", OBJECT, known)


def _add_note(
    author: Author, store: CoreDataStore, account: int, folder: int, moment: int, number: int, *, is_locked: bool
) -> int:
    lines = [author.title(), *(author.sentence() for _ in range(author.random.randint(0, 6)))]
    identifier = author.uuid()
    table = f"{identifier[:-4]}7AB1" if number % 6 == 3 and not is_locked else None
    runs = _styled(lines, number, table)
    created, owner = ("ZCREATIONDATE3", "ZACCOUNT7") if author.ios >= (16,) else ("ZCREATIONDATE1", "ZACCOUNT3")
    note = store.add(
        "ICNote",
        OBJECT,
        {
            "ZTITLE1": lines[0],
            "ZSNIPPET": lines[1] if len(lines) > 1 else None,
            "ZIDENTIFIER": identifier,
            "ZFOLDER": folder,
            owner: account,
            created: apple_seconds(moment),
            "ZMODIFICATIONDATE1": apple_seconds(author.random.randint(moment, REFERENCE_TIME)),
            "ZISPASSWORDPROTECTED": 0,
            "ZISPINNED": int(author.random.random() < 0.1),
            "ZMARKEDFORDELETION": 0,
        },
    )
    stored = gzip_of(styled_body(runs))
    of_body: Row = _lock(author, store, note, stored) if is_locked else {"ZDATA": stored}
    body = store.add("ICNoteData", "ZICNOTEDATA", {"ZNOTE": note, **of_body})
    store.execute(f"UPDATE {OBJECT} SET ZNOTEDATA = ? WHERE Z_PK = ?", body, note)  # noqa: S608 - a constant
    if any(run.style == CHECKLIST for run in runs):
        store.execute(f"UPDATE {OBJECT} SET ZHASCHECKLIST = 1 WHERE Z_PK = ?", note)  # noqa: S608 - a constant
    if table is not None:
        cells = gzip_of(table_document([["What", "How many"], [lines[0], str(len(lines))]]))
        row: Row = {"ZNOTE": note, "ZTYPEUTI": TABLE_TYPE, "ZIDENTIFIER": table, "ZMERGEABLEDATA1": cells}
        store.add("ICAttachment", OBJECT, row)
    return note


def _styled(lines: Sequence[str], number: int, table: str | None) -> list[NoteRun]:
    """A title, and lines that are a checklist, a list or plain by the number of the note; a table below them."""
    whole = [f"{line}\n" for line in lines[:-1]] + [lines[-1] if table is None else f"{lines[-1]}\n"]
    runs = [NoteRun(whole[0], TITLE)]
    for index, line in enumerate(whole[1:]):
        if number % 3 == 1:
            item = hashlib.md5(line.encode(), usedforsecurity=False).digest()
            runs.append(NoteRun(line, CHECKLIST, item=item, done=index % 2 == 1))
        elif number % 3 == 2:
            first, space, rest = line.partition(" ")
            runs += [
                NoteRun(first + space, BULLETS, indent=index % 2, weight=1),
                NoteRun(rest, BULLETS, indent=index % 2),
            ]
        else:
            runs.append(NoteRun(line))
    return runs if table is None else [*runs, NoteRun("\ufffc", attachment=(table, TABLE_TYPE))]


def _lock(author: Author, store: CoreDataStore, note: int, stored: bytes) -> Row:
    """Lock a note with the password of Notes, as iOS up to 15 did. Returns the columns of its body."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    salt, key, iv = author.random.randbytes(16), author.random.randbytes(16), author.random.randbytes(16)
    derived = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, ITERATIONS, 16)
    sealed = AESGCM(key).encrypt(iv, stored, None)
    columns = "ZISPASSWORDPROTECTED = 1, ZSNIPPET = NULL, ZCRYPTOSALT = ?, ZCRYPTOITERATIONCOUNT = ?,"
    columns += " ZCRYPTOWRAPPEDKEY = ?, ZCRYPTOINITIALIZATIONVECTOR = ?, ZCRYPTOTAG = ?"
    values = (salt, ITERATIONS, aes_key_wrap(derived, key), iv, sealed[-16:])
    store.execute(f"UPDATE {OBJECT} SET {columns} WHERE Z_PK = ?", *values, note)  # noqa: S608 - constants
    return {"ZDATA": sealed[:-16], "ZCRYPTOINITIALIZATIONVECTOR": iv, "ZCRYPTOTAG": sealed[-16:]}


def _add_scan(author: Author, store: CoreDataStore, account: str, note: int) -> None:
    """Adds a scanned page to a note: an attachment, its media row, and the file."""
    name = "Scanned Document's page.jpg"
    medium, generation = _add_medium(author, store, note, name)
    author.file(GROUP, f"Accounts/{account}/Media/{medium}/{generation}/{name}", draw_picture(640, 480, author.random))


def _add_medium(author: Author, store: CoreDataStore, note: int, name: str) -> tuple[str, str]:
    """Adds the rows of a picture in a note. Returns the two folder names of its file."""
    attachment = store.add(
        "ICAttachment", OBJECT, {"ZNOTE": note, "ZTYPEUTI": "public.jpeg", "ZIDENTIFIER": author.uuid()}
    )
    medium, generation = author.uuid(), f"1_{author.uuid()}"
    known: Row = {"ZATTACHMENT1": attachment, "ZIDENTIFIER": medium, "ZGENERATION1": generation, "ZFILENAME": name}
    store.add("ICMedia", OBJECT, known)
    return medium, generation
