"""A phone in use gets its own complete backup back, with the chosen categories of the old phone in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.backup.restore_set.base_rows import NOT_NEEDED
from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.journal import Journal
from migrate.journey.run_state import StepsReopened
from migrate.journey.steps import erase, find_my, freshness
from migrate.journey.steps.own_backup import refuse_unread_files
from migrate.phone.facts import PhoneFacts
from migrate.phone.mobilebackup2.info_plist import InstalledApp
from migrate.phone.phone import Phone
from migrate.plan.strategy import Strategy
from migrate.problems import (
    CategoriesMovedStore,
    CategoriesSynced,
    Interrupted,
    PhoneNotErased,
    RebuildDoesNotFit,
    RestoreWouldDelete,
)
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.faults.faults import Faults
from tests.journey.moves import (
    LITTLE,
    NEW_PASSWORD,
    PASSWORD,
    UNTOUCHED,
    Lab,
    Person,
    new_phone,
    old_phone,
    run_without_phones,
)
from tests.journey.test_rehearsal import uninstall

MakeLab = Callable[..., Lab]
IN_USE: dict[str, Any] = {"is": "in-use"}
CHATTER = "com.example.chatter"
CHOSEN = ["messages", "photos", CHATTER]
THREE: dict[str, Any] = {
    "new_phone": IN_USE,
    "move": {"categories": CHOSEN[:2], "apps": [CHATTER], "may_replace": CHOSEN},
}
MESSAGES: dict[str, Any] = {"new_phone": IN_USE, "move": {"categories": ["messages"], "may_replace": ["messages"]}}
SMS = "HomeDomain/Library/SMS/sms.db"
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_9999.JPG")
APP_FILE = f"AppDomain-{CHATTER}/Documents/"


@pytest.fixture
def from_backup(old_phone_backup: Path) -> dict[str, Any]:
    """The plan sections for a move from a backup, without proof: these tests are about what happens before."""
    return {"old_phone": {"backup": str(old_phone_backup)}, "safety": {"prove": False}}


def in_use_lab(make_lab: MakeLab, ios_version: str = "27.0", *, old_ios: str = "18.5", **more: Any) -> Lab:
    new = new_phone(ios_version, empty=False, backup_password=NEW_PASSWORD, **more)
    lab = make_lab(old_phone(old_ios), new)
    lab.person = Person({"old": PASSWORD, "new": NEW_PASSWORD})
    return lab


def digests(phone: SimulatedPhone, *begin: str) -> dict[str, str]:
    return {path: sha for path, sha in phone.files.digests().items() if path.startswith(begin) and sha != "dir"}


def asked(lab: Lab) -> list[str]:
    return [event.action for event in lab.received_events if isinstance(event, events.PersonNeeded)]


@pytest.mark.soak  # tests/stories moves messages and photos to a phone in use, from the command line
@pytest.mark.parametrize("ios_version", ["18.5", "26.6", "27.0"])
def test_messages_photos_and_an_app_move_to_a_phone_in_use(make_lab: MakeLab, ios_version: str) -> None:
    lab = in_use_lab(make_lab, ios_version, old_ios="17.5.1")
    result = lab.move(lab.plan(**THREE, safety={"rehearse": True}))
    assert result.outcome == "proven"
    receipt = lab.last_run.receipt()
    assert receipt is not None and receipt["strategy"] == "rebuild" and receipt["old"]["udid"] == lab.old.udid
    rows = {row["id"]: row for row in receipt["categories"]}
    assert rows["messages"]["items"]["proven"] == LITTLE.messages and rows["photos"]["items"]["proven"] == LITTLE.photos
    assert rows[f"app:{CHATTER}"]["files"]["proven"] > 2
    assert receipt["kept"]["items"]["proven"] > 40 and receipt["kept"]["items"]["wrong"] == 0
    assert digests(lab.new, APP_FILE) == digests(lab.old, APP_FILE) != {}
    (confirmation,) = lab.person.confirmations
    assert confirmation.strategy == "rebuild" and confirmation.is_undoable and confirmation.own_limits is not None
    assert confirmation.own_limits.apps == 2 and confirmation.own_limits.not_reinstallable == ()
    assert asked(lab)[0] == "airplane-mode"


def test_whatever_happens_before_the_restore_nothing_on_the_phone_is_lost(
    make_lab: MakeLab, from_backup: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chosen app is missing and comes by itself; a photo is taken after the word was given; Find My is on, which
    this iOS does not tell."""
    monkeypatch.setattr(find_my, "POLL_S", 0.01)
    lab = in_use_lab(make_lab, find_my=True, aftermath=UNTOUCHED)
    uninstall(lab.new, CHATTER)
    before = digests(lab.new, "HomeDomain/Library/AddressBook/", "AppDomain-com.example.sketchbook/Documents/")
    taken: list[bytes] = []

    def meanwhile(event: events.Event) -> None:
        if event == events.StepFinished("agree") and not taken:
            taken.append(b"\xff\xd8 taken just now")
            lab.new.files.add_file(*PHOTO, taken[0])
        if isinstance(event, events.PersonNeeded) and event.action == "turn-off-find-my":
            assert lab.new.pending_restore is None
            lab.new.find_my = False

    lab.on = meanwhile
    calls = {**THREE["move"], "categories": ["messages"]}
    assert lab.move(lab.plan(new_phone=IN_USE, move=calls, **from_backup)).outcome == "done"
    assert lab.steps.count("back-up-new-phone") == lab.steps.count("compose") == 2
    assert len(lab.person.confirmations) == 2 and "own-backup-stale" in lab.codes("warning")
    assert asked(lab)[:3] == ["airplane-mode", "airplane-mode", "turn-off-find-my"]
    assert lab.new.files.get(*PHOTO) is not None
    assert digests(lab.new, *before) == before and before
    assert CHATTER in lab.new.apps and digests(lab.new, APP_FILE) == digests(lab.old, APP_FILE)
    assert digests(lab.new, SMS) == digests(lab.old, SMS)


