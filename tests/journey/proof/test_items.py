"""The fates of items, with calls as the example: ids and fingerprints decide, never the number of rows."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.journey.proof.fates import Fate, columns
from migrate.journey.proof.prover import Proof
from migrate.plan.strategy import Strategy
from tests.journey.proof.made import BOOKS, CALLS, KEYCHAIN, RESTORED_AT, SHORTCUTS, altered, calls, database

Prove = Callable[..., Proof]


def fates(proof: Proof) -> dict[Fate, int]:
    return dict(proof.owners["calls"].items["calls"])


def test_the_same_calls_in_another_schema_are_found(prove: Prove, tmp_path: Path) -> None:
    sent = calls(tmp_path, "1", "2", "3")
    now = altered(
        sent,
        tmp_path,
        "ALTER TABLE ZCALLRECORD ADD ZNEW TEXT; UPDATE ZCALLRECORD SET Z_PK = Z_PK + 100, ZNEW = 'x'; VACUUM;",
    )
    proof = prove({CALLS: sent}, {CALLS: now})
    assert proof.verdict == "proven" and fates(proof) == {Fate.FOUND: 3}


def test_the_right_number_of_wrong_calls_is_not_proven(prove: Prove, tmp_path: Path) -> None:
    proof = prove({CALLS: calls(tmp_path, "1", "2")}, {CALLS: calls(tmp_path, "8", "9")})
    assert proof.verdict == "not proven" and fates(proof) == {Fate.MISSING: 2}
    assert proof.findings[0].what.startswith("2 of 2 calls are not on the new iPhone: a call with 1, ")


def test_one_changed_call_is_named_with_what_differs(prove: Prove, tmp_path: Path) -> None:
    sent = calls(tmp_path, "1", "2")
    now = altered(sent, tmp_path, "UPDATE ZCALLRECORD SET ZDATE = ZDATE + 3600 WHERE ZADDRESS = '2'")
    proof = prove({CALLS: sent}, {CALLS: now})
    assert fates(proof) == {Fate.FOUND: 1, Fate.DIFFERENT: 1}
    (finding,) = proof.findings
    assert finding.what.startswith("1 of 2 calls is different on the new iPhone: a call with 2")
    assert "date" in finding.why


def test_an_empty_call_history_is_missing_and_not_pending(prove: Prove, tmp_path: Path) -> None:
    assert fates(prove({CALLS: calls(tmp_path, "1")}, {CALLS: calls(tmp_path)})) == {Fate.MISSING: 1}


def test_a_call_history_that_was_never_written_is_missing(prove: Prove, tmp_path: Path) -> None:
    assert fates(prove({CALLS: calls(tmp_path, "1")}, {})) == {Fate.MISSING: 1}


def test_a_damaged_history_on_the_new_phone_could_not_be_seen(prove: Prove, tmp_path: Path) -> None:
    proof = prove({CALLS: calls(tmp_path, "1")}, {CALLS: b"SQLite format 3\x00" + bytes(90)})
    assert proof.verdict == "pending" and fates(proof) == {Fate.UNSEEN: 1}


@pytest.mark.parametrize(
    ("now", "fate"),
    [
        (lambda sent, tmp: sent[:100] + bytes(len(sent) - 100), Fate.DIFFERENT),
        (lambda sent, tmp: b"no database" * 99, Fate.DIFFERENT),
        (lambda sent, tmp: altered(sent, tmp, "ALTER TABLE ZCALLRECORD RENAME TO ZNEWER"), Fate.UNSEEN),
    ],
)
def test_a_history_that_is_still_damaged_after_a_week_is_different_and_a_newer_one_is_unknown(
    prove: Prove, tmp_path: Path, now: Callable[[bytes, Path], bytes], fate: Fate
) -> None:
    sent = calls(tmp_path, "1")
    proof = prove({CALLS: sent}, {CALLS: now(sent, tmp_path)}, days_since=8)
    assert fates(proof) == {fate: 1}
    assert "a call with 1" in proof.findings[0].what


def shortcuts(folder: Path, *actions: bytes) -> bytes:
    rows = "".join(
        f"INSERT INTO ZSHORTCUT VALUES ({row}, 'Shortcut {row}', 'id {row}');"
        f"INSERT INTO ZSHORTCUTACTIONS VALUES ({row}, X'{data.hex()}');"
        for row, data in enumerate(actions)
    )
    return database(
        folder,
        "CREATE TABLE ZSHORTCUT (Z_PK INTEGER PRIMARY KEY, ZNAME TEXT, ZWORKFLOWID TEXT);"
        f"CREATE TABLE ZSHORTCUTACTIONS (ZSHORTCUT INTEGER, ZDATA BLOB); {rows}",
    )


ACTIONS, OTHER_ACTIONS, THIRD_ACTIONS = (plistlib.dumps([number]) for number in range(3))


@pytest.mark.parametrize(
    ("days_since", "second", "third", "fate"),
    [
        (8, b"damaged", THIRD_ACTIONS, Fate.DIFFERENT),
        (1, b"damaged", THIRD_ACTIONS, Fate.UNSEEN),
        (8, b"newer", b"newer", Fate.UNSEEN),
    ],
)
def test_one_item_that_cannot_be_decoded_is_damaged_and_most_are_of_a_newer_format(
    prove: Prove, tmp_path: Path, days_since: float, second: bytes, third: bytes, fate: Fate
) -> None:
    sent = shortcuts(tmp_path, ACTIONS, OTHER_ACTIONS, THIRD_ACTIONS)
    now = shortcuts(tmp_path, ACTIONS, second, third)
    proof = prove({SHORTCUTS: sent}, {SHORTCUTS: now}, days_since=days_since)
    told = proof.owners["shortcuts"].items["shortcuts"]
    assert told[fate] == sum(one not in (OTHER_ACTIONS, THIRD_ACTIONS) for one in (second, third))
    assert told[Fate.FOUND] + told[fate] == 3
    if fate is Fate.DIFFERENT:
        assert "Shortcut 1" in proof.findings[0].what and "actions" in proof.findings[0].why


def test_the_new_phones_own_calls_are_its_own(prove: Prove, tmp_path: Path) -> None:
    """The landed proof called this proven: the numbers of rows were not smaller."""
    own = calls(tmp_path, "7", "8", "9")
    proof = prove({CALLS: calls(tmp_path, "1", "2")}, {CALLS: own}, before={CALLS: own}, strategy=Strategy.OVERLAY)
    assert proof.verdict == "not proven" and fates(proof) == {Fate.KEPT_OWN: 2}
    assert "the new iPhone kept its own" in proof.findings[0].what


def books(folder: Path, *titles: str) -> bytes:
    rows = "".join(f"INSERT INTO ZBKLIBRARYASSET VALUES ('id of {title}', '{title}');" for title in titles)
    return database(folder, f"CREATE TABLE ZBKLIBRARYASSET (ZASSETID TEXT, ZTITLE TEXT); {rows}")


@pytest.mark.parametrize(
    ("own", "now", "days_since", "fate"),
    [
        (("Own",), ("Own",), 0.1, Fate.LATER),
        (("Emma",), ("Emma",), 0.1, Fate.LATER),  # the same book, of which something else differs
        (("Own",), ("Own",), 8, Fate.KEPT_OWN),
        (("Emma",), ("Emma",), 8, Fate.KEPT_OWN),
        (("Own",), ("Own", "New"), 0.1, Fate.MISSING),
    ],
)
def test_until_an_apps_data_is_loaded_its_own_is_in_that_place(
    prove: Prove, tmp_path: Path, own: tuple[str, ...], now: tuple[str, ...], days_since: float, fate: Fate
) -> None:
    sent = altered(books(tmp_path, "Emma"), tmp_path, "UPDATE ZBKLIBRARYASSET SET ZTITLE = 'Emma (second edition)'")
    there, before = books(tmp_path, *now), books(tmp_path, *own)
    proof = prove(
        {BOOKS: sent}, {BOOKS: there}, before={BOOKS: before}, strategy=Strategy.OVERLAY, days_since=days_since
    )
    assert dict(proof.owners["books"].items["books"]) == {fate: 1}


def test_new_calls_beside_the_old_ones_do_not_matter(prove: Prove, tmp_path: Path) -> None:
    proof = prove({CALLS: calls(tmp_path, "1", "2")}, {CALLS: calls(tmp_path, "1", "2", "3")})
    assert proof.verdict == "proven"


def test_calls_of_one_id_are_matched_one_to_one(prove: Prove, tmp_path: Path) -> None:
    sent = altered(calls(tmp_path, "1", "2", "2b"), tmp_path, "UPDATE ZCALLRECORD SET ZUNIQUE_ID = 'same'")
    lost = altered(sent, tmp_path, "DELETE FROM ZCALLRECORD WHERE ZADDRESS = '2b'")
    assert fates(prove({CALLS: sent}, {CALLS: lost})) == {Fate.FOUND: 2, Fate.MISSING: 1}


def test_items_that_cannot_be_read_are_a_doubt_unless_their_bytes_are_equal(prove: Prove, tmp_path: Path) -> None:
    strange = database(tmp_path, "CREATE TABLE strange (x); INSERT INTO strange VALUES (1);")
    proof = prove({CALLS: strange}, {CALLS: altered(strange, tmp_path, "VACUUM; PRAGMA user_version = 3;")})
    assert proof.verdict == "pending" and proof.owners["calls"].unknown_kinds == {"calls"}


def test_items_that_cannot_be_read_are_proven_by_equal_bytes(prove: Prove, tmp_path: Path) -> None:
    strange = database(tmp_path, "CREATE TABLE strange (x); INSERT INTO strange VALUES (1);")
    assert prove({CALLS: strange}, {CALLS: strange}).verdict == "proven"


def keychain(*references: bytes) -> bytes:
    """The keychain of an unencrypted backup: items that no computer can open."""
    data = b"\x03\0\0\0\x06\0\0\0\x28\0\0\0" + bytes(200)
    return plistlib.dumps({"genp": [{"v_Data": data, "v_PersistentRef": reference} for reference in references]})


def test_passwords_of_an_unencrypted_backup_are_expected_on_their_own_phone_alone(prove: Prove, tmp_path: Path) -> None:
    proof = prove({KEYCHAIN: keychain(b"one", b"two")}, {KEYCHAIN: keychain(b"own")})
    assert proof.verdict == "proven" and proof.owners["passwords"].items["keychain"] == {Fate.NOT_EXPECTED: 2}
    assert not proof.owners["passwords"].unknown_kinds


def test_passwords_of_an_unencrypted_backup_are_looked_for_on_the_same_phone(prove: Prove, tmp_path: Path) -> None:
    proof = prove({KEYCHAIN: keychain(b"one", b"two")}, {KEYCHAIN: keychain(b"one")}, same_phone=True)
    assert proof.verdict != "proven"
    assert proof.owners["passwords"].unknown_kinds == {"keychain"}


def test_a_damaged_keychain_is_a_doubt(prove: Prove, tmp_path: Path) -> None:
    proof = prove({KEYCHAIN: b"bplist00 damaged"}, {KEYCHAIN: keychain(b"own")})
    assert proof.verdict == "pending" and proof.owners["passwords"].unknown_kinds == {"keychain"}


def test_columns_add_up_to_what_was_sent() -> None:
    shown = columns({Fate.FOUND: 5, Fate.LATER: 2, Fate.MISSING: 1, Fate.NOT_EXPECTED: 9, Fate.UNSEEN: 3})
    assert shown == {"sent": 11, "proven": 5, "there": 3, "arriving": 2, "changed_since": 0, "wrong": 1}


RECORDINGS = ("MediaDomain", "Media/Recordings/")
LATER_RECORDINGS = ("AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings/")


def recordings(folder: Path, place: tuple[str, str], sound: bytes) -> dict[tuple[str, str], bytes]:
    """One voice memo in the place of an iOS version."""
    domain, path = place
    store = database(
        folder,
        "CREATE TABLE ZCLOUDRECORDING (Z_PK INTEGER PRIMARY KEY, ZDATE REAL, ZDURATION REAL, ZENCRYPTEDTITLE TEXT,"
        " ZPATH TEXT, ZUNIQUEID TEXT);"
        "INSERT INTO ZCLOUDRECORDING VALUES (1, 700000000, 9, 'Soup', 'soup.m4a', 'u-1');",
    )
    return {(domain, path + "CloudRecordings.db"): store, (domain, path + "soup.m4a"): sound}


def test_a_recording_that_a_newer_ios_keeps_elsewhere_is_found(prove: Prove, tmp_path: Path) -> None:
    sent, now = (recordings(tmp_path, place, b"sound") for place in (RECORDINGS, LATER_RECORDINGS))
    proof = prove(sent, now)
    assert proof.verdict == "proven" and [f.code for f in proof.findings] == ["proof-fields-left-out"]
    assert proof.owners["voice-memos"].all == {Fate.FOUND: 2}, "the memo and its file"


def test_another_recording_elsewhere_is_not_the_same(prove: Prove, tmp_path: Path) -> None:
    sent = recordings(tmp_path, RECORDINGS, b"sound")
    proof = prove(sent, recordings(tmp_path, LATER_RECORDINGS, b"noise"))
    assert proof.verdict == "not proven" and "the recording “Soup”" in proof.findings[0].what


# -- notes: they have a date of change, may be in an account, and may have been deleted --------------------------------

NOTES = ("HomeDomain", "Library/Notes/notes.sqlite")


def notes(folder: Path, *titles: str) -> bytes:
    """Notes that were never changed, in the phone's own store."""
    rows = "".join(
        f"INSERT INTO ZNOTE VALUES ({number}, 'id of {title}', '{title}', 1, 4e8, 4e8, 0);"
        f"INSERT INTO ZNOTEBODY VALUES ({number}, '{title}');"
        for number, title in enumerate(titles, 1)
    )
    return database(
        folder,
        "CREATE TABLE ZACCOUNT (Z_PK INTEGER PRIMARY KEY, ZTYPE INTEGER, ZNAME TEXT);"
        "INSERT INTO ZACCOUNT VALUES (1, 0, 'x'), (2, 1, 'Mail');"
        "CREATE TABLE ZSTORE (Z_PK INTEGER PRIMARY KEY, ZACCOUNT INTEGER, ZNAME TEXT);"
        "INSERT INTO ZSTORE VALUES (1, 1, 'Local'), (2, 2, 'Notes');"
        "CREATE TABLE ZNOTE (Z_PK INTEGER PRIMARY KEY, ZGUID TEXT, ZTITLE TEXT, ZSTORE INTEGER, ZCREATIONDATE REAL,"
        " ZMODIFICATIONDATE REAL, ZDELETEDFLAG INTEGER);"
        f"CREATE TABLE ZNOTEBODY (ZOWNER INTEGER, ZCONTENT TEXT); {rows}",
    )


