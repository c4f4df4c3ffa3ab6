"""What a run asks, shown as pages of the wizard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from migrate.journey.prompts import Confirmation
from migrate.language import _
from migrate.talk.console import say, wrapped
from migrate.talk.passwords import Role
from migrate.talk.prompts import TerminalPrompts
from migrate.talk.wizard.page import heading


@dataclass
class WizardPrompts(TerminalPrompts):
    """Shows the last confirmation as a page, and remembers a chosen password so that the run does not ask again."""

    remember: Callable[[Role, str], None] = field(default=lambda role, password: None, repr=False)

    def chosen_password(self, role: Role, phone: str) -> str | None:
        say()
        say(heading(_("A backup password for {phone}").format(phone=phone)))
        if role == "new":
            why = _("{phone} is backed up before it is changed, and that backup has to be encrypted.")
            say(wrapped(why.format(phone=phone)))
        password = super().chosen_password(role, phone)
        if password:
            self.remember(role, password)
        return password

    def confirm(self, confirmation: Confirmation) -> bool:
        say()
        say(heading(_("Last check before anything changes")))
        return super().confirm(confirmation)
