"""What became of the files of a backup, and how much has to be read to say so."""

from __future__ import annotations

import hashlib
import os
import plistlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.crypto.keybag import Keybag
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.seal import Seal
from migrate.content.difference.difference import Difference
from tests.backup.memory_manifest import MemoryManifest, encrypt_manifest
from tests.backup.test_mbdb import OldBackup, fill
from tests.content.difference.made import Pair, codes, side
from tests.journey.proof.made import backup_of
from tests.made_backups import row

DOCUMENT = ("AppDomain-org.example.diary", "Documents/diary.txt")
CACHE = ("AppDomain-org.example.diary", "Library/Caches/pages.bin")
PASSWORD = "correct-horse-1947"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def compared(
    pair: Pair,
    opened: ExitStack,
    old: Record,
    new: Record,
    stored: tuple[bytes | None, bytes | None] = (None, None),
    seals: tuple[str, str] | None = None,
) -> Difference:
    """Two backups of one file: its rows, and its stored bytes if there are any."""
    backups = []
    for name, record, content in zip(("one", "other"), (old, new), stored, strict=True):
        folder = pair.folder / name
        folder.mkdir()
        writer = MemoryManifest("18.5")
        writer.add(record)
        (folder / "Manifest.db").write_bytes(writer.to_bytes())
        if content is not None:
            (folder / record.file_id[:2]).mkdir()
            (folder / record.file_id[:2] / record.file_id).write_bytes(content)
        backups.append(opened.enter_context(Backup.open(folder)))
    made = [
        None if seals is None else _seal(record.file_id, digest)
        for record, digest in zip((old, new), seals or ("", ""), strict=True)
    ]
    return pair.of(side(backups[0], made[0]), side(backups[1], made[1]))


def _seal(name: str, digest: str) -> Seal:
    return Seal(uuid=None, date=None, digests={name: digest}, sizes={name: 1}, unreadable={}, app_groups=None)


FILE = replace(row(*DOCUMENT, size=7), digest=None)
SAME, CHANGED, UNREADABLE = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def became(found: Difference) -> tuple[int, int, int]:
    files = found.files
    assert (files.old, files.new, files.changes["added"], files.changes["gone"]) == (1, 1, 0, 0)
    return files.unchanged, files.changes["changed"], files.unreadable


@pytest.mark.parametrize(
    ("change", "became_of_it"),
    [
        ({}, SAME),
        ({"inode": 77, "changed": 1_800_000_000, "born": 5}, SAME),
        ({"size": 8}, CHANGED),
        ({"size": 8, "modified": 1_800_000_000}, CHANGED),
        ({"digest": bytes(19) + b"2"}, CHANGED),
    ],
)
def test_nothing_is_read_where_the_manifests_tell(
    pair: Pair, opened: ExitStack, change: Mapping[str, Any], became_of_it: tuple[int, int, int]
) -> None:
    """The backups have no contents at all."""
    old = replace(FILE, digest=bytes(19) + b"1") if "digest" in change else FILE
    found = compared(pair, opened, old, replace(FILE, **change))
    assert (became(found), found.files.read, found.findings) == (became_of_it, 0, ())


def test_a_file_with_another_date_is_read_and_may_be_the_same(pair: Pair, opened: ExitStack) -> None:
    found = compared(pair, opened, FILE, replace(FILE, modified=1_800_000_000), (b"ABCDEFG", b"ABCDEFG"))
    assert (became(found), found.files.read) == (SAME, 1)


def test_equal_digests_of_the_stored_bytes_are_enough_whatever_the_date(pair: Pair, opened: ExitStack) -> None:
    old = replace(FILE, digest=hashlib.sha1(b"x").digest())
    assert became(compared(pair, opened, old, replace(old, modified=1_800_000_000, size=9))) == SAME


@pytest.mark.parametrize(("seals", "became_of_it"), [(("aa" * 32, "aa" * 32), SAME), (("aa" * 32, "bb" * 32), CHANGED)])
def test_seals_tell_too(
    pair: Pair, opened: ExitStack, seals: tuple[str, str], became_of_it: tuple[int, int, int]
) -> None:
    found = compared(pair, opened, FILE, replace(FILE, modified=1_800_000_000), seals=seals)
    assert (became(found), found.files.read) == (became_of_it, 0)


