"""Where a backup password comes from (contract 1).

    --password-file FILE       (`-`: standard input)      the option wins
    MIGRATE_BACKUP_PASSWORD                               then the environment
    the system's keyring                                  then the keyring: service `iphone-migrate`, name: the
                                                          phone's UDID
    a prompt                                              last, and on a terminal only

The new phone's: --new-password-file, MIGRATE_NEW_BACKUP_PASSWORD, the same keyring, the same prompt. A password is
never shown, never in argv, and never written to a file.
"""

from __future__ import annotations

import getpass
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import typer

from migrate.ctrl_c import ctrl_c
from migrate.language import _
from migrate.problems import PasswordFileUnusable, TwoPasswordsFromInput
from migrate.talk.console import safe, say

Role = Literal["old", "new"]

KEYRING_SERVICE = "iphone-migrate"
LIMIT_BYTES = 4096
"""Longer than any typed password; a longer first line means it is the wrong file."""
ENVIRONMENT: Mapping[Role, str] = {"old": "MIGRATE_BACKUP_PASSWORD", "new": "MIGRATE_NEW_BACKUP_PASSWORD"}

PasswordFile = Annotated[
    str | None,
    typer.Option(
        "--password-file",
        metavar="FILE",
        help=_("File with the backup password; - for standard input (default: MIGRATE_BACKUP_PASSWORD)."),
        show_default=False,
    ),
]
NewPasswordFile = Annotated[
    str | None,
    typer.Option(
        "--new-password-file",
        metavar="FILE",
        help=_("File with the new phone's backup password (default: MIGRATE_NEW_BACKUP_PASSWORD)."),
        show_default=False,
    ),
]


_issued_passwords: set[str] = set()


def redacted(text: str) -> str:
    """`text` without the passwords that this process has used, for reports that leave the process."""
    for password in sorted(_issued_passwords, key=len, reverse=True):
        text = text.replace(password, "[password]")
    return text


_environment_passwords: dict[str, str] = {}


@contextmanager
def hidden_from_children() -> Iterator[None]:
    """While inside, passwords are not in the environment, which every program that we start would inherit."""
    taken = {name: os.environ.pop(name) for name in ENVIRONMENT.values() if name in os.environ}
    _environment_passwords.update(taken)
    try:
        yield
    finally:
        _environment_passwords.clear()
        os.environ.update(taken)


def from_environment(role: Role) -> str | None:
    name = ENVIRONMENT[role]
    return _environment_passwords.get(name) or os.environ.get(name) or None


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask_hidden(prompt: str) -> str | None:
    """What is typed, without showing it; None for an empty line or the end of input. Raises KeyboardInterrupt."""
    try:
        with ctrl_c.raising():
            return getpass.getpass(prompt) or None
    except EOFError:
        say()
        return None


