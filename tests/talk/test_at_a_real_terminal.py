"""Passwords at a real terminal: asked for by name, not shown, asked again when wrong."""

from __future__ import annotations

import os
import plistlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backup.small_backup import SmallBackup
from tests.made_keychain import der_set, entry

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals in Python")

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-1947"


@dataclass
class Screen:
    """A terminal with `migrate` on it."""

    process: subprocess.Popen[bytes]
    line: int
    seen: str = ""
    read_up_to: int = 0

    def until(self, words: str) -> None:
        """Read on until `words` have come, after all that was waited for before; lines may be broken anywhere."""
        pattern = re.compile(r"\s+".join(map(re.escape, words.split())))
        while (found := pattern.search(self.seen, self.read_up_to)) is None:
            self.seen += self._more() or pytest.fail(f"it ended without saying {words!r}: {self.seen}")
        self.read_up_to = found.end()

    def type(self, text: str) -> None:
        os.write(self.line, text.encode())

    def end(self) -> int:
        """Its exit code, once it has ended and all was read."""
        while more := self._more():
            self.seen += more
        return self.process.wait()

    def _more(self) -> str:
        try:
            return os.read(self.line, 1 << 16).decode(errors="replace")
        except OSError:  # Linux answers EIO when the other end is closed, others answer nothing
            return ""


BECOME = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from migrate.talk.cli import main
main(sys.argv[1:])
"""
"""What runs on the terminal: it makes the terminal its own, so that Ctrl-C arrives as from a keyboard."""

Type = Callable[..., Screen]


@pytest.fixture
def at_a_terminal(home: Path) -> Iterator[Type]:
    """`at_a_terminal(…)` types a command line on a terminal of its own."""
    screens: list[Screen] = []
    told = ("MIGRATE_BACKUP_PASSWORD", "MIGRATE_NEW_BACKUP_PASSWORD")
    environment = {key: value for key, value in os.environ.items() if key not in told}
    environment |= {"MIGRATE_HOME": str(home), "TERM": "dumb"}

    def begin(*words: object) -> Screen:
        line, its_end = pty.openpty()
        command = [sys.executable, "-c", BECOME, *map(str, words)]
        process = subprocess.Popen(
            command, stdin=its_end, stdout=its_end, stderr=its_end, start_new_session=True, env=environment, cwd=ROOT
        )
        os.close(its_end)
        screens.append(Screen(process, line))
        return screens[-1]

    yield begin
    for screen in screens:
        screen.process.kill()
        screen.process.wait()
        os.close(screen.line)


def test_a_password_is_asked_for_not_shown_and_asked_again(
    home: Path, encrypted_backup: Path, at_a_terminal: Type
) -> None:
    screen = at_a_terminal("show", encrypted_backup)
    screen.until("Backup password of")
    screen.type("not-the-horse-1812\n")
    screen.until("Try again")
    screen.until("Backup password of")
    screen.type(f"{PASSWORD}\n")
    screen.until("Messages 7")
    assert screen.end() == 0
    assert PASSWORD not in screen.seen and "not-the-horse" not in screen.seen


def test_ctrl_c_at_the_password_prompt_exits_130_with_a_message(at_a_terminal: Type, encrypted_backup: Path) -> None:
    screen = at_a_terminal("verify", encrypted_backup)
    screen.until("Backup password of")
    screen.type("\x03")
    assert screen.end() == 130
    assert "before anything began" in " ".join(screen.seen.split()) and "Traceback" not in screen.seen


def test_no_answer_at_the_prompt_is_a_missing_password(at_a_terminal: Type, encrypted_backup: Path) -> None:
    screen = at_a_terminal("verify", encrypted_backup)
    screen.until("Backup password of")
    screen.type("\n")
    assert screen.end() == 32


def test_what_a_killed_terminal_leaves_is_removed_at_the_next_start(
    home: Path, encrypted_backup: Path, at_a_terminal: Type
) -> None:
    screen = at_a_terminal("show", encrypted_backup)
    screen.until("Backup password of")
    screen.process.kill()
    assert screen.end() == -signal.SIGKILL
    left = [path for path in (home / "tmp").iterdir() if path.is_dir()]
    assert len(left) == 1
    again = at_a_terminal("show", encrypted_backup)
    again.until("Backup password of")
    assert not left[0].exists()
    again.type(f"{PASSWORD}\n")
    assert again.end() == 0
    assert not re.search("Traceback", again.seen)


# -- passwords in plain ------------------------------------------------------------------------------------------------


@pytest.fixture
def keychain_backup(tmp_path: Path) -> Path:
    """An encrypted backup with one saved login."""
    made = SmallBackup(tmp_path / "backups" / "phone", True)
    login = der_set(srvr="example.com", acct="ann", ptcl="htps", v_Data="the-saved-password")
    content = plistlib.dumps({"inet": [entry(made.class_keys, login)], "genp": [], "cert": [], "keys": []})
    made.add_file("KeychainDomain", "keychain-backup.plist", content, protection_class=4)
    made.write()
    return made.path


def test_saved_passwords_are_written_after_the_word_was_typed(
    at_a_terminal: Type, keychain_backup: Path, tmp_path: Path, home: Path
) -> None:
    out = tmp_path / "out"
    screen = at_a_terminal("export", keychain_backup, "--to", out, "--passwords")
    screen.until("everybody who has it can read")
    screen.until("Type the word passwords to go on:")
    screen.type("passwords\n")
    screen.until("Backup password of")
    screen.type(f"{PASSWORD}\n")
    screen.until("Exported 1 item, in 1 file.")
    assert screen.end() == 0

    written = (out / "Passwords" / "passwords.csv").read_text(encoding="utf-8").splitlines()
    assert written[0] == "Title,URL,Username,Password,Notes,OTPAuth"
    assert written[1:] == ["example.com,https://example.com/,ann,the-saved-password,,"]
    everything = [path for path in (*out.rglob("*"), *home.rglob("*")) if path.is_file()]
    assert [path.name for path in everything if b"the-saved" in path.read_bytes()] == ["passwords.csv"]
    assert "the-saved" not in screen.seen


def test_another_word_writes_nothing(at_a_terminal: Type, keychain_backup: Path, tmp_path: Path) -> None:
    screen = at_a_terminal("export", keychain_backup, "--to", tmp_path / "out", "--passwords")
    screen.until("Type the word passwords to go on:")
    screen.type("yes\n")
    screen.until("the word was not typed, so nothing was exported")
    assert screen.end() == 2
    assert not (tmp_path / "out").exists()
