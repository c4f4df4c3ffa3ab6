"""`migrate help`, `migrate completion` and the manual page: made from the commands, so they have all of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.man_page import page

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
SHELLS = ("bash", "zsh", "fish", "powershell")


@pytest.mark.parametrize("command", ["run", "plan new", "runs", "explain"])
def test_help_of_a_command_is_what_its_option_shows(command: str, migrate: Migrate) -> None:
    words = command.split()
    assert migrate("help", *words).out.strip() == migrate(*words, "--help").out.strip() != ""


def test_help_without_a_command_lists_them(migrate: Migrate) -> None:
    assert migrate("help").out.strip() == migrate("--help").out.strip()
    in_json = migrate("help", "runs", "rm", "--json").json
    assert in_json["command"] == "runs rm" and "--lose-undo" in in_json["help"]


@pytest.mark.parametrize("words", [("fly",), ("plan", "fly"), ("run", "fly")])
def test_help_of_what_does_not_exist_says_where_to_look(words: tuple[str, ...], migrate: Migrate) -> None:
    answer = migrate("help", *words)
    assert answer.code == 2 and f"There is no command {' '.join(words)}." in answer.err and "--help" in answer.err


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_has_every_command_and_says_how_to_install_it(shell: str, migrate: Migrate) -> None:
    answer = migrate("completion", shell)
    assert answer.code == 0 and not answer.err
    assert f"migrate completion {shell} >" in "\n".join(answer.out.splitlines()[:2])
    for word in ("rehearse", "simulator", "plan new", "runs rm", "lose-undo", "password-file"):
        assert word in answer.out, word
    in_json = migrate("completion", shell, "--json").json
    assert in_json["script"].strip() == answer.out.strip() and in_json["install"].startswith(("migrate", "mkdir"))


def test_an_unknown_shell_is_refused(migrate: Migrate) -> None:
    assert migrate("completion", "csh").code == 2


TYPED = [
    ("migrate ba", {"backup", "backups"}),
    ("migrate --home plan ver", {"verify"}),
    ("migrate plan ", {"new", "check", "schema", "explain", "--help"}),
    ("migrate plan new --pl", {"--plain"}),
    ("migrate runs rm --lose", {"--lose-undo"}),
    ("migrate verify --password-file plan --q", {"--quick"}),
    ("migrate completion p", {"powershell"}),
    ("migrate help reh", {"rehearse"}),
    ("migrate verify backup ru", set()),
    ("migrate verify --password-file ", set()),
]
"""What is typed before Tab, and the words that are offered; none: the shell offers files."""


@pytest.mark.parametrize(("typed", "offered"), TYPED, ids=[typed for typed, _offered in TYPED])
def test_bash_completes(typed: str, offered: set[str], migrate: Migrate, tmp_path: Path) -> None:
    if (bash := shutil.which("bash")) is None:
        pytest.skip("bash is not installed")
    script = tmp_path / "migrate.bash"
    script.write_text(migrate("completion", "bash").out)
    asked = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _migrate; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run([bash, "-uc", asked, "bash", *typed.split(" ")], capture_output=True, text=True)
    assert done.stderr == "" and set(done.stdout.split()) == offered


def test_bash_uses_the_script_for_migrate(migrate: Migrate, tmp_path: Path) -> None:
    if (bash := shutil.which("bash")) is None:
        pytest.skip("bash is not installed")
    script = tmp_path / "migrate.bash"
    script.write_text(migrate("completion", "bash").out)
    done = subprocess.run([bash, "-c", f"source {script}; complete -p migrate"], capture_output=True, text=True)
    assert done.stdout.strip() == "complete -o default -F _migrate migrate"


@pytest.mark.parametrize(("typed", "offered"), [one for one in TYPED if one[1]])
def test_fish_completes(typed: str, offered: set[str], migrate: Migrate, tmp_path: Path) -> None:
    if (fish := shutil.which("fish")) is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "migrate.fish"
    script.write_text(migrate("completion", "fish").out)
    done = subprocess.run([fish, "-c", f"source {script}; complete -C '{typed}'"], capture_output=True, text=True)
    assert offered - {"--help"} <= {line.split("\t")[0] for line in done.stdout.splitlines()}, done.stderr


def test_zsh_reads_the_script(migrate: Migrate, tmp_path: Path) -> None:
    if (zsh := shutil.which("zsh")) is None:
        pytest.skip("zsh is not installed")
    script = tmp_path / "_migrate"
    script.write_text(migrate("completion", "zsh").out)
    asked = (
        f"compdef() {{ : }}; _files() {{ : }}; _describe() {{ print -l -- ${{(P)2}} }}; source {script};"
        "words=(migrate plan ''); CURRENT=3; PREFIX=; _migrate"
    )
    done = subprocess.run([zsh, "-fc", asked], capture_output=True, text=True)
    assert done.stderr == "" and [line.split(":")[0] for line in done.stdout.splitlines()][:2] == ["new", "check"]


def test_the_manual_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "migrate.1").read_text(encoding="utf-8")
    assert written == page(), "run: python -m tools.man_page > docs/migrate.1"


def test_the_manual_page_is_well_formed() -> None:
    text = page()
    requests = {line.split()[0] for line in text.splitlines() if line[0] == "."}
    assert requests <= {'.\\"', ".TH", ".SH", ".SS", ".TP", ".PP", ".B"}
    if (groff := shutil.which("groff")) is None:
        pytest.skip("groff is not installed")
    done = subprocess.run([groff, "-man", "-ww", "-Tutf8"], input=text, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert "migrate runs rm [OPTIONS] RUN" in re.sub(".\b", "", done.stdout)
