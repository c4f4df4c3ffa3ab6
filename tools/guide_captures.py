"""Draws every picture of docs/guide from the program itself: `python -m tools.guide_captures`.

It answers the pages of `migrate demo --wizard` in tmux, one after the other, and types the commands of the guide with a
simulated iPhone at hand. It needs tmux, a free minute or two, and no iPhone.

`python -m tools.guide_captures --pages DIR --columns 60` writes each page of the wizard as text instead.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.recording import Frame, animated_svg, asciicast, shortened, thinned
from tools.wizard_screenshot import OTHER_ESCAPES, RULE, SGR, draw, last_page

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guide"
IMAGES = GUIDE / "images"
COLUMNS, LINES = 80, 44
LINES_OF_A_COMMAND = 120
LOOK_S, STILL_S = 0.25, 0.8
PATIENCE_S = 240
HOME_SHOWN = "/home/ada"
MIGRATE_HOME = "migrate"
PASSWORD = "correct-horse"  # noqa: S105  # of a simulated iPhone

PAGES: dict[str, tuple[str, str]] = {
    "old-phone": (r"Which is the old phone", "The wizard asks which iPhone is the old one"),
    "new-phone-is": (r"What is .* now\?", "The wizard asks whether the new iPhone is erased or in use"),
    "encryption": (r"Encrypt the backup", "The wizard offers to encrypt the backup"),
    "what-moves": (r"What should move", "The wizard asks what should move"),
    "summary": (r"Ready to move", "The wizard sums up what it will do"),
    "last-check": (r"Last check", "The last check before anything changes: it asks for a yes"),
}
"""Picture -> what the heading of its page says, and what a screen reader says about the picture."""
WORKING = "backing-up"
PROGRESS = re.compile(r"\d+ ?%")

COMMANDS: dict[str, tuple[str, ...]] = {
    "explain": ("migrate", "explain", "iPhone backup failed"),
    "check": ("migrate", "check"),
    "backup": ("migrate", "backup"),
    "verify": ("migrate", "verify", "{backup}"),
    "backups": ("migrate", "backups"),
    "show": ("migrate", "show", "{backup}"),
    "extract": ("migrate", "extract", "{backup}", "--category", "messages", "--to", "my-messages"),
}
"""Picture -> the command that is typed. They run in this order, with one simulated iPhone connected."""
PHONE = """
name = "Ada's iPhone"
udid = "00008101-000A1B2C3D4E5F60"
ios_version = "18.5"
model = "iPhone13,2"
passcode = "1947"

