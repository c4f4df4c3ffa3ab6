"""Notes as files: pages as Notes shows them, what is attached, what is locked, and what strangers write."""

from __future__ import annotations

import csv
import gzip
import io
import json
import plistlib
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.simulator.contents.note_bodies import (
    BULLETS,
    CHECKLIST,
    HEADING,
    MONOSPACED,
    NUMBERS,
    TITLE,
    NoteRun,
    gallery_document,
    table_document,
)
from migrate.simulator.contents.notes import PASSWORD
from tests.content.test_notes import answers
from tests.export.exporting import Export, Exported
from tests.export.made_notes import GROUP, JPEG, STORE, MadeNotes, Sealed, placed
from tests.made_backups import MakeBackup

OLD_STORE = ("HomeDomain", "Library/Notes/notes.sqlite")
TABLE, GALLERY, LINK = "com.apple.notes.table", "com.apple.notes.gallery", "public.url"
MACOS = {
    "NoteStore-macOS-13-Ventura": "Notes-macOS-13-Ventura.txt",
    "NoteStore-macOS-26-Tahoe": "notes_macOS-26-Tahoe-beta.txt",
}


class Shown(HTMLParser):
    """A page as what a person sees: lines with the element they are in, and their text with the marks on it."""

    BLOCKS = frozenset({"h1", "h2", "h3", "li", "td", "th", "p", "div", "pre"})
    MARKS = frozenset({"b", "i", "u", "s", "strike"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[tuple[str, tuple[tuple[str, frozenset[str]], ...]]] = []
        self.checked: list[bool] = []
        self.refs: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self._parts: list[tuple[str, frozenset[str]]] = []
        self._kind = "p"
        self.feed(page)
        self._end()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.add(tag)
        self.attributes |= known.keys()
        self.refs += [known[name] or "" for name in ("src", "href") if name in known]
        if tag == "input":
            self.checked.append("checked" in known)
        if tag in self.BLOCKS:
            self._end()
            if not (tag == "div" and self._kind in ("td",) and "td" in self._open):
                self._kind = "p" if tag == "div" else tag
        if tag not in ("br", "img", "input", "meta"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.BLOCKS:
            self._end()
            self._kind = "p"
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not {"style", "title"} & set(self._open):
            self._parts.append((data.strip("\n"), self.MARKS.intersection(self._open)))

    def _end(self) -> None:
        if self._parts:
            self.lines.append((self._kind, tuple(self._parts)))
        self._parts = []

    @property
    def texts(self) -> list[str]:
        return ["".join(text for text, _marks in parts) for _kind, parts in self.lines]


def article(page: str) -> str:
    found = re.search(r'<article class="note">(.*)</article>', page, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def made(make_backup: MakeBackup, export: Export) -> Callable[..., Exported]:
    """`made(notes, formats={"html"})`: a store, exported."""

    def run(notes: MadeNotes, **choice: Any) -> Exported:
        if "formats" in choice:
            choice["formats"] = frozenset(choice["formats"])
        return export(make_backup(notes.backed_up()), owners={"notes"}, **choice)

    return run


def page_of(exported: Exported, name: str = "Notes/Notes/A note.html") -> str:
    return exported.text(name)


# As Notes shows them


@pytest.mark.parametrize("store", MACOS)
def test_a_page_has_the_lines_and_marks_that_notes_shows(
    make_backup: MakeBackup, export: Export, shared_data: Path, store: str
) -> None:
    folder = shared_data / "databases/notes-macos"
    exported = export(make_backup({STORE: (folder / f"{store}.sqlite").read_bytes()}), notes_password="tbull")
    compared = 0
    for answer in answers(folder / MACOS[store]).values():
        if not answer["body"].strip():
            continue  # locked, and Notes did not show it either
        (path,) = (name for name in exported.paths() if name.endswith(f"/{answer['name'].strip()}.html"))
        ours, apples = Shown(article(exported.text(path))), Shown(answer["body"])
        tags = [text for text in ours.texts if text.startswith("#")]  # Apple's HTML leaves the tags themselves out
        assert [line for line in ours.lines if line[1][0][0] not in tags] == apples.lines
        assert path.split("/")[-2] == answer["folder"].strip()
        compared += 1

    assert compared == (7 if "13" in store else 6)
    assert "Notes/Folder2/Subfolder/Subsubfolder/This is a deeply buried note.html" in exported.paths()
    special = Shown(article(exported.text("Notes/Notes/This note has special formatting.html")))
    assert special.checked == [False, False, False]
    tagged = Shown(article(exported.text("Notes/Notes/This note has tags.html")))
    assert tagged.texts[-2:] == ["#travel", "#vacation"]


def test_styles_lists_and_ticks(made: Callable[..., Exported]) -> None:
    notes = MadeNotes()
    runs = [
        NoteRun("A 👩\u200d💻 note\n", TITLE),
        NoteRun("Part\n", HEADING),
        NoteRun("plain ", None),
        NoteRun("bold 💻", weight=1),
        NoteRun(" both", weight=3, struck=True),
        NoteRun(" link\n", link="https://example.com/?a=1&b=2"),
        NoteRun("milk\n", CHECKLIST, item=b"1" * 16, done=True),
        NoteRun("eggs\n", CHECKLIST, indent=1, item=b"2" * 16),
        NoteRun("one\n", NUMBERS),
        NoteRun("inside\n", BULLETS, indent=1),
        NoteRun("two\n", NUMBERS),
        NoteRun("x = 1\n  y\n", MONOSPACED),
        NoteRun("she said\n", quoted=True),
        NoteRun("the end"),
    ]
    notes.note("N", runs)
    exported = made(notes)
    page = article(page_of(exported))
    shown = Shown(page)

    assert shown.lines[:3] == [
        ("h1", (("A 👩\u200d💻 note", frozenset()),)),
        ("h2", (("Part", frozenset()),)),
        (
            "p",
            (
                ("plain ", frozenset()),
                ("bold 💻", frozenset("b")),
                (" both", frozenset("bis")),
                (" link", frozenset()),
            ),
        ),
    ]
    assert shown.checked == [True, False]
    assert re.search(r"<ol><li><span[^>]*>one</span><ul><li>.*inside.*</li></ul></li>\s*<li>.*two", page)
    assert "<pre>x = 1\n  y</pre>" in page
    assert re.search(r"<blockquote><p[^>]*>she said</p></blockquote>", page)
    assert "https://example.com/?a=1&b=2" in shown.refs

    assert exported.text("Notes/Notes/A note.md").split("---\n\n", 1)[1] == (
        "# A 👩\u200d💻 note\n\n## Part\n\n"
        "plain **bold 💻** ~~***both***~~ [link](<https://example.com/?a=1&b=2>)  \n"
        "- [x] milk\n  - [ ] eggs\n\n1. one\n   - inside\n2. two\n\n"
        "```\nx = 1\n  y\n```\n\n> she said\n\nthe end  \n"
    )


def test_markdown_means_what_the_page_shows(made: Callable[..., Exported]) -> None:
    """Judged by markdown-it, a parser of CommonMark and of GitHub's tables."""
    markdown_it = pytest.importorskip("markdown_it")
    odd = ["# no heading", "- no list", "1. no number", "*no* _marks_ `here`", "<b>no</b> &amp; tag", "a | b ~~c~~",
           "[no](link)", "    no program", "+ 1", "= 2", "\\ back"]  # fmt: skip
    notes = MadeNotes()
    runs = [NoteRun("Title\n", TITLE), *(NoteRun(f"{line}\n") for line in odd)]
    runs += [NoteRun("be"), NoteRun("(fo)", weight=1), NoteRun("re\n"), NoteRun("```\ncode\n", MONOSPACED)]
    note = notes.note("N", [*runs, placed("T", TABLE)])
    notes.attach(note, "T", TABLE, ZMERGEABLEDATA1=gzip.compress(table_document([["a|b", "*c*"], ["d\ne", ""]])))
    exported = made(notes)
    text = exported.text("Notes/Notes/A note.md").split("---\n\n", 1)[1]
    parser = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parsed, page = Shown(parser.render(text).replace("<br />", "</p><p>")), Shown(article(page_of(exported)))

    assert [one.strip() for one in parsed.texts] == [one.strip() for one in page.texts]
    assert parsed.tags - {"thead", "th"} <= page.tags | {"code", "p", "tbody"}


# What is attached


def test_files_tables_scans_and_links_are_where_they_were(made: Callable[..., Exported]) -> None:
    notes = MadeNotes()
    places = [placed(one) for one in ("PIC", "SND", "PDF", "TAB", "SCAN", "DRAW", "WEB")]
    note = notes.note(
        "N",
        [NoteRun("Title\n", TITLE), *places, placed("TAG"), NoteRun(" with "), placed("ANNA"), NoteRun("\nend")],
    )
    notes.medium(notes.attach(note, "PIC", "public.jpeg"), "M-PIC", "a & b?.jpg", JPEG)
    notes.medium(notes.attach(note, "SND", "com.apple.m4a-audio"), "M-SND", "Song.m4a", b"sound")
    notes.medium(notes.attach(note, "PDF", "com.adobe.pdf"), "M-PDF", "Paper.pdf", b"%PDF-1.4")
    notes.attach(note, "TAB", TABLE, ZMERGEABLEDATA1=gzip.compress(table_document([["a", "b"], ["c", "d"]])))
    pages = {name: notes.attach(note, name, "public.jpeg") for name in ("P1", "P2")}
    for name, key in pages.items():
        notes.medium(key, f"M-{name}", f"{name}.jpg", JPEG + name.encode())
    notes.attach(note, "SCAN", GALLERY, ZMERGEABLEDATA1=gzip.compress(gallery_document(["P2", "P1"])))
    notes.attach(note, "DRAW", "com.apple.paper", ZFALLBACKIMAGEGENERATION="2_X")
    notes.files[GROUP, "Accounts/LocalAccount/FallbackImages/DRAW/2_X/FallbackImage.png"] = b"\x89PNG drawing"
    notes.attach(note, "WEB", LINK, ZURLSTRING="https://example.com/a", ZTITLE="A page")
    notes.attach(note, "VID", "com.apple.quicktime-movie", ZTITLE="not in the text")
    notes.inline(note, "TAG", "hashtag", ZALTTEXT="#travel", ZTOKENCONTENTIDENTIFIER="TRAVEL")
    notes.inline(note, "ANNA", "mention", ZALTTEXT="@Anna")
    exported = made(notes, formats={"html", "md", "txt", "json"})
    shown = Shown(article(page_of(exported)))

    files = [name for name in exported.paths() if "/files/" in name]
    assert [name.rpartition("/")[2] for name in files] == [
        "FallbackImage.png", "P1.jpg", "P2.jpg", "Paper.pdf", "Song.m4a", "a & b_.jpg",
    ]  # fmt: skip
    in_order = list(dict.fromkeys(shown.refs))
    assert in_order == [
        "files/a%20%26%20b_.jpg", "files/Song.m4a", "files/Paper.pdf", "files/P2.jpg", "files/P1.jpg",
        "files/FallbackImage.png", "https://example.com/a",
    ]  # fmt: skip
    assert [line for line in shown.lines if line[0] == "td"] == [("td", ((one, frozenset()),)) for one in "abcd"]
    assert "#travel with @Anna" in shown.texts
    assert (exported.root / "Notes/Notes/files/a & b_.jpg").read_bytes() == JPEG
    assert exported.category("notes").reasons == {}
    assert "![a & b?.jpg]" in exported.text("Notes/Notes/A note.md").replace("\\", "")
    assert "a    b\nc    d" in exported.text("Notes/Notes/A note.txt")
    (line,) = exported.text("Notes/notes.jsonl").splitlines()
    of_json = {one["id"]: one for one in json.loads(line)["attachments"]}
    assert of_json["TAB"]["table"] == [["a", "b"], ["c", "d"]]
    assert of_json["P2"]["files"] == ["Notes/Notes/files/P2.jpg"]


def test_what_is_missing_is_named_in_the_note_and_counted(made: Callable[..., Exported]) -> None:
    notes = MadeNotes()
    note = notes.note("N", [placed("GONE"), placed("CLOUD"), placed("NOROW"), placed("BAD", TABLE), placed("DRAW")])
    notes.medium(notes.attach(note, "GONE", "public.jpeg"), "M-1", "gone.jpg", None)
    notes.medium(notes.attach(note, "CLOUD", "public.jpeg"), "M-2", "cloud.jpg", None, ZNEEDSINITIALFETCHFROMCLOUD=1)
    notes.attach(note, "BAD", TABLE, ZMERGEABLEDATA1=b"no table")
    notes.attach(note, "DRAW", "com.apple.drawing.2")
    notes.add(
        "ICNote", "AWAY", ZTITLE1="Away", ZFOLDER=notes.folder, ZACCOUNT7=notes.account, ZNEEDSINITIALFETCHFROMCLOUD=1
    )
    notes.note("TORN", b"\x1f\x8b torn", title="Torn")
    exported = made(notes)
    category = exported.category("notes")

    assert {name: category.count(name) for name in ("items", "exported", "only_in_icloud", "unreadable")} == {
        "items": 3, "exported": 1, "only_in_icloud": 1, "unreadable": 1,
    }  # fmt: skip
    assert category.reasons == {
        "an attachment of a note is only in iCloud": 1,
        "an attachment of a note is not in this backup": 3,
        "an attachment of a note cannot be decoded": 1,
        "it is only in iCloud": 1,
        "its text cannot be decoded": 1,
    }
    assert page_of(exported).count('class="missing"') == 5
    listed = {row["title"]: row["not exported"] for row in list_of(exported)}
    assert listed == {"A note": "", "Away": "it is only in iCloud", "Torn": "its text cannot be decoded"}


def list_of(exported: Exported) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.text("Notes/notes.csv"))))


def test_a_link_to_another_note_leads_to_its_page(made: Callable[..., Exported]) -> None:
    target, locked = "0A0A0A0A-0000-4000-8000-00000000000B", "0A0A0A0A-0000-4000-8000-00000000000C"
    notes = MadeNotes()
    inside = notes.add("ICFolder", "F-2", ZTITLE2="In & side", ZFOLDERTYPE=0, ZPARENT=notes.folder)
    note = notes.note("0-first", [placed("L1"), placed("L2")])
    for name, of in (("L1", target), ("L2", locked)):
        token = f"applenotes:note/{of.lower()}?ownerIdentifier=_x"
        notes.inline(note, name, "link", ZALTTEXT=f"to {name}", ZTOKENCONTENTIDENTIFIER=token)
    notes.note(target, "Other", title="A note", ZFOLDER=inside)
    notes.note(locked, "secret", title="Locked", sealed=Sealed("x"))
    exported = made(notes)
    shown = Shown(article(page_of(exported)))

    assert shown.refs == ["In%20%26%20side/A%20note.html"]
    assert exported.text("Notes/Notes/In & side/A note.html")
    assert shown.texts == ["to L1to L2"]


# Tables


def test_tables_whose_rows_were_removed_or_run_from_right_to_left() -> None:
    from migrate.content.readers.notes.table import read_table

    def texts(document: bytes) -> list[list[str]]:
        return [[cell.text for cell in row] for row in read_table(gzip.compress(document))]

    rows = [["a", "b"], ["c", "d"], ["e", "f"]]
    assert texts(table_document(rows)) == rows
    assert texts(table_document(rows, removed_rows=[1])) == [["a", "b"], ["e", "f"]]
    assert texts(table_document(rows, right_to_left=True)) == [["b", "a"], ["d", "c"], ["f", "e"]]


def test_the_tables_of_phones_and_macs(shared_data: Path) -> None:
    from migrate.content.readers.notes.table import read_table

    stored = (shared_data / "databases/note-bodies/table_gzipped.bin").read_bytes()
    assert [[cell.text for cell in row] for row in read_table(stored)] == [
        ["Row 1 Column 1", "Row 1 Column 2"],
        ["Row 2 Column 1", "Row 2 Column 2"],
    ]


def test_damaged_tables_raise_only_value_errors() -> None:
    from migrate.content.readers.notes.table import read_table, texts_in

    whole = table_document([["a", "b"], ["c", "d"]])
    for cut in range(0, len(whole), 3):
        for damaged in (
            whole[:cut],
            whole[:cut] + b"\xff" + whole[cut + 1 :],
            whole[:cut] + b"\x7f" + whole[cut + 1 :],
        ):
            for read in (read_table, texts_in):
                try:
                    read(gzip.compress(damaged, 1))
                except ValueError:
                    continue


# Locked ones


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (None, "it is locked, and no password of Notes was given with --notes-password-file"),
        ("wrong", "it is locked with another password than the one given"),
    ],
)
def test_a_locked_note_stays_closed_without_its_password(
    make_backup: MakeBackup, export: Export, shared_data: Path, password: str | None, reason: str
) -> None:
    store = shared_data / "databases/notes-macos/NoteStore-macOS-13-Ventura.sqlite"
    exported = export(make_backup({STORE: store.read_bytes()}), notes_password=password)
    category = exported.category("notes")

    assert (category.count("items"), category.count("exported"), category.count("unreadable")) == (7, 6, 1)
    assert category.reasons == {reason: 1}
    assert not [name for name in exported.paths() if "password" in name]
    (row,) = [row for row in list_of(exported) if row["locked"] == "yes"]
    assert (row["title"], row["file"], row["not exported"]) == ("This note is password protected", "", reason)


