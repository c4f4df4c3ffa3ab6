"""A restore set: what was chosen, what a phone needs around it, and the saved backup untouched."""

from __future__ import annotations

import ast
import errno
import hashlib
import os
import plistlib
import sqlite3
import stat
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.restore_set import stored_files
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.backup.verify.run import verify
from migrate.problems import BackupUnfinished, CannotCompose, DiskFullHere, PasswordMissing, UnsafeName
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest, pad_manifest
from tests.backup.trees import tree

MESSAGES = ("HomeDomain", "Library/SMS/sms.db")
ADDRESS_BOOK = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
LEVEL = ("AppDomain-com.example.game", "Documents/level.dat")

Key = tuple[str, str]


def ids(backup: Any, *keys: Key) -> frozenset[str]:
    """The file ids of these records; of all records without any."""
    return frozenset(backup.records[key].file_id for key in keys or backup.records)


def make_set(backup: Any, into: Path, wanted: frozenset[str] | None = None, **options: Any) -> RestoreSet:
    request = {"strategy": "replace", "apps": frozenset(), "seals": None, **options}
    return compose(
        SetRequest(
            source=backup.path,
            password=backup.password,
            into=into,
            wanted=ids(backup) if wanted is None else wanted,
            **request,
        )
    )


def rows(made: RestoreSet, password: str | None) -> dict[Key, Any]:
    with Backup.open(made.path, password) as opened:
        return {(record.domain, record.relative_path): record for record in opened.records()}


def contents(path: Path, password: str | None) -> dict[Key, bytes]:
    with Backup.open(path, password) as opened:
        return {
            (record.domain, record.relative_path): opened.read(record, 1 << 24)
            for record in opened.records()
            if record.kind is Kind.FILE
        }


# -- the whole phone -------------------------------------------------------------------------------------------------


def test_everything_is_in_the_set_and_the_backup_is_unchanged(small_backup: Any, tmp_path: Path) -> None:
    before = tree(small_backup.path)
    made = make_set(small_backup, tmp_path / "set")
    assert tree(small_backup.path) == before
    found = contents(made.path, made_password := small_backup.password)
    assert {key: found[key] for key in small_backup.contents} == small_backup.contents
    assert {content for key, content in found.items() if key not in small_backup.contents} == {b""}
    assert made.path == tmp_path / "set" / small_backup.path.name
    assert made.dropped == ()
    kept = rows(made, made_password)
    assert made.records == len(kept)
    assert made.files == len(found)
    assert {key: kept[key] for key in small_backup.records} == small_backup.records


def test_a_set_verifies_whole_with_the_seal_of_its_backup(small_backup: Any, tmp_path: Path) -> None:
    small_backup.seal(tmp_path / "seals")
    made = make_set(small_backup, tmp_path / "set", seals=tmp_path / "seals")
    verdict = verify(made.path, small_backup.password, seals=tmp_path / "seals")
    assert verdict.verdict == "whole"
    assert {finding.code for finding in verdict.findings} <= {"checked-by-length-only"}  # the empty files made here
    assert (verdict.records, verdict.files, verdict.bytes) == (made.records, made.files, made.bytes)


