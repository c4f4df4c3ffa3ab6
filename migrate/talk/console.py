"""Output for people and for scripts.

stdout is data, stderr is talk. Names from phones and backups are untrusted: control sequences are removed from text and
escaped in JSON. Text fits into 60 columns where it can. Verdicts are bold, errors and warnings have a colour, where
the stream is a terminal that shows it and nobody has asked for plain text or NO_COLOR. Nothing is told by colour only.
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

from migrate.ctrl_c import ctrl_c
from migrate.language import _, plural
from migrate.problems import MigrateError, NoTerminal, Paste, paste
from migrate.problems.finding import Finding
from migrate.problems.problem import shortened
from migrate.untrusted_text import CONTROL_CHARACTERS, without_control_characters

NARROWEST, WIDEST = 40, 100
NORMAL = "\x1b[0m"
STYLES = {
    "bold": "\x1b[1m",
    "good": "\x1b[1;32m",  # green: proven
    "warning": "\x1b[33m",  # yellow
    "error": "\x1b[1;31m",  # red
    "pending": "\x1b[1;33m",
}
"""The terminal's own eight colours, which its owner has chosen to be readable."""


ASCII_REPLACEMENTS = str.maketrans({"…": "...", "—": "-", "·": "-", "“": '"', "”": '"', "’": "'", "»": ">", "→": "->"})
"""ASCII for our own signs, for terminals without Unicode and for screen readers."""


def is_plain() -> bool:
    """Whether output is plain (`--plain`, MIGRATE_PLAIN): lines only, no redraws, our own text in ASCII. Names stay as
    their owners spelled them."""
    return os.environ.get("MIGRATE_PLAIN", "0") not in ("", "0")


def require_terminal() -> None:
    """Check that there is a terminal to ask on.

    Raises:
        NoTerminal: stdin or stderr is not a terminal.
    """
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise NoTerminal()


class StdoutClosed(Exception):
    """The reader of our stdout has closed it (`migrate show … | head`)."""


def prepare_streams(*, as_json: bool) -> None:
    """Replace characters the terminal cannot show instead of failing, and write JSON as UTF-8 everywhere."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # a test's stream may have none
        if reconfigure is None:
            continue
        if as_json and stream is sys.stdout:
            reconfigure(encoding="utf-8", errors="replace")
        else:
            reconfigure(errors="replace")


def print_line(text: str = "") -> None:
    """Print one line of data.

    Raises:
        StdoutClosed: the reader has closed stdout.
    """
    _print(with_painted_mark(safe(text), sys.stdout), sys.stdout)


def print_emphasised(text: str, colour: str = "") -> None:
    """Print text in bold, and in a colour, where stdout is a terminal that shows it.

    Raises:
        StdoutClosed: the reader has closed stdout.
    """
    _print(painted(safe(text), colour or "bold", sys.stdout), sys.stdout)


def painted(text: str, style: str, stream: TextIO | None) -> str:
    """`text` (which is safe) in one of STYLES where `stream` shows it. Each line is painted by itself, so that no line
    of a pager or a log inherits a colour."""
    if style not in STYLES or not shows_style(stream):
        return text
    return "\n".join(f"{STYLES[style]}{line}{NORMAL}" if line else line for line in text.split("\n"))


def with_painted_mark(text: str, stream: TextIO | None) -> str:
    """`text` with the mark of a finding in its colour, if it begins with one."""
    found = MARK_OF_FINDING.match(text)
    if found is None:
        return text
    return f"  {painted(found[1], 'error' if found[1] == '!!' else 'warning', stream)}{text[found.end() :]}"


def can_redraw(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal whose last line can be drawn again, and nobody has asked for plain text."""
    return not is_plain() and os.environ.get("TERM") != "dumb" and stream is not None and stream.isatty()


