"""Contacts as vCards, judged by vobject's own parser, by iLEAPP's recorded answers, and by what must not be there."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import vobject

from migrate.backup.reader import Backup
from tests.content.reading import database_of
from tests.content.test_contacts import BOOK, OLDEST, PICTURES, PICTURES_SCHEMA, book, value
from tests.export.exporting import Export, Exported
from tests.made_backups import MakeBackup

LINKED = OLDEST.replace("StoreID INTEGER, guid TEXT,", "StoreID INTEGER, PersonLink INTEGER DEFAULT -1,"
                        " IsPreferredName INTEGER DEFAULT 1, PreviousFamilyName TEXT, guid TEXT,", 1)  # fmt: skip
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40


def cards_of(exported: Exported) -> list[Any]:
    return list(vobject.readComponents((exported.root / "Contacts/contacts.vcf").read_text(encoding="utf-8")))


def card_called(exported: Exported, name: str) -> Any:
    return next(card for card in cards_of(exported) if card.fn.value == name)


def rows_of(exported: Exported) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported.text("Contacts/contacts.csv"))))


def words(table: str, *texts: str) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a table of texts, numbered from 1."""
    return [(table, {"ROWID": number, "value": text}) for number, text in enumerate(texts, 1)]


def parts(parent: int, **of_keys: str) -> list[tuple[str, dict[str, Any]]]:
    """Parts of a value: `parts(3, k1="Jabber")`."""
    entries = ((int(key[1:]), text) for key, text in of_keys.items())
    return [("ABMultiValueEntry", {"parent_id": parent, "key": key, "value": text}) for key, text in entries]


def label_of(card: Any, line: Any) -> str | None:
    return next((one.value for one in card.contents.get("x-ablabel", []) if one.group == line.group), None)


def test_the_people_of_ios_15_are_those_that_ileapp_found(
    make_backup: MakeBackup, export: Export, shared_data: Path
) -> None:
    """Everything is in the log. Two of the nine rows are one person, as WhatsApp on the same phone saw it too."""
    folder = shared_data / "databases/ios15-real"
    answers = json.loads(next((folder / "expected").glob("addressBook.*")).read_text())["data"]
    files = {
        (place[0], place[1] + suffix): (folder / "addressBook" / (place[1].rpartition("/")[2] + suffix)).read_bytes()
        for place in (BOOK, PICTURES)
        for suffix in ("", "-wal")
    }
    exported = export(make_backup(files))
    cards = cards_of(exported)

    def of_ileapp(row: list[Any]) -> tuple[Any, ...]:
        values = [entry.partition(": ")[2] for cell in row[6:8] if cell for entry in cell.split("\r")]
        return (row[3] or "", row[4] or "", row[5] or "", tuple(sorted(values)), row[2] is not None)

    def of_card(card: Any) -> tuple[Any, ...]:
        values = [line.value for name in ("tel", "email") for line in card.contents.get(name, [])]
        organisation = card.org.value[0] if "org" in card.contents else ""
        return (card.n.value.given, card.n.value.family, organisation, tuple(sorted(values)), "photo" in card.contents)

    assert sorted(map(of_card, cards)) == sorted({of_ileapp(row) for row in answers})
    assert (len(cards), exported.category("contacts").count("exported")) == (8, 9)
    linked = next(card for card in cards if len(card.contents["x-migrate-source"]) == 2)
    sources = {line.value.partition(" ")[2] for line in linked.contents["x-migrate-source"]}
    assert sources == {"iCloud", "thisisdfir@gmail.com"}
    josh = card_called(exported, "Josh Hickman")
    assert [label_of(josh, line) for line in josh.contents["tel"]] == [None, "TextNow"]
    assert josh.contents["tel"][0].params["TYPE"] == ["CELL", "VOICE"]
    address = card_called(exported, "Apple Inc.").adr
    assert (address.value.street, address.value.city, address.value.region) == ("One Apple Park Way", "Cupertino", "CA")
    assert (address.type_param, address.value.country) == ("WORK", "United States")
    apples = next(row for row in answers if row[5])
    row = next(row for row in rows_of(exported) if row["organization"])
    assert row["phones"] == apples[6].replace("Main", "main")
    assert row["web pages"] == apples[9].replace("HomePage", "home page")


