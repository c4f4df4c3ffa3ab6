"""CPU time and memory of comparing two lists of files: `python -m tests.bench.diff [--rows N] [--rounds N]`.

Builds backups of N files without their contents: `old`; `later`, the same phone's next backup (1 % of the files added,
1 % gone, 2 % changed); `restored`, of a restored phone: other
keys and inodes in every row.
Compares `old` with each of the two in a process of its own, in turn, and prints the median of the rounds. The target is
10 s of CPU for 200,000 rows, with the start of Python.
"""

from __future__ import annotations

import argparse
import json
import os
import plistlib
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.record import Kind, Record, file_id
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest

TARGET_S = 10.0
PASSWORD = "correct-horse-1947"
FOLDERS = (
    ("CameraRollDomain", "Media/DCIM/{group:03d}APPLE/IMG_{number:06d}.HEIC"),
    ("CameraRollDomain", "Media/PhotoData/Thumbnails/V2/DCIM/{group:03d}APPLE/IMG_{number:06d}.HEIC/5005.JPG"),
    ("MediaDomain", "Library/SMS/Attachments/{group:02x}/{number:06d}/IMG_0001.jpeg"),
    ("AppDomain-org.example.app{group}", "Documents/notes/{number:06d}.txt"),
    ("AppDomainGroup-group.net.whatsapp.WhatsApp.shared", "Message/Media/{group}@s.whatsapp.net/{number:06d}.opus"),
    ("HomeDomain", "Library/Caches/com.example.{group}/{number:06d}.bin"),
)


def write(folder: Path, rows: int, *, of: str) -> None:
    """A backup of which only the manifest and the plists exist."""
    folder.mkdir()
    keybag, keys = Keybag.create(PASSWORD, rounds=10)
    writer = MemoryManifest("18.5")
    added = rows // 100 if of == "later" else 0
    for number in range(rows + added):
        if added and number % 100 == 99 and number < rows:
            continue  # gone
        domain, path = (part.format(group=number // 1000, number=number) for part in FOLDERS[number % len(FOLDERS)])
        is_changed = of == "later" and number % 50 == 7
        seed = number.to_bytes(4, "big")
        own_key = seed * 8 if of != "restored" else os.urandom(32)
        writer.add(
            Record(
                file_id=file_id(domain, path), domain=domain, relative_path=path, kind=Kind.FILE, mode=0o100644,
                inode=number + (1_000_000 if of == "restored" else 1), user_id=501, group_id=501,
                size=1000 + number + is_changed, modified=1_700_000_000 + number + is_changed, changed=1_700_000_000,
                born=1_600_000_000, protection_class=3, flags=0, encryption_key=b"\3\0\0\0" + (own_key * 2)[:40],
                digest=None, extended_attributes=None, target=None,
            )
        )  # fmt: skip
    manifest_key = os.urandom(32)
    (folder / "Manifest.db").write_bytes(encrypt_manifest(writer.to_bytes(), manifest_key))
    plists = {
        "Manifest.plist": {
            "IsEncrypted": True,
            "BackupKeyBag": keybag.to_bytes(),
            "ManifestKey": keys.wrap(3, manifest_key),
            "Lockdown": {"ProductVersion": "18.5", "UniqueDeviceID": "00008101-000A1B2C3D4E5F60"},
        },
        "Info.plist": {"Device Name": "iPhone", "Product Version": "18.5"},
    }
    for name, content in plists.items():
        (folder / name).write_bytes(plistlib.dumps(content, fmt=plistlib.FMT_BINARY))


def measure(folder: Path, other: str) -> tuple[float, float, dict[str, int]]:
    """CPU seconds, the highest resident megabytes, and the answer's numbers of files of one `migrate diff`."""
    environment = {**os.environ, "MIGRATE_BACKUP_PASSWORD": PASSWORD, "MIGRATE_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "migrate", "diff", str(folder / "old"), str(folder / other), "--json"]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert running.stdout is not None
    answer = json.loads(running.stdout.read())
    _pid, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, answer
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, answer["files"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", nargs=2, metavar=("FOLDER", "OF"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        write(Path(asked.write[0]), asked.rows, of=asked.write[1])
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for of in ("old", "later", "restored"):
            # in a process of its own: Linux counts what this one holds into the memory of those that it starts
            command = [sys.executable, "-m", "tests.bench.diff", "--rows", str(asked.rows), "--write"]
            subprocess.run([*command, str(folder / of), of], check=True)
        found: dict[str, list[tuple[float, float, dict[str, int]]]] = {"later": [], "restored": []}
        for _round in range(asked.rounds):
            for other, rounds in found.items():
                rounds.append(measure(folder, other))
    print(f"{'compared':<18} {'CPU s':>7} {'us/row':>7} {'peak MB':>8}  added  gone  changed  unchanged")
    for other, rounds in found.items():
        seconds = statistics.median(one[0] for one in rounds)
        peak, files = max(one[1] for one in rounds), rounds[0][2]
        numbers = "  ".join(f"{files[name]:,}" for name in ("added", "gone", "changed", "unchanged"))
        print(f"old and {other:<10} {seconds:>7.2f} {seconds / asked.rows * 1e6:>7.1f} {peak:>8.0f}  {numbers}")
        if seconds > TARGET_S:
            print(f"  more than the target of {TARGET_S:.0f} s")


if __name__ == "__main__":
    main()
