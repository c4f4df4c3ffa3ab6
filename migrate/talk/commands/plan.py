"""`migrate plan new`, `check` and `schema`: a plan written in conversation, and one held against the phones here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.problems import NoMuxer, PlanExists, UsageWrong
from migrate.talk.commands import plan_explain
from migrate.talk.console import format_findings, print_json, print_line, require_terminal, wrapped
from migrate.talk.options import Exit, GlobalOptions, PlainOption, Workspace, run_async, with_global_options

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts
    from migrate.plan.model import Plan
    from migrate.plan.preflight import MoveFacts


def register(app: typer.Typer) -> None:
    plan = typer.Typer(help="Makes and looks at plans: new, check, explain, schema.", rich_markup_mode=None)
    plan.command("new")(with_global_options(new))
    plan.command("check")(with_global_options(check))
    plan.command("schema")(with_global_options(schema))
    plan_explain.register(plan)
    app.add_typer(plan, name="plan")


def new(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="[FILE]", help="Where to write it.")] = Path("migrate-plan.toml"),
    plain: PlainOption = False,
) -> Exit:
    """Makes a plan in conversation, without any phone."""
    if options.json:
        raise UsageWrong("migrate plan new asks questions, so it cannot be used with --json.", "migrate plan new")
    require_terminal()
    if plan.exists():
        raise PlanExists(str(plan))
    from migrate.talk.wizard.conversation import write_plan

    with options.open_workspace() as workspace:
        write_plan(options, workspace, plan.absolute(), force_plain=plain)
    return None


def check(
    options: GlobalOptions, plan: Annotated[Path, typer.Argument(metavar="PLAN", help="A plan, in TOML.")]
) -> Exit:
    """Checks a plan: is it valid, and does it fit the phones that are here."""
    from migrate.backup.folder import BackupFolder, find_backup
    from migrate.plan.model import digest
    from migrate.plan.preflight import preflight
    from migrate.plan.read import read_plan

    read = read_plan(plan)
    backup = None
    if read.old_phone.backup is not None:  # a plan that names a folder which is no backup cannot be run
        backup = BackupFolder(find_backup(Path(read.old_phone.backup)))
    with options.open_workspace() as workspace:
        there = match_phones(read, run_async(connected_phones(workspace)), backup.udid if backup else None)
        findings = preflight(read, replace(there, backup=backup, home=workspace.home.path))
    if options.json:
        facts = {"plan": str(plan), "name": read.name, "valid": True, "digest": digest(read)}
        facts |= {"old_udid": there.old and there.old.udid, "new_udid": there.new and there.new.udid}
        print_json({**facts, "findings": [finding.as_json() for finding in findings]})
        return None
    for line in (*format_plan(plan, read), "", *format_phone_match(read, there), *format_findings(findings)):
        print_line(line)
    return None


async def connected_phones(workspace: Workspace) -> list[PhoneFacts]:
    """The phones that are connected; none where there is no usbmuxd to ask."""
    from migrate.phone.discovery import find_phones

    try:
        return await find_phones(workspace.usbmux)
    except NoMuxer:
        return []


def match_phones(plan: Plan, phones: list[PhoneFacts], backup_udid: str | None) -> MoveFacts:
    """Which of the connected phones are the plan's, as far as there is no doubt."""
    from migrate.plan.preflight import MoveFacts
    from migrate.udid import same_udid

    def named(udid: str | None) -> PhoneFacts | None:
        return next((phone for phone in phones if udid and same_udid(phone.udid, udid)), None)

    old_udid = plan.old_phone.udid or backup_udid
    others = [phone for phone in phones if not (old_udid and same_udid(phone.udid, old_udid))]
    only_other = others[0] if old_udid and len(others) == 1 else None
    return MoveFacts(
        old=named(plan.old_phone.udid), new=named(plan.new_phone.udid) if plan.new_phone.udid else only_other
    )


def format_phone_match(plan: Plan, there: MoveFacts) -> list[str]:
    """Which phones it was held against, and what that does not tell."""
    if there.old is None and there.new is None:
        return [wrapped("Neither of its phones is connected (or known by name): only the plan itself was checked.")]
    lines = []
    for role, phone in (("old", there.old), ("new", there.new)):
        if phone is not None:
            lines.append(wrapped(f"It fits the {role} phone, as far as can be seen: {phone.name_or_model}."))
        elif not (role == "old" and plan.old_phone.backup):
            lines.append(wrapped(f"The {role} phone is not connected, so it was not looked at."))
    return lines


def schema(options: GlobalOptions) -> Exit:
    """Prints what a plan may say, as JSON Schema."""
    from migrate.plan.model import schema as plan_schema

    print_json(plan_schema(), indent=2)
    return None


def format_plan(path: Path, plan: Plan) -> list[str]:
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
        "the new phone is saved first" if plan.backs_up_new_phone_first else "the new phone is not saved first",
        "what arrived is proven" if plan.safety.prove else "what arrived is NOT proven",
    ]
    if plan.safety.accept_unreadable:
        parts.append("files the old phone cannot read are left behind")
    return "; ".join(parts)
