"""From a plan's lists to the records that move."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from migrate.backup.record import Kind
from migrate.categories.catalogue import OTHER_SYSTEM, load_catalogue
from migrate.categories.choose import Choice, choose, chosen_owners
from migrate.categories.claims import Claims
from migrate.problems import HalfGroup, UnknownApp, UnknownCategory

D, L = Kind.DIRECTORY, Kind.SYMLINK

PHONE: dict[tuple[str, str], bytes | Kind] = {
    ("HomeDomain", ""): D,
    ("HomeDomain", "Library"): D,
    ("HomeDomain", "Library/SMS"): D,
    ("HomeDomain", "Library/SMS/sms.db"): b"database",
    ("HomeDomain", "Library/SMS/sms.db-wal"): b"wal",
    ("HomeDomain", "Library/SMS/sms.db-shm"): b"shm",
    ("HomeDomain", "Library/SMS/newest"): L,
    ("MediaDomain", "Library/SMS/Attachments/a/photo.heic"): b"picture",
    ("HomeDomain", "Library/CallHistoryDB/CallHistory.storedata"): b"calls",
    ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.HEIC"): b"heic",
    ("CameraRollDomain", "Media/PhotoData/Photos.sqlite"): b"catalogue",
    ("CameraRollDomain", "Media/PhotoData/Photos.sqlite-wal"): b"",
    ("HomeDomain", "Library/Preferences/.GlobalPreferences.plist"): b"settings",
    ("AppDomain-x.chat", "Documents/chat.db"): b"chat",
    ("AppDomainPlugin-x.chat.share", "Library/x"): b"share",
    ("AppDomainGroup-group.x.both", "both.db"): b"both",
    ("AppDomain-x.mail", "Documents/mail.db"): b"mail",
    ("DomainOfTomorrow", "new"): b"new",
}
GUESSED = "AppDomainGroup-group.com.maker.common"
GROUPS = {"x.chat": ["group.x.both"], "x.mail": ["group.x.both"]}


@pytest.fixture
def pick(make_backup: Any) -> Any:
    backup = make_backup(PHONE)
    claims = Claims.of(backup, GROUPS)

    def choose_words(
        categories: Collection[str], except_: Collection[str] = (), apps: Any = None
    ) -> tuple[set[tuple[str, str]], Choice]:
        choice = choose(backup.records(), claims, categories=categories, except_=except_, apps=apps)
        moving = {(r.domain, r.relative_path) for r in backup.records() if r.file_id in choice.file_ids}
        return moving, choice

    return choose_words


def test_everything_leaves_nothing_behind(pick: Any) -> None:
    moving, choice = pick(["everything"])
    assert moving == set(PHONE)
    assert choice.apps == {"x.chat", "x.mail"}
    assert choice.owners == {*load_catalogue().ids, "app:x.chat", "app:x.mail"}


def test_messages_include_their_wal_folder_link_and_attachments(pick: Any) -> None:
    moving, choice = pick(["messages"])
    assert moving == {key for key in PHONE if "Library/SMS" in key[1]}
    amount = choice.by_owner["messages"]
    assert (amount.records, amount.files, amount.bytes) == (6, 4, len(b"databasewalshmpicture"))
    assert choice.apps == frozenset()


def test_photos_include_their_catalogue(pick: Any) -> None:
    moving, _ = pick(["photos"])
    assert moving == {key for key in PHONE if key[0] == "CameraRollDomain"}


def test_everything_except_messages_and_two_apps_that_share_their_data(pick: Any) -> None:
    moving, choice = pick(["everything"], except_=["messages", "app:x.mail", "x.chat"])
    left = set(PHONE) - moving
    assert left == {key for key in PHONE if "Library/SMS" in key[1] or key[0].startswith("AppDomain")}
    assert choice.apps == frozenset()
    assert choice.shared_with_unchosen == frozenset()


def test_an_app_cannot_be_excluded_in_part(pick: Any) -> None:
    """The data that it shares with an app that moves would still move."""
    for word in ("app:x.mail", "x.mail"):
        with pytest.raises(HalfGroup) as caught:
            pick(["everything"], except_=[word])
        assert caught.value.exit_code == 11
        assert "x.mail" in caught.value.what
        assert "x.chat" in caught.value.why


def test_an_app_with_guessed_sharing_can_be_excluded(make_backup: Any) -> None:
    backup = make_backup(
        {("AppDomain-com.maker.a", "x"): b"1", ("AppDomain-com.maker.b", "x"): b"2", (GUESSED, "y"): b"3"}
    )
    claims = Claims.of(backup)
    assert claims.apps["com.maker.a"].shared_with == ("com.maker.b",)
    choice = choose(backup.records(), claims, categories=["everything"], except_=["com.maker.b"])
    assert choice.shared_with_unchosen == {(GUESSED, "com.maker.b")}


def test_one_app_includes_its_groups_and_extensions_and_names_shared_data(pick: Any) -> None:
    moving, choice = pick([], apps=["x.chat"])
    assert {domain for domain, _ in moving} == {
        "AppDomain-x.chat",
        "AppDomainPlugin-x.chat.share",
        "AppDomainGroup-group.x.both",
    }
    assert choice.apps == {"x.chat"}
    assert choice.shared_with_unchosen == {("AppDomainGroup-group.x.both", "x.mail")}
    assert choice.by_owner["app:x.chat"].files == 3


def test_an_app_can_be_named_among_the_categories(pick: Any) -> None:
    assert pick(["app:x.chat"])[0] == pick([], apps=["x.chat"])[0]


def test_everything_without_apps(pick: Any) -> None:
    moving, choice = pick(["everything"], apps="none")
    assert set(PHONE) - moving == {key for key in PHONE if key[0].startswith("AppDomain")}
    assert choice.apps == frozenset()


def test_single_categories_do_not_include_apps(pick: Any) -> None:
    assert pick(["calls"])[1].apps == frozenset()
    assert pick(["calls"], apps="all")[1].apps == {"x.chat", "x.mail"}


def test_unclaimed_records_move_with_other_system(pick: Any) -> None:
    moving, choice = pick([OTHER_SYSTEM])
    assert ("DomainOfTomorrow", "new") in moving
    assert choice.by_owner[OTHER_SYSTEM].files == 1


def test_nothing_chosen_moves_nothing(pick: Any) -> None:
    moving, choice = pick([])
    assert moving == set()
    assert choice.by_owner == {}


@pytest.mark.parametrize("place", ["categories", "except_"])
def test_an_unknown_category_error_names_the_nearest(make_backup: Any, place: str) -> None:
    claims = Claims.of(make_backup(PHONE), GROUPS)
    words: dict[str, Any] = {"categories": ["everything"], place: ["mesages"]}
    with pytest.raises(UnknownCategory) as caught:
        chosen_owners(claims, **words)
    assert (caught.value.word, caught.value.nearest, caught.value.exit_code) == ("mesages", "messages", 10)


@pytest.mark.parametrize(
    "words",
    [
        {"categories": [], "apps": ["x.chta"]},
        {"categories": ["everything"], "except_": ["app:x.chta"]},
        {"categories": ["everything"], "except_": ["x.chta"]},
        {"categories": ["app:x.chta"]},
    ],
)
def test_an_unknown_app_error_names_the_nearest(make_backup: Any, words: Any) -> None:
    claims = Claims.of(make_backup(PHONE), GROUPS)
    with pytest.raises(UnknownApp) as caught:
        chosen_owners(claims, **words)
    assert (caught.value.bundle, caught.value.nearest, caught.value.exit_code) == ("x.chta", "x.chat", 11)


def test_a_backup_without_apps_says_so() -> None:
    with pytest.raises(UnknownApp, match="contains no apps at all"):
        chosen_owners(Claims(load_catalogue(), {}), categories=[], apps=["x.chat"])
