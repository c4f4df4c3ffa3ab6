"""Backups of iOS 5 to 9: Manifest.mbdb, read as any other backup, and every way in which it can be broken."""

from __future__ import annotations

import hashlib
import os
import plistlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.backup.crypto.keybag import ClassKeys, Keybag
from migrate.backup.extract.extract import extract
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.mbdb import Mbdb, MbdbBroken
from migrate.backup.manifest.open import open_manifest
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.backup.restore_set.compose import SetRequest, compose
from migrate.backup.verify.run import verify, verify_locked
from migrate.problems import BackupUnreadable, BadRecord, CannotCompose, MigrateError, PasswordMissing, WrongPassword

PASSWORD = "123456"  # the real iOS 9.3.5 keybag's
UDID = "2b6f0cc904d137be2e1730235f5664094b831186"
BINARY = bytes(range(256))

# -- an independent builder: the format written down once more, by hand ----------------------------------------------


def counted(value: bytes | None) -> bytes:
    return b"\xff\xff" if value is None else struct.pack(">H", len(value)) + value


def entry(
    domain: bytes | None,
    path: bytes | None,
    *,
    mode: int = 0o100644,
    size: int = 0,
    target: bytes | None = None,
    digest: bytes | None = None,
    key: bytes | None = None,
    protection_class: int = 3,
    attributes: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    made = b"".join(counted(value) for value in (domain, path, target, digest, key))
    made += struct.pack(">H", mode) + struct.pack(">Q", 0x1_0000_0007)  # mode, inode
    made += struct.pack(">II", 501, 502)  # user, group
    made += struct.pack(">III", 1_420_000_001, 1_420_000_002, 1_420_000_003)  # modified, changed, born
    made += struct.pack(">QBB", size, protection_class, len(attributes))
    return made + b"".join(counted(name) + counted(value) for name, value in attributes)


def flat_name(domain: str, path: str) -> str:
    return hashlib.sha1(f"{domain}-{path}".encode()).hexdigest()


@dataclass
class OldBackup:
    """A backup as an iPhone of iOS 9 and an iTunes of its time leave it: everything flat in one folder."""

    path: Path
    bag: bytes = b""
    keys: ClassKeys | None = None
    entries: list[bytes] = field(default_factory=list)

    def add_file(self, domain: str, path: str, content: bytes, *, digest: str = "stored", **other: Any) -> None:
        stored, key = content, None
        if self.keys is not None:
            file_key, pad = os.urandom(32), 16 - len(content) % 16
            key = struct.pack("<I", 3) + aes_key_wrap(self.keys.key_of_class(3), file_key)
            encryptor = Cipher(algorithms.AES(file_key), modes.CBC(bytes(16))).encryptor()
            stored = encryptor.update(content + bytes([pad]) * pad) + encryptor.finalize()
        digests = {"stored": stored, "content": content}
        sha1 = hashlib.sha1(digests[digest]).digest() if digest in digests else None
        named = (domain.encode(), path.encode())
        self.entries.append(entry(*named, size=len(content), digest=sha1, key=key, **other))
        (self.path / flat_name(domain, path)).write_bytes(stored)

    def write(self, **manifest_plist: Any) -> OldBackup:
        (self.path / "Manifest.mbdb").write_bytes(b"mbdb\x05\x00" + b"".join(self.entries))
        lockdown = {"ProductVersion": "9.3.5", "UniqueDeviceID": UDID, "DeviceName": "Old iPad"}
        plists: dict[str, dict[str, Any]] = {
            "Manifest.plist": {
                "IsEncrypted": self.keys is not None,
                "BackupKeyBag": self.bag,
                "Lockdown": lockdown,
                "Version": "9.1",
                "Applications": {},
                **manifest_plist,
            },
            "Status.plist": {"SnapshotState": "finished", "UUID": "7A6E3C51", "Date": datetime(2016, 12, 20)},
            "Info.plist": {"Device Name": "Old iPad", "Product Version": "9.3.5"},
        }
        for name, content in plists.items():
            (self.path / name).write_bytes(plistlib.dumps(content, fmt=plistlib.FMT_BINARY))
        return self


def fill(backup: OldBackup) -> OldBackup:
    backup.entries.append(entry(b"HomeDomain", b"", mode=0o40755, protection_class=0))
    backup.entries.append(entry(b"HomeDomain", b"Library", mode=0o40755, protection_class=0))
    backup.entries.append(entry(b"HomeDomain", b"Library/link", mode=0o120755, target=b"/var/mobile"))
    backup.add_file("HomeDomain", "Library/note.txt", b"a note", attributes=((b"com.apple.x", BINARY), (b"y", b"")))
    backup.add_file("HomeDomain", "Library/empty", b"")
    backup.add_file("CameraRollDomain", "Media/DCIM/Größe 雪.bin", BINARY * 300, digest="none")
    return backup


@pytest.fixture
def plain(tmp_path: Path) -> OldBackup:
    (tmp_path / UDID).mkdir()
    return fill(OldBackup(tmp_path / UDID)).write()


@pytest.fixture
def encrypted(tmp_path: Path, shared_data: Path) -> OldBackup:
    """Under the real keybag of an iPad on iOS 9.3.5."""
    bag = plistlib.loads((shared_data / "keybags" / "Manifest-9-123456.plist").read_bytes())["BackupKeyBag"]
    (tmp_path / "encrypted").mkdir()
    return fill(OldBackup(tmp_path / "encrypted", bag, Keybag.from_bytes(bag).unlock(PASSWORD))).write()


@pytest.fixture(params=["plain", "encrypted"])
def old(request: pytest.FixtureRequest) -> OldBackup:
    found: OldBackup = request.getfixturevalue(request.param)
    return found


def listed(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def password_of(backup: OldBackup) -> str | None:
    return PASSWORD if backup.keys else None


def errors(backup: OldBackup) -> list[tuple[str, str | None]]:
    found = verify(backup.path, password_of(backup), seals=None).findings
    return [(finding.code, finding.relative_path) for finding in found if finding.severity == "error"]


def records(data: bytes) -> list[Record]:
    return [found.record() for found in Mbdb(data)]


# -- reading ---------------------------------------------------------------------------------------------------------


def test_an_old_backup_reads_like_any_other(old: OldBackup) -> None:
    before = listed(old.path)
    with Backup.open(old.path, password_of(old)) as backup:
        found = {(record.domain, record.relative_path): record for record in backup.records()}
        assert backup.manifest.count == len(found) == 6
        assert backup.manifest.domains() == {"HomeDomain", "CameraRollDomain"}
        assert backup.manifest.is_encrypted == (old.keys is not None)
        assert backup.folder.ios_version == "9.3.5"
        contents = {key[1]: backup.read(one, 1 << 20) for key, one in found.items() if one.kind is Kind.FILE}
        photo = backup.record("CameraRollDomain", "Media/DCIM/Größe 雪.bin")
        assert photo == found["CameraRollDomain", "Media/DCIM/Größe 雪.bin"]
        assert backup.record("CameraRollDomain", "Media") is None
    assert contents == {
        "Library/note.txt": b"a note",
        "Library/empty": b"",
        "Media/DCIM/Größe 雪.bin": BINARY * 300,
    }
    assert found["HomeDomain", "Library/link"].target == "/var/mobile"
    assert found["HomeDomain", ""].kind is Kind.DIRECTORY
    assert listed(old.path) == before


def test_every_field_lands_where_it_belongs(plain: OldBackup) -> None:
    with open_manifest(BackupFolder(plain.path), None) as manifest:
        note = manifest.record("HomeDomain", "Library/note.txt")
    assert note is not None
    assert (note.mode, note.inode, note.user_id, note.group_id) == (0o100644, 0x1_0000_0007, 501, 502)
    assert (note.modified, note.changed, note.born) == (1_420_000_001, 1_420_000_002, 1_420_000_003)
    assert (note.size, note.protection_class, note.encryption_key) == (6, 3, None)
    assert note.digest == hashlib.sha1(b"a note").digest()
    assert note.file_id == flat_name("HomeDomain", "Library/note.txt")
    assert plistlib.loads(note.extended_attributes or b"") == {"com.apple.x": BINARY, "y": b""}


def test_its_rows_are_those_an_iphone_of_ios_10_would_write(old: OldBackup) -> None:
    with open_manifest(BackupFolder(old.path), password_of(old)) as manifest:
        assert [row.record() for row in manifest.rows()] == list(manifest.records())
        row = manifest.row("HomeDomain", "Library/note.txt")
        assert row is not None and row.record() == manifest.record("HomeDomain", "Library/note.txt")


def test_only_its_own_password_opens_an_encrypted_one(encrypted: OldBackup) -> None:
    folder = BackupFolder(encrypted.path)
    with pytest.raises(WrongPassword):
        open_manifest(folder, "1234567")
    with pytest.raises(PasswordMissing):
        open_manifest(folder, None)


def test_a_newer_manifest_beside_it_wins(make_backup: Callable[..., Any]) -> None:
    """A phone that was updated from iOS 9 to 10 between two backups may leave the older list behind."""
    backup = make_backup(encrypted=False)
    (backup.path / "Manifest.mbdb").write_bytes(b"mbdb\x05\x00")
    assert verify(backup.path, None, seals=None).verdict == "whole"


def test_no_restore_set_is_made_of_it_yet_and_nothing_is_left(plain: OldBackup, tmp_path: Path) -> None:
    into = tmp_path / "set"
    with pytest.raises(CannotCompose, match=r"Manifest\.mbdb"):
        compose(SetRequest(source=plain.path, password=None, into=into, strategy="replace", wanted=frozenset()))
    assert not into.exists()


def test_an_encrypted_one_that_says_it_is_not_is_no_whole_backup(encrypted: OldBackup) -> None:
    """Its list is plain either way, and its digests are of the stored bytes: only the lengths tell."""
    encrypted.write(IsEncrypted=False)
    verdict = verify(encrypted.path, None, seals=None)
    assert (verdict.verdict, verdict.exit_code) == ("damaged", 30)
    assert [f.code for f in verdict.findings if f.severity == "error"] == ["encryption-contradicted"]


def test_a_plain_one_that_says_it_is_encrypted_is_contradicted_too(plain: OldBackup, shared_data: Path) -> None:
    plain.bag = plistlib.loads((shared_data / "keybags" / "Manifest-9-123456.plist").read_bytes())["BackupKeyBag"]
    plain.add_file("HomeDomain", "Library/another", b"another")
    plain.write(IsEncrypted=True)
    found = verify(plain.path, PASSWORD, seals=None).findings
    assert "encryption-contradicted" in {finding.code for finding in found}


@pytest.mark.parametrize("defect", ["flip", "delete", "none"])
def test_without_the_password_what_its_plain_list_tells_is_checked(encrypted: OldBackup, defect: str) -> None:
    encrypted.add_file("HomeDomain", "Library/second.txt", b"a second one, whole")
    encrypted.write()
    blob = encrypted.path / flat_name("HomeDomain", "Library/note.txt")
    if defect == "flip":
        blob.write_bytes(bytes(blob.stat().st_size))
    elif defect == "delete":
        blob.unlink()
    verdict = verify_locked(encrypted.path, PasswordMissing(encrypted.path), seals=None)
    named = [(f.code, f.relative_path) for f in verdict.findings if f.severity == "error" and f.relative_path]
    code = {"flip": "digest-differs", "delete": "file-missing"}.get(defect)
    assert named == ([(code, "Library/note.txt")] if code else [])
    assert (verdict.verdict, verdict.exit_code) == (("damaged", 30) if code else ("locked", 32))
    assert verdict.records == 7, "the list itself can be read"


def test_a_lost_list_is_named_and_nothing_else_is_blamed(old: OldBackup) -> None:
    (old.path / "Manifest.mbdb").unlink()
    verdict = verify(old.path, password_of(old), seals=None)
    assert verdict.exit_code == 31
    assert [f.code for f in verdict.findings if f.severity == "error"] == ["manifest-missing"]


@pytest.mark.peer
def test_an_independent_reader_finds_the_same(old: OldBackup) -> None:
    """pyiosbackup reads attributes as text, so the file with them is left out."""
    pyiosbackup = pytest.importorskip("pyiosbackup")
    old.entries = [made for made in old.entries if b"com.apple.x" not in made]
    old.write()
    theirs = pyiosbackup.Backup.from_path(old.path, password_of(old) or "")
    with Backup.open(old.path, password_of(old)) as backup:
        ours = list(backup.records())
        their_entries = list(theirs.iter_entries())
        assert [(r.file_id, r.domain, r.relative_path, r.size, r.mode, r.modified) for r in ours] == [
            (e.file_id, e.domain, e.relative_path, e.size, e.mode, int(e.last_modified.timestamp()))
            for e in their_entries
        ]
        for record, their_entry in zip(ours, their_entries, strict=True):
            if record.kind is Kind.FILE:
                assert backup.read(record, 1 << 20) == their_entry.read_bytes()


# -- the bytes, three ways -------------------------------------------------------------------------------------------

TWO = (
    entry(b"HomeDomain", b"a", attributes=((b"name", BINARY), (b"second", b""))),
    entry(b"HomeDomain", b"Library/b", digest=b"d" * 20, key=b"k" * 44, size=1 << 40),
)
WHOLE = b"mbdb\x05\x00" + b"".join(TWO)


@pytest.mark.parametrize("at", range(len(WHOLE)))
def test_a_list_cut_at_any_byte_says_so_unless_it_is_cut_between_two_records(at: int) -> None:
    """It has neither a count nor an end: a cut between records shows in the stored files no record names."""
    between = {6: 0, 6 + len(TWO[0]): 1}
    if at in between:
        assert len(records(WHOLE[:at])) == between[at]
    else:
        with pytest.raises(MbdbBroken, match=r"cut short|empty"):
            Mbdb(WHOLE[:at])


@pytest.mark.parametrize("more", [b"\0", b"\xff", bytes(20), b"\xff" * 500, WHOLE])
def test_bytes_after_the_last_record_are_not_passed_over(more: bytes) -> None:
    with pytest.raises((MbdbBroken, BadRecord)):
        records(WHOLE + more)


def test_the_whole_list_reads_to_its_last_byte() -> None:
    first, second = records(WHOLE)
    assert plistlib.loads(first.extended_attributes or b"") == {"name": BINARY, "second": b""}
    assert (second.size, second.digest, second.encryption_key) == (1 << 40, b"d" * 20, b"k" * 44)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_whatever_bytes_come_they_are_records_or_an_error(noise: bytes) -> None:
    for data in (noise, b"mbdb\x05\x00" + noise, WHOLE + noise, WHOLE[:60] + noise):
        try:
            found = Mbdb(data)
        except MbdbBroken:
            continue
        for one in found:
            try:
                one.record()
            except BadRecord as bad:
                assert bad.reason


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_one_wrong_byte_never_makes_it_read_beyond_its_end(at: int, byte: int) -> None:
    data = WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    try:
        found = list(Mbdb(data))
    except MbdbBroken:
        return
    assert len(found) <= len(WHOLE) // 50


# -- damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"mbd", "cut short"),
        (b"SQLite format 3\0", "does not begin"),
        (b"mbdb\x04\x00", r"version is 4\.0"),
        (WHOLE[:-1], "record 2, which begins at byte"),
        (b"mbdb\x05\x00\xff\xfe", "cut short"),
        (b"mbdb\x05\x00" + entry(b"D", b"p")[:-1] + b"\xff", "cut short"),  # claims 255 attributes
    ],
)
def test_a_broken_list_is_unreadable_and_says_where(plain: OldBackup, data: bytes, reason: str) -> None:
    (plain.path / "Manifest.mbdb").write_bytes(data)
    with pytest.raises(BackupUnreadable, match=reason) as error:
        open_manifest(BackupFolder(plain.path), None)
    assert error.value.part == "Manifest.mbdb"
    verdict = verify(plain.path, None, seals=None)
    assert (verdict.verdict, verdict.exit_code, verdict.records) == ("unreadable", 31, None)


