"""Plant faults into the code one at a time and see whether the tests notice: `python -m tools.planted_faults`.

Each `*.toml` beside this file lists faults in one part of the code: what is promised there, and a piece of text whose
replacement breaks that promise. A fault is planted into a copy of the project, and the nearest tests run on the copy
until one fails. A fault that no test notices is a promise that nobody keeps watch over.

    python -m tools.planted_faults                     all faults, with the nearest tests
    python -m tools.planted_faults backup seal         only those whose name or part contains one of these words
    python -m tools.planted_faults --whole             the whole test command for those the nearest tests missed
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FAULTS = Path(__file__).parent
LIMIT_S = 900
"""How long the tests of one fault may take. A fault that makes them hang is noticed."""
NO_TESTS_COLLECTED = 5
"""pytest's exit code if its selection is empty, or has only tests that are not in the test command."""


@dataclass(frozen=True)
class Fault:
    """A change that breaks a promise."""

    part: str
    """The part of the code: the name of the file that lists it."""
    name: str
    promise: str
    file: str
    """Relative to the project."""
    old: str
    new: str
    tests: tuple[str, ...]
    """The nearest tests: files, folders or tests, relative to the project."""
    only: str = ""
    """Which of them, as pytest's -k; empty: all."""

    def planted(self, text: str) -> str:
        """The file's text with the fault in it.

        Raises:
            ValueError: the text to replace does not occur exactly once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.part}: {self.name}: its text occurs {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Result:
    """Whether the tests noticed a fault, and which test did first."""

    fault: Fault
    is_noticed: bool
    by: str
    seconds: float


def read_faults(words: Sequence[str] = ()) -> list[Fault]:
    """The listed faults, or those whose part or name contains one of `words`."""
    found = []
    for listed in sorted(FAULTS.glob("*.toml")):
        content = tomllib.loads(listed.read_text(encoding="utf-8"))
        for row in content["fault"]:
            tests = tuple(row.get("tests") or content["tests"])
            told = (row[key] for key in ("name", "promise", "file", "old", "new"))
            fault = Fault(listed.stem, *told, tests, row.get("only", ""))
            if not words or any(word in f"{fault.part} {fault.name}" for word in words):
                found.append(fault)
    return found


def run(fault: Fault, copy: Path, *, whole: bool) -> Result:
    """Plant `fault` into the copy, run the tests, and take it out again."""
    place = copy / fault.file
    text = place.read_text(encoding="utf-8")
    begun = time.monotonic()
    place.write_text(fault.planted(text), encoding="utf-8")
    try:
        is_noticed, by = _tests_fail(copy, () if whole else fault.tests, "" if whole else fault.only)
    finally:
        place.write_text(text, encoding="utf-8")
    if is_noticed and by.startswith(("FAILED ", "ERROR ")) and _fails_anyway(copy, by.partition(" ")[2]):
        is_noticed, by = False, f"{by} (fails without the fault too)"
    return Result(fault, is_noticed, by, time.monotonic() - begun)


@cache
def _fails_anyway(copy: Path, test: str) -> bool:
    """Whether a test fails in the copy as it is: then it notices nothing."""
    return _tests_fail(copy, (test,), "")[0]


def _tests_fail(copy: Path, tests: Sequence[str], only: str) -> tuple[bool, str]:
    """Whether any of the tests fails, and the first that does. Without names it is the whole test command."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        *(["-n", "0", *tests] if tests else []),
        *(["-k", only] if only else []),
    ]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return True, "the tests did not end"
    failed = [line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode == NO_TESTS_COLLECTED:
        return False, "no test is selected"
    if done.returncode not in (0, 1, 2):  # passed, failed, could not be collected
        raise SystemExit(f"pytest itself failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode != 0, failed[0] if failed else "the tests could not be collected" if done.returncode else ""


def copy_project(into: Path) -> Path:
    """Copy the project's files, with the shared data beside them if there is any."""
    copy = into / "project"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name)
    shared = PROJECT.parent / "shared"
    if shared.is_dir():
        (into / "shared").symlink_to(shared, target_is_directory=True)
    return copy


def run_all(faults: Sequence[Fault], *, jobs: int, whole: bool) -> Iterator[Result]:
    """The result of every fault, as they come."""
    waiting: queue.SimpleQueue[Fault | None] = queue.SimpleQueue()
    results: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
    for fault in faults:
        waiting.put(fault)

    def work(copy: Path) -> None:
        while (fault := waiting.get()) is not None:
            try:
                results.put(run(fault, copy, whole=whole))
            except BaseException as error:
                results.put(error)

    with tempfile.TemporaryDirectory() as folder:
        for number in range(jobs):
            waiting.put(None)
            copy = copy_project(Path(folder, str(number)))
            threading.Thread(target=work, args=(copy,), daemon=True).start()
        for _ in faults:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.planted_faults", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only faults whose part or name contains one of these")
    parser.add_argument("--jobs", type=int, default=1, help="how many run at a time")
    parser.add_argument("--whole", action="store_true", help="run the whole test command for those that were missed")
    chosen = parser.parse_args()
    faults = read_faults(chosen.words)
    noticed: Counter[str] = Counter()
    missed: list[Fault] = []

    def tell(result: Result) -> None:
        words = f"noticed by {result.by.removeprefix('FAILED ')}" if result.is_noticed else f"NOT NOTICED {result.by}"
        print(f"{result.seconds:6.1f} s  {result.fault.part}: {result.fault.name}: {words}", flush=True)  # noqa: T201

    for result in run_all(faults, jobs=chosen.jobs, whole=False):
        tell(result)
        noticed[result.fault.part] += result.is_noticed
        if not result.is_noticed:
            missed.append(result.fault)
    if chosen.whole and missed:
        for result in run_all(missed, jobs=1, whole=True):
            tell(result)
            noticed[result.fault.part] += result.is_noticed
    planted = Counter(fault.part for fault in faults)
    for part, count in sorted(planted.items()):
        print(f"{part}: {noticed[part]} of {count} noticed")  # noqa: T201
    total = sum(noticed.values())
    print(f"all: {total} of {len(faults)} noticed ({100 * total / max(len(faults), 1):.0f} %)")  # noqa: T201
    return 0 if total == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
