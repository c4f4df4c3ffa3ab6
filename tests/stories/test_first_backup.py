"""The first minutes of someone whose computer has never met an iPhone: no usbmuxd, a locked phone, no trust."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from migrate.simulator.device.simulated_user import absent_user
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.stories.lab import Command, Lab, new_phone

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        port: int = sock.getsockname()[1]
        return port


def asked_of(command: Command, action: str) -> str:
    """The phone of which this action is asked, once it is."""
    for line in command.stdout:
        event = json.loads(line)
        if event["event"] == "person_needed" and event["action"] == action:
            return str(event["phone"])
    raise AssertionError(f"it never asked to {action}")


def test_a_stranger_gets_from_no_usbmuxd_to_a_first_backup(tmp_path: Path) -> None:
    phone = new_phone(trust="locked", passcode="1234", simulated_user=absent_user())
    server = SimulatedUsbmuxd([], listen=(LOOPBACK, free_port()))
    address = f"{LOOPBACK}:{server._listen[1]}" if server._listen else ""
    lab = Lab(phone, phone, server, tmp_path / "home", {"USBMUXD_SOCKET_ADDRESS": address, "COLUMNS": "80"})
    try:
        check = lab.migrate("check")
        assert check.code == 20 and check.out.endswith("This computer is not ready.\n"), str(check)
        assert "its usbmuxd service does not answer" in check.out and "Next: " in check.out
        assert lab.migrate("backup").code == 20

        server.start()  # it is installed
        check = lab.migrate("check")
        assert check.code == 0 and "No iPhone is connected." in check.out, str(check)

        server.attach(phone)  # plugged in, in a pocket's state
        check = lab.migrate("check")
        assert check.code == 0 and "does not trust this computer yet" in check.out, str(check)
        assert phone.trust == "ask" and "This computer is ready." in check.out

        backup = lab.start("backup", "--wait", "60", "--json")
        assert asked_of(backup, "unlock") == phone.name
        phone.unlock()
        assert asked_of(backup, "tap-trust") == phone.name
        phone.tap_trust()
        assert asked_of(backup, "enter-passcode") == phone.name
        phone.answer_passcode()
        done = backup.finish()
        assert done.code == 0, str(done)
        verified = lab.migrate("verify", done.last["backup"], "--json")
        assert verified.code == 0 and json.loads(verified.out)["verdict"] == "whole", str(verified)
    finally:
        lab.close()
