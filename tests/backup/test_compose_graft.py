"""A graft: what was chosen on the old phone, among everything that the new phone's own domains have."""

from __future__ import annotations

import hashlib
import os
import plistlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.backup.seal import read_seal
from migrate.backup.seal_draft import SealDraft
from migrate.backup.verify.run import verify
from migrate.problems import CannotCompose, PasswordMissing, RestoreWouldDelete, WrongPassword
from tests.backup.small_backup import SmallBackup, fill
from tests.backup.trees import tree
from tests.backup.two_phones import (
    ATTACHMENT,
    GAME,
    KEYCHAIN,
    MESSAGES,
    NEW_PASSWORD,
    NEW_UDID,
    NOTES,
    OLD_PHOTO,
    OWN_PHOTO,
    Key,
    NewPhone,
    archives,
    contents,
    ids,
    new_phone,
)

COMPLETE = ("HomeDomain", "CameraRollDomain", "KeyboardDomain")
"""Facts 4.2: two that iOS 27 empties, and one of which a real phone lost what it had learned."""


@pytest.fixture(params=[True, False], ids=["old-encrypted", "old-plain"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> SmallBackup:
    backup = SmallBackup(tmp_path / "backups" / "old", request.param)
    fill(backup)
    backup.add_file(*ATTACHMENT, b"a letter from 2019")
    return backup.write()


@pytest.fixture
def new(tmp_path: Path) -> NewPhone:
    return new_phone(tmp_path / "backups")


def graft(old: SmallBackup, new: SmallBackup, into: Path, *chosen: Key, **options: Any) -> RestoreSet:
    return compose(
        SetRequest(
            source=old.path,
            password=old.password,
            into=into,
            strategy="graft",
            wanted=ids(old, *chosen),
            base=new.path,
            base_password=NEW_PASSWORD,
            **options,
        )
    )


def test_the_seal_of_a_graft_takes_each_digest_from_the_phone_that_sent_the_file(new: NewPhone, tmp_path: Path) -> None:
    """The two have a file of one id each. Both rotted after they were sealed, so both digests are the earlier ones."""
    old = SmallBackup(tmp_path / "backups" / "old", True)
    fill(old)
    old.write()
    olds, news = tmp_path / "old-seals", tmp_path / "new-seals"
    old_seal = old.seal(olds)
    with SealDraft.open(news, NEW_UDID, None, fresh=True) as draft:
        for name in {path.name: path for path in new.path.glob("??/*")}:
            draft.add(name, hashlib.sha256(b"sealed " + name.encode()).hexdigest(), 1)
        new_seal = draft.finish(BackupFolder(new.path))
    photo, own = old.records[OLD_PHOTO].file_id, new.records[OWN_PHOTO].file_id
    for blob in (old.blob(*OLD_PHOTO), new.blob(*OWN_PHOTO)):
        blob.write_bytes(b"rotted" + blob.read_bytes()[6:])
    made = graft(old, new, tmp_path / "set", MESSAGES, OLD_PHOTO, seals=olds, base_seals=news)
    seal = read_seal(tmp_path / "set", BackupFolder(made.path))
    messages = old.records[MESSAGES].file_id
    assert seal is not None and set(seal.digests) == {path.name for path in made.path.glob("??/*")}
    assert seal.digests[photo] == old_seal.digests[photo] and seal.digests[own] == new_seal.digests[own]
    assert seal.digests[messages] == old_seal.digests[messages] != new_seal.digests[messages]


def own_files(new: SmallBackup) -> dict[Key, bytes]:
    return {key: content for key, content in new.contents.items() if key[0] in COMPLETE}


# -- what is in it ---------------------------------------------------------------------------------------------------


def test_chosen_messages_are_added_to_the_new_phones_own_data(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = graft(old, new, tmp_path / "set", MESSAGES, ATTACHMENT)
    expected = own_files(new) | {MESSAGES: old.contents[MESSAGES], ATTACHMENT: old.contents[ATTACHMENT]}
    expected |= {(MESSAGES[0], MESSAGES[1] + suffix): b"" for suffix in ("-wal", "-shm", "-journal")}
    assert contents(made) == expected
    assert made.dropped == ()
    assert made.replaced_files == 3, "the new phone's own sms.db, and the log and index that belong to it"
    assert made.path == tmp_path / "set" / NEW_UDID
    assert made.files == len(expected)


def test_the_new_phones_own_rows_and_files_are_unchanged(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = graft(old, new, tmp_path / "set", MESSAGES, OLD_PHOTO)
    before, after = archives(new.path, NEW_PASSWORD), archives(made.path, NEW_PASSWORD)
    for key, archive in before.items():
        if key[0] in COMPLETE and not key[1].startswith(MESSAGES[1]):
            assert after[key] == archive, key
            if key in new.contents:
                name = new.records[key].file_id
                assert (made.path / name[:2] / name).stat().st_ino == new.blob(*key).stat().st_ino


def test_a_chosen_category_replaces_its_counterpart_as_a_whole(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    photos = [key for key in old.records if key[0] == "CameraRollDomain"]
    replaced = frozenset(record.file_id for key, record in new.records.items() if key[0] == "CameraRollDomain")
    made = graft(old, new, tmp_path / "set", *photos, replaced=replaced)
    found = contents(made)
    assert OWN_PHOTO not in found
    assert {key for key in found if key[0] == "CameraRollDomain"} >= {key for key in old.contents if key in photos}
    assert found[("HomeDomain", "Library/Passes/card.pkpass")] == b"only on the new phone"
    assert made.replaced_files == 1
    assert verify(made.path, NEW_PASSWORD, seals=None).verdict == "whole"


def test_a_log_is_left_out_or_kept_with_its_database(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    """A claim on the database alone, or on the log alone, would leave a log to another database, or none to its own."""
    made = graft(old, new, tmp_path / "a", GAME, replaced=ids(new, MESSAGES))
    assert not [path for _, path in contents(made) if path.startswith(MESSAGES[1])]
    made = graft(old, new, tmp_path / "b", GAME, replaced=ids(new, (MESSAGES[0], MESSAGES[1] + "-wal")))
    found = contents(made)
    for suffix in ("", "-wal", "-shm"):
        key = (MESSAGES[0], MESSAGES[1] + suffix)
        assert found[key] == new.contents[key]


def test_files_of_an_encrypted_old_backup_are_linked_with_new_keys(new: NewPhone, tmp_path: Path) -> None:
    old = fill_old(tmp_path, encrypted=True)
    made = graft(old, new, tmp_path / "set", OLD_PHOTO, MESSAGES)
    with Backup.open(made.path, NEW_PASSWORD) as opened:
        for key in (OLD_PHOTO, MESSAGES):
            record = opened.record(*key)
            assert record is not None and record.encryption_key is not None
            was = old.records[key]
            assert record.encryption_key != was.encryption_key
            assert record.encryption_key[:4] == (was.encryption_key or b"")[:4]
            assert replace(record, encryption_key=None, inode=0) == replace(was, encryption_key=None, inode=0)
            stored = made.path / record.file_id[:2] / record.file_id
            assert stored.stat().st_ino == old.blob(*key).stat().st_ino


def test_files_of_a_plain_old_backup_are_encrypted_and_digested_as_stored(new: NewPhone, tmp_path: Path) -> None:
    old = fill_old(tmp_path, encrypted=False)
    made = graft(old, new, tmp_path / "set", OLD_PHOTO, MESSAGES)
    with Backup.open(made.path, NEW_PASSWORD) as opened:
        for key in (OLD_PHOTO, MESSAGES):
            record = opened.record(*key)
            assert record is not None and record.encryption_key is not None
            stored = (made.path / record.file_id[:2] / record.file_id).read_bytes()
            assert old.contents[key] not in stored and len(stored) == len(old.contents[key]) // 16 * 16 + 16
            assert record.size == len(old.contents[key])
            assert (record.digest is None) == (old.records[key].digest is None)
            assert record.digest in (None, hashlib.sha1(stored).digest())
    data = b"".join(path.read_bytes() for path in made.path.rglob("*") if path.is_file())
    assert b"Library/SMS" not in data and b"row 1 of message" not in data


def fill_old(tmp_path: Path, *, encrypted: bool) -> SmallBackup:
    backup = SmallBackup(tmp_path / "backups" / "older", encrypted)
    fill(backup)
    return backup.write()


# -- what phones insist on -------------------------------------------------------------------------------------------


def test_no_two_files_of_the_two_phones_share_an_inode_number(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    """Both begin to count at the same number here, and a phone would make one file a link to the other."""
    made = graft(old, new, tmp_path / "set", *(key for key in old.contents if key != KEYCHAIN))
    with Backup.open(made.path, NEW_PASSWORD) as opened:
        inodes = [record.inode for record in opened.records() if record.kind is Kind.FILE]
        paths = {(record.domain, record.relative_path) for record in opened.records()}
    assert len(set(inodes)) == len(inodes)
    for domain, path in paths:
        parts = path.split("/")[:-1]
        assert all((domain, "/".join(parts[:depth])) in paths for depth in range(len(parts) + bool(path)))


def test_the_set_is_the_new_phones_and_names_the_apps_of_both(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = graft(old, new, tmp_path / "set", NOTES, GAME, apps=frozenset({"com.example.notes"}))
    manifest = plistlib.loads((made.path / "Manifest.plist").read_bytes())
    theirs = plistlib.loads((new.path / "Manifest.plist").read_bytes())
    applications = manifest.pop("Applications")
    theirs.pop("Applications")
    assert manifest == theirs, "keybag, manifest key, Lockdown and versions are the new phone's"
    assert set(applications) == {"com.example.notes", "com.example.game"}
    assert applications["com.example.game"]["CFBundleVersion"] == "50", "as it is installed there"
    info = plistlib.loads((made.path / "Info.plist").read_bytes())
    assert (info["Target Identifier"], info["Product Version"]) == (NEW_UDID, "27.0")
    assert set(info["Applications"]) == {"com.example.notes"} == set(info["Installed Applications"])
    status = plistlib.loads((made.path / "Status.plist").read_bytes())
    assert (status["SnapshotState"], status["BackupState"]) == ("finished", "new")


def test_passwords_are_never_grafted(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = graft(old, new, tmp_path / "set", KEYCHAIN, MESSAGES)
    assert {row.domain for row in made.dropped} == {"KeychainDomain"}
    assert "passwords" in made.dropped[0].reason
    assert not [key for key in contents(made) if key[0] == "KeychainDomain"]


def test_a_graft_verifies_whole(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = graft(old, new, tmp_path / "set", *(key for key in old.contents if key != KEYCHAIN))
    verdict = verify(made.path, NEW_PASSWORD, seals=None)
    assert verdict.verdict == "whole", verdict.findings
    assert (verdict.records, verdict.files, verdict.bytes) == (made.records, made.files, made.bytes)
    with pytest.raises(WrongPassword):
        Backup.open(made.path, old.password or "no password")


# -- what makes it impossible ----------------------------------------------------------------------------------------


def test_no_set_is_made_if_the_new_phones_backup_lacks_a_file(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    new.blob("HomeDomain", "Library/Passes/card.pkpass").unlink()
    with pytest.raises(RestoreWouldDelete, match=r"card\.pkpass \(HomeDomain\) would be deleted"):
        graft(old, new, tmp_path / "set", MESSAGES)
    assert not (tmp_path / "set").exists()


def test_no_set_is_made_if_the_new_phone_could_not_read_a_file(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    lost = new.records["HomeDomain", "Library/Passes/card.pkpass"].file_id
    with SealDraft.open(tmp_path / "seals", NEW_UDID, None, fresh=True) as draft:
        draft.mark_unreadable(lost, "Input/output error (5)")
        draft.finish(BackupFolder(new.path))
    with pytest.raises(RestoreWouldDelete, match="could not read it"):
        graft(old, new, tmp_path / "set", MESSAGES, base_seals=tmp_path / "seals")
    made = graft(old, new, tmp_path / "set", MESSAGES, base_seals=tmp_path / "seals", replaced={lost})
    assert made.replaced_files == 4, "it was to leave anyway"


def test_a_plain_backup_of_the_new_phone_is_refused_as_a_base(old: SmallBackup, tmp_path: Path) -> None:
    plain = new_phone(tmp_path / "plain", encrypted=False)
    with pytest.raises(CannotCompose, match="not encrypted"):
        graft(old, plain, tmp_path / "set", MESSAGES)


def test_a_file_where_the_other_phone_has_a_folder_is_refused(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    old.add_file("HomeDomain", "Library/Passes", b"a file of this name")
    old.write()
    with pytest.raises(CannotCompose, match="Library/Passes is not a directory"):
        graft(old, new, tmp_path / "set", ("HomeDomain", "Library/Passes"))


def test_a_graft_without_the_new_phones_backup_or_its_password_is_refused(
    old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    request = SetRequest(
        source=old.path, password=old.password, into=tmp_path / "set", strategy="graft", wanted=ids(old, MESSAGES)
    )
    with pytest.raises(ValueError, match="base"):
        compose(request)
    with pytest.raises(PasswordMissing):
        compose(replace(request, base=new.path))
    with pytest.raises(WrongPassword):
        compose(replace(request, base=new.path, base_password="guessed"))
    assert NEW_PASSWORD not in repr(replace(request, base=new.path, base_password=NEW_PASSWORD))
    assert not (tmp_path / "set").exists()


def test_a_chosen_file_that_is_damaged_leaves_the_new_phones_own_in_place(
    old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    made = graft(old, new, tmp_path / "set", MESSAGES, damaged={file_id(*MESSAGES): "its digest differs"})
    assert [(row.relative_path, row.reason) for row in made.dropped] == [(MESSAGES[1], "its digest differs")]
    assert contents(made) == own_files(new)


def test_both_backups_stay_unchanged(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    before = tree(tmp_path / "backups")
    graft(old, new, tmp_path / "set", *(key for key in old.contents), replaced=ids(new, MESSAGES))
    assert tree(tmp_path / "backups") == before


# -- other programs read the set --------------------------------------------------------------------------------------


@pytest.mark.peer
def test_iphone_backup_decrypt_opens_a_graft_file_by_file_with_the_new_password(
    old: SmallBackup, new: NewPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypting = pytest.importorskip("iphone_backup_decrypt")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = graft(old, new, tmp_path / "set", *(key for key in old.contents if key != KEYCHAIN))
    reader = decrypting.EncryptedBackup(backup_directory=str(made.path), passphrase=NEW_PASSWORD)
    ours = contents(made)
    with reader.manifest_db_cursor() as cursor:
        listed = cursor.execute("SELECT domain, relativePath FROM Files WHERE flags = 1").fetchall()
    assert set(listed) == set(ours)
    for (domain, path), content in ours.items():
        assert reader.extract_file_as_bytes(path, domain_like=domain) == content, (domain, path)


@pytest.mark.peer
def test_pyiosbackup_opens_a_graft_file_by_file_with_the_new_password(
    old: SmallBackup, new: NewPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyiosbackup = pytest.importorskip("pyiosbackup")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = graft(old, new, tmp_path / "set", *(key for key in old.contents if key != KEYCHAIN))
    reader = pyiosbackup.Backup.from_path(made.path, NEW_PASSWORD)
    theirs = {(entry.domain, entry.relative_path): entry.read_bytes() for entry in reader.iter_files()}
    assert theirs == contents(made)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_graft_is_private(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    graft(old, new, tmp_path / "set", MESSAGES, ATTACHMENT)
    modes = {path.stat().st_mode & 0o7777 for path in (tmp_path / "set").rglob("*")}
    assert modes == {0o700, 0o600}
