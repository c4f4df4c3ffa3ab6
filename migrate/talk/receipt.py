"""The receipt as text for the terminal, and as an HTML page to keep or print."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

from migrate.language import _, mark, plural
from migrate.talk.console import pad, truncate
from migrate.talk.older_receipts import with_current_form
from migrate.units import format_bytes

STRATEGIES = {
    "replace": mark("The old phone's data was restored to the new phone and replaced everything on it."),
    "rebuild": mark(
        "The chosen data was put into the new phone's own backup, which was restored to it; everything else came back."
    ),
    "overlay": mark("The chosen data was restored to the new phone; everything else on it stayed."),
    "graft": mark("The chosen data was added to the new phone's own backup, which was restored to it."),
}
BACKUP_VERDICTS = {"whole": mark("whole"), "damaged": mark("damaged"), "unreadable": mark("unreadable")}
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
    """The receipt as lines of at most 76 columns: the headline, the next steps, then the table."""
    receipt = with_current_form(receipt)
    old, new = receipt["old"]["name"], receipt["new"]["name"]
    lines = [*_about(receipt, old, new), receipt["headline"]]
    if receipt["next"]:
        lines += ["", *(f"  {number}. {step}" for number, step in enumerate(receipt["next"], 1))]
    lines += ["", _backed_up(receipt, old, new)]
    sent = receipt["sent"]
    sent_files = plural("{count:,} file", "{count:,} files", sent["chosen_files"]).format(count=sent["chosen_files"])
    lines.append(_("Sent:      {files}, {size}.").format(files=sent_files, size=format_bytes(sent["bytes"])))
    if receipt.get("rehearsal"):
        lines.append(_("Rehearsed on a simulated iPhone like the new phone before anything was sent."))
    if receipt["safety"]:
        lines.append(_("Safety:    {phone} was backed up first and can be put back as it was.").format(phone=new))
    lines += ["", *_table(receipt)]
    if not_moved := sum(row["items"] + row["files"] for row in receipt["not_moved"]):
        never = plural(
            "{count:,} thing was not moved, because it belongs to the old iPhone itself or could not be read there.",
            "{count:,} things were not moved, because they belong to the old iPhone itself or could not be read there.",
            not_moved,
        )
        lines += ["", never.format(count=not_moved)]
    if _are_passwords_unusable(receipt):
        lines += [
            "",
            _("No password moved: passwords in an unencrypted backup can be read only by the old phone."),
        ]
    if any(columns["there"] for columns in _all_columns(receipt)):
        lines += ["", _("there: on the new phone, but it could not be compared.")]
    lines += _kept(receipt, new)
    if losses := receipt.get("will_not_come_back"):
        lines += ["", _("What did not come back:"), *(f"  - {sentence}" for sentence in losses)]
    if remarks := receipt["remarks"]:
        lines += ["", _("Worth knowing:")]
        lines += [f"  - {remark}" for remark in remarks[:REMARKS_SHOWN]]
        if (more := len(remarks) - REMARKS_SHOWN) > 0:
            lines.append("  " + _("… and {count} more in findings.json").format(count=more))
    return lines


def _about(receipt: dict[str, Any], old: str, new: str) -> list[str]:
    verdict = verdict_text(receipt["verdict"])
    if receipt.get("undoes"):
        known = {"phone": new, "run": receipt["undoes"], "verdict": verdict}
        return [
            _("{phone} as it was before {run}: {verdict}.").format(**known),
            _("Its own safety backup was restored."),
        ]
    strategy = STRATEGIES.get(receipt["strategy"])
    return [
        _("From {old} to {new}: {verdict}.").format(old=old, new=new, verdict=verdict),
        _(strategy) if strategy else receipt["strategy"],
    ]


VERDICTS = {
    "proven": mark("proven"),
    "pending": mark("nothing is wrong, and something is still open"),
    "not proven": mark("not proven"),
}


def verdict_text(verdict: str | None) -> str:
    """The verdict in the person's language. The receipt holds it in English, for programs."""
    if verdict is None:
        return _("done, not proven: the plan asked for no proof")
    return _(VERDICTS.get(verdict, verdict))


def _backed_up(receipt: dict[str, Any], old: str, new: str) -> str:
    files = receipt["saved"].get("files", 0)
    known = {"count": files, "phone": new if receipt.get("undoes") else old}
    verdict = receipt["saved"].get("verdict", "")
    known["verdict"] = _(BACKUP_VERDICTS.get(verdict, verdict))
    line = plural(
        "Backed up: {count:,} file of {phone}, verified {verdict}.",
        "Backed up: {count:,} files of {phone}, verified {verdict}.",
        files,
    )
    return line.format(**known)


