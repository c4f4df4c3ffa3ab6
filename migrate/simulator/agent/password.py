"""ChangePassword: turns backup encryption on or off, or changes its password (facts 2.6, CONFIRMED(dec))."""

from __future__ import annotations

import plistlib
from contextlib import suppress

from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.problems import KeybagUnreadable, KeyUnusable, WrongPassword
from migrate.simulator.agent.backup_keys import PhoneKeys
from migrate.simulator.agent.host_folder import HostFolder
from migrate.simulator.agent.manifest_plist import LIMIT_BYTES, read_properties
from migrate.simulator.agent.memory import keys_of, memory_of
from migrate.simulator.agent.status_plist import parse_plist
from migrate.simulator.device.phone import BACKUP_DOMAIN_CHANGED, SimulatedPhone
from migrate.wire.backup2 import ChangePassword, MBError, MBErrorCode


def change_password(phone: SimulatedPhone, host: HostFolder, request: ChangePassword) -> None:
    """Sets, changes or removes the phone's backup password, and rewraps the keybag of the host's backup.

    Raises:
        MBError: PASSWORD if the old password is missing or wrong; nothing changes then.
    """
    old = phone.backup_password
    if old is not None and request.old != old:
        phone.post(BACKUP_DOMAIN_CHANGED)  # a real phone sets WillEncrypt again
        raise MBError(MBErrorCode.PASSWORD, "Invalid password")
    if old is None and request.new is None:
        raise MBError(MBErrorCode.PASSWORD, "No password to remove")  # *guessed*
    if request.new is None and phone.requires_encryption:
        raise MBError(MBErrorCode.PASSWORD, "Backups of this device must be encrypted")  # *guessed*
    if request.new is not None:
        _rewrap(phone, host, request.udid, request.new)
    phone.backup_password = request.new
    phone.post(BACKUP_DOMAIN_CHANGED)


def _rewrap(phone: SimulatedPhone, host: HostFolder, folder: str, new: str) -> None:
    """Rewraps the phone's keybag and the one in the host's Manifest.plist, usually the same keybag. If encryption was
    off, the host's file is also read, but not changed."""
    keys, old, keybag = keys_of(phone), phone.backup_password, None
    if old is not None:
        keybag = keys.keybag.with_new_password(keys.class_keys, new)
        memory_of(phone).keys = PhoneKeys(new, keybag, keys.class_keys)
    for path in (f"{folder}/Snapshot/Manifest.plist", f"{folder}/Manifest.plist"):
        with suppress(MBError, KeybagUnreadable, KeyUnusable, WrongPassword):  # such a file is left as it is
            data = host.read(path, LIMIT_BYTES)
            properties = read_properties(data)
            if old is None or keybag is None or not properties.is_encrypted or properties.keybag is None:
                continue
            known = properties.keybag == keys.keybag.to_bytes()
            _write_keybag(host, path, data, keybag if known else _rewrap_older_keybag(properties.keybag, old, new))


def _rewrap_older_keybag(data: bytes, old: str, new: str) -> Keybag:
    """Rewraps a keybag that is older than the phone's current one, if the old password opens it."""
    keybag = Keybag.from_bytes(data)
    class_keys: ClassKeys = keybag.unlock(old)
    return keybag.with_new_password(class_keys, new)


def _write_keybag(host: HostFolder, path: str, data: bytes, keybag: Keybag) -> None:
    plist = parse_plist(data)
    plist["BackupKeyBag"] = keybag.to_bytes()
    host.write(path, f"/.ba/{path.rpartition('/')[2]}", plistlib.dumps(plist, fmt=plistlib.FMT_BINARY))
