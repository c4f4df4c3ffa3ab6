"""`migrate auto`: turned on, looked at, carried out by a tick with a simulated iPhone, and turned off again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.journey.home import Home
from migrate.schedule.state import State, write_state
from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from migrate.talk.overdue import overdue_lines

if TYPE_CHECKING:
    from tests.talk.conftest import Migrate

PATH, RESTIC = os.environ["PATH"], shutil.which("restic")
ADA = "00008101-00000000000000A1"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the crontab of this test is a shell script")


@pytest.fixture(autouse=True)
def crontab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system without systemd whose crontab is a file."""
    programs, table = tmp_path / "programs", tmp_path / "crontab.txt"
    programs.mkdir()
    script = f"""#!/bin/sh
case "$1" in
-l) [ -f "{table}" ] && exec /bin/cat "{table}"; echo "no crontab for ada" >&2; exit 1;;
-r) exec /bin/rm "{table}";;
-) exec /bin/cat > "{table}";;
esac
"""
    (programs / "crontab").write_text(script)
    (programs / "crontab").chmod(0o700)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    return table


@pytest.fixture
def usbmuxd() -> Iterator[str]:
    described: dict[str, Any] = {"udid": ADA, "name": "Ada's iPhone", "contents": {"empty": True}, "keybag_rounds": 10}
    server = SimulatedUsbmuxd([PhoneFile.model_validate(described).to_phone()])
    yield server.start()
    server.stop()


def turn_on(migrate: Migrate, usbmuxd: str, *options: str) -> dict[str, Any]:
    answer = migrate("auto", "on", "--usbmuxd", usbmuxd, "--json", "--window", "any", *options)
    assert answer.code == 0, answer.err
    found: dict[str, Any] = answer.json
    return found


def test_turned_on_it_writes_settings_and_a_timer_and_turned_off_nothing_is_left(
    migrate: Migrate, usbmuxd: str, home: Path, crontab: Path
) -> None:
    crontab.write_text("0 3 * * * theirs\n")
    answer = turn_on(migrate, usbmuxd, "--every", "12h", "--keep-daily", "3")
    assert (answer["udid"], answer["every"], answer["timer"]) == (ADA, "12h", "cron")
    (phone,) = tomllib.loads((home / "auto.toml").read_text())["phone"]
    assert (phone["name"], phone["keep"]["daily"], phone["power"]) == ("Ada's iPhone", 3, "charging")
    theirs, ours = crontab.read_text().splitlines()
    assert theirs == "0 3 * * * theirs" and f"{sys.executable} -m migrate auto tick" in ours
    turn_on(migrate, usbmuxd, "--every", "2d")
    assert len(crontab.read_text().splitlines()) == 2 and "2d" in (home / "auto.toml").read_text()
    off = migrate("auto", "off")
    assert off.code == 0 and "no longer backed up automatically" in off.out
    assert crontab.read_text() == "0 3 * * * theirs\n"
    assert not (home / "auto.toml").exists() and not (home / "auto").exists()
    assert migrate("auto", "off").code == 0


def test_a_person_sees_the_timer_before_it_is_written(migrate: Migrate, usbmuxd: str) -> None:
    answer = migrate("auto", "on", "--usbmuxd", usbmuxd)
    assert answer.code == 0 and "# iphone-migrate automatic backups" in answer.err
    assert "Every 1d, 18:00-23:00, while it charges." in answer.out


def test_a_tick_backs_up_keeps_a_snapshot_tells_the_hook_and_then_waits(
    migrate: Migrate, usbmuxd: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "correct-horse-1947")
    heard = tmp_path / "heard"
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\n/usr/bin/env > '{heard}'\n")
    hook.chmod(0o700)
    turn_on(migrate, usbmuxd, "--power", "any", "--hook", str(hook))
    (done,) = migrate("auto", "tick", "--usbmuxd", usbmuxd, "--json").json["phones"]
    assert (done["result"], done["why"]) == ("backed-up", None)
    assert len(migrate("snapshots", "list", "--json").out.splitlines()) == 1
    assert migrate("verify", f"{ADA}@latest", "--json").json["verdict"] == "whole"
    told = dict(line.split("=", 1) for line in heard.read_text().splitlines() if "=" in line)
    assert (told["MIGRATE_EVENT"], told["MIGRATE_PHONE"]) == ("backed-up", "Ada's iPhone")
    assert Path(told["MIGRATE_SNAPSHOT"]).is_dir() and "MIGRATE_BACKUP_PASSWORD" not in told
    (again,) = migrate("auto", "tick", "--usbmuxd", usbmuxd, "--json").json["phones"]
    assert again["result"] == "not-due"
    status = migrate("auto", "status", "--json")
    assert status.code == 0 and status.json["timer"] == {"name": "cron", "on": True}
    assert status.json["phones"][0]["last_good"] and status.json["phones"][0]["overdue_since"] is None


