"""`verify` and `show` on a small backup and on backups made by other programs."""

from __future__ import annotations

import io
import json
import os
import plistlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.record import file_id
from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import load_catalogue
from migrate.content.tally import AppTally, CategoryTally, Tally
from migrate.problems import WrongPassword
from migrate.talk.backup_access import with_password
from migrate.talk.commands.show import format_tally
from migrate.talk.passwords import Passwords

if TYPE_CHECKING:
    from conftest import Migrate

PASSWORD = "correct-horse-1947"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
others_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data that others wrote is not beside the project")

VERIFY_KEYS = ["backup", "udid", "ios_version", "encrypted", "records", "files", "bytes", "verdict", "findings"]


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return file


def test_a_whole_backup_is_called_whole(migrate: Migrate, plain_backup: Path) -> None:
    answer = migrate("verify", plain_backup)
    assert answer.code == 0 and "Whole: everything it lists is there" in answer.out
    in_json = migrate("verify", plain_backup, "--json")
    assert list(in_json.json) == VERIFY_KEYS
    assert (in_json.json["verdict"], in_json.json["files"], in_json.json["encrypted"]) == ("whole", 3, False)
    assert in_json.err == "", "a script that asks for JSON is not told bars"


def test_the_parent_folder_of_a_backup_is_accepted(migrate: Migrate, plain_backup: Path) -> None:
    assert migrate("verify", plain_backup.parent).code == 0


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"<plist><dict><key>Device Name</key>"], ids=["empty", "garbage", "cut"]
)
def test_show_works_with_a_truncated_info_plist(migrate: Migrate, plain_backup: Path, content: bytes) -> None:
    (plain_backup / "Info.plist").write_bytes(content)
    shown = migrate("show", plain_backup, "--json")
    assert shown.code == 0 and sum(each["files"] for each in shown.json["categories"]) > 0
    assert migrate("show", plain_backup).code == 0


def test_a_damaged_backup_exits_30_and_lists_the_damage(migrate: Migrate, plain_backup: Path) -> None:
    next(plain_backup.glob("3d/3d*")).unlink()
    answer = migrate("verify", plain_backup)
    assert answer.code == 30 and "Damaged" in answer.out and "Library/SMS/sms.db" in answer.out
    assert migrate("verify", plain_backup, "--json").json["verdict"] == "damaged"


def test_quick_claims_only_what_it_checked(migrate: Migrate, plain_backup: Path) -> None:
    blob = next(plain_backup.glob("3d/3d*"))
    blob.write_bytes(b"\0" * blob.stat().st_size)
    quick = migrate("verify", plain_backup, "--quick")
    assert quick.code == 0 and "no stored file was opened" in " ".join(quick.out.split())
    assert migrate("verify", plain_backup).code == 30