Row = tuple[str, dict[str, int], list[str]]
"""A title, its columns, and what is to be said about it."""


def table_rows(receipt: dict[str, Any]) -> Iterator[Row]:
    """The rows of the receipt's table: a category's items, then its files if it has no items, or if not all of them are
    proven."""
    for category in receipt["categories"]:
        items, files = category["items"], category["files"]
        if items is None:
            if files.get("sent"):
                yield category["title"], files, category["why"]
        elif files.get("sent", 0) != files.get("proven", 0):
            yield category["title"], items, []
            yield "  " + _("its files"), files, category["why"]
        else:
            yield category["title"], items, category["why"]


def _table(receipt: dict[str, Any]) -> list[str]:
    is_compared = receipt["verdict"] is not None
    names = COLUMNS if is_compared else COLUMNS[:1]
    lines = ["  " + " " * TITLE_WIDTH + "".join(f"{_(name):>{COLUMN_WIDTH}}" for _key, name in names)]
    for title, columns, whys in table_rows(receipt):
        shown = (columns.get(key, 0) for key, _name in names)
        cells = "".join(f"{count:>{COLUMN_WIDTH},}" if count else " " * COLUMN_WIDTH for count in shown)
        lines.append(f"  {pad(truncate(title, TITLE_WIDTH), TITLE_WIDTH, 'left')}{cells}")
        lines += [f"      {why}" for why in whys]
    return lines


def _all_columns(receipt: dict[str, Any]) -> Iterator[dict[str, int]]:
    if receipt["verdict"] is not None:
        yield from (columns for _title, columns, _why in table_rows(receipt))


def _kept(receipt: dict[str, Any], new: str) -> list[str]:
    kept = receipt["kept"]
    sent = sum(part["sent"] for part in kept.values())
    if not sent:
        return []
    wrong = sum(part["wrong"] for part in kept.values())
    line = _("On {phone} before, and not part of the move: {count:,} items and files, {there:,} of them as they were.")
    return ["", line.format(phone=new, count=sent, there=sent - wrong)]


def _are_passwords_unusable(receipt: dict[str, Any]) -> bool:
    """Whether passwords were sent in vain: in an unencrypted backup they are encrypted with the old phone's own key."""
    sent = receipt["sent"]["chosen"].get("passwords", {}).get("files")
    return bool(sent) and not receipt["saved"].get("encrypted", True) and not receipt.get("undoes")


def receipt_html(receipt: dict[str, Any]) -> str:
    """The receipt as one self-contained HTML page. Names come from phones, so all of them are escaped."""
    receipt = with_current_form(receipt)
    is_compared = receipt["verdict"] is not None
    names = COLUMNS if is_compared else COLUMNS[:1]
    rows = "\n".join(
        f"<tr><td>{html.escape(title)}{_small(whys)}</td>"
        + "".join(f"<td>{columns.get(key) or ''}</td>" for key, _name in names)
        + "</tr>"
        for title, columns, whys in table_rows(receipt)
    )
    text = "\n".join(html.escape(line) for line in receipt_lines(receipt))
    title = html.escape(_("Receipt: {old} to {new}").format(old=receipt["old"]["name"], new=receipt["new"]["name"]))
    head = "".join(f"<th>{html.escape(column)}</th>" for column in (_("What"), *(_(name) for _key, name in names)))
    steps = "".join(f"<li>{html.escape(step)}</li>" for step in receipt["next"])
    written = _("Run {run}, written {written} by migrate {migrate}.").format(**receipt)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
 table {{ border-collapse: collapse; width: 100% }}
 td, th {{ text-align: left; padding: .3rem; border-bottom: 1px solid #ccc; vertical-align: top }}
 small {{ display: block; color: #555 }}
 pre {{ white-space: pre-wrap }}
</style></head><body>
<h1>{title}</h1>
<p><strong>{html.escape(receipt["headline"])}</strong></p>
<ol>{steps}</ol>
<table><tr>{head}</tr>
{rows}
</table>
<pre>{text}</pre>
<p>{html.escape(written)}</p>
</body></html>
"""


def _small(whys: list[str]) -> str:
    return "".join(f"<small>{html.escape(why)}</small>" for why in whys)
