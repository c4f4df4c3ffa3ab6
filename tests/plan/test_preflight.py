"""What preflight refuses, and what it only mentions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from migrate import problems
from migrate.backup.folder import BackupFolder
from migrate.plan.model import Plan
from migrate.plan.preflight import (
    SPARE_BYTES,
    MoveFacts,
    needed_bytes,
    preflight,
    refuse_restore,
    refuse_restore_of_own_backup,
    refuse_without_room_for_proof,
)
from migrate.udid import same_udid

GB = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A phone as preflight sees it: healthy unless a test says otherwise."""

    udid: str
    name_or_model: str
    ios_version: str | None = "26.1"
    encrypts_backups: bool | None = True
    find_my: bool | None = False
    free_bytes: int | None = 100 * GB
    used_bytes: int | None = 20 * GB
    battery_percent: int | None = 90
    setup_finished: bool | None = True
    synced_data: dict[str, tuple[str, ...]] | None = None


OLD = Facts(udid="00008101-000A", name_or_model="Old", ios_version="18.5")
NEW = Facts(udid="00008140-000B", name_or_model="New")


def plan(new_phone_is: str = "erased", categories: tuple[str, ...] = ("photos",), **tables: dict[str, Any]) -> Plan:
    raw: dict[str, Any] = {"version": 1, "new_phone": {"is": new_phone_is}, "move": {"categories": categories}}
    for table, keys in tables.items():
        raw[table] = {**raw.get(table, {}), **keys}
    return Plan.model_validate(raw)


def seen(**what: Any) -> MoveFacts:
    return MoveFacts(**{"old": OLD, "new": NEW, "home_free_bytes": 500 * GB, "home": Path("home"), **what})


def but(facts: Facts, **changes: Any) -> Facts:
    return dataclasses.replace(facts, **changes)


def codes(the_plan: Plan, what: MoveFacts) -> dict[str, str]:
    return {finding.code: finding.severity for finding in preflight(the_plan, what)}


def test_two_healthy_phones_give_no_findings() -> None:
    assert preflight(plan(), seen()) == []
    assert preflight(plan("in-use"), seen()) == []


def test_a_phone_that_is_not_connected_yet_is_not_checked() -> None:
    assert preflight(plan(), seen(old=None, new=None)) == []
    assert preflight(plan(), seen(old=None, new=None, home_free_bytes=None)) == []


def test_one_phone_in_both_roles_is_refused_with_or_without_the_dash() -> None:
    with pytest.raises(problems.SamePhoneTwice, match="Old"):
        preflight(plan(), seen(new=but(OLD, udid="00008101000a")))
    with pytest.raises(problems.SamePhoneTwice):
        preflight(plan(new_phone={"udid": OLD.udid}), seen(new=None))
    assert same_udid("00008101-000a", "00008101000A") and not same_udid("1", "2")


def test_a_plan_for_other_phones_is_refused() -> None:
    with pytest.raises(problems.PlanMismatch) as caught:
        preflight(plan(old_phone={"udid": "00008030-000F"}), seen())
    assert caught.value.exit_code == 11
    assert "00008030-000F" in caught.value.why and "--old 00008101-000A" in caught.value.next
    with pytest.raises(problems.PlanMismatch):
        preflight(plan(new_phone={"udid": "00008030-000F"}), seen())


def test_find_my_is_refused_when_on_and_mentioned_when_unknown() -> None:
    with pytest.raises(problems.FindMyOn) as caught:
        preflight(plan(), seen(new=but(NEW, find_my=True)))
    assert caught.value.exit_code == 24
    assert codes(plan(), seen(new=but(NEW, find_my=None))) == {"find-my-unknown": "info"}
    assert preflight(plan(), seen(old=but(OLD, find_my=True))) == [], "the old phone may keep it"


def test_an_older_ios_on_the_new_phone_is_refused_before_the_backup() -> None:
    with pytest.raises(problems.BackupNewerThanPhone):
        preflight(plan(), seen(new=but(NEW, ios_version="18.4")))
    with pytest.raises(problems.BackupNewerThanPhone):
        preflight(plan("in-use"), seen(new=but(NEW, ios_version="18.4")))
    with pytest.raises(problems.StrategyRefused):
        preflight(plan("in-use", new_phone={"experimental": ("overlay",)}), seen(new=but(NEW, ios_version="27.0")))


