"""`--with`: a person by name or number, however the phone and the person spell them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.content.kinds import kind, source_places
from migrate.content.source import Source
from migrate.export.people import person_called, whatsapp_number
from migrate.export.person import Person, folded
from migrate.export.phone_numbers import PhoneNumbers, Regions
from migrate.problems import ExportPersonUnknown
from tests.content.reading import database_of
from tests.content.test_contacts import BOOK, OLDEST, PICTURES, value
from tests.export.exporting import Export
from tests.export.test_contacts import LINKED
from tests.made_backups import MakeBackup

CALLS = ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata")
CALL_TABLE = (
    "CREATE TABLE ZCALLRECORD (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZADDRESS TEXT, ZORIGINATED INTEGER,"
    " ZANSWERED INTEGER, ZDURATION REAL, ZUNIQUE_ID TEXT);"
)
SMS = ("HomeDomain", "Library/SMS/sms.db")


def same(one: str, other: str, *regions: str) -> bool:
    numbers = PhoneNumbers(regions)
    return not numbers.spellings(one).isdisjoint(numbers.spellings(other))


@pytest.mark.parametrize(
    ("one", "other", "regions", "is_same"),
    [
        ("(919) 888-7386", "+19198887386", ("US",), True),
        ("919.888.7386", "+1 (919) 888-7386", ("US",), True),
        ("0170 1234567", "+49 170 1234567", ("DE",), True),
        ("0049 170 1234567", "+491701234567", ("DE",), True),
        ("0170 1234567", "+33 170 123456 7", ("DE",), False),
        ("0170 1234567", "+43 170 1234567", ("DE",), False),
        ("0170 1234567", "+491701234567", (), True),
        ("(919) 888-7386", "+19198887386", (), True),
        ("(919) 888-7386", "+19198887386", ("DE", "US"), True),
        ("+491701234567", "+491701234568", ("DE",), False),
        ("32665", "32665", ("US",), True),
        ("32665", "132665", ("US",), False),
        ("Anna@Example.org", "mailto:anna@example.org", (), True),
        ("1234567@example.org", "1234567", (), False),
    ],
)
def test_spellings_of_one_number(one: str, other: str, regions: tuple[str, ...], is_same: bool) -> None:
    assert same(one, other, *regions) is same(other, one, *regions) is is_same


def test_the_country_comes_from_the_phones_number_and_then_from_the_contacts() -> None:
    regions = Regions("+49 151 000000")
    for number in ("+1 919 888 7386", "0170 1", "+1 919 208 4530", "+49 170 1234567", "+999 1", "+" + "1" * 500):
        regions.look_at(number)

    assert regions.found() == ("DE", "US")
    assert Regions(None).found() == ()


@pytest.fixture
def calls(make_backup: MakeBackup) -> Callable[..., Backup]:
    """`calls("+49…", …, book=rows, info={…})`: a backup with a call from each number, and contacts."""

    def make(*numbers: str, book: Any = (), schema: str = OLDEST, info: dict[str, str] | None = None) -> Backup:
        rows = [("ZCALLRECORD", {"Z_PK": n, "ZADDRESS": one, "ZUNIQUE_ID": str(n)}) for n, one in enumerate(numbers)]
        files = {CALLS: database_of(CALL_TABLE, rows), BOOK: database_of(schema, book)}
        return make_backup(files, info=info or {})

    return make


def people(*names: tuple[str, str], **columns: Any) -> list[tuple[str, dict[str, Any]]]:
    """Contacts `(name, number)`, numbered from 1."""
    found: list[tuple[str, dict[str, Any]]] = []
    for row, (name, number) in enumerate(names, 1):
        first, _space, last = name.partition(" ")
        found.append(("ABPerson", {"ROWID": row, "First": first, "Last": last, "guid": f"G{row}", **columns}))
        found.append(("ABMultiValue", value(0, row, row, 3, None, number)))
    return found


def called(export: Export, backup: Backup, wanted: str) -> list[str]:
    """The numbers of the calls that an export with this person has."""
    exported = export(backup, person=wanted, owners={"calls", "contacts"}, to=f"with {wanted}"[:40])
    lines = exported.text("Calls/calls.csv").splitlines()[1:]
    return [line.split(",")[1] for line in lines]


def test_a_number_in_any_spelling(calls: Callable[..., Backup], export: Export) -> None:
    """The phone's own number says that 0170 is German; the contacts, that 919 is American."""
    backup = calls(
        *("+491701234567", "01701234567", "+431701234567", "+19198887386"),
        book=people(("Bo", "+1 919 208 4530")),
        info={"Phone Number": "+49 151 00000000"},
    )

    assert called(export, backup, "0170 1234567") == ["+491701234567", "01701234567"]
    assert called(export, backup, "+49 (170) 123 45 67") == ["+491701234567", "01701234567"]
    assert called(export, backup, "(919) 888-7386") == ["+19198887386"]


