"""The receipt's page: one file that loads nothing, says how it went, and can be read by anyone."""

from __future__ import annotations

import copy
import html
import itertools
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.journey.before_erasing import before_erasing
from migrate.journey.redaction import redact_receipt
from migrate.pages.style import STYLE
from migrate.talk.receipt import closing_lines, receipt_lines
from migrate.talk.receipt_page import receipt_html
from migrate.talk.receipt_page.content import content_of
from migrate.talk.receipt_page.style import RECEIPT_STYLE

if TYPE_CHECKING:
    from conftest import Migrate

RECEIPTS = Path(__file__).parent / "receipts"
NAMES = ("proven", "pending", "not-proven")
CHROMIUM = shutil.which("chromium")


def receipt(name: str) -> dict[str, Any]:
    """The receipt of a move between two simulated iPhones (receipts/make.py)."""
    found: dict[str, Any] = json.loads((RECEIPTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    inside: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """The elements of a page in order, with the tags they are in."""

    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), tuple(one.tag for one in self._open))
        self.elements.append(element)
        if tag not in ("meta", "input", "rect"):
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


def page_of(shown: dict[str, Any]) -> Page:
    page = Page()
    page.feed(receipt_html(shown))
    page.close()
    assert not page._open, "every element is closed"
    return page


# -- what it says ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "headline", "mood", "keep"),
    [
        ("proven", "Everything arrived on Ada's new iPhone.", "good", "until you have used"),
        ("pending", "4 photos and videos, 4 apps and 2 other things are still coming.", "open", "migrate prove"),
        ("not-proven", "20 things are missing on Ada's new iPhone.", "bad", "until what is wrong is put right"),
    ],
)
def test_the_headline_says_how_it_went_and_how_long_to_keep_the_old_phone(
    name: str, headline: str, mood: str, keep: str
) -> None:
    page = page_of(receipt(name))
    (first,) = page.all("h1")
    assert headline in first.text and first.attributes["class"] == mood
    assert any("Keep Ada's old iPhone" in one.text and keep in one.text for one in page.all("strong"))
    *_rest, last = closing_lines(receipt(name))
    assert headline in last, "and on the terminal it is the last line"


def test_a_row_has_every_number_and_a_bar_in_proportion() -> None:
    page = receipt_html(receipt("pending"))
    row = next(part for part in page.split("<tr ") if ">Photos and videos<" in part)
    shown = dict(re.findall(r'data-label="([^"]+)">([^<]*)<', row))
    assert (shown["sent"], shown["proven"], shown["later"]) == ("11", "7", "4") and shown["size"].endswith("KB")
    parts = {part: float(width) for part, width in re.findall(r'rect class="(\w+)"[^/]*? width="([\d.]+)%"', row)}
    assert parts == {"proven": pytest.approx(100 * 7 / 11, abs=0.1), "arriving": pytest.approx(100 * 4 / 11, abs=0.1)}


def test_what_is_wrong_is_the_first_row() -> None:
    rows = content_of(receipt("not-proven")).rows
    assert rows[0].title == "Messages" and rows[0].columns["wrong"] == 20
    assert not any(row.columns["wrong"] for row in rows[1:])


def test_one_wrong_thing_among_many_is_seen_in_the_bar() -> None:
    shown = receipt("proven")
    photos = next(row for row in shown["categories"] if row["id"] == "photos")
    photos["items"] |= {"sent": 100_000, "proven": 99_999, "wrong": 1}
    row = next(part for part in receipt_html(shown).split("<tr ") if ">Photos and videos<" in part)
    assert float(re.findall(r'rect class="wrong"[^/]*? width="([\d.]+)%"', row)[0]) >= 1


def test_the_plot_has_the_largest_first_and_sums_up_the_rest() -> None:
    (plot,) = [one for one in page_of(receipt("proven")).all("svg") if one.attributes.get("class") == "plot"]
    assert plot.attributes["role"] == "img" and "Size of what was sent" in plot.text
    assert 0 <= plot.text.index("Photos and videos") < plot.text.index("Messages") < plot.text.index("everything else")


def test_what_did_not_move_and_what_is_only_in_icloud_is_named() -> None:
    page = receipt_html(receipt("proven"))
    assert "Passwords and passkeys: 16 items, because they belong to the old iPhone itself" in page
    left_out = [["HomeDomain", f"Library/{number}.pdf", "", "it has no key"] for number in range(3)]
    shown = receipt("proven")
    shown["sent"]["left_out"] = left_out
    assert "3 of these could not be sent: it has no key." in receipt_html(shown)
    assert "Photos and videos: 7 originals" in page and "Messages: 2 attachments" in page


def test_the_new_phone_asks_for_the_old_backup_password_only_after_an_encrypted_replace() -> None:
    told = "now ask for the backup password of Ada"
    shown = receipt("proven")
    assert told in receipt_html(shown) and any(told in line for line in closing_lines(shown))
    for change in ({"strategy": "rebuild"}, {"saved": {**shown["saved"], "encrypted": False}}, {"undoes": "R0"}):
        assert told not in receipt_html({**shown, **change}), change


