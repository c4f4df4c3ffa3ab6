"""`Contacts/contacts.vcf` with pictures, `contacts.csv`, and `contacts.jsonl`: one entry for each person."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import Any

from migrate.content.readers.contact_pictures import open_pictures
from migrate.content.readers.contacts import (
    ADDRESS,
    DATE,
    EMAIL,
    MESSENGER,
    PHONE,
    PROFILE,
    RELATED,
    URL,
    LabelledValue,
    calendar_day,
)
from migrate.export.csv_file import csv_table
from migrate.export.kinds.people import LinkedPerson, people
from migrate.export.kinds.vcards import label_text, vcard
from migrate.export.names import iso_time
from migrate.export.task import Task
from migrate.language import mark

_UNREADABLE_PICTURE = mark("the picture of a contact could not be read")
_NAMES = (
    *("prefix", "first", "middle", "last", "suffix", "nickname"),
    *("organization", "department", "job_title"),
)
_VALUES = {
    "phones": PHONE,
    "emails": EMAIL,
    "addresses": ADDRESS,
    "web pages": URL,
    "messengers": MESSENGER,
    "profiles": PROFILE,
    "dates": DATE,
    "related people": RELATED,
}
HEADER = (*_NAMES, "birthday", *_VALUES, "note", "groups", "accounts", "picture", "modified")
_ONE_LINE_PARTS = ("street", "sublocality", "city", "state", "zip", "country", "countrycode")


def write_contacts(task: Task) -> None:
    """Write every person once: the cards that several accounts have of one are joined, as the phone shows them."""
    found = people(task.items(), task.tmp)
    first = next(found, None)
    if first is None:
        return
    formats = task.formats("csv", "json", usual=("csv",))
    place = task.top.folder("Contacts", key="contacts")
    with ExitStack() as opened:
        pictures = opened.enter_context(open_pictures(task.source))
        cards = opened.enter_context(place.new_file("contacts.vcf", key="contacts.vcf"))
        writers: list[Callable[[LinkedPerson, bool], None]] = []
        if "csv" in formats:
            table = opened.enter_context(csv_table(place, "contacts.csv", HEADER, key="contacts"))
            writers.append(lambda person, has_picture: table.row(_row(person, has_picture)))
        if "json" in formats:
            lines = opened.enter_context(place.new_file("contacts.jsonl", key="contacts.jsonl"))
            writers.append(lambda person, has_picture: lines.write_text(_json_line(person, has_picture)))
        for person in chain((first,), found):
            shown = (pictures.picture_of(card.row) for card in person.cards if card.picture is not None)
            picture = next(filter(None, shown), None)
            cards.write_text(vcard(person, picture))
            for write in writers:
                write(person, picture is not None)
            for card in person.cards:
                if "picture" in card.undecoded or (card.picture is not None and picture is None):
                    task.gap(_UNREADABLE_PICTURE)
                task.exported(card)


def _row(person: LinkedPerson, has_picture: bool) -> Sequence[object]:
    names = person.names
    return (
        *(names[name] for name in _NAMES),
        (person.birthday or person.other_birthday or "").removeprefix("--"),
        *(_cell([value for value in person.values if value.property == kind]) for kind in _VALUES.values()),
        names["note"],
        "; ".join(person.groups),
        "; ".join(_accounts(person)),
        has_picture,
        iso_time(person.modified),
    )


def _cell(values: Sequence[LabelledValue]) -> str:
    """`mobile: +49 170 1234567; work: …`"""
    return "; ".join(": ".join(filter(None, (label_text(one.label), value_text(one)))) for one in values)


def value_text(value: LabelledValue) -> str:
    """A value on one line."""
    if value.property == DATE:
        return calendar_day(value.value) or ""
    if not value.parts:
        return value.value or ""
    parts = {(key or "").lower(): part for key, part in value.parts if part}
    if value.property == ADDRESS:
        if "country" in parts:
            parts.pop("countrycode", None)
        known = [parts.pop(name) for name in _ONE_LINE_PARTS if name in parts]
        return ", ".join((*known, *parts.values())).replace("\n", ", ")
    service, user = parts.get("service"), parts.get("username") or value.value or parts.get("url")
    return f"{user} ({service})" if service and user else user or ", ".join(parts.values())


def _accounts(person: LinkedPerson) -> list[str]:
    return list(dict.fromkeys(card.account or "iPhone" for card in person.cards))


def _json_line(person: LinkedPerson, has_picture: bool) -> str:
    known: dict[str, Any] = {
        "id": person.lead.id,
        "name": person.shown,
        **person.names,
        "birthday": person.birthday,
        "other_birthday": person.other_birthday,
        "values": [_json_value(value) for value in person.values],
        "groups": person.groups,
        "picture": has_picture,
        "modified": iso_time(person.modified) or None,
        "cards": [{"id": card.id, "account": card.account} for card in person.cards],
    }
    return json.dumps({name: value for name, value in known.items() if value is not None}, ensure_ascii=False) + "\n"


def _json_value(value: LabelledValue) -> dict[str, Any]:
    kind = next((name for name, number in _VALUES.items() if number == value.property), str(value.property))
    known = {
        "kind": kind,
        "label": label_text(value.label) or None,
        "value": calendar_day(value.value) if value.property == DATE else value.value,
        "parts": {key or "": part for key, part in value.parts} or None,
    }
    return {name: one for name, one in known.items() if one is not None}
