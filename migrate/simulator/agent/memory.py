"""What the backup agent of one phone remembers from one connection to the next (facts 2.4)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from migrate.backup.crypto.keybag import Keybag
from migrate.simulator.agent.backup_keys import PhoneKeys
from migrate.simulator.agent.consistent_copies import ConsistentCopies
from migrate.simulator.agent.pending_backup import PendingBackup
from migrate.simulator.agent.spool import Spool
from migrate.simulator.device.phone import SimulatedPhone
from migrate.wire.backup2 import MBError, MBErrorCode

BUSY_WAIT_S = 10.0
"""How long a request waits for one whose host has just gone. *guessed*."""
REMEMBERED_BACKUPS = 8
MAX_CONNECTIONS = 5
"""Conversations with the backup service at once; a maintainer's word (facts 1.2)."""


@dataclass
class AgentMemory:
    keys: PhoneKeys | None = None
    pending_backups: dict[str, PendingBackup] = field(default_factory=dict)
    """Status UUID -> the backup that was interrupted. A real phone keeps it in /var/root/Library/Caches/Backup."""
    unreadable_ids: dict[str, frozenset[str]] = field(default_factory=dict)
    """Status UUID of a finished backup -> file ids the phone could not read: sent again next time. INFERRED."""
    rows: dict[str, int] = field(default_factory=dict)
    """Status UUID of a finished backup -> how many rows its manifest was sent with."""
    spools: list[Spool] = field(default_factory=list)
    """Restored contents too large for memory; they live as long as the phone."""
    copies: ConsistentCopies = field(default_factory=ConsistentCopies)
    _instances: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_CONNECTIONS))
    _last_aside: datetime = datetime.min
    _busy: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def connection_slot(self) -> Iterator[bool]:
        """One conversation with a host. False: there are too many, and this one is hung up on."""
        admitted = self._instances.acquire(blocking=False)
        try:
            yield admitted
        finally:
            if admitted:
                self._instances.release()

    @contextmanager
    def exclusive(self, refusal: str) -> Iterator[None]:
        """One backup or restore at a time. Raises MBError with `refusal` (code 1, facts 5.1 row 4)."""
        if not self._busy.acquire(timeout=BUSY_WAIT_S):
            raise MBError(MBErrorCode.OTHER, refusal)
        try:
            yield
        finally:
            self._busy.release()

    def name_aside(self, folder: str) -> str:
        """`<folder>-yyyyMMdd-HHmmss`, where a backup is put aside; no name is given twice."""
        self._last_aside = max(datetime.now().replace(microsecond=0), self._last_aside + timedelta(seconds=1))
        return f"{folder}-{self._last_aside:%Y%m%d-%H%M%S}"

    def remember(self, uuid: str, *, unreadable_ids: frozenset[str], rows: int) -> None:
        """What is still known of a finished backup when the next one begins."""
        self.unreadable_ids[uuid], self.rows[uuid] = unreadable_ids, rows
        for known in (self.unreadable_ids, self.rows):
            while len(known) > REMEMBERED_BACKUPS:
                del known[next(iter(known))]


def memory_of(phone: SimulatedPhone) -> AgentMemory:
    """Made when first needed; gone when the phone is erased."""
    memory = phone.backup_memory.setdefault("agent", AgentMemory())
    assert isinstance(memory, AgentMemory)
    return memory


def keys_of(phone: SimulatedPhone) -> PhoneKeys:
    """The keybag for the password the phone has now; made once, because a real one costs seconds (facts 3.5)."""
    memory = memory_of(phone)
    if memory.keys is None or memory.keys.password != phone.backup_password:
        keybag, class_keys = Keybag.create(phone.backup_password, rounds=phone.keybag_rounds)
        memory.keys = PhoneKeys(phone.backup_password, keybag, class_keys)
    return memory.keys
