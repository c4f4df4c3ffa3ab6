"""The keychain's items by their names. The secrets are never in an item."""

from __future__ import annotations

import asyncio
import plistlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.reader import Backup
from migrate.content.item import compare
from migrate.content.kinds import source_places
from migrate.content.readers.keychain import SECRET as SECRET_NAME
from migrate.content.readers.keychain import KeychainItem, Secrets, keychain
from migrate.content.source import Source
from migrate.phone.mobilebackup2.restore import RestoreOptions
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.backup.small_backup import PASSWORD, SmallBackup
from tests.content.reading import Read, Reading, assert_same, read_items
from tests.made_keychain import SECRET, THIS_DEVICE_ONLY, der, der_set, entry

FILE = ("KeychainDomain", "keychain-backup.plist")
ReadKeychain = Callable[..., Reading]


@pytest.fixture
def read_keychain(tmp_path: Path) -> ReadKeychain:
    """`read_keychain(lambda keys: {"genp": […]})`: the items of an encrypted backup with this property list."""
    number = iter(range(9))

    def read_made(make: Callable[[ClassKeys], Any], *, encrypted: bool = True) -> Reading:
        made = SmallBackup(tmp_path / f"backup-{next(number)}", encrypted)
        made.add_file(*FILE, plistlib.dumps(make(made.class_keys)), protection_class=4)
        made.write()
        with Backup.open(made.path, PASSWORD if encrypted else None) as backup:
            return read_items(backup, "keychain", tmp_path / "reading")

    return read_made


def two_logins(keys: ClassKeys) -> dict[str, Any]:
    login = der_set(srvr="example.com", acct="ann@example.com", agrp="com.apple.cfnetwork", sync=1, port=443)
    password = der_set(svce=b"AirPort", acct="Home", agrp="apple", labl="x" * 300)
    return {"genp": [entry(keys, password)], "inet": [entry(keys, login)], "cert": [], "keys": []}


def test_an_item_is_known_by_its_names(read_keychain: ReadKeychain) -> None:
    found = read_keychain(two_logins)

    password, login = found.items
    assert (password.item_class, password.service, password.user, password.group) == (
        "genp",
        "AirPort",
        "Home",
        "apple",
    )
    assert (login.item_class, login.service, login.user) == ("inet", "example.com", "ann@example.com")
    assert (login.account, password.account) == ("iCloud", None)
    assert [item.device_only for item in found.items] == [False, False]
    assert login.describe() == "the login for example.com"
    assert password.describe() == "the password of the Wi-Fi network “Home”"
    assert found.findings == []


def test_an_item_is_the_same_on_another_phone(read_keychain: ReadKeychain) -> None:
    one, other = read_keychain(two_logins), read_keychain(two_logins)  # other keys and references

    assert_same(one.items, other.items)
    assert all(compare(a, b).is_equal for a, b in zip(one.items, other.items, strict=True))


@pytest.mark.parametrize("name", ["svce", "acct", "agrp"])
def test_an_item_with_another_name_is_another(read_keychain: ReadKeychain, name: str) -> None:
    names = {"svce": "Mail", "acct": "ann", "agrp": "apple"}
    one = read_keychain(lambda keys: {"genp": [entry(keys, der_set(**names))]})
    other = read_keychain(lambda keys: {"genp": [entry(keys, der_set(**{**names, name: "other"}))]})

    assert one.items[0].id != other.items[0].id


def test_the_secret_is_not_in_an_item(read_keychain: ReadKeychain) -> None:
    for item in read_keychain(two_logins).items:
        assert SECRET.decode() not in repr(item)


def test_an_item_that_stays_on_its_phone_says_so(read_keychain: ReadKeychain) -> None:
    def make(keys: ClassKeys) -> dict[str, Any]:
        closed = entry(keys, der_set(svce="Bank"), THIS_DEVICE_ONLY)
        closed["v_Data"] = closed["v_Data"][:-1] + bytes([closed["v_Data"][-1] ^ 1])
        return {"genp": [entry(keys, der_set(svce="Bank"), THIS_DEVICE_ONLY), closed]}

    found = read_keychain(make)

    assert [item.device_only for item in found.items] == [True, True]
    assert sorted(item.opened for item in found.items) == [False, True]
    assert found.findings == []  # they are not expected on another phone


