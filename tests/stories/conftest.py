"""Puts phones on the kitchen table, and clears it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.stories.kitchen import SetTable, Table, new_phone, old_phone


@pytest.fixture
def set_table(tmp_path: Path) -> Iterator[SetTable]:
    """Two phones behind a usbmuxd; it stops with the test. `plugged` says which of them hang on the cable at first."""
    tables: list[Table] = []

    def set_one(
        old: SimulatedPhone | None = None, new: SimulatedPhone | None = None, *, plugged: str = "old new"
    ) -> Table:
        phones = {"old": old or old_phone(), "new": new or new_phone()}
        server = SimulatedUsbmuxd([phone for name, phone in phones.items() if name in plugged.split()])
        server.start()
        tables.append(Table(phones["old"], phones["new"], server, tmp_path / "home"))
        return tables[-1]

    yield set_one
    for table in tables:
        table.clear()