@pytest.mark.parametrize(
    ("category", "old_ios", "new_ios", "refuses"),
    [
        ("voice-memos", "16.7.8", "17.0", True),
        ("reminders", "15.8", "26.1", True),
        ("alarms", "26.1", "27.0", True),
        ("alarms", "18.5", "26.6", False),
        ("voice-memos", "17.0", "27.0", False),
        ("messages", "15.8", "27.0", False),
    ],
)
def test_a_store_that_moved_between_the_two_versions_is_refused_for_a_phone_in_use(
    category: str, old_ios: str, new_ios: str, refuses: bool
) -> None:
    phones = seen(old=but(OLD, ios_version=old_ios), new=but(NEW, ios_version=new_ios))
    assert preflight(plan(categories=(category,)), phones) == [], "an erased phone converts it"
    if not refuses:
        assert preflight(plan("in-use", (category,)), phones) == []
        return
    with pytest.raises(problems.CategoriesMovedStore, match=f"iOS {old_ios}") as caught:
        preflight(plan("in-use", ("photos", category)), phones)
    assert caught.value.exit_code == 40 and caught.value.categories == (category,)


def test_a_category_that_the_new_phone_syncs_with_an_account_is_refused() -> None:
    phones = seen(new=but(NEW, synced_data={"Contacts": ("iCloud",), "Notes": ()}))
    with pytest.raises(problems.CategoriesSynced, match="iCloud") as caught:
        preflight(plan("in-use", ("contacts", "notes", "photos")), phones)
    assert caught.value.exit_code == 40 and caught.value.categories == ("contacts",)
    assert preflight(plan("in-use", ("notes", "photos")), phones) == []
    assert preflight(plan(categories=("contacts",)), phones) == [], "an erased phone does not sync yet"


def test_a_full_disk_is_refused_and_a_nearly_full_one_is_only_mentioned() -> None:
    with pytest.raises(problems.TooLittleSpaceHere) as caught:
        preflight(plan(), seen(home_free_bytes=SPARE_BYTES))
    assert caught.value.exit_code == 33
    assert codes(plan(), seen(home_free_bytes=40 * GB)) == {"little-room-here": "warning"}, "old and proof"
    assert codes(plan(), seen(home_free_bytes=41 * GB)) == {}
    assert codes(plan(), seen(home_free_bytes=40 * GB, working_backup_bytes=5 * GB)) == {}
    assert codes(plan("in-use"), seen(home_free_bytes=50 * GB)) == {"little-room-here": "warning"}, "safety too"


def test_a_full_disk_does_not_matter_without_a_backup() -> None:
    nothing_saved = plan(backup={"begin": "as-is"}, safety={"prove": False})
    assert preflight(nothing_saved, seen(old=None, home_free_bytes=0)) == []


def test_everything_that_may_not_fit_is_said_before_hours_of_backing_up() -> None:
    small, everything = seen(new=but(NEW, free_bytes=19 * GB)), plan(categories=("everything",))
    assert codes(everything, small) == {"everything-may-not-fit": "warning"}
    assert codes(everything, seen(new=but(NEW, free_bytes=20 * GB))) == {}
    assert codes(plan(), small) == {}, "how much photos take is not known yet"
    assert codes(plan(categories=("everything",), move={"except": ["photos"]}), small) == {}
    assert codes(plan("in-use"), small) == {}, "a phone in use is compared with its own backup"


def test_a_backup_that_does_not_fit_is_refused_at_once() -> None:
    class Existing:
        udid, ios_version, required_ios_version, is_encrypted = OLD.udid, "18.5", None, True

    backup = cast(BackupFolder, Existing())
    everything = plan(categories=("everything",))
    with pytest.raises(problems.NewPhoneTooFull):
        preflight(everything, MoveFacts(new=NEW, backup=backup, backup_bytes=120 * GB))
    assert preflight(everything, MoveFacts(new=NEW, backup=backup, backup_bytes=102 * GB)) == []


def test_a_low_battery_is_mentioned_once_per_phone() -> None:
    findings = preflight(plan(), seen(old=but(OLD, battery_percent=49), new=but(NEW, battery_percent=3)))
    assert [(finding.code, finding.phone) for finding in findings] == [("battery-low", "Old"), ("battery-low", "New")]