def test_pictures_are_those_of_the_phone(make_backup: MakeBackup, export: Export) -> None:
    """Also PNG, which the phone keeps for some; each is in lines no longer than vCard allows."""
    images = [
        ("ABFullSizeImage", {"ROWID": 1, "record_id": 1, "data": JPEG}),
        ("ABThumbnailImage", {"ROWID": 1, "record_id": 3, "format": 0, "data": PNG}),
    ]
    exported = export(make_backup({BOOK: database_of(OLDEST, book()), PICTURES: database_of(PICTURES_SCHEMA, images)}))
    anna, bo = card_called(exported, "Dr. Anna Schmidt"), card_called(exported, "Bo")

    assert (anna.photo.value, anna.photo.type_param) == (JPEG, "JPEG")
    assert (bo.photo.value, bo.photo.type_param) == (PNG, "PNG")
    assert "photo" not in card_called(exported, "Bäckerei").contents
    assert max(map(len, (exported.root / "Contacts/contacts.vcf").read_bytes().split(b"\r\n"))) <= 76
    assert [row["picture"] for row in rows_of(exported)].count("yes") == 2


def test_a_picture_that_is_damaged_is_named_and_the_card_is_there(make_backup: MakeBackup, export: Export) -> None:
    images = [("ABFullSizeImage", {"ROWID": 1, "record_id": 1, "data": b"x" * 200_000})]
    torn = database_of(PICTURES_SCHEMA, images)
    torn = torn[:20_000] + bytes(len(torn) - 20_000)
    exported = export(make_backup({BOOK: database_of(OLDEST, book()), PICTURES: torn}))

    assert len(cards_of(exported)) == 3
    assert "the picture of a contact could not be read" in exported.category("contacts").reasons


def test_labels_of_apple_and_of_the_person_survive(make_backup: MakeBackup, export: Export) -> None:
    labels = ("_$!<Mobile>!$_", "_$!<HomeFAX>!$_", "_$!<School>!$_", "Ferienhaus, links; Nr. 2", "iPhone")
    rows = [("ABPerson", {"ROWID": 1, "First": "Anna", "guid": "A"})]
    rows += words("ABMultiValueLabel", *labels)
    rows += [("ABMultiValue", value(0, number, 1, 3, number, f"0{number}")) for number in range(1, 6)]
    card = cards_of(export(make_backup({BOOK: database_of(OLDEST, rows)})))[0]
    phones = {line.value: line for line in card.contents["tel"]}

    def types(number: str) -> list[str]:
        return list(phones[number].params.get("TYPE", []))

    assert [types(f"0{number}") for number in range(1, 6)] == [
        *(["CELL", "VOICE"], ["HOME", "FAX"], [], [], ["IPHONE", "CELL", "VOICE"]),
    ]
    assert [label_of(card, phones[f"0{number}"]) for number in (3, 4)] == list(labels[2:4])


