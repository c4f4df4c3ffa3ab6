"""What a person and a script see while a phone is backed up: python -m tests.bench.progress

A simulated iPhone with `--gigabytes` (2) of contents, behind a cable that carries `--rate` megabytes a second (40), is
backed up three times: on a terminal of 80 columns and of 60, whose screen is noted every second, and to a pipe with
`--json`, whose lines are noted with their time. It first goes through its files for `--silence` seconds (8).

Exits 1 if a promise of the contract does not hold. `tests/talk/test_progress_seen.py` does the same with a small phone.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import itertools
import json
import os
import pty
import re
import selectors
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.slow_cable import slow_cable

UDID = "00008101-000A1B2C3D4E5F60"
STYLE = re.compile(r"\x1b\[[0-9;]*m")
PAUSE_S = 0.25


@contextlib.contextmanager
def served_phone(
    folder: Path, *, size_bytes: int, silence_s: float, rate: int | None, files: int = 4000
) -> Iterator[str]:
    """The address of a usbmuxd with one phone, in another process and behind a slow cable. A quarter of its contents is
    in many files."""
    file = folder / "phone.toml"
    file.write_text(
        f'name = "Anna\'s iPhone"\nudid = "{UDID}"\nseed = 1\nkeybag_rounds = 10\n'
        f"[contents]\nphotos = 0\nvideos = 0\nmessages = 0\nattachments = 0\nmany_files = {files}\n"
        f"many_file_bytes = {size_bytes // 4 // files}\nvast_bytes = {size_bytes * 3 // 4}\n"
        f"[faults]\nsilence_s = {silence_s}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "migrate", "simulator", "serve", "--phone", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip().partition("=")[2]
            with slow_cable(address, rate) as slow:
                yield slow
        finally:
            process.terminate()


def environment(home: Path, address: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MIGRATE_") and key != "NO_COLOR"}
    return {**kept, "MIGRATE_HOME": str(home), "USBMUXD_SOCKET_ADDRESS": address, "TERM": "xterm"}


COMMAND = [sys.executable, "-m", "migrate", "backup", UDID]


@dataclass
class Screen:
    """Enough of a terminal for what we print: text, returns, new lines, colours (which are dropped)."""

    columns: int
    lines: list[str] = field(default_factory=lambda: [""])
    at: int = 0

    def feed(self, text: str) -> None:
        for char in STYLE.sub("", text):
            if char == "\r":
                self.at = 0
            elif char == "\n":
                self.lines.append("")
            else:
                line = self.lines[-1].ljust(self.at)
                self.lines[-1] = line[: self.at] + char + line[self.at + 1 :]
                self.at += 1
                if self.at > self.columns:
                    self.lines.append("")
                    self.at = 1

    @property
    def rows(self) -> list[str]:
        return [line.rstrip() for line in self.lines]


def seen_on_terminal(command: list[str], env: dict[str, str], columns: int) -> list[tuple[float, list[str]]]:
    """The screen's rows, once a second, and at the end. The time is in seconds since the start."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {key: value for key, value in env.items() if key not in ("COLUMNS", "LINES")}
    screen, seen, began, next_look = Screen(columns), [], time.monotonic(), 1.0
    with subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        with selectors.DefaultSelector() as waiting:
            waiting.register(master, selectors.EVENT_READ)
            while True:
                if waiting.select(PAUSE_S):
                    try:
                        data = os.read(master, 1 << 16)
                    except OSError:  # EIO: the last writer has closed it
                        break
                    screen.feed(data.decode(errors="replace"))
                if time.monotonic() - began >= next_look:
                    seen.append((next_look, screen.rows))
                    next_look += 1
                if process.poll() is not None and not waiting.select(0):
                    break
    os.close(master)
    seen.append((time.monotonic() - began, screen.rows))
    return seen


def seen_on_pipe(command: list[str], env: dict[str, str]) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """The lines of stdout and of stderr, each with the seconds since the start."""
    began = time.monotonic()
    out: list[tuple[float, str]] = []
    err: list[tuple[float, str]] = []
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None

        def note(stream: Any, lines: list[tuple[float, str]]) -> None:
            for line in stream:
                lines.append((time.monotonic() - began, line.rstrip("\n")))

        reader = threading.Thread(target=note, args=(process.stderr, err))
        reader.start()
        note(process.stdout, out)
        reader.join()
    return out, err


def broken_promises(moved: list[tuple[float, dict[str, Any]]], *, longest_gap_s: float = 2.0) -> list[str]:
    """What the `bytes_moved` events of one backup, with their times, do not keep of the contract (4)."""
    wrong = [] if moved else ["no bytes_moved at all"]
    for (at, one), (later, two) in itertools.pairwise(moved):
        if later - at > longest_gap_s:
            wrong.append(f"{later - at:.1f} s without an event, after {one}")
        if one["total"] == one["done"]:
            wrong.append(f"100 %, but not the last: {one}")
        if one["rate"] and one["seconds_left"] and (two["seconds_left"] or 0) > one["seconds_left"] + 60 + later - at:
            wrong.append(f"the time left jumps from {one['seconds_left']} to {two['seconds_left']} s")
    for _at, event in moved:
        if not event["total"] or event["total"] < event["done"]:
            wrong.append(f"no total, or one below what is done: {event}")
    if moved and moved[-1][1]["done"] != moved[-1][1]["total"]:
        wrong.append(f"the last one is not complete: {moved[-1][1]}")
    return wrong


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--rate", type=int, default=40, help="megabytes a second; 0: as fast as it goes")
    parser.add_argument("--silence", type=float, default=8.0)
    arguments = parser.parse_args(argv)
    home_of_all = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="bench-progress-", dir=home_of_all) as temporary:
        folder = Path(temporary)
        size, rate = round(arguments.gigabytes * 1e9), arguments.rate * 1_000_000 or None
        with served_phone(folder, size_bytes=size, silence_s=arguments.silence, rate=rate) as address:
            for columns in (80, 60):
                shown = seen_on_terminal(COMMAND, environment(folder / "home", address), columns)
                print(f"\n## A terminal of {columns} columns: its last line, each second\n")
                for at, rows in shown[:-1]:
                    print(f"{at:5.0f} s  {([row for row in rows if row] or [''])[-1]}")
                print("\nAt the end:\n")
                print("\n".join(shown[-1][1]))
                shutil.rmtree(folder / "home")
            _out, err = seen_on_pipe(COMMAND, environment(folder / "home", address))
            print("\n## A pipe\n")
            print("\n".join(f"{at:5.1f} s  {line}" for at, line in err))
            shutil.rmtree(folder / "home")
            out, _err = seen_on_pipe([*COMMAND, "--json"], environment(folder / "home", address))
    events = [(at, json.loads(line)) for at, line in out]
    moved = [(at, event) for at, event in events if event.get("event") == "bytes_moved"]
    print(f"\n## --json: {len(moved)} bytes_moved, some of them\n")
    print("\n".join(f"{at:5.1f} s  {json.dumps(event)}" for at, event in moved[:: max(1, len(moved) // 12)]))
    wrong = broken_promises(moved)
    print("\nEvery promise holds." if not wrong else "\n" + "\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
