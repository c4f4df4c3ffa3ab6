"""The parts that chats are made of: local times, keyed archives, PDFs by a browser, bubbles."""

from __future__ import annotations

import plistlib
import random
import stat
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.content.keyed_archive import unarchive
from migrate.export.chats import pdf
from migrate.export.chats.entry import ChatInfo, Entry, More
from migrate.export.chats.scratch import LocalClock, Scratch
from migrate.export.chats.wording import shown_number
from migrate.pages.bubbles import Bubble, Card, Look, Media, MediaKind, bubble, card, media, text_bubble, with_links
from tests.content.made_messages import conversations, schema_17
from tests.export.exporting import Export
from tests.made_backups import MakeBackup


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`zone("Europe/Berlin")`: this computer is there."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process cannot be set here")

    def there(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield there
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_local_times_are_those_of_the_day_also_when_the_clocks_change(zone: Any, name: str) -> None:
    zone(name)
    clock, rng = LocalClock(), random.Random(1)
    around = [datetime(2024, 3, 31, tzinfo=UTC).timestamp(), datetime(2024, 10, 27, tzinfo=UTC).timestamp()]
    moments = [start + rng.uniform(-90_000, 90_000) for start in around for _ in range(300)]
    for when in [*moments, 0.0, -86_400.5, *(rng.uniform(9e8, 2e9) for _ in range(300))]:
        day, shown, instant = clock.at(when)
        expected = datetime.fromtimestamp(int(when // 1)).astimezone()
        assert instant == expected.isoformat(timespec="seconds")
        assert (day, shown) == (f"{expected:%Y-%m-%d}", f"{expected:%H:%M}")


def test_years_are_local_ones(zone: Any, tmp_path: Path) -> None:
    zone("Pacific/Auckland")
    from migrate.export.chats import scratch as module

    module._new_years.cache_clear()
    with Scratch(tmp_path) as scratch:
        chat = scratch.add_chat(ChatInfo("k", "n", "n"))
        new_year = datetime(2023, 12, 31, 12, tzinfo=UTC).timestamp()  # 2024 there
        scratch.add(chat, Entry("a", new_year, False, None, None, "x"))
        assert list(scratch.years) == [(chat, 2024)]
    module._new_years.cache_clear()


def test_rows_come_back_by_chat_and_time_with_what_is_about_them(tmp_path: Path) -> None:
    rng = random.Random(2)
    with Scratch(tmp_path) as scratch:
        chats = [scratch.add_chat(ChatInfo(key, key, key)) for key in "abc"]
        entries = [
            (rng.choice(chats), Entry(f"{n:04}", rng.choice([None, rng.uniform(1e9, 2e9)]), True, None, None, "x"))
            for n in range(2000)
        ]
        for chat, entry in entries:
            scratch.add(chat, entry)
        scratch.add(0, Entry("r", 1.5e9, False, "Mum", None, None, None, More(about="0007", sign="👍")))
        scratch.ready()
        rows = list(scratch.rows())
        expected = sorted(
            [*entries, (0, rows[0][3])][:2000], key=lambda one: (one[0], one[1].when is None, one[1].when or 0)
        )
        assert [(row[0], row[3]) for row in rows if row[3].id != "r"] == expected
        reacted = [row[3].id for row in rows if row[4]]
        assert reacted == (["0007"] if {entry.id: chat for chat, entry in entries}["0007"] == 0 else [])
        assert [one.who for one in scratch.reactions(0, "0007")] == ["Mum"]
    assert list(tmp_path.iterdir()) == []


def archive(objects: list[Any], root: int = 1) -> bytes:
    return plistlib.dumps(
        {"$top": {"root": plistlib.UID(root)}, "$objects": ["$null", *objects]}, fmt=plistlib.FMT_BINARY
    )


def test_a_keyed_archive_becomes_plain_values() -> None:
    uid = plistlib.UID
    found = unarchive(
        archive(
            [
                {"NS.keys": [uid(2), uid(3)], "NS.objects": [uid(4), uid(5)], "$class": uid(6)},
                "url",
                "more",
                {"NS.base": uid(0), "NS.relative": uid(7)},
                {"NS.objects": [uid(0), uid(8)]},
                {"$classname": "NSDictionary"},
                "https://example.com",
                {"NS.time": 700_000_000.0},
            ]
        )
    )
    assert found == {"url": "https://example.com", "more": [None, 1_678_307_200.0]}


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"bplist00",
        plistlib.dumps({"$top": {"root": 3}}),
        archive([{"NS.objects": [plistlib.UID(1)]}]),
        archive([{"NS.objects": [plistlib.UID(99)]}]),
        archive([{"NS.objects": [plistlib.UID(n + 2)] * 10} for n in range(20)] + ["end"]),
        archive([{"NS.keys": ["a"], "NS.objects": []}]),
    ],
    ids=["empty", "cut off", "no objects", "circular", "out of range", "a bomb", "keys without values"],
)
def test_an_archive_that_no_phone_wrote_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="it is"):
        unarchive(bad)


