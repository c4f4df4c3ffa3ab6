"""Print the matrix of defects as a table, from what the tests expect."""

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
from tests.damaged.defect import Defect

FAMILIES = {
    "Stored bytes": test_changed_bytes.DEFECTS,
    "Stored files": test_lost_files.DEFECTS,
    "Rows": test_wrong_rows.DEFECTS,
    "Keys": test_wrong_keys.DEFECTS,
    "Manifest.db": test_broken_manifest.DEFECTS,
    "Plists": test_broken_plists.DEFECTS,
    "Seals": test_seals.DEFECTS,
}


def matrix() -> list[str]:
    lines = ["| defect | witness | encrypted | plain |", "|---|---|---|---|"]
    for family, defects in FAMILIES.items():
        lines.append(f"| **{family}** | | | |")
        lines += [row(defect) for defect in defects]
    return lines


def row(defect: Defect) -> str:
    return (
        f"| {defect.name} | {'' if defect.witness == 'any' else defect.witness} | {defect.encrypted} | {defect.plain} |"
    )


if __name__ == "__main__":
    sys.stdout.write(
        "\n".join(matrix()) + "\n\n·full: found only when every byte is read; without that mark, also by --quick\n"
    )
