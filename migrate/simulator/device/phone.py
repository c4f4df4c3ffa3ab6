"""The simulated iPhone: the state its services share, and the events that change it.

    trust    never asked -> dialog open -> trusted | denied       (Trust, `request_trust`)
    screen   before-first-unlock -> unlocked <-> locked           (`lock`, `unlock`, `reboot`)
    setup    never-begun | running -> finished                    (`finish_setup`)
    restore  none -> pending_restore -> applied by `reboot` -> the rest arrives (`finish_background_restore`)

Every public method may be called from any thread.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from migrate.simulator.device.background import BackgroundTasks
from migrate.simulator.device.filesystem import Filesystem
from migrate.simulator.device.notifications import Notifications
from migrate.simulator.device.passcode_sheet import PasscodeSheet
from migrate.simulator.device.state import PhoneState
from migrate.simulator.services.file_locks import AdvisoryLocks

Trust = Literal["trusted", "ask", "denied", "locked"]
Screen = Literal["unlocked", "locked", "before-first-unlock"]
PairAnswer = Literal["trusted", "PairingDialogResponsePending", "UserDeniedPairing", "PasswordProtected"]

BACKUP_DOMAIN_CHANGED = "com.apple.mobile.backup.domain_changed"
SYNC_CANCELLED = "com.apple.itunes-client.syncCancelRequest"
"""The user tapped the ✕ beside "Sync in progress" (facts 1.3)."""
ESCROW_BAG_BYTES = 32
"""The length in pymobiledevice3's pair records. The content is opaque to the host."""


@dataclass(frozen=True)
class HostCertificates:
    """A computer this phone trusts, from its pair record. Certificates are PEM."""

    host_id: str
    system_buid: str
    root: bytes = field(repr=False)
    host: bytes = field(repr=False)
    device: bytes = field(repr=False)


class StagedRestore(Protocol):
    """A restore that was received and is applied at the next reboot."""

    @property
    def removes_unrestored(self) -> bool: ...

    @property
    def runs_setup(self) -> bool:
        """Whether Setup Assistant runs afterwards."""

    def apply(self, phone: SimulatedPhone) -> None: ...


class Cable(Protocol):
    """The usbmuxd a phone is attached to."""

    def attach(self, phone: SimulatedPhone) -> None:
        """Attaches the phone under a new DeviceID. Does nothing once the server has stopped."""

    def detach(self, phone: SimulatedPhone) -> bool:
        """Detaches the phone and cuts its connections, without waiting for their threads.

        Returns whether the phone was attached.
        """