def test_a_list_beyond_reason_is_not_read(plain: OldBackup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrate.backup.manifest.mbdb_manifest.LIMIT_BYTES", 100)
    with pytest.raises(BackupUnreadable, match="larger than 100"):
        open_manifest(BackupFolder(plain.path), None)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (entry(b"HomeDomain", b"fifo", mode=0o010644), "mode"),
        (entry(None, b"nowhere"), "domain is missing"),
        (entry(b"Home\xff", b"p"), "not UTF-8"),
        (entry(b"HomeDomain", b"p\xff"), "not UTF-8"),
    ],
)
def test_a_bad_record_is_named_and_the_others_still_read(plain: OldBackup, bad: bytes, reason: str) -> None:
    plain.entries.insert(2, bad)
    plain.write()
    seen: list[BadRecord] = []
    with open_manifest(BackupFolder(plain.path), None) as manifest:
        assert len(list(manifest.records(seen.append))) == 6
        with pytest.raises(BadRecord):
            list(manifest.records())
        assert manifest.record("HomeDomain", "Library/note.txt") is not None
        assert "HomeDomain" in manifest.domains()
    (only,) = seen
    assert reason in only.reason
    assert [code for code, _ in errors(plain)] == ["record-bad"]


def test_a_healthy_old_backup_is_whole_and_nothing_is_made_up(old: OldBackup) -> None:
    verdict = verify(old.path, password_of(old), seals=None)
    assert (verdict.verdict, verdict.exit_code) == ("whole", 0)
    assert (verdict.records, verdict.files, verdict.encrypted) == (6, 3, old.keys is not None)
    assert {finding.code for finding in verdict.findings} == {"checked-by-length-only"}
    assert verify(old.path, password_of(old), seals=None, depth="quick").verdict == "whole"


