"""The software iPhone itself: what it is, what lies on it, and the state its services share.

    trust    never asked -> dialog open -> trusted | denied       (Trust, `request_trust`)
    screen   not unlocked since boot -> unlocked <-> locked       (`lock`, `unlock`, `reboot`)
    setup    never-begun | running -> finished                    (`finish_setup`)
    restore  nothing -> pending_restore -> applied by `reboot`

Threads: every public method may be called from any thread.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from migrate.softphone import identity
from migrate.softphone.app import App
from migrate.softphone.faults import Faults
from migrate.softphone.filesystem import Filesystem
from migrate.softphone.hand import Hand
from migrate.softphone.locks import AdvisoryLocks
from migrate.softphone.passcode_sheet import PasscodeSheet
from migrate.softphone.spool import Keeps

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Trust = Literal["trusted", "ask", "denied", "locked"]
Setup = Literal["finished", "running", "never-begun"]
PairAnswer = Literal["trusted", "PairingDialogResponsePending", "UserDeniedPairing", "PasswordProtected"]

BACKUP_DOMAIN_CHANGED = "com.apple.mobile.backup.domain_changed"
ESCROW_BAG_BYTES = 32
"""What a pair record of pymobiledevice3 carries; the phone alone knows what it means."""


@dataclass(frozen=True)
class HostCertificates:
    """A computer this phone trusts, as its pair record named it. PEM."""

    host_id: str
    system_buid: str
    root: bytes = field(repr=False)
    host: bytes = field(repr=False)
    device: bytes = field(repr=False)


class StagedRestore(Protocol):
    """A restore that has been received and waits for the reboot."""

    @property
    def was_replace(self) -> bool: ...

    def apply(self, phone: Softphone) -> None: ...


class Cable(Protocol):
    """The usbmuxd a phone hangs on."""

    def attach(self, phone: Softphone) -> None:
        """Shows the phone under a new DeviceID. Nothing, once the server has stopped."""

    def detach(self, phone: Softphone) -> bool:
        """Takes the phone away and cuts its connections, without waiting for their threads. Whether it was there."""


@dataclass(eq=False)
class Softphone:
    """One software iPhone. Empty serial, build, addresses follow from the UDID, iOS version and model."""

    udid: str = ""
    name: str = "iPhone"
    ios_version: str = "17.5.1"
    model: str = "iPhone13,2"
    serial: str = ""
    build: str = ""
    wifi_address: str = ""
    imei: str = ""
    phone_number: str = "+1 (555) 010-0100"
    files: Filesystem = field(default_factory=Filesystem, repr=False)
    apps: dict[str, App] = field(default_factory=dict, repr=False)
    scratch: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What hosts wrote over AFC and no backup holds: absolute AFC path -> bytes; a key ending in "/" is a directory."""
    capacity_bytes: int = 64_000_000_000
    """Room for a person's data; the system lies beside it."""
    battery_percent: int = 87
    language: str = "en"
    locale: str = "en_US"
    time_zone: str = "Europe/Berlin"

    trust: Trust = "trusted"
    """`trusted` accepts every computer without a dialog. `locked` is short for: never trusted, and locked."""
    passcode: str = field(default="", repr=False)
    setup: Setup = "finished"
    on_wifi: bool = False
    """usbmuxd lists the phone a second time, as a Network device."""
    find_my: bool = False
    activated: bool = True
    pairing_allowed: bool = True  # False: supervised, and its owner forbids pairing
    requires_encryption: bool = False  # by its owner's policy (MDM)
    cloud_backup_unix_s: int | None = None  # the last iCloud backup
    itunes_backup_unix_s: int | None = None  # the last backup to a computer
    cloud_sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Where Bookmarks, Calendars, Contacts and Notes come from besides the phone: "Contacts" -> ("iCloud",)."""
    backup_password: str | None = field(default=None, repr=False)
    keybag_rounds: int = 10_000_000
    keeps: Keeps = "contents"
    """What stays of a restored file: `digests` keeps size and SHA-256 only, so that any amount can be received. Such a
    phone cannot back those files up again."""

    hand: Hand = field(default_factory=Hand)
    faults: Faults = field(default_factory=Faults, repr=False)
    boot_delay_s: float = 0.05
    """How long the phone is away from the cable in a reboot."""
    trusted_hosts: dict[str, HostCertificates] = field(default_factory=dict, repr=False)
    lockdown_settings: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    """What hosts have set by SetValue: domain -> key -> value, over what the phone computes."""
    pending_restore: StagedRestore | None = field(default=None, repr=False)
    backup_memory: dict[str, Any] = field(default_factory=dict, repr=False)
    """The backup agent's own: keybags, what was sent in which backup."""

    def __post_init__(self) -> None:
        self.udid = self.udid or identity.udid_from_seed(secrets.token_hex(8))
        self.serial = self.serial or identity.serial_from_seed(self.udid)
        self.build = self.build or identity.build_of(self.ios_version)
        self.wifi_address = self.wifi_address or identity.wifi_address_from_seed(self.udid)
        self.imei = self.imei or identity.imei_from_seed(self.udid)
        self.cable: Cable | None = None
        self.advisory_locks = AdvisoryLocks()
        self.sheet = PasscodeSheet(self.post)
        self._changing = threading.RLock()
        self.setup_state = "SetupUsingAssistant"  # com.apple.purplebuddy's word for how this phone was set up
        self._observers: list[Callable[[str], None]] = []
        self._locked = False
        self._unlocked_since_boot = True
        self._pair_polls = 0
        self._dialog_denied = False
        self._is_plugged_in = False
        self._resting = threading.Event()
        self._afterwards: list[threading.Thread] = []
        self._key: RSAPrivateKey | None = None
        self._escrow_bag = secrets.token_bytes(ESCROW_BAG_BYTES)
        if self.trust == "locked":
            self.trust, self._locked = "ask", True

    # --- what it is

    @property
    def model_facts(self) -> identity.Model:
        return identity.model_of(self.model)

    @property
    def device_class(self) -> str:
        return self.model_facts.device_class

    @property
    def ios(self) -> tuple[int, ...]:
        """`17.5.1` as `(17, 5, 1)`."""
        return tuple(int(part) for part in self.ios_version.split("."))

    @property
    def ecid(self) -> int:
        return int(self.udid.replace("-", "")[-16:], 16)

    @property
    def used_bytes(self) -> int:
        return self.files.total_bytes + sum(map(len, tuple(self.scratch.values())))

    @property
    def free_bytes(self) -> int:
        return self.faults.free_space(max(0, self.capacity_bytes - self.used_bytes))

    @property
    def will_encrypt(self) -> bool:
        return self.backup_password is not None

    @property
    def private_key(self) -> RSAPrivateKey:
        """The phone's own RSA key, made when it is first needed and never the same in two processes."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        with self._changing:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key

    # --- notifications

    def post(self, notification: str) -> None:
        """Tells every notification_proxy connection; those that observe this name relay it."""
        with self._changing:
            observers = tuple(self._observers)
        for observer in observers:
            observer(notification)

    def observe(self, observer: Callable[[str], None]) -> Callable[[], None]:
        """Calls `observer` with every posted name, in the poster's thread. Returns what ends that."""
        with self._changing:
            self._observers.append(observer)

        def stop() -> None:
            with self._changing:
                self._observers.remove(observer)

        return stop

    # --- the screen

    @property
    def locked(self) -> bool:
        return self._locked

    @property
    def unlocked_since_boot(self) -> bool:
        return self._unlocked_since_boot

    @property
    def escrow_bag(self) -> bytes | None:
        """What a trusted computer shows to unlock a locked phone's keybag. INFERRED: none without a passcode."""
        return self._escrow_bag if self.passcode else None

    def lock(self) -> None:
        with self._changing:
            self._locked = True

    def unlock(self) -> None:
        with self._changing:
            self._locked, self._unlocked_since_boot = False, True

    def refused_while_locked(self) -> None:
        """A request was just refused because the phone is locked: its person may unlock it now."""
        if self.hand.unlocks:
            self.unlock()

    def enter_passcode(self) -> bool:
        """Shows the passcode sheet and waits for the person. True: entered, or there is no passcode.

        False: declined, ignored until the sheet went away, nobody came for 30 minutes, or the cable is gone.
        """
        if not self.passcode:
            return True

        def nobody_asks() -> bool:
            return self._resting.is_set() or (self.cable is not None and not self._is_plugged_in)

        entered = self.sheet.show(self.hand, nobody_asks=nobody_asks)
        if entered:
            self.unlock()
        return entered

    @property
    def asks_passcode(self) -> bool:
        """Whether the passcode sheet is on the screen."""
        return self.sheet.is_shown

    def answer_passcode(self, entered: bool = True) -> None:
        """The person at the phone enters the passcode now, or taps Cancel."""
        self.sheet.answer(entered)

    # --- trust

    def request_trust(self) -> PairAnswer:
        """One `Pair` request of a computer that is not trusted: opens the dialog or looks whether it was answered."""
        with self._changing:
            if self.trust == "trusted":
                return "trusted"
            if self.trust == "denied":
                return "UserDeniedPairing"
            if self._locked:
                self.refused_while_locked()
                return "PasswordProtected"
            self._pair_polls += 1
            if self.hand.trust_after_polls is None or self._pair_polls <= self.hand.trust_after_polls:
                return "PairingDialogResponsePending"
            if self.hand.trust_answer == "trust":
                self.tap_trust()
                return "trusted"
            self.deny_trust()
            return "UserDeniedPairing"

    def tap_trust(self) -> None:
        with self._changing:
            self.trust, self._dialog_denied = "trusted", False

    def deny_trust(self) -> None:
        with self._changing:
            self.trust, self._dialog_denied = "denied", True

    def forget_hosts(self) -> None:
        """Reset Location & Privacy: every computer must ask again (its sessions get InvalidHostID)."""
        with self._changing:
            self.trusted_hosts.clear()
            self.trust, self._pair_polls = "ask", 0

    def forget_host(self, host_id: str) -> bool:
        """Unpair. Whether the computer was known; it must ask again afterwards."""
        with self._changing:
            known = self.trusted_hosts.pop(host_id, None) is not None
            if known:
                self.trust, self._pair_polls = "ask", 0
            return known

    # --- setup, Find My

    def finish_setup(self) -> None:
        with self._changing:
            self.setup = "finished"

    def refused_over_find_my(self) -> None:
        """A restore was just refused with 211: the person may switch Find My off now."""
        if self.hand.turns_off_find_my:
            self.find_my = False

    # --- the cable, and restarting

    def plugged_in(self, cable: Cable) -> None:
        """Called by the server. A dialog that was denied comes back with the next plugging in (REPORTED, facts 5.3)."""
        with self._changing:
            self.cable, self._is_plugged_in = cable, True
            self._resting.clear()
            self._pair_polls = 0
            if self._dialog_denied:
                self.trust, self._dialog_denied = "ask", False

    def unplugged(self) -> None:
        """Called by the server: whoever waits for the person gives up."""
        self._is_plugged_in = False
        self.sheet.take_away()

    def replug(self) -> None:
        """The cable drops and is there again, under a new DeviceID."""
        cable = self.cable
        if cable is not None and cable.detach(self):
            self._resting.wait(self.boot_delay_s)
            cable.attach(self)

    def reboot(self) -> None:
        """Restarts: a pending restore becomes visible, then the phone is back on the cable. Returns after that.

        After a `replace` no computer is trusted and the setup runs until the person finishes it (in the background,
        `hand.setup_delay_s` after the phone is back). Without a cable everything happens before this returns.
        """
        cable = self.cable
        was_plugged_in = cable is not None and cable.detach(self)
        replaced = False
        if (restore := self.pending_restore) is not None:
            self.pending_restore = None
            restore.apply(self)
            replaced = restore.was_replace
        with self._changing:
            self._locked = bool(self.passcode)
            self._unlocked_since_boot = not self.passcode
            if replaced:
                self.forget_hosts()
                self.setup, self.setup_state = "running", "RestoredFromiTunesBackup"  # both REPORTED (facts 4.8)
        if cable is None:
            self._greet_after_boot()
            return
        self._resting.wait(self.boot_delay_s)
        if was_plugged_in:
            cable.attach(self)
        self._afterward(self._greet_after_boot, self.hand.setup_delay_s)

    def reboot_soon(self, after_s: float = 0.0) -> None:
        """The same from a service of the phone itself, which is cut off by it: in the background."""
        self._afterward(self.reboot, after_s)

    def erase(self) -> None:
        """Erase All Content and Settings: empty, untrusted, and in front of its setup."""
        self.files = Filesystem()
        self.apps.clear()
        self.scratch.clear()
        self.lockdown_settings.clear()
        self.backup_memory.clear()
        self.pending_restore = None
        self.passcode, self.backup_password, self.find_my = "", None, False
        self._escrow_bag = secrets.token_bytes(ESCROW_BAG_BYTES)
        self.forget_hosts()
        self.unlock()
        self.setup = "never-begun"

    def rest(self) -> None:
        """Called by the server at its end: waits until nothing of this phone runs in the background."""
        self._resting.set()
        while self._afterwards:
            thread = self._afterwards.pop()
            if thread is not threading.current_thread():
                thread.join()
        self.cable = None

    def _greet_after_boot(self) -> None:
        if self.hand.unlocks:
            self.unlock()
        if self.hand.finishes_setup and self.setup == "running":
            self.finish_setup()

    def _afterward(self, do: Callable[[], None], after_s: float) -> None:
        def wait_and_do() -> None:
            if not self._resting.wait(after_s):
                do()

        thread = threading.Thread(target=wait_and_do, name=f"softphone {self.name}", daemon=True)
        with self._changing:
            self._afterwards = [thread for thread in self._afterwards if thread.is_alive()]
            thread.start()  # before it is listed: `rest` may join what is listed at once
            self._afterwards.append(thread)