def test_dates_messengers_profiles_and_relatives(make_backup: MakeBackup, export: Export) -> None:
    rows = [
        (
            "ABPerson",
            {"ROWID": 1, "First": "Anna", "guid": "A", "Birthday": "-12517675200.0", "Note": "a\nb,c;d\\e 🎂"},
        ),
        *words("ABMultiValueLabel", "_$!<Anniversary>!$_", "_$!<Mother>!$_", "_$!<Home>!$_"),
        *words("ABMultiValueEntryKey", "service", "username", "url", "Street", "CountryCode"),
        ("ABMultiValue", value(0, 1, 1, 12, 1, "725846400")),
        ("ABMultiValue", value(0, 2, 1, 23, 2, "Frau Schmidt")),
        ("ABMultiValue", value(0, 3, 1, 13, 3, None)),
        ("ABMultiValue", value(0, 4, 1, 46, None, None)),
        ("ABMultiValue", value(0, 5, 1, 5, 3, None)),
        ("ABMultiValue", value(0, 6, 1, 99, None, "from a later iOS")),
        *parts(3, k1="Jabber", k2="anna@jabber.example"),
        *parts(4, k1="twitter", k2="anna", k3="https://twitter.com/anna"),
        *parts(5, k4="Hauptstraße 1\nHinterhaus", k5="de"),
    ]
    exported = export(make_backup({BOOK: database_of(OLDEST, rows)}), formats=frozenset({"csv", "json"}))
    card = cards_of(exported)[0]

    assert (card.bday.value, card.bday.params) == ("1604-05-01", {"X-APPLE-OMIT-YEAR": ["1604"]})
    assert card.note.value == "a\nb,c;d\\e 🎂"
    day, mother = card.x_abdate, card.x_abrelatednames
    assert (day.value, label_of(card, day)) == ("2024-01-02", "_$!<Anniversary>!$_")
    assert (mother.value, label_of(card, mother)) == ("Frau Schmidt", "_$!<Mother>!$_")
    assert (card.impp.value, card.impp.params["X-SERVICE-TYPE"]) == ("xmpp:anna@jabber.example", ["Jabber"])
    assert (card.x_socialprofile.value, card.x_socialprofile.type_param) == ("https://twitter.com/anna", "twitter")
    assert (card.adr.value.street, card.adr.params["X-ABADR"]) == ("Hauptstraße 1\nHinterhaus", ["de"])
    assert card.x_migrate_value.value == "from a later iOS", "what has no name in a vCard is not lost"
    (row,) = rows_of(exported)
    assert row["dates"] == "anniversary: 2024-01-02"
    assert row["messengers"] == "home: anna@jabber.example (Jabber)"
    assert row["birthday"] == "05-01"
    (line,) = exported.text("Contacts/contacts.jsonl").splitlines()
    assert json.loads(line)["birthday"] == "--05-01"
    assert {one["kind"] for one in json.loads(line)["values"]} >= {"dates", "messengers", "profiles", "99"}


def test_linked_cards_are_one_person_with_what_each_account_knows(make_backup: MakeBackup, export: Export) -> None:
    annie = {"First": "Annie", "Note": "tall", "IsPreferredName": 0}
    rows = [
        ("ABPerson", {"ROWID": 1, "PersonLink": 7, "guid": "A", **annie}),
        ("ABPerson", {"ROWID": 2, "First": "Anna", "Last": "Schmidt", "PersonLink": 7, "guid": "B", "Note": "loud"}),
        ("ABPerson", {"ROWID": 3, "First": "Anna", "Last": "Schmidt", "guid": "C"}),
        ("ABMultiValue", value(0, 1, 1, 3, None, "+49 170 1")),
        ("ABMultiValue", value(0, 2, 2, 3, None, "+491701")),
        ("ABMultiValue", value(0, 3, 1, 4, None, "annie@example.org")),
    ]
    exported = export(make_backup({BOOK: database_of(LINKED, rows)}))
    linked, other = sorted(cards_of(exported), key=lambda card: "tel" not in card.contents)

    assert (linked.fn.value, linked.uid.value, linked.note.value) == ("Anna Schmidt", "B", "loud\n\ntall")
    assert [line.value for line in linked.contents["tel"]] == ["+491701"], "one number, whatever its spelling"
    assert linked.email.value == "annie@example.org"
    assert [line.value for line in linked.contents["x-migrate-source"]] == ["B iPhone", "A iPhone"]
    assert other.uid.value == "C", "the same name alone links nobody"
    assert len(rows_of(exported)) == 2


