"""Events: `Calendar.sqlitedb` (tables *seen* on iOS 6.1.6 to 11.2, *read* in an iOS 18 schema).

Birthdays are left out: iOS generates them from the contacts. They are in a store of type 5, or marked with the calendar
scale `gregorian` (*read*: schema notes of an iOS 18 calendar, which agreed with iLEAPP on a real backup). iOS 12 and
older keep reminders in the same table; events are the rows of entity type 2 (*read* in an iOS 18 database). Recently
Deleted does not exist for events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import address, day, from_cocoa
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.readers.cells import cocoa_second, filled, finite, row_number, shown, uuid_text, whole
from migrate.content.readers.children import Children
from migrate.content.readers.common import needed_table
from migrate.content.source import Place, Source
from migrate.language import _, mark

STORE = Place("HomeDomain", ("Library/Calendar/Calendar.sqlitedb",))
_EVENT = 2
_ACCOUNTS = (1, 2, 3)
_SUBSCRIBED, _BIRTHDAYS = 4, 5
"""Store.type: 0 on the phone, 1 Exchange, 2 CalDAV (iCloud too), 3 MobileMe, 4 subscribed, 5 birthdays (*read*: the
numbers of EventKit's EKSourceType, which fit the stores of an iOS 18 database; that they are the same is *guessed*)."""
_BIRTHDAY_SCALE = "gregorian"
_ORGANIZER = 8
"""Participant.entity_type; 7 for the invited (*read*: schema notes of an iOS 18 calendar)."""
_FIELDS = {
    "title": ("summary",),
    "start": ("start_date",),
    "end": ("end_date",),
    "start_zone": ("start_tz",),
    "end_zone": ("end_tz",),
    "all_day": ("all_day",),
    "notes": ("description",),
    "url": ("url",),
}
_OTHERS = {
    "uuid": ("UUID",),
    "unique": ("unique_identifier",),
    "external": ("external_id",),
    "series": ("orig_item_id",),
    "original": ("orig_date",),
    "calendar": ("calendar_id",),
    "created": ("creation_date",),
    "modified": ("last_modified",),
    "scale": ("calendar_scale",),
    "status": ("status",),
    "availability": ("availability",),
    "conference": ("conference_url_detected", "conference_url"),
}
_UIDS = ("unique_identifier", "UUID", "external_id")
"""The first is the UID of iCalendar (*guessed* from its name)."""


class Invited(NamedTuple):
    """Somebody who takes part in an event."""

    address: str | None
    name: str | None
    is_organizer: bool
    status: int | None
    """0 and 7 no answer, 1 accepted, 2 declined, 3 maybe (*read*: schema notes of an iOS 18 calendar)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Item):
    """One event, or one changed occurrence of a recurring event. Instants are in unix seconds."""

    title: str | None
    start: int | str | None
    """As stored if it is no number."""
    end: int | str | None
    start_zone: str | None
    """`_float` for an event without a time zone."""
    end_zone: str | None
    all_day: bool
    location: str | None
    location_address: str | None
    notes: str | None
    url: str | None
    calendar: str | None
    is_subscribed: bool
    """In a calendar that the phone subscribes to: it comes back without an account."""
    attendees: tuple[str, ...]
    """Addresses of the organizer and the invited, sorted."""
    recurrence: tuple[tuple[object, ...], ...]
    """(frequency, interval, number of occurrences, last second, specifier), as stored."""
    left_out: tuple[int, ...]
    """Instants of occurrences that do not take place."""
    alarms: tuple[tuple[int | None, int | None], ...]
    """(seconds from its start, instant). Not part of the fingerprint: iOS adds default alarms."""
    uid: str | None = None
    """What other calendar programs know it by; of a changed occurrence: the series."""
    original: int | None = None
    """Of a changed occurrence: the instant at which it would have begun."""
    moved: tuple[int, ...] = ()
    """Instants of the occurrences that are changed, and items of their own."""
    invited: tuple[Invited, ...] = ()
    calendar_row: int | None = None
    """Tells calendars of one title apart."""
    color: str | None = None
    created: float | None = None
    status: int | None = None
    availability: int | None = None
    conference: str | None = None
    position: tuple[float, float] | None = None
    """Latitude and longitude of the location."""

    def fingerprint(self) -> Fingerprint:
        return {
            "title": self.title,
            "start": self.start,
            "end": self.end,
            "start_zone": self.start_zone,
            "end_zone": self.end_zone,
            "all_day": self.all_day,
            "location": self.location,
            "location_address": self.location_address,
            "notes": self.notes,
            "url": self.url,
            "calendar": self.calendar,
            "attendees": self.attendees,
            "recurrence": self.recurrence,
            "left_out": self.left_out,
        }

    def describe(self) -> str:
        title = shown(self.title, self.location, self.notes)
        if title is None:
            return _("an event without a title, {day}").format(day=day(self.when))
        return _("the event {title}, {day}").format(title=title, day=day(self.when))


class _Calendar(NamedTuple):
    title: str | None
    account: str | None
    store_type: object
    color: str | None


_NO_CALENDAR = _Calendar(None, None, None, None)


def events(source: Source) -> Iterator[Item]:
    """All events without birthdays, ordered by id."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[Event]:
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            yield from _events_of(database)


def _events_of(database: Database) -> Iterator[Event]:
    table = needed_table(database, "CalendarItem")
    columns = Columns(table, "i", **_FIELDS, **_OTHERS, uid=_UIDS)
    if columns.lacking & {"title", "start"}:
        raise ValueError("its table CalendarItem has no column summary or start_date")
    place, join = _location(database, table)
    series = Columns(table if table.has("orig_item_id") else Table("", frozenset()), "s", series_uid=_UIDS)
    if not series.lacking:
        join += f" LEFT JOIN {table.sql} s ON s.ROWID = i.orig_item_id"
    calendars, children = _calendars(database), _EventChildren(database)
    lacking = (columns.lacking & frozenset(_FIELDS)) | children.lacking
    lacking |= {"location" if name == "place" else "location_address" for name in place.lacking & _SHOWN_OF_LOCATION}
    if calendars is None or "calendar" in columns.lacking:
        lacking |= {"calendar"}
    events_only = f" WHERE i.entity_type IS NULL OR i.entity_type = {_EVENT}" if table.has("entity_type") else ""
    names = (*columns.names, *place.names, *series.names)
    for row, *values in database.rows(
        f"SELECT i.ROWID, {columns.sql}, {place.sql}, {series.sql} FROM {table.sql} i NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
        f"{join}{events_only} ORDER BY i.ROWID"
    ):
        stored = dict(zip(names, values, strict=True))
        calendar = (calendars or {}).get(stored["calendar"], _NO_CALENDAR)
        found = children.of(row)  # also for birthdays: parents are asked for in ascending order
        if calendar.store_type != _BIRTHDAYS and stored["scale"] != _BIRTHDAY_SCALE:
            yield _event(stored, calendar, found, lacking)


def _event(stored: dict[str, Any], calendar: _Calendar, children: dict[str, Any], lacking: frozenset[str]) -> Event:
    start, end = cocoa_second(stored["start"]), cocoa_second(stored["end"])
    odd = {name for name, found in (("start", start), ("end", end)) if found is None and stored[name] is not None}
    fields: dict[str, Any] = {
        "title": filled(stored["title"]),
        "start": filled(stored["start"]) if "start" in odd else start,
        "end": filled(stored["end"]) if "end" in odd else end,
        "start_zone": filled(stored["start_zone"]),
        "end_zone": filled(stored["end_zone"]),
        "all_day": bool(stored["all_day"]),
        "location": filled(stored["place"]),
        "location_address": filled(stored["place_address"]),
        "notes": filled(stored["notes"]),
        "url": filled(stored["url"]),
        "calendar": calendar.title,
        **children,
    }
    is_changed = (whole(stored["series"]) or 0) > 0 and stored["series_uid"] is not None
    return Event(
        id=_id(stored) or fingerprint_id(fields[name] for name in ("title", "start", "end", "all_day", "calendar")),
        when=from_cocoa(stored["start"]),
        modified=from_cocoa(stored["modified"]),
        account=calendar.account,
        is_subscribed=calendar.store_type == _SUBSCRIBED,
        lacking=lacking,
        undecoded=frozenset(odd),
        uid=uuid_text(stored["series_uid"] if is_changed else stored["uid"]),
        original=cocoa_second(stored["original"]) if is_changed else None,
        calendar_row=row_number(stored["calendar"]),
        color=calendar.color,
        created=from_cocoa(stored["created"]),
        status=whole(stored["status"]),
        availability=whole(stored["availability"]),
        conference=filled(stored["conference"]),
        position=_position(stored["latitude"], stored["longitude"]),
        **fields,
    )


def _position(latitude: object, longitude: object) -> tuple[float, float] | None:
    north, east = finite(latitude), finite(longitude)
    if north is None or east is None or (north, east) == (0, 0) or abs(north) > 90 or abs(east) > 180:
        return None
    return north, east


def _id(stored: dict[str, Any]) -> str | None:
    """The UUID, with the original date for a changed occurrence of a recurring event; None if it has no id."""
    identity = uuid_text(stored["uuid"]) or filled(stored["unique"]) or filled(stored["external"])
    series, original = whole(stored["series"]), cocoa_second(stored["original"])
    if identity is None or series is None or series <= 0 or original is None:
        return identity
    return f"{identity} {original}"


_LOCATION = {
    "place": ("title",),
    "place_address": ("address",),
    "latitude": ("latitude",),
    "longitude": ("longitude",),
}
_SHOWN_OF_LOCATION = frozenset({"place", "place_address"})


def _location(database: Database, items: Table) -> tuple[Columns, str]:
    """The columns of an event's location, and the join they need."""
    table = database.table("Location")
    if table is None or not items.has("location_id"):
        return Columns(Table("", frozenset()), "", **_LOCATION), ""
    columns = Columns(table, "l", **_LOCATION)
    return columns, f" LEFT JOIN {table.sql} l ON l.ROWID = i.location_id"


def _calendars(database: Database) -> dict[int, _Calendar] | None:
    """The calendars by row number; None if the schema has none."""
    table = database.table("Calendar")
    if table is None:
        return None
    stores: dict[object, tuple[str | None, object]] = {}
    store = database.table("Store")
    if store is not None:
        columns = Columns(store, "", name=("name",), type=("type",))
        query = f"SELECT ROWID, {columns.sql} FROM {store.sql} NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
        stores = {row: (filled(name), kind) for row, name, kind in database.rows(query)}
    found = {}
    columns = Columns(table, "", title=("title",), store=("store_id",), color=("color",))
    query = f"SELECT ROWID, {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
    for row, title, store_row, color in database.rows(query):
        name, kind = stores.get(store_row, (None, None))
        account = (name or _("an account")) if kind in _ACCOUNTS else None
        found[row] = _Calendar(filled(title), account, kind, filled(color))
    return found


class _EventChildren:
    """What belongs to events in other tables."""

    def __init__(self, database: Database) -> None:
        self.lacking: frozenset[str] = frozenset()
        self._attendees = self._attendees_of(database)
        self._rules = self._rows_of(
            database,
            "recurrence",
            "Recurrence",
            ("owner_id",),
            frequency=("frequency",),
            interval=("interval",),
            count=("count",),
            end=("end_date",),
            specifier=("specifier",),
        )
        self._exceptions = self._rows_of(database, "left_out", "ExceptionDate", ("owner_id",), date=("date",))
        self._moved = self._rows_of(database, "", "CalendarItem", ("orig_item_id",), date=("orig_date",))
        owners = ("calendaritem_owner_id", "owner_id")  # the second up to iOS 6 (*seen*: its schema)
        alarm = {"interval": ("trigger_interval",), "date": ("trigger_date",)}
        self._alarms = self._rows_of(database, "", "Alarm", owners, **alarm)

    def of(self, row: object) -> dict[str, Any]:
        """The fields of one event. Events must be asked for in ascending order."""
        number = row_number(row)
        attendees, rules, exceptions, moved, alarms = (
            [] if number is None or children is None else children.of(number)
            for children in (self._attendees, self._rules, self._exceptions, self._moved, self._alarms)
        )
        invited = tuple(map(_invited, attendees))
        people = {one.address for one in invited}
        return {
            "attendees": tuple(sorted(filter(None, people))),
            "recurrence": tuple(sorted((_rule(rule) for rule in rules), key=repr)),
            "left_out": _seconds(exceptions),
            "moved": _seconds(moved),
            "invited": invited,
            "alarms": tuple((whole(interval), cocoa_second(date)) for interval, date in alarms),
        }

    def _rows_of(
        self, database: Database, field: str, name: str, owners: tuple[str, ...], **wanted: tuple[str, ...]
    ) -> Children | None:
        table = database.table(name)
        owner = None if table is None else table.first(*owners)
        if table is None or owner is None:
            self.lacking |= {field} - {""}
            return None
        columns = Columns(table, "", **wanted)
        query = f"SELECT {owner}, {columns.sql} FROM {table.sql} ORDER BY {owner}"  # noqa: S608  names are the schema's own, quoted
        return Children(database.rows(query), f"rows of {name} of one event")

    def _attendees_of(self, database: Database) -> Children | None:
        """(event, e-mail address, phone number, entity type, status, address and name of the identity)."""
        table, identity = database.table("Participant"), database.table("Identity")
        if table is None or not table.has("owner_id"):
            self.lacking |= {"attendees"}
            return None
        columns = Columns(
            table, "p", email=("email",), phone=("phone_number",), what=("entity_type",), status=("status",)
        )
        known, join = Table("", frozenset()), ""
        if identity is not None and table.has("identity_id"):
            known, join = identity, f" LEFT JOIN {identity.sql} n ON n.ROWID = p.identity_id"
        of_identity = Columns(known, "n", address=("address",), name=("display_name",))
        query = f"SELECT p.owner_id, {columns.sql}, {of_identity.sql} FROM {table.sql} p{join} ORDER BY p.owner_id"  # noqa: S608  names are the schema's own, quoted
        return Children(database.rows(query), "attendees of one event")


def _seconds(dates: list[tuple[Any, ...]]) -> tuple[int, ...]:
    return tuple(sorted(second for (date,) in dates if (second := cocoa_second(date)) is not None))


def _invited(row: tuple[Any, ...]) -> Invited:
    email, phone, what, status, known, name = row
    reached = next(filter(None, map(address, (email, phone, known))), None)
    return Invited(reached, filled(name), what == _ORGANIZER, whole(status))


def _rule(rule: tuple[Any, ...]) -> tuple[object, ...]:
    frequency, interval, count, end, specifier = rule
    return whole(frequency), whole(interval), whole(count) or None, cocoa_second(end), filled(specifier)


EVENTS = Kind(
    id="events",
    owner="calendars",
    label=mark("events"),
    places=(STORE,),
    items=events,
)
