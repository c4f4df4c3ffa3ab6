"""Small unencrypted backup folders with given contents."""

from __future__ import annotations

import plistlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.content.counting import Counting, ItemCounts
from migrate.simulator.agent.keychain.phone_keychain import add_keychain_to_snapshot
from migrate.simulator.agent.memory import keys_of
from migrate.simulator.contents import ContentsSpec, fill
from migrate.simulator.device.domains import is_backed_up
from migrate.simulator.device.filesystem import read_content
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.memory_manifest import MemoryManifest

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"

Contents = Mapping[tuple[str, str], bytes | Kind]
MakeBackup = Callable[..., Backup]


def row(domain: str, relative_path: str, kind: Kind = Kind.FILE, size: int | None = 0, inode: int = 1) -> Record:
    return Record(
        file_id=file_id(domain, relative_path),
        domain=domain,
        relative_path=relative_path,
        kind=kind,
        mode=0o100644 if kind is Kind.FILE else 0o40755,
        inode=inode,
        user_id=501,
        group_id=501,
        size=size,
        modified=1_700_000_000,
        changed=1_700_000_000,
        born=1_700_000_000,
        protection_class=3 if kind is Kind.FILE else 0,
        flags=0,
        encryption_key=None,
        digest=None,
        extended_attributes=None,
        target="elsewhere" if kind is Kind.SYMLINK else None,
    )


def write_plain_backup(
    folder: Path,
    contents: Contents,
    *,
    info: Mapping[str, Any] | None = None,
    manifest_plist: Mapping[str, Any] | None = None,
    ios_version: str = "18.5",
    sizes_unknown: bool = False,
) -> None:
    """Write the folder of an unencrypted backup."""
    folder.mkdir()
    writer = MemoryManifest(ios_version)
    for inode, ((domain, path), content) in enumerate(contents.items(), start=100):
        if isinstance(content, Kind):
            writer.add(row(domain, path, content, inode=inode))
            continue
        record = row(domain, path, size=None if sizes_unknown else len(content), inode=inode)
        writer.add(record)
        blob = folder / record.file_id[:2] / record.file_id
        blob.parent.mkdir(exist_ok=True)
        blob.write_bytes(content)
    (folder / "Manifest.db").write_bytes(writer.to_bytes())
    manifest = {"IsEncrypted": False, "Lockdown": {"ProductVersion": ios_version}, **(manifest_plist or {})}
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(manifest))
    about = {"Product Version": ios_version, "Unique Identifier": "A" * 40, **(info or {})}
    (folder / "Info.plist").write_bytes(plistlib.dumps(about))


@pytest.fixture
def make_backup(tmp_path: Path) -> Iterator[MakeBackup]:
    """`make_backup({(domain, path): bytes or Kind}, info={}, manifest_plist={}, ios_version="18.5")`, opened."""
    with ExitStack() as opened:

        def make(
            contents: Contents,
            *,
            info: Mapping[str, Any] | None = None,
            manifest_plist: Mapping[str, Any] | None = None,
            ios_version: str = "18.5",
            sizes_unknown: bool = False,
        ) -> Backup:
            folder = next(path for n in count() if not (path := tmp_path / f"backup{n or ''}").exists())
            write_plain_backup(
                folder,
                contents,
                info=info,
                manifest_plist=manifest_plist,
                ios_version=ios_version,
                sizes_unknown=sizes_unknown,
            )
            return opened.enter_context(Backup.open(folder))

        yield make


def phones_files(
    ios_version: str, **contents: Any
) -> tuple[dict[tuple[str, str], bytes | Kind], dict[str, dict[str, str]], dict[str, tuple[str, ...]]]:
    """What a simulated iPhone backs up, its apps as in Manifest.plist, and their groups."""
    phone = SimulatedPhone(udid="00008101-000A1B2C3D4E5F60", ios_version=ios_version)
    fill(phone, ContentsSpec(**contents), seed=7)
    files = phone.files.copy()
    add_keychain_to_snapshot(phone, files, keys_of(phone), earlier=0)
    saved = {
        (node.domain, node.relative_path): read_content(node.content)
        if node.kind == "file"
        else {"directory": Kind.DIRECTORY, "symlink": Kind.SYMLINK}[node.kind]
        for node in files.walk()
        if is_backed_up(node.domain, node.relative_path, encrypted=True)
    }
    apps = {bundle: app for bundle, app in phone.apps.items() if not app.system}
    listed = {bundle: {"ContainerContentClass": "Data/Application"} for bundle in apps}
    return saved, listed, {bundle: tuple(app.group_ids) for bundle, app in apps.items()}


@pytest.fixture
def phones_backup(make_backup: MakeBackup) -> Callable[..., tuple[Backup, dict[str, tuple[str, ...]]]]:
    """`phones_backup("18.5", photos=3)`: what a simulated iPhone backs up, opened, and the groups of its apps.

    Built without a connection and unencrypted, but with everything that only an encrypted backup contains.
    """

    def backup_of(ios_version: str, **contents: Any) -> tuple[Backup, dict[str, tuple[str, ...]]]:
        saved, apps, groups = phones_files(ios_version, **contents)
        return make_backup(saved, ios_version=ios_version, manifest_plist={"Applications": apps}), groups

    return backup_of


@pytest.fixture
def count_one(make_backup: MakeBackup, tmp_path: Path) -> Callable[..., ItemCounts]:
    """`count_one("messages", "HomeDomain", "Library/SMS/sms.db", data)`: a backup of one file, counted."""
    tmp = tmp_path / "counting"
    tmp.mkdir(mode=0o700)

    def counted(owner: str, domain: str, path: str, data: bytes) -> ItemCounts:
        found = Counting(make_backup({(domain, path): data}), tmp).count(owner)
        assert list(tmp.iterdir()) == [], "a copy of a database was left behind"
        return found

    return counted


@pytest.fixture
def make_database(tmp_path: Path) -> Callable[[str], bytes]:
    """`make_database(sql script)`: the bytes of a SQLite database."""

    def make(script: str) -> bytes:
        path = tmp_path / "made.db"
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        return path.read_bytes()

    return make


@pytest.fixture
def shared_data() -> Path:
    """Test data by other people; it is kept beside the project and never copied into it."""
    if not DATA.is_dir():
        pytest.skip("the shared test data is not beside this checkout")
    return DATA
