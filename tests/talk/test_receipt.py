"""The receipt as text and as a page: every count in its column, every name escaped."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.talk.console import display_width
from migrate.talk.receipt import receipt_html, receipt_lines


@pytest.fixture
def receipt() -> dict[str, Any]:
    return {
        "migrate": "1",
        "run": "20260101-000000-aaaa",
        "written": "2026-01-01T00:00:00+00:00",
        "strategy": "overlay",
        "old_phone": {"name": "Ada's <b>iPhone</b>"},
        "new_phone": {"name": "New & shiny"},
        "saved": {"files": 100, "verdict": "whole"},
        "safety": {"backup": "x"},
        "sent": {
            "bytes": 5_000,
            "files": 12,
            "chosen_files": 9,
            "titles": {"photos": "Photos and videos", "app:x.y": "日記" * 20, "notes": "Notes"},
            "chosen": {"photos": {"files": 7}, "app:x.y": {"files": 2}, "notes": {"files": 0}},
        },
        "proof": {
            "verdict": "not proven: 1 of the files are not as they should be",
            "categories": {"photos": {"same": 4, "pending": 2, "missing": 1}, "app:x.y": {"same": 2}},
            "kept": {"same": 50},
        },
        "findings": [{"what": "Something <i>odd</i>."}],
    }


def row(lines: list[str], title: str) -> list[str]:
    (line,) = [line for line in lines if line.strip().startswith(title)]
    return line.split()[-5:]


def test_every_count_is_in_its_column(receipt: dict[str, Any]) -> None:
    lines = receipt_lines(receipt)
    assert row(lines, "Photos") == ["7", "4", "0", "2", "1"]
    table = [line for line in lines if line.startswith("  ") and not line.startswith("  - ")]
    assert len({display_width(line) for line in table}) == 1, "wide characters count double"


def test_a_receipt_without_a_proof_shows_what_was_sent(receipt: dict[str, Any]) -> None:
    """Without a proof the rows used to be empty."""
    receipt["proof"] = None
    lines = receipt_lines(receipt)
    assert "not proven: the plan asked for no proof" in lines[0]
    assert row(lines, "Photos")[-1] == "7" and not any("Notes" in line for line in lines)
    assert "<td>7</td>" in receipt_html(receipt)


def test_names_from_a_phone_are_escaped_on_the_page(receipt: dict[str, Any]) -> None:
    page = receipt_html(receipt)
    assert "<b>" not in page and "<i>" not in page
    assert "Ada&#x27;s &lt;b&gt;iPhone" in page and "New &amp; shiny" in page


def test_a_row_that_does_not_add_up_is_explained(receipt: dict[str, Any]) -> None:
    receipt["proof"]["categories"]["photos"] = {"same": 6, "not-expected": 1}
    lines = receipt_lines(receipt)
    (photos,) = [line for line in lines if line.strip().startswith("Photos")]
    assert photos.endswith(" *") and photos.split()[-6:-1] == ["7", "6", "0", "0", "0"]
    assert any(line.startswith("* 1 file never moves") for line in lines)


def test_passwords_of_an_unencrypted_backup_are_not_reported_as_moved(receipt: dict[str, Any]) -> None:
    """The keychain file is in every backup and arrives like any other, but only the old phone can open it."""
    receipt["sent"]["chosen"]["passwords"] = {"files": 2}
    receipt["saved"]["encrypted"] = True
    assert not any("No password moved" in line for line in receipt_lines(receipt))
    receipt["saved"]["encrypted"] = False
    assert any("No password moved" in line for line in receipt_lines(receipt))


def test_a_table_that_differs_from_the_total_is_explained(receipt: dict[str, Any]) -> None:
    assert not any("counts a database" in line for line in receipt_lines(receipt))
    receipt["sent"]["chosen_files"] = 11
    assert any("counts a database" in line for line in receipt_lines(receipt))
