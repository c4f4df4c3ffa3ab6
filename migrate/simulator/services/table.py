"""The services lockdownd can start, and what each of them requires."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.faults.faulty_stream import FaultInjector, FaultyStream
from migrate.simulator.services import (
    afc,
    configuration,
    diagnostics,
    installation_proxy,
    notification_proxy,
    springboard,
)
from migrate.simulator.usbmuxd.streams import SocketStream

BACKUP = "com.apple.mobilebackup2"
AFC = "com.apple.afc"


@dataclass(frozen=True)
class Service:
    serve: Callable[[SocketStream, SimulatedPhone], None]
    needs_session: bool = True  # False: also before pairing, then in plaintext
    needs_keybag: bool = False  # closed until the first unlock after a boot
    needs_escrow_bag: bool = False  # on a locked phone (facts 1.2: REPORTED for mobilebackup2)
    needs_activation: bool = False


def _serve_backups(stream: SocketStream, phone: SimulatedPhone) -> None:
    from migrate.simulator.agent import agent

    if phone.faults.drop_sessions > 0:
        phone.faults.drop_sessions -= 1
        return
    cable = phone.cable
    injector = FaultInjector(
        phone.faults,
        phone.replug,
        unplug=(lambda: cable.detach(phone)) if cable is not None else None,
        is_cut=lambda: stream.is_cut,
    )
    agent.serve(FaultyStream(stream, injector), phone)


SERVICES = {
    AFC: Service(afc.serve, needs_keybag=True),
    BACKUP: Service(_serve_backups, needs_keybag=True, needs_escrow_bag=True, needs_activation=True),
    "com.apple.mobile.MCInstall": Service(configuration.serve),
    "com.apple.mobile.notification_proxy": Service(notification_proxy.serve),
    "com.apple.mobile.insecure_notification_proxy": Service(notification_proxy.serve, needs_session=False),
    "com.apple.mobile.installation_proxy": Service(installation_proxy.serve),
    "com.apple.springboardservices": Service(springboard.serve),
    "com.apple.mobile.diagnostics_relay": Service(diagnostics.serve),
}
