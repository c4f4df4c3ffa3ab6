"""`Cellular/data usage.csv`, and `Maps/`: a table for each list of places, and all of them as GPX."""

from __future__ import annotations

from contextlib import ExitStack

from migrate.content.readers.data_usage import PLACE as USAGE_PLACE
from migrate.content.readers.data_usage import data_usage
from migrate.content.readers.maps import PLACE as MAPS_PLACE
from migrate.content.readers.maps import MapPlace, map_places
from migrate.export.files_task import FilesTask
from migrate.export.folder import NewFile
from migrate.export.names import iso_time
from migrate.export.tables import FORMATS, TableColumn, Tables, tables
from migrate.language import _, mark
from migrate.pages.markup import escaped

USAGE_COLUMNS = (
    TableColumn("app", mark("App")),
    TableColumn("id", "ID"),
    TableColumn("mobile_bytes_in", mark("Mobile data in (bytes)")),
    TableColumn("mobile_bytes_out", mark("Mobile data out (bytes)")),
    TableColumn("wifi_bytes_in", mark("Wi-Fi in (bytes)")),
    TableColumn("wifi_bytes_out", mark("Wi-Fi out (bytes)")),
    TableColumn("first", mark("First used")),
    TableColumn("last", mark("Last used")),
)
PLACE_COLUMNS = (
    TableColumn("when", mark("Date")),
    TableColumn("guide", mark("Guide")),
    TableColumn("name", mark("Name")),
    TableColumn("address", mark("Address")),
    TableColumn("latitude", mark("Latitude")),
    TableColumn("longitude", mark("Longitude")),
)
NAMELESS = mark("the name of a place in Maps is kept in a form that is not read; its coordinates are exported")
_TITLES = {"favourites": mark("favorites"), "guides": mark("guides"), "history": mark("history")}


def write_data_usage(task: FilesTask) -> None:
    record = task.record(*USAGE_PLACE)
    if record is None:
        return
    place = task.top.folder(_("Cellular"), key="cellular")
    with tables(place, "data usage", USAGE_COLUMNS, key="data-usage", formats=task.formats(*FORMATS)) as table:
        for one in data_usage(task.source, record):
            app = task.claims.apps.get(one.app or "")
            amounts = (round(amount) for amount in (one.mobile_in, one.mobile_out, one.wifi_in, one.wifi_out))
            name = app.title if app else one.process or one.app
            table.row(name, one.app, *amounts, iso_time(one.first), iso_time(one.last))


def write_maps(task: FilesTask) -> None:
    record = task.record(*MAPS_PLACE)
    if record is None:
        return
    place = task.top.folder(_("Maps"), key="maps")
    with ExitStack() as opened:
        lists: dict[str, Tables] = {}
        gpx: NewFile | None = None
        for found in map_places(task.source, record):
            if found.list not in lists:
                made = tables(
                    place, _TITLES[found.list], PLACE_COLUMNS, key=f"maps/{found.list}", formats=task.formats(*FORMATS)
                )
                lists[found.list] = opened.enter_context(made)
            at = found.latitude, found.longitude
            lists[found.list].row(iso_time(found.when), found.guide, found.name, found.address, *at)
            if not found.name and not found.address:
                task.gap(NAMELESS)
            if found.latitude is not None:
                if gpx is None:
                    gpx = opened.enter_context(place.new_file("places.gpx", key="maps/gpx"))
                    gpx.write_text(_GPX_BEGIN)
                gpx.write_text(_waypoint(found))
        if gpx is not None:
            gpx.write_text("</gpx>\n")


_GPX_BEGIN = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="migrate"'
    ' xmlns="http://www.topografix.com/GPX/1/1">\n'
)


def _waypoint(found: MapPlace) -> str:
    name = escaped(found.name or found.address or f"{found.latitude}, {found.longitude}")
    kind = escaped(found.guide or _(_TITLES[found.list]))
    return f'<wpt lat="{found.latitude:.7f}" lon="{found.longitude:.7f}"><name>{name}</name><type>{kind}</type></wpt>\n'
