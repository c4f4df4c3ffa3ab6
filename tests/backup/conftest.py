"""Small backups, made the way a phone makes them, for the tests of `migrate/backup`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.backup.small_backup import SmallBackup, healthy_backup

MakeBackup = Callable[..., SmallBackup]


@pytest.fixture
def make_backup(tmp_path: Path) -> MakeBackup:
    """`make_backup(encrypted=True, ios_version=…)`: a whole backup with something of every kind in it."""
    return partial(healthy_backup, tmp_path)


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def small_backup(request: pytest.FixtureRequest, make_backup: MakeBackup) -> Iterator[SmallBackup]:
    """One healthy backup of each kind."""
    yield make_backup(encrypted=request.param)


@pytest.fixture
def shared_data() -> Path:
    """Test data from other projects. It lies beside the project and is never copied into it."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared test data (../shared/data) is not here")
    return folder
