"""Keys that open nothing, or something else: the file's, its class, the keybag, the manifest's."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.backup.crypto.cipher import last_block, padding_length
from tests.backup.small_backup import SmallBackup
from tests.damaged.defect import (
    LEVEL,
    Defect,
    Undetectable,
    assert_found,
    error,
    flipped,
    listed,
    plist,
    warning,
)

PLAIN_KEYS = Undetectable("no defect: its keys open nothing")
UNREADABLE = error("manifest-unreadable", quick=True, exit_code=31)


def another_key(backup: SmallBackup) -> None:
    """Well wrapped, and not the one its bytes were encrypted with."""
    if backup.encrypted:
        stored = backup.blob(*LEVEL).read_bytes()
        other = os.urandom(32)
        while padding_length(last_block(stored, other)) is not None:  # one in 256 keys finds a padding by chance
            other = os.urandom(32)
        backup.records[LEVEL] = replace(backup.records[LEVEL], encryption_key=backup.class_keys.wrap(3, other))
        backup.write_manifest()


def key_changed(change: Callable[[bytes], bytes | None]) -> Callable[[SmallBackup], None]:
    """Files of a plain backup have keys too, which only the phone can use (*seen*, iOS 14.3)."""
    return listed(LEVEL, encryption_key=lambda key: change(key or bytes([3, 0, 0, 0]) + bytes(40)))


def keybag(change: Callable[[bytes], bytes]) -> Callable[[SmallBackup], None]:
    def damage(backup: SmallBackup) -> None:
        plist("Manifest.plist", BackupKeyBag=change(backup.keybag.to_bytes()))(backup)

    return damage


def manifest_key(backup: SmallBackup) -> None:
    plist("Manifest.plist", ManifestKey=flipped(0.5)(backup.class_keys.wrap(4, backup.manifest_key)))(backup)


DEFECTS = [
    Defect("no key", listed(LEVEL, encryption_key=None), error("key-missing"), PLAIN_KEYS, about=(LEVEL,)),
    Defect("a bit of it flipped", key_changed(flipped(0.5)), error("key-unusable"), PLAIN_KEYS, about=(LEVEL,)),
    Defect("another file's", another_key, error("padding-wrong"), PLAIN_KEYS, about=(LEVEL,)),
    Defect(
        "of another class",
        key_changed(lambda key: b"\4\0\0\0" + key[4:]),
        error("key-unusable"),
        PLAIN_KEYS,
        about=(LEVEL,),
    ),
    Defect(
        "of a class that the keybag has not",
        key_changed(lambda key: b"\x63\0\0\0" + key[4:]),
        error("key-unusable"),
        PLAIN_KEYS,
        about=(LEVEL,),
    ),
    Defect(
        "of another class than its row says",
        listed(LEVEL, protection_class=1),
        error("class-contradicted"),
        PLAIN_KEYS,
        about=(LEVEL,),
    ),
    Defect(
        "keybag cut short",
        keybag(lambda bag: bag[:-30]),
        error("keybag-unreadable", quick=True, exit_code=31),
        warning("keybag-unreadable", quick=True),
        says="keys are damaged",
    ),
    Defect("keybag empty", keybag(lambda bag: b""), error("keybag-unreadable", quick=True, exit_code=31), PLAIN_KEYS),
    Defect(
        "keybag missing",
        plist("Manifest.plist", BackupKeyBag=None),
        error("plist-incomplete", quick=True, exit_code=31),
        PLAIN_KEYS,
        says="BackupKeyBag",
    ),
    Defect("ManifestKey changed", manifest_key, UNREADABLE, PLAIN_KEYS),
    Defect(
        "ManifestKey missing",
        plist("Manifest.plist", ManifestKey=None),
        error("plist-incomplete", quick=True, exit_code=31),
        PLAIN_KEYS,
        says="ManifestKey",
    ),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_wrong_keys_are_found_by_name(defect: Defect, encrypted: bool, tmp_path: Path) -> None:
    assert_found(defect, tmp_path, encrypted=encrypted)
