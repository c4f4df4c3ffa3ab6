"""docs/softphone.md names every key a phone's file may have and every order the admin channel takes."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from migrate.softphone.admin import _ORDERS
from migrate.softphone.contents import ContentsSpec
from migrate.softphone.faults import Faults
from migrate.softphone.hand import Hand
from migrate.softphone.phone_file import PhoneFile

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "softphone.md").read_text(encoding="utf-8")
WORDS = [
    *PhoneFile.model_fields,
    *ContentsSpec.model_fields,
    *(field.name for field in fields(Hand)),
    *(field.name for field in fields(Faults)),
    *_ORDERS,
]


@pytest.mark.parametrize("word", sorted(set(WORDS)))
def test_the_page_names_it(word: str) -> None:
    assert f"`{word}`" in PAGE
