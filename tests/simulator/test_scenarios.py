"""Named scenarios of faults."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.simulator.admin import AdminChannel
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.faults.faults import Faults, Mishap
from migrate.simulator.faults.scenarios import clear_faults, scenarios
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


@pytest.mark.parametrize("name", sorted(scenarios()))
def test_every_scenario_changes_the_phone_and_is_documented(name: str) -> None:
    scenario, phone, healthy = scenarios()[name], SimulatedPhone(), SimulatedPhone(udid="00008110-000A1B2C3D4E5F60")
    scenario.apply(phone)
    changed = (phone.faults, phone.simulated_user, phone.find_my) != (
        healthy.faults,
        healthy.simulated_user,
        healthy.find_my,
    )
    assert changed
    assert all(hasattr(healthy, key) for key in scenario.phone)
    facts = (DOCS / "facts.md").read_text(encoding="utf-8")
    assert re.search(rf"^#+ {re.escape(scenario.facts)}\b", facts, re.MULTILINE)
    assert f"`{name}`" in (DOCS / "simulator.md").read_text(encoding="utf-8")


def test_scenarios_add_up_and_phones_do_not_share_their_faults() -> None:
    one, two = SimulatedPhone(), SimulatedPhone()
    for name in ("cable-pulled-during-save", "final-verify-fails", "unreadable-files"):
        scenarios()[name].apply(one)
        scenarios()[name].apply(two)
    assert [mishap.do for mishap in one.faults.mishaps] == ["replug", "refuse"]
    one.faults.mishaps[0].times = 0
    assert two.faults.mishaps[0].times == 1
    assert scenarios()["cable-pulled-during-save"].faults["mishaps"][0]["do"] == "replug"
    clear_faults(one)
    assert one.faults == Faults()


def test_the_admin_channel_applies_and_heals_a_scenario(serve: Callable[..., SimulatedUsbmuxd], tmp_path: Path) -> None:
    phone = SimulatedPhone()
    server = serve(phone)
    with AdminChannel(server, tmp_path / "admin"), _channel(tmp_path / "admin") as line:

        def ask(**order: object) -> dict[str, object]:
            line.sendall(json.dumps(order).encode() + b"\n")
            answer: dict[str, object] = json.loads(line.makefile().readline())
            return answer

        assert ask(do="scenario", name="find-my-on") == {"ok": True}
        assert phone.find_my and phone.simulated_user.turns_off_find_my
        value = [{"do": "refuse", "code": 208}]
        assert ask(do="set-fault", fault="mishaps", value=value) == {"ok": True}
        assert phone.faults.mishaps == [Mishap("refuse", code=208)]
        assert ask(do="heal") == {"ok": True}
        assert phone.faults.mishaps == []
        answer = ask(do="scenario", name="find-my")
        assert answer["ok"] is False and "find-my-on" in str(answer["error"])


def _channel(path: Path) -> socket.socket:
    if not path.is_socket():
        host, port = path.read_text(encoding="utf-8").strip().split(":")
        return socket.create_connection((host, int(port)), timeout=10)
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(str(path))
    return line
