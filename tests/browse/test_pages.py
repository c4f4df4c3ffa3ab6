"""What a person sees of a backup, page by page."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import stat
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.categories.claims import Claims
from migrate.content.kinds import kind
from migrate.content.tally import tally
from tests.browse.asking import Opened
from tests.browse.conftest import Show
from tests.content.made_messages import PICTURE, conversations, schema_17
from tests.made_backups import MakeBackup, phones_files
from tests.talk.conftest import write_backup

SMS = ("HomeDomain", "Library/SMS/sms.db")
PHOTOS = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egpj.exe"


class Structure(HTMLParser):
    """What assistive technology finds on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *wanted: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in wanted]


def with_changes(content: Any, tmp_path: Path, *statements: str) -> bytes:
    path = tmp_path / "changed.db"
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)
    return path.read_bytes()


@pytest.fixture
def phone(show: Show, make_backup: MakeBackup, tmp_path: Path) -> Opened:
    """The backup of a simulated iPhone with photos in Recently Deleted."""
    saved, apps, groups = phones_files(
        "18.5", photos=7, icloud_only_photos=2, messages=30, attachments=4, health_samples=60, apps=2, history=5
    )
    deleted = "UPDATE ZASSET SET ZTRASHEDSTATE = 1 WHERE Z_PK IN (1, 2)"
    saved[PHOTOS] = with_changes(saved[PHOTOS], tmp_path, deleted)
    info = {"Device Name": "Ada's iPhone"}
    return show(make_backup(saved, info=info, manifest_plist={"Applications": apps}), groups)


@pytest.fixture
def chats(show: Show, make_backup: MakeBackup, tmp_path: Path) -> Opened:
    contents = {SMS: conversations(tmp_path, schema_17()), ("MediaDomain", PICTURE): JPEG}
    return show(make_backup(contents))


def test_every_link_of_every_page_leads_to_something(phone: Opened) -> None:
    """And every page can be read by a screen reader, with its landmarks, headings, labels and alternative texts."""
    seen: set[str] = set()
    waiting = ["/", "/search?q=a", "/k/nothing"]
    kinds: set[str] = set()
    while waiting and len(seen) < 220:
        path = waiting.pop(0)
        shape = re.sub(r"\d+", "N", path.split("?")[0])
        if path in seen or len([one for one in seen if re.sub(r"\d+", "N", one.split("?")[0]) == shape]) >= 4:
            continue
        seen.add(path)
        answer = phone.open(path)
        kinds.add(shape)
        assert answer.status == (404 if path == "/k/nothing" else 200), (path, answer.text[:500])
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        waiting += answer.links()
        page = Structure(answer.text)
        assert len(page.all("main")) == len(page.all("header")) == len(page.all("h1")) == 1, path
        assert page.all("nav") and page.all("html")[0]["lang"] and 'href="#main"' in answer.text, path
        assert all(image.get("alt") for image in page.all("img")), path
        labelled = {label.get("for") for label in page.all("label")}
        assert all(field["id"] in labelled for field in page.all("input")), path
        assert not page.all("script", "iframe", "object", "embed", "base", "style"), path
        assert not any(name.startswith("on") or name == "style" for _tag, given in page.tags for name in given), path
        assert all(not (link.get("href") or "").lower().startswith("javascript") for link in page.all("a")), path
    assert {"/", "/apps", "/files", "/deleted", "/file", "/k/photos/i/N/thumb", "/k/photos/i/N/file/N"} <= kinds


def test_the_numbers_are_those_of_show(phone: Opened) -> None:
    for _attempt in range(2):
        page = phone.open("/")
    counted = tally(phone.backup, Claims.of(phone.backup), tmp=phone.tmp / "again")
    photos = counted.category("photos")
    assert (photos.items, photos.deleted, photos.only_in_icloud) == (9, 2, 2)  # with two films
    row = page.text.split(">Photos and videos</a>", 1)[1].split("</tr>")[0]
    assert ">9<" in row and ">2<" in row
    assert "2 of them are only in iCloud" in page.shown and "<svg" in page.text
    for shown in ("contacts", "notes", "calls"):
        assert f"{counted.category(shown).items} in all" in phone.open(f"/k/{shown}").shown
    assert "11 in all" in phone.open("/k/photos").shown, "with those in Recently Deleted"


def test_what_was_deleted_is_marked_in_its_place_and_has_a_page(phone: Opened) -> None:
    assert phone.open("/k/photos").text.count("gone-item") == 2
    page = phone.open("/deleted")
    assert page.text.count('/thumb"') == 2 and "--deleted only" in page.shown
    item = next(link for link in page.links("/k/photos/i/") if not link.endswith("/thumb"))
    assert "Recently deleted" in phone.open(item).shown and "--deleted only" in phone.open(item).shown


def test_a_photo_that_is_only_in_icloud_has_its_small_picture(phone: Opened) -> None:
    page = phone.open("/k/photos")
    found = [link for link in page.links("/k/photos/i/") if not link.endswith("/thumb")]
    only = [link for link in found if "Only in iCloud" in phone.open(link).shown]
    assert len(only) == 2
    thumbnail = phone.open(only[0] + "/thumb")
    assert thumbnail.headers["content-type"] == "image/jpeg" and thumbnail.body.startswith(b"\xff\xd8\xff")
    assert phone.open(only[0] + "/file/0").status == 404