def test_without_the_iphone_it_says_so_and_an_overdue_one_is_4(migrate: Migrate, usbmuxd: str, home: Path) -> None:
    turn_on(migrate, usbmuxd, "--power", "any", "--overdue", "1d")
    write_state(home, ADA, State(since=datetime.now(UTC) - timedelta(days=3)))
    (one,) = migrate("auto", "tick", "--usbmuxd", "127.0.0.1:1", "--json").json["phones"]
    assert (one["result"], one["why"]) == ("not-possible", "Ada's iPhone was not connected.")
    status = migrate("auto", "status")
    assert status.code == 4 and "Overdue since" in status.out and "was not connected" in " ".join(status.out.split())
    assert json.loads(migrate("auto", "status", "--json").out)["phones"][0]["code"] == "auto-not-connected"


def test_a_hook_that_fails_is_told_and_harms_nothing(migrate: Migrate, usbmuxd: str) -> None:
    turn_on(migrate, usbmuxd, "--power", "any", "--hook", "/nowhere/hook 'x")
    answer = migrate("auto", "tick", "--usbmuxd", usbmuxd)
    assert answer.code == 0 and "backed up" in answer.out and "The hook failed" in answer.err


@pytest.mark.parametrize(
    "options", [("--every", "soon"), ("--window", "18"), ("--power", "solar"), ("--overdue", "0d")], ids=lambda o: o[0]
)
def test_a_wrong_setting_is_named_and_nothing_is_written(
    migrate: Migrate, usbmuxd: str, home: Path, crontab: Path, options: tuple[str, str]
) -> None:
    answer = migrate("auto", "on", "--usbmuxd", usbmuxd, *options)
    assert answer.code == 2 and options[0] in answer.err
    assert not (home / "auto.toml").exists() and not crontab.exists()


def test_a_system_without_any_timer_is_told_what_to_do(
    migrate: Migrate, usbmuxd: str, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    answer = migrate("auto", "on", "--usbmuxd", usbmuxd)
    assert answer.code == 43 and "auto tick" in answer.err
    assert not (home / "auto.toml").exists()


@pytest.mark.parametrize("text", ["phone = 3", "[[phone]]\nudid = 'x'", "{", "[[phone]]\nudid = '0'\nfoo = 1"])
def test_settings_that_cannot_be_used_are_named(migrate: Migrate, home: Path, text: str) -> None:
    home.mkdir()
    (home / "auto.toml").write_text(text)
    for command in ("status", "tick", "off"):
        answer = migrate("auto", command, "--json")
        assert (answer.code, answer.error["code"]) == (2, "auto-settings-wrong")


def test_an_iphone_that_was_never_here_cannot_be_turned_on(migrate: Migrate, usbmuxd: str) -> None:
    answer = migrate("auto", "on", "00008101-00000000000000FF", "--usbmuxd", usbmuxd)
    assert answer.code == 20
    assert migrate("auto", "off", "00008101-00000000000000FF").code == 2


def test_an_overdue_iphone_is_a_line_at_the_start_of_the_wizard(migrate: Migrate, usbmuxd: str, home: Path) -> None:
    assert overdue_lines(Home(home)) == []
    turn_on(migrate, usbmuxd, "--overdue", "1d")
    assert overdue_lines(Home(home)) == []
    write_state(home, ADA, State(since=datetime.now(UTC) - timedelta(days=3)))
    (line,) = overdue_lines(Home(home))
    assert line.startswith("The backup of Ada's iPhone is overdue since ")
    (home / "auto.toml").write_text("damaged {")
    assert overdue_lines(Home(home)) == []


@pytest.mark.skipif(RESTIC is None and "CI" not in os.environ, reason="restic is not installed")
def test_the_hook_of_the_page_hands_a_snapshot_to_restic(
    migrate: Migrate, usbmuxd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{PATH}")
    page = (Path(__file__).resolve().parents[2] / "docs/automatic.md").read_text(encoding="utf-8")
    hook = tmp_path / "after-backup"
    hook.write_text(page.partition("With [restic]")[2].partition("```sh\n")[2].partition("```")[0])
    hook.chmod(0o700)
    (tmp_path / "key").write_text("x")
    monkeypatch.setenv("RESTIC_REPOSITORY", str(tmp_path / "repository"))
    monkeypatch.setenv("RESTIC_CACHE_DIR", str(tmp_path / "cache"))
    key = ["restic", "--password-file", str(tmp_path / "key")]
    monkeypatch.setenv("RESTIC_PASSWORD_FILE", str(tmp_path / "key"))  # the hook gets none of our passwords
    subprocess.run([*key, "init"], check=True, capture_output=True)
    turn_on(migrate, usbmuxd, "--power", "any", "--hook", str(hook))
    answer = migrate("auto", "tick", "--usbmuxd", usbmuxd, "--json").json
    assert answer["hook_failures"] == [] and answer["phones"][0]["result"] == "backed-up"
    subprocess.run([*key, "restore", "latest", "--target", str(tmp_path / "back")], check=True, capture_output=True)
    assert migrate("verify", tmp_path / "back", "--json").json["verdict"] == "whole"
