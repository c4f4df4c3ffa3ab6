"""A chat as text, as JSON lines and as a CSV table."""

from __future__ import annotations

import json
from typing import Any

from migrate.export.chats.entry import More
from migrate.export.chats.shown import Shown, name_of
from migrate.export.csv_file import CsvTable
from migrate.export.folder import NewFile
from migrate.export.names import iso_time
from migrate.language import _
from migrate.untrusted_text import without_control_characters

CSV_HEADER = (
    "when", "from", "number", "text", "kind", "attachments", "answers", "reactions", "notes", "service", "deleted",
    "id",
)  # fmt: skip
_encode = json.JSONEncoder(ensure_ascii=False).encode


class TextFile:
    """`chat.txt`: a line for each message, and indented lines for what else is in it."""

    def __init__(self, file: NewFile) -> None:
        self._file = file
        self._you = _("You")

    def row(self, row: Shown) -> None:
        more = row.entry.more
        if row.is_about_shown and not row.files:
            return  # a reaction, which is a line of its message
        head = f"{row.day} {row.clock}" if row.day else _("no date")
        if more is not None and "event" in more:
            lines = [f"{head}  * {more['event']}"]
        else:
            who = name_of(row.entry, self._you) or _("Somebody")
            text = row.entry.text
            lines = [f"{head}  {who}: {text}".replace("\n", "\n    ") if text else f"{head}  {who}:"]
            if more is not None or row.reactions:
                lines += [f"    {one}".replace("\n", "\n    ") for one in text_lines(row, more or More())]
        self._file.write_text(without_control_characters("\n".join(lines)) + "\n")


def text_lines(row: Shown, more: More) -> list[str]:
    """What a message has besides its text, one line each."""
    lines = []
    if row.answered:
        lines.append(
            _("Answers {who}: {text}").format(who=row.answered.who, text=row.answered.text.split("\n")[0][:200])
        )
    if "about" in more:
        said = _("Removed reaction: {sign}") if more.get("removed") else _("Reaction: {sign}")
        lines.append(said.format(sign=more["sign"]))
    if "subject" in more:
        lines.append(_("Subject: {subject}").format(subject=more["subject"]))
    for copied in row.files:
        note = f" ({copied.file.note})" if copied.file.note else ""
        lines.append(f"[{copied.path or copied.file.name}]{note}")
    for title, about, link in more.get("cards", ()):
        lines.append("[" + " · ".join(one for one in (title, *about, link) if one) + "]")
    if "missing" in more:
        lines.append(f"({more['missing']})")
    for text, when in more.get("versions", ()):
        lines.append(_("Before {when}: {text}").format(when=iso_time(when), text=text) if when else text)
    for sign, who, removed in row.reactions:
        lines.append(f"{sign} {who}" + (f" ({_('removed')})" if removed else ""))
    lines += more.get("notes", ())
    if more.get("deleted"):
        lines.append(_("Recently deleted"))
    return lines


class JsonLines:
    """`chat.jsonl`: one object for each message. Names of fields are not translated."""

    def __init__(self, file: NewFile) -> None:
        self._file = file

    def row(self, row: Shown) -> None:
        entry, more = row.entry, row.entry.more
        record: dict[str, Any] = {
            "id": entry.id,
            "when": row.instant or None,
            "outgoing": entry.outgoing,
            "sender": entry.address,
            "name": entry.who,
            "text": entry.text,
        }
        if entry.service:
            record["service"] = entry.service
        if row.reactions:
            record["reactions"] = [
                {"sign": sign, "name": who, **({"removed": True} if removed else {})}
                for sign, who, removed in row.reactions
            ]
        if more is not None:
            record |= _more_as_json(row, more)
        self._file.write_text(_encode(record) + "\n")


def _more_as_json(row: Shown, more: More) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("event", "subject", "missing", "notes", "mentions"):
        if name in more:
            found[name] = more[name]
    if "reply" in more or row.answered:
        found["answers"] = {
            "id": more.get("reply"),
            "name": row.answered.who if row.answered else None,
            "text": row.answered.text if row.answered else None,
        }
    if "about" in more:
        found["reaction"] = {"to": more["about"], "sign": more["sign"], "removed": bool(more.get("removed"))}
    if "versions" in more:
        found["earlier_versions"] = [{"text": text, "when": iso_time(when) or None} for text, when in more["versions"]]
    if "cards" in more:
        found["cards"] = [{"title": title, "lines": lines, "link": link} for title, lines, link in more["cards"]]
    if row.files:
        found["attachments"] = [
            {
                "name": copied.file.name,
                "file": copied.path,
                "type": copied.file.mime_type or copied.type,
                "only_in_icloud": copied.file.in_cloud,
                **({"sticker": True} if copied.file.sticker else {}),
            }
            for copied in row.files
        ]
    if more.get("deleted"):
        found["deleted"] = True
        found["deleted_at"] = iso_time(more.get("deleted_at")) or None
    return found


class CsvFile:
    """`chat.csv`: one line for each message."""

    def __init__(self, table: CsvTable) -> None:
        self._table = table
        self._you = _("You")

    def row(self, row: Shown) -> None:
        entry, more = row.entry, row.entry.more or More()
        self._table.row(
            (
                row.instant,
                name_of(entry, self._you),
                entry.address,
                entry.text or more.get("missing") or more.get("event") or more.get("sign"),
                "event" if "event" in more else "reaction" if "about" in more else "message",
                "; ".join(copied.path or copied.file.name for copied in row.files),
                row.answered.text if row.answered else more.get("about"),
                "; ".join(f"{sign} {who}" for sign, who, removed in row.reactions if not removed),
                "; ".join(more.get("notes", ())),
                entry.service,
                "yes" if more.get("deleted") else None,
                entry.id,
            )
        )