def test_stored_files_are_links_and_private(small_backup: Any, tmp_path: Path) -> None:
    made = make_set(small_backup, tmp_path / "set")
    for path in small_backup.path.glob("??/*"):
        assert (made.path / path.relative_to(small_backup.path)).stat().st_ino == path.stat().st_ino
    if os.name != "nt":
        for path in (tmp_path / "set").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_an_encrypted_set_shows_nothing_in_plain(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    made = make_set(backup, tmp_path / "set")
    data = b"".join(path.read_bytes() for path in made.path.rglob("*") if path.is_file())
    assert b"row 1 of message" not in data
    assert b"Library/SMS" not in data
    assert (made.path / "Manifest.db").stat().st_size % 4096 == 16  # padded, as phones leave it


# -- other programs read the set --------------------------------------------------------------------------------------


@pytest.mark.peer
def test_iphone_backup_decrypt_reads_the_set_with_equal_contents(
    make_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypting = pytest.importorskip("iphone_backup_decrypt")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    backup = make_backup(encrypted=True)
    made = make_set(backup, tmp_path / "set")
    reader = decrypting.EncryptedBackup(backup_directory=str(made.path), passphrase=backup.password)
    ours = contents(made.path, backup.password)
    with reader.manifest_db_cursor() as cursor:
        listed = cursor.execute("SELECT domain, relativePath FROM Files WHERE flags = 1").fetchall()
    assert set(listed) == set(ours)
    for (domain, path), content in ours.items():
        assert reader.extract_file_as_bytes(path, domain_like=domain) == content, (domain, path)


@pytest.mark.peer
def test_pyiosbackup_reads_the_set_with_equal_contents(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyiosbackup = pytest.importorskip("pyiosbackup")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = make_set(small_backup, tmp_path / "set")
    reader = pyiosbackup.Backup.from_path(made.path, small_backup.password or "")
    theirs = {(entry.domain, entry.relative_path): entry.read_bytes() for entry in reader.iter_files()}
    assert theirs == contents(made.path, small_backup.password)


# -- a part of it ----------------------------------------------------------------------------------------------------


def test_a_chosen_database_adds_only_its_folders_and_companions(small_backup: Any, tmp_path: Path) -> None:
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, MESSAGES), strategy="overlay")
    assert set(rows(made, small_backup.password)) == {
        ("HomeDomain", ""),
        ("HomeDomain", "Library"),
        ("HomeDomain", "Library/SMS"),
        MESSAGES,
        ("HomeDomain", "Library/SMS/sms.db-wal"),
        ("HomeDomain", "Library/SMS/sms.db-shm"),
        ("HomeDomain", "Library/SMS/sms.db-journal"),
    }
    assert (made.records, made.files) == (7, 4)
    assert verify(made.path, small_backup.password, seals=None).verdict == "whole"


def test_a_companion_that_was_not_chosen_comes_with_its_database(small_backup: Any, tmp_path: Path) -> None:
    """Alone this AddressBook is empty: everything it holds is in its -wal."""
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, ADDRESS_BOOK))
    found = contents(made.path, small_backup.password)
    for suffix in ("-wal", "-shm"):
        assert (
            found[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + suffix]
            == small_backup.contents[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + suffix]
        )
    assert found[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + "-journal"] == b""
    folder = tmp_path / "as an app would open it"
    folder.mkdir()
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"AddressBook.sqlitedb{suffix}").write_bytes(found[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + suffix])
    connection = sqlite3.connect(folder / "AddressBook.sqlitedb")
    assert connection.execute("SELECT count(*) FROM ABPerson").fetchone() == (60,)
    connection.close()


def test_the_empty_files_beside_a_database_replace_those_of_the_new_phone(small_backup: Any, tmp_path: Path) -> None:
    """The danger they are for: the new phone's own log merged into the database that arrives."""
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, MESSAGES), strategy="overlay")
    arriving = {
        path.removeprefix(MESSAGES[1]): content
        for (_, path), content in contents(made.path, small_backup.password).items()
    }
    phone = tmp_path / "new phone"
    phone.mkdir()
    running = sqlite3.connect(phone / "sms.db", isolation_level=None)
    running.execute("PRAGMA journal_mode = WAL")
    running.execute("CREATE TABLE stranger (id INTEGER)")
    running.executemany("INSERT INTO stranger VALUES (?)", ((number,) for number in range(500)))
    own = {suffix: Path(f"{phone / 'sms.db'}{suffix}").read_bytes() for suffix in ("-wal", "-shm")}
    running.close()

    def open_after(files: dict[str, bytes]) -> object:
        for left in phone.iterdir():
            left.unlink()
        for suffix, content in files.items():
            Path(f"{phone / 'sms.db'}{suffix}").write_bytes(content)
        connection = sqlite3.connect(phone / "sms.db")
        try:
            sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return sound and connection.execute("SELECT count(*) FROM message").fetchone()[0]
        except sqlite3.DatabaseError as problem:
            return str(problem)
        finally:
            connection.close()

    assert open_after({"": arriving[""], **own}) != 40
    assert open_after({**own, **arriving}) == 40


