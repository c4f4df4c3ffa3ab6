"""The journal records the state of a run."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from migrate.journey.journal import FORMAT, Journal
from migrate.journey.run import reopen_stale_steps
from migrate.journey.steps.back_up import NewPhoneBackedUp, OldPhoneBackedUp
from migrate.problems import JournalDamaged, JournalTooNew


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.create(tmp_path / "journal.ndjson", "20261122-101112-ab12", "f" * 64)


def test_journal_lines_are_read_back_unchanged(journal: Journal) -> None:
    journal.append({"met": "old", "udid": "U1", "name": "Ada's iPhone"})
    journal.append({"started": "verify"})
    backed_up = OldPhoneBackedUp(Path("/backups/U1"), bytes=70, files=7)
    journal.append_result("back-up-old-phone", backed_up)
    again = Journal.read(journal.path)
    assert again.lines == journal.lines
    assert (again.run_id, again.plan_digest) == ("20261122-101112-ab12", "f" * 64)
    assert again.udid_of("old") == "U1" and again.udid_of("new") is None
    assert again.finished("back-up-old-phone") and again.result(OldPhoneBackedUp) == backed_up


def test_a_step_started_but_not_finished_is_in_doubt(journal: Journal) -> None:
    journal.append({"started": "restore"})
    assert journal.started("restore") is not None
    assert not journal.finished("restore")
    assert journal.outcome == "unfinished"


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_line_torn_by_a_crash_is_removed_and_the_next_line_is_complete(journal: Journal, cut: int) -> None:
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


def test_damage_before_the_last_line_is_reported(journal: Journal) -> None:
    journal.append({"started": "meet"})
    journal.append({"finished": "meet"})
    lines = journal.path.read_bytes().split(b"\n")
    lines[1] = b'{"started": "me'
    journal.path.write_bytes(b"\n".join(lines))
    with pytest.raises(JournalDamaged) as caught:
        Journal.read(journal.path)
    assert caught.value.line == 2


def test_a_journal_of_a_newer_version_is_refused(journal: Journal) -> None:
    head = {**journal.lines[0], "journal": FORMAT + 1}
    journal.path.write_text(json.dumps(head) + "\n")
    with pytest.raises(JournalTooNew) as caught:
        Journal.read(journal.path)
    assert (caught.value.version, caught.value.known_version) == (FORMAT + 1, FORMAT)


def test_an_empty_journal_is_damage_and_not_a_new_run(tmp_path: Path) -> None:
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
    journal.append_result("back-up-old-phone", OldPhoneBackedUp(Path("a"), bytes=70, files=7))
    journal.append({"reopened": "back-up-old-phone", "why": "chosen-files-unreadable"})
    again = Journal.read(journal.path)
    assert not again.finished("back-up-old-phone") and again.started("back-up-old-phone") is None
    again.append({"started": "back-up-old-phone"})
    assert again.started("back-up-old-phone") is not None and not again.finished("back-up-old-phone")
    again.append_result("back-up-old-phone", OldPhoneBackedUp(Path("a"), bytes=80, files=8))
    assert again.finished("back-up-old-phone") and again.result(OldPhoneBackedUp).files == 8


def test_a_phone_line_without_a_udid_is_reported_as_damage(journal: Journal) -> None:
    journal.append({"met": "old", "udid": None, "name": "Ada's iPhone"})
    with pytest.raises(JournalDamaged) as caught:
        Journal.read(journal.path)
    assert caught.value.line == 2 and "udid" in caught.value.why


def test_a_path_that_is_not_utf8_is_read_back_unchanged(journal: Journal) -> None:
    backup = Path(os.fsdecode(b"/backups/gr\xf6\xdfe"))
    journal.append_result("back-up-old-phone", OldPhoneBackedUp(backup, bytes=0, files=0))
    assert Journal.read(journal.path).result(OldPhoneBackedUp).backup == backup


def test_half_a_line_on_a_full_disk_is_removed(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the next line would be appended to the half line."""

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


def test_every_line_is_synced_to_the_disk_before_anything_follows_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(journal.path.read_bytes()))
    journal.append({"started": "verify"})
    assert len(synced) == 1 and synced[0] == journal.path.read_bytes() and b"verify" in synced[0]