@pytest.mark.parametrize("digest", ["stored", "content"])
def test_a_digest_of_either_the_stored_bytes_or_the_content_is_met(old: OldBackup, digest: str) -> None:
    """Which of the two phones before iOS 10 digest in an encrypted backup is not known: no false alarm either way."""
    old.add_file("HomeDomain", "Library/other", b"another note", digest=digest)
    old.write()
    assert errors(old) == []
    blob = old.path / flat_name("HomeDomain", "Library/other")
    data = blob.read_bytes()
    blob.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    assert ("digest-differs", "Library/other") in errors(old)


def test_each_wound_of_a_stored_file_is_named(old: OldBackup) -> None:
    note, photo = flat_name("HomeDomain", "Library/note.txt"), flat_name("CameraRollDomain", "Media/DCIM/Größe 雪.bin")
    (old.path / note).unlink()
    (old.path / photo).write_bytes((old.path / photo).read_bytes()[:-5])
    (old.path / ("ab" * 20)).write_bytes(b"left over")
    found = dict(errors(old))
    assert found["file-missing"] == "Library/note.txt"
    strays = [f for f in verify(old.path, password_of(old), seals=None).findings if f.code == "stray-file"]
    assert [stray.file_id for stray in strays] == ["ab" * 20]
    if old.keys:
        assert found["stored-length-impossible"] == "Media/DCIM/Größe 雪.bin"


