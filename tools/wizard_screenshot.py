"""Draws docs/images/wizard.svg: the page of `migrate demo --wizard` on which a person ticks what should move.

`python -m tools.wizard_screenshot` runs the demo in tmux, answers its pages up to that one, and draws the screen. It
needs tmux and takes about 30 s.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "docs" / "images" / "wizard.svg"

COLUMNS, LINES = 96, 46
CELL_WIDTH, LINE_HEIGHT, FONT_SIZE, MARGIN = 8.4, 18, 14, 16  # pixels; 0.6 em is the width of common monospace fonts
FOREGROUND, BACKGROUND = "#d8dee9", "#1f2430"
STEPS = (0, 95, 135, 175, 215, 255)  # xterm's 6 x 6 x 6 colour cube
BASIC = ("#3b4252", "#bf616a", "#a3be8c", "#ebcb8b", "#81a1c1", "#b48ead", "#88c0d0", "#e5e9f0")

SGR = re.compile(r"\x1b\[([\d;]*)m")
OTHER_ESCAPES = re.compile(r"\x1b(?:\[[\d;?]*[A-Za-ln-z]|\][^\x07]*\x07|[()].)")

RULE = "──"
LIST_PAGE, PASSWORD_PAGE, TICK_PAGE = "» 1)", "Password:", "» ●"
ANSWERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (LIST_PAGE, ("1", "Enter")),  # the old phone
    (LIST_PAGE, ("1", "Enter")),  # the new phone
    (LIST_PAGE, ("1", "Enter")),  # it is new or erased
    (LIST_PAGE, ("1", "Enter")),  # encrypt the backup
    (PASSWORD_PAGE, ("correct-horse", "Enter")),
    (PASSWORD_PAGE, ("correct-horse", "Enter")),
    (LIST_PAGE, ("2", "Enter")),  # choose what moves
    (TICK_PAGE, ("Space", "Down", "Space", "Down", "Down", "Down", "Space", "Down", "Space", "Up")),
)
PATIENCE_S = 90


@dataclass(frozen=True)
class Style:
    """How a piece of text is drawn."""

    colour: str = FOREGROUND
    bold: bool = False
    reverse: bool = False


def colour_256(number: int) -> str:
    """Colour `number` of xterm's 256, as `#rrggbb`."""
    if number < 16:
        return BASIC[number % 8]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    cube = number - 16
    return "#" + "".join(f"{STEPS[part]:02x}" for part in (cube // 36, cube // 6 % 6, cube % 6))


def apply_sgr(style: Style, codes: str) -> Style:
    """The style after one SGR sequence; codes that the drawing does not show change nothing."""
    numbers = iter([int(code or 0) for code in codes.split(";")])
    for number in numbers:
        if number == 0:
            style = Style()
        elif number in (1, 22):
            style = replace(style, bold=number == 1)
        elif number in (7, 27):
            style = replace(style, reverse=number == 7)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style = replace(style, colour=BASIC[number % 10])
        elif number == 39:
            style = replace(style, colour=FOREGROUND)
        elif number in (38, 48) and next(numbers, None) == 5:
            colour = colour_256(next(numbers, 7))
            style = replace(style, colour=colour) if number == 38 else style
    return style


def pieces(screen: str) -> Iterator[tuple[int, int, Style, str]]:
    """Every piece of text on a screen with escape sequences, as (line, column, style, text)."""
    style = Style()
    for line, text in enumerate(screen.splitlines()):
        column = 0
        for index, part in enumerate(SGR.split(OTHER_ESCAPES.sub("", text))):
            if index % 2:
                style = apply_sgr(style, part)
            elif part:
                yield line, column, style, part
                column += len(part)


def draw(screen: str, title: str, columns: int = COLUMNS) -> str:
    """The screen as one SVG picture; `title` is what a screen reader says."""
    screen = screen.rstrip()
    lines = screen.count("\n") + 1
    width, height = round(columns * CELL_WIDTH + 2 * MARGIN), lines * LINE_HEIGHT + 2 * MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>',
        f'<g font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="{FONT_SIZE}">',
    ]
    for line, column, style, text in pieces(screen):
        shown = text.rstrip() if not style.reverse else text
        if not shown:
            continue
        lead = len(shown) - len(shown.lstrip())
        shown = shown.lstrip()
        x, y = MARGIN + (column + lead) * CELL_WIDTH, MARGIN + line * LINE_HEIGHT
        length = len(shown) * CELL_WIDTH
        if style.reverse:
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="{LINE_HEIGHT}" fill="{style.colour}"/>'
            )
        weight = ' font-weight="bold"' if style.bold else ""
        colour = BACKGROUND if style.reverse else style.colour
        place = f'x="{x:.1f}" y="{y + FONT_SIZE}" textLength="{length:.1f}" xml:space="preserve"'
        drawn.append(f'<text {place} fill="{colour}"{weight}>{escape(shown)}</text>')
    return "\n".join([*drawn, "</g>", "</svg>", ""])


class Terminal:
    """A tmux server with one window."""

    def __init__(self, socket: Path) -> None:
        self.tmux = ("tmux", "-f", os.devnull, "-S", str(socket))

    def run(self, *arguments: str) -> str:
        return subprocess.run([*self.tmux, *arguments], capture_output=True, encoding="utf-8", check=True).stdout

    def close(self) -> None:
        """Stop the demo with Ctrl-C, so that it stops its simulated phones; tmux ends with it."""
        self.run("send-keys", "C-c")
        deadline = time.monotonic() + 10
        while subprocess.run([*self.tmux, "has-session"], capture_output=True).returncode == 0:
            if time.monotonic() > deadline:
                self.run("kill-server")
                break
            time.sleep(0.3)

    def screen(self, *, escapes: bool = False) -> str:
        return self.run("capture-pane", "-p", *(["-e"] if escapes else []))

    def wait_for(self, prompt: str) -> None:
        """Wait until the last page shows the prompt and the screen does not change any more.

        Raises:
            TimeoutError: it does not within PATIENCE_S. The message is the screen.
        """
        deadline, before = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < deadline:
            screen = self.screen()
            if prompt in last_lines(screen) and screen == before:
                return
            before = screen
            time.sleep(0.5)
        raise TimeoutError(before)


def capture() -> str:
    """The last screen of ANSWERS, with its escape sequences."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(Path(folder) / "tmux")
        command = [sys.executable, "-m", "migrate", "demo", "--wizard", "--home", str(Path(folder) / "home")]
        environment = ["env", "-u", "NO_COLOR", "-u", "COLUMNS", "-u", "LINES", "LC_ALL=C.UTF-8"]
        size = ("-x", str(COLUMNS), "-y", str(LINES))
        terminal.run("new-session", "-d", *size, "-c", str(ROOT), shlex.join([*environment, *command]))
        try:
            for prompt, keys in ANSWERS:
                terminal.wait_for(prompt)
                for key in keys:
                    terminal.run("send-keys", key)
                    time.sleep(0.3)
            time.sleep(1)
            return terminal.screen(escapes=True)
        finally:
            terminal.close()


def last_lines(screen: str) -> str:
    """What is below the last rule: the page that waits for an answer."""
    return screen.rpartition(RULE)[2]


def last_page(screen: str) -> str:
    """The page that waits for an answer, with its heading."""
    lines = screen.splitlines()
    heading = max((number for number, line in enumerate(lines) if RULE in line), default=0)
    return "\n".join(lines[heading:])


if __name__ == "__main__":
    IMAGE.parent.mkdir(exist_ok=True)
    IMAGE.write_text(draw(last_page(capture()), "The wizard asks what should move"), encoding="utf-8", newline="\n")
