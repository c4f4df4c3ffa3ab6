"""Locked notes: which kind of lock, and what the password opens.

(a) Password, up to iOS 15 and kept later (*seen*: macOS 13): ZCRYPTOWRAPPEDKEY has 24 bytes. PBKDF2-HMAC-SHA256 of the
    password gives 16 bytes, which unwrap the note's key (RFC 3394); the body is AES-128-GCM with it.
(b) iOS 16 and later (*seen*: iOS 17.3, macOS 26): the body is a keyed archive, and the columns mean nothing. With a
    `passphraseSalt` the password can be checked: PBKDF2 gives 32 bytes that unwrap a key of 40. What the body is
    encrypted with is not known. With an `accountKeyIdentifier` the lock is the iPhone's passcode.
"""

from __future__ import annotations

import hashlib
import plistlib
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from migrate.language import mark
from migrate.plists import NotAPlist, load_plist

_MOST_ITERATIONS = 2_000_000
"""Notes uses 20,000 (*seen*). More than this would take seconds for each note."""
_MOST_KEYS = 64
_ARCHIVE = b"bplist00"
_KEY_BYTES, _NEWER_KEY_BYTES = 16, 32


class Closed(Enum):
    """Why the content of a note cannot be shown. The value is marked for translation."""

    NO_PASSWORD = mark("it is locked, and no password of Notes was given with --notes-password-file")
    WRONG_PASSWORD = mark("it is locked with another password than the one given")
    NEWER_LOCK = mark("it is locked in the way of iOS 16 and later, which only an Apple device can open")
    RIGHT_PASSWORD = mark(
        "it is locked in the way of iOS 16 and later, which only an Apple device can open; the password is right"
    )
    WRONG_PASSWORD_TOO = mark(
        "it is locked in the way of iOS 16 and later, which only an Apple device can open;"
        " its password is not the one given"
    )
    PASSCODE = mark("it is locked with the iPhone's passcode, which only an Apple device can open")
    DAMAGED = mark("its text cannot be decoded")


class NoteClosed(Exception):
    """The content of a note cannot be shown."""

    def __init__(self, why: Closed) -> None:
        super().__init__(why.name)
        self.why = why


@dataclass(frozen=True, slots=True)
class Lock:
    """What the columns of a row say about its encryption."""

    salt: bytes | None = field(repr=False)
    iterations: int | None
    wrapped_key: bytes | None = field(repr=False)

    @classmethod
    def of(cls, salt: Any, iterations: Any, wrapped_key: Any) -> Lock:
        return cls(
            salt if isinstance(salt, bytes) else None,
            iterations if isinstance(iterations, int) else None,
            wrapped_key if isinstance(wrapped_key, bytes) else None,
        )


class Password:
    """The password of Notes, and the keys it has opened. Nothing of it is in its text."""

    def __init__(self, password: str | None) -> None:
        self._password = None if password is None else password.encode("utf-8")
        self._derived: dict[tuple[bytes, int, int], bytes] = {}

    @property
    def is_known(self) -> bool:
        return self._password is not None

    def key(self, lock: Lock) -> bytes | None:
        """The key that a lock of kind (a) holds; None if the password is another one.

        Raises:
            NoteClosed: there is no password, or the lock is damaged.
        """
        if lock.salt is None or lock.wrapped_key is None or lock.iterations is None:
            raise NoteClosed(Closed.DAMAGED)
        return self._unwrap(lock.salt, lock.iterations, lock.wrapped_key, _KEY_BYTES)

    def _unwrap(self, salt: bytes, iterations: int, wrapped_key: bytes, size: int) -> bytes | None:
        from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        if self._password is None:
            raise NoteClosed(Closed.NO_PASSWORD)
        if not 0 < iterations <= _MOST_ITERATIONS:
            raise NoteClosed(Closed.DAMAGED)
        derived = self._derived.get((salt, iterations, size))
        if derived is None:
            if len(self._derived) >= _MOST_KEYS:
                self._derived.clear()
            derived = hashlib.pbkdf2_hmac("sha256", self._password, salt, iterations, size)
            self._derived[salt, iterations, size] = derived
        try:
            return aes_key_unwrap(derived, wrapped_key)
        except (InvalidUnwrap, ValueError):
            return None

    def body(self, stored: bytes, lock: Lock, iv: Any, tag: Any) -> bytes:
        """The compressed body of a locked note.

        Raises:
            NoteClosed: it cannot be opened.
        """
        if stored.startswith(_ARCHIVE):
            raise NoteClosed(self._newer_lock(stored))
        key = self.key(lock)
        if key is None:
            raise NoteClosed(Closed.WRONG_PASSWORD)
        try:
            return decrypted(key, iv, tag, stored)
        except ValueError as error:
            raise NoteClosed(Closed.DAMAGED) from error

    def _newer_lock(self, stored: bytes) -> Closed:
        """What can be said of a lock of kind (b)."""
        try:
            facts, wrapped_key = _newer_facts(stored)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return Closed.NEWER_LOCK
        salt, iterations = facts.get("passphraseSalt"), facts.get("passphraseIterationCount")
        if "accountKeyIdentifier" in facts:
            return Closed.PASSCODE
        if not self.is_known or not isinstance(salt, bytes) or not isinstance(iterations, int):
            return Closed.NEWER_LOCK
        try:
            opens = self._unwrap(salt, iterations, wrapped_key, _NEWER_KEY_BYTES) is not None
        except NoteClosed:
            return Closed.NEWER_LOCK
        return Closed.RIGHT_PASSWORD if opens else Closed.WRONG_PASSWORD_TOO


def decrypted(key: bytes, iv: Any, tag: Any, stored: bytes) -> bytes:
    """The plaintext of AES-128-GCM.

    Raises:
        ValueError: the key is another one, or the bytes are damaged.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not isinstance(iv, bytes) or not isinstance(tag, bytes):
        raise ValueError("it lacks what decrypts it")
    try:
        return AESGCM(key).decrypt(iv, stored + tag, None)
    except InvalidTag as error:
        raise ValueError("it does not decrypt") from error


def _newer_facts(stored: bytes) -> tuple[dict[str, Any], bytes]:
    """The metadata of a lock of kind (b) that nothing protects, and the key in it."""
    try:
        objects = load_plist(stored)["$objects"]
        root = objects[1]
        facts = load_plist(objects[root["unauthenticatedMetadata"].data])
        wrapped_key = objects[root["wrappedEncryptionKey"].data]
    except (NotAPlist, plistlib.InvalidFileException) as error:
        raise ValueError("it is not a lock") from error
    if not isinstance(facts, dict) or not isinstance(wrapped_key, bytes):
        raise TypeError("it is not a lock")
    return facts, wrapped_key