@dataclass(eq=False)
class SimulatedPhone(PhoneState):
    """One simulated iPhone."""

    trust: Trust = "trusted"
    """`trusted` accepts every computer without a dialog. `locked` means not yet trusted, with a locked screen."""
    screen: Screen = "unlocked"
    boot_delay_s: float = 0.05
    """How long the phone stays off the bus during a reboot."""
    trusted_hosts: dict[str, HostCertificates] = field(default_factory=dict, repr=False)
    pending_restore: StagedRestore | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.cable: Cable | None = None
        self.advisory_locks = AdvisoryLocks()
        self.notifications = Notifications()
        self.sheet = PasscodeSheet(self.post)
        self.in_recovery = False
        self.forgotten_hosts: set[str] = set()
        self.cancelled = threading.Event()
        self._changing = threading.RLock()
        self._pair_polls = 0
        self._dialog_denied = False
        self._is_plugged_in = False
        self._setup_awaits_computer = False
        self._background = BackgroundTasks(self.name)
        self._background_restores: list[Callable[[], None]] = []
        self._returns_at_sign_in: list[Callable[[], None]] = []
        self._after_setup: list[tuple[Callable[[], None], float]] = []
        self._escrow_bag = secrets.token_bytes(ESCROW_BAG_BYTES)
        if self.trust == "locked":
            self.trust = "ask"
            if self.screen == "unlocked":
                self.screen = "locked"

    # --- notifications

    def post(self, notification: str) -> None:
        """Posts a notification. Connections to notification_proxy that observe this name relay it."""
        self.notifications.post(notification)

    def observe(self, observer: Callable[[str], None]) -> Callable[[], None]:
        """Calls `observer` with every posted name, in the poster's thread. Returns a function that stops it."""
        return self.notifications.observe(observer)

    def tap_cancel(self) -> None:
        """The user taps cancel: hosts are notified, and a run ends with 202 if `assume.cancel` is "phone-ends"."""
        self.post(SYNC_CANCELLED)
        if self.assume.cancel == "phone-ends":
            self.cancelled.set()

    def on_transfer_started(self, act: Literal["backup", "restore"]) -> None:
        """The backup agent started a transfer: the user sees it and may tap cancel."""
        if self.simulated_user.cancels == act:
            self.tap_cancel()

    # --- the screen

    @property
    def locked(self) -> bool:
        return self.screen != "unlocked"

    @property
    def unlocked_since_boot(self) -> bool:
        return self.screen != "before-first-unlock"

    @property
    def escrow_bag(self) -> bytes | None:
        """What a trusted computer sends to unlock a locked phone's keybag. INFERRED: None without a passcode."""
        return self._escrow_bag if self.passcode else None

    def lock(self) -> None:
        with self._changing:
            if self.screen == "unlocked":
                self.screen = "locked"

    def unlock(self) -> None:
        with self._changing:
            self.screen = "unlocked"

    def on_refused_while_locked(self) -> None:
        """A request was refused because the phone is locked: the user may unlock it now."""
        if self.simulated_user.unlocks:
            self.unlock()

    def enter_passcode(self) -> bool:
        """Shows the passcode sheet and waits for the user.

        Returns True if the passcode was entered or the phone has none. False if the user declined or ignored the
        sheet, did not answer within 30 minutes, or the cable was pulled.
        """
        if not self.passcode:
            return True

        def is_disconnected() -> bool:
            return self._background.is_shut_down or (self.cable is not None and not self._is_plugged_in)

        entered = self.sheet.show(self.simulated_user, is_disconnected=is_disconnected)
        if entered:
            self.unlock()
        return entered

    @property
    def asks_passcode(self) -> bool:
        """Whether the passcode sheet is shown."""
        return self.sheet.is_shown

    def answer_passcode(self, entered: bool = True) -> None:
        """The user enters the passcode, or taps Cancel."""
        self.sheet.answer(entered)

    # --- trust

    def request_trust(self) -> PairAnswer:
        """Handles one `Pair` request of an untrusted computer: opens the dialog, or checks for the user's answer."""
        with self._changing:
            if self.trust == "trusted":
                return "trusted"
            if self.trust == "denied":
                return "UserDeniedPairing"
            if self.locked:
                self.on_refused_while_locked()
                return "PasswordProtected"
            self._pair_polls += 1
            if (
                self.simulated_user.trust_after_polls is None
                or self._pair_polls <= self.simulated_user.trust_after_polls
            ):
                return "PairingDialogResponsePending"
            if self.simulated_user.trust_answer == "trust":
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
        """Reset Location & Privacy: every computer must pair again (StartSession answers InvalidHostID)."""
        with self._changing:
            self.forgotten_hosts |= self.trusted_hosts.keys()
            self.trusted_hosts.clear()
            self.trust, self._pair_polls = "ask", 0

    def forget_host(self, host_id: str) -> bool:
        """Unpairs one computer, which must pair again. Returns whether it was known."""
        with self._changing:
            known = self.trusted_hosts.pop(host_id, None) is not None
            if known:
                self.forgotten_hosts.add(host_id)
                self.trust, self._pair_polls = "ask", 0
            return known

    # --- setup, Find My

    def finish_setup(self) -> None:
        with self._changing:
            self.setup = "finished"
        self._start_what_waited_for_setup()

    def run_after_setup(self, do: Callable[[], None], after_s: float) -> None:
        """Calls `do` in the background, `after_s` after Setup Assistant has ended. For use while a restore is applied:
        if no setup follows, the time runs from the restart."""
        with self._changing:
            self._after_setup.append((do, after_s))

    def _start_what_waited_for_setup(self) -> None:
        with self._changing:
            waiting, self._after_setup = self._after_setup, []
        for do, after_s in waiting:
            self._background.run_later(do, after_s)

    def on_setup_read(self) -> None:
        """A computer was just told how far the setup is: a person who waited for that goes on now."""
        with self._changing:
            was_waiting, self._setup_awaits_computer = self._setup_awaits_computer, False
        if was_waiting:
            self._background.run_later(self.finish_setup, self.simulated_user.setup_delay_s)

    def on_refused_by_find_my(self) -> None:
        """A restore was refused with 211: the user may turn Find My off now."""
        if self.simulated_user.turns_off_find_my:
            self.find_my = False

    # --- the cable and restarts

    def on_attached(self, cable: Cable) -> None:
        """Called by the server. A denied trust dialog comes back when the phone is plugged in (REPORTED, facts 5.3)."""
        with self._changing:
            self.cable, self._is_plugged_in = cable, True
            self._background.resume()
            self._pair_polls = 0
            if self._dialog_denied:
                self.trust, self._dialog_denied = "ask", False

    def on_detached(self) -> None:
        """Called by the server. Requests that wait for the user fail."""
        self._is_plugged_in = False
        self.sheet.dismiss()

    def replug(self) -> None:
        """Drops the cable and attaches the phone again under a new DeviceID."""
        cable = self.cable
        if cable is not None and cable.detach(self):
            self._background.wait(self.boot_delay_s)
            cable.attach(self)

    def enter_recovery(self) -> None:
        """Enters recovery mode, in which usbmuxd does not list the phone. `reboot` leaves it."""
        self.in_recovery = True
        if self.cable is not None:
            self.cable.detach(self)

    def reboot(self) -> None:
        """Restarts the phone: applies a pending restore, then attaches the phone again. Blocks until it is attached.

        After a restore that removes everything else no computer is trusted. After it, and after one that replaced
        whole domains, Setup Assistant runs until the user finishes it (in the background, `setup_delay_s` after the
        phone is attached). Without a cable everything happens before this returns.
        """
        cable = self.cable
        was_plugged_in = (cable is not None and cable.detach(self)) or self.in_recovery
        self.in_recovery = False
        self.conditions.on_restart()
        if (restore := self.pending_restore) is not None:
            self.pending_restore = None
            restore.apply(self)
        with self._changing:
            self.screen = "before-first-unlock" if self.passcode else "unlocked"
            if restore is not None and restore.removes_unrestored:
                self.forget_hosts()
            if restore is not None and restore.runs_setup:
                self.setup, self.setup_state = "running", "RestoredFromiTunesBackup"  # both REPORTED (facts 4.8)
            user = self.simulated_user
            self._setup_awaits_computer = (
                self.setup == "running" and user.finishes_setup and user.setup_waits_for_computer
            )
        if self.setup != "running":
            self._start_what_waited_for_setup()
        if cable is None:
            self._simulate_user_after_boot()
            return
        self._background.wait(self.boot_delay_s)
        if was_plugged_in:
            cable.attach(self)
        self._background.run_later(self._simulate_user_after_boot, self.simulated_user.setup_delay_s)

    def reboot_soon(self, after_s: float = 0.0) -> None:
        """Restarts in the background, for a service of the phone that the restart disconnects."""
        self._background.run_later(self.reboot, after_s)

    # --- the background part of a restore

    @property
    def has_background_restore(self) -> bool:
        """Whether part of a restore has not arrived yet after the restart."""
        return bool(self._background_restores)

    def add_background_restore(self, arrival: Callable[[], None]) -> None:
        """Registers what to do when the next wave of a restore's background part arrives."""
        with self._changing:
            self._background_restores.append(arrival)

    def arrive_next_wave(self) -> None:
        """Brings the first wave that has not arrived yet, if there is one."""
        with self._changing:
            arrivals, self._background_restores = self._background_restores[:1], self._background_restores[1:]
        for arrival in arrivals:
            arrival()

    def finish_background_restore(self) -> None:
        """Completes the background part of every restore now."""
        with self._changing:
            arrivals, self._background_restores = self._background_restores, []
        for arrival in arrivals:
            arrival()

    # --- accounts

    @property
    def awaits_sign_in(self) -> bool:
        """Whether a restore brought items of accounts that the user has not signed in to on this phone."""
        return bool(self._returns_at_sign_in)

    def add_return_at_sign_in(self, give_back: Callable[[], None]) -> None:
        """Registers how a cloud gives an account's items back."""
        with self._changing:
            self._returns_at_sign_in.append(give_back)

    def sign_in(self) -> None:
        """The user signs in to the accounts: their items come back. Does nothing if none is missing."""
        with self._changing:
            returns, self._returns_at_sign_in = self._returns_at_sign_in, []
        for give_back in returns:
            give_back()

    # --- erase and shut down

    def erase(self) -> None:
        """Erase All Content and Settings: the phone is empty, untrusted and not set up. It stays on the cable."""
        self.files = Filesystem()
        self.keychain.reset()
        self.apps.clear()
        self.afc_files.clear()
        self.afc_times.clear()
        self.icon_layout.clear()
        self.lockdown_settings.clear()
        self.backup_memory.clear()
        self.pending_restore = None
        self._background_restores.clear()
        self._returns_at_sign_in.clear()
        self._after_setup.clear()
        self.passcode, self.backup_password, self.find_my = "", None, False
        self.icloud_account, self.icloud_backup, self.cloud_backup_unix_s = "", None, None
        self._escrow_bag = secrets.token_bytes(ESCROW_BAG_BYTES)
        self.forget_hosts()
        self.unlock()
        self.setup = "never-begun"

    def reset_settings(self) -> None:
        """Reset All Settings: the backup password and the layout of the home screen are gone, the data stays. The phone
        restarts. Sources: facts 5.4; what else it resets has no counterpart here."""
        self.icon_layout.clear()
        self.backup_password = None
        self.post(BACKUP_DOMAIN_CHANGED)
        self.reboot()

    def shut_down(self) -> None:
        """Called when the server stops. Waits until the phone's background threads have ended."""
        self._background.shut_down()
        self.cable = None

    def _simulate_user_after_boot(self) -> None:
        if self.simulated_user.unlocks:
            self.unlock()
        waits_for_computer = self.simulated_user.setup_waits_for_computer
        if self.simulated_user.finishes_setup and self.setup == "running" and not waits_for_computer:
            self.finish_setup()
