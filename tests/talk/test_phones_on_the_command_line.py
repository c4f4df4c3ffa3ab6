"""`simulator serve`, and `phones` and `backup` with a simulated iPhone on its socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from migrate.talk.commands.simulator import host_and_port
from tests.forked import Forked

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "00008101-00000000000000A1", "00008140-00000000000000B2"
PHONES_KEYS = (
    *("udid", "name", "model", "model_name", "ios_version", "build", "connection", "trusted", "encrypts_backups"),
    *("find_my", "free_bytes", "used_bytes", "battery_percent", "last_icloud_backup"),
)

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve({…}, {…})` serves phones as their files would describe them, and says where."""
    servers: list[SimulatedUsbmuxd] = []

    def begin(*phones: dict[str, Any]) -> str:
        described = [{"contents": {"empty": True}, "keybag_rounds": 10, "seed": n, **p} for n, p in enumerate(phones)]
        servers.append(SimulatedUsbmuxd([PhoneFile.model_validate(phone).to_phone() for phone in described]))
        return servers[-1].start()

    yield begin
    for server in servers:
        server.stop()


def test_phones_are_listed_one_object_a_line(migrate: Migrate, serve: Serve) -> None:
    address = serve({"udid": OLD, "name": "Ada's iPhone"}, {"udid": NEW, "name": "Ben's iPhone", "trust": "ask"})
    answer = migrate("phones", "--usbmuxd", address, "--json")
    phones = {phone["udid"]: phone for phone in map(json.loads, answer.out.splitlines())}
    assert answer.code == 0 and answer.err == ""
    assert [tuple(phone) for phone in phones.values()] == [PHONES_KEYS] * 2
    assert (phones[OLD]["name"], phones[OLD]["trusted"], phones[NEW]["trusted"]) == ("Ada's iPhone", True, False)
    assert phones[NEW]["free_bytes"] is None, "what an untrusting phone does not tell is not guessed"
    in_words = migrate("phones", "--usbmuxd", address).out
    assert "Ada's iPhone" in in_words and OLD in in_words and "does not trust this computer" in in_words
    assert all(len(line) <= 60 for line in in_words.splitlines())


def test_without_phones_the_list_is_empty_and_not_an_error(migrate: Migrate, serve: Serve) -> None:
    answer = migrate("phones", "--usbmuxd", serve())
    assert (answer.code, answer.out) == (0, "") and "No phone is connected" in answer.err


def test_no_usbmuxd_is_exit_20(migrate: Migrate) -> None:
    for command in (("phones",), ("backup",)):
        answer = migrate(*command, "--usbmuxd", "127.0.0.1:1", "--json")
        assert (answer.code, answer.error["code"]) == (20, "no-muxer")


def test_the_only_phone_is_backed_up_and_then_only_what_changed(migrate: Migrate, serve: Serve, home: Path) -> None:
    address = serve({"udid": OLD, "name": "Ada's iPhone"})
    first = migrate("backup", "--usbmuxd", address, "--json")
    assert first.code == 0 and first.last["backup"] == str(home / "backups" / OLD)
    assert (first.last["udid"], first.last["name"]) == (OLD, "Ada's iPhone") and first.last["files"] > 0
    again = migrate("backup", OLD, "--usbmuxd", address)
    assert again.code == 0 and "Ada's iPhone is backed up" in again.out and "Backing up the phone" in again.err
    fresh = migrate("backup", "--fresh", "--usbmuxd", address, "--json")
    assert fresh.last["files"] == first.last["files"], "all of it came again"
    verdict = migrate("verify", home / "backups" / OLD, "--json")
    assert (verdict.code, verdict.json["verdict"], verdict.json["findings"]) == (0, "whole", [])


@pytest.mark.parametrize(
    ("path", "code"),
    [("HomeDomain/Library/SMS/sms.db", 35), pytest.param(None, 0, marks=pytest.mark.soak)],
    ids=["a file", "none"],
)
def test_a_backup_exits_35_when_the_phone_could_not_read_a_file(
    migrate: Migrate, serve: Serve, home: Path, path: str | None, code: int
) -> None:
    faults = {"unreadable": {path: "Input/output error (5)"}} if path else {}
    address = serve({"udid": OLD, "name": "Ada's iPhone", "faults": faults})
    answer = migrate("backup", "--usbmuxd", address, "--json")
    assert (answer.code, answer.last["backup"]) == (code, str(home / "backups" / OLD)), "the backup is there"
    assert [one["code"] for one in answer.last["findings"]] == (["file-unreadable"] if path else [])
    in_words = migrate("backup", "--usbmuxd", address)
    assert in_words.code == code
    assert ("1 file is missing from it" in " ".join(in_words.out.split())) == bool(path)


