"""The rehearsal: what it reports, what it catches, and that it changes no phone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.manifest.manifest import Row
from migrate.backup.reader import Backup
from migrate.backup.restore_set.compose import RestoreSet, SetRequest, compose
from migrate.backup.restore_set.wanted import Wanted
from migrate.journey.run import run
from migrate.journey.steps import compose as choosing
from migrate.journey.steps.rehearse import REHEARSE, Rehearsed, SimulatedAs
from migrate.plan import preflight, strategy
from migrate.problems import NotAgreed, RehearsalFailed
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.moves import NEW, PASSWORD, Lab, new_phone

MakeLab = Callable[..., Lab]
FromBackup = dict[str, Any]
REHEARSED: dict[str, Any] = {"safety": {"rehearse": True, "prove": False}}
MESSAGES: dict[str, Any] = {
    "new_phone": {"is": "in-use", "experimental": ["overlay"]},
    "move": {"categories": ["messages"], "may_replace": ["messages"]},
}


@pytest.fixture
def from_backup(old_phone_backup: Path) -> FromBackup:
    """The plan section for a move from a backup: these tests need no old phone."""
    return {"old_phone": {"backup": str(old_phone_backup)}}


def refused_by_rehearsal(lab: Lab, plan: Any) -> list[str]:
    """Run a move that fails its rehearsal without changing the new phone. Returns the codes of the errors found."""
    before = lab.new.files.digests()
    with pytest.raises(RehearsalFailed) as refused:
        lab.move(plan)
    assert refused.value.exit_code == 42 and "migrate resume" in refused.value.next
    assert lab.new.files.digests() == before and lab.new.pending_restore is None
    assert lab.last_run.unfinished and lab.last_run.journal().latest_value("restore_begins") is None
    assert lab.person.confirmations == [], "no confirmation is requested after a failed rehearsal"
    return [code for code in lab.codes("error") if code.startswith("rehearsal-")]


def test_a_rehearsal_reports_its_result_and_leaves_no_trace_of_the_simulated_iphone(
    make_lab: MakeLab, from_backup: FromBackup
) -> None:
    lab = make_lab()
    lab.move(lab.plan(**from_backup, **REHEARSED))
    assert lab.steps.index("compose") < lab.steps.index("rehearse") < lab.steps.index("restore")
    rehearsed = lab.last_run.journal().result(Rehearsed)
    assert rehearsed.as_ == SimulatedAs("26.1", "iPhone17,3", with_contents=False)
    fates = rehearsed.categories
    assert fates["messages"]["arrives"] > 3 and all(set(each) <= {"arrives", "not-expected"} for each in fates.values())
    assert "rehearsed" in lab.codes("info")
    assert {record.stem for record in lab.home.pairing.iterdir()} <= {NEW}
    assert not any(lab.tmp.rglob("*.plist"))


@pytest.mark.soak
def test_a_rehearsal_alone_stops_before_anything_is_sent_and_can_be_resumed(
    make_lab: MakeLab, from_backup: FromBackup
) -> None:
    lab = make_lab()
    before = lab.new.files.digests()
    ended = asyncio.run(run(lab.plan(**from_backup, safety={"prove": False}), lab.context(), stop_after=REHEARSE))
    assert (ended.outcome, ended.receipt) == ("rehearsed", None) and lab.steps[-1] == "rehearse"
    assert lab.new.files.digests() == before and lab.last_run.state() == "rehearsed"
    assert lab.resume().outcome == "done"


@pytest.mark.soak
def test_data_that_is_not_chosen_would_stay_on_a_phone_in_use(make_lab: MakeLab, from_backup: FromBackup) -> None:
    lab = make_lab(new=new_phone(empty=False))
    lab.move(lab.plan(**from_backup, **MESSAGES, **REHEARSED))
    rehearsed = lab.last_run.journal().result(Rehearsed)
    assert rehearsed.as_.with_contents and set(rehearsed.kept) == {"kept"} and rehearsed.kept["kept"] > 50
    assert set(rehearsed.categories) == {"messages"}


def test_a_backup_of_a_newer_ios_is_caught(
    make_lab: MakeLab, from_backup: FromBackup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Preflight refuses it. If its rule were wrong, the rehearsal would get error 203."""
    monkeypatch.setattr(preflight, "refuse_newer_backup", lambda *_, **__: None)
    lab = make_lab(new=new_phone("18.1"))
    assert refused_by_rehearsal(lab, lab.plan(**from_backup, **REHEARSED)) == ["rehearsal-refused"]


