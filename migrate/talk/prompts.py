"""What a run asks a person, asked on the terminal: passwords, and the last word."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from migrate.problems import WordMissing
from migrate.talk.console import ask_line, say, wrapped
from migrate.talk.passwords import Passwords
from migrate.talk.progress import clear_bars
from migrate.units import format_bytes

if TYPE_CHECKING:
    from migrate.journey.prompts import Confirmation


@dataclass
class TerminalPrompts:
    """What a run asks, asked on the terminal. It blocks the event loop: nothing goes on without the answer."""

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
            say(wrapped(f"That password does not open the backup of {phone}. Try again, or stop with Ctrl-C."))
        return typed

    def confirm(self, confirmation: Confirmation) -> bool:
        if self.yes:
            return True
        if not self.passwords.can_prompt():
            raise WordMissing(confirmation.run_id)
        for line in confirmation_lines(confirmation):
            say(line)
        with interruptible_prompt():
            return ask_line("Type yes to go on: ").strip().lower() in ("yes", '"yes"')


def confirmation_lines(confirmation: Confirmation) -> list[str]:
    """The last confirmation: what will be replaced by what, with both counts."""
    if confirmation.undoes:
        return undo_confirmation_lines(confirmation)
    moves = f"{confirmation.old_name} -> {confirmation.new_name}: {confirmation.set_files:,} files, {format_bytes(confirmation.set_bytes)}."
    lines = ["", wrapped(moves)]
    if confirmation.strategy.value == "replace":
        lines.append(
            wrapped(
                f"{confirmation.new_name} becomes {confirmation.old_name}: everything that is on it now is replaced."
            )
        )
    for title, goes, there in confirmation.replaces:
        what = f"{goes:,}" if goes is not None else "?"
        lines.append(
            f"  {title}: {what} go, {'not known how many' if there is None else format(there, ',')} are replaced"
        )
    if confirmation.is_undoable:
        lines.append(wrapped(f"As it is now it was saved: migrate undo {confirmation.run_id} puts it back."))
    else:
        lines.append(wrapped("As it is now it was not saved: this cannot be undone."))
    return [*lines, wrapped(f"From here on {confirmation.new_name} is changed. Leave it connected.")]


def undo_confirmation_lines(confirmation: Confirmation) -> list[str]:
    """What goes with an undo, and that it does."""
    size = f"{confirmation.set_files:,} files, {format_bytes(confirmation.set_bytes)}"
    lines = ["", wrapped(f"{confirmation.new_name} becomes what it was before {confirmation.undoes}: {size}.")]
    if confirmation.replaces:
        lines.append(wrapped("This came onto it since, and goes:"))
        lines += [f"  {title}: {there or 0:,}" for title, _, there in confirmation.replaces]
    return [*lines, wrapped(f"From here on {confirmation.new_name} is changed. Leave it connected.")]


@contextmanager
def interruptible_prompt() -> Iterator[None]:
    """Let Ctrl-C end a prompt. The event loop's own handler would only note it, and the prompt would go on waiting."""
    clear_bars()
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        say()  # off the prompt's line
        raise
    finally:
        signal.signal(signal.SIGINT, before)
