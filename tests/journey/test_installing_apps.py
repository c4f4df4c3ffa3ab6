"""Apps that were chosen and are not on the new phone: a person installs them first, then their data goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import events
from migrate.journey.steps import install as installing
from migrate.problems import AppsNotInstalled, WaitedTooLong
from migrate.simulator.agent.restore import RestoreRun
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from migrate.simulator.device.app import App
from tests.journey.moves import Bench, new_phone
from tests.journey.test_rehearsal import uninstall

SetBench = Callable[..., Bench]
SKETCHBOOK, CHATTER = "com.example.sketchbook", "com.example.chatter"
TWO_APPS: dict[str, Any] = {
    "new_phone": {"is": "in-use"},
    "safety": {"prove": False},
    "move": {"categories": [], "apps": [CHATTER, SKETCHBOOK], "may_replace": [CHATTER, SKETCHBOOK]},
}
FROM: dict[str, Any] = {}
"""Where the old phone's data comes from."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "POLL_S", 0.01)


@pytest.fixture
def without_sketchbook(bench: SetBench, saved_old_phone: Path) -> tuple[Bench, App]:
    new = new_phone(empty=False)
    app = new.apps[SKETCHBOOK]
    uninstall(new, SKETCHBOOK)
    FROM["old_phone"] = {"backup": str(saved_old_phone)}
    return bench(new=new), app


def test_an_app_that_is_missing_is_installed_by_a_person_and_then_its_data_arrives(
    without_sketchbook: tuple[Bench, App], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, app = without_sketchbook
    asked_for: list[bytes | None] = []
    begin = RestoreRun.run

    def listen(run: RestoreRun) -> None:
        asked_for.append(run.phone.afc_files.get(RESTORE_APPLICATIONS))
        begin(run)

    def a_person_installs(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded) and event.action == "install-apps":
            assert table.new.pending_restore is None and not table.person.confirmations, "before anything is sent"
            table.new.apps[SKETCHBOOK] = app

    monkeypatch.setattr(RestoreRun, "run", listen)
    table.on = a_person_installs
    old = table.old.files.digests()
    assert table.move(table.plan(**TWO_APPS, **FROM)).outcome == "done"
    assert table.codes("warning").count("app-not-installed") == 1
    assert any(isinstance(event, events.PersonDone) and event.action == "install-apps" for event in table.heard)
    assert asked_for == [None], "the phone is not asked to install what is there"
    now = table.new.files.digests()
    mine = {path: sha for path, sha in old.items() if path.startswith(f"AppDomain-{SKETCHBOOK}/Documents/")}
    assert mine and {path: now.get(path) for path in mine} == mine


def test_nothing_is_sent_while_an_app_is_missing_or_deleted_again(
    without_sketchbook: tuple[Bench, App],
) -> None:
    table, app = without_sketchbook
    with pytest.raises(AppsNotInstalled) as lacking:
        table.move(table.plan(**TWO_APPS, **FROM), wait_s=0)
    assert lacking.value.exit_code == 24 and "Sketchbook" in lacking.value.what
    with pytest.raises(WaitedTooLong) as waited:
        table.resume(wait_s=0.05)
    assert waited.value.exit_code == 50 and "Sketchbook" in waited.value.what

    def deletes_it(event: events.Event) -> None:
        if isinstance(event, events.StepStarted) and event.step == "agree":
            uninstall(table.new, SKETCHBOOK)

    table.new.apps[SKETCHBOOK], table.on = app, deletes_it
    with pytest.raises(AppsNotInstalled):
        table.resume()
    assert table.new.pending_restore is None and not table.person.confirmations

    def a_person_installs(event: events.Event) -> None:
        if isinstance(event, events.PersonNeeded) and event.action == "install-apps":
            table.new.apps[SKETCHBOOK] = app

    table.on = a_person_installs
    assert table.resume().outcome == "done"
