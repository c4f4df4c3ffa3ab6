"""Clients nobody here wrote, run as programs against simulated iPhones served from this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

LIMIT_S = 120
LIBIMOBILEDEVICE, PYMOBILEDEVICE3 = "libimobiledevice", "pymobiledevice3"


class PeerMissing(Exception):
    """This computer has no such program."""


def command_of(peer: str) -> list[str]:
    """How a peer is called. Raises PeerMissing."""
    if peer == PYMOBILEDEVICE3:
        return [sys.executable, "-m", "pymobiledevice3"]  # a dependency of ours
    found = shutil.which(peer)
    if found is None:
        raise PeerMissing(f"{peer} is not installed (Debian: libimobiledevice-utils)")
    return [found]


@dataclass(frozen=True)
class Bench:
    """Phones on a usbmuxd, and a home of its own for the peers that talk to them."""

    server: SimulatedUsbmuxd
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """No variable of the developer's own that could lead a peer to a real phone or a real home."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG")}
        home = str(self.home)
        return {**kept, "USBMUXD_SOCKET_ADDRESS": self.server.address, "HOME": home, "USERPROFILE": home}

    def run(self, peer: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """A peer's whole run: what it printed and its exit code, whatever that is. Raises PeerMissing."""
        return subprocess.run(
            [*command_of(peer), *map(str, arguments)],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )

    def check(self, peer: str, *arguments: str | Path) -> str:
        """What a peer printed. Its failure is the test's, with all it said."""
        done = self.run(peer, *arguments)
        assert done.returncode == 0, f"{peer} {arguments} ended {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout
