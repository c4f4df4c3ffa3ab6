"""The contents of categories.toml, and that mistakes in it are found on reading."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import pytest
from pydantic import ValidationError

from migrate.categories.catalogue import OTHER_SYSTEM, Catalogue, load_catalogue
from migrate.problems import UnknownCategory

CONTRACT = [
    "contacts",
    "messages",
    "calls",
    "voicemail",
    "photos",
    "notes",
    "reminders",
    "calendars",
    "safari",
    "health",
    "passwords",
    "wifi",
    "home-screen",
    "voice-memos",
    "settings",
]
FURTHER = """
    mail vpn profiles wallpaper ringtones books podcasts alarms world-clock maps wallet homekit watch screen-time focus
    keyboard text-replacements accessibility privacy notifications shortcuts siri fonts bluetooth cellular icloud-drive
    files music freeform journal app-list exposure-notifications
    """.split()  # noqa: SIM905  read as words


def data() -> dict[str, Any]:
    return tomllib.loads(files("migrate.categories").joinpath("categories.toml").read_text(encoding="utf-8"))


def test_category_ids_never_change() -> None:
    assert list(load_catalogue().ids) == [*CONTRACT, *FURTHER, OTHER_SYSTEM]
    assert all(
        category.title[0].isupper() or category.title.startswith("iCloud") for category in load_catalogue().categories
    )


def test_categories_that_need_encryption_are_marked() -> None:
    assert {c.id for c in load_catalogue().categories if c.needs_encryption} == {
        "calls",
        "health",
        "passwords",
        "wifi",
        "maps",
        "homekit",
        "siri",
    }


def test_every_rule_has_a_source() -> None:
    assert all(rule.source[0] in "ABC" for category in load_catalogue().categories for rule in category.rules)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("message", "messages"),
        ("contatcs", "contacts"),
        ("voice_memos", "voice-memos"),
        ("wi-fi", "wifi"),
        ("Call history", "calls"),
        ("HomeScreen", "home-screen"),
        ("everthing", "everything"),
        ("texts", "messages"),
        ("tickets", "wallet"),
        ("alarm clock", "alarms"),
        ("AirPods", "bluetooth"),
    ],
)
def test_a_typo_gives_the_category_that_was_meant(typed: str, meant: str) -> None:
    assert load_catalogue().nearest(typed) == meant
    with pytest.raises(UnknownCategory) as caught:
        load_catalogue().category(typed)
    assert caught.value.exit_code == 10
    assert meant in caught.value.next


def spoil_unknown_key(toml: dict[str, Any]) -> None:
    toml["category"][0]["tittle"] = "Contacts"


def spoil_glob(toml: dict[str, Any]) -> None:
    toml["category"][0]["rule"][0]["globs"] = ["Library/Address**"]


def spoil_twice(toml: dict[str, Any]) -> None:
    toml["category"][1]["id"] = toml["category"][0]["id"]


def spoil_order(toml: dict[str, Any]) -> None:
    toml["category"].reverse()


def spoil_nothing_claimed(toml: dict[str, Any]) -> None:
    toml["category"][0]["rule"][0]["globs"] = []


@pytest.mark.parametrize("spoil", [spoil_unknown_key, spoil_glob, spoil_twice, spoil_order, spoil_nothing_claimed])
def test_mistakes_in_the_data_file_are_found_on_reading(spoil: Any) -> None:
    toml = data()
    Catalogue.model_validate(toml)
    spoil(toml)
    with pytest.raises(ValidationError):
        Catalogue.model_validate(toml)
