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
from migrate.units import bytes_text

if TYPE_CHECKING:
    from migrate.journey.run_state import LastWord


@dataclass
class AtTheTerminal:
    """What a run asks, asked on the terminal. It blocks the event loop: nothing goes on without the answer."""

    passwords: Passwords
    yes: bool
    _chosen: dict[str, str | None] = field(default_factory=dict, repr=False)

    def password(self, role: Literal["old", "new"], phone: str, udid: str | None, *, insist: bool) -> str | None:
        if chosen := self._chosen.get(role):
            return chosen
        if not insist:
            return self.passwords.look_up(role, udid)
        with ctrl_c_at_a_prompt():
            return (self.passwords.old if role == "old" else self.passwords.new)(phone, udid)

    def chosen_password(self, role: Literal["old", "new"], phone: str) -> str | None:
        with ctrl_c_at_a_prompt():
            self._chosen[role] = self.passwords.chosen_for(phone, role)
        return self._chosen[role]

    def forget(self, role: Literal["old", "new"], phone: str) -> bool:
        typed = self.passwords.forget(phone, role)
        if typed:
            say(wrapped(f"That password does not open the backup of {phone}. Try again, or stop with Ctrl-C."))
        return typed

    def confirm(self, word: LastWord) -> bool:
        if self.yes:
            return True
        if not self.passwords.asks():
            raise WordMissing(word.run)
        for line in last_word_in_words(word):
            say(line)
        with ctrl_c_at_a_prompt():
            return ask_line("Type yes to go on: ").strip().lower() in ("yes", '"yes"')


def last_word_in_words(word: LastWord) -> list[str]:
    """The last confirmation: what will be replaced by what, with both counts."""
    if word.undoes:
        return last_word_of_an_undo(word)
    moves = f"{word.old_name} -> {word.new_name}: {word.set_files:,} files, {bytes_text(word.set_bytes)}."
    lines = ["", wrapped(moves)]
    if word.strategy.value == "replace":
        lines.append(wrapped(f"{word.new_name} becomes {word.old_name}: everything that is on it now is replaced."))
    for title, goes, there in word.replaces:
        what = f"{goes:,}" if goes is not None else "?"
        lines.append(
            f"  {title}: {what} go, {'not known how many' if there is None else format(there, ',')} are replaced"
        )
    if word.saved_first:
        lines.append(wrapped(f"As it is now it was saved: migrate undo {word.run} puts it back."))
    else:
        lines.append(wrapped("As it is now it was not saved: this cannot be undone."))
    return [*lines, wrapped(f"From here on {word.new_name} is changed. Leave it connected.")]


def last_word_of_an_undo(word: LastWord) -> list[str]:
    """What goes with an undo, and that it does."""
    size = f"{word.set_files:,} files, {bytes_text(word.set_bytes)}"
    lines = ["", wrapped(f"{word.new_name} becomes what it was before {word.undoes}: {size}.")]
    if word.replaces:
        lines.append(wrapped("This came onto it since, and goes:"))
        lines += [f"  {title}: {there or 0:,}" for title, _, there in word.replaces]
    return [*lines, wrapped(f"From here on {word.new_name} is changed. Leave it connected.")]


@contextmanager
def ctrl_c_at_a_prompt() -> Iterator[None]:
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
