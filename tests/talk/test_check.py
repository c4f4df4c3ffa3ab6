"""`migrate check` as a person and a script see it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

if TYPE_CHECKING:
    from conftest import Migrate

ADA, BEN = "00008101-00000000000000A1", "00008140-00000000000000B2"
Serve = Callable[..., None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """`serve({…}, {…})` puts phones on the cable as their files would describe them."""
    servers: list[SimulatedUsbmuxd] = []

    def begin(*phones: dict[str, Any]) -> None:
        described = [{"contents": {"empty": True}, "keybag_rounds": 10, **phone} for phone in phones]
        servers.append(SimulatedUsbmuxd([PhoneFile.model_validate(phone).to_phone() for phone in described]))
        monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", servers[-1].start())

    yield begin
    for server in servers:
        server.stop()


def sections(text: str) -> dict[str, str]:
    """The lines of the answer by their headings."""
    parts = [part.partition("\n") for part in re.split(r"\n\n", text.strip())]
    return {heading: rest for heading, _newline, rest in parts}


TWO = (
    {"udid": ADA, "name": "Ada's iPhone", "ios_version": "18.5", "find_my": True, "conditions": {"charging": False},
     "battery_percent": 20},
    {"udid": BEN, "name": "Ben's iPhone", "ios_version": "26.1", "trust": "ask", "hand": "none"},
)  # fmt: skip


@pytest.mark.parametrize("columns", [60, 80])
def test_each_phone_is_a_list_of_its_own_with_its_own_verdict(
    migrate: Migrate, serve: Serve, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    serve(*TWO)
    monkeypatch.setenv("COLUMNS", str(columns))
    answer = migrate("check")
    lines = [line for line in answer.out.splitlines() if "/" not in line]  # a path is never cut
    assert answer.code == 0 and max(map(len, lines)) <= columns
    lists = sections(answer.out)
    assert list(lists)[:3] == ["This computer", "Ada's iPhone", "Ben's iPhone"]
    assert ADA in lists["Ada's iPhone"] and "Find My" in lists["Ada's iPhone"] and "20 %" in lists["Ada's iPhone"]
    assert "does not trust this computer" in lists["Ben's iPhone"] and "Find My" not in lists["Ben's iPhone"]
    verdict = answer.out.strip().splitlines()[-3:]
    assert verdict[0] == "This computer is ready."
    assert verdict[1:] == ["Ada's iPhone: 2 things need attention.", "Ben's iPhone: 1 thing needs attention."]


def test_what_no_computer_can_read_is_asked_once_with_the_phones_it_is_about(migrate: Migrate, serve: Serve) -> None:
    serve({"udid": ADA, "name": "Ada", "ios_version": "16.5"}, {"udid": BEN, "name": "Ben", "ios_version": "26.1"})
    asked = sections(migrate("check").out)["Please look yourself"]
    assert asked.count("?  Is ") == 2 and asked.count("Settings, Face ID & Passcode") == 1
    one_line = " ".join(asked.split())
    assert "Is Lockdown Mode on? No computer can read that, and few people use it. (Ada, Ben)" in one_line
    assert "Is Stolen Device Protection on? No computer can read that. (Ben)" in one_line


def test_a_script_gets_the_findings_phone_by_phone(migrate: Migrate, serve: Serve) -> None:
    serve(*TWO)
    answer = migrate("check", "--json")
    assert answer.code == 0 and answer.err == "" and tuple(answer.json) == ("ready", "findings")
    assert answer.json["ready"] is True
    phones = [finding["phone"] for finding in answer.json["findings"]]
    own = phones.index("Ada's iPhone")
    assert set(phones[:own]) == {None}
    assert phones[own:] == sorted(phones[own:]), "the findings of one phone stand together"
    keys = ("code", "severity", "what", "why", "next", "phone", "domain", "relative_path", "file_id", "categories")
    assert {tuple(finding) for finding in answer.json["findings"]} == {keys}


def test_only_the_named_phones_are_checked(migrate: Migrate, serve: Serve) -> None:
    serve(*TWO)
    assert set(sections(migrate("check", BEN).out)) >= {"This computer", "Ben's iPhone"}
    assert "Ada" not in migrate("check", BEN).out
    answer = migrate("check", ADA, "00008140-00000000000000FF")
    assert answer.code == 20 and "is not connected" in answer.out and "This computer is ready." in answer.out


def test_a_computer_without_usbmuxd_is_not_ready(migrate: Migrate) -> None:
    answer = migrate("check", "--usbmuxd", "127.0.0.1:1", "--json")
    assert answer.code == 20 and answer.json["ready"] is False
    assert [one["code"] for one in answer.json["findings"] if one["severity"] == "error"] == ["no-muxer"]
    assert migrate("check", "--usbmuxd", "127.0.0.1:1").out.strip().endswith("This computer is not ready.")
