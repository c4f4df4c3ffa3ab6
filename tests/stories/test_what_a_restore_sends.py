"""What the new phone receives in a restore request: five options, two UDIDs and the apps to install."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from migrate.simulator.agent.restore import RestoreRun
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from tests.stories.lab import EVERYTHING, NEW, OLD, OVERLAY, PHOTOS_AND_MESSAGES, MakeLab, new_phone

TWO_APPS = """
[new_phone]
is = "in-use"
experimental = ["overlay"]
[move]
categories = []
apps = ["com.example.chatter", "com.example.sketchbook"]
may_replace = ["com.example.chatter", "com.example.sketchbook"]
"""


@pytest.fixture
def restore_requests(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every restore request the phones receive, with the list of apps stored on the phone at that moment."""
    requests: list[dict[str, Any]] = []
    begin = RestoreRun.run

    def record_request(run: RestoreRun) -> None:
        apps = run.phone.afc_files.get(RESTORE_APPLICATIONS)
        requests.append(
            {
                "target": run.request.udid,
                "source": run.request.folder,
                "options": run.request.options,
                "apps": None if apps is None else sorted(plistlib.loads(apps)),
            }
        )
        begin(run)

    monkeypatch.setattr(RestoreRun, "run", record_request)
    return requests


def flags(options: Any) -> tuple[bool, ...]:
    """The options in the order of contract 5."""
    names = ("system_files", "should_reboot", "dont_copy_backup", "preserve_settings", "remove_items_not_restored")
    return tuple(getattr(options, name) for name in names)


@pytest.mark.soak
def test_a_replace_sends_every_option_and_all_apps(make_lab: MakeLab, restore_requests: list[dict[str, Any]]) -> None:
    lab = make_lab()
    assert lab.move(lab.plan(EVERYTHING)).code == 0
    (request,) = restore_requests
    assert (request["source"], request["target"]) == (OLD, NEW)
    assert flags(request["options"]) == (True, True, True, False, True)
    assert request["apps"] == ["com.example.chatter", "com.example.sketchbook"]


def test_a_rebuild_sends_what_finder_does_and_the_phones_own_apps(
    make_lab: MakeLab, restore_requests: list[dict[str, Any]]
) -> None:
    lab = make_lab(new=new_phone(empty=False, ios_version="27.0"))
    assert lab.move(lab.plan(PHOTOS_AND_MESSAGES + "[safety]\nrehearse = false\nprove = false\n")).code == 0
    (request,) = restore_requests
    assert (request["source"], request["target"]) == (NEW, NEW)
    assert flags(request["options"]) == (True, True, True, False, True)
    assert request["apps"] == ["com.example.chatter", "com.example.sketchbook"]


@pytest.mark.soak
def test_an_overlay_removes_nothing_and_installs_no_app(
    make_lab: MakeLab, restore_requests: list[dict[str, Any]]
) -> None:
    lab = make_lab(new=new_phone(empty=False))
    assert lab.move(lab.plan(PHOTOS_AND_MESSAGES.replace("[move]", f"{OVERLAY}\n[move]"))).code == 0
    (request,) = restore_requests
    assert flags(request["options"]) == (True, True, True, True, False)
    assert request["apps"] is None


@pytest.mark.soak
def test_the_proof_backs_up_files_that_the_restore_replaced(
    make_lab: MakeLab, restore_requests: list[dict[str, Any]]
) -> None:
    """Regression: a phone reported replaced files as unchanged if name, size and date were equal."""
    lab = make_lab(new=new_phone(empty=False))
    same = {
        (node.domain, node.relative_path)
        for node in lab.old.files.walk()
        if (twin := lab.new.files.get(node.domain, node.relative_path)) is not None
        and (twin.size, twin.modified, twin.changed) == (node.size, node.modified, node.changed)
        and node.kind == "file"
        and node.domain == "AppDomain-com.example.sketchbook"
    }
    old, new = lab.old.files.digests(), lab.new.files.digests()
    assert any(old["/".join(path)] != new["/".join(path)] for path in same)
    done = lab.move(lab.plan(TWO_APPS))
    assert done.code == 0 and done.last["outcome"] == "proven", str(done)
    assert restore_requests[0]["apps"] is None
