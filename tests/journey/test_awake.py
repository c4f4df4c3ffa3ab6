"""The computer is kept awake while a step runs, and a step never fails because of that."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from migrate.journey.awake import kept_awake


class Desktop:
    """Stands for wakepy."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.heard = fails, list[str]()

    @contextmanager
    def running(self, *, on_fail: str) -> Iterator[None]:
        assert on_fail == "pass"
        if self.fails == "entering":
            raise RuntimeError("no desktop")
        self.heard.append("stay awake")
        yield
        self.heard.append("may sleep")
        if self.fails == "leaving":
            raise RuntimeError("the desktop is gone")


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Desktop:
    desktop = Desktop(getattr(request, "param", ""))
    monkeypatch.setitem(sys.modules, "wakepy", SimpleNamespace(keep=desktop))
    return desktop


def test_the_computer_may_sleep_again_after_the_step_also_if_the_step_fails(desktop: Desktop) -> None:
    with pytest.raises(ValueError, match="the step"), kept_awake():
        assert desktop.heard == ["stay awake"]
        raise ValueError("the step")
    assert desktop.heard == ["stay awake", "may sleep"]


@pytest.mark.parametrize("desktop", ["entering", "leaving"], indirect=True)
def test_a_desktop_that_fails_does_not_fail_the_step(desktop: Desktop) -> None:
    with kept_awake():
        pass


def test_without_wakepy_the_step_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wakepy", None)
    with kept_awake():
        pass


def test_wakepy_itself_is_asked_for_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    from wakepy import keep

    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    mode = keep.running(on_fail="pass")
    with mode:
        assert mode.active
    with kept_awake():
        pass
