"""The fidelity report: expected and seen behaviour of a phone, as Markdown for an issue."""

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
    """The section of docs/facts.md, and the certainty: confirmed, reported, guessed."""

    def as_properties(self) -> dict[str, Any]:
        return asdict(self)


def markdown(rows: Sequence[Row], heading: str) -> str:
    """The report as Markdown. It identifies no phone: it has the types of values, not the values."""
    differing = sum(not row.agrees for row in rows)
    lines = [
        f"### {heading}",
        "",
        f"{len(rows)} behaviours tested, {differing} differ from the simulated iPhone.",
        "",
        "| behaviour | expected | seen | | known from |",
        "|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row.agrees):
        cells = (row.behaviour, row.expected, row.seen, AS_EXPECTED if row.agrees else DIFFERS, row.source)
        lines.append(f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in cells)} |")
    return "\n".join(lines)
