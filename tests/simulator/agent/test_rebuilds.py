"""A rebuild restored with Finder's options to the phone whose backup it is built on, and sets with one detail wrong.

Of each wrong set the simulated iPhone has to show what a real one does: otherwise a rehearsal would pass it.
"""

from __future__ import annotations

import hashlib
import plistlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.reader import Backup
from migrate.backup.record import Record
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from migrate.simulator.device.app import App
from migrate.simulator.device.keychain import GENERIC_PASSWORDS, WHEN_UNLOCKED, WHEN_UNLOCKED_THIS_DEVICE, KeychainItem
from migrate.simulator.device.phone import SimulatedPhone
from tests.simulator.agent.test_agent_restore import rewrite

OLD_PASSWORD, NEW_PASSWORD = "the old one", "the new one"
MESSAGES = "HomeDomain/Library/SMS/sms.db"
PHOTO = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"
NOTE = "AppDomain-com.example.notes/Documents/a.txt"
CHOSEN = (MESSAGES, PHOTO, NOTE, "MediaDomain/Library/SMS/Attachments/Grüße 🌍.txt")
OWN_SETTING = "HomeDomain/Library/Preferences/own.plist"
KEYCHAIN = ("KeychainDomain", "keychain-backup.plist")
PAIRINGS = "HomeDomain/Library/Preferences/com.apple.MobileBluetooth.devices.plist"
FINDER = {"RemoveItemsNotRestored": True, "RestorePreserveSettings": False}

MakePhone = Callable[..., SimulatedPhone]
MakeHost = Callable[[Path], Any]


def notes() -> App:
    return App("com.example.notes", "Notes", version="7", group_ids=("group.com.example.notes",))


def password(account: str, protection_class: int = WHEN_UNLOCKED) -> KeychainItem:
    attributes = {"acct": account, "svce": "example.com", "agrp": "com.example", "v_Data": f"of {account}".encode()}
    return KeychainItem(GENERIC_PASSWORDS, attributes, protection_class, account.encode().ljust(20, b"\0"))


def phone_in_use(make_phone: MakePhone, ios_version: str) -> SimulatedPhone:
    phone = make_phone(ios_version=ios_version, backup_password=NEW_PASSWORD)
    phone.apps["com.example.notes"] = notes()
    phone.apps["com.example.own"] = App("com.example.own", "Own")
    for path, content in {
        MESSAGES: b"three messages",
        f"{MESSAGES}-wal": b"and two that are still in the log",
        OWN_SETTING: b"a setting of its own",
        PAIRINGS: b"its own headphones",
        PHOTO: b"another photo of this name",
        "KeyboardDomain/Library/Keyboard/dynamic.lm": b"what it has learned",
        "HealthDomain/Health/healthdb.sqlite": b"its steps",
        NOTE: b"its own note",
        "AppDomain-com.example.notes/Documents/b.txt": b"another note of its own",
        "AppDomain-com.example.own/Documents/own.txt": b"an app that only it has",
    }.items():
        phone.files.add_file(*path.split("/", 1), content)
    phone.keychain.take_over([password("ada"), password("ada's bank", WHEN_UNLOCKED_THIS_DEVICE)])
    return phone


class Rebuild:
    """Both phones, their backups, and the set that a host would restore."""

    def __init__(self, host: Any, make_host: MakeHost, old: SimulatedPhone, new: SimulatedPhone, into: Path) -> None:
        self._host, self._make_host, self._into = host, make_host, into
        self.old, self.new = old, new
        old.apps["com.example.notes"] = notes()
        old.keychain.take_over([password("bob")])
        old.files.add_file(*PAIRINGS.split("/", 1), b"the old phone's headphones")
        for phone in (old, new):
            assert host.backup(phone)["ErrorCode"] == 0
        self.before = new.files.digests()

    def saved_at(self, phone: SimulatedPhone) -> Path:
        folder: Path = self._host.root / phone.udid
        return folder

    def compose(self, *chosen: str) -> RestoreSet:
        with Backup.open(self.saved_at(self.old), self.old.backup_password) as saved:
            wanted = {one.file_id for one in saved.records() if f"{one.domain}/{one.relative_path}" in chosen}
        assert len(wanted) == len(chosen)
        return compose(
            SetRequest(
                source=self.saved_at(self.old),
                password=self.old.backup_password,
                into=self._into,
                strategy="rebuild",
                wanted=wanted,
                apps=frozenset({"com.example.notes"}),
                base=self.saved_at(self.new),
                base_password=NEW_PASSWORD,
            )
        )

    def restore(self, *, without: str = "") -> dict[str, Any]:
        """Sends the set as a host does, with its list of apps, and restarts the phone."""
        apps = {*self.new.apps, "com.example.notes"} - {without}
        listed = {app: {"ApplicationSINF": b"x", "iTunesMetadata": b"y"} for app in apps}
        self.new.afc_files[RESTORE_APPLICATIONS] = plistlib.dumps(listed)
        answer: dict[str, Any] = self._make_host(self._into).restore(
            self.new, self.new.udid, Password=NEW_PASSWORD, **FINDER
        )
        if answer["ErrorCode"] == 0:
            self.new.reboot()
        return answer

    def spoil(self, edit: Callable[[Record], Record | None]) -> None:
        """Changes or removes rows of the set."""

        def edited(records: Iterable[Record]) -> list[Record]:
            return [after for record in records if (after := edit(record)) is not None]

        rewrite(self._into / self.new.udid, edited, NEW_PASSWORD)