[contents]
"""

# -- a terminal --------------------------------------------------------------------------------------------------------


@dataclass
class Window:
    """A command in a tmux window, and every screen it has shown."""

    tmux: tuple[str, ...]
    frames: list[Frame] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def run(self, *arguments: str) -> str:
        return subprocess.run([*self.tmux, *arguments], capture_output=True, encoding="utf-8", check=True).stdout

    def type(self, *keys: str) -> None:
        """Press the keys, and wait until the last one shows: a busy computer takes its time.

        Raises:
            TimeoutError: nothing changes on the screen.
        """
        for key in keys:
            before = self.settled(lambda screen: True)
            self.run("send-keys", key)
        deadline = time.monotonic() + PATIENCE_S
        while self.look() == before and not self.has_ended:
            if time.monotonic() > deadline:
                raise TimeoutError(plain(before))
            time.sleep(LOOK_S)

    def look(self) -> str:
        """The screen as it is now, with its escape sequences."""
        screen = self.run("capture-pane", "-p", "-e", "-J")
        if not self.frames or self.frames[-1].screen != screen:
            self.frames.append(Frame(time.monotonic() - self.started, screen))
        return screen

    @property
    def has_ended(self) -> bool:
        return self.run("display-message", "-p", "#{pane_dead}").strip() == "1"

    def wait(self) -> str:
        """The screen once a page waits for an answer, or the command has ended."""
        return self.settled(lambda screen: self.has_ended or answer_to(plain(screen)) is not None)

    def settled(self, is_wanted: Callable[[str], bool]) -> str:
        """A wanted screen that has not changed for STILL_S.

        Raises:
            TimeoutError: there is none within PATIENCE_S. The message is the screen.
        """
        before, since, deadline = "", time.monotonic(), time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            screen = self.look()
            if screen != before:
                before, since = screen, time.monotonic()
            elif time.monotonic() - since > STILL_S and is_wanted(screen):
                return screen
            time.sleep(LOOK_S)
        raise TimeoutError(plain(before))


@contextmanager
def window(command: list[str], folder: Path, environment: dict[str, str], columns: int, lines: int) -> Iterator[Window]:
    """`command` in a terminal with nothing else of this computer in sight. It is stopped at the end."""
    known = {"HOME": str(folder), "MIGRATE_HOME": str(folder / MIGRATE_HOME), "PYTHONPATH": str(ROOT)}
    known |= {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment}
    words = ["env", "-i", *(f"{name}={value}" for name, value in known.items()), "TERM=screen-256color", *command]
    terminal = Window(("tmux", "-f", os.devnull, "-S", str(Path(tempfile.mkdtemp(dir=folder)) / "tmux")))
    terminal.run("new-session", "-d", "-x", str(columns), "-y", str(lines), "-c", str(folder), "sleep 600")
    terminal.run("set-option", "-g", "remain-on-exit", "on")
    terminal.run("set-option", "-g", "remain-on-exit-format", "")
    terminal.run("set-option", "-g", "status", "off")
    terminal.run("respawn-pane", "-k", "-c", str(folder), shlex.join(words))
    try:
        yield terminal
    finally:
        terminal.run("send-keys", "C-c")
        deadline = time.monotonic() + 10
        while not terminal.has_ended and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        terminal.run("kill-server")


def plain(screen: str) -> str:
    return SGR.sub("", OTHER_ESCAPES.sub("", screen))


def page_of(screen: str) -> str:
    """The page that waits: from the last heading on, or all of the screen."""
    return last_page(screen).rstrip()


def answer_to(screen: str) -> tuple[str, ...] | None:
    """The keys that answer a page as somebody does who agrees to everything; None if nothing is being asked."""
    lines = screen.rstrip().splitlines()
    last, page = lines[-1] if lines else "", screen.rpartition(RULE)[2]
    if "Type yes" in last:
        return ("yes", "Enter")
    if "any other key" in last:
        return ("q",)
    if re.fullmatch(r"\W*Password:\s*", last):  # once it is answered, stars follow
        return (PASSWORD, "Enter")
    if re.search(r"^ *» [●○]", page, re.MULTILINE):
        return ("Enter",) if "●" in page else ("Space", "Enter")
    return ("Enter",) if re.search(r"^ *» ", page, re.MULTILINE) else None


# -- the wizard --------------------------------------------------------------------------------------------------------


@dataclass
class Session:
    """A whole session of the wizard: its pages with their headings, what it showed meanwhile, and how it ended."""

    pages: list[tuple[str, str]]
    frames: list[Frame]
    worked: dict[str, list[str]]
    """Heading of a page -> the screens since the page before it was answered."""


def walk_through_wizard(folder: Path, columns: int) -> Session:
    """Answer every page of the demo's wizard."""
    command = [sys.executable, "-m", "migrate", "demo", "--wizard"]
    pages: list[tuple[str, str]] = []
    worked: dict[str, list[str]] = {}
    answered = 0
    with window(command, folder, {}, columns, LINES) as terminal:
        while True:
            screen = terminal.wait()
            if terminal.has_ended:
                pages.append(("The end", screen))
                return Session(pages, terminal.frames, worked)
            page = page_of(screen)
            heading = plain(page).strip().split("\n")[0].rstrip("─ ")
            pages.append((heading, page))
            worked[heading] = [frame.screen for frame in terminal.frames[answered:]]
            keys = answer_to(plain(screen))
            assert keys is not None
            terminal.type(*keys)
            answered = len(terminal.frames)


# -- the pictures ------------------------------------------------------------------------------------------------------


def anonymous(screen: str, folder: Path) -> str:
    """A screen without the name of this computer's temporary folder."""
    return screen.replace(str(folder), HOME_SHOWN)