def test_a_chat_shows_what_messages_shows(chats: Opened) -> None:
    listed = chats.open("/k/messages")
    assert "Book club 📚" in listed.shown and "In no chat any more" in listed.shown
    links = listed.links("/k/messages/in/")
    pages = {chats.open(link).shown.split("Search in this chat")[0]: chats.open(link) for link in links}
    mum = next(page for title, page in pages.items() if "491701234567" in title)
    assert mum.text.index("Good morning ☀️") < mum.text.index("The end")
    assert "❤️" in mum.shown and "Loved" not in mum.shown, "a reaction is at its message"
    assert "Earlier versions Teh end" in mum.shown and "unsent" in mum.shown
    gone = mum.text.split("Delete me")[1].split("</li>")[0]
    assert "Recently deleted" in gone and "--with" in mum.shown
    group = next(page for title, page in pages.items() if "Book club" in title)
    assert "Ben@example.com" in group.shown or "ben@example.com" in group.shown
    picture = group.links("/file?")[0]
    assert chats.open(picture).body == JPEG and chats.open(picture).headers["content-type"] == "image/jpeg"


def test_a_search_finds_things_in_all_kinds(chats: Opened, phone: Opened) -> None:
    found = chats.open("/search?q=CHAPTER")
    assert "Chapter two?" in found.shown and "The search is complete" in found.shown
    link = found.links("/k/messages/i/")[0]
    item = chats.open(link)
    thread = chats.open(item.links("/k/messages/in/")[0])
    assert 'id="m' + item.links("/k/messages/in/")[0].rsplit("#m")[1] + '"' in thread.text
    assert "Nothing was found" in chats.open("/search?q=zzzzzz").shown
    assert "IMG_0001" in phone.open("/search?q=img_0001").shown


def test_names_of_strangers_are_only_text(show: Show, make_backup: MakeBackup, tmp_path: Path) -> None:
    texts = [
        f"UPDATE message SET text = '{HOSTILE.replace(chr(39), chr(39) * 2)}', attributedBody = NULL",
        f"UPDATE chat SET display_name = '{HOSTILE.replace(chr(39), chr(39) * 2)}' WHERE style = 43",
        f"UPDATE attachment SET transfer_name = '{HOSTILE.replace(chr(39), chr(39) * 2)}'",
    ]
    contents = {
        SMS: with_changes(conversations(tmp_path, schema_17()), tmp_path, *texts),
        ("MediaDomain", PICTURE): b"<html><script>alert(3)</script>",
        (f"AppDomain-{HOSTILE}", f"Documents/{HOSTILE}.html"): b"<script>alert(4)</script>",
    }
    opened = show(make_backup(contents, info={"Device Name": HOSTILE}))
    paths = ["/", "/k/messages", "/files", "/search?q=" + "%3Cscript%3E", "/deleted", "/apps"]
    paths += opened.open("/k/messages").links("/k/messages/in/")
    paths += opened.open("/files").links("/files?domain=AppDomain")
    for path in paths:
        page = opened.open(path)
        assert page.status == 200
        structure = Structure(page.text)
        assert not structure.all("script") and not any("onerror" in given for _tag, given in structure.tags), path
        assert "\u202e" not in page.text, path
    attached = next(link for path in paths for link in opened.open(path).links("/file?") if "SMS" in link)
    answer = opened.open(attached)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''IMG_1.jpeg")


def test_secrets_are_on_no_page(phone: Opened) -> None:
    assert phone.library.source.files(*kind("keychain").places), "the backup has some"
    assert phone.open("/k/keychain").status == 404
    assert not [link for link in phone.open("/").links() if "keychain" in link.lower() and link.startswith("/k/")]
    assert "--passwords" not in phone.open("/").text


def test_one_item_can_be_taken_away(phone: Opened) -> None:
    contact = next(link for link in phone.open("/k/contacts").links("/k/contacts/i/"))
    taken = phone.open(contact + "/take")
    assert taken.status == 200 and "attachment" in taken.headers["content-disposition"]
    name = re.search(r"<h1>(.*?)</h1>", phone.open(contact).text)
    assert name and name[1].split()[0] in taken.body.decode("utf-8", "replace")
    call = phone.open("/k/calls").links("/k/calls/i/")[0]
    assert json.loads(phone.open(call + "/take").body)["kind"] == "calls"
    assert not list(phone.tmp.glob("take-*"))
    photo = next(
        link for link in phone.open("/k/photos").links("/k/photos/i/") if phone.open(link + "/file/0").status == 200
    )
    download = phone.open(photo + "/file/0?download=1")
    assert download.headers["content-type"] == "application/octet-stream" and download.body[:3] in (
        b"\xff\xd8\xff",
        b"\0\0\0",
    )


