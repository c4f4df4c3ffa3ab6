"""`Health/`: a table for each type of samples, all of them in the form of Apple's own export, and routes as GPX.

    Health/heart rate.csv
    Health/apple_health_export/export.xml                      programs that read Apple's export read this folder
    Health/apple_health_export/workout-routes/route_….gpx

Samples come ordered by type, so two files are open at a time, however many samples there are. Values are in the
canonical unit of the type. What the database keeps in binary form (electrocardiograms, heartbeats) is named.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from migrate.content.readers.health import HealthSample, Route, RoutePoint, samples_by_type
from migrate.content.readers.health_types import (
    CATEGORIES,
    QUANTITIES,
    WORKOUT,
    activity_name,
    category_value,
    identifier,
    type_name,
    words,
)
from migrate.export.folder import NewFile, Place
from migrate.export.names import iso_time, sortable_time
from migrate.export.tables import FORMATS, TableColumn, Tables, tables
from migrate.export.task import Task
from migrate.language import language_tag, mark
from migrate.pages.markup import escaped

COLUMNS = (
    TableColumn("start", mark("Start")),
    TableColumn("end", mark("End")),
    TableColumn("value", mark("Value")),
    TableColumn("unit", mark("Unit")),
    TableColumn("source", mark("Source")),
    TableColumn("added", mark("Added")),
)
BINARY = mark("the binary part of a record, such as an electrocardiogram, is not readable")
NO_VALUE = mark("a measurement without a value in the database")
_GPX = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="migrate"'
    ' xmlns="http://www.topografix.com/GPX/1/1">\n<trk><name>{name}</name><trkseg>\n'
)
_WHOLE = 2**53
_MOST_TYPES = 1000
"""Apple has some 200. Further ones share a table: a stranger's database could have a type for each sample."""


def write_health(task: Task) -> None:
    place = task.top.folder("Health", key="health")
    formats = task.formats(*FORMATS, usual=("csv",))
    with ExitStack() as opened:
        export = _AppleExport(place.folder("apple_health_export", key="health/apple"), opened, _exported_at(task))
        current: object = None
        table: Tables | None = None
        types, last = 0, ExitStack()

        def take_route(route: Route) -> None:
            if task.choice.wants(task.kind.id, route.sample):
                export.add_route(route)

        with last:
            for item in task.items(samples_by_type(task.source, take_route)):
                assert isinstance(item, HealthSample)
                if table is None or (item.type != current and types < _MOST_TYPES):
                    last.close()
                    current, types = item.type, types + 1
                    name, key = type_name(item.type), f"health/{item.type!r}"
                    table = last.enter_context(tables(place, name, COLUMNS, key=key, formats=formats))
                times = _Times(iso_time(item.when), iso_time(item.end), iso_time(item.modified))
                _write_row(table, item, times)
                export.add(item, times)
                _name_gaps(task, item)
                task.exported(item)
        export.finish()


def _exported_at(task: Task) -> float | None:
    """The time of the backup, not of now: a second run finds nothing to write."""
    date = task.backup.folder.status_date
    return None if date is None else date.timestamp()


class _Times(NamedTuple):
    """The instants of a sample as text: making them is what takes longest."""

    start: str
    end: str
    added: str


def _write_row(table: Tables, item: HealthSample, times: _Times) -> None:
    value, unit = _value(item)
    table.row(times.start, times.end, value, unit, item.source, times.added)


def _value(item: HealthSample) -> tuple[object, str | None]:
    """The value and its unit, for a person."""
    value = item.value
    if item.type == WORKOUT:
        return words(activity_name(item.activity)), None
    if isinstance(item.type, int) and item.type in QUANTITIES:
        quantity = QUANTITIES[item.type]
        if isinstance(value, int | float):
            hundred = 100 if quantity.unit == "%" else 1  # stored, and exported by Apple, as a fraction
            return number(value * quantity.factor * hundred), quantity.unit
        return None, quantity.unit
    if isinstance(item.type, int) and item.type in CATEGORIES and value is not None:
        name = category_value(item.type, value)
        return name.removeprefix("HKCategoryValue").removeprefix(CATEGORIES[item.type]), None
    return (number(value), None) if isinstance(value, int | float) else (None, None)


