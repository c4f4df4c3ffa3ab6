"""The `make_lab` fixture: two simulated iPhones for one test, stopped when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.stories.lab import Lab, MakeLab, new_phone, old_phone


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[MakeLab]:
    """Starts a usbmuxd with two phones, stopped after the test. `plugged` names those connected at the start."""
    labs: list[Lab] = []

    def make(old: SimulatedPhone | None = None, new: SimulatedPhone | None = None, *, plugged: str = "old new") -> Lab:
        phones = {"old": old or old_phone(), "new": new or new_phone()}
        server = SimulatedUsbmuxd([phone for name, phone in phones.items() if name in plugged.split()])
        server.start()
        labs.append(Lab(phones["old"], phones["new"], server, tmp_path / "home"))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