def test_a_name_finds_the_numbers_of_the_contact(calls: Callable[..., Backup], export: Export) -> None:
    book = people(("Ann Lee", "+1 201 555 0101"), ("Annabel Lee", "+1 201 555 0102"), ("José Cruz", "(201) 555-0103"))
    backup = calls("+12015550101", "+12015550102", "+12015550103", book=book)

    assert called(export, backup, "ann") == ["+12015550101"], "a whole name is one person's"
    assert called(export, backup, "ANN  LEE") == ["+12015550101"]
    assert called(export, backup, "Lee, Annabel") == ["+12015550102"]
    assert called(export, backup, "Annab") == ["+12015550102"], "a part of a name"
    assert called(export, backup, "nn") == ["+12015550101", "+12015550102"], "everybody in whose name it is"
    assert called(export, backup, "Jose") == ["+12015550103"]


def test_a_number_that_two_people_share_is_found_by_either_name(calls: Callable[..., Backup], export: Export) -> None:
    backup = calls("+12015550101", book=people(("Mum", "+12015550101"), ("Dad", "(201) 555-0101")))

    assert called(export, backup, "Mum") == called(export, backup, "Dad") == ["+12015550101"]


def test_a_linked_card_belongs_to_the_person(calls: Callable[..., Backup], export: Export) -> None:
    book = people(("Annie", "+12015550101"), ("Anna Schmidt", "+12015550102"), PersonLink=4)
    backup = calls("+12015550101", "+12015550102", book=book, schema=LINKED)
    exported = export(backup, person="Anna Schmidt", owners={"calls", "contacts"})

    assert exported.category("calls").count("exported") == 2
    assert exported.category("contacts").count("exported") == 2
    assert exported.text("Contacts/contacts.vcf").count("BEGIN:VCARD") == 1


@pytest.mark.parametrize("wanted", ["Nobody Here", "+49 30 000000", "x@example.org", "32665"])
def test_nobody_of_that_name_or_number(
    calls: Callable[..., Backup], export: Export, tmp_path: Path, wanted: str
) -> None:
    backup = calls("+12015550101", book=people(("Mum", "+12015550101")))
    with pytest.raises(ExportPersonUnknown):
        export(backup, person=wanted)

    assert not (tmp_path / "export").exists(), "it is said before anything is written"


def test_somebody_who_is_only_in_a_call_or_a_chat_is_known(
    calls: Callable[..., Backup],
    phones_backup: Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]],
    export: Export,
    tmp_path: Path,
) -> None:
    assert called(export, calls("+12015550101"), "201-555-0101") == ["+12015550101"]
    backup, _groups = phones_backup("18.5", contacts=3, messages=6)
    source = Source(backup, tmp_path, source_places())
    sender = next(item.sender for item in kind("messages").items(source) if getattr(item, "sender", None))
    assert person_called(sender, source).wanted == sender
    with pytest.raises(ExportPersonUnknown):
        person_called("+49 30 123123123", source)


def test_messages_that_cannot_be_read_may_have_the_person(make_backup: MakeBackup, tmp_path: Path) -> None:
    damaged = Source(make_backup({SMS: b"no database" * 999}), tmp_path, source_places())

    assert isinstance(person_called("Nobody Here", damaged), Person)


def test_the_real_address_book_of_ios_15(make_backup: MakeBackup, shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "databases/ios15-real/addressBook"
    backup = make_backup(
        {
            (place[0], place[1] + suffix): (folder / (place[1].rpartition("/")[2] + suffix)).read_bytes()
            for place in (BOOK, PICTURES)
            for suffix in ("", "-wal")
        }
    )
    source = Source(backup, tmp_path, source_places())

    assert person_called("DFIR Two", source).is_called("+19198887386")
    assert person_called("(919) 888-7386", source).is_called("+19198887386")
    assert not person_called("+1 919 888 7386", source).is_called("+19198887387")
    assert person_called("josh hickman", source).addresses == {
        *("9195790479", "9193912507", "joshuahickman957@gmail.com"),
    }


def test_names_and_numbers_of_whatsapp() -> None:
    assert whatsapp_number("19198887386@s.whatsapp.net") == "+19198887386"
    assert whatsapp_number("120363@g.us") == "120363"
    assert folded("  José\u00a0  ÖZ ") == "jose oz"
