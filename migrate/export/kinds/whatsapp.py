"""`WhatsApp/<name> <last four digits>/`, and the same for WhatsApp Business."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from migrate.content.item import State
from migrate.content.normal_form import address
from migrate.content.readers.whatsapp import Chat, WhatsAppChat, WhatsAppMessage
from migrate.content.readers.whatsapp_details import WhatsAppDetails
from migrate.export.chats.entry import ChatInfo, Entry, FileOf, More
from migrate.export.chats.scratch import Scratch
from migrate.export.chats.wording import number_of, shown_number, whatsapp_event
from migrate.export.chats.write import write_chats
from migrate.export.csv_file import csv_table
from migrate.export.kinds.messages import UNDECODED, folder_name
from migrate.export.names import iso_time
from migrate.export.task import Task
from migrate.language import _, mark, plural
from migrate.pages.bubbles import Look

FILE_MISSING = mark("a photo or file of a message is not in this backup, and may not be on the phone either")
KIND_UNKNOWN = mark("a message is of a kind that this version of migrate does not know")
_TEXT, _CONTACT, _LOCATION, _GROUP_EVENT, _LINK, _DOCUMENT, _SYSTEM_EVENT = 0, 4, 5, 6, 7, 8, 10
_DELETED, _STICKER, _POLL = 14, 15, 46
_KNOWN = frozenset({*range(9), _SYSTEM_EVENT, 11, _DELETED, _STICKER, _POLL})
"""`ZMESSAGETYPE`: 1 picture, 2 film, 3 sound, 11 animation (*read*: IPED; 0, 4, 5, 6 and 10 *seen*)."""
_STATUS, _GROUP = "status@broadcast", "@g.us"
_TITLES = {"whatsapp": "WhatsApp", "whatsapp-business": "WhatsApp Business"}
_MOST_MEMBERS = 12
_LONGEST_CARD, _MOST_NAMES = 100_000, 100_000


def write_whatsapp(task: Task) -> None:
    """Write every chat into a folder."""
    with Scratch(task.tmp) as scratch:
        writer = WhatsAppEntries(task.names)
        numbers: dict[str | None, int] = {}
        for item in task.items():
            assert isinstance(item, WhatsAppMessage)
            chat = item.chat
            key = chat.address if chat else None
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = scratch.add_chat(writer.info(chat))
            scratch.add(number, writer.entry(item))
            _settle(task, item)
        scratch.ready()
        write_chats(task, scratch, _TITLES[task.kind.id], task.kind.id)


def write_whatsapp_chats(task: Task) -> None:
    """`WhatsApp/chats.csv`: one line for each chat, also for those without messages."""
    owner = task.kind.id.removesuffix("-chats")
    writer = WhatsAppEntries(task.names)
    place = task.top.folder(_TITLES[owner], key=owner)
    with csv_table(place, "chats.csv", ("chat", "id", "members", "last message", "deleted"), key=task.kind.id) as table:
        for item in task.items():
            assert isinstance(item, WhatsAppChat)
            info = writer.info(item.chat)
            members = "; ".join(map(number_of, item.chat.members))
            deleted = "yes" if item.state is State.DELETED else None
            table.row((info.name, item.chat.address, members, iso_time(item.when), deleted))
            task.exported(item)


def _settle(task: Task, item: WhatsAppMessage) -> None:
    if isinstance(item.body, bytes) and not (item.files or item.caption or item.absent):
        task.unreadable(item, UNDECODED)
    else:
        task.exported(item)
    if item.absent:
        task.gap(FILE_MISSING, item.absent)
    if item.type not in _KNOWN:
        task.gap(KIND_UNKNOWN)


class WhatsAppEntries:
    """Makes rows of messages.

    Args:
        name_of: the name of the contact with an address (`normal_form.address`).
    """

    def __init__(self, name_of: Callable[[str], str | None]) -> None:
        self._name_of = name_of
        self._names: dict[str, str] = {}

    def entry(self, item: WhatsAppMessage) -> Entry:
        """A message as one row of a chat."""
        details = item.details
        body, kind = item.body, item.type
        sender = item.sender
        who = None
        if sender is not None and not item.outgoing and not sender.endswith(_GROUP):
            who = self._names.get(sender) or self._who(sender, item.sender_name)
        has_more = details is not None and (
            details.reactions or details.reply_to or details.starred or details.forwarded or details.mime_type
        )
        more = None
        text = body if isinstance(body, str) else None
        if (
            has_more
            or kind != _TEXT
            or item.files
            or item.absent
            or item.caption
            or not text
            or item.state is State.DELETED
        ):
            more = self._more(item, details or WhatsAppDetails(), who or _("Somebody"))
            if "event" in more:
                text = None
            elif item.caption and kind not in (_DOCUMENT, _LINK) and item.caption != text:
                text = f"{text}\n{item.caption}" if text else item.caption
        return Entry(
            item.id, item.when, bool(item.outgoing), who, sender and number_of(sender), text or None, None, more
        )

    def _more(self, item: WhatsAppMessage, details: WhatsAppDetails, who: str) -> More:
        more = More()
        kind, body = item.type, item.body
        if item.state is State.DELETED:
            more["deleted"], more["deleted_at"] = True, None
        if kind in (_GROUP_EVENT, _SYSTEM_EVENT):
            more["event"] = whatsapp_event(item, _("You") if item.outgoing else who)
            return more
        notes = []
        if item.files or item.absent:
            more["files"] = [tuple(self._file(item, details))]
        if kind == _LINK and item.caption:
            more["cards"] = [(item.caption, [], None)]
        elif item.location is not None:
            place = f"{item.location[0]}, {item.location[1]}"
            link = f"https://maps.apple.com/?ll={item.location[0]},{item.location[1]}"
            more["cards"] = [(item.caption or _("Location"), [place], link)]
        elif item.card and kind == _CONTACT:
            more["cards"] = [(item.attachment or _("Contact"), _numbers_in(item.card), None)]
            more["vcard"] = item.card[:_LONGEST_CARD]
        if kind == _DELETED:
            more["missing"] = _("{who} deleted this message").format(who=_("You") if item.outgoing else who)
        elif isinstance(body, bytes) and not (item.files or item.caption or item.absent):
            more["missing"] = _("The text of this message could not be decoded.")
        elif kind not in _KNOWN and not body:
            more["missing"] = _("A message of a kind that this version does not know (number {number})").format(
                number=kind
            )
        if details.reply_to:
            more["reply"] = f"{details.reply_to} {item.id.partition(' ')[2]}"
            more["quote"] = (self._who(details.quoted_sender, details.quoted_name), details.quoted or "")
        if details.reactions:
            more["reactions"] = [(sign, self._who(jid, name), False) for sign, jid, name in details.reactions]
        if details.starred:
            notes.append(_("Starred"))
        if details.forwarded:
            notes.append(_("Forwarded"))
        if notes:
            more["notes"] = notes
        return more

    def _file(self, item: WhatsAppMessage, details: WhatsAppDetails) -> FileOf:
        note = f"{details.seconds // 60}:{details.seconds % 60:02d}" if details.seconds else None
        name = item.caption if item.type == _DOCUMENT else None
        if not item.files:
            return FileOf(None, None, name or _("Photo or file"), details.mime_type, note=_("not in this backup"))
        file = item.files[0]
        name = name or PurePosixPath(file.relative_path).name
        return FileOf(
            file.domain, file.relative_path, name, details.mime_type, sticker=item.type == _STICKER, note=note
        )

    def _who(self, jid: str | None, known: str | None) -> str:
        """A person's name: from the address book, else as WhatsApp knows it, else the number. Nobody is ""."""
        if not jid:
            return ""
        found = self._names.get(jid)
        if found is None:
            number = number_of(jid)
            normalised = address(number) if number.startswith("+") else None
            found = (self._name_of(normalised) if normalised else None) or known or shown_number(number)
            if len(self._names) < _MOST_NAMES:
                self._names[jid] = found
        return found

    def info(self, chat: Chat | None) -> ChatInfo:
        if chat is None:
            about = _("These messages are in the database, but in no chat. WhatsApp does not show them.")
            return ChatInfo("-", _("In no chat"), _("In no chat"), (about,), two=False, look=Look.WHATSAPP)
        number = number_of(chat.address)
        if chat.is_group:
            name = chat.title or number
            names = chat.member_names or (None,) * len(chat.members)
            members = [self._who(one, name) for one, name in zip(chat.members, names, strict=True)][:_MOST_MEMBERS]
            if len(chat.members) > _MOST_MEMBERS:
                more = len(chat.members) - _MOST_MEMBERS
                members.append(plural("and {count:,} more", "and {count:,} more", more).format(count=more))
            lines = (", ".join(members),) if members else ()
            return ChatInfo(chat.address, name, name, lines, two=False, look=Look.WHATSAPP)
        if chat.address == _STATUS:
            return ChatInfo(chat.address, _("Status updates"), _("Status updates"), two=False, look=Look.WHATSAPP)
        name = chat.title or self._who(chat.address, None) or _("Without a name")
        under = (shown_number(number),) if number else ()
        return ChatInfo(chat.address, name, folder_name(name, number), under, look=Look.WHATSAPP)


def _numbers_in(card: str) -> list[str]:
    """The phone numbers and addresses of a vCard, for the page: the card itself is a file."""
    lines = card[:_LONGEST_CARD].replace("\r\n", "\n").split("\n")
    wanted = ("TEL", "EMAIL", "item1.TEL", "item2.TEL", "item1.EMAIL")
    return [line.partition(":")[2].strip() for line in lines if line.startswith(wanted) and ":" in line][:8]
