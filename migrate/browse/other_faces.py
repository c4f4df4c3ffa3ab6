"""The faces of pictures, sound, texts, dates, Safari, Health and alarms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.browse.face import (
    Details,
    Face,
    Group,
    as_text,
    key_descending,
    month_of,
)
from migrate.browse.times import clock_duration, moment_text
from migrate.content.item import Item
from migrate.content.readers.clock import Alarm
from migrate.content.readers.events import Event
from migrate.content.readers.health import HealthSample
from migrate.content.readers.notes.note import Note
from migrate.content.readers.photos import Photo
from migrate.content.readers.reminders import Reminder
from migrate.content.readers.safari import Bookmark, Visit
from migrate.content.readers.voice_memos import VoiceMemo
from migrate.language import _, mark

# -- pictures and sound ------------------------------------------------------------------------------------------------


def media_faces() -> Iterator[Face]:
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


def text_faces() -> Iterator[Face]:
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


def safari_faces() -> Iterator[Face]:
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


def health_face() -> Face:
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


def alarms_face() -> Face:
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