def test_health_chosen_by_name_needs_an_encrypted_backup() -> None:
    open_phone = but(OLD, encrypts_backups=False)
    chosen = plan(categories=("health", "photos"), backup={"encrypted": False})
    with pytest.raises(problems.EncryptionNeeded, match="Health"):
        preflight(chosen, seen(old=open_phone))
    assert preflight(chosen, seen()) == [], "this phone encrypts anyway, and false never turns it off"
    assert preflight(plan(categories=("health",)), seen(old=open_phone)) == [], "it is turned on, as the plan says"


def test_everything_from_an_unencrypted_backup_names_what_does_not_move() -> None:
    everything = plan(categories=("everything",), move={"except": ["wifi"]}, backup={"encrypted": False})
    findings = preflight(everything, seen(old=but(OLD, encrypts_backups=False)))
    assert [finding.code for finding in findings] == ["not-encrypted"]
    assert "health" in findings[0].categories and "passwords" in findings[0].categories
    assert "wifi" not in findings[0].categories, "it was not to move anyway"
    assert "photos" not in findings[0].categories


@dataclass
class Folder:
    udid: str = OLD.udid
    ios_version: str | None = "18.5"
    required_ios_version: str | None = None
    is_encrypted: bool = True


def test_a_backup_can_replace_the_old_phone() -> None:
    def of(folder: Folder) -> MoveFacts:
        return seen(old=None, backup=cast(BackupFolder, folder))

    from_folder = plan(categories=("health",), old_phone={"backup": "folder"})
    assert preflight(from_folder, of(Folder())) == []
    with pytest.raises(problems.BackupNewerThanPhone):
        preflight(from_folder, of(Folder(ios_version="26.2")))
    with pytest.raises(problems.EncryptionNeeded):
        preflight(from_folder, of(Folder(is_encrypted=False)))
    with pytest.raises(problems.SamePhoneTwice):
        preflight(from_folder, of(Folder(udid=NEW.udid)))


NO_PROOF: dict[str, Any] = {"safety": {"prove": False}}


def test_a_move_takes_twice_the_data_and_five_times_on_a_disk_without_hard_links() -> None:
    """Seen with an independent phone: 2.0 times the phone where links work, 5.0 times on exFAT."""
    assert needed_bytes(plan(), seen()) == 2 * 20 * GB, "the old phone's backup and the proof's"
    assert needed_bytes(plan(), seen(hard_links_work=True)) == 2 * 20 * GB
    assert needed_bytes(plan(), seen(hard_links_work=False, new=but(NEW, used_bytes=0))) == 5 * 20 * GB


def test_what_is_there_already_is_not_needed_again_unless_a_full_backup_is_made_beside_it() -> None:
    here = seen(working_backup_bytes=15 * GB)
    assert needed_bytes(plan(**NO_PROOF), here) == 5 * GB
    assert needed_bytes(plan(backup={"begin": "fresh"}, **NO_PROOF), here) == 20 * GB
    assert needed_bytes(plan(backup={"begin": "as-is"}, **NO_PROOF), here) == 0
    assert needed_bytes(plan(**NO_PROOF), seen(old=None)) == 0, "unknown until it is connected"
    in_use = needed_bytes(plan("in-use", **NO_PROOF), seen(new_backup_bytes=4 * GB))
    assert in_use == 20 * GB + 16 * GB


def test_a_disk_without_hard_links_is_said() -> None:
    assert codes(plan(), seen(hard_links_work=False)) == {"no-hard-links": "warning"}
    assert codes(plan(), seen(hard_links_work=False, home_free_bytes=60 * GB)) == {
        "no-hard-links": "warning",
        "little-room-here": "warning",
    }
    assert codes(plan(), seen(hard_links_work=None)) == {}


def test_the_proof_needs_room_before_the_point_of_no_return() -> None:
    def refuse_room(free_bytes: int | None, links: bool = True) -> None:
        refuse_without_room_for_proof(Path("home"), free_bytes=free_bytes, set_bytes=5 * GB, hard_links_work=links)

    with pytest.raises(problems.NoRoomForProof) as caught:
        refuse_room(5 * GB)
    assert caught.value.exit_code == 33 and "not changed" in caught.value.why
    refuse_room(5 * GB + SPARE_BYTES)
    refuse_room(None)
    with pytest.raises(problems.NoRoomForProof):
        refuse_room(9 * GB, links=False)