def shows_style(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that shows bold and colours, and nobody has asked for plain text or no colour."""
    if is_plain() or os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "", "dumb"):
        return False
    return stream is not None and stream.isatty()


def print_json(value: Any, *, indent: int | None = None) -> None:
    """Print one JSON value, on one line unless `indent` is given."""
    _print(dump_json(value, indent=indent), sys.stdout)


def say(text: str = "") -> None:
    """Print one line of talk on stderr."""
    with suppress(StdoutClosed):  # the work goes on without a reader
        _print(with_painted_mark(safe(text), sys.stderr), sys.stderr)


def ask_line(prompt: str) -> str:
    """Ask on stderr and read one line; "" at the end of input. Raises KeyboardInterrupt."""
    with ctrl_c.raising():
        sys.stderr.write(safe(prompt))
        sys.stderr.flush()
        return sys.stdin.readline().rstrip("\r\n")


def _print(line: str, stream: TextIO) -> None:
    try:
        print(line, file=stream, flush=True)
    except BrokenPipeError as error:
        raise StdoutClosed from error


def discard_stdout() -> None:
    """Drop what is still buffered after StdoutClosed: Python would complain about it at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def safe(text: str) -> str:
    """`text` without control characters, and in ASCII where output is plain."""
    shown = without_control_characters(text)
    return shown.translate(ASCII_REPLACEMENTS) if is_plain() else shown


def one_line(text: object) -> str:
    """Foreign text on one line, at most 4,096 characters of it: for a path on a line of its own, which is copied."""
    return shortened(safe(str(text)), LONGEST_LINE)


LONGEST_LINE = 4096  # a path on this computer is not longer
LONGEST_PARAGRAPH = 8000


def dump_json(value: Any, *, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return CONTROL_CHARACTERS.sub(
        lambda found: f"\\u{ord(found.group()):04x}", text
    )  # such a character is always inside a string


# -- text ------------------------------------------------------------------------------------------------------------


def width() -> int:
    return max(NARROWEST, min(terminal_columns(), WIDEST))


def terminal_columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def wrapped(text: str, *, indent: str = "", first: str | None = None) -> str:
    """`text` in lines that fit. Words are never cut: commands and paths must stay pasteable."""
    return "\n".join(
        textwrap.wrap(
            safe(text if len(text) <= LONGEST_PARAGRAPH else f"{text[:LONGEST_PARAGRAPH]}…"),
            width=width(),
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def format_file_count(count: int) -> str:
    """`1 file`, `1,234 files`."""
    return plural("{count:,} file", "{count:,} files", count).format(count=count)


def format_problem(what: str, why: str, then: str) -> list[str]:
    """The lines of an error or a finding."""
    return [
        wrapped(what),
        wrapped(why, indent="         ", first=_("   Why:  ")),
        wrapped(then, indent="         ", first=_("   Next: ")),
    ]


def print_error(error: MigrateError, *, as_json: bool, paste: Paste = paste) -> None:
    """Print an error: as JSON on stdout, or as text on stderr with its commands written by `paste`."""
    if as_json:
        print_json(error.as_answer())
        return
    for number, one in enumerate(error.together):
        if number:
            say()
        what, *more = format_problem(*(one.render(sentence, paste) for sentence in ("what", "why", "next")))
        with suppress(StdoutClosed):
            _print(painted(safe(what), "error", sys.stderr), sys.stderr)
        for line in more:
            say(line)


MARKS: dict[str, str] = {"error": "!!", "warning": "! ", "info": "- "}
MARK_OF_FINDING = re.compile(r"  (!!?)(?= )")
MAX_SHOWN_PER_CODE = 5
"""How many findings of one code are listed before the rest is counted: a backup can have thousands."""


def format_findings(findings: Iterable[Finding]) -> list[str]:
    """Findings as text: the most severe first, many of one kind counted. Those of one kind stand together only if
    their reason and their next step are the same."""
    kinds: dict[tuple[str, str], dict[tuple[str, str], list[Finding]]] = {}
    for finding in findings:
        kind = kinds.setdefault((finding.severity, finding.code), {})
        kind.setdefault((finding.why, finding.next), []).append(finding)
    lines = []
    for (severity, _code), reasons in sorted(kinds.items(), key=lambda item: list(MARKS).index(item[0][0])):
        mark, left = MARKS[severity], MAX_SHOWN_PER_CODE
        for (why, then), alike in reasons.items():
            if not left:
                break
            shown, left = alike[:left], max(0, left - len(alike))
            lines += [wrapped(finding.what, indent="     ", first=f"  {mark} ") for finding in shown]
            if len(alike) > len(shown):
                lines.append(_more(len(alike) - len(shown), _("… and {count:,} more of these (--json lists them all)")))
            lines.append(wrapped(why, indent="     "))
            lines.append(wrapped(then, indent="           ", first=_("     Next: ")))
        if others := sum(map(len, [*reasons.values()][_reasons_shown(reasons) :])):
            lines.append(
                _more(others, _("… and {count:,} more of this kind, for other reasons (--json lists them all)"))
            )
    return lines


def _reasons_shown(reasons: dict[tuple[str, str], list[Finding]]) -> int:
    """How many reasons are shown until enough findings are."""
    shown = 0
    for number, alike in enumerate(reasons.values(), 1):
        shown += len(alike)
        if shown >= MAX_SHOWN_PER_CODE:
            return number
    return len(reasons)


def _more(count: int, text: str) -> str:
    return f"     {text.format(count=count)}"


# -- tables ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    title: str
    align: Literal["left", "right"] = "left"
    shrinks: bool = False
    """Whether this column is cut when the table is too wide."""


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, room: int | None = None) -> list[str]:
    """Aligned rows under their titles, two spaces apart; shrinking columns are cut with `…` to fit into `room`."""
    cells = [[column.title for column in columns], *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(display_width(row[index]) for row in cells) for index in range(len(columns))]
    spare = (room or width()) - sum(widths) - 2 * (len(columns) - 1)
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


def _cell(text: str) -> str:
    return truncate(one_line(text[: 2 * WIDEST]), width())


def display_width(text: str) -> int:
    """How many columns a terminal takes for `text`: two for East Asian wide characters, none for combining marks."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def truncate(text: str, columns: int) -> str:
    """`text` in at most `columns` columns, with `…` (`...` where output is plain) where it was cut."""
    if display_width(text) <= columns:
        return text
    cut = safe("…")
    kept = ""
    for char in text:
        if display_width(kept + char) > columns - len(cut):
            break
        kept += char
    return kept + cut


def pad(text: str, columns: int, align: str) -> str:
    space = " " * (columns - display_width(text))
    return space + text if align == "right" else text + space
