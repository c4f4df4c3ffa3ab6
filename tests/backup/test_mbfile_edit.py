"""Values of an archive changed, and everything else in it as the phone wrote it."""

from __future__ import annotations

import os
import plistlib
from pathlib import Path
from plistlib import UID
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.manifest import Row
from migrate.backup.manifest.open import open_manifest
from migrate.backup.mbfile.decode import LAYOUTS, parse_mbfile
from migrate.backup.mbfile.edit import ArchiveChange, CannotEdit, edit_archive
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Kind, Record, file_id
from tests.backup.small_backup import SmallBackup

NUMBERS = st.one_of(
    st.integers(1, 255), st.integers(256, 1 << 16), st.integers(1 << 16, 1 << 32), st.integers(1 << 32, 1 << 62)
)


def parsed(blob: bytes, like: Record | Row) -> Record:
    return parse_mbfile(
        blob, file_id=like.file_id, domain=like.domain, relative_path=like.relative_path, kind=Kind.FILE
    )


def root_of(blob: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    archive = plistlib.loads(blob)
    return archive, archive["$objects"][archive["$top"]["root"].data]


def record(path: str, **other: Any) -> Record:
    values: dict[str, Any] = dict.fromkeys(("mode", "user_id", "group_id", "modified", "changed", "born", "flags"), 7)
    values |= {"inode": 5, "size": 9, "protection_class": 3, "digest": None, "extended_attributes": None}
    values |= {"target": None, "encryption_key": None, "kind": Kind.FILE, "domain": "HomeDomain"}
    return Record(file_id=file_id("HomeDomain", path), relative_path=path, **(values | other))


@given(inode=NUMBERS, before=NUMBERS, path=st.text(max_size=300), key=st.binary(min_size=44, max_size=44))
def test_an_inode_number_of_any_width_takes_the_place_of_any_other(
    inode: int, before: int, path: str, key: bytes
) -> None:
    one = record(path, inode=before, encryption_key=key, digest=bytes(20))
    blob = encode_mbfile(one, ios_version="17.5")
    Row(one.file_id, one.domain, path, 1, blob).record()  # its layout is learned
    edited = edit_archive(blob, ArchiveChange(inode=inode))
    expected, root = root_of(blob)
    root["InodeNumber"] = inode
    assert plistlib.loads(edited) == expected
    assert parsed(edited, one).inode == inode
    assert Row(one.file_id, one.domain, path, 1, edited).record() == parsed(edited, one)


def test_a_number_that_two_keys_share_is_changed_for_one_of_them_alone() -> None:
    """A property list stores equal numbers once."""
    one = record("a", inode=123_456, size=123_456)
    blob = encode_mbfile(one, ios_version="17.5")
    Row(one.file_id, one.domain, "a", 1, blob).record()
    assert LAYOUTS.with_inode(blob, 99) is None
    found = parsed(edit_archive(blob, ArchiveChange(inode=99)), one)
    assert (found.inode, found.size) == (99, 123_456)


def test_every_row_of_a_real_manifest_takes_another_number_by_a_slice(shared_data: Path) -> None:
    with open_manifest(BackupFolder(shared_data / "ios14-real-manifest" / "backup"), None) as manifest:
        for number, row in enumerate(manifest.rows()):
            row.record()
            sliced = LAYOUTS.with_inode(row.file, (1 << 40) + number)
            assert sliced is not None
            if number % 40 == 0:
                expected, root = root_of(row.file)
                root["InodeNumber"] = (1 << 40) + number
                assert plistlib.loads(sliced) == expected


@pytest.mark.parametrize("ios_version", ["17.5.1", "27.0"])
def test_key_digest_size_and_class_change_and_what_nobody_knows_stays(ios_version: str) -> None:
    one = record("a", encryption_key=os.urandom(44), digest=os.urandom(20), extended_attributes=b"attributes")
    archive, root = root_of(encode_mbfile(one, ios_version=ios_version))
    root["SomethingOfIOS28"] = 42
    blob = plistlib.dumps(archive, fmt=plistlib.FMT_BINARY, sort_keys=False)
    key, digest = os.urandom(44), os.urandom(20)
    edited = edit_archive(blob, ArchiveChange(encryption_key=key, digest=digest, size=77, protection_class=4))
    found = parsed(edited, one)
    assert (found.encryption_key, found.digest, found.size, found.protection_class) == (key, digest, 77, 4)
    assert (found.inode, found.extended_attributes) == (5, b"attributes")
    assert root_of(edited)[1]["SomethingOfIOS28"] == 42
    assert isinstance(root_of(edited)[1]["Digest"], UID) is (ios_version == "17.5.1"), "in its own spelling"
    assert parsed(edit_archive(blob, ArchiveChange(encryption_key=b"")), one).encryption_key is None


def test_a_key_is_put_where_there_was_none_as_phones_write_it() -> None:
    one, key = record("a"), os.urandom(44)
    edited = edit_archive(encode_mbfile(one, ios_version="17.5"), ArchiveChange(encryption_key=key))
    assert parsed(edited, one).encryption_key == key
    archive, root = root_of(edited)
    wrapped = archive["$objects"][root["EncryptionKey"].data]
    assert archive["$objects"][wrapped["$class"].data]["$classname"] == "NSMutableData"


def test_a_key_is_replaced_where_it_stands_and_only_there(make_backup: Any) -> None:
    backup: SmallBackup = make_backup(encrypted=True)
    with open_manifest(BackupFolder(backup.path), backup.password) as manifest:
        for row in manifest.rows():
            was = row.record()
            if was.encryption_key is not None:
                key = was.encryption_key[:4] + os.urandom(40)
                edited = edit_archive(row.file, ArchiveChange(encryption_key=key), key=was.encryption_key)
                assert len(edited) == len(row.file)
                assert edited.replace(key, was.encryption_key) == row.file
    twice = record("a")
    blob = encode_mbfile(record("a", encryption_key=bytes(44), extended_attributes=bytes(100)), ios_version="17.5")
    edited = edit_archive(blob, ArchiveChange(encryption_key=b"\1" * 44), key=bytes(44))
    found = parsed(edited, twice)
    assert (found.encryption_key, found.extended_attributes) == (b"\1" * 44, bytes(100))


def test_an_archive_that_cannot_be_written_again_says_so() -> None:
    with pytest.raises(CannotEdit):
        edit_archive(b"bplist00 is not all it takes", ArchiveChange(size=1))


@given(digest=st.binary(min_size=20, max_size=20), path=st.text(max_size=40), has_attributes=st.booleans())
def test_a_digest_takes_the_form_of_another_ios(digest: bytes, path: str, has_attributes: bool) -> None:
    """As phones of that version write it, with nothing left over of the other form."""
    one = record(
        path,
        digest=digest,
        encryption_key=bytes(range(44)),
        extended_attributes=b"bplist00" if has_attributes else None,
    )
    referred, inline = (encode_mbfile(one, ios_version=version) for version in ("26.1", "27.0"))
    assert plistlib.loads(edit_archive(referred, ArchiveChange(inline_digest=True))) == plistlib.loads(inline)
    back = edit_archive(inline, ArchiveChange(inline_digest=False))
    archive, root = root_of(back)
    assert archive["$objects"][root["Digest"].data] == digest
    assert parsed(back, one) == one


@pytest.mark.parametrize("inline", [True, False])
def test_an_archive_without_a_digest_keeps_its_form(inline: bool) -> None:
    blob = encode_mbfile(record("a", encryption_key=bytes(44)), ios_version="26.1")
    assert edit_archive(blob, ArchiveChange(inline_digest=inline)) == blob


def test_a_replaced_digest_leaves_nothing_of_the_earlier_one() -> None:
    for version in ("26.1", "27.0"):
        blob = encode_mbfile(record("a", digest=b"1" * 20), ios_version=version)
        archive, _ = root_of(edit_archive(blob, ArchiveChange(digest=b"2" * 20)))
        assert b"1" * 20 not in archive["$objects"]
        assert len(archive["$objects"]) == len(root_of(blob)[0]["$objects"])
