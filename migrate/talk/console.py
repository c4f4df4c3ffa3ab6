"""How things are put before a person, and before a script.

stdout is data, stderr is talk. Names come from phones and backups, so they are strangers: what could steer a terminal
is taken out of text, and escaped in JSON. Text fits into 60 columns where it can; no colour is used, so NO_COLOR has
nothing to switch off.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TextIO

from migrate.problems import MigrateError, NoTerminal, Paste, paste
from migrate.problems.finding import Finding

CONTROL_CHARACTERS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters (but not the newline), marks that turn the reading direction, and halves of characters."""

NARROWEST, WIDEST = 40, 100


ASCII_REPLACEMENTS = str.maketrans({"…": "...", "—": "-", "·": "-", "“": '"', "”": '"', "’": "'", "»": ">", "→": "->"})
"""Our own signs that a terminal without unicode, or a voice that reads it aloud, can do without."""


def is_plain() -> bool:
    """Whether to speak plainly (`--plain`, MIGRATE_PLAIN): lines only, nothing drawn anew, no sign beyond ASCII of our
    own. Names stay as their owners spelled them."""
    return os.environ.get("MIGRATE_PLAIN", "0") not in ("", "0")


def require_terminal() -> None:
    """Raises NoTerminal: there is nobody to hold a conversation with."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise NoTerminal()


class StdoutClosed(Exception):
    """Whoever read our stdout has seen enough (`migrate show … | head`)."""


def prepare_streams(*, as_json: bool) -> None:
    """A character that the terminal cannot show must not end the program; JSON is UTF-8 wherever it goes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a test's stream may have none
        if reconfigure is None:
            continue
        if as_json and stream is sys.stdout:
            reconfigure(encoding="utf-8", errors="replace")
        else:
            reconfigure(errors="replace")


def print_line(text: str = "") -> None:
    """One line of data.

    Raises:
        ReaderGone: nobody reads stdout any more.
    """
    _print(safe(text), sys.stdout)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """One JSON value of data, on one line unless `indent` is given."""
    _print(dump_json(value, indent=indent), sys.stdout)


def say(text: str = "") -> None:
    """One line of talk."""
    with suppress(StdoutClosed):  # nobody left to talk to is no reason to stop
        _print(safe(text), sys.stderr)


def ask_line(prompt: str) -> str:
    """What a person types after `prompt`, which goes to stderr like all talk; "" at the end of input."""
    sys.stderr.write(safe(prompt))
    sys.stderr.flush()
    return sys.stdin.readline().rstrip("\r\n")


def _print(line: str, stream: TextIO) -> None:
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError as error:
        raise StdoutClosed from error


def discard_stdout() -> None:
    """After ReaderGone: what is still buffered goes nowhere, or Python would complain about it at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def safe(text: str) -> str:
    """`text` without what could steer a terminal; plainly, where that is wished."""
    shown = CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)
    return shown.translate(ASCII_REPLACEMENTS) if is_plain() else shown


def dump_json(value: Any, *, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return CONTROL_CHARACTERS.sub(
        lambda found: f"\\u{ord(found.group()):04x}", text
    )  # such a character is always inside a string


# -- words -----------------------------------------------------------------------------------------------------------


def width() -> int:
    return max(NARROWEST, min(shutil.get_terminal_size((80, 24)).columns, WIDEST))


def wrapped(text: str, *, indent: str = "", first: str | None = None) -> str:
    """`text` in lines that fit, never cutting a word: a command or a path must stay one piece to be pasted."""
    return "\n".join(
        textwrap.wrap(
            safe(text),
            width=width(),
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def format_problem(what: str, why: str, then: str) -> list[str]:
    """How an error or a finding is laid out."""
    return [
        wrapped(what),
        wrapped(why, indent="         ", first="   Why:  "),
        wrapped(then, indent="         ", first="   Next: "),
    ]


def print_error(error: MigrateError, *, as_json: bool, paste: Paste = paste) -> None:
    """An error: as JSON on stdout, or in words on stderr with its commands written by `paste`."""
    if as_json:
        print_json({"error": error.as_json()})
        return
    for line in format_problem(*(error.render(sentence, paste) for sentence in ("what", "why", "next"))):
        say(line)


MARKS: dict[str, str] = {"error": "!!", "warning": "! ", "info": "- "}
MAX_SHOWN_PER_CODE = 5
"""How many findings of one code are told in words before the rest is counted: a backup can have thousands."""


def format_findings(findings: Iterable[Finding]) -> list[str]:
    """Findings for a person: the gravest first, many of one kind counted, each kind explained once."""
    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.severity, finding.code), []).append(finding)
    lines = []
    for (severity, _), alike in sorted(kinds.items(), key=lambda item: list(MARKS).index(item[0][0])):
        mark = MARKS[severity]
        lines += [wrapped(finding.what, indent="     ", first=f"  {mark} ") for finding in alike[:MAX_SHOWN_PER_CODE]]
        if len(alike) > MAX_SHOWN_PER_CODE:
            lines.append(f"     … and {len(alike) - MAX_SHOWN_PER_CODE:,} more of these (all of them with --json)")
        lines.append(wrapped(alike[0].why, indent="     "))
        lines.append(wrapped(alike[0].next, indent="           ", first="     Next: "))
    return lines


# -- tables ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    title: str
    align: Literal["left", "right"] = "left"
    shrinks: bool = False
    """The column that is cut when the table is too wide."""


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned rows under their titles, two spaces apart; the shrinking column is cut with `…` so that lines fit."""
    cells = [[column.title for column in columns], *([safe(cell) for cell in row] for row in rows)]
    widths = [max(display_width(row[index]) for row in cells) for index in range(len(columns))]
    spare = width() - sum(widths) - 2 * (len(columns) - 1)
    for index, column in enumerate(columns):
        if column.shrinks and spare < 0:
            widths[index] = max(12, widths[index] + spare)
    lines = []
    for row in cells:
        padded = [
            pad(truncate(cell, wide), wide, column.align)
            for cell, wide, column in zip(row, widths, columns, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def display_width(text: str) -> int:
    """How many columns a terminal takes for `text`: two for East Asian wide characters, none for combining marks."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def truncate(text: str, columns: int) -> str:
    """`text` in at most so many columns, with `…` where something is left out."""
    if display_width(text) <= columns:
        return text
    kept = ""
    for char in text:
        if display_width(kept + char) > columns - 1:
            break
        kept += char
    return f"{kept}…"


def pad(text: str, columns: int, align: str) -> str:
    space = " " * (columns - display_width(text))
    return space + text if align == "right" else text + space
