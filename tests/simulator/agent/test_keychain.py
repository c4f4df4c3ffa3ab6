"""The simulated iPhone's keychain: wrapped for every backup, and taken over after a restore as far as it opens."""

from __future__ import annotations

import os
import plistlib
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.reader import Backup
from migrate.simulator.agent.keychain import backup_file, der_set, gcm
from migrate.simulator.agent.keychain.backup_file import NotAKeychain, read_keychain, write_keychain
from migrate.simulator.device.keychain import EncodedValue, Keychain, KeychainItem
from migrate.simulator.device.phone import SimulatedPhone

PASSWORD = "correct-horse-1947"
FILE = ("KeychainDomain", "keychain-backup.plist")
CLASSES = (6, 7, 8, 9, 10, 11)
MakePhone = Callable[..., SimulatedPhone]


def item(name: str = "Mail", protection_class: int = 6, secret: bytes = b"hunter2", **attributes: Any) -> KeychainItem:
    names = {"svce": name, "acct": "ann", "agrp": "apple", "sync": 0, "v_Data": secret, **attributes}
    return KeychainItem("genp", names, protection_class, reference=name.encode())


def login(server: str) -> KeychainItem:
    names = {"srvr": server, "acct": "ann", "port": 443, "mdat": datetime(2026, 5, 1, 12, tzinfo=UTC)}
    return KeychainItem("inet", names, 7, reference=b"login")


MOVABLE = [item("Mail"), item("Wi-Fi", 7), item("Push", 8), login("example.com")]
BOUND = [item("Token", 9), item("Device key", 10), item("Find", 11)]


@pytest.fixture
def old(make_phone: MakePhone) -> SimulatedPhone:
    return with_items(make_phone(backup_password=PASSWORD), *MOVABLE, *BOUND)


def with_items(phone: SimulatedPhone, *items: KeychainItem) -> SimulatedPhone:
    for one in items:
        phone.keychain.add(one)
    return phone


def save(host: Any, phone: SimulatedPhone) -> None:
    assert host.backup(phone)["ErrorCode"] == 0


def restore(host: Any, source: SimulatedPhone, phone: SimulatedPhone, **options: Any) -> None:
    every: dict[str, Any] = {"RemoveItemsNotRestored": True} | options
    if source.backup_password is not None:
        every["Password"] = source.backup_password
    assert host.restore(phone, source.udid, **every)["ErrorCode"] == 0
    phone.reboot()


def file_in_backup(host: Any, phone: SimulatedPhone) -> bytes | None:
    with Backup.open(host.root / phone.udid, phone.backup_password) as backup:
        found = [record for record in backup.records() if (record.domain, record.relative_path) == FILE]
        return b"".join(backup.chunks(found[0])) if found else None


def items_of(phone: SimulatedPhone) -> list[KeychainItem]:
    return sorted(phone.keychain.items(), key=lambda one: str(one.key))


def expected(*items: KeychainItem) -> list[KeychainItem]:
    return sorted(items, key=lambda one: str(one.key))


# -- through backups and restores --------------------------------------------------------------------------------------


def test_another_phone_takes_over_the_movable_items_alone(
    host: Any, old: SimulatedPhone, make_phone: MakePhone
) -> None:
    new = with_items(make_phone(), item("Own"), item("Own token", 10))
    save(host, old)
    restore(host, old, new)

    assert items_of(new) == expected(*MOVABLE), "attributes, secrets, classes and references"
    assert new.files.get(*FILE) is None


def test_the_same_phone_gets_all_its_items_back_after_an_erase(host: Any, old: SimulatedPhone) -> None:
    save(host, old)
    old.erase()
    assert old.keychain.items() == []
    old.backup_password = PASSWORD
    restore(host, old, old)

    assert items_of(old) == expected(*MOVABLE, *BOUND)


def test_only_the_same_phone_opens_the_items_of_an_unencrypted_backup(host: Any, make_phone: MakePhone) -> None:
    old = with_items(make_phone(), *MOVABLE, *BOUND)
    new = with_items(make_phone(), item("Own"))
    save(host, old)
    restore(host, old, new)
    assert new.keychain.items() == []

    old.keychain.remove_all()
    restore(host, old, old)
    assert items_of(old) == expected(*MOVABLE, *BOUND)


def test_a_phone_that_lost_its_items_still_writes_a_keychain(host: Any, make_phone: MakePhone) -> None:
    old, new = with_items(make_phone(), item()), make_phone()
    save(host, old)
    restore(host, old, new)
    save(host, new)

    data = file_in_backup(host, new)
    assert data is not None
    assert plistlib.loads(data) == {"genp": [], "inet": [], "cert": [], "keys": []}


