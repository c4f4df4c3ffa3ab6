"""Pages as PDF, printed by the browser that the person has: Chromium, Chrome, Edge or another of that family.

No Python library prints emoji and scripts of the world without system libraries (facts/exports 2). The browser is
killed with all its children after a time limit. It gets a profile of its own and no network.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from migrate.export.folder import Place
from migrate.export.task import Task
from migrate.language import mark
from migrate.problems import NoBrowserForPdf

NOT_PRINTED = mark("a page could not be printed as PDF")
_TIME_LIMIT_S = 180.0
"""35 pages take 3 s (facts/exports 2), 5,000 messages with pictures about 20 s."""
_COMMANDS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge",
    "brave-browser", "vivaldi",
)  # fmt: skip
_ON_A_MAC = (
    "Google Chrome.app/Contents/MacOS/Google Chrome",
    "Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "Chromium.app/Contents/MacOS/Chromium",
    "Brave Browser.app/Contents/MacOS/Brave Browser",
)
_ON_WINDOWS = (
    "Microsoft/Edge/Application/msedge.exe",
    "Google/Chrome/Application/chrome.exe",
    "Chromium/Application/chrome.exe",
)


def write_pdfs(task: Task, place: Place, key: str, pages: Sequence[str]) -> None:
    """Print pages beside themselves: `2024.html` as `2024.pdf`. Without a browser a finding says how to do it by hand.

    Args:
        pages: paths under the export's root.
    """
    browser = find_browser()
    if browser is None:
        task.report(NoBrowserForPdf(str(task.export.root)).as_finding())
        return
    for page in pages:
        written = task.export.ledger.written(page)
        name = PurePosixPath(page).with_suffix(".pdf").name
        origin = f"pdf {written.sha256.hex() if written else ''}"
        path = task.export.root / page

        def make(part: Path, path: Path = path) -> bool:
            return print_page(browser, path, part, task.tmp)

        if place.made(name, origin, make, key=f"{key}/pdf/{name}") is None:
            task.gap(NOT_PRINTED)


def find_browser() -> str | None:
    """A browser of this computer that can print."""
    return next(_candidates(), None)


def _candidates() -> Iterator[str]:
    for command in _COMMANDS:
        if found := shutil.which(command):
            yield found
    folders: list[Path] = []
    names: tuple[str, ...] = ()
    if sys.platform == "darwin":
        folders, names = [Path("/Applications"), Path.home() / "Applications"], _ON_A_MAC
    elif sys.platform == "win32":
        roots = (os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
        folders, names = [Path(root) for root in roots if root], _ON_WINDOWS
    yield from (str(folder / name) for folder in folders for name in names if (folder / name).is_file())


def print_page(browser: str, page: Path, target: Path, tmp: Path, limit_s: float = _TIME_LIMIT_S) -> bool:
    """Print one page. Returns whether `target` is a PDF now."""
    with tempfile.TemporaryDirectory(dir=tmp, prefix="pdf-", ignore_cleanup_errors=True) as profile:
        made = Path(profile) / "page.pdf"
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={made}",
            *(("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()),  # Chromium refuses root
            page.resolve().as_uri(),
        ]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return False
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        finally:
            _end(process)
        with suppress(OSError):
            with made.open("rb") as pdf:
                if pdf.read(5) != b"%PDF-":
                    return False
            shutil.copyfile(made, target)
            return True
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the browser and all that it has started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