def test_a_deleted_contact_that_is_still_in_free_pages_is_not_exported(
    make_backup: MakeBackup, export: Export, tmp_path: Path
) -> None:
    path = tmp_path / "book.db"
    path.write_bytes(database_of(OLDEST, book()))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("INSERT INTO ABPerson (ROWID, First, guid) VALUES (9, 'Forgotten Frieda', 'F')")
        connection.execute("DELETE FROM ABPerson WHERE ROWID = 9")
    assert b"Forgotten Frieda" in path.read_bytes()
    exported = export(make_backup({BOOK: path.read_bytes()}), formats=frozenset({"csv", "json"}))

    assert len(cards_of(exported)) == 3
    assert not any(b"Frieda" in (exported.root / name).read_bytes() for name in exported.paths())


def test_no_text_of_a_stranger_becomes_a_line_of_its_own(make_backup: MakeBackup, export: Export) -> None:
    evil = 'x\r\nEND:VCARD\r\nBEGIN:VCARD\r\nFN:Eve";:,\\\x00\u2028\x85'
    names = ("First", "Last", "Nickname", "Organization", "Department", "JobTitle", "Note", "Prefix", "Birthday")
    rows: list[tuple[str, dict[str, Any]]] = [
        ("ABPerson", {"ROWID": 1, "guid": evil, **dict.fromkeys(names, evil)}),
        ("ABGroup", {"ROWID": 1, "Name": evil, "StoreID": 1}),
        ("ABGroupMembers", {"UID": 1, "group_id": 1, "member_type": 0, "member_id": 1}),
        ("ABMultiValueLabel", {"ROWID": 1, "value": evil}),
        *words("ABMultiValueEntryKey", "service", "username", "CountryCode", evil),
        *(("ABMultiValue", value(0, n, 1, kind, 1, evil)) for n, kind in enumerate((3, 4, 22, 23, 12, 99), 1)),
        *(("ABMultiValue", value(0, n, 1, kind, 1, None)) for n, kind in enumerate((5, 13, 46), 7)),
        *(part for n in (7, 8, 9) for part in parts(n, k1=evil, k2=evil, k3=evil, k4=evil)),
    ]
    exported = export(make_backup({BOOK: database_of(OLDEST, rows)}), formats=frozenset({"csv", "json"}))

    (card,) = cards_of(exported)
    assert card.note.value.startswith("x\nEND:VCARD\nBEGIN:VCARD\nFN:Eve")
    text = (exported.root / "Contacts/contacts.vcf").read_bytes()
    assert b"\x00" not in text, "no control characters"
    assert (text.count(b"\r\nEND:VCARD"), text.count(b"\r\nBEGIN:VCARD")) == (1, 0)
    assert len(exported.text("Contacts/contacts.jsonl").split("\n")) == 2


def test_contacts_of_a_synthetic_ios_18(make_backup: MakeBackup, export: Export, shared_data: Path) -> None:
    made = (shared_data / "databases/ios18-synthetic/contacts.1.AddressBook.sqlitedb").read_bytes()
    exported = export(make_backup({BOOK: made}))

    alex = card_called(exported, "Dr. Alex Quinn Fixture Jr.")
    assert (alex.bday.value, alex.categories.value, alex.impp.value) == (
        *("1990-04-01", ["Fixture Friends"], "x-apple:fixture-im"),
    )
    assert alex.adr.value.code == "00001"
    assert card_called(exported, "Acme Synthetics").x_abshowas.value == "COMPANY"


def test_the_simulated_phones_contacts(
    phones_backup: Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]], export: Export
) -> None:
    backup, groups = phones_backup("18.5", contacts=8, icloud_contacts=2)
    exported = export(backup, groups=groups, owners={"contacts"})

    assert len(cards_of(exported)) == exported.category("contacts").count("exported") == 8
    assert sum("photo" in card.contents for card in cards_of(exported)) == 2
    assert any("bday" in card.contents for card in cards_of(exported))


@pytest.mark.parametrize("formats", [frozenset(), frozenset({"html"})])
def test_nobody_gives_no_file(make_backup: MakeBackup, export: Export, formats: frozenset[str]) -> None:
    exported = export(make_backup({BOOK: database_of(OLDEST, [])}), formats=formats)

    assert exported.paths() == []
