"""What a person can do with a finished run: show its receipt, prove it again, undo it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stories.lab import PHOTOS_AND_MESSAGES, MakeLab, new_phone


@pytest.mark.soak
def test_a_move_is_rehearsed_made_shared_and_undone(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(new=new_phone(empty=False))
    before = lab.new.files.digests()
    check = lab.migrate("check", "--json")
    assert check.code == 0 and json.loads(check.out)["ready"] is True, str(check)

    plan = lab.plan(PHOTOS_AND_MESSAGES + "[safety]\nprove = false\n")
    rehearsed = lab.migrate("rehearse", plan, "--old", lab.old.udid, "--new", lab.new.udid, "--json")
    assert rehearsed.code == 0 and rehearsed.steps[-1] == "rehearse", str(rehearsed)
    assert (rehearsed.last["outcome"], rehearsed.last["receipt"]) == ("rehearsed", None)
    run = rehearsed.last["run"]
    assert lab.new.files.digests() == before and lab.migrate("receipt", run).code == 2

    assert lab.migrate("resume", "--yes", "--json").last["outcome"] == "done"
    page = tmp_path / "to-share.html"
    shown = lab.migrate("receipt", run, "--redact", "--page", page)
    assert shown.code == 0 and "Rehearsed" in shown.out and str(page) in shown.err, str(shown)
    for secret in ("Grandma", lab.new.udid, str(lab.home)):
        assert secret not in shown.out + page.read_text()
    assert lab.migrate("receipt", run, "--page", page, "--json").code == 2, "an existing file is not overwritten"

    undone = lab.migrate("undo", run, "--yes", "--json")
    assert undone.code == 0 and undone.last["outcome"] == "undone", str(undone)
    now = lab.new.files.digests()
    chosen = ("CameraRollDomain/Media/DCIM/", "HomeDomain/Library/SMS/sms.db", "HomeDomain/Library/AddressBook/")
    mine = {path: sha for path, sha in before.items() if path.startswith(chosen)}
    assert len(mine) > 10 and {path: now.get(path) for path in mine} == mine
    again = lab.migrate("prove", undone.last["run"])
    assert again.code == 0 and "as it was before" in again.out, str(again)
