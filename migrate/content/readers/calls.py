"""Calls: `CallHistory.storedata` (iOS 8 and later), `call_history.db` (iOS 7 and older)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import address, day, from_cocoa, plausible, seconds
from migrate.content.open_database import Columns, Database, quote_identifier
from migrate.content.ordering import ordered
from migrate.content.readers.cells import finite, shown
from migrate.content.readers.children import Children, no_children
from migrate.content.readers.common import as_text, needed_table
from migrate.content.source import Place, Source
from migrate.language import _, mark

STORE = Place("HomeDomain", ("Library/CallHistoryDB/CallHistory.storedata",))
OLD_STORE = Place("WirelessDomain", ("Library/CallHistory/call_history.db",))
_OUTGOING_FLAG = 1
"""*reported*: bit 0 of `flags` of the old store marks an outgoing call."""
PHONE, FACETIME_VIDEO, FACETIME_AUDIO = 1, 8, 16
SERVICES = {PHONE: mark("phone"), FACETIME_VIDEO: mark("FaceTime video"), FACETIME_AUDIO: mark("FaceTime audio")}
"""`ZCALLTYPE` (*read*: iOS 18 schema notes, checked there against another reader). 0 is a call of another app."""
_JOIN = re.compile(r"Z_[0-9]+REMOTEPARTICIPANTHANDLES")
_MOST_MEMBERS = 64
"""FaceTime has at most 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Item):
    """One call. `duration` is in seconds."""

    number: str | None
    outgoing: bool | None
    answered: bool | None
    duration: float | None
    service: int | str | None = None
    """How it was made: a number of SERVICES, or the id of the app that made it."""
    members: tuple[str, ...] = ()
    """The numbers of all others in the call, if there were several."""

    def fingerprint(self) -> Fingerprint:
        return {
            "when": seconds(self.when),
            "number": address(self.number),
            "outgoing": self.outgoing,
            "answered": self.answered,
            "duration": None if self.duration is None else round(self.duration),
        }

    def describe(self) -> str:
        who = shown(self.number) or _("unknown number")
        return _("a call with {who}, {day}").format(who=who, day=day(self.when))


def calls(source: Source) -> Iterator[Item]:
    """All calls, ordered by id."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[Call]:
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            yield from _calls_of_store(database)
    for record in source.files(OLD_STORE):
        with source.reading(record), source.database(record) as database:
            yield from _calls_of_old_store(database)


def _calls_of_store(database: Database) -> Iterator[Call]:
    table = needed_table(database, "ZCALLRECORD")
    columns = Columns(
        table,
        "",
        id=("ZUNIQUE_ID",),
        when=("ZDATE",),
        number=("ZADDRESS",),
        outgoing=("ZORIGINATED",),
        answered=("ZANSWERED",),
        duration=("ZDURATION",),
        service=("ZCALLTYPE",),
        provider=("ZSERVICE_PROVIDER",),
        row=("Z_PK",),
    )
    lacking = columns.lacking - {"service", "provider", "row"}
    has_rows = "row" not in columns.lacking
    members = _members(database) if has_rows else no_children()
    order = " ORDER BY Z_PK" if has_rows else ""
    for unique_id, date, number, outgoing, answered, duration, service, provider, row in database.rows(
        f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED{order}"  # noqa: S608  names are the schema's own, quoted
    ):
        call = _call(unique_id, from_cocoa(date), number, outgoing, answered, duration, lacking)
        yield replace(
            call,
            service=service if service in SERVICES else as_text(provider),
            members=_several(members.of(row)) if isinstance(row, int) else (),
        )


def _members(database: Database) -> Children:
    """The numbers in each call, by its row. The numbers in the names of the tables differ between iOS versions."""
    name = next((name for name in sorted(database.table_names) if _JOIN.fullmatch(name)), None)
    join, handles = database.table(name or ""), database.table("ZHANDLE")
    if join is None or handles is None or not handles.has("Z_PK"):
        return no_children()
    call = next((column for column in join.columns if column.endswith("REMOTEPARTICIPANTCALLS")), None)
    handle = next((column for column in join.columns if column.endswith("REMOTEPARTICIPANTHANDLES")), None)
    number = Columns(handles, "h", number=("ZVALUE", "ZNORMALIZEDVALUE"))
    if call is None or handle is None or number.lacking:
        return no_children()
    query = (
        f"SELECT j.{quote_identifier(call)},"  # noqa: S608  names are the schema's own, quoted
        f" (SELECT {number.sql} FROM {handles.sql} h WHERE h.Z_PK = j.{quote_identifier(handle)} LIMIT 1)"
        f" FROM {join.sql} j NOT INDEXED ORDER BY 1, 2"
    )
    return Children(database.rows(query), "people of a call")


def _several(rows: list[tuple[object, ...]]) -> tuple[str, ...]:
    """The numbers, if there are two or more: a call with one person has its number itself."""
    numbers = dict.fromkeys(number for (value,) in rows[:_MOST_MEMBERS] if (number := as_text(value)))
    return tuple(numbers) if len(numbers) > 1 else ()


def _calls_of_old_store(database: Database) -> Iterator[Call]:
    table = needed_table(database, "call")
    columns = Columns(
        table,
        "",
        when=("date",),
        number=("address",),
        flags=("flags",),
        answered=("answered",),  # missing on iOS 6.1.6, present on 9.3.5 (*seen*: their schemas)
        duration=("duration",),
    )
    lacking = columns.lacking - {"flags"} | ({"outgoing"} if "flags" in columns.lacking else set())
    for date, number, flags, answered, duration in database.rows(
        f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
    ):
        outgoing = flags & _OUTGOING_FLAG if isinstance(flags, int) else None
        yield _call(None, plausible(date), number, outgoing, answered, duration, lacking)


def _call(
    unique_id: object,
    when: float | None,
    number: object,
    outgoing: object,
    answered: object,
    duration: object,
    lacking: frozenset[str],
) -> Call:
    if isinstance(number, bytes):  # the address is a blob up to iOS 11.2 (*seen*: schemas of 9.3.5 to 11.2)
        number = number.decode("utf-8", "replace")
    length = finite(duration)
    fields = (seconds(when), address(number), outgoing, None if length is None else round(length))
    return Call(
        id=str(unique_id) if unique_id else fingerprint_id(fields),
        when=when,
        number=None if number is None else str(number),
        outgoing=None if outgoing is None else bool(outgoing),
        answered=None if answered is None else bool(answered),
        duration=length,
        lacking=lacking,
    )


CALLS = Kind(
    id="calls",
    owner="calls",
    label=mark("calls"),
    places=(STORE, OLD_STORE),
    items=calls,
)
