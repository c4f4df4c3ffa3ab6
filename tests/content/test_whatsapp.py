"""WhatsApp messages and chats, read from `ChatStorage.sqlite`."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrate.content.item import FileRef, Item, State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers.whatsapp import WhatsAppChat, WhatsAppMessage
from migrate.content.source import Source
from migrate.problems.finding import Finding
from tests.made_backups import MakeBackup

GROUP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
STORE = (GROUP, "ChatStorage.sqlite")
OLD_STORE = ("AppDomain-net.whatsapp.WhatsApp", "Documents/ChatStorage.sqlite")
BUSINESS_STORE = ("AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared", "ChatStorage.sqlite")
MUM, BOB, CLUB = "491701234567@s.whatsapp.net", "4930111@s.whatsapp.net", "120363@g.us"
PICTURE = f"Media/{MUM}/d/0/d041.jpg"
HASH = "ifpVZXzctIhXd8QgF3VKSjdC/FiEBX/3vBJuhhxkGQk="

TABLES = {
    "ZWAMESSAGE": "ZISFROMME INTEGER, ZMESSAGETYPE INTEGER, ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER,"
    " ZMEDIAITEM INTEGER, ZMESSAGEDATE TIMESTAMP, ZFROMJID VARCHAR, ZSTANZAID VARCHAR, ZTEXT VARCHAR",
    "ZWACHATSESSION": "ZREMOVED INTEGER, ZLASTMESSAGEDATE TIMESTAMP, ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR",
    "ZWAMEDIAITEM": "ZLATITUDE FLOAT, ZLONGITUDE FLOAT, ZMEDIALOCALPATH VARCHAR, ZMEDIAURL VARCHAR, ZTITLE VARCHAR,"
    " ZVCARDNAME VARCHAR, ZVCARDSTRING VARCHAR",
    "ZWAGROUPMEMBER": "ZISACTIVE INTEGER, ZCHATSESSION INTEGER, ZMEMBERJID VARCHAR",
}
"""Some columns of the store of 2023, *seen*."""


def store(folder: Path, seed: int = 0, change: str = "") -> bytes:
    """A store with two chats. `seed` gives other row numbers and another order of rows and columns, as a later version
    might (*guessed*)."""
    path = folder / "ChatStorage-made.sqlite"
    path.unlink(missing_ok=True)
    rng = random.Random(seed)
    a, b, c = rng.sample(range(1, 9999), 3) if seed else (1, 2, 3)
    rows: list[tuple[str, dict[str, Any]]] = [
        ("ZWACHATSESSION", {"Z_PK": a, "ZCONTACTJID": MUM, "ZPARTNERNAME": "Mum", "ZREMOVED": 0}),
        ("ZWACHATSESSION", {"Z_PK": b, "ZCONTACTJID": CLUB, "ZPARTNERNAME": "Book club", "ZREMOVED": 0}),
        ("ZWAGROUPMEMBER", {"Z_PK": a, "ZCHATSESSION": b, "ZMEMBERJID": BOB, "ZISACTIVE": 1}),
        ("ZWAGROUPMEMBER", {"Z_PK": b, "ZCHATSESSION": b, "ZMEMBERJID": MUM, "ZISACTIVE": 1}),
        ("ZWAGROUPMEMBER", {"Z_PK": c, "ZCHATSESSION": b, "ZMEMBERJID": "4999@lid", "ZISACTIVE": 0}),
        ("ZWAMEDIAITEM", {"Z_PK": b, "ZMEDIALOCALPATH": PICTURE, "ZTITLE": "Us", "ZVCARDNAME": HASH, "ZLATITUDE": 452}),
        ("ZWAMEDIAITEM", {"Z_PK": c, "ZLATITUDE": 52.5, "ZLONGITUDE": 13.4}),
    ]
    messages: list[dict[str, Any]] = [
        {"ZSTANZAID": "3A01", "ZCHATSESSION": a, "ZTEXT": "Good morning ☀️", "ZFROMJID": MUM, "ZISFROMME": 0},
        {"ZSTANZAID": "3A02", "ZCHATSESSION": a, "ZTEXT": "Morning!", "ZISFROMME": 1},
        {"ZSTANZAID": "3A0", "ZCHATSESSION": b, "ZTEXT": "Chapter two?", "ZGROUPMEMBER": a, "ZISFROMME": 0}
        | {"ZFROMJID": CLUB},
        {"ZSTANZAID": "3A01", "ZCHATSESSION": b, "ZTEXT": "Same stanza", "ZGROUPMEMBER": b, "ZISFROMME": 0},
        {"ZSTANZAID": "3A03", "ZCHATSESSION": a, "ZMESSAGETYPE": 1, "ZMEDIAITEM": b, "ZISFROMME": 1},
        {"ZSTANZAID": "3A04", "ZCHATSESSION": a, "ZMESSAGETYPE": 5, "ZMEDIAITEM": c, "ZISFROMME": 1},
        {"ZSTANZAID": "3A05", "ZCHATSESSION": b, "ZMESSAGETYPE": 6, "ZISFROMME": 0, "ZFROMJID": CLUB},
        {"ZSTANZAID": None, "ZCHATSESSION": a, "ZTEXT": "No stanza", "ZFROMJID": MUM, "ZISFROMME": 0},
    ]
    for number, message in enumerate(messages):
        message |= {"ZMESSAGEDATE": 736_430_400.25 + 60 * number, "ZMESSAGETYPE": message.get("ZMESSAGETYPE", 0)}
    if seed:
        rng.shuffle(messages)
    rows += [("ZWAMESSAGE", message | {"Z_PK": number}) for number, message in enumerate(messages, start=a)]
    with closing(sqlite3.connect(path)) as connection:
        for table, columns in TABLES.items():
            names = columns.split(", ")
            if seed:
                rng.shuffle(names)
                names.append("ZLATER VARCHAR")
            connection.execute(f"CREATE TABLE {table} (Z_PK INTEGER PRIMARY KEY, {', '.join(names)})")
        connection.execute("CREATE INDEX Z_WAMessage_byStanzaIDIndex ON ZWAMESSAGE (ZSTANZAID COLLATE BINARY ASC)")
        for table, row in rows:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
        connection.executescript(change)
        connection.commit()
    return path.read_bytes()


@dataclass
class Reading:
    items: list[Any]
    findings: list[Finding]
    source: Source

    @property
    def by_id(self) -> dict[str, Any]:
        return {item.id: item for item in self.items}


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path, make_backup: MakeBackup) -> Read:
    """`read({(domain, path): bytes}, "whatsapp")`: the items in their order."""
    backups = 0

    def read_all(contents: dict[tuple[str, str], bytes], kind_id: str = "whatsapp") -> Reading:
        nonlocal backups
        if backups:
            (tmp_path / "backup").rename(tmp_path / f"backup-{backups}")
        backups += 1
        findings: list[Finding] = []
        tmp = tmp_path / "copies"
        tmp.mkdir(exist_ok=True)
        source = Source(make_backup(contents), tmp, source_places(), findings.append)
        items: list[Item] = list(kind(kind_id).items(source))
        assert [item.id for item in items] == sorted(item.id for item in items)
        assert list(tmp.iterdir()) == []
        return Reading(items, findings, source)

    return read_all


def test_messages_keep_ids_and_fingerprints_in_another_schema(read: Read, tmp_path: Path) -> None:
    old = read({STORE: store(tmp_path), (GROUP, f"Message/{PICTURE}"): b"x"})
    new = read({STORE: store(tmp_path, seed=5), (GROUP, f"Message/{PICTURE}"): b"x"})
    assert old.findings == new.findings == []
    assert len(old.items) == 8
    assert [item.id for item in old.items] == [item.id for item in new.items]
    for one, other in zip(old.items, new.items, strict=True):
        assert compare(one, other) == ((), (), ()), one.id
        assert one.files == other.files


def test_a_message_has_its_body_direction_sender_and_chat(read: Read, tmp_path: Path) -> None:
    messages = read({STORE: store(tmp_path)}).by_id
    first: WhatsAppMessage = messages[f"3A01 {MUM}"]
    assert (first.body, first.outgoing, first.sender) == ("Good morning ☀️", False, MUM)
    assert first.fingerprint()["when"] == 736_430_400 + 978_307_200
    assert first.describe() == "a WhatsApp message in the chat with Mum, 3 May 2024"
    assert (messages[f"3A02 {MUM}"].outgoing, messages[f"3A02 {MUM}"].sender) == (True, None)
    group: WhatsAppMessage = messages[f"3A0 {CLUB}"]
    assert group.sender == BOB
    assert group.chat is not None
    assert group.chat.members == (MUM, BOB)
    assert group.describe() == "a WhatsApp message in the chat “Book club”, 3 May 2024"
    assert messages[f"3A01 {CLUB}"].body == "Same stanza"
    assert messages[f"3A04 {MUM}"].location == (52.5, 13.4)
    assert messages[f"3A05 {CLUB}"].body is None
    assert [item.body for item in messages.values() if item.id.startswith("~")] == ["No stanza"]


def test_a_media_file_is_beside_the_store_or_absent(read: Read, tmp_path: Path) -> None:
    here = read({STORE: store(tmp_path), (GROUP, f"Message/{PICTURE}"): b"x"}).by_id[f"3A03 {MUM}"]
    assert here.files == (FileRef(GROUP, f"Message/{PICTURE}"),)
    assert (here.absent, here.caption, here.location, here.attachment) == (0, "Us", None, HASH)
    missing = read({STORE: store(tmp_path)})
    assert (missing.by_id[f"3A03 {MUM}"].files, missing.by_id[f"3A03 {MUM}"].absent) == ((), 1)
    (part,) = kind("whatsapp").parts
    assert sum(part.count(item) for item in missing.items) == 1


@pytest.mark.parametrize(
    ("change", "identity", "fields"),
    [
        ("UPDATE ZWAMESSAGE SET ZTEXT = 'Other' WHERE ZTEXT LIKE 'Good%'", f"3A01 {MUM}", {"body"}),
        ("UPDATE ZWAMESSAGE SET ZISFROMME = 1", f"3A01 {MUM}", {"outgoing", "sender"}),
        ("UPDATE ZWAMESSAGE SET ZMESSAGEDATE = 1", f"3A01 {MUM}", {"when"}),
        ("UPDATE ZWAMESSAGE SET ZMESSAGETYPE = 14", f"3A02 {MUM}", {"type"}),
        ("UPDATE ZWAMESSAGE SET ZGROUPMEMBER = 2", f"3A0 {CLUB}", {"sender"}),
        ("UPDATE ZWAGROUPMEMBER SET ZISACTIVE = 1", f"3A0 {CLUB}", {"members"}),
        ("UPDATE ZWAMEDIAITEM SET ZTITLE = 'Them'", f"3A03 {MUM}", {"caption"}),
        ("UPDATE ZWAMEDIAITEM SET ZVCARDNAME = 'x'", f"3A03 {MUM}", {"attachment"}),
        ("UPDATE ZWAMEDIAITEM SET ZLATITUDE = 1", f"3A04 {MUM}", {"location"}),
    ],
)
def test_a_changed_message_differs_in_that_field(
    change: str, identity: str, fields: set[str], read: Read, tmp_path: Path
) -> None:
    before = read({STORE: store(tmp_path)}).by_id[identity]
    after = read({STORE: store(tmp_path, change=change)}).by_id[identity]
    assert set(compare(before, after).differing) == fields


def test_messages_that_change_places_between_chats_are_other_messages(read: Read, tmp_path: Path) -> None:
    swap = "UPDATE ZWAMESSAGE SET ZCHATSESSION = 3 - ZCHATSESSION"
    before, after = read({STORE: store(tmp_path)}).by_id, read({STORE: store(tmp_path, change=swap)}).by_id
    assert f"3A02 {CLUB}" in after
    assert f"3A02 {MUM}" not in after
    assert compare(before[f"3A01 {MUM}"], after[f"3A01 {MUM}"]).differing


def test_a_text_message_without_a_text_is_unknown(read: Read, tmp_path: Path) -> None:
    change = (
        "UPDATE ZWAMESSAGE SET ZTEXT = NULL WHERE ZTEXT LIKE 'Good%';"
        "UPDATE ZWAMESSAGE SET ZTEXT = x'00ff' WHERE ZTEXT LIKE 'Morning%';"
    )
    messages = read({STORE: store(tmp_path, change=change)}).by_id
    whole = read({STORE: store(tmp_path)}).by_id
    for identity in (f"3A01 {MUM}", f"3A02 {MUM}"):
        assert messages[identity].undecoded == {"body"}
        assert messages[identity].fingerprint()["body"] not in ("", None)
        assert compare(whole[identity], messages[identity]).undecided == ("body",)


def test_chats_are_items_of_a_kind_beside_the_messages(read: Read, tmp_path: Path) -> None:
    reading = read({STORE: store(tmp_path)}, "whatsapp-chats")
    assert [(item.id, item.describe()) for item in reading.items] == [
        (CLUB, "the WhatsApp chat “Book club”"),
        (MUM, "the WhatsApp chat with Mum"),
    ]
    assert kind("whatsapp-chats").extra
    assert not kind("whatsapp").extra


def test_a_removed_chat_and_its_messages_are_deleted(read: Read, tmp_path: Path) -> None:
    removed = {STORE: store(tmp_path, change=f"UPDATE ZWACHATSESSION SET ZREMOVED = 1 WHERE ZCONTACTJID = '{CLUB}'")}
    chats: list[WhatsAppChat] = read(removed, "whatsapp-chats").items
    assert [chat.state for chat in chats] == [State.DELETED, State.LIVE]
    assert {item.id.split()[-1] for item in read(removed).items if item.state is State.DELETED} == {CLUB}


def test_the_older_container_and_the_business_app_are_read(read: Read, tmp_path: Path) -> None:
    made = store(tmp_path)
    assert len(read({OLD_STORE: made}).items) == 8
    assert len(read({BUSINESS_STORE: made}, "whatsapp-business").items) == 8
    assert len(read({BUSINESS_STORE: made}, "whatsapp-business-chats").items) == 2
    assert read({BUSINESS_STORE: made}).items == []


@pytest.mark.parametrize(
    "content",
    [
        "CREATE TABLE other (x)",
        "CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZCHATSESSION)",
        "CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, ZCONTACTJID)",
    ],
)
def test_a_store_without_its_tables_is_reported(content: str, read: Read, make_database: Any) -> None:
    reading = read({STORE: make_database(content)})
    assert reading.items == []
    assert len(reading.findings) == 1
    assert FileRef(*STORE) in reading.source.failed


def test_odd_ids_and_types_stay_ordered(read: Read, make_database: Any) -> None:
    reading = read(
        {
            STORE: make_database(
                "CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, ZCONTACTJID);"
                "CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZCHATSESSION, ZSTANZAID, ZTEXT, ZMESSAGEDATE);"
                "INSERT INTO ZWACHATSESSION VALUES (1, 'b@x'), (2, x'ff'), (3, NULL), (4, 'ü'), (5, 7);"
                "INSERT INTO ZWAMESSAGE (ZCHATSESSION, ZSTANZAID, ZTEXT) VALUES (1, 'A', 1), (1, 'A B', 2),"
                " (2, 'A', 3), (3, 'A', x'00'), (4, 'A', '😀'), (5, x'00', 'x'), (9, 'Z', NULL),"
                " (NULL, NULL, NULL), ('x', 9, 1.5),"
                " (1, CAST(x'6100ff' AS TEXT), '1'), (1, CAST(x'6100f09f9880' AS TEXT), '2');"
            )
        }
    )
    assert reading.findings == []
    assert len(reading.items) == 11
    assert reading.items[0].lacking >= {"members", "attachment", "outgoing"}


class TestTheStoreOfARealPhone:
    """iOS 15.3.1; iLEAPP's recorded answers."""

    @pytest.fixture
    def contents(self, shared_data: Path) -> dict[tuple[str, str], bytes]:
        folder = shared_data / "databases/ios15-real/whatsAppMessages"
        main, log = (folder / f"ChatStorage.sqlite{end}" for end in ("", "-wal"))
        return {STORE: main.read_bytes(), (GROUP, "ChatStorage.sqlite-wal"): log.read_bytes()}

    def test_all_messages_are_those_that_ileapp_found(
        self, contents: dict[tuple[str, str], bytes], read: Read, shared_data: Path
    ) -> None:
        (file,) = (shared_data / "databases/ios15-real/expected").glob("whatsApp.whatsAppMessages*.json")
        expected = json.loads(file.read_text())["data"]
        reading = read(contents)
        assert reading.findings == []
        assert len(reading.items) == len(expected) == 32
        assert sorted(
            (int(item.when), item.body or "", "" if item.outgoing else item.sender or "", item.location or ("", ""))
            for item in reading.items
        ) == sorted(
            (when, body or "", sender or "", (round(latitude, 5), round(longitude, 5)) if latitude else ("", ""))
            for when, _, sender, _, _, body, _, _, _, _, _, latitude, longitude in expected
        )
        assert not any(item.undecoded for item in reading.items)
        assert sum(item.absent for item in reading.items) == 2

    def test_media_files_are_found(self, contents: dict[tuple[str, str], bytes], read: Read) -> None:
        path = "Message/Media/19198887386@s.whatsapp.net/d/0/d041d159-fd7d-4abb-9192-0e97c10ddb00.jpg"
        reading = read(contents | {(GROUP, path): b"jpeg"})
        assert [item.files for item in reading.items if item.files] == [(FileRef(GROUP, path),)]

    def test_all_chats_are_found(self, contents: dict[tuple[str, str], bytes], read: Read) -> None:
        chats = read(contents, "whatsapp-chats").items
        assert len(chats) == 5
        assert {chat.chat.title for chat in chats} >= {"This Is DFIR Two", "Our Test Group"}
        assert all(chat.state is State.LIVE for chat in chats)