def test_the_page_says_how_to_undo_or_that_it_is_impossible() -> None:
    shown = receipt("proven")
    assert "this cannot be undone" in receipt_html(shown)
    assert f"<code>migrate undo {shown['run']}</code>" in receipt_html({**shown, "safety": {"backup": "x"}})


def test_a_receipt_of_an_older_version_has_a_page_without_what_it_does_not_know() -> None:
    shown = receipt("proven")
    for key in ("before_erasing", "only_in_icloud", "begun"):
        del shown[key]
    titles = [one.text for one in page_of(shown).all("h2")]
    assert "What arrived" in titles and "Before you erase the old phone" not in titles


# -- before the old phone is erased ------------------------------------------------------------------------------------


def test_every_point_has_a_box_to_tick_and_a_label() -> None:
    page = page_of(receipt("proven"))
    boxes, labels = page.all("input"), page.all("label")
    assert len(boxes) == len(receipt("proven")["before_erasing"]) == len(labels)
    assert all(box.attributes["type"] == "checkbox" and "label" in box.inside for box in boxes)
    assert all(label.text.strip() for label in labels)


def test_nothing_is_said_about_erasing_at_the_end_of_a_run_until_everything_arrived() -> None:
    assert "  - Does the old phone use an eSIM?" in closing_lines(receipt("proven"))
    for name in ("pending", "not-proven"):
        assert not any("erase" in line or "eSIM" in line for line in closing_lines(receipt(name))), name


def test_what_was_found_is_named_and_what_is_unknown_is_asked() -> None:
    points = {one["id"]: one for one in receipt("proven")["before_erasing"]}
    assert "Signal" in points["chats"]["text"] and points["chats"]["apps"] == ["org.whispersystems.signal"]
    assert points["codes"]["apps"] == ["com.google.Authenticator"] and "judging" not in points["codes"]["text"]
    assert "Citybank (judging by its name)" in points["bank"]["text"], "a guess is called one"
    assert "7 originals are not on the old phone" in points["icloud-photos"]["text"]
    assert not any("org.example.diary" in one["apps"] for one in points.values())
    for unknown in ("esim", "watch", "calls"):
        assert points[unknown]["found"] is False and points[unknown]["title"].endswith("?")
    nothing_known = before_erasing(None)
    assert nothing_known and not any(one["found"] for one in nothing_known), "without an inventory all is asked"


# -- safe to open ------------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202egnp\u0007\nEverything arrived."


def with_hostile_names(shown: dict[str, Any]) -> dict[str, Any]:
    """Every text that a phone, an app or a file could have chosen."""
    spoilt = copy.deepcopy(shown)
    for phone in ("old", "new"):
        spoilt[phone]["name"] = HOSTILE
    for row in (*spoilt["categories"], *spoilt["not_moved"]):
        row["title"] = HOSTILE
    spoilt["categories"][0]["why"] = [HOSTILE]
    for row in spoilt["before_erasing"]:
        row["title"] = row["text"] = HOSTILE
    for row in spoilt["only_in_icloud"]:
        row["title"] = HOSTILE
    for key in ("remarks", "next", "will_not_come_back"):
        spoilt[key] = [HOSTILE]
    return spoilt | {"headline": HOSTILE, "run": HOSTILE, "written": HOSTILE, "begun": HOSTILE, "migrate": HOSTILE}


def test_no_name_becomes_markup_or_turns_the_text_around() -> None:
    text = receipt_html(with_hostile_names(receipt("proven")))
    page = page_of(with_hostile_names(receipt("proven")))
    honest = [one for name in ("proven", "pending") for one in page_of(receipt(name)).elements]
    assert {one.tag for one in page.elements} <= {one.tag for one in honest}
    assert {name for one in page.elements for name in one.attributes} <= {
        name for one in honest for name in one.attributes
    }
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert text.count(html.escape("<script>alert(1)</script>")) > 40


def test_no_name_forges_a_line_on_the_terminal() -> None:
    spoilt = with_hostile_names(receipt("proven"))
    for line in (*receipt_lines(spoilt), *closing_lines(spoilt)):
        assert "\n" not in line and not line.startswith("Everything arrived")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_loads_and_runs_nothing(name: str) -> None:
    page = page_of(receipt(name))
    (policy,) = [one for one in page.all("meta") if one.attributes.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in (policy.attributes["content"] or "").split("; "))
    assert rules["default-src"] == "'none'" and rules["style-src"] == "'unsafe-inline'" and rules["img-src"] == "data:"
    assert "script-src" not in rules and "connect-src" not in rules
    assert page.elements.index(policy) < page.elements.index(page.all("style")[0])
    assert not page.all("script", "link", "img", "iframe", "object", "embed", "form", "base", "a")
    for element in page.elements:
        for attribute, value in element.attributes.items():
            assert attribute not in ("src", "href", "action", "srcset", "background") and not attribute.startswith("on")
            assert "://" not in (value or "")
    assert not re.search(r"url\(|@import|://", STYLE + RECEIPT_STYLE)


