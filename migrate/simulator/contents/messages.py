"""Messages and their attachments: sms.db in HomeDomain, the attachments' files in MediaDomain.

Tables and columns *seen* on iOS 11.2 and 14.3 and *read* in an iOS 18 schema. The newest messages are only in the log.
From iOS 16 on the text of most messages is only in `attributedBody`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.simulator.contents.author import HOME, MEDIA, REFERENCE_TIME, Author, apple_ns
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.speech import encode_amr
from migrate.simulator.contents.formats.sqlite_file import Database, Row
from migrate.simulator.contents.formats.typedstream import attributed_string

SMS = "Library/SMS"
CHATS = 7
IN_LOG = 10
"""One message in ten, and one more, is only in the log: the newest ones."""
LOVED, DIRECT, GROUP = 2000, 45, 43

SCHEMA = """
CREATE TABLE _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE(key));
CREATE TABLE handle (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, id TEXT NOT NULL, country TEXT,
 service TEXT NOT NULL, uncanonicalized_id TEXT, person_centric_id TEXT, UNIQUE (id, service));
CREATE TABLE chat (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, style INTEGER, state INTEGER,
 account_id TEXT, properties BLOB, chat_identifier TEXT, service_name TEXT, room_name TEXT, account_login TEXT,
 is_archived INTEGER DEFAULT 0, last_addressed_handle TEXT, display_name TEXT, group_id TEXT, is_filtered INTEGER,
 successful_query INTEGER, ck_sync_state INTEGER DEFAULT 0, cloudkit_record_id TEXT,
 last_read_message_timestamp INTEGER DEFAULT 0);
CREATE TABLE message (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL, text TEXT,
 replace INTEGER DEFAULT 0, service_center TEXT, handle_id INTEGER DEFAULT 0, subject TEXT, country TEXT,
 attributedBody BLOB, version INTEGER DEFAULT 0, type INTEGER DEFAULT 0, service TEXT, account TEXT,
 account_guid TEXT, error INTEGER DEFAULT 0, date INTEGER, date_read INTEGER, date_delivered INTEGER,
 is_delivered INTEGER DEFAULT 0, is_finished INTEGER DEFAULT 0, is_from_me INTEGER DEFAULT 0,
 is_read INTEGER DEFAULT 0, is_sent INTEGER DEFAULT 0, is_audio_message INTEGER DEFAULT 0, date_played INTEGER,
 cache_has_attachments INTEGER DEFAULT 0, cache_roomnames TEXT, item_type INTEGER DEFAULT 0, group_title TEXT,
 group_action_type INTEGER DEFAULT 0, associated_message_guid TEXT, associated_message_type INTEGER DEFAULT 0,
 balloon_bundle_id TEXT, payload_data BLOB, message_summary_info BLOB, ck_sync_state INTEGER DEFAULT 0,
 ck_record_id TEXT, destination_caller_id TEXT, reply_to_guid TEXT, thread_originator_guid TEXT,
 date_retracted INTEGER DEFAULT 0, date_edited INTEGER DEFAULT 0);
CREATE TABLE attachment (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT UNIQUE NOT NULL,
 created_date INTEGER DEFAULT 0, start_date INTEGER DEFAULT 0, filename TEXT, uti TEXT, mime_type TEXT,
 transfer_state INTEGER DEFAULT 0, is_outgoing INTEGER DEFAULT 0, user_info BLOB, transfer_name TEXT,
 total_bytes INTEGER DEFAULT 0, is_sticker INTEGER DEFAULT 0, hide_attachment INTEGER DEFAULT 0,
 ck_sync_state INTEGER DEFAULT 0, ck_record_id TEXT, original_guid TEXT UNIQUE NOT NULL);
CREATE TABLE chat_handle_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
 handle_id INTEGER REFERENCES handle (ROWID) ON DELETE CASCADE, UNIQUE(chat_id, handle_id));
CREATE TABLE chat_message_join (chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
 message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, message_date INTEGER DEFAULT 0,
 PRIMARY KEY (chat_id, message_id));
CREATE TABLE message_attachment_join (message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE,
 attachment_id INTEGER REFERENCES attachment (ROWID) ON DELETE CASCADE, UNIQUE(message_id, attachment_id));
CREATE TABLE deleted_messages (ROWID INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE, guid TEXT NOT NULL);
CREATE INDEX message_idx_date ON message(date);
CREATE INDEX message_idx_handle ON message(handle_id, date);
CREATE INDEX chat_message_join_idx_message_id_only ON chat_message_join(message_id);
"""
LATER_COLUMNS = (
    "associated_message_emoji TEXT, is_pending_satellite_send INTEGER DEFAULT 0, is_kt_verified INTEGER DEFAULT 0"
)
"""*Read* in an iOS 18 schema; the version that added them is *guessed*."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str  # with `{}` for a number
    uti: str
    mime_type: str


KINDS = (
    _Kind("IMG_{}.jpeg", "public.jpeg", "image/jpeg"),
    _Kind("Screenshot 2026-05-0{} at 10.41.12\u202fPM.jpeg", "public.jpeg", "image/jpeg"),  # narrow no-break space
    _Kind("🎂 Party’s {}.jpeg", "public.jpeg", "image/jpeg"),
    _Kind(unicodedata.normalize("NFD", "Café résumé {}.jpeg"), "public.jpeg", "image/jpeg"),
    _Kind("Audio Message {}.amr", "org.3gpp.adaptive-multi-rate-audio", "audio/amr"),
)


