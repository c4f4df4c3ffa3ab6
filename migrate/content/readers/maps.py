"""Apple Maps: favourites, guides and history of `MapsSync_0.0.1` (*read*: iLEAPP and other readers; the store of a real
backup had these tables and no rows). The name of a place that was saved from the map is in a binary record that nobody
has described; such a place has its coordinates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from migrate.backup.record import Record
from migrate.content.normal_form import from_cocoa
from migrate.content.open_database import Columns, Database, Table, quote_identifier
from migrate.content.readers.cells import filled, finite
from migrate.content.readers.common import as_text, few
from migrate.content.source import Source

PLACE = ("AppDomainGroup-group.com.apple.Maps", "Maps/MapsSync_0.0.1")
_JOIN = re.compile(r"Z_[0-9]+PLACES")


class MapPlace(NamedTuple):
    """A place in Maps."""

    list: str
    """`favourites`, `guides` or `history`."""
    guide: str | None
    name: str | None
    address: str | None
    latitude: float | None
    longitude: float | None
    when: float | None
    """When it was saved or looked for."""


def map_places(source: Source, record: Record) -> Iterator[MapPlace]:
    """All places, list by list. Errors are reported to the source."""
    with source.reading(record), source.database(record) as database:
        yield from _rows(database, "ZFAVORITEITEM", "favourites", {})
        yield from _rows(database, "ZCOLLECTIONITEM", "guides", _guides(database))
        yield from _rows(database, "ZHISTORYITEM", "history", {})


def _rows(database: Database, name: str, listed: str, guides: dict[object, str]) -> Iterator[MapPlace]:
    table = database.table(name)
    if table is None:
        return
    columns = Columns(
        table,
        "",
        row=("Z_PK",),
        name=("ZCUSTOMNAME", "ZQUERY"),
        address=("ZORIGINATINGADDRESSSTRING", "ZLOCATIONDISPLAY"),
        latitude=("ZLATITUDE",),
        longitude=("ZLONGITUDE",),
        when=("ZCREATETIME",),
    )
    if columns.lacking >= {"name", "address", "latitude"}:
        return
    order = " ORDER BY ZCREATETIME" if table.has("ZCREATETIME") else ""
    query = f"SELECT {columns.sql} FROM {table.sql} NOT INDEXED{order}"  # noqa: S608  the schema's names, quoted
    for row, title, address, latitude, longitude, when in database.rows(query):
        north, east = finite(latitude), finite(longitude)
        if north is None or east is None or abs(north) > 90 or abs(east) > 180 or not (north or east):
            north = east = None
        yield MapPlace(
            listed,
            guides.get(row),
            filled(as_text(title)),
            filled(as_text(address)),
            north,
            east,
            from_cocoa(when),
        )


def _guides(database: Database) -> dict[object, str]:
    """The title of the guide of each of its places. The numbers in the names differ between iOS versions."""
    guides = database.table("ZCOLLECTION")
    join = database.table(next((one for one in sorted(database.table_names) if _JOIN.fullmatch(one)), ""))
    if guides is None or join is None or not guides.has("Z_PK", "ZTITLE"):
        return {}
    guide, place = _column(join, "COLLECTIONS"), _column(join, "PLACES")
    if guide is None or place is None:
        return {}
    query = f"SELECT Z_PK, ZTITLE FROM {guides.sql} NOT INDEXED"  # noqa: S608  the schema's name, quoted
    titles = {row: as_text(title) or "" for row, title in few(database.rows(query), "guides")}
    query = f"SELECT {place}, {guide} FROM {join.sql} NOT INDEXED"  # noqa: S608  the schema's names, quoted
    return {row: titles.get(of, "") for row, of in few(database.rows(query), "places")}


def _column(table: Table, ending: str) -> str | None:
    return next((quote_identifier(one) for one in sorted(table.columns) if one.endswith(ending)), None)
