"""com.apple.mobilebackup2: one connection to the backup agent of the simulated iPhone (facts 2).

A Hello, then requests until the host disconnects. Each request ends with one Response.
"""

from __future__ import annotations

import threading

from migrate.simulator.agent.backup import back_up
from migrate.simulator.agent.host_folder import FRAME_BYTES
from migrate.simulator.agent.listing import describe_backup, extract, unback
from migrate.simulator.agent.memory import memory_of
from migrate.simulator.agent.password import change_password
from migrate.simulator.agent.restore import receive_restore
from migrate.simulator.agent.rules import AgentCrashed
from migrate.simulator.device.conditions import Act
from migrate.simulator.device.phone import BACKUP_DOMAIN_CHANGED, SimulatedPhone
from migrate.simulator.faults.faults import RequestKind
from migrate.simulator.faults.faulty_host_folder import FaultyHostFolder
from migrate.simulator.faults.faulty_stream import FaultInjector, FaultyStream, Refused
from migrate.simulator.usbmuxd.streams import ByteStream
from migrate.wire.backup2 import (
    Backup,
    ChangePassword,
    EnableCloudBackup,
    EraseDevice,
    Extract,
    Hello,
    InfoOrList,
    MBError,
    MBErrorCode,
    Remove,
    Request,
    Restore,
    Unback,
    error_response,
    hello_response,
    ok_response,
)
from migrate.wire.plist_frames import PeerBroke

GOODBYE_WAIT_S = 3.0
"""How long the phone waits for the host to disconnect before it restarts. A real one restarts some seconds after its
Response; restarting after the host disconnects, but within this time, fits what hosts see (*guessed*)."""


def serve(connection: ByteStream, phone: SimulatedPhone) -> None:
    """Serves one host until it disconnects or breaks the protocol. The caller closes the connection.

    Raises:
        LinkCut, OSError: the link dropped.
    """
    with memory_of(phone).connection_slot() as admitted:
        if admitted:
            Agent(connection, phone).serve()


class Agent:
    def __init__(self, connection: ByteStream, phone: SimulatedPhone) -> None:
        self.phone = phone
        frame_sizes = [size for size in phone.faults.frame_sizes if size > 0]
        if isinstance(connection, FaultyStream):
            self.injector = connection.injector
        else:
            self.injector = FaultInjector(phone.faults, connection.close)
        self.host = FaultyHostFolder(connection, self.injector, frames=frame_sizes or (FRAME_BYTES,))
        self.host.cancelled = phone.cancelled.is_set
        self.disconnected = threading.Event()

    def serve(self) -> None:
        try:
            self.host.open()
            while (request := self.host.next_request()) is not None and self._answer(request):
                pass
        except PeerBroke:
            return
        finally:
            self.disconnected.set()

    def _answer(self, request: Request) -> bool:
        """Answers a request. Returns whether the session continues.

        A request for another phone makes a real agent crash, so it gets no answer.
        """
        if isinstance(request, Hello):
            self.host.respond(hello_response(request.versions))
            return True
        if request.udid != self.phone.udid:
            return False
        try:
            self.injector.begin_request(_request_kind(request))
            content = self._do(request)
            self.injector.refuse_at_end()
        except MBError as error:
            self.host.respond(error_response(error))
            return True
        except Refused as refusal:
            if isinstance(request, Restore):
                self.phone.pending_restore = None
            self.host.respond(error_response(refusal.error))
            return True
        except AgentCrashed:
            return False
        if isinstance(request, Restore) and self._restart_after(request):
            return False
        self.injector.end_request()
        self.host.respond(ok_response(content))
        return True

    def _do(self, request: Request) -> str | None:
        """Executes a request. Returns the Content of its Response, if any. Raises MBError."""
        self.phone.cancelled.clear()
        behaviour = self.phone.behaviour
        match request:
            case Backup():
                self._ask_for_passcode(behaviour.passcode_for_backup)
                self._check_conditions("backup")
                if self.phone.requires_encryption and not self.phone.will_encrypt:
                    raise MBError(MBErrorCode.PASSWORD, "Backup encryption is required by policy")
                with memory_of(self.phone).exclusive("Another backup or restore is running"):
                    back_up(self.phone, self.host, request)
            case Restore():
                self._ask_for_passcode(self.phone.assume.restore_asks_passcode)
                self._check_conditions("restore")
                with memory_of(self.phone).exclusive("Acquiring restore lock failed"):
                    receive_restore(self.phone, self.host, request)
            case ChangePassword():
                self._ask_for_passcode(behaviour.passcode_for_password)
                with memory_of(self.phone).exclusive("Another backup or restore is running"):
                    change_password(self.phone, self.host, request)
            case InfoOrList():
                return describe_backup(self.host, request)
            case Extract():
                extract(self.host, request)
            case Unback():
                unback(self.host, request)
            case Remove():
                raise MBError(MBErrorCode.OTHER, "Remove action is no longer supported")
            case EnableCloudBackup():
                self._set_icloud_backup(request.state)
            case EraseDevice():
                # a real phone erases itself and drops the link; a test must not lose a phone's data by a request
                raise MBError(MBErrorCode.OTHER, "This simulated iPhone can only be erased through the admin channel")
        return None

    def _set_icloud_backup(self, on: bool) -> None:
        """Turns iCloud Backup on or off. That the phone posts a notification, as when the backup password changes, is
        *guessed*."""
        if not self.phone.icloud_account:
            raise MBError(self.phone.assume.no_icloud_account, "No account exists")
        self.phone.conditions.check_icloud_backup(on)
        self.phone.icloud_backup = on
        self.phone.post(BACKUP_DOMAIN_CHANGED)

    def _ask_for_passcode(self, wanted: bool) -> None:
        if wanted and not self.phone.enter_passcode():
            timeout = " - timeout waiting for passcode entry" if self.phone.sheet.timed_out else ""
            raise MBError(MBErrorCode.PHONE_LOCKED, f"Device locked{timeout}")

    def _check_conditions(self, act: Act) -> None:
        phone = self.phone
        phone.conditions.check_policy(act)
        if phone.setup == "running":
            raise MBError(MBErrorCode.SETUP_RUNNING, "Setup assistant is running")
        phone.conditions.check(act)
        if phone.battery_percent < phone.assume.battery_gate_percent and not phone.conditions.charging:
            raise MBError(MBErrorCode.OTHER, "Battery is too low")  # *guessed*: no such check has been seen

    def _restart_after(self, request: Restore) -> bool:
        """Schedules the restart after a restore. Returns True if the link is to drop instead of the Response."""
        if request.options.should_reboot:
            threading.Thread(target=self._restart, name=f"restart {self.phone.name}", daemon=True).start()
        return self.phone.faults.drop_instead_of_response

    def _restart(self) -> None:
        self.disconnected.wait(GOODBYE_WAIT_S)
        self.phone.reboot_soon()


def _request_kind(request: Request) -> RequestKind:
    match request:
        case Backup():
            return "backup"
        case Restore():
            return "restore"
        case ChangePassword():
            return "password"
    return "other"
