"""What could not be taken out of a backup, in a person's words."""

from __future__ import annotations

from migrate.backup.record import Record
from migrate.backup.verify.findings import NOTHING
from migrate.problems import BadRecord
from migrate.problems.finding import Finding, Severity

NAME = "extract-name-impossible"

VERIFY = "Run migrate verify on the backup to see what else is damaged, then migrate backup to fetch it again."


def row_bad(bad: BadRecord) -> Finding:
    return Finding(
        code="extract-record-bad",
        severity="error",
        domain=bad.domain,
        relative_path=bad.relative_path,
        file_id=bad.file_id,
        what=f"{bad.domain or '?'} {bad.relative_path or bad.file_id} was not taken out.",
        why=bad.why(),
        next=VERIFY,
    )


def content_missing(record: Record) -> Finding:
    return _about(
        record,
        "extract-missing",
        "error",
        what=f"{_shown(record)} was not taken out.",
        why="The manifest lists it, and its stored bytes are not in the backup.",
        next=VERIFY,
    )


def content_unreadable(record: Record, why: str) -> Finding:
    return _about(
        record, "extract-unreadable", "error", what=f"{_shown(record)} was not taken out.", why=why, next=VERIFY
    )


def name_impossible(record: Record, reason: str) -> Finding:
    return _about(
        record,
        NAME,
        "error",
        what=f"{_shown(record)} was not taken out: it cannot be written here under its name.",
        why=f"{reason[:1].upper()}{reason[1:]}.",
        next="Name a folder on another disk with --to, and what it is with --match: it is in the backup as it was.",
    )


def name_unsafe(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "extract-name-unsafe",
        "error",
        what=f"{_shown(record)} was not taken out: no phone gives a file such a name.",
        why=f"{reason[:1].upper()}{reason[1:]}, so somebody else wrote this row.",
        next=VERIFY,
    )


def link_left_out(record: Record, reason: str) -> Finding:
    return _about(
        record,
        "extract-link-left-out",
        "info",
        what=f"The symbolic link {_shown(record)} was not made.",
        why=f"{reason[:1].upper()}{reason[1:]}. A link has no content of its own.",
        next=NOTHING,
    )


def caught_mid_write(record: Record) -> Finding:
    return _about(
        record,
        "extract-caught-mid-write",
        "warning",
        what=f"{_shown(record)} was caught while an app wrote to it: its end may be old or torn.",
        why="It does not end in padding as encrypted contents do; all of it has been taken out.",
        next="Look at it. A later save of the phone may have it whole.",
    )


def _about(record: Record, code: str, severity: Severity, *, what: str, why: str, next: str) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        what=what,
        why=why,
        next=next,
        domain=record.domain,
        relative_path=record.relative_path,
        file_id=record.file_id,
    )


def _shown(record: Record) -> str:
    return f"{record.domain} {record.relative_path}"
