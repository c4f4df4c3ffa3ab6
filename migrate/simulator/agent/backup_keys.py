"""The keys of a phone's backups, as long as its backup password stays the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.backup.crypto.keybag import ClassKeys, Keybag


@dataclass(frozen=True)
class PhoneKeys:
    """The keybag backups of this phone are made with. `password` None: unencrypted."""

    password: str | None = field(repr=False)
    keybag: Keybag = field(repr=False)
    class_keys: ClassKeys