def test_new_companions_resemble_their_database_and_are_empty(small_backup: Any, tmp_path: Path) -> None:
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, MESSAGES))
    found = rows(made, small_backup.password)
    database = found[MESSAGES]
    for suffix in ("-wal", "-shm", "-journal"):
        record = found[MESSAGES[0], MESSAGES[1] + suffix]
        stored = (made.path / record.file_id[:2] / record.file_id).read_bytes()
        assert len(stored) == (16 if small_backup.encrypted else 0)
        assert record.digest == hashlib.sha1(stored).digest()  # HomeDomain's files have one
        assert (record.mode, record.user_id, record.protection_class) == (
            database.mode,
            database.user_id,
            database.protection_class,
        )
        assert record.size == 0
        assert (record.encryption_key is not None) is small_backup.encrypted
        if record.encryption_key is not None:
            assert record.encryption_key[:4] == database.encryption_key[:4]
            assert record.encryption_key != database.encryption_key
    notes = make_set(
        small_backup, tmp_path / "other", ids(small_backup, ("AppDomain-com.example.notes", "Documents/notes.sqlite"))
    )
    assert {record.digest for record in rows(notes, small_backup.password).values()} == {None}


def test_links_and_directories_can_be_chosen_too(small_backup: Any, tmp_path: Path) -> None:
    link = ("HomeDomain", "Library/Preferences/current.plist")
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, link, ("CameraRollDomain", "Media/DCIM")))
    found = rows(made, small_backup.password)
    assert found[link].target == "com.apple.springboard.plist"
    assert {path for domain, path in found if domain == "CameraRollDomain"} == {"", "Media", "Media/DCIM"}
    assert made.files == 0


# -- what cannot be sent ---------------------------------------------------------------------------------------------


def test_a_row_without_its_file_is_dropped_and_reported(small_backup: Any, tmp_path: Path) -> None:
    small_backup.blob(*LEVEL).unlink()
    made = make_set(small_backup, tmp_path / "set")
    assert [(row.domain, row.relative_path) for row in made.dropped] == [LEVEL]
    assert "not in the backup" in made.dropped[0].reason
    assert LEVEL not in rows(made, small_backup.password)
    assert verify(made.path, small_backup.password, seals=None).verdict == "whole"


def test_files_the_phone_could_not_read_are_not_in_the_set(small_backup: Any, tmp_path: Path) -> None:
    small_backup.blob(*LEVEL).write_bytes(b"")
    lost = small_backup.records[LEVEL].file_id
    small_backup.seal(tmp_path / "seals", unreadable={lost: "Input/output error (5)"})
    made = make_set(small_backup, tmp_path / "set", seals=tmp_path / "seals")
    assert [row.file_id for row in made.dropped] == [lost]
    assert "Input/output error (5)" in made.dropped[0].reason
    assert LEVEL not in rows(made, small_backup.password)


def test_a_log_is_never_sent_without_its_database(small_backup: Any, tmp_path: Path) -> None:
    small_backup.blob(*ADDRESS_BOOK).unlink()
    made = make_set(small_backup, tmp_path / "set")
    names = {path for _, path in rows(made, small_backup.password)}
    assert not {name for name in names if name.startswith(ADDRESS_BOOK[1])}
    assert {row.relative_path for row in made.dropped} == {ADDRESS_BOOK[1] + suffix for suffix in ("", "-wal", "-shm")}


def test_an_index_is_never_sent_without_its_own_log(small_backup: Any, tmp_path: Path) -> None:
    small_backup.blob(ADDRESS_BOOK[0], ADDRESS_BOOK[1] + "-wal").unlink()
    made = make_set(small_backup, tmp_path / "set")
    found = contents(made.path, small_backup.password)
    assert found[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + "-wal"] == b""
    assert found[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + "-shm"] == b""
    assert [row.relative_path for row in made.dropped] == [ADDRESS_BOOK[1] + "-wal"]


def test_a_chosen_record_that_does_not_exist_is_reported(small_backup: Any, tmp_path: Path) -> None:
    nowhere = file_id("HomeDomain", "Library/Nowhere")
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, LEVEL) | {nowhere})
    assert [(row.file_id, row.domain) for row in made.dropped] == [(nowhere, "")]


