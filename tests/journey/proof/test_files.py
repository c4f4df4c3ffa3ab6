"""The fates of files: documents, photos, settings, databases of apps, and what the phone keeps for itself."""

from __future__ import annotations

import plistlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.journey.proof.fates import GONE, Fate
from migrate.journey.proof.prover import Proof
from migrate.plan.strategy import Strategy
from tests.journey.proof.made import (
    APP_DATABASE,
    CACHE,
    DOCUMENT,
    FONT,
    OTHER_PHOTO,
    PHOTO,
    RESTORED_AT,
    SETTINGS,
    altered,
    database,
    in_a_log,
    link_to,
)

Prove = Callable[..., Proof]
STAYS = ("HomeDomain", "Library/Preferences/com.apple.MobileBluetooth.devices.plist")
"""iOS restores it to the same phone alone."""
ROWS = "CREATE TABLE page (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO page VALUES (1, 'a'), (2, 'b'), (3, 'c');"


def codes(proof: Proof) -> list[str]:
    return [finding.code for finding in proof.findings]


def test_equal_bytes_are_proven(prove: Prove) -> None:
    files = {PHOTO: b"\xff\xd8 a picture", FONT: b"a font"}
    proof = prove(files, files)
    assert proof.verdict == "proven" and proof.findings == []
    assert proof.owners["photos"].files == {Fate.SAME: 1}


def test_a_missing_file_is_named(prove: Prove) -> None:
    proof = prove({FONT: b"a font"}, {})
    assert proof.verdict == "not proven" and proof.wrong == 1
    assert [(f.code, f.severity, f.relative_path) for f in proof.findings] == [("proof-missing", "error", FONT[1])]


def test_a_file_with_other_bytes_is_named(prove: Prove) -> None:
    assert codes(prove({FONT: b"a font"}, {FONT: b"a fount"})) == ["proof-changed"]


def test_a_file_that_became_a_link_is_named(prove: Prove) -> None:
    proof = prove({FONT: b"a font"}, {FONT: link_to("elsewhere.otf")})
    assert (proof.verdict, codes(proof)) == ("not proven", ["proof-changed"])


def test_a_link_is_proven_by_its_target(prove: Prove) -> None:
    assert prove({FONT: link_to("font.otf")}, {FONT: link_to("font.otf")}).verdict == "proven"


def test_a_link_that_leads_elsewhere_is_named(prove: Prove) -> None:
    proof = prove({FONT: link_to("font.otf")}, {FONT: link_to("other.otf")})
    assert (proof.verdict, codes(proof)) == ("not proven", ["proof-changed"])


def test_a_byte_of_a_photo_flipped(prove: Prove) -> None:
    proof = prove({PHOTO: b"\xff\xd8 a picture"}, {PHOTO: b"\xff\xd8 a pictuse"})
    assert proof.verdict == "not proven" and proof.owners["photos"].files == {Fate.DIFFERENT: 1}


def test_a_document_written_after_the_move_was_changed_by_its_owner(prove: Prove) -> None:
    proof = prove({DOCUMENT: b"draft"}, {DOCUMENT: b"final"}, modified={DOCUMENT: RESTORED_AT + 60})
    assert proof.verdict == "proven" and proof.owners["app:com.example.chatter"].files == {Fate.CHANGED_SINCE: 1}
    assert codes(proof) == ["proof-changed-since"]


def test_photos_that_arrive_in_the_background_are_pending(prove: Prove) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    proof = prove(both, {OTHER_PHOTO: both[OTHER_PHOTO]})
    assert proof.verdict == "pending" and proof.arriving == 1 and codes(proof) == ["proof-pending"]


def test_after_a_day_a_category_of_which_nothing_has_come_is_missing(prove: Prove) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    proof = prove(both, {}, days_since=1.1)
    assert proof.verdict == "not proven" and proof.owners["photos"].files == {Fate.MISSING: 2}
    assert "should have arrived by now" in proof.findings[0].what


