"""The face of every kind that is shown. Keychain items have none: secrets are never on a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from migrate.browse.face import (
    Details,
    Face,
    Group,
    as_text,
    key_descending,
    month_of,
    newest_place_first,
)
from migrate.browse.times import clock_duration, moment_text
from migrate.content.item import Item
from migrate.content.kind import Kind
from migrate.content.normal_form import address
from migrate.content.readers.calls import Call
from migrate.content.readers.clock import Alarm
from migrate.content.readers.contacts import DATE, EMAIL, PHONE, Contact, LabelledValue, calendar_day
from migrate.content.readers.events import Event
from migrate.content.readers.health import HealthSample
from migrate.content.readers.messages.message import Chat, Message
from migrate.content.readers.notes.note import Note
from migrate.content.readers.photos import Photo
from migrate.content.readers.reminders import Reminder
from migrate.content.readers.safari import Bookmark, Visit
from migrate.content.readers.voice_memos import VoiceMemo
from migrate.content.readers.voicemail import Voicemail
from migrate.content.readers.whatsapp import WhatsAppMessage
from migrate.export.chats.wording import is_reaction, reacted_message
from migrate.language import _, mark, plural

HIDDEN_KINDS = frozenset({"keychain", "whatsapp-chats", "whatsapp-business-chats"})
"""Secrets are not shown, and chats are shown with their messages."""
ORPHANS = "no chat"
_LAST = "\U0010ffff"
"""Sorts after every title."""
_FIRST_NAMES = ("first", "middle", "last")


class Faces:
    """The faces of one backup.

    Args:
        name_of: the name of the contact with an address (`normal_form.address`), if one has it.
    """

    def __init__(self, name_of: Callable[[str], str | None] = lambda address: None) -> None:
        def caller(number: str | None) -> str:
            normalised = address(number)
            name = name_of(normalised) if normalised else None
            return name or number or _("Unknown number")

        every = (*_people(caller), *_media(), *_texts(), *_safari(), _health(), _alarms())
        self._faces = {face.kind_id: face for face in every}

    def of(self, kind: Kind) -> Face | None:
        """The face of a kind; None if it is not shown."""
        if kind.id in HIDDEN_KINDS:
            return None
        found = self._faces.get(kind.id)
        if found is None:
            title = _TITLES.get(kind.id, kind.label)
            found = Face(kind_id=kind.id, title_of_kind=title, sort=_by_description, newest_first=False)
            self._faces[kind.id] = found
        return found


_TITLES = {
    "wifi": mark("Wi-Fi networks"),
    "world-clock": mark("World clock"),
    "wallet": mark("Wallet"),
    "books": mark("Books"),
    "line-chats": mark("LINE"),
}
"""What a page of these kinds is called; of others, as they are counted."""


def _by_description(item: Item) -> str:
    return item.describe().casefold()


# -- people ------------------------------------------------------------------------------------------------------------


def _people(caller: Callable[[str | None], str]) -> Iterator[Face]:
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


# -- pictures and sound ------------------------------------------------------------------------------------------------


def _media() -> Iterator[Face]:
    yield Face(
        kind_id="photos",
        title_of_kind=mark("Photos and videos"),
        look="grid",
        groups=_months_and_albums,
        groups_title=mark("Months"),
        place_order=key_descending,
        title=lambda item: _photo(item).original_name or item.describe(),
        details=_photo_details,
        search=lambda item: " ".join(filter(None, (_photo(item).original_name, *_photo(item).albums))),
    )
    yield Face(
        kind_id="voice-memos",
        title_of_kind=mark("Voice memos"),
        title=lambda item: _memo(item).title or item.describe(),
        line=lambda item: ", ".join(filter(None, (_memo(item).folder, clock_duration(_memo(item).duration)))),
    )


def _photo(item: Item) -> Photo:
    assert isinstance(item, Photo)
    return item


def _memo(item: Item) -> VoiceMemo:
    assert isinstance(item, VoiceMemo)
    return item


ALBUM = "album "
"""Begins the key of an album among the months."""


def _months_and_albums(item: Item) -> Iterator[Group]:
    yield from month_of(item)
    for album in _photo(item).albums:
        yield Group(ALBUM + album, album)


def _photo_details(item: Item) -> Details:
    photo = _photo(item)
    shown = [
        (_("Name"), photo.original_name or ""),
        (_("Taken"), moment_text(photo.when)),
        (_("Albums"), ", ".join(photo.albums)),
        (_("Favourite"), _("yes") if photo.favourite else ""),
        (_("Hidden"), _("yes") if photo.hidden else ""),
        (_("Live Photo"), _("yes") if len(photo.files) > 1 else ""),
    ]
    return [(name, value) for name, value in shown if value]


# -- texts and times ---------------------------------------------------------------------------------------------------


def _texts() -> Iterator[Face]:
    yield Face(
        kind_id="notes",
        title_of_kind=mark("Notes"),
        groups=lambda item: [Group(_note(item).folder or "", _note(item).folder or _("In no folder"))],
        groups_title=mark("Folders"),
        title=lambda item: _note(item).title or _("Without a title"),
        line=_note_line,
        details=_note_details,
        text=lambda item: (_note(item).body or "").replace("\N{OBJECT REPLACEMENT CHARACTER}", ""),
        search=lambda item: f"{_note(item).title or ''} {_note(item).body or ''}",
    )
    yield Face(
        kind_id="reminders",
        title_of_kind=mark("Reminders"),
        groups=lambda item: [Group(_reminder(item).list_name or "", _reminder(item).list_name or _("In no list"))],
        groups_title=mark("Lists"),
        shows_when=False,
        sort=lambda item: (_reminder(item).title or "").casefold(),
        newest_first=False,
        title=lambda item: _reminder(item).title or _("Without a title"),
        line=_reminder_line,
        text=lambda item: _reminder(item).notes or "",
        search=lambda item: f"{_reminder(item).title or ''} {_reminder(item).notes or ''}",
    )
    yield Face(
        kind_id="events",
        title_of_kind=mark("Calendar"),
        groups=_months_and_calendars,
        groups_title=mark("Months"),
        place_order=key_descending,
        newest_first=True,
        title=lambda item: _event(item).title or _("Without a title"),
        line=lambda item: ", ".join(filter(None, (_event(item).location, _event(item).calendar))),
        details=_event_details,
        text=lambda item: _event(item).notes or "",
        search=lambda item: " ".join(filter(None, (_event(item).title, _event(item).location, _event(item).notes))),
    )


def _note(item: Item) -> Note:
    assert isinstance(item, Note)
    return item


def _note_line(item: Item) -> str:
    note = _note(item)
    if note.locked:
        return _("Locked: its password opens it in migrate export")
    lines = [line.strip() for line in (note.body or "").splitlines()]
    rest = [line for line in lines if line.strip("\N{OBJECT REPLACEMENT CHARACTER}") and line != note.title]
    return rest[0][:120] if rest else ""


def _note_details(item: Item) -> Details:
    note = _note(item)
    shown = [
        (_("Folder"), note.folder or ""),
        (_("Created"), moment_text(note.when)),
        (_("Changed"), moment_text(note.modified)),
        (_("Account"), note.account or ""),
        (_("Attachments"), ", ".join(note.attachments)),
    ]
    return [(name, value) for name, value in shown if value]


def _reminder(item: Item) -> Reminder:
    assert isinstance(item, Reminder)
    return item


def _reminder_line(item: Item) -> str:
    reminder = _reminder(item)
    due = moment_text(float(reminder.due)) if isinstance(reminder.due, int) else ""
    done = _("Done") if reminder.completed else ""
    return ", ".join(filter(None, (done, _("due {when}").format(when=due) if due else "", reminder.list_name)))


CALENDAR = "calendar "


def _months_and_calendars(item: Item) -> Iterator[Group]:
    yield from month_of(item)
    if calendar := _event(item).calendar:
        yield Group(CALENDAR + calendar, calendar)


def _event(item: Item) -> Event:
    assert isinstance(item, Event)
    return item


def _event_details(item: Item) -> Details:
    event = _event(item)
    shown = [
        (_("Starts"), _event_time(event.start, event.all_day)),
        (_("Ends"), _event_time(event.end, event.all_day)),
        (_("All day"), _("yes") if event.all_day else ""),
        (_("Time zone"), event.start_zone or ""),
        (_("Place"), ", ".join(filter(None, (event.location, event.location_address)))),
        (_("Calendar"), event.calendar or ""),
        (_("People"), ", ".join(event.attendees)),
        (_("Repeats"), _("yes") if event.recurrence else ""),
        (_("Address"), event.url or ""),
        (_("Account"), event.account or ""),
    ]
    return [(name, value) for name, value in shown if value]


def _event_time(second: int | str | None, all_day: bool) -> str:
    if isinstance(second, int):
        return moment_text(float(second), with_time=not all_day)
    return second or ""


# -- Safari, Health, alarms -------------------------------------------------------------------------------------------


def _safari() -> Iterator[Face]:
    yield Face(
        kind_id="bookmarks",
        title_of_kind=mark("Bookmarks"),
        shows_when=False,
        groups=lambda item: [_bookmark_folder(item)],
        groups_title=mark("Folders"),
        sort=lambda item: (_bookmark(item).title or _bookmark(item).url or "").casefold(),
        newest_first=False,
        title=lambda item: _bookmark(item).title or _bookmark(item).url or _("Without a title"),
        line=lambda item: _bookmark(item).url or "",
        search=lambda item: f"{_bookmark(item).title or ''} {_bookmark(item).url or ''}",
    )
    yield Face(
        kind_id="history",
        title_of_kind=mark("Visited pages"),
        groups=month_of,
        groups_title=mark("Months"),
        place_order=key_descending,
        title=lambda item: _visit(item).title or _visit(item).url or _("Without a title"),
        line=lambda item: _visit(item).url or "",
        search=lambda item: f"{_visit(item).title or ''} {_visit(item).url or ''}",
        is_taken_whole=False,
    )


def _bookmark(item: Item) -> Bookmark:
    assert isinstance(item, Bookmark)
    return item


def _bookmark_folder(item: Item) -> Group:
    bookmark = _bookmark(item)
    names = {
        "BookmarksBar": _("Favourites"),
        "BookmarksMenu": _("Bookmarks"),
        "com.apple.ReadingList": _("Reading list"),
    }
    path = " / ".join(names.get(folder, folder) for folder in bookmark.folders) or _("Bookmarks")
    return Group(path, path)


def _visit(item: Item) -> Visit:
    assert isinstance(item, Visit)
    return item


def _health() -> Face:
    return Face(
        kind_id="health",
        title_of_kind=mark("Health"),
        look="chart",
        groups=_health_types,
        groups_title=mark("Kinds"),
        shows_groups_first=True,
        place_order=lambda place: -place.items,
        newest_first=False,
        value=_health_value,
        keeps_items=False,
        lists_all=False,
        is_taken_whole=False,
    )


def _health_types(item: Item) -> Iterable[Group]:
    assert isinstance(item, HealthSample)
    return [Group(str(item.type), health_title(item.type), item.type)]


def health_title(type_number: object) -> str:
    from migrate.content.readers import health

    names = getattr(health, "_TYPES", {})
    name = names.get(type_number) if isinstance(type_number, int) else None
    return _(name).capitalize() if name else _("Kind {number}").format(number=as_text(type_number))


def _health_value(item: Item) -> float | None:
    assert isinstance(item, HealthSample)
    value = item.value
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else None


def _alarms() -> Face:
    return Face(
        kind_id="alarms",
        title_of_kind=mark("Alarms"),
        shows_when=False,
        sort=lambda item: _alarm_time(item),
        newest_first=False,
        title=lambda item: _alarm_time(item),
        line=lambda item: ", ".join(filter(None, (_alarm(item).title, "" if _alarm(item).enabled else _("off")))),
    )


def _alarm(item: Item) -> Alarm:
    assert isinstance(item, Alarm)
    return item


def _alarm_time(item: Item) -> str:
    alarm = _alarm(item)
    return f"{alarm.hour or 0:02}:{alarm.minute or 0:02}"