def number(value: float) -> str:
    """`72.5`, `120`: at most nine digits after the point, no exponent."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return str(int(value)) if abs(value) < _WHOLE else repr(value)


def _name_gaps(task: Task, item: HealthSample) -> None:
    if isinstance(item.value, str | bytes):
        task.gap(BINARY)
    elif item.value is None and isinstance(item.type, int) and item.type in QUANTITIES:
        task.gap(NO_VALUE)


# -- Apple's export --------------------------------------------------------------------------------------------------


class _AppleExport:
    """`export.xml` with the routes beside it. Made with the first record."""

    def __init__(self, place: Place, opened: ExitStack, exported_at: float | None) -> None:
        self._place = place
        self._exported_at = exported_at
        self._opened = opened
        self._file: NewFile | None = None
        self._routes: dict[str, str] = {}
        """Id of a workout -> its route's path."""

    def add(self, item: HealthSample, times: _Times) -> None:
        if item.type == WORKOUT:
            self._write(self._workout(item, times))
            return
        kind = identifier(item.type)
        if kind is None or isinstance(item.value, bytes | str):
            return  # a correlation, a route or binary data
        assert isinstance(item.type, int)
        unit = value = ""
        if item.type in QUANTITIES:
            quantity = QUANTITIES[item.type]
            unit = f' unit="{escaped(quantity.unit)}"'
            if isinstance(item.value, int | float):
                value = f' value="{number(item.value * quantity.factor)}"'
        elif item.value is not None:
            value = f' value="{escaped(category_value(item.type, item.value))}"'
        self._write(f' <Record type="{kind}" {_who(item)}{unit} {_dates(times)}{value}/>\n')

    def _workout(self, item: HealthSample, times: _Times) -> str:
        line = f' <Workout workoutActivityType="HKWorkoutActivityType{activity_name(item.activity)}"'
        if item.duration is not None:
            line += f' duration="{number(item.duration / 60)}" durationUnit="min"'
        if isinstance(item.value, int | float):
            line += f' totalDistance="{number(item.value)}" totalDistanceUnit="km"'
        line += f" {_who(item)} {_dates(times)}"
        route = self._routes.get(item.id)
        if route is None:
            return line + "/>\n"
        return f'{line}>\n  <WorkoutRoute><FileReference path="{escaped(route)}"/></WorkoutRoute>\n </Workout>\n'

    def add_route(self, route: Route) -> None:
        folder = self._place.folder("workout-routes", key="health/routes")
        name = f"route_{sortable_time(route.sample.when)}.gpx"
        with folder.new_file(name, key=f"health/route/{route.sample.id}", when=route.sample.when) as file:
            file.write_text(_GPX.format(name=iso_time(route.sample.when)))
            for point in route.points:
                file.write_text(_track_point(point))
            file.write_text("</trkseg></trk>\n</gpx>\n")
        if route.workout is not None:
            self._routes[route.workout] = f"/workout-routes/{file.path.rpartition('/')[2]}"

    def finish(self) -> None:
        if self._file is not None:
            self._file.write_text("</HealthData>\n")

    def _write(self, text: str) -> None:
        if self._file is None:
            self._file = self._opened.enter_context(self._place.new_file("export.xml", key="health/export.xml"))
            self._file.write_text(
                f'<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="{escaped(language_tag())}">\n'
            )
            if self._exported_at is not None:
                self._file.write_text(f' <ExportDate value="{_apple_time(iso_time(self._exported_at))}"/>\n')
        self._file.write_text(text)


def _who(item: HealthSample) -> str:
    return f'sourceName="{_escaped_name(item.source or "")}"'


_escaped_name = lru_cache(maxsize=1000)(escaped)


def _dates(times: _Times) -> str:
    created = f'creationDate="{_apple_time(times.added)}" ' if times.added else ""
    return f'{created}startDate="{_apple_time(times.start)}" endDate="{_apple_time(times.end or times.start)}"'


def _apple_time(iso: str) -> str:
    """`2016-11-14T07:25:44-07:00` -> `2016-11-14 07:25:44 -0700`"""
    return f"{iso[:10]} {iso[11:19]} {iso[19:22]}{iso[23:25]}" if iso else ""


def _track_point(point: RoutePoint) -> str:
    """A point with everything that Apple's have: a reader of others takes it for granted (healthkit-to-sqlite). What is
    not known is -1, as on the phone."""
    more = (
        ("speed", point.speed),
        ("course", point.course),
        ("hAcc", point.accuracy),
        ("vAcc", point.vertical_accuracy),
    )
    time = f"<time>{_utc(point.when)}</time>" if point.when is not None else ""
    extensions = "".join(f"<{name}>{number(-1 if value is None else value)}</{name}>" for name, value in more)
    return (
        f'<trkpt lat="{number(point.latitude)}" lon="{number(point.longitude)}">'
        f"<ele>{number(point.altitude or 0)}</ele>{time}<extensions>{extensions}</extensions></trkpt>\n"
    )


def _utc(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
