"""Opens the manifest of a backup, with its password where it is encrypted."""

from __future__ import annotations

from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.database import open_database
from migrate.backup.manifest.db_manifest import DbManifest
from migrate.backup.manifest.manifest import Manifest
from migrate.backup.manifest.mbdb_manifest import MbdbManifest
from migrate.problems import BackupUnreadable, KeybagUnreadable, KeyUnusable, PasswordMissing, WrongPassword


def open_manifest(folder: BackupFolder, password: str | None) -> Manifest:
    """The manifest of a backup: its Manifest.db, or the Manifest.mbdb of iOS 5 to 9.

    Raises:
        PasswordMissing, WrongPassword: the backup is encrypted, and `password` does not open it.
        KeybagUnreadable: its keybag is damaged.
        BackupUnreadable: Manifest.db is missing, not a database, or has no plain table `Files`; or Manifest.mbdb is cut
            short or not in that format.
    """
    if folder.is_flat:
        return MbdbManifest.read(folder, unlock_keybag(folder, password) if folder.is_encrypted else None)
    class_keys = manifest_key = None
    if folder.is_encrypted:
        class_keys, manifest_key = unlock(folder, password)
    return DbManifest(folder, open_database(folder, manifest_key), class_keys, manifest_key)


def open_plain_manifest(folder: BackupFolder) -> Manifest:
    """The plain manifest of an encrypted backup (`folder.has_plain_list`), opened without the password: names, lengths
    and digests can be read, contents cannot. Raises BackupUnreadable."""
    if folder.is_flat:
        return MbdbManifest.read(folder, None)
    return DbManifest(folder, open_database(folder, None), None, None)


def unlock(folder: BackupFolder, password: str | None) -> tuple[ClassKeys, bytes | None]:
    """The class keys of an encrypted backup and the key of its Manifest.db, None where that is plain all the same.

    Raises:
        PasswordMissing, WrongPassword: the person's.
        KeybagUnreadable, BackupUnreadable: the backup's.
    """
    keybag = _keybag(folder)
    if folder.has_plain_list:
        return _unlocked(folder, keybag, password), None
    wrapped = (folder.manifest_plist or {}).get("ManifestKey")
    if not isinstance(wrapped, bytes):
        raise BackupUnreadable(
            folder.path, "Manifest.plist", "ManifestKey is missing, so Manifest.db cannot be decrypted"
        )
    class_keys = _unlocked(folder, keybag, password)
    try:
        return class_keys, class_keys.unwrap(wrapped)
    except KeyUnusable as error:
        raise BackupUnreadable(folder.path, "Manifest.plist", f"ManifestKey: {error.reason}") from error


def unlock_keybag(folder: BackupFolder, password: str | None) -> ClassKeys:
    """The class keys of an encrypted backup. Raises what `unlock` raises."""
    return _unlocked(folder, _keybag(folder), password)


def _keybag(folder: BackupFolder) -> Keybag:
    bag = (folder.manifest_plist or {}).get("BackupKeyBag")
    if not isinstance(bag, bytes):
        raise KeybagUnreadable("it is missing" if bag is None else "it is not data")
    return Keybag.from_bytes(bag)


def _unlocked(folder: BackupFolder, keybag: Keybag, password: str | None) -> ClassKeys:
    if password is None:
        raise PasswordMissing(folder.path)
    try:
        return keybag.unlock(password)
    except WrongPassword:
        raise WrongPassword(str(folder.path)) from None
