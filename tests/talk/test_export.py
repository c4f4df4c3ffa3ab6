"""The command `migrate export`: its options, its answers, and what stops it."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import plistlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.forked import Forked
from tests.made_backups import make_database as make_database
from tests.talk.conftest import CONTENTS, UDID, write_backup

if TYPE_CHECKING:
    from tests.talk.conftest import Migrate

PASSWORD = "correct-horse-1947"
CALLS = ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
NETWORKS = ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist")
DIARY = "Apps/org.example.diary/Documents/diary.txt"
THREE_CALLS = (
    "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZADDRESS TEXT, ZORIGINATED INTEGER,"
    " ZANSWERED INTEGER, ZDURATION REAL, ZUNIQUE_ID TEXT);"
    "INSERT INTO ZCALLRECORD VALUES (1, 700000000, '+49 170 1234567', 1, 1, 61, 'A'),"
    " (2, 720000000, '+49 170 1234567', 0, 0, 0, 'B'), (3, 725000000, '+49 30 7654321', 0, 1, 9, 'C');"
)
"""On 8 March 2023, 26 October 2023 and 23 December 2023."""
OWN = {"index.html", "export.json"}


@pytest.fixture
def backup(tmp_path: Path, make_database: Callable[[str], bytes]) -> Path:
    """Three calls, one network, one app with a document."""
    networks = plistlib.dumps({"x": {"SSID": b"Home", "SupportedSecurityTypes": "WPA2"}})
    contents = {**CONTENTS, CALLS: make_database(THREE_CALLS), NETWORKS: networks}
    del contents["HomeDomain", "Library/SMS/sms.db"], contents["CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"]
    return write_backup(tmp_path / "backups" / UDID, contents=contents)


def files(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if name not in OWN and not name.startswith(".migrate-export/")}


def calls(folder: Path) -> list[str]:
    text = (folder / "Calls/calls.csv").read_text(encoding="utf-8-sig")
    return [row["Number"] for row in csv.DictReader(text.splitlines())]


# -- answers ---------------------------------------------------------------------------------------------------------


def test_a_person_reads_numbers_that_add_up_and_where_to_look(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    answer = migrate("export", backup, "--to", tmp_path / "out", "--since", "2023-06-01")

    assert answer.code == 0
    lines = answer.out.splitlines()
    assert all(len(line) <= 60 or "/" in line for line in lines), "60 columns, except for paths"
    assert lines[0] == "Exported 3 of 4 items, in 2 files."
    heads = next(line for line in lines if line.startswith("Category"))
    assert heads.split()[1:] == ["Items", "Exported", "Not", "exported"]
    row = next(line.split() for line in lines if line.startswith("Call history"))
    assert row[2:] == ["3", "2", "1"]
    assert "1 item was left out, as you chose." in lines
    assert f"  {tmp_path / 'out' / 'index.html'}" in lines
    assert (tmp_path / "out" / "index.html").exists()


def test_what_is_not_complete_is_said_with_its_reason(
    migrate: Migrate, tmp_path: Path, make_database: Callable[[str], bytes]
) -> None:
    passes = make_database(
        "CREATE TABLE pass (pid INTEGER PRIMARY KEY, unique_id TEXT, organization_name TEXT);"
        "INSERT INTO pass VALUES (1, 'one=', 'Train'), (2, 'two=', 'Bus');"
    )
    card = ("HomeDomain", "Library/Passes/Cards/one=.pkpass/pass.json")
    folder = write_backup(
        tmp_path / "b" / UDID, contents={("HomeDomain", "Library/Passes/passes23.sqlite"): passes, card: b"{}"}
    )
    answer = migrate("export", folder, "--to", tmp_path / "out")

    said = " ".join(answer.out.split())
    assert "Exported 1 of 2 items, in 1 file." in said
    assert "What is not complete, and why: Wallet passes 1 the pass itself is not in the backup" in said
    assert "not exported completely" not in said, "said once"
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "1 × the pass itself is not in the backup" in page and "<script" not in page
    record = json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))
    wallet = next(one for one in record["categories"] if one["id"] == "wallet")
    assert wallet["reasons"] == {"the pass itself is not in the backup, only that there is one": 1}


def test_the_json_of_an_export_is_as_the_contract_has_it(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    answer = migrate("export", backup, "--to", tmp_path / "out", "--until", "2023-10-26", "--json")

    assert answer.code == 0 and answer.err == ""
    assert list(answer.json) == ["backup", "to", "categories", "findings"]
    assert (answer.json["backup"], answer.json["to"]) == (str(backup), str(tmp_path / "out"))
    by_id = {one["id"]: one for one in answer.json["categories"]}
    assert by_id["calls"] == {
        "id": "calls",
        "items": 3,
        "exported": 2,
        "only_in_icloud": 0,
        "unreadable": 0,
        "filtered": 1,
        "deleted": 0,
        "deleted_exported": 0,
        "files": 1,
    }
    assert all(list(one) == list(by_id["calls"]) for one in answer.json["categories"])
    assert answer.json["findings"] == []


def test_every_file_is_in_the_record_with_its_digest(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    migrate("export", backup, "--to", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "export.json").read_text(encoding="utf-8"))

    written = {one["path"]: one["sha256"] for one in record["written"]}
    assert set(written) == files(tmp_path / "out") == {"Calls/calls.csv", "Wi-Fi/networks.csv", DIARY}
    for name, digest in written.items():
        assert hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest
    assert record["phone"]["udid"] == UDID


# -- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--category", "calls"], {"Calls/calls.csv"}),
        (["--category", "calls", "--category", "wifi"], {"Calls/calls.csv", "Wi-Fi/networks.csv"}),
        (["--app", "org.example.diary"], {DIARY}),
        (["--category", "everything"], {"Calls/calls.csv", "Wi-Fi/networks.csv", DIARY}),
        (["--with", "0170 1234567"], {"Calls/calls.csv"}),
        (["--as", "json", "--category", "calls"], {"Calls/calls.json"}),
        (["--as", "CSV, json", "--category", "calls"], {"Calls/calls.csv", "Calls/calls.json"}),
        (["--deleted", "only"], set()),
        (["--deleted", "without", "--category", "calls"], {"Calls/calls.csv"}),
        (["--originals", "--category", "calls"], {"Calls/calls.csv"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_only_what_was_chosen_is_written(
    migrate: Migrate, backup: Path, tmp_path: Path, words: list[str], expected: set[str]
) -> None:
    answer = migrate("export", backup, "--to", tmp_path / "out", *words, "--json")

    assert answer.code == 0, answer.out
    assert files(tmp_path / "out") == expected


def test_days_are_counted_here_and_the_last_one_belongs_to_it(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    days = ["--since", "2023-10-26", "--until", "2023-10-26"]
    assert migrate("export", backup, "--to", tmp_path / "out", "--category", "calls", *days).code == 0
    assert calls(tmp_path / "out") == ["+49 170 1234567"]
    person = ["--with", "+49170 1234567"]
    assert migrate("export", backup, "--to", tmp_path / "person", *person).code == 0
    assert calls(tmp_path / "person") == ["+49 170 1234567"] * 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "docx"], "--as docx: there is no such format"),
        (["--deleted", "maybe"], "--deleted maybe"),
        (["--since", "yesterday"], "--since yesterday"),
        (["--until", "2024-13-01"], "--until 2024-13-01"),
        (["--category", "cals"], "calls"),
        (["--app", "org.example.diry"], "org.example.diary"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_value_is_a_usage_error_and_nothing_is_written(
    migrate: Migrate, backup: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    answer = migrate("export", backup, "--to", tmp_path / "out", *words, "--json")

    assert (answer.code, answer.error["code"]) == (2, "usage-wrong")
    assert said in answer.error["what"]
    assert not (tmp_path / "out").exists()


def test_without_a_folder_it_is_a_usage_error(migrate: Migrate, backup: Path) -> None:
    assert migrate("export", backup, "--json").code == 2


def test_nothing_to_export_is_said_and_no_folder_is_made(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    answer = migrate("export", backup, "--to", tmp_path / "out", "--category", "notes", "--json")

    assert (answer.code, answer.error["code"]) == (2, "nothing-to-export")
    assert not (tmp_path / "out").exists()


def test_other_filters_need_another_folder(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    assert migrate("export", backup, "--to", tmp_path / "out", "--category", "calls").code == 0
    answer = migrate("export", backup, "--to", tmp_path / "out", "--since", "2023-06-01", "--json")

    assert (answer.code, answer.error["code"]) == (2, "export-of-something-else")
    assert len(calls(tmp_path / "out")) == 3


# -- passwords -------------------------------------------------------------------------------------------------------


def test_an_encrypted_backup_needs_the_right_password(
    migrate: Migrate, encrypted_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = migrate("export", encrypted_backup, "--to", tmp_path / "out", "--json")
    assert (missing.code, missing.error["code"]) == (32, "password-missing")
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "wrong")
    wrong = migrate("export", encrypted_backup, "--to", tmp_path / "out", "--json")
    assert (wrong.code, wrong.error["code"]) == (32, "wrong-password")
    assert not (tmp_path / "out").exists()

    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", PASSWORD)
    right = migrate("export", encrypted_backup, "--to", tmp_path / "out", "--app", "org.example.diary", "--json")
    assert right.code == 0 and files(tmp_path / "out") == {DIARY}


def test_passwords_are_written_only_if_somebody_at_a_terminal_says_so(
    migrate: Migrate, backup: Path, tmp_path: Path
) -> None:
    answer = migrate("export", backup, "--to", tmp_path / "out", "--passwords", "--json")

    assert answer.error["code"] == "no-terminal" and answer.code == 2
    assert not (tmp_path / "out").exists()


# -- stopped, and run again ------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_what_is_complete_and_the_same_command_goes_on(
    migrate: Migrate, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("migrate.talk.task_progress.EventProgress.files_moved", interrupted)
        stopped = migrate("export", backup, "--to", tmp_path / "out")
        as_json = migrate("export", backup, "--to", tmp_path / "out", "--json")
    assert stopped.code == 130 and "Continue where it stopped" in " ".join(stopped.err.split())
    assert (as_json.code, as_json.error["code"]) == (130, "export-stopped")
    assert files(tmp_path / "out") <= {"Calls/calls.csv", "Wi-Fi/networks.csv", DIARY}

    assert migrate("export", backup, "--to", tmp_path / "out").code == 0
    assert files(tmp_path / "out") == {"Calls/calls.csv", "Wi-Fi/networks.csv", DIARY}
    assert not list((tmp_path / "out" / ".migrate-export").glob("*.part"))


def test_a_second_run_writes_no_file_again(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    def stamps() -> dict[str, tuple[int, int]]:
        out = tmp_path / "out"
        return {name: ((out / name).stat().st_ino, (out / name).stat().st_mtime_ns) for name in files(out)}

    first = migrate("export", backup, "--to", tmp_path / "out", "--json")
    before = stamps()
    second = migrate("export", backup, "--to", tmp_path / "out", "--json")

    assert stamps() == before
    assert first.json == second.json


def test_a_killed_export_leaves_no_half_file_and_the_next_completes_it(
    migrate: Migrate, tmp_path: Path, home: Path
) -> None:
    """Killed as soon as some files are there, wherever it is then."""
    app = "AppDomain-org.example.diary"
    contents = {(app, f"Documents/{number:03}.bin"): bytes([number]) * 300_000 for number in range(120)}
    folder = write_backup(tmp_path / "many" / UDID, contents=contents)
    whole = tmp_path / "whole"
    assert migrate("export", folder, "--to", whole).code == 0
    expected = {name: (whole / name).read_bytes() for name in files(whole)}
    assert len(expected) == 120

    out = tmp_path / "out"
    running = Forked(["export", str(folder), "--to", str(out)], {**os.environ, "MIGRATE_HOME": str(home / "other")})
    deadline = time.monotonic() + 60
    while not list(out.glob("Apps/*/Documents/00*.bin")) and time.monotonic() < deadline:
        time.sleep(0.002)
    running.kill()
    running.wait()
    running.close()

    there = files(out)
    assert there, "it was killed before it began"
    assert all((out / name).read_bytes() == expected[name] for name in there)
    assert migrate("export", folder, "--to", out).code == 0
    assert {name: (out / name).read_bytes() for name in files(out)} == expected
    assert not list((out / ".migrate-export").glob("*.part"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("only root may make a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_what_is_written_is_complete(
    migrate: Migrate, tmp_path: Path, small_disk: Path
) -> None:
    app = "AppDomain-org.example.diary"
    contents = {(app, f"Documents/{number}.bin"): bytes([number]) * 400_000 for number in range(8)}
    folder = write_backup(tmp_path / "many" / UDID, contents=contents)
    answer = migrate("export", folder, "--to", small_disk / "out", "--json")

    assert (answer.code, answer.error["code"]) == (33, "cannot-export-here")
    assert "space" in answer.error["next"]
    there = files(small_disk / "out")
    assert there and all((small_disk / "out" / name).stat().st_size == 400_000 for name in there)
    assert not list((small_disk / "out" / ".migrate-export").glob("*.part"))


def test_a_file_larger_than_the_system_allows_is_said(migrate: Migrate, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="Windows has no limits of this kind")
    contents = {("AppDomain-org.example.diary", "Documents/film.mov"): bytes(6 << 20)}
    folder = write_backup(tmp_path / "b" / UDID, contents=contents)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
    try:
        answer = migrate("export", folder, "--to", tmp_path / "out", "--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert (answer.code, answer.error["code"]) == (33, "cannot-export-here")
    assert files(tmp_path / "out") == set()


def test_a_damaged_file_exits_30_and_the_rest_is_there(migrate: Migrate, backup: Path, tmp_path: Path) -> None:
    from migrate.backup.record import file_id

    name = file_id("AppDomain-org.example.diary", "Documents/diary.txt")
    (backup / name[:2] / name).unlink()
    answer = migrate("export", backup, "--to", tmp_path / "out", "--json")

    assert answer.code == 30
    assert [finding["code"] for finding in answer.json["findings"]] == ["export-file-unreadable"]
    assert files(tmp_path / "out") == {"Calls/calls.csv", "Wi-Fi/networks.csv"}
