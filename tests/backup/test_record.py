"""MBFile archives: those of real phones, ours as other programs read them, and forged ones."""

from __future__ import annotations

import hashlib
import plistlib
import sqlite3
import struct
from contextlib import suppress
from pathlib import Path
from plistlib import UID
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.mbfile.decode import decode_mbfile
from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Kind, Record, file_id
from migrate.problems import BadRecord

u32 = st.integers(0, (1 << 32) - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

records = st.builds(
    Record,
    file_id=st.just("ab" * 20),
    domain=st.just("HomeDomain"),
    relative_path=text,
    kind=st.sampled_from(Kind),
    mode=st.integers(0, 0xFFFF),
    inode=st.integers(0, (1 << 64) - 1),
    user_id=u32,
    group_id=u32,
    size=st.none() | st.integers(0, 1 << 60),
    modified=st.integers(-(1 << 40), 1 << 40),
    changed=st.integers(-(1 << 40), 1 << 40),
    born=st.integers(-(1 << 40), 1 << 40),
    protection_class=st.integers(0, 11),
    flags=st.sampled_from([0, 128]),
    encryption_key=st.none() | st.binary(min_size=44, max_size=44),
    digest=st.none() | st.binary(min_size=20, max_size=20),
    extended_attributes=st.none() | st.binary(max_size=300),
    target=st.none() | text,
)


def decoded(blob: bytes, kind: Kind = Kind.FILE, path: str = "a/b") -> Record:
    return decode_mbfile(blob, file_id="ab" * 20, domain="HomeDomain", relative_path=path, kind=kind)


def archive(root: dict[str, Any], *objects: Any) -> bytes:
    """An archive whose root is object 1 and whose further objects are 2, 3, …"""
    whole = {"$version": 100_000, "$archiver": "NSKeyedArchiver", "$top": {"root": UID(1)}}
    return plistlib.dumps(whole | {"$objects": ["$null", root, *objects]}, fmt=plistlib.FMT_BINARY)


@given(records, st.sampled_from(["10.3.3", "14.3", "26.5", "27.0", "27", "unknown", ""]))
def test_a_record_comes_back_as_it_was_written(record: Record, ios_version: str) -> None:
    assert decoded(encode_mbfile(record, ios_version=ios_version), record.kind, record.relative_path) == record


def test_file_ids_equal_those_of_iphones() -> None:
    assert file_id("HomeDomain", "Library/SMS/sms.db") == "3d0d7e5fb2ce288813306e4d4636395e047a3d28"
    assert file_id("AppDomain-a", "Grüße") == hashlib.sha1("AppDomain-a-Grüße".encode()).hexdigest()


def real_rows(shared_data: Path) -> list[tuple[str, str, str, int, bytes]]:
    data = bytearray((shared_data / "ios14-real-manifest/backup/Manifest.db").read_bytes()[:-16])
    data[18] = data[19] = 1
    database = sqlite3.connect(":memory:")
    database.deserialize(data)
    rows = database.execute("SELECT fileID, domain, relativePath, flags, file FROM Files").fetchall()
    database.close()
    return rows


def test_every_row_of_a_real_iphone_reads_and_survives_rewriting(shared_data: Path) -> None:
    digests = attributes = keys = links = 0
    for identity, domain, path, flags, blob in real_rows(shared_data):
        row: dict[str, Any] = {"file_id": identity, "domain": domain, "relative_path": path, "kind": Kind(flags)}
        record = decode_mbfile(blob, **row)
        assert file_id(domain, path) == identity
        assert decode_mbfile(encode_mbfile(record, ios_version="14.3"), **row) == record
        assert plistlib.loads(encode_mbfile(record, ios_version="14.3")) == plistlib.loads(blob)
        digests += record.digest is not None
        attributes += record.extended_attributes is not None
        keys += record.encryption_key is not None
        links += record.kind is Kind.SYMLINK and record.target is not None
    assert (digests, attributes, keys, links) == (477, 77, 1089, 14)


DIGEST = bytes(range(20))


@pytest.mark.parametrize(
    "blob",
    [
        archive({"Digest": UID(2)}, DIGEST),
        archive({"Digest": DIGEST}),
        archive({"Digest": UID(2)}, {"NS.data": DIGEST}),
        archive({"Digest": UID(2)}, {"NS.data": UID(3)}, DIGEST),
    ],
    ids=["an object", "inline as iOS 27", "wrapped", "wrapped and referred to"],
)
def test_every_form_of_a_digest_is_read(blob: bytes) -> None:
    assert decoded(blob).digest == DIGEST


def test_ios_27_writes_the_digest_inline_and_older_ones_as_an_object() -> None:
    record = decoded(archive({"Digest": DIGEST, "RelativePath": "a"}))
    new = plistlib.loads(encode_mbfile(record, ios_version="27.0"))
    old = plistlib.loads(encode_mbfile(record, ios_version="26.5"))
    assert new["$objects"][1]["Digest"] == DIGEST
    assert old["$objects"][old["$objects"][1]["Digest"].data] == DIGEST


def test_a_record_without_size_reads_and_stays_without() -> None:
    record = decoded(archive({"Mode": 0o100644}))
    assert record.size is None
    assert decoded(encode_mbfile(record, ios_version="18.0")).size is None


def bplist(objects: list[bytes], top: int) -> bytes:
    """A binary plist from hand-made objects: offsets of one byte."""
    body, offsets = b"bplist00", []
    for each in objects:
        offsets.append(len(body))
        body += each
    trailer = struct.pack(">6xBBQQQ", 1, 1, len(objects), top, len(body))
    return body + bytes(offsets) + trailer


HOSTILE = {
    "nothing": b"",
    "an xml plist": plistlib.dumps({"$top": {"root": UID(1)}, "$objects": []}, fmt=plistlib.FMT_BINARY)[:-1],
    "a list": plistlib.dumps([1], fmt=plistlib.FMT_BINARY),
    "no objects": plistlib.dumps({"$top": {"root": UID(0)}}, fmt=plistlib.FMT_BINARY),
    "root is text": archive({})[:0]
    + plistlib.dumps({"$top": {"root": UID(0)}, "$objects": ["$null"]}, fmt=plistlib.FMT_BINARY),
    "root out of range": plistlib.dumps({"$top": {"root": UID(9)}, "$objects": ["$null"]}, fmt=plistlib.FMT_BINARY),
    "uid out of range": archive({"Digest": UID(1 << 31)}),
    "uid refers to itself": archive({"EncryptionKey": UID(2)}, {"NS.data": UID(2)}),
    "uid refers to the root": archive({"Target": UID(1)}),
    "digest of 19 bytes": archive({"Digest": bytes(19)}),
    "digest is text": archive({"Digest": "x" * 20}),
    "key of 45 bytes": archive({"EncryptionKey": UID(2)}, {"NS.data": bytes(45)}),
    "key without data": archive({"EncryptionKey": UID(2)}, {}),
    "mode is text": archive({"Mode": "rw"}),
    "mode is true": archive({"Mode": True}),
    "size is negative": archive({"Size": -1}),
    "size is a fraction": archive({"Size": 1.5}),
    "target is data": archive({"Target": UID(2)}, b"x"),
    "attributes are a number": archive({"ExtendedAttributes": 7}),
    "an array that holds itself": bplist([b"\xa1\x00"], 0),
    "a dictionary that holds itself": bplist([b"\xd1\x01\x00", b"\x51a"], 0),
    "a dictionary as its own key": bplist([b"\xd1\x00\x00"], 0),
    "arrays nested a thousand deep": b"bplist00"
    + b"".join(b"\xa1" + struct.pack(">H", n + 1) for n in range(4_000))
    + b"\x08"
    + b"".join(struct.pack(">H", 8 + 3 * n) for n in range(4_001))
    + struct.pack(">6xBBQQQ", 2, 2, 4_001, 0, 8 + 3 * 4_000 + 1),
    "four billion objects": b"bplist00\x08" + struct.pack(">6xBBQQQ", 8, 8, 1 << 32, 0, 9),
    "data of two to the sixtieth bytes": bplist([b"\x4f\x13" + struct.pack(">Q", 1 << 60)], 0),
    "a date that is no number": bplist([b"\x33" + struct.pack(">d", float("nan"))], 0),
    "text that is no text": bplist([b"\x62\xd8\x00\xd8\x00"], 0),
}


@pytest.mark.parametrize("blob", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_forged_archive_is_refused_by_its_row(blob: bytes) -> None:
    with pytest.raises(BadRecord) as bad:
        decoded(blob)
    assert (bad.value.domain, bad.value.relative_path) == ("HomeDomain", "a/b")
    assert bad.value.why


@given(st.data())
def test_any_bytes_are_a_record_or_refused(data: st.DataObject) -> None:
    blob = bytearray(archive({"Digest": UID(2), "Size": 5, "Mode": 1, "Target": UID(3)}, DIGEST, "t"))
    for _ in range(data.draw(st.integers(0, 4))):
        blob[data.draw(st.integers(0, len(blob) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(blob)) | st.just(len(blob)))
    with suppress(BadRecord):
        decoded(bytes(blob[:length]))


def test_an_oversized_archive_is_not_parsed() -> None:
    with pytest.raises(BadRecord, match="bytes"):
        decoded(b"bplist00" + bytes((16 << 20) + 1))


FULL = Record(
    file_id=file_id("HomeDomain", "Library/Grüße"),
    domain="HomeDomain",
    relative_path="Library/Grüße",
    kind=Kind.FILE,
    mode=0o100600,
    inode=42,
    user_id=501,
    group_id=501,
    size=7,
    modified=1_700_000_000,
    changed=1_700_000_001,
    born=1_600_000_000,
    protection_class=3,
    flags=0,
    encryption_key=(3).to_bytes(4, "little") + bytes(range(40)),
    digest=DIGEST,
    extended_attributes=plistlib.dumps({"com.apple.x": b"\0\xff"}, fmt=plistlib.FMT_BINARY),
    target=None,
)


@pytest.mark.peer
@pytest.mark.parametrize("ios_version", ["14.3", "26.5", "27.0"])
def test_other_programs_read_our_archives(ios_version: str) -> None:
    utils = pytest.importorskip("iphone_backup_decrypt.utils")
    sqlite3_reader = pytest.importorskip("pyiosbackup.manifest_dbs.sqlite3")
    blob = encode_mbfile(FULL, ios_version=ios_version)
    theirs = utils.FilePlist(blob)
    assert (theirs.filesize, theirs.mtime, theirs.created) == (7, 1_700_000_000, 1_600_000_000)
    assert theirs.encryption_key == bytes(range(40))
    entry = {"fileID": FULL.file_id, "domain": FULL.domain, "relativePath": FULL.relative_path, "file": blob}
    others = sqlite3_reader.ManifestDbSqlite3._load_entry(entry)
    assert (others["size"], others["mode"], others["user_id"]) == (7, 0o100600, 501)
    assert others["encryption_key"] == FULL.encryption_key


@pytest.mark.peer
def test_another_program_reads_our_symbolic_links() -> None:
    utils = pytest.importorskip("iphone_backup_decrypt.utils")
    link = decoded(archive({"Mode": 0o120755, "Size": 0, "Target": UID(2)}, "/var/mobile/x"), Kind.SYMLINK)
    assert utils.FilePlist(encode_mbfile(link, ios_version="18.1")).target == "/var/mobile/x"
