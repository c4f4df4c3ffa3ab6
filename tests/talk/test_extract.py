"""The command `migrate extract`."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.backup.extract.unfinished import NOTE
from migrate.backup.folder import BackupFolder
from migrate.backup.record import file_id
from migrate.backup.seal_draft import SealDraft
from migrate.problems import UsageWrong
from migrate.talk.commands.extract import pattern_of

if TYPE_CHECKING:
    from conftest import Migrate

PASSWORD = "correct-horse-1947"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
others_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data that others wrote is not beside the project")

SMS = "HomeDomain/Library/SMS/sms.db"
PHOTO = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"
DIARY = "AppDomain-org.example.diary/Documents/diary.txt"


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_extracted_as_domain_and_path(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    answer = migrate("extract", plain_backup, "--to", tmp_path / "out")
    assert answer.code == 0 and answer.out.startswith("Extracted 3 files, ")
    assert files(tmp_path / "out") == {SMS, PHOTO, DIARY}
    assert (tmp_path / "out" / DIARY).read_text(encoding="utf-8") == "Dear diary, 日記"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--category", "messages"], {SMS}),
        (["--category", "photos"], {PHOTO}),
        (["--app", "org.example.diary"], {DIARY}),
        (["--app", "app:org.example.diary", "--category", "messages"], {DIARY, SMS}),
        (["--category", "everything"], {SMS, PHOTO, DIARY}),
        (["--match", "*.JPG"], {PHOTO}),
        (["--match", "sms.db"], {SMS}),
        (["--match", "Library/SMS/**"], {SMS}),
        (["--match", "HomeDomain/**", "--match", "*.{txt,md}"], {SMS, DIARY}),
        (["--match", "AppDomain-*/Documents/*"], {DIARY}),
        (["--match", "**"], {SMS, PHOTO, DIARY}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_only_the_selected_files_are_extracted(
    migrate: Migrate,
    encrypted_backup: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    expected: set[str],
) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", PASSWORD)
    answer = migrate("extract", encrypted_backup, *words, "--to", tmp_path / "out", "--json")
    assert answer.code == 0 and answer.err == ""
    assert files(tmp_path / "out") == expected
    assert list(answer.json) == ["backup", "to", "files", "directories", "links", "bytes", "findings"]
    assert (answer.json["files"], answer.json["findings"]) == (len(expected), [])


def test_a_database_comes_with_its_log() -> None:
    pattern = pattern_of("sms.db")
    assert pattern.fullmatch("Library/SMS/sms.db-wal") and pattern.fullmatch("sms.db")
    assert not pattern.fullmatch("Library/SMS/sms.database")


@pytest.mark.parametrize("glob", ["", "/absolute", "a**b", "{a", "folder/"])
def test_an_invalid_pattern_is_a_usage_error(glob: str) -> None:
    with pytest.raises(UsageWrong, match=re.escape(f"--match {glob}:")):
        pattern_of(glob)


@pytest.mark.parametrize(
    ("words", "named"),
    [(["--category", "mesages"], "messages"), (["--app", "org.example.diry"], "org.example.diary")],
)
def test_an_unknown_name_gets_a_suggestion_and_nothing_is_written(
    migrate: Migrate, plain_backup: Path, tmp_path: Path, words: list[str], named: str
) -> None:
    answer = migrate("extract", plain_backup, *words, "--to", tmp_path / "out", "--json")
    assert (answer.code, answer.error["code"]) == (2, "usage-wrong") and named in answer.error["what"]
    assert not (tmp_path / "out").exists()


def test_no_match_is_reported_and_no_folder_is_created(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    answer = migrate("extract", plain_backup, "--match", "*.HEIC", "--to", tmp_path / "out", "--json")
    assert (answer.code, answer.error["code"]) == (2, "nothing-to-extract")
    assert not (tmp_path / "out").exists()


def test_extracting_over_existing_files_is_refused(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    assert migrate("extract", plain_backup, "--to", tmp_path / "out").code == 0
    (tmp_path / "out" / DIARY).write_bytes(b"mine now")
    answer = migrate("extract", plain_backup, "--to", tmp_path / "out", "--json")
    assert (answer.code, answer.error["code"]) == (2, "would-overwrite")
    assert (tmp_path / "out" / DIARY).read_bytes() == b"mine now"


def test_extract_needs_a_folder_and_the_right_password(
    migrate: Migrate, encrypted_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert migrate("extract", encrypted_backup, "--json").code == 2
    missing = migrate("extract", encrypted_backup, "--to", tmp_path / "out", "--json")
    assert (missing.code, missing.error["code"]) == (32, "password-missing")
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "wrong")
    wrong = migrate("extract", encrypted_backup, "--to", tmp_path / "out", "--json")
    assert (wrong.code, wrong.error["code"]) == (32, "wrong-password")
    assert not (tmp_path / "out").exists()


def test_damaged_files_exit_30_and_are_named(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    next(plain_backup.glob("3d/3d*")).unlink()
    answer = migrate("extract", plain_backup, "--to", tmp_path / "out")
    assert answer.code == 30 and "Library/SMS/sms.db was not extracted" in " ".join(answer.out.split())
    assert files(tmp_path / "out") == {PHOTO, DIARY}


def test_ctrl_c_exits_130_and_says_where_the_files_are(
    migrate: Migrate, plain_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    assert migrate("extract", plain_backup, "--to", tmp_path / "whole").code == 0
    monkeypatch.setattr("migrate.talk.task_progress.EventProgress.bytes_moved", interrupted)
    answer = migrate("extract", plain_backup, "--to", tmp_path / "out", "--json")
    assert (answer.code, answer.error["code"]) == (130, "extract-stopped")
    there = files(tmp_path / "out") - {NOTE}
    assert len(there) < 3 and not list((tmp_path / "out").rglob("*.part"))
    assert all((tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes() for name in there)


def test_the_same_command_continues_after_ctrl_c(
    migrate: Migrate, plain_backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("migrate.talk.task_progress.EventProgress.bytes_moved", interrupted)
        stopped = migrate("extract", plain_backup, "--to", tmp_path / "out")
    assert stopped.code == 130 and "Continue where it stopped" in " ".join(stopped.err.split())
    assert migrate("extract", plain_backup, "--to", tmp_path / "out").code == 0
    assert files(tmp_path / "out") == {SMS, PHOTO, DIARY}


def test_a_seal_tells_of_changed_files(migrate: Migrate, plain_backup: Path, tmp_path: Path, home: Path) -> None:
    with SealDraft.open(home / "seals", plain_backup.name, None, fresh=True) as draft:
        for blob in plain_backup.glob("??/*"):
            draft.add(blob.name, hashlib.sha256(blob.read_bytes()).hexdigest(), blob.stat().st_size)
        draft.finish(BackupFolder(plain_backup))
    blob = plain_backup / (name := file_id("AppDomain-org.example.diary", "Documents/diary.txt"))[:2] / name
    blob.write_bytes(blob.read_bytes().replace(b"Dear", b"Bear"))
    answer = migrate("extract", plain_backup, "--to", tmp_path / "out", "--json")
    assert answer.code == 30 and [one["code"] for one in answer.json["findings"]] == ["extract-damaged"]


def test_a_hostile_pattern_and_name_take_no_minutes(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    answer = migrate("extract", plain_backup, "--match", "*_*0" * 30 + "*x", "--to", tmp_path / "out", "--json")
    assert (answer.code, answer.error["code"]) == (2, "nothing-to-extract")
    too_many = migrate("extract", plain_backup, "--match", "{a,b}" * 20, "--to", tmp_path / "out", "--json")
    assert (too_many.code, too_many.error["code"]) == (2, "usage-wrong")


def test_nothing_is_left_in_the_home_and_the_backup_is_untouched(
    migrate: Migrate, encrypted_backup: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", PASSWORD)
    before = {path: (path.stat().st_mtime_ns, path.is_file()) for path in encrypted_backup.rglob("*")}
    migrate("extract", encrypted_backup, "--to", tmp_path / "out")
    assert {path: (path.stat().st_mtime_ns, path.is_file()) for path in encrypted_backup.rglob("*")} == before
    assert files(home) == set()


@others_data
@pytest.mark.parametrize("name", ["plain-backup", "encrypted-backup", "no-size-backup"])
def test_backups_made_by_other_programs_are_extracted_correctly(
    migrate: Migrate, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "test-password-1234")
    assert migrate("extract", DATA / "minted" / name, "--to", tmp_path / "out").code == 0
    contents = sorted((tmp_path / "out" / file).read_bytes() for file in files(tmp_path / "out"))
    assert sorted(map(len, contents)) == [4, 32, 316, 768]
    assert b"tiny" in contents and b"B" * 32 in contents and bytes(range(256)) * 3 in contents


@others_data
def test_with_a_real_manifest_existing_files_are_extracted_and_missing_ones_named(
    migrate: Migrate, tmp_path: Path
) -> None:
    answer = migrate("extract", DATA / "ios14-real-manifest" / "backup", "--to", tmp_path / "out", "--json")
    assert answer.code == 30 and answer.json["files"] == len(files(tmp_path / "out")) == 10
    found = [finding["code"] for finding in answer.json["findings"]]
    assert (found.count("extract-missing"), found.count("extract-link-left-out")) == (1079, 14)