def test_an_emptied_keychain_has_no_items_and_nothing_is_unknown(read_keychain: ReadKeychain) -> None:
    found = read_keychain(lambda keys: {"genp": [], "inet": [], "cert": [], "keys": []})

    assert found.items == []
    assert found.findings == []


def test_an_unencrypted_backup_has_items_without_names(read_keychain: ReadKeychain) -> None:
    found = read_keychain(two_logins, encrypted=False)

    assert [item.item_class for item in sorted(found.items, key=lambda item: item.item_class)] == ["genp", "inet"]
    assert not any(item.opened for item in found.items)
    assert FILE in found.source.failed
    assert len(found.findings) == 1


def damaged(data: bytes) -> list[bytes]:
    flipped = bytearray(data)
    flipped[60] ^= 1
    return [
        b"",
        data[:11],
        data[:52],
        data[:-1],
        bytes(flipped),
        b"\x09" + data[1:],
        data[:8] + b"\xff" * 4 + data[12:],
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_damaged_item_is_unknown_and_the_others_are_read(read_keychain: ReadKeychain, number: int) -> None:
    def make(keys: ClassKeys) -> dict[str, Any]:
        broken = entry(keys, der_set(svce="Broken"))
        return {"genp": [{"v_Data": damaged(broken["v_Data"])[number]}, entry(keys, der_set(svce="Whole"))]}

    found = read_keychain(make)

    assert sorted(item.service or "" for item in found.items) == ["", "Whole"]
    assert FILE in found.source.failed


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x31",
        b"\x31\x85\xff\xff\xff\xff\xff",
        b"\x31\x84\xff\xff\xff\xff",
        b"\x31\x02\x30\x05",
        der(0x31, der(0x30, der(0x0C, b"svce"))),
        der(0x31, der(0x30, der(0x0C, b"n") + der(0x04, b"")) * 5000),
        der(0x30, b""),
    ],
)
def test_contents_with_another_structure_are_unknown(read_keychain: ReadKeychain, plain: bytes) -> None:
    found = read_keychain(lambda keys: {"genp": [entry(keys, plain)]})

    assert [item.opened for item in found.items] == [False]
    assert len(found.findings) == 1


@pytest.mark.parametrize("value", [[], {}, {"genp": "text"}, {"other": []}])
def test_a_list_with_another_structure_is_unknown(read_keychain: ReadKeychain, value: object) -> None:
    found = read_keychain(lambda keys: value)

    assert found.items == []
    assert FILE in found.source.failed


def test_names_beside_the_secret_are_read_without_a_key(read: Read) -> None:
    plain = {"svce": "AirPort", "acct": "Home", "agrp": "apple", "v_Data": b"closed", "v_PersistentRef": b"ref"}
    found = read("keychain", {FILE: plistlib.dumps({"genp": [plain]})})

    assert [(item.service, item.user, item.opened) for item in found.items] == [("AirPort", "Home", True)]
    assert found.findings == []


# -- backups of simulated iPhones, which wrap items with code that shares nothing with the reader ----------------------

OLD, NEW = "00008110-000A1B2C3D4E5F60", "00008110-000A1B2C3D4E5F61"
REPLACE = RestoreOptions(
    system_files=True,
    should_reboot=False,
    dont_copy_backup=True,
    preserve_settings=False,
    remove_items_not_restored=True,
)


def phone_with_a_keychain(udid: str, seed: int, password: str | None) -> SimulatedPhone:
    """A phone with one file and with the items that `migrate demo` gives its old phone."""
    filled = SimulatedPhone(udid=udid, ios_version="18.5")
    fill(filled, ContentsSpec(photos=0, videos=0), seed)
    phone = SimulatedPhone(
        udid=udid, ios_version="18.5", backup_password=password, keybag_rounds=1000, boot_delay_s=0.0
    )
    phone.files.add_file("HomeDomain", "Library/Notes/note", b"a note")
    phone.keychain.take_over(filled.keychain.items())
    return phone


