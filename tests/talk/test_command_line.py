"""What is true of every command: fast help, options anywhere, one error with its exit code, no traceback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest

from migrate.problems import Interrupted, PhoneLocked, StoppedBeforeBeginning
from migrate.talk import cli, console, options

if TYPE_CHECKING:
    from conftest import Migrate

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("pymobiledevice3", "pydantic", "cryptography", "questionary", "tqdm", "sqlite3", "asyncio.events", "rich")
PLAN = 'version = 1\n[new_phone]\nis = "erased"\n[move]\ncategories = ["everything"]\n'


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from migrate.talk.cli import run_command_line; code = run_command_line(['--help']);"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules and m != 'asyncio.events'], code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"
    assert all(f"{head}:" in done.stdout for head, _ in cli.COMMAND_GROUPS)


def every_command() -> list[str]:
    """Every command as it is typed: `backup`, `plan check`, `simulator serve`."""

    def names(app: Any, before: str) -> list[str]:
        mine = [f"{before}{command.name}" for command in app.registered_commands]
        return mine + [
            n for group in app.registered_groups for n in names(group.typer_instance, f"{before}{group.name} ")
        ]

    return names(cli.build_app(), "")


def test_help_lists_every_command_under_a_heading_without_cutting_sentences(migrate: Migrate) -> None:
    shown = migrate("--help").out
    assert "\nOthers:" not in shown and "..." not in shown.replace("[ARGS]...", "")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert {name for _, names in cli.COMMAND_GROUPS for name in names} == {one.split(" ")[0] for one in every_command()}


def test_commands_to_paste_keep_the_named_home(tmp_path: Path) -> None:
    """A bare `migrate resume` would look for the run in the default home."""
    said = options.GlobalOptions(home=tmp_path, usbmuxd="127.0.0.1:1")
    named = shlex.join(("--home", str(tmp_path), "--usbmuxd", "127.0.0.1:1"))
    stopped = Interrupted("R", "prove").render("next", said.command_to_paste)
    assert stopped == f"Continue with: migrate {named} resume R"
    assert said.command_to_paste("undo", "R") == f"migrate {named} undo R"


@pytest.mark.parametrize("command", every_command())
def test_every_command_takes_the_global_options(migrate: Migrate, command: str) -> None:
    answer = migrate(*command.split(), "--help")
    assert answer.code == 0
    assert all(option in answer.out for option in ("--home", "--usbmuxd", "--json"))
    assert all(len(line) <= 60 for line in answer.out.splitlines()), "it fits into 60 columns"


def test_global_options_work_before_and_after_the_command(migrate: Migrate, plan: Path) -> None:
    assert migrate("--json", "plan", "check", plan).json["valid"] is True
    assert migrate("plan", "check", "--json", plan).json["valid"] is True
    assert migrate("plan", "check", plan, "--json").json["valid"] is True
    assert not migrate("plan", "check", plan).out.startswith("{")


def test_home_comes_from_option_environment_or_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIGRATE_HOME", str(tmp_path / "of-the-environment"))
    said = options.GlobalOptions()
    assert said.home_folder == tmp_path / "of-the-environment" and not said.is_default_home
    said.update(tmp_path / "said", None, False)
    said.update(None, None, False)
    assert said.home_folder == tmp_path / "said"
    monkeypatch.delenv("MIGRATE_HOME")
    nobody = options.GlobalOptions()
    assert nobody.is_default_home and nobody.home_folder == Path(platformdirs.user_data_path("iphone-migrate", False))


def test_usbmuxd_comes_from_option_environment_or_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", "127.0.0.1:1")
    said = options.GlobalOptions()
    assert said.usbmuxd_address == "127.0.0.1:1"
    said.update(None, "127.0.0.1:2", False)
    assert said.usbmuxd_address == "127.0.0.1:2"
    monkeypatch.delenv("USBMUXD_SOCKET_ADDRESS")
    assert options.GlobalOptions().usbmuxd_address is None


def test_home_is_private_and_tmp_is_emptied_except_for_running_commands(
    migrate: Migrate, home: Path, plain_backup: Path
) -> None:
    with options.GlobalOptions(home=home).open_workspace() as at_work:
        (at_work.tmp / "in-use.db").write_bytes(b"x")
        (home / "tmp" / "left-by-a-killed-process").mkdir()
        assert migrate("show", plain_backup).code == 0
        assert (at_work.tmp / "in-use.db").exists()
        assert not (home / "tmp" / "left-by-a-killed-process").exists()
    assert list((home / "tmp").iterdir()) == []
    if os.name == "posix":
        assert {oct(path.stat().st_mode & 0o777) for path in (home, *home.iterdir())} == {"0o700"}


def test_an_unusable_home_is_refused(migrate: Migrate, tmp_path: Path, plain_backup: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    answer = migrate("show", plain_backup, "--home", tmp_path / "file" / "home", "--json")
    assert (answer.code, answer.error["code"]) == (2, "home-unusable")


# -- usage -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("verfy",),
        ("verify",),
        ("verify", "a", "b"),
        ("phones", "--loud"),
        ("plan",),
        ("plan", "chek"),
        ("backup", "--wait", "x"),
    ],
)
def test_a_wrong_command_line_exits_2_as_text_and_as_json(migrate: Migrate, words: tuple[str, ...]) -> None:
    answer = migrate(*words)
    assert answer.code == 2 and answer.out == "" and "Next: See how it is used: migrate" in answer.err
    in_json = migrate(*words, "--json")
    assert in_json.code == 2 and in_json.error["exit_code"] == 2 and in_json.error["code"] == "usage-wrong"


def test_a_misspelt_command_gets_a_suggestion(migrate: Migrate) -> None:
    assert "'verify'" in migrate("verfy").err


def test_the_wizard_without_a_terminal_suggests_run(migrate: Migrate, home: Path) -> None:
    answer = migrate()
    assert answer.code == 2 and answer.out == ""
    assert "needs a terminal" in " ".join(answer.err.split()) and "migrate run PLAN" in " ".join(answer.err.split())
    assert not home.exists()
    assert migrate("--json").error["code"] == "usage-wrong"


def test_the_version_is_printed(migrate: Migrate) -> None:
    from migrate import __version__

    assert migrate("--version").out == f"migrate {__version__}\n"


# -- how it ends -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows uses access lists")
def test_what_a_command_writes_is_its_owners_alone_whatever_the_shell_allows(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert cli.run_command_line(["--version"]) == 0
        (tmp_path / "written").touch()
    finally:
        os.umask(before)
    assert (tmp_path / "written").stat().st_mode & 0o777 == 0o600


def in_place_of_reading_a_plan(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Replace what `plan check` calls to read a plan, to raise something in the middle of a command."""

    def read_plan(path: Path) -> None:
        raise error

    monkeypatch.setattr("migrate.plan.read.read_plan", read_plan)


