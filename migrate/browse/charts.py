"""A chart of values by day or month, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from migrate.language import _
from migrate.pages.markup import Markup, element, escaped, joined, text_element

HEIGHT, LEFT, BOTTOM, TOP = 240, 52, 24, 10
WIDE, NARROW = 720, 340
_POINTS_OF_A_LABEL = 110


class Point(NamedTuple):
    """One bar: what is written under it, what is said about it, and its value."""

    label: str
    title: str
    value: float
    low: float | None = None
    """With `value` the high end: a bar from the lowest to the highest value."""


def bar_charts(points: Sequence[Point], title: str) -> list[Markup]:
    """A chart for a wide window, and one for a narrow window."""
    return [_bar_chart(points, title, WIDE, "wide"), _bar_chart(points, title, NARROW, "narrow")]


def _bar_chart(points: Sequence[Point], title: str, width: int, class_: str) -> Markup:
    """Bars from left to right. The same numbers are in a table beside it."""
    top = _rounded_up(max((point.value for point in points), default=0.0))
    bottom = 0.0
    span = top - bottom or 1.0
    inner_width, inner_height = width - LEFT - 8, HEIGHT - BOTTOM - TOP
    step = inner_width / max(1, len(points))
    parts = [text_element("title", title)]
    for part in range(5):
        y = TOP + inner_height * part / 4
        value = top - span * part / 4
        parts.append(element("path", d=f"M{LEFT} {y:.1f}H{width - 8}", class_="grid-line"))
        parts.append(
            element("text", escaped(short_number(value)), x=str(LEFT - 8), y=f"{y + 4:.1f}", text_anchor="end")
        )
    every = max(1, -(-len(points) * _POINTS_OF_A_LABEL // width))
    for number, point in enumerate(points):
        low = 0.0 if point.low is None else max(bottom, point.low)
        x = LEFT + step * number
        y_high = TOP + inner_height * (top - max(bottom, point.value)) / span
        y_low = TOP + inner_height * (top - low) / span
        rect = element(
            "rect",
            x=f"{x + step * 0.12:.2f}",
            y=f"{y_high:.2f}",
            width=f"{max(0.8, step * 0.76):.2f}",
            height=f"{max(1.0, y_low - y_high):.2f}",
            rx=f"{min(2.0, step * 0.3):.2f}",
        )
        parts.append(element("g", text_element("title", point.title), rect))
        if number % every == 0:
            parts.append(
                element("text", escaped(point.label), x=f"{x + step / 2:.1f}", y=str(HEIGHT - 6), text_anchor="middle")
            )
    return element(
        "svg",
        joined(parts),
        class_=f"chart {class_}",
        viewBox=f"0 0 {width} {HEIGHT}",
        role="img",
        aria_label=title or _("Chart"),
    )


def short_number(value: float) -> str:
    """`12,000`, `3.5`: no more digits than are needed."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _rounded_up(value: float) -> float:
    """The next number of the form 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 0.1
    while power > value:
        power /= 10
    for step in (1, 2, 2.5, 5, 10):
        if value <= step * power:
            return step * power
    return 10 * power
