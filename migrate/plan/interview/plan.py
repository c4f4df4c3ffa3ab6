"""From the answers to the plan: what was agreed, so that it can be read, kept and replayed."""

from __future__ import annotations

from typing import Any

from migrate.categories.catalogue import APP_PREFIX
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.observations import MoveFacts, new_udid, old_folder, old_phone_key
from migrate.plan.interview.pages import (
    ALL_APPS,
    ERASED,
    EVERYTHING,
    IN_USE,
    category_entries,
    counterpart_count,
    is_app,
    is_encrypted,
    old_backup_contents,
    owners,
)
from migrate.plan.model import Plan, to_toml


def build_plan(facts: MoveFacts, answers: Answers) -> Plan:
    """The plan that was agreed on. It saves incrementally: a replay has a phone to save, even if today had not.

    Raises:
        pydantic.ValidationError: never for answers to our own questions.
    """
    new = new_udid(facts, answers)
    erased = answers.one("new-is") == ERASED
    raw: dict[str, Any] = {"version": 1, "name": plan_name(facts, answers)}
    raw["new_phone"] = {"is": ERASED if erased else IN_USE, "wipe": answers.one("wipe") == "wipe"}
    if new:
        raw["new_phone"]["udid"] = new
    folder = old_folder(facts, answers)
    raw["old_phone"] = (
        {"backup": str(folder)} if folder else {"udid": old_phone_key(answers)} if old_phone_key(answers) else {}
    )
    raw["backup"] = {"encrypted": is_encrypted(facts, answers), "begin": "as-is" if folder else "incremental"}
    raw["move"] = _moving(facts, answers)
    raw["safety"] = {"accept_unreadable": answers.one("unreadable") == "accept"}
    return Plan.model_validate(raw)


def _moving(facts: MoveFacts, answers: Answers) -> dict[str, Any]:
    if answers.one("what") == EVERYTHING:
        return {"categories": [EVERYTHING], "apps": "all"}
    left = _left_alone(facts, answers)
    ids = [
        one.id for one in category_entries(facts, answers) if one.id in answers.many("chosen") and one.id not in left
    ]
    apps = [one.removeprefix(APP_PREFIX) for one in ids if one.startswith(APP_PREFIX)]
    every = ALL_APPS in answers.many("chosen")
    categories = [one for one in ids if not one.startswith(APP_PREFIX) and one != ALL_APPS]
    replaced = [one.removeprefix(APP_PREFIX) for one in ids if counterpart_count(facts, answers, one)]
    if not facts.with_phones:
        replaced = categories  # nobody has counted: whatever the word covers
    return {
        "categories": categories,
        "apps": "all" if every else apps or "none",
        "may_replace": replaced if answers.one("replace") == "replace" else [],
    }


def _left_alone(facts: MoveFacts, answers: Answers) -> frozenset[str]:
    """What stays behind because the new phone has some of it already, and that was to be kept."""
    if answers.one("replace") != "leave" or not facts.with_phones:
        return frozenset()
    return frozenset(one for one in owners(facts, answers) if counterpart_count(facts, answers, one))


def plan_name(facts: MoveFacts, answers: Answers) -> str:
    """What the plan is called: what moves, from where, to where."""
    if answers.one("what") == EVERYTHING:
        what = "Everything"
    else:
        left = _left_alone(facts, answers)
        titles = [
            one.title
            for one in category_entries(facts, answers)
            if one.id in answers.many("chosen") and one.id not in left
        ]
        what = ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")
    saved, new = old_backup_contents(facts, answers), facts.phone(new_udid(facts, answers))
    return f"{what}{f', from {saved.name}' if saved else ''}{f' to {new.name_or_model}' if new else ''}"[:200]


def plan_file_text(plan: Plan) -> str:
    """The text of the plan's file."""
    return (
        f"# Made in conversation with migrate; change it as you like, then look: migrate plan check\n\n{to_toml(plan)}"
    )


def apps_of(facts: MoveFacts, answers: Answers) -> int:
    """How many apps move."""
    chosen = set(owners(facts, answers))
    return sum(one.id in chosen for one in category_entries(facts, answers) if is_app(one))
