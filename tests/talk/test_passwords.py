"""Where a password comes from, in which order, and that it is never shown."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.problems import MigrateError, PasswordFileUnusable, TwoPasswordsFromInput
from migrate.talk import cli, passwords
from migrate.talk.passwords import KEYRING_SERVICE, Passwords, read_password_file, redacted

UDID = "00008101-000A1B2C3D4E5F60"


@pytest.fixture(autouse=True)
def nobody_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIGRATE_BACKUP_PASSWORD", "MIGRATE_NEW_BACKUP_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "keyring", None)  # as on a computer without one
    monkeypatch.setattr(passwords, "_issued_passwords", set())


class Terminal:
    """Types the scripted answers and records the prompts."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def ask(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return self.answers.pop(0)


def at(terminal: Terminal, **files: str) -> Passwords:
    return Passwords(ask=terminal.ask, can_prompt=lambda: True, **files)


def a_keyring(monkeypatch: pytest.MonkeyPatch, entries: dict[tuple[str, str], str]) -> None:
    module = types.ModuleType("keyring")
    module.get_password = lambda service, name: entries.get((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)


def test_a_file_beats_the_environment_beats_the_keyring_beats_the_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "word").write_text("of the file\n", encoding="utf-8")
    assert at(Terminal("typed")).old("Ada's iPhone", UDID) == "typed"
    a_keyring(monkeypatch, {(KEYRING_SERVICE, UDID): "of the keyring"})
    silent = Terminal()
    assert at(silent).old("Ada's iPhone", UDID) == "of the keyring"
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "of the environment")
    assert at(silent).old("Ada's iPhone", UDID) == "of the environment"
    assert at(silent, file=str(tmp_path / "word")).old("Ada's iPhone", UDID) == "of the file"
    assert silent.asked == []


def test_the_new_phones_password_has_its_own_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "word").write_text("new, of the file", encoding="utf-8")
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "old")
    assert at(Terminal("typed")).new("Ben's iPhone") == "typed"
    monkeypatch.setenv("MIGRATE_NEW_BACKUP_PASSWORD", "new, of the environment")
    both = at(Terminal())
    assert (both.old("Ada's iPhone"), both.new("Ben's iPhone")) == ("old", "new, of the environment")
    assert at(Terminal(), new_file=str(tmp_path / "word")).new("Ben's iPhone") == "new, of the file"


def test_each_phones_password_is_asked_for_once_and_by_name() -> None:
    terminal = Terminal("one", "two")
    here = at(terminal)
    assert [here.old("Ada's iPhone"), here.old("Ada's iPhone"), here.old("Ben's \x1b[31miPhone")] == [
        "one",
        "one",
        "two",
    ]
    assert "Ada's iPhone" in terminal.asked[0]
    assert "\x1b" not in terminal.asked[1], "a phone's name cannot steer the terminal"


def test_without_a_terminal_there_is_no_prompt() -> None:
    assert Passwords(ask=Terminal().ask, can_prompt=lambda: False).old("Ada's iPhone") is None


def test_look_up_never_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    here = at(Terminal())
    assert here.look_up("old") is None
    monkeypatch.setenv("MIGRATE_NEW_BACKUP_PASSWORD", "word")
    assert at(Terminal()).look_up("new") == "word"


def test_only_a_typed_password_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    here = at(Terminal("wrong", "right"))
    here.old("Ada's iPhone")
    assert here.reject_password("Ada's iPhone") is True
    assert here.old("Ada's iPhone") == "right"
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "wrong")
    given = at(Terminal())
    given.old("Ada's iPhone")
    assert given.reject_password("Ada's iPhone") is False


def test_a_new_password_is_typed_twice() -> None:
    terminal = Terminal("horse", "hrose", "horse", "horse")
    here = at(terminal)
    assert here.choose_new("Ada's iPhone") == "horse"
    assert here.old("Ada's iPhone") == "horse", "and is known from then on"
    assert len(terminal.asked) == 4
    assert at(Terminal("a", "b", "a", "b", "a", "b")).choose_new("x") is None
    assert at(Terminal(None)).choose_new("x") is None


