"""The home folder is private, and a crash leaves no plaintext in it for long."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from migrate.journey.home import Home
from migrate.journey.lock import LockHeld, locked
from migrate.problems import MigrateError


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX notion")
def test_every_folder_is_made_private(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    home = Home(tmp_path / "home").open()
    for folder in (home.path, home.backups, home.seals, home.pairing, home.tmp, home.runs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_tmp_that_is_a_symlink_is_replaced_and_its_target_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "letter.txt").write_text("dear")
    home = Home(tmp_path / "home").open()
    home.tmp.rmdir()
    try:
        home.tmp.symlink_to(elsewhere)
    except OSError:
        pytest.skip("no links can be made here")
    home.open().empty_tmp()
    assert not home.tmp.is_symlink() and (elsewhere / "letter.txt").read_text() == "dear"


def test_plaintext_of_a_killed_process_is_removed_at_the_next_start(tmp_path: Path) -> None:
    home = Home(tmp_path).open()
    (home.tmp / "999999").mkdir()
    (home.tmp / "999999" / "sms.db").write_text("secret")
    (home.tmp / "stray.pem").write_text("key")
    home.empty_tmp()
    assert not (home.tmp / "999999").exists() and not (home.tmp / "stray.pem").exists()


def test_plaintext_of_a_running_process_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path).open()
    with home.private_tmp() as mine:
        (mine / "sms.db").write_text("secret")
        home.empty_tmp()
        assert (mine / "sms.db").exists()
    assert not mine.exists()


def test_a_phones_udid_cannot_lead_out_of_the_home_folder(tmp_path: Path) -> None:
    with pytest.raises(MigrateError):
        Home(tmp_path).open().working_backup("../../etc")


def test_only_one_process_at_a_time_may_hold_a_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(LockHeld), locked(tmp_path / "lock"):
        pass
    with locked(tmp_path / "lock"):
        pass