def test_a_database_that_was_changed_without_a_new_date_is_known_by_its_seals(pair: Pair, opened: ExitStack) -> None:
    """Memory that is mapped to a file can change it and leave its date."""
    assert became(compared(pair, opened, FILE, FILE, seals=("aa" * 32, "bb" * 32))) == CHANGED


@pytest.mark.parametrize("unknown", [{"size": None}, {"modified": 0}])
@pytest.mark.parametrize("contents", [(b"ABCDEFG", b"ABCDEFG"), (b"ABCDEFG", b"ABCDEFX")])
def test_two_equal_rows_that_do_not_tell_size_or_date_prove_nothing(
    pair: Pair, opened: ExitStack, unknown: Mapping[str, Any], contents: tuple[bytes, bytes]
) -> None:
    both = replace(FILE, **unknown)
    found = compared(pair, opened, both, both, contents)
    assert became(found) == (SAME if contents[0] == contents[1] else CHANGED)


@pytest.mark.parametrize("missing", [0, 1])
def test_what_has_to_be_read_and_cannot_be_is_named(pair: Pair, opened: ExitStack, missing: int) -> None:
    stored = (None, b"ABCDEFG") if missing == 0 else (b"ABCDEFG", None)
    found = compared(pair, opened, FILE, replace(FILE, modified=1_800_000_000), stored)
    assert became(found) == UNREADABLE
    (finding,) = found.findings
    assert finding.code == "diff-file-unreadable" and ("/one" if missing == 0 else "/other") in finding.why


def test_a_link_that_leads_elsewhere_and_a_file_that_became_a_link_have_changed(pair: Pair, opened: ExitStack) -> None:
    link = row(*DOCUMENT, kind=Kind.SYMLINK)
    assert became(compared(pair, opened, link, replace(link, target="somewhere else"))) == CHANGED


def test_a_link_in_the_place_of_a_file_has_changed(pair: Pair, opened: ExitStack) -> None:
    assert became(compared(pair, opened, FILE, row(*DOCUMENT, kind=Kind.SYMLINK))) == CHANGED


def test_the_same_link_is_the_same(pair: Pair, opened: ExitStack) -> None:
    link = row(*DOCUMENT, kind=Kind.SYMLINK)
    assert became(compared(pair, opened, link, replace(link, inode=9, modified=5))) == SAME


def test_directories_are_not_counted(pair: Pair, opened: ExitStack) -> None:
    folder = row("HomeDomain", "Library", kind=Kind.DIRECTORY)
    files = compared(pair, opened, folder, replace(folder, modified=5)).files
    assert (files.old, files.new, files.changes.total()) == (0, 0, 0)


def encrypted(folder: Path, content: bytes, *, modified: int, key: bytes) -> Backup:
    """An encrypted backup of one file, under this key."""
    folder.mkdir()
    keybag, keys = Keybag.create(PASSWORD, rounds=10)
    writer, manifest_key, name = MemoryManifest("18.5"), os.urandom(32), file_id(*DOCUMENT)
    stored = b"".join(encrypted_chunks([content], key))
    digest = hashlib.sha1(stored).digest()
    record = replace(row(*DOCUMENT, size=len(content)), modified=modified, digest=digest)
    writer.add(replace(record, encryption_key=keys.wrap(3, key)))
    (folder / "Manifest.db").write_bytes(encrypt_manifest(writer.to_bytes(), manifest_key))
    plist = {"IsEncrypted": True, "BackupKeyBag": keybag.to_bytes(), "ManifestKey": keys.wrap(3, manifest_key)}
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(plist))
    (folder / name[:2]).mkdir()
    (folder / name[:2] / name).write_bytes(stored)
    return Backup.open(folder, PASSWORD)


