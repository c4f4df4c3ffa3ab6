"""Health: the samples of `healthdb_secure.sqlite`, with the names of their sources from `healthdb.sqlite`.

    objects            data_id, uuid, provenance, creation_date
    samples            data_id, start_date, end_date, data_type
    quantity_samples   quantity: in the canonical unit of the type; original_quantity is what was typed in
    category_samples   value
    workouts           total_distance; activity_type and duration up to iOS 15, then in workout_activities
    binary_samples     payload
    data_provenances   ROWID, source_id: a row of `sources` in the other database

Names of tables and columns as in readers of others (*read*: iLEAPP, plaso). A phone of ten years has some five million
samples. With two million rows SQLite's sorter took 10 s of processor time and 27 MB; walking the index of
`objects.uuid`, 35 s; sorting in memory, 11 s and 233 MB (*measured*). The sorter also does not depend on the order of
an index that a stranger wrote.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate.backup.record import Record
from migrate.content.item import Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import day, from_cocoa, seconds
from migrate.content.open_database import Columns, Database, Table
from migrate.content.ordering import ordered
from migrate.content.readers.cells import finite
from migrate.content.readers.common import as_text, few, needed_table
from migrate.content.readers.health_types import WORKOUT
from migrate.content.source import Place, Source
from migrate.language import _, mark

SECURE_STORE = Place("HealthDomain", ("Health/healthdb_secure.sqlite",))
SOURCES_STORE = Place("HealthDomain", ("Health/healthdb.sqlite",))
_UUID_BYTES = 16
_DATA_ID = 3
"""Where it is in a row."""
_TYPES = {
    3: mark("weight"),
    5: mark("heart rate"),
    7: mark("steps"),
    8: mark("walking distance"),
    63: mark("sleep"),
    WORKOUT: mark("workout"),
}
"""Names of a few frequent types (*read*: iLEAPP, HealthDB)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSample(Item):
    """One sample: a quantity, a category, a workout or binary data."""

    type: object
    end: float | None
    value: object
    """A number in the type's canonical unit; of a category, its value; of a workout, the distance; of binary data, a
    digest."""
    activity: object = None
    """Of a workout: the number of its activity."""
    source: str | None = None
    """The name of the device or app. Not part of the fingerprint: it changes with the phone's name."""
    duration: float | None = None
    """Of a workout: its seconds without pauses, as far as the phone keeps them."""

    def fingerprint(self) -> Fingerprint:
        return {
            "type": self.type,
            "start": seconds(self.when),
            "end": seconds(self.end),
            "value": self.value,
            "activity": self.activity,
        }

    def describe(self) -> str:
        name = _TYPES.get(self.type) if isinstance(self.type, int) else None
        what = _(name) if name else _("other Health data")
        return _("a Health record ({what}), {day}").format(what=what, day=day(self.when))


def samples(source: Source) -> Iterator[Item]:
    """All samples, ordered by id."""
    streams = [_samples_of_file(source, record) for record in source.files(SECURE_STORE)]
    return heapq.merge(*streams, key=lambda sample: sample.id)


class RoutePoint(NamedTuple):
    """A place on the route of a workout. Numbers as they are stored: degrees, metres, metres per second."""

    when: float | None
    latitude: float
    longitude: float
    altitude: float | None
    speed: float | None
    course: float | None
    accuracy: float | None
    vertical_accuracy: float | None


@dataclass(frozen=True)
class Route:
    """The route of a workout."""

    sample: HealthSample
    """The item that the database has for the route."""
    workout: str | None
    """The id of the workout's item."""
    points: Iterator[RoutePoint]


def samples_by_type(source: Source, take_route: Callable[[Route], object]) -> Iterator[HealthSample]:
    """The same samples, ordered by type and then by time.

    Args:
        take_route: called with each route before the samples; has to read its points before it returns.
    """
    for record in source.files(SECURE_STORE):
        names = _source_names(source)
        with source.reading(record), source.database(record) as database:
            query = _Query(database, names)
            for route in query.routes():
                take_route(route)
            yield from query.by_type()


def _samples_of_file(source: Source, record: Record) -> Iterator[HealthSample]:
    names = _source_names(source)
    with source.reading(record), source.database(record) as database:
        query = _Query(database, names)
        others = ordered(query.without_uuid(), source.tmp)
        yield from heapq.merge(query.with_uuid(), others, key=lambda sample: sample.id)


def _source_names(source: Source) -> dict[object, str]:
    """The name of each row of `sources`."""
    names: dict[object, str] = {}
    for record in source.files(SOURCES_STORE):
        with source.reading(record), source.database(record) as database:
            table = database.table("sources")
            if table is not None and table.has("name"):
                rows = database.rows(f"SELECT ROWID, name FROM {table.sql} NOT INDEXED")  # noqa: S608
                names.update((row, as_text(name) or "") for row, name in few(rows, "sources"))
    return names


