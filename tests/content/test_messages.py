"""Messages, read from `sms.db` in the schemas of several iOS versions."""

from __future__ import annotations

import plistlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.content.item import FileRef, Item, State, compare
from migrate.content.kinds import kind, source_places
from migrate.content.readers.messages.message import Message
from migrate.content.source import Source
from migrate.problems.finding import Finding
from migrate.simulator.contents.formats.sqlite_file import Database as SimulatedDatabase
from migrate.simulator.contents.formats.typedstream import attributed_string
from migrate.simulator.contents.messages import SCHEMA
from tests.content import made_messages
from tests.content.made_messages import EARLIER, GUESSED, MUM, PICTURE, conversations
from tests.made_backups import MakeBackup

STORE = ("HomeDomain", "Library/SMS/sms.db")
SEEN = ("iOS6.1.6", "iOS9.2.1", "iOS10.2", "iOS11.2")


@dataclass
class Reading:
    messages: dict[str, Message]
    findings: list[Finding]
    source: Source


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path, make_backup: MakeBackup) -> Read:
    """`read(database bytes or a backup, {(domain, path): bytes})`: the messages by id, in their order."""
    backups = 0

    def read_all(database: bytes | Backup, beside: dict[tuple[str, str], bytes] | None = None) -> Reading:
        nonlocal backups
        if not isinstance(database, Backup):
            if backups:
                (tmp_path / "backup").rename(tmp_path / f"backup-{backups}")
            backups += 1
            database = make_backup({STORE: database} | (beside or {}))
        findings: list[Finding] = []
        tmp = tmp_path / "copies"
        tmp.mkdir(exist_ok=True)
        source = Source(database, tmp, source_places(), findings.append)
        items: list[Item] = list(kind("messages").items(source))
        assert [item.id for item in items] == sorted(item.id for item in items)
        assert list(tmp.iterdir()) == []
        return Reading({item.id: item for item in items if isinstance(item, Message)}, findings, source)

    return read_all


def with_sql(database: bytes, tmp_path: Path, script: str, *values: Any) -> bytes:
    """A database after a change."""
    path = tmp_path / "changed.db"
    path.write_bytes(database)
    with closing(sqlite3.connect(path)) as connection:
        if values:
            connection.execute(script, values)
        else:
            connection.executescript(script)
        connection.commit()
    return path.read_bytes()


@pytest.mark.parametrize("ios", GUESSED)
def test_messages_keep_ids_and_fingerprints_in_guessed_schemas(ios: str, read: Read, tmp_path: Path) -> None:
    old = read(conversations(tmp_path, made_messages.schema_16()), {("MediaDomain", PICTURE): b"x"})
    new = read(
        conversations(tmp_path, GUESSED[ios](), seed=int(ios), body="attributed", chat_prefix="any"),
        {("MediaDomain", PICTURE): b"x"},
    )
    assert old.findings == new.findings == []
    assert list(old.messages) == list(new.messages) == sorted(m["guid"] for m in made_messages.MESSAGES)
    for identity, message in old.messages.items():
        comparison = compare(message, new.messages[identity])
        assert comparison.is_equal, (identity, comparison)
        assert set(comparison.left_out) <= {"emoji"}
        assert message.state is new.messages[identity].state
        assert message.files == new.messages[identity].files


@pytest.mark.parametrize("ios", SEEN)
def test_messages_keep_ids_and_fingerprints_from_old_schemas(
    ios: str, read: Read, tmp_path: Path, shared_data: Path
) -> None:
    schema = (shared_data / f"databases/schemas/messages/{ios}.sql").read_text()
    dates = "nanoseconds" if ios == "iOS11.2" else "seconds"
    old = read(conversations(tmp_path, schema, seed=3, dates=dates, body="text", only=EARLIER))
    new = read(conversations(tmp_path, made_messages.schema_26(), only=EARLIER))
    assert old.findings == new.findings == []
    assert list(old.messages) == list(new.messages) == sorted(EARLIER)
    for identity, message in old.messages.items():
        comparison = compare(message, new.messages[identity])
        assert comparison.is_equal, (identity, comparison)
        assert set(comparison.left_out) <= {"emoji", "reaction", "edited", "versions", "unsent"}