MakeRebuild = Callable[..., Rebuild]


@pytest.fixture
def make_rebuild(host: Any, make_host: MakeHost, make_phone: MakePhone, tmp_path: Path) -> MakeRebuild:
    def make(ios_version: str = "27.0", *, encrypted: bool = True) -> Rebuild:
        old = make_phone(backup_password=OLD_PASSWORD if encrypted else None)
        return Rebuild(host, make_host, old, phone_in_use(make_phone, ios_version), tmp_path / "set")

    return make


def is_apps_cache(path: str) -> bool:
    return path.startswith("AppDomain") and "/Library/Caches" in path


def where(record: Record) -> str:
    return f"{record.domain}/{record.relative_path}"


@pytest.mark.parametrize(
    ("ios_version", "encrypted"),
    [
        ("18.5", True),
        ("27.0", False),
        *(
            pytest.param(*case, marks=pytest.mark.soak)
            for case in (("18.5", False), ("26.1", True), ("26.1", False), ("27.0", True))
        ),
    ],
)
def test_what_was_chosen_arrives_and_everything_else_is_as_before(
    make_rebuild: MakeRebuild, ios_version: str, encrypted: bool
) -> None:
    move = make_rebuild(ios_version, encrypted=encrypted)
    passwords = {item.reference for item in move.new.keychain.items()}
    assert move.compose(*CHOSEN).dropped == ()
    assert move.restore()["ErrorCode"] == 0
    after, theirs = move.new.files.digests(), move.old.files.digests()
    assert {path: after[path] for path in CHOSEN} == {path: theirs[path] for path in CHOSEN}
    left = {path: digest for path, digest in move.before.items() if path not in (*CHOSEN, f"{MESSAGES}-wal")}
    assert {path: digest for path, digest in after.items() if path not in CHOSEN and digest != "dir"} == {
        path: digest for path, digest in left.items() if digest != "dir" and not is_apps_cache(path)
    }
    assert {item.reference for item in move.new.keychain.items()} == passwords
    assert move.new.apps.keys() == {"com.example.notes", "com.example.own"}
    assert all(app.has_sinf for app in move.new.apps.values())
    assert move.new.backup_password == NEW_PASSWORD


# -- one detail wrong --------------------------------------------------------------------------------------------------


def test_an_inode_number_of_both_phones_makes_one_file_a_copy_of_the_other(make_rebuild: MakeRebuild) -> None:
    move = make_rebuild()
    move.compose(PHOTO)
    with Backup.open(move.saved_at(move.new), NEW_PASSWORD) as own:
        taken = own.record(*OWN_SETTING.split("/", 1))
    assert taken is not None
    move.spoil(lambda record: replace(record, inode=taken.inode) if where(record) == PHOTO else record)
    assert move.restore()["ErrorCode"] == 0
    after = move.new.files.digests()
    assert after[PHOTO] == after[OWN_SETTING], "the later of the two is a link to the earlier"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"digest": hashlib.sha1(b"of the plain bytes").digest()}, "Digest didn't match for some files"),
        ({"protection_class": 1}, "Encryption key is of another protection class"),
        ({"encryption_key": None}, "No encryption key for file"),
        ({"encryption_key": (3).to_bytes(4, "little") + bytes(40)}, "Invalid encryption key"),
    ],
    ids=["digest", "class", "no-key", "key-of-the-old-keybag"],
)
def test_a_wrong_digest_class_or_key_refuses_the_set(
    make_rebuild: MakeRebuild, change: dict[str, Any], text: str
) -> None:
    move = make_rebuild()
    move.compose(MESSAGES)
    move.spoil(lambda record: replace(record, **change) if where(record) == MESSAGES else record)
    answer = move.restore()
    assert answer["ErrorCode"] == 205 and text in answer["ErrorDescription"]
    assert move.new.files.digests() == move.before


def test_a_record_without_its_directories_does_not_arrive_and_the_phones_own_is_deleted(
    make_rebuild: MakeRebuild,
) -> None:
    move = make_rebuild()
    move.compose(MESSAGES)
    move.spoil(lambda record: None if where(record) == "HomeDomain/Library/SMS" else record)
    assert move.restore()["ErrorCode"] == 0
    assert MESSAGES not in move.new.files.digests()


