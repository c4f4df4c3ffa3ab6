"""The end of a run on a terminal: Enter opens the receipt's page in the browser, any other key leaves."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from migrate.ctrl_c import ctrl_c
from migrate.language import _
from migrate.talk.console import is_plain, one_line, safe, say

ENTER = ("\r", "\n")
ERASE_LINE = "\r\x1b[2K"


def offer_page(page: Path) -> None:
    """Ask whether to open the page. Nothing is asked where nobody could answer, or nothing could open it.

    The question leaves the screen again, so that the verdict stays the last line.
    """
    if not (page.is_file() and is_a_person_there() and has_browser()):
        return
    question = safe(_("Press Enter to open the receipt in your browser, or any other key to leave. "))
    try:
        with ctrl_c.raising():
            key = ask_for_key(question)
    except KeyboardInterrupt:
        ctrl_c.forget()  # the run is over: its exit code counts
        key = ""
    sys.stderr.write("\n" if is_plain() or os.environ.get("TERM") in (None, "", "dumb") else ERASE_LINE)
    sys.stderr.flush()
    if key in ENTER and not open_in_browser(page):
        say(_("No browser could be started. Open this file yourself: {path}").format(path=one_line(page)))


def is_a_person_there() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def has_browser() -> bool:
    """Whether there is a browser with a window. One inside the terminal would hide what the run has said."""
    if sys.platform not in ("win32", "darwin") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def open_in_browser(page: Path) -> bool:
    return open_address(page.absolute().as_uri())


def open_address(address: str) -> bool:
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


def show(question: str) -> None:
    sys.stderr.write(question)
    sys.stderr.flush()


if sys.platform == "win32":
    import msvcrt

    def ask_for_key(question: str) -> str:
        """Ask, and wait for one key. What was typed before does not count."""
        while msvcrt.kbhit():
            msvcrt.getwch()
        show(question)
        key = msvcrt.getwch()
        if key == "\x03":  # Ctrl-C
            raise KeyboardInterrupt
        return key

else:
    import termios
    import tty

    def ask_for_key(question: str) -> str:
        """Ask, and wait for one key. What was typed before does not count. "" if the terminal has gone."""
        terminal = sys.stdin.fileno()
        try:
            before = termios.tcgetattr(terminal)
            try:
                tty.setcbreak(terminal, termios.TCSAFLUSH)
                show(question)
                return os.read(terminal, 1).decode(errors="replace")
            finally:
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)  # the rest of an arrow key goes, too
        except (termios.error, OSError):
            return ""
