"""Takes a picture of every page of `migrate browse`: `python -m tools.browse_captures FOLDER`.

Each page is taken in a wide window, light and dark, and in one that is 390 points wide. The backup is that of a
simulated iPhone, or the one that `--backup` names. It needs Playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import plistlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from migrate.backup.reader import Backup
from migrate.browse.app import browse_app
from migrate.browse.library import Library
from migrate.categories.claims import Claims
from migrate.pages.loopback import LoopbackServer
from migrate.problems import paste
from tests.made_backups import phones_files, write_plain_backup

LOOKS: dict[str, tuple[str, int, int]] = {
    "light": ("light", 1280, 900),
    "dark": ("dark", 1280, 900),
    "narrow": ("light", 390, 844),
}
"""Look -> colour scheme, width and height of the window."""
PHOTOS = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
CONTENTS: dict[str, Any] = {
    "photos": 60,
    "icloud_only_photos": 9,
    "videos": 3,
    "messages": 320,
    "attachments": 24,
    "icloud_only_attachments": 4,
    "health_samples": 3000,
    "apps": 8,
}
ADDRESSES: dict[str, str] = {
    "overview": "/",
    "messages": "/k/messages",
    "photos": "/k/photos",
    "contacts": "/k/contacts",
    "calls": "/k/calls",
    "voicemail": "/k/voicemail",
    "notes": "/k/notes",
    "reminders": "/k/reminders",
    "calendar": "/k/events",
    "bookmarks": "/k/bookmarks",
    "history": "/k/history",
    "health": "/k/health",
    "voice-memos": "/k/voice-memos",
    "alarms": "/k/alarms",
    "wallet": "/k/wallet",
    "apps": "/apps",
    "files": "/files",
    "folder": "/files?domain=CameraRollDomain&path=Media",
    "files-of-a-category": "/c/photos",
    "deleted": "/deleted",
    "search": "/search?q=an",
    "missing": "/k/nothing",
}
"""Picture -> the page's address."""
FIRST_LINKS: dict[str, tuple[str, str]] = {
    "messages-thread": ("/k/messages", r'href="(/k/messages/in/\d+)"'),
    "photo": ("/k/photos", r'href="(/k/photos/i/\d+)"'),
    "contact": ("/k/contacts", r'href="(/k/contacts/i/\d+)"'),
    "note": ("/k/notes", r'href="(/k/notes/i/\d+)"'),
    "event": ("/k/events", r'href="(/k/events/i/\d+)"'),
    "voice-memo": ("/k/voice-memos", r'href="(/k/voice-memos/i/\d+)"'),
    "health-chart": ("/k/health", r'href="(/k/health/in/\d+)"'),
    "app": ("/apps", r'href="(/app/[^"]+)"'),
    "month": ("/k/photos", r'href="(/k/photos/in/\d+)"'),
}
"""Picture -> a page, and which link of it is followed."""


@contextmanager
def simulated_backup(ios_version: str = "18.5") -> Iterator[Path]:
    """The backup of a simulated iPhone, unencrypted."""
    folder = Path(tempfile.mkdtemp(prefix="browse-captures-"))
    try:
        saved, apps, _groups = phones_files(ios_version, **CONTENTS)
        saved[PHOTOS] = _with_deleted_photos(saved[PHOTOS], folder)
        info = {"Device Name": "Ada's iPhone", "Product Name": "iPhone 12", "Product Type": "iPhone13,2"}
        write_plain_backup(
            folder / "backup", saved, info=info, ios_version=ios_version, manifest_plist={"Applications": apps}
        )
        status = {"SnapshotState": "finished", "UUID": "C0FFEE", "Date": datetime(2026, 9, 1, 8, 30), "Version": "3.3"}
        (folder / "backup" / "Status.plist").write_bytes(plistlib.dumps(status))
        yield folder / "backup"
    finally:
        shutil.rmtree(folder)


def _with_deleted_photos(content: object, folder: Path) -> bytes:
    """The library of photos with some of them in Recently Deleted."""
    assert isinstance(content, bytes)
    path = folder / "Photos.sqlite"
    path.write_bytes(content)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE ZASSET SET ZTRASHEDSTATE = 1 WHERE Z_PK IN (3, 9, 14)")
    return path.read_bytes()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The pages of a backup; gives the address with the token."""
    with tempfile.TemporaryDirectory(prefix="browse-") as tmp, Backup.open(folder) as backup:
        library = Library(backup, Claims.of(backup), seals=None, tmp=Path(tmp), command=paste)
        with library:
            server = LoopbackServer(browse_app(library))
            with server.running():
                yield server.address


def take_pictures(address: str, to: Path, only: list[str]) -> None:
    """One picture for each page and look."""
    from playwright.sync_api import sync_playwright

    to.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        root = address.split("?", 1)[0].rstrip("/")
        addresses = dict(ADDRESSES)
        for name, (start, link) in FIRST_LINKS.items():
            found = re.search(link, _ready(page, root + start).content())
            if found is not None:
                addresses[name] = found[1].replace("&amp;", "&")
        for look, (scheme, width, height) in LOOKS.items():
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": height})
            for name, path in addresses.items():
                if not only or name in only:
                    _ready(page, root + path)
                    page.screenshot(path=to / f"{name}-{look}.png")
        browser.close()


def _ready(page: Any, address: str) -> Any:
    """The page, once nothing in it is being read any more."""
    for _attempt in range(60):
        answer = page.goto(address, wait_until="networkidle")
        if answer is None or "refresh" not in answer.headers:
            return page
        page.wait_for_timeout(500)
    raise TimeoutError(address)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backup", type=Path, help="an unencrypted backup instead of that of a simulated iPhone")
    parser.add_argument("--only", nargs="*", default=[], help="names of pictures")
    arguments = parser.parse_args()
    if arguments.backup is not None:
        with served(arguments.backup) as address:
            take_pictures(address, arguments.folder, arguments.only)
        return
    with simulated_backup() as backup, served(backup) as address:
        take_pictures(address, arguments.folder, arguments.only)


if __name__ == "__main__":
    main()