@pytest.mark.parametrize(
    ("content", "modified", "became_of_it", "read"),
    [
        (b"Dear diary", 1_700_000_000, SAME, 0),
        (b"Dear diary", 1_800_000_000, SAME, 1),
        (b"Dear Diary", 1_800_000_000, CHANGED, 1),
        (b"Dear diary!", 1_800_000_000, CHANGED, 0),
    ],
)
def test_files_under_other_keys_are_compared_by_their_plaintext(
    pair: Pair, content: bytes, modified: int, became_of_it: tuple[int, int, int], read: int
) -> None:
    with (
        encrypted(pair.folder / "a", b"Dear diary", modified=1_700_000_000, key=os.urandom(32)) as old,
        encrypted(pair.folder / "b", content, modified=modified, key=os.urandom(32)) as new,
    ):
        found = pair.of(side(old), side(new))
    assert (became(found), found.files.read) == (became_of_it, read)


def test_an_encrypted_backup_can_be_held_against_an_unencrypted_one(pair: Pair, opened: ExitStack) -> None:
    plain = pair.folder / "plain"
    plain.mkdir()
    writer, name = MemoryManifest("18.5"), file_id(*DOCUMENT)
    writer.add(replace(row(*DOCUMENT, size=10), modified=5, digest=hashlib.sha1(b"Dear diary").digest()))
    (plain / "Manifest.db").write_bytes(writer.to_bytes())
    (plain / name[:2]).mkdir()
    (plain / name[:2] / name).write_bytes(b"Dear diary")
    with (
        Backup.open(plain) as old,
        encrypted(pair.folder / "b", b"Dear diary", modified=9, key=os.urandom(32)) as new,
    ):
        assert became(pair.of(side(old), side(new))) == SAME


def test_caches_are_counted_apart_and_not_named(pair: Pair) -> None:
    old = {DOCUMENT: b"old words", CACHE: b"old page", ("HomeDomain", "Library/SMS/Drafts/x.plist"): b"x"}
    found = pair.compare(old, {DOCUMENT: b"new words", CACHE: b"new page"})
    files = found.files.as_json()
    assert (files["changed"], files["gone"], files["housekeeping"]["changed"]) == (2, 1, 1)
    assert files["examples"]["changed"] == [{"domain": DOCUMENT[0], "relative_path": DOCUMENT[1]}]
    diary = next(one for one in found.categories if one.id == "app:org.example.diary")
    assert diary.as_json()["files"] == {"added": 0, "gone": 0, "changed": 2} and diary.as_json()["gone"] is None


def test_damaged_rows_are_named_and_nothing_is_said_of_their_files(pair: Pair, opened: ExitStack) -> None:
    folder = pair.folder / "damaged"
    folder.mkdir()
    writer = MemoryManifest("18.5")
    writer.add_row(FILE.file_id, *DOCUMENT, 1, b"no archive")
    writer.add(row("HomeDomain", "Library/x"))
    (folder / "Manifest.db").write_bytes(writer.to_bytes())
    sound = pair.folder / "sound"
    sound.mkdir()
    writer = MemoryManifest("18.5")
    writer.add(FILE)
    writer.add(row("HomeDomain", "Library/x"))
    (sound / "Manifest.db").write_bytes(writer.to_bytes())
    with Backup.open(sound) as old, Backup.open(folder) as new:
        found = pair.of(side(old), side(new))
        assert (found.files.changes.total(), found.files.unreadable) == (0, 1), "it is not known to be gone"
        assert "diff-entries-damaged" in codes(found)
        back = pair.of(side(new), side(old))
        assert "diff-entries-damaged" in codes(back)


def test_a_backup_of_ios_9_can_be_held_against_a_newer_one(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "ios9").mkdir()
    earlier = fill(OldBackup(tmp_path / "ios9")).write()
    with Backup.open(earlier.path) as old:
        files = [record for record in old.records() if record.kind is Kind.FILE]
        contents = {(record.domain, record.relative_path): old.read(record, 1 << 20) for record in files}
        itself = pair.of(side(old), side(old)).files
        assert (itself.old, itself.unchanged, itself.read) == (4, 4, 0), "three files and a link"
        later = {**contents, ("HomeDomain", "Library/note.txt"): b"A NOTE", DOCUMENT: b"new"}
        with backup_of(tmp_path / "newer", later) as new:
            found = pair.of(side(old), side(new)).files
    assert (found.unchanged, found.changes) == (2, {"changed": 1, "added": 1, "gone": 1}), "the link is gone"
