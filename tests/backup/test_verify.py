"""Verify on healthy backups: nothing is alarmed about, and nothing is touched."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.verify.run import verify
from migrate.problems import BackupNotFound, PasswordMissing, WrongPassword


def codes(verdict: Any, severity: str | None = None) -> set[str]:
    return {finding.code for finding in verdict.findings if severity in (None, finding.severity)}


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def test_a_sealed_backup_is_whole_without_findings(small_backup: Any, tmp_path: Path) -> None:
    small_backup.seal(tmp_path / "seals")
    verdict = verify(small_backup.path, small_backup.password, seals=tmp_path / "seals")
    assert (verdict.verdict, verdict.exit_code, verdict.findings) == ("whole", 0, ())
    assert verdict.records == len(small_backup.records)
    assert verdict.files == len(small_backup.contents)
    assert verdict.bytes == sum(path.stat().st_size for path in small_backup.path.glob("??/*"))
    assert verdict.encrypted is small_backup.encrypted
    assert verdict.ios_version == "17.5.1"


def test_verify_writes_nothing_into_the_backup(small_backup: Any) -> None:
    before = tree(small_backup.path)
    verify(small_backup.path, small_backup.password, seals=None)
    assert tree(small_backup.path) == before


def test_without_a_seal_files_checked_only_by_length_are_counted(small_backup: Any) -> None:
    verdict = verify(small_backup.path, small_backup.password, seals=None)
    assert verdict.verdict == "whole"
    (finding,) = verdict.findings
    assert (finding.code, finding.severity) == ("checked-by-length-only", "info")
    assert finding.what.startswith("7 files")  # camera roll 3, the two apps' four; the other domains have digests


def test_a_seal_of_another_backup_is_void_and_only_info(small_backup: Any, tmp_path: Path) -> None:
    small_backup.seal(tmp_path / "seals")
    small_backup.status_uuid = "B5A1F7E2-9D34-4C7A-8E60-1F2B3C4D5E6F"
    small_backup.write()
    verdict = verify(small_backup.path, small_backup.password, seals=tmp_path / "seals")
    assert verdict.verdict == "whole"
    assert codes(verdict) == {"seal-void", "checked-by-length-only"}
    assert codes(verdict, "error") == set()


def test_a_seal_that_cannot_be_read_is_a_warning_and_the_rest_is_checked(small_backup: Any, tmp_path: Path) -> None:
    small_backup.seal(tmp_path / "seals")
    for seal in (tmp_path / "seals").iterdir():
        seal.write_bytes(b"{")
    verdict = verify(small_backup.path, small_backup.password, seals=tmp_path / "seals")
    assert verdict.verdict == "whole"
    assert codes(verdict, "warning") == {"seal-damaged"}


def test_the_answer_for_scripts_has_the_contracts_keys(small_backup: Any) -> None:
    answer = json.loads(json.dumps(verify(small_backup.path, small_backup.password, seals=None).as_json()))
    assert list(answer) == [
        "backup", "udid", "ios_version", "encrypted", "records", "files", "bytes", "verdict", "findings",
    ]  # fmt: skip
    assert set(answer["findings"][0]) == {
        "code", "severity", "phone", "domain", "relative_path", "file_id", "categories", "what", "why", "next",
    }  # fmt: skip


def test_a_missing_password_is_an_error_not_damage(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    with pytest.raises(PasswordMissing):
        verify(backup.path, None, seals=None)
    with pytest.raises(WrongPassword):
        verify(backup.path, "battery-staple", seals=None)


def test_a_folder_without_a_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupNotFound):
        verify(tmp_path, None, seals=None)


def test_the_folder_around_one_backup_is_accepted(small_backup: Any) -> None:
    assert verify(small_backup.path.parent, small_backup.password, seals=None).backup == small_backup.path


def test_a_file_caught_while_an_app_wrote_to_it_is_a_warning(small_backup: Any) -> None:
    key = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
    small_backup.records[key] = replace(small_backup.records[key], size=small_backup.records[key].size + 5000)
    small_backup.write_manifest()
    verdict = verify(small_backup.path, small_backup.password, seals=None)
    assert verdict.verdict == "whole"
    (finding,) = [finding for finding in verdict.findings if finding.severity == "warning"]
    assert (finding.code, finding.relative_path) == ("size-differs", key[1])


def test_an_encrypted_file_of_another_length_that_does_not_end_as_one_is_damaged(make_backup: Any) -> None:
    """A phone that is sent it refuses the whole restore, so "whole" would be wrong. A seal of the cut bytes is no
    excuse."""
    backup = make_backup(encrypted=True)
    blob = backup.blob("AppDomainPlugin-com.example.notes.widget", "Library/state.bin")
    blob.write_bytes(blob.read_bytes()[:-32])
    verdict = verify(backup.path, backup.password, seals=None)
    assert (verdict.verdict, codes(verdict, "error")) == ("damaged", {"damaged-in-transit"})
    backup.seal(seals := backup.path.parent / "seals")
    assert codes(verify(backup.path, backup.password, seals=seals), "error") == {"damaged-in-transit"}


@pytest.mark.parametrize("encrypted", [True, False])
def test_no_checksum_of_the_phone_is_claimed_where_only_a_seal_has_one(make_backup: Any, encrypted: bool) -> None:
    backup = make_backup(encrypted=encrypted)
    key = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
    backup.records[key] = replace(backup.records[key], size=backup.records[key].size + 5000)
    backup.write_manifest()
    backup.seal(seals := backup.path.parent / "seals")
    verdict = verify(backup.path, backup.password, seals=seals)
    (finding,) = [finding for finding in verdict.findings if finding.code == "size-differs"]
    assert "nothing was lost" not in finding.why


def test_a_photo_cut_on_its_way_is_found_though_it_was_sealed_as_it_arrived(make_backup: Any) -> None:
    backup = make_backup(encrypted=False)
    blob = backup.blob("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
    blob.write_bytes(blob.read_bytes()[:-20])
    backup.seal(seals := backup.path.parent / "seals")
    assert codes(verify(backup.path, backup.password, seals=seals), "error") == {"form-broken"}


def test_a_seal_is_made_of_what_has_none_and_never_in_place_of_an_existing_digest(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    made = verify(backup.path, backup.password, seals=None, make_seal=True).seal
    assert made is not None and made.app_groups is None and made.belongs_to(BackupFolder(backup.path))
    blobs = {path.name: path for path in backup.path.glob("??/*")}
    assert made.digests == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in blobs.items()}
    assert made.manifest == hashlib.sha256((backup.path / "Manifest.db").read_bytes()).hexdigest()
    assert verify(backup.path, backup.password, seals=None).seal is None

    backup.seal(seals := backup.path.parent / "seals")
    blob = backup.blob("AppDomainPlugin-com.example.notes.widget", "Library/state.bin")
    blob.write_bytes(bytes([blob.read_bytes()[0] ^ 1]) + blob.read_bytes()[1:])
    verdict = verify(backup.path, backup.password, seals=seals, make_seal=True)
    assert codes(verdict, "error") == {"seal-differs"}
    assert verdict.seal is not None and verdict.seal.digests[blob.name] == made.digests[blob.name]


def test_a_row_without_a_size_is_accepted(small_backup: Any) -> None:
    key = ("AppDomain-com.example.game", "Documents/level.dat")
    small_backup.records[key] = replace(small_backup.records[key], size=None)
    small_backup.write_manifest()
    assert codes(verify(small_backup.path, small_backup.password, seals=None)) == {"checked-by-length-only"}


def test_an_empty_stored_file_is_whole_in_an_encrypted_backup_too(make_backup: Any) -> None:
    backup = make_backup(encrypted=True)
    key = ("HomeDomain", "Library/Preferences/empty.plist")
    backup.blob(*key).write_bytes(b"")
    backup.records[key] = replace(backup.records[key], digest=None)
    backup.write_manifest()
    assert verify(backup.path, backup.password, seals=None).verdict == "whole"


def test_a_file_the_phone_could_not_read_is_a_warning_and_its_bytes_are_not_checked(
    small_backup: Any, tmp_path: Path
) -> None:
    key = ("HomeDomain", "Library/SMS/sms.db")
    small_backup.blob(*key).write_bytes(b"the beginning of")
    identity = small_backup.records[key].file_id
    small_backup.seal(tmp_path / "seals", unreadable={identity: "Input/output error (5)"})
    verdict = verify(small_backup.path, small_backup.password, seals=tmp_path / "seals")
    (finding,) = verdict.findings
    assert (finding.code, finding.severity, finding.file_id) == ("file-unreadable-on-phone", "warning", identity)
    assert "Input/output error (5)" in finding.why
    assert verdict.verdict == "whole"


def test_files_of_the_computer_in_the_folder_are_at_most_info(small_backup: Any, tmp_path: Path) -> None:
    small_backup.seal(tmp_path / "seals")
    (small_backup.path / ".DS_Store").write_bytes(b"finder was here")
    verdict = verify(small_backup.path, small_backup.password, seals=tmp_path / "seals")
    assert [(f.code, f.severity) for f in verdict.findings] == [("foreign-entry", "info")]


CONTACTS = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
CONTACTS_LOG = (CONTACTS[0], f"{CONTACTS[1]}-wal")


def test_a_damaged_page_that_the_log_replaces_is_no_damage(small_backup: Any) -> None:
    """The AddressBook of these backups has all its rows in the -wal, so its own copy of page 2 is never read."""
    content = small_backup.contents[CONTACTS]
    small_backup.add_file(*CONTACTS, content[:1024] + b"\x2a" * 1024 + content[2048:])
    small_backup.write_manifest()
    assert "database-damaged-on-phone" not in codes(verify(small_backup.path, small_backup.password, seals=None))
    for suffix in ("-wal", "-shm"):
        del small_backup.records[CONTACTS[0], f"{CONTACTS[1]}{suffix}"]
    small_backup.write_manifest()
    alone = verify(small_backup.path, small_backup.password, seals=None)
    assert "database-damaged-on-phone" in codes(alone), "without its log it is damaged"


def test_damage_that_only_the_log_has_is_found(small_backup: Any, tmp_path: Path) -> None:
    """An index was removed from the schema and its pages were not: only the log says so."""
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as connection:
        for statement in (
            "CREATE TABLE ABPerson (id INTEGER PRIMARY KEY, text TEXT)",
            "CREATE INDEX by_text ON ABPerson(text)",
            "PRAGMA journal_mode = WAL",
            "PRAGMA wal_autocheckpoint = 0",
            "PRAGMA writable_schema = ON",
            "DELETE FROM sqlite_schema WHERE name = 'by_text'",
        ):
            connection.execute(statement)
        content, log = ((tmp_path / f"live.db{suffix}").read_bytes() for suffix in ("", "-wal"))
    small_backup.add_file(*CONTACTS, content)
    small_backup.add_file(*CONTACTS_LOG, log)
    small_backup.write_manifest()
    verdict = verify(small_backup.path, small_backup.password, seals=None)
    assert [f.relative_path for f in verdict.findings if f.code == "database-damaged-on-phone"] == [CONTACTS[1]]


def test_quick_opens_no_stored_file_and_finds_every_missing_one(small_backup: Any) -> None:
    blob = small_backup.blob("HomeDomain", "Library/SMS/sms.db")
    blob.write_bytes(bytes(len(blob.read_bytes())))
    small_backup.blob("AppDomain-com.example.game", "Documents/level.dat").unlink()
    verdict = verify(small_backup.path, small_backup.password, seals=None, depth="quick")
    assert codes(verdict) == {"file-missing"}
    assert "digest-differs" in codes(verify(small_backup.path, small_backup.password, seals=None))


def test_progress_ends_at_the_total_and_counts_every_file(small_backup: Any) -> None:
    class Watching:
        def __init__(self) -> None:
            self.bytes_seen: list[tuple[int, int | None]] = []
            self.files_seen: list[int] = []

        def bytes_moved(self, done: int, total: int | None) -> None:
            self.bytes_seen.append((done, total))

        def files_moved(self, done: int) -> None:
            self.files_seen.append(done)

        def person_needed(self, phone: str, action: Any) -> None: ...
        def person_done(self, phone: str, action: Any) -> None: ...
        def found(self, finding: Any) -> None: ...

    watching = Watching()
    verdict = verify(small_backup.path, small_backup.password, seals=None, progress=watching)
    assert max(watching.bytes_seen) == (verdict.bytes, verdict.bytes)
    assert watching.files_seen[-1] == verdict.files


# -- backups that others made ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "password"),
    [("plain-backup", None), ("no-size-backup", None), ("encrypted-backup", "test-password-1234")],
)
def test_minted_backups_are_whole(shared_data: Path, name: str, password: str | None) -> None:
    verdict = verify(shared_data / "minted" / name, password, seals=None)
    assert (verdict.verdict, verdict.records, verdict.files) == ("whole", 5, 4)
    assert codes(verdict, "error") == set()
    # its sms.db is 316 bytes of letters, its IMG_0001.JPG the bytes from 0 to 255
    assert codes(verdict) == {"checked-by-length-only", "database-never-was", "not-what-its-name-says"}


def test_a_real_manifest_names_every_file_that_is_absent_shrunk_or_stray(shared_data: Path) -> None:
    verdict = verify(shared_data / "ios14-real-manifest" / "backup", None, seals=None)
    by_code: dict[str, list[Any]] = {}
    for finding in verdict.findings:
        by_code.setdefault(finding.code, []).append(finding)
    assert (verdict.verdict, verdict.exit_code) == ("damaged", 30)
    assert (verdict.records, verdict.files) == (3721, 1089)
    assert len(by_code["file-missing"]) == 1079
    shrunk = {finding.file_id for code in ("digest-differs", "size-differs") for finding in by_code[code]}
    assert len(shrunk) == 10
    assert len(by_code["digest-differs"]) == 7
    assert [finding.file_id[:8] for finding in by_code["stray-file"]] == ["e794f6ff"]
    assert {finding.what for finding in by_code["plist-missing"]} == {
        "Manifest.plist is missing.",
        "Status.plist is missing.",
    }


def test_a_row_that_names_another_class_than_its_key_is_damaged(make_backup: Any) -> None:
    """A phone refuses to restore it, although the key itself opens the file."""
    backup = make_backup(encrypted=True)
    key = ("HomeDomain", "Library/SMS/sms.db")
    record = backup.records[key]
    backup.records[key] = replace(record, protection_class=record.protection_class % 4 + 1)
    backup.write_manifest()
    assert "class-contradicted" in codes(verify(backup.path, backup.password, seals=None))