def test_a_file_listed_twice_is_called_that_and_not_missing(old: OldBackup) -> None:
    old.entries.append(old.entries[3])
    old.write()
    assert errors(old) == [("listed-twice", "Library/note.txt")]


def test_a_stored_file_that_is_a_link_is_named_and_not_followed(plain: OldBackup, tmp_path: Path) -> None:
    blob = plain.path / flat_name("HomeDomain", "Library/note.txt")
    blob.rename(tmp_path / "elsewhere")
    try:
        blob.symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    assert errors(plain) == [("file-not-a-file", "Library/note.txt")]


def test_an_old_backup_lists_no_manifest_key_among_its_wounds(encrypted: OldBackup) -> None:
    encrypted.write(BackupKeyBag=b"")
    assert [code for code, _ in errors(encrypted)] == ["keybag-unreadable", "manifest-unreadable"]


# -- odd plists ------------------------------------------------------------------------------------------------------

ODD_VALUES: tuple[Any, ...] = (7, -1, "text", b"data", [], {}, [1, "a"], {"a": 1}, True, 1.5, datetime(2001, 1, 1))
ODD_KEYS = [
    ("Manifest.plist", key)
    for key in ("IsEncrypted", "Lockdown", "BackupKeyBag", "ManifestKey", "Applications", "Version", "Date")
]
ODD_KEYS += [("Status.plist", key) for key in ("SnapshotState", "UUID", "Date", "Version")]
ODD_KEYS += [
    ("Info.plist", key)
    for key in ("Product Version", "Target Identifier", "Unique Identifier", "Applications", "Installed Applications")
]