def test_a_locked_note_opens_with_its_password(make_backup: MakeBackup, export: Export, shared_data: Path) -> None:
    store = shared_data / "databases/notes-macos/NoteStore-macOS-13-Ventura.sqlite"
    exported = export(make_backup({STORE: store.read_bytes()}), notes_password="tbull")
    page = exported.text("Notes/Notes/This note is password protected.html")

    assert exported.category("notes").count("unreadable") == 0
    assert Shown(article(page)).texts == ["This note is password protected", "This is a secret!"]
    assert "locked on the iPhone" in page
    assert "tbull" not in (exported.root / "export.json").read_text()


@pytest.mark.parametrize(
    ("password", "ending"),
    [
        (None, "which only an Apple device can open"),
        ("tbull", "the password is right"),
        ("wrong", "its password is not the one given"),
    ],
)
def test_the_newer_lock_is_named_and_its_password_checked(
    make_backup: MakeBackup, export: Export, shared_data: Path, password: str | None, ending: str
) -> None:
    store = shared_data / "databases/notes-macos/NoteStore-macOS-26-Tahoe.sqlite"
    exported = export(make_backup({STORE: store.read_bytes()}), notes_password=password)
    category = exported.category("notes")

    ((reason, count),) = category.reasons.items()
    assert (count, category.count("unreadable")) == (1, 1)
    assert reason.startswith("it is locked in the way of iOS 16 and later") and reason.endswith(ending)
    assert not [name for name in exported.paths() if "password" in name]


