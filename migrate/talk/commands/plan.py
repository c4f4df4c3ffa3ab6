"""`migrate plan new`, `check` and `schema`: write a plan with the wizard, check one against the connected phones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.problems import PlanExists, UsageWrong
from migrate.talk.command_groups import command_group
from migrate.talk.console import format_findings, print_json, print_line, require_terminal, wrapped
from migrate.talk.options import Exit, GlobalOptions, PlainOption, run_async, with_global_options
from migrate.talk.plan_phones import connected_phones, match_phones

if TYPE_CHECKING:
    from migrate.plan.model import Plan
    from migrate.plan.preflight import MoveFacts


def register(app: typer.Typer) -> None:
    plan = command_group(app, "plan")
    plan.command("new")(with_global_options(new))
    plan.command("check")(with_global_options(check))
    plan.command("schema")(with_global_options(schema))


def new(
    options: GlobalOptions,
    plan: Annotated[Path, typer.Argument(metavar="[FILE]", help=_("The file to write."))] = Path("migrate-plan.toml"),
    plain: PlainOption = False,
) -> Exit:
    """Creates a plan by asking questions. No phone is needed."""
    if options.json:
        raise UsageWrong(_("This command asks questions, which --json does not allow."), "migrate plan new")
    require_terminal()
    if plan.exists():
        raise PlanExists(str(plan))
    from migrate.talk.wizard.conversation import write_plan

    with options.open_workspace() as workspace:
        write_plan(options, workspace, plan.absolute(), force_plain=plain)
    return None


def check(
    options: GlobalOptions, plan: Annotated[Path, typer.Argument(metavar="PLAN", help=_("A plan file (TOML)."))]
) -> Exit:
    """Checks that a plan is valid and fits the connected phones."""
    from migrate.backup.folder import BackupFolder, find_backup
    from migrate.plan.model import digest
    from migrate.plan.preflight import preflight
    from migrate.plan.read import read_plan

    read = read_plan(plan)
    backup = None
    if read.old_phone.backup is not None:  # fails now if the folder that the plan names is not a backup
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


def format_phone_match(plan: Plan, there: MoveFacts) -> list[str]:
    """Which phones the plan was checked against, and which it was not."""
    if there.old is None and there.new is None:
        return [
            wrapped(_("Neither phone is connected (or the plan does not name them): only the plan itself was checked."))
        ]
    lines = []
    for role, phone in (("old", there.old), ("new", there.new)):
        if phone is not None:
            fits = (
                _("It fits the old phone ({phone}), as far as this check can tell.")
                if role == "old"
                else _("It fits the new phone ({phone}), as far as this check can tell.")
            )
            lines.append(wrapped(fits.format(phone=phone.name_or_model)))
        elif role == "new":
            lines.append(wrapped(_("The new phone is not connected, so it was not checked.")))
        elif not plan.old_phone.backup:
            lines.append(wrapped(_("The old phone is not connected, so it was not checked.")))
    return lines


def schema(options: GlobalOptions) -> Exit:
    """Prints the JSON Schema of plans."""
    from migrate.plan.model import schema as plan_schema

    print_json(plan_schema(), indent=2)
    return None


def format_plan(path: Path, plan: Plan) -> list[str]:
    """The plan in words, including its defaults."""
    rows = [
        (_("From"), _old_phone(plan)),
        (_("To"), _new_phone(plan)),
        (_("Backup"), _backup(plan)),
        (_("Moves"), _moving(plan)),
        (_("Safety"), _safety(plan)),
    ]
    lines = [wrapped(_("{path}: a valid plan.").format(path=path)), ""]
    if plan.name:
        lines += [wrapped(plan.name, indent="  "), ""]
    return lines + [wrapped(text, indent=" " * 10, first=f"  {label:<8}") for label, text in rows]


def _old_phone(plan: Plan) -> str:
    if plan.old_phone.backup:
        return _("the backup in {folder}").format(folder=plan.old_phone.backup)
    if plan.old_phone.udid:
        return _("the phone {udid}").format(udid=plan.old_phone.udid)
    return _("the phone you name with --old")


def _new_phone(plan: Plan) -> str:
    udid = plan.new_phone.udid
    phone = _("the phone {udid}").format(udid=udid) if udid else _("the only other phone, or the one named with --new")
    if plan.new_phone.is_ == "in-use":
        return _("{phone}; it is in use, and keeps what is not replaced").format(phone=phone)
    if plan.new_phone.wipe:
        return _("{phone}; it becomes the old phone (emptied even if it is in use)").format(phone=phone)
    return _("{phone}; it is erased and becomes the old phone (refused if it is in use)").format(phone=phone)


def _backup(plan: Plan) -> str:
    if plan.old_phone.backup or plan.backup.begin == "as-is":
        return _("the existing one is used")
    amount = _("what changed since the last one") if plan.backup.begin == "incremental" else _("everything again")
    if plan.backup.encrypted:
        return _("{amount}, encrypted (turned on if it is off)").format(amount=amount)
    return _("{amount}, encrypted only if the phone already encrypts").format(amount=amount)


def _moving(plan: Plan) -> str:
    apps = {"all": _("all apps"), "none": _("no apps")}.get(str(plan.move.apps))
    if apps is None:
        apps = _("the apps {apps}").format(apps=", ".join(plan.move.apps))
    parts = [", ".join(plan.move.categories) or _("no category"), apps]
    if plan.move.except_:
        parts.append(_("except {categories}").format(categories=", ".join(plan.move.except_)))
    if plan.new_phone.is_ == "in-use":
        replaced = ", ".join(plan.move.may_replace) or _("nothing that is not empty")
        parts.append(_("may replace {categories}").format(categories=replaced))
    return "; ".join(parts)


def _safety(plan: Plan) -> str:
    parts = [
        _("the new phone is backed up first")
        if plan.backs_up_new_phone_first
        else _("the new phone is not backed up first"),
        _("what arrived is proven") if plan.safety.prove else _("what arrived is NOT proven"),
    ]
    if plan.safety.accept_unreadable:
        parts.append(_("files that the old phone cannot read are left behind"))
    return "; ".join(parts)
