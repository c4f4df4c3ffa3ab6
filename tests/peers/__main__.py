"""`python -m tests.peers` prints the matrix of peers, iOS versions, states and tasks as three Markdown tables."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.device.versions import TESTED
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.peers.fetch import GO_IOS_VERSION
from tests.peers.go_ios import PICTURE, TASKS
from tests.peers.lifecycle import PEERS, run_lifecycle
from tests.peers.states import RETRIES_FOREVER, STATES, answer_in
from tests.peers.workbench import GO_IOS, LIBIMOBILEDEVICE, PYMOBILEDEVICE3, Bench, PeerMissing


def print_lifecycles() -> int:
    """Print which peer can do what with which iOS version. Returns the number of failures."""
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for peer in PEERS:
        for version in TESTED:
            with tempfile.TemporaryDirectory() as name, ExitStack() as served:
                for step in run_lifecycle(
                    peer, version, Path(name), lambda *p, s=served, n=name: _bench(s, Path(n), p)
                ):
                    cells.setdefault(step.what, {})[peer, version] = "**no**" if step.problem else "yes"
                    if step.problem:
                        print(f"{peer}, iOS {version}, {step.what}:\n{step.problem}", file=sys.stderr)
    columns = [(peer, version) for peer in PEERS for version in TESTED]
    rows = ([what, *(found.get(column, "–") for column in columns)] for what, found in cells.items())
    print_table(["", *(f"{peer} {version}" for peer, version in columns)], rows)
    return sum(value == "**no**" for found in cells.values() for value in found.values())


def print_states() -> int:
    """Print what each peer printed in each state and the expected answer. Returns the number of mismatches."""
    rows, mismatches = [], 0
    for state in STATES:
        cells = []
        for peer in PEERS:
            with tempfile.TemporaryDirectory() as name:
                answer = answer_in(state, peer, Path(name))
            mismatches += not answer.agrees
            cells.append(_cell(answer.printed, state.expected[peer], agrees=answer.agrees))
        rows.append([state.name, state.command, state.real_answer, *cells])
    print_table(["state", "asked for", "a real phone answers", LIBIMOBILEDEVICE, PYMOBILEDEVICE3], rows)
    return mismatches


def print_go_ios() -> int:
    """Print which of go-ios' commands work. It makes no backups. Returns the number of failures."""
    rows, failures = [], 0
    for task in TASKS:
        with tempfile.TemporaryDirectory() as name, ExitStack() as served:
            phone = SimulatedPhone()
            phone.files.add_file("CameraRollDomain", f"Media/DCIM/100APPLE/{PICTURE}", b"picture")
            phone.apps["com.example.chat"] = App("com.example.chat", "Chat")
            try:
                problem = task.problem(_bench(served, Path(name), (phone,)), phone)
            except AssertionError as error:
                problem = str(error)
        failures += bool(problem)
        rows.append([task.what, "**no**" if problem else "yes"])
        if problem:
            print(f"{GO_IOS}, {task.what}:\n{problem}", file=sys.stderr)
    print_table(["", f"{GO_IOS} {GO_IOS_VERSION}"], rows)
    return failures


def _cell(printed: str, expected: str, *, agrees: bool) -> str:
    if not agrees:
        return f"**{printed.strip().splitlines()[-1] if printed.strip() else 'nothing'}**"
    if expected in ("", RETRIES_FOREVER):
        return expected or "done"
    if expected.startswith("'ErrorCode'"):
        return f"PyMobileDevice3Exception, {expected.rstrip(',')}"  # followed by the whole answer as a dictionary
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
        sys.exit(1 if print_go_ios() + print_lifecycles() + print_states() else 0)
    except PeerMissing as missing:
        sys.exit(str(missing))
