"""`migrate encryption on|off|change`: the encryption of a phone's backups, and its password."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from migrate.language import _
from migrate.problems import (
    EncryptionOff,
    EncryptionStopped,
    NewPasswordIsOld,
    NewPasswordMissing,
    PhonePasswordMissing,
    WhichPhoneIsMeant,
    WrongPhonePassword,
)
from migrate.talk.command_groups import command_group
from migrate.talk.console import format_findings, one_line, print_json, print_line, say, wrapped
from migrate.talk.one_phone import UdidArgument, select_phone
from migrate.talk.options import PHONE_WAIT_S, Exit, GlobalOptions, Workspace, run_async, with_global_options
from migrate.talk.passwords import ENVIRONMENT, PasswordFile, Passwords, Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from migrate.journey.encryption import EncryptionChange
    from migrate.phone.facts import PhoneFacts
    from migrate.phone.phone import Phone
    from migrate.talk.task_progress import EventProgress

    Change = Callable[[Phone, EventProgress], Awaitable[EncryptionChange]]

Action = Literal["on", "off", "change"]
GIVEN_WITH: dict[Action, tuple[Role, str]] = {
    "on": ("old", "--password-file"),
    "change": ("new", "--new-password-file"),
}
"""Where the password to set comes from."""
TRIES = 3
"""How often the present password may be typed wrong. Each try asks for the phone's passcode."""

