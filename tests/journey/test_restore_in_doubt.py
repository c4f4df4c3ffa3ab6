"""The end of a restore is not known: the link broke, or the process was killed, around the phone's answer.

`resume` looks at the phone, asks where that does not decide, and never sends the set again blindly. Every line of the
journal around it is cut in `matrices/test_doubt.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.run_state import StepsReopened
from migrate.journey.steps import doubt
from migrate.journey.steps.restore import Restored
from migrate.problems import PhoneLost, ResendWouldLose, RestoreInDoubt, SetupUnfinished
from migrate.simulator.agent.restore import RestoreRun
from migrate.simulator.faults.faults import Faults
from tests.journey.matrices.doubts import Case, Killed, Knife
from tests.journey.moves import UNTOUCHED, Lab, Person, new_phone, run_without_phones

MakeLab = Callable[..., Lab]
HALF_SENT = Case("restore_half_sent", "killed after", is_used=False)


@pytest.fixture
def everything(make_lab: MakeLab, old_phone_backup: Path) -> Callable[..., tuple[Lab, dict[str, Any]]]:
    """A lab for a move of everything, from a backup that is there already, without a proof."""

    def make(**new: Any) -> tuple[Lab, dict[str, Any]]:
        lab = make_lab(new=new_phone(aftermath=UNTOUCHED, keybag_rounds=10, **new))
        return lab, {"old_phone": {"backup": str(old_phone_backup)}, "safety": {"prove": False}}

    return make


def kill(lab: Lab, sections: dict[str, Any], case: Case) -> None:
    """Begin the move, and end the process at that line."""
    knife = Knife(case, Journal.append)
    with patch.object(Journal, "append", lambda journal, entry: knife.append(journal, entry)), pytest.raises(Killed):
        lab.move(lab.plan(**sections))


@pytest.fixture
def staged() -> Any:
    """Counts the restores that the phone has received completely."""
    count: list[int] = []
    stage = RestoreRun._stage

    def counting(run: RestoreRun, *rest: Any) -> None:
        stage(run, *rest)
        count.append(1)

    with patch.object(RestoreRun, "_stage", counting):
        yield count


def test_the_answer_is_lost_and_the_apps_come_all_the_same(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int]
) -> None:
    """The link breaks between the phone's answer and this computer. The phone has all of it, and restarts."""
    lab, sections = everything(faults=Faults(drop_instead_of_response=True))
    lab.new.boot_delay_s = 1.5
    with patch.object(RestoreRun, "_report_full_progress", lambda run: None), pytest.raises(PhoneLost) as lost:
        lab.move(lab.plan(**sections))
    assert lost.value.exit_code == 23
    journal = lab.last_run.journal()
    assert journal.last_try == "in doubt"
    lab.new.faults.drop_instead_of_response = False

    assert lab.resume().outcome == "done", "while it restarts: it is neither asked to be erased nor restored again"
    assert staged == [1] and lab.person.doubts == 0
    assert {"com.example.chatter", "com.example.sketchbook"} <= set(lab.new.apps), (
        "the list of apps stayed on the phone"
    )


