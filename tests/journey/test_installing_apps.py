"""Chosen apps that are not on the new phone: a person installs them first, then their data moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.steps import install as installing
from migrate.journey.steps.install import find_missing_apps
from migrate.journey.steps.restore import should_install_apps
from migrate.problems import AppsNotInstalled, WaitedTooLong
from migrate.simulator.agent.restore import RestoreRun
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from migrate.simulator.device.app import App
from tests.journey.moves import Lab, new_phone, run_without_phones
from tests.journey.test_rehearsal import uninstall

MakeLab = Callable[..., Lab]
SKETCHBOOK, CHATTER = "com.example.sketchbook", "com.example.chatter"
TWO_APPS: dict[str, Any] = {
    "new_phone": {"is": "in-use", "experimental": ["overlay"]},
    "safety": {"prove": False},
    "move": {"categories": [], "apps": [CHATTER, SKETCHBOOK], "may_replace": [CHATTER, SKETCHBOOK]},
}
FROM: dict[str, Any] = {}
"""Where the old phone's data comes from."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "POLL_S", 0.01)


@pytest.fixture
def without_sketchbook(make_lab: MakeLab, old_phone_backup: Path) -> tuple[Lab, App]:
    new = new_phone(empty=False)
    app = new.apps[SKETCHBOOK]
    uninstall(new, SKETCHBOOK)
    FROM["old_phone"] = {"backup": str(old_phone_backup)}
    return make_lab(new=new), app


@pytest.mark.soak
def test_the_data_of_a_missing_app_moves_after_a_person_installs_it(
    without_sketchbook: tuple[Lab, App], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, app = without_sketchbook
    requested_apps: list[bytes | None] = []
    begin = RestoreRun.run

    def record_request(run: RestoreRun) -> None:
        requested_apps.append(run.phone.afc_files.get(RESTORE_APPLICATIONS))
        begin(run)

    def a_person_installs(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded) and event.action == "install-apps":
            assert lab.new.pending_restore is None and not lab.person.confirmations, "before anything is sent"
            lab.new.apps[SKETCHBOOK] = app

    monkeypatch.setattr(RestoreRun, "run", record_request)
    lab.on = a_person_installs
    old = lab.old.files.digests()
    assert lab.move(lab.plan(**TWO_APPS, **FROM)).outcome == "done"
    assert lab.codes("warning").count("app-not-installed") == 1
    assert any(isinstance(event, events.PersonDone) and event.action == "install-apps" for event in lab.received_events)
    assert requested_apps == [None], "the phone is not asked to install apps that are there"
    now = lab.new.files.digests()
    mine = {path: sha for path, sha in old.items() if path.startswith(f"AppDomain-{SKETCHBOOK}/Documents/")}
    assert mine and {path: now.get(path) for path in mine} == mine


@pytest.mark.parametrize(
    ("strategy", "installs"), [("replace", True), ("rebuild", True), ("overlay", False), ("graft", False)]
)
def test_only_a_full_restore_asks_the_phone_to_install_apps(tmp_path: Path, strategy: str, installs: bool) -> None:
    """A phone in use that is merged into has them by now: a person installed them."""
    run = run_without_phones(Home(tmp_path / "home").open())
    run.journal.append({"strategy": strategy})
    assert should_install_apps(run) is installs


@pytest.mark.parametrize(("installed", "titles"), [((CHATTER,), ("Sketchbook",)), ((CHATTER, SKETCHBOOK), ())])
def test_a_chosen_app_that_is_not_on_the_phone_is_named(installed: tuple[str, ...], titles: tuple[str, ...]) -> None:
    async def installed_apps() -> tuple[str, ...]:
        return installed

    phone: Any = SimpleNamespace(installed_apps=installed_apps, facts=SimpleNamespace(name_or_model="Ada's new iPhone"))
    missing = asyncio.run(find_missing_apps({CHATTER: "Chatter", SKETCHBOOK: "Sketchbook"}, phone))
    assert (missing.titles if missing else ()) == titles


def test_nothing_is_sent_while_an_app_is_missing_or_deleted_again(
    without_sketchbook: tuple[Lab, App],
) -> None:
    lab, app = without_sketchbook
    with pytest.raises(AppsNotInstalled) as missing:
        lab.move(lab.plan(**TWO_APPS, **FROM), wait_s=0)
    assert missing.value.exit_code == 24 and "Sketchbook" in missing.value.what
    with pytest.raises(WaitedTooLong) as waited:
        lab.resume(wait_s=0.05)
    assert waited.value.exit_code == 50 and "Sketchbook" in waited.value.what

    def a_person_deletes(event: events.Event) -> None:
        if isinstance(event, events.StepStarted) and event.step == "agree":
            uninstall(lab.new, SKETCHBOOK)

    lab.new.apps[SKETCHBOOK], lab.on = app, a_person_deletes
    with pytest.raises(AppsNotInstalled):
        lab.resume()
    assert lab.new.pending_restore is None and not lab.person.confirmations

    def a_person_installs(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded) and event.action == "install-apps":
            lab.new.apps[SKETCHBOOK] = app

    lab.on = a_person_installs
    assert lab.resume().outcome == "done"
