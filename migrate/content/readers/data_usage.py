"""How much data each app has used: `DataUsage.sqlite` (*read*: iLEAPP, on iOS 12 to 18)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migrate.backup.record import Record
from migrate.content.normal_form import from_cocoa
from migrate.content.open_database import Columns
from migrate.content.readers.cells import finite
from migrate.content.readers.common import as_text, few, needed_table
from migrate.content.source import Source

PLACE = ("WirelessDomain", "Library/Databases/DataUsage.sqlite")
_LEFT_OUT_KIND = 257
"""*read*: other readers leave these rows out; what they mean is not documented."""


@dataclass(kw_only=True)
class AppUsage:
    """What an app, or a part of the system, has used, in bytes."""

    app: str | None
    """The bundle id; None for a part of the system."""
    process: str | None
    first: float | None
    last: float | None
    mobile_in: float = 0
    mobile_out: float = 0
    wifi_in: float = 0
    wifi_out: float = 0

    @property
    def total(self) -> float:
        return self.mobile_in + self.mobile_out + self.wifi_in + self.wifi_out


def data_usage(source: Source, record: Record) -> Iterator[AppUsage]:
    """All apps, those that have used most first. Errors are reported to the source."""
    with source.reading(record), source.database(record) as database:
        processes = needed_table(database, "ZPROCESS")
        usage = needed_table(database, "ZLIVEUSAGE")
        if not processes.has("Z_PK") or not usage.has("ZHASPROCESS"):
            raise ValueError("its tables have other columns")
        columns = Columns(
            processes,
            "",
            row=("Z_PK",),
            bundle=("ZBUNDLENAME",),
            name=("ZPROCNAME",),
            first=("ZFIRSTTIMESTAMP",),
            last=("ZTIMESTAMP",),
        )
        query = f"SELECT {columns.sql} FROM {processes.sql} NOT INDEXED"  # noqa: S608  the schema's names, quoted
        found: dict[object, AppUsage] = {}
        for row, bundle, name, first, last in few(database.rows(query), "processes"):
            process = (as_text(name) or "").partition("/")[0] or None
            found[row] = AppUsage(
                app=as_text(bundle) or None, process=process, first=from_cocoa(first), last=from_cocoa(last)
            )
        columns = Columns(
            usage,
            "",
            row=("ZHASPROCESS",),
            kind=("ZKIND",),
            mobile_in=("ZWWANIN",),
            mobile_out=("ZWWANOUT",),
            wifi_in=("ZWIFIIN",),
            wifi_out=("ZWIFIOUT",),
        )
        query = f"SELECT {columns.sql} FROM {usage.sql} NOT INDEXED"  # noqa: S608  the schema's names, quoted
        for row, kind, *amounts in database.rows(query):
            of = found.get(row)
            if of is None or kind == _LEFT_OUT_KIND:
                continue
            mobile_in, mobile_out, wifi_in, wifi_out = (finite(amount) or 0 for amount in amounts)
            of.mobile_in += mobile_in
            of.mobile_out += mobile_out
            of.wifi_in += wifi_in
            of.wifi_out += wifi_out
        yield from sorted(found.values(), key=lambda one: (-one.total, one.app or "", one.process or ""))