def test_a_note_locked_with_the_passcode_and_damaged_locks(made: Callable[..., Exported]) -> None:
    def archive(facts: object) -> bytes:
        inner = plistlib.dumps(facts, fmt=plistlib.FMT_BINARY)
        root = {
            name: plistlib.UID(place) for name, place in (("unauthenticatedMetadata", 2), ("wrappedEncryptionKey", 3))
        }
        objects = ["$null", root, inner, b"k" * 40]
        whole = {"$version": 100000, "$archiver": "NSKeyedArchiver", "$objects": objects}
        return plistlib.dumps(whole, fmt=plistlib.FMT_BINARY)

    notes = MadeNotes()
    long = {"passphraseSalt": b"s" * 32, "passphraseIterationCount": 10**12}
    for name, stored in (
        ("P", archive({"accountKeyIdentifier": "x"})),
        ("Q", b"bplist00 torn"),
        ("R", archive(long)),
        ("S", archive([1])),
    ):
        notes.note(name, stored, title=name, ZISPASSWORDPROTECTED=1)
    notes.note("T", "secret", title="T", sealed=Sealed("x"), ZCRYPTOITERATIONCOUNT=10**12)
    notes.note("U", "secret", title="U", sealed=Sealed("x"), ZCRYPTOWRAPPEDKEY=b"short")
    exported = made(notes, notes_password="x")

    reasons = {row["title"]: row["not exported"] for row in list_of(exported)}
    newer = "it is locked in the way of iOS 16 and later, which only an Apple device can open"
    assert reasons == {
        "P": "it is locked with the iPhone's passcode, which only an Apple device can open",
        "Q": newer, "R": newer, "S": newer,
        "T": "its text cannot be decoded",
        "U": "it is locked with another password than the one given",
    }  # fmt: skip
    assert exported.category("notes").count("unreadable") == 6


