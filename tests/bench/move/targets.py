"""The wanted ratios, and whether a run reached them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.bench.move.candidates import CEILING, IDEVICE, LINK_LOOP, MIGRATE, PYMOBILE, SHA256SUM
from tests.bench.move.children import Figures

Found = Mapping[str, Mapping[str, Figures]]
"""Part -> program -> figures."""
Results = dict[tuple[str, bool, str], dict[str, dict[str, Figures]]]
"""(scenario, encrypted, disk) -> what was found."""

MEMORY_LIMIT_BYTES = 120 * 10**6
IN_A_MOVE = ("move: verify", "move: compose", "move: last look", "move: the proof's comparison")


@dataclass(frozen=True)
class Target:
    """A ratio of two figures that must not be more than `at_most`."""

    scenario: str
    what: str
    ratio: Callable[[Found], float]
    """Raises KeyError if something was not measured."""
    at_most: float


def _wall(part: str, program: str = MIGRATE) -> Callable[[Found], float]:
    return lambda found: found[part][program].wall_s


def _cpu(part: str, program: str = MIGRATE) -> Callable[[Found], float]:
    return lambda found: found[part][program].cpu_s


def _over(above: Callable[[Found], float], below: Callable[[Found], float]) -> Callable[[Found], float]:
    return lambda found: above(found) / below(found)


def _ours_in_a_move(found: Found) -> float:
    return sum(found[part][MIGRATE].wall_s for part in IN_A_MOVE)


def _backup(scenario: str, peer: str, times_faster: float) -> Target:
    what = f"back up: at least {times_faster} times as fast as {peer}"
    return Target(scenario, what, _over(_wall("backup"), _wall("backup", peer)), 1 / times_faster)


TARGETS = (
    _backup("a", IDEVICE, 1.0),
    _backup("a", PYMOBILE, 4.0),
    Target("a", "back up: CPU of idevicebackup2", _over(_cpu("backup"), _cpu("backup", IDEVICE)), 2.5),
    _backup("b", IDEVICE, 1.5),
    _backup("b", PYMOBILE, 1.1),
    _backup("c", IDEVICE, 1.1),
    Target("d", "unchanged: wall of idevicebackup2", _over(_wall("incremental"), _wall("incremental", IDEVICE)), 1.0),
    Target("a", "restore: wall of idevicebackup2", _over(_wall("restore"), _wall("restore", IDEVICE)), 1.0),
    Target("a", "restore: CPU of idevicebackup2", _over(_cpu("restore"), _cpu("restore", IDEVICE)), 2.0),
    Target(
        "a",
        "verify, compose, last look and comparison in a move: wall of idevicebackup2's backup",
        _over(_ours_in_a_move, _wall("backup", IDEVICE)),
        0.75,
    ),
    Target(
        "a", "rehearsal: wall of idevicebackup2's backup", _over(_wall("move: rehearse"), _wall("backup", IDEVICE)), 1.5
    ),
    Target("a", "verify: wall of sha256sum", _over(_wall("verify"), _wall("verify", SHA256SUM)), 2.5),
    Target("b", "verify: wall of sha256sum", _over(_wall("verify"), _wall("verify", SHA256SUM)), 1.0),
    Target("a", "compose: wall of an os.link loop", _over(_wall("compose"), _wall("compose", LINK_LOOP)), 3.0),
    *(
        Target(name, "the phone alone: wall of our backup", _over(_wall("backup", CEILING), _wall("backup")), 1 / 1.5)
        for name in "abcd"
    ),
)


def check(results: Results) -> int:
    """Prints each target with what was found. Returns 1 if one was missed, else 0; what was not measured counts not."""
    rows = [(target, *one) for target in TARGETS for one in _found(target, results)]
    rows += [(None, *one) for one in _memory(results)]
    if not rows:
        return 0
    print("\n| | | found | at most | |\n|---|---|---|---|---|")
    for _, where, what, found, at_most in rows:
        print(f"| {where} | {what} | {found:.2f} | {at_most:.2f} | {'yes' if found <= at_most else 'MISSED'} |")
    return int(any(found > at_most for *_, found, at_most in rows))


def _found(target: Target, results: Results) -> Iterator[tuple[str, str, float, float]]:
    for (scenario, encrypted, disk), found in results.items():
        if scenario == target.scenario:
            try:
                ratio = target.ratio(found)
            except (KeyError, ZeroDivisionError):
                continue
            yield _name(scenario, encrypted, disk), target.what, ratio, target.at_most


def _memory(results: Results) -> Iterator[tuple[str, str, float, float]]:
    """Our highest peak in each scenario, in MB."""
    for (scenario, encrypted, disk), found in results.items():
        peaks = {part: by[MIGRATE].peak_bytes for part, by in found.items() if MIGRATE in by and "phone" not in part}
        if peaks:
            worst = max(peaks, key=peaks.__getitem__)
            where = _name(scenario, encrypted, disk)
            yield where, f"memory: highest peak, in MB ({worst})", peaks[worst] / 1e6, MEMORY_LIMIT_BYTES / 1e6


def _name(scenario: str, encrypted: bool, disk: str) -> str:
    return f"({scenario}) {'encrypted' if encrypted else 'plain'}, {disk}"
