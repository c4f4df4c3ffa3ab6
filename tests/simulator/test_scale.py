"""The memory needed to serve many files and very large ones to a host that discards them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.bench.move.phones import drain, served
from tests.bench.move.scenarios import Scenario

PEAK_BYTES = 256 << 20

MANY = Scenario("many", "1,000,000 files", 1_000_000, 4096)
ASSORTED = Scenario("assorted", "300,000 files of log-uniform sizes", 300_000, 0, 10 * 10**9, 700)
VAST = Scenario("vast", "100 GB in large files", 1_600, 64 << 20)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what another process has used at most")
@pytest.mark.parametrize("scenario", [MANY, ASSORTED, VAST], ids=lambda scenario: scenario.name)
def test_memory_does_not_grow_with_the_served_data(scenario: Scenario, tmp_path: Path) -> None:
    with served([scenario.phone_file(encrypted=False)], tmp_path) as phone:
        drain(phone.address, tmp_path / "home")
        assert 0 < phone.peak_bytes < PEAK_BYTES