def write(author: Author) -> None:
    database = Database(SCHEMA)
    if author.ios >= (18,):
        database.add_columns("message", LATER_COLUMNS)
    database.insert("_SqliteDatabaseProperties", {"key": "_ClientVersion", "value": "16000"})
    before = database.to_bytes()
    if author.spec.messages:
        before = _write_conversations(author, database)
    author.database_with_wal(HOME, f"{SMS}/sms.db", database, before)
    author.directory(HOME, f"{SMS}/Drafts/Pending")
    author.directory(MEDIA, f"{SMS}/Attachments")
    settings = {"CloudKitSyncingEnabled": bool(author.spec.icloud_only_attachments), "ReadReceiptsEnabled": True}
    author.plist(HOME, "Library/Preferences/com.apple.madrid.plist", settings)
    author.plist(HOME, "Library/Preferences/com.apple.MobileSMS.plist", {"KeepMessageForDays": 0})


def _write_conversations(author: Author, database: Database) -> bytes:
    """Adds all messages. Returns the database as it was before the newest ones."""
    chats = [_add_chat(author, database, number) for number in range(CHATS)]
    moments = author.moments(author.spec.messages)
    settled = len(moments) - 1 - len(moments) // IN_LOG
    messages: list[int] = []
    before = b""
    for number, moment in enumerate(moments):
        if number == settled:
            before = database.to_bytes()
        messages.append(_add_message(author, database, author.random.choice(chats), number, moment))
    for number in range(author.spec.attachments + author.spec.icloud_only_attachments):
        message = messages[number * 7 % len(messages)]
        _add_attachment(author, database, message, number, on_phone=number < author.spec.attachments)
    return before


def _add_chat(author: Author, database: Database, number: int) -> tuple[int, Sequence[int], str]:
    """Adds a conversation with one person, the last one with three. Returns its row id, handles and service."""
    is_group = number == CHATS - 1
    service = "SMS" if number % 3 == 2 else "iMessage"
    people = author.people[:3] if is_group else author.people[number : number + 1]
    handles = []
    for person in people:
        statement = "INSERT OR IGNORE INTO handle (id, country, service) VALUES (?, 'us', ?)"
        database.execute(statement, person.phone, service)
        handles.append(database.value("SELECT ROWID FROM handle WHERE id = ? AND service = ?", person.phone, service))
    identifier = f"chat{author.random.randrange(10**15, 10**16)}" if is_group else people[0].phone
    chat = database.insert(
        "chat",
        {
            "guid": f"{service};{'+' if is_group else '-'};{identifier}",
            "style": GROUP if is_group else DIRECT,
            "state": 3,
            "chat_identifier": identifier,
            "service_name": service,
            "room_name": identifier if is_group else None,
            "display_name": "Book club 📚" if is_group else None,
            "group_id": author.uuid(),
            "account_login": "E:someone@example.com",
        },
    )
    database.insert_all("chat_handle_join", ({"chat_id": chat, "handle_id": handle} for handle in handles))
    return chat, handles, service


def _add_message(
    author: Author, database: Database, chat: tuple[int, Sequence[int], str], number: int, moment: int
) -> int:
    chat_row, handles, service = chat
    mine = author.random.random() < 0.45
    text = author.sentence()
    hidden = author.ios >= (16,) and number % 3 != 0
    row: Row = {
        "guid": author.uuid(),
        "text": None if hidden else text,
        "attributedBody": attributed_string(text) if hidden or number % 3 == 1 else None,
        "handle_id": 0 if mine else author.random.choice(handles),
        "service": service,
        "date": apple_ns(moment),
        "date_read": 0 if mine else apple_ns(moment + 60),
        "date_delivered": apple_ns(moment + 1) if mine else 0,
        "is_delivered": 1,
        "is_finished": 1,
        "is_from_me": int(mine),
        "is_sent": int(mine),
        "is_read": int(not mine),
    }
    if number % 25 == 24:
        last = database.value(
            "SELECT COALESCE((SELECT m.guid FROM chat_message_join j JOIN message m ON m.ROWID = j.message_id"
            " WHERE j.chat_id = ? ORDER BY m.ROWID DESC LIMIT 1), 'gone')",
            chat_row,
        )
        row |= {"associated_message_guid": f"p:0/{last}", "associated_message_type": LOVED}
    message = database.insert("message", row)
    join: Row = {"chat_id": chat_row, "message_id": message, "message_date": apple_ns(moment)}
    database.insert("chat_message_join", join)
    return message


def _add_attachment(author: Author, database: Database, message: int, number: int, *, on_phone: bool) -> None:
    kind = KINDS[number % len(KINDS)]
    name, guid = kind.name.format(number % 9 + 1), author.uuid()
    digest = author.random.getrandbits(8)
    path = f"{SMS}/Attachments/{digest:02x}/{digest & 15:02d}/{guid}/{name}"
    if kind.mime_type == "image/jpeg":
        content = draw_picture(480, 320, author.random)
    else:
        content = encode_amr(author.random, duration_s=4)
    if on_phone:
        author.file(MEDIA, path, content, modified=author.moment())
    attachment = database.insert(
        "attachment",
        {
            "guid": guid,
            "created_date": int(apple_ns(REFERENCE_TIME) // 1_000_000_000),
            "filename": f"~/{path}",
            "uti": kind.uti,
            "mime_type": kind.mime_type,
            "transfer_state": 5,
            "transfer_name": name,
            "total_bytes": len(content),
            "ck_sync_state": 0 if on_phone else 1,
            "ck_record_id": None if on_phone else author.uuid(),
            "original_guid": guid,
        },
    )
    database.insert("message_attachment_join", {"message_id": message, "attachment_id": attachment})
    database.execute("UPDATE message SET cache_has_attachments = 1 WHERE ROWID = ?", message)
