"""Keybags: two real ones, ours as others read them, and forged ones."""

from __future__ import annotations

import hashlib
import json
import plistlib
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.crypto.keybag import CLASSES, SLOW_ROUNDS, Keybag
from migrate.problems import KeybagUnreadable, KeyUnusable, WrongPassword
from migrate.progress import key_derivation_notice

PASSWORD = "correct-horse-1947"


@pytest.mark.parametrize("name", ["Manifest-9-123456.plist", "Manifest-10-test123.plist"])
def test_a_real_keybag_is_read_by_its_tags_not_its_version(shared_data: Path, name: str) -> None:
    """iOS 9.3.5 has one stage, iOS 10.2 two with the real ten million rounds; both say VERS 3."""
    expected = json.loads((shared_data / "keybags" / "expected.json").read_text())[name]
    plist = plistlib.loads((shared_data / "keybags" / name).read_bytes())
    bag = Keybag.from_bytes(plist["BackupKeyBag"])
    assert bag.to_bytes() == plist["BackupKeyBag"]
    assert bag.rounds == (expected["DPIC"] or 0)
    keys = bag.unlock(expected["password"])
    assert not keys.damaged
    found = {str(number): hashlib.sha256(keys.key_of_class(number)).hexdigest() for number in keys.classes}
    assert found == expected["sha256_of_unwrapped_class_keys"]
    if expected["ManifestKey_class"] is not None:
        key = keys.unwrap(plist["ManifestKey"])
        assert hashlib.sha256(key).hexdigest() == expected["sha256_of_unwrapped_manifest_key"]


def test_a_new_keybag_opens_only_with_its_password() -> None:
    bag, keys = Keybag.create(PASSWORD, rounds=1_000)
    again = Keybag.from_bytes(bag.to_bytes())
    assert (again.uuid, again.rounds) == (bag.uuid, 1_000)
    opened = again.unlock(PASSWORD)
    assert opened.classes == frozenset(CLASSES)
    assert opened.unwrap(keys.wrap(3, b"k" * 32)) == b"k" * 32
    for wrong in ("", "correct-horse-1948", "\ud800"):
        with pytest.raises(WrongPassword):
            again.unlock(wrong)


def test_keybags_from_the_same_random_bytes_are_equal() -> None:
    def made() -> bytes:
        count = iter(range(10_000))
        return Keybag.create("a", rounds=1, random=lambda n: next(count).to_bytes(1, "big") * n)[0].to_bytes()

    assert made() == made()


@pytest.mark.peer
def test_other_programs_open_our_keybag() -> None:
    utils = pytest.importorskip("iphone_backup_decrypt.utils")
    keybag = pytest.importorskip("pyiosbackup.keybag")
    manifest_plist = pytest.importorskip("pyiosbackup.manifest_plist")
    bag, keys = Keybag.create("pässwörd", rounds=1_000)
    wrapped = keys.wrap(4, b"k" * 32)
    theirs = utils.BackupKeyBag(bag.to_bytes())
    assert theirs.unlock_with_passphrase("pässwörd".encode())
    assert theirs.unwrap_key_for_class(4, wrapped[4:]) == b"k" * 32
    plist = {"BackupKeyBag": bag.to_bytes(), "Lockdown": {"ProductVersion": "17.5"}}
    others = keybag.Keybag.from_manifest(manifest_plist.ManifestPlist(plist), "pässwörd")
    assert {number: others.get_key(number) for number in CLASSES} == {n: keys.key_of_class(n) for n in CLASSES}


def test_a_changed_password_keeps_every_file_key() -> None:
    bag, keys = Keybag.create("old", rounds=1_000)
    wrapped = keys.wrap(2, b"k" * 32)
    changed = bag.with_new_password(bag.unlock("old"), "new", rounds=2_000)
    assert (changed.uuid, changed.rounds) == (bag.uuid, 2_000)
    assert changed.unlock("new").unwrap(wrapped) == b"k" * 32
    with pytest.raises(WrongPassword):
        changed.unlock("old")
    with pytest.raises(KeyUnusable):
        bag.with_new_password(type(keys)({1: bytes(32)}), "new")


def test_a_rewrapped_ios_9_keybag_keeps_its_form(shared_data: Path) -> None:
    plist = plistlib.loads((shared_data / "keybags" / "Manifest-9-123456.plist").read_bytes())
    bag = Keybag.from_bytes(plist["BackupKeyBag"])
    keys = bag.unlock("123456")
    changed = bag.with_new_password(keys, "654321")
    assert changed.rounds == 0
    assert changed.unlock("654321").key_of_class(3) == keys.key_of_class(3)


def test_the_keybag_of_an_unencrypted_backup_opens_with_no_password() -> None:
    bag, keys = Keybag.create(None, rounds=1_000)
    assert keys.unwrap(keys.wrap(1, b"k" * 32)) == b"k" * 32
    with pytest.raises(KeybagUnreadable):
        Keybag.from_bytes(bag.to_bytes()).unlock("")


def test_keys_are_never_shown() -> None:
    bag, keys = Keybag.create(PASSWORD, rounds=1_000)
    shown = f"{bag!r} {keys!r} {bag.classes!r}"
    assert repr(keys.key_of_class(3))[2:-1] not in shown
    assert repr(bag.classes[0].wrapped_key)[2:-1] not in shown
    assert len(shown) < 1_000


def entries(bag: Keybag) -> list[tuple[bytes, bytes]]:
    return [*bag.header, *(entry for one in bag.classes for entry in one.entries)]


