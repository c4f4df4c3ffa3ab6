"""Files taken out of a backup: as the phone had them, nowhere else than asked, and the backup as it was."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.extract.extract import extract
from migrate.backup.extract.names import UsedNames, linked_to
from migrate.backup.extract.result import ExtractResult
from migrate.backup.extract.unfinished import NOTE
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, file_id
from migrate.backup.safe_path import inside
from migrate.problems import (
    CannotExtractHere,
    ExtractIntoBackup,
    ExtractNeedsRoom,
    NothingToExtract,
    UnsafeName,
    WouldOverwrite,
)

PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")


def everything(domain: str, path: str) -> bool:
    return True


def taken_out(backup: Any, to: Path, wanted: Any = everything) -> ExtractResult:
    with Backup.open(backup.path, backup.password) as opened:
        return extract(opened, to, wanted)


def listed(folder: Path) -> dict[str, bytes]:
    """Every file under `folder` by its path there, in slashes, with its content, except the note of an unfinished
    extraction."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path.name != NOTE
    }


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """A whole folder, so that nothing may appear in it or change: kinds, times and contents."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def codes(extracted: ExtractResult) -> list[tuple[str, str | None]]:
    return [(finding.code, finding.relative_path) for finding in extracted.findings]


def test_every_file_is_extracted_as_on_the_phone(small_backup: Any, tmp_path: Path) -> None:
    before = tree(small_backup.path)
    done = taken_out(small_backup, tmp_path / "out")
    contents = {f"{domain}/{path}": content for (domain, path), content in small_backup.contents.items()}
    assert listed(tmp_path / "out") == contents
    assert (done.files, done.bytes) == (len(contents), sum(map(len, contents.values())))
    assert (done.exit_code, done.findings) == (0, ())
    assert tree(small_backup.path) == before


def test_extracted_files_keep_their_dates_and_are_private(small_backup: Any, tmp_path: Path) -> None:
    taken_out(small_backup, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            assert status.st_mtime == 1_700_000_000
        if os.name == "posix" and not path.is_symlink():
            assert stat.S_IMODE(status.st_mode) == (0o600 if path.is_file() else 0o700)


def test_only_wanted_files_are_extracted(small_backup: Any, tmp_path: Path) -> None:
    done = taken_out(small_backup, tmp_path / "out", lambda domain, path: (domain, path) == PHOTO)
    assert list(listed(tmp_path / "out")) == ["/".join(PHOTO)]
    assert (done.files, done.directories) == (1, 0)
    with pytest.raises(NothingToExtract):
        taken_out(small_backup, tmp_path / "none", lambda domain, path: False)
    assert not (tmp_path / "none").exists()


def test_empty_folders_are_extracted_too(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup()
    backup.add_directory("HomeDomain", "Library/Empty")
    backup.write()
    assert (taken_out(backup, tmp_path / "out"), (tmp_path / "out/HomeDomain/Library/Empty").is_dir())[1]


# -- what is there stays ---------------------------------------------------------------------------------------------


def test_if_a_file_exists_already_nothing_is_extracted(small_backup: Any, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "CameraRollDomain" / "Media" / "DCIM" / "100APPLE" / "IMG_0001.JPG"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    before = tree(tmp_path / "out")
    with pytest.raises(WouldOverwrite) as refused:
        taken_out(small_backup, tmp_path / "out")
    assert (refused.value.exit_code, refused.value.count, refused.value.first) == (2, 1, "/".join(PHOTO))
    assert tree(tmp_path / "out") == before


def test_extracting_into_a_folder_with_other_files_works(small_backup: Any, tmp_path: Path) -> None:
    """Photos today, messages tomorrow, into the same folder; the same again is refused."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_bytes(b"mine")
    taken_out(small_backup, out, lambda domain, path: domain == "CameraRollDomain")
    taken_out(small_backup, out, lambda domain, path: domain == "HomeDomain")
    assert (out / "mine.txt").read_bytes() == b"mine" and (out / "HomeDomain/Library/SMS/sms.db").exists()
    with pytest.raises(WouldOverwrite):
        taken_out(small_backup, out)