def test_the_next_backup_asks_again_for_a_file_that_was_read_in_part(migrate: Migrate, home: Path) -> None:
    """What had arrived before the read error counted as saved: a phone sends it again only if it is made to."""
    faults = {"unreadable": {"HomeDomain/Library/SMS/sms.db": "Input/output error (5)"}, "unreadable_after_bytes": 4096}
    described = {"udid": OLD, "name": "Ada's iPhone", "contents": {"empty": True}, "keybag_rounds": 10}
    phone = PhoneFile.model_validate({**described, "faults": faults}).to_phone()
    phone.assume.unreadable_files = "as-they-are"
    backup = home / "backups" / OLD
    with SimulatedUsbmuxd([phone]) as server:
        assert migrate("backup", "--usbmuxd", server.address).code == 35
        phone.faults.unreadable = {}
        assert migrate("backup", "--usbmuxd", server.address).code == 0
    verdict = migrate("verify", backup, "--json").json
    assert (verdict["verdict"], verdict["findings"]) == ("whole", [])
    stored = backup / "3d" / "3d0d7e5fb2ce288813306e4d4636395e047a3d28"  # its file id, on every iPhone
    assert stored.stat().st_size > 4096


def test_backup_waits_for_trust(migrate: Migrate, serve: Serve) -> None:
    answer = migrate("backup", "--usbmuxd", serve({"udid": OLD, "name": "Ada's iPhone", "trust": "ask"}))
    assert answer.code == 0 and "Tap Trust on Ada's iPhone" in answer.err


def test_phones_that_cannot_be_backed_up_have_their_own_exit_codes(migrate: Migrate, serve: Serve, home: Path) -> None:
    for described, code, name in (
        ({"trust": "locked"}, 21, "phone-locked"),
        ({"trust": "ask", "hand": "none"}, 22, "not-trusted"),
        ({"trust": "denied", "hand": "none"}, 22, "trust-denied"),
    ):
        answer = migrate("backup", "--wait", 0, "--usbmuxd", serve({"udid": OLD, **described}), "--json")
        assert (answer.code, answer.error["code"]) == (code, name)
    assert not (home / "backups" / OLD).exists(), "nothing was begun"


def test_several_phones_need_a_choice_and_an_absent_one_is_named(migrate: Migrate, serve: Serve) -> None:
    address = serve({"udid": OLD, "name": "Ada's iPhone"}, {"udid": NEW})
    several = migrate("backup", "--usbmuxd", address, "--json")
    assert (several.code, several.error["code"]) == (2, "which-phone-to-back-up") and "Ada's iPhone" in several.error[
        "why"
    ]
    absent = migrate("backup", "00008030-00000000000000C3", "--usbmuxd", address, "--json")
    assert (absent.code, absent.error["code"]) == (20, "no-phone")
    assert migrate("backup", "--usbmuxd", serve(), "--json").error["code"] == "no-phone"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signal that a process can send to say stop")
