"""How much time and memory a proof takes: `python -m tests.bench.proof [--messages N] [--photos N] [--samples N]`.

Builds two unencrypted backups with that many items, the second on other pages with one more column, and proves each
category in a process of its own at half and at full size. Prints CPU seconds, the highest resident memory, and how
the time grows.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.categories.claims import Claims
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.prover import prove
from migrate.plan.strategy import Strategy
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.filesystem import read_content
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.memory_manifest import MemoryManifest

SMS = ("HomeDomain", "Library/SMS/sms.db")
PHOTOS = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
HEALTH = ("HealthDomain", "Health/healthdb_secure.sqlite")
COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
MESSAGES = (
    "DELETE FROM message; DELETE FROM chat_message_join; DELETE FROM attachment; DELETE FROM message_attachment_join",
    f"{COUNT} INSERT INTO message (ROWID, guid, text, handle_id, service, date, is_from_me)"
    " SELECT i, printf('%08X-%08X', (i * 2654435761) % 4294967296, i), 'Message number ' || i || ' about the garden',"
    " 1 + i % 5, 'iMessage', 600000000000000000 + i * 60000000000, i % 2 FROM n",
    "INSERT INTO chat_message_join SELECT 1 + ROWID % (SELECT COUNT(*) FROM chat), ROWID, date FROM message",
)
ASSETS = (
    "DELETE FROM ZASSET; DELETE FROM ZADDITIONALASSETATTRIBUTES; DELETE FROM ZINTERNALRESOURCE",
    f"{COUNT} INSERT INTO ZASSET (Z_PK, Z_ENT, ZKIND, ZSAVEDASSETTYPE, ZTRASHEDSTATE, ZVISIBILITYSTATE, ZHIDDEN,"
    " ZFAVORITE, ZDATECREATED, ZMODIFICATIONDATE, ZDIRECTORY, ZFILENAME, ZUUID)"
    " SELECT i, 3, i % 20 = 0, 3, 0, 0, 0, 0, 600000000 + i * 600, 600000000 + i * 600,"
    " printf('DCIM/%03dAPPLE', 100 + i / 1000), printf('IMG_%04d.JPG', i % 10000),"
    " printf('%08X-%08X', (i * 2654435761) % 4294967296, i) FROM n",
    "INSERT INTO ZADDITIONALASSETATTRIBUTES (Z_PK, Z_ENT, ZASSET, ZORIGINALFILENAME)"
    " SELECT Z_PK, 1, Z_PK, ZFILENAME FROM ZASSET",
    "INSERT INTO ZINTERNALRESOURCE (Z_PK, Z_ENT, ZASSET, ZDATASTORESUBTYPE, ZLOCALAVAILABILITY, ZREMOTEAVAILABILITY)"
    " SELECT Z_PK, 45, Z_PK, 1, 1, 0 FROM ZASSET",
)
SAMPLES = (
    "DELETE FROM samples; DELETE FROM objects; DELETE FROM quantity_samples; DELETE FROM category_samples",
    f"{COUNT} INSERT INTO objects (data_id, uuid, provenance, type, creation_date)"
    " SELECT i, CAST(printf('%08d%08d', (i * 48271) % 99999989, i) AS BLOB), 1, 1, 600000000 + i FROM n",
    "INSERT INTO samples SELECT data_id, creation_date, creation_date + 60, 7 FROM objects",
    "INSERT INTO quantity_samples SELECT data_id, data_id % 100, NULL, NULL FROM objects",
)
CATEGORIES = {"messages": (SMS, MESSAGES), "photos": (PHOTOS, ASSETS), "health": (HEALTH, SAMPLES)}


def empty_databases() -> dict[tuple[str, str], bytes]:
    """The databases of a simulated iPhone with almost nothing in them."""
    phone = SimulatedPhone(udid="00008101-000A1B2C3D4E5F60", ios_version="18.5")
    fill(phone, ContentsSpec(messages=6, photos=2, videos=0, health_samples=3), seed=7)
    found = {}
    for place in (SMS, PHOTOS, HEALTH):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "database"
            for suffix in ("", "-wal"):
                if (node := phone.files.get(place[0], place[1] + suffix)) is not None:
                    Path(f"{path}{suffix}").write_bytes(read_content(node.content))
            with closing(sqlite3.connect(path)) as opened:
                opened.execute("PRAGMA journal_mode = DELETE")
            found[place] = path.read_bytes()
    return found


def build(folder: Path, category: str, count: int, empty: bytes) -> None:
    """Two backups: `old`, and `new` with the same items on other pages."""
    place, statements = CATEGORIES[category]
    main = folder / "main.db"
    main.write_bytes(empty)
    with closing(sqlite3.connect(main, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("BEGIN")
        for statement in statements:
            for part in statement.split(";"):
                database.execute(part, {"count": count} if ":count" in part else {})
        database.execute("COMMIT")
        files = []
        if category == "photos":
            files = [f"Media/{d}/{n}" for d, n in database.execute("SELECT ZDIRECTORY, ZFILENAME FROM ZASSET")]
    write_backup(folder / "old", place, main, files)
    with closing(sqlite3.connect(main, isolation_level=None)) as database:
        table = {"messages": "message", "photos": "ZASSET", "health": "samples"}[category]
        database.execute(f"ALTER TABLE {table} ADD is_new INTEGER DEFAULT 1")
        database.execute("VACUUM")
    write_backup(folder / "new", place, main, files)
    main.unlink()


def write_backup(folder: Path, place: tuple[str, str], database: Path, photos: list[str]) -> None:
    folder.mkdir()
    writer = MemoryManifest("18.5")
    for domain, path in (place, *((PHOTOS[0], photo) for photo in photos)):
        name = file_id(domain, path)
        (folder / name[:2]).mkdir(exist_ok=True)
        blob = folder / name[:2] / name
        if path == place[1]:
            blob.write_bytes(database.read_bytes())
        else:
            blob.write_bytes(b"\xff\xd8" + name.encode())
        writer.add(
            Record(
                file_id=name, domain=domain, relative_path=path, kind=Kind.FILE, mode=0o100644, inode=1,
                user_id=501, group_id=501, size=blob.stat().st_size, modified=0, changed=0, born=0,
                protection_class=3, flags=0, encryption_key=None, digest=None, extended_attributes=None, target=None,
            )
        )  # fmt: skip
    (folder / "Manifest.db").write_bytes(writer.to_bytes())


def peak_kib() -> int:
    """The highest resident memory of this process so far. Linux counts the parent's into ru_maxrss, so it is read from
    /proc where there is one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def measure(folder: Path, category: str) -> None:
    """Run in a process of its own: one proof. Prints a line of JSON."""
    begun, base = time.process_time(), peak_kib()
    (tmp := folder / "tmp").mkdir()
    with Backup.open(folder / "old") as old, Backup.open(folder / "new") as new:
        proof = prove(
            Evidence(
                old=Side(backup=old, claims=Claims.of(old)),
                after=Side(backup=new, claims=Claims.of(new)),
                before=None,
                owners=frozenset({category}),
                strategy=Strategy.REPLACE,
                installed=frozenset(),
                tmp=tmp,
            )
        )
    peak = peak_kib()
    proven = proof.owners[category].items[category]
    print(
        json.dumps(
            {
                "cpu_s": time.process_time() - begun,
                "base_mb": base / 1024,
                "peak_mb": peak / 1024,
                "items": {str(fate): count for fate, count in proven.items()},
                "verdict": proof.verdict,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=5_000_000)
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "CATEGORY"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(Path(asked.measure[0]), asked.measure[1])
        return
    empty = empty_databases()
    print(f"{'category':<10} {'items':>10} {'CPU s':>8} {'us/item':>8} {'peak MB':>8} {'base MB':>8}  growth  fates")
    for category, count in (("messages", asked.messages), ("photos", asked.photos), ("health", asked.samples)):
        seconds = []
        for size in (count // 2, count):
            if not size:
                continue
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made)
                build(folder, category, size, empty[CATEGORIES[category][0]])
                command = [sys.executable, "-m", "tests.bench.proof", "--measure", str(folder), category]
                told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds.append(told["cpu_s"])
            growth = f"{seconds[-1] / seconds[0]:.2f}x" if len(seconds) > 1 else ""
            print(
                f"{category:<10} {size:>10,} {told['cpu_s']:>8.1f} {told['cpu_s'] / size * 1e6:>8.1f}"
                f" {told['peak_mb']:>8.0f} {told['base_mb']:>8.0f}  {growth:>6}  {told['verdict']} {told['items']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
