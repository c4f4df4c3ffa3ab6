"""From the answers to the plan: what was agreed, so that it can be read, kept and replayed."""

from __future__ import annotations

from typing import Any

from migrate.categories.catalogue import APP_PREFIX
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import Seen, new_udid, old_folder, old_key
from migrate.plan.interview.pages import (
    ALL_APPS,
    ERASED,
    EVERYTHING,
    IN_USE,
    counterpart_count,
    holdings,
    is_app,
    is_encrypted,
    owners,
    saved_old,
)
from migrate.plan.model import Plan, to_toml


def plan_of(seen: Seen, said: Answers) -> Plan:
    """The plan that was agreed on. It saves incrementally: a replay has a phone to save, even if today had not.

    Raises:
        pydantic.ValidationError: never for answers to our own questions.
    """
    new = new_udid(seen, said)
    erased = said.one("new-is") == ERASED
    raw: dict[str, Any] = {"version": 1, "name": name_of(seen, said)}
    raw["new_phone"] = {"is": ERASED if erased else IN_USE, "wipe": said.one("wipe") == "wipe"}
    if new:
        raw["new_phone"]["udid"] = new
    folder = old_folder(seen, said)
    raw["old_phone"] = {"backup": str(folder)} if folder else {"udid": old_key(said)} if old_key(said) else {}
    raw["backup"] = {"encrypted": is_encrypted(seen, said), "begin": "as-is" if folder else "incremental"}
    raw["move"] = _moving(seen, said)
    raw["safety"] = {"accept_unreadable": said.one("unreadable") == "accept"}
    return Plan.model_validate(raw)


def _moving(seen: Seen, said: Answers) -> dict[str, Any]:
    if said.one("what") == EVERYTHING:
        return {"categories": [EVERYTHING], "apps": "all"}
    left = _left_alone(seen, said)
    ids = [one.id for one in holdings(seen, said) if one.id in said.many("chosen") and one.id not in left]
    apps = [one.removeprefix(APP_PREFIX) for one in ids if one.startswith(APP_PREFIX)]
    every = ALL_APPS in said.many("chosen")
    categories = [one for one in ids if not one.startswith(APP_PREFIX) and one != ALL_APPS]
    replaced = [one.removeprefix(APP_PREFIX) for one in ids if counterpart_count(seen, said, one)]
    if not seen.with_phones:
        replaced = categories  # nobody has counted: whatever the word covers
    return {
        "categories": categories,
        "apps": "all" if every else apps or "none",
        "may_replace": replaced if said.one("replace") == "replace" else [],
    }


def _left_alone(seen: Seen, said: Answers) -> frozenset[str]:
    """What stays behind because the new phone has some of it already, and that was to be kept."""
    if said.one("replace") != "leave" or not seen.with_phones:
        return frozenset()
    return frozenset(one for one in owners(seen, said) if counterpart_count(seen, said, one))


def name_of(seen: Seen, said: Answers) -> str:
    """What the plan is called: what moves, from where, to where."""
    if said.one("what") == EVERYTHING:
        what = "Everything"
    else:
        left = _left_alone(seen, said)
        titles = [one.title for one in holdings(seen, said) if one.id in said.many("chosen") and one.id not in left]
        what = ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")
    saved, new = saved_old(seen, said), seen.phone(new_udid(seen, said))
    return f"{what}{f', from {saved.name}' if saved else ''}{f' to {new.called}' if new else ''}"[:200]


def written(plan: Plan) -> str:
    """The text of the plan's file."""
    return (
        f"# Made in conversation with migrate; change it as you like, then look: migrate plan check\n\n{to_toml(plan)}"
    )


def apps_of(seen: Seen, said: Answers) -> int:
    """How many apps move."""
    chosen = set(owners(seen, said))
    return sum(one.id in chosen for one in holdings(seen, said) if is_app(one))
