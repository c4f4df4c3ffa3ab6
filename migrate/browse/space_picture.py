"""The picture of where the space is: one tile for each category and app, as large as its share (a squarified treemap,
Bruls, Huizing and van Wijk 2000)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from migrate.language import _
from migrate.pages.markup import Markup, element, escaped, joined, text_element
from migrate.units import format_bytes

MOST_TILES = 14
COLOURS = 8
_GAP = 1.5
_LETTER_WIDTH, _LINE_HEIGHT = 8.6, 18


class Share(NamedTuple):
    """A category or app."""

    title: str
    bytes: int
    href: str | None


@dataclass(frozen=True)
class Tile:
    """Where a share is drawn."""

    share: Share
    x: float
    y: float
    width: float
    height: float


def space_picture(shares: Sequence[Share], width: int, height: int, class_: str) -> Markup:
    """The picture as SVG. Its numbers are also in the table below it, so readers of the screen get a short title."""
    shown = _largest(shares)
    parts = [text_element("title", _("Where the space is"), id=f"{class_}-title")]
    parts += [_tile(tile, number % COLOURS) for number, tile in enumerate(tiles(shown, width, height))]
    return element(
        "svg",
        joined(parts),
        class_=f"space {class_}",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{class_}-title",
    )


def _largest(shares: Sequence[Share]) -> list[Share]:
    ordered = sorted((share for share in shares if share.bytes > 0), key=lambda share: -share.bytes)
    rest = sum(share.bytes for share in ordered[MOST_TILES:])
    return [*ordered[:MOST_TILES], *([Share(_("Everything else"), rest, None)] if rest else [])]


def tiles(shares: Sequence[Share], width: float, height: float) -> list[Tile]:
    """Tiles that fill the rectangle, each as near to a square as the others allow. `shares`: the largest first."""
    total = sum(share.bytes for share in shares)
    if not total:
        return []
    scale = width * height / total
    return list(_laid_out([(share, share.bytes * scale) for share in shares], 0.0, 0.0, width, height))


def _laid_out(areas: list[tuple[Share, float]], x: float, y: float, width: float, height: float) -> Iterator[Tile]:
    while areas:
        side = max(min(width, height), 1e-9)
        row: list[tuple[Share, float]] = []
        while areas and (not row or _worst([*row, areas[0]], side) <= _worst(row, side)):
            row.append(areas.pop(0))
        thickness = sum(area for _share, area in row) / side
        at = 0.0
        for share, area in row:
            length = area / thickness if thickness else 0.0
            if width >= height:
                yield Tile(share, x, y + at, thickness, length)
            else:
                yield Tile(share, x + at, y, length, thickness)
            at += length
        if width >= height:
            x, width = x + thickness, width - thickness
        else:
            y, height = y + thickness, height - thickness


def _worst(row: Sequence[tuple[Share, float]], side: float) -> float:
    """The largest ratio of the sides of a row's tiles."""
    areas = [max(area, 1e-9) for _share, area in row]
    total = sum(areas)
    return max(side * side * max(areas) / (total * total), total * total / (side * side * min(areas)))


def _tile(tile: Tile, colour: int) -> Markup:
    width, height = max(0.0, tile.width - _GAP), max(0.0, tile.height - _GAP)
    size = format_bytes(tile.share.bytes)
    parts = [
        text_element("title", f"{tile.share.title}: {size}"),
        element(
            "rect",
            class_=f"t{colour}",
            x=f"{tile.x:.1f}",
            y=f"{tile.y:.1f}",
            width=f"{width:.1f}",
            height=f"{height:.1f}",
            rx="4",
        ),
    ]
    for number, line in enumerate((tile.share.title, size)):
        fits = int((width - 16) / _LETTER_WIDTH)
        if fits >= (len(line) if number else min(5, len(line))) and height >= (number + 1) * _LINE_HEIGHT + 8:
            shown = line if len(line) <= fits else line[: fits - 1].rstrip() + "…"
            parts.append(
                element(
                    "text",
                    escaped(shown),
                    x=f"{tile.x + 9:.1f}",
                    y=f"{tile.y + 21 + number * _LINE_HEIGHT:.1f}",
                    class_="size" if number else None,
                )
            )
    inside = joined(parts)
    if tile.share.href is None:
        return element("g", inside)
    return element("a", inside, href=tile.share.href, aria_label=f"{tile.share.title}: {size}")
