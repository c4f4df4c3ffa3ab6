"""`migrate diff` on the command line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.record import file_id
from migrate.backup.seal import Seal, write_seal
from migrate.problems import WrongPassword
from migrate.talk.backup_access import with_password
from migrate.talk.passwords import Passwords
from tests.backup.memory_manifest import MemoryManifest
from tests.content.difference.made import LIBRARY, changed, phone, without
from tests.talk.conftest import CONTENTS, UDID, write_backup

if TYPE_CHECKING:
    from tests.talk.conftest import Migrate

DIARY = ("AppDomain-org.example.diary", "Documents/diary.txt")
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_{:04d}.JPG")
KEYS = ["old", "new", "categories", "files", "findings"]
ITEM_KEYS = {"id", "added", "gone", "changed", "deleted", "only_in_icloud"}


@pytest.fixture
def photo_backups(tmp_path: Path) -> tuple[Path, Path]:
    """Seven photos and videos, of which later one is gone, one deleted and one changed."""
    old = phone(domain="CameraRollDomain")
    gone = (PHOTO[0], PHOTO[1].format(1))
    new = changed(
        without(old, gone),
        LIBRARY,
        "DELETE FROM ZASSET WHERE ZFILENAME = 'IMG_0001.JPG'",
        "UPDATE ZASSET SET ZTRASHEDSTATE = 1 WHERE ZFILENAME = 'IMG_0002.JPG'",
        "UPDATE ZASSET SET ZFAVORITE = 1 - ZFAVORITE WHERE ZFILENAME = 'IMG_0003.JPG'",
    )
    new[DIARY] = b"Dear diary"
    return write_backup(tmp_path / "earlier" / UDID, contents=old), write_backup(tmp_path / "later", contents=new)


def state_of(folder: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in (folder, *folder.rglob("*"))
    }


def test_a_person_reads_what_is_gone_by_its_name(migrate: Migrate, photo_backups: tuple[Path, Path]) -> None:
    answer = migrate("diff", *photo_backups)
    assert answer.code == 0, "a difference is no error"
    lines = answer.out.splitlines()
    row = next(line.split() for line in lines if line.startswith("Photos"))
    assert row[-5:] == ["0", "1", "1", "1", "0"], "added, gone, changed, deleted, only in iCloud"
    gone = lines[lines.index("Gone:") + 1 :]
    assert gone[0] == "  Photos and videos:" and gone[1].startswith("    the photo IMG_0001.JPG, ")
    assert "What differs: whether it is a favourite" in answer.out
    assert f"  {DIARY[0]} {DIARY[1]}" in lines[lines.index("Files that were added:") :]
    assert max(map(len, lines)) < 160 and "\x1b" not in answer.out, "the phone's name has a control sequence in it"


def test_a_script_reads_one_object_with_the_promised_keys(migrate: Migrate, photo_backups: tuple[Path, Path]) -> None:
    answer = migrate("diff", photo_backups[0].parent, photo_backups[1], "--json")
    assert (answer.code, answer.err) == (0, "")
    assert list(answer.json) == KEYS
    assert (answer.json["old"], answer.json["new"]) == tuple(map(str, photo_backups))
    found = {one["id"]: one for one in answer.json["categories"]}
    assert all(set(one) >= ITEM_KEYS for one in found.values())
    photos = found["photos"]
    assert [photos[key] for key in ("added", "gone", "changed", "deleted", "only_in_icloud")] == [0, 1, 1, 1, 0]
    assert photos["kinds"][0]["examples"]["deleted"][0].startswith("the photo IMG_0002.JPG, ")
    assert answer.json["files"]["added"] == 1 and answer.json["files"]["gone"] >= 1


def test_what_only_the_earlier_backup_has_is_exported(
    migrate: Migrate, photo_backups: tuple[Path, Path], tmp_path: Path
) -> None:
    answer = migrate("diff", *photo_backups, "--gone", "--to", tmp_path / "gone", "--json")
    assert answer.code == 0, answer.err
    (photos,) = answer.json["exported"]["categories"]
    assert (photos["id"], photos["items"], photos["exported"], photos["filtered"]) == ("photos", 7, 1, 6)
    told = migrate("diff", *photo_backups, "--gone")
    assert "Gone:" in told.out and "IMG_0001.JPG" in told.out
    assert "Changed:" not in told.out and "IMG_0003.JPG" not in told.out and DIARY[1] not in told.out


def test_if_nothing_is_gone_nothing_is_exported(migrate: Migrate, plain_backup: Path, tmp_path: Path) -> None:
    answer = migrate("diff", plain_backup, plain_backup, "--gone", "--to", tmp_path / "gone")
    assert answer.code == 0 and "Nothing is gone" in answer.out
    assert not (tmp_path / "gone").exists()
    assert migrate("diff", plain_backup, plain_backup, "--to", tmp_path / "gone").code == 2


def test_nothing_is_written_into_either_backup(migrate: Migrate, photo_backups: tuple[Path, Path], home: Path) -> None:
    before = [state_of(folder) for folder in photo_backups]
    assert migrate("diff", *photo_backups).code == 0
    assert [state_of(folder) for folder in photo_backups] == before
    assert list((home / "tmp").iterdir()) == [], "no plaintext is left behind"


def test_a_backup_does_not_differ_from_itself(migrate: Migrate, plain_backup: Path) -> None:
    answer = migrate("diff", plain_backup, plain_backup)
    assert answer.code == 0 and "All 3 files are the same." in answer.out


def test_the_backups_of_a_run_are_told_apart_by_the_seals_beside_them(migrate: Migrate, home: Path) -> None:
    """The file has one size and one date in both, as a database that an app changes through mapped memory."""
    folders = []
    for name, words in (("old", b"Dear diary"), ("proof", b"Dear Diary")):
        folder = write_backup(home / "runs" / "R" / name / UDID, contents={DIARY: words})
        status = BackupFolder(folder)
        digests, sizes = {file_id(*DIARY): hashlib.sha256(words).hexdigest()}, {file_id(*DIARY): len(words)}
        seal = Seal(
            uuid=status.status_uuid,
            date=status.status_date,
            digests=digests,
            sizes=sizes,
            unreadable={},
            app_groups=None,
        )
        write_seal(folder.parent, UDID, seal)
        folders.append(folder.parent)
    assert migrate("diff", *folders, "--json").json["files"]["changed"] == 1


def test_only_the_named_categories_and_apps_are_compared(migrate: Migrate, photo_backups: tuple[Path, Path]) -> None:
    only = migrate("diff", *photo_backups, "--category", "photos", "--json").json
    assert [one["id"] for one in only["categories"]] == ["photos"] and only["files"]["added"] == 0
    app = migrate("diff", *photo_backups, "--category", "app:org.example.diary", "--json").json
    assert [one["id"] for one in app["categories"]] == ["app:org.example.diary"] and app["files"]["added"] == 1


def test_a_category_that_does_not_exist_is_a_mistake(migrate: Migrate, plain_backup: Path) -> None:
    answer = migrate("diff", plain_backup, plain_backup, "--category", "photo", "--json")
    assert answer.code == 2 and "photos" in answer.error["what"] + answer.error["why"]


@pytest.mark.parametrize("place", [0, 1])
def test_both_sides_have_to_be_backups_with_files(
    migrate: Migrate, plain_backup: Path, tmp_path: Path, place: int
) -> None:
    nothing, no_files = tmp_path / "nothing", tmp_path / "no files"
    for folder in (nothing, no_files):
        folder.mkdir()
    (no_files / "Manifest.db").write_bytes(MemoryManifest("18.5").to_bytes())
    for folder, code, name in ((nothing, 2, "backup-not-found"), (no_files, 30, "manifest-empty")):
        folders = [plain_backup, plain_backup]
        folders[place] = folder
        answer = migrate("diff", *folders, "--json")
        assert (answer.code, answer.error["code"]) == (code, name)


def test_each_backup_is_opened_with_its_own_password(migrate: Migrate, tmp_path: Path) -> None:
    words = {"one": "correct-horse-1947", "other": "battery-staple-2012"}
    folders = [write_backup(tmp_path / name / UDID, password=word) for name, word in words.items()]
    for name, word in words.items():
        (tmp_path / f"{name}.txt").write_text(f"{word}\n", encoding="utf-8")
    missing = migrate("diff", *folders, "--json")
    assert (missing.code, missing.error["code"]) == (32, "password-missing")
    same_for_both = migrate("diff", *folders, "--password-file", tmp_path / "one.txt", "--json")
    assert (same_for_both.code, same_for_both.error["code"]) == (32, "wrong-password")
    assert str(folders[1]) in same_for_both.error["what"], "it says which of the two"
    answer = migrate(
        "diff",
        *folders,
        "--password-file",
        tmp_path / "one.txt",
        "--new-password-file",
        tmp_path / "other.txt",
        "--json",
    )
    assert answer.code == 0 and answer.json["files"]["unchanged"] == len(CONTENTS)


def test_one_password_opens_both_backups_of_a_phone(
    migrate: Migrate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [write_backup(tmp_path / name / UDID, password="correct-horse-1947") for name in ("one", "other")]
    monkeypatch.setenv("MIGRATE_BACKUP_PASSWORD", "correct-horse-1947")
    assert migrate("diff", *folders, "--json").json["files"]["unchanged"] == len(CONTENTS)
    plain = write_backup(tmp_path / "plain" / UDID)
    assert migrate("diff", plain, folders[0], "--json").json["files"]["unchanged"] == len(CONTENTS)


def test_a_typed_password_that_does_not_fit_the_second_backup_is_asked_for_again(tmp_path: Path) -> None:
    typed, asked = iter(["first", "second"]), []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return next(typed)

    def open_with(right: str, password: str | None) -> str:
        if password != right:
            raise WrongPassword()
        return right

    passwords = Passwords(ask=ask, can_prompt=lambda: True)
    folders = [BackupFolder(write_backup(tmp_path / name / UDID, password="x")) for name in ("one", "other")]
    for folder, right in zip(folders, ("first", "second"), strict=True):
        assert with_password(folder, passwords, lambda found, right=right: open_with(right, found)) == right
    assert len(asked) == 2


def test_names_of_files_cannot_reach_the_terminal_as_they_are(migrate: Migrate, tmp_path: Path) -> None:
    hostile = ("AppDomain-org.example.diary", "Documents/\x1b[2Jgone\nGone:\u202etxt.exe")
    old = write_backup(tmp_path / "old", contents={DIARY: b"x", hostile: b"x"})
    new = write_backup(tmp_path / "new", contents={DIARY: b"x"})
    answer = migrate("diff", old, new)
    assert answer.code == 0 and "Files that are gone:" in answer.out
    assert not {"\x1b", "\u202e"} & set(answer.out)
    assert "\nGone:" not in answer.out
    in_json = migrate("diff", old, new, "--json")
    assert "\x1b" not in in_json.out and in_json.json["files"]["examples"]["gone"][0]["relative_path"] == hostile[1]


def test_what_could_not_be_compared_is_told(migrate: Migrate, tmp_path: Path) -> None:
    backup = write_backup(tmp_path / "backup", contents={("HomeDomain", "Library/SMS/sms.db"): b"not a database" * 9})
    answer = migrate("diff", backup, backup)
    row = next(line.split() for line in answer.out.splitlines() if line.startswith("Messages"))
    assert row[1:] == ["?"] * 5, "no number is better than a wrong one"
    assert "so what is in it was not compared" in " ".join(answer.out.split())
    (finding,) = migrate("diff", backup, backup, "--json").json["findings"]
    assert (finding["code"], finding["relative_path"]) == ("diff-unreadable", "Library/SMS/sms.db")
