"""A backup behind its page, asked as a browser asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.browse.app import browse_app
from migrate.browse.library import Library
from migrate.categories.claims import Claims
from migrate.pages.loopback import LoopbackServer
from migrate.problems import paste
from tests.browse.asking import Browser, Opened
from tests.made_backups import MakeBackup
from tests.made_backups import make_backup as make_backup
from tests.made_backups import make_database as make_database
from tests.made_backups import phones_backup as phones_backup
from tests.made_backups import shared_data as shared_data

Show = Callable[..., Opened]


@pytest.fixture
def show(tmp_path: Path, make_backup: MakeBackup) -> Iterator[Show]:
    """`show(backup)`: the backup's page, served. It ends before the backups of `make_backup` are closed."""
    with ExitStack() as served:

        def open_page(backup: Backup, groups: Any = None) -> Opened:
            tmp = tmp_path / f"browse-tmp-{len(list(tmp_path.iterdir()))}"
            tmp.mkdir(mode=0o700)
            library = Library(backup, Claims.of(backup, groups), seals=None, tmp=tmp, command=paste)
            served.enter_context(library)
            server = LoopbackServer(browse_app(library))
            served.enter_context(server.running())
            browser = Browser(server.port, server.address)
            browser.enter()
            return Opened(backup, library, browser, tmp)

        yield open_page