@pytest.mark.parametrize(
    "path", [OWN_SETTING, "HealthDomain/Health/healthdb.sqlite", "AppDomain-com.example.own/Documents/own.txt"]
)
def test_what_the_set_lacks_is_deleted_in_every_domain(make_rebuild: MakeRebuild, path: str) -> None:
    move = make_rebuild("26.1")
    move.compose(MESSAGES)
    move.spoil(lambda record: None if where(record) == path else record)
    assert move.restore()["ErrorCode"] == 0
    assert path in move.before and path not in move.new.files.digests()


def test_a_keychain_of_another_phone_opens_with_none_of_this_phones_keys(make_rebuild: MakeRebuild) -> None:
    """Its items are lost, and so are those of the phone, which the restore replaces."""
    move = make_rebuild()
    made = move.compose(MESSAGES)
    with Backup.open(move.saved_at(move.old), OLD_PASSWORD) as saved:
        theirs = saved.record(*KEYCHAIN)
        assert theirs is not None
        content = saved.read(theirs, 1 << 20)
    with Backup.open(made.path, NEW_PASSWORD) as opened:
        own, keys = opened.record(*KEYCHAIN), opened.manifest.class_keys
        assert own is not None and own.encryption_key is not None and keys is not None
        stored = b"".join(encrypted_chunks([content], keys.unwrap(own.encryption_key)))
    blob = made.path / own.file_id[:2] / own.file_id
    blob.unlink()  # it is a link to the blob of the phone's own backup
    blob.write_bytes(stored)
    foreign = replace(own, size=len(content), digest=own.digest and hashlib.sha1(stored).digest())
    move.spoil(lambda record: foreign if record.file_id == own.file_id else record)
    assert move.restore()["ErrorCode"] == 0
    assert move.new.keychain.items() == []


def test_a_set_without_the_keychain_empties_it(make_rebuild: MakeRebuild) -> None:
    move = make_rebuild()
    move.compose(MESSAGES)
    move.spoil(lambda record: None if record.domain == "KeychainDomain" and record.relative_path else record)
    assert move.restore()["ErrorCode"] == 0
    assert move.new.keychain.items() == []


def test_the_phone_takes_what_is_bound_to_another_phone_for_its_own(make_rebuild: MakeRebuild) -> None:
    """The set says that it is this phone's backup. So the host has to leave such files out, and does."""
    move = make_rebuild()
    made = move.compose(PAIRINGS, MESSAGES)
    assert [one.relative_path for one in made.dropped] == [PAIRINGS.partition("/")[2]]
    assert move.restore()["ErrorCode"] == 0
    assert move.new.files.digests()[PAIRINGS] == move.before[PAIRINGS]


# -- apps --------------------------------------------------------------------------------------------------------------


def test_all_apps_are_installed_again_and_one_that_the_store_lacks_is_not(make_rebuild: MakeRebuild) -> None:
    move = make_rebuild()
    move.new.assume.delisted_apps = ("com.example.own",)
    move.compose(NOTE)
    assert move.restore()["ErrorCode"] == 0
    assert move.new.apps.keys() == {"com.example.notes"}
    assert move.new.apps["com.example.notes"].version == "7"


def test_an_app_that_the_host_does_not_list_stays_a_placeholder(make_rebuild: MakeRebuild) -> None:
    move = make_rebuild()
    move.compose(NOTE)
    assert move.restore(without="com.example.own")["ErrorCode"] == 0
    assert {name: app.has_sinf for name, app in move.new.apps.items()} == {
        "com.example.notes": True,
        "com.example.own": False,
    }


def test_what_apps_exclude_from_backups_is_gone_with_the_apps(make_rebuild: MakeRebuild) -> None:
    move = make_rebuild()
    cache = ("AppDomain-com.example.own", "Library/Caches/maps.bin")
    move.new.files.add_file(*cache, b"downloaded maps")
    move.compose(NOTE)
    assert move.restore()["ErrorCode"] == 0
    assert move.new.files.get(*cache) is None
    assert move.new.files.get("HomeDomain", "Library/Caches/x") is not None, "the system's own stay"


def test_an_apps_data_without_the_app_in_the_list_is_an_unknown_domain(make_rebuild: MakeRebuild) -> None:
    move = make_rebuild()
    made = move.compose(NOTE)
    manifest = plistlib.loads((made.path / "Manifest.plist").read_bytes())
    del manifest["Applications"]["com.example.notes"]
    (made.path / "Manifest.plist").write_bytes(plistlib.dumps(manifest, fmt=plistlib.FMT_BINARY))
    answer = move.restore()
    assert answer["ErrorCode"] == 205 and "Unknown domain name" in answer["ErrorDescription"]
