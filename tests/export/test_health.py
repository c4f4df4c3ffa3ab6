"""Health: a table for each type, Apple's form of export, routes."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from migrate.content.readers.health_types import QUANTITIES, category_value, type_name
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

SECURE = ("HealthDomain", "Health/healthdb_secure.sqlite")
SOURCES = ("HealthDomain", "Health/healthdb.sqlite")
XML = "Health/apple_health_export/export.xml"
ROUTES = "Health/apple_health_export/workout-routes/"
MakeDatabase = Callable[[str], bytes]

SCHEMA = (
    "CREATE TABLE objects (data_id INTEGER PRIMARY KEY, uuid BLOB, provenance INTEGER, creation_date REAL);"
    "CREATE TABLE samples (data_id INTEGER PRIMARY KEY, start_date REAL, end_date REAL, data_type INTEGER);"
    "CREATE TABLE quantity_samples (data_id INTEGER PRIMARY KEY, quantity REAL);"
    "CREATE TABLE category_samples (data_id INTEGER PRIMARY KEY, value INTEGER);"
    "CREATE TABLE binary_samples (data_id INTEGER PRIMARY KEY, payload BLOB);"
    "CREATE TABLE workouts (data_id INTEGER PRIMARY KEY, total_distance REAL);"
    "CREATE TABLE workout_activities (owner_id INTEGER, is_primary_activity INTEGER, activity_type INTEGER,"
    " duration REAL);"
    "CREATE TABLE data_series (data_id INTEGER PRIMARY KEY, hfd_key INTEGER);"
    "CREATE TABLE location_series_data (series_identifier INTEGER, timestamp REAL, longitude REAL, latitude REAL,"
    " altitude REAL, speed REAL, course REAL, horizontal_accuracy REAL, vertical_accuracy REAL,"
    " PRIMARY KEY (series_identifier, timestamp)) WITHOUT ROWID;"
    "CREATE TABLE associations (parent_id INTEGER, child_id INTEGER);"
    "CREATE TABLE data_provenances (ROWID INTEGER PRIMARY KEY, source_id INTEGER);"
    "INSERT INTO data_provenances VALUES (1, 9);"
)


def sample(row: int, kind: int, start: float) -> str:
    return (
        f"INSERT INTO objects VALUES ({row}, x'{row:032x}', 1, 700000600);"
        f"INSERT INTO samples VALUES ({row}, {start}, {start + 60}, {kind});"
    )


RICH = (
    SCHEMA
    + sample(1, 5, 700000100)
    + sample(2, 5, 700000000)
    + sample(3, 14, 700000000)
    + sample(4, 63, 700000000)
    + sample(5, 79, 700001000)
    + sample(6, 102, 700001000)
    + sample(7, 144, 700000000)
    + sample(8, 999, 700000000)
    + sample(9, 7, 700000000)
    + "INSERT INTO quantity_samples VALUES (1, 1.5), (2, 1.0166666666666666), (3, 0.98), (8, 3), (9, NULL);"
    "INSERT INTO category_samples VALUES (4, 5);"
    "INSERT INTO binary_samples VALUES (7, x'0102');"
    "INSERT INTO workouts VALUES (5, 5.25);"
    "INSERT INTO workout_activities VALUES (5, 1, 37, 1800);"
    "INSERT INTO data_series VALUES (6, 77);"
    "INSERT INTO associations VALUES (5, 6);"
    "INSERT INTO location_series_data VALUES (77, 700001000, 13.4, 52.5, 34.5, 2.5, 90, 5, 3),"
    " (77, 700001001, 13.5, 52.6, NULL, NULL, NULL, NULL, NULL), (77, 700001002, 999, 999, 0, 0, 0, 0, 0),"
    " (78, 700001000, 1, 1, 0, 0, 0, 0, 0);"
)
NAMES = (
    "CREATE TABLE sources (ROWID INTEGER PRIMARY KEY, name TEXT);"
    "INSERT INTO sources VALUES (9, 'Ann''s <Watch> & \"x\"');"
)


def table(exported: Exported, name: str) -> list[list[str]]:
    return list(csv.reader(exported.text(f"Health/{name}.csv").splitlines()))[1:]


def rich(make_backup: MakeBackup, make_database: MakeDatabase) -> Any:
    return make_backup({SECURE: make_database(RICH), SOURCES: make_database(NAMES)})


def test_each_type_is_a_table_in_the_order_of_time(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    exported = export(rich(make_backup, make_database))

    assert [row[2:4] for row in table(exported, "heart rate")] == [["61", "count/min"], ["90", "count/min"]]
    assert table(exported, "oxygen saturation")[0][2:4] == ["98", "%"]
    assert table(exported, "sleep analysis")[0][2:5] == ["AsleepREM", "", 'Ann\'s <Watch> & "x"']
    assert table(exported, "workout")[0][2] == "running"
    assert table(exported, "type 999")[0][2] == "3"
    health = exported.category("health")
    assert (health.count("items"), health.count("exported")) == (9, 9)
    assert dict(health.reasons) == {
        "the binary part of a record, such as an electrocardiogram, is not readable": 1,
        "a measurement without a value in the database": 1,
    }


def test_the_form_of_apples_export(make_backup: MakeBackup, make_database: MakeDatabase, export: Export) -> None:
    exported = export(rich(make_backup, make_database))
    root = ElementTree.fromstring((exported.root / XML).read_bytes())

    found = {(one.get("type"), one.get("value"), one.get("unit")) for one in root.iter("Record")}
    assert found == {
        ("HKQuantityTypeIdentifierHeartRate", "90", "count/min"),
        ("HKQuantityTypeIdentifierHeartRate", "61", "count/min"),
        ("HKQuantityTypeIdentifierOxygenSaturation", "0.98", "%"),
        ("HKCategoryTypeIdentifierSleepAnalysis", "HKCategoryValueSleepAnalysisAsleepREM", None),
        ("HKQuantityTypeIdentifierStepCount", None, "count"),
    }
    first = next(root.iter("Record"))
    assert first.get("sourceName") == 'Ann\'s <Watch> & "x"'
    start = datetime.strptime(first.get("startDate", ""), "%Y-%m-%d %H:%M:%S %z").timestamp()
    assert start == 700000000 + 978307200
    (workout,) = root.iter("Workout")
    assert workout.get("workoutActivityType") == "HKWorkoutActivityTypeRunning"
    assert (workout.get("duration"), workout.get("durationUnit")) == ("30", "min")
    assert (workout.get("totalDistance"), workout.get("totalDistanceUnit")) == ("5.25", "km")


def test_the_route_of_a_workout_is_a_track(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    exported = export(rich(make_backup, make_database))
    root = ElementTree.fromstring((exported.root / XML).read_bytes())
    reference = root.find("Workout/WorkoutRoute/FileReference")

    (route,) = [path for path in exported.paths() if path.startswith(ROUTES)]
    assert reference is not None and route.endswith(reference.get("path", "?"))
    gpx = {"g": "http://www.topografix.com/GPX/1/1"}
    points = ElementTree.fromstring((exported.root / route).read_bytes()).findall("g:trk/g:trkseg/g:trkpt", gpx)
    assert [(point.get("lat"), point.get("lon")) for point in points] == [("52.5", "13.4"), ("52.6", "13.5")]
    for point in points:
        parts = [one.tag.rpartition("}")[2] for one in point.iter()]
        assert parts == ["trkpt", "ele", "time", "extensions", "speed", "course", "hAcc", "vAcc"]
    assert points[0].findtext("g:time", namespaces=gpx) == "2023-03-08T20:43:20Z"
    assert (exported.root / route).stat().st_mtime == 700001000 + 978307200


def test_dates_filter_samples_and_routes(make_backup: MakeBackup, make_database: MakeDatabase, export: Export) -> None:
    exported = export(rich(make_backup, make_database), until=700000050.0 + 978307200)

    health = exported.category("health")
    assert (health.count("items"), health.count("exported"), health.count("filtered")) == (9, 6, 3)
    assert not [path for path in exported.paths() if path.startswith(ROUTES)]


def test_a_database_with_a_type_for_each_sample_does_not_fill_the_folder(
    make_backup: MakeBackup, make_database: MakeDatabase, export: Export
) -> None:
    many = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
        " INSERT INTO samples SELECT i, i, i, 100000 + i FROM n;"
    )
    exported = export(make_backup({SECURE: make_database(SCHEMA + many)}))

    assert exported.category("health").count("exported") == 1200
    assert len(exported.paths()) == 1000


def test_names_and_values_of_types() -> None:
    assert type_name(139) == "heart rate variability SDNN"
    assert type_name(12345) == "type 12345" and type_name(None) == "other"
    assert len({quantity.name for quantity in QUANTITIES.values()}) == len(QUANTITIES) > 100
    assert category_value(63, 99) == "99"
    assert category_value(160, 3) == "HKCategoryValueSeverityModerate"
    assert category_value(99, 0) == "HKCategoryValueNotApplicable"


def test_the_health_of_a_simulated_iphone(phones_backup: Callable[..., Any], export: Export, tmp_path: Path) -> None:
    backup, groups = phones_backup("18.5", photos=1, messages=3, health_samples=500)
    exported = export(backup, groups=groups, owners={"health"})

    rows = sum(len(table(exported, Path(path).stem)) for path in exported.paths() if path.endswith(".csv"))
    root = ElementTree.fromstring((exported.root / XML).read_bytes())
    assert rows == len(list(root.iter("Record"))) + len(list(root.iter("Workout"))) == 500
    before = (exported.root / XML).stat().st_ino
    assert (export(backup, groups=groups, owners={"health"}).root / XML).stat().st_ino == before