OtherPasswordFile = Annotated[
    str | None,
    typer.Option(
        "--new-password-file",
        metavar="FILE",
        help=_("File with the password to set; - for standard input (default: MIGRATE_NEW_BACKUP_PASSWORD)."),
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    group = command_group(app, "encryption")
    for action, command in (("on", turn_on), ("off", turn_off), ("change", change)):
        group.command(action)(with_global_options(command, uses_event_loop=True))


def turn_on(options: GlobalOptions, udid: UdidArgument = None, password_file: PasswordFile = None) -> Exit:
    """Turns encryption on for a phone's backups, with a password that you choose.

    The phone asks for its passcode, twice: to set the password, and to test it. If encryption is on already, nothing
    changes and the exit code is 0: the password stays what it was.
    """
    return _run(options, "on", udid, Passwords(password_file))


def turn_off(options: GlobalOptions, udid: UdidArgument = None, password_file: PasswordFile = None) -> Exit:
    """Turns encryption off for a phone's next backups. Backups that exist stay encrypted.

    If encryption is off already, nothing changes and the exit code is 0.
    """
    return _run(options, "off", udid, Passwords(password_file))


def change(
    options: GlobalOptions,
    udid: UdidArgument = None,
    password_file: PasswordFile = None,
    new_password_file: OtherPasswordFile = None,
) -> Exit:
    """Changes the password of a phone's backups. The phone's backup in the home folder gets the new one too.

    Earlier states of that backup, and backups elsewhere, keep the old password.
    """
    return _run(options, "change", udid, Passwords(password_file, new_password_file))


def _run(options: GlobalOptions, action: Action, udid: str | None, passwords: Passwords) -> Exit:
    from migrate.talk.encryption_coach import update_keyring

    with options.open_workspace() as workspace:
        facts, done, new = run_async(_change(options, workspace, action, udid, passwords))
    answer = {
        "udid": facts.udid,
        "name": facts.name_or_model,
        "encrypted": action != "off",
        "changed": done is not None,
        "tested": done.tested if done else None,
        "backup": str(done.backup) if done and done.backup else None,
        "findings": [finding.as_json() for finding in done.findings] if done else [],
    }
    if options.json:
        print_json(answer)
    else:
        for line in _lines(action, facts.name_or_model, done):
            print_line(line)
    options.done = True
    if new and done:
        update_keyring(facts.udid, facts.name_or_model, new, can_ask=passwords.can_prompt() and not options.json)
    return None


async def _change(
    options: GlobalOptions, workspace: Workspace, action: Action, udid: str | None, passwords: Passwords
) -> tuple[PhoneFacts, EncryptionChange | None, str | None]:
    """Meet the phone, have its passwords, and change it. Returns its facts, what was done (None: nothing had to be),
    and the new password."""
    from migrate.journey.encryption import refuse_forced_encryption, turn_on
    from migrate.phone.phone import Phone
    from migrate.talk.task_progress import report_progress

    udid = await select_phone(workspace, udid, lambda seen: WhichPhoneIsMeant(seen, "encryption", action))
    with report_progress("encryption", quiet=False) as progress:  # also with --json: the phone may need its owner
        async with await Phone.meet(workspace.usbmux, udid, progress=progress, wait_s=PHONE_WAIT_S) as phone:
            facts = phone.facts
        name = facts.name_or_model
        if facts.encrypts_backups is (action != "off") and action != "change":
            return facts, None, None
        if facts.encrypts_backups is False and action == "change":
            raise EncryptionOff(name)
        if action == "off":
            refuse_forced_encryption(facts)

        async def do(work: Change) -> EncryptionChange:
            """A new connection: the phone closes an idle one while its owner looks for a password."""
            async with await Phone.meet(workspace.usbmux, facts.udid, progress=progress, wait_s=PHONE_WAIT_S) as phone:
                options.ctrl_c_error = EncryptionStopped(name)
                return await work(phone, progress)

        if action == "on":
            first = _new_password(passwords, action, facts)
            return facts, await do(lambda phone, progress: turn_on(phone, first, progress)), first
        new = None
        for tries_left in reversed(range(TRIES)):
            old = passwords.old(name, facts.udid)
            if not old:
                raise PhonePasswordMissing(name, "old")
            new = new or (_new_password(passwords, action, facts) if action == "change" else None)
            if new == old:
                raise NewPasswordIsOld(name)
            try:
                return facts, await do(_with_passwords(workspace, old, new)), new
            except WrongPhonePassword:
                if not tries_left or not passwords.reject_password(name):
                    raise
                say(wrapped(_("{phone} does not accept that password. Try again.").format(phone=name)))
    raise AssertionError("unreachable")


def _with_passwords(workspace: Workspace, old: str, new: str | None) -> Change:
    from migrate.journey.encryption import change_password, turn_off

    if new is None:
        return lambda phone, progress: turn_off(phone, old, progress)
    return lambda phone, progress: change_password(phone, workspace.home, old, new, progress)


def _new_password(passwords: Passwords, action: Action, facts: PhoneFacts) -> str:
    """The password to set: given, or typed twice after a person was told what it means.

    Raises:
        NewPasswordMissing.
    """
    from migrate.talk.encryption_coach import CANNOT_BE_RECOVERED, NEITHER_PASSCODE, left_behind

    name, role, option = facts.name_or_model, *GIVEN_WITH[action]
    if passwords.can_prompt() and not passwords.look_up(role):
        told = (*left_behind(), _(NEITHER_PASSCODE)) if action == "on" else ()
        for paragraph in (*told, _(CANNOT_BE_RECOVERED)):
            say()
            say(wrapped(paragraph))
        say()
    chosen = passwords.choose_new(name) if action == "on" else passwords.choose_other(name)
    if chosen is None:
        raise NewPasswordMissing(name, option, ENVIRONMENT[role])
    return chosen


def _lines(action: Action, name: str, done: EncryptionChange | None) -> list[str]:
    """The answer in words."""
    from migrate.talk.encryption_coach import left_behind

    if done is None:
        already = {
            "on": _("{phone} encrypts its backups already. Nothing was changed, and its password is what it was."),
            "off": _("{phone} does not encrypt its backups. Nothing was changed."),
        }
        lines = [already[action].format(phone=name)]
        if action == "on":
            lines.append(_("To set another password: migrate encryption change"))
        return list(map(wrapped, lines))
    said = {
        "on": _("{phone} now encrypts its backups, with the password that you chose."),
        "off": _("{phone} no longer encrypts its backups."),
        "change": _("The backup password of {phone} is changed."),
    }
    lines = [said[action].format(phone=name)]
    tested = {
        "keybag": _("It was tested: it opens the keys of your backup."),
        "phone": _("It was tested: the phone was asked again, and accepts it."),
    }
    lines += [tested[done.tested]] if done.tested else []
    if action == "off":
        lines += [*left_behind(), _("Anybody who can read the backup on this computer can read what is in it.")]
        lines.append(_("Backups that exist stay encrypted. Keep their password."))
    else:
        lines.append(_("Keep the password. Nobody can open your backups without it, and nobody can recover it."))
    if action == "change":
        lines += _where_the_old_password_stays(done.backup)
    if action != "change":
        lines.append(_("The next backup transfers everything again."))
    return [*map(wrapped, lines), *format_findings(done.findings)]


def _where_the_old_password_stays(backup: Path | None) -> list[str]:
    if backup is None:
        return [_("Backups that exist keep the old password. The next backup transfers everything again.")]
    return [
        _("The new password opens the backup in {path} too.").format(path=one_line(backup)),
        _("Earlier states of it, and backups that other programs made, keep the old one. Do not throw it away."),
    ]
