"""Messages as chats: what a person finds in the folder of each, and what is named because it is not there."""

from __future__ import annotations

import csv
import html
import io
import json
import mailbox
import plistlib
import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from migrate.backup.reader import Backup
from migrate.export.chats import html as pages
from migrate.export.names import sortable_time
from migrate.simulator.contents.formats.speech import encode_amr
from migrate.simulator.contents.formats.typedstream import attributed_string
from tests.content.made_messages import BEN, MUM, PICTURE, conversations, schema_17
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

SMS = ("HomeDomain", "Library/SMS/sms.db")
BOOK = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
JPEG = b"\xff\xd8\xff\xe0 a picture"
MORE_COLUMNS = (
    "ALTER TABLE message ADD COLUMN expressive_send_style_id TEXT; ALTER TABLE message ADD COLUMN other_handle INTEGER;"
    "ALTER TABLE message ADD COLUMN share_status INTEGER; ALTER TABLE message ADD COLUMN share_direction INTEGER;"
)
IMAGE = f"files/{sortable_time(736_430_600 + 978_307_200)} IMG_1.jpeg"
MUMS_CHAT, GROUP = "Messages/Mum 4567", "Messages/Book club 📚"
AT = 736_431_000

Sms = Callable[..., Backup]


@pytest.fixture
def sms(tmp_path: Path, make_backup: MakeBackup, make_database: Callable[[str], bytes]) -> Sms:
    """`sms([{"guid": …, "text": …, "chat": "mum"}, …], {(domain, path): bytes}, "UPDATE …")`: a backup with the
    conversations of `made_messages`, with more messages, files and changes."""

    def make(
        messages: list[dict[str, Any]] | None = None,
        files: dict[tuple[str, str], bytes] | None = None,
        change: str = "",
    ) -> Backup:
        path = tmp_path / "changed.db"
        path.write_bytes(conversations(tmp_path, schema_17()))
        with closing(sqlite3.connect(path)) as database:
            database.executescript(MORE_COLUMNS)
            rows = database.execute("SELECT ROWID, chat_identifier FROM chat")
            chats = {"mum" if identifier == MUM else "group": row for row, identifier in rows}
            handles = {address: row for row, address in database.execute("SELECT ROWID, id FROM handle")}
            for number, message in enumerate(messages or [], start=5000):
                row = {"ROWID": number, "date": (AT + number) * 10**9, "service": "iMessage"} | message
                sender, chat = row.pop("from", None), row.pop("chat", "mum")
                row |= {"is_from_me": int(sender is None), "handle_id": handles.get(sender, 0)}
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO message ({names}) VALUES ({marks})", tuple(row.values()))
                for one in (chat,) if isinstance(chat, str) else chat:
                    database.execute("INSERT INTO chat_message_join VALUES (?, ?, 0)", (chats[one], number))
            database.executescript(change)
            database.commit()
        book = make_database(
            "CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY, First TEXT, Last TEXT, Organization TEXT);"
            "CREATE TABLE ABMultiValue (record_id INTEGER, property INTEGER, value TEXT);"
            f"INSERT INTO ABPerson VALUES (1, 'Mum', NULL, NULL); INSERT INTO ABMultiValue VALUES (1, 3, '{MUM}');"
        )
        contents = {SMS: path.read_bytes(), BOOK: book, ("MediaDomain", PICTURE): JPEG}
        return make_backup(contents | (files or {}))

    return make


def messages_of(exported: Exported, chat: str) -> dict[str, Any]:
    """The lines of `chat.jsonl` by id."""
    lines = [json.loads(line) for line in exported.text(f"{chat}/chat.jsonl").splitlines()]
    return {line["id"]: line for line in lines}


def page_of(exported: Exported, chat: str, year: int = 2024) -> str:
    return exported.text(f"{chat}/{year}.html")


def row_of(page: str, text: str) -> str:
    """The row of a page that has this in it."""
    return next(row for row in re.findall(r"<li class=\"[med][ \"].*?\n", page) if text in row)