def test_what_is_attached_to_a_locked_note_opens_with_it(made: Callable[..., Exported]) -> None:
    import base64

    notes, lock = MadeNotes(), Sealed("geheim")
    note = notes.note("N", [NoteRun("Secret\n", TITLE), placed("T", TABLE), placed("PIC"), placed("BAD")], sealed=lock)
    table = base64.b64encode(gzip.compress(table_document([["pin", "1234"]]))).decode()
    notes.attach(note, "T", TABLE, **Sealed("geheim").row(mergeableData=table))
    for name, damage in (("PIC", b""), ("BAD", b"!")):
        of_file = Sealed("geheim")
        iv, tag, sealed = of_file.seal(JPEG)
        picture = notes.attach(note, name, "public.jpeg", **Sealed("geheim").columns)
        said = of_file.row(filename=f"{name}.jpg")
        notes.medium(
            picture, f"M-{name}", None, sealed + damage,
            **said, ZASSETCRYPTOINITIALIZATIONVECTOR=iv, ZASSETCRYPTOTAG=tag,
        )  # fmt: skip
    exported = made(notes, notes_password="geheim")
    shown = Shown(article(page_of(exported)))

    assert (exported.root / "Notes/Notes/files/PIC.jpg").read_bytes() == JPEG
    assert shown.texts[:3] == ["Secret", "pin", "1234"]
    assert not (exported.root / "Notes/Notes/files/BAD.jpg").exists()
    assert [finding.code for finding in exported.result.findings][:1] == ["export-file-unreadable"]
    assert exported.category("notes").reasons == {"an attachment of a note could not be read": 1}
    assert shown.texts[3:] == ["1 attachment could not be read."]
    assert "Secret" not in exported.text("Notes/notes.csv") + (exported.root / "export.json").read_text()


