"""Mishaps: defects at a byte, a message or a file, at the start and at the end of a request."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from migrate.backup.reader import Backup as SavedBackup
from migrate.backup.record import Kind
from migrate.simulator.agent.consistent_copies import ConsistentCopies
from migrate.simulator.agent.mb_errors import known_error_texts, usual_error_text
from migrate.simulator.agent.scan import Scan
from migrate.simulator.device.filesystem import Synthetic
from migrate.simulator.device.generated_files import GeneratedFiles
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.faults.faults import Faults, Mishap
from migrate.simulator.faults.faulty_host_folder import FaultyHostFolder
from migrate.simulator.faults.faulty_stream import FaultInjector
from migrate.simulator.usbmuxd.streams import LinkCut, SocketStream

NEW = "00008120-000000000000B0B0"


def is_whole(host: Any, phone: SimulatedPhone) -> bool:
    """Whether the backup has every file of the phone with its bytes."""
    with SavedBackup.open(host.root / phone.udid, phone.backup_password) as backup:
        files = [record for record in backup.records() if record.kind is Kind.FILE]
        return len(files) > 5 and all(sum(map(len, backup.chunks(record))) == record.size for record in files)


@pytest.mark.parametrize(
    "mishap",
    [
        Mishap("replug", at="bytes", after=20_000),
        Mishap("replug", at="bytes", after=5_000, way="received"),
        Mishap("replug", at="messages", after=3),
        Mishap("replug", at="messages", after=520, way="received"),
        Mishap("replug", at="files", after=1),
        Mishap("replug", at="files", after=5),
        Mishap("hang-up", at="files", after=6),
        Mishap("unplug", at="start"),
        Mishap("replug", at="end"),
    ],
    ids=lambda mishap: f"{mishap.do}-{mishap.at}-{mishap.after}-{mishap.way}",
)
def test_a_backup_that_is_cut_resumes_and_completes(host: Any, phone: SimulatedPhone, mishap: Mishap) -> None:
    phone.faults.mishaps.append(mishap)
    with pytest.raises(ConnectionError):
        host.backup(phone)
    assert mishap.times == 0
    assert host.backup(phone)["ErrorCode"] == 0
    assert is_whole(host, phone)


@pytest.mark.parametrize("after", [0, 2, 7])
def test_a_restore_that_is_cut_at_a_file_is_sent_again(
    host: Any, phone: SimulatedPhone, another: Callable[..., SimulatedPhone], after: int
) -> None:
    host.backup(phone)
    new = SimulatedPhone(udid=NEW, keybag_rounds=100)
    new.faults.mishaps.append(Mishap("replug", at="files", after=after, way="received", during="restore"))
    with pytest.raises(ConnectionError):
        host.restore(new, phone.udid)
    assert new.pending_restore is None
    assert host.restore(new, phone.udid)["ErrorCode"] == 0
    assert new.pending_restore is not None


@pytest.mark.parametrize("seed", [1, 2])
def test_a_bad_cable_drops_at_random_and_the_same_way_for_the_same_seed(
    host: Any, another: Callable[..., SimulatedPhone], seed: int
) -> None:
    def drops(phone: SimulatedPhone) -> int:
        phone.faults.drop_every_bytes, phone.faults.seed = 500_000, seed
        for count in range(60):
            try:
                if host.backup(phone)["ErrorCode"] == 0:
                    return count
            except ConnectionError:
                continue
        raise AssertionError("it never came through")

    phone = another()
    phone.files.add_file("MediaDomain", "Media/Recordings/long.m4a", Synthetic(4, 900_000))
    assert drops(phone) > 0
    phone.faults.drop_every_bytes = None
    assert is_whole(host, phone)


def test_one_seed_gives_one_sequence_of_faults() -> None:
    def series(seed: int) -> list[int]:
        faults, found = Faults(drop_every_bytes=1000, seed=seed), []
        for _ in range(20):
            found.append(faults.bytes_until_drop or 0)
            faults.reset_drop()
        return found

    assert series(7) == series(7) != series(8)
    assert 100 < sum(series(7)) / 20 < 4000


# --- refusals


def test_every_known_refusal_can_happen_at_the_start(host: Any, phone: SimulatedPhone) -> None:
    for code, said in known_error_texts().items():
        phone.faults.mishaps = [Mishap("refuse", code=code)]
        answer = host.backup(phone)
        assert answer["ErrorCode"] == code and said[0] in answer["ErrorDescription"]
        assert answer["ErrorDescription"].endswith(f"(MBErrorDomain/{code}).")
        assert host.said[:-1] == [], "nothing was done for it"
    assert host.backup(phone)["ErrorCode"] == 0


@pytest.mark.parametrize("code", sorted(known_error_texts()))
def test_every_known_refusal_can_happen_midway(host: Any, phone: SimulatedPhone, code: int) -> None:
    phone.faults.mishaps = [Mishap("refuse", at="files", after=4, code=code)]
    answer = host.backup(phone)
    assert answer["ErrorCode"] == code
    assert len(host.uploaded) > 3, "a batch that was begun is sent to its end"
    assert not (host.root / phone.udid / "Manifest.db").exists()


def test_every_known_refusal_can_happen_at_the_end(host: Any, phone: SimulatedPhone) -> None:
    for code in (1, 205, 555):  # each takes a whole backup; the test above covers every code
        phone.faults.mishaps = [Mishap("refuse", at="end", code=code)]
        assert host.backup(phone)["ErrorCode"] == code
    assert is_whole(host, phone)


def test_a_restore_refused_at_its_end_is_not_waiting_for_the_restart(host: Any, phone: SimulatedPhone) -> None:
    host.backup(phone)
    new = SimulatedPhone(udid=NEW, keybag_rounds=100)
    new.faults.mishaps = [Mishap("refuse", at="end", code=205, text="Digest didn't match for some files")]
    answer = host.restore(new, phone.udid, RestoreShouldReboot=True)
    assert (answer["ErrorCode"], new.pending_restore) == (205, None)
    assert answer["ErrorDescription"] == "Digest didn't match for some files (MBErrorDomain/205)."


def test_several_mishaps_happen_one_after_the_other(host: Any, phone: SimulatedPhone) -> None:
    phone.faults.mishaps = [
        Mishap("refuse", code=208, times=2),
        Mishap("stall", at="files", after=1, seconds=0.01, times=9),
        Mishap("replug", at="files", after=5, during="backup"),
        Mishap("hang-up", during="restore"),
        Mishap("refuse", at="messages", after=2, code=104),
    ]
    assert [host.backup(phone)["ErrorCode"] for _ in range(2)] == [208, 208]
    assert host.backup(phone)["ErrorCode"] == 104
    with pytest.raises(ConnectionError):
        host.backup(phone)
    assert host.backup(phone)["ErrorCode"] == 0
    with pytest.raises(ConnectionError):
        host.restore(phone, phone.udid)
    assert is_whole(host, phone)


# --- files that cannot be read


@pytest.mark.parametrize(("after", "stored"), [(0, 0), (70_000, 70_000), (None, 150_000)])
def test_an_unreadable_file_breaks_off_at_the_given_byte(
    host: Any, phone: SimulatedPhone, after: int | None, stored: int
) -> None:
    path = "CameraRollDomain/Media/DCIM/100APPLE/IMG_0001.JPG"
    phone.faults.unreadable[path] = "Input/output error (5)"
    phone.faults.unreadable_after_bytes = after
    assert host.backup(phone)["ErrorCode"] == 0
    (name,) = host.failed_uploads
    assert (host.root / name.replace("/Snapshot", "")).stat().st_size == stored


def test_the_seed_decides_which_share_of_files_is_unreadable() -> None:
    def lost(seed: int) -> set[int]:
        faults = Faults(unreadable_share=0.1, seed=seed)
        return {number for number in range(2000) if faults.why_unreadable("MediaDomain", f"Media/{number}")}

    assert lost(1) == lost(1) != lost(2)
    assert 120 < len(lost(1)) < 280


@pytest.mark.parametrize(
    "said",
    [
        {"do": "refuse"},
        {"do": "stall", "at": "bytes"},
        {"do": "replug", "after": 5},
        {"do": "replug", "at": "bytes", "after": -1},
        {"do": "burn"},
        {"do": "replug", "wen": "now"},
    ],
)
def test_an_invalid_mishap_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Faults).validate_python({"mishaps": [said]})


def test_an_unknown_code_gets_a_generic_text() -> None:
    assert usual_error_text(99999) == usual_error_text(99998) != ""


def test_a_phone_that_scans_a_million_files_notices_that_its_cable_is_gone(phone: SimulatedPhone) -> None:
    phone.files.add_lazy(GeneratedFiles("AppDomain-com.example.archive", "Documents", 1_000_000, 10))
    looks = iter([False, False, True])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        mishaps = FaultInjector(phone.faults, lambda: None, is_cut=lambda: next(looks))
        host = FaultyHostFolder(SocketStream(theirs), mishaps)
        scan = Scan(phone.files, phone.assume, ConsistentCopies(), encrypted=True, check_link=host.check_link)
        seen = 0
        with pytest.raises(LinkCut):
            for _ in scan:
                seen += 1
    assert 1_000 < seen <= 2_000
