"""What exporting photos costs beside extracting the same files: `python -m tests.bench.export.photos [--photos N]`.

Builds one encrypted backup, and exports and extracts its photos in turn, each in a process of its own. Prints the
processor seconds of every round, the ratio of the medians (the target is 1.2), and the highest resident memory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from migrate.content.readers.photos import DOMAIN, STORE
from tests.bench.backup.synthetic import PASSWORD, SyntheticBackup
from tests.bench.proof import ASSETS, PHOTOS, empty_databases

TARGET = 1.2


class Cost(NamedTuple):
    cpu_s: float
    peak_mb: float


def build(folder: Path, count: int, each: int) -> None:
    """An encrypted backup with this many photos of `each` bytes and a library that lists them."""
    made = SyntheticBackup(folder, encrypted=True)
    library = folder.parent / "library.sqlite"
    library.write_bytes(empty_databases()[PHOTOS])
    with closing(sqlite3.connect(library, isolation_level=None)) as database:
        for part in ";".join(ASSETS).split(";"):
            database.execute(part, {"count": count} if ":count" in part else {})
        paths = [
            f"Media/{where}/{name}" for where, name in database.execute("SELECT ZDIRECTORY, ZFILENAME FROM ZASSET")
        ]
    made.add_file(DOMAIN, STORE.globs[0], library.read_bytes())
    library.unlink()
    noise = random.Random(count).randbytes(2 * each)
    for number, path in enumerate(paths):
        begin = number % each
        made.add_file(DOMAIN, path, noise[begin : begin + each], has_digest=False)
        thumbnail = path.replace("Media/", "Media/PhotoData/Thumbnails/V2/") + "/5005.JPG"
        made.add_file(DOMAIN, thumbnail, noise[:4000], has_digest=False)
    made.finish()


def measure(command: str, backup: Path, to: Path, *options: str) -> Cost:
    """Run `migrate <command>` into an empty folder."""
    arguments = [sys.executable, "-m", "migrate", command, str(backup), "--to", str(to), *options, "--json"]
    environment = os.environ | {"MIGRATE_BACKUP_PASSWORD": PASSWORD, "MIGRATE_HOME": str(backup.parent / "home")}
    process = os.posix_spawn(
        sys.executable,
        arguments,
        environment,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _process, status, used = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
    shutil.rmtree(to)
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def hashing_s(size: int) -> float:
    """What the digests in `export.json` cost."""
    piece, digest, begun = bytes(1 << 18), hashlib.sha256(), time.process_time()
    for _piece in range(size // len(piece)):
        digest.update(piece)
    return time.process_time() - begun


def run(*, photos: int, kilobytes: int, rounds: int) -> bool:
    """Print the costs; returns whether the target is met."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build(folder / "backup", photos, kilobytes << 10)
        costs: dict[str, list[Cost]] = {"extract": [], "export": []}
        for _round in range(rounds):
            options = {"extract": ("--match", "Media/DCIM/**"), "export": ("--category", "photos")}
            for command, some in options.items():
                costs[command].append(measure(command, folder / "backup", folder / "out", *some))
    for command, of in costs.items():
        shown = ", ".join(f"{one.cpu_s:.2f}" for one in of)
        print(f"{command:8} CPU s: {shown}   peak {max(one.peak_mb for one in of):.0f} MB")
    ratio = statistics.median(one.cpu_s for one in costs["export"]) / statistics.median(
        one.cpu_s for one in costs["extract"]
    )
    print(f"SHA-256 of these bytes: {hashing_s(photos * kilobytes << 10):.2f} CPU s, which extracting does not need")
    print(f"{photos:,} photos of {kilobytes:,} KB: export / extract = {ratio:.2f} (target {TARGET})")
    return ratio <= TARGET


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.export.photos", description=__doc__)
    parser.add_argument("--photos", type=int, default=400)
    parser.add_argument(
        "--kilobytes", type=int, default=2000, help="of each photo; HEIC of 12 megapixels has about 2,000"
    )
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if not run(photos=asked.photos, kilobytes=asked.kilobytes, rounds=asked.rounds):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