# Folders, dates, deleted ones, and a second run


def test_folders_dates_and_deleted_notes(made: Callable[..., Exported]) -> None:
    notes = MadeNotes()
    trash = notes.add("ICFolder", "TrashFolder-LocalAccount", ZTITLE2="Recently Deleted", ZFOLDERTYPE=1)
    circle = notes.add("ICFolder", "F-1", ZTITLE2="Round")
    notes._database.execute("UPDATE ZICCLOUDSYNCINGOBJECT SET ZPARENT = ? WHERE Z_PK = ?", (circle, circle))
    notes.note("A", "one", title="Same")
    notes.note("B", "two", title="same", ZISPINNED=1)
    notes.note("C", "three", title="../../etc/passwd", ZFOLDER=circle)
    notes.note("D", "four", title="Gone", ZFOLDER=trash)
    exported = made(notes, formats={"html"})

    assert [name for name in exported.paths() if "Round" not in name] == [
        "Notes/Notes/Same.html", "Notes/Notes/same (2).html", "Notes/Recently Deleted/Gone.html", "Notes/notes.csv",
    ]  # fmt: skip
    (odd,) = [name for name in exported.paths() if "Round" in name]
    assert odd.endswith("/_._.._etc_passwd.html")
    assert "recently deleted" in exported.text("Notes/Recently Deleted/Gone.html")
    assert "pinned" in exported.text("Notes/Notes/same (2).html")
    assert (exported.root / "Notes/Notes/Same.html").stat().st_mtime == 978_307_200 + 7.1e8
    category = exported.category("notes")
    assert (category.count("items"), category.count("deleted"), category.count("deleted_exported")) == (3, 1, 1)


