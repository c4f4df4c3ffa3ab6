"""The memory needed to serve many files and very large ones to a host that discards them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.bench.simulator import Bench, drained, served

PEAK_BYTES = 256 << 20

MANY = Bench("1,000,000 files", 1_000_000, 4096, 0)
VAST = Bench("100 GB", 0, 4096, 100 * 10**9)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what another process has used at most")
@pytest.mark.parametrize("bench", [MANY, VAST], ids=lambda bench: bench.name)
def test_memory_does_not_grow_with_the_served_data(bench: Bench, tmp_path: Path) -> None:
    with served(bench, tmp_path) as phone:
        asyncio.run(drained(phone.address, tmp_path / "home"))
        assert 0 < phone.peak_rss_bytes < PEAK_BYTES