def packed(tags: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(tag + struct.pack(">I", len(value)) + value for tag, value in tags)


def changed(tag: bytes, value: bytes | None, *, which: int = 0) -> bytes:
    bag, _ = Keybag.create(PASSWORD, rounds=1_000)
    tags = entries(bag)
    at = [index for index, (found, _) in enumerate(tags) if found == tag][which]
    tags[at : at + 1] = [] if value is None else [(tag, value)]
    return packed(tags)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        bytes(100),
        b"VERS" + struct.pack(">I", 1 << 31) + b"xxxx",
        b"VERS\0\0\0\4\0\0\0\3" * 10,
        bytes(1 << 20),
        packed([(b"VERS", bytes(4))] + [(b"UUID", bytes(16)), (b"CLAS", bytes(4)), (b"WRAP", bytes(4))] * 100),
        changed(b"CLAS", None),
        changed(b"CLAS", bytes(8)),
        changed(b"WRAP", None, which=1),
    ],
    ids=[
        "empty",
        "text",
        "zeros",
        "length beyond the end",
        "no classes",
        "a megabyte",
        "a hundred classes",
        "a class without number",
        "a class with a long number",
        "a class without wrap",
    ],
)
def test_bytes_that_are_not_a_keybag_are_refused(data: bytes) -> None:
    with pytest.raises(KeybagUnreadable) as error:
        Keybag.from_bytes(data)
    assert error.value.exit_code == 31


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (b"DPIC", struct.pack(">I", 0xFFFFFFFF)),
        (b"DPIC", struct.pack(">I", 100_000_001)),
        (b"ITER", struct.pack(">I", 0xFFFFFFFF)),
        (b"ITER", struct.pack(">I", 0)),
        (b"ITER", None),
        (b"ITER", bytes(3)),
        (b"SALT", None),
        (b"DPSL", None),
        (b"DPIC", None),
    ],
)
def test_a_keybag_with_too_many_rounds_or_without_a_salt_is_refused_at_once(tag: bytes, value: bytes | None) -> None:
    bag = Keybag.from_bytes(changed(tag, value))
    with pytest.raises(KeybagUnreadable):
        bag.unlock(PASSWORD)


def test_a_keybag_cut_anywhere_is_refused_or_lacks_only_its_last_classes() -> None:
    bag, _ = Keybag.create(PASSWORD, rounds=1)
    whole = bag.to_bytes()
    for length in range(len(whole)):
        try:
            keys = Keybag.from_bytes(whole[:length]).unlock(PASSWORD)
        except KeybagUnreadable:
            continue
        assert keys.classes < frozenset(CLASSES)


def test_one_damaged_class_key_does_not_make_the_password_wrong() -> None:
    data = changed(b"WPKY", bytes(40), which=CLASSES.index(3))
    keys = Keybag.from_bytes(data).unlock(PASSWORD)
    assert keys.damaged == {3}
    assert keys.classes == frozenset(CLASSES) - {3}
    with pytest.raises(KeyUnusable, match="damaged"):
        keys.unwrap((3).to_bytes(4, "little") + bytes(40))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (b"", "0 bytes"),
        (bytes(43), "43 bytes"),
        ((12).to_bytes(4, "little") + bytes(40), "class 12 is not there"),
        ((3).to_bytes(4, "little") + bytes(40), "not wrapped with this backup's key of class 3"),
    ],
)
def test_a_key_that_does_not_fit_the_bag_says_why(key: bytes, why: str) -> None:
    _, keys = Keybag.create(PASSWORD, rounds=1)
    with pytest.raises(KeyUnusable) as error:
        keys.unwrap(key)
    assert why in error.value.reason


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
def test_any_bytes_are_a_keybag_or_refused(flips: list[tuple[int, int]]) -> None:
    data = bytearray(_WHOLE)
    for at, value in flips:
        data[at % len(data)] = value
    outcome: Any = None
    try:
        outcome = Keybag.from_bytes(bytes(data))
    except KeybagUnreadable:
        return
    assert outcome.to_bytes() == bytes(data)


_WHOLE = Keybag.create(None, rounds=1)[0].to_bytes()


def test_only_a_slow_key_derivation_is_announced_and_only_once() -> None:
    told: list[str] = []

    @contextmanager
    def telling() -> Iterator[None]:
        told.append("begins")
        yield
        told.append("is done")

    token = key_derivation_notice.set(telling)
    try:
        quick, _ = Keybag.create("one", rounds=10)
        quick.unlock("one")
        assert told == []
        header = tuple(
            (tag, SLOW_ROUNDS.to_bytes(4, "big") if tag == b"DPIC" else value) for tag, value in quick.header
        )
        slow = Keybag(header, quick.classes)
        for _ in range(3):
            with pytest.raises(WrongPassword):
                slow.unlock("one")
        assert told == ["begins", "is done"]
    finally:
        key_derivation_notice.reset(token)


def test_two_threads_that_need_the_same_key_derive_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bag, _ = Keybag.create("first", rounds=10)
    calls: list[int] = []
    real = hashlib.pbkdf2_hmac

    def counted(name: str, secret: bytes, salt: bytes, rounds: int, length: int | None = None) -> bytes:
        calls.append(rounds)
        return real(name, secret, salt, rounds, length)

    def refuse(_: int) -> None:
        with pytest.raises(WrongPassword):
            bag.unlock("another")

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(refuse, range(8)))
    assert sorted(calls) == [10, 10_000]
