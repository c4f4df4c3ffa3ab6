"""`migrate encryption on|off|change` with a simulated iPhone, and idevicebackup2 on the same one."""

from __future__ import annotations

import os
import shutil
import subprocess
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.open import unlock
from migrate.phone.mobilebackup2 import session
from migrate.problems import WrongPassword
from migrate.simulator.device.passcode_sheet import SHEET_PRESENTED
from migrate.simulator.device.phone import BACKUP_DOMAIN_CHANGED, SimulatedPhone
from migrate.simulator.phone_file import PhoneFile
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from migrate.talk.encryption_coach import left_behind

if TYPE_CHECKING:
    from conftest import Migrate

OLD, OTHER = "00008101-00000000000000A1", "00008140-00000000000000B2"
SECRET, ANOTHER = "correct-horse-1947", "battery-staple-1951"
KEYS = ["udid", "name", "encrypted", "changed", "tested", "backup", "findings"]


def a_phone(**about: Any) -> SimulatedPhone:
    described = {"udid": OLD, "name": "Ada's iPhone", "contents": {"empty": True}, "keybag_rounds": 10, **about}
    return PhoneFile.model_validate(described).to_phone()


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """`plug_in(phone, …)` puts phones on this computer's usbmuxd."""
    servers: list[SimulatedUsbmuxd] = []

    def begin(*phones: SimulatedPhone) -> str:
        servers.append(SimulatedUsbmuxd(phones))
        address = servers[-1].start()
        monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", address)
        return address

    yield begin
    for server in servers:
        server.stop()


@pytest.fixture(autouse=True)
def no_passwords(migrate: Migrate, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring, whatever is installed here. `migrate` has removed the variables."""
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def give(old: str | None = None, new: str | None = None) -> None:
        for name, value in (("MIGRATE_BACKUP_PASSWORD", old), ("MIGRATE_NEW_BACKUP_PASSWORD", new)):
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)

    return give


Given = Callable[..., None]
PlugIn = Callable[..., str]


def passcodes_asked(phone: SimulatedPhone) -> list[str]:
    heard: list[str] = []
    phone.observe(lambda name: heard.append(name) if name == SHEET_PRESENTED else None)
    return heard


# -- on, off, change -------------------------------------------------------------------------------------------------


def test_encryption_is_turned_on_tested_and_off_again(migrate: Migrate, plug_in: PlugIn, given: Given) -> None:
    phone = a_phone(passcode="1947")
    plug_in(phone)
    sheets = passcodes_asked(phone)
    given(SECRET)
    on = migrate("encryption", "on", "--json")
    assert (on.code, list(on.json)) == (0, KEYS)
    assert (on.json["encrypted"], on.json["changed"], on.json["tested"]) == (True, True, "phone")
    assert phone.backup_password == SECRET and len(sheets) == 2, "set, then asked whether it accepts it"
    assert "Enter the passcode on Ada's iPhone" in " ".join(on.err.split())
    off = migrate("encryption", "off", OLD, "--json")
    assert (off.code, off.json["encrypted"], off.json["changed"], off.json["tested"]) == (0, False, True, None)
    assert phone.backup_password is None
    assert SECRET not in on.out + on.err + off.out + off.err


def test_what_is_as_wanted_already_is_said_and_no_error(migrate: Migrate, plug_in: PlugIn, given: Given) -> None:
    phone = a_phone(passcode="1947")
    plug_in(phone)
    sheets = passcodes_asked(phone)
    off = migrate("encryption", "off")
    assert off.code == 0 and "does not encrypt its backups. Nothing was changed" in " ".join(off.out.split())
    phone.backup_password = SECRET
    given(ANOTHER)
    on = migrate("encryption", "on")
    assert on.code == 0 and "Nothing was changed, and its password is what it was" in " ".join(on.out.split())
    assert phone.backup_password == SECRET and sheets == []


def test_a_change_keeps_the_backup_incremental_and_is_tested_on_its_keybag(
    migrate: Migrate, plug_in: PlugIn, given: Given, home: Path
) -> None:
    phone = a_phone(backup_password=SECRET, passcode="1947")
    plug_in(phone)
    whole = migrate("backup", "--json").last["files"]
    backup = home / "backups" / OLD
    earlier = home.parent / "earlier"
    shutil.copytree(backup, earlier, copy_function=os.link)  # as runs and snapshots keep it
    sheets = passcodes_asked(phone)
    given(SECRET, ANOTHER)
    changed = migrate("encryption", "change", "--json")
    assert (changed.code, changed.json["tested"], changed.json["backup"]) == (0, "keybag", str(backup))
    assert phone.backup_password == ANOTHER and len(sheets) == 1, "no second passcode where a keybag can be tried"
    unlock(BackupFolder(backup), ANOTHER)
    with pytest.raises(WrongPassword):
        unlock(BackupFolder(backup), SECRET)
    unlock(BackupFolder(earlier), SECRET)
    assert oct((backup / "Manifest.plist").stat().st_mode)[-3:] == "600"

    given(ANOTHER)
    again = migrate("backup", "--json")
    assert again.last["files"] < whole / 3, "only what changed: the phone knows this backup"
    assert migrate("verify", backup, "--json").json["verdict"] == "whole"


def test_a_change_without_a_backup_here_is_tested_by_asking_the_phone(
    migrate: Migrate, plug_in: PlugIn, given: Given, tmp_path: Path
) -> None:
    phone = a_phone(backup_password=SECRET)
    plug_in(phone)
    given(SECRET)
    file = tmp_path / "new"
    file.write_text(f"{ANOTHER}\n")
    changed = migrate("encryption", "change", "--new-password-file", file, "--json")
    assert (changed.code, changed.json["tested"], changed.json["backup"]) == (0, "phone", None)
    assert phone.backup_password == ANOTHER


@pytest.mark.soak
def test_a_backup_of_another_password_is_left_alone(
    migrate: Migrate, plug_in: PlugIn, given: Given, home: Path
) -> None:
    phone = a_phone(backup_password="an-older-one")
    plug_in(phone)
    assert migrate("backup").code == 0
    plist = home / "backups" / OLD / "Manifest.plist"
    before = plist.read_bytes()
    phone.backup_password = SECRET  # in Finder, whose backup is elsewhere
    given(SECRET, ANOTHER)
    changed = migrate("encryption", "change", "--json")
    assert (changed.code, changed.json["tested"], changed.json["backup"]) == (0, "phone", None)
    assert plist.read_bytes() == before


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["off", "change"])
def test_a_wrong_password_is_exit_32_and_changes_nothing(
    migrate: Migrate, plug_in: PlugIn, given: Given, action: str
) -> None:
    phone = a_phone(backup_password=SECRET)
    plug_in(phone)
    given("wrong-one", ANOTHER)
    answer = migrate("encryption", action, "--json")
    assert (answer.code, answer.error["code"]) == (32, "wrong-phone-password")
    assert "Reset All Settings" in answer.error["next"] and phone.backup_password == SECRET


@pytest.mark.parametrize(
    ("action", "about", "old", "new", "code", "error"),
    [
        ("off", {"backup_password": SECRET, "requires_encryption": True}, None, None, 43, "encryption-forced"),
        ("change", {}, SECRET, ANOTHER, 32, "encryption-off"),
        ("change", {"backup_password": SECRET}, SECRET, SECRET, 32, "new-password-is-old"),
        ("change", {"backup_password": SECRET}, SECRET, None, 32, "new-password-missing"),
        ("change", {"backup_password": SECRET}, None, ANOTHER, 32, "phone-password-missing"),
        ("on", {}, None, ANOTHER, 32, "new-password-missing"),
        ("on", {"passcode": "1947", "hand": {"passcode": "decline"}}, SECRET, None, 50, "passcode-not-entered"),
        ("on", {"screen": "before-first-unlock", "trust": "locked"}, SECRET, None, 21, "phone-locked"),
    ],
    ids=["managed", "is off", "the same", "none new", "none old", "none to set", "declined", "locked"],
)
def test_what_is_refused_leaves_the_phone_as_it_was(
    migrate: Migrate,
    plug_in: PlugIn,
    given: Given,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    about: dict[str, Any],
    old: str | None,
    new: str | None,
    code: int,
    error: str,
) -> None:
    if error == "phone-locked":  # nobody unlocks it
        monkeypatch.setattr("migrate.talk.commands.encryption.PHONE_WAIT_S", 1)
    phone = a_phone(**about)
    plug_in(phone)
    given(old, new)
    answer = migrate("encryption", action, "--json")
    assert (answer.code, answer.error["code"]) == (code, error)
    assert phone.backup_password == about.get("backup_password")


def test_a_phone_has_to_be_there_and_to_be_named_among_several(migrate: Migrate, plug_in: PlugIn, given: Given) -> None:
    plug_in()
    assert migrate("encryption", "on", "--json").error["code"] == "no-phone"
    one, two = a_phone(), a_phone(udid=OTHER, name="Ben's iPhone")
    plug_in(one, two)
    given(SECRET)
    answer = migrate("encryption", "on", "--json")
    assert (answer.code, answer.error["code"]) == (2, "which-phone-is-meant")
    assert "migrate encryption on UDID" in answer.error["next"]
    assert migrate("encryption", "on", OTHER).code == 0
    assert (one.backup_password, two.backup_password) == (None, SECRET)


def test_both_passwords_cannot_come_from_standard_input(migrate: Migrate) -> None:
    answer = migrate("encryption", "change", "--password-file", "-", "--new-password-file", "-", "--json")
    assert (answer.code, answer.error["code"]) == (2, "two-passwords-from-input")


# -- a new password is not believed ----------------------------------------------------------------------------------


def whenever_it_changes(phone: SimulatedPhone, password: str | None) -> None:
    """Another program, right behind us, or a phone that does not do what it says."""
    phone.observe(lambda name: setattr(phone, "backup_password", password) if name == BACKUP_DOMAIN_CHANGED else None)


def test_a_phone_that_took_another_password_is_found_out(migrate: Migrate, plug_in: PlugIn, given: Given) -> None:
    phone = a_phone()
    whenever_it_changes(phone, "somebody else's")
    plug_in(phone)
    given(SECRET)
    answer = migrate("encryption", "on", "--json")
    assert (answer.code, answer.error["code"]) == (43, "new-password-refused")


def test_a_phone_that_only_says_it_did_is_found_out(
    migrate: Migrate, plug_in: PlugIn, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "CONFIRMED_WITHIN_S", 1)
    phone = a_phone()
    whenever_it_changes(phone, None)
    plug_in(phone)
    given(SECRET)
    answer = migrate("encryption", "on", "--json")
    assert (answer.code, answer.error["code"]) == (43, "password-not-taken")


@pytest.mark.parametrize("bag", ["another password", pytest.param("other keys", marks=pytest.mark.soak)])
def test_a_keybag_that_does_not_open_our_backup_does_not_get_into_it(
    migrate: Migrate, plug_in: PlugIn, given: Given, home: Path, monkeypatch: pytest.MonkeyPatch, bag: str
) -> None:
    phone = a_phone(backup_password=SECRET)
    plug_in(phone)
    assert migrate("backup").code == 0
    plist = home / "backups" / OLD / "Manifest.plist"
    before = plist.read_bytes()

    def sabotage(self: Keybag, keys: Any, new: str, **more: Any) -> Keybag:
        return rewrap(self, keys, "not that", **more) if bag == "another password" else Keybag.create(new, rounds=10)[0]

    rewrap = Keybag.with_new_password
    monkeypatch.setattr(Keybag, "with_new_password", sabotage)
    given(SECRET, ANOTHER)
    answer = migrate("encryption", "change", "--json")
    assert (answer.code, answer.error["code"]) == (43, "new-password-refused")
    assert plist.read_bytes() == before


def test_a_test_that_the_person_declines_leaves_the_password_set_and_a_warning(
    migrate: Migrate, plug_in: PlugIn, given: Given
) -> None:
    phone = a_phone(passcode="1947")

    def decline_next(name: str) -> None:
        if name == BACKUP_DOMAIN_CHANGED:
            phone.simulated_user.passcode = "decline"

    phone.observe(decline_next)
    plug_in(phone)
    given(SECRET)
    answer = migrate("encryption", "on", "--json")
    assert (answer.code, answer.json["changed"], answer.json["tested"]) == (0, True, None)
    assert [one["code"] for one in answer.json["findings"]] == ["backup-password-untested"]
    assert phone.backup_password == SECRET


# -- the keyring -----------------------------------------------------------------------------------------------------


def test_the_keyring_follows_a_change_so_that_the_old_password_is_not_tried_for_ever(
    migrate: Migrate, plug_in: PlugIn, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = {("iphone-migrate", OLD): SECRET}
    ring = types.SimpleNamespace(
        get_keyring=lambda: types.SimpleNamespace(priority=5),
        get_password=lambda service, name: stored.get((service, name)),
        set_password=lambda service, name, word: stored.update({(service, name): word}),
    )
    monkeypatch.setitem(__import__("sys").modules, "keyring", ring)
    phone = a_phone(backup_password=SECRET)
    plug_in(phone)
    given(None, ANOTHER)  # the present one comes from the keyring
    assert migrate("encryption", "change").code == 0
    assert stored == {("iphone-migrate", OLD): ANOTHER}
    phone.backup_password = None
    stored.clear()
    given(SECRET)
    assert migrate("encryption", "on").code == 0
    assert stored == {}, "nobody was there to agree"


# -- what an unencrypted backup lacks --------------------------------------------------------------------------------


def test_only_what_was_chosen_is_said_to_stay_behind() -> None:
    everything, some = " ".join(left_behind()), " ".join(left_behind({"health", "photos", "safari"}))
    assert "Health and Medical ID, Passwords" in everything and "Wi-Fi networks" in everything
    assert "contains: Health and Medical ID." in some and "missing of: Safari." in some and "Wi-Fi" not in some
    assert left_behind({"photos", "messages"}) == ("Of your choice, nothing needs an encrypted backup.",)


# -- the peer --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("idevicebackup2") is None, reason="idevicebackup2 is not installed")
def test_idevicebackup2_and_migrate_accept_each_others_passwords(
    migrate: Migrate, plug_in: PlugIn, given: Given, tmp_path: Path
) -> None:
    phone = a_phone()
    address = plug_in(phone)
    theirs = tmp_path / "theirs"
    theirs.mkdir()

    def lim(*words: str) -> int:
        command = ["idevicebackup2", "-u", OLD, *words, str(theirs)]
        environment = {**os.environ, "USBMUXD_SOCKET_ADDRESS": address}
        return subprocess.run(command, env=environment, capture_output=True, timeout=60).returncode

    given(SECRET)
    assert migrate("encryption", "on").code == 0
    assert lim("changepw", SECRET, ANOTHER) == 0 and phone.backup_password == ANOTHER
    given(ANOTHER, SECRET)
    assert migrate("encryption", "change").code == 0
    assert lim("encryption", "off", SECRET) == 0 and phone.backup_password is None
    assert lim("encryption", "on", ANOTHER) == 0
    given(SECRET)
    assert migrate("encryption", "off").code == 32
    given(ANOTHER)
    assert migrate("encryption", "off").code == 0 and phone.backup_password is None
