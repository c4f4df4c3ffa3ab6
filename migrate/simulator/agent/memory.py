"""The state of one phone's backup agent that outlives a connection (facts 2.4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from migrate.backup.crypto.keybag import Keybag
from migrate.simulator.agent.backup_keys import PhoneKeys
from migrate.simulator.agent.consistent_copies import ConsistentCopies
from migrate.simulator.agent.keychain.item_keys import bound_to_hardware
from migrate.simulator.agent.pending_backup import PendingBackup
from migrate.simulator.agent.rows.pending_rows import PendingRows
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.phone import SimulatedPhone
from migrate.wire.backup2 import MBError, MBErrorCode

BUSY_WAIT_S = 10.0
"""How long a request waits for a running one, whose host may have just disconnected. *guessed*."""
REMEMBERED_BACKUPS = 8
REMEMBERED_MANIFESTS = 3
MAX_CONNECTIONS = 5
"""How many sessions the backup service accepts at once, according to a maintainer (facts 1.2)."""


@dataclass
class AgentMemory:
    keys: PhoneKeys | None = None
    pending_backups: dict[str, PendingBackup] = field(default_factory=dict)
    """Status UUID -> the interrupted backup. A real phone keeps it in /var/root/Library/Caches/Backup."""
    unreadable_ids: dict[str, frozenset[str]] = field(default_factory=dict)
    """Status UUID of a finished backup -> the files the phone could not read, which it sends next time. INFERRED."""
    rows: dict[str, int] = field(default_factory=dict)
    """Status UUID of a finished backup -> the number of rows in its manifest."""
    sent_manifests: dict[bytes, tuple[PendingRows, bytes]] = field(default_factory=dict)
    """SHA-256 of a Manifest.db that this phone wrote -> its rows, and the manifest's key. Only so that a simulated
    phone need not read the rows one by one that a real one reads with SQLite."""
    spools: list[Spool] = field(default_factory=list)
    """Restored contents that are too large for memory, kept as long as the phone exists."""
    keychain_changed: int = 0
    """The status change time of the keychain file in the last snapshot."""
    copies: ConsistentCopies = field(default_factory=ConsistentCopies)
    _instances: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_CONNECTIONS))
    _last_aside: datetime = datetime.min
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def connection_slot(self) -> Iterator[bool]:
        """Counts one session. Yields False if there are too many; the caller then closes the connection."""
        admitted = self._instances.acquire(blocking=False)
        try:
            yield admitted
        finally:
            if admitted:
                self._instances.release()

    @contextmanager
    def exclusive(self, refusal: str) -> Iterator[None]:
        """Allows one backup or restore at a time. Raises MBError with `refusal` (code 1, facts 5.1 row 4)."""
        if not self._busy.acquire(timeout=BUSY_WAIT_S):
            raise MBError(MBErrorCode.OTHER, refusal)
        try:
            yield
        finally:
            self._busy.release()

    def name_aside(self, folder: str) -> str:
        """The name `<folder>-yyyyMMdd-HHmmss` for a backup that is set aside. Every name is unique."""
        self._last_aside = max(datetime.now().replace(microsecond=0), self._last_aside + timedelta(seconds=1))
        return f"{folder}-{self._last_aside:%Y%m%d-%H%M%S}"

    def remember(self, pending: PendingBackup, *, whole_manifest: bool) -> None:
        """Stores what the next backup needs to know about a finished one. `whole_manifest`: it has all rows."""
        self.unreadable_ids[pending.uuid] = frozenset(pending.unreadable_ids)
        self.rows[pending.uuid] = len(pending.rows)
        if whole_manifest and pending.manifest_db is not None:
            pending.rows.rest()
            self.sent_manifests[pending.manifest_db.sha256] = pending.rows, pending.manifest_key
            while len(self.sent_manifests) > REMEMBERED_MANIFESTS:
                del self.sent_manifests[next(iter(self.sent_manifests))]
        for known in (self.unreadable_ids, self.rows):
            while len(known) > REMEMBERED_BACKUPS:
                del known[next(iter(known))]


def memory_of(phone: SimulatedPhone) -> AgentMemory:
    """The phone's agent memory, created on first use and cleared when the phone is erased."""
    memory = phone.backup_memory.setdefault("agent", AgentMemory())
    assert isinstance(memory, AgentMemory)
    return memory


def keys_of(phone: SimulatedPhone) -> PhoneKeys:
    """The keys for the phone's current password, created once, because a real keybag takes seconds (facts 3.5)."""
    memory = memory_of(phone)
    if memory.keys is None or memory.keys.password != phone.backup_password:
        keybag, class_keys = Keybag.create(phone.backup_password, rounds=phone.keybag_rounds)
        if phone.backup_password is None:
            keybag = bound_to_hardware(keybag, class_keys, phone.hardware_key)
        memory.keys = PhoneKeys(phone.backup_password, keybag, class_keys)
    return memory.keys
