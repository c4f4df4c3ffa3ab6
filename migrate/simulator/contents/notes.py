"""The Notes app: one table for folders, accounts, notes and media. Note bodies are gzipped protocol buffers.

Schema *read* from iOS 18. The numbered columns a note uses depend on the version: ZCREATIONDATE3 and ZACCOUNT7 from iOS
16 on, ZCREATIONDATE1 and ZACCOUNT3 before (the pairs are iLEAPP's, the boundary *guessed*).
"""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, REFERENCE_TIME, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.deflate import gzip_of
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.sqlite_file import Database, Row

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
TABLES = {
    OBJECT: "ZCRYPTOITERATIONCOUNT INTEGER, ZISPASSWORDPROTECTED INTEGER, ZMARKEDFORDELETION INTEGER, "
    "ZNEEDSINITIALFETCHFROMCLOUD INTEGER, ZACCOUNT2 INTEGER, ZACCOUNT3 INTEGER, ZACCOUNT7 INTEGER, "
    "ZATTACHMENT1 INTEGER, ZACCOUNTTYPE INTEGER, ZFOLDER INTEGER, ZFOLDERTYPE INTEGER, ZHASCHECKLIST INTEGER, "
    "ZISPINNED INTEGER, ZNOTE INTEGER, ZNOTEDATA INTEGER, ZCREATIONDATE1 TIMESTAMP, ZCREATIONDATE3 TIMESTAMP, "
    "ZMODIFICATIONDATE1 TIMESTAMP, ZFILENAME VARCHAR, ZGENERATION1 VARCHAR, ZIDENTIFIER VARCHAR, ZNAME VARCHAR, "
    "ZPASSWORDHINT VARCHAR, ZSNIPPET VARCHAR, ZTITLE VARCHAR, ZTITLE1 VARCHAR, ZTITLE2 VARCHAR, ZTYPEUTI VARCHAR, "
    "ZWIDGETSNIPPET VARCHAR, ZLASTVIEWEDMODIFICATIONDATE TIMESTAMP, "
    "ZCRYPTOINITIALIZATIONVECTOR BLOB, ZCRYPTOSALT BLOB, ZCRYPTOTAG BLOB, ZCRYPTOWRAPPEDKEY BLOB",
    "ZICNOTEDATA": "ZNOTE INTEGER, ZCRYPTOINITIALIZATIONVECTOR BLOB, ZCRYPTOTAG BLOB, ZDATA BLOB",
}
MORE_SCHEMA = f"CREATE INDEX ZICNOTE_FOLDER ON {OBJECT} (ZFOLDER);"
OLD_SCHEMA = """
CREATE TABLE ZNOTE (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZCREATIONDATE TIMESTAMP, ZTITLE VARCHAR);
CREATE TABLE ZNOTEBODY (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, ZOWNER INTEGER, ZCONTENT VARCHAR);
"""


ON_PHONE, IN_ICLOUD = 3, 1
"""ZACCOUNTTYPE; the value for iCloud is *guessed*."""


def write(author: Author) -> None:
    store = CoreDataStore(ENTITIES, TABLES, uuid=author.uuid(), more_schema=MORE_SCHEMA)
    identifier = "LocalAccount"
    here = _add_account(store, "On My iPhone", identifier, ON_PHONE)
    in_icloud = author.spec.icloud_notes
    there = _add_account(store, "iCloud", author.uuid(), IN_ICLOUD) if in_icloud else here
    notes = [
        _add_note(author, store, *(there if number < in_icloud else here), moment)
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


def _add_note(author: Author, store: CoreDataStore, account: int, folder: int, moment: int) -> int:
    lines = [author.title(), *(author.sentence() for _ in range(author.random.randint(0, 6)))]
    created, owner = ("ZCREATIONDATE3", "ZACCOUNT7") if author.ios >= (16,) else ("ZCREATIONDATE1", "ZACCOUNT3")
    note = store.add(
        "ICNote",
        OBJECT,
        {
            "ZTITLE1": lines[0],
            "ZSNIPPET": lines[1] if len(lines) > 1 else None,
            "ZIDENTIFIER": author.uuid(),
            "ZFOLDER": folder,
            owner: account,
            created: apple_seconds(moment),
            "ZMODIFICATIONDATE1": apple_seconds(author.random.randint(moment, REFERENCE_TIME)),
            "ZISPASSWORDPROTECTED": 0,
            "ZISPINNED": int(author.random.random() < 0.1),
            "ZMARKEDFORDELETION": 0,
        },
    )
    body = store.add("ICNoteData", "ZICNOTEDATA", {"ZNOTE": note, "ZDATA": gzip_of(note_body("\n".join(lines)))})
    store.execute(f"UPDATE {OBJECT} SET ZNOTEDATA = ? WHERE Z_PK = ?", body, note)  # noqa: S608 - a constant
    return note


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


def note_body(text: str) -> bytes:
    """The note as protobuf: a document (field 2) has a note (field 3) with the text (field 2) and one run (field 5)."""
    run = b"\x08" + _varint(len(text.encode("utf-16-le")) // 2)
    note = _field(2, text.encode()) + _field(5, run)
    document = b"\x08\x00\x10\x00" + _field(3, note)
    return b"\x08\x00" + _field(2, document)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
