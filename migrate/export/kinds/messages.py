"""`Messages/<name> <last four digits>/`: iMessage, SMS and RCS."""

from __future__ import annotations

from migrate.content.item import State
from migrate.content.normal_form import OBJECT_REPLACEMENT
from migrate.content.readers.messages.app_messages import LINK, AppMessage
from migrate.content.readers.messages.message import Attachment, Chat, Details, Message
from migrate.export.chats.entry import ChatInfo, Entry, FileOf, More
from migrate.export.chats.scratch import Scratch
from migrate.export.chats.wording import (
    effect_name,
    is_placed_sticker,
    is_reaction,
    is_removal,
    last_digits,
    message_event,
    reacted_message,
    reaction_sign,
    shown_number,
)
from migrate.export.chats.write import write_chats
from migrate.export.task import Task
from migrate.language import _, mark, plural
from migrate.pages.bubbles import Look

UNDECODED = mark("its text could not be decoded")
VERSIONS_UNDECODED = mark("earlier versions of a message could not be decoded")
APP_UNDECODED = mark("what an app put into a message could not be decoded")
FILE_IN_ICLOUD = mark("an attachment is only in iCloud")
FILE_MISSING = mark("an attachment is not in this backup, and may not be on the phone either")
_ONLY_IN_ICLOUD = mark("its attachments, and so all of it, are only in iCloud")
_NO_CHAT = "-"
_MOST_MEMBERS = 12


def write_messages(task: Task) -> None:
    """Write every chat into a folder."""
    with Scratch(task.tmp) as scratch:
        numbers: dict[Chat | None, int] = {}
        for item in task.items():
            assert isinstance(item, Message)
            entry = message_entry(item)
            for chat in item.chats or (None,):
                number = numbers.get(chat)
                if number is None:
                    number = numbers[chat] = scratch.add_chat(_info(task, chat))
                scratch.add(number, entry)
            _settle(task, item)
        scratch.ready()
        write_chats(task, scratch, _("Messages"), "messages", look_of)


def message_entry(item: Message) -> Entry:
    """A message as one row of a chat."""
    body = item.body
    text = body if isinstance(body, str) else None
    if text and OBJECT_REPLACEMENT in text:
        text = text.replace(OBJECT_REPLACEMENT, "").strip()
    is_plain = not (
        item.details
        or item.attachments
        or item.reaction
        or item.event
        or item.edited
        or item.unsent
        or item.reply_to
        or item.subject
        or item.app
        or not isinstance(body, str)
        or item.state is State.DELETED
    )
    who = None if item.outgoing else item.sender_name or item.sender
    more = None if is_plain else _more(item, text, who or _("Somebody"))
    return Entry(item.id, item.when, bool(item.outgoing), who, item.sender, text or None, item.service, more)


def _more(item: Message, text: str | None, who: str) -> More | None:
    more = More()
    details = item.details or Details()
    if item.state is State.DELETED:
        more["deleted"], more["deleted_at"] = True, details.deleted
    if item.event or (details.title and not text):
        more["event"] = message_event(item, _("You") if item.outgoing else who)
        return more
    notes = []
    if item.reaction:
        kind, about = item.reaction
        if is_reaction(kind):
            more["about"], more["sign"] = reacted_message(about), reaction_sign(kind, item.emoji)
            more["removed"] = is_removal(kind)
        elif about and is_placed_sticker(kind):
            more["reply"] = reacted_message(about)
    if item.reply_to and "reply" not in more:
        more["reply"] = item.reply_to
    if item.subject:
        more["subject"] = item.subject
    if item.attachments:
        more["files"] = [tuple(_file(one, details)) for one in item.attachments]
    if details.app:
        more["cards"] = [_card(details.app)]
    if item.edited:
        notes.append(_("Edited"))
        more["versions"] = _earlier(item, details)
    if item.unsent:
        more["missing"] = _("{who} unsent a part of this message") if text else _("{who} unsent this message")
        more["missing"] = more["missing"].format(who=_("You") if item.outgoing else who)
    elif isinstance(item.body, bytes):
        more["missing"] = _("The text of this message could not be decoded.")
    if details.effect:
        notes.append(_("Sent with {effect}").format(effect=effect_name(details.effect)))
    if details.mentions:
        more["mentions"] = list(details.mentions)
    if notes:
        more["notes"] = notes
    return more or None


