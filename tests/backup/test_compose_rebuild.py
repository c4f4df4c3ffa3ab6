"""A rebuild: the new phone's own whole backup, in which chosen records of an old one replace their counterparts."""

from __future__ import annotations

import hashlib
import plistlib
import tempfile
import tracemalloc
from dataclasses import replace
from pathlib import Path
from plistlib import UID
from typing import Any, cast

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.backup.restore_set.rekey import DEFAULT_PROTECTION_CLASS
from migrate.backup.seal_draft import SealDraft
from migrate.backup.verify.run import verify
from migrate.problems import CannotCompose, PasswordMissing, RestoreWouldDelete, WrongPassword
from tests.backup.small_backup import SmallBackup, database, fill
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
    choice_and_counterparts,
    contents,
    ids,
    new_phone,
)

CATALOGUE = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
OWN_PHOTOS = (
    OWN_PHOTO,
    CATALOGUE,
    ("CameraRollDomain", "Media/PhotoData/Photos.sqlite-wal"),
    ("CameraRollDomain", "Media/PhotoData/CPLAssets/group7/own.HEIC"),
    ("CameraRollDomain", "Media/PhotoData/Mutations/DCIM/101APPLE/IMG_1001/Adjustments/Adjustments.plist"),
    ("CameraRollDomain", "Media/PhotoData/Caches/own.db"),
    ("CameraRollDomain", "Media/PhotoData/Caches/own.db-wal"),
)
OWN_ATTACHMENT = ("MediaDomain", "Library/SMS/Attachments/ff/own.txt")
OWN_NOTES = ("AppDomain-com.example.notes", "Documents/notes.sqlite")
NOTES_APP = (
    OWN_NOTES,
    ("AppDomain-com.example.notes", "Documents/own.txt"),
    ("AppDomainGroup-group.com.example.notes", "own.txt"),
    ("AppDomainPlugin-com.example.notes.widget", "Library/own.bin"),
)
STAYS = ("HomeDomain", "Library/Passes/card.pkpass")
VERSIONS = ["18.5", "26.1", "27.0"]


def old_phone(folder: Path, *, encrypted: bool, **about: Any) -> SmallBackup:
    backup = SmallBackup(folder / "old", encrypted, **about)
    fill(backup)
    backup.add_file(*ATTACHMENT, b"a letter from 2019")
    backup.add_file("CameraRollDomain", "Media/PhotoData/CPLAssets/group7/old.HEIC", b"an original of the old phone")
    backup.add_file("CameraRollDomain", "Media/PhotoData/Mutations/DCIM/100APPLE/IMG_0001/x.plist", b"an edit")
    return backup.write()


def phone_in_use(folder: Path, *, ios_version: str, encrypted: bool = True) -> NewPhone:
    """More than a graft needs: what goes with photos and apps, and a domain that no category claims."""
    phone = new_phone(folder, encrypted=encrypted, ios_version=ios_version)
    for key in OWN_PHOTOS[1:]:
        phone.add_file(*key, f"the new phone's own {key[1]}".encode())
    phone.add_file(*OWN_ATTACHMENT, b"a letter to the new phone")
    phone.add_app("com.example.notes")
    phone.applications["com.example.notes"]["CFBundleVersion"] = "50"
    phone.add_app("group.com.example.notes", "Shared/AppGroup")
    phone.add_app("com.example.notes.widget", "Data/PlugInKitPlugin")
    for key in NOTES_APP:
        phone.add_file(*key, f"the new phone's own {key[1]}".encode())
    phone.add_file("HealthDomain", "Health/healthdb.sqlite", database(3, table="samples")[""])
    phone.add_file("WirelessDomain", "Library/Preferences/own.plist", b"a setting", protection_class=4)
    phone.write()
    return phone


