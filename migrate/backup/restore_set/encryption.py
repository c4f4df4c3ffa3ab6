"""The keys of a restore set: those of the backup it is made from, new ones, or none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from migrate.backup.crypto.cipher import KEY_BYTES
from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.manifest.manifest import Manifest
from migrate.problems import PasswordMissing

ROUNDS = 10_000_000
"""Password rounds of a new keybag: as many as a phone's (DPIC, facts 3.5), about five seconds."""

_MANIFEST_KEY_CLASS = 4
"""The class whose key wraps the manifest key (*seen*: the minted encrypted backup; facts 3.5)."""


@dataclass(frozen=True)
class SetEncryption:
    """The keys of a set. `class_keys` None: the set is not encrypted."""

    class_keys: ClassKeys | None
    manifest_key: bytes | None = field(repr=False)
    is_new: bool
    """The keys differ from the backup's, so every content is rewritten."""
    plist_changes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Changes to the backup's Manifest.plist; None removes a key."""

    @classmethod
    def of(
        cls, source: Manifest, wanted: Literal["as-source", "encrypted", "plain"], password: str | None
    ) -> SetEncryption:
        """Raises PasswordMissing: the set is to be encrypted, its source is not, and there is no `password`."""
        if wanted == "as-source" or (wanted == "encrypted") == source.is_encrypted:
            return cls(source.class_keys, source.manifest_key, is_new=False)
        if wanted == "plain":
            bag, _ = Keybag.create(None)
            plain = {"IsEncrypted": False, "BackupKeyBag": bag.to_bytes(), "ManifestKey": None}
            return cls(None, None, is_new=True, plist_changes=plain)
        if password is None:
            raise PasswordMissing(source.folder.path)
        bag, keys = Keybag.create(password, rounds=ROUNDS)
        key = os.urandom(KEY_BYTES)
        changes = {
            "IsEncrypted": True,
            "BackupKeyBag": bag.to_bytes(),
            "ManifestKey": keys.wrap(_MANIFEST_KEY_CLASS, key),
        }
        return cls(keys, key, is_new=True, plist_changes=changes)
