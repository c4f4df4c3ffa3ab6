"""The keybag in Manifest.plist: one key for each protection class, wrapped with a key derived from the backup password.

    tag      4 bytes: VERS TYPE UUID HMCK WRAP SALT ITER [DPWT DPIC DPSL], then for each class UUID CLAS WRAP KTYP WPKY
    length   4 bytes, big-endian
    value    `length` bytes; numbers are 4 bytes big-endian

The bag is read by its tags, not its version: an iOS 10.2 bag and an iOS 9.3.5 one both say VERS 3, and only
the first has DPSL and DPIC (*seen*, two real bags).
Source: facts 3.5.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from migrate.backup.crypto.cipher import KEY_BYTES
from migrate.problems import KeybagUnreadable, KeyUnusable, WrongPassword
from migrate.progress import key_derivation_notice

ROUNDS_LIMIT = 100_000_000
"""A real phone has 10,000,000 (DPIC) and 10,000 (ITER): about five seconds. A hostile bag may ask for four billion."""

BAG_LIMIT_BYTES = 64 << 10  # real bags: 1,336 and 1,388 bytes
CLASSES_LIMIT = 64  # real bags: 11

WRAPPED_KEY_BYTES = KEY_BYTES + 8  # RFC 3394 adds one 64-bit register
PERSISTENT_KEY_BYTES = 4 + WRAPPED_KEY_BYTES

WRAP_DEVICE = 1
WRAP_PASSWORD = 2
"""Only classes with this bit can be unwrapped on a computer; WRAP 3 opens with the password alone (*seen*: classes 5,
9, 10 and 11 of both real bags)."""

CLASSES = (11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)  # in the order of both real bags; the WRAP values below are theirs too
_DEVICE_TOO = frozenset({11, 10, 9, 5})

Entry = tuple[bytes, bytes]
Random = Callable[[int], bytes]


class ClassKeys:
    """The unlocked class keys, which unwrap and wrap the 44-byte keys in the manifest. They are never shown or
    stored."""

    def __init__(self, keys: Mapping[int, bytes], damaged: Iterable[int] = ()) -> None:
        self._keys = dict(keys)
        self.damaged = frozenset(damaged)  # classes whose wrapped key is broken although the password is right

    def __repr__(self) -> str:
        return f"ClassKeys({len(self._keys)} classes)"

    @property
    def classes(self) -> frozenset[int]:
        return frozenset(self._keys)

    def unwrap(self, persistent_key: bytes) -> bytes:
        """The 32-byte key in `persistent_key`: u32 little-endian class, then 40 bytes wrapped with that class's key.

        Raises:
            KeyUnusable: wrong length, a class this bag has no key for, or not wrapped with that key.
        """
        if len(persistent_key) != PERSISTENT_KEY_BYTES:
            raise KeyUnusable(f"it has {len(persistent_key)} bytes, not {PERSISTENT_KEY_BYTES}")
        protection_class = int.from_bytes(persistent_key[:4], "little")
        class_key = self._keys.get(protection_class)
        if class_key is None:
            state = "is damaged" if protection_class in self.damaged else "is not there"
            raise KeyUnusable(f"the keybag's key of protection class {protection_class} {state}")
        try:
            return aes_key_unwrap(class_key, persistent_key[4:])
        except InvalidUnwrap as error:
            raise KeyUnusable(f"it was not wrapped with this backup's key of class {protection_class}") from error

    def wrap(self, protection_class: int, file_key: bytes) -> bytes:
        """The 44 bytes for `unwrap`.

        Raises:
            KeyUnusable: this bag has no key of that class.
        """
        if len(file_key) != KEY_BYTES:
            raise ValueError(f"a file key has {KEY_BYTES} bytes, not {len(file_key)}")
        if protection_class not in self._keys:
            raise KeyUnusable(f"the keybag has no key of protection class {protection_class}")
        return protection_class.to_bytes(4, "little") + aes_key_wrap(self._keys[protection_class], file_key)

    def key_of_class(self, protection_class: int) -> bytes:
        """The key of a class, for wrapping it again. Raises KeyUnusable."""
        if protection_class not in self._keys:
            raise KeyUnusable(f"the keybag has no key of protection class {protection_class}")
        return self._keys[protection_class]


@dataclass(frozen=True)
class ClassEntry:
    """One class of the bag: every tag unchanged and in order."""

    entries: tuple[Entry, ...] = field(repr=False)

    def value(self, tag: bytes) -> bytes | None:
        return next((value for found, value in self.entries if found == tag), None)

    @property
    def protection_class(self) -> int:
        return _number(self.value(b"CLAS"), "CLAS of a class")

    @property
    def opens_with_password(self) -> bool:
        return bool(_number(self.value(b"WRAP"), "WRAP of a class") & WRAP_PASSWORD) and self.wrapped_key is not None

    @property
    def wrapped_key(self) -> bytes | None:
        return self.value(b"WPKY")

    def with_wrapped_key(self, wrapped_key: bytes) -> ClassEntry:
        return ClassEntry(tuple((tag, wrapped_key if tag == b"WPKY" else value) for tag, value in self.entries))


@dataclass(frozen=True)
class Keybag:
    """A parsed keybag; `to_bytes` returns the same bytes."""

    header: tuple[Entry, ...] = field(repr=False)
    classes: tuple[ClassEntry, ...] = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Keybag:
        """Raises KeybagUnreadable: it is cut short or not a keybag. The backup's fault."""
        header: list[Entry] = []
        classes: list[list[Entry]] = []
        for tag, value in _entries(data):
            if tag == b"UUID" and any(found == b"UUID" for found, _ in header):  # the first one is the bag's own
                classes.append([])
            (classes[-1] if classes else header).append((tag, value))
        if not header or header[0][0] != b"VERS":
            raise KeybagUnreadable("it does not begin with VERS")
        if not classes or len(classes) > CLASSES_LIMIT:
            raise KeybagUnreadable(f"it has {len(classes)} classes")
        bag = cls(tuple(header), tuple(ClassEntry(tuple(entries)) for entries in classes))
        for entry in bag.classes:
            _ = entry.protection_class, entry.opens_with_password  # present and well formed
        return bag

    def to_bytes(self) -> bytes:
        entries = [*self.header, *(entry for one in self.classes for entry in one.entries)]
        return b"".join(tag + len(value).to_bytes(4, "big") + value for tag, value in entries)

    @property
    def uuid(self) -> bytes:
        return self._header(b"UUID") or b""

    @property
    def rounds(self) -> int:
        """DPIC, the rounds of the slow first stage; 0 where the bag has none (iOS 10.1 and older)."""
        value = self._header(b"DPIC")
        return 0 if value is None else _number(value, "DPIC")

    def unlock(self, password: str) -> ClassKeys:
        """Derive the class keys, which takes about five seconds for a real phone's bag.

        Raises:
            WrongPassword: the password unwraps none of the keys.
            KeybagUnreadable: no key in the bag opens with a password, or the round counts are impossible.
        """
        locked = {one.protection_class: one.wrapped_key for one in self.classes if one.opens_with_password}
        if not locked:
            raise KeybagUnreadable("no key in it opens with a password")
        wrapping_key = self._wrapping_key(password)
        keys: dict[int, bytes] = {}
        for protection_class, wrapped_key in locked.items():
            if wrapped_key is None or len(wrapped_key) != WRAPPED_KEY_BYTES:
                continue
            with suppress(InvalidUnwrap):
                keys[protection_class] = aes_key_unwrap(wrapping_key, wrapped_key)
        if not keys:
            raise WrongPassword
        return ClassKeys(keys, damaged=locked.keys() - keys.keys())

    @classmethod
    def create(
        cls, password: str | None, *, rounds: int = 10_000_000, random: Random = os.urandom
    ) -> tuple[Keybag, ClassKeys]:
        """A new bag and its keys, in a phone's layout. Without a password: the bag of an unencrypted backup, whose keys
        only the phone could unwrap (REPORTED to exist; that all its classes are WRAP 1 is *guessed*)."""
        keys = ClassKeys({number: random(KEY_BYTES) for number in CLASSES})
        header = (
            (b"VERS", _u32(5)),
            (b"TYPE", _u32(1)),
            (b"UUID", random(16)),
            (b"HMCK", random(WRAPPED_KEY_BYTES)),
            (b"WRAP", _u32(0)),
            (b"SALT", random(20)),
            (b"ITER", _u32(10_000)),
            (b"DPWT", _u32(1)),
            (b"DPIC", _u32(rounds)),
            (b"DPSL", random(20)),
        )
        bag = cls(header, tuple(_new_class(number, password is not None, random) for number in CLASSES))
        wrapping_key = random(KEY_BYTES) if password is None else bag._wrapping_key(password)
        return bag._with_keys(keys, wrapping_key), keys

    def with_new_password(
        self, class_keys: ClassKeys, new_password: str, *, rounds: int | None = None, random: Random = os.urandom
    ) -> Keybag:
        """The same bag with another password: new salts and the same class keys, so no file changes.

        Raises:
            KeyUnusable: `class_keys` lack a key that this bag protects with the password.
        """
        fresh = {b"SALT": random(20), b"DPSL": random(20)}
        if rounds is not None:
            fresh[b"DPIC"] = _u32(rounds)
        header = tuple((tag, fresh.get(tag, value)) for tag, value in self.header)
        bag = Keybag(header, self.classes)
        return bag._with_keys(class_keys, bag._wrapping_key(new_password), only_password=True)

    def _with_keys(self, keys: ClassKeys, wrapping_key: bytes, *, only_password: bool = False) -> Keybag:
        wrapped = tuple(
            one
            if only_password and not one.opens_with_password
            else one.with_wrapped_key(aes_key_wrap(wrapping_key, keys.key_of_class(one.protection_class)))
            for one in self.classes
        )
        return Keybag(self.header, wrapped)

    def _wrapping_key(self, password: str) -> bytes:
        try:
            secret = password.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise WrongPassword from error
        salt, slow_salt = self._header(b"SALT"), self._header(b"DPSL")
        if salt is None or (slow_salt is None) != (self._header(b"DPIC") is None):
            raise KeybagUnreadable("a salt or a round count is missing")
        iterations = _number(self._header(b"ITER"), "ITER")
        for name, count in (("ITER", iterations), ("DPIC", self.rounds if slow_salt is not None else 1)):
            if not 1 <= count <= ROUNDS_LIMIT:
                raise KeybagUnreadable(f"{name} asks for {count:,} rounds; iPhones ask for 10,000,000 at most")
        return _derived(secret, slow_salt, self.rounds, salt, iterations)

    def _header(self, tag: bytes) -> bytes | None:
        return next((value for found, value in self.header if found == tag), None)


