"""`migrate plan check` and `migrate plan schema`: a plan, read without any phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.talk.everywhere import Everywhere, Exit, everywhere
from migrate.talk.output import put, put_json, wrapped

if TYPE_CHECKING:
    from migrate.plan.model import Plan


def register(app: typer.Typer) -> None:
    plan = typer.Typer(help="Looks at a plan: check, schema.", rich_markup_mode=None)
    plan.command("check")(everywhere(check))
    plan.command("schema")(everywhere(schema))
    app.add_typer(plan, name="plan")


def check(said: Everywhere, plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan, in TOML.")]) -> Exit:
    """Checks a plan and says what it means. Asks no phone."""
    from migrate.backup.folder import find_backup
    from migrate.plan.model import digest
    from migrate.plan.read import read_plan

    read = read_plan(plan)
    if read.old_phone.backup is not None:
        find_backup(Path(read.old_phone.backup))  # a plan that names a folder which is no backup cannot be run
    if said.json:
        put_json({"plan": str(plan), "name": read.name, "valid": True, "digest": digest(read), "findings": []})
    else:
        for line in plan_in_words(plan, read):
            put(line)
    return None


def schema(said: Everywhere) -> Exit:
    """Prints what a plan may say, as JSON Schema."""
    from migrate.plan.model import schema as plan_schema

    put_json(plan_schema(), indent=2)
    return None


def plan_in_words(path: Path, plan: Plan) -> list[str]:
    """The plan as one would say it, with the defaults it leaves unsaid."""
    rows = [
        ("From", _old_phone(plan)),
        ("To", _new_phone(plan)),
        ("Saves", _saving(plan)),
        ("Moves", _moving(plan)),
        ("Safety", _safety(plan)),
    ]
    lines = [wrapped(f"{path}: a valid plan."), ""]
    if plan.name:
        lines += [wrapped(plan.name, indent="  "), ""]
    return lines + [wrapped(text, indent=" " * 10, first=f"  {label:<8}") for label, text in rows]


def _old_phone(plan: Plan) -> str:
    if plan.old_phone.backup:
        return f"the backup in {plan.old_phone.backup}"
    if plan.old_phone.udid:
        return f"the phone {plan.old_phone.udid}"
    return "the phone you name with --old"


def _new_phone(plan: Plan) -> str:
    which = f"the phone {plan.new_phone.udid}" if plan.new_phone.udid else "the only other phone, or --new"
    if plan.new_phone.is_ == "in-use":
        return f"{which}; it is in use, and keeps what is not replaced"
    emptied = "emptied even if it is in use" if plan.new_phone.wipe else "refused if it is in use"
    return f"{which}; it is erased and becomes the old phone ({emptied})"


def _saving(plan: Plan) -> str:
    if plan.old_phone.backup or plan.backup.begin == "as-is":
        return "nothing: what is saved already is used"
    amount = "what changed since the last time" if plan.backup.begin == "incremental" else "all of it anew"
    encrypted = "encrypted (turned on if it is off)" if plan.backup.encrypted else "encrypted only if the phone does so"
    return f"{amount}, {encrypted}"


def _moving(plan: Plan) -> str:
    apps = {"all": "all apps", "none": "no apps"}.get(str(plan.move.apps)) or f"the apps {', '.join(plan.move.apps)}"
    parts = [", ".join(plan.move.categories) or "no category", apps]
    if plan.move.except_:
        parts.append(f"except {', '.join(plan.move.except_)}")
    if plan.new_phone.is_ == "in-use":
        parts.append(f"may replace {', '.join(plan.move.may_replace) or 'nothing that is not empty'}")
    return "; ".join(parts)


def _safety(plan: Plan) -> str:
    parts = [
        "the new phone is saved first" if plan.saves_new_phone_first else "the new phone is not saved first",
        "what arrived is proven" if plan.safety.prove else "what arrived is NOT proven",
    ]
    if plan.safety.accept_unreadable:
        parts.append("files the old phone cannot read are left behind")
    return "; ".join(parts)
