"""A phone's ten million rounds cost five seconds: within one command they are gone through once for each keybag."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.stories.kitchen import EVERYTHING, OLD, PASSWORD, SetTable, Table, new_phone, old_phone

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


def derivations(table: Table, tmp_path: Path, *arguments: str | Path) -> tuple[int, Counter[tuple[str, ...]]]:
    """The exit code of a command, and how often each key was derived in it: by algorithm, secret, salt and rounds."""
    report = tmp_path / "rounds.json"
    command = [sys.executable, "-c", COUNTING, str(report), *map(str, arguments)]
    done = subprocess.run(command, env=table.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    return done.returncode, Counter(tuple(map(str, each)) for each in json.loads(report.read_text()))


def test_each_command_and_each_run_works_a_password_out_once_for_each_keybag(
    set_table: SetTable, tmp_path: Path
) -> None:
    table = set_table(old_phone(backup_password=PASSWORD), new_phone())
    assert table.migrate("backup", OLD).code == 0
    backup = table.home / "backups" / OLD
    for command in (("verify", backup), ("show", backup), ("extract", backup, "--to", tmp_path / "out")):
        code, derived = derivations(table, tmp_path, *command)
        slow = {key: count for key, count in derived.items() if key[0] == "sha256"}
        assert code == 0 and list(slow.values()) == [1], f"{command[0]}: {derived}"
    plan = table.plan(EVERYTHING + "[safety]\nrehearse = false\nsave_new_phone_first = true\n")
    move = ("run", plan, "--old", table.old.udid, "--new", table.new.udid, "--yes", "--json")
    code, derived = derivations(table, tmp_path, *move)
    assert code == 0 and len(derived) >= 4, "the old phone's keybag and the new one's, two stages each"
    assert set(derived.values()) == {1}, derived
