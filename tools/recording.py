"""A terminal session as an asciicast, and as an SVG that plays in a web page.

Frames are whole screens with their escape sequences, as `tmux capture-pane -e` gives them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from tools.wizard_screenshot import BACKGROUND, CELL_WIDTH, FONT_SIZE, FOREGROUND, LINE_HEIGHT, MARGIN, Style, pieces

LONGEST_PAUSE_S = 2.0
"""Nobody watches a bar for longer."""
LAST_FRAME_S = 6.0
MOST_FRAMES = 40
FONTS = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"


@dataclass(frozen=True)
class Frame:
    """One screen, and when it was first seen."""

    at_s: float
    screen: str


def shortened(frames: Sequence[Frame]) -> list[Frame]:
    """Frames that differ, from 0 s on, with no pause longer than LONGEST_PAUSE_S."""
    kept: list[Frame] = []
    clock = before = 0.0
    for frame in frames:
        if kept and frame.screen == kept[-1].screen:
            continue
        clock += min(frame.at_s - before, LONGEST_PAUSE_S) if kept else 0
        before = frame.at_s
        kept.append(Frame(round(clock, 2), frame.screen))
    return kept


def thinned(frames: Sequence[Frame], most: int = MOST_FRAMES) -> list[Frame]:
    """At most `most` frames: of the two that follow each other fastest, one goes. The first and the last one stay."""
    kept = list(frames)
    while len(kept) > most:
        gaps = [after.at_s - one.at_s for one, after in itertools.pairwise(kept)]
        del kept[max(1, gaps.index(min(gaps)))]
    return kept


def asciicast(frames: Sequence[Frame], columns: int, lines: int, title: str) -> str:
    """The session in the format of asciinema, version 2: `asciinema play FILE` shows it."""
    head = {"version": 2, "width": columns, "height": lines, "title": title, "env": {"TERM": "xterm-256color"}}
    rows = [json.dumps(head)]
    for frame in frames:
        drawn = "\x1b[0m\x1b[H\x1b[2J" + frame.screen.rstrip("\n").replace("\n", "\r\n")
        rows.append(json.dumps([frame.at_s, "o", drawn], ensure_ascii=False))
    return "\n".join(rows) + "\n"


def animated_svg(frames: Sequence[Frame], columns: int, lines: int, title: str) -> str:
    """The session as a film strip that moves from frame to frame. Who wants less motion sees the last frame."""
    width, height = round(columns * CELL_WIDTH + 2 * MARGIN), lines * LINE_HEIGHT + 2 * MARGIN
    total = frames[-1].at_s + LAST_FRAME_S
    steps = "".join(
        f"{100 * frame.at_s / total:.2f}%{{transform:translateX({-number * width}px)}}"
        for number, frame in enumerate(frames)
    )
    end = -(len(frames) - 1) * width
    style = (
        f".film{{animation:play {total:.1f}s step-end infinite}}@keyframes play{{{steps}}}"
        f"@media(prefers-reduced-motion:reduce){{.film{{animation:none;transform:translateX({end}px)}}}}"
    )
    known: dict[str, str] = {}
    strip = [
        f'<g transform="translate({number * width})">{_uses(frame, known)}</g>' for number, frame in enumerate(frames)
    ]
    defs = "".join(f'<g id="{name}">{drawn}</g>' for drawn, name in known.items())
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}">',
            f"<title>{escape(title)}</title>",
            f"<style>{style}text{{white-space:pre}}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
            f'<g font-family="{FONTS}" font-size="{FONT_SIZE}" fill="{FOREGROUND}">',
            f"<defs>{defs}</defs>",
            f'<g class="film">{"".join(strip)}</g>',
            "</g>",
            "</svg>",
            "",
        ]
    )


def _uses(frame: Frame, known: dict[str, str]) -> str:
    """The lines of a frame, each drawn once in the file and then only referred to."""
    rows: dict[int, list[tuple[int, Style, str]]] = {}
    for line, column, style, text in pieces(frame.screen):
        if text.strip() or style.reverse:
            rows.setdefault(line, []).append((column, style, text))
    used = []
    for line, parts in rows.items():
        name = known.setdefault(_line(parts), f"l{len(known)}")
        used.append(f'<use href="#{name}" y="{line * LINE_HEIGHT}"/>')
    return "".join(used)


def _line(parts: Iterable[tuple[int, Style, str]]) -> str:
    """A line at the top of the picture."""
    drawn = []
    for column, style, text in parts:
        shown = text if style.reverse else text.rstrip()
        lead = 0 if style.reverse else len(shown) - len(shown.lstrip())
        shown = shown[lead:]
        x, length = MARGIN + (column + lead) * CELL_WIDTH, len(shown) * CELL_WIDTH
        if style.reverse:
            drawn.append(
                f'<rect x="{x:.1f}" y="{MARGIN}" width="{length:.1f}" height="{LINE_HEIGHT}" fill="{style.colour}"/>'
            )
        colour = BACKGROUND if style.reverse else style.colour
        fill = "" if colour == FOREGROUND else f' fill="{colour}"'
        weight = ' font-weight="bold"' if style.bold else ""
        place = f'x="{x:.1f}" y="{MARGIN + FONT_SIZE}" textLength="{length:.1f}"'
        drawn.append(f"<text {place}{fill}{weight}>{escape(shown)}</text>")
    return "".join(drawn)