def test_a_stored_file_that_is_a_link_is_not_sent(small_backup: Any, tmp_path: Path) -> None:
    blob = small_backup.blob(*LEVEL)
    (tmp_path / "secret").write_bytes(blob.read_bytes())
    blob.unlink()
    try:
        blob.symlink_to(tmp_path / "secret")
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    made = make_set(small_backup, tmp_path / "set")
    assert [row.relative_path for row in made.dropped] == [LEVEL[1]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"domain": "AppDomain-a/b"}, "slash"),
        ({"encryption_key": None}, "no key"),
        ({"encryption_key": (77).to_bytes(4, "little") + bytes(40)}, "no key for its protection class"),
    ],
    ids=["domain-with-a-slash", "no-key", "class-without-a-key"],
)
def test_a_row_that_would_spoil_the_whole_restore_is_dropped(
    make_backup: Any, tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    backup = make_backup(encrypted=True)
    record = replace(backup.records.pop(LEVEL), **change)
    record = replace(record, file_id=file_id(record.domain, record.relative_path))
    backup.records[record.domain, record.relative_path] = record
    backup.write_manifest()
    made = make_set(backup, tmp_path / "set")
    assert [row.file_id for row in made.dropped] == [record.file_id]
    assert reason in made.dropped[0].reason


# -- what phones insist on -------------------------------------------------------------------------------------------


def test_every_file_gets_an_inode_number_of_its_own_and_nothing_else_of_its_row_changes(
    small_backup: Any, tmp_path: Path
) -> None:
    """Even keys of the archive that this program does not know."""
    writer = MemoryManifest("17.5.1")
    for key, record in small_backup.records.items():
        if record.kind is Kind.FILE:
            small_backup.records[key] = record = replace(record, inode=4711)
        archive = plistlib.loads(encode_mbfile(record, ios_version="17.5.1"))
        archive["$objects"][1]["SomethingOfIOS28"] = 42
        blob = plistlib.dumps(archive, fmt=plistlib.FMT_BINARY, sort_keys=False)
        writer.add_row(record.file_id, record.domain, record.relative_path, record.kind, blob)
    data = writer.to_bytes()
    stored = encrypt_manifest(data, small_backup.manifest_key) if small_backup.encrypted else pad_manifest(data)
    (small_backup.path / "Manifest.db").write_bytes(stored)
    made = make_set(small_backup, tmp_path / "set")
    found = rows(made, small_backup.password)
    inodes = [record.inode for record in found.values() if record.kind is Kind.FILE]
    assert len(set(inodes)) == len(inodes)
    for key, record in small_backup.records.items():
        assert replace(found[key], inode=0) == replace(record, inode=0)
    with Backup.open(made.path, small_backup.password) as opened:
        for row in opened.manifest.rows():
            if (row.domain, row.relative_path) in small_backup.records:
                assert plistlib.loads(row.file)["$objects"][1]["SomethingOfIOS28"] == 42


def test_missing_directory_rows_are_made_up_to_the_root(small_backup: Any, tmp_path: Path) -> None:
    small_backup.records = {
        key: record for key, record in small_backup.records.items() if record.kind is not Kind.DIRECTORY
    }
    small_backup.write_manifest()
    made = make_set(small_backup, tmp_path / "set", ids(small_backup, LEVEL))
    found = rows(made, small_backup.password)
    assert set(found) == {LEVEL, (LEVEL[0], ""), (LEVEL[0], "Documents")}
    assert (found[LEVEL[0], "Documents"].kind, found[LEVEL[0], "Documents"].mode) == (Kind.DIRECTORY, 0o040755)
    assert len({record.inode for record in found.values()}) == 3


def test_a_file_where_a_directory_must_be_is_refused(small_backup: Any, tmp_path: Path) -> None:
    small_backup.records[LEVEL[0], "Documents"] = replace(
        small_backup.records[LEVEL], relative_path="Documents", file_id=file_id(LEVEL[0], "Documents")
    )
    small_backup.write_manifest()
    with pytest.raises(CannotCompose):
        make_set(small_backup, tmp_path / "set", ids(small_backup, LEVEL))
    assert not (tmp_path / "set").exists()


def test_the_plists_keep_what_phones_check_and_list_only_what_is_sent(small_backup: Any, tmp_path: Path) -> None:
    notes = ("AppDomain-com.example.notes", "Documents/notes.sqlite")
    group = ("AppDomainGroup-group.com.example.notes", "shared.txt")
    made = make_set(
        small_backup,
        tmp_path / "set",
        ids(small_backup, notes, group),
        strategy="overlay",
        apps=frozenset({"com.example.notes"}),
    )

    def plists(folder: Path) -> list[dict[str, Any]]:
        names = ("Manifest.plist", "Info.plist", "Status.plist")
        return [plistlib.loads((folder / name).read_bytes()) for name in names]

    (old_manifest, old_info, old_status), (manifest, info, status) = plists(small_backup.path), plists(made.path)
    assert set(manifest.pop("Applications")) == {"com.example.notes", "group.com.example.notes"}
    old_manifest.pop("Applications")
    assert manifest == old_manifest
    assert set(info.pop("Applications")) == set(info.pop("Installed Applications")) == {"com.example.notes"}
    del old_info["Applications"], old_info["Installed Applications"]
    assert info == old_info
    assert status == old_status
    assert (status["SnapshotState"], status["BackupState"]) == ("finished", "new")


def test_the_manifest_has_the_layout_of_the_old_phones_ios(make_backup: Any, tmp_path: Path) -> None:
    layouts = {}
    for version in ("26.2", "27.0"):
        backup = make_backup(encrypted=False, name=version, ios_version=version)
        made = make_set(backup, tmp_path / f"set {version}")
        data = bytearray((made.path / "Manifest.db").read_bytes())
        assert data[18:20] == b"\x02\x02"
        data[18:20] = b"\x01\x01"
        connection = sqlite3.connect(":memory:")
        connection.deserialize(data)
        layouts[version] = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        connection.close()
    assert "FilesDomainIdx" in layouts["26.2"]
    assert "FilesDomainsRelativePathIdx" in layouts["27.0"]
    assert "FilesDomainIdx" not in layouts["27.0"]


def test_properties_of_the_manifest_are_copied(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    writer = MemoryManifest("17.5.1")
    for record in backup.records.values():
        writer.add(record)
    writer.set_property("salt", b"pepper")
    (backup.path / "Manifest.db").write_bytes(encrypt_manifest(writer.to_bytes(), backup.manifest_key))
    made = make_set(backup, tmp_path / "set")
    with Backup.open(made.path, backup.password) as opened:
        assert opened.manifest.properties() == {"salt": b"pepper"}


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_no_set_and_an_earlier_one_as_it_was(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(small_backup, tmp_path / "set", ids(small_backup, LEVEL))
    before = tree(tmp_path)

    def full(path: Path, content: bytes, *, sync: bool = True) -> None:
        path.write_bytes(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("migrate.backup.restore_set.compose.write_new", full)
    with pytest.raises(DiskFullHere) as problem:
        make_set(small_backup, tmp_path / "set")
    assert problem.value.exit_code == 33
    after = tree(tmp_path)
    assert {name: entry for name, entry in after.items() if name != "."} == {
        name: entry for name, entry in before.items() if name != "."
    }


def test_where_links_cannot_be_made_the_set_is_a_copy(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    made = make_set(small_backup, tmp_path / "set")
    found = contents(made.path, small_backup.password)
    assert {key: found[key] for key in small_backup.contents} == small_backup.contents


def test_composing_again_makes_the_same_set(small_backup: Any, tmp_path: Path) -> None:
    first = make_set(small_backup, tmp_path / "set", ids(small_backup, MESSAGES))
    once = contents(first.path, small_backup.password)
    again = make_set(small_backup, tmp_path / "set", ids(small_backup, MESSAGES))
    assert again == first
    assert contents(again.path, small_backup.password) == once


def test_an_unfinished_backup_is_not_composed_from(small_backup: Any, tmp_path: Path) -> None:
    small_backup.write_plist("Status.plist", small_backup.status(SnapshotState="moving"), binary=True)
    with pytest.raises(BackupUnfinished):
        make_set(small_backup, tmp_path / "set")


def test_without_the_password_there_is_no_set(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    request = SetRequest(
        source=backup.path, password=None, into=tmp_path / "set", strategy="replace", wanted=ids(backup)
    )
    with pytest.raises(PasswordMissing):
        compose(request)
    assert not (tmp_path / "set").exists()


def test_the_password_is_not_shown_with_the_request(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    request = SetRequest(
        source=backup.path, password=backup.password, into=tmp_path, strategy="replace", wanted=frozenset()
    )
    assert backup.password not in repr(request)


# -- damaged records, where the phone is gone -------------------------------------------------------------------------


def test_records_that_verify_found_damaged_are_left_out_and_named(small_backup: Any, tmp_path: Path) -> None:
    """The phone is gone: what is left of its backup still moves, and the person hears what does not."""
    small_backup.blob(*LEVEL).write_bytes(b"torn")
    damaged = {small_backup.records[LEVEL].file_id: "its stored bytes are not those that were saved"}
    made = make_set(small_backup, tmp_path / "set", damaged=damaged)
    assert [(row.domain, row.relative_path, row.reason) for row in made.dropped] == [(*LEVEL, *damaged.values())]
    found = contents(made.path, small_backup.password)
    assert {key: found[key] for key in small_backup.contents if key != LEVEL} == {
        key: content for key, content in small_backup.contents.items() if key != LEVEL
    }
    assert LEVEL not in found
    assert verify(made.path, small_backup.password, seals=None).verdict == "whole"


def test_a_damaged_database_takes_its_log_along_and_a_damaged_log_leaves_an_empty_one(
    small_backup: Any, tmp_path: Path
) -> None:
    names = [file_id(ADDRESS_BOOK[0], ADDRESS_BOOK[1] + suffix) for suffix in ("", "-wal")]
    made = make_set(small_backup, tmp_path / "a", damaged={names[0]: "torn"})
    assert {row.relative_path for row in made.dropped} == {ADDRESS_BOOK[1] + suffix for suffix in ("", "-wal", "-shm")}
    assert not [path for _, path in rows(made, small_backup.password) if path.startswith(ADDRESS_BOOK[1])]
    made = make_set(small_backup, tmp_path / "b", damaged={names[1]: "torn"})
    assert [row.relative_path for row in made.dropped] == [ADDRESS_BOOK[1] + "-wal"]
    assert contents(made.path, small_backup.password)[ADDRESS_BOOK[0], ADDRESS_BOOK[1] + "-wal"] == b""


# -- many files ------------------------------------------------------------------------------------------------------


def test_many_files_are_linked_by_a_separate_process_with_the_same_progress(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_backup.blob(*LEVEL).unlink()
    one_by_one = make_set(small_backup, tmp_path / "a")
    monkeypatch.setattr(stored_files, "PROCESS_MIN_FILES", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    programs = []
    begin = stored_files._ProcessLinker.__init__

    def begins(self: Any, *what: Any) -> None:
        programs.append(what)
        begin(self, *what)

    monkeypatch.setattr(stored_files._ProcessLinker, "__init__", begins)
    side_by_side = make_set(small_backup, tmp_path / "b")
    assert programs
    assert replace(side_by_side, path=one_by_one.path) == one_by_one
    found = contents(side_by_side.path, small_backup.password)
    assert found == contents(one_by_one.path, small_backup.password)
    for key in small_backup.contents.keys() - {LEVEL}:
        name = small_backup.records[key].file_id
        assert (side_by_side.path / name[:2] / name).stat().st_ino == small_backup.blob(*key).stat().st_ino


def test_the_link_process_inherits_nothing_of_our_environment(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no password, and whoever may list processes could read it there."""
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "correct-horse-1947")
    monkeypatch.setattr(stored_files, "PROCESS_MIN_FILES", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    program, seen = tmp_path / "looks around.py", tmp_path / "environment"
    program.write_text(
        f"import os, sys; open({str(seen)!r}, 'w').write(repr(dict(os.environ)));"
        f" sys.exit(sys.stderr.write('{errno.ENOSPC} no room') and 1)"
    )
    monkeypatch.setattr(stored_files.link_worker, "__file__", str(program))
    with pytest.raises(DiskFullHere):
        make_set(small_backup, tmp_path / "set")
    names = set(ast.literal_eval(seen.read_text()))
    assert names <= {"SYSTEMROOT", "LC_CTYPE"}, "Python itself sets the latter"


def test_memory_does_not_grow_with_the_number_of_rows(make_backup: Any, tmp_path: Path) -> None:
    """24 MB of rows: neither a list of them nor a manifest is ever held in memory."""
    backup = make_backup(encrypted=True)
    for number in range(3_000):
        backup.add_symlink("HomeDomain", f"Library/Links/{number}", "elsewhere")
        key = ("HomeDomain", f"Library/Links/{number}")
        backup.records[key] = replace(backup.records[key], extended_attributes=bytes(8_000))
    backup.write_manifest()
    wanted = ids(backup)
    backup.records.clear()
    tracemalloc.start()
    try:
        made = make_set(backup, tmp_path / "set", wanted)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.records > 3_000
    assert peak < 20 << 20, "two caches of pieces, a thousand rows of 8 KB"


def test_an_error_of_the_link_process_is_raised_by_compose(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, there as here: what it met is told by its number."""
    program = tmp_path / "meets a full disk.py"
    program.write_text(
        f"import sys; sys.stdin.buffer.read(1); sys.exit(sys.stderr.write('{errno.ENOSPC} no room') and 1)"
    )
    monkeypatch.setattr(stored_files, "PROCESS_MIN_FILES", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(stored_files.link_worker, "__file__", str(program))
    with pytest.raises(DiskFullHere):
        make_set(small_backup, tmp_path / "set")
    assert not (tmp_path / "set").exists()


# -- backups that others made ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "password"),
    [("plain-backup", None), ("no-size-backup", None), ("encrypted-backup", "test-password-1234")],
)
def test_a_minted_backup_becomes_a_set(shared_data: Path, tmp_path: Path, name: str, password: str | None) -> None:
    source = shared_data / "minted" / name
    before = tree(source)
    wanted = frozenset(path.name for path in source.glob("??/*"))
    made = compose(
        SetRequest(source=source, password=password, into=tmp_path / "set", strategy="overlay", wanted=wanted)
    )
    assert tree(source) == before
    assert made.dropped == ()
    found = contents(made.path, password)
    assert {key: found[key] for key in contents(source, password)} == contents(source, password)
    assert verify(made.path, password, seals=None).verdict == "whole"
    with Backup.open(made.path, password) as opened:
        paths = {(record.domain, record.relative_path) for record in opened.records()}
    assert {("HomeDomain", ""), ("HomeDomain", "Library"), ("CameraRollDomain", "Media/DCIM")} <= paths


def test_a_real_manifest_with_most_files_absent_still_gives_a_set_of_what_is_there(
    shared_data: Path, tmp_path: Path
) -> None:
    source = tmp_path / "backup"
    source.mkdir()
    original = shared_data / "ios14-real-manifest" / "backup"
    for path in original.rglob("*"):
        if path.is_file():
            target = source / path.relative_to(original)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    (source / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": False, "Lockdown": {}, "Applications": {}}))
    (source / "Status.plist").write_bytes(plistlib.dumps({"SnapshotState": "finished", "BackupState": "new"}))
    with Backup.open(source) as opened:
        wanted = frozenset(record.file_id for record in opened.records())
    made = compose(SetRequest(source=source, password=None, into=tmp_path / "set", strategy="replace", wanted=wanted))
    lost = [row for row in made.dropped if "stored bytes are not" in row.reason]
    assert len(made.dropped) == 1079
    assert len(lost) == 1079 - len([row for row in made.dropped if "database it belongs to" in row.reason])
    assert made.records == 2618 + 14 + made.files
    verdict = verify(made.path, None, seals=None)
    assert {finding.code for finding in verdict.findings if finding.severity == "error"} == {
        "digest-differs"
    }  # the ten


@pytest.mark.parametrize("udid", ["/etc", "a/b", "..", "a\0b"])
def test_a_backup_whose_udid_is_a_path_becomes_no_set_and_no_folder(
    make_backup: Any, tmp_path: Path, udid: str
) -> None:
    backup = make_backup(encrypted=False)
    change(backup.path / "Manifest.plist", lambda plist: plist["Lockdown"].update(UniqueDeviceID=udid))
    with pytest.raises(UnsafeName):
        make_set(backup, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_a_udid_that_no_phone_can_have_is_not_taken_for_the_name_of_the_set(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    change(backup.path / "Manifest.plist", lambda plist: plist["Lockdown"].update(UniqueDeviceID="x" * 300))
    assert len(make_set(backup, tmp_path / "set").path.name) < 50


def test_a_list_of_installed_apps_with_strange_things_in_it_is_pruned_to_the_chosen_ones(
    make_backup: Any, tmp_path: Path
) -> None:
    backup = make_backup(encrypted=False)
    strange = [["a"], {"b": 1}, 5, "com.example.game"]
    change(backup.path / "Info.plist", lambda plist: plist.update({"Installed Applications": strange}))
    made = make_set(backup, tmp_path / "set", apps=frozenset({"com.example.game"}))
    assert plistlib.loads((made.path / "Info.plist").read_bytes())["Installed Applications"] == ["com.example.game"]


def change(path: Path, by: Any) -> None:
    plist = plistlib.loads(path.read_bytes())
    by(plist)
    path.write_bytes(plistlib.dumps(plist, fmt=plistlib.FMT_BINARY))