class Computer:
    """Backs up and restores phones with our client, over sockets."""

    def __init__(self, folder: Path, server: SimulatedUsbmuxd) -> None:
        self.folder = folder
        self.usbmux = UsbmuxConfig(server.address, folder / "pairing", folder / "tmp")

    async def _back_up(self, phone: SimulatedPhone) -> None:
        async with await Phone.meet(self.usbmux, phone.udid, wait_s=60) as met:
            await met.back_up(self.folder / "backups" / phone.udid, seals=self.folder / "seals")

    async def _restore(self, source: SimulatedPhone, phone: SimulatedPhone) -> None:
        async with await Phone.meet(self.usbmux, phone.udid, wait_s=60) as met:
            backup = self.folder / "backups" / source.udid
            await met.restore(backup, options=REPLACE, password=source.backup_password, restore_applications=False)

    def read(self, phone: SimulatedPhone) -> Reading:
        """The items in a new backup of the phone."""
        asyncio.run(self._back_up(phone))
        with Backup.open(self.folder / "backups" / phone.udid, phone.backup_password) as backup:
            return read_items(backup, "keychain", self.folder / "reading")

    def secrets(self, phone: SimulatedPhone) -> list[bytes]:
        """What the items of its backup keep secret, where it can be opened."""
        with Backup.open(self.folder / "backups" / phone.udid, phone.backup_password) as backup:
            source = Source(backup, self.folder / "reading", source_places())
            opened = Secrets(source)
            found = [opened.take(item) for item in keychain(source) if isinstance(item, KeychainItem)]
        return sorted(secret[SECRET_NAME] for secret in found if SECRET_NAME in secret)

    def restore(self, source: SimulatedPhone, phone: SimulatedPhone) -> None:
        asyncio.run(self._restore(source, phone))
        phone.reboot()
        phone.finish_setup()


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., Computer]]:
    """`connect(phone, …)`: a computer with these phones on the cable."""
    with ExitStack() as opened:

        def start(*phones: SimulatedPhone) -> Computer:
            server = SimulatedUsbmuxd(phones)
            server.start()
            opened.callback(server.stop)
            return Computer(tmp_path, server)

        yield start


def names_of(items: list[Any]) -> list[tuple[Any, ...]]:
    return sorted((one.item_class, one.service or "", one.user or "", one.group) for one in items)


def names_on(phone: SimulatedPhone) -> list[tuple[Any, ...]]:
    """As above, of the movable items on a phone's own list."""
    movable = [one for one in phone.keychain.items() if not one.stays_on_device]
    names = [one.attributes for one in movable]
    return sorted(
        (one.table, name.get("svce") or name.get("srvr") or "", name.get("acct") or "", name["agrp"])
        for one, name in zip(movable, names, strict=True)
    )


def test_every_movable_item_of_a_simulated_iphone_is_known_and_arrives(connect: Callable[..., Computer]) -> None:
    old, new = phone_with_a_keychain(OLD, 7, PASSWORD), phone_with_a_keychain(NEW, 8, PASSWORD)
    computer = connect(old, new)
    before = computer.read(old)

    assert len(before.items) == len(old.keychain.items()) == 72
    assert before.findings == []
    movable = [item for item in before.items if not item.device_only]
    assert all(item.opened for item in movable)
    assert names_of(movable) == names_on(old)
    assert 10 < len(before.items) - len(movable) < 30
    assert not any(item.opened for item in before.items if item.device_only)

    assert computer.secrets(old) == sorted(
        bytes(one.attributes["v_Data"]) for one in old.keychain.items() if not one.stays_on_device
    )

    computer.restore(old, new)
    after = computer.read(new)
    assert_same(movable, after.items)
    assert after.findings == []


def test_the_same_phone_gets_the_items_back_that_stay_on_it(connect: Callable[..., Computer]) -> None:
    phone = phone_with_a_keychain(OLD, 7, PASSWORD)
    computer = connect(phone)
    before = computer.read(phone)
    phone.keychain.remove_all()
    computer.restore(phone, phone)
    after = computer.read(phone)

    assert_same(before.items, after.items)
    assert sum(item.device_only for item in after.items) > 10


def test_an_unencrypted_backup_of_a_simulated_iphone_has_items_without_names(
    connect: Callable[..., Computer],
) -> None:
    phone = phone_with_a_keychain(OLD, 7, None)
    found = connect(phone).read(phone)

    assert len(found.items) == 72
    assert not any(item.opened for item in found.items)
    assert FILE in found.source.failed
    assert len(found.findings) == 1