def of_notes(proof: Proof) -> dict[Fate, int]:
    return dict(proof.owners["notes"].items["notes"])


@pytest.mark.parametrize(("seconds", "fate"), [(-60, Fate.DIFFERENT), (60, Fate.CHANGED_SINCE)])
def test_only_a_change_after_the_restore_is_the_persons_own(
    prove: Prove, tmp_path: Path, seconds: int, fate: Fate
) -> None:
    sent = notes(tmp_path, "Tea", "Milk")
    changed_at = RESTORED_AT - 978_307_200 + seconds  # Cocoa counts from 2001
    now = altered(
        sent,
        tmp_path,
        f"UPDATE ZNOTE SET ZMODIFICATIONDATE = {changed_at} WHERE Z_PK = 2;"
        "UPDATE ZNOTEBODY SET ZCONTENT = 'Oat milk' WHERE ZOWNER = 2;",
    )
    assert of_notes(prove({NOTES: sent}, {NOTES: now})) == {Fate.FOUND: 1, fate: 1}


def test_a_note_that_was_deleted_on_the_old_phone_is_not_missed(prove: Prove, tmp_path: Path) -> None:
    sent = altered(notes(tmp_path, "Tea", "Milk"), tmp_path, "UPDATE ZNOTE SET ZDELETEDFLAG = 1 WHERE Z_PK = 2")
    proof = prove({NOTES: sent}, {NOTES: notes(tmp_path, "Tea")})
    assert proof.verdict == "proven" and of_notes(proof) == {Fate.FOUND: 1}


@pytest.mark.parametrize(
    ("account", "days_since", "fate"), [(2, 0.1, Fate.LATER), (2, 7.1, Fate.MISSING), (1, 0.1, Fate.MISSING)]
)
def test_only_a_note_of_an_account_may_come_later_and_not_after_a_week(
    prove: Prove, tmp_path: Path, account: int, days_since: float, fate: Fate
) -> None:
    sent = altered(notes(tmp_path, "Tea", "Milk"), tmp_path, f"UPDATE ZNOTE SET ZSTORE = {account} WHERE Z_PK = 2")
    proof = prove({NOTES: sent}, {NOTES: notes(tmp_path, "Tea")}, days_since=days_since)
    assert of_notes(proof) == {Fate.FOUND: 1, fate: 1}
