"""Originals that are only in iCloud, before the old phone is backed up: load them first and look again, or go on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.content.originals import Originals, count_originals
from migrate.journey.originals import offer_originals
from migrate.journey.phone_session import PhoneSession
from migrate.journey.presave import presave
from migrate.journey.prompts import MissingOriginals
from migrate.phone import photo_catalogue
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.filesystem import Bytes
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.moves import PASSWORD, Lab, new_phone, old_phone

MakeLab = Callable[..., Lab]
CATALOGUE = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
NAME = "Ada's old iPhone"


def with_photos_in_icloud(count: int) -> ContentsSpec:
    return ContentsSpec(photos=4, videos=1, messages=3, attachments=0, icloud_only_photos=count)


def load_originals(phone: SimulatedPhone, left: int) -> None:
    """What the phone does while it downloads: its catalogue says of fewer originals that they are only in iCloud."""
    other = SimulatedPhone(udid=phone.udid, name=phone.name, ios_version=phone.ios_version, keybag_rounds=10)
    fill(other, with_photos_in_icloud(left), seed=1)
    node = other.files.get(*CATALOGUE)
    assert node is not None
    phone.files.add_file(*CATALOGUE, node.content)


class Loading:
    """A person who has the phone load originals before each look."""

    def __init__(self, lab: Lab, *left: int) -> None:
        self.lab, self.left = lab, list(left)

    def look_again(self, missing: MissingOriginals) -> bool:
        self.lab.person.missing.append(missing)
        if not self.left:
            return False
        load_originals(self.lab.old, self.left.pop(0))
        return True


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    lab = make_lab(old_phone(spec=with_photos_in_icloud(7), keybag_rounds=10, backup_password=PASSWORD), new_phone())
    lab.person.looks = []
    return lab


def session_of(lab: Lab) -> PhoneSession:
    return PhoneSession(
        context=lab.context(), old_udid=lab.old.udid, old_backup=None, new_udid=None, encrypts_backups=False
    )


def offer(lab: Lab) -> Originals | None:
    return asyncio.run(offer_originals(session_of(lab)))


def test_the_count_falls_from_look_to_look_until_all_are_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.person, "look_again", Loading(lab, 3, 0).look_again)
    assert offer(lab) == Originals(5, 0)
    assert lab.person.missing == [MissingOriginals(NAME, 12, 7), MissingOriginals(NAME, 8, 3, before=7)]


def test_the_person_can_go_on_without_them(lab: Lab) -> None:
    assert offer(lab) == Originals(12, 7)
    assert lab.person.missing == [MissingOriginals(NAME, 12, 7)]


def test_nobody_is_asked_if_every_original_is_on_the_phone(lab: Lab) -> None:
    load_originals(lab.old, 0)
    assert offer(lab) == Originals(5, 0) and lab.person.missing == []


def test_nothing_is_read_where_nobody_can_answer(lab: Lab) -> None:
    lab.person.looks = None
    assert offer(lab) is None and lab.person.missing == []


def test_a_phone_that_does_not_show_its_catalogue_is_backed_up_without_a_question(lab: Lab) -> None:
    lab.old.files.remove(*CATALOGUE)
    assert offer(lab) is None and lab.person.missing == []


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(4096), b""])
def test_a_damaged_catalogue_is_not_counted(lab: Lab, content: bytes) -> None:
    lab.old.files.add_file(*CATALOGUE, Bytes(content))
    assert offer(lab) is None and lab.person.missing == []


def test_a_catalogue_that_is_too_large_is_not_read(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_catalogue, "LIMIT_BYTES", 1000)
    assert offer(lab) is None and lab.person.missing == []


def test_no_copy_of_the_catalogue_stays_on_this_computer(lab: Lab) -> None:
    offer(lab)
    assert not [path for path in lab.tmp.rglob("*") if "Photos" in path.name]


@pytest.mark.soak
def test_the_wizard_asks_before_its_backup(lab: Lab) -> None:
    saved = asyncio.run(presave(session_of(lab), "old"))
    assert lab.person.missing == [MissingOriginals(NAME, 12, 7)]
    (photos,) = [row for row in saved.tally.categories if row.category.id == "photos"]
    assert photos.counts.only_in_icloud == 7, "the backup says the same as the look before it"


@pytest.mark.parametrize(
    ("categories", "asks"), [pytest.param(["messages"], False, marks=pytest.mark.soak), (["photos"], True)]
)
def test_a_run_asks_before_its_backup_if_photos_move(lab: Lab, categories: list[str], asks: bool) -> None:
    lab.person.agrees = False
    with pytest.raises(Exception, match="answered no"):
        lab.move(lab.plan(move={"categories": categories}, safety={"prove": False}))
    assert bool(lab.person.missing) is asks


# -- the catalogue -----------------------------------------------------------------------------------------------------


def test_a_catalogue_of_an_old_ios_does_not_say_where_originals_are(tmp_path: Path) -> None:
    file = tmp_path / "Photos.sqlite"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE ZGENERICASSET (Z_PK INTEGER PRIMARY KEY, ZTRASHEDSTATE INTEGER)")
        database.execute("INSERT INTO ZGENERICASSET VALUES (1, 0)")
    database.close()
    assert count_originals(file) is None