def test_a_restore_that_keeps_the_rest_adds_and_replaces_items(
    host: Any, old: SimulatedPhone, make_phone: MakePhone
) -> None:
    own = item("Own")
    new = with_items(make_phone(ios_version="26.1"), own, item("Mail", secret=b"older"))
    old.ios_version = "26.1"
    save(host, old)
    restore(host, old, new, RemoveItemsNotRestored=False)

    assert items_of(new) == expected(*MOVABLE, own)


def test_the_file_is_new_in_every_backup(host: Any, old: SimulatedPhone) -> None:
    save(host, old)
    first = file_in_backup(host, old)
    save(host, old)
    second = file_in_backup(host, old)

    assert first is not None and second is not None
    one, other = plistlib.loads(first), plistlib.loads(second)
    assert [entry["v_PersistentRef"] for entry in one["genp"]] == [entry["v_PersistentRef"] for entry in other["genp"]]
    assert not {entry["v_Data"] for entry in one["genp"]} & {entry["v_Data"] for entry in other["genp"]}


def test_a_changed_item_is_in_the_next_backup(host: Any, old: SimulatedPhone, make_phone: MakePhone) -> None:
    save(host, old)
    old.keychain.add(item("Mail", secret=b"changed"))  # the same second, and the file has the same size
    save(host, old)
    new = make_phone()
    restore(host, old, new)

    assert item("Mail", secret=b"changed") in new.keychain.items()


def test_the_header_of_an_item_is_that_of_a_real_backup(host: Any, old: SimulatedPhone) -> None:
    save(host, old)
    data = file_in_backup(host, old)
    assert data is not None
    headers = [entry["v_Data"][:12] for entry in plistlib.loads(data)["genp"]]

    assert headers == [bytes([3, 0, 0, 0, number, 0, 0, 0, 40, 0, 0, 0]) for number in CLASSES]


def test_no_secret_is_readable_in_a_backup(host: Any, make_phone: MakePhone) -> None:
    old = with_items(make_phone(), item(secret=b"a secret to look for"))
    save(host, old)
    for path in host.root.rglob("*"):
        assert not path.is_file() or b"a secret to look for" not in path.read_bytes()


def test_a_phone_without_a_keychain_adds_none(host: Any, make_phone: MakePhone) -> None:
    phone = make_phone()
    save(host, phone)
    assert file_in_backup(host, phone) is None


@pytest.mark.parametrize("content", [b"", b"no list", plistlib.dumps([]), plistlib.dumps({"other": []})])
def test_a_file_with_another_structure_stays_as_it_is(
    host: Any, old: SimulatedPhone, make_phone: MakePhone, content: bytes
) -> None:
    old.files.add_file(*FILE, content)
    save(host, old)
    assert file_in_backup(host, old) == content
    new = make_phone()
    restore(host, old, new)

    assert new.keychain.items() == []
    save(host, new)
    assert file_in_backup(host, new) == content


def test_a_phone_that_keeps_digests_keeps_the_file(host: Any, old: SimulatedPhone, make_phone: MakePhone) -> None:
    save(host, old)
    new = make_phone(keeps="digests")
    restore(host, old, new)

    assert new.files.get(*FILE) is not None
    assert new.keychain.items() == []


def test_an_interrupted_backup_is_resumed_with_a_new_file(
    host: Any, old: SimulatedPhone, make_phone: MakePhone
) -> None:
    old.faults.drop_save_after_bytes = 300_000
    with pytest.raises(ConnectionError):
        host.backup(old)
    old.keychain.add(item("Mail", secret=b"changed"))
    save(host, old)
    new = make_phone()
    restore(host, old, new)

    assert item("Mail", secret=b"changed") in new.keychain.items()


# -- a stranger's file -------------------------------------------------------------------------------------------------


@pytest.fixture
def keys() -> ClassKeys:
    return ClassKeys({number: os.urandom(32) for number in CLASSES})


def altered(keys: ClassKeys, change: Callable[[bytes], bytes]) -> bytes:
    """A file with two items, the first of them altered."""
    tables = plistlib.loads(write_keychain([item("Broken"), item("Whole")], keys))
    tables["genp"][0]["v_Data"] = change(tables["genp"][0]["v_Data"])
    return plistlib.dumps(tables)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"",
        lambda data: data[:11],
        lambda data: data[:52],
        lambda data: data[:-1],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:],
        lambda data: b"\4" + data[1:],
        lambda data: data[:4] + b"\5" + data[5:],
        lambda data: data[:8] + b"\xff" * 4 + data[12:],
        lambda data: data + bytes(backup_file.ITEM_LIMIT_BYTES),
    ],
)
def test_a_damaged_item_is_dropped_and_the_next_one_taken_over(
    keys: ClassKeys, change: Callable[[bytes], bytes]
) -> None:
    assert read_keychain(altered(keys, change), keys) == [item("Whole")]