# -- PDF ---------------------------------------------------------------------------------------------------------------


def browser(folder: Path, script: str) -> Path:
    """A program that is called like a browser."""
    path = folder / "chromium"
    path.write_text(f"#!{sys.executable}\nimport sys, time, subprocess, pathlib\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


PRINTS = (
    "target = next(one for one in sys.argv if one.startswith('--print-to-pdf=')).partition('=')[2]\n"
    "pathlib.Path(target).write_bytes(b'%PDF-1.4 ' + sys.argv[-1].encode())"
)


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_pages_are_printed_by_the_persons_browser_and_only_once(
    tmp_path: Path, make_backup: MakeBackup, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = browser(tmp_path, PRINTS)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(found))
    backup = make_backup({("HomeDomain", "Library/SMS/sms.db"): conversations(tmp_path, schema_17())})
    first = export(backup, owners={"messages"}, formats=frozenset({"pdf"}))
    pdfs = [path for path in first.paths() if path.endswith(".pdf")]
    assert len(pdfs) == 3
    assert (first.root / pdfs[0]).read_bytes().startswith(b"%PDF-1.4 file://")

    found.write_text("#!/bin/false\n")
    second = export(backup, owners={"messages"}, formats=frozenset({"pdf"}))
    assert [path for path in second.paths() if path.endswith(".pdf")] == pdfs
    assert not second.category("messages").reasons.get("a page could not be printed as PDF")


def test_without_a_browser_a_finding_says_how_to_do_it(
    tmp_path: Path, make_backup: MakeBackup, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    backup = make_backup({("HomeDomain", "Library/SMS/sms.db"): conversations(tmp_path, schema_17())})
    exported = export(backup, owners={"messages"}, formats=frozenset({"pdf"}))

    findings = [finding for finding in exported.result.findings if finding.code == "no-browser-for-pdf"]
    assert len(findings) == 1 and "Save as PDF" in findings[0].next
    assert any(path.endswith("2024.html") for path in exported.paths()), "the pages are there to print by hand"


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_a_browser_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    later = f"import time, pathlib; time.sleep(2); pathlib.Path({str(alive)!r}).touch()"
    child = f"subprocess.Popen([sys.executable, '-c', {later!r}])"
    hanging = browser(tmp_path, f"{child}\ntime.sleep(60)")
    (tmp_path / "page.html").write_text("x")
    begun = time.monotonic()

    assert not pdf.print_page(str(hanging), tmp_path / "page.html", tmp_path / "page.pdf", tmp_path, limit_s=0.5)
    assert time.monotonic() - begun < 20
    time.sleep(2.5)
    assert not alive.exists()
    assert not list(tmp_path.glob("pdf-*"))


@pytest.mark.soak
def test_a_real_browser_prints_a_page(tmp_path: Path) -> None:
    found = pdf.find_browser()
    if found is None:
        pytest.skip("there is no browser here")
    (tmp_path / "page.html").write_text("<!doctype html><p>Hello")
    assert pdf.print_page(found, tmp_path / "page.html", tmp_path / "page.pdf", tmp_path)
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")


# -- bubbles -----------------------------------------------------------------------------------------------------------


def test_only_addresses_of_the_web_become_links() -> None:
    assert with_links("see https://a.example/x?y=1&z=2.") == (
        'see <a href="https://a.example/x?y=1&amp;z=2" rel="noreferrer noopener">https://a.example/x?y=1&amp;z=2</a>.'
    )
    assert "<a" not in with_links("javascript://alert(1)") + card(Card("x", link="javascript:alert(1)//https://x"))
    assert "<a" not in with_links('https://"onmouseover=alert(1)')
    assert with_links("<b> & \x1b[31m \u202e") == "&lt;b&gt; &amp; \ufffd[31m \ufffd"


def test_the_fast_bubble_is_the_same_as_the_other() -> None:
    for outgoing, who, look in ((True, "You", Look.GREEN), (False, None, Look.BLUE)):
        shown = Bubble("14:07", "2024-05-03T14:07:00+02:00", outgoing, "Hi <3", anchor="m1", who=who, look=look)
        fast = text_bubble("Hi <3", shown.clock, shown.instant, outgoing=outgoing, look=look, anchor="m1", who=who)
        assert bubble(shown) == fast


def test_a_file_that_is_not_here_is_named() -> None:
    assert media(Media(MediaKind.IMAGE, "<x>.jpg", None, "only in iCloud")) == (
        '<p class="gone">&lt;x&gt;.jpg<small>only in iCloud</small></p>'
    )


def test_numbers_are_written_as_people_write_them() -> None:
    assert shown_number("+491701234567") == "+49 170 1234567"
    assert shown_number("+4") == "+4" and shown_number("ben@example.com") == "ben@example.com"