def test_a_phone_in_setup_that_shows_nothing_is_asked_about(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would refuse a backup. Without a terminal the run stops; the person's answer decides."""
    monkeypatch.setattr(doubt, "LEAVES_WITHIN_S", 0.0)
    lab, sections = everything(setup="never-begun")
    kill(lab, sections, HALF_SENT)
    with pytest.raises(RestoreInDoubt) as stopped:
        lab.resume()
    run = lab.last_run.path.name
    assert (
        stopped.value.exit_code == 50
        and f"migrate resume {run}" in stopped.value.next
        and "Hello" in stopped.value.next
    )
    assert staged == [] and lab.last_run.unfinished and lab.person.doubts == 1

    lab.person.says_restored = False
    before = len(lab.person.confirmations)
    assert lab.resume().outcome == "done"
    assert staged == [1]
    (again,) = lab.person.confirmations[before:]
    assert again.is_sent_again and again.loses == ()


def test_a_person_who_says_that_it_was_restored_is_believed(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "LEAVES_WITHIN_S", 0.0)
    lab, sections = everything(setup="never-begun")
    kill(lab, sections, HALF_SENT)
    lab.person.says_restored = True
    lab.new.finish_setup()
    monkeypatch.setattr(doubt, "_compare", refuse)  # it is in use now, and would be compared
    monkeypatch.setattr(doubt, "changed_since", lambda before, now: now.update(setup=False) or False)
    assert lab.resume().outcome == "done"
    assert staged == []


async def refuse(*_: object) -> tuple[str, dict[str, int]]:
    raise AssertionError("a phone in Setup cannot be backed up")


def test_what_is_new_on_the_phone_is_named_before_the_set_is_sent_again(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed, not taken, used. The person is told what would be lost, agrees, and can undo it."""
    monkeypatch.setattr(doubt, "LEAVES_WITHIN_S", 0.0)
    lab, sections = everything()
    kill(lab, sections, HALF_SENT)
    lab.new.files.add_file("MediaDomain", "Media/Recordings/20991231 235959.m4a", b"recorded since")
    with pytest.raises(ResendWouldLose) as told:
        lab.resume()
    assert told.value.exit_code == 11 and "Voice" in told.value.what and "--lose-what-came-after" in told.value.next
    assert staged == [] and lab.new.pending_restore is None
    assert resume_accepting_loss(lab) == "done"
    confirmation = lab.person.confirmations[-1]
    assert confirmation.is_sent_again and any("Voice" in title for title, _count in confirmation.loses)
    assert confirmation.is_undoable, "the phone was backed up as it was then, although the plan did not ask for that"
    assert staged == [1]


def test_a_consent_from_before_the_last_try_does_not_count() -> None:
    def accepts(*lines: dict[str, Any]) -> bool:
        return doubt._accepts_loss(SimpleNamespace(journal=SimpleNamespace(lines=lines)))  # type: ignore[arg-type]

    assert accepts({"restore_begins": {}}, {"may_lose": True})
    assert not accepts({"restore_begins": {}}, {"may_lose": True}, {"may_lose": False})
    assert not accepts({"may_lose": True}, {"restore_begins": {}}, {"restore_half_sent": True})


def test_the_phones_answer_is_in_the_journal_before_the_step_is_over(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int]
) -> None:
    lab, sections = everything()
    kill(lab, sections, Case("finished restore", "killed before", is_used=False))
    assert staged == [1] and lab.last_run.journal().last_try == "taken"


def resume_accepting_loss(lab: Lab) -> str:
    from migrate.journey.run import resume

    return asyncio.run(resume(lab.last_run, lab.context(), accept_loss=True)).outcome


@pytest.mark.parametrize(("says", "ends"), [(True, None), (False, StepsReopened), (None, RestoreInDoubt)])
@pytest.mark.parametrize("setup", [True, None])
def test_a_phone_that_refuses_a_backup_although_its_setup_seems_finished_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setup: bool | None, says: bool | None, ends: type[Exception] | None
) -> None:
    """Lockdown says that the setup is over, or nothing, and the backup service still answers 212."""
    run = run_without_phones(Home(tmp_path / "home").open(), Person(says_restored=says))
    for line in ({"strategy": "replace"}, {"started": "agree"}, {"started": "restore"}, {"restore_begins": BEFORE}):
        run.journal.append(dict(line))
    run.journal.append({"restore_half_sent": True})

    async def looks_the_same(*_: object) -> dict[str, Any]:
        return {**BEFORE, "setup": setup}

    async def answers_212(*_: object) -> Any:
        raise SetupUnfinished("Ada's new iPhone", "212")

    monkeypatch.setattr(doubt, "_look_at", looks_the_same)
    monkeypatch.setattr(doubt, "_compare", answers_212)
    composed: Any = None
    if ends is None:
        assert asyncio.run(doubt.is_already_restored(run, composed, None)) == Restored(found_done=True)
    else:
        with pytest.raises(ends):
            asyncio.run(doubt.is_already_restored(run, composed, None))
    assert isinstance(run.prompts, Person) and run.prompts.doubts == 1
    reopened = [line["reopened"] for line in run.journal.lines if "reopened" in line]
    assert reopened == (["agree", "restore"] if says is False else []), "a backup would be refused again"


# -- from outside ----------------------------------------------------------------------------------------------------

BEFORE = {"trusted": True, "locked": False, "setup_state": "SetupUsingAssistant", "setup": True}


@pytest.mark.parametrize(
    ("change", "restored"),
    [
        ({}, False),
        ({"trusted": False, "setup_state": None, "setup": None}, True),
        ({"setup_state": "RestoredFromiTunesBackup"}, True),
        ({"setup": False}, True),
        ({"setup_state": None, "setup": None}, False),
    ],
)
def test_a_restored_phone_shows_it_from_outside(change: dict[str, Any], restored: bool) -> None:
    assert doubt.changed_since(BEFORE, {**BEFORE, **change}) is restored


def test_a_locked_phone_that_cannot_say_is_not_taken_for_a_restored_one(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It restarted for another reason, and answers nothing before it is unlocked."""
    monkeypatch.setattr(doubt, "LEAVES_WITHIN_S", 0.0)
    monkeypatch.setattr(doubt, "POLL_S", 0.01)
    traces = [{**BEFORE, "trusted": False, "locked": True, "setup": None, "setup_state": None}, {}, BEFORE]
    seen: list[dict[str, Any]] = []

    async def scripted(run: object, udid: str) -> dict[str, Any]:
        seen.append(traces[len(seen)])
        return seen[-1]

    monkeypatch.setattr(doubt, "trace", scripted)

    class Told:
        asked: list[str] = []  # noqa: RUF012

        def person_needed(self, phone: str, action: str) -> None:
            self.asked.append(action)

        def person_done(self, phone: str, action: str) -> None:
            self.asked.append(f"{action} done")

    class FakeRun:
        wait_s = 20.0
        journal = type("J", (), {"lines": [{"at": "2026-01-01T00:00:00+00:00", "restore_begins": {}}]})

        def progress(self) -> Told:
            return Told()

        def name_of(self, role: str) -> str:
            return "Ada"

    now = asyncio.run(doubt._look_at(FakeRun(), "U", BEFORE))  # type: ignore[arg-type]
    assert now == BEFORE and len(seen) == 3 and Told.asked == ["unlock", "unlock done"]


@pytest.mark.soak
def test_a_restore_that_ends_without_the_phones_answer_is_looked_at(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int]
) -> None:
    """Everything was sent, the phone restarts, and its answer never comes: the run itself looks before it goes on."""
    lab, sections = everything(faults=Faults(drop_instead_of_response=True))
    assert lab.move(lab.plan(**sections)).outcome == "done"
    assert staged == [1] and lab.person.doubts == 0
    assert lab.last_run.journal().last_try == "taken"


def test_all_sent_and_not_taken_is_never_called_done(
    everything: Callable[..., tuple[Lab, dict[str, Any]]], staged: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a small set everything is sent long before the phone has taken it. Then the link breaks: the phone, which is
    still as it was, was taken for restored."""
    monkeypatch.setattr(doubt, "LEAVES_WITHIN_S", 0.0)
    monkeypatch.setattr("migrate.phone.mobilebackup2.restore.LEAVES_WITHIN_S", 3.0)
    lab, sections = everything()
    stage, broken = RestoreRun._stage, []

    def hang_up_once(run: RestoreRun, *rest: Any) -> None:
        if not broken:
            broken.append(run)
            run._report_full_progress()
            raise ConnectionAbortedError
        stage(run, *rest)

    with patch.object(RestoreRun, "_stage", hang_up_once):
        assert lab.move(lab.plan(**sections)).outcome == "done"
    assert broken and staged == [1]
    lines = lab.last_run.journal().lines
    assert any("restore_again" in line for line in lines), "it was looked at, and sent again"
    assert next(line["restore_again"] for line in lines if "restore_again" in line) == {}, "an erased phone has nothing"
    assert {"com.example.chatter", "com.example.sketchbook"} <= set(lab.new.apps)
    assert any("Library/SMS/sms.db" in path for path in lab.new.files.digests())