def test_unreadable_and_unfinished_backups_have_their_own_exit_codes(migrate: Migrate, plain_backup: Path) -> None:
    status = plain_backup / "Status.plist"
    status.write_bytes(status.read_bytes().replace(b"finished", b"movingXX"))
    assert migrate("verify", plain_backup).code == 34
    (plain_backup / "Manifest.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    assert migrate("verify", plain_backup, "--json").code in (31, 34)


def test_a_folder_without_a_backup_is_refused_before_any_prompt(migrate: Migrate, tmp_path: Path) -> None:
    for command in ("verify", "show"):
        answer = migrate(command, tmp_path, "--json")
        assert (answer.code, answer.error["code"]) == (2, "backup-not-found")


def test_an_encrypted_backup_needs_its_password(migrate: Migrate, encrypted_backup: Path, password_file: Path) -> None:
    missing = migrate("show", encrypted_backup, "--json")
    assert (missing.code, missing.error["code"]) == (32, "password-missing")
    for command in ("verify", "show"):
        assert migrate(command, encrypted_backup, "--password-file", password_file).code == 0


PASSWORDS = {"right": PASSWORD, "wrong": "battery-staple", "missing": None}


@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
@pytest.mark.parametrize("damage", ["nothing", "a file cut by a byte", "Info.plist emptied"])
def test_verify_answers_in_one_shape_and_lists_what_it_can_see_with_any_password(
    migrate: Migrate, encrypted_backup: Path, monkeypatch: pytest.MonkeyPatch, password: str | None, damage: str
) -> None:
    if password is not None:
        monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", password)
    blob = next(encrypted_backup.glob("3d/3d*"))
    if damage == "a file cut by a byte":
        blob.write_bytes(blob.read_bytes()[:-1])
    elif damage == "Info.plist emptied":
        (encrypted_backup / "Info.plist").write_bytes(b"")
    answer = migrate("verify", encrypted_backup, "--json")
    assert list(answer.json) == VERIFY_KEYS
    found = {finding["code"]: finding for finding in answer.json["findings"]}
    assert ("stored-length-impossible" in found) == (damage == "a file cut by a byte")
    assert ("plist-garbage" in found) == (damage == "Info.plist emptied")
    if damage != "nothing":
        assert (answer.code, answer.json["verdict"]) == (30, "damaged")
    elif password != PASSWORD:
        assert (answer.code, answer.json["verdict"], answer.json["records"]) == (32, "locked", None)
    else:
        assert (answer.code, answer.json["verdict"]) == (0, "whole")
    reasons = {"right": set(), "wrong": {"password-wrong"}, "missing": {"password-missing"}}
    name = next(name for name, one in PASSWORDS.items() if one == password)
    assert found.keys() & {"password-wrong", "password-missing"} == reasons[name]
    assert ("not-checked-without-password" in found) == (name != "right")


def test_a_verify_with_a_wrong_password_is_not_called_unreadable(
    migrate: Migrate, encrypted_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "wrong")
    answer = migrate("verify", encrypted_backup)
    text = " ".join(answer.out.split())
    assert answer.code == 32 and "Unreadable" not in text
    assert "Not fully checked" in text and "The password does not open the backup" in text


def test_findings_name_the_affected_categories(migrate: Migrate, plain_backup: Path) -> None:
    next(plain_backup.glob("3d/3d*")).unlink()
    (finding,) = [f for f in migrate("verify", plain_backup, "--json").json["findings"] if f["severity"] == "error"]
    assert (finding["relative_path"], finding["categories"]) == ("Library/SMS/sms.db", ["messages"])


def test_a_password_comes_from_the_environment_or_a_pipe(
    migrate: Migrate, encrypted_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{PASSWORD}\n".encode())))
    assert migrate("verify", encrypted_backup, "--password-file", "-").code == 0
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "wrong")
    wrong = migrate("show", encrypted_backup, "--json")
    assert (wrong.code, wrong.error["code"]) == (32, "wrong-password")


def test_no_password_is_asked_for_an_unencrypted_backup(plain_backup: Path) -> None:
    def ask(prompt: str) -> str:
        raise AssertionError(prompt)

    assert (
        with_password(BackupFolder(plain_backup), Passwords(ask=ask, can_prompt=lambda: True), lambda word: word)
        is None
    )


def test_a_wrong_password_is_asked_again_at_most_three_times(encrypted_backup: Path) -> None:
    typed = iter(["slip", "slip again", PASSWORD])
    here = Passwords(ask=lambda prompt: next(typed), can_prompt=lambda: True)

    def work(word: str | None) -> str | None:
        if word != PASSWORD:
            raise WrongPassword(str(encrypted_backup))
        return word

    assert with_password(BackupFolder(encrypted_backup), here, work) == PASSWORD
    never = Passwords(ask=lambda prompt: "slip", can_prompt=lambda: True)
    with pytest.raises(WrongPassword):
        with_password(BackupFolder(encrypted_backup), never, work)


def test_show_counts_files_and_items(migrate: Migrate, encrypted_backup: Path, password_file: Path) -> None:
    shown = migrate("show", encrypted_backup, "--password-file", password_file, "--json").json
    assert list(shown) == ["backup", "categories", "apps", "unclaimed"]
    by_id = {category["id"]: category for category in shown["categories"]}
    assert by_id["messages"]["items"] == 7 and by_id["messages"]["files"] == 1
    assert by_id["photos"]["files"] == 1
    items = {"items", "deleted", "here", "only_in_icloud", "complete", "notes"}
    assert {"id", "title", "files", "bytes"} | items == set(by_id["photos"])
    (app,) = shown["apps"]
    assert {"id", "title", "version", "files", "bytes", "groups", "shared_with", "reinstallable"} | items == set(app)
    assert app["id"] == "org.example.diary"


def change_manifest(backup: Path, statement: str) -> None:
    with closing(sqlite3.connect(backup / "Manifest.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute(statement)


def test_show_survives_damaged_entries(migrate: Migrate, plain_backup: Path) -> None:
    change_manifest(plain_backup, "UPDATE Files SET file = x'00' WHERE relativePath LIKE '%diary.txt'")
    change_manifest(plain_backup, "UPDATE Files SET fileID = '../../etc' WHERE relativePath = 'Documents'")
    answer = migrate("show", plain_backup, "--json")
    assert answer.code == 0 and "2 entries of the backup are damaged" in " ".join(answer.err.split())
    (app,) = answer.json["apps"]
    assert (app["files"], app["complete"]) == (0, False) and "damaged" in " ".join(app["notes"])
    by_id = {category["id"]: category for category in answer.json["categories"]}
    assert by_id["messages"]["items"] == 7 and by_id["messages"]["complete"] is True
    assert "damaged and not counted" in " ".join(migrate("show", plain_backup).out.split())


@pytest.mark.parametrize("damage", ["absent", "emptied"])
def test_a_category_with_missing_contents_is_incomplete(migrate: Migrate, plain_backup: Path, damage: str) -> None:
    photo = plain_backup / file_id("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")[:2]
    (blob,) = photo.iterdir()
    blob.unlink() if damage == "absent" else blob.write_bytes(b"")
    shown = migrate("show", plain_backup, "--json")
    by_id = {category["id"]: category for category in shown.json["categories"]}
    assert shown.code == 0 and by_id["photos"]["complete"] is False
    assert "contents are missing" in by_id["photos"]["notes"][0]
    assert by_id["messages"]["complete"] is True
    assert "not all is here" in migrate("show", plain_backup).out


def test_show_and_extract_call_an_empty_list_damaged(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    change_manifest(plain_backup, "DELETE FROM Files")
    for words in (("show", plain_backup), ("extract", plain_backup, "--to", tmp_path / "out")):
        answer = migrate(*words, "--json")
        assert (answer.code, answer.error["code"]) == (30, "manifest-empty")
    assert migrate("verify", plain_backup, "--json").json["verdict"] == "damaged"


# -- what never reaches a terminal -----------------------------------------------------------------------------------


def test_long_and_broken_names_never_reach_the_terminal(
    migrate: Migrate, plain_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A UDID of 5,000 characters, a folder with newlines in its name, and paths and domains that are as long."""
    udid = "U" * 5_000
    lockdown = {"UniqueDeviceID": udid, "ProductVersion": "9" * 5_000}
    manifest = plistlib.loads((plain_backup / "Manifest.plist").read_bytes()) | {"Lockdown": lockdown}
    (plain_backup / "Manifest.plist").write_bytes(plistlib.dumps(manifest))
    info = {"Device Name": "N" * 5_000 + "\n\n", "Target Identifier": udid, "Unique Identifier": udid}
    (plain_backup / "Info.plist").write_bytes(plistlib.dumps(info))
    change_manifest(plain_backup, "UPDATE Files SET relativePath = hex(zeroblob(2000)) WHERE relativePath LIKE '%.txt'")
    change_manifest(plain_backup, "UPDATE Files SET domain = hex(zeroblob(2000)) WHERE domain = 'CameraRollDomain'")
    folder = tmp_path / "two\nlines\nBackups" / ("b" * 60)
    folder.parent.mkdir()
    plain_backup.rename(folder)
    monkeypatch.chdir(folder.parent)
    for words in (
        ("verify", folder),
        ("show", folder),
        ("extract", folder, "--to", tmp_path / "out"),
        ("extract", folder, "--to", tmp_path / "out"),
        ("backups",),
        ("verify", tmp_path / "no\nsuch"),
    ):
        answer = migrate(*words)
        for line in (*answer.out.splitlines(), *answer.err.splitlines()):
            assert line not in ("lines", "Backups", "such") and not line.startswith(("lines", "Backups/", "such"))
            assert len(line) <= 1_100, line[:200]
        assert "U" * 300 not in answer.out + answer.err and "9" * 300 not in answer.out + answer.err
        in_json = migrate(*words, "--json")
        assert udid not in in_json.out


WEIGH = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_pid, status, used = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss // (1024 if sys.platform == "darwin" else 1))
"""


def run_and_weigh(command: str, backup: Path) -> tuple[int, int]:
    """The exit code of a command and the most memory it took, in KiB. A small process starts it, because Linux counts
    what the starting process had before exec as memory of the new one."""
    done = subprocess.run(
        [sys.executable, "-c", WEIGH, sys.executable, "-m", "migrate", command, str(backup)],
        env={**os.environ, "MIGRATE_HOME": str(backup.parent / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    code, kilobytes = map(int, done.stdout.split())
    return code, kilobytes


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no memory use is reported here")
def test_a_huge_info_plist_takes_little_memory(plain_backup: Path) -> None:
    """200 MB of one text, made of nothing on the disk. Measured in a process of its own, as a person starts it."""
    begin, end = b"<plist><dict><key>Device Name</key><string>", b"</string></dict></plist>"
    with (plain_backup / "Info.plist").open("wb") as file:
        file.write(begin)
        file.truncate(200 << 20)
        file.seek(0, 2)
        file.write(end)
    for command in ("verify", "show"):
        code, kilobytes = run_and_weigh(command, plain_backup)
        assert code == {"verify": 30, "show": 0}[command]
        assert kilobytes < 150_000


def test_show_fits_on_a_narrow_terminal_and_removes_control_characters(migrate: Migrate, plain_backup: Path) -> None:
    answer = migrate("show", plain_backup)
    folder_lines = [line for line in answer.out.splitlines() if str(plain_backup) in line]
    assert all(len(line) <= 60 for line in answer.out.splitlines() if line not in folder_lines)
    assert "\x1b" not in answer.out and "iPhone, iOS 17.5.1" in answer.out
    assert any(line.split()[:3] == ["Messages", "7", "1"] for line in answer.out.splitlines())


def test_verify_and_show_leave_no_files_behind(
    migrate: Migrate, encrypted_backup: Path, password_file: Path, home: Path
) -> None:
    def listed(folder: Path) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = listed(encrypted_backup)
    migrate("show", encrypted_backup, "--password-file", password_file)
    migrate("verify", encrypted_backup, "--password-file", password_file)
    assert listed(encrypted_backup) == before
    assert listed(home) == {}


@others_data
def test_a_real_manifest_is_counted_and_its_damage_is_listed(migrate: Migrate) -> None:
    answer = migrate("verify", DATA / "ios14-real-manifest" / "backup", "--json")
    assert answer.code == 30
    assert (answer.json["records"], answer.json["files"]) == (3721, 1089)
    shown = migrate("show", DATA / "ios14-real-manifest" / "backup", "--json").json
    assert sum(category["files"] for category in shown["categories"]) > 500


@others_data
@pytest.mark.parametrize("name", ["plain-backup", "encrypted-backup", "no-size-backup"])
def test_backups_made_by_other_programs_are_whole(migrate: Migrate, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "test-password-1234")
    answer = migrate("verify", DATA / "minted" / name, "--json")
    assert answer.code == 0, json.dumps(answer.json, indent=1)
    assert answer.json["files"] == 4


def test_show_tells_what_is_in_icloud_and_what_was_deleted_below_the_number(
    plain_backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "76")
    cloud = ("3 of them are only in iCloud",)
    photos = CategoryTally(
        category=load_catalogue().category("photos"),
        files=309,
        bytes=5_000_000,
        items=312,
        deleted=4,
        only_in_icloud=3,
        complete=False,
        notes=cloud,
        cloud_notes=cloud,
    )
    app = AppTally(
        app=AppEntry(id="net.chat", title="A chat with a very long name that has to be cut somewhere", version="2.0"),
        files=9,
        bytes=100,
        notes=(),
        items=5,
        deleted=1,
    )
    tally = Tally(
        backup=plain_backup, categories=(photos,), apps=(app,), unclaimed=(), files=318, bytes=5_000_100, shared={}
    )
    lines = format_tally(tally, BackupFolder(plain_backup))
    row = next(number for number, line in enumerate(lines) if line.startswith("Photos and videos"))
    assert lines[row].split()[3:5] == ["312", "309"] and lines[row].endswith("not all is here")
    assert lines[row + 1].split() == ["of", "them", "only", "in", "iCloud", "3"]
    assert lines[row + 2].split() == ["recently", "deleted", "4"]
    column = lines[row].index("312") + 3
    assert {len(lines[row + more]) for more in (1, 2)} == {column}, "the numbers are below each other"
    row = next(number for number, line in enumerate(lines) if line.startswith("A chat"))
    assert lines[row + 1].split() == ["recently", "deleted", "1"]
    assert all(len(line) <= 76 for text in lines[3:] for line in text.splitlines())