def _earlier(item: Message, details: Details) -> list[tuple[str, float | None]]:
    """The versions of each part before its last one, which is what the message shows."""
    if isinstance(item.versions, bytes):
        return []
    times = details.version_times or (None,) * len(item.versions)
    last = {part: number for number, (part, _text) in enumerate(item.versions)}
    return [
        (text.replace(OBJECT_REPLACEMENT, ""), times[number] if number < len(times) else None)
        for number, (part, text) in enumerate(item.versions)
        if last[part] != number
    ]


def _file(attachment: Attachment, details: Details) -> FileOf:
    place = attachment.file
    note = _("Voice message") if details.audio else None
    if place is None:
        note = _("only in iCloud") if attachment.in_cloud else _("not in this backup")
    return FileOf(
        place.domain if place else None,
        place.relative_path if place else None,
        attachment.name or _("Attachment"),
        attachment.mime_type,
        attachment.in_cloud,
        attachment.sticker,
        attachment.hidden,
        note,
    )


def _card(app: AppMessage) -> tuple[str, list[str], str | None]:
    is_link = app.bundle == LINK
    lines = [app.app, *app.lines] if app.title and not is_link else list(app.lines)
    return app.title or app.url or app.app, lines, app.url


def _settle(task: Task, item: Message) -> None:
    words = item.body.replace(OBJECT_REPLACEMENT, "").strip() if isinstance(item.body, str) else item.body
    has_more = words or item.files or item.reaction or item.event or item.absent or item.app or item.unsent
    if isinstance(item.body, bytes):
        task.unreadable(item, UNDECODED)
    elif item.offloaded and not has_more:
        task.only_in_icloud(item, _ONLY_IN_ICLOUD)
    else:
        task.exported(item)
        task.gap(FILE_IN_ICLOUD, item.offloaded)
    task.gap(FILE_MISSING, item.absent)
    if isinstance(item.versions, bytes):
        task.gap(VERSIONS_UNDECODED)
    if item.details and item.details.app and not item.details.app.decoded:
        task.gap(APP_UNDECODED)


def _info(task: Task, chat: Chat | None) -> ChatInfo:
    if chat is None:
        about = _("These messages are in the database, but in no chat. Messages does not show them.")
        return ChatInfo(_NO_CHAT, _("In no chat"), _("In no chat"), (about,), two=False)
    members = [shown_member(task, one) for one in chat.members[:_MOST_MEMBERS]]
    if len(chat.members) > _MOST_MEMBERS:
        more = len(chat.members) - _MOST_MEMBERS
        members.append(plural("and {count:,} more", "and {count:,} more", more).format(count=more))
    key = repr((chat.identifier, chat.members, chat.title))
    if len(chat.members) == 1 and not chat.title:
        number = chat.members[0]
        name = task.names(number) or shown_number(number)
        return ChatInfo(key, name, folder_name(name, number), (shown_number(number),))
    if not chat.members and chat.identifier and not chat.title:
        name = task.names(chat.identifier) or shown_number(chat.identifier)
        return ChatInfo(key, name, folder_name(name, chat.identifier), (shown_number(chat.identifier),))
    name = chat.title or chat.shown or chat.identifier or _("Without a name")
    return ChatInfo(key, name, name, (", ".join(members),) if members else (), two=len(chat.members) == 1)


def shown_member(task: Task, known: str) -> str:
    """A person's name and number."""
    name, number = task.names(known), shown_number(known)
    return f"{name} ({number})" if name else number


def folder_name(name: str, number: str | None) -> str:
    """`Mum 4567`, and only the number where there is no name."""
    digits = last_digits(number)
    bare = "".join(letter for letter in name if letter.isalnum())
    return name if not digits or bare.endswith(digits) else f"{name} {digits}"


def look_of(service: str | None) -> Look:
    """The colour that Messages gives the owner's bubbles."""
    return Look.BLUE if service in (None, "iMessage") else Look.GREEN