@pytest.mark.parametrize("kind", ["mbdb", "db"])
@pytest.mark.parametrize(("name", "key"), ODD_KEYS, ids=lambda value: str(value).replace(" ", "-"))
def test_odd_plists_are_findings_and_never_a_crash(
    plain: OldBackup, make_backup: Callable[..., Any], kind: str, name: str, key: str
) -> None:
    path = plain.path if kind == "mbdb" else make_backup(encrypted=False).path
    whole = plistlib.loads((path / name).read_bytes())
    for value in (*ODD_VALUES, None):
        odd = {**whole, key: value} if value is not None else {k: v for k, v in whole.items() if k != key}
        (path / name).write_bytes(plistlib.dumps(odd, fmt=plistlib.FMT_BINARY))
        folder = BackupFolder(path)
        assert isinstance(folder.udid, str) and isinstance(folder.is_encrypted, bool)
        _ = folder.ios_version, folder.is_finished, folder.status_uuid, folder.status_date
        try:
            verdict = verify(path, None, seals=path.parent / "seals", depth="quick")
        except MigrateError as error:
            assert error.exit_code == 32  # "encrypted", so it asks for a password
        else:
            assert verdict.udid and verdict.verdict in ("whole", "damaged", "unreadable")
    (path / name).write_bytes(plistlib.dumps(whole, fmt=plistlib.FMT_BINARY))


