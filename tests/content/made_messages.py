"""Message databases with the same conversations in the schemas of several iOS versions."""

from __future__ import annotations

import plistlib
import random
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from migrate.simulator.contents.formats.typedstream import attributed_string
from migrate.simulator.contents.messages import LATER_COLUMNS, SCHEMA

MUM, BEN = "+49 170 1234567", "Ben@Example.com"
RECOVERABLE = (
    "CREATE TABLE chat_recoverable_message_join (chat_id INTEGER, message_id INTEGER, delete_date INTEGER,"
    " ck_sync_state INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id));"
)
"""*read*: imessage-exporter's and traceloupe's queries of iOS 16."""

Row = Mapping[str, Any]


def schema_16() -> str:
    """*guessed*: the columns of iOS 14 that the simulator has, in another order, and more tables."""
    return shuffled(SCHEMA, 16) + RECOVERABLE


def schema_17() -> str:
    """*guessed*: more columns."""
    return shuffled(SCHEMA.replace("date_edited INTEGER DEFAULT 0", "date_edited INTEGER, " + LATER_COLUMNS), 17) + (
        RECOVERABLE + "CREATE TABLE recoverable_message_part (chat_id INTEGER, message_id INTEGER, part_index INTEGER);"
    )


def schema_26() -> str:
    """*guessed*: still more of both, and no index that helps."""
    return re.sub(r"CREATE INDEX[^;]*;", "", schema_17()) + (
        "ALTER TABLE chat ADD COLUMN is_pending_review INTEGER DEFAULT 0;"
        "ALTER TABLE message ADD COLUMN poll_data BLOB; CREATE TABLE message_poll (x); CREATE VIEW v AS SELECT 1;"
    )


GUESSED = {"16": schema_16, "17": schema_17, "26": schema_26}


def shuffled(schema: str, seed: int) -> str:
    """The columns of `message` in another order."""
    found = re.search(r"CREATE TABLE message \((.*?)\);", schema, re.DOTALL)
    assert found
    columns = found[1].split(",\n ") if "\n" not in found[1] else re.split(r",\s+", found[1])
    random.Random(seed).shuffle(columns)
    return schema.replace(found[1], ", ".join(columns))


def conversations(
    folder: Path,
    schema: str,
    *,
    seed: int = 0,
    dates: str = "nanoseconds",
    body: str = "both",
    chat_prefix: str = "iMessage",
    only: Iterable[str] = (),
) -> bytes:
    """The bytes of `sms.db` with the conversations below. `seed` gives other row numbers and another order of rows;
    `body` stores the texts in `text`, in `attributedBody` or in both; `only` leaves other messages out."""
    path = folder / "sms-made.db"
    path.unlink(missing_ok=True)
    rng = random.Random(seed)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(re.sub(r"CREATE TABLE sqlite_\w+\s*\([^)]*\);", "", schema))
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

        def insert(table: str, row: Row) -> None:
            columns = {c[1] for c in connection.execute(f"PRAGMA table_info({table})")}
            kept = {name: value for name, value in row.items() if name in columns}
            marks = ", ".join("?" * len(kept))
            connection.execute(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks})", tuple(kept.values()))

        first = rng.randint(1, 1000) if seed else 1
        handles = {MUM: first + 1, BEN: first}
        chats = {"mum": first + 5, "group": first + 2}
        for address, number in handles.items():
            insert("handle", {"ROWID": number, "id": address, "service": "iMessage"})
        insert(
            "chat",
            {"ROWID": chats["mum"], "guid": f"{chat_prefix};-;{MUM}", "style": 45, "chat_identifier": MUM},
        )
        insert(
            "chat",
            {"ROWID": chats["group"], "guid": f"{chat_prefix};+;chat77", "style": 43, "chat_identifier": "chat77"}
            | {"display_name": "Book club 📚", "group_id": "E7"},
        )
        insert("chat_handle_join", {"chat_id": chats["mum"], "handle_id": handles[MUM]})
        for number in handles.values():
            insert("chat_handle_join", {"chat_id": chats["group"], "handle_id": number})
        messages = [message for message in MESSAGES if not only or message["guid"] in only]
        rng.shuffle(messages) if seed else None
        for number, message in enumerate(messages, start=first + 40):
            row = dict(message)
            since_2001, words = row.pop("seconds"), row.pop("words", None)
            sender, chat, deleted = row.pop("from", None), row.pop("chat", None), row.pop("deleted", False)
            row |= {"ROWID": number, "is_from_me": int(sender is None), "handle_id": handles.get(sender, 0)}
            row["date"] = since_2001 * 10**9 if dates == "nanoseconds" else since_2001
            row["text"] = words if body in ("text", "both") else None
            row["attributedBody"] = attributed_string(words) if words and body in ("attributed", "both") else None
            attachments = row.pop("attachments", ())
            insert("message", row)
            if chat:
                table = "chat_recoverable_message_join" if deleted else "chat_message_join"
                if table in tables:
                    insert(
                        table, {"chat_id": chats[chat], "message_id": number, "delete_date": (since_2001 + 60) * 10**9}
                    )
            for a, attachment in enumerate(attachments):
                place = number * 10 + a
                insert("attachment", {"ROWID": place, "original_guid": attachment["guid"]} | attachment)
                insert("message_attachment_join", {"message_id": number, "attachment_id": place})
        connection.commit()
    return path.read_bytes()


