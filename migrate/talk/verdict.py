"""The verdict on a backup in words, for `verify` and `repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.talk.console import format_findings, wrapped
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.backup.verify.run import Verdict

VERDICTS = {
    "whole": "Whole: everything it lists is there, and is what it should be.",
    "damaged": "Damaged: see below what is wrong with it.",
    "unreadable": "Unreadable: its list of files cannot be read.",
}
QUICK = "Whole as far as names and lengths tell: no stored file was opened (--quick)."


def format_verdict(verdict: Verdict, *, quick: bool) -> list[str]:
    kind = {True: "encrypted", False: "not encrypted", None: "encryption unknown"}[verdict.encrypted]
    lines = [
        wrapped(str(verdict.backup)),
        wrapped(f"iOS {verdict.ios_version or 'unknown'}, {kind}, phone {verdict.udid}"),
    ]
    if verdict.records is not None:
        size = format_bytes(verdict.bytes or 0)
        lines.append(wrapped(f"{verdict.records:,} records, {verdict.files or 0:,} of them files, {size} stored"))
    lines += ["", wrapped(QUICK if quick and verdict.verdict == "whole" else VERDICTS[verdict.verdict])]
    if verdict.findings:
        lines += ["", *format_findings(verdict.findings)]
    return lines