@pytest.mark.parametrize("result", [None, {}, {"backup": "/backups/U1", "bytes": "many", "files": 7}])
def test_a_result_with_unexpected_fields_is_damage_with_its_line_number(journal: Journal, result: object) -> None:
    journal.append({"started": "back-up-old-phone"})
    journal.append({"finished": "back-up-old-phone", "result": result})
    with pytest.raises(JournalDamaged) as caught:
        journal.result(OldPhoneBackedUp)
    assert caught.value.line == 3 and "back-up-old-phone" in caught.value.why


def test_a_missing_result_is_damage_only_when_it_is_needed(journal: Journal) -> None:
    assert journal.find_result(NewPhoneBackedUp) is None
    with pytest.raises(JournalDamaged):
        journal.result(NewPhoneBackedUp)


TRIES: dict[str, tuple[list[dict[str, object]], str]] = {
    "nothing was sent": ([{"started": "restore"}], "none"),
    "killed early": ([{"started": "restore"}, {"restore_begins": {}}], "not taken"),
    "cut while it fetched": (
        [{"restore_begins": {}}, {"restore_half_sent": True}, {"restore_not_taken": True}],
        "not taken",
    ),
    "killed late": ([{"restore_begins": {}}, {"restore_half_sent": True}], "in doubt"),
    "answered": ([{"restore_begins": {}}, {"restore_half_sent": True}, {"restore_taken": True}], "taken"),
    "a second try": (
        [{"restore_begins": {}}, {"restore_half_sent": True}, {"restore_not_taken": True}, {"restore_begins": {}}],
        "not taken",
    ),
    "asked again": ([{"restore_begins": {}}, {"restore_half_sent": True}, {"reopened": "restore", "why": ""}], "none"),
    "done": ([{"restore_begins": {}}, {"finished": "restore", "result": {}}], "taken"),
}


@pytest.mark.parametrize("name", TRIES)
def test_the_newest_try_to_send_the_set_is_read_from_its_lines(journal: Journal, name: str) -> None:
    lines, expected = TRIES[name]
    for line in lines:
        journal.append(dict(line))
    assert Journal.read(journal.path).last_try == expected


@pytest.mark.parametrize("name", TRIES)
@pytest.mark.parametrize("way", ["graft", "undo"])
def test_the_new_phone_is_saved_and_compared_anew_only_while_it_cannot_have_taken_the_set(
    tmp_path: Path, name: str, way: str
) -> None:
    """Afterwards its backup would show what was restored, and be taken for what was there before."""
    journal = Journal.create(tmp_path / "j.ndjson", "run", "f" * 64, undoes="another" if way == "undo" else None)
    journal.append({"strategy": "replace" if way == "undo" else "graft"})
    journal.append({"started": "back-up-new-phone"})
    lines, last_try = TRIES[name]
    for line in lines:
        journal.append(dict(line))
    reopen_stale_steps(journal)
    assert journal.was_reopened("back-up-new-phone") == (last_try in ("none", "not taken"))


@pytest.mark.parametrize("strategy", ["replace", "overlay"])
def test_an_old_safety_backup_is_renewed_before_anything_is_sent(journal: Journal, strategy: str) -> None:
    journal.append({"strategy": strategy})
    for step in ("back-up-new-phone", "verify-new-phone", "compose"):
        journal.append({"started": step})
        journal.append({"finished": step, "result": {}})
    journal.append({"started": "agree"})
    reopen_stale_steps(journal)
    assert not journal.was_reopened("back-up-new-phone"), "a resume minutes later repeats no finished step"
    for line in journal.lines:
        line["at"] = "2026-01-01T00:00:00+00:00"
    reopen_stale_steps(journal)
    assert journal.was_reopened("back-up-new-phone") and journal.was_reopened("agree")
    assert journal.was_reopened("compose") == (strategy == "overlay"), (
        "the set of a replace does not depend on the phone"
    )


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("strategy", ["replace", "overlay"])
def test_who_agreed_is_asked_again_after_a_pause(journal: Journal, strategy: str, begun: bool) -> None:
    """The phone may have been used since, and what came to it would be overwritten."""
    journal.append({"strategy": strategy})
    for step in ("back-up-new-phone", "verify-new-phone", "compose", "agree"):
        journal.append({"started": step})
        journal.append({"finished": step, "result": {}})
    if begun:
        journal.append({"started": "restore"})
        journal.append({"restore_begins": {}})
    reopen_stale_steps(journal)
    assert journal.was_reopened("back-up-new-phone") and journal.was_reopened("agree")
    assert not journal.finished("agree")
