"""Print the damage matrix as a table, from what the tests expect and hold."""

from __future__ import annotations

import sys

from tests.damaged import (
    test_broken_manifest,
    test_broken_plists,
    test_changed_bytes,
    test_lost_files,
    test_seals,
    test_wrong_keys,
    test_wrong_rows,
)
from tests.damaged.wound import Wound

FAMILIES = {
    "Stored bytes": test_changed_bytes.WOUNDS,
    "Stored files": test_lost_files.WOUNDS,
    "Rows": test_wrong_rows.WOUNDS,
    "Keys": test_wrong_keys.WOUNDS,
    "Manifest.db": test_broken_manifest.WOUNDS,
    "Plists": test_broken_plists.WOUNDS,
    "Seals": test_seals.WOUNDS,
}


def matrix() -> list[str]:
    lines = ["| wound | witness | encrypted | plain |", "|---|---|---|---|"]
    for family, wounds in FAMILIES.items():
        lines.append(f"| **{family}** | | | |")
        lines += [row(wound) for wound in wounds]
    return lines


def row(wound: Wound) -> str:
    return f"| {wound.name} | {'' if wound.witness == 'any' else wound.witness} | {wound.encrypted} | {wound.plain} |"


if __name__ == "__main__":
    sys.stdout.write(
        "\n".join(matrix()) + "\n\n·full: found when every byte is read; what has no such mark, at quick already\n"
    )
