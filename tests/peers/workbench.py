"""Independent clients, run as programs against simulated iPhones in this process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.forked import Forked
from tests.peers import fetch

LIMIT_S = 120
LIBIMOBILEDEVICE, PYMOBILEDEVICE3, GO_IOS = "libimobiledevice", "pymobiledevice3", "go-ios"


class PeerMissing(Exception):
    """The program is not installed."""


def command_of(peer: str) -> list[str]:
    """The command line that starts a peer.

    Raises:
        PeerMissing: it is not installed.
    """
    if peer == PYMOBILEDEVICE3:
        return [sys.executable, "-m", "pymobiledevice3"]  # one of our dependencies
    if peer == GO_IOS:
        if not fetch.GO_IOS.exists():
            raise PeerMissing("go-ios is not there (`python tests/peers/fetch.py` downloads it)")
        return [str(fetch.GO_IOS)]
    found = shutil.which(peer)
    if found is None:
        raise PeerMissing(f"{peer} is not installed (Debian: libimobiledevice-utils)")
    return [found]


@dataclass(frozen=True)
class Bench:
    """Phones on a usbmuxd, and a separate home folder for the peers."""

    server: SimulatedUsbmuxd
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """An environment that cannot lead a peer to a real phone or a real home folder."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG")}
        home = str(self.home)
        return {**kept, "USBMUXD_SOCKET_ADDRESS": self.server.address, "HOME": home, "USERPROFILE": home}

    def run(self, peer: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a peer to its end, with any exit code. pymobiledevice3's commands are forked (`tests/forked.py`).

        Raises:
            PeerMissing: it is not installed.
        """
        if peer == PYMOBILEDEVICE3 and hasattr(os, "fork"):
            return self._fork(peer, *map(str, arguments))
        return self.run_in_its_own_process(peer, *arguments)

    def _fork(self, peer: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = Forked(arguments, self.environment, program=peer, cwd=self.home)
        limit = threading.Timer(LIMIT_S, command.kill)
        limit.start()
        out, err = command.communicate()
        limit.cancel()
        assert command.returncode is not None
        return subprocess.CompletedProcess([peer, *arguments], command.returncode, out, err)

    def run_in_its_own_process(self, peer: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The same for a peer that starts the usual way.

        Raises:
            PeerMissing: it is not installed.
        """
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
        """Run a peer that must succeed. Returns its stdout; a failure shows all its output."""
        done = self.run(peer, *arguments)
        assert done.returncode == 0, f"{peer} {arguments} ended {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout
