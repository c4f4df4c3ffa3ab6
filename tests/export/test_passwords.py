"""Saved passwords: only when asked for, exactly as they are, and nowhere else."""

from __future__ import annotations

import csv
import io
import os
import plistlib
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.reader import Backup
from tests.backup.small_backup import PASSWORD, SmallBackup
from tests.export.exporting import Export, Exported
from tests.made_keychain import THIS_DEVICE_ONLY, der_set, entry

FILE = ("KeychainDomain", "keychain-backup.plist")
NETWORKS = ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist")
SECRETS = (
    "=1+1;\"quoted\", 'and' more",
    "пароль\nof two lines",
    "wifi-secret",
    "imap-secret",
    "no-use-to-anybody-else",
)


def keychain(keys: ClassKeys) -> dict[str, Any]:
    site = {"agrp": "com.apple.cfnetwork", "ptcl": "htps", "path": "", "labl": "example.com (ann)"}
    logins = [
        der_set(srvr="example.com", acct="ann", port=443, v_Data=SECRETS[0], icmt="@note", **site),
        der_set(srvr="intranet", acct="", port=8080, v_Data=SECRETS[1], **{**site, "ptcl": "http", "path": "/login"}),
    ]
    others = [
        der_set(svce="AirPort", acct="Home", agrp="apple", v_Data=SECRETS[2]),
        der_set(svce="com.apple.account.IMAP.password", acct="ann", agrp="com.apple.accounts", v_Data=SECRETS[3]),
        der_set(svce="token", acct="x", agrp="app", v_Data=b"\xff\x00\xfe"),
    ]
    stays = entry(keys, der_set(srvr="bank.example", acct="ann", v_Data=SECRETS[4]), THIS_DEVICE_ONLY)
    return {
        "genp": [entry(keys, one) for one in others],
        "inet": [*(entry(keys, one) for one in logins), stays],
        "cert": [entry(keys, der_set(issr="CN=A", slnr="1"))],
        "keys": [entry(keys, der_set(klbl="k", agrp="com.apple.webkit.webauthn"))],
    }


@pytest.fixture
def backup_of(tmp_path: Path) -> Iterator[Callable[..., Backup]]:
    """`backup_of()`: an encrypted backup with these items; `backup_of(encrypted=False)`: a plain one."""
    with ExitStack() as opened:

        def make(*, encrypted: bool = True, content: bytes | None = None) -> Backup:
            made = SmallBackup(tmp_path / "small", encrypted)
            made.add_file(*FILE, content or plistlib.dumps(keychain(made.class_keys)), protection_class=4)
            home = {"SSID": b"Home", "SupportedSecurityTypes": "WPA2"}
            made.add_file(*NETWORKS, plistlib.dumps({"wifi.network.ssid.Home": home}))
            made.write()
            return opened.enter_context(Backup.open(made.path, PASSWORD if encrypted else None))

        yield make


def table(exported: Exported, path: str) -> list[dict[str, str]]:
    content = (exported.root / path).read_bytes().decode("utf-8")
    assert not content.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def numbers(exported: Exported) -> tuple[int | None, ...]:
    category = exported.category("passwords")
    return tuple(category.count(name) for name in ("items", "exported", "unreadable", "filtered"))


def test_without_being_asked_no_password_is_written_and_all_are_counted(
    backup_of: Callable[..., Backup], export: Export
) -> None:
    exported = export(backup_of())

    assert numbers(exported) == (8, 0, 0, 8)
    assert exported.paths() == ["Wi-Fi/networks.csv"]
    everything = b"".join(path.read_bytes() for path in exported.root.rglob("*") if path.is_file())
    assert not [secret for secret in SECRETS if secret.encode() in everything]


def test_passwords_are_written_exactly_and_other_items_are_named(
    backup_of: Callable[..., Backup], export: Export, tmp_path: Path
) -> None:
    exported = export(backup_of(), passwords=True)
    by_title = {row["URL"]: row for row in table(exported, "Passwords/passwords.csv")}

    assert list(next(iter(by_title.values()))) == ["Title", "URL", "Username", "Password", "Notes", "OTPAuth"]
    site = by_title["https://example.com/"]
    assert (site["Title"], site["Username"], site["Password"], site["Notes"]) == (
        "example.com (ann)",
        "ann",
        SECRETS[0],
        "@note",
    )
    assert by_title["http://intranet:8080/login"]["Password"] == SECRETS[1]
    others = {row["Service"]: row["Password"] for row in table(exported, "Passwords/other passwords.csv")}
    assert others == {"Wi-Fi": SECRETS[2], "com.apple.account.IMAP.password": SECRETS[3]}

    assert numbers(exported) == (8, 4, 1, 3)
    reasons = exported.category("passwords").reasons
    assert {reason.partition(" (")[0]: count for reason, count in reasons.items()} == {
        "it can be opened only on the iPhone that made it": 1,
        "a certificate, a key or a passkey, which stays in the keychain": 2,
        "a key or token of an app, which is no text": 1,
    }
    assert exported.result.exit_code == 0


def test_nobody_else_can_read_them_and_they_are_nowhere_else(
    backup_of: Callable[..., Backup], export: Export, tmp_path: Path
) -> None:
    exported = export(backup_of(), passwords=True)

    holding = {
        path.relative_to(exported.root).as_posix()
        for path in exported.root.rglob("*")
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in SECRETS[1:4])
    }
    assert holding == {"Passwords/passwords.csv", "Passwords/other passwords.csv", "Wi-Fi/networks.csv"}
    for name in () if os.name == "nt" else holding:
        assert stat.S_IMODE((exported.root / name).stat().st_mode) == 0o600
    assert SECRETS[4].encode() not in b"".join(path.read_bytes() for path in exported.root.rglob("*") if path.is_file())
    assert not [finding for finding in exported.result.findings if "secret" in repr(finding)]


def test_a_network_has_its_password_when_asked(backup_of: Callable[..., Backup], export: Export) -> None:
    with_passwords = export(backup_of(), passwords=True, owners={"wifi"})

    lines = with_passwords.text("Wi-Fi/networks.csv").splitlines()
    assert lines == ["Name,Security,Last joined,Added,Hidden,Password", "Home,WPA2,,,,wifi-secret"]


def test_a_plain_backup_has_passwords_that_nobody_can_open_and_is_not_damaged(
    backup_of: Callable[..., Backup], export: Export
) -> None:
    exported = export(backup_of(encrypted=False), passwords=True)

    assert numbers(exported) == (None,) * 4  # as `migrate show` says: their names are closed too
    assert exported.json["categories"][0]["id"] and exported.paths() == ["Wi-Fi/networks.csv"]
    assert exported.result.exit_code == 0


def test_a_damaged_keychain_is_unknown(backup_of: Callable[..., Backup], export: Export) -> None:
    exported = export(backup_of(encrypted=False, content=plistlib.dumps({"genp": "text"})), passwords=True)

    assert numbers(exported)[0] is None
    assert exported.result.exit_code == 30


def test_asking_later_adds_passwords_to_the_same_folder(backup_of: Callable[..., Backup], export: Export) -> None:
    backup = backup_of()
    export(backup)
    exported = export(backup, passwords=True)

    assert exported.paths() == ["Passwords/other passwords.csv", "Passwords/passwords.csv", "Wi-Fi/networks.csv"]
    assert "wifi-secret" in exported.text("Wi-Fi/networks.csv")
