"""The keys of a phone's backups under one backup password."""

from __future__ import annotations

from dataclasses import dataclass, field

from migrate.backup.crypto.keybag import ClassKeys, Keybag


@dataclass(frozen=True)
class PhoneKeys:
    """The keybag of this phone's backups. `password` is None if they are not encrypted."""

    password: str | None = field(repr=False)
    keybag: Keybag = field(repr=False)
    class_keys: ClassKeys
