"""Calls: `CallHistory.storedata` (iOS 8 and later), `call_history.db` (iOS 7 and older)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import address, day, from_cocoa, plausible, seconds
from migrate.content.open_database import Columns, Database
from migrate.content.ordering import ordered
from migrate.content.readers.cells import finite, shown
from migrate.content.readers.common import needed_table
from migrate.content.source import Place, Source
from migrate.language import _, mark

STORE = Place("HomeDomain", ("Library/CallHistoryDB/CallHistory.storedata",))
OLD_STORE = Place("WirelessDomain", ("Library/CallHistory/call_history.db",))
_OUTGOING_FLAG = 1
"""*reported*: bit 0 of `flags` of the old store marks an outgoing call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Item):
    """One call. `duration` is in seconds."""

    number: str | None
    outgoing: bool | None
    answered: bool | None
    duration: float | None

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
    )
    for unique_id, date, number, outgoing, answered, duration in database.rows(
        f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
    ):
        yield _call(unique_id, from_cocoa(date), number, outgoing, answered, duration, columns.lacking)


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