@pytest.mark.parametrize("name", NAMES)
def test_a_redacted_page_tells_nobody_whose_it_is(name: str) -> None:
    shown = receipt(name)
    named_items = [remark.partition(": ")[2] for remark in shown["remarks"]]
    secrets = ["Ada", shown["old"]["udid"], shown["new"]["udid"], "/home/", *filter(None, named_items)]
    clean = redact_receipt(shown)
    for text in (receipt_html(clean), json.dumps(clean), "\n".join((*receipt_lines(clean), *closing_lines(clean)))):
        for secret in secrets:
            assert secret.lower() not in text.lower(), secret
    assert clean["verdict"] == shown["verdict"] and clean["run"] == shown["run"]
    if name == "not-proven":
        assert "20 of 20 messages are not on the new iPhone." in receipt_html(clean), "the useful part stays"


def test_the_command_says_where_it_wrote_the_page(migrate: Migrate, home: Path, tmp_path: Path) -> None:
    shown = receipt("pending")
    run = home / "runs" / shown["run"]
    migrate("runs", "list")  # makes the home
    run.mkdir(parents=True)
    (run / "journal.ndjson").touch()  # which makes the folder a run
    (run / "receipt.json").write_text(json.dumps(shown))
    page = tmp_path / "to show.html"
    answer = migrate("receipt", "last", "--redact", "--page", page)
    assert answer.code == 0 and f"The page: {page}" in answer.err, answer
    last = answer.out.rstrip().split("\n\n")[-1]
    assert " ".join(last.split()).startswith("Arrived so far on the new phone") and "Ada" not in page.read_text()
    assert "\x1b" not in answer.out
    assert migrate("receipt", "--page", page).code == 2, "a page that exists is not overwritten"
    as_json = migrate("receipt", "--page", tmp_path / "another.html", "--json")
    assert as_json.json["run"] == shown["run"] and "another.html" in as_json.err, "stdout stays JSON"


# -- readable by everyone ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_headings_are_in_order_and_the_table_has_heads(name: str) -> None:
    page = page_of(receipt(name))
    levels = [int(one.tag[1]) for one in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels
    heads = page.all("th")
    assert {one.attributes.get("scope") for one in heads} == {"col", "row"} and all(one.text.strip() for one in heads)
    assert page.all("html")[0].attributes["lang"] == "en" and page.all("title") and page.all("main")
    for drawing in page.all("svg"):
        assert drawing.attributes.get("aria-hidden") == "true" or drawing.attributes.get("aria-labelledby")
    names = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(names) == len(set(names))


def schemes() -> list[dict[str, str]]:
    """The colours of the light and of the dark page, as the style has them."""
    found = [dict(re.findall(r"--(\w+):(#[0-9a-f]{6});", block)) for block in re.findall(r":root\{(.*?)\}", STYLE)]
    assert len(found) == 2 and found[0].keys() == found[1].keys()
    return found


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", schemes(), ids=["light", "dark"])
def test_every_text_and_every_bar_stands_out(colours: dict[str, str]) -> None:
    texts, bars = ("text", "muted", "good", "open", "bad"), ("proven", "there", "arriving", "changed", "wrong")
    used = set(re.findall(r"[^-]color:var\(--(\w+)\)", STYLE + RECEIPT_STYLE)) | {"text"}
    assert used <= set(texts), "every colour of a text is among those that are checked"
    for background in ("page", "card"):
        for name in texts:
            assert contrast(colours[name], colours[background]) >= 4.5, (name, background)
    for name in bars:
        assert contrast(colours[name], colours["page"]) >= 3, name


@pytest.mark.peer
def test_a_browser_shows_it_on_a_phone_without_scrolling_sideways_and_runs_no_name(tmp_path: Path) -> None:
    """The real browser decides: nothing is wider than 390 px, and no hostile name has run."""
    if CHROMIUM is None:
        missing = "chromium is not installed"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    shown = with_hostile_names(receipt("proven"))
    shown["old"]["name"] = (
        "<script>parent.document.title='ran'</script><img src=x onerror=\"parent.document.title='ran'\">"
    )
    shown["categories"][1]["title"] = "Wide" * 60
    frames = "".join(
        f'<iframe style="width:{width}px;height:9000px" srcdoc="{html.escape(receipt_html(shown))}"></iframe>'
        for width in (390, 900)
    )
    measure = """<script>onload = () => {
        document.body.textContent = "widths " + [...document.querySelectorAll("iframe")].map(
        (frame) => frame.contentDocument.documentElement.scrollWidth) + " rows " +
        frames[0].document.querySelectorAll("tbody tr").length }</script>"""
    outer = tmp_path / "outer.html"
    outer.write_text(f"<!doctype html><title>quiet</title>{measure}{frames}", encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", outer.as_uri()], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"widths (\d+),(\d+) rows (\d+)", done.stdout)
    assert found and "<title>quiet</title>" in done.stdout, done.stdout[-500:] + done.stderr[-500:]
    assert (int(found[1]), int(found[2])) == (390, 900) and int(found[3]) > 30