@pytest.fixture(params=[True, False], ids=["old-encrypted", "old-plain"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> SmallBackup:
    return old_phone(tmp_path / "backups", encrypted=request.param)


@pytest.fixture(params=VERSIONS)
def new(request: pytest.FixtureRequest, tmp_path: Path) -> NewPhone:
    return phone_in_use(tmp_path / "backups", ios_version=request.param)


@pytest.fixture
def new27(tmp_path: Path) -> NewPhone:
    return phone_in_use(tmp_path / "backups", ios_version="27.0")


@pytest.fixture
def encrypted_old(tmp_path: Path) -> SmallBackup:
    return old_phone(tmp_path / "backups", encrypted=True)


def rebuild(old: SmallBackup, new: SmallBackup, into: Path, *chosen: Key, **options: Any) -> RestoreSet:
    return compose(
        SetRequest(
            source=old.path,
            password=old.password,
            into=into,
            strategy="rebuild",
            wanted=ids(old, *chosen),
            base=new.path,
            base_password=NEW_PASSWORD,
            **options,
        )
    )


def rebuild_categories(
    old: SmallBackup, new: SmallBackup, into: Path, *categories: str, apps: tuple[str, ...] = ()
) -> RestoreSet:
    choice, replaced = choice_and_counterparts(
        (old.path, old.password), (new.path, new.password), categories=categories, apps=apps
    )
    return compose(
        SetRequest(
            source=old.path,
            password=old.password,
            into=into,
            strategy="rebuild",
            wanted=choice.file_ids,
            apps=choice.apps,
            base=new.path,
            base_password=NEW_PASSWORD,
            replaced=replaced,
        )
    )


def rows(made: RestoreSet) -> dict[Key, Record]:
    with Backup.open(made.path, NEW_PASSWORD) as opened:
        return {(record.domain, record.relative_path): record for record in opened.records()}


def stored(made: RestoreSet, key: Key) -> Path:
    name = file_id(*key)
    return made.path / name[:2] / name


def root_of(archive: bytes) -> dict[str, Any]:
    loaded = plistlib.loads(archive)
    return cast("dict[str, Any]", loaded["$objects"][loaded["$top"]["root"].data])


# -- everything of the new phone, and the chosen records ---------------------------------------------------------------


def test_the_set_is_the_new_phones_whole_backup_with_the_chosen_records(
    old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    made = rebuild(old, new, tmp_path / "set", MESSAGES, ATTACHMENT, replaced=ids(new, OWN_ATTACHMENT))
    expected = {
        key: content
        for key, content in new.contents.items()
        if not key[1].startswith(MESSAGES[1]) and key != OWN_ATTACHMENT
    }
    expected |= {MESSAGES: old.contents[MESSAGES], ATTACHMENT: old.contents[ATTACHMENT]}
    assert contents(made) == expected
    assert made.dropped == ()
    assert made.replaced_files == 4, "the new phone's sms.db, its log and index, and its attachment"
    assert (made.path, made.files) == (tmp_path / "set" / NEW_UDID, len(expected))
    verdict = verify(made.path, NEW_PASSWORD, seals=None)
    assert verdict.verdict == "whole", verdict.findings
    assert (verdict.records, verdict.files, verdict.bytes) == (made.records, made.files, made.bytes)


def test_the_new_phones_own_rows_and_files_are_unchanged(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = rebuild(old, new, tmp_path / "set", MESSAGES, NOTES)
    before, after = archives(new.path, NEW_PASSWORD), archives(made.path, NEW_PASSWORD)
    gone = {key for key in before if key[1].startswith((MESSAGES[1], NOTES[1]))}
    for key in before.keys() - gone:
        assert after[key] == before[key], key
        if key in new.contents:
            assert stored(made, key).stat().st_ino == new.blob(*key).stat().st_ino, "linked, not written again"


def test_the_new_phones_keychain_stays_exactly_as_backed_up(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    """Even where a choice claims it on both phones: no item of the old phone, and every item of the new one."""
    made = rebuild(old, new, tmp_path / "set", KEYCHAIN, MESSAGES, replaced=ids(new, KEYCHAIN))
    assert archives(made.path, NEW_PASSWORD)[KEYCHAIN] == archives(new.path, NEW_PASSWORD)[KEYCHAIN]
    assert stored(made, KEYCHAIN).read_bytes() == new.blob(*KEYCHAIN).read_bytes()
    assert {row.domain for row in made.dropped} == {"KeychainDomain"}
    assert "passwords" in made.dropped[0].reason


def test_keys_versions_and_properties_are_the_new_phones(
    encrypted_old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    made = rebuild(encrypted_old, new, tmp_path / "set", MESSAGES)
    found = plistlib.loads((made.path / "Manifest.plist").read_bytes())
    theirs = plistlib.loads((new.path / "Manifest.plist").read_bytes())
    for key in ("BackupKeyBag", "ManifestKey", "Lockdown", "SystemDomainsVersion", "Version", "Date", "IsEncrypted"):
        assert found[key] == theirs[key], key
    assert found.keys() == theirs.keys()
    with Backup.open(made.path, NEW_PASSWORD) as ours, Backup.open(new.path, NEW_PASSWORD) as own:
        assert ours.manifest.properties() == own.manifest.properties()
    info = plistlib.loads((made.path / "Info.plist").read_bytes())
    assert (info["Target Identifier"], info["Product Version"]) == (NEW_UDID, new.ios_version)
    status = plistlib.loads((made.path / "Status.plist").read_bytes())
    assert (status["SnapshotState"], status["BackupState"]) == ("finished", "new")
    with pytest.raises(WrongPassword):
        Backup.open(made.path, encrypted_old.password)


def test_apps_are_the_new_phones_own_and_the_chosen_ones(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    del new27.applications["com.example.notes"]
    new27.write()
    made = rebuild(encrypted_old, new27, tmp_path / "set", NOTES, GAME, apps=frozenset({"com.example.notes"}))
    info = plistlib.loads((made.path / "Info.plist").read_bytes())
    own, theirs = new27.info(), encrypted_old.info()
    expected = own["Applications"] | {"com.example.notes": theirs["Applications"]["com.example.notes"]}
    assert info["Applications"] == expected
    assert set(info["Installed Applications"]) == {*own["Installed Applications"], "com.example.notes"}
    applications = plistlib.loads((made.path / "Manifest.plist").read_bytes())["Applications"]
    assert applications.keys() == new27.applications.keys() | {"com.example.notes"}
    assert applications["com.example.game"]["CFBundleVersion"] == "50", "as it is installed on the new phone"


def test_apps_of_the_old_phone_that_were_not_chosen_are_not_installed(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    encrypted_old.add_app("com.example.unwanted")
    encrypted_old.write()
    made = rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES)
    for name in ("Info.plist", "Manifest.plist"):
        assert "com.example.unwanted" not in plistlib.loads((made.path / name).read_bytes())["Applications"]


# -- the chosen records become the new phone's -------------------------------------------------------------------------


def test_records_of_an_encrypted_backup_get_a_new_key_and_keep_everything_else(
    encrypted_old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    encrypted_old.add_file("HomeDomain", "Library/SMS/Drafts/a", b"a draft", protection_class=2)
    encrypted_old.write()
    draft = ("HomeDomain", "Library/SMS/Drafts/a")
    made = rebuild(encrypted_old, new, tmp_path / "set", OLD_PHOTO, MESSAGES, draft)
    found = rows(made)
    for key in (OLD_PHOTO, MESSAGES, draft):
        record, was = found[key], encrypted_old.records[key]
        assert record.encryption_key is not None and was.encryption_key is not None
        assert record.encryption_key != was.encryption_key
        assert record.encryption_key[:4] == was.encryption_key[:4] == record.protection_class.to_bytes(4, "little")
        assert record.digest == was.digest, "the stored bytes are the same"
        assert record.size == len(encrypted_old.contents[key])
        assert replace(record, encryption_key=None, inode=0) == replace(was, encryption_key=None, inode=0)
        assert stored(made, key).stat().st_ino == encrypted_old.blob(*key).stat().st_ino, "linked, not written again"


def test_records_of_a_plain_backup_are_encrypted_and_digested_as_stored(new: NewPhone, tmp_path: Path) -> None:
    old = old_phone(tmp_path / "backups", encrypted=False)
    made = rebuild(old, new, tmp_path / "set", OLD_PHOTO, MESSAGES)
    found = rows(made)
    for key in (OLD_PHOTO, MESSAGES):
        record, was, data = found[key], old.records[key], stored(made, key).read_bytes()
        assert record.encryption_key is not None
        assert record.encryption_key[:4] == record.protection_class.to_bytes(4, "little")
        assert record.protection_class == was.protection_class
        assert old.contents[key] not in data and len(data) == len(old.contents[key]) // 16 * 16 + 16
        assert record.size == len(old.contents[key])
        assert record.digest == (None if was.digest is None else hashlib.sha1(data).digest())
    assert found[MESSAGES].digest is not None and found[OLD_PHOTO].digest is None


def test_archives_have_the_form_of_the_new_phones_ios(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    """iOS 27 writes a digest into the root of an archive, earlier versions refer to it."""
    made = rebuild(old, new, tmp_path / "set", MESSAGES, ATTACHMENT)
    found = archives(made.path, NEW_PASSWORD)
    own, ours = root_of(archives(new.path, NEW_PASSWORD)[STAYS]), root_of(found[MESSAGES])
    assert type(ours["Digest"]) is type(own["Digest"]) is (bytes if new.ios_version == "27.0" else UID)
    assert "Digest" not in root_of(found[ATTACHMENT])
    loaded = plistlib.loads(found[MESSAGES])["$objects"]
    digests = [value for value in loaded if isinstance(value, bytes) and len(value) == 20]
    assert len(digests) == (0 if new.ios_version == "27.0" else 1), "no object is left over"
    assert rows(made)[MESSAGES].digest == hashlib.sha1(stored(made, MESSAGES).read_bytes()).digest()


def test_a_27_phones_archives_get_the_form_of_an_earlier_ios(tmp_path: Path) -> None:
    old = old_phone(tmp_path / "backups", encrypted=True, ios_version="27.0")
    new = phone_in_use(tmp_path / "backups", ios_version="26.1")
    made = rebuild(old, new, tmp_path / "set", MESSAGES)
    assert type(root_of(archives(made.path, NEW_PASSWORD)[MESSAGES])["Digest"]) is UID
    assert rows(made)[MESSAGES].digest == old.records[MESSAGES].digest


def test_no_two_rows_of_the_two_phones_share_an_inode_number(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    """Both begin to count at the same number here, and a phone would make one file a link to the other."""
    old.add_symlink("HomeDomain", "Library/SMS/link", "sms.db")
    old.add_file("HomeDomain", "Library/only/on/the/old/phone", b"below folders that the new phone does not have")
    old.write()
    chosen = [key for key, record in old.records.items() if key != KEYCHAIN and record.kind is not Kind.DIRECTORY]
    made = rebuild(old, new, tmp_path / "set", *chosen)
    found = rows(made)
    inodes = [record.inode for record in found.values()]
    assert 0 not in inodes and len(set(inodes)) == len(inodes)
    for key, record in found.items():
        own = new.records.get(key)
        if own is not None and (own.kind is Kind.DIRECTORY or key not in chosen):
            assert record.inode == own.inode, key


def test_every_directory_above_a_record_has_a_row(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    old.add_file("HomeDomain", "Library/only/on/the/old/phone", b"below folders that the new phone does not have")
    old.add_file("AppDomain-com.example.solo", "Documents/a", b"in a domain that the new phone does not have")
    for gap in (("HomeDomain", "Library/only/on"), ("AppDomain-com.example.solo", "")):
        del old.records[gap]
    old.write()
    made = rebuild(old, new, tmp_path / "set", *(key for key in old.contents if key != KEYCHAIN))
    found = rows(made)
    assert ("HomeDomain", "Library/only/on/the") in found and ("AppDomain-com.example.solo", "") in found
    for domain, path in found:
        parts = path.split("/")[:-1]
        for depth in range(len(parts) + bool(path)):
            above = found[domain, "/".join(parts[:depth])]
            assert above.kind is Kind.DIRECTORY


# -- what goes with a database, the photos, an app ---------------------------------------------------------------------


def test_a_log_of_the_new_phone_never_stays_beside_the_old_phones_database(
    old: SmallBackup, new: NewPhone, tmp_path: Path
) -> None:
    """Neither where the old phone has none, nor as an empty file: the restore deletes what the set does not bring."""
    new.add_file(MESSAGES[0], MESSAGES[1] + "-journal", b"another one")
    new.write()
    made = rebuild(old, new, tmp_path / "set", MESSAGES)
    assert [path for _, path in rows(made) if path.startswith(MESSAGES[1])] == [MESSAGES[1]]
    assert made.replaced_files == 4


def test_the_old_phones_own_log_comes_with_its_database(old: SmallBackup, new27: NewPhone, tmp_path: Path) -> None:
    contacts = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
    for suffix in ("", "-wal", "-journal"):
        new27.add_file(contacts[0], contacts[1] + suffix, b"the new phone's own")
    new27.write()
    made = rebuild(old, new27, tmp_path / "set", contacts)
    found = contents(made)
    for suffix in ("", "-wal", "-shm"):
        key = (contacts[0], contacts[1] + suffix)
        assert found[key] == old.contents[key]
    assert (contacts[0], contacts[1] + "-journal") not in found


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_log_goes_with_a_database_that_has_no_databases_name(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path, suffix: str
) -> None:
    store = ("AppDomain-com.example.game", "Documents/store.dat")
    encrypted_old.add_file(*store, database(2, table="level")[""])
    encrypted_old.write()
    for name in ("", suffix):
        new27.add_file(store[0], store[1] + name, b"the new phone's own")
    new27.write()
    made = rebuild(encrypted_old, new27, tmp_path / "set", store)
    assert [path for _, path in rows(made) if path.startswith(store[1])] == [store[1]]


def test_a_database_that_stays_keeps_its_log(encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path) -> None:
    made = rebuild(
        encrypted_old, new27, tmp_path / "set", GAME, replaced=ids(new27, (MESSAGES[0], f"{MESSAGES[1]}-wal"))
    )
    found = contents(made)
    for suffix in ("", "-wal", "-shm"):
        assert found[MESSAGES[0], MESSAGES[1] + suffix] == new27.contents[MESSAGES[0], MESSAGES[1] + suffix]


def test_photos_move_whole(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = rebuild_categories(old, new, tmp_path / "set", "photos")
    found = contents(made)
    theirs = {key: content for key, content in old.contents.items() if key[0] == "CameraRollDomain"}
    assert {key: content for key, content in found.items() if key[0] == "CameraRollDomain"} == theirs
    assert {key: found[key] for key in new.contents if key[0] != "CameraRollDomain"} == {
        key: content for key, content in new.contents.items() if key[0] != "CameraRollDomain"
    }
    assert made.replaced_files == len(OWN_PHOTOS)


def test_no_photo_of_the_new_phone_stays_beside_the_old_phones_catalogue(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    """Whatever the caller says of them: a photo without its catalogue is lost, and one with another's is wrong."""
    made = rebuild(encrypted_old, new27, tmp_path / "set", CATALOGUE, OLD_PHOTO)
    found = {key for key in contents(made) if key[0] == "CameraRollDomain"}
    assert found == {CATALOGUE, OLD_PHOTO}


def test_messages_move_with_their_attachments(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = rebuild_categories(old, new, tmp_path / "set", "messages")
    found = contents(made)
    assert found[MESSAGES] == old.contents[MESSAGES]
    assert found[ATTACHMENT] == old.contents[ATTACHMENT] and OWN_ATTACHMENT not in found
    assert ("MediaDomain", "Media/Recordings/own.m4a") in found, "the rest of the domain stays"


def test_an_app_moves_with_its_groups_and_plugins(old: SmallBackup, new: NewPhone, tmp_path: Path) -> None:
    made = rebuild_categories(old, new, tmp_path / "set", apps=("com.example.notes",))
    found = contents(made)
    theirs = {key: content for key, content in old.contents.items() if "com.example.notes" in key[0]}
    assert len({key[0] for key in theirs}) == 3, "app, group and plug-in"
    assert {key: content for key, content in found.items() if "com.example.notes" in key[0]} == theirs
    assert found[GAME] == new.contents[GAME]
    assert "com.example.notes" in plistlib.loads((made.path / "Info.plist").read_bytes())["Applications"]


BOUND = [
    ("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist"),
    ("HomeDomain", "Library/WebKit/Form Values/forms.db"),
    ("DatabaseDomain", "lsd/com.apple.lsdidentifiers.plist"),
]


@pytest.mark.parametrize("key", BOUND)
def test_what_is_bound_to_the_old_phone_does_not_come(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path, key: Key
) -> None:
    """A phone takes the set for its own backup, so it would not leave these files out itself."""
    for phone in (encrypted_old, new27):
        phone.add_file(*key, f"of {phone.path.name}".encode())
        phone.write()
    made = rebuild(encrypted_old, new27, tmp_path / "set", key, GAME, replaced=ids(new27, key))
    assert contents(made)[key] == new27.contents[key], "the new phone keeps its own"
    assert [(row.relative_path, "iOS never restores it" in row.reason) for row in made.dropped] == [(key[1], True)]


# -- what makes it impossible ------------------------------------------------------------------------------------------


def seal_with_unreadable(new: SmallBackup, seals: Path, lost: str) -> Path:
    with SealDraft.open(seals, NEW_UDID, None, fresh=True) as draft:
        draft.mark_unreadable(lost, "Input/output error (5)")
        draft.finish(BackupFolder(new.path))
    return seals


def test_a_file_that_the_new_phone_could_not_read_stops_it(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    """In every domain: the restore deletes from the phone what the set does not bring."""
    lost = ("WirelessDomain", "Library/Preferences/own.plist")
    seals = seal_with_unreadable(new27, tmp_path / "seals", file_id(*lost))
    with pytest.raises(RestoreWouldDelete, match=r"own\.plist \(WirelessDomain\) would be deleted") as refusal:
        rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=seals)
    assert "Input/output error (5)" in refusal.value.reason
    assert not (tmp_path / "set").exists()
    rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=seals, replaced=ids(new27, lost))


def test_a_file_that_could_not_be_read_and_has_no_row_stops_it_too(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    lost = file_id("HomeDomain", "Library/Notes/not in the manifest")
    seals = seal_with_unreadable(new27, tmp_path / "seals", lost)
    with pytest.raises(RestoreWouldDelete) as refusal:
        rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=seals)
    assert lost in str(refusal.value) and "place on the phone is not known" in str(refusal.value)
    rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=seals, replaced={lost})


def test_a_seal_of_another_backup_says_nothing_of_this_one(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    seals = seal_with_unreadable(new27, tmp_path / "seals", file_id(*STAYS))
    new27.status_uuid = "0D0C9C5C-4F6F-4C0E-8E0B-2F3A9C1D7E11"  # backed up once more since
    new27.write()
    for folder in (seals, tmp_path / "no seals"):
        with pytest.raises(CannotCompose, match="could not read"):
            rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=folder)


def test_a_file_that_could_not_be_read_is_no_loss_where_a_chosen_one_takes_its_place(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    seals = seal_with_unreadable(new27, tmp_path / "seals", file_id(*MESSAGES))
    made = rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=seals)
    assert contents(made)[MESSAGES] == encrypted_old.contents[MESSAGES]


@pytest.mark.parametrize("has_row", [True, False])
def test_the_file_that_no_phone_can_read_stops_nothing(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path, has_row: bool
) -> None:
    harmless = ("HomeDomain", "Library/Application Support/FileProvider/backup/backup_manifest.db")
    if has_row:
        new27.add_file(*harmless, b"SQLite for")
        new27.write()
    seals = seal_with_unreadable(new27, tmp_path / "seals", file_id(*harmless))
    made = rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, base_seals=seals)
    assert harmless not in contents(made) and contents(made)[STAYS] == new27.contents[STAYS]


@pytest.mark.parametrize("key", [STAYS, ("AppDomain-com.example.own", "Documents/own.txt"), KEYCHAIN])
def test_a_file_of_the_new_phone_without_its_contents_stops_it(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path, key: Key
) -> None:
    new27.blob(*key).unlink()
    with pytest.raises(RestoreWouldDelete, match="would be deleted"):
        rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("domain", ["WirelessDomain", "HomeDomain"])
def test_a_damaged_row_of_the_new_phone_stops_it(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path, domain: str
) -> None:
    lost = new27.add_file(domain, "Library/damaged", b"x", inode=-1, mode=1 << 70)
    with pytest.raises(OverflowError):
        new27.write()
    new27.records[domain, "Library/damaged"] = replace(lost, mode=0o100644, inode=7, digest=b"too short")
    new27.write()
    with pytest.raises(RestoreWouldDelete, match="its row is damaged"):
        rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES)


def test_a_row_of_the_new_phone_with_another_files_id_stops_it(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    new27.records[STAYS] = replace(new27.records[STAYS], file_id="ab" * 20)
    new27.write()
    with pytest.raises(RestoreWouldDelete, match="another file's id"):
        rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES)


def test_a_plain_backup_of_the_new_phone_is_refused(encrypted_old: SmallBackup, tmp_path: Path) -> None:
    plain = phone_in_use(tmp_path / "plain", ios_version="27.0", encrypted=False)
    with pytest.raises(CannotCompose, match="not encrypted"):
        rebuild(encrypted_old, plain, tmp_path / "set", MESSAGES)


def test_it_needs_the_new_phones_backup_and_password(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    request = SetRequest(
        source=encrypted_old.path,
        password=encrypted_old.password,
        into=tmp_path / "set",
        strategy="rebuild",
        wanted=ids(encrypted_old, MESSAGES),
    )
    with pytest.raises(ValueError, match="base"):
        compose(request)
    with pytest.raises(PasswordMissing):
        compose(replace(request, base=new27.path))
    with pytest.raises(WrongPassword):
        compose(replace(request, base=new27.path, base_password="guessed"))
    with pytest.raises(ValueError, match="encrypted as its base"):
        compose(replace(request, base=new27.path, base_password=NEW_PASSWORD, encryption="plain"))
    assert not (tmp_path / "set").exists()


def test_a_chosen_record_of_a_class_that_the_new_phone_lacks_is_left_out_and_named(tmp_path: Path) -> None:
    """Its key could not be wrapped. A plain file has no key to keep, so it gets the class that iOS gives by default."""
    new = phone_in_use(tmp_path / "backups", ios_version="27.0")
    _without_class(new, 2)
    draft = ("HomeDomain", "Library/SMS/Drafts/a")
    for encrypted in (True, False):
        old = SmallBackup(tmp_path / "backups" / f"old-{encrypted}", encrypted)
        old.add_file(*draft, b"a draft", protection_class=2)
        old.add_file(*MESSAGES, database(2, table="message")[""])
        old.write()
        made = rebuild(old, new, tmp_path / f"set-{encrypted}", draft, MESSAGES)
        found = rows(made)
        assert MESSAGES in found
        if encrypted:
            assert [(row.relative_path, row.reason) for row in made.dropped] == [
                (draft[1], "the new phone's backup has no key for its protection class, 2")
            ]
            assert draft not in found
        else:
            record = found[draft]
            assert record.encryption_key is not None and made.dropped == ()
            assert record.protection_class == DEFAULT_PROTECTION_CLASS == record.encryption_key[0]


def _without_class(backup: SmallBackup, missing: int) -> None:
    """The keybag in the backup's Manifest.plist, without the key of one class."""
    kept = [one for one in backup.keybag.classes if one.protection_class != missing]
    assert len(kept) + 1 == len(backup.keybag.classes)
    bag = replace(backup.keybag, classes=type(backup.keybag.classes)(kept))
    backup.write_plist("Manifest.plist", {**backup.manifest_plist(), "BackupKeyBag": bag.to_bytes()}, binary=True)


def test_both_backups_stay_unchanged(old: SmallBackup, new27: NewPhone, tmp_path: Path) -> None:
    before = tree(tmp_path / "backups")
    rebuild(old, new27, tmp_path / "set", *(key for key in old.contents), replaced=ids(new27, MESSAGES))
    assert tree(tmp_path / "backups") == before


def test_memory_does_not_grow_with_the_new_phones_backup(encrypted_old: SmallBackup, tmp_path: Path) -> None:
    """24 MB of rows: neither a list of them nor a manifest is ever held in memory."""
    new = phone_in_use(tmp_path / "backups", ios_version="27.0")
    for number in range(3_000):
        key = ("HomeDomain", f"Library/Links/{number}")
        new.add_symlink(*key, "elsewhere")
        new.records[key] = replace(new.records[key], extended_attributes=bytes(8_000))
    new.write_manifest()
    new.records.clear()
    tracemalloc.start()
    try:
        made = rebuild(encrypted_old, new, tmp_path / "set", MESSAGES)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.records > 3_000
    assert peak < 20 << 20, "two caches of pieces, a thousand rows of 8 KB"


def test_no_content_of_either_encrypted_backup_is_written_again(
    encrypted_old: SmallBackup, new27: NewPhone, tmp_path: Path
) -> None:
    made = rebuild(encrypted_old, new27, tmp_path / "set", MESSAGES, OLD_PHOTO, NOTES)
    blobs = [path for path in made.path.glob("??/*") if path.is_file()]
    assert len(blobs) == made.files and all(path.stat().st_nlink == 2 for path in blobs)


# -- other programs read the set ---------------------------------------------------------------------------------------


@pytest.mark.peer
def test_iphone_backup_decrypt_opens_it_file_by_file_with_the_new_password(
    old: SmallBackup, new: NewPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decrypting = pytest.importorskip("iphone_backup_decrypt")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = rebuild_categories(old, new, tmp_path / "set", "messages", "photos", apps=("com.example.notes",))
    reader = decrypting.EncryptedBackup(backup_directory=str(made.path), passphrase=NEW_PASSWORD)
    ours = contents(made)
    with reader.manifest_db_cursor() as cursor:
        listed = cursor.execute("SELECT domain, relativePath FROM Files WHERE flags = 1").fetchall()
    assert set(listed) == set(ours)
    for (domain, path), content in ours.items():
        assert reader.extract_file_as_bytes(path, domain_like=domain) == content, (domain, path)


@pytest.mark.peer
def test_pyiosbackup_opens_it_file_by_file_with_the_new_password(
    old: SmallBackup, new: NewPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyiosbackup = pytest.importorskip("pyiosbackup")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = rebuild_categories(old, new, tmp_path / "set", "messages", "photos", apps=("com.example.notes",))
    reader = pyiosbackup.Backup.from_path(made.path, NEW_PASSWORD)
    theirs = {(entry.domain, entry.relative_path): entry.read_bytes() for entry in reader.iter_files()}
    assert theirs == contents(made)