def test_an_app_that_is_not_installed_is_caught(
    make_lab: MakeLab, from_backup: FromBackup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier step waits for the app. If it were deleted since, iOS would silently drop its data."""
    monkeypatch.setattr("migrate.journey.run.STEPS", without_installing())
    new = new_phone(empty=False)
    app = new.apps["com.example.sketchbook"]
    uninstall(new, "com.example.sketchbook")
    lab = make_lab(new=new)
    bundles = ["com.example.sketchbook", "com.example.chatter"]
    move = {"categories": [], "apps": bundles, "may_replace": bundles}
    plan = lab.plan(new_phone=MESSAGES["new_phone"], move=move, **from_backup, **REHEARSED)
    assert set(refused_by_rehearsal(lab, plan)) == {"rehearsal-app-missing"}

    new.apps["com.example.sketchbook"], lab.person.agrees = app, False
    with pytest.raises(NotAgreed):
        lab.resume()
    found = [row["code"] for row in json.loads((lab.last_run.path / "findings.json").read_text())]
    assert "rehearsed" in found and "rehearsal-app-missing" not in found, "that was about the first rehearsal"


def without_installing() -> tuple[Any, ...]:
    from migrate.journey.run import STEPS

    return tuple(step for step in STEPS if step.name != "install-apps")


def uninstall(phone: SimulatedPhone, bundle: str) -> None:
    del phone.apps[bundle]
    phone.files.retain(f"AppDomain-{bundle}", lambda node: False)


def test_the_wipe_of_ios_27_is_caught(
    make_lab: MakeLab, from_backup: FromBackup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the version table were wrong about iOS 27, everything in HomeDomain that is not sent would be deleted."""
    monkeypatch.setattr(strategy, "partial_restore_support", lambda version: "keeps")
    lab = make_lab(new=new_phone("27.0", empty=False))
    codes = refused_by_rehearsal(lab, lab.plan(**from_backup, **MESSAGES, **REHEARSED))
    assert set(codes) == {"rehearsal-lost"} and len(codes) > 50


class LosesOne:
    """Chooses the same rows without one of them."""

    def __init__(self, wanted: Wanted, lost: str) -> None:
        self._wanted, self._lost, self.has_lost = wanted, lost, False
        self.takes_bad, self.missing = wanted.takes_bad, wanted.missing

    def takes(self, row: Row, size: int | None) -> bool:
        is_wanted = self._wanted.takes(row, size)
        self.has_lost = self.has_lost or (is_wanted and row.file_id == self._lost)
        return is_wanted and row.file_id != self._lost


def test_an_incomplete_group_of_files_is_caught(
    make_lab: MakeLab, from_backup: FromBackup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore set without one attachment of its messages: the database would refer to a missing picture."""

    def without_an_attachment(request: SetRequest, progress: Any) -> RestoreSet:
        with Backup.open(request.source, PASSWORD) as backup:
            media = [record for record in backup.records() if record.domain == "MediaDomain"]
        files = [record.file_id for record in media if "Attachments/" in record.relative_path and record.size]
        wanted: Any = request.wanted
        losing = LosesOne(wanted, files[0])
        made = compose(replace(request, wanted=losing), progress)
        assert losing.has_lost
        return made

    monkeypatch.setattr(choosing, "compose", without_an_attachment)
    lab = make_lab(new=new_phone(empty=False))
    assert refused_by_rehearsal(lab, lab.plan(**from_backup, **MESSAGES, **REHEARSED)) == ["rehearsal-missing"]


@pytest.mark.soak
def test_a_phone_without_enough_space_is_caught(
    make_lab: MakeLab, from_backup: FromBackup, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab()
    lab.new.faults.free_bytes = 4096
    monkeypatch.setattr(preflight, "refuse_restore", lambda *_, **__: None)
    assert refused_by_rehearsal(lab, lab.plan(**from_backup, **REHEARSED)) == ["rehearsal-refused"]