def test_deleted_notes_alone(make_backup: MakeBackup, export: Export, shared_data: Path) -> None:
    store = shared_data / "databases/notes-macos/NoteStore-macOS-26-Tahoe.sqlite"
    exported = export(make_backup({STORE: store.read_bytes()}), deleted="only")

    assert exported.paths() == [
        "Notes/Recently Deleted/This note is deleted.html",
        "Notes/Recently Deleted/This note is deleted.md",
        "Notes/notes.csv",
    ]


@pytest.mark.parametrize("version", ["12.5", "18.5"])
def test_a_phones_notes_and_a_second_run(phones_backup: Callable[..., Any], export: Export, version: str) -> None:
    backup: Backup
    backup, groups = phones_backup(version, notes=9, icloud_notes=2, locked_notes=1)
    first = export(backup, owners={"notes"}, groups=groups, notes_password=PASSWORD)
    category = first.category("notes")
    stamps = {path: (first.root / path).stat().st_mtime_ns for path in first.paths()}
    inodes = {path: (first.root / path).stat().st_ino for path in first.paths()}
    second = export(backup, owners={"notes"}, groups=groups, notes_password=PASSWORD)

    assert (category.count("items"), category.count("exported")) == (9, 9)
    pages = [first.text(path) for path in first.paths() if path.endswith(".html")]
    assert sum("<td" in page for page in pages) == 1
    assert sum("checkbox" in page for page in pages) >= 1
    assert sum("<img" in page for page in pages) == 1
    assert sum("locked on the iPhone" in page for page in pages) == 1
    assert {path: (second.root / path).stat().st_ino for path in second.paths()} == inodes
    assert {path: (second.root / path).stat().st_mtime_ns for path in second.paths()} == stamps


