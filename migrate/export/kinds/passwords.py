"""`Passwords/passwords.csv`, which password managers import, and `other passwords.csv`: only with `--passwords`.

The columns are those of Apple's own export (GK). Cells are written exactly as they are: an apostrophe before `=` would
be a wrong password. Where the Passwords app keeps one-time codes and notes is not known publicly, so OTPAuth is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from migrate.content.ordering import ordered
from migrate.content.readers.common import as_text
from migrate.content.readers.keychain import LOGINS, PASSWORDS, SECRET, WIFI_SERVICE, KeychainItem, Secrets
from migrate.content.readers.keychain_item import Attributes
from migrate.content.source import Source
from migrate.export.folder import NewFile, Place
from migrate.export.task import Task
from migrate.language import _, mark

HEADER = ("Title", "URL", "Username", "Password", "Notes", "OTPAuth")
OTHER_HEADER = ("Service", "Account", "Password", "Notes", "Access group")
NOT_ASKED_FOR = mark("saved passwords are exported only with --passwords")
DEVICE_ONLY = mark("it can be opened only on the iPhone that made it (ThisDeviceOnly)")
CLOSED = mark("the keys of this backup do not open it")
NOT_FOR_A_TABLE = mark("a certificate, a key or a passkey, which stays in the keychain")
NO_TEXT = mark("a key or token of an app, which is no text")
_SCHEMES = {"htps": "https", "http": "http", "ftp ": "ftp", "ftps": "ftps"}
"""Protocols of logins (*reported*: Apple's SecProtocolType)."""
_USUAL_PORTS = {"https": 443, "http": 80, "ftp": 21, "ftps": 990}


def write_passwords(task: Task) -> None:
    """Without `--passwords` all are left out, and counted."""
    if not task.choice.passwords:
        for item in _items(task):
            task.left_out(item)
            task.gap(NOT_ASKED_FOR)
        return
    place = task.top.folder(_("Passwords"), key="passwords")
    secrets = Secrets(task.source)
    logins, others = _Table(place, "passwords", HEADER), _Table(place, "other passwords", OTHER_HEADER)
    with logins.open, others.open:
        for item in ordered(_items(task), task.tmp, key=_by_service):
            _write_item(task, item, secrets.take(item), logins, others)


def _items(task: Task) -> Iterator[KeychainItem]:
    """The items. In an unencrypted backup they are closed, which is no damage."""
    is_plain = task.backup.manifest.class_keys is None
    for item in task.items():
        assert isinstance(item, KeychainItem)
        task.numbers.is_closed |= is_plain and not item.opened
        yield item


def _by_service(item: KeychainItem) -> tuple[str, str, str]:
    return (item.service or "").casefold(), (item.user or "").casefold(), item.id


def wifi_passwords(source: Source) -> dict[str, str]:
    """The passwords of the Wi-Fi networks, by their names."""
    from migrate.content.readers.keychain import keychain

    secrets = Secrets(source)
    found: dict[str, str] = {}
    for item in keychain(source):
        assert isinstance(item, KeychainItem)
        if item.item_class == PASSWORDS and item.service == WIFI_SERVICE and item.user:
            password = _text(secrets.take(item), SECRET)
            if password is not None:
                found[item.user] = password
    return found


def _write_item(task: Task, item: KeychainItem, secret: Attributes, logins: _Table, others: _Table) -> None:
    if item.item_class not in (LOGINS, PASSWORDS):
        task.left_out(item)
        task.gap(NOT_FOR_A_TABLE)
    elif item.device_only:
        task.unreadable(item, DEVICE_ONLY)
    elif SECRET not in secret:
        task.unreadable(item, CLOSED)
    elif (password := _text(secret, SECRET)) is None:
        task.left_out(item)
        task.gap(NO_TEXT)
    elif item.item_class == LOGINS:
        title = _text(secret, "labl") or item.service
        logins.row((title, _address(secret), item.user, password, _text(secret, "icmt"), None))
        task.exported(item)
    else:
        service = _("Wi-Fi") if item.service == WIFI_SERVICE else item.service
        others.row((service, item.user, password, _text(secret, "icmt"), item.group))
        task.exported(item)


def _text(secret: Attributes, name: str) -> str | None:
    """An attribute as text; None if there is none or it is not text."""
    value = secret.get(name)
    if not value:
        return None
    try:
        found = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return found if all(character.isprintable() or character in "\t\r\n" for character in found) else None


def _address(secret: Attributes) -> str | None:
    """The address that a login is for: password managers match it with the page."""
    server = as_text(secret.get("srvr"))
    if not server:
        return None
    scheme = _SCHEMES.get(as_text(secret.get("ptcl")) or "", "https")
    number = int.from_bytes(secret.get("port", b"")[:4], "big")
    port = f":{number}" if number and number != _USUAL_PORTS[scheme] else ""
    path = (_text(secret, "path") or "").lstrip("/")
    return f"{scheme}://{server}{port}/{path}"


class _Table:
    """A CSV file whose cells are written as they are; made with its first row. UTF-8 without a byte order mark."""

    def __init__(self, place: Place, name: str, header: Sequence[str]) -> None:
        self.open = ExitStack()
        self._place = place
        self._name = name
        self._header = header
        self._file: NewFile | None = None

    def row(self, cells: Sequence[str | None]) -> None:
        if self._file is None:
            new = self._place.new_file(f"{self._name}.csv", key=self._name)
            self._file = self.open.enter_context(new)
            self._write(self._header)
        self._write(cells)

    def _write(self, cells: Sequence[str | None]) -> None:
        assert self._file is not None
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow(["" if cell is None else cell for cell in cells])
        self._file.write_text(line.getvalue())
