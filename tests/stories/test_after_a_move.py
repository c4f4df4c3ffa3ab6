"""What can be done with a run once it is through: its receipt, another proof, and taking it back."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stories.kitchen import PHOTOS_AND_MESSAGES, SetTable, new_phone


def test_a_move_is_rehearsed_made_shown_to_a_stranger_and_taken_back(set_table: SetTable, tmp_path: Path) -> None:
    table = set_table(new=new_phone(empty=False))
    before = table.new.files.digests()
    check = table.migrate("check", "--json")
    assert check.code == 0 and json.loads(check.out)["ready"] is True, str(check)

    plan = table.plan(PHOTOS_AND_MESSAGES + "[safety]\nprove = false\n")
    rehearsed = table.migrate("rehearse", plan, "--old", table.old.udid, "--new", table.new.udid, "--json")
    assert rehearsed.code == 0 and rehearsed.steps[-1] == "rehearse", str(rehearsed)
    assert (rehearsed.last["outcome"], rehearsed.last["receipt"]) == ("rehearsed", None)
    run = rehearsed.last["run"]
    assert table.new.files.digests() == before and table.migrate("receipt", run).code == 2

    assert table.migrate("resume", "--yes", "--json").last["outcome"] == "done"
    page = tmp_path / "for-a-stranger.html"
    shown = table.migrate("receipt", run, "--redact", "--page", page)
    assert shown.code == 0 and "Rehearsed" in shown.out, str(shown)
    for secret in ("Grandma", table.new.udid, str(table.home)):
        assert secret not in shown.out + page.read_text()
    assert table.migrate("receipt", run, "--page", page, "--json").code == 2, "nothing is written over"

    undone = table.migrate("undo", run, "--yes", "--json")
    assert undone.code == 0 and undone.last["outcome"] == "undone", str(undone)
    now = table.new.files.digests()
    chosen = ("CameraRollDomain/Media/DCIM/", "HomeDomain/Library/SMS/sms.db", "HomeDomain/Library/AddressBook/")
    mine = {path: sha for path, sha in before.items() if path.startswith(chosen)}
    assert len(mine) > 10 and {path: now.get(path) for path in mine} == mine
    again = table.migrate("prove", undone.last["run"])
    assert again.code == 0 and "as it was before" in again.out, str(again)
