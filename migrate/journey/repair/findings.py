"""Findings about what a repair could not bring back."""

from __future__ import annotations

from dataclasses import replace

from migrate.problems.finding import Finding

LOST = "heal-lost"


def lost(defect: Finding, *, with_phone: bool) -> Finding:
    """A damaged record that the repaired backup does not have."""
    name = f"{defect.domain or '?'} {defect.relative_path or defect.file_id}"
    why = f"{defect.what} {defect.why}" + (
        " The phone did not send it again: it no longer has it." if with_phone else ""
    )
    next_step = "Look into the backup as it was: it stays beside this one, and migrate extract takes out what it can."
    if not with_phone:
        next_step += " If the phone turns up after all: migrate backup fetches what it still has."
    return Finding(
        code=LOST,
        severity="warning",
        what=f"{name} was damaged, and is not in the healed backup.",
        why=why,
        next=next_step,
        domain=defect.domain,
        relative_path=defect.relative_path,
        file_id=defect.file_id,
        categories=defect.categories,
    )


def companion(defect: Finding, path: str) -> Finding:
    """A companion of a damaged database, which is left out with it."""
    return replace(
        defect,
        code="heal-database-lost",
        relative_path=path,
        what=f"{defect.domain} {path} belongs to a damaged database.",
        why=f"Without {defect.relative_path} nothing can be done with it.",
    )
