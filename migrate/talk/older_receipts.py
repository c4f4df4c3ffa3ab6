"""Receipts of older versions of migrate, which counted files only, in the form of today's."""

from __future__ import annotations

from typing import Any

from migrate.language import _

OLD_COLUMNS = {
    "same": "proven",
    "rewritten": "proven",
    "present": "there",
    "pending": "arriving",
    "missing": "wrong",
    "changed": "wrong",
    "fewer-rows": "wrong",
}
"""The columns of the outcomes that older proofs had."""
NO_COLUMNS = {"sent": 0, "proven": 0, "there": 0, "arriving": 0, "changed_since": 0, "wrong": 0}


def with_current_form(receipt: dict[str, Any]) -> dict[str, Any]:
    """The receipt itself, or that of an older version with the keys of today's."""
    if "headline" in receipt:
        return receipt
    proof, sent = receipt["proof"], receipt["sent"]
    titles, chosen = sent["titles"], sent["chosen"]
    outcomes: dict[str, dict[str, int]] = proof["categories"] if proof else {}
    categories = [
        {
            "id": owner,
            "title": titles.get(owner, owner),
            "items": None,
            "files": _columns(outcomes.get(owner, {})) if proof else {"sent": amount["files"]},
            "bytes": amount.get("bytes", 0),
            "why": [],
        }
        for owner, amount in sorted(chosen.items(), key=lambda one: str(titles.get(one[0], one[0])))
        if amount["files"]
    ]
    verdict = proof["verdict"].split(":")[0] if proof else None
    headline = _("This receipt was written by an older version, which compared files only.")
    return {
        **receipt,
        "old": receipt["old_phone"],
        "new": receipt["new_phone"],
        "verdict": verdict,
        "headline": headline,
        "next": [],
        "categories": categories,
        "not_moved": [],
        "kept": {"files": _columns(proof["kept"])} if proof else {},
        "remarks": [finding["what"] for finding in receipt["findings"]],
    }


def _columns(outcomes: dict[str, int]) -> dict[str, int]:
    found = dict(NO_COLUMNS)
    for outcome, count in outcomes.items():
        if column := OLD_COLUMNS.get(outcome):
            found[column] += count
            found["sent"] += count
    return found