@pytest.mark.parametrize(("name", "key"), [("Manifest.plist", "IsEncrypted"), ("Manifest.plist", "Lockdown")])
def test_a_plist_with_the_wrong_type_where_it_matters_is_damage_by_name(plain: OldBackup, name: str, key: str) -> None:
    whole = plistlib.loads((plain.path / name).read_bytes())
    (plain.path / name).write_bytes(plistlib.dumps({**whole, key: "perhaps"}, fmt=plistlib.FMT_BINARY))
    assert errors(plain) == [("plist-odd", None)]


def test_files_come_out_of_an_old_backup_too(old: OldBackup, tmp_path: Path) -> None:
    before = listed(old.path)
    with Backup.open(old.path, password_of(old)) as backup:
        done = extract(backup, tmp_path / "out", lambda domain, path: True)
        photos = extract(backup, tmp_path / "photos", lambda domain, path: domain == "CameraRollDomain")
    assert (done.files, done.directories, done.links, photos.files) == (3, 2, 0, 1)
    assert listed(tmp_path / "out") == {
        "HomeDomain/Library/note.txt": b"a note",
        "HomeDomain/Library/empty": b"",
        "CameraRollDomain/Media/DCIM/Größe 雪.bin": BINARY * 300,
    }
    assert (tmp_path / "out/HomeDomain/Library/note.txt").stat().st_mtime == 1_420_000_001
    assert listed(old.path) == before
