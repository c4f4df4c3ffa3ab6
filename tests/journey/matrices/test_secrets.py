"""Backup passwords stay in memory: no file, no output, and no program that we start ever has them, however the command
ends."""

from __future__ import annotations

import base64
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.journey.matrices.interruptions import CASES, Place, left_behind, prepared
from tests.journey.matrices.stopping import Commands, Ended, Stop
from tests.journey.moves import NEW_PASSWORD, PASSWORD

if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

GRAFT = next(case for case in CASES if case.name == "graft")
"""It needs both phones' passwords, derives keys for both backups, and starts a program that makes links."""


def forms_of(password: str) -> set[bytes]:
    """The ways in which a password could be written."""
    found = set()
    for raw in (password.encode(), password.encode("utf-16-le"), password.encode("utf-16-be")):
        found |= {raw, raw.hex().encode(), raw.hex().upper().encode()}
        for shift in range(3):  # base64 depends on what stands before; its ends depend on what stands beside
            found.add(base64.b64encode(bytes(shift) + raw + bytes(3))[4 if shift else 0 : -8])
    return found


NEEDLES = forms_of(PASSWORD) | forms_of(NEW_PASSWORD)


def leaks_in(what: bytes) -> list[bytes]:
    return [needle for needle in NEEDLES if needle in what]


@contextmanager
def watching_children(of: int) -> Iterator[set[bytes]]:
    """While inside, collect the arguments and the environment of everything that process `of` starts."""
    seen = set[bytes]()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            family = [of]
            for parent in family:
                with suppress(OSError):
                    for task in Path(f"/proc/{parent}/task").iterdir():
                        family += map(int, (task / "children").read_text().split())
            for pid in family[1:]:
                with suppress(OSError):
                    seen.add(Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes())
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def run_watched(place: Place, stop: Stop | None = None) -> tuple[Ended, set[bytes]]:
    command = place.commands.start(place.case.begin(place), place.env, stop)
    with watching_children(command.pid) as seen:
        return place.commands.finish(command), seen


def assert_no_secret(place: Place, ended: Ended) -> None:
    assert not leaks_in(ended.out.encode() + ended.err.encode())
    files = [path for path in place.lab.home.path.parent.rglob("*") if path.is_file()]
    assert any(path.name == "journal.ndjson" for path in files)
    assert [(str(path), leaks) for path in files if (leaks := leaks_in(path.read_bytes()))] == []


def test_the_search_finds_a_password_in_every_form() -> None:
    secret = PASSWORD.encode("utf-16-le")
    for hidden in (PASSWORD.encode(), secret, secret.hex().encode(), base64.b64encode(b"{password:" + secret + b"}")):
        assert leaks_in(b"before " + hidden + b" after")
    assert not leaks_in(b"nothing of the kind")


def test_a_password_is_in_no_file_no_output_and_no_program_we_start(tmp_path: Path) -> None:
    """A whole move. The umask is 0, so every file would be open to everybody if we did not close it."""
    commands = Commands(tmp_path, umask=0)
    with prepared(GRAFT, commands, tmp_path / "whole") as place:
        ended, children = run_watched(place)
        assert ended.code == 0, str(ended)
        assert_no_secret(place, ended)
        assert left_behind(place.lab.home) == []
    assert children, "the program that makes links was not seen"
    assert not leaks_in(b"".join(children))


@pytest.mark.soak
@pytest.mark.parametrize("line", range(2, 34, 2))
def test_a_killed_move_leaves_no_password_behind(tmp_path: Path, line: int) -> None:
    with prepared(GRAFT, Commands(tmp_path), tmp_path / "killed") as place:
        ended, children = run_watched(place, Stop(line))
        assert_no_secret(place, ended)
        assert not leaks_in(b"".join(children))