def test_after_a_day_the_rest_of_a_category_may_still_come(prove: Prove) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    assert prove(both, {PHOTO: both[PHOTO]}, days_since=6.9).verdict == "pending"


def test_after_a_week_nothing_may_still_come(prove: Prove) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    assert prove(both, {PHOTO: both[PHOTO]}, days_since=7.1).verdict == "not proven"


def test_an_app_that_is_not_installed_yet_brings_its_data_later(prove: Prove) -> None:
    app = ("AppDomain-com.example.later", "Documents/a.bin")
    proof = prove({app: b"data"}, {})
    assert proof.verdict == "pending" and proof.awaited_app_ids == {"com.example.later"}


def test_what_two_apps_share_waits_for_neither_once_one_of_them_is_installed(prove: Prove) -> None:
    """The phone brings the container of a group with the first of its apps."""
    shared = ("AppDomainGroup-group.com.example.shared", "Documents/notes.bin")
    sent = {shared: b"both", DOCUMENT: b"draft", ("AppDomain-com.example.later", "Documents/a.bin"): b"data"}
    proof = prove(sent, {DOCUMENT: b"draft"})
    assert proof.owners["app:com.example.chatter"].later == {"background": 1}
    assert proof.owners["app:com.example.later"].later == {"background": 1, "app": 1}


def test_a_phone_in_use_drops_the_data_of_an_app_it_does_not_have(prove: Prove) -> None:
    app = ("AppDomain-com.example.later", "Documents/a.bin")
    proof = prove({app: b"data"}, {}, before={}, strategy=Strategy.OVERLAY)
    assert proof.verdict == "not proven" and "its app is not installed" in proof.findings[0].what


def test_a_file_that_was_said_not_to_be_sent_is_not_missed(prove: Prove) -> None:
    proof = prove({PHOTO: b"a picture", FONT: b"a font"}, {FONT: b"a font"}, unsent_file_ids={file_id(*PHOTO)})
    assert proof.verdict == "proven" and proof.owners["photos"].files == {Fate.NOT_EXPECTED: 1}


@pytest.mark.parametrize(("same_phone", "fate"), [(False, Fate.NOT_EXPECTED), (True, GONE)])
def test_what_no_other_phone_takes_is_looked_for_on_its_own_phone_alone(
    prove: Prove, same_phone: bool, fate: str
) -> None:
    told: list[Mapping[str, Any]] = []
    proof = prove(
        {STAYS: b"of this phone", FONT: b"a font"}, {FONT: b"a font"}, same_phone=same_phone, details=told.append
    )
    assert proof.owners["bluetooth"].housekeeping == {fate: 1}
    assert [line["path"] for line in told] == ([STAYS[1]] if same_phone else [])


# -- settings ----------------------------------------------------------------------------------------------------------


def settings(**keys: object) -> bytes:
    return plistlib.dumps(keys)


def test_settings_are_compared_key_by_key(prove: Prove) -> None:
    old = {SETTINGS: settings(ReduceMotion=True, BoldText=True)}
    new = {SETTINGS: plistlib.dumps({"BoldText": True, "ReduceMotion": True, "Added": 1}, fmt=plistlib.FMT_BINARY)}
    assert prove(old, new).verdict == "proven"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("com.apple.springboard", "SBHomeScreenVersion"),
        ("com.apple.Preferences", "kPreferencePositionKey"),
        ("com.apple.mobilephone", "AddressBookLastDialedUid"),
    ],
)
def test_what_ios_notes_beside_settings_is_not_compared(prove: Prove, name: str, key: str) -> None:
    place = ("HomeDomain", f"Library/Preferences/{name}.plist")
    old, new = {place: settings(Chosen=True, **{key: 1})}, {place: settings(Chosen=True, **{key: 2})}
    assert prove(old, new).verdict == "proven"


@pytest.mark.parametrize("now", [{"BoldText": True}, {"BoldText": True, "ReduceMotion": False}, {}])
def test_a_preference_that_was_reset_is_named(prove: Prove, now: dict[str, object]) -> None:
    proof = prove({SETTINGS: settings(ReduceMotion=True, BoldText=True)}, {SETTINGS: plistlib.dumps(now)})
    assert proof.verdict == "not proven" and "ReduceMotion" in proof.findings[0].why


