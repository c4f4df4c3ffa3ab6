"""A simulated iPhone set up like the new phone, on a private socket, for a rehearsal.

Its pairing record lies in the run's tmp, and this computer's usbmuxd does not know it, so the trust of real phones is
not affected. Its UDID is random, or the new phone's for a set made from that phone's own backup: phones leave out some
files of another one (facts 4.1). It keeps only digests of what it is sent, so it needs no space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import InstalledApp
from migrate.plan.strategy import parse_version
from migrate.simulator.agent.backup_apps import app_from_backup
from migrate.simulator.contents.from_backup import fill_from_backup
from migrate.simulator.device.identity import build_of
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.listeners import LOOPBACK, has_unix_sockets
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

SOCKET_PATH_LIMIT = 100
"""A unix socket's path has 104 bytes on macOS and 108 on Linux, its end among them (*read*: unix(7), sys/un.h)."""


def build_rehearsal_phone(
    facts: PhoneFacts,
    installed: Mapping[str, InstalledApp],
    restore_set: BackupFolder,
    safety: Backup | None,
    *,
    erased: bool = False,
) -> SimulatedPhone:
    """A simulated iPhone like the phone with these facts and apps; with a safety backup, also with what is on it.

    `safety` must stay open as long as the simulated iPhone is used. `erased`: the phone will have been erased by then.
    """
    is_own = restore_set.udid == facts.udid
    phone = SimulatedPhone(keeps="digests", boot_delay_s=0.0, udid=facts.udid if is_own else "")
    phone.simulated_user = replace(phone.simulated_user, setup_delay_s=0.0)
    if safety is not None and not erased:
        fill_from_backup(phone, safety)
    phone.name = facts.name_or_model
    phone.model = facts.model or phone.model
    version = facts.ios_version if parse_version(facts.ios_version) else restore_set.ios_version
    if version is not None and parse_version(version):
        phone.ios_version, phone.build = version, build_of(version)
    applications = _applications(restore_set) | (_applications(safety.folder) if safety else {})
    phone.apps.clear()
    for bundle, app in installed.items() if not erased else ():
        made = app_from_backup(bundle, applications, {})
        groups = tuple(dict.fromkeys((*app.groups, *made.group_ids)))
        phone.apps[bundle] = replace(made, name=app.name, version=app.version, group_ids=groups)
    if facts.free_bytes is not None:
        phone.capacity_bytes = facts.free_bytes + ((facts.used_bytes or 0) if erased else phone.used_bytes)
    return phone


def _applications(folder: BackupFolder) -> dict[str, Any]:
    found = (folder.manifest_plist or {}).get("Applications")
    return found if isinstance(found, dict) else {}


@contextmanager
def serve_on_socket(phone: SimulatedPhone, tmp: Path) -> Iterator[UsbmuxConfig]:
    """Serve the simulated iPhone behind a private usbmuxd while inside; a pending restart is done on leaving.

    The socket is a file that only its owner can open, or a loopback port where the system or the disk (exFAT, many
    network drives) has no unix sockets.
    """
    here = tmp / f"rehearsal-{token_hex(3)}"
    here.mkdir(mode=0o700)
    server, address = _start(phone, here / "s")
    try:
        yield UsbmuxConfig(address, here / "pairing", tmp)
    finally:
        server.stop()
        if phone.pending_restore is not None:
            phone.reboot()  # when unplugged, it happens before this returns


def _start(phone: SimulatedPhone, path: Path) -> tuple[SimulatedUsbmuxd, str]:
    """A usbmuxd with this phone that listens, and its address."""
    if has_unix_sockets() and len(str(path).encode()) <= SOCKET_PATH_LIMIT:
        server = SimulatedUsbmuxd([phone], listen=None, socket_path=path)
        with suppress(OSError):
            return server, server.start()
    server = SimulatedUsbmuxd([phone], listen=(LOOPBACK, 0))
    return server, server.start()
