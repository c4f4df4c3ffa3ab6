"""What phones were expected to do, and what this one did: rows of a report that can be pasted into an issue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

AS_EXPECTED, DIFFERS = "as expected", "**differs**"


@dataclass(frozen=True)
class Row:
    behaviour: str
    expected: str
    seen: str
    agrees: bool
    source: str
    """Section of docs/facts.md, and how sure it is: confirmed, reported, guessed."""

    def as_properties(self) -> dict[str, Any]:
        return asdict(self)


def markdown(rows: Sequence[Row], heading: str) -> str:
    """The report. It names no phone: values are told by their kind, never by what they are."""
    differing = sum(not row.agrees for row in rows)
    lines = [
        f"### {heading}",
        "",
        f"{len(rows)} behaviours looked at, {differing} differ from what the simulated iPhone does.",
        "",
        "| behaviour | expected | seen | | known from |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row.agrees):
        cells = (row.behaviour, row.expected, row.seen, AS_EXPECTED if row.agrees else DIFFERS, row.source)
        lines.append(f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in cells)} |")
    return "\n".join(lines)
