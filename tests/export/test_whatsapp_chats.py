"""WhatsApp as chats, judged by a real store and by what another program read in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.content.test_whatsapp import BOB, CLUB, GROUP, MUM, PICTURE, STORE, store
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

APP = "app:net.whatsapp.WhatsApp"
JPEG = b"\xff\xd8\xff\xe0 a picture"
MORE = (
    "ALTER TABLE ZWAMESSAGE ADD COLUMN ZGROUPEVENTTYPE INTEGER; ALTER TABLE ZWAMESSAGE ADD COLUMN ZMESSAGEINFO INTEGER;"
    "ALTER TABLE ZWAMESSAGE ADD COLUMN ZSTARRED INTEGER; ALTER TABLE ZWAMESSAGE ADD COLUMN ZFLAGS INTEGER;"
    "ALTER TABLE ZWAMEDIAITEM ADD COLUMN ZMETADATA BLOB; ALTER TABLE ZWAMEDIAITEM ADD COLUMN ZMOVIEDURATION INTEGER;"
    "ALTER TABLE ZWAGROUPMEMBER ADD COLUMN ZCONTACTNAME VARCHAR;"
    "CREATE TABLE ZWAPROFILEPUSHNAME (Z_PK INTEGER PRIMARY KEY, ZJID VARCHAR, ZPUSHNAME VARCHAR);"
    "CREATE TABLE ZWAMESSAGEINFO (Z_PK INTEGER PRIMARY KEY, ZRECEIPTINFO BLOB);"
    f"INSERT INTO ZWAPROFILEPUSHNAME VALUES (1, '{BOB}', 'Bob');"
)


def lines_of(exported: Exported, chat: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported.text(f"{chat}/chat.jsonl").splitlines()]


def field(number: int, value: bytes | str) -> bytes:
    """A field of a protocol buffer, shorter than 128 bytes."""
    content = value if isinstance(value, bytes) else value.encode()
    key = number << 3 | 2
    tag = bytes([key]) if key < 0x80 else bytes([key & 0x7F | 0x80, key >> 7])
    return tag + bytes([len(content)]) + content


@pytest.fixture
def made(tmp_path: Path, make_backup: MakeBackup, export: Export) -> Any:
    """`made([message, …], change="…")`: an export of the made store with more messages in the chat with Mum."""

    def run(messages: list[dict[str, Any]], change: str = "", **choice: Any) -> Exported:
        path = tmp_path / "more.sqlite"
        path.write_bytes(store(tmp_path, change=MORE + change))
        with closing(sqlite3.connect(path)) as database:
            for number, message in enumerate(messages, start=500):
                row = {"Z_PK": number, "ZCHATSESSION": 1, "ZMESSAGETYPE": 0, "ZISFROMME": 0, "ZFROMJID": MUM}
                row |= {"ZSTANZAID": f"N{number}", "ZMESSAGEDATE": 736_440_000 + number} | message
                media, receipt = row.pop("media", None), row.pop("receipt", None)
                if media is not None:
                    names = ", ".join(media)
                    marks = ", ".join("?" * len(media))
                    database.execute(
                        f"INSERT INTO ZWAMEDIAITEM (Z_PK, {names}) VALUES (?, {marks})", (number, *media.values())
                    )
                    row["ZMEDIAITEM"] = number
                if receipt is not None:
                    database.execute("INSERT INTO ZWAMESSAGEINFO VALUES (?, ?)", (number, receipt))
                    row["ZMESSAGEINFO"] = number
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO ZWAMESSAGE ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
            database.commit()
        return export(
            make_backup({STORE: path.read_bytes(), (GROUP, f"Message/{PICTURE}"): JPEG}), owners={APP}, **choice
        )

    return run


def test_a_real_store_says_what_another_program_read_in_it(
    shared_data: Path, make_backup: MakeBackup, export: Export
) -> None:
    folder = shared_data / "databases/ios15-real"
    stored = folder / "whatsAppMessages"
    exported = export(
        make_backup(
            {
                (GROUP, path.name): path.read_bytes()
                for path in stored.glob("ChatStorage.sqlite*")
                if "shm" not in path.name
            }
        ),
        owners={APP},
    )
    recorded = json.loads((next((folder / "expected").glob("whatsApp.whatsAppMessages*.json"))).read_text())["data"]

    chats = [path.rpartition("/")[0] for path in exported.paths() if path.endswith("chat.jsonl")]
    ours = [line for chat in chats for line in lines_of(exported, chat)]
    assert (len(chats), len(ours)) == (5, 32)
    assert sorted(line["text"] for line in ours if line["text"]) == sorted(row[5] for row in recorded if row[5])
    talk = lines_of(exported, "WhatsApp/This Is DFIR Two 7386")
    assert [line["outgoing"] for line in talk if line["text"]] == [row[1] == "Local User" for row in recorded if row[5]]
    places = [line["cards"][0]["lines"][0] for line in talk if "cards" in line]
    assert places == [f"{round(row[11], 5)}, {round(row[12], 5)}" for row in recorded if row[11]]
    answer = next(line for line in talk if "answers" in line)
    assert (answer["answers"]["name"], answer["answers"]["text"][:11]) == ("This Is DFIR Two", "Makes sense")
    assert [line["reactions"] for line in talk if "reactions" in line] == [[{"sign": "👍", "name": "You"}]]
    numbers = exported.category(APP)
    assert (
        numbers.reasons["a photo or file of a message is not in this backup, and may not be on the phone either"] == 2
    )


def test_a_chat_has_names_captions_and_pictures(made: Any) -> None:
    exported = made([], change="DELETE FROM ZWAMESSAGE WHERE ZSTANZAID IS NULL;")
    page = exported.text("WhatsApp/Mum 4567/2024.html")

    assert re.search(r'<img src="files/[^"]*d041.jpg" .*<p>Us</p>', page)
    assert "<small>52.5, 13.4</small>" in page
    club = lines_of(exported, "WhatsApp/Book club")
    assert [(line["name"], line["text"]) for line in club[:2]] == [("Bob", "Chapter two?"), ("Mum", "Same stanza")]
    assert "Book club" in exported.text("WhatsApp/chats.csv")


def test_reactions_of_others_and_of_the_owner(made: Any) -> None:
    theirs = field(1, field(1, "RID") + field(2, BOB) + field(3, "🎉"))
    mine = field(2, field(1, "RID") + field(2, "👍"))
    exported = made(
        [{"ZTEXT": "Party!", "receipt": field(7, theirs + mine)}, {"ZTEXT": "Odd", "receipt": b"\x3a\xff\xff"}]
    )

    page = exported.text("WhatsApp/Mum 4567/2024.html")
    assert '<p>Party!</p></div><ul class="r"><li>🎉 Bob</li><li>👍 You</li></ul>' in page
    assert "<p>Odd</p>" in page


def test_a_reply_quotes_its_message_also_when_that_is_gone(made: Any) -> None:
    def metadata(stanza: str) -> bytes:
        return field(5, stanza) + field(6, MUM) + field(19, field(1, "What it said"))

    exported = made(
        [
            {"ZTEXT": "Yes", "ZISFROMME": 1, "media": {"ZMETADATA": metadata("3A01")}},
            {"ZTEXT": "No", "ZISFROMME": 1, "media": {"ZMETADATA": metadata("GONE")}},
        ]
    )
    page = exported.text("WhatsApp/Mum 4567/2024.html")

    assert re.search(r'<a class="q" href="#m\d+"><b>Mum</b> Good morning ☀️</a><p>Yes</p>', page)
    assert '<p class="q"><b>Mum</b> What it said</p><p>No</p>' in page


def test_contacts_stickers_documents_deleted_and_unknown_messages(made: Any) -> None:
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nTEL;type=CELL:+49 30 123\nEND:VCARD"
    exported = made(
        [
            {"ZMESSAGETYPE": 4, "media": {"ZVCARDNAME": "Ann", "ZVCARDSTRING": card}},
            {"ZMESSAGETYPE": 15, "media": {"ZMEDIALOCALPATH": PICTURE}},
            {"ZMESSAGETYPE": 8, "media": {"ZMEDIALOCALPATH": "Media/gone.pdf", "ZTITLE": "Contract.pdf"}},
            {"ZMESSAGETYPE": 14},
            {"ZMESSAGETYPE": 3, "media": {"ZMEDIALOCALPATH": PICTURE, "ZMOVIEDURATION": 75}},
            {"ZMESSAGETYPE": 66},
            {"ZTEXT": "Look", "ZFLAGS": 128, "ZSTARRED": 1},
        ]
    )
    page = exported.text("WhatsApp/Mum 4567/2024.html")

    assert "<b>Ann</b><small>+49 30 123</small>" in page
    written = next(path for path in exported.paths() if path.endswith("Ann.vcf"))
    assert exported.text(written) == card
    assert '<a class="k" href="files/' in page
    assert '<p class="gone">Contract.pdf<small>not in this backup</small></p>' in page
    assert "Mum deleted this message" in page
    assert "<small>1:15</small>" in page
    assert "Starred</small>" in page and "Forwarded</small>" in page
    reasons = exported.category(APP).reasons
    assert reasons["a message is of a kind that this version of migrate does not know"] == 1


@pytest.mark.parametrize(
    ("kind", "event", "text", "said"),
    [
        (6, 2, None, "Mum joined"),
        (6, 3, None, "Mum left"),
        (6, 1, "Readers", "Mum named the group “Readers”"),
        (6, 4, None, "Mum changed the group’s photo"),
        (10, 1, None, "Missed voice call"),
        (6, 99, "x", "An event of WhatsApp (number 6.99): x"),
    ],
)
def test_events_are_sentences(made: Any, kind: int, event: int, text: str | None, said: str) -> None:
    exported = made([{"ZMESSAGETYPE": kind, "ZGROUPEVENTTYPE": event, "ZTEXT": text}])
    assert f'<li class="e">{said} <time' in exported.text("WhatsApp/Mum 4567/2024.html")


def test_a_removed_chat_is_marked_or_left_out(made: Any) -> None:
    change = f"UPDATE ZWACHATSESSION SET ZREMOVED = 1 WHERE ZCONTACTJID = '{CLUB}';"
    assert "Recently deleted" in made([], change=change).text("WhatsApp/Book club/2024.html")
    assert not any("Book club" in path for path in made([], change=change, deleted="without", to="two").paths())


def test_the_peer_shows_the_same_texts(
    shared_data: Path, tmp_path: Path, make_backup: MakeBackup, export: Export
) -> None:
    """whatsapp-chat-exporter, where it is installed (`pip install whatsapp-chat-exporter` in a venv on PATH)."""
    import subprocess

    peer = shutil.which("wtsexporter")
    if peer is None:
        missing = "whatsapp-chat-exporter is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    stored = shared_data / "databases/ios15-real/whatsAppMessages"
    for path in stored.glob("ChatStorage.sqlite*"):
        shutil.copy(path, tmp_path / path.name)
    command = [peer, "-i", "-d", "ChatStorage.sqlite", "-m", ".", "-o", "out", "-j", "--no-html", "--no-banner"]
    subprocess.run([*command, "-w", "none"], cwd=tmp_path, check=True, capture_output=True)
    answer = json.loads(next(tmp_path.rglob("*.json")).read_text())
    theirs = [
        one["data"] for chat in answer.values() for one in chat["messages"].values() if one["data"] and not one["meta"]
    ]
    exported = export(
        make_backup(
            {
                (GROUP, path.name): path.read_bytes()
                for path in stored.glob("ChatStorage.sqlite*")
                if "shm" not in path.name
            }
        ),
        owners={APP},
    )
    ours = [
        line["text"] for path in exported.paths() if path.endswith("jsonl") for line in lines_of(exported, path[:-11])
    ]
    assert sorted(text for text in ours if text) == sorted(text for text in theirs if "missing" not in text)