EDITED = plistlib.dumps(
    {"ec": {"0": [{"d": 7.0, "t": attributed_string(words)} for words in ("Teh end", "The end")]}},
    fmt=plistlib.FMT_BINARY,
)
UNSENT = plistlib.dumps({"rp": [0], "otr": {"0": {"le": 4, "lo": 0}}, "ust": True}, fmt=plistlib.FMT_BINARY)
PICTURE = "Library/SMS/Attachments/aa/10/AT-1/IMG_1.jpeg"
MESSAGES: tuple[Row, ...] = (
    {"guid": "A-1", "words": "Good morning ☀️", "from": MUM, "chat": "mum", "seconds": 736_430_400},
    {"guid": "A-2", "words": "Good morning", "chat": "mum", "seconds": 736_430_460},
    {"guid": "B-1", "words": "Chapter two?", "from": BEN, "chat": "group", "seconds": 736_430_500},
    {
        "guid": "B-2",
        "words": "\N{OBJECT REPLACEMENT CHARACTER}Look",
        "from": MUM,
        "chat": "group",
        "seconds": 736_430_600,
        "attachments": ({"guid": "AT-1", "filename": f"~/{PICTURE}", "transfer_name": "IMG_1.jpeg"},),
    },
    {"guid": "Z-orphan", "words": "Nowhere", "from": BEN, "seconds": 736_430_700},
)
LATER_MESSAGES: tuple[Row, ...] = (
    {
        "guid": "C-loved",
        "words": "Loved “Good morning”",
        "from": MUM,
        "chat": "mum",
        "seconds": 736_430_470,
        "associated_message_guid": "p:0/A-2",
        "associated_message_type": 2000,
    },
    {"guid": "D-edited", "words": "The end", "chat": "mum", "seconds": 736_430_800, "message_summary_info": EDITED}
    | {"date_edited": 736_430_850 * 10**9},
    {"guid": "D-unsent", "chat": "mum", "seconds": 736_430_810, "message_summary_info": UNSENT}
    | {"date_retracted": 736_430_820 * 10**9},
    {"guid": "E-gone", "words": "Delete me", "from": MUM, "chat": "mum", "seconds": 736_430_900, "deleted": True},
    {"guid": "F-joined", "chat": "group", "seconds": 736_430_910, "item_type": 1, "from": BEN},
)
EARLIER = frozenset(message["guid"] for message in MESSAGES)
"""Messages that every schema can hold."""
MESSAGES += LATER_MESSAGES
