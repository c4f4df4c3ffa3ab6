"""A file that the old phone cannot read stops a move that wanted it, also where the phone then hides it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.backup.unreadable import find_place, is_harmless
from migrate.journey import events
from migrate.journey.home import Home
from migrate.journey.unreadable_files import LostFile, _is_chosen
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.phone import Phone
from migrate.plan.model import Plan
from migrate.problems import ChosenFilesUnreadable
from migrate.simulator.faults.faults import Faults
from tests.journey.matrices.faults import phones_for
from tests.journey.moves import Lab

CONTACTS = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
HARMLESS = "HomeDomain/Library/Application Support/FileProvider/backup/backup_manifest.db"
NO_PROOF = {"safety": {"prove": False}}


@pytest.fixture
def lab_with(make_lab: Callable[..., Lab]) -> Callable[[Faults], Lab]:
    def make(faults: Faults) -> Lab:
        old, new = phones_for("replace")
        old.faults = faults
        for path in faults.unreadable:
            domain, _, inside = path.partition("/")
            if old.files.get(domain, inside) is None:
                old.files.add_file(domain, inside, b"SQLite format 3\0" * 9)
        return make_lab(old, new)

    return make


def unreadable(path: str, **more: Any) -> Faults:
    return Faults(unreadable={path: "Input/output error (5)"}, leaves_out_unreadable=True, **more)


def test_the_places_of_file_ids_are_found_from_the_path_on_the_phone() -> None:
    sms = file_id("HomeDomain", "Library/SMS/sms.db")
    assert find_place(sms, "/.b/6/var/mobile/Library/SMS/sms.db", ()) == ("HomeDomain", "Library/SMS/sms.db")
    chat = file_id("AppDomainGroup-group.x", "a/b.db")
    assert find_place(chat, "/private/var/mobile/Containers/Shared/AppGroup/1-2/a/b.db", ()) is None
    assert find_place(chat, "/x/AppGroup/1-2/a/b.db", ("AppDomainGroup-group.x",)) == (
        "AppDomainGroup-group.x",
        "a/b.db",
    )
    assert find_place(sms, "/var/mobile/Library/SMS/sms.db-wal", ()) is None


def test_a_chosen_file_that_the_phone_left_out_stops_the_move_with_its_name(
    lab_with: Callable[[Faults], Lab],
) -> None:
    lab = lab_with(unreadable(CONTACTS))
    with pytest.raises(ChosenFilesUnreadable) as stopped:
        lab.move(lab.plan(move={"categories": ["contacts", "notes"]}, **NO_PROOF))
    assert stopped.value.exit_code == 35
    assert "AddressBook.sqlitedb" in stopped.value.what and "contacts" in stopped.value.why
    (found,) = [one.finding for one in lab.received_events if isinstance(one, events.Found)
                if one.finding.code == "file-unreadable"]  # fmt: skip
    assert f"{found.domain}/{found.relative_path}" == CONTACTS


def test_it_does_not_stop_a_move_of_something_else(lab_with: Callable[[Faults], Lab]) -> None:
    lab = lab_with(unreadable(CONTACTS))
    assert lab.move(lab.plan(move={"categories": ["notes"]}, **NO_PROOF)).outcome == "done"


def test_it_is_named_again_by_a_run_that_uses_the_backup_as_it_is(lab_with: Callable[[Faults], Lab]) -> None:
    """The run that saw the phone's answer is gone: the place is found among the paths that categories name."""
    lab = lab_with(unreadable(CONTACTS))
    back_up(lab)
    with pytest.raises(ChosenFilesUnreadable, match=r"AddressBook\.sqlitedb"):
        lab.move(lab.plan(move={"categories": ["contacts", "notes"]}, backup={"begin": "as-is"}, **NO_PROOF))


@pytest.mark.parametrize(("categories", "counts"), [(["everything"], True), (["notes", "contacts"], False)])
def test_a_file_that_cannot_be_told_counts_with_everything(categories: list[str], counts: bool) -> None:
    plan = Plan.model_validate({"version": 1, "new_phone": {"is": "erased"}, "move": {"categories": categories}})
    nothing: Any = None
    assert _is_chosen(plan, nothing, nothing, LostFile("ab" * 20, "", "")) is counts


@pytest.mark.parametrize(
    "faults",
    [
        unreadable(HARMLESS, unreadable_after_bytes=0),
        pytest.param(Faults(unreadable={HARMLESS: "I/O error"}), marks=pytest.mark.soak),
    ],
    ids=["after its first bytes", "at once"],
)
def test_the_harmless_error_of_ios_17_stops_nothing(lab_with: Callable[[Faults], Lab], faults: Faults) -> None:
    lab = lab_with(faults)
    assert lab.move(lab.plan()).outcome in ("proven", "pending")
    assert lab.codes("error") == []
    assert "file-unreadable" not in lab.codes("warning")
    assert not any(path.endswith("backup_manifest.db") for path in lab.new.files.digests())


def test_only_that_file_is_harmless() -> None:
    assert is_harmless(f"/var/mobile/{HARMLESS.partition('/')[2]}") and is_harmless(HARMLESS.partition("/")[2])
    assert not is_harmless("Library/backup_manifest.db") and not is_harmless("")


def back_up(lab: Lab) -> None:
    async def story(home: Home) -> None:
        usbmux = UsbmuxConfig(lab.server.address, home.pairing, home.tmp)
        async with await Phone.meet(usbmux, lab.old.udid, wait_s=20) as phone:
            await phone.change_backup_password(None, str(lab.person.passwords["old"]))
            await phone.back_up(home.working_backup(lab.old.udid), seals=home.seals)

    asyncio.run(story(lab.home))