def draw_wizard(session: Session, folder: Path) -> None:
    """The pictures of the wizard's pages, of a moment while it works, of its end, and the recording.

    Raises:
        LookupError: a page of the guide did not come, so PAGES is out of date.
    """
    for name, (words, title) in PAGES.items():
        shown = [page for heading, page in session.pages if re.search(words, heading)]
        if not shown:
            raise LookupError(f"no page says {words!r}: {[heading for heading, _page in session.pages]}")
        write_picture(name, anonymous(shown[0], folder), title)
    heading = next(heading for heading in session.worked if re.search(PAGES["what-moves"][0], heading))
    backing_up = [screen for screen in session.worked[heading] if is_working(plain(screen))]
    if not backing_up:
        raise LookupError("the progress of the backup was never on the screen")
    write_picture(WORKING, tail(backing_up[len(backing_up) // 2], 8), "A backup on its way, with its progress")
    write_picture("the-end", tail(anonymous(session.pages[-1][1], folder), 30), "The end of a move: the verdict")
    frames = thinned(
        shortened([Frame(one.at_s, anonymous(one.screen, folder)) for one in session.frames if one.screen.strip()])
    )
    title = "A whole move with the wizard, between two simulated iPhones"
    write("a-move.cast", asciicast(frames, COLUMNS, LINES, title))
    write("a-move.svg", animated_svg(frames, COLUMNS, LINES, title))


def is_working(screen: str) -> bool:
    """Whether the last line shows how far a step is."""
    last = screen.rstrip().splitlines()[-1:]
    return bool(last and PROGRESS.search(last[0]))


def tail(screen: str, lines: int) -> str:
    return "\n".join(screen.rstrip().splitlines()[-lines:])


def draw_commands(folder: Path) -> None:
    """The pictures of COMMANDS, with one simulated iPhone connected."""
    phone = folder / "phone.toml"
    phone.write_text(PHONE, encoding="utf-8")
    words = [sys.executable, "-m", "migrate", "simulator", "serve", "--for", "600", "--phone", str(phone)]
    serving = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    assert serving.stdout is not None
    try:
        address = serving.stdout.readline().strip().partition("=")[2]
        environment = {"USBMUXD_SOCKET_ADDRESS": address}
        udid = re.search(r'udid = "(.*)"', PHONE)
        assert udid is not None
        backup = folder / MIGRATE_HOME / "backups" / udid[1]
        for name, typed in COMMANDS.items():
            command = [word.format(backup=backup) for word in typed]
            words = [sys.executable, "-m", *command]
            with window(words, folder, environment, COLUMNS, LINES_OF_A_COMMAND) as terminal:
                screen = anonymous(terminal.wait(), folder)
            prompt = anonymous(f"$ {shlex.join(command)}", folder)
            write_picture(name, f"{on_lines(prompt)}\n{screen}", f"What {shlex.join(typed[:2])} shows")
    finally:
        serving.terminate()
        serving.wait()
        serving.stdout.close()


def on_lines(command: str) -> str:
    """A command that does not fit, as a shell takes it on several lines."""
    return " \\\n".join(textwrap.wrap(command, COLUMNS - 2, subsequent_indent="    ", break_long_words=False))


def write_picture(name: str, screen: str, title: str) -> None:
    write(f"{name}.svg", draw(screen, title, COLUMNS))


def write(name: str, text: str) -> None:
    (IMAGES / name).write_text(text, encoding="utf-8", newline="\n")


def write_pages(session: Session, to: Path, columns: int) -> None:
    """Each page as text, numbered in the order in which it came."""
    to.mkdir(parents=True, exist_ok=True)
    for number, (heading, page) in enumerate(session.pages, 1):
        name = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")[:40]
        (to / f"{columns}-{number:02}-{name}.txt").write_text(plain(page).rstrip() + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, help="write the wizard's pages as text into this folder instead")
    parser.add_argument("--columns", type=int, default=COLUMNS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ada-") as name:
        folder = Path(name)
        session = walk_through_wizard(folder, chosen.columns)
        if chosen.pages is not None:
            write_pages(session, chosen.pages, chosen.columns)
            return
        IMAGES.mkdir(parents=True, exist_ok=True)
        draw_wizard(session, folder)
        draw_commands(folder)


if __name__ == "__main__":
    main()
