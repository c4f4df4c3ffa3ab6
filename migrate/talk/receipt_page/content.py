"""What a receipt says, prepared for the page and for the terminal. There is no markup in here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from migrate.language import _, mark, plural
from migrate.problems import paste
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
VERDICTS = {
    "proven": mark("proven"),
    "pending": mark("nothing is wrong, and something is still open"),
    "not proven": mark("not proven"),
}

Mood = Literal["good", "open", "bad"]
MOODS: Mapping[str | None, Mood] = {"proven": "good", "pending": "open", "not proven": "bad", None: "open"}


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    title: str
    columns: Mapping[str, int]
    whys: tuple[str, ...] = ()
    bytes: int | None = None
    """None for the second line of a category."""
    is_files: bool = False
    """Whether these are the files of the category in the row above."""


@dataclass(frozen=True)
class Point:
    """Something to see to before the old phone is erased."""

    title: str
    text: str
    is_found: bool
    """Whether the backup shows it. Otherwise it is a question."""


@dataclass(frozen=True)
class Content:
    """All of a receipt, as sentences and numbers."""

    run: str
    verdict: str | None
    headline: str
    old: str
    new: str
    ios_version: str | None
    """Of the phone whose backup was sent."""
    is_undo: bool
    begun: str | None
    written: str
    version: str
    about: tuple[str, str]
    """The move in one line, and how it was done."""
    facts: tuple[str, ...]
    rows: tuple[Row, ...]
    next: tuple[str, ...]
    keep_until: str | None
    undo: str | None
    undo_command: str | None
    password_note: str | None
    not_moved: tuple[str, ...]
    not_moved_count: int
    in_icloud: tuple[str, ...]
    points: tuple[Point, ...]
    kept: str | None
    losses: tuple[str, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())

    @property
    def mood(self) -> Mood:
        return MOODS.get(self.verdict, "open")

    @property
    def is_compared(self) -> bool:
        return self.verdict is not None

    @property
    def has_uncompared(self) -> bool:
        return self.is_compared and any(row.columns.get("there") for row in self.rows)

    @property
    def sizes(self) -> list[tuple[str, int]]:
        """Title and bytes of each category and app, the largest first."""
        return sorted(((row.title, row.bytes) for row in self.rows if row.bytes), key=lambda one: -one[1])


def content_of(receipt: Mapping[str, Any]) -> Content:
    """Prepare a receipt of this or of an older version."""
    receipt = _on_one_line(with_current_form(dict(receipt)))
    old, new = receipt["old"]["name"] or _("the old phone"), receipt["new"]["name"] or _("the new phone")
    undo, undo_command = _undo(receipt, new)
    not_moved = receipt["not_moved"]
    return Content(
        run=receipt["run"],
        verdict=receipt["verdict"],
        headline=receipt["headline"],
        old=old,
        new=new,
        ios_version=receipt["saved"].get("ios_version"),
        is_undo=bool(receipt.get("undoes")),
        begun=_local_time(receipt.get("begun")),
        written=_local_time(receipt["written"]) or "",
        version=receipt["migrate"],
        about=_about(receipt, old, new),
        facts=tuple(_facts(receipt, old, new)),
        rows=tuple(_rows(receipt)),
        next=tuple(receipt["next"]),
        keep_until=_keep_until(receipt, old, new),
        undo=undo,
        undo_command=undo_command,
        password_note=_password_note(receipt, old, new),
        not_moved=(*map(_not_moved, not_moved), *_left_out(receipt)),
        not_moved_count=sum(row["items"] + row["files"] for row in not_moved),
        in_icloud=tuple(_in_icloud(row) for row in receipt.get("only_in_icloud", ())),
        points=tuple(Point(one["title"], one["text"], one["found"]) for one in receipt.get("before_erasing", ())),
        kept=_kept(receipt, new),
        losses=tuple(receipt.get("will_not_come_back", ())),
        remarks=tuple(receipt["remarks"]),
    )


def verdict_text(verdict: str | None) -> str:
    """The verdict in the person's language. The receipt holds it in English, for programs."""
    if verdict is None:
        return _("done, not proven: the plan asked for no proof")
    return _(VERDICTS.get(verdict, verdict))


def _on_one_line(value: Any) -> Any:
    """The same with every text on one line: a name with line breaks could pretend to be a line of the receipt."""
    if isinstance(value, str):
        return value if value.isprintable() else " ".join(value.split())
    if isinstance(value, dict):
        return {key: _on_one_line(inner) for key, inner in value.items()}
    return [_on_one_line(inner) for inner in value] if isinstance(value, list) else value


def _local_time(written: str | None) -> str | None:
    with suppress(ValueError):
        return written and f"{datetime.fromisoformat(written).astimezone():%Y-%m-%d %H:%M}"
    return written


def _about(receipt: Mapping[str, Any], old: str, new: str) -> tuple[str, str]:
    verdict = verdict_text(receipt["verdict"])
    if receipt.get("undoes"):
        known = {"phone": new, "run": receipt["undoes"], "verdict": verdict}
        return (
            _("{phone} as it was before {run}: {verdict}.").format(**known),
            _("Its own safety backup was restored."),
        )
    strategy = STRATEGIES.get(receipt["strategy"])
    return (
        _("From {old} to {new}: {verdict}.").format(old=old, new=new, verdict=verdict),
        _(strategy) if strategy else receipt["strategy"],
    )


