"""The rehearsal: what it shows, what it catches, and that it touches no phone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.journey.run import run
from migrate.journey.steps import compose as choosing
from migrate.journey.steps import install as installing
from migrate.journey.steps.rehearse import REHEARSE, Rehearsed, SimulatedAs
from migrate.plan import preflight, strategy
from migrate.problems import RehearsalFailed
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.moves import NEW, PASSWORD, Bench, new_phone

SetBench = Callable[..., Bench]
Saved = dict[str, Any]
REHEARSED: dict[str, Any] = {"safety": {"rehearse": True, "prove": False}}
MESSAGES: dict[str, Any] = {
    "new_phone": {"is": "in-use"},
    "move": {"categories": ["messages"], "may_replace": ["messages"]},
}


@pytest.fixture
def saved(saved_old_phone: Path) -> Saved:
    """Of a plan: these stories begin after the old phone was saved."""
    return {"old_phone": {"backup": str(saved_old_phone)}}


def refused_by_rehearsal(table: Bench, plan: Any) -> list[str]:
    """The codes of what the rehearsal found; the new phone is as it was and no restore waits on it."""
    before = table.new.files.digests()
    with pytest.raises(RehearsalFailed) as refused:
        table.move(plan)
    assert refused.value.exit_code == 42 and "migrate resume" in refused.value.next
    assert table.new.files.digests() == before and table.new.pending_restore is None
    assert table.last_run.unfinished and table.last_run.journal().latest_value("restore_begins") is None
    assert table.person.confirmations == [], "nobody is asked to agree to what failed"
    return [code for code in table.codes("error") if code.startswith("rehearsal-")]


def test_a_rehearsal_reports_its_result_and_leaves_no_trace_of_the_simulated_iphone(
    bench: SetBench, saved: Saved
) -> None:
    table = bench()
    table.move(table.plan(**saved, **REHEARSED))
    assert table.steps.index("compose") < table.steps.index("rehearse") < table.steps.index("restore")
    rehearsed = table.last_run.journal().result(Rehearsed)
    assert rehearsed.as_ == SimulatedAs("26.1", "iPhone17,3", with_contents=False)
    fates = rehearsed.categories
    assert fates["messages"]["arrives"] > 3 and all(set(each) <= {"arrives", "not-expected"} for each in fates.values())
    assert "rehearsed" in table.codes("info")
    assert {record.stem for record in table.home.pairing.iterdir()} <= {NEW}
    assert not any(table.tmp.rglob("*.plist"))


@pytest.mark.soak
def test_a_rehearsal_alone_stops_before_anything_is_sent_and_can_be_resumed(bench: SetBench, saved: Saved) -> None:
    table = bench()
    before = table.new.files.digests()
    ended = asyncio.run(run(table.plan(**saved, safety={"prove": False}), table.context(), stop_after=REHEARSE))
    assert (ended.outcome, ended.receipt) == ("rehearsed", None) and table.steps[-1] == "rehearse"
    assert table.new.files.digests() == before and table.last_run.state() == "rehearsed"
    assert table.resume().outcome == "done"


@pytest.mark.soak
def test_what_was_not_chosen_would_stay_on_a_phone_in_use(bench: SetBench, saved: Saved) -> None:
    table = bench(new=new_phone(empty=False))
    table.move(table.plan(**saved, **MESSAGES, **REHEARSED))
    rehearsed = table.last_run.journal().result(Rehearsed)
    assert rehearsed.as_.with_contents and set(rehearsed.kept) == {"kept"} and rehearsed.kept["kept"] > 50
    assert set(rehearsed.categories) == {"messages"}


def test_a_backup_of_a_newer_ios_is_caught(bench: SetBench, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """Preflight refuses it; were its rule wrong, the rehearsal would hear 203."""
    monkeypatch.setattr(preflight, "refuse_newer_backup", lambda *_, **__: None)
    table = bench(new=new_phone("18.1"))
    assert refused_by_rehearsal(table, table.plan(**saved, **REHEARSED)) == ["rehearsal-refused"]


def test_an_app_that_is_not_installed_is_caught(bench: SetBench, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step before it waits for the app; were it deleted since, its data would be dropped without a word."""
    monkeypatch.setattr(installing, "has_chosen_apps", lambda run, composed: False)
    monkeypatch.setattr("migrate.journey.run.STEPS", without_installing())
    new = new_phone(empty=False)
    uninstall(new, "com.example.sketchbook")
    table = bench(new=new)
    bundles = ["com.example.sketchbook", "com.example.chatter"]
    move = {"categories": [], "apps": bundles, "may_replace": bundles}
    plan = table.plan(new_phone={"is": "in-use"}, move=move, **saved, **REHEARSED)
    assert set(refused_by_rehearsal(table, plan)) == {"rehearsal-app-missing"}


def without_installing() -> tuple[Any, ...]:
    from migrate.journey.run import STEPS

    return tuple(step for step in STEPS if step.name != "install-apps")


def uninstall(phone: SimulatedPhone, bundle: str) -> None:
    del phone.apps[bundle]
    phone.files.retain(f"AppDomain-{bundle}", lambda node: False)


def test_the_wipe_of_ios_27_is_caught(bench: SetBench, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the table of versions wrong about 27, everything in HomeDomain that is not sent would be deleted."""
    monkeypatch.setattr(strategy, "partial_restore_support", lambda version: "keeps")
    table = bench(new=new_phone("27.0", empty=False))
    codes = refused_by_rehearsal(table, table.plan(**saved, **MESSAGES, **REHEARSED))
    assert set(codes) == {"rehearsal-lost"} and len(codes) > 50


def test_half_a_group_is_caught(bench: SetBench, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages whose attachments were left out of the set: the database would speak of pictures that are not there."""

    def without_attachments(request: SetRequest, progress: Any) -> RestoreSet:
        with Backup.open(request.source, PASSWORD) as backup:
            media = [record for record in backup.records() if record.domain == "MediaDomain"]
        lost = {record.file_id for record in media if "Attachments/" in record.relative_path}
        assert lost & set(request.wanted)
        return compose(replace(request, wanted=frozenset(request.wanted) - lost), progress)

    monkeypatch.setattr(choosing, "compose", without_attachments)
    table = bench(new=new_phone(empty=False))
    assert set(refused_by_rehearsal(table, table.plan(**saved, **MESSAGES, **REHEARSED))) == {"rehearsal-missing"}


@pytest.mark.soak
def test_a_phone_without_enough_space_is_caught(bench: SetBench, saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    table = bench()
    table.new.faults.free_bytes = 4096
    monkeypatch.setattr(preflight, "refuse_restore", lambda *_, **__: None)
    assert refused_by_rehearsal(table, table.plan(**saved, **REHEARSED)) == ["rehearsal-refused"]
