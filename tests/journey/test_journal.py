"""The journal says where a run is; nothing else does."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from migrate.journey.journal import FORMAT, Journal
from migrate.problems import JournalDamaged, JournalTooNew


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / "journal.ndjson", "20261122-101112-ab12", "f" * 64)


def test_what_was_written_is_read_back(journal: Journal) -> None:
    journal.append({"met": "old", "udid": "U1", "name": "Ada's iPhone"})
    journal.append({"started": "verify"})
    journal.append({"finished": "verify", "result": {"files": 7}})
    again = Journal.read(journal.path)
    assert again.lines == journal.lines
    assert (again.run_id, again.plan_digest) == ("20261122-101112-ab12", "f" * 64)
    assert again.udid_of("old") == "U1" and again.udid_of("new") is None
    assert again.finished("verify") and again.result("verify") == {"files": 7}


def test_started_but_not_finished_is_in_doubt(journal: Journal) -> None:
    journal.append({"started": "restore"})
    assert journal.started("restore") is not None
    assert not journal.finished("restore")
    assert journal.outcome == "unfinished"


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_line_torn_by_a_crash_is_cut_and_the_next_line_is_whole(journal: Journal, cut: int) -> None:
    journal.append({"finished": "meet", "result": {}})
    journal.append({"started": "preflight"})
    raw = journal.path.read_bytes()
    journal.path.write_bytes(raw[:-cut])
    again = Journal.read(journal.path)
    assert again.torn_line is not None and again.finished("meet") and again.started("preflight") is None
    again.append({"started": "verify"})
    for line in journal.path.read_bytes().splitlines():
        json.loads(line)
    assert Journal.read(journal.path).started("verify") is not None


def test_damage_before_the_last_line_stops(journal: Journal) -> None:
    journal.append({"started": "meet"})
    journal.append({"finished": "meet"})
    lines = journal.path.read_bytes().split(b"\n")
    lines[1] = b'{"started": "me'
    journal.path.write_bytes(b"\n".join(lines))
    with pytest.raises(JournalDamaged) as caught:
        Journal.read(journal.path)
    assert caught.value.line == 2


def test_a_journal_of_a_later_migrate_is_refused_by_name(journal: Journal) -> None:
    head = {**journal.lines[0], "journal": FORMAT + 1}
    journal.path.write_text(json.dumps(head) + "\n")
    with pytest.raises(JournalTooNew) as caught:
        Journal.read(journal.path)
    assert (caught.value.version, caught.value.known_version) == (FORMAT + 1, FORMAT)


def test_an_empty_journal_is_damaged_and_not_a_new_run(tmp_path: Path) -> None:
    (tmp_path / "journal.ndjson").touch()
    with pytest.raises(JournalDamaged):
        Journal.read(tmp_path / "journal.ndjson")


def test_a_run_that_ended_and_was_resumed_is_unfinished_again(journal: Journal) -> None:
    journal.append({"started": "verify"})
    journal.append({"ended": "failed", "exit_code": 32})
    assert journal.outcome == "failed"
    journal.append({"started": "verify"})
    assert journal.outcome == "unfinished"


def test_a_reopened_step_is_neither_finished_nor_in_doubt(journal: Journal) -> None:
    journal.append({"started": "back-up-old-phone"})
    journal.append({"finished": "back-up-old-phone", "result": {"files": 7}})
    journal.append({"reopened": "back-up-old-phone", "why": "chosen-files-unreadable"})
    again = Journal.read(journal.path)
    assert not again.finished("back-up-old-phone") and again.started("back-up-old-phone") is None
    again.append({"started": "back-up-old-phone"})
    assert again.started("back-up-old-phone") is not None and not again.finished("back-up-old-phone")
    again.append({"finished": "back-up-old-phone", "result": {"files": 8}})
    assert again.finished("back-up-old-phone") and again.result("back-up-old-phone") == {"files": 8}


def test_a_phone_without_its_udid_is_damage_with_a_name(journal: Journal) -> None:
    journal.append({"met": "old", "udid": None, "name": "Ada's iPhone"})
    with pytest.raises(JournalDamaged) as caught:
        Journal.read(journal.path)
    assert caught.value.line == 2 and "udid" in caught.value.why


def test_a_path_whose_name_is_no_utf8_is_kept_and_read_back(journal: Journal) -> None:
    backup = str(Path(os.fsdecode(b"/backups/gr\xf6\xdfe")))
    journal.append({"finished": "verify", "result": {"backup": backup}})
    assert Journal.read(journal.path).result("verify") == {"backup": backup}


def test_half_a_line_on_a_full_disk_is_taken_back(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next line, when there is room again, must not be glued to it."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = journal.path.read_bytes()
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append({"started": "verify"})
    assert journal.path.read_bytes() == before and journal.started("verify") is None
    journal.append({"started": "compose"})
    assert Journal.read(journal.path).lines == journal.lines