def _facts(receipt: Mapping[str, Any], old: str, new: str) -> Iterator[str]:
    files = receipt["saved"].get("files") or 0
    verdict = receipt["saved"].get("verdict", "")
    text = plural(
        "Backed up: {count:,} file of {phone}, verified {verdict}.",
        "Backed up: {count:,} files of {phone}, verified {verdict}.",
        files,
    )
    whose = new if receipt.get("undoes") else old
    yield text.format(count=files, phone=whose, verdict=_(BACKUP_VERDICTS.get(verdict, verdict)))
    sent = receipt["sent"]
    count = sent["chosen_files"]
    sent_files = plural("{count:,} file", "{count:,} files", count).format(count=count)
    yield _("Sent:      {files}, {size}.").format(files=sent_files, size=format_bytes(sent["bytes"]))
    if receipt.get("rehearsal"):
        yield _("Rehearsed on a simulated iPhone like the new phone before anything was sent.")
    if receipt["safety"]:
        yield _("Safety:    {phone} was backed up first and can be put back as it was.").format(phone=new)
    if _are_passwords_unusable(receipt):
        yield _("No password moved: passwords in an unencrypted backup can be read only by the old phone.")


def _rows(receipt: Mapping[str, Any]) -> Iterator[Row]:
    """A category's items, then its files if it has no items, or if not all of them are proven. What needs a look comes
    first: what is wrong, then what is still arriving."""
    for category in sorted(receipt["categories"], key=_urgency):
        title, items, files = category["title"], category["items"], category["files"]
        size, whys = category.get("bytes"), tuple(category["why"])
        if items is None:
            if files.get("sent"):
                yield Row(title, files, whys, size)
        elif files.get("sent", 0) != files.get("proven", 0):
            yield Row(title, items, (), size)
            yield Row(_("its files"), files, whys, is_files=True)
        else:
            yield Row(title, items, whys, size)


def _urgency(category: Mapping[str, Any]) -> tuple[bool, bool]:
    both = (category["items"] or {}, category["files"])
    return not any(one.get("wrong") for one in both), not any(one.get("arriving") for one in both)


def _kept(receipt: Mapping[str, Any], new: str) -> str | None:
    kept = receipt["kept"]
    sent = sum(part["sent"] for part in kept.values())
    if not sent:
        return None
    wrong = sum(part["wrong"] for part in kept.values())
    line = _("On {phone} before, and not part of the move: {count:,} items and files, {there:,} of them as they were.")
    return line.format(phone=new, count=sent, there=sent - wrong)


def _are_passwords_unusable(receipt: Mapping[str, Any]) -> bool:
    """Whether passwords were sent in vain: in an unencrypted backup they are encrypted with the old phone's own key."""
    sent = receipt["sent"]["chosen"].get("passwords", {}).get("files")
    return bool(sent) and not receipt["saved"].get("encrypted", True) and not receipt.get("undoes")


def _keep_until(receipt: Mapping[str, Any], old: str, new: str) -> str | None:
    if receipt.get("undoes"):
        return None
    known = {"old": old, "new": new, "command": paste("prove", receipt["run"])}
    texts = {
        "proven": _(
            "Keep {old} until you have used {new} for some days and have gone through the list “Before you erase the "
            "old phone”."
        ),
        "pending": _("Keep {old} until {command} says that everything arrived."),
        "not proven": _("Keep {old} until what is wrong is put right: some of it may be nowhere else."),
    }
    return texts.get(receipt["verdict"], _("Keep {old} until {command} has compared both phones.")).format(**known)


def _undo(receipt: Mapping[str, Any], new: str) -> tuple[str | None, str | None]:
    if receipt.get("undoes"):
        return None, None
    if receipt["safety"]:
        return _("To put {phone} back as it was:").format(phone=new), paste("undo", receipt["run"])
    return _("{phone} was not backed up first, so this cannot be undone.").format(phone=new), None


def _password_note(receipt: Mapping[str, Any], old: str, new: str) -> str | None:
    """A restored encrypted backup brings its password along, in the keychain. *read* (decompiled), *reported*"""
    if receipt["strategy"] != "replace" or not receipt["saved"].get("encrypted") or receipt.get("undoes"):
        return None
    text = _(
        "Encrypted backups of {new} now ask for the backup password of {old}: it came over with the backup. Keep it."
    )
    return text.format(old=old, new=new)


def _not_moved(row: Mapping[str, Any]) -> str:
    counts = []
    if row["items"]:
        counts.append(plural("{count:,} item", "{count:,} items", row["items"]).format(count=row["items"]))
    if row["files"]:
        counts.append(plural("{count:,} file", "{count:,} files", row["files"]).format(count=row["files"]))
    return _("{title}: {counts}, because {why}.").format(
        title=row["title"], counts=", ".join(counts), why=row["why"].rstrip(".")
    )


REASONS_SHOWN = 6


def _left_out(receipt: Mapping[str, Any]) -> Iterator[str]:
    """The records that could not be sent, by reason. They are among those that did not move."""
    reasons = Counter(reason for _domain, _path, _file_id, reason in receipt["sent"].get("left_out") or ())
    for reason, count in reasons.most_common(REASONS_SHOWN):
        text = plural(
            "{count:,} of these could not be sent: {reason}.", "{count:,} of these could not be sent: {reason}.", count
        )
        yield text.format(count=count, reason=reason.rstrip("."))
    if (more := len(reasons) - REASONS_SHOWN) > 0:
        yield plural("{count:,} more reason", "{count:,} more reasons", more).format(count=more)


def _in_icloud(row: Mapping[str, Any]) -> str:
    counts = []
    if row["items"]:
        counts.append(plural("{count:,} original", "{count:,} originals", row["items"]).format(count=row["items"]))
    if row["files"]:
        counts.append(plural("{count:,} attachment", "{count:,} attachments", row["files"]).format(count=row["files"]))
    return _("{title}: {counts}").format(title=row["title"], counts=", ".join(counts))