class _Query:
    """The samples of one database, and the small tables that are needed to read them."""

    def __init__(self, database: Database, source_names: Mapping[object, str]) -> None:
        self._database = database
        samples, objects = needed_table(database, "samples"), needed_table(database, "objects")
        if not samples.has("data_id", "data_type", "start_date", "end_date") or not objects.has("data_id", "uuid"):
            raise ValueError("its tables samples and objects have other columns")
        self._source_of = self._sources_by_provenance(source_names)
        self._activity_of = self._of_workouts("activity_type")
        self._duration_of = self._durations()
        self._samples, self._objects = samples, objects
        columns = [
            "s.data_type, s.start_date, s.end_date, s.data_id",
            Columns(objects, "o", provenance=("provenance",), created=("creation_date",)).sql,
        ]
        lacking, values = set(), []
        for name, column in (
            ("quantity_samples", "quantity"),
            ("category_samples", "value"),
            ("workouts", "total_distance"),
        ):
            table = database.table(name)
            if table is None or not table.has("data_id", column):
                lacking.add(name)
                continue
            values.append(_first_of_sample(table, column))
            if name == "workouts":
                columns.append(_first_of_sample(table, Columns(table, "t", activity=("activity_type",)).sql))
        if {"quantity_samples", "category_samples"} <= lacking:
            raise ValueError("it has no table quantity_samples and no table category_samples")
        if "workouts" in lacking:
            columns.append("NULL")
        payloads = database.table("binary_samples")
        self._payloads = payloads if payloads is not None and payloads.has("data_id", "payload") else None
        columns.append("NULL" if self._payloads is None else _first_of_sample(self._payloads, "data_id"))
        columns.append(f"COALESCE({', '.join([*values, 'NULL'])})")
        self._columns = ", ".join(columns)
        self._lacking = frozenset({"activity"}) if "workouts" in lacking else frozenset[str]()

    def with_uuid(self) -> Iterator[HealthSample]:
        """Almost all samples, ordered by uuid: the order of 16 bytes is that of their hexadecimal digits."""
        query = (
            f"SELECT o.uuid, {self._columns} FROM {self._samples.sql} s NOT INDEXED"  # noqa: S608  the schema's names, quoted
            f" CROSS JOIN {self._objects.sql} o ON o.data_id = s.data_id"
            f" WHERE typeof(o.uuid) = 'blob' AND length(o.uuid) = {_UUID_BYTES} ORDER BY o.uuid"
        )
        for uuid, *row in self._database.rows(query):
            yield self._sample(uuid.hex(), row)

    def without_uuid(self) -> Iterator[HealthSample]:
        """Samples without a uuid, in no order. A phone does not write any."""
        query = (
            f"SELECT o.uuid, {self._columns} FROM {self._samples.sql} s NOT INDEXED"  # noqa: S608  the schema's names, quoted
            f" LEFT JOIN {self._objects.sql} o ON o.data_id = s.data_id"
            f" WHERE o.uuid IS NULL OR typeof(o.uuid) <> 'blob' OR length(o.uuid) <> {_UUID_BYTES}"
        )
        for uuid, *row in self._database.rows(query):
            yield self._sample(fingerprint_id((uuid, *row[:3], row[-1])), row)

    def by_type(self) -> Iterator[HealthSample]:
        """All samples, with and without a uuid."""
        query = (
            f"SELECT o.uuid, {self._columns} FROM {self._samples.sql} s NOT INDEXED"  # noqa: S608  the schema's names, quoted
            f" LEFT JOIN {self._objects.sql} o ON o.data_id = s.data_id ORDER BY s.data_type, s.start_date"
        )
        for uuid, *row in self._database.rows(query):
            yield self._of_row(uuid, row)

    def routes(self) -> Iterator[Route]:
        """The routes of workouts (*read*: iLEAPP, HealthDB). A series of places belongs to a sample, and that to a
        workout through `associations`."""
        places, series = self._database.table("location_series_data"), self._database.table("data_series")
        if places is None or series is None or not series.has("data_id", "hfd_key"):
            return
        if not places.has("series_identifier", "timestamp", "latitude", "longitude"):
            return
        workouts = self._workouts_of_routes()
        query = (
            f"SELECT o.uuid, {self._columns}, r.hfd_key FROM {series.sql} r NOT INDEXED"  # noqa: S608  the schema's names, quoted
            f" CROSS JOIN {self._samples.sql} s ON s.data_id = r.data_id"
            f" LEFT JOIN {self._objects.sql} o ON o.data_id = s.data_id"
        )
        for uuid, *row, key in few(self._database.rows(query), "routes"):
            sample = self._of_row(uuid, row)
            yield Route(sample, workouts.get(row[_DATA_ID]), self._points(places, key))

    def _workouts_of_routes(self) -> dict[object, str]:
        """The id of the workout of each sample that belongs to one."""
        table = self._database.table("associations")
        if table is None:
            return {}
        child = table.first("child_id", "source_object_id")
        parent = table.first("parent_id", "destination_object_id")  # the second names are *guessed*
        if child is None or parent is None or (series := self._database.table("data_series")) is None:
            return {}
        query = (
            f"SELECT a.{child}, (SELECT o.uuid FROM {self._objects.sql} o"  # noqa: S608  the schema's names, quoted
            f" WHERE o.data_id = a.{parent} LIMIT 1) FROM {table.sql} a NOT INDEXED"
            f" WHERE a.{child} IN (SELECT data_id FROM {series.sql})"
        )
        rows = few(self._database.rows(query), "routes")
        return {sample: uuid.hex() for sample, uuid in rows if isinstance(uuid, bytes)}

    def _points(self, places: Table, key: object) -> Iterator[RoutePoint]:
        columns = Columns(
            places,
            "",
            when=("timestamp",),
            latitude=("latitude",),
            longitude=("longitude",),
            altitude=("altitude",),
            speed=("speed",),
            course=("course",),
            accuracy=("horizontal_accuracy",),
            vertical_accuracy=("vertical_accuracy",),
        )
        query = f"SELECT {columns.sql} FROM {places.sql} WHERE series_identifier = ? ORDER BY timestamp"  # noqa: S608  quoted
        for when, latitude, longitude, *more in self._database.rows(query, key):
            degrees = finite(latitude), finite(longitude)
            if degrees[0] is not None and degrees[1] is not None and abs(degrees[0]) <= 90 and abs(degrees[1]) <= 180:
                yield RoutePoint(from_cocoa(when), degrees[0], degrees[1], *map(finite, more))

    def _of_row(self, uuid: object, row: list[Any]) -> HealthSample:
        has_uuid = isinstance(uuid, bytes) and len(uuid) == _UUID_BYTES
        return self._sample(uuid.hex() if has_uuid else fingerprint_id((uuid, *row[:3], row[-1])), row)  # type: ignore[attr-defined]

    def _sample(self, identity: str, row: list[Any]) -> HealthSample:
        kind, start, end, data_id, provenance, created, activity, payload, value = row
        return HealthSample(
            id=identity,
            when=from_cocoa(start),
            modified=from_cocoa(created),
            type=kind,
            end=from_cocoa(end),
            value=self._payload(payload) if payload is not None and value is None else value,
            activity=self._activity_of.get(data_id) if activity is None else activity,
            source=self._source_of.get(provenance),
            duration=self._duration_of.get(data_id) if kind == WORKOUT else None,
            lacking=self._lacking,
        )

    def _payload(self, data_id: object) -> str | None:
        """The digest of binary data; it is read alone so that it is not sorted."""
        assert self._payloads is not None
        query = f"SELECT payload FROM {self._payloads.sql} WHERE data_id = ? LIMIT 1"  # noqa: S608  the schema's name, quoted
        for (payload,) in self._database.rows(query, data_id):
            if isinstance(payload, bytes):
                return hashlib.blake2b(payload, digest_size=16).hexdigest()
        return None

    def _sources_by_provenance(self, source_names: Mapping[object, str]) -> dict[object, str]:
        table = self._database.table("data_provenances")
        if table is None or not table.has("source_id") or not source_names:
            return {}
        rows = self._database.rows(f"SELECT ROWID, source_id FROM {table.sql} NOT INDEXED")  # noqa: S608
        found = few(rows, "provenances")
        return {row: source_names[source] for row, source in found if source in source_names}

    def _of_workouts(self, column: str) -> dict[object, object]:
        """A column of the activity of each workout, which from iOS 16 on has a table of its own."""
        table = self._database.table("workout_activities")
        if table is None or not table.has("owner_id", column):
            return {}
        first = " WHERE is_primary_activity = 1" if table.has("is_primary_activity") else ""
        query = f"SELECT owner_id, {column} FROM {table.sql} NOT INDEXED{first}"  # noqa: S608  the schema's name, quoted
        return dict(few(self._database.rows(query), "workouts"))  # type: ignore[arg-type]

    def _durations(self) -> dict[object, float | None]:
        found = self._of_workouts("duration")
        table = self._database.table("workouts")
        if not found and table is not None and table.has("data_id", "duration"):
            query = f"SELECT data_id, duration FROM {table.sql} NOT INDEXED"  # noqa: S608  the schema's name, quoted
            found = dict(few(self._database.rows(query), "workouts"))  # type: ignore[arg-type]
        return {workout: finite(duration) for workout, duration in found.items()}


def _first_of_sample(table: Table, column: str) -> str:
    """SQL of a sample's value in `table`, where `data_id` is the primary key. Not a join: in a spoiled database with
    repeated keys, five joins multiply 65 rows into millions (*measured*: 5 GB of sorted samples)."""
    return f"(SELECT {column} FROM {table.sql} t WHERE t.data_id = s.data_id LIMIT 1)"  # noqa: S608  the schema's names


SAMPLES = Kind(
    id="health",
    owner="health",
    label=mark("health records"),
    places=(SECURE_STORE,),
    beside=(SOURCES_STORE,),
    items=samples,
)