def test_ctrl_c_during_a_backup_says_how_to_continue_and_that_works(migrate: Migrate, serve: Serve, home: Path) -> None:
    """Ctrl-C arrives while the phone waits for its passcode."""
    phone = PhoneFile.model_validate(
        {
            "udid": OLD,
            "name": "Ada's iPhone",
            "passcode": "1947",
            "contents": {"empty": True},
            "hand": {"passcode": "wait"},
        }
    ).to_phone()
    with SimulatedUsbmuxd([phone]) as server:
        command = [sys.executable, "-m", "migrate", "backup", "--usbmuxd", server.address, "--home", str(home)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stderr is not None and process.stdout is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if "Enter the passcode" in line:
                    break
            process.send_signal(signal.SIGINT)
            rest, out = process.stderr.read(), process.stdout.read()
            assert process.wait(20) == 50, "".join(said) + rest
        assert f"--usbmuxd {server.address} backup {OLD}" in " ".join(rest.split())
        assert "Traceback" not in rest and out == ""
        process.stderr.close()
        process.stdout.close()
        phone.simulated_user.passcode = "enter"
        assert migrate("backup", OLD, "--usbmuxd", server.address).code == 0
    assert migrate("verify", home / "backups" / OLD).code == 0


# -- simulator serve -------------------------------------------------------------------------------------------------


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., tuple[Forked, str]]]:
    """`serving(…)` starts `migrate simulator serve …` and returns its first line."""
    processes: list[Forked] = []
    (tmp_path / "phone.toml").write_text(
        f'name = "Ada\'s iPhone"\nudid = "{OLD}"\n[contents]\nempty = true\n', encoding="utf-8"
    )

    def begin(*words: str) -> tuple[Forked, str]:
        phone = ["--phone", str(tmp_path / "phone.toml")]
        process = Forked(["simulator", "serve", *phone, *words], os.environ)
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no signal that a process can send itself to say stop")
def test_a_simulated_iphone_is_served_until_stopped(
    migrate: Migrate, serving: Callable[..., tuple[Forked, str]], tmp_path: Path
) -> None:
    process, line = serving("--socket", str(tmp_path / "muxd"))
    assert line.startswith("USBMUXD_SOCKET_ADDRESS=127.0.0.1:") and line.endswith("\n")
    for address in (line.strip().partition("=")[2], str(tmp_path / "muxd"), f"UNIX:{tmp_path / 'muxd'}"):
        assert migrate("phones", "--usbmuxd", address, "--json").json["udid"] == OLD
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert process.stdout is not None and process.stdout.read() == "", "exactly one line"
    assert not (tmp_path / "muxd").exists()


def test_the_admin_socket_takes_commands(
    migrate: Migrate, serving: Callable[..., tuple[Forked, str]], tmp_path: Path
) -> None:
    _, line = serving("--admin", str(tmp_path / "admin"))
    with admin_at(tmp_path / "admin") as channel:
        for order in ({"do": "phones"}, {"do": "unplug"}):
            channel.sendall(json.dumps(order).encode() + b"\n")
            assert json.loads(channel.recv(1 << 16))["ok"] is True
    assert "No phone" in migrate("phones", "--usbmuxd", line.strip().partition("=")[2]).err
    taken = migrate("simulator", "serve", "--admin", tmp_path / "no" / "such" / "folder", "--json")
    assert taken.error["code"] == "cannot-listen"


def admin_at(path: Path) -> socket.socket:
    if hasattr(socket, "AF_UNIX"):
        channel = socket.socket(socket.AF_UNIX)
        channel.connect(str(path))
        return channel
    host, _, port = path.read_text(encoding="utf-8").strip().rpartition(":")
    return socket.create_connection((host, int(port)))


@pytest.mark.skipif(os.name != "posix", reason="as above")
def test_ctrl_c_ends_serving_without_an_error(serving: Callable[..., tuple[Forked, str]]) -> None:
    process, line = serving("--json")
    assert set(json.loads(line)) == {"USBMUXD_SOCKET_ADDRESS"}
    process.send_signal(signal.SIGINT)
    assert process.wait() == 0


def test_serving_ends_after_the_given_time(serving: Callable[..., tuple[Forked, str]]) -> None:
    process, line = serving("--for", "0.1")
    assert line.startswith("USBMUXD_SOCKET_ADDRESS=") and process.wait() == 0


def test_an_invalid_or_used_address_is_refused(migrate: Migrate, serve: Serve, tmp_path: Path) -> None:
    assert host_and_port("[::1]:27015") == ("::1", 27015)
    for words in (("--listen", "localhost"), ("--listen", "127.0.0.1:99999"), ("--listen", serve())):
        answer = migrate("simulator", "serve", *words, "--json")
        assert (answer.code, answer.error["code"]) == (2, "cannot-listen")
    phone = tmp_path / "phone.toml"
    phone.write_text("iosversion = '17.5.1'\n", encoding="utf-8")
    answer = migrate("simulator", "serve", "--phone", phone, "--json")
    assert (answer.code, answer.error["code"]) == (2, "phone-file-invalid") and "ios_version" in answer.error["why"]