# Old stores


def test_notes_of_the_old_store(make_backup: MakeBackup, export: Export, tmp_path: Path, shared_data: Path) -> None:
    path = tmp_path / "old.db"
    html = (
        "Tea<div><br></div><div>1 &amp; 2 <b>bold <i>both</i></b></div><ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"
        '<div><a href="https://example.com/?x=1&amp;y=2">there</a> <a href="javascript:alert(1)">run</a></div>'
        "<script>alert(1)</script>"
    )
    with closing(sqlite3.connect(path)) as database:
        database.executescript((shared_data / "databases/schemas/oldnotes/notes_6.1.6.sql").read_text())
        database.execute("INSERT INTO ZNOTE (Z_PK, ZGUID, ZTITLE, ZCREATIONDATE) VALUES (1, 'B', 'Tea', 4e8)")
        database.execute("INSERT INTO ZNOTEBODY (ZOWNER, ZCONTENT) VALUES (1, ?)", (html,))
        database.commit()
    exported = export(make_backup({OLD_STORE: path.read_bytes()}))
    shown = Shown(article(exported.text("Notes/Tea.html")))

    assert shown.texts == ["Tea", "1 & 2 bold both", "a", "b", "c", "there run (javascript:alert(1))", "alert(1)"]
    assert shown.lines[1][1][-1] == ("both", frozenset("bi"))
    assert shown.refs == ["https://example.com/?x=1&y=2"]
    assert not shown.tags & {"script"}


# Strangers


def test_what_strangers_write_stays_text(made: Callable[..., Exported]) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    notes = MadeNotes()
    runs = [
        NoteRun(f"{evil}\n", TITLE),
        NoteRun("run\n", link="javascript:alert(1)"),
        NoteRun("quote\n", link='https://x/"onmouseover="alert(1)'),
        placed("W"), placed("TAG"), placed("T", TABLE), placed("P"),
    ]  # fmt: skip
    note = notes.note("N", runs, title="=HYPERLINK(1)")
    notes.attach(note, "W", LINK, ZURLSTRING="javascript:alert(1)", ZTITLE=evil)
    notes.inline(note, "TAG", "hashtag", ZALTTEXT=evil)
    notes.attach(note, "T", TABLE, ZMERGEABLEDATA1=gzip.compress(table_document([[evil]])))
    notes.medium(notes.attach(note, "P", "public.jpeg"), "M-1", f"{evil}.jpg", JPEG)
    exported = made(notes, formats={"html", "md"})
    (path,) = (name for name in exported.paths() if name.endswith(".html"))
    page = exported.text(path)
    shown = Shown(page)

    assert "script" not in shown.tags
    assert page.count("<img") == 1
    assert not [name for name in shown.attributes if name.startswith("on")]
    assert not [ref for ref in shown.refs if ref.startswith("javascript")]
    assert "default-src 'none'" in page
    assert "'=HYPERLINK(1)" in exported.text("Notes/notes.csv")
    markdown = exported.text(path.replace(".html", ".md"))
    assert "<script" not in markdown.replace("\\<", "")
    assert "](<javascript" not in markdown


def test_a_body_of_very_many_runs_takes_time_in_proportion() -> None:
    import time

    from migrate.content.readers.notes.body import Body, Run
    from migrate.content.readers.notes.paragraphs import paragraphs

    many = 40_000
    begun = time.process_time()
    for runs in ((Run(1),) * many, tuple(Run(1, bold=number % 2 == 0) for number in range(many))):
        found = list(paragraphs(Body("x" * many, runs)))
        assert (len(found), len(found[0].text)) == (1, many)
    assert time.process_time() - begun < 5