SLOW_ROUNDS = 1_000_000
"""From this count on, which takes about half a second, the person is told to wait."""

_one_at_a_time = threading.Lock()


def _derived(secret: bytes, slow_salt: bytes | None, rounds: int, salt: bytes, iterations: int) -> bytes:
    """As `_derive`, but a second thread that needs the same key waits for the first instead of deriving it again."""
    with _one_at_a_time:
        return _derive(secret, slow_salt, rounds, salt, iterations)


@lru_cache(maxsize=64)
def _derive(secret: bytes, slow_salt: bytes | None, rounds: int, salt: bytes, iterations: int) -> bytes:
    """The key that wraps the class keys. It is cached in the process: a run opens one backup many times, and each
    derivation takes five seconds by design."""
    if slow_salt is not None:
        with key_derivation_notice.get()() if rounds >= SLOW_ROUNDS else nullcontext():
            secret = hashlib.pbkdf2_hmac("sha256", secret, slow_salt, rounds, KEY_BYTES)
    return hashlib.pbkdf2_hmac("sha1", secret, salt, iterations, KEY_BYTES)


def _entries(data: bytes) -> Iterator[Entry]:
    if len(data) > BAG_LIMIT_BYTES:
        raise KeybagUnreadable(f"it has {len(data)} bytes")
    at = 0
    while at < len(data):
        tag, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        value = data[at + 8 : at + 8 + length]
        if len(data) < at + 8 or len(value) != length:
            raise KeybagUnreadable("it is cut short")
        yield tag, value
        at += 8 + length


def _number(value: bytes | None, name: str) -> int:
    if value is None or len(value) != 4:
        raise KeybagUnreadable(f"{name} is missing or not a 4-byte number")
    return int.from_bytes(value, "big")


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _new_class(number: int, with_password: bool, random: Random) -> ClassEntry:
    wrap = WRAP_DEVICE if not with_password else WRAP_PASSWORD | (WRAP_DEVICE if number in _DEVICE_TOO else 0)
    return ClassEntry(
        (
            (b"UUID", random(16)),
            (b"CLAS", _u32(number)),
            (b"WRAP", _u32(wrap)),
            (b"KTYP", _u32(0)),
            (b"WPKY", bytes(WRAPPED_KEY_BYTES)),
        )
    )
