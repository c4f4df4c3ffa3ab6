"""`migrate plan explain`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd

if TYPE_CHECKING:
    from conftest import Migrate

PASSWORD = "correct-horse-1947"
UDID = "00008101-000A1B2C3D4E5F60"
EVERYTHING = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'
SOME = 'version = 1\n[new_phone]\nis = "in-use"\n[move]\ncategories = ["messages", "photos", "notes"]\n'


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(EVERYTHING, encoding="utf-8")
    return path


def fates(answer: Any) -> dict[str, str]:
    return {row["id"]: row["fate"] for row in answer["categories"]}


def test_everything_in_a_backup_moves_and_the_rest_says_why(migrate: Migrate, plan: Path, plain_backup: Path) -> None:
    answer = migrate("plan", "explain", plan, plain_backup, "--json").json
    assert answer["strategy"] == "replace"
    found = fates(answer)
    assert found["messages"] == "goes"
    assert found["photos"] == found["app:org.example.diary"] == "arrives-later"
    assert found["text-replacements"] == "only-in-icloud"
    assert found["health"] == "cannot-go"
    assert "not-chosen" not in found.values()
    assert all(row["why"] for row in answer["categories"])
    messages = next(row for row in answer["categories"] if row["id"] == "messages")
    assert messages["files"] == 1 and messages["bytes"] > 0


def test_what_is_not_in_the_plan_does_not_move(
    migrate: Migrate, plan: Path, encrypted_backup: Path, tmp_path: Path
) -> None:
    plan.write_text(SOME, encoding="utf-8")
    password = tmp_path / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    answer = migrate("plan", "explain", plan, encrypted_backup, "--password-file", password, "--json").json
    assert answer["strategy"] == "rebuild", "whatever the new phone's iOS is; it is not here"
    found = fates(answer)
    assert (found["messages"], found["notes"]) == ("goes", "cannot-go")
    assert found["calls"] == found["app:org.example.diary"] == "not-chosen"
    assert PASSWORD not in str(answer)


def test_for_a_phone_in_use_the_strategy_and_missing_apps_are_shown(
    migrate: Migrate, plan: Path, plain_backup: Path
) -> None:
    text = SOME.replace('"notes"]', '"notes"]\napps = ["org.example.diary"]')
    plan.write_text(text.replace('"in-use"', '"in-use"\nexperimental = ["overlay"]'), encoding="utf-8")
    assert migrate("plan", "explain", plan, plain_backup, "--json").json["strategy"] is None, "it depends on the iOS"
    old_app = "Install it on the new phone first"
    described = {"udid": "00008140-00000000000000B2", "contents": {"empty": True}, "keybag_rounds": 10, "seed": 3}
    server = SimulatedUsbmuxd([PhoneFile.model_validate({**described, "ios_version": "18.1"}).to_phone()])
    try:
        answer = migrate("plan", "explain", plan, plain_backup, "--json", "--usbmuxd", server.start()).json
    finally:
        server.stop()
    assert answer["strategy"] == "overlay"
    diary = next(row for row in answer["categories"] if row["id"] == "app:org.example.diary")
    assert (diary["fate"], diary["why"].startswith(old_app)) == ("arrives-later", True)


def test_a_plan_that_a_run_would_refuse_is_refused(migrate: Migrate, plan: Path, plain_backup: Path) -> None:
    """The plan moves from this unencrypted backup but names a category that needs encryption."""
    plan.write_text(
        f"{EVERYTHING}".replace('["everything"]', '["health"]') + f'[old_phone]\nbackup = "plain/{UDID}"\n',
        encoding="utf-8",
    )
    answer = migrate("plan", "explain", plan, "--json")
    assert (answer.code, answer.error["code"]) == (11, "encryption-needed")


def test_the_text_groups_categories_by_fate(migrate: Migrate, plan: Path, plain_backup: Path) -> None:
    out = migrate("plan", "explain", plan, plain_backup).out
    assert "\x1b" not in out
    headings = ["Moves", "Arrives after the restart", "Cannot move", "Only in iCloud"]
    places = [out.index(heading) for heading in headings]
    assert places == sorted(places)
    assert out.index("Messages") < places[1] < out.index("Photos and videos") < places[2]


def test_the_backup_is_the_plans_or_its_phones_or_the_only_one(
    migrate: Migrate, plan: Path, plain_backup: Path, home: Path
) -> None:
    nothing = migrate("plan", "explain", plan, "--json")
    assert (nothing.code, nothing.error["code"]) == (2, "usage-wrong")
    assert "there is none here" in nothing.error["what"]
    shutil.copytree(plain_backup, home / "backups" / UDID)
    assert migrate("plan", "explain", plan, "--json").code == 0
    shutil.copytree(plain_backup, home / "backups" / "another")
    assert "there are 2 here" in migrate("plan", "explain", plan, "--json").error["what"]
    plan.write_text(f'{EVERYTHING}[old_phone]\nudid = "{UDID}"\n', encoding="utf-8")
    assert migrate("plan", "explain", plan, "--json").code == 0
    plan.write_text(f'{EVERYTHING}[old_phone]\nbackup = "plain"\n', encoding="utf-8")
    assert migrate("plan", "explain", plan, "--json").code == 0


def test_the_text_ends_on_the_space_there_is(migrate: Migrate, plan: Path, plain_backup: Path) -> None:
    *_, last = migrate("plan", "explain", plan, plain_backup).out.splitlines()
    assert last.startswith("This computer: ") and " free of " in last


def test_how_long_a_large_backup_takes_to_move() -> None:
    from migrate.plan.explain import CategoryExplanation, Explanation
    from migrate.plan.model import Plan
    from migrate.plan.strategy import Strategy
    from migrate.talk.commands.plan_explain import NewPhone, format_estimate

    def row(fate: str, size_bytes: int) -> CategoryExplanation:
        made: Any = CategoryExplanation
        return made(id="photos", title="Photos", fate=fate, items=1, files=1, bytes=size_bytes, why="")

    read = Plan.model_validate({"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": ["everything"]}})
    answer = Explanation(
        strategy=Strategy.REPLACE, categories=(row("goes", 30 * 10**9), row("not-chosen", 900 * 10**9))
    )
    said = " ".join(" ".join(format_estimate(answer, read, NewPhone(link="usb3"), Path("/"))).split())
    assert "The whole move takes 11 min to 1 h 03 min" in said