def test_a_setting_that_the_new_phone_kept_is_its_own(prove: Prove) -> None:
    own = settings(ReduceMotion=False)
    sent = {SETTINGS: settings(ReduceMotion=True)}
    proof = prove(sent, {SETTINGS: own}, before={SETTINGS: own}, strategy=Strategy.OVERLAY)
    assert proof.verdict == "not proven" and codes(proof) == ["proof-kept-own"]


# -- databases of apps -------------------------------------------------------------------------------------------------


def test_a_database_on_other_pages_is_the_same(prove: Prove, tmp_path: Path) -> None:
    sent = database(tmp_path, ROWS)
    now = altered(sent, tmp_path, "PRAGMA user_version = 7; VACUUM;")
    assert now != sent and prove({APP_DATABASE: sent}, {APP_DATABASE: now}).verdict == "proven"


def test_a_database_with_more_rows_columns_and_tables_still_has_all_that_was_sent(prove: Prove, tmp_path: Path) -> None:
    sent = database(tmp_path, ROWS)
    now = altered(
        sent, tmp_path, "INSERT INTO page VALUES (9, 'z'); ALTER TABLE page ADD seen INTEGER; CREATE TABLE more (x);"
    )
    proof = prove({APP_DATABASE: sent}, {APP_DATABASE: now})
    assert proof.verdict == "proven" and proof.owners["app:com.example.chatter"].files == {Fate.FOUND: 1}
    assert proof.findings == []


def test_an_empty_table_that_an_update_drops_loses_nothing(prove: Prove, tmp_path: Path) -> None:
    sent = database(tmp_path, ROWS + "CREATE TABLE cache (x);")
    now = altered(sent, tmp_path, "DROP TABLE cache; INSERT INTO page VALUES (9, 'z');")
    assert prove({APP_DATABASE: sent}, {APP_DATABASE: now}).verdict == "proven"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM page WHERE id = 3",
        "DROP TABLE page",
        "UPDATE page SET text = 'another' WHERE id = 3",
        "UPDATE page SET text = CAST(text AS BLOB) WHERE id = 3",
    ],
)
def test_a_database_that_lost_or_changed_a_row_is_not_proven(prove: Prove, tmp_path: Path, statement: str) -> None:
    sent = database(tmp_path, ROWS)
    proof = prove({APP_DATABASE: sent}, {APP_DATABASE: altered(sent, tmp_path, statement)})
    assert proof.verdict == "not proven" and codes(proof) == ["proof-changed"]


def test_a_database_replaced_by_garbage_is_not_proven(prove: Prove, tmp_path: Path) -> None:
    garbage = b"SQLite format 3\x00" + bytes(90)
    assert prove({APP_DATABASE: database(tmp_path, ROWS)}, {APP_DATABASE: garbage}).verdict == "not proven"


def test_a_lost_log_is_noticed_even_if_the_database_is_equal(prove: Prove, tmp_path: Path) -> None:
    main, log = in_a_log(tmp_path, ROWS)
    name = (APP_DATABASE[0], APP_DATABASE[1] + "-wal")
    assert prove({APP_DATABASE: main, name: log}, {APP_DATABASE: main, name: b""}).verdict == "not proven"


def test_a_log_folded_into_its_database_is_the_same(prove: Prove, tmp_path: Path) -> None:
    main, log = in_a_log(tmp_path, ROWS)
    name = (APP_DATABASE[0], APP_DATABASE[1] + "-wal")
    now = database(tmp_path, ROWS)
    assert prove({APP_DATABASE: main, name: log}, {APP_DATABASE: now}).verdict == "proven"


def test_a_database_of_apples_that_the_new_phone_kept_is_its_own(prove: Prove, tmp_path: Path) -> None:
    tabs = ("HomeDomain", "Library/Safari/SafariTabs.db")
    sent = database(tmp_path, ROWS)
    own = altered(sent, tmp_path, "UPDATE page SET text = 'its own'")
    proof = prove({tabs: sent}, {tabs: own}, before={tabs: own}, strategy=Strategy.OVERLAY)
    assert proof.verdict == "not proven" and codes(proof) == ["proof-kept-own"]


