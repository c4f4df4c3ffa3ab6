"""What a step no longer needs does not count against the next one."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEASURED = """
from migrate.journey.freed_memory import give_back_freed_memory

def resident_mb():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) / 1024

kept, held = [], [bytearray(2_000) for _ in range(60_000)]
kept = held[::2]
before = resident_mb()
del held
kept = [bytes(one) for one in kept[:10]]
give_back_freed_memory()
print(before - resident_mb())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives memory back when it is asked to")
def test_freed_memory_goes_back_to_the_system() -> None:
    freed = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True, timeout=60)
    assert float(freed.stdout) > 60
