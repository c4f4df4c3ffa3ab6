"""What a new phone is asked for, read where the phone hears it: five options, two UDIDs, and the apps to install."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from migrate.simulator.agent.restore import RestoreRun
from migrate.simulator.agent.staged_restore import RESTORE_APPLICATIONS
from tests.stories.kitchen import EVERYTHING, NEW, OLD, PHOTOS_AND_MESSAGES, SetTable, new_phone

TWO_APPS = """
[new_phone]
is = "in-use"
[move]
categories = []
apps = ["com.example.chatter", "com.example.sketchbook"]
may_replace = ["com.example.chatter", "com.example.sketchbook"]
"""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every restore the phones are asked for, with the list of apps that lies on the phone at that moment."""
    requests: list[dict[str, Any]] = []
    begin = RestoreRun.run

    def listen(run: RestoreRun) -> None:
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

    monkeypatch.setattr(RestoreRun, "run", listen)
    return requests


def flags(options: Any) -> tuple[bool, ...]:
    """In the order of contract 5."""
    names = ("system_files", "should_reboot", "dont_copy_backup", "preserve_settings", "remove_items_not_restored")
    return tuple(getattr(options, name) for name in names)


def test_a_replace_sends_every_option_and_all_apps(set_table: SetTable, heard: list[dict[str, Any]]) -> None:
    table = set_table()
    assert table.move(table.plan(EVERYTHING)).code == 0
    (request,) = heard
    assert (request["source"], request["target"]) == (OLD, NEW)
    assert flags(request["options"]) == (True, True, True, False, True)
    assert request["apps"] == ["com.example.chatter", "com.example.sketchbook"]


@pytest.mark.soak
def test_an_overlay_removes_nothing_and_asks_for_no_app(set_table: SetTable, heard: list[dict[str, Any]]) -> None:
    table = set_table(new=new_phone(empty=False))
    assert table.move(table.plan(PHOTOS_AND_MESSAGES)).code == 0
    (request,) = heard
    assert flags(request["options"]) == (True, True, True, True, False)
    assert request["apps"] is None


@pytest.mark.soak
def test_what_a_restore_replaced_is_backed_up_anew_by_the_proof(
    set_table: SetTable, heard: list[dict[str, Any]]
) -> None:
    """Files of one name, size and date on both phones, with other bytes: the phone called them unchanged afterwards."""
    table = set_table(new=new_phone(empty=False))
    same = {
        (node.domain, node.relative_path)
        for node in table.old.files.walk()
        if (twin := table.new.files.get(node.domain, node.relative_path)) is not None
        and (twin.size, twin.modified, twin.changed) == (node.size, node.modified, node.changed)
        and node.kind == "file"
        and node.domain == "AppDomain-com.example.sketchbook"
    }
    old, new = table.old.files.digests(), table.new.files.digests()
    assert any(old["/".join(path)] != new["/".join(path)] for path in same)
    done = table.move(table.plan(TWO_APPS))
    assert done.code == 0 and done.last["outcome"] == "proven", str(done)
    assert heard[0]["apps"] is None