@pytest.mark.parametrize("entry", [None, 7, [], {}, {"v_Data": 1}, {"v_Data": b"x" * 99, "v_PersistentRef": b""}])
def test_an_entry_with_another_structure_is_dropped(keys: ClassKeys, entry: object) -> None:
    tables = plistlib.loads(write_keychain([item()], keys))
    tables["genp"].insert(0, entry if entry is not None else "text")
    assert read_keychain(plistlib.dumps(tables), keys) == [item()]


def test_a_long_reference_is_not_taken_over(keys: ClassKeys) -> None:
    tables = plistlib.loads(write_keychain([item()], keys))
    tables["genp"][0]["v_PersistentRef"] = bytes(100)
    assert read_keychain(plistlib.dumps(tables), keys) == []


def test_a_file_beyond_the_limits_is_refused(keys: ClassKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_keychain([item("One"), item("Two")], keys)
    assert len(read_keychain(data, keys)) == 2
    monkeypatch.setattr(backup_file, "ITEMS_LIMIT", 1)
    with pytest.raises(NotAKeychain):
        read_keychain(data, keys)
    monkeypatch.undo()
    monkeypatch.setattr(backup_file, "FILE_LIMIT_BYTES", len(data) - 1)
    with pytest.raises(NotAKeychain):
        read_keychain(data, keys)


def test_a_deeply_nested_list_is_refused(keys: ClassKeys) -> None:
    nested = b"<plist><dict><key>genp</key>" + b"<array>" * 3000 + b"</array>" * 3000 + b"</dict></plist>"
    with pytest.raises(NotAKeychain):
        read_keychain(nested, keys)


def test_a_keychain_holds_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.simulator.device.keychain.ITEMS_LIMIT", 2)
    keychain = Keychain()
    keychain.take_over([item("One"), item("Two"), item("Three"), item("Two", secret=b"newer")])
    assert keychain.items() == [item("One"), item("Two", secret=b"newer")]


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"\x31",
        b"\x31\x80",
        b"\x31\x85\0\0\0\0\0",
        b"\x31\x84\xff\xff\xff\xff",
        b"\x31\x02\x30\x05",
        b"\x30\x00",
        b"\x31\x00\x31\x00",
        b"\x31\x06\x30\x04\x0c\x02\xff\xff",
        b"\x31\x05\x30\x03\x04\x01n",
        b"\x31\x0a\x30\x08\x0c\x01n\x04\x00\x04\x01x",
        der_set.encode({f"n{number}": 1 for number in range(der_set.ATTRIBUTES_LIMIT + 1)}),
        der_set.encode({"n" * (der_set.NAME_LIMIT_BYTES + 1): 1}),
    ],
)
def test_attributes_with_another_structure_are_refused(plain: bytes) -> None:
    with pytest.raises(der_set.NotAnAttributeSet):
        der_set.decode(plain)


def test_attributes_of_every_type_survive() -> None:
    attributes: dict[str, Any] = {
        "text": "Grüße 🌍" * 40,
        "empty": "",
        "zero": 0,
        "negative": -129,
        "large": (1 << 63) - 1,
        "data": bytes(70_000),
        "date": datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC),
        "nested": EncodedValue(b"\x30\x04\x30\x02\x30\x00"),
        "fraction": EncodedValue(b"\x18\x1120260228235959.5Z"),
    }
    assert der_set.decode(der_set.encode(attributes)) == attributes
    assert der_set.encode(attributes) == der_set.encode(dict(reversed(attributes.items())))


# -- the cipher --------------------------------------------------------------------------------------------------------


def test_ghash_is_that_of_another_implementation() -> None:
    """AES-GCM with a nonce of twelve bytes differs only in the counter, so `cryptography` checks the same GHASH."""
    chance = random.Random(3)
    for size in (0, 1, 15, 16, 17, 400):
        key, nonce, plain = chance.randbytes(32), chance.randbytes(12), chance.randbytes(size)
        sealed = AESGCM(key).encrypt(nonce, plain, None)
        hash_key = block(key, bytes(16))
        padded = sealed[:size] + bytes(-size % 16) + (8 * size).to_bytes(16, "big")
        mask = block(key, nonce + b"\0\0\0\1")
        tag = gcm.ghash(int.from_bytes(hash_key, "big"), padded) ^ int.from_bytes(mask, "big")
        assert tag.to_bytes(16, "big") == sealed[size:]


def block(key: bytes, plain: bytes) -> bytes:
    """One block of AES, as the first block of a counter stream."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    return Cipher(AES(key), CTR(plain)).encryptor().update(bytes(16))


def test_a_sealed_text_opens_with_its_key_alone() -> None:
    key = os.urandom(32)
    assert gcm.open_sealed(key, gcm.seal(key, b"text")) == b"text"
    for broken in (b"", bytes(15), gcm.seal(os.urandom(32), b"text")):
        with pytest.raises(gcm.InvalidTag):
            gcm.open_sealed(key, broken)
