"""One piece of our work, run in a process of its own: `python -m tests.bench.move.work STEP JSON`.

Prints a line of JSON per measured part: its name, seconds, processor seconds with those of child processes, and the
peak memory of this process during it.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.move.children import forget_peak, peak_bytes
from tests.bench.move.scenarios import NEW, OLD

MARK = "figures "
"""Begins each line with figures: a command prints lines of its own."""


@contextmanager
def measured(name: str, *, inner: bool = False) -> Iterator[None]:
    """Prints the figures of the block. The peak of an `inner` one is that of the part around it so far."""
    if not inner:
        forget_peak()
    started, cpu = time.perf_counter(), _cpu_s()
    try:
        yield
    finally:
        figures = {
            "part": name,
            "wall_s": time.perf_counter() - started,
            "cpu_s": _cpu_s() - cpu,
            "peak_bytes": peak_bytes(),
        }
        print(MARK + json.dumps(figures), flush=True)


def _cpu_s() -> float:
    return sum(os.times()[:4])


def back_up(address: str, home: Path, begin: str, **_: Any) -> None:
    """A backup of the old phone with the library, as `migrate backup` makes it."""
    from migrate.journey.home import Home
    from tests.bench.move.phones import meet

    opened = Home(home).open()
    folder = opened.working_backup(OLD)
    if begin == "fresh":
        shutil.rmtree(folder, ignore_errors=True)

    async def work() -> None:
        async with await meet(address, OLD, home) as phone:
            with measured("backup" if begin == "fresh" else "incremental"):
                await phone.back_up(folder, seals=opened.seals, begin=begin)  # type: ignore[arg-type]

    asyncio.run(work())


def restore(address: str, home: Path, password: str | None, **_: Any) -> None:
    """A restore of the old phone's backup, held to its seal, as a `replace` move sends it."""
    from migrate.backup.folder import BackupFolder
    from migrate.backup.seal import read_seal
    from migrate.journey.home import Home
    from migrate.journey.steps.restore import FULL_RESTORE
    from tests.bench.move.phones import meet

    opened = Home(home).open()
    folder = opened.working_backup(OLD)

    async def work() -> None:
        async with await meet(address, NEW, home) as phone:
            with measured("restore"):
                seal = read_seal(opened.seals, BackupFolder(folder))
                assert seal is not None
                await phone.restore(
                    folder, options=FULL_RESTORE, password=password, restore_applications=True, seal=seal
                )

    asyncio.run(work())


def verify(home: Path, password: str | None, **_: Any) -> None:
    """A full verification, with the seal."""
    from migrate.backup.verify.run import verify as verify_backup
    from migrate.journey.home import Home

    opened = Home(home).open()
    with measured("verify"):
        verdict = verify_backup(opened.working_backup(OLD), password, seals=opened.seals)
    if verdict.verdict != "whole":
        raise SystemExit(f"the backup is {verdict.verdict}: {[finding.what for finding in verdict.findings[:3]]}")


def compose(home: Path, password: str | None, **_: Any) -> None:
    """The step `compose` of a `replace` move with its counts, and the last look at the set before it is sent."""
    from migrate.journey.home import Home
    from migrate.journey.steps.agree import refuse_damaged_set
    from migrate.journey.steps.compose import compose_set
    from migrate.journey.steps.verify import OldPhoneVerified
    from migrate.plan.model import Plan
    from tests.journey.moves import Person, run_without_phones

    opened = Home(home).open()
    shutil.rmtree(opened.runs / "a-run", ignore_errors=True)
    run = run_without_phones(opened, Person(passwords={"old": password, "new": None}), old_udid=OLD, new_udid=NEW)
    plan = Plan.model_validate(plan_of(encrypted=password is not None, rehearse=False))
    backup = opened.working_backup(OLD)
    verified = OldPhoneVerified(backup, "whole", None, None, None, "17.5.1", password is not None, {})

    async def work() -> None:
        with measured("compose"):
            composed = await compose_set(run, plan, verified, None)
        with measured("last look"):
            await refuse_damaged_set(run, composed.set)

    asyncio.run(work())
    shutil.rmtree(run.folder)


def plan_of(*, encrypted: bool, rehearse: bool) -> dict[str, Any]:
    return {
        "version": 1,
        "old_phone": {"udid": OLD},
        "new_phone": {"is": "erased", "udid": NEW},
        "backup": {"encrypted": encrypted, "begin": "fresh"},
        "move": {"categories": ["everything"]},
        "safety": {"rehearse": rehearse, "save_new_phone_first": False},
    }


INNER = (
    ("migrate.journey.steps.agree", "refuse_damaged_set", "last look"),
    ("migrate.journey.steps.prove", "back_up_and_keep", "the proof's backup"),
    ("migrate.journey.steps.prove", "compare", "the proof's comparison"),
)
"""Parts of steps that are measured by themselves."""


def move(address: str, home: Path, password: str | None, rehearse: bool, **_: Any) -> None:
    """A whole `replace` move, step by step, through `journey.run`."""
    from migrate.journey import runner
    from migrate.journey.context import RunContext
    from migrate.journey.home import Home
    from migrate.journey.run import run
    from migrate.phone.muxer import UsbmuxConfig
    from migrate.plan.model import Plan
    from tests.journey.moves import Person

    for module, function, name in INNER:
        _measure_calls(importlib.import_module(module), function, name)
    do_step = runner._do_step

    async def measured_step(run: Any, plan: Any, step: runner.Step) -> None:
        with measured(step.name):
            await do_step(run, plan, step)

    runner._do_step = measured_step
    opened = Home(home).open()
    context = RunContext(
        opened,
        opened.tmp,
        UsbmuxConfig(address, opened.pairing, opened.tmp),
        Person(passwords={"old": password, "new": password}),
        wait_s=60,
    )
    plan = Plan.model_validate(plan_of(encrypted=password is not None, rehearse=rehearse))
    result = asyncio.run(run(plan, context))
    if result.outcome not in ("proven", "pending"):
        raise SystemExit(f"the move ended {result.outcome}")


def _measure_calls(module: Any, function: str, name: str) -> None:
    original = getattr(module, function)
    assert inspect.iscoroutinefunction(original)

    @functools.wraps(original)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with measured(name, inner=True):
            return await original(*args, **kwargs)

    setattr(module, function, wrapper)


def link_all(home: Path, **_: Any) -> None:
    """The lower bound of composing: a loop that links every stored file."""
    from migrate.journey.home import Home

    backup, to = Home(home).open().working_backup(OLD), home / "links"
    with measured("os.link loop"):
        to.mkdir()
        for shard in (f"{number:02x}" for number in range(256)):
            if not (backup / shard).is_dir():
                continue
            (to / shard).mkdir()
            with os.scandir(backup / shard) as entries:
                for entry in entries:
                    os.link(entry.path, f"{to}/{shard}/{entry.name}")
    shutil.rmtree(to)


WORK: dict[str, Callable[..., None]] = {
    "back_up": back_up,
    "verify": verify,
    "compose": compose,
    "restore": restore,
    "move": move,
    "link_all": link_all,
}


def main() -> None:
    asked: dict[str, Any] = json.loads(sys.argv[2])
    WORK[sys.argv[1]](home=Path(asked.pop("home")), **asked)


if __name__ == "__main__":
    main()
