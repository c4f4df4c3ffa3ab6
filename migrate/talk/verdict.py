"""The verdict on a backup as text, for `verify` and `repair`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.language import _, mark
from migrate.talk.console import format_findings, one_line, print_emphasised, print_line, wrapped
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.backup.verify.run import Verdict

VERDICTS = {
    "whole": mark("Whole: everything it lists is there and undamaged."),
    "damaged": mark("Damaged: the problems are listed below."),
    "locked": mark("Not fully checked: the backup could not be opened without its password."),
    "unreadable": mark("Unreadable: its list of files cannot be read."),
}
STYLES = {"whole": "good", "damaged": "error", "locked": "warning", "unreadable": "error"}
QUICK = mark("Whole as far as names and sizes show: no stored file was opened (--quick).")


def format_verdict(verdict: Verdict, *, quick: bool) -> list[str]:
    encryption = {True: _("encrypted"), False: _("not encrypted"), None: _("encryption unknown")}[verdict.encrypted]
    known = {"version": verdict.ios_version or _("unknown"), "encryption": encryption, "udid": verdict.udid}
    lines = [one_line(verdict.backup), wrapped(_("iOS {version}, {encryption}, phone {udid}").format(**known))]
    if verdict.records is not None:
        counts = {"records": verdict.records, "files": verdict.files or 0, "size": format_bytes(verdict.bytes or 0)}
        lines.append(wrapped(_("{records:,} records, {files:,} of them files, {size} stored").format(**counts)))
    lines += ["", wrapped(_(_sentence(verdict, quick=quick)))]
    if verdict.findings:
        lines += ["", *format_findings(verdict.findings)]
    return lines


def print_verdict(verdict: Verdict, *, quick: bool) -> None:
    """Print a verdict, its sentence in bold and in its colour where stdout shows it."""
    sentence = wrapped(_(_sentence(verdict, quick=quick)))
    for line in format_verdict(verdict, quick=quick):
        if line == sentence:
            print_emphasised(line, "bold" if quick and verdict.verdict == "whole" else STYLES[verdict.verdict])
        else:
            print_line(line)


def _sentence(verdict: Verdict, *, quick: bool) -> str:
    return QUICK if quick and verdict.verdict == "whole" else VERDICTS[verdict.verdict]
