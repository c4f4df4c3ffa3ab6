"""What became of the items of a backup: added, gone, changed, in Recently Deleted, only in iCloud, or not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.backup.seal import Seal
from migrate.content.side import Side
from tests.backup.memory_manifest import MemoryManifest
from tests.content.difference.made import LIBRARY, Pair, category, changed, codes, numbers, phone, side, without
from tests.content.made_messages import GUESSED, PICTURE, conversations
from tests.journey.proof.made import SMS, backup_of
from tests.made_backups import row

PHOTOS = "Media/DCIM/100APPLE/IMG_{:04d}.JPG"
IS_PHOTO = "ZFILENAME = 'IMG_{:04d}.JPG'"


@pytest.mark.parametrize("ios_version", ["12.5.7", "18.5", "27.0"])
def test_a_phone_does_not_differ_from_itself(pair: Pair, ios_version: str) -> None:
    files = phone(ios_version)
    found = pair.compare(files, files)
    assert not any(numbers(found, one.id) for one in found.categories if one.kinds and not one.is_unknown)
    assert {one.id for one in found.categories if one.is_unknown} == {"passwords"}, "this backup has no keys"
    assert category(found, "photos").as_json()["unchanged"] == 7
    assert codes(found) == {"diff-unreadable"}, "what neither schema has is not said to be in one of them only"
    assert (found.files.changes.total(), found.files.unchanged) == (0, len(files))


def test_everything_that_can_become_of_a_photo_is_told_apart(pair: Pair) -> None:
    old = phone(domain="CameraRollDomain")
    pixels = old["CameraRollDomain", PHOTOS.format(5)]
    new = changed(
        without(old, ("CameraRollDomain", PHOTOS.format(4)), ("CameraRollDomain", PHOTOS.format(1))),
        LIBRARY,
        f"DELETE FROM ZASSET WHERE {IS_PHOTO.format(1)}",
        f"UPDATE ZASSET SET ZTRASHEDSTATE = 1 WHERE {IS_PHOTO.format(2)}",
        f"UPDATE ZASSET SET ZFAVORITE = 1 - ZFAVORITE WHERE {IS_PHOTO.format(3)}",
        "UPDATE ZINTERNALRESOURCE SET ZLOCALAVAILABILITY = -1, ZREMOTEAVAILABILITY = 1 WHERE ZDATASTORESUBTYPE = 1"
        f" AND ZASSET = (SELECT Z_PK FROM ZASSET WHERE {IS_PHOTO.format(4)})",
    )
    new["CameraRollDomain", PHOTOS.format(5)] = pixels[:-1] + bytes([pixels[-1] ^ 1])
    found = pair.compare(old, new)
    assert numbers(found, "photos") == {"gone": 1, "deleted": 1, "changed": 2, "only_in_icloud": 1}
    (photos,) = category(found, "photos").as_json()["kinds"]
    assert {fate: len(names) for fate, names in photos["examples"].items()} == numbers(found, "photos")
    assert photos["changed_fields"] == {"favourite": 1}, "the other one has the same entry and another file"
    back = pair.compare(new, old)
    assert numbers(back, "photos") == {"added": 2, "changed": 2}, "one is new, one was taken out of Recently Deleted"


def test_what_only_recently_deleted_has_is_counted_apart(pair: Pair) -> None:
    files = phone(domain="CameraRollDomain")
    trashed = changed(files, LIBRARY, f"UPDATE ZASSET SET ZTRASHEDSTATE = 1 WHERE {IS_PHOTO.format(2)}")
    expired = changed(files, LIBRARY, f"DELETE FROM ZASSET WHERE {IS_PHOTO.format(2)}")
    assert numbers(pair.compare(trashed, expired), "photos") == {"deleted_gone": 1}
    assert numbers(pair.compare(expired, trashed), "photos") == {"deleted_added": 1}
    assert numbers(pair.compare(trashed, trashed), "photos") == {}


def test_a_message_moved_to_recently_deleted_is_deleted_and_not_gone(pair: Pair, tmp_path: Path) -> None:
    old = {SMS: conversations(tmp_path, GUESSED["17"]()), ("MediaDomain", PICTURE): b"picture"}
    new = changed(
        old,
        SMS,
        "INSERT INTO chat_recoverable_message_join (chat_id, message_id)"
        " SELECT chat_id, message_id FROM chat_message_join WHERE message_id IN"
        " (SELECT ROWID FROM message WHERE guid IN ('A-1', 'B-1'))",
        "DELETE FROM chat_message_join WHERE message_id IN (SELECT ROWID FROM message WHERE guid IN ('A-1', 'B-1'))",
        "DELETE FROM message WHERE guid = 'A-2'",
        "UPDATE message SET text = 'Chapter nine', attributedBody = NULL WHERE guid = 'D-edited'",
    )
    found = pair.compare(old, new)
    assert numbers(found, "messages") == {"deleted": 2, "gone": 1, "changed": 1}
    (kind,) = category(found, "messages").as_json()["kinds"]
    assert kind["changed_fields"] == {"body": 1}
    assert len(kind["examples"]["deleted"]) == 2 and "Book club" in " ".join(kind["examples"]["deleted"])


def test_a_message_whose_picture_went_to_icloud_is_only_in_icloud(pair: Pair, tmp_path: Path) -> None:
    old = {SMS: conversations(tmp_path, GUESSED["17"]()), ("MediaDomain", PICTURE): b"picture"}
    gone = without(old, ("MediaDomain", PICTURE))
    assert numbers(pair.compare(old, gone), "messages") == {"changed": 1}, "nothing says that it is in iCloud"
    in_icloud = changed(
        gone, SMS, "UPDATE attachment SET ck_sync_state = 1, ck_record_id = 'R'", "UPDATE message SET ck_sync_state = 1"
    )
    assert numbers(pair.compare(old, in_icloud), "messages") == {"only_in_icloud": 1}
    assert numbers(pair.compare(in_icloud, old), "messages") == {}, "loading it again changes nothing"


def test_another_ios_version_stores_the_same_messages(pair: Pair, tmp_path: Path) -> None:
    picture = {("MediaDomain", PICTURE): b"picture"}
    old = {SMS: conversations(tmp_path, GUESSED["16"]()), **picture}
    new = {SMS: conversations(tmp_path, GUESSED["26"](), seed=5, chat_prefix="any", body="attributed"), **picture}
    assert numbers(pair.compare(old, new), "messages") == {}


def test_fields_of_one_ios_version_only_are_named(pair: Pair, tmp_path: Path) -> None:
    new = {SMS: conversations(tmp_path, GUESSED["17"]())}
    old = changed(new, SMS, "ALTER TABLE message DROP COLUMN is_from_me")
    found = pair.compare(old, new, owners={"messages"})
    (finding,) = [one for one in found.findings if one.code == "diff-fields-left-out"]
    assert "direction" in finding.what


def test_a_recording_at_another_path_is_the_same_recording(pair: Pair) -> None:
    old = phone(domain="AppDomainGroup-group.com.apple.VoiceMemos")
    recordings = [place for place in old if place[1].endswith(".m4a")]
    moved = without(old, *recordings)
    moved |= {
        (domain, path.replace("Recordings/", "Recordings/2026/")): old[domain, path] for domain, path in recordings
    }
    store = next(place for place in old if place[1].endswith("CloudRecordings.db"))
    new = changed(moved, store, "UPDATE ZCLOUDRECORDING SET ZPATH = '2026/' || ZPATH")
    assert len(recordings) == 2 and numbers(pair.compare(old, new), "voice-memos") == {}
    new[next(place for place in new if place[1].endswith(".m4a"))] += b"more"
    assert numbers(pair.compare(old, new), "voice-memos") == {"changed": 1}


def test_an_unreadable_database_is_named_and_gives_no_numbers(pair: Pair) -> None:
    old = {**phone(domain="CameraRollDomain"), **phone(domain="HomeDomain")}
    new = {**without(old, (SMS[0], f"{SMS[1]}-wal")), SMS: b"not a database" * 100}
    for one, other in ((old, new), (new, old)):  # the damaged one is first the later, then the earlier one
        found = pair.compare(one, other)
        messages = category(found, "messages").as_json()
        assert (messages["added"], messages["gone"], messages["unchanged"]) == (None, None, None)
        assert messages["kinds"][0]["gone"] is None and messages["kinds"][0]["examples"] == {}
        (finding,) = [one for one in found.findings if one.relative_path == SMS[1]]
        assert finding.code == "diff-unreadable" and ("/new" if other is new else "/old") in finding.what
        assert numbers(found, "photos") == {}, "the others are compared"


@pytest.mark.parametrize("damage", ["missing blob", "damaged row", "not read by the phone"])
def test_a_database_that_is_not_there_for_a_reason_is_not_gone(pair: Pair, tmp_path: Path, damage: str) -> None:
    """Every message would be counted as gone."""
    files = {SMS: conversations(tmp_path, GUESSED["17"]()), ("HomeDomain", "Library/notes.txt"): b"x"}
    name = file_id(*SMS)
    with backup_of(tmp_path / "old", files) as old:
        if damage == "damaged row":
            writer = MemoryManifest("18.5")
            writer.add(row("HomeDomain", "Library/notes.txt"))
            writer.add_row(name, *SMS, 1, b"no archive")
            (tmp_path / "new").mkdir()
            (tmp_path / "new" / "Manifest.db").write_bytes(writer.to_bytes())
            new = Backup.open(tmp_path / "new")
        else:
            new = backup_of(tmp_path / "new", files if damage == "missing blob" else without(files, SMS))
            (tmp_path / "new" / name[:2] / name).unlink(missing_ok=True)
        with new:
            seal = None
            if damage == "not read by the phone":
                seal = Seal(
                    uuid=None, date=None, digests={}, sizes={}, unreadable={name: "MBErrorDomain/205"}, app_groups=None
                )
            found = pair.of(side(old), side(new, seal))
    assert category(found, "messages").is_unknown
    assert category(found, "messages").as_json()["gone"] is None
    assert "diff-unreadable" in codes(found)


class Encrypted(Side):
    @property
    def is_encrypted(self) -> bool:
        return True


def test_what_only_an_encrypted_backup_has_is_not_gone_from_an_unencrypted_one(pair: Pair, tmp_path: Path) -> None:
    files = phone()
    health = {place for place in files if place[0] == "HealthDomain"}
    assert health
    with backup_of(tmp_path / "old", files) as old, backup_of(tmp_path / "new", without(files, *health)) as new:
        before = side(old)
        found = pair.of(Encrypted(backup=old, claims=before.claims), side(new))
        assert category(found, "health").is_unknown and category(found, "health").as_json()["gone"] is None
        assert [one.categories for one in found.findings if one.code == "diff-needs-encryption"] == [("health",)]
        assert numbers(pair.of(before, side(new)), "health")["gone"], "of two unencrypted ones, it is"


def test_names_are_bounded_and_counts_are_not(pair: Pair) -> None:
    old = phone(domain="HomeDomain", messages=60)
    new = changed(old, SMS, "DELETE FROM message WHERE ROWID <= 50")
    found = pair.compare(old, new)
    (kind,) = category(found, "messages").as_json()["kinds"]
    assert (kind["gone"], len(kind["examples"]["gone"])) == (50, 20)


def test_only_the_chosen_categories_are_compared(pair: Pair) -> None:
    old = phone()
    new = changed(without(old, ("CameraRollDomain", PHOTOS.format(1))), SMS, "DELETE FROM message WHERE ROWID = 1")
    found = pair.compare(old, new, owners={"messages"})
    assert [one.id for one in found.categories] == ["messages"]
    assert numbers(found, "messages") == {"gone": 1}
    assert found.files.changes["gone"] == sum(place[1].endswith(("sms.db-wal", "sms.db-shm")) for place in old)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_other_peoples_backups_can_be_held_against_each_other(
    pair: Pair, shared_data: Path, order: tuple[int, int]
) -> None:
    folders = [shared_data / "minted" / "plain-backup", shared_data / "ios14-real-manifest" / "backup"]
    with Backup.open(folders[order[0]]) as old, Backup.open(folders[order[1]]) as new:
        found = pair.of(side(old), side(new))
    assert found.files.old + found.files.changes["added"] - found.files.changes["gone"] == found.files.new
    assert {found.files.old, found.files.new} == {4, 1103}, "files and links"
    assert category(found, "photos").is_unknown and "diff-unreadable" in codes(found)
