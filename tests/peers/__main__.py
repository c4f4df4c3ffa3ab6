"""`python -m tests.peers`: the matrix of peers, versions and states as two Markdown tables, on standard output."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.versions import TESTED
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.peers.lives import BOTH, live
from tests.peers.states import RETRIES_FOR_EVER, STATES, answer_in
from tests.peers.workbench import LIBIMOBILEDEVICE, PYMOBILEDEVICE3, Bench, PeerMissing


def lives() -> int:
    """Prints who can do what with which iOS; returns how much of it went wrong."""
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for peer in BOTH:
        for version in TESTED:
            with tempfile.TemporaryDirectory() as name, ExitStack() as served:
                for seen in live(peer, version, Path(name), lambda *p, s=served, n=name: _bench(s, Path(n), p)):
                    cells.setdefault(seen.what, {})[peer, version] = "**no**" if seen.problem else "yes"
                    if seen.problem:
                        print(f"{peer}, iOS {version}, {seen.what}:\n{seen.problem}", file=sys.stderr)
    columns = [(peer, version) for peer in BOTH for version in TESTED]
    rows = ([what, *(found.get(column, "–") for column in columns)] for what, found in cells.items())
    print_table(["", *(f"{peer} {version}" for peer, version in columns)], rows)
    return sum(value == "**no**" for found in cells.values() for value in found.values())


def states() -> int:
    """Prints what each peer printed in each state beside what facts say; returns how often they disagree."""
    rows, wrong = [], 0
    for state in STATES:
        cells = []
        for peer in BOTH:
            with tempfile.TemporaryDirectory() as name:
                answer = answer_in(state, peer, Path(name))
            wrong += not answer.agrees
            cells.append(_cell(answer.printed, state.expects[peer], agrees=answer.agrees))
        rows.append([state.name, state.asks, state.says, *cells])
    print_table(["state", "asked for", "a real phone answers", LIBIMOBILEDEVICE, PYMOBILEDEVICE3], rows)
    return wrong


def _cell(printed: str, expected: str, *, agrees: bool) -> str:
    if not agrees:
        return f"**{printed.strip().splitlines()[-1] if printed.strip() else 'nothing'}**"
    if expected in ("", RETRIES_FOR_EVER):
        return expected or "done"
    if expected.startswith("'ErrorCode'"):
        return f"PyMobileDevice3Exception, {expected.rstrip(',')}"  # and all of the answer, as a dictionary
    line = next(line for line in printed.splitlines() if expected in line)
    return line.strip().partition(" ERROR ")[2] or line.strip()


def print_table(head: list[str], rows: Iterable[list[str]]) -> None:
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    print()


def _bench(served: ExitStack, folder: Path, phones: tuple[SimulatedPhone, ...]) -> Bench:
    home = folder / "home"
    home.mkdir()
    return Bench(served.enter_context(SimulatedUsbmuxd(phones)), home)


if __name__ == "__main__":
    try:
        sys.exit(1 if lives() + states() else 0)
    except PeerMissing as missing:
        sys.exit(str(missing))