class Tags(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.addresses: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not [name for name, _value in attrs if name.startswith("on")]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.loaded += [value or "" for name, value in attrs if name == "src"]


def test_every_chat_has_a_folder_with_pages_text_and_json(sms: Sms, export: Export) -> None:
    exported = export(sms(), owners={"messages"})

    names = ("2024.html", "chat.jsonl", "chat.txt")
    assert exported.paths() == sorted(
        [f"{MUMS_CHAT}/{name}" for name in names]
        + [f"{GROUP}/{name}" for name in names]
        + [f"{GROUP}/{IMAGE}"]
        + [f"Messages/In no chat/{name}" for name in names]
        + ["Messages/index.html"]
    )
    numbers = exported.category("messages")
    assert (numbers.count("items"), numbers.count("exported"), numbers.count("deleted_exported")) == (9, 9, 1)
    assert "Mum: Good morning ☀️" in exported.text(f"{MUMS_CHAT}/chat.txt")
    assert '<a href="Mum%204567/2024.html">Mum</a>' in exported.text("Messages/index.html")


def test_an_attachment_is_copied_with_its_date_and_shown(sms: Sms, export: Export) -> None:
    exported = export(sms(), owners={"messages"})
    copy = exported.root / GROUP / IMAGE

    assert copy.read_bytes() == JPEG
    assert copy.stat().st_mtime == 736_430_600 + 978_307_200
    assert f'<img src="{quote(IMAGE)}"' in row_of(page_of(exported, GROUP), "Look")
    assert messages_of(exported, GROUP)["B-2"]["attachments"][0]["file"] == IMAGE


def test_what_is_no_picture_is_not_shown_as_one_whatever_its_name(sms: Sms, export: Export) -> None:
    exported = export(sms(files={("MediaDomain", PICTURE): b"<svg onload=alert(1)>"}), owners={"messages"})

    row = row_of(page_of(exported, GROUP), "Look")
    assert "<img" not in row
    assert 'class="f" href="files/' in row


def test_an_attachment_that_is_only_in_icloud_is_named(sms: Sms, export: Export) -> None:
    backup = sms(
        [{"guid": "only", "chat": "mum", "from": MUM}],
        change="INSERT INTO attachment (ROWID, guid, original_guid, filename, transfer_name, ck_sync_state)"
        " VALUES (900, 'gone', 'gone', '~/Library/SMS/Attachments/b/b/c/d.heic', 'd.heic', 1);"
        " INSERT INTO message_attachment_join VALUES (5000, 900);"
        " UPDATE attachment SET filename = '~/Library/SMS/Attachments/x.jpeg', ck_sync_state = 1 WHERE ROWID <> 900;",
    )
    exported = export(backup, owners={"messages"})

    numbers = exported.category("messages")
    assert (numbers.count("only_in_icloud"), numbers.count("exported")) == (1, 9)
    assert numbers.reasons["an attachment is only in iCloud"] == 1, "the other message has a text too"
    assert "only in iCloud" in row_of(page_of(exported, MUMS_CHAT), "d.heic")
    assert messages_of(exported, GROUP)["B-2"]["attachments"][0]["only_in_icloud"] is True


def test_reactions_are_on_their_message_also_those_that_were_taken_back(sms: Sms, export: Export) -> None:
    def reaction(guid: str, kind: int, *, sender: str | None, emoji: str | None = None) -> dict[str, Any]:
        about = {"associated_message_guid": "p:0/A-1", "associated_message_type": kind}
        return {"guid": guid, "from": sender, "associated_message_emoji": emoji, "text": "Reacted"} | about

    backup = sms(
        [
            reaction("R-1", 2006, sender=None, emoji="🦉"),
            reaction("R-2", 2001, sender=MUM),
            reaction("R-3", 3001, sender=MUM),
            {"guid": "R-4", "from": MUM, "associated_message_guid": "bp:elsewhere", "associated_message_type": 2003},
        ]
    )
    exported = export(backup, owners={"messages"})
    page = page_of(exported, MUMS_CHAT)

    assert "<li>❤️ Mum</li>" in row_of(page, "<p>Good morning</p>")
    assert "<li>🦉 You</li><li><del>👍</del> Mum <i>(removed)</i></li>" in row_of(page, "Good morning ☀️")
    assert "Mum reacted with 😂 to a message that is not here" in page
    assert "Loved" not in page, "the sentence that the phone keeps beside a reaction"
    assert exported.text(f"{MUMS_CHAT}/chat.txt").count("🦉") == 1
    lines = messages_of(exported, MUMS_CHAT)
    assert lines["A-1"]["reactions"] == [{"sign": "🦉", "name": "You"}, {"sign": "👍", "name": "Mum", "removed": True}]
    assert lines["R-3"]["reaction"] == {"to": "A-1", "sign": "👍", "removed": True}


def test_edits_unsent_messages_replies_and_effects(sms: Sms, export: Export) -> None:
    reply = {"guid": "Reply", "text": "Which one?", "from": MUM, "thread_originator_guid": "A-2"}
    slam = {"guid": "Slam", "text": "BOOM", "expressive_send_style_id": "com.apple.MobileSMS.expressivesend.impact"}
    exported = export(sms([reply, slam]), owners={"messages"})
    page = page_of(exported, MUMS_CHAT)

    edited = row_of(page, "The end")
    assert "<li>Teh end</li>" in edited and "Edited" in edited
    assert "You unsent this message" in page
    answered = row_of(page, "Which one?")
    anchor = re.search(r'id="(m\d+)"', row_of(page, "<p>Good morning</p>"))
    assert anchor and f'<a class="q" href="#{anchor[1]}"><b>You</b> Good morning</a>' in answered
    assert "Sent with Slam" in row_of(page, "BOOM")
    lines = messages_of(exported, MUMS_CHAT)
    assert lines["Reply"]["answers"] == {"id": "A-2", "name": "You", "text": "Good morning"}
    assert lines["D-edited"]["earlier_versions"][0]["text"] == "Teh end"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"item_type": 1, "other_handle": 2}, "ben@example.com added Mum"),
        ({"item_type": 1, "group_action_type": 1, "other_handle": 2}, "ben@example.com removed Mum"),
        ({"item_type": 2, "group_title": "Readers"}, "ben@example.com named the group “Readers”"),
        ({"item_type": 3}, "ben@example.com left the conversation"),
        ({"item_type": 3, "group_action_type": 1}, "ben@example.com changed the group photo"),
        ({"item_type": 4, "share_status": 1}, "ben@example.com stopped sharing the location"),
        ({"item_type": 5}, "ben@example.com kept an audio message"),
        ({"item_type": 99}, "An event of Messages (number 99.0)"),
    ],
)
def test_what_happened_in_a_group_is_said(sms: Sms, export: Export, row: dict[str, Any], said: str) -> None:
    backup = sms([{"guid": "event", "from": BEN, "chat": "group"} | row], change="UPDATE handle SET ROWID = ROWID")
    page = page_of(export(backup, owners={"messages"}), GROUP)

    assert f'<li class="e">{html.escape(said)}' in page


def test_what_apps_put_into_messages_is_shown(sms: Sms, export: Export, shared_data: Path) -> None:
    blobs = shared_data / "databases/message-blobs"
    plugin = "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.example.app"

    def app(guid: str, file: str, bundle: str = plugin) -> dict[str, Any]:
        payload = plistlib.dumps(plistlib.loads((blobs / file).read_bytes()), fmt=plistlib.FMT_BINARY)
        return {"guid": guid, "from": MUM, "balloon_bundle_id": bundle, "payload_data": payload}

    exported = export(
        sms(
            [
                app("cash", "app_message/Sent265.plist"),
                app("photos", "app_message/Slideshow.plist"),
                app("link", "url_message/Twitter.plist", "com.apple.messages.URLBalloonProvider"),
                {"guid": "bad", "balloon_bundle_id": plugin, "payload_data": b"bplist00 damaged"},
            ]
        ),
        owners={"messages"},
    )
    page = page_of(exported, MUMS_CHAT)

    assert "Sent $265 with Apple\xa0Pay." in row_of(page, "Apple\xa0Cash")
    assert "37 Photos" in row_of(page, 'href="https://share.icloud.com/photos/1337h4x0r_jk#Home"')
    assert "“Hello Twitter, meet Bella”" in row_of(page, "Christopher Sardegna on Twitter")
    assert "com.example.app" in page, "an app whose payload is damaged is at least named"
    assert exported.category("messages").reasons["what an app put into a message could not be decoded"] == 1
    assert "<img" not in page, "pictures of the web are not loaded"


def test_people_who_are_mentioned_are_listed(sms: Sms, export: Export) -> None:
    plain = attributed_string("Mum")
    mention = plain.replace(
        b"\x86\x84\x02iI",
        b"\x86\x84\x02iI\x92\x84\x98\x98\x1c__kIMMentionConfirmedMention\x86\x92\x84\x98\x98\x0d+491701234567\x86",
    )
    assert mention != plain
    exported = export(sms([{"guid": "M", "attributedBody": mention}]), owners={"messages"})

    assert messages_of(exported, MUMS_CHAT)["M"]["mentions"] == ["+491701234567"]


def test_recently_deleted_messages_are_in_place_with_a_mark_or_alone(sms: Sms, export: Export) -> None:
    backup = sms()
    with_them = row_of(page_of(export(backup, owners={"messages"}), MUMS_CHAT), "Delete me")
    alone = export(backup, owners={"messages"}, deleted="only", to="alone")
    without = export(backup, owners={"messages"}, deleted="without", to="without")

    assert 'class="m i x"' in with_them and "Recently deleted, 3 May 2024" in with_them
    assert list(messages_of(alone, MUMS_CHAT)) == ["E-gone"]
    assert alone.category("messages").count("filtered") == 9
    assert "Delete me" not in page_of(without, MUMS_CHAT)
    assert without.category("messages").count("deleted") == 1


def test_messages_in_no_chat_are_shown_apart(sms: Sms, export: Export) -> None:
    exported = export(sms(), owners={"messages"})
    assert list(messages_of(exported, "Messages/In no chat")) == ["Z-orphan"]


def test_a_message_of_several_chats_is_in_each_and_counted_once(sms: Sms, export: Export) -> None:
    exported = export(sms([{"guid": "both", "text": "To all", "chat": ("mum", "group")}]), owners={"messages"})

    assert "both" in messages_of(exported, MUMS_CHAT)
    assert "both" in messages_of(exported, GROUP)
    assert exported.category("messages").count("exported") == 10


def test_a_body_that_cannot_be_decoded_is_named_and_not_empty(sms: Sms, export: Export) -> None:
    exported = export(sms([{"guid": "broken", "attributedBody": b"\x04\x0bstreamtyped garbage"}]), owners={"messages"})
    numbers = exported.category("messages")

    assert (numbers.count("items"), numbers.count("exported"), numbers.count("unreadable")) == (10, 9, 1)
    assert numbers.reasons["its text could not be decoded"] == 1
    assert "could not be decoded" in messages_of(exported, MUMS_CHAT)["broken"]["missing"]


def test_two_chats_of_one_name_have_a_folder_each(sms: Sms, export: Export) -> None:
    other = "INSERT INTO chat (ROWID, guid, style, chat_identifier, display_name) VALUES (77, 'x', 43, 'chat78', '{}');"
    join = "INSERT INTO chat_message_join SELECT 77, ROWID, 0 FROM message WHERE guid = 'A-1';"
    exported = export(sms(change=other.format("BOOK CLUB 📚") + join), owners={"messages"})

    folders = {path.split("/")[1] for path in exported.paths() if "chat.txt" in path}
    assert {name.casefold() for name in folders} >= {"book club 📚", "book club 📚 (2)"}


def test_nothing_that_a_stranger_wrote_is_markup(sms: Sms, export: Export) -> None:
    evil = "<script>alert(1)</script><img src=http://evil.example/x.png onerror=alert(1)>\u202e"
    name = "../../evil<b>"
    backup = sms(
        [{"guid": "evil", "text": evil, "from": BEN, "chat": "group", "subject": evil}],
        change=f"UPDATE chat SET display_name = '{name}' WHERE style = 43;"
        "UPDATE attachment SET transfer_name = '\"><script>.jpeg'",
    )
    exported = export(backup, owners={"messages"}, formats=frozenset({"html", "csv", "txt", "mbox"}))
    folder = next(path for path in exported.paths() if "evil" in path).rsplit("/", 1)[0]
    page = exported.text(f"{folder}/2024.html")

    assert folder == "Messages/_._.._evil_b_"
    found = Tags()
    found.feed(page)
    known = "html head meta title style body main header h1 h2 p ol ul li b div time a strong small img"
    assert found.names <= set(known.split())
    assert all(address.startswith(("files/", "http://evil.example/x.png")) for address in found.addresses)
    assert all(address.startswith("files/") for address in found.loaded), "what is of the web is a link, never loaded"
    assert "default-src 'none'" in page and "\u202e" not in page
    assert "\u202e" not in exported.text(f"{folder}/chat.txt")


