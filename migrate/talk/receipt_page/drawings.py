"""The drawings of the page as inline SVG: a bar for each category, and where the space went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from migrate.language import _
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.talk.console import truncate
from migrate.units import format_bytes

PARTS = ("proven", "there", "arriving", "changed_since", "wrong")
"""The parts of a bar, in this order. `sent` is their sum."""
NARROWEST = 1.5
"""A part that exists is at least so many per cent wide: one wrong photo among 10,000 has to be seen."""
PLOT_ROWS, ROW_HEIGHT = 8, 44


def bar(columns: Mapping[str, int]) -> Markup:
    """The parts of what was sent. The numbers are in the table, so readers of the screen skip it."""
    sizes = {part: columns.get(part, 0) for part in PARTS if columns.get(part, 0) > 0}
    total = sum(sizes.values())
    if not total:
        return Markup("")
    widths = {part: max(NARROWEST, 100 * size / total) for part, size in sizes.items()}
    scale, left, rects = 100 / sum(widths.values()), 0.0, []
    for part, width in widths.items():
        rects.append(element("rect", class_=part, x=f"{left:.2f}%", width=f"{width * scale:.2f}%", height="100%"))
        left += width * scale
    return element("svg", *rects, class_="bar", aria_hidden="true")


def swatch(part: str) -> Markup:
    """The colour of one part, for the legend."""
    return element("svg", element("rect", class_=part, width="100%", height="100%"), aria_hidden="true")


def space_plot(sizes: Sequence[tuple[str, int]]) -> Markup:
    """The largest categories and apps by the size of what was sent, and the rest together."""
    shown = list(sizes[:PLOT_ROWS])
    if rest := sum(size for _title, size in sizes[PLOT_ROWS:]):
        shown.append((_("everything else"), rest))
    largest = max(size for _title, size in shown)
    parts = [text_element("title", _("Size of what was sent, by category"), id="plot-title")]
    for number, (title, size) in enumerate(shown):
        top = number * ROW_HEIGHT
        parts.append(text_element("text", truncate(title, 30), x="0", y=str(top + 16)))
        parts.append(element("text", escaped(format_bytes(size)), x="100%", y=str(top + 16), text_anchor="end"))
        width = max(0.5, 100 * size / largest)
        parts.append(element("rect", x="0", y=str(top + 23), width=f"{width:.2f}%", height="9", rx="2"))
    height = str(len(shown) * ROW_HEIGHT)
    return element("svg", joined(parts), class_="plot", height=height, role="img", aria_labelledby="plot-title")
