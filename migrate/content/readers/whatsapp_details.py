"""What only pages and exported files show of a WhatsApp message: reactions, replies, events, lengths.

`ZWAMESSAGEINFO.ZRECEIPTINFO` is a protocol buffer: `7.1` is a reaction of somebody else (2 is the JID, 3 the emoji;
*read*: IPED's ExtractorIOS), `7.2` the owner's (2 is the emoji; *seen*). `ZWAMEDIAITEM.ZMETADATA` is another: 5 is the
stanza id of the message that is answered, 6 its sender, `19.1` its text (*seen*).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from migrate.content.open_database import Columns, Database, Table
from migrate.content.protobuf import NotProtobuf, fields

_LONGEST = 2000
_LARGEST_BYTES = 1 << 20
_MOST_REACTIONS = 2000
_FORWARDED = 1 << 7
"""Of `ZFLAGS` (*read*: IPED)."""
_REACTIONS = b"\x3a"
"""The tag of field 7. Most receipts have none, and reading them all is slow."""


class WhatsAppDetails(NamedTuple):
    """None of it is in a fingerprint."""

    event: int = 0
    """`ZGROUPEVENTTYPE`; what it means depends on the type of the message."""
    reactions: tuple[tuple[str, str | None, str | None], ...] = ()
    """Emoji, JID and name; no JID for the phone's owner."""
    reply_to: str | None = None
    """The stanza id of the message that is answered."""
    quoted: str | None = None
    quoted_sender: str | None = None
    quoted_name: str | None = None
    mime_type: str | None = None
    seconds: int = 0
    """The length of a recording or film."""
    starred: bool = False
    forwarded: bool = False


class WhatsAppDetailColumns:
    """The columns that details are read from, and the join they need."""

    def __init__(self, database: Database, message: Table, media: Table | None) -> None:
        own = Columns(message, "m", event=("ZGROUPEVENTTYPE",), starred=("ZSTARRED",), flags=("ZFLAGS",)).sql
        of_media = "NULL, NULL"
        if media is not None:
            of_media = Columns(media, "i", metadata=("ZMETADATA",), length=("ZMOVIEDURATION",)).sql
        info, receipt, self.join = database.table("ZWAMESSAGEINFO"), "NULL", ""
        if info is not None and info.has("Z_PK", "ZRECEIPTINFO") and message.has("ZMESSAGEINFO"):
            receipt = "r.ZRECEIPTINFO"
            self.join = f" LEFT JOIN {info.sql} r ON r.Z_PK = m.ZMESSAGEINFO"
        self.sql = f"{own}, {of_media}, {receipt}"


def whatsapp_details(row: tuple[Any, ...], mime_type: object, names: Mapping[str, str]) -> WhatsAppDetails | None:
    """The details of a message; None if there are none."""
    event, starred, flags, metadata, length, receipt = row
    has_reactions = isinstance(receipt, bytes) and _REACTIONS in receipt and len(receipt) <= _LARGEST_BYTES
    has_metadata = isinstance(metadata, bytes) and len(metadata) <= _LARGEST_BYTES
    forwarded = isinstance(flags, int) and bool(flags & _FORWARDED)
    if not (event or starred or forwarded or has_metadata or length or has_reactions or mime_type):
        return None
    answered = _answered(metadata) if has_metadata else (None, None, None)
    return WhatsAppDetails(
        event=event if isinstance(event, int) else 0,
        reactions=tuple((emoji, jid, names.get(jid or "")) for emoji, jid in _reactions(receipt))
        if has_reactions
        else (),
        reply_to=answered[0],
        quoted_sender=answered[1],
        quoted_name=names.get(answered[1] or ""),
        quoted=answered[2],
        mime_type=str(mime_type)[:200] if mime_type else None,
        seconds=int(length) if isinstance(length, int | float) and 0 < length < 1e8 else 0,
        starred=bool(starred),
        forwarded=forwarded,
    )


def _reactions(receipt: bytes) -> Iterator[tuple[str, str | None]]:
    """As many as can be read: a receipt may be of another version."""
    with suppress(NotProtobuf):
        count = 0
        for number, value in fields(receipt):
            if number == 7 and isinstance(value, bytes):
                for whose, reaction in fields(value):
                    if whose in (1, 2) and isinstance(reaction, bytes) and count < _MOST_REACTIONS:
                        texts = {name: part for name, part in fields(reaction) if isinstance(part, bytes)}
                        emoji, who = _text(texts.get(3 if whose == 1 else 2)), _text(texts.get(2))
                        if emoji and (whose == 2 or who):
                            yield emoji, who.strip().lower() if whose == 1 and who else None
                            count += 1


def _answered(metadata: bytes) -> tuple[str | None, str | None, str | None]:
    """The stanza id, sender and text of the message that is answered."""
    with suppress(NotProtobuf):
        found = {number: value for number, value in fields(metadata) if isinstance(value, bytes)}
        if 5 in found:
            quoted = None
            with suppress(NotProtobuf):
                quoted = next((_text(part) for number, part in fields(found.get(19, b"")) if number == 1), None)
            sender = _text(found.get(6))
            return _text(found[5]), sender.strip().lower() if sender else None, quoted
    return None, None, None


def _text(value: object) -> str | None:
    return value.decode("utf-8", "replace")[:_LONGEST] or None if isinstance(value, bytes) else None
