"""Ctrl-C in the first second and a half of `run` and `resume`: the command stops, says one sentence, ends with the
right exit code, and sends nothing to the new phone."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.phone import SimulatedPhone
from tests.stories.lab import EVERYTHING, NEW, OLD, CommandResult, Lab, MakeLab, new_phone, old_phone

if sys.platform == "win32":
    pytest.skip("needs SIGINT", allow_module_level=True)

FIRST_S = 1.5
"""Interpreter, imports, home, phones, and the first steps."""
STOPS_WITHIN_S = 30.0
"""How long the rest may take on a busy machine; an idle one takes half a second."""
SAMPLE, WHOLE = range(3), range(3, 1_053)
Kind = Literal["run", "resume before the restore", "resume after the restore"]
KINDS: tuple[Kind, ...] = ("run", "resume before the restore", "resume after the restore")


@dataclass
class Bench:
    """A lab, and for each kind the home that a command begins with."""

    make_lab: MakeLab
    tmp: Path
    lab: Lab = field(init=False)
    plan: Path = field(init=False)
    seen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Make a move that ran to its end, and from it two runs that have not."""
        self.replace_phones()
        self.plan = self.lab.plan(EVERYTHING)
        done = self.lab.move(self.plan)
        assert done.code == 0, str(done)
        for kind, first_left in (("resume before the restore", "restore"), ("resume after the restore", "prove")):
            shutil.copytree(self.lab.home, self.home(kind))
            (journal,) = self.home(kind).glob("runs/*/journal.ndjson")
            lines = journal.read_text().splitlines(keepends=True)
            begins = next(number for number, line in enumerate(lines) if json.loads(line).get("started") == first_left)
            journal.write_text("".join(lines[:begins]))
            shutil.rmtree(self.home(kind) / "pairing")
            for left in ("receipt.json", "receipt.html"):
                (journal.parent / left).unlink()
        self.home("run").mkdir()
        self.replace_phones()

    def replace_phones(self) -> None:
        """Phones with next to nothing on them, so that a second and a half is a good part of the move."""
        self.lab = self.make_lab(almost_empty(old_phone), almost_empty(new_phone))
        self.untouched = self.lab.new.files.digests()

    def home(self, kind: Kind | str) -> Path:
        return self.tmp / kind.replace(" ", "-")

    def interrupt(self, seed: int) -> None:
        chance = random.Random(f"ctrl-c {seed}")
        kind, delay_s = KINDS[seed % len(KINDS)], chance.uniform(0, FIRST_S)
        home = self.tmp / "now"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.home(kind), home)
        self.lab.home = home
        words = ("run", self.plan, "--old", OLD, "--new", NEW) if kind == "run" else ("resume",)
        process = self.lab.start(*words, "--yes", "--json")
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        signalled = time.monotonic()
        result = process.finish()
        where = f"seed {seed}: {kind}, Ctrl-C after {delay_s:.3f} s: {result}"
        assert time.monotonic() - signalled < STOPS_WITHIN_S, where
        assert not list(home.glob("tmp/*")), where
        self.judge(kind, result, where)
        if self.lab.new.files.digests() != self.untouched or self.lab.new.pending_restore is not None:
            assert kind == "resume before the restore" and "restore_half_sent" in journal_of(home), where
            self.replace_phones()

    def judge(self, kind: Kind, result: CommandResult, where: str) -> None:
        if result.code == -signal.SIGINT and not result.out:
            assert "/migrate/" not in result.err, where
            self.seen["before our first line"] += 1
            return
        assert "Traceback" not in result.err and "Exception" not in result.err, where
        assert result.out, where
        last = result.last
        assert (last["event"], last["outcome"], last["exit_code"]) == ("run_finished", "stopped", result.code), where
        assert result.code in ((50, 130) if kind == "run" else (50,)), where
        steps = [event["step"] for event in result.events if event["event"] == "step_started"]
        if kind == "run":
            assert (result.code == 50) == bool(set(steps) - {"meet", "preflight"}), where
        else:
            assert last["error"]["next"].startswith("Continue with: migrate resume"), where
        self.seen[f"{kind}: {steps[-1] if steps else last['error']['code']}"] += 1


def almost_empty(make: Callable[..., SimulatedPhone]) -> SimulatedPhone:
    phone = make(contents=ContentsSpec(empty=True))
    phone.keybag_rounds = 10
    return phone


def journal_of(home: Path) -> str:
    return "".join(path.read_text() for path in home.glob("runs/*/journal.ndjson"))


@pytest.mark.parametrize(
    "seeds", [pytest.param(SAMPLE, id="sample"), pytest.param(WHOLE, id="whole", marks=pytest.mark.soak)]
)
def test_ctrl_c_at_any_moment_of_the_beginning_stops_the_command(
    make_lab: MakeLab, tmp_path: Path, seeds: range
) -> None:
    """Costs a process each. Only a whole process shows what an interrupt does to Python's imports."""
    bench = Bench(make_lab, tmp_path)
    for seed in seeds:
        bench.interrupt(seed)
    print("\n".join(f"{count:5} {what}" for what, count in sorted(bench.seen.items())))