def test_an_older_update_of_the_same_ios_is_left_to_the_backup_that_says_what_takes_it() -> None:
    newer = but(OLD, ios_version="26.1.1")
    preflight(plan(), seen(old=newer))  # RequiredProductVersion is in the backup only
    with pytest.raises(problems.BackupNewerThanPhone):
        preflight(plan(), seen(old=newer, new=but(NEW, ios_version="26.0")))


# -- right before the point of no return ------------------------------------------------------------------------------


def refuse(the_plan: Plan, facts: Facts, signs: tuple[str, ...] = (), set_bytes: int = 5 * GB) -> None:
    refuse_restore(the_plan, facts, backup_ios_version="18.5", set_bytes=set_bytes, signs_of_use=signs)


def test_an_erased_phone_with_signs_of_use_is_refused() -> None:
    with pytest.raises(problems.PhoneInUse) as caught:
        refuse(plan(), NEW, ("12 apps", "3,201 photos"))
    assert caught.value.exit_code == 11
    assert "3,201 photos" in caught.value.why and "wipe = true" in caught.value.next


def test_signs_of_use_are_accepted_with_wipe_or_during_setup() -> None:
    refuse(plan(new_phone={"wipe": True}), NEW, ("12 apps",))
    refuse(plan(), NEW, ())
    refuse(plan(), but(NEW, setup_finished=False), ("12 apps",))


def test_an_unknown_setup_state_counts_as_finished() -> None:
    with pytest.raises(problems.PhoneInUse):
        refuse(plan(), but(NEW, setup_finished=None), ("12 apps",))


def test_signs_of_use_do_not_matter_on_a_phone_in_use() -> None:
    refuse(plan("in-use"), NEW, ("12 apps",))


def test_a_set_too_large_for_the_new_phone_is_refused() -> None:
    with pytest.raises(problems.NewPhoneTooFull) as caught:
        refuse(plan(), but(NEW, free_bytes=4 * GB))
    assert caught.value.exit_code == 41
    assert "4.0 GB" in caught.value.what and "5.0 GB" in caught.value.what
    refuse(plan(), but(NEW, free_bytes=5 * GB))
    refuse(plan(), but(NEW, free_bytes=None))


def test_the_phone_is_checked_again_before_the_restore() -> None:
    with pytest.raises(problems.FindMyOn):
        refuse(plan(), but(NEW, find_my=True))
    with pytest.raises(problems.StrategyRefused):
        refuse(plan("in-use", new_phone={"experimental": ("overlay",)}), but(NEW, ios_version="27.0"))
    with pytest.raises(problems.BackupNewerThanPhone):
        refuse(plan(), but(NEW, ios_version="17.0"))
    with pytest.raises(problems.PlanMismatch):
        refuse(plan(new_phone={"udid": "00008030-000F"}), NEW)


def test_what_the_backup_requires_decides_between_updates_of_one_ios() -> None:
    def with_required(required: str | None) -> None:
        refuse_restore(plan(), NEW, backup_ios_version="26.1.1", set_bytes=1, required=required)

    with_required("26.1")
    for required in (None, "26.1.1"):
        with pytest.raises(problems.BackupNewerThanPhone):
            with_required(required)


def test_a_wiped_phone_that_is_too_full_is_refused() -> None:
    """The old contents go only after all new ones have arrived, so wiping makes no room beforehand."""
    with pytest.raises(problems.NewPhoneTooFull):
        refuse(plan(new_phone={"wipe": True}), but(NEW, free_bytes=4 * GB), ("12 apps",))


def test_an_undo_to_a_full_phone_is_refused() -> None:
    def undo(free_bytes: int | None, **more: Any) -> None:
        refuse_restore_of_own_backup(
            but(NEW, free_bytes=free_bytes), **{"backup_ios_version": "26.1", "set_bytes": 5 * GB, **more}
        )

    with pytest.raises(problems.NewPhoneTooFull) as caught:
        undo(4 * GB)
    assert caught.value.exit_code == 41
    undo(5 * GB)
    undo(None)
    with pytest.raises(problems.BackupNewerThanPhone):
        undo(None, backup_ios_version="26.1.1")
    undo(None, backup_ios_version="26.1.1", required="26.1")


def test_an_undo_is_refused_while_find_my_is_on() -> None:
    with pytest.raises(problems.FindMyOn):
        refuse_restore_of_own_backup(but(NEW, find_my=True), backup_ios_version="26.1", set_bytes=1)