def test_a_year_of_many_messages_is_split_and_the_pages_are_linked(
    sms: Sms, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS_OF_A_PAGE", 3)
    later = [{"guid": f"N-{n}", "text": f"Line {n}", "date": (768_000_000 + n) * 10**9} for n in range(2)]
    undated = {"guid": "undated", "text": "When?", "date": 0}
    exported = export(sms([*later, undated]), owners={"messages"})

    found = [path.rpartition("/")[2] for path in exported.paths() if path.startswith(MUMS_CHAT) and ".html" in path]
    assert found == ["2024-1.html", "2024-2.html", "2025.html", "undated.html"]
    page = exported.text(f"{MUMS_CHAT}/2024-2.html")
    assert '<a href="2024-1.html">2024 · 1</a>' in page and '<li aria-current="page">2024 · 2</li>' in page
    shown = "".join(exported.text(f"{MUMS_CHAT}/{name}") for name in found)
    assert all(f"Line {n}" in shown for n in range(2)) and "When?" in exported.text(f"{MUMS_CHAT}/undated.html")


def test_the_mailbox_and_the_table_are_read_by_other_programs(sms: Sms, export: Export) -> None:
    tricky = {"guid": "tricky", "text": "From here\n\nFrom there\n=1+1", "from": MUM, "thread_originator_guid": "A-2"}
    exported = export(sms([tricky]), owners={"messages"}, formats=frozenset({"mbox", "csv"}))

    with closing(mailbox.mbox(exported.root / MUMS_CHAT / "chat.mbox")) as box:
        mails = list(box)
    assert len(mails) == 7
    last = mails[-1]
    assert "From here\n\nFrom there" in last.get_payload(decode=True).decode().replace(">From", "From")
    assert last["In-Reply-To"] in [mail["Message-ID"] for mail in mails]
    with closing(mailbox.mbox(exported.root / GROUP / "chat.mbox")) as box:
        parts = [part for mail in box for part in mail.walk() if part.get_content_type() == "image/jpeg"]
    assert [part.get_payload(decode=True) for part in parts] == [JPEG]
    rows = list(csv.reader(io.StringIO(exported.text(f"{MUMS_CHAT}/chat.csv"))))
    assert len(rows) == 8 and rows[-1][3] == tricky["text"]


def test_a_second_run_writes_nothing_again(sms: Sms, export: Export) -> None:
    backup = sms()
    formats = frozenset({"html", "txt", "json", "csv", "mbox"})
    first = export(backup, owners={"messages"}, formats=formats)
    before = {path: (first.root / path).stat().st_ino for path in first.paths()}
    second = export(backup, owners={"messages"}, formats=formats)

    assert {path: (second.root / path).stat().st_ino for path in second.paths()} == before


def test_one_persons_messages(sms: Sms, export: Export) -> None:
    exported = export(sms(), owners={"messages"}, person="mum")

    assert not any("In no chat" in path for path in exported.paths())
    assert "Mum: Good morning ☀️" in exported.text(f"{MUMS_CHAT}/chat.txt")


def test_an_attachment_that_is_damaged_in_the_backup_is_named(sms: Sms, export: Export) -> None:
    backup = sms()
    record = backup.record("MediaDomain", PICTURE)
    assert record is not None
    backup.stored_path(record).unlink()
    exported = export(backup, owners={"messages"})

    assert exported.category("messages").reasons["an attachment is damaged in this backup"] == 1
    assert "damaged in this backup" in row_of(page_of(exported, GROUP), "Look")
    assert "export-file-unreadable" in [finding.code for finding in exported.result.findings]


def test_pictures_and_voice_messages_that_browsers_do_not_show_have_a_copy_beside_them(
    sms: Sms, export: Export, shared_data: Path
) -> None:
    heic = (shared_data / "databases/message-blobs/stickers/outline.heic").read_bytes()
    voice = "Library/SMS/Attachments/v/Audio.amr"
    backup = sms(
        [{"guid": "voice", "from": MUM, "is_audio_message": 1}],
        {("MediaDomain", PICTURE): heic, ("MediaDomain", voice): encode_amr(random.Random(1), duration_s=1)},
        "UPDATE attachment SET transfer_name = 'IMG_1.HEIC', is_sticker = 1;"
        "INSERT INTO attachment (ROWID, guid, original_guid, filename, transfer_name)"
        f" VALUES (900, 'v', 'v', '~/{voice}', 'Audio.amr'); INSERT INTO message_attachment_join VALUES (5000, 900);",
    )
    exported = export(backup, owners={"messages"})
    group = [path for path in exported.paths() if path.startswith(f"{GROUP}/files")]
    heard = row_of(page_of(exported, MUMS_CHAT), "<audio")

    assert [path.rpartition(" ")[2] for path in group] == ["IMG_1.HEIC", "IMG_1.HEIC.jpg"]
    assert (exported.root / group[0]).read_bytes() == heic
    assert (exported.root / group[1]).read_bytes().startswith(b"\xff\xd8\xff")
    assert re.search(r'<a class="k" href="[^"]*HEIC"><img src="[^"]*HEIC.jpg"', page_of(exported, GROUP))
    assert '.amr.m4a" controls' in heard and "Voice message" in heard
    originals = export(backup, owners={"messages"}, originals=True, to="originals")
    assert not [path for path in originals.paths() if path.endswith((".jpg", ".m4a"))]
