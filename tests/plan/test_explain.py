"""What a plan does with each category of a backup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import APP_PREFIX, load_catalogue
from migrate.categories.choose import Amount
from migrate.content.tally import AppTally, CategoryTally, OwnerContents, Tally, Unclaimed
from migrate.plan.explain import CategoryExplanation, ExplainContext, explain
from migrate.plan.strategy import Strategy

IN_BACKGROUND = "iOS restores it in the background after the restart"
BOUND = "iOS does not restore it to another phone"
EVERY = frozenset(load_catalogue().ids)


def category(word: str, **of: Any) -> CategoryTally:
    """A category of a backup; `later`/`never`: (files, bytes) that arrive later, or that another phone drops."""
    files, size = of.pop("files", 1), of.pop("size", 10)
    later, never = of.pop("later", (0, 0)), of.pop("never", (0, 0))
    contents = OwnerContents(
        files=files,
        bytes=size,
        later=Amount(files=later[0], bytes=later[1]),
        never=Amount(files=never[0], bytes=never[1]),
        why_later=IN_BACKGROUND,
        why_never=BOUND,
    )
    known: dict[str, Any] = {"items": None, "complete": None, "notes": (), **of}
    return CategoryTally(category=load_catalogue().category(word), files=files, bytes=size, contents=contents, **known)


def app(bundle: str, *, files: int = 3, **of: Any) -> AppTally:
    contents = OwnerContents(
        files=files, bytes=files * 10, later=Amount(files=files, bytes=files * 10), why_later="with its app"
    )
    entry = AppEntry(id=bundle, title=bundle.rpartition(".")[2].capitalize(), **of)
    return AppTally(app=entry, files=files, bytes=files * 10, notes=(), contents=contents)


def explained(*rows: CategoryTally | AppTally, **of: Any) -> dict[str, CategoryExplanation]:
    """The explanation of a backup with `rows`, by id; by default for a plan that moves everything."""
    tally = Tally(
        backup=Path("backup"),
        categories=tuple(row for row in rows if isinstance(row, CategoryTally)),
        apps=tuple(row for row in rows if isinstance(row, AppTally)),
        unclaimed=of.pop("unclaimed", ()),
        files=0,
        bytes=0,
    )
    owners = of.pop("owners", EVERY | {APP_PREFIX + row.app.id for row in tally.apps})
    known: dict[str, Any] = {"strategy": Strategy.REPLACE, "encrypted": True, **of}
    return {row.id: row for row in explain(tally, ExplainContext(owners=frozenset(owners), **known)).categories}


def test_data_present_after_the_restart_goes() -> None:
    calls = explained(category("calls", files=2, size=30, items=7))["calls"]
    assert calls.as_json() == {
        "id": "calls",
        "fate": "goes",
        "items": 7,
        "files": 2,
        "bytes": 30,
        "why": "All of it is on the new phone after the restart.",
    }


def test_photos_arrive_after_the_restart_although_their_catalogue_is_there_at_once() -> None:
    photos = explained(category("photos", files=10, size=1000, later=(9, 900)))["photos"]
    assert photos.fate == "arrives-later"
    assert photos.why.startswith(f"{IN_BACKGROUND}.")


def test_a_small_part_that_comes_later_is_mentioned_and_the_rest_goes() -> None:
    mail = explained(category("mail", files=5, size=100, later=(1, 10), never=(1, 5)))["mail"]
    assert mail.fate == "goes"
    assert f"1 file arrives later: {IN_BACKGROUND}" in mail.why
    assert f"1 file does not move: {BOUND}" in mail.why


def test_empty_files_that_all_come_later_come_later() -> None:
    assert explained(category("files", files=2, size=0, later=(2, 0)))["files"].fate == "arrives-later"


def test_what_iOS_drops_cannot_go() -> None:
    bluetooth = explained(category("bluetooth", files=3, never=(3, 10)))["bluetooth"]
    assert (bluetooth.fate, bluetooth.why) == ("cannot-go", f"{BOUND}.")


def test_passwords_of_an_unencrypted_backup_are_bound_to_the_old_phone() -> None:
    passwords = explained(category("passwords", files=2), encrypted=False)["passwords"]
    assert passwords.fate == "cannot-go"
    assert "not encrypted" in passwords.why


def test_passwords_do_not_go_to_a_phone_in_use() -> None:
    for strategy in (Strategy.REBUILD, Strategy.OVERLAY, Strategy.GRAFT, None):
        found = explained(category("passwords"), strategy=strategy)["passwords"]
        assert found.fate == "cannot-go" and "one sealed file" in found.why
    assert explained(category("passwords"))["passwords"].fate == "goes"


def test_calls_go_if_an_unencrypted_backup_contains_them() -> None:
    """The sources disagree whether it can contain them, so the manifest decides."""
    assert explained(category("calls", files=1), encrypted=False)["calls"].fate == "goes"
    none = explained(category("calls", files=0, size=0), encrypted=False)["calls"]
    assert (none.fate, none.files) == ("cannot-go", 0)
    assert "only an encrypted backup" in none.why.lower()


def test_an_empty_category_cannot_go() -> None:
    tones = explained(category("ringtones", files=0, size=0))["ringtones"]
    assert tones.fate == "cannot-go"
    assert tones.why.startswith("This backup contains none of it.")


def test_text_replacements_come_from_icloud() -> None:
    note = "backups do not contain this: it comes back after signing in to iCloud"
    found = explained(category("text-replacements", files=0, size=0, cloud_notes=(note,)))["text-replacements"]
    assert found.fate == "only-in-icloud"
    assert "iCloud" in found.why


@pytest.mark.parametrize(("missing", "fate"), [(4, "arrives-later"), (12, "only-in-icloud")])
def test_photos_with_some_or_all_originals_only_in_icloud(missing: int, fate: str) -> None:
    note = f"{missing} originals are only in iCloud"
    row = category("photos", files=9, size=90, later=(8, 80), items=12, only_in_icloud=missing, cloud_notes=(note,))
    photos = explained(row)["photos"]
    assert photos.fate == fate
    assert note in photos.why


def test_contacts_of_an_account_go_and_mention_signing_in() -> None:
    note = "5 of them belong to an account (iCloud, Google, Exchange …): sign in to it on the new phone to keep them"
    contacts = explained(category("contacts", items=9, account_notes=(note,)))["contacts"]
    assert (contacts.fate, contacts.items) == ("goes", 9)
    assert note in contacts.why


def test_unchosen_and_excluded_categories_do_not_move() -> None:
    rows = (category("notes"), category("health"))
    found = explained(*rows, owners={"calls"}, excluded=frozenset({"health"}))
    assert {row.fate for row in found.values()} == {"not-chosen"}
    assert found["notes"].why == "The plan does not include it."
    assert found["health"].why == "The plan excludes it."


def test_unreadable_files_are_mentioned_in_their_category() -> None:
    found = explained(category("notes", files=4), category("calls"), unreadable={"notes": 2}, owners={"notes"})
    assert "2 files could not be read from the old phone" in found["notes"].why
    assert "could not be read" not in found["calls"].why


def test_unclaimed_files_move_with_other_system() -> None:
    new = (Unclaimed(domain="DomainOfTomorrow", files=2, bytes=7),)
    other = explained(category("other-system", files=1, size=10), unclaimed=new)["other-system"]
    assert (other.fate, other.files, other.bytes) == ("goes", 3, 17)


def test_an_app_arrives_later_and_names_apps_that_share_its_data() -> None:
    chat, mail = app("x.chat", shared_with=("x.mail",)), app("x.mail", shared_with=("x.chat",))
    found = explained(chat, mail, owners={"app:x.chat"})
    assert found["app:x.chat"].fate == "arrives-later"
    assert "Shares data with Mail" in found["app:x.chat"].why
    assert found["app:x.mail"].fate == "not-chosen"
    assert "data it shares with chat still moves" in found["app:x.mail"].why.lower()


def test_an_app_that_excludes_its_data_from_backups_cannot_go() -> None:
    signal = explained(app("org.signal", files=0))["app:org.signal"]
    assert signal.fate == "cannot-go"
    assert "excludes it from backups" in signal.why


def test_an_app_must_be_installed_on_a_phone_in_use_first() -> None:
    for installed, expected in (((), True), (("x.chat",), False), (None, False)):
        found = explained(app("x.chat"), strategy=Strategy.OVERLAY, installed=installed)["app:x.chat"]
        assert found.why.startswith("Install it on the new phone first") is expected


def test_a_rebuild_installs_what_it_can_and_asks_for_the_rest() -> None:
    by_itself = explained(app("x.chat"), strategy=Strategy.REBUILD, installed=())["app:x.chat"]
    assert "nstall it" not in by_itself.why
    by_hand = explained(app("x.own", reinstallable=False), strategy=Strategy.REBUILD, installed=())["app:x.own"]
    assert by_hand.why.startswith("Install it on the new phone first")


def test_a_store_that_moved_cannot_go_to_a_phone_in_use() -> None:
    versions = {"old_ios": "16.7", "new_ios": "26.1"}
    found = explained(category("voice-memos"), strategy=Strategy.REBUILD, **versions)["voice-memos"]
    assert found.fate == "cannot-go" and "iOS 17 began" in found.why
    assert explained(category("voice-memos"), **versions)["voice-memos"].fate == "goes"


def test_an_app_that_cannot_be_reinstalled_is_mentioned() -> None:
    assert "install it yourself" in explained(app("x.own", reinstallable=False))["app:x.own"].why
    on_it = explained(app("x.own", reinstallable=False), strategy=Strategy.OVERLAY, installed=("x.own",))
    assert "install it yourself" not in on_it["app:x.own"].why


def test_the_answer_has_the_keys_scripts_rely_on() -> None:
    tally = Tally(backup=Path("b"), categories=(category("calls"),), apps=(), unclaimed=(), files=1, bytes=10)
    for strategy, expected in ((Strategy.REPLACE, "replace"), (None, None)):
        answer = explain(tally, ExplainContext(owners=EVERY, strategy=strategy, encrypted=True)).as_json()
        assert set(answer) == {"strategy", "categories"}
        assert answer["strategy"] == expected
        assert set(answer["categories"][0]) == {"id", "fate", "items", "files", "bytes", "why"}
