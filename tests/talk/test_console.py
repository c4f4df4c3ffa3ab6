"""Tables, lines and findings on a narrow terminal."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from migrate.problems.finding import Finding
from migrate.talk.console import (
    Column,
    display_width,
    dump_json,
    format_findings,
    one_line,
    safe,
    table,
    truncate,
    wrapped,
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")


def test_a_table_fits_and_its_columns_align_with_their_titles() -> None:
    columns = (Column("What", shrinks=True), Column("Files", "right"), Column("Size", "right"))
    rows = [
        ("Photos", "12,402", "1.2 GB"),
        ("An app with a name that is much longer than any line " * 2, "1", "5 bytes"),
    ]
    lines = table(columns, rows)
    assert all(display_width(line) <= 60 for line in lines)
    assert lines[0].index("Files") + len("Files") == lines[1].index("12,402") + len("12,402")
    assert "…" in lines[2]


def test_wide_characters_count_double_and_marks_not_at_all() -> None:
    assert display_width("日記") == 4 and display_width("e\u0301") == 1
    assert truncate("日記日記", 5) == "日記…" and truncate("short", 5) == "short"
    rows = table((Column("App", shrinks=True), Column("Size", "right")), [("日記", "1"), ("Diary", "22")])
    assert len({display_width(row) for row in rows}) == 1


def test_commands_and_paths_are_not_broken() -> None:
    path = "/home/ada/some-where/that-is-quite-deep/and-has-dashes/backups/00008101-000A1B2C3D4E5F60"
    assert path in wrapped(f"Look at it with: migrate verify {path}", indent="   ")


def test_control_characters_are_removed_from_text_and_escaped_in_json() -> None:
    name = "Ada\x1b]0;gone\x07\u202e\x9b\udc80\r\n"
    assert not any(char in safe(name) for char in "\x1b\x07\u202e\x9b\udc80\r")
    text = dump_json({"name": name})
    assert text.isascii() and json.loads(text) == {"name": name}, "nothing is lost"
    assert dump_json("Jörg") == '"Jörg"'


def finding(code: str, severity: str, number: int) -> Finding:
    return Finding(code=code, severity=severity, what=f"{code} {number}.", why=f"Because {code}.", next="Look.")  # type: ignore[arg-type]


def test_findings_are_sorted_by_severity_and_many_of_one_kind_are_counted() -> None:
    findings = [finding("note", "info", 0), *(finding("gone", "error", number) for number in range(1_074))]
    text = "\n".join(format_findings(findings))
    assert text.index("gone 0.") < text.index("note 0.")
    assert text.count("Because gone.") == 1 and "gone 4." in text and "gone 5." not in text
    assert "1,069 more" in text


def test_findings_stand_together_only_if_their_reasons_are_equal() -> None:
    one, other = (replace(finding("gone", "error", number), why=f"Because of {number}.") for number in (1, 2))
    text = "\n".join(format_findings([one, other, replace(one, what="gone 3.")]))
    lines = [line.strip() for line in text.splitlines() if "Next" not in line]
    assert lines == ["!! gone 1.", "!! gone 3.", "Because of 1.", "!! gone 2.", "Because of 2."]


def test_many_reasons_of_one_kind_are_counted_too() -> None:
    findings = [replace(finding("gone", "error", number), why=f"Because of {number}.") for number in range(100)]
    text = "\n".join(format_findings(findings))
    assert text.count("Because of") == 5 and "95 more of this kind" in text


def test_foreign_text_is_bounded_and_stays_on_its_line() -> None:
    assert one_line("a\nb\r\nc\u2028d") == "a?b??c?d".replace("?", "\N{REPLACEMENT CHARACTER}")
    assert len(one_line("x" * 100_000)) <= 4096 and len(wrapped("word " * 100_000)) < 10_000
    (title, row) = table((Column("App", shrinks=True), Column("Version")), [("a\nb" * 9_000, "1\n" * 9_000)])
    assert title.startswith("App") and len(row) <= 250
