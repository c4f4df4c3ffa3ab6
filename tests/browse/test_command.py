"""`migrate browse` as it is typed: the address, Ctrl-C, a taken port, a killed process."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from migrate.pages.loopback import LoopbackServer
from tests.browse.asking import Browser
from tests.forked import Forked
from tests.talk.conftest import Migrate, write_backup
from tests.talk.conftest import home as home
from tests.talk.conftest import migrate as migrate

PASSWORD = "correct-horse-1947"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@contextmanager
def browsing(backup: Path, home: Path, *words: str) -> Iterator[tuple[Forked, dict[str, Any], Browser]]:
    """The running command, what it printed, and a browser that has entered."""
    env = {**os.environ, "MIGRATE_HOME": str(home), "MIGRATE_BACKUP_PASSWORD": PASSWORD}
    command = Forked(["browse", str(backup), "--json", *words], env)
    try:
        assert command.stdout is not None
        printed = json.loads(command.stdout.readline())
        browser = Browser(printed["port"], printed["address"])
        browser.enter()
        yield command, printed, browser
    finally:
        command.kill()
        command.wait()
        command.close()


def test_ctrl_c_ends_it_and_empties_tmp(tmp_path: Path) -> None:
    backup, home = write_backup(tmp_path / "backup", password=PASSWORD), tmp_path / "home"
    with browsing(backup, home) as (command, printed, browser):
        assert printed["backup"] == str(backup)
        assert browser.open("/k/messages").status == 200 and browser.open("/files").status == 200
        command.send_signal(signal.SIGINT)
        assert command.wait() == 0
        assert command.stderr is not None
        assert "Traceback" not in command.stderr.read()
    assert list((home / "tmp").iterdir()) == []


def test_a_killed_page_leaves_nothing_that_others_can_read(tmp_path: Path) -> None:
    backup, home = write_backup(tmp_path / "backup", password=PASSWORD), tmp_path / "home"
    with browsing(backup, home) as (command, _printed, browser):
        browser.open("/files")
        browser.open("/k/messages")
        command.kill()
        command.wait()
    left = [entry for entry in (home / "tmp").rglob("*") if entry.is_file() and entry.suffix != ".lock"]
    assert left == [], "an index has no name, and copies of databases are gone when they have been read"
    for entry in [home / "tmp", *(home / "tmp").iterdir()]:
        assert not stat.S_IMODE(entry.stat().st_mode) & 0o077, entry


def test_a_taken_port_and_a_wrong_one_are_said(tmp_path: Path, migrate: Migrate) -> None:
    backup = write_backup(tmp_path / "backup")

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        pass

    server = LoopbackServer(nothing)
    with server.running():
        answer = migrate("browse", backup, "--no-open", "--port", server.port)
        assert answer.code == 2 and str(server.port) in answer.err and "Choose another port" in answer.err
        assert migrate("browse", backup, "--port", 70000).code == 2
    assert threading.active_count() < 50