def test_a_file_in_the_place_of_a_folder_is_reported(small_backup: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "CameraRollDomain").write_bytes(b"mine")
    done = taken_out(small_backup, tmp_path / "out")
    assert ("extract-name-impossible", PHOTO[1]) in codes(done) and done.exit_code == 33
    assert (tmp_path / "out" / "CameraRollDomain").read_bytes() == b"mine"
    assert (tmp_path / "out" / "HomeDomain/Library/SMS/sms.db").exists()


@pytest.mark.parametrize("where", [".", "below/it", ".."])
def test_extracting_into_a_backup_is_refused(small_backup: Any, where: str) -> None:
    before = tree(small_backup.path)
    with pytest.raises(ExtractIntoBackup):
        taken_out(small_backup, small_backup.path / where)
    assert tree(small_backup.path) == before


def test_nothing_is_written_through_an_existing_link(small_backup: Any, tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (out / "within").mkdir(parents=True)
    elsewhere.mkdir()
    try:
        (out / "CameraRollDomain").symlink_to(elsewhere)
        (out / "HomeDomain").symlink_to("within")
    except OSError:
        pytest.skip("symbolic links cannot be made here")
    done = taken_out(small_backup, out)
    assert listed(elsewhere) == {} and listed(out / "within") == {}
    assert ("extract-name-impossible", PHOTO[1]) in codes(done)
    assert ("extract-name-impossible", "Library/SMS/sms.db") in codes(done)


# -- links -----------------------------------------------------------------------------------------------------------


def test_a_link_is_made_only_if_it_stays_in_its_domain(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup()
    links = {
        "Library/same": "Preferences",
        "Library/deep/up": "../Preferences/empty.plist",
        "Library/dangling": "nothing/there",
        "Library/absolute": "/var/mobile/Library",
        "Library/climbs": "../../../etc/passwd",
        "Library/other-domain": "../../CameraRollDomain/Media",
        "Library/hidden-climb": "Preferences/../../../..",
        "Library/nul": "a\0b",
        "Library/empty-target": "",
    }
    for path, target in links.items():
        backup.add_symlink("HomeDomain", path, target)
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    home = tmp_path / "out" / "HomeDomain"
    made = {path for path in links if (home / path).is_symlink()}
    if not made:
        pytest.skip("symbolic links cannot be made here")
    assert made == {"Library/same", "Library/deep/up", "Library/dangling"}
    assert (home / "Library/deep/up").read_bytes() == b""
    assert {path for code, path in codes(done)} == set(links) - made
    assert {code for code, _ in codes(done)} == {"extract-link-left-out"} and done.exit_code == 0
    assert done.links == 1 + len(made)


def test_files_are_not_written_through_a_link_of_the_backup(make_backup: Any, tmp_path: Path) -> None:
    """A hostile manifest has a link and, under its name, files: whichever comes first, nothing passes the link."""
    backup = make_backup(encrypted=False)
    backup.add_symlink("AppDomain-x", "Documents/a", "b")
    backup.add_file("AppDomain-x", "Documents/a/file", b"through the link")
    del backup.records["AppDomain-x", "Documents/a"]  # the directory that add_file made for it
    backup.records["AppDomain-x", "Documents/a"] = backup._record(
        "AppDomain-x", "Documents/a", Kind.SYMLINK, mode=0o120755, size=1, target="b"
    )
    backup.add_symlink("AppDomain-x", "Documents/a/link", "..")
    backup.records["AppDomain-x", "Documents/a"] = replace(
        backup.records["AppDomain-x", "Documents/a"], kind=Kind.SYMLINK, target="b", mode=0o120755
    )
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    assert (tmp_path / "out/AppDomain-x/Documents/a/file").read_bytes() == b"through the link"
    assert not (tmp_path / "out/AppDomain-x/Documents/a").is_symlink()
    assert ("extract-names-meet", "Documents/a") in codes(done) and done.exit_code == 30


NAME_PARTS = st.sampled_from(["..", ".", "", "a", "b", "a\\b", "C:", "\0", "ü", "x" * 300])


@given(st.lists(NAME_PARTS, max_size=5), st.lists(NAME_PARTS, max_size=6), st.booleans())
def test_an_extracted_link_never_leads_out(above: list[str], target: list[str], absolute: bool) -> None:
    name = "/".join(["Domain", *[part for part in above if part not in ("..", ".", "")], "link"])
    try:
        leads_to = linked_to(name, ("/" if absolute else "") + "/".join(target))
        place = inside(Path("/root-of-it"), leads_to)
    except UnsafeName:
        return
    assert place.parts[:3] == ("/", "root-of-it", "Domain") and ".." not in place.parts


# -- names -----------------------------------------------------------------------------------------------------------

HOSTILE = [
    "../../escape",
    "/../escape",
    "a/../../../escape",
    "a\0b",
    "",
]
TOO_LONG_HERE = ["x" * 300, "a/" * 600 + "b"]


@pytest.mark.parametrize("path", HOSTILE + TOO_LONG_HERE, ids=lambda path: ascii(path[:20]))
def test_an_impossible_name_is_reported_and_the_rest_extracted(make_backup: Any, tmp_path: Path, path: str) -> None:
    """One that no phone writes is the backup's damage (30); one that this disk cannot hold is not (33)."""
    backup = make_backup(encrypted=False)
    record = backup.add_file("HomeDomain", "Library/will-be-hostile", b"hostile")
    del backup.records["HomeDomain", "Library/will-be-hostile"]
    backup.records["HomeDomain", path] = replace(record, relative_path=path)
    backup.write()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    done = taken_out(backup, tmp_path / "deep" / "er" / "out")
    code, exit_code = ("extract-name-impossible", 33) if path in TOO_LONG_HERE else ("extract-name-unsafe", 30)
    assert (code, path) in codes(done) and done.exit_code == exit_code
    assert done.files == len(backup.contents) - 1
    assert not list((tmp_path / "deep").rglob("escape*")) and not list((tmp_path / "deep").rglob("*.part"))


def test_an_overlong_path_is_a_damaged_row(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    record = backup.add_file("HomeDomain", "Library/will-be-long", b"hostile")
    del backup.records["HomeDomain", "Library/will-be-long"]
    backup.records["HomeDomain", "long"] = replace(record, relative_path="a/" * 2100 + "b")
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    assert [code for code, _ in codes(done)] == ["extract-record-bad"] and done.exit_code == 30
    assert done.files == len(backup.contents) - 1


@pytest.mark.parametrize("domain", ["../escape", "a/b", "", "..", "Home\0"])
def test_an_impossible_domain_is_reported(make_backup: Any, tmp_path: Path, domain: str) -> None:
    backup = make_backup(encrypted=False)
    backup.records.clear()
    backup.add_file(domain, "file", b"hostile")
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    assert done.files == 0 and ("extract-name-unsafe", "file") in codes(done) and done.exit_code == 30
    assert not (tmp_path / "escape").exists()


def test_names_that_differ_only_in_case_are_reported_on_a_case_insensitive_disk(
    make_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Mac's or Windows' disk the second would replace the first, or two folders would become one."""
    backup = make_backup(encrypted=False)
    backup.add_file("AppDomain-x", "Documents/IMG.JPG", b"upper")
    backup.add_file("AppDomain-x", "Documents/img.jpg", b"lower")
    backup.add_file("AppDomain-x", "documents/other", b"another folder")
    backup.add_file("AppDomain-x", "caf\u00e9/one", b"one letter")
    backup.add_file("AppDomain-x", "cafe\u0301/two", b"two letters")
    backup.write()
    of_a_mac = UsedNames(folds_case=True, folds_forms=True)
    monkeypatch.setattr(UsedNames, "of", lambda folder: of_a_mac)
    done = taken_out(backup, tmp_path / "out", lambda domain, path: domain == "AppDomain-x" and "." in path + ".")
    left_out = {path for code, path in codes(done) if code == "extract-name-impossible"}
    assert left_out == {"Documents/img.jpg", "documents", "documents/other", "cafe\u0301", "cafe\u0301/two"}
    assert done.exit_code == 33 and done.files == 2


def test_case_folding_of_the_disk_is_detected(tmp_path: Path) -> None:
    found = UsedNames.of(tmp_path)
    (tmp_path / "a").touch()
    assert found.folds_case == (tmp_path / "A").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_a_path_that_is_listed_twice_is_extracted_once(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    record = backup.add_file("HomeDomain", "Library/twice", b"first")
    backup.records["HomeDomain", "Library//twice"] = replace(
        record, relative_path="Library//twice", file_id=file_id("HomeDomain", "Library//twice")
    )
    blob = backup.blob("HomeDomain", "Library//twice")
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(b"second")
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    assert (tmp_path / "out/HomeDomain/Library/twice").read_bytes() in (b"first", b"second")
    assert sorted(codes(done)) in (
        [("extract-names-meet", "Library//twice")],
        [("extract-name-changed", "Library//twice"), ("extract-names-meet", "Library/twice")],
    )
    assert done.exit_code == 30


# -- damage, a full disk, a stop -------------------------------------------------------------------------------------


def test_damaged_files_are_reported_and_the_rest_extracted(small_backup: Any, tmp_path: Path) -> None:
    small_backup.blob(*PHOTO).unlink()
    if small_backup.encrypted:
        torn = small_backup.blob("HomeDomain", "Library/SMS/sms.db")
        torn.write_bytes(torn.read_bytes()[:-3])
    done = taken_out(small_backup, tmp_path / "out")
    expected = {("extract-missing", PHOTO[1])}
    expected |= {("extract-unreadable", "Library/SMS/sms.db")} if small_backup.encrypted else set()
    assert set(codes(done)) == expected and done.exit_code == 30
    assert done.files == len(small_backup.contents) - len(expected)
    assert sorted(listed(tmp_path / "out")) == sorted(
        f"{domain}/{path}" for domain, path in small_backup.contents if path not in {path for _, path in expected}
    )


def test_a_file_caught_mid_write_is_extracted_whole_and_reported(make_backup: Any, tmp_path: Path) -> None:
    """The phone's digest shows that it sent it so. A seal does not: what was cut on its way was sealed as cut."""
    backup = make_backup(encrypted=True)
    blob = backup.blob(*PHOTO)
    blob.write_bytes(blob.read_bytes()[:-16])
    sealed = backup.seal(tmp_path / "seals").digests
    with Backup.open(backup.path, backup.password) as opened:
        done = extract(opened, tmp_path / "sealed", everything, sealed=sealed)
    assert codes(done) == [("extract-damaged", PHOTO[1])] and done.exit_code == 30

    digest = hashlib.sha1(blob.read_bytes()).digest()
    backup.records[PHOTO] = replace(backup.records[PHOTO], digest=digest)
    backup.write_manifest()
    done = taken_out(backup, tmp_path / "out")
    assert codes(done) == [("extract-caught-mid-write", PHOTO[1])] and done.exit_code == 0
    content = (tmp_path / "out" / "/".join(PHOTO)).read_bytes()
    assert content == backup.contents[PHOTO][: len(content)] and len(content) > len(backup.contents[PHOTO]) - 16


DIGESTED_FILE = ("HomeDomain", "Library/Preferences/com.apple.springboard.plist")

DAMAGE: list[tuple[str, tuple[str, str], Any, str, str]] = [
    ("emptied", PHOTO, lambda data: b"", "extract-emptied", "none of them are here"),
    ("cut by a block", PHOTO, lambda data: data[:-16], "extract-damaged", "are here"),
    ("cut in half", PHOTO, lambda data: data[: len(data) // 32 * 16], "extract-damaged", "are here"),
    ("a bit flipped", DIGESTED_FILE, lambda data: bytes([data[0] ^ 1]) + data[1:], "extract-damaged", "SHA-1"),
    ("cut with a digest", DIGESTED_FILE, lambda data: data[:-16], "extract-damaged", "SHA-1"),
]


@pytest.mark.parametrize(("key", "change", "code", "why"), [case[1:] for case in DAMAGE], ids=[c[0] for c in DAMAGE])
def test_a_damaged_file_is_named_and_the_exit_code_is_30(
    small_backup: Any, tmp_path: Path, key: tuple[str, str], change: Any, code: str, why: str
) -> None:
    blob = small_backup.blob(*key)
    blob.write_bytes(change(blob.read_bytes()))
    done = taken_out(small_backup, tmp_path / "out", lambda domain, path: (domain, path) == key)
    assert (codes(done), done.exit_code) == ([(code, key[1])], 30)
    assert why in done.findings[0].why
    assert (tmp_path / "out" / "/".join(key)).exists() == (code == "extract-damaged"), "what is left is there"
    assert done.files == (code == "extract-damaged")


def test_wrong_padding_is_damage(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    blob = backup.blob(*PHOTO)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\0")
    done = taken_out(backup, tmp_path / "out", lambda domain, path: (domain, path) == PHOTO)
    assert (codes(done), done.exit_code) == ([("extract-damaged", PHOTO[1])], 30)
    assert "its contents or its key were changed" in done.findings[0].why


def test_a_file_that_differs_from_the_seal_is_damage(small_backup: Any, tmp_path: Path) -> None:
    sealed = small_backup.seal(tmp_path / "seals").digests
    blob = small_backup.blob(*PHOTO)
    data = blob.read_bytes()
    blob.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    with Backup.open(small_backup.path, small_backup.password) as opened:
        done = extract(opened, tmp_path / "out", everything, sealed=sealed)
    assert (codes(done), done.exit_code) == ([("extract-damaged", PHOTO[1])], 30)
    assert "SHA-256" in done.findings[0].why


def test_a_database_that_shrank_while_it_was_sent_is_no_damage(make_backup: Any, tmp_path: Path) -> None:
    """Phones list databases at one length and send them at another (facts 3.5); cut, its own header tells."""
    backup = make_backup(encrypted=False)
    key = ("CameraRollDomain", "Media/PhotoData/Photos.sqlite")
    backup.records[key] = replace(backup.records[key], size=len(backup.contents[key]) + 4096)
    backup.write_manifest()
    assert taken_out(backup, tmp_path / "out").exit_code == 0
    backup.blob(*key).write_bytes(backup.contents[key][:-1024])
    assert codes(taken_out(backup, tmp_path / "cut")) == [("extract-damaged", key[1])]


def test_a_bad_row_that_is_not_wanted_is_ignored(make_backup: Any, tmp_path: Path) -> None:
    import sqlite3

    backup = make_backup(encrypted=False)
    with sqlite3.connect(backup.path / "Manifest.db") as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("UPDATE Files SET file = x'00' WHERE relativePath LIKE '%sms.db'")
    database.close()
    photos = taken_out(backup, tmp_path / "photos", lambda domain, path: domain == "CameraRollDomain")
    assert photos.findings == ()
    done = taken_out(backup, tmp_path / "all")
    assert codes(done) == [("extract-record-bad", "Library/SMS/sms.db")] and done.exit_code == 30


class StopsAfter:
    """A watcher that raises in the middle of a file."""

    def __init__(self, problem: BaseException, at_bytes: int) -> None:
        self.problem, self.at_bytes = problem, at_bytes

    def bytes_moved(self, done: int, total: int | None) -> None:
        if done >= self.at_bytes:
            raise self.problem

    def files_moved(self, done: int) -> None: ...
    def person_needed(self, phone: str, action: Any) -> None: ...
    def person_done(self, phone: str, action: Any) -> None: ...
    def found(self, finding: Any) -> None: ...


def test_there_must_be_space_for_all_files_before_any_is_written(
    small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=20_000))
    with pytest.raises(ExtractNeedsRoom) as refused:
        taken_out(small_backup, tmp_path / "out")
    assert refused.value.exit_code == 33 and "20" in refused.value.why
    assert not (tmp_path / "out").exists()
    assert taken_out(small_backup, tmp_path / "out", lambda domain, path: (domain, path) == PHOTO).exit_code == 0


def test_a_length_that_is_only_claimed_needs_no_space(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    backup.records[PHOTO] = replace(backup.records[PHOTO], size=1 << 60)
    backup.write_manifest()
    assert taken_out(backup, tmp_path / "out").files == len(backup.contents)


KILLED = """
import os, signal, sys
from pathlib import Path
from migrate.backup.extract.extract import extract
from migrate.backup.reader import Backup

left, real = int(sys.argv[4]), os.rename
def rename(source, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.rename = rename
with Backup.open(Path(sys.argv[1]), sys.argv[2] or None) as backup:
    extract(backup, Path(sys.argv[3]), lambda domain, path: True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_extraction_is_continued_and_leaves_nothing_unfinished(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=True)
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(backup.path), backup.password, str(out), "5"]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    whole = {f"{domain}/{path}": content for (domain, path), content in backup.contents.items()}
    assert list(out.rglob("*.part")), "it was killed in the middle of a file"
    before = {path: path.stat().st_ino for path in out.rglob("*") if path.is_file() and path.suffix != ".part"}
    assert len(before) == 5 + 1, "five files and the note"

    done = taken_out(backup, out)
    assert (done.files, done.exit_code, done.findings) == (len(whole), 0, ())
    assert listed(out) == whole
    assert not list(out.rglob("*.part")) and not (out / NOTE).exists()
    kept = {path: inode for path, inode in before.items() if path.name != NOTE}
    assert {path: path.stat().st_ino for path in kept} == kept, "complete files are not written again"
    with pytest.raises(WouldOverwrite):
        taken_out(backup, out)


def test_a_continued_extraction_replaces_nothing_and_finds_damage_again(small_backup: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Backup.open(small_backup.path, small_backup.password) as opened, pytest.raises(KeyboardInterrupt):
        extract(opened, out, everything, StopsAfter(KeyboardInterrupt(), 20_000))
    there = sorted(listed(out))
    assert there
    (out / there[0]).write_bytes(b"mine now")
    done = taken_out(small_backup, out)
    assert (out / there[0]).read_bytes() == b"mine now"
    assert [code for code, _ in codes(done)] == ["extract-name-impossible"] and done.exit_code == 33


def test_another_backup_does_not_continue_it(make_backup: Any, tmp_path: Path) -> None:
    backup = make_backup(encrypted=False)
    with Backup.open(backup.path) as opened, pytest.raises(KeyboardInterrupt):
        extract(opened, tmp_path / "out", everything, StopsAfter(KeyboardInterrupt(), 20_000))
    backup.write_plist("Status.plist", backup.status(UUID="another"), binary=True)
    with pytest.raises(WouldOverwrite):
        taken_out(backup, tmp_path / "out")


# -- what is said about names ----------------------------------------------------------------------------------------


def renamed(backup: Any, key: tuple[str, str], to: tuple[str, str]) -> None:
    """Give a file of the backup the name `to` as well as its file id."""
    record, content = backup.records.pop(key), backup.contents.pop(key)
    backup.blob(*key).unlink()
    backup.add_file(*to, content)
    backup.records[to] = replace(record, domain=to[0], relative_path=to[1], file_id=file_id(*to))


@pytest.mark.parametrize("path", ["Documents//level.dat", "./Documents/level.dat", "Documents/./level.dat"])
def test_a_changed_name_is_said(make_backup: Any, tmp_path: Path, path: str) -> None:
    backup = make_backup(encrypted=False)
    renamed(backup, ("AppDomain-com.example.game", "Documents/level.dat"), ("AppDomain-com.example.game", path))
    backup.records = {key: record for key, record in backup.records.items() if record.kind is not Kind.DIRECTORY}
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    assert codes(done) == [("extract-name-changed", path)] and done.exit_code == 0
    assert "AppDomain-com.example.game/Documents/level.dat" in done.findings[0].what
    assert (tmp_path / "out/AppDomain-com.example.game/Documents/level.dat").read_bytes() == b"level 7"


@pytest.mark.parametrize(
    "to",
    [
        ("AppDomain-com.example.game", "/etc/passwd"),
        (".", "HomeDomain/level.dat"),
        ("AppDomain-com.example.game/..", "level.dat"),
    ],
    ids=["absolute", "a dot", "climbing domain"],
)
def test_a_name_that_leads_elsewhere_is_refused_and_not_moved_inside(
    make_backup: Any, tmp_path: Path, to: tuple[str, str]
) -> None:
    backup = make_backup(encrypted=False)
    renamed(backup, ("AppDomain-com.example.game", "Documents/level.dat"), to)
    backup.records = {key: record for key, record in backup.records.items() if record.kind is not Kind.DIRECTORY}
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    assert codes(done) == [("extract-name-unsafe", to[1])] and done.exit_code == 30
    assert b"level 7" not in listed(tmp_path / "out").values()


@pytest.mark.parametrize("file_first", [True, False])
def test_a_name_that_is_a_file_and_a_folder_is_said(make_backup: Any, tmp_path: Path, file_first: bool) -> None:
    backup = make_backup(encrypted=False)
    game = "AppDomain-com.example.game"
    backup.add_file(game, "Documents/level.dat/inside", b"impossible")
    backup.add_file(game, "Documents/level.dat", b"level 7")
    both = [(game, "Documents/level.dat"), (game, "Documents/level.dat/inside")]
    order = [backup.records.pop(key) for key in (both if file_first else reversed(both))]
    backup.records |= {(record.domain, record.relative_path): record for record in order}
    backup.write()
    done = taken_out(backup, tmp_path / "out")
    left_out = both[1] if file_first else both[0]
    assert codes(done) == [("extract-names-meet", left_out[1])] and done.exit_code == 30
    assert "both as a file and as a folder" in done.findings[0].why


@pytest.mark.parametrize("at_bytes", [1, 10_000, 20_000])
def test_ctrl_c_in_the_middle_of_a_file_leaves_only_complete_files(
    small_backup: Any, tmp_path: Path, at_bytes: int
) -> None:
    with Backup.open(small_backup.path, small_backup.password) as opened, pytest.raises(KeyboardInterrupt):
        extract(opened, tmp_path / "out", everything, StopsAfter(KeyboardInterrupt(), at_bytes))
    whole = {f"{domain}/{path}": content for (domain, path), content in small_backup.contents.items()}
    left = listed(tmp_path / "out")
    assert left.items() < whole.items()


def test_a_full_disk_is_33_and_leaves_only_complete_files(small_backup: Any, tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with Backup.open(small_backup.path, small_backup.password) as opened, pytest.raises(CannotExtractHere) as error:
        extract(opened, tmp_path / "out", everything, StopsAfter(full, 10_000))
    assert error.value.exit_code == 33 and "No space left" in error.value.why
    assert error.value.next.startswith("Free some space")
    whole = {f"{domain}/{path}": content for (domain, path), content in small_backup.contents.items()}
    assert listed(tmp_path / "out").items() < whole.items()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_write_to_a_full_disk_is_33(small_backup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's own answer, from a device that is always full."""
    real = os.open

    def onto_the_full_device(path: Any, flags: int, mode: int = 0o777, **other: Any) -> int:
        if str(path).endswith(".part"):
            return real("/dev/full", os.O_WRONLY)
        return real(path, flags, mode, **other)

    monkeypatch.setattr(os, "open", onto_the_full_device)
    monkeypatch.setattr(UsedNames, "of", lambda folder: UsedNames(folds_case=False, folds_forms=False))
    with pytest.raises(CannotExtractHere) as error:
        taken_out(small_backup, tmp_path / "out", lambda domain, path: domain == "CameraRollDomain")
    assert "No space left" in error.value.why


def test_an_unwritable_place_is_not_reported_as_full(small_backup: Any, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_bytes(b"")
    with pytest.raises(CannotExtractHere) as error:
        taken_out(small_backup, tmp_path / "a-file" / "out")
    assert error.value.exit_code == 33 and "space" not in error.value.next


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_33(small_backup: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(CannotExtractHere):
        taken_out(small_backup, tmp_path / "out")


def test_a_big_file_streams(make_backup: Any, tmp_path: Path) -> None:
    """No piece is larger than a chunk, whatever the file's length."""
    backup = make_backup()
    backup.add_file("AppDomain-x", "Documents/big", bytes(5 << 20))
    backup.write()
    heard = Counts()
    with Backup.open(backup.path, backup.password) as opened:
        extract(opened, tmp_path / "out", lambda domain, path: path == "Documents/big", heard)
    sizes = [after - before for before, after in zip([0, *heard.bytes], heard.bytes, strict=False)]
    assert max(sizes) <= 256 << 10 and sum(sizes) == 5 << 20
    assert (tmp_path / "out/AppDomain-x/Documents/big").read_bytes() == bytes(5 << 20)


class Counts(StopsAfter):
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(AssertionError(), 1 << 60)
        self.bytes: list[int] = []

    def bytes_moved(self, done: int, total: int | None) -> None:
        self.bytes.append(done)
