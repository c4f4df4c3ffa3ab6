"""What a run asks a person on the terminal: passwords, and the last confirmation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from migrate.ctrl_c import ctrl_c
from migrate.language import _, plural
from migrate.problems import WordMissing
from migrate.talk.console import ask_line, format_file_count, say, wrapped
from migrate.talk.passwords import Passwords
from migrate.talk.progress import clear_bars
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.journey.prompts import Confirmation, EraseOffer, MissingOriginals, OwnBackupLimits


@dataclass
class TerminalPrompts:
    """Asks on the terminal what a run needs. It blocks the event loop: nothing continues without the answer."""

    passwords: Passwords
    yes: bool
    _chosen: dict[str, str | None] = field(default_factory=dict, repr=False)

    def password(self, role: Literal["old", "new"], phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        if chosen := self._chosen.get(role):
            return chosen
        if not may_prompt:
            return self.passwords.look_up(role, udid)
        with interruptible_prompt():
            return (self.passwords.old if role == "old" else self.passwords.new)(phone, udid)

    def chosen_password(self, role: Literal["old", "new"], phone: str) -> str | None:
        with interruptible_prompt():
            self._chosen[role] = self.passwords.choose_new(phone, role)
        return self._chosen[role]

    def reject_password(self, role: Literal["old", "new"], phone: str) -> bool:
        typed = self.passwords.reject_password(phone, role)
        if typed:
            rejected = _("That password does not open the backup of {phone}. Try again, or stop with Ctrl-C.")
            say(wrapped(rejected.format(phone=phone)))
        return typed

    def may_erase(self, offer: EraseOffer) -> bool:
        if self.yes or not self.passwords.can_prompt():
            return False
        for line in erase_offer_lines(offer):
            say(line)
        with interruptible_prompt():
            return ask_line(_("Type erase to continue, or anything else to stop: ")).strip().lower().strip('"') in (
                "erase",
                _("erase"),
            )

    def looks_for_originals(self) -> bool:
        return not self.yes and self.passwords.can_prompt()

    def look_again(self, missing: MissingOriginals) -> bool:
        for line in missing_originals_lines(missing):
            say(line)
        with interruptible_prompt():
            answer = ask_line(_("Type look to look again, or press Enter to go on: "))
        return answer.strip().lower().strip('"') in ("look", _("look"))

    def is_restored(self, new: str, old: str) -> bool | None:
        if self.yes or not self.passwords.can_prompt():
            return None
        for line in doubt_lines(new, old):
            say(line)
        with interruptible_prompt():
            answer = ask_line(_("Has {phone} taken the data? Type yes or no: ").format(phone=new))
        return {"yes": True, _("yes"): True, "no": False, _("no"): False}.get(answer.strip().lower().strip('"'))

    def confirm(self, confirmation: Confirmation) -> bool:
        if self.yes:
            return True
        if not self.passwords.can_prompt():
            raise WordMissing(confirmation.run_id)
        for line in confirmation_lines(confirmation):
            say(line)
        with interruptible_prompt():
            return ask_line(_("Type yes to continue: ")).strip().lower().strip('"') in ("yes", _("yes"))


def missing_originals_lines(missing: MissingOriginals) -> list[str]:
    """How many originals are only in iCloud, how that changed, and how to load them onto the phone."""
    known = {"phone": missing.name, "count": missing.only_in_icloud, "photos": missing.photos}
    now = plural(
        "{count:,} of {photos:,} photos and videos on {phone} is only in iCloud: no backup contains its original.",
        "{count:,} of {photos:,} photos and videos on {phone} are only in iCloud: no backup contains their originals.",
        missing.only_in_icloud,
    ).format(**known)
    if missing.before is not None:
        return ["", wrapped(now), wrapped(_change(missing.before, missing.only_in_icloud))]
    how = _(
        "To move them over the cable, load them first: on {phone}, Settings, your name, iCloud, Photos, Download and "
        "Keep Originals. Leave it on power and Wi-Fi; that can take hours or days, and needs the space. The answers "
        "are kept if you stop here with Ctrl-C."
    )
    without = _("Or go on without them: they load on the new phone after you sign in to the same Apple Account there.")
    return ["", *(wrapped(line.format(**known)) for line in (now, how, without))]


def _change(before: int, now: int) -> str:
    if now < before:
        text = plural("{count:,} has arrived since.", "{count:,} have arrived since.", before - now)
        return text.format(count=before - now)
    return _("None has arrived since. Check that the phone is on power and Wi-Fi, unlocked, and has free space.")


def doubt_lines(new: str, old: str) -> list[str]:
    """How to see on the phone whether it was restored."""
    lines = [
        _("migrate was stopped while it sent the data of {old} to {new}, and does not know whether {new} took it."),
        _("Look at {new}. If it says Hello or Restore Completed, or has that data on it, it took it."),
    ]
    return ["", *(wrapped(line.format(new=new, old=old)) for line in lines)]


def confirmation_lines(confirmation: Confirmation) -> list[str]:
    """The last confirmation: what will be replaced by what, with both counts."""
    if confirmation.undoes:
        return undo_confirmation_lines(confirmation)
    old, new = confirmation.old_name, confirmation.new_name
    lines = ["", wrapped(f"{old} -> {new}: {_amount(confirmation)}.")]
    if confirmation.strategy.value == "replace":
        becomes = _("{new} becomes {old}: everything that is on it now is replaced.")
        lines.append(wrapped(becomes.format(new=new, old=old)))
    for title, sent, there in confirmation.replaces:
        known = {
            "title": title,
            "sent": "?" if sent is None else f"{sent:,}",
            "there": "?" if there is None else f"{there:,}",
        }
        lines.append("  " + _("{title}: {sent} are sent, {there} are replaced").format(**known))
    if confirmation.own_limits is not None:
        lines += [wrapped(line) for line in own_backup_sentences(confirmation, confirmation.own_limits)]
    lines += _sent_again(confirmation)
    if confirmation.is_undoable:
        undo = _("The new iPhone was backed up first. To put it back as it was: migrate undo {run}")
        lines.append(wrapped(undo.format(run=confirmation.run_id)))
    else:
        lines.append(wrapped(_("The new iPhone was not backed up first, so this cannot be undone.")))
    return [*lines, _changes_now(new)]


def own_backup_sentences(confirmation: Confirmation, limits: OwnBackupLimits) -> list[str]:
    """What a person should know of a rebuild before it: a full restore, and what that does not bring back."""
    new = confirmation.new_name
    said = [
        _(
            "This is a full restore: {new} gets its own complete backup back, with the chosen data in it. It restarts, "
            "and its setup runs."
        ).format(new=new),
        _(
            "Data of another iPhone restored this way has not yet been seen on a real iPhone, only on simulated ones. "
            "Such backups of one iPhone have been edited and restored for years."
        ),
        _("Its own backup does not bring back cards and passes in Apple Pay: add them again."),
    ]
    if limits.apps:
        apps = plural(
            "{count:,} app is downloaded from the App Store again; one that is no longer there does not come back.",
            "{count:,} apps are downloaded from the App Store again; those no longer there do not come back.",
            limits.apps,
        )
        said.append(apps.format(count=limits.apps))
    if limits.not_reinstallable:
        text = _("These apps cannot be downloaded by themselves; install them yourself: {apps}.")
        said.append(text.format(apps=_listed(limits.not_reinstallable)))
    if limits.without_data:
        text = _("These apps have no data in that backup, so what they keep to themselves is lost: {apps}.")
        said.append(text.format(apps=_listed(limits.without_data)))
    said += [
        _("{what}: {new} does not have that account, so they go unless you add it.").format(what=what, new=new)
        for what in limits.accounts
    ]
    if confirmation.erases_first:
        said.append(
            _("It does not fit beside what is on {new}: after your yes you are asked to erase {new} first.").format(
                new=new
            )
        )
    return said


def erase_offer_lines(offer: EraseOffer) -> list[str]:
    """The question whether a phone that is too full may be erased on the way."""
    known = {"new": offer.name, "needed": format_bytes(offer.needed_bytes), "free": format_bytes(offer.free_bytes)}
    return [
        "",
        wrapped(_("{new} has {free} free, and this restore may need up to {needed} beside its data.").format(**known)),
        wrapped(
            _(
                "You can free space on it and begin again. Or it is backed up, everything is prepared and rehearsed, "
                "and then you are asked to erase it: after that it gets all of its own data back, with the chosen data "
                "in it."
            )
        ),
    ]


NAMED_APPS = 6


def _listed(titles: tuple[str, ...]) -> str:
    shown = ", ".join(titles[:NAMED_APPS])
    more = len(titles) - NAMED_APPS
    return _("{titles} and {count:,} more").format(titles=shown, count=more) if more > 0 else shown


def undo_confirmation_lines(confirmation: Confirmation) -> list[str]:
    """The last confirmation of an undo: what the phone becomes, and what it loses."""
    becomes = _("{phone} becomes what it was before {run}: {amount}.")
    known = {"phone": confirmation.new_name, "run": confirmation.undoes, "amount": _amount(confirmation)}
    lines = ["", wrapped(becomes.format(**known))]
    if confirmation.replaces:
        lines.append(wrapped(_("This was added to it since then, and is deleted:")))
        lines += [f"  {title}: {there or 0:,}" for title, _sent, there in confirmation.replaces]
    lines += _sent_again(confirmation)
    if confirmation.will_not_come_back:
        lines.append(_("What does not come back:"))
        lines += [wrapped(f"  - {sentence}") for sentence in confirmation.will_not_come_back]
    return [*lines, _changes_now(confirmation.new_name)]


def _sent_again(confirmation: Confirmation) -> list[str]:
    if not confirmation.is_sent_again:
        return []
    known = {"phone": confirmation.new_name}
    lines = [
        wrapped(_("An earlier try was interrupted, and {phone} did not take it. All is sent again.").format(**known))
    ]
    if confirmation.loses:
        lines.append(wrapped(_("This came onto {phone} since that try, and is deleted:").format(**known)))
        lines += [f"  {title}: {count:,}" for title, count in confirmation.loses]
    return lines


def _amount(confirmation: Confirmation) -> str:
    return f"{format_file_count(confirmation.set_files)}, {format_bytes(confirmation.set_bytes)}"


def _changes_now(phone: str) -> str:
    return wrapped(_("From here on {phone} is changed. Leave it connected.").format(phone=phone))


def ask_ios_version() -> str | None:
    """Which iOS the new phone runs; None for an empty line."""
    say(wrapped(_("The new iPhone is not connected. Before hours are spent on a backup: which iOS does it have?")))
    with interruptible_prompt():
        return ask_line(_("Settings, General, About, iOS Version (Enter if you do not know): ")).strip() or None


@contextmanager
def interruptible_prompt() -> Iterator[None]:
    """Let Ctrl-C end a prompt. The event loop's own handler would only record it while the prompt keeps waiting."""
    clear_bars()
    try:
        with ctrl_c.raising():
            yield
    except KeyboardInterrupt:
        say()  # leave the prompt's line
        raise
