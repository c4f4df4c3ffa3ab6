"""The class keys that wrap keychain items: those of the backup's keybag, bound to this phone where they must be.

    encrypted backup     classes 6 to 8: the keybag's keys, which the backup password unwraps, on any phone
                         classes 9 to 11: the keybag's keys, decrypted with this phone's hardware key
    unencrypted backup   all classes: the keybag's keys, which this phone's hardware key wraps; no password opens them

*seen*: in two real keybags the classes 9 to 11 say WRAP 3 and the password alone unwraps them; items of these classes
do not open with the result. That WRAP 1 stands for a key of the hardware, applied with AES-CBC after the password's
unwrapping, is *reported* (iphone-dataprotection, for iOS 4 and 5). How it wraps a bag without a password is *guessed*.
"""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from migrate.backup.crypto.keybag import WRAPPED_KEY_BYTES, ClassKeys, Keybag
from migrate.problems import KeybagUnreadable
from migrate.simulator.device.keychain import THIS_DEVICE_ONLY


def item_keys_of_encrypted_backup(class_keys: ClassKeys, hardware_key: bytes) -> ClassKeys:
    """The keys for the items of a backup whose keybag holds `class_keys`, as the phone with this hardware key has
    them. On another phone those of the classes 9 to 11 are different, so that its items do not open there."""
    keys = {number: class_keys.key_of_class(number) for number in class_keys.classes}
    for number in THIS_DEVICE_ONLY & keys.keys():
        decryptor = Cipher(AES(hardware_key), CBC(bytes(16))).decryptor()
        keys[number] = decryptor.update(keys[number]) + decryptor.finalize()
    return ClassKeys(keys)


def item_keys_of_unencrypted_backup(keybag: bytes | None, hardware_key: bytes) -> ClassKeys:
    """The keys in the keybag of an unencrypted backup. On another phone, and without a keybag, there are none."""
    keys: dict[int, bytes] = {}
    try:
        classes = Keybag.from_bytes(keybag or b"").classes
    except KeybagUnreadable:
        classes = ()
    for one in classes:
        if one.opens_with_password or one.wrapped_key is None or len(one.wrapped_key) != WRAPPED_KEY_BYTES:
            continue
        try:
            keys[one.protection_class] = aes_key_unwrap(hardware_key, one.wrapped_key)
        except InvalidUnwrap:
            continue
    return ClassKeys(keys)


def bound_to_hardware(keybag: Keybag, class_keys: ClassKeys, hardware_key: bytes) -> Keybag:
    """The keybag of an unencrypted backup, its keys wrapped with the phone's hardware key."""
    classes = tuple(
        one.with_wrapped_key(aes_key_wrap(hardware_key, class_keys.key_of_class(one.protection_class)))
        for one in keybag.classes
    )
    return replace(keybag, classes=classes)