@dataclass(repr=False)
class Passwords:
    """The passwords of one command, each looked up once and remembered until the command ends.

    `ask` and `can_prompt` stand for the terminal; tests replace them.
    """

    file: str | None = None
    new_file: str | None = None
    ask: Callable[[str], str | None] = ask_hidden
    can_prompt: Callable[[], bool] = can_ask
    preset: dict[Role, str | None] = field(default_factory=dict)
    """Passwords known before asking, by role; the demo sets its own."""
    _known: dict[tuple[Role, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file == "-" and self.new_file == "-":
            raise TwoPasswordsFromInput()

    def old(self, phone: str, udid: str | None = None) -> str | None:
        """The password of the old phone's backups, or of the command's only backup; None if it is not known."""
        return self._of("old", phone, udid)

    def new(self, phone: str, udid: str | None = None) -> str | None:
        """The password of the new phone's backups."""
        return self._of("new", phone, udid)

    def choose_new(self, phone: str, role: Role = "old") -> str | None:
        """Choose a new backup password for `phone`. It is typed twice: a typing error would lock its backups.

        The new phone gets the old one's password if there is no terminal, or if nothing is typed.

        Returns:
            None if no password is known, or if the two entries differed three times.
        """
        preset = self.look_up(role, None)
        usual = self.look_up("old", None) if role == "new" else None
        if preset or not self.can_prompt():
            return preset or usual
        prompt = _("New backup password for {phone}: ")
        if usual:
            prompt = _("New backup password for {phone} (Enter: the same as the old phone's): ")
        typed = self._ask_twice(prompt.format(phone=safe(phone)))
        return self._remember(role, phone, typed) if typed else usual if typed is None else None

    def choose_other(self, phone: str) -> str | None:
        """Choose the password that replaces the one `phone` has: --new-password-file, MIGRATE_NEW_BACKUP_PASSWORD, or
        typed twice.

        Returns:
            None if none is known, or if the two entries differed three times.
        """
        preset = self.look_up("new")
        if preset or not self.can_prompt():
            return preset
        typed = self._ask_twice(_("New backup password for {phone}: ").format(phone=safe(phone)))
        return self._remember("new", phone, typed) if typed else None

    def _ask_twice(self, prompt: str) -> str | None:
        """What was typed twice alike. None if nothing was typed, "" if the two entries differed three times."""
        for _attempt in range(3):
            first = self.ask(prompt)
            if first is None:
                return None
            if self.ask(_("Repeat it: ")) == first:
                return first
            say(_("The two did not match. Nothing is shown while you type."))
        return ""

    def reject_password(self, phone: str, role: Role = "old") -> bool:
        """Forget the wrong password typed for `phone`. False if it was not typed: asking again would not help."""
        password = self._known.get((role, phone))
        if password is None or password == self.look_up(role, None) or not self.can_prompt():
            return False
        del self._known[role, phone]
        return True

    def look_up(self, role: Role, udid: str | None = None) -> str | None:
        """The password from file, environment or keyring, without asking."""
        if role not in self.preset:
            file = self.file if role == "old" else self.new_file
            password = read_password_file(file, self.ask) if file else None
            self.preset[role] = password or from_environment(role)
        preset = self.preset[role] or (from_keyring(udid) if udid else None)
        if preset:
            _issued_passwords.add(preset)
        return preset

    def _of(self, role: Role, phone: str, udid: str | None) -> str | None:
        if (role, phone) not in self._known:
            password = self.look_up(role, udid)
            if password is None and self.can_prompt():
                password = self.ask(
                    _("Backup password of {phone} (nothing is shown while you type): ").format(phone=safe(phone))
                )
            self._remember(role, phone, password)
        return self._known[role, phone]

    def _remember(self, role: Role, phone: str, password: str | None) -> str | None:
        self._known[role, phone] = password
        if password:
            _issued_passwords.add(password)
        return password


def read_password_file(name: str, ask: Callable[[str], str | None] = ask_hidden) -> str:
    """The first line of a file, or of standard input for `-`.

    Raises:
        PasswordFileUnusable: it cannot be read, is empty, is too long or is not text.
    """
    if name == "-" and can_ask():  # a terminal would show what is typed
        password = ask(_("Backup password (nothing is shown while you type): "))
        if password is None:
            raise PasswordFileUnusable("-", _("nothing was typed"))
        return password
    try:
        with ctrl_c.raising():  # another program may never write it
            if name == "-":
                data = sys.stdin.buffer.readline(LIMIT_BYTES + 1)
            else:
                with Path(name).expanduser().open("rb") as file:
                    data = file.readline(LIMIT_BYTES + 1)
    except OSError as error:
        raise PasswordFileUnusable(name, error.strerror or type(error).__name__) from error
    if len(data) > LIMIT_BYTES:
        raise PasswordFileUnusable(name, _("its first line is too long to be a password"))
    try:
        password = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise PasswordFileUnusable(name, _("it is not UTF-8 text")) from error
    if not password:
        raise PasswordFileUnusable(name, _("its first line is empty"))
    return password


def from_keyring(udid: str) -> str | None:
    """This phone's password in the system's keyring; None without a keyring, or when it is locked."""
    try:
        keyring = importlib.import_module("keyring")  # optional: pip install keyring
    except ImportError:
        return None
    try:
        password = keyring.get_password(KEYRING_SERVICE, udid)
    except Exception:  # backends raise anything; a keyring that cannot answer counts as empty
        return None
    return password if isinstance(password, str) and password else None


def has_keyring() -> bool:
    """Whether this computer has a keyring that can store a password."""
    try:
        keyring = importlib.import_module("keyring")
        return float(keyring.get_keyring().priority) > 0  # the backends `fail` and `null` have 0 and -1 (*read*)
    except Exception:  # not installed, or a backend that raises anything
        return False


def store_in_keyring(udid: str, password: str) -> bool:
    """Keep this phone's password in the system's keyring. False if that fails."""
    try:
        importlib.import_module("keyring").set_password(KEYRING_SERVICE, udid, password)
    except Exception:  # not installed, locked, or a backend that raises anything
        return False
    return True
