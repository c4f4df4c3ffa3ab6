"""Independent clients, run as programs against simulated iPhones in the test process.

If a peer is not installed, its tests are skipped on a developer's machine and fail where CI is set. CI must not pass
without running them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.peers.workbench import Bench, PeerMissing

KEYBAG_ROUNDS = 1_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.peer)


class SkippingBench(Bench):
    """A bench where a missing peer skips the test, or fails it if CI is set."""

    def run(self, peer: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        try:
            return super().run(peer, *arguments)
        except PeerMissing as missing:
            pytest.fail(str(missing)) if os.environ.get("CI") else pytest.skip(str(missing))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """`bench(phone, …)` serves these phones until the test ends."""
    with contextlib.ExitStack() as served:

        def serve(*phones: SimulatedPhone) -> Bench:
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            return SkippingBench(served.enter_context(SimulatedUsbmuxd(phones)), home)

        yield serve


@pytest.fixture
def small_phone() -> Callable[..., SimulatedPhone]:
    """`small_phone(**about)`: a trusted phone with a few files in several domains, two apps and fast key derivation."""

    def make(**about: Any) -> SimulatedPhone:
        phone = SimulatedPhone(
            **{"name": "Ana’s iPhone", "keybag_rounds": KEYBAG_ROUNDS, "simulated_user": SimulatedUser(), **about}
        )
        add = phone.files.add_file
        add("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG", bytes(range(256)) * 20)
        add("HomeDomain", "Library/Preferences/com.apple.springboard.plist", b"<plist/>")
        add("HomeDomain", "Library/Notes/größe 日本.txt", "Grüße".encode())
        add("HomeDomain", "Library/Notes/empty", b"")
        add("MediaDomain", "Media/Recordings/memo.m4a", b"voice" * 2000)
        phone.files.add_symlink("HomeDomain", "Library/link", "Notes")
        add("AppDomain-com.example.chat", "Documents/chat.db", b"chat" * 300)
        chat = App("com.example.chat", "Chat", group_ids=("group.com.example.chat",), icon_png=b"\x89PNG\r\n\x1a\n")
        own = App("com.example.own", "Own", has_sinf=False)
        phone.apps |= {app.bundle_id: app for app in (chat, own)}
        return phone

    return make
