"""The faces of contacts, calls, voicemail and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from migrate.browse.face import (
    Details,
    Face,
    Group,
    key_descending,
    month_of,
    newest_place_first,
)
from migrate.browse.times import clock_duration, moment_text
from migrate.content.item import Item
from migrate.content.readers.calls import Call
from migrate.content.readers.contacts import DATE, EMAIL, PHONE, Contact, LabelledValue, calendar_day
from migrate.content.readers.messages.message import Chat, Message
from migrate.content.readers.voicemail import Voicemail
from migrate.content.readers.whatsapp import WhatsAppMessage
from migrate.export.chats.wording import is_reaction, reacted_message
from migrate.language import _, mark, plural

ORPHANS = "no chat"
_LAST = "\U0010ffff"
"""Sorts after every title."""
_FIRST_NAMES = ("first", "middle", "last")


def people_faces(caller: Callable[[str | None], str]) -> Iterator[Face]:
    yield Face(
        kind_id="contacts",
        title_of_kind=mark("Contacts"),
        shows_when=False,
        groups=lambda item: [_letter(contact_name(item))],
        groups_title=mark("Letters"),
        place_order=lambda place: (not place.title.isalpha(), place.title),
        sort=lambda item: contact_name(item).casefold() or _LAST,
        newest_first=False,
        title=lambda item: contact_name(item) or _("Without a name"),
        line=_contact_line,
        details=_contact_details,
        text=lambda item: _names_of(item).get("note") or "",
        search=lambda item: " ".join(value for _label, value in _contact_details(item)),
    )
    yield Face(
        kind_id="calls",
        title_of_kind=mark("Calls"),
        groups=month_of,
        groups_title=mark("Months"),
        place_order=key_descending,
        title=lambda item: caller(_call(item).number),
        line=_call_line,
        details=_call_details,
        search=lambda item: f"{caller(_call(item).number)} {_call(item).number or ''}",
        is_taken_whole=False,
    )
    yield Face(
        kind_id="voicemail",
        title_of_kind=mark("Voicemail"),
        title=lambda item: caller(_voicemail(item).sender or _voicemail(item).callback_number),
        line=lambda item: clock_duration(_voicemail(item).duration),
        details=_voicemail_details,
    )
    yield Face(
        kind_id="messages",
        title_of_kind=mark("Messages"),
        look="thread",
        groups=_chats,
        groups_title=mark("Chats"),
        shows_groups_first=True,
        place_order=newest_place_first,
        has_snippets=True,
        newest_first=False,
        title=_message_title,
        line=lambda item: _message(item).sender_name or _message(item).sender or "",
        search=_message_search,
        lists_all=False,
        is_looked_up=True,
        about=_message_about,
        is_taken_whole=False,
    )
    for kind_id, title in (("whatsapp", mark("WhatsApp")), ("whatsapp-business", mark("WhatsApp Business"))):
        yield Face(
            kind_id=kind_id,
            title_of_kind=title,
            look="thread",
            groups=_whatsapp_chat,
            groups_title=mark("Chats"),
            shows_groups_first=True,
            place_order=newest_place_first,
            has_snippets=True,
            newest_first=False,
            title=lambda item: _text_of(_whatsapp(item).body) or _whatsapp(item).caption or _("(no text)"),
            line=lambda item: whatsapp_number(_whatsapp(item).sender),
            search=lambda item: f"{_text_of(_whatsapp(item).body)} {_whatsapp(item).caption or ''}",
            lists_all=False,
            is_looked_up=True,
            is_taken_whole=False,
        )


def _names_of(item: Item) -> dict[str, str]:
    assert isinstance(item, Contact)
    names = (
        *("first", "middle", "last", "prefix", "suffix", "nickname", "previous_name", "first_phonetic"),
        *("middle_phonetic", "last_phonetic", "organization", "organization_phonetic", "department", "job_title"),
        "note",
    )
    return {name: value for name, value in zip(names, item.names, strict=False) if value}


def contact_name(item: Item) -> str:
    """What a contact is called: its names, else its organisation, else a number."""
    names = _names_of(item)
    full = " ".join(names[part] for part in _FIRST_NAMES if part in names)
    assert isinstance(item, Contact)
    reached = (value.value for value in item.values if value.property in (PHONE, EMAIL) and value.value)
    return full or names.get("organization") or names.get("nickname") or next(reached, "")


def _letter(name: str) -> Group:
    first = name[:1].upper()
    return Group(first, first) if first.isalpha() else Group("#", "#")


def _contact_line(item: Item) -> str:
    names = _names_of(item)
    shown = [names[part] for part in ("job_title", "organization") if part in names]
    return ", ".join(one for one in shown if one != contact_name(item))


def _contact_details(item: Item) -> Details:
    assert isinstance(item, Contact)
    names = _names_of(item)
    titles = {
        "first": _("First name"),
        "middle": _("Middle name"),
        "last": _("Last name"),
        "prefix": _("Title"),
        "suffix": _("Suffix"),
        "nickname": _("Nickname"),
        "previous_name": _("Earlier name"),
        "organization": _("Organisation"),
        "department": _("Department"),
        "job_title": _("Job"),
    }
    shown = [(title, names[name]) for name, title in titles.items() if name in names]
    shown += [(_label(value), _value(value)) for value in item.values]
    if item.birthday:
        shown.append((_("Birthday"), item.birthday))
    if item.other_birthday:
        shown.append((_("Birthday in another calendar"), item.other_birthday))
    if item.groups:
        shown.append((_("Groups"), ", ".join(item.groups)))
    if item.account:
        shown.append((_("Account"), item.account))
    return [(name, value) for name, value in shown if value]


def _label(value: LabelledValue) -> str:
    kinds = {PHONE: _("phone"), EMAIL: _("e-mail"), DATE: _("date")}
    kind = kinds.get(value.property) if isinstance(value.property, int) else None
    own = (value.label or "").removeprefix("_$!<").removesuffix(">!$_")
    return ", ".join(filter(None, (own, kind))) or _("other")


def _value(value: LabelledValue) -> str:
    if value.value is None:
        return ", ".join(part for _key, part in value.parts if part)
    return (calendar_day(value.value) or "") if value.property == DATE else value.value


def _call(item: Item) -> Call:
    assert isinstance(item, Call)
    return item


def _call_line(item: Item) -> str:
    call = _call(item)
    if call.outgoing:
        how = _("Outgoing")
    elif call.answered is False:
        how = _("Missed")
    else:
        how = _("Incoming") if call.outgoing is False else ""
    return ", ".join(filter(None, (how, clock_duration(call.duration) if call.duration else "")))


def _call_details(item: Item) -> Details:
    call = _call(item)
    shown = [
        (_("Number"), call.number or ""),
        (_("When"), moment_text(call.when)),
        (_("Length"), clock_duration(call.duration) if call.duration else ""),
    ]
    return [(name, value) for name, value in shown if value]


def _voicemail(item: Item) -> Voicemail:
    assert isinstance(item, Voicemail)
    return item


def _voicemail_details(item: Item) -> Details:
    voicemail = _voicemail(item)
    shown = [
        (_("From"), voicemail.sender or ""),
        (_("Call back"), voicemail.callback_number or ""),
        (_("To"), voicemail.receiver or ""),
        (_("Length"), clock_duration(voicemail.duration)),
    ]
    return [(name, value) for name, value in shown if value]


def _message(item: Item) -> Message:
    assert isinstance(item, Message)
    return item


def _text_of(body: str | bytes | None) -> str:
    return body.replace("\N{OBJECT REPLACEMENT CHARACTER}", "").strip() if isinstance(body, str) else ""


def _message_title(item: Item) -> str:
    message = _message(item)
    if text := _text_of(message.body):
        return text
    if isinstance(message.body, bytes):
        return _("(a text that could not be read)")
    if message.attachments:
        count = len(message.attachments)
        return plural("{count:,} attachment", "{count:,} attachments", count).format(count=count)
    if message.reaction:
        return _("(a reaction)")
    return _("(unsent)") if message.unsent else _("(no text)")


def _message_about(item: Item) -> str | None:
    reaction = _message(item).reaction
    return reacted_message(reaction[1]) if reaction and is_reaction(reaction[0]) else None


def _message_search(item: Item) -> str:
    message = _message(item)
    names = (attachment.name for attachment in message.attachments)
    return " ".join(filter(None, (_text_of(message.body), message.subject, *names)))


def _chats(item: Item) -> Iterator[Group]:
    chats = _message(item).chats
    for chat in chats:
        yield Group(f"{chat.identifier}\n{chat.members}", chat_title(chat), chat)
    if not chats:
        yield Group(ORPHANS, _("In no chat any more"))


def chat_title(chat: Chat) -> str:
    return chat.title or chat.shown or chat.identifier or _("Without a name")


def _whatsapp(item: Item) -> WhatsAppMessage:
    assert isinstance(item, WhatsAppMessage)
    return item


def _whatsapp_chat(item: Item) -> Iterator[Group]:
    chat = _whatsapp(item).chat
    if chat is None:
        yield Group(ORPHANS, _("In no chat any more"))
    else:
        yield Group(chat.address, chat.title or whatsapp_number(chat.address), chat)


def whatsapp_number(jid: str | None) -> str:
    """`+491701234567` from `491701234567@s.whatsapp.net`."""
    number, _at, server = (jid or "").partition("@")
    return f"+{number}" if number.isdigit() and server == "s.whatsapp.net" else number
