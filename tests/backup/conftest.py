"""Small backups, made the way a phone makes them, for the tests of check, compose and links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backup.small_backup import UDID, SmallBackup, fill

MakeBackup = Callable[..., SmallBackup]


@pytest.fixture
def make_backup(tmp_path: Path) -> MakeBackup:
    """`make_backup(encrypted=True, ios_version=…)`: a backup with something of every kind in it, written and whole."""

    def make(*, encrypted: bool = True, name: str = UDID, **options: Any) -> SmallBackup:
        backup = SmallBackup(tmp_path / "backups" / name, encrypted, **options)
        fill(backup)
        return backup.write()

    return make


@pytest.fixture(params=[True, False], ids=["encrypted", "plain"])
def small_backup(request: pytest.FixtureRequest, make_backup: MakeBackup) -> Iterator[SmallBackup]:
    """One healthy backup of each kind."""
    yield make_backup(encrypted=request.param)


@pytest.fixture
def shared_data() -> Path:
    """Test data that nobody here wrote; it lies beside the project and is never copied into it."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared test data (../shared/data) is not here")
    return folder
