"""Message bodies: archives of attributed strings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.content.readers.messages.edits import Edits, edits_of
from migrate.content.readers.messages.typedstream import text_of
from migrate.simulator.contents.formats.typedstream import HEADER, attributed_string

MUTABLE = (
    HEADER + b"\x84\x01@\x84\x84\x84\x19NSMutableAttributedString\x00\x84\x84\x12NSAttributedString\x00\x84\x84\x08"
    b"NSObject\x00\x85\x92\x84\x84\x84\x0fNSMutableString\x01\x84\x84\x08NSString\x01\x95\x84\x01+"
)
"""The longer chain of classes (*seen*: shared/data): the last reference is 0x95 and not 0x94."""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AttributedBodyTextOnly", "Noter test"),
        ("MultiPart", "\ufffctest 1\ufffctest 2 \ufffctest 3"),
        ("URL", "https://github.com/ReagentX/Logria"),
        ("ExtraData", None),
    ],
)
def test_archives_of_real_phones(name: str, text: str | None, shared_data: Path) -> None:
    """The length in ExtraData is wrong, so its text is unknown; imessage-exporter guesses it."""
    archive = (shared_data / "databases/message-blobs/streamtyped" / name).read_bytes()
    assert text_of(archive) == text
    assert text_of(archive) == text, "the second time, its beginning is known"


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        ("Deleted", Edits(unsent=(0,))),
        ("Edited", Edits(((0, "First message  "), (0, "Edit 1"), (0, "Edit 2"), (0, "Edited message")))),
    ],
)
def test_summaries_of_real_phones(name: str, edits: Edits, shared_data: Path) -> None:
    found = edits_of((shared_data / f"databases/message-blobs/edited_message/{name}.plist").read_bytes())
    assert found is not None and (found.versions, found.unsent) == (edits.versions, edits.unsent)
    times = [time for time in found.times if time is not None]
    assert len(times) == len(found.versions) and times == sorted(times)


@given(st.text(max_size=300))
def test_texts_are_read_as_written(text: str) -> None:
    assert text_of(attributed_string(text)) == text


@pytest.mark.parametrize("length", [0, 1, 0x7F, 0x80, 0xFF, 0x8000, 0xFFFF])
def test_texts_of_all_lengths(length: int) -> None:
    assert text_of(attributed_string("x" * length)) == "x" * length


def test_the_longer_chain_of_classes() -> None:
    assert text_of(MUTABLE + b"\x05hello\x86") == "hello"
    assert text_of(MUTABLE + b"\x82\x00\x00\x01\x00" + b"y" * 0x10000 + b"\x86") == "y" * 0x10000


def test_strings_are_not_numbered_with_objects_and_classes() -> None:
    """0x96 is the string `NSMutableString`, and the object that is being read: a class cannot descend from either."""
    assert text_of(MUTABLE.replace(b"\x01\x95", b"\x01\x96") + b"\x05hello\x86") is None


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        HEADER,
        b"bplist00",
        MUTABLE,
        MUTABLE + b"\x05hell",
        MUTABLE + b"\x05hello",
        MUTABLE + b"\x04hello\x86",
        MUTABLE + b"\x81\xff\xffhello\x86",
        MUTABLE + b"\x03\xff\xff\xff\x86",
        MUTABLE.replace(b"NSAttributedString", b"NSAttributedThings") + b"\x05hello\x86",
        MUTABLE.replace(b"\x08NSString", b"\x08NSThings").replace(b"NSMutableString", b"NSMutableThings")
        + b"\x05hello\x86",
        MUTABLE.replace(b"\x01\x95", b"\x01\xff") + b"\x05hello\x86",
    ],
)
def test_damaged_archives_are_unknown(archive: bytes) -> None:
    assert text_of(archive) is None


def test_a_text_may_contain_what_stands_before_texts() -> None:
    text = "\x01+\x05"
    assert text_of(attributed_string(text)) == text


@given(st.binary(max_size=60), st.integers(0, 200))
def test_anything_else_raises_nothing(garbage: bytes, cut: int) -> None:
    text_of(garbage)
    text_of(MUTABLE[:cut] + garbage)
    edits_of(b"bplist00Rec" + garbage)
