"""One message, and the chat it is in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from migrate.content.item import FileRef, Fingerprint, Item
from migrate.content.normal_form import day, seconds, text
from migrate.content.readers.messages.app_messages import AppMessage
from migrate.content.sentence import shortened
from migrate.language import _


class Chat(NamedTuple):
    """A conversation. Row numbers and guids change (iOS 26 rewrote the guids, *reported*), these do not."""

    identifier: str | None
    """Normalised: the address of the other person, or the name that Messages gave a group."""
    members: tuple[str, ...] = ()
    """Their normalised addresses, sorted, without the phone's owner."""
    title: str | None = None
    """The name that people gave a group."""
    shown: str | None = None
    """Its members by name, or by number, for a sentence."""


class Attachment(NamedTuple):
    """An attachment of a message. Whether its file is here is counted in the message."""

    guid: str
    name: str | None
    mime_type: str | None
    file: FileRef | None = None
    """Its file in this backup."""
    in_cloud: bool = False
    """There is no file, and it is known to be in the cloud."""
    sticker: bool = False
    hidden: bool = False
    """Messages shows it only as a part of something else: the picture of a link."""


class Details(NamedTuple):
    """What only pages and exported files show: read where `Source.in_full` asks for it, None if there is nothing."""

    effect: str | None = None
    """`expressive_send_style_id`: slam, invisible ink, confetti."""
    action: int = 0
    """`group_action_type`: what an event did."""
    other: str | None = None
    """The address of the person whom an event is about."""
    other_name: str | None = None
    title: str | None = None
    """The name that an event gave the group."""
    share_ended: bool = False
    """Of an event about a shared location."""
    share_incoming: bool = False
    audio: bool = False
    """A voice message."""
    app: AppMessage | None = None
    mentions: tuple[str, ...] = ()
    """Addresses of people whom the text mentions."""
    version_times: tuple[float | None, ...] = ()
    """When each of `Message.versions` was written."""
    deleted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Item):
    """A message, a reaction to one, or an event in a chat (somebody joined)."""

    body: str | bytes | None
    """The text; a digest if it could not be decoded (`undecoded`); None if it has none, like an event or an unsent
    message."""
    outgoing: bool | None
    sender: str | None
    """The normalised address; None if the phone's owner wrote it."""
    sender_name: str | None = None
    chats: tuple[Chat, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    subject: str | None = None
    service: str | None = None
    """iMessage, SMS or RCS."""
    event: int = 0
    """`item_type`: 0 for a message, others for events."""
    app: str | None = None
    """The bundle that shows it, for messages of apps."""
    reply_to: str | None = None
    reaction: tuple[int, str] | None = None
    """The type (2000 to 3007: added or removed) and the guid of the message it is about, with its part."""
    emoji: str | None = None
    """Of a reaction."""
    versions: tuple[tuple[int, str], ...] | bytes = ()
    """Of an edited message: part and text of each version. A digest if that could not be decoded."""
    edited: bool = False
    unsent: bool = False
    unsent_parts: tuple[int, ...] = ()
    details: Details | None = None

    def fingerprint(self) -> Fingerprint:
        versions = self.versions
        return {
            "body": self.body if isinstance(self.body, bytes) else text(self.body) or None,
            "when": seconds(self.when),
            "outgoing": self.outgoing,
            "sender": self.sender,
            "chats": tuple([chat.identifier for chat in self.chats]),
            "members": tuple([chat.members for chat in self.chats]),
            "attachments": tuple(sorted([attachment.guid for attachment in self.attachments])),
            "reaction": self.reaction,
            "emoji": self.emoji,
            "edited": self.edited,
            "versions": versions if isinstance(versions, bytes) else tuple([(part, text(v)) for part, v in versions]),
            "unsent": (self.unsent, *self.unsent_parts),
        }

    def describe(self) -> str:
        when = day(self.when)
        for chat in self.chats:
            if chat.title:
                return _("a message in the chat “{title}”, {day}").format(title=shortened(chat.title), day=when)
            if chat.shown:
                return _("a message in the chat with {who}, {day}").format(who=shortened(chat.shown), day=when)
        who = self.sender_name or self.sender
        if who:
            return _("a message from {who}, {day}").format(who=shortened(who), day=when)
        return _("a message in no chat, {day}").format(day=when)


def digest(stored: object) -> bytes:
    """What stands for bytes that could not be decoded; `b""` if there are none."""
    if stored is None:
        return b""
    value = stored if isinstance(stored, bytes) else repr(stored).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(value, digest_size=16).digest()