def test_paths_lead_nowhere_but_into_the_backup(phone: Opened) -> None:
    for path in (
        *("/file?domain=CameraRollDomain&path=../../../etc/passwd", "/file?domain=..&path=/etc/passwd", "/file?path=x"),
        *("/file?domain=HomeDomain&path=%00", "/file?domain=%ff%fe&path=%ed%a0%80", "/files?domain=../..&path=.."),
        *("/k/photos/i/0/file/99", "/k/photos/i/-1", "/k/photos/i/99999999999999999999", "/k/photos/in/99999999999999"),
        *("/k/photos/../../etc/passwd", "/k/%2e%2e%2f", "/app/..%2f..%2fetc", "/c/nothing", "/static/../app.py", "/k/"),
        *("/k/health/in/0", "/k/health/in/1?month=9999-99", "/k/health/i/0", "/k/messages/in/1?at=" + "9" * 400),
    ):
        answer = phone.open(path)
        assert answer.status in (200, 404), path
        assert b"root:" not in answer.body and b"Traceback" not in answer.body, path
        assert answer.status == 404 or path.startswith(("/k/health", "/k/messages")), path
    assert phone.open("/k/photos?page=99999999999999").status == phone.open("/k/photos?page=-1").status == 200


def test_health_is_drawn(phone: Opened) -> None:
    kinds = phone.open("/k/health").links("/k/health/in/")
    page = phone.open(kinds[0])
    assert 'class="chart wide"' in page.text and 'class="chart narrow"' in page.text
    month = next(link for link in page.links("/k/health/in/") if "month=" in link)
    assert "by day" in phone.open(month).shown


def test_a_damaged_database_is_named(show: Show, make_backup: MakeBackup) -> None:
    opened = show(make_backup({SMS: b"SQLite format 3\x00" + bytes(200)}))
    assert "Not everything of this could be read" in opened.open("/k/messages").shown
    assert opened.open("/").status == opened.open("/search?q=a").status == 200


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", [None, "a password"], ids=["plain", "encrypted"])
def test_any_part_of_a_film_is_decrypted_alone(password: str | None, tmp_path: Path, show: Show) -> None:
    film = b"\x00\x00\x00\x18ftypqt  " + os.urandom(600_000)
    path = write_backup(
        tmp_path / "backup", password=password, contents={("CameraRollDomain", "Media/DCIM/100APPLE/IMG_1.MOV"): film}
    )
    with Backup.open(path, password) as backup:
        opened = show(backup)
        address = "/file?domain=CameraRollDomain&path=Media/DCIM/100APPLE/IMG_1.MOV"
        whole = opened.browser.ask(address)
        assert whole.body == film and whole.status == 200 and whole.headers["content-type"] == "video/quicktime"
        assert whole.headers["accept-ranges"] == "bytes"
        parts = ((0, 1), (15, 17), (262_143, 262_161), (262_144, 262_145), (524_287, 600_012), (599_999, 600_012))
        for start, stop in parts:
            part = opened.browser.ask(address, Range=f"bytes={start}-{stop - 1}")
            assert part.status == 206 and part.body == film[start:stop]
            assert part.headers["content-range"] == f"bytes {start}-{min(stop, len(film)) - 1}/{len(film)}"
        assert opened.browser.ask(address, Range="bytes=-7").body == film[-7:]
        beyond = opened.browser.ask(address, Range=f"bytes={len(film)}-")
        assert beyond.status == 416 and beyond.headers["content-range"] == f"bytes */{len(film)}"
        head = opened.browser.ask(address, "HEAD", Range="bytes=0-9")
        assert head.status == 206 and head.headers["content-length"] == "10" and not head.body


def test_a_missing_or_cut_off_file_is_no_crash(tmp_path: Path, show: Show) -> None:
    key = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_1.JPG")
    path = write_backup(tmp_path / "backup", contents={key: JPEG})
    with Backup.open(path) as backup:
        record = backup.record(*key)
        assert record is not None
        backup.stored_path(record).unlink()
        opened = show(backup)
        answer = opened.open(f"/file?domain={key[0]}&path={key[1]}")
        assert answer.status == 404 and "IMG_1" not in answer.headers.get("content-disposition", "")


def test_nothing_that_was_read_lies_on_the_disk(phone: Opened) -> None:
    """The scratch files have no name, so a killed process leaves none; and closing leaves nothing at all."""
    for path in ("/k/messages", "/k/photos", "/files", "/search?q=a"):
        phone.open(path)
    left = [entry for entry in phone.tmp.rglob("*") if entry.name != "counting"]
    assert left == []
    assert stat.S_IMODE(phone.tmp.stat().st_mode) == 0o700
    phone.library.close()
    assert [entry for entry in phone.tmp.rglob("*") if entry.is_file()] == []


def test_encrypted_thumbnails_are_kept_in_memory_only(tmp_path: Path) -> None:
    from migrate.browse.kept import Kept

    kept, made = Kept(100), list[str]()

    def make(name: str, size: int) -> bytes:
        def content() -> bytes:
            made.append(name)
            return bytes(size)

        return kept.get(name, content)

    for name in ("a", "b", "a", "c", "a", "b"):
        make(name, 40)
    assert made == ["a", "b", "c", "b"], "the one that was not asked for the longest goes first"
    assert kept.bytes <= 100
