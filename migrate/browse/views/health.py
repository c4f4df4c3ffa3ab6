"""Health: a chart for each kind of sample, by month or by day."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from migrate.browse.charts import Point, bar_charts, short_number
from migrate.browse.face import Place, month_title
from migrate.browse.item_index import ItemIndex
from migrate.browse.site import Site, safe
from migrate.language import _

SUMMED = frozenset({7, 8, 9, 10, 11, 12, 75, 83, 87, 110, 113, 173, 257})
"""Kinds whose values add up over a day: steps, distances, energy, flights, minutes (*read*: numbers of iLEAPP and
HealthDB). Of the others the mean counts, with the lowest and the highest."""
_FIRST, _LAST = 0.0, 4_102_444_800.0  # until 2100
_MOST_BARS = 60


class Sum(NamedTuple):
    """The values of a day or a month."""

    key: str
    title: str
    records: int
    total: float
    low: float
    high: float

    @property
    def mean(self) -> float:
        return self.total / self.records if self.records else 0.0


class HealthViews:
    """Answers for `/k/health/in/…`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def place(self, request: Request) -> Response:
        """One kind of sample: its months, or the days of the month `?month=`."""
        library = self._site.library
        if "health" not in library.kinds:
            return self._site.missing(request)
        shelf = library.shelf("health")
        if not shelf.is_ready:
            return self._site.reading(request, shelf)
        place = shelf.index.places.get(request.path_params["place"])
        if place is None:
            return self._site.missing(request)
        month = _month_of(request.query_params.get("month", ""))
        months = _sums(shelf.index, place, "%Y-%m", _FIRST, _LAST)
        shown = months[-_MOST_BARS:]
        if month is not None:
            begin, end = month, _next(month)
            shown = _sums(shelf.index, place, "%Y-%m-%d", begin.timestamp(), end.timestamp())
        is_summed = place.sort in SUMMED
        points = [_point(one, is_summed=is_summed) for one in shown]
        return self._site.page(
            request,
            "chart.html",
            kind_title=_("Health"),
            title=place.title,
            place=place,
            is_summed=is_summed,
            months=months,
            sums=shown,
            month=None if month is None else month_title(month.year, month.month),
            charts=[safe(chart) for chart in bar_charts(points, place.title)] if points else [],
            short=short_number,
            command=self._site.export_command(shelf.kind.owner),
        )


def _sums(index: ItemIndex, place: Place, form: str, since: float, until: float) -> list[Sum]:
    found = index.sums(place.number, form, since, until)
    return [Sum(key, _title(key), records, total, low, high) for key, records, total, low, high in found]


def _title(key: str) -> str:
    """`May 2024`, or `3 May 2024`."""
    year, month, *day = (int(part) for part in key.split("-"))
    return f"{day[0]} {month_title(year, month)}" if day else month_title(year, month)


def _point(one: Sum, *, is_summed: bool) -> Point:
    label = one.key[-2:].lstrip("0") if len(one.key) > len("2024-05") else one.key
    if is_summed:
        return Point(label, f"{one.title}: {short_number(one.total)}", one.total)
    title = _("{when}: {mean} on average, {low} to {high}").format(
        when=one.title, mean=short_number(one.mean), low=short_number(one.low), high=short_number(one.high)
    )
    return Point(label, title, one.high, one.low)


def _month_of(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m").astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _next(month: datetime) -> datetime:
    year, number = divmod(month.year * 12 + month.month, 12)
    return datetime(year, number + 1, 1).astimezone()
