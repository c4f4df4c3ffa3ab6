"""How fast `migrate browse` shows a large backup: `python -m tests.bench.export.browse [--rows N] [--messages N]`.

Builds an encrypted backup: nine in ten rows are photos and their thumbnails, the others are an app's files, and there
is a database of messages. In a process of its own it is opened, and then, from the moment the key is known: the first
page, the page of the photos once all of them have been read, 200 thumbnails, the list of chats, a search. Prints
seconds (wall and CPU) and the peak of memory beside the targets.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.record import Kind, Record, file_id
from migrate.simulator.contents.messages import SCHEMA
from tests.bench.backup.synthetic import PASSWORD, SyntheticBackup

ROOT = Path(__file__).resolve().parents[3]
THUMBNAILS = 200
TARGETS = {"first page": 2.0, "200 thumbnails": 1.0, "memory": 200e6}
JPEG = b"\xff\xd8\xff\xe0" + os.urandom(9_000)
"""A thumbnail of iOS has about 10 KB."""


class LinkedBackup(SyntheticBackup):
    """One stored file for all contents that are alike: 200,000 files need no space."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, encrypted=True)
        self._key = os.urandom(32)
        self._stored: dict[bytes, Path] = {}

    def add_linked(self, domain: str, path: str, content: bytes) -> None:
        stored = self._stored.get(content)
        if stored is None:
            stored = self._stored[content] = self.folder.parent / f"{self.folder.name}-{len(self._stored)}.content"
            stored.write_bytes(b"".join(encrypted_chunks([content], self._key)))
        name = file_id(domain, path)
        place = self.folder / name[:2] / name
        place.parent.mkdir(exist_ok=True)
        self._shards.add(name[:2])
        place.hardlink_to(stored)
        self.writer.add(
            Record(
                file_id=name, domain=domain, relative_path=path, kind=Kind.FILE, mode=0o100644,
                inode=self.writer.count + 2, user_id=501, group_id=501, size=len(content), modified=1_700_000_000,
                changed=1_700_000_000, born=1_600_000_000, protection_class=3, flags=0,
                encryption_key=self.class_keys.wrap(3, self._key), digest=None, extended_attributes=None, target=None,
            )
        )  # fmt: skip


def build(folder: Path, rows: int, messages: int) -> None:
    backup = LinkedBackup(folder / "backup")
    photos = rows * 9 // 20
    names = [(f"DCIM/{100 + number // 1000}APPLE", f"IMG_{number:06}.JPG") for number in range(photos)]
    for place, name in names:
        backup.add_linked("CameraRollDomain", f"Media/{place}/{name}", JPEG)
        backup.add_linked("CameraRollDomain", f"Media/PhotoData/Thumbnails/V2/{place}/{name}/5005.JPG", JPEG)
    for number in range(rows - 2 * photos):
        backup.add_linked("AppDomain-org.example.app", f"Documents/{number // 500}/{number}.txt", b"text")
    backup.add_file("CameraRollDomain", "Media/PhotoData/Photos.sqlite", photo_library(folder, names))
    backup.add_file("HomeDomain", "Library/SMS/sms.db", chats(folder, messages))
    backup.finish()


def photo_library(folder: Path, names: list[tuple[str, str]]) -> bytes:
    path = folder / "Photos.sqlite"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TABLE ZASSET (Z_PK INTEGER PRIMARY KEY, ZUUID TEXT UNIQUE, ZDIRECTORY TEXT, ZFILENAME TEXT,"
            " ZKIND INTEGER, ZTRASHEDSTATE INTEGER, ZDATECREATED REAL)"
        )
        database.executemany(
            "INSERT INTO ZASSET VALUES (?, ?, ?, ?, 0, 0, ?)",
            ((n, f"{n:08X}-0000-0000-0000-000000000000", *name, n * 3000.0) for n, name in enumerate(names)),
        )
    return path.read_bytes()


