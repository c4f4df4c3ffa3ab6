"""The receipt as text for the terminal. The verdict comes last, where the eyes are when a run ends."""

from __future__ import annotations

from typing import Any

from migrate.language import _, mark, plural
from migrate.talk.console import pad, truncate
from migrate.talk.receipt_page.content import Content, content_of

COLUMNS: tuple[tuple[str, str], ...] = (
    ("sent", mark("sent")),
    ("proven", mark("proven")),
    ("there", mark("there")),
    ("arriving", mark("arriving")),
    ("changed_since", mark("changed")),
    ("wrong", mark("wrong")),
)
TITLE_WIDTH, COLUMN_WIDTH = 20, 9
REMARKS_SHOWN = 12


def receipt_lines(receipt: dict[str, Any]) -> list[str]:
    """The receipt as lines of at most 76 columns, without its verdict: `closing_lines` end on that."""
    content = content_of(receipt)
    lines = [*content.about, "", *content.facts, "", *_table(content)]
    if content.not_moved_count:
        never = plural(
            "{count:,} thing was not moved, because it belongs to the old iPhone itself or could not be read there.",
            "{count:,} things were not moved, because they belong to the old iPhone itself or could not be read there.",
            content.not_moved_count,
        )
        lines += ["", never.format(count=content.not_moved_count)]
    if content.has_uncompared:
        lines += ["", _("there: on the new phone, but it could not be compared.")]
    if content.kept:
        lines += ["", content.kept]
    if content.losses:
        lines += ["", _("What did not come back:"), *_items(content.losses)]
    if content.in_icloud:
        lines += ["", _("Only in iCloud, so it did not move:"), *_items(content.in_icloud)]
    if remarks := content.remarks:
        lines += ["", _("Worth knowing:"), *_items(remarks[:REMARKS_SHOWN])]
        if (more := len(remarks) - REMARKS_SHOWN) > 0:
            lines.append("  " + _("… and {count} more in findings.json").format(count=more))
    return lines


def closing_lines(receipt: dict[str, Any]) -> list[str]:
    """What to do next, how long to keep the old phone, and last the verdict in one sentence."""
    content, lines = content_of(receipt), []
    if content.points and content.mood == "good":  # else nobody should think of erasing anything yet
        titles = [one.title for one in content.points]
        lines += [_("Before you erase the old phone (the page explains each):"), *_items(titles), ""]
    if content.password_note:
        lines += [content.password_note, ""]
    if content.next:
        lines += [*(f"  {number}. {step}" for number, step in enumerate(content.next, 1)), ""]
    elif content.keep_until:
        lines += [content.keep_until, ""]
    return [*lines, content.headline]


def _items(texts: tuple[str, ...] | list[str]) -> list[str]:
    return [f"  - {text}" for text in texts]


def _table(content: Content) -> list[str]:
    # a column without a number is left out, so that a proven move fits into 60 columns
    used = {"sent", *(key for row in content.rows for key, count in row.columns.items() if count)}
    names = [(key, name) for key, name in COLUMNS if key in used] if content.is_compared else COLUMNS[:1]
    lines = ["  " + " " * TITLE_WIDTH + "".join(f"{_(name):>{COLUMN_WIDTH}}" for _key, name in names)]
    for row in content.rows:
        title = f"  {row.title}" if row.is_files else row.title
        shown = (row.columns.get(key, 0) for key, _name in names)
        cells = "".join(f"{count:>{COLUMN_WIDTH},}" if count else " " * COLUMN_WIDTH for count in shown)
        lines.append(f"  {pad(truncate(title, TITLE_WIDTH), TITLE_WIDTH, 'left')}{cells}")
        lines += [f"      {why}" for why in row.whys]
    return lines
