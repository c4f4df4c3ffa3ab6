"""The receipt as text and as a page: every count in its column, every name escaped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from migrate.talk.console import display_width
from migrate.talk.receipt import closing_lines, receipt_lines
from migrate.talk.receipt_page import receipt_html
from migrate.talk.run_on_terminal import print_receipt, print_verdict

SENT_ONLY = {"sent": 0, "proven": 0, "there": 0, "arriving": 0, "changed_since": 0, "wrong": 0}


def columns(**counts: int) -> dict[str, int]:
    return {**SENT_ONLY, "sent": sum(counts.values()), **counts}


@pytest.fixture
def receipt() -> dict[str, Any]:
    return {
        "migrate": "1",
        "run": "20260101-000000-aaaa",
        "written": "2026-01-01T00:00:00+00:00",
        "strategy": "overlay",
        "verdict": "not proven",
        "headline": "One thing is wrong.",
        "old": {"name": "Ada's <b>iPhone</b>"},
        "new": {"name": "New & shiny"},
        "categories": [
            {
                "id": "photos",
                "title": "Photos and videos",
                "items": columns(proven=4, arriving=2, wrong=1),
                "files": columns(proven=40, wrong=2),
                "bytes": 1,
                "why": ["2 are still loading"],
            },
            {"id": "app:x.y", "title": "日記" * 20, "items": None, "files": columns(proven=2), "bytes": 1, "why": []},
        ],
        "not_moved": [{"id": "settings", "title": "Settings", "items": 0, "files": 1, "why": "x"}],
        "next": ["Keep the <i>old</i> iPhone."],
        "kept": {"items": columns(proven=20), "files": columns(proven=30, wrong=1)},
        "remarks": ["Something <i>odd</i>."],
        "saved": {"files": 100, "verdict": "whole"},
        "safety": {"backup": "x"},
        "sent": {
            "bytes": 5_000,
            "files": 12,
            "chosen_files": 9,
            "titles": {"photos": "Photos and videos", "app:x.y": "日記" * 20, "notes": "Notes"},
            "chosen": {"photos": {"files": 7}, "app:x.y": {"files": 2}, "notes": {"files": 0}},
        },
        "findings": [],
    }


def row(lines: list[str], title: str) -> list[str]:
    (line,) = [line for line in lines if line.strip().startswith(title)]
    return line.split()


def test_items_come_first_and_every_count_is_in_its_column(receipt: dict[str, Any]) -> None:
    lines = receipt_lines(receipt)
    assert row(lines, "Photos")[-4:] == ["7", "4", "2", "1"]
    assert row(lines, "its files")[-3:] == ["42", "40", "2"]
    table = [line for line in lines if line.startswith("  ") and line.rstrip()[-1:].isdigit()]
    assert len({display_width(line) for line in table}) == 1, "wide characters count double"
    assert any("2 are still loading" in line for line in lines)


def test_what_to_do_and_last_the_verdict_come_after_the_table(receipt: dict[str, Any]) -> None:
    """At the end of a run the last line is the one that is seen."""
    assert not any("One thing is wrong." in line for line in receipt_lines(receipt))
    lines = closing_lines(receipt)
    assert lines[-1] == "One thing is wrong." and "  1. Keep the <i>old</i> iPhone." in lines


def test_the_verdict_is_bold_only_where_the_terminal_has_it(
    receipt: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_verdict(receipt)
    assert "\x1b" not in capsys.readouterr().out, "on a pipe"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    print_verdict(receipt)
    assert capsys.readouterr().out.rstrip().splitlines()[-1] == "\x1b[1;31mOne thing is wrong.\x1b[0m", "bold and red"
    for name, value in {"NO_COLOR": "1", "MIGRATE_PLAIN": "1", "TERM": "dumb"}.items():
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            print_verdict(receipt)
            assert "\x1b" not in capsys.readouterr().out, name


def test_a_receipt_without_a_proof_shows_what_was_sent(receipt: dict[str, Any]) -> None:
    """Without a proof the rows used to be empty."""
    receipt |= {"verdict": None, "kept": {}}
    receipt["categories"] = [
        {"id": "photos", "title": "Photos", "items": None, "files": {"sent": 7}, "bytes": 1, "why": []}
    ]
    lines = receipt_lines(receipt)
    assert "not proven: the plan asked for no proof" in lines[0]
    assert row(lines, "Photos")[-1] == "7" and ">7</td>" in receipt_html(receipt)


def test_what_was_on_a_phone_in_use_before_is_counted(receipt: dict[str, Any]) -> None:
    assert any("51 items and files, 50 of them as they were" in line for line in receipt_lines(receipt))


def test_a_receipt_of_an_older_version_is_still_shown(receipt: dict[str, Any]) -> None:
    older = {
        key: receipt[key] for key in ("migrate", "run", "written", "strategy", "saved", "safety", "sent", "findings")
    }
    older |= {"old_phone": receipt["old"], "new_phone": receipt["new"]}
    older["proof"] = {
        "verdict": "not proven: 1 of the files are not as they should be",
        "categories": {"photos": {"same": 4, "pending": 2, "missing": 1, "not-expected": 3}, "app:x.y": {"same": 2}},
        "kept": {"same": 50},
    }
    lines = receipt_lines(older)
    assert "not proven" in lines[0] and row(lines, "Photos")[-4:] == ["7", "4", "2", "1"]
    assert "not proven" in receipt_html(older)


def test_lost_rows_of_an_older_version_are_wrong(receipt: dict[str, Any]) -> None:
    older = {key: receipt[key] for key in ("run", "written", "strategy", "saved", "safety", "sent", "findings")}
    older |= {"old_phone": receipt["old"], "new_phone": receipt["new"], "migrate": "1"}
    kept = {"same": 50, "fewer-rows": 1}
    older["proof"] = {"verdict": "not proven: 2", "categories": {"photos": {"same": 6, "fewer-rows": 1}}, "kept": kept}
    lines = receipt_lines(older)
    assert row(lines, "Photos")[-3:] == ["7", "6", "1"]
    assert any("51 items and files, 50 of them as they were" in line for line in lines), "a lost one is not there"


def test_names_from_a_phone_are_escaped_on_the_page(receipt: dict[str, Any]) -> None:
    receipt["categories"][1] |= {"title": "<b>App</b>", "why": ["<i>why</i>"]}
    receipt["headline"] = "Ada's <i>photos</i> are missing."
    page = receipt_html(receipt)
    assert "<b>" not in page and "<i>" not in page
    assert "Ada&#x27;s &lt;b&gt;iPhone" in page and "New &amp; shiny" in page


def test_what_never_moves_is_counted_apart(receipt: dict[str, Any]) -> None:
    assert any(line.startswith("1 thing was not moved") for line in receipt_lines(receipt))


def test_passwords_of_an_unencrypted_backup_are_not_reported_as_moved(receipt: dict[str, Any]) -> None:
    """The keychain file is in every backup and arrives like any other, but only the old phone can open it."""
    receipt["sent"]["chosen"]["passwords"] = {"files": 2}
    receipt["saved"]["encrypted"] = True
    assert not any("No password moved" in line for line in receipt_lines(receipt))
    receipt["saved"]["encrypted"] = False
    assert any("No password moved" in line for line in receipt_lines(receipt))


@pytest.mark.parametrize("plain", ["0", "1"])
def test_the_receipt_of_a_proven_move_fits_into_60_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], plain: str
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("MIGRATE_PLAIN", plain)
    print_receipt(json.loads((Path(__file__).parent / "receipts" / "proven.json").read_text(encoding="utf-8")))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 60 and max(map(display_width, lines)) <= 60
    assert lines[-1] == "Everything arrived on Ada's new iPhone."
    rows = [line for line in lines if re.match(r"  \w.*\d$", line.rstrip())]
    assert len({len(line) for line in rows}) == 1 and any("..." in line for line in rows) is (plain == "1")
