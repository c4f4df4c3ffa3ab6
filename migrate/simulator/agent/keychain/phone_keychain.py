"""A phone's keychain at a backup and after a restore.

Between the two, the file is not on the phone's disk: a backup writes it into its snapshot, and a phone that has taken
a restored file over removes it (*guessed*; its name is in no list of files that stay). A file that the phone could not
read stays there, and goes into its backups as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from migrate.backup.crypto.keybag import ClassKeys
from migrate.simulator.agent.backup_keys import PhoneKeys
from migrate.simulator.agent.keychain.backup_file import (
    FILE_LIMIT_BYTES,
    NotAKeychain,
    read_keychain,
    write_keychain,
)
from migrate.simulator.agent.keychain.item_keys import (
    item_keys_of_encrypted_backup,
    item_keys_of_unencrypted_backup,
)
from migrate.simulator.device.filesystem import DigestOnly, Filesystem, read_content
from migrate.simulator.device.phone import SimulatedPhone

DOMAIN: Final = "KeychainDomain"
FILE: Final = (DOMAIN, "keychain-backup.plist")
_OWNER: Final = (64, 0)
_MODE: Final = 0o100400
_PROTECTION_CLASS: Final = 1
"""User and group, mode and class of the file: *seen* (iOS 14.3)."""


def add_keychain_to_snapshot(phone: SimulatedPhone, files: Filesystem, keys: PhoneKeys, earlier: int) -> int:
    """Writes the phone's keychain into `files`, a snapshot, unless a file is there that the phone could not read.

    Returns the file's status change time. It is later than `earlier`, the previous file's: incremental backups compare
    it.
    """
    if not phone.keychain.in_use or files.get(*FILE) is not None:
        return earlier
    if keys.password is None:
        item_keys = keys.class_keys
    else:
        item_keys = item_keys_of_encrypted_backup(keys.class_keys, phone.hardware_key)
    data = write_keychain(phone.keychain.items(), item_keys)
    node = files.add_file(*FILE, data, protection_class=_PROTECTION_CLASS, mode=_MODE)
    user_id, group_id = _OWNER
    changed = max(node.changed, earlier + 1)
    return files.put(replace(node, user_id=user_id, group_id=group_id, modified=changed, changed=changed)).changed


def keys_of_restored_items(class_keys: ClassKeys | None, keybag: bytes | None, phone: SimulatedPhone) -> ClassKeys:
    """The keys with which this phone opens the items of a received backup. `class_keys` is None if it is unencrypted,
    and `keybag` is the one in its Manifest.plist."""
    if class_keys is None:
        return item_keys_of_unencrypted_backup(keybag, phone.hardware_key)
    return item_keys_of_encrypted_backup(class_keys, phone.hardware_key)


def take_over_restored_keychain(phone: SimulatedPhone, keys: ClassKeys) -> None:
    """Adds the items of the restored file to the phone's keychain and removes the file.

    Items that `keys` do not open are lost: those that belong to another phone, and all of an unencrypted backup of
    another phone. A file that the phone does not have the content of, or that has another structure, stays.
    """
    node = phone.files.get(*FILE)
    if node is None or node.kind != "file" or isinstance(node.content, DigestOnly) or node.size > FILE_LIMIT_BYTES:
        return
    try:
        items = read_keychain(read_content(node.content), keys)
    except NotAKeychain:
        return
    phone.keychain.take_over(items)
    phone.files.remove(*FILE)
