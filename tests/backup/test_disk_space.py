"""How much a disk can take, and whether it can hold a file under two names."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup import disk_space
from migrate.backup.disk_space import available_bytes, free_bytes_at, hard_links_work


def test_free_space_is_read_from_the_nearest_existing_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (free_bytes_at(tmp_path / "not" / "yet" / "there") or 0) > 0
    read_from: list[Path] = []
    real = shutil.disk_usage

    def disk_usage(path: Path) -> object:
        usage = real(path)  # raises for a missing folder
        read_from.append(path)
        return usage

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    free_bytes_at(tmp_path / "not" / "yet" / "there")
    assert read_from == [tmp_path]


def test_a_disk_that_does_not_answer_has_unknown_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert free_bytes_at(tmp_path) is None


def test_hard_links_are_probed_and_nothing_is_left(tmp_path: Path) -> None:
    assert hard_links_work(tmp_path) is True
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_disk_without_hard_links_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(code, os.strerror(code))  # exFAT on Linux: EPERM; on macOS: ENOTSUP

    monkeypatch.setattr(os, "link", refuse)
    assert hard_links_work(tmp_path) is False
    assert list(tmp_path.iterdir()) == []


def test_a_share_that_copies_instead_of_linking_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", shutil.copyfile)
    assert hard_links_work(tmp_path) is False


def test_on_a_full_disk_the_probe_says_nothing(tmp_path: Path) -> None:
    assert hard_links_work(tmp_path / "missing") is None


class CoreFoundation:
    """The part of macOS's library that is used, with a volume that has `amount` bytes for important things."""

    def __init__(self, amount: int | None) -> None:
        self.amount = amount
        self.asked: dict[str, bytes] = {}
        self.released: list[int] = []

    def CFStringCreateWithCString(self, allocator: None, text: bytes, encoding: int) -> int:
        self.asked["key"] = text
        return 11

    def CFURLCreateFromFileSystemRepresentation(
        self, allocator: None, path: bytes, length: int, is_folder: bool
    ) -> int:
        self.asked["path"] = path[:length]
        return 12

    def CFURLCopyResourcePropertyForKey(self, url: int, key: int, value: Any, error: None) -> bool:
        assert (url, key) == (12, 11)
        if self.amount is None:
            return False
        ctypes.cast(value, ctypes.POINTER(ctypes.c_void_p))[0] = 13
        return True

    def CFNumberGetValue(self, number: Any, kind: int, value: Any) -> bool:
        assert number.value == 13 and kind == 4
        ctypes.cast(value, ctypes.POINTER(ctypes.c_int64))[0] = self.amount
        return True

    def CFRelease(self, owned: Any) -> None:
        self.released.append(getattr(owned, "value", owned))


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> Callable[[CoreFoundation], None]:
    def be(library: CoreFoundation) -> None:
        monkeypatch.setattr(disk_space.sys, "platform", "darwin")
        monkeypatch.setattr(disk_space, "_core_foundation", lambda: library)

    return be


def test_on_a_mac_space_that_the_system_would_free_counts(
    tmp_path: Path, on_a_mac: Callable[[CoreFoundation], None]
) -> None:
    plain = shutil.disk_usage(tmp_path).free
    library = CoreFoundation(plain + 5_000_000_000)
    on_a_mac(library)
    assert available_bytes(tmp_path) == plain + 5_000_000_000
    assert library.asked["path"] == os.fsencode(tmp_path) and b"ForImportantUsage" in library.asked["key"]
    assert sorted(library.released) == [11, 12, 13]


@pytest.mark.parametrize("amount", [None, 0])
def test_a_volume_of_a_mac_without_that_figure_has_its_plain_free_space(
    tmp_path: Path, on_a_mac: Callable[[CoreFoundation], None], amount: int | None
) -> None:
    on_a_mac(CoreFoundation(amount))
    free = shutil.disk_usage(tmp_path).free
    assert abs(available_bytes(tmp_path) - free) < 100_000_000  # other tests write meanwhile