def test_a_message_has_its_body_direction_sender_and_chat(read: Read, tmp_path: Path) -> None:
    messages = read(conversations(tmp_path, SCHEMA)).messages
    first = messages["A-1"]
    assert (first.body, first.outgoing, first.sender) == ("Good morning ☀️", False, "+491701234567")
    assert first.when == 736_430_400 + 978_307_200
    assert [(chat.identifier, chat.members) for chat in first.chats] == [("+491701234567", ("+491701234567",))]
    assert (messages["A-2"].outgoing, messages["A-2"].sender) == (True, None)
    (group,) = messages["B-1"].chats
    assert (group.identifier, group.members) == ("chat77", ("+491701234567", "ben@example.com"))
    assert messages["Z-orphan"].chats == ()
    assert messages["Z-orphan"].state is State.LIVE
    assert all(message.account is None for message in messages.values())


def test_reactions_edits_and_unsent_messages_are_read(read: Read, tmp_path: Path) -> None:
    messages = read(conversations(tmp_path, SCHEMA)).messages
    assert messages["C-loved"].reaction == (2000, "p:0/A-2")
    edited = messages["D-edited"]
    assert (edited.edited, edited.versions) == (True, ((0, "Teh end"), (0, "The end")))
    assert edited.modified == 736_430_850 + 978_307_200
    unsent = messages["D-unsent"]
    assert (unsent.unsent, unsent.unsent_parts, unsent.body) == (True, (0,), None)
    assert not any(message.undecoded for message in messages.values())


def test_a_recently_deleted_message_is_deleted_and_keeps_its_chat(read: Read, tmp_path: Path) -> None:
    messages = read(conversations(tmp_path, made_messages.schema_16())).messages
    gone = messages["E-gone"]
    assert gone.state is State.DELETED
    assert [chat.identifier for chat in gone.chats] == ["+491701234567"]
    assert gone.modified == 736_430_960 + 978_307_200
    assert [message.state for message in messages.values()].count(State.DELETED) == 1


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ("UPDATE message SET handle_id = (SELECT ROWID FROM handle WHERE id LIKE 'Ben%')", {"sender"}),
        ("UPDATE message SET date = date + 1000000000", {"when"}),
        ("UPDATE message SET is_from_me = 1", {"outgoing", "sender"}),
        ("UPDATE message SET attributedBody = NULL, text = 'Other'", {"body"}),
        ("UPDATE chat_message_join SET chat_id = (SELECT ROWID FROM chat WHERE style = 43)", {"chats", "members"}),
        ("DELETE FROM chat_message_join", {"chats", "members"}),
        ("UPDATE message SET associated_message_type = 2001, associated_message_guid = 'x'", {"reaction"}),
        ("UPDATE message SET date_edited = 1", {"edited"}),
        ("UPDATE message SET date_retracted = 1", {"unsent"}),
    ],
)
def test_a_changed_message_differs_in_that_field(change: str, fields: set[str], read: Read, tmp_path: Path) -> None:
    made = conversations(tmp_path, SCHEMA, only={"A-1"})
    before, after = read(made).messages["A-1"], read(with_sql(made, tmp_path, change)).messages["A-1"]
    assert set(compare(before, after).differing) == fields


def test_another_attachment_is_a_difference(read: Read, tmp_path: Path) -> None:
    made = conversations(tmp_path, SCHEMA)
    changed = with_sql(made, tmp_path, "DELETE FROM message_attachment_join")
    assert compare(read(made).messages["B-2"], read(changed).messages["B-2"]).differing == ("attachments",)


def test_messages_that_change_places_between_chats_are_seen(read: Read, tmp_path: Path) -> None:
    made = conversations(tmp_path, SCHEMA, only={"A-1", "B-1"})
    swapped = with_sql(
        made,
        tmp_path,
        "UPDATE chat_message_join SET chat_id = (SELECT ROWID FROM chat WHERE ROWID <> chat_message_join.chat_id)",
    )
    before, after = read(made).messages, read(swapped).messages
    assert {key: compare(before[key], after[key]).differing for key in before} == {
        "A-1": ("chats", "members"),
        "B-1": ("chats", "members"),
    }


