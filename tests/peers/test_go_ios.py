"""go-ios 1.2 against a simulated iPhone: a few of its commands in every test run, all of them in the soak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.device.phone import SimulatedPhone
from tests.peers.go_ios import TASKS, Task


@pytest.mark.parametrize(
    "task", [pytest.param(task, id=str(task), marks=() if task.is_fast else pytest.mark.soak) for task in TASKS]
)
def test_go_ios_gets_what_a_phone_gives(bench: Any, small_phone: Callable[..., SimulatedPhone], task: Task) -> None:
    phone = small_phone()
    assert task.problem(bench(phone), phone) == ""
