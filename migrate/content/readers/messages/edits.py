"""What was edited or unsent in a message (iOS 16 and later): `message_summary_info`, a property list.

    {"ec": {"0": [{"d": 690513474.2, "t": <archive of an attributed string>}, …]}, "ep": [0], "rp": [1], …}

`ec` has the versions of each edited part, the oldest first; `rp` the parts that were unsent (*seen*: two such lists,
shared/data). Most messages have such a list without these keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from migrate.content.normal_form import from_cocoa
from migrate.content.readers.messages.typedstream import text_of
from migrate.plists import NotAPlist, load_plist

_BINARY, _EDITED, _UNSENT = b"bplist", b"Rec", b"Rrp"
"""How a binary property list stores the two keys (`R`: a text of two letters). Most are read no further."""
_LIMIT_BYTES = 16 << 20
_MOST_VERSIONS = 1000
"""A message can be edited five times (*read*: Apple's guide)."""


class Edits(NamedTuple):
    """`versions`: part and text of every version, `times`: when it was written. `unsent`: the parts that were
    unsent."""

    versions: tuple[tuple[int, str], ...] = ()
    unsent: tuple[int, ...] = ()
    times: tuple[float | None, ...] = ()


NO_EDITS = Edits()


def edits_of(summary: object) -> Edits | None:
    """The edits that a message's summary lists; None if it cannot be decoded."""
    if summary is None:
        return NO_EDITS
    if not isinstance(summary, bytes):
        return None
    if summary.startswith(_BINARY) and _EDITED not in summary and _UNSENT not in summary:
        return NO_EDITS
    if len(summary) > _LIMIT_BYTES:
        return None
    try:
        values = load_plist(summary)
        if not isinstance(values, dict):
            return None
        parts = {int(part): list(versions) for part, versions in dict(values.get("ec", {})).items()}
        if sum(map(len, parts.values())) > _MOST_VERSIONS:
            return None
        unsent = sorted({int(part) for part in values.get("rp", ())})
        times = tuple(from_cocoa(version.get("d")) for part in sorted(parts) for version in parts[part])
        return Edits(tuple(_versions(parts)), tuple(unsent), times)
    except (NotAPlist, ValueError, TypeError, KeyError, AttributeError):
        return None


def _versions(parts: dict[int, list[Any]]) -> Iterator[tuple[int, str]]:
    for part in sorted(parts):
        for version in parts[part]:
            text = text_of(bytes(version["t"]))
            if text is None:
                raise ValueError("a version that cannot be decoded")
            yield part, text