def test_a_message_in_two_chats_is_one_message(read: Read, tmp_path: Path) -> None:
    made = conversations(tmp_path, SCHEMA, only={"B-2"})
    both = (
        "INSERT INTO chat_message_join (chat_id, message_id)"
        " SELECT c.ROWID, m.ROWID FROM chat c, message m WHERE c.style = 45"
    )
    reading = read(with_sql(made, tmp_path, both))
    (message,) = reading.messages.values()
    assert [chat.identifier for chat in message.chats] == ["+491701234567", "chat77"]
    assert [attachment.guid for attachment in message.attachments] == ["AT-1"]


class TestAnUnknownBody:
    def test_undecodable_bytes_stand_in_the_fingerprint(self, read: Read, tmp_path: Path) -> None:
        made = conversations(tmp_path, SCHEMA, only={"A-1"})
        broken = "UPDATE message SET text = NULL, attributedBody = ?"
        one = read(with_sql(made, tmp_path, broken, b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01")).messages["A-1"]
        other = read(with_sql(made, tmp_path, broken, b"something else")).messages["A-1"]
        whole = read(made).messages["A-1"]
        assert one.undecoded == {"body"}
        assert isinstance(one.fingerprint()["body"], bytes)
        assert compare(one, one).is_equal
        assert compare(one, other).undecided == ("body",)
        assert compare(whole, one).undecided == ("body",)

    def test_the_text_column_is_used_if_the_archive_is_damaged(self, read: Read, tmp_path: Path) -> None:
        made = conversations(tmp_path, SCHEMA, only={"A-1"})
        message = read(with_sql(made, tmp_path, "UPDATE message SET attributedBody = x'040b'")).messages["A-1"]
        assert message.body == "Good morning ☀️"
        assert not message.undecoded

    def test_nothing_stored_is_unknown_and_not_an_empty_text(self, read: Read, tmp_path: Path) -> None:
        made = conversations(tmp_path, SCHEMA, only={"A-1"})
        nothing = with_sql(made, tmp_path, "UPDATE message SET text = NULL, attributedBody = NULL")
        message = read(nothing).messages["A-1"]
        assert message.undecoded == {"body"}
        assert message.fingerprint()["body"] not in ("", None)
        empty = read(with_sql(nothing, tmp_path, "UPDATE message SET text = ''")).messages["A-1"]
        assert compare(message, empty).undecided == ("body",)

    def test_a_damaged_summary_is_unknown(self, read: Read, tmp_path: Path) -> None:
        made = conversations(tmp_path, SCHEMA, only={"D-edited"})
        broken = with_sql(made, tmp_path, "UPDATE message SET message_summary_info = x'62706C69737430305265635271'")
        message = read(broken).messages["D-edited"]
        assert message.undecoded == {"versions", "unsent"}
        assert compare(read(made).messages["D-edited"], message).undecided == ("versions",)


class TestAttachments:
    def test_the_file_is_in_another_domain(self, read: Read, tmp_path: Path) -> None:
        made = conversations(tmp_path, SCHEMA)
        here = read(made, {("MediaDomain", PICTURE): b"x"}).messages["B-2"]
        assert here.files == (FileRef("MediaDomain", PICTURE),)
        assert (here.offloaded, here.absent) == (0, 0)
        absolute = with_sql(made, tmp_path, f"UPDATE attachment SET filename = '/var/mobile/{PICTURE}'")
        assert read(absolute, {("MediaDomain", PICTURE): b"x"}).messages["B-2"].files == here.files

    def test_a_name_may_be_spelt_in_two_unicode_forms(self, read: Read, tmp_path: Path) -> None:
        stored, listed = "Library/SMS/Attachments/Cafe\u0301.jpeg", "Library/SMS/Attachments/Caf\u00e9.jpeg"
        made = with_sql(conversations(tmp_path, SCHEMA), tmp_path, f"UPDATE attachment SET filename = '~/{stored}'")
        assert read(made, {("MediaDomain", listed): b"x"}).messages["B-2"].files == (FileRef("MediaDomain", listed),)

    @pytest.mark.parametrize("name", ["~/Library/SMS/../../x", "/etc/passwd", "~/Library/Notes/x", "", None, b"x"])
    def test_other_places_are_not_looked_at(self, name: object, read: Read, tmp_path: Path) -> None:
        made = with_sql(conversations(tmp_path, SCHEMA), tmp_path, "UPDATE attachment SET filename = ?", name)
        message = read(made).messages["B-2"]
        assert (message.files, message.offloaded, message.absent) == ((), 0, 1)

    @pytest.mark.parametrize(
        ("change", "settings", "expected"),
        [
            ("SELECT 1", None, (0, 1)),
            ("SELECT 1", {"CloudKitSyncingEnabled": False}, (0, 1)),
            ("SELECT 1", {"CloudKitSyncingEnabled": True}, (1, 0)),
            ("UPDATE attachment SET ck_record_id = 'R'", None, (1, 0)),
            ("UPDATE attachment SET ck_sync_state = 1", None, (1, 0)),
            ("UPDATE message SET ck_record_id = 'R'", None, (1, 0)),
        ],
    )
    def test_a_missing_file_is_in_icloud_only_with_evidence(
        self, change: str, settings: object, expected: tuple[int, int], read: Read, tmp_path: Path
    ) -> None:
        made = with_sql(conversations(tmp_path, SCHEMA), tmp_path, change)
        place = ("HomeDomain", "Library/Preferences/com.apple.madrid.plist")
        message = read(made, {place: plistlib.dumps(settings)} if settings else {}).messages["B-2"]
        assert (message.offloaded, message.absent) == expected


class TestDescriptions:
    def test_a_person_recognises_a_message(self, read: Read, tmp_path: Path, make_database: Any) -> None:
        book = make_database(
            "CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY, First TEXT, Last TEXT, Organization TEXT);"
            "CREATE TABLE ABMultiValue (UID INTEGER PRIMARY KEY, record_id INTEGER, property INTEGER, value TEXT);"
            "INSERT INTO ABPerson VALUES (1, 'Mum', NULL, NULL), (2, 'Ben', 'Brown', NULL);"
            "INSERT INTO ABMultiValue VALUES (1, 1, 3, '0170 / 1234567'), (2, 2, 4, 'BEN@example.com');"
        )
        messages = read(
            conversations(tmp_path, SCHEMA), {("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb"): book}
        ).messages
        assert messages["A-1"].describe() == "a message in the chat with Mum, 3 May 2024"
        assert messages["B-1"].describe() == "a message in the chat “Book club 📚”, 3 May 2024"
        assert messages["Z-orphan"].describe() == "a message from Ben Brown, 3 May 2024"

    def test_without_an_address_book_numbers_are_shown(self, read: Read, tmp_path: Path) -> None:
        messages = read(conversations(tmp_path, SCHEMA)).messages
        assert messages["A-1"].describe() == "a message in the chat with +491701234567, 3 May 2024"

    def test_a_long_title_is_shortened_and_cleaned(self, read: Read, tmp_path: Path) -> None:
        title = "\x1b[31m" + "long " * 1000
        made = with_sql(conversations(tmp_path, SCHEMA), tmp_path, "UPDATE chat SET display_name = ?", title)
        described = read(made).messages["B-1"].describe()
        assert len(described) < 120
        assert described.isprintable()


class TestStrangers:
    @pytest.mark.parametrize("content", ["CREATE TABLE other (x)", "CREATE VIEW message AS SELECT 1 AS guid"])
    def test_a_store_without_messages_is_reported(self, content: str, read: Read, make_database: Any) -> None:
        reading = read(make_database(content))
        assert reading.messages == {}
        assert len(reading.findings) == 1
        assert FileRef(*STORE) in reading.source.failed

    def test_a_damaged_store_is_reported(self, read: Read, tmp_path: Path) -> None:
        made = bytearray(conversations(tmp_path, SCHEMA))
        made[4096:] = b"\xff" * (len(made) - 4096)
        reading = read(bytes(made))
        assert reading.messages == {}
        assert FileRef(*STORE) in reading.source.failed

    def test_odd_guids_and_types_stay_ordered(self, read: Read, make_database: Any) -> None:
        reading = read(
            make_database(
                "CREATE TABLE message (guid, text, date, is_from_me, handle_id, item_type, attributedBody);"
                "INSERT INTO message (guid, text) VALUES ('b', 1.5), (7, x'00'), (x'ff', 'x'), (NULL, 'y'), ('', 'z'),"
                " (CAST(x'ff41' AS TEXT), 'q'), (CAST(x'00ff' AS TEXT), 'r'), ('ü', 's'), ('😀', 't'), ('￼', 'u'),"
                " (CAST(x'6100ff' AS TEXT), '1'), (CAST(x'6100f09f9880' AS TEXT), '2');"
                "INSERT INTO message VALUES ('a', 'v', 'yesterday', 'me', x'01', 'odd', 99);"
                "INSERT INTO message VALUES ('A', 'w', 1e300, 5, 1, 2, 3);"
                "CREATE TABLE chat_message_join (chat_id, message_id);"
                "INSERT INTO chat_message_join VALUES ('x', 1), (NULL, 2), (3, NULL);"
            )
        )
        assert reading.findings == []
        assert len(reading.messages) == 14
        assert {"a", "A", "b"} < set(reading.messages)
        assert reading.messages["a"].lacking >= {"sender", "members", "attachments", "reaction"}


def test_an_ios_5_store_is_read(read: Read, make_database: Any) -> None:
    """The schema is *reported*."""
    reading = read(
        make_database(
            "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, address TEXT, date INTEGER, text TEXT, flags INTEGER,"
            " group_id INTEGER, madrid_attributedBody BLOB, madrid_handle TEXT, madrid_guid TEXT, madrid_flags INTEGER,"
            " is_madrid INTEGER);"
            "CREATE TABLE group_member (ROWID INTEGER PRIMARY KEY, group_id INTEGER, address TEXT);"
            f"INSERT INTO group_member VALUES (1, 4, '{MUM}');"
            f"INSERT INTO message VALUES (1, '{MUM}', 1300000000, 'Hello', 2, 4, NULL, NULL, NULL, NULL, 0);"
            f"INSERT INTO message VALUES (2, '{MUM}', 1300000060, 'Hi', 3, 4, NULL, NULL, NULL, NULL, 0);"
            f"INSERT INTO message VALUES (3, NULL, 330000000, 'Blue', 0, 4, NULL, '{MUM}', 'G-3', 36869, 1);"
        )
    )
    assert reading.findings == []
    by_text = {message.body: message for message in reading.messages.values()}
    assert {text: (m.outgoing, m.when, m.sender) for text, m in by_text.items()} == {
        "Hello": (False, 1_300_000_000, "+491701234567"),
        "Hi": (True, 1_300_000_060, None),
        "Blue": (True, 330_000_000 + 978_307_200, None),
    }
    assert by_text["Blue"].id == "G-3"
    assert by_text["Hello"].id.startswith("~")
    assert by_text["Hello"].chats[0].identifier == "+491701234567"


class TestWitnesses:
    @pytest.mark.parametrize("ios", ["14.3", "18.5"])
    def test_the_simulators_messages_are_read(
        self, ios: str, read: Read, phones_backup: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written: list[str] = []
        archived: dict[bytes, str] = {}
        insert = SimulatedDatabase.insert

        def archiving(text: str) -> bytes:
            archive = attributed_string(text)
            archived[archive] = text
            return archive

        def noting(self: SimulatedDatabase, table: str, row: Any) -> int:
            if table == "message":
                written.append(row["text"] or archived[row["attributedBody"]])
            return insert(self, table, row)

        monkeypatch.setattr(SimulatedDatabase, "insert", noting)
        monkeypatch.setattr("migrate.simulator.contents.messages.attributed_string", archiving)
        backup, _ = phones_backup(ios, messages=120, attachments=9, icloud_only_attachments=4)
        reading = read(backup)
        found = reading.messages.values()
        assert reading.findings == []
        assert len(found) == 120
        assert sorted(str(message.body) for message in found) == sorted(written)
        assert not any(message.undecoded for message in found)
        assert sum(len(message.files) for message in found) == 9
        assert sum(message.offloaded for message in found) == 4
        assert sum(message.absent for message in found) == 0
        (part,) = kind("messages").parts
        assert sum(part.count(message) for message in found) == 13
        assert all(message.describe().startswith("a message in the chat ") for message in found)

    def test_the_synthetic_ios_18_store(self, read: Read, shared_data: Path) -> None:
        """Its archives end after the text and refer to a class as its own superclass, so those texts are unknown."""
        store = shared_data / "databases/ios18-synthetic/messages.1.sms.db"
        reading = read(store.read_bytes())
        assert reading.findings == []
        assert len(reading.messages) == 10
        assert reading.messages["fx-msg-0001"].body == "Hello from the fixture"
        assert {message.sender for message in reading.messages.values()} <= {None, "+15550001", "+15550002"}
        assert sum(len(message.attachments) for message in reading.messages.values()) == 2
