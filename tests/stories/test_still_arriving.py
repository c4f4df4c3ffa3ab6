"""The normal end of a whole move: apps, photos and items of accounts are still to come. A later look proves them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from migrate.simulator.aftermath.settings import Aftermath
from tests.stories.lab import EVERYTHING, NEW, OLD, Lab, MakeLab, new_phone

PATIENT = Aftermath(arrives_in_s="when-ordered")
"""The phone rewrites what it received; the rest comes when the test says so."""


def moved(make_lab: MakeLab) -> Lab:
    lab = make_lab(new=new_phone(aftermath=PATIENT))
    done = lab.migrate("run", lab.plan(EVERYTHING), "--old", OLD, "--new", NEW, "--yes")
    assert done.code == 61, str(done)
    told = " ".join(done.out.split())
    assert "nothing is wrong" in told and "Arrived so far on Grandma's new iPhone" in told
    assert "sign in to the accounts" in told and "Keep Grandma's iPhone as it is" in told
    assert "erase" not in told, "never: you may erase the old phone"
    return lab


def receipt_of(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((lab.only_run / "receipt.json").read_text())
    return found


def days_later(lab: Lab, days: float) -> None:
    """Make the journal's lines that much older."""
    path = lab.only_run / "journal.ndjson"
    lines = []
    for text in path.read_text().splitlines():
        line = json.loads(text)
        line["at"] = (datetime.fromisoformat(line["at"]) - timedelta(days=days)).isoformat(timespec="milliseconds")
        lines.append(json.dumps(line, ensure_ascii=False, separators=(", ", ": ")))
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.soak
def test_a_later_look_proves_what_was_still_arriving(make_lab: MakeLab) -> None:
    lab = moved(make_lab)
    before = {row["id"]: row for row in receipt_of(lab)["categories"]}
    assert before["photos"]["items"]["arriving"] > 0 and before["calendars"]["items"]["arriving"] > 0
    shown = {
        row["id"]: row
        for row in json.loads(lab.migrate("show", lab.home / "backups" / OLD, "--json").out)["categories"]
    }
    for category in ("contacts", "messages", "calls", "photos", "notes", "reminders", "calendars", "health", "safari"):
        assert before[category]["items"]["sent"] == shown[category]["items"], category

    lab.new.finish_background_restore()
    lab.new.sign_in()
    again = lab.migrate("prove", "last", "--json")
    assert again.code == 0 and again.last["outcome"] == "proven", str(again)
    after = receipt_of(lab)
    assert after["verdict"] == "proven" and after["next"] == []
    for row in after["categories"]:
        assert not row["files"]["wrong"] and not row["files"]["arriving"], row
        if row["items"] is not None:
            assert row["items"]["sent"] == row["items"]["proven"] == before[row["id"]]["items"]["sent"], row


@pytest.mark.soak
def test_what_never_comes_is_missing_after_a_week(make_lab: MakeLab) -> None:
    lab = moved(make_lab)
    days_later(lab, 8)
    again = lab.migrate("prove", "last")
    assert again.code == 60, str(again)
    assert "have still not arrived on the new iPhone" in " ".join(again.out.split())
    photos = next(row for row in receipt_of(lab)["categories"] if row["id"] == "photos")
    assert photos["items"]["wrong"] > 0 and photos["items"]["arriving"] == 0
