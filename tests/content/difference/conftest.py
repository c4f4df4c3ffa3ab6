from __future__ import annotations

from pathlib import Path

import pytest

from tests.content.difference.made import Pair


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    folder = tmp_path / "pair"
    folder.mkdir()
    return Pair(folder)