def test_an_error_is_text_on_stderr_or_json_on_stdout(
    migrate: Migrate, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_place_of_reading_a_plan(monkeypatch, PhoneLocked("Ada's iPhone", "the list of its apps"))
    answer = migrate("plan", "check", plan)
    assert (answer.code, answer.out) == (21, "")
    assert answer.err.startswith("Ada's iPhone is locked.\n   Why:  ")
    assert "\n   Next: Unlock Ada's iPhone" in answer.err
    in_json = migrate("plan", "check", plan, "--json")
    assert in_json.code == 21
    assert set(in_json.json) == {"error"}
    assert set(in_json.error) == {"code", "what", "why", "next", "exit_code"}
    assert in_json.error["code"] == "phone-locked"


def test_an_unexpected_error_is_an_apology_and_a_private_report(
    migrate: Migrate, plan: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from migrate.talk.passwords import Passwords

    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "correct-horse-1947")
    Passwords().old("Ada's iPhone")
    in_place_of_reading_a_plan(monkeypatch, ZeroDivisionError("while holding correct-horse-1947"))
    answer = migrate("plan", "check", plan)
    assert answer.code == 1
    assert "Traceback" not in answer.err and "Sorry" in answer.err
    (report,) = (home / "bugs").iterdir()
    assert str(report.name) in answer.err
    text = report.read_text(encoding="utf-8")
    assert "Traceback" in text and "ZeroDivisionError" in text and "plan check" in text
    assert "correct-horse-1947" not in text and "[password]" in text
    if os.name == "posix":
        assert report.stat().st_mode & 0o777 == 0o600
    assert migrate("plan", "check", plan, "--json").error["code"] == "bug"


def test_an_unexpected_error_is_reported_even_if_no_file_can_be_written(
    migrate: Migrate, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    in_place_of_reading_a_plan(monkeypatch, ZeroDivisionError())
    answer = migrate("plan", "check", plan, "--home", tmp_path / "file")
    assert answer.code == 1 and "could not be written" in " ".join(answer.err.split())


def test_ctrl_c_before_anything_began_is_130(migrate: Migrate, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_place_of_reading_a_plan(monkeypatch, KeyboardInterrupt())
    answer = migrate("plan", "check", plan)
    assert answer.code == 130 and "before anything began" in answer.err
    assert migrate("plan", "check", plan, "--json").error["exit_code"] == 130


def test_ctrl_c_after_a_start_says_how_to_continue() -> None:
    from migrate.problems import BackupInterrupted, MigrateError

    def save(said: options.GlobalOptions) -> None:
        said.ctrl_c_error = BackupInterrupted("Ada's iPhone", "00008101-000A")
        raise KeyboardInterrupt

    options.reset_options()
    with pytest.raises(MigrateError) as caught:
        options.with_global_options(save)()
    assert caught.value.exit_code == 50 and "migrate backup 00008101-000A" in caught.value.next
    options.reset_options()
    with pytest.raises(StoppedBeforeBeginning):
        options.with_global_options(lambda said: (_ for _ in ()).throw(KeyboardInterrupt))()


def test_a_full_disk_is_reported_as_one_wherever_it_happens(
    migrate: Migrate, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    in_place_of_reading_a_plan(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    answer = migrate("plan", "check", plan, "--json")
    assert (answer.code, answer.error["code"]) == (33, "disk-full-here")


def test_a_reported_error_is_not_reported_twice(migrate: Migrate, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = PhoneLocked("Ada's iPhone", "a session")

    def read_plan(path: Path) -> None:
        options.current_options().reported_error = error
        raise error

    monkeypatch.setattr("migrate.plan.read.read_plan", read_plan)
    answer = migrate("plan", "check", plan, "--json")
    assert (answer.code, answer.out) == (21, "")


def test_a_closed_pipe_is_not_an_error(plan: Path, home: Path) -> None:
    """`migrate plan schema | head -1`: the pipe is closed long before all is written."""
    command = [sys.executable, "-m", "migrate", "plan", "schema", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_a_name_the_terminal_cannot_show_does_not_stop_the_program(tmp_path: Path, home: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("version = 1", 'version = 1\nname = "日本の iPhone ✓"'), encoding="utf-8")
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "MIGRATE_HOME": str(home)}
    command = [sys.executable, "-m", "migrate", "plan", "check", str(plan)]
    in_words = subprocess.run(command, capture_output=True, cwd=ROOT, env=ascii_only, check=True)
    assert b"iPhone ?" in in_words.stdout
    in_json = subprocess.run([*command, "--json"], capture_output=True, cwd=ROOT, env=ascii_only, check=True)
    assert json.loads(in_json.stdout.decode("utf-8"))["name"] == "日本の iPhone ✓", "JSON is UTF-8 and loses nothing"


def test_no_colour_is_ever_sent(migrate: Migrate, plan: Path) -> None:
    assert "\x1b" not in "".join([migrate("plan", "check", plan).out, migrate("--help").out, migrate("verfy").err])
    assert console.safe("\x1b[31mred\x1b[0m \u202egnp.exe") == "\ufffd[31mred\ufffd[0m \ufffdgnp.exe"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_core_dumps_are_disabled() -> None:
    asked = "import ctypes, resource, sys; from migrate.talk import cli; cli.run_command_line(['--version']); "
    asked += "print(*resource.getrlimit(resource.RLIMIT_CORE), "
    asked += "ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == 'linux' else 0)"  # PR_GET_DUMPABLE
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.splitlines()[-1] == "0 0 0"
