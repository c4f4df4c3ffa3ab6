"""Draws lines over a logarithmic number of files, as an SVG of a few kilobytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 200, 36, 40
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22")


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[tuple[int, float]]
    """Numbers of files, in order, each with its value."""


@dataclass(frozen=True)
class Panel:
    title: str
    lines: Sequence[Line]


def draw(panels: Sequence[Panel]) -> str:
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT * len(panels)}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        parts += [f'<g transform="translate(0 {number * HEIGHT})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> list[str]:
    counts = sorted({files for line in panel.lines for files, _ in line.points}) or [1]
    highest = _round_up(max((value for line in panel.lines for _, value in line.points), default=1.0))
    span = math.log10(counts[-1] / counts[0]) or 1.0

    def x(files: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(files / counts[0]) / span

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest

    parts = [f'<text x="{LEFT}" y="20" font-size="13">{escape(panel.title)}</text>']
    for step in range(6):
        value = highest * step / 5
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for files in counts:
        parts.append(f'<text x="{x(files):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{files:,}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">files</text>')
    for number, line in enumerate(panel.lines):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x(files):.1f},{y(value):.1f}" for files, value in line.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        at = TOP + 8 + 15 * number
        parts.append(f'<path d="M{WIDTH - RIGHT + 14} {at}h16" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 36}" y="{at + 4}">{escape(line.name)}</text>')
    return parts


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    if value <= 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * factor for factor in (1, 2, 5, 10) if value <= unit * factor)