def test_a_phone_that_is_too_full_is_erased_on_the_way_and_gets_everything_back(
    make_lab: MakeLab, from_backup: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the erase and the restore its data is only in its backup, so a resume must not back it up again."""
    monkeypatch.setattr(erase, "POLL_S", 0.01)
    lab = in_use_lab(make_lab, "26.6", aftermath=UNTOUCHED)
    lab.new.capacity_bytes = lab.new.used_bytes * 3 // 2
    with pytest.raises(RebuildDoesNotFit) as refused:
        lab.move(lab.plan(**MESSAGES, **from_backup))
    assert refused.value.exit_code == 41 and not any(lab.home.backups.iterdir()), "before hours of backing up"
    kept = digests(
        lab.new, "HomeDomain/Library/AddressBook/", "CameraRollDomain/Media/DCIM/", "HealthDomain/Health/healthdb"
    )
    old_messages = digests(lab.old, SMS)
    lab.person.erases = True
    with pytest.raises(PhoneNotErased):
        lab.move(lab.plan(**MESSAGES, **{**from_backup, "safety": {"prove": False, "rehearse": True}}), wait_s=0)
    assert lab.person.erase_offers[-1].needed_bytes > lab.person.erase_offers[-1].free_bytes
    assert lab.person.confirmations[-1].erases_first and lab.new.files.get(*SMS.split("/", 1)) is not None
    lab.new.erase()
    lab.received_events.clear()
    assert lab.resume().outcome == "done"
    assert lab.steps == ["restore", "wait-for-phone", "receipt"]
    assert digests(lab.new, *kept) == kept and kept
    assert digests(lab.new, SMS) == old_messages


def test_chosen_data_that_does_not_fit_is_refused_before_the_new_phone_is_backed_up(make_lab: MakeLab) -> None:
    lab = in_use_lab(make_lab, "26.6", aftermath=UNTOUCHED)
    video_bytes = lab.new.used_bytes + (8 << 20)
    lab.old.files.add_file("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0900.MOV", bytes(video_bytes))
    lab.new.capacity_bytes = lab.new.used_bytes + video_bytes - 1
    photos = {"new_phone": IN_USE, "move": {"categories": ["photos"], "may_replace": ["photos"]}}
    with pytest.raises(RebuildDoesNotFit) as refused:
        lab.move(lab.plan(**photos))
    assert refused.value.needed_bytes >= video_bytes
    assert not lab.home.working_backup(lab.new.udid).exists(), "its own backup would have fitted"


def test_what_cannot_be_moved_is_refused_before_anything_is_sent(
    make_lab: MakeLab, from_backup: dict[str, Any]
) -> None:
    lab = in_use_lab(make_lab, "26.6", old_ios="16.7.8")
    with pytest.raises(CategoriesMovedStore) as moved:
        lab.move(lab.plan(new_phone=IN_USE, move={"categories": ["voice-memos"]}, safety={"prove": False}))
    assert moved.value.exit_code == 40 and "Voice memos" in moved.value.what
    assert not any(lab.home.backups.iterdir())
    lab.new.cloud_sources = {"Contacts": ("iCloud",)}
    with pytest.raises(CategoriesSynced, match="Contacts"):
        lab.move(lab.plan(new_phone=IN_USE, move={"categories": ["contacts"]}, **from_backup))
    assert not any(lab.home.backups.iterdir()) and lab.person.confirmations == []


@pytest.mark.parametrize(
    ("unread", "refuses"), [("Library/Notes/notes.sqlite", True), (NOT_NEEDED[1], False), (None, False)]
)
def test_an_own_backup_that_lacks_a_file_is_refused(unread: str | None, refuses: bool) -> None:
    """Except for the one file that no phone since iOS 17 can read."""
    unreadable = {file_id("HomeDomain", unread): "Input/output error (5)"} if unread else {}
    backup = SimpleNamespace(records=lambda on_bad: iter(()), folder=SimpleNamespace(path=Path("/backups/B")))
    own: Any = SimpleNamespace(seal=SimpleNamespace(unreadable=unreadable), backup=backup)
    if not refuses:
        refuse_unread_files(own)
        return
    with pytest.raises(RestoreWouldDelete, match="Input/output error") as refused:
        refuse_unread_files(own)
    assert refused.value.exit_code == 30


@pytest.mark.soak
def test_a_file_that_the_phone_cannot_read_would_be_deleted(make_lab: MakeLab, from_backup: dict[str, Any]) -> None:
    unread = "HomeDomain/Library/Notes/notes.sqlite"
    lab = in_use_lab(make_lab, faults=Faults(unreadable={unread: "Input/output error (5)"}))
    with pytest.raises(RestoreWouldDelete, match=r"notes\.sqlite") as refused:
        lab.move(lab.plan(**MESSAGES, **from_backup))
    assert refused.value.exit_code == 30 and lab.person.confirmations == []


@pytest.mark.soak
def test_a_category_that_its_own_backup_shows_as_synced_is_refused(
    make_lab: MakeLab, from_backup: dict[str, Any]
) -> None:
    spec = LITTLE.model_copy(update={"icloud_contacts": 3, "icloud_only_photos": 1})
    lab = in_use_lab(make_lab, spec=spec)
    move = {"categories": ["contacts", "photos", "calls"], "may_replace": ["contacts", "photos", "calls"]}
    with pytest.raises(CategoriesSynced) as refused:
        lab.move(lab.plan(new_phone=IN_USE, move=move, **from_backup))
    assert set(refused.value.categories) == {"contacts", "photos"}


@pytest.mark.soak
def test_a_resume_backs_the_phone_up_again(make_lab: MakeLab, from_backup: dict[str, Any]) -> None:
    """Stopped at the confirmation, it is resumed the next day."""
    lab = in_use_lab(make_lab, aftermath=UNTOUCHED)

    def stop(event: events.Event) -> None:
        if event == events.StepFinished("agree"):
            raise KeyboardInterrupt

    lab.on = stop
    with pytest.raises(Interrupted):
        lab.move(lab.plan(**MESSAGES, **from_backup))
    lab.new.files.add_file(*PHOTO, b"\xff\xd8 taken on Saturday")
    lab.on = events.nobody
    assert lab.resume().outcome == "done"
    assert lab.steps.count("back-up-new-phone") == 2 and lab.new.files.get(*PHOTO) is not None


# -- how old a backup may be -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worked_minutes", "age_minutes", "is_old"), [(5, 59, False), (5, 61, True), (90, 100, False), (90, 110, True)]
)
def test_a_backup_older_than_an_hour_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worked_minutes: int, age_minutes: int, is_old: bool
) -> None:
    """Unless verifying, composing and rehearsing alone took as long: that would never end."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def line(minutes: int, entry: dict[str, str]) -> str:
        return json.dumps({"at": (begin + timedelta(minutes=minutes)).isoformat(), **entry})

    head = line(0, {"run": "R1", "plan_digest": "x"}).replace('"run"', '"journal": 3, "run"')
    lines = [head, line(0, {"finished": "back-up-new-phone"}), line(worked_minutes, {"started": "agree"})]
    path = tmp_path / "journal.ndjson"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.setattr(freshness, "now_utc", lambda: begin + timedelta(minutes=age_minutes))
    assert freshness.is_too_old(Journal.read(path)) is is_old


# -- what may have changed since its backup ----------------------------------------------------------------------------

APPS = {CHATTER: InstalledApp("8.1", "Chatter"), "com.example.tides": InstalledApp("2.0", "Tides")}
PICTURES = ["100APPLE/IMG_0001.JPG", "100APPLE/IMG_0002.JPG"]


def looks(build: str = "22F76", apps: Mapping[str, InstalledApp] = APPS, pictures: Sequence[str] = PICTURES) -> Phone:
    """A phone that looks like this."""

    async def answer(value: Any) -> Any:
        return value

    facts = PhoneFacts(udid="N", connection="USB", name="Ada's new iPhone", build=build)
    phone: Any = SimpleNamespace(facts=facts, installed_apps=lambda: answer(apps), pictures=lambda: answer(pictures))
    return phone


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (looks(), None),
        (looks(pictures=PICTURES[::-1]), None),
        (looks(build="22F77"), "its iOS was updated"),
        (looks(apps={CHATTER: APPS[CHATTER]}), "its apps changed"),
        (looks(apps={**APPS, CHATTER: InstalledApp("8.2", "Chatter")}), "its apps changed"),
        (looks(pictures=[*PICTURES, "100APPLE/IMG_0003.JPG"]), "its photos changed"),
    ],
    ids=["nothing", "the order of a listing", "iOS", "an app deleted", "an app updated", "a photo taken"],
)
def test_a_phone_that_changed_since_its_backup_is_backed_up_and_asked_about_again(
    tmp_path: Path, now: Phone, reason: str | None
) -> None:
    run = run_without_phones(Home(tmp_path / "home").open())
    run.set_strategy(Strategy.REBUILD)
    done = ("back-up-new-phone", "verify-new-phone", "compose", "agree")
    for step in done:
        run.journal.append({"started": step})
    asyncio.run(freshness.note_state(run, looks()))
    if reason is None:
        asyncio.run(freshness.repeat_if_stale(run, now))
        assert run.findings == []
        return
    with pytest.raises(StepsReopened):
        asyncio.run(freshness.repeat_if_stale(run, now))
    (said,) = run.findings
    assert said.code == "own-backup-stale" and reason in said.what
    assert all(run.journal.was_reopened(step) for step in done)
