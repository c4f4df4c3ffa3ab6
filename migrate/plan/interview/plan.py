"""Build the plan from the answers of an interview."""

from __future__ import annotations

from typing import Any

from migrate.categories.catalogue import APP_PREFIX, load_catalogue
from migrate.language import _
from migrate.plan.interview.answers import Answers
from migrate.plan.interview.derived import (
    ALL_APPS,
    ERASED,
    EVERYTHING,
    IN_USE,
    LATER,
    SOME,
    category_entries,
    counterpart_count,
    is_encrypted,
    old_backup_contents,
    owners,
)
from migrate.plan.interview.observations import MoveFacts, new_udid, old_folder, old_phone_key
from migrate.plan.model import Plan, to_toml


def build_plan(facts: MoveFacts, answers: Answers) -> Plan:
    """The plan for these answers.

    Its backup is incremental unless a backup folder was chosen, so it can be used again with the phone.

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
    encrypted = not erased or is_encrypted(facts, answers)  # that of a phone in use has to be
    raw["backup"] = {"encrypted": encrypted, "begin": "as-is" if folder else "incremental"}
    raw["move"] = _move_selection(facts, answers)
    raw["safety"] = {"accept_unreadable": answers.one("unreadable") == "accept"}
    return Plan.model_validate(raw)


def _move_selection(facts: MoveFacts, answers: Answers) -> dict[str, Any]:
    if answers.one("what") == EVERYTHING:
        return {"categories": [EVERYTHING], "apps": "all"}
    not_replaced = _not_replaced(facts, answers)
    ids = [
        one.id
        for one in category_entries(facts, answers)
        if one.id in answers.many("chosen") and one.id not in not_replaced
    ]
    apps = [one.removeprefix(APP_PREFIX) for one in ids if one.startswith(APP_PREFIX)]
    every = ALL_APPS in answers.many("chosen")
    categories = [one for one in ids if not one.startswith(APP_PREFIX) and one != ALL_APPS]
    replaced = [one.removeprefix(APP_PREFIX) for one in ids if counterpart_count(facts, answers, one)]
    if not facts.with_phones:
        replaced = categories  # nothing was counted, so allow all of them
    return {
        "categories": categories,
        "apps": "all" if every else apps or "none",
        "may_replace": replaced if answers.one("replace") == "replace" else [],
    }


def _not_replaced(facts: MoveFacts, answers: Answers) -> frozenset[str]:
    """The chosen owners that do not move, because the person wants to keep what the new phone has."""
    if answers.one("replace") != "leave" or not facts.with_phones:
        return frozenset()
    return frozenset(one for one in owners(facts, answers) if counterpart_count(facts, answers, one))


def answers_of(plan: Plan) -> Answers:
    """The answers that this plan would come from: what the wizard begins with when the plan is to be changed."""
    erased = plan.new_phone.is_ == ERASED
    answers = (
        Answers()
        .with_answer("old", plan.old_phone.backup or plan.old_phone.udid or "")
        .with_answer("new", plan.new_phone.udid or LATER)
        .with_answer("new-is", plan.new_phone.is_)
        .with_answer("encryption", "on" if plan.backup.encrypted else "off")
    )
    if plan.new_phone.wipe:
        answers = answers.with_answer("wipe", "wipe")
    move = plan.move
    if erased and EVERYTHING in move.categories and move.apps == "all" and not move.except_:
        return answers.with_answer("what", EVERYTHING)
    apps = (
        (ALL_APPS,)
        if move.apps == "all"
        else ()
        if move.apps == "none"
        else tuple(APP_PREFIX + one for one in move.apps)
    )
    named = load_catalogue().ids if EVERYTHING in move.categories else move.categories
    left_out = {*move.except_, *(APP_PREFIX + one for one in move.except_)}
    chosen = tuple(one for one in (*named, *apps) if one not in left_out)
    if move.may_replace:
        answers = answers.with_answer("replace", "replace")
    return (answers.with_answer("what", SOME) if erased else answers).with_answer("chosen", chosen)


def plan_name(facts: MoveFacts, answers: Answers) -> str:
    """The plan's name: what moves, from which phone, to which phone."""
    if answers.one("what") == EVERYTHING:
        what = _("Everything")
    else:
        not_replaced = _not_replaced(facts, answers)
        titles = [
            one.title
            for one in category_entries(facts, answers)
            if one.id in answers.many("chosen") and one.id not in not_replaced
        ]
        what = ", ".join(titles[:3])
        if len(titles) > 3:
            what = _("{titles} and {count} more").format(titles=what, count=len(titles) - 3)
    backup, new = old_backup_contents(facts, answers), facts.phone(new_udid(facts, answers))
    known = {"what": what, "old": backup.name if backup else "", "new": new.name_or_model if new else ""}
    if backup and new:
        name = _("{what}, from {old} to {new}")
    elif backup:
        name = _("{what}, from {old}")
    else:
        name = _("{what} to {new}") if new else "{what}"
    return name.format(**known)[:200]


def plan_file_text(plan: Plan) -> str:
    """The text of the plan file."""
    head = _("Written by migrate. You can edit this file; check it with: {command}")
    return f"# {head.format(command='migrate plan check')}\n\n{to_toml(plan)}"