def chats(folder: Path, messages: int) -> bytes:
    path = folder / "sms.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA)
        handles = [(n, f"+49170{n:07}") for n in range(1, 101)]
        database.executemany("INSERT INTO handle (ROWID, id, service) VALUES (?, ?, 'iMessage')", handles)
        database.executemany(
            "INSERT INTO chat (ROWID, guid, style, chat_identifier) VALUES (?, ?, 45, ?)",
            ((n, f"iMessage;-;{address}", address) for n, address in handles),
        )
        database.executemany(
            "INSERT INTO message (ROWID, guid, text, handle_id, date, is_from_me) VALUES (?, ?, ?, ?, ?, ?)",
            (
                (n, f"{n:032X}", f"Message number {n} with a few words in it", n % 100 + 1, n * 10**11, n % 2)
                for n in range(1, messages + 1)
            ),
        )
        database.executemany(
            "INSERT INTO chat_message_join (chat_id, message_id) VALUES (?, ?)",
            ((n % 100 + 1, n) for n in range(1, messages + 1)),
        )
    return path.read_bytes()


def measure(folder: Path) -> None:
    """In a process of its own."""
    from migrate.backup.reader import Backup
    from migrate.browse.app import browse_app
    from migrate.browse.library import Library
    from migrate.categories.claims import Claims
    from migrate.pages.loopback import LoopbackServer
    from migrate.problems import paste
    from tests.browse.asking import Browser

    found: dict[str, tuple[float, float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.monotonic(), time.process_time()
        result = work()
        found[name] = (time.monotonic() - wall, time.process_time() - cpu)
        return result

    with tempfile.TemporaryDirectory(dir=folder) as tmp, Backup.open(folder / "backup", PASSWORD) as backup:
        wall, cpu = time.monotonic(), time.process_time()
        with Library(backup, Claims.of(backup), seals=None, tmp=Path(tmp), command=paste) as library:
            server = LoopbackServer(browse_app(library))
            with server.running():
                browser = Browser(server.port, server.address, patience_s=900)
                browser.enter()
                first = browser.ask("/")
                found["first page"] = (time.monotonic() - wall, time.process_time() - cpu)
                assert first.status == 200
                timed("everything counted and checked", lambda: browser.open("/"))
                photos = timed("photos, once all are read", lambda: browser.open("/k/photos"))
                thumbnails = photos.links("/k/photos/i/")
                thumbnails = [link for link in thumbnails if link.endswith("/thumb")][:THUMBNAILS]
                assert len(thumbnails) == THUMBNAILS
                answers = timed("200 thumbnails", lambda: [browser.ask(link) for link in thumbnails])
                assert all(answer.body == JPEG or answer.body.startswith(b"\xff\xd8") for answer in answers)
                timed("photos again", lambda: browser.open("/k/photos?page=100"))
                timed("chats, once all are read", lambda: browser.open("/k/messages"))
                thread = browser.open("/k/messages").links("/k/messages/in/")[0]
                timed("a chat", lambda: browser.open(thread))
                timed("files, once all are read", lambda: browser.open("/files"))
                timed("a search", lambda: browser.open("/search?q=number+77"))
                memory = peak_of_memory()
        print(json.dumps({"found": found, "memory": memory}))


def peak_of_memory() -> int:
    """In bytes. On Linux `ru_maxrss` begins with that of the process that started this one."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(one for one in status.read_text(encoding="ascii").splitlines() if one.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child is not None:
        measure(arguments.child)
        return
    with tempfile.TemporaryDirectory(prefix="browse-bench-") as folder:
        build(Path(folder), arguments.rows, arguments.messages)
        command = [sys.executable, "-m", "tests.bench.export.browse", "--child", folder]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        result = json.loads(done.stdout)
    print(f"{arguments.rows:,} rows, {arguments.messages:,} messages; load {os.getloadavg()[0]:.1f}")
    for name, (wall, cpu) in result["found"].items():
        target = f"   target {TARGETS[name]:.0f} s" if name in TARGETS else ""
        print(f"{name:34} {wall:7.2f} s wall {cpu:7.2f} s CPU{target}")
    print(f"{'memory':34} {result['memory'] / 1e6:7.0f} MB{'':17}target {TARGETS['memory'] / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
