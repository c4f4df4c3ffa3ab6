"""Captures every page of the wizard as text, at one width of the terminal.

    python -m tools.wizard_captures FOLDER      writes FOLDER/80/01-….txt and FOLDER/60/01-….txt

`capture(columns)` returns the pages for other tools. It serves simulated iPhones, runs `migrate` in tmux, answers its
pages like a person, and takes each page once it waits for an answer. It takes about two minutes for one width.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.wizard_screenshot import OTHER_ESCAPES, ROOT, RULE, SGR, Terminal, last_page

WIDTHS = (80, 60)
LINES = 60
TYPED = "correct-horse"
PATIENCE_S = 120.0
READY = (
    "then Enter)",
    "b: back)",
    "Password:",
    "Folder:",
    "Your answer:",
    "to continue:",
    "to go on:",
    "the old phone's):",
)
"""How a page ends that waits for an answer."""

OLD = """
name = "Ada's old iPhone"
udid = "00008101-0001AAAA00000001"
ios_version = "18.5"
model = "iPhone13,2"
passcode = "1947"
keybag_rounds = 1000
[contents]
icloud_only_photos = 7
icloud_only_attachments = 2
[hand]
passcode_delay_s = 3.0
"""
NEW = """
name = "Ada's new iPhone"
udid = "00008140-0002BBBB00000002"
ios_version = "26.1"
model = "iPhone17,3"
keybag_rounds = 1000
[hand]
setup_delay_s = 4.0
[contents]
"""
ERASED = NEW + "empty = true\n"


@dataclass(frozen=True)
class Page:
    """One page as it was on the screen, from its title on."""

    title: str
    lines: tuple[str, ...]
    screen: str
    """The same with its escape sequences, for a picture (`tools.wizard_screenshot.draw`)."""


@dataclass(frozen=True)
class Step:
    """What a person waits for at the end of the screen, and then presses."""

    wait: str
    keys: tuple[str, ...] = ("1", "Enter")
    is_page: bool = True
    above: str = ""
    """What else has to be on the screen, above the last page."""
    title: str = ""
    """What the page is called, where it has no title of its own."""


@dataclass(frozen=True)
class Story:
    """One start of `migrate` after another, with the same phones and home folder."""

    phones: tuple[str, ...]
    starts: tuple[tuple[Step, ...], ...]
    arguments: tuple[str, ...] = field(default=())


WHICH_OLD, WHICH_NEW, NEW_IS = Step("Which is the old phone?"), Step("Which is the new phone?"), "iPhone now?"
ENCRYPT, REPEAT = Step("Encrypt the backup?"), Step("Repeat it", (TYPED, "Enter"), is_page=False)
CHOOSE_PASSWORD = Step("New backup password", (TYPED, "Enter"))
OPEN = Step("Backup password (empty: back)", (TYPED, "Enter"))
ON_THE_PHONE = Step("Now on", ())
ORIGINALS = Step("press Enter to go on:", ("Enter",), title="Originals that are only in iCloud")
CTRL_C = ("C-c",)

STORIES = (
    Story(
        (OLD, NEW),
        (
            (
                WHICH_OLD,
                WHICH_NEW,
                Step(NEW_IS),
                Step("Empty it?", ("b", "Enter")),
                Step(NEW_IS, ("2", "Enter"), is_page=False),
                ENCRYPT,
                CHOOSE_PASSWORD,
                REPEAT,
                ON_THE_PHONE,
                ORIGINALS,
                Step("What should move?", ("Down", "Space", "Down", "Down", "Down", "Space", "End")),
                Step("What should move?", ("Enter",)),
                Step("the same as the old phone's", ("Enter",)),
                Step("Replace what is there?"),
                Step("Ready to move?"),
                Step("Type yes to continue:", ("no", "Enter")),
                Step("What now?", ("3", "Enter")),
            ),
            (
                Step("Continue where you stopped?"),
                Step("What should happen with it?", ("3", "Enter")),
                Step("Drop this move?", ("b", "Enter")),
                Step("What should happen with it?", ("2", "Enter"), is_page=False),
                Step("Backup password (empty: back)", ("wrong", "Enter")),
                Step("Backup password (empty: back)", (TYPED, "Enter"), above="If nobody knows it, leave it empty."),
                ORIGINALS,
                Step("What should move?", CTRL_C),
            ),
        ),
    ),
    Story(
        (OLD, ERASED),
        (
            (
                Step("Which is the old phone?", ("3", "Enter"), is_page=False),
                Step("Which folder?", ("Enter",)),
                Step("Which is the old phone?", is_page=False),
                Step("Which is the new phone?", is_page=False),
                Step(NEW_IS, is_page=False),
                Step("Encrypt the backup?", is_page=False),
                Step("New backup password", (TYPED, "Enter"), is_page=False),
                REPEAT,
                ORIGINALS,
                Step("What should move?", ("2", "Enter")),
                Step("What should move?", ("Enter",)),
                Step("Ready to move?"),
                Step("Type yes to continue:", ("yes", "Enter"), is_page=False),
                Step("Now on Ada's new iPhone", ()),
                Step("still coming", (), title="The end of a move"),
            ),
        ),
    ),
    Story(
        (OLD.replace('"18.5"', '"26.2"'), NEW),
        (
            (
                Step("Which is the old phone?", is_page=False),
                Step("Which is the new phone?", is_page=False),
                Step("not possible yet", CTRL_C),
            ),
        ),
    ),
    Story(
        (OLD, ERASED + "[faults]\nfree_bytes = 1000000\n"),
        (
            (
                Step("Which is the old phone?", is_page=False),
                Step("Which is the new phone?", is_page=False),
                Step(NEW_IS, is_page=False),
                Step("too little space", CTRL_C),
            ),
        ),
    ),
    Story((), ((Step("Which is the old phone?", CTRL_C),),)),
    Story((OLD, NEW), ((Step("Your answer:"), Step("Your answer:", CTRL_C)),), ("--plain",)),
)


def capture(columns: int) -> list[Page]:
    """Every page of the wizard on a terminal of this width, in the order in which a person meets them.

    Raises:
        TimeoutError: a page did not come. The message is the screen.
    """
    pages: list[Page] = []
    for story in STORIES:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            address = stack.enter_context(serving(folder, story.phones))
            for number, steps in enumerate(story.starts):
                terminal = Terminal(folder / f"tmux-{number}")
                words = [sys.executable, "-m", "migrate", "--home", str(folder / "home"), *story.arguments]
                begin(terminal, words, columns, {"USBMUXD_SOCKET_ADDRESS": address})
                try:
                    pages += visited(terminal, steps)
                finally:
                    terminal.run("kill-server")
    return pages


@contextmanager
def serving(folder: Path, phones: Sequence[str]) -> Iterator[str]:
    """The address of simulated iPhones, while inside."""
    arguments = []
    for number, text in enumerate(phones):
        file = folder / f"phone-{number}.toml"
        file.write_text(text, encoding="utf-8")
        arguments += ["--phone", str(file)]
    if not phones:  # an address where nothing listens
        yield "127.0.0.1:9"
        return
    command = [sys.executable, "-m", "migrate", "simulator", "serve", "--for", "600", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().partition("=")[2]
        finally:
            process.terminate()


def begin(terminal: Terminal, words: Sequence[str], columns: int, environment: dict[str, str]) -> None:
    """Start a command in tmux; its screen stays when it has ended."""
    given = [f"{name}={value}" for name, value in environment.items()]
    line = shlex.join(["env", "-u", "NO_COLOR", "-u", "COLUMNS", "-u", "LINES", "LC_ALL=C.UTF-8", *given, *words])
    size = ("-x", str(columns), "-y", str(LINES))
    terminal.run("new-session", "-d", *size, "-c", str(ROOT), f"{line}; sleep 600")


def visited(terminal: Terminal, steps: Sequence[Step]) -> Iterator[Page]:
    for step in steps:
        screen = wait_for(terminal, step)
        if step.is_page:
            yield page_of(screen, step.title)
        for key in step.keys:
            terminal.run("send-keys", key)
            time.sleep(0.15)


def wait_for(terminal: Terminal, step: Step) -> str:
    """The screen with its escape sequences, once the step's page waits for an answer and does not change any more."""
    deadline, before = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < deadline:
        screen = terminal.screen(escapes=True)
        shown = plain(screen)
        last = " ".join(last_page(shown).split())
        is_ready = not step.keys or any(ending in last for ending in READY)
        if screen == before and is_ready and step.wait in last and step.above in " ".join(shown.split()):
            return screen
        before = screen
        time.sleep(0.3)
    raise TimeoutError(f"{step.wait!r} did not come:\n{plain(before)}")


def plain(screen: str) -> str:
    return SGR.sub("", OTHER_ESCAPES.sub("", screen)).rstrip()


PLAIN_TITLE = re.compile(r"^Step \d+ of \d+\. (.*)$", re.MULTILINE)


def page_of(screen: str, title: str = "") -> Page:
    """The last page on a screen. `title`: what to call it where it has none."""
    text = last_page(plain(screen))
    if titles := list(PLAIN_TITLE.finditer(text)):
        text, title = text[titles[-1].start() :], titles[-1][1]
    lines = text.splitlines()
    title = title or re.sub(rf"\s*{RULE[0]}.*", "", next((line for line in lines if line.strip()), ""))
    shown = screen.rstrip().splitlines()[-len(lines) :]
    return Page(title, tuple(lines), "\n".join(shown))


def main(folder: Path) -> None:
    for columns in WIDTHS:
        place = folder / str(columns)
        place.mkdir(parents=True, exist_ok=True)
        for number, page in enumerate(capture(columns), 1):
            name = re.sub(r"[^a-z0-9]+", "-", page.title.lower()).strip("-")[:50] or "page"
            text = "\n".join(page.lines) + "\n"
            (place / f"{number:02}-{name}.txt").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