def test_only_the_line_ending_is_removed_from_a_password_file(tmp_path: Path) -> None:
    file = tmp_path / "word"
    for data, word in (
        (b"  two spaces  \r\n", "  two spaces  "),
        (b"first\nsecond\n", "first"),
        (b"\xef\xbb\xbfbom", "bom"),
        ("Pässwört".encode(), "Pässwört"),
    ):
        file.write_bytes(data)
        assert read_password_file(str(file)) == word


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\x00", b"x" * 5000])
def test_a_password_file_without_a_password_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "word"
    file.write_bytes(data)
    with pytest.raises(PasswordFileUnusable) as caught:
        read_password_file(str(file))
    assert caught.value.exit_code == 32


def test_a_missing_password_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "word")
    with pytest.raises(PasswordFileUnusable, match="No such file"):
        at(Terminal("typed"), file=str(tmp_path / "absent")).old("Ada's iPhone")


def test_a_dash_is_standard_input_and_only_one_password_can_come_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe\nmore")))
    assert read_password_file("-") == "from a pipe"
    with pytest.raises(TwoPasswordsFromInput) as caught:
        Passwords(file="-", new_file="-")
    assert caught.value.exit_code == 2


def test_a_failing_keyring_counts_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("keyring")

    def get_password(service: str, name: str) -> str:
        raise RuntimeError("the keyring is locked")

    module.get_password = get_password  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    assert at(Terminal("typed")).old("Ada's iPhone", UDID) == "typed"


def test_at_a_terminal_a_dash_asks_without_showing_what_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyboard(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard(io.BytesIO(b"shown while typed")))
    terminal = Terminal("hidden", None)
    assert read_password_file("-", terminal.ask) == "hidden"
    with pytest.raises(PasswordFileUnusable):
        read_password_file("-", terminal.ask)


def test_a_password_from_any_source_is_removed_from_reports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIGRATE_NEW_BACKUP_PASSWORD", "of-the-environment")
    (tmp_path / "word").write_text("of-the-file")
    here = at(Terminal("typed-twice", "typed-twice"), file=str(tmp_path / "word"))
    here.old("Ada's iPhone")
    here.new("Ben's iPhone")
    at(Terminal("chosen-word", "chosen-word")).choose_new("Cy's iPhone")
    text = redacted("of-the-file of-the-environment chosen-word")
    assert text == "[password] [password] [password]"


def test_a_password_that_was_only_looked_up_is_removed_from_reports_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_NEW_BACKUP_PASSWORD", "chosen-before")
    assert at(Terminal()).choose_new("Cy's iPhone", "new") == "chosen-before"
    assert redacted("it was chosen-before!") == "it was [password]!"


def test_no_password_shows_in_a_repr_or_a_report(tmp_path: Path) -> None:
    here = at(Terminal("correct-horse-1947"))
    here.old("Ada's iPhone")
    assert "correct-horse" not in repr(here)
    assert redacted("it was correct-horse-1947!") == "it was [password]!"


def test_an_empty_line_is_not_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_of_input(prompt: str) -> str:
        raise EOFError

    for getpass in (lambda prompt: "", end_of_input):
        monkeypatch.setattr("getpass.getpass", getpass)
        assert passwords.ask_hidden("? ") is None


def test_errors_about_passwords_do_not_contain_them() -> None:
    for error in (PasswordFileUnusable("word.txt", "it is empty"), TwoPasswordsFromInput()):
        assert isinstance(error, MigrateError)
        assert "MIGRATE_BACKUP_PASSWORD=" not in str(error)


def test_programs_that_a_command_starts_do_not_inherit_the_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "correct-horse")
    monkeypatch.setenv("MIGRATE_NEW_BACKUP_PASSWORD", "battery-staple")
    seen: list[str] = []

    def command_that_starts_a_program() -> Callable[..., int]:
        def command(**_: object) -> int:
            shown = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True)
            seen.append(shown.stdout.decode())
            passwords = Passwords(can_prompt=lambda: False)
            seen.extend(str(passwords.look_up(role)) for role in ("old", "new"))
            return 0

        return command

    monkeypatch.setattr(cli, "build_app", command_that_starts_a_program)
    assert cli.run_command_line([]) == 0
    assert "PATH" in seen[0] and "correct" not in seen[0] and "battery" not in seen[0]
    assert seen[1:] == ["correct-horse", "battery-staple"], "the command itself still knows them"
    assert os.environ["MIGRATE_BACKUP_PASSWORD"] == "correct-horse"
