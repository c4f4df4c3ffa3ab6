"""The quick start in docs/simulator.md works as printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.simulator.usbmuxd.listeners import has_unix_sockets

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "simulator.md"


@pytest.mark.skipif(not has_unix_sockets(), reason="its fixture is written for systems with Unix sockets")
def test_the_quick_start_passes_as_a_test(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "test_mine.py").write_text(blocks[0], encoding="utf-8")
    bin_of_this_python = str(Path(sys.executable).parent)
    assert shutil.which("migrate", path=bin_of_this_python), "the command is installed beside this Python"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=tmp_path,
        env=os.environ | {"PATH": os.pathsep.join((bin_of_this_python, os.environ.get("PATH", "")))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