@pytest.mark.parametrize(
    ("statement", "verdict"),
    [
        ("DELETE FROM page WHERE id = 3; UPDATE page SET text = 'rewritten';", "not proven"),
        ("UPDATE page SET text = 'rewritten';", "proven"),
    ],
)
def test_ios_may_rewrite_the_rows_of_a_database_of_its_own_and_not_lose_one(
    prove: Prove, tmp_path: Path, statement: str, verdict: str
) -> None:
    tabs = ("HomeDomain", "Library/Safari/SafariTabs.db")
    sent = database(tmp_path, ROWS)
    assert prove({tabs: sent}, {tabs: altered(sent, tmp_path, statement)}).verdict == verdict


def test_a_table_with_no_column_of_the_old_one_has_none_of_its_rows(prove: Prove, tmp_path: Path) -> None:
    now = database(tmp_path, "CREATE TABLE page (a, b); INSERT INTO page VALUES (7, 'x'), (8, 'y'), (9, 'z');")
    assert prove({APP_DATABASE: database(tmp_path, ROWS)}, {APP_DATABASE: now}).verdict == "not proven"


# -- housekeeping ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("after", "fate"), [({}, GONE), ({CACHE: b"rewritten"}, Fate.PRESENT)])
def test_housekeeping_never_fails_a_proof(prove: Prove, after: dict[tuple[str, str], bytes], fate: str) -> None:
    proof = prove({CACHE: b"web data"}, after)
    assert proof.verdict == "proven" and proof.owners["app:com.example.chatter"].housekeeping == {fate: 1}


# -- a phone in use ----------------------------------------------------------------------------------------------------


def test_what_was_not_chosen_is_held_to_the_same_fates(prove: Prove) -> None:
    before = {FONT: b"its own font", PHOTO: b"\xff\xd8 its own picture"}
    sent = {PHOTO: b"\xff\xd8 a picture"}
    photos = frozenset({"photos"})
    kept = prove(sent, {**sent, FONT: b"its own font"}, before=before, owners=photos, strategy=Strategy.OVERLAY)
    assert kept.verdict == "proven" and kept.kept.files == {Fate.SAME: 1}


def test_a_file_lost_from_a_phone_in_use_is_named(prove: Prove) -> None:
    sent = {PHOTO: b"\xff\xd8 a picture"}
    photos = frozenset({"photos"})
    proof = prove(sent, sent, before={FONT: b"its own font"}, owners=photos, strategy=Strategy.OVERLAY)
    assert proof.verdict == "not proven" and codes(proof) == ["proof-kept-missing"]
    assert proof.kept.files == {Fate.MISSING: 1}


@pytest.mark.parametrize(
    ("days", "verdict", "code"), [(0.0, "pending", "proof-pending"), (7.1, "not proven", "proof-kept-own")]
)
def test_a_photo_that_the_new_phone_kept_is_awaited_while_others_load_and_then_its_own(
    prove: Prove, days: float, verdict: str, code: str
) -> None:
    """Two phones number their photos alike: until the phone has loaded the sent one, its own is in that place."""
    proof = prove(
        {PHOTO: b"\xff\xd8 a picture", FONT: b"a font"},
        {PHOTO: b"\xff\xd8 its own", FONT: b"a font"},
        before={PHOTO: b"\xff\xd8 its own"},
        strategy=Strategy.OVERLAY,
        days_since=days,
    )
    assert proof.verdict == verdict and codes(proof) == [code]


def test_a_document_that_the_new_phone_kept_is_its_own_at_once(prove: Prove) -> None:
    proof = prove({FONT: b"a font"}, {FONT: b"its own"}, before={FONT: b"its own"}, strategy=Strategy.OVERLAY)
    assert proof.verdict == "not proven" and codes(proof) == ["proof-kept-own"]
