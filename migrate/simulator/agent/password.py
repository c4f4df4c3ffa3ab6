"""ChangePassword: backup encryption on, off, or under another password (facts 2.6, CONFIRMED(dec))."""

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
    """Sets, changes or removes the phone's backup password, then rewraps the keybag of the host's backup.

    Raises:
        MBError: PASSWORD where the old password is missing or wrong; the phone still encrypts.
    """
    old = phone.backup_password
    if old is not None and request.old != old:
        phone.post(BACKUP_DOMAIN_CHANGED)  # WillEncrypt is asserted anew
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
    """The phone's own keybag, and the one in the host's Manifest.plist: the same one, as a rule. Where encryption was
    off the host is asked too, and what it has is left alone."""
    keys, old, bag = keys_of(phone), phone.backup_password, None
    if old is not None:
        bag = keys.keybag.with_new_password(keys.class_keys, new)
        memory_of(phone).keys = PhoneKeys(new, bag, keys.class_keys)
    for path in (f"{folder}/Snapshot/Manifest.plist", f"{folder}/Manifest.plist"):
        with suppress(MBError, KeybagUnreadable, KeyUnusable, WrongPassword):  # what does not fit there is ignored
            data = host.read(path, LIMIT_BYTES)
            properties = read_properties(data)
            if old is None or bag is None or not properties.is_encrypted or properties.keybag is None:
                continue
            known = properties.keybag == keys.keybag.to_bytes()
            _write_keybag(host, path, data, bag if known else _rewrap_older_keybag(properties.keybag, old, new))


def _rewrap_older_keybag(data: bytes, old: str, new: str) -> Keybag:
    """A keybag made before the phone had its present one, if the old password opens it."""
    bag = Keybag.from_bytes(data)
    class_keys: ClassKeys = bag.unlock(old)
    return bag.with_new_password(class_keys, new)


def _write_keybag(host: HostFolder, path: str, data: bytes, bag: Keybag) -> None:
    plist = parse_plist(data)
    plist["BackupKeyBag"] = bag.to_bytes()
    host.write(path, f"/.ba/{path.rpartition('/')[2]}", plistlib.dumps(plist, fmt=plistlib.FMT_BINARY))
