"""Deriving a key with a phone's ten million rounds takes five seconds, so each command does it once per keybag."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.stories.lab import EVERYTHING, OLD, PASSWORD, Lab, MakeLab, new_phone, old_phone

COUNTING = """
import atexit, hashlib, json, sys
real, rounds = hashlib.pbkdf2_hmac, []
def counted(name, secret, salt, count, length=None):
    rounds.append([name, bytes(secret).hex(), bytes(salt).hex(), count])
    return real(name, secret, salt, count, length)
hashlib.pbkdf2_hmac = counted
atexit.register(lambda: open(sys.argv[1], "w").write(json.dumps(rounds)))
from migrate.talk.cli import run_command_line
code = run_command_line(sys.argv[2:])
sys.exit(code)
"""


def derivations(lab: Lab, tmp_path: Path, *arguments: str | Path) -> tuple[int, Counter[tuple[str, ...]]]:
    """A command's exit code, and how often it derived each key: (algorithm, secret, salt, rounds) -> count."""
    report = tmp_path / "rounds.json"
    command = [sys.executable, "-c", COUNTING, str(report), *map(str, arguments)]
    done = subprocess.run(command, env=lab.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return done.returncode, Counter(tuple(map(str, each)) for each in json.loads(report.read_text()))


@pytest.mark.soak
def test_each_command_derives_a_password_once_per_keybag(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(old_phone(backup_password=PASSWORD), new_phone())
    assert lab.migrate("backup", OLD).code == 0
    backup = lab.home / "backups" / OLD
    for command in (("verify", backup), ("show", backup), ("extract", backup, "--to", tmp_path / "out")):
        code, derived = derivations(lab, tmp_path, *command)
        slow = {key: count for key, count in derived.items() if key[0] == "sha256"}
        assert code == 0 and list(slow.values()) == [1], f"{command[0]}: {derived}"
    plan = lab.plan(EVERYTHING + "[safety]\nrehearse = false\nsave_new_phone_first = true\n")
    move = ("run", plan, "--old", lab.old.udid, "--new", lab.new.udid, "--yes", "--json")
    code, derived = derivations(lab, tmp_path, *move)
    assert code == 0 and len(derived) >= 4, "two keybags with two stages each"
    assert set(derived.values()) == {1}, derived
