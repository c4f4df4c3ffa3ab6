"""What healing a backup could not bring back, in a person's words."""

from __future__ import annotations

from dataclasses import replace

from migrate.problems.finding import Finding

LOST = "heal-lost"


def lost(wound: Finding, *, with_phone: bool) -> Finding:
    """A damaged record that the healed backup does not have."""
    name = f"{wound.domain or '?'} {wound.relative_path or wound.file_id}"
    why = f"{wound.what} {wound.why}" + (" The phone did not send it again: it no longer has it." if with_phone else "")
    next_step = "Look into the backup as it was: it stays beside this one, and migrate extract takes out what it can."
    if not with_phone:
        next_step += " If the phone turns up after all: migrate save fetches what it still has."
    return Finding(
        code=LOST,
        severity="warning",
        what=f"{name} was damaged, and is not in the healed backup.",
        why=why,
        next=next_step,
        domain=wound.domain,
        relative_path=wound.relative_path,
        file_id=wound.file_id,
        categories=wound.categories,
    )


def companion(wound: Finding, path: str) -> Finding:
    """What lies beside a damaged database goes with it."""
    return replace(
        wound,
        code="heal-database-lost",
        relative_path=path,
        what=f"{wound.domain} {path} belongs to a damaged database.",
        why=f"Without {wound.relative_path} nothing can be done with it.",
    )
