"""Two phones with one name are told apart, by what is printed on the box."""

from __future__ import annotations

import asyncio
from typing import Any

from migrate.phone.discovery import find_phones
from migrate.phone.facts import PhoneFacts, same_name, tell_apart

A, B = "00008110-000A1B2C3D4E5F60", "00008120-000000000000B0B0"


def facts(udid: str, name: str | None, **more: Any) -> PhoneFacts:
    return PhoneFacts(udid=udid, connection="USB", name=name, **more)


def test_phones_of_one_name_are_named_with_model_and_serial_number() -> None:
    one = facts(A, "Anna's iPhone", model_name="iPhone 12", serial="F17ABCDE4F2A")
    two = facts(B, "ANNA’S  iPhone".replace("’", "'"), model_name="iPhone 16 Pro", serial="C8QZZZZZ0Q6L")
    other = facts("00008130-00000000000000C1", "Ben's iPhone", model_name="iPhone 12")
    named = [phone.name_or_model for phone in tell_apart([one, two, other])]
    assert named == [
        "Anna's iPhone (iPhone 12, …4F2A)", "ANNA'S  iPhone (iPhone 16 Pro, …0Q6L)", "Ben's iPhone",
    ]  # fmt: skip


def test_a_phone_that_tells_nothing_yet_is_told_apart_by_its_udid() -> None:
    locked = [facts(A, "iPhone"), facts(B, "iPhone", model="iPhone17,3")]
    named = [phone.name_or_model for phone in tell_apart(locked)]
    assert named == ["iPhone (iPhone, …5F60)", "iPhone (iPhone17,3, …B0B0)"]
    assert [phone.shares_name for phone in tell_apart([facts(A, None), facts(B, None)])] == [False, False]


def test_names_are_compared_as_people_read_them() -> None:
    assert same_name("Anna\u2019s iPhone", "anna\u2019s  iphone")
    assert same_name("Zoe\u0301", "Zo\u00e9")
    assert not same_name("Anna", "Ben") and not same_name(None, None)


def test_connected_phones_of_one_name_are_told_apart(attach: Any, a_phone: Any) -> None:
    one, two = a_phone(), a_phone(udid=B, model="iPhone17,3")
    home = attach(one, two)
    found = {phone.udid: phone for phone in asyncio.run(find_phones(home.usbmux))}
    assert len({phone.name_or_model for phone in found.values()}) == 2
    assert all(phone.name == "Anna's iPhone" for phone in found.values()), "--json keeps the plain name"
    assert found[A].name_or_model.startswith("Anna's iPhone (iPhone 12, …")
