"""What only pages and exported files show of a message: effects, events in groups, apps, mentions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from migrate.content.normal_form import address, from_cocoa
from migrate.content.open_database import Columns, Table
from migrate.content.readers.messages.app_messages import app_message
from migrate.content.readers.messages.chats import People
from migrate.content.readers.messages.message import Details

_LONGEST = 1000
_MOST_MENTIONS = 100
_MENTION = b"__kIMMentionConfirmedMention"
_STRING = re.compile(rb"\x92\x84[\x92-\xff][\x92-\xff]([\x01-\x7f])")
"""A string among the attributes of a typedstream whose class and type are known already, up to its text."""
_ADDRESS = re.compile(r"\+?\d{5,20}|[^\s@]+@[^\s@]+\.[^\s@]+")


class DetailColumns:
    """The columns of `message` that details are read from."""

    def __init__(self, message: Table, people: People) -> None:
        self._people = people
        self.sql = Columns(
            message,
            "m",
            effect=("expressive_send_style_id",),
            action=("group_action_type",),
            other=("other_handle",),
            title=("group_title",),
            share_status=("share_status",),
            share_direction=("share_direction",),
            audio=("is_audio_message",),
            payload=("payload_data",),
        ).sql

    def of(
        self, row: Sequence[Any], app: object, attributed: object, times: tuple[float | None, ...], deleted: object
    ) -> Details | None:
        """The details of a message; None if there are none."""
        effect, action, other, title, share_status, share_direction, audio, payload = row
        mentions = mentioned(attributed) if isinstance(attributed, bytes) and _MENTION in attributed else ()
        is_about = isinstance(other, int) and other > 0
        if not (effect or action or title or share_status or audio or app or mentions or times or deleted or is_about):
            return None
        person = self._people.get(other)
        return Details(
            effect=str(effect)[:_LONGEST] if effect else None,
            action=action if isinstance(action, int) else 0,
            other=person.address if person else None,
            other_name=person.name if person else None,
            title=str(title)[:_LONGEST] if title else None,
            share_ended=bool(share_status),
            share_incoming=bool(share_direction),
            audio=bool(audio),
            app=app_message(str(app)[:_LONGEST], payload) if app else None,
            mentions=mentions,
            version_times=times,
            deleted=from_cocoa(deleted),
        )


def mentioned(attributed: bytes) -> tuple[str, ...]:
    """The addresses of mentioned people in an `attributedBody`. The key of the attribute is written once, before the
    first address; how more of them follow is *guessed*: as strings that look like addresses."""
    found: dict[str, None] = {}
    for match in _STRING.finditer(attributed, attributed.find(_MENTION)):
        end = match.end() + match[1][0]
        text = attributed[match.end() : end].decode("utf-8", "replace")
        if attributed[end : end + 1] == b"\x86" and _ADDRESS.fullmatch(text) and len(found) < _MOST_MENTIONS:
            found[address(text) or text] = None
    return tuple(found)
