"""The interview as commented scripts: the answers, the next question, and the resulting plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.categories.catalogue import load_catalogue
from migrate.plan.interview.answers import NAMES, SECRETS
from migrate.plan.interview.derived import category_entries
from migrate.plan.interview.observations import (
    BackupContents,
    CategoryEntry,
    ExistingBackup,
    Phone,
    UnfinishedRun,
    total_size_bytes,
)
from migrate.plan.interview.pages import too_full_error
from migrate.plan.interview.plan import build_plan, plan_file_text
from migrate.plan.interview.questions import Answers, MoveFacts, Question, next_preparation, next_question, summary
from migrate.plan.read import read_plan
from migrate.problems import BackupTooOld, FindMyOn, NewPhoneTooFull

OLD, NEW = "00008101-0001AAAA00000001", "00008140-0002BBBB00000002"
PASSWORD = "correct-horse-1947"
GRANDMAS = Phone(
    udid=OLD,
    name="Grandma's iPhone",
    ios_version="18.5",
    free_bytes=9_000_000_000,
    trusted=True,
    encrypts_backups=False,
)
ADAS = Phone(
    udid=NEW, name="Ada's iPhone", ios_version="26.1", free_bytes=5_000_000, trusted=True, encrypts_backups=False
)
CHATTER = CategoryEntry(id="app:com.example.chatter", title="Chatter", files=18, bytes=600_000)
OF_OLD = (
    CategoryEntry(id="messages", title="Messages", files=19, items=12_402, bytes=2_000_000),
    CategoryEntry(id="photos", title="Photos and videos", files=82, items=38, bytes=1_000_000),
    CategoryEntry(id="health", title="Health", files=5, items=400, bytes=100_000, needs_encryption=True),
    CategoryEntry(id="passwords", title="Passwords", files=2, bytes=36_000, needs_encryption=True),
    CategoryEntry(id="voicemail", title="Voicemail", files=0, items=0),
    CHATTER,
)
OF_NEW = (
    CategoryEntry(id="messages", title="Messages", files=3, items=31, bytes=9_000),
    CategoryEntry(id="photos", title="Photos and videos", files=1, items=0),
)
NOBODY_HERE = MoveFacts()
BOTH_HERE = MoveFacts(phones=(GRANDMAS, ADAS), signs_of_use={NEW: ()})
OLD_SAVED = replace(
    BOTH_HERE,
    phones=(replace(GRANDMAS, encrypts_backups=True), ADAS),
    backup_contents={
        OLD: BackupContents(name="Grandma's iPhone", ios_version="18.5", encrypted=True, category_entries=OF_OLD)
    },
    known_passwords=frozenset({OLD}),
)
BOTH_SAVED = replace(
    OLD_SAVED,
    backup_contents={
        **OLD_SAVED.backup_contents,
        NEW: BackupContents(name="Ada's iPhone", ios_version="26.1", encrypted=True, category_entries=OF_NEW),
    },
)


def answers_to(*pairs: tuple[str, Any]) -> Answers:
    answers = Answers()
    for name, answer in pairs:
        answers = answers.with_answer(name, answer)
    return answers


def asked(facts: MoveFacts, answers: Answers) -> Question:
    question = next_question(facts, answers)
    assert question is not None, "the plan could be written already"
    return question


def script(facts: MoveFacts, *pairs: tuple[str, Any]) -> Answers:
    """Answer page after page. Each must be the next one asked, and must offer the given answer."""
    answers = Answers()
    for name, answer in pairs:
        question = asked(facts, answers)
        assert question.name == name
        if question.kind == "one":
            assert answer in question.allowed_values
        if question.kind == "many":
            assert set(answer) <= question.allowed_values
        answers = answers.with_answer(name, answer)
    return answers


# -- whole conversations ---------------------------------------------------------------------------------------------


def test_everything_to_an_erased_phone() -> None:
    answers = script(BOTH_HERE, ("old", OLD), ("new", NEW), ("new-is", "erased"), ("encryption", "on"))
    assert asked(BOTH_HERE, answers).name == "chosen-password"
    answers = answers.with_answer("chosen-password", PASSWORD)  # now the phone is backed up and its contents are known
    assert next_preparation(BOTH_HERE, answers) == "save-old"
    for name, answer in (("what", "everything"), ("summary", "move")):
        assert asked(OLD_SAVED, answers).name == name
        answers = answers.with_answer(name, answer)
    assert next_question(OLD_SAVED, answers) is None and next_preparation(OLD_SAVED, answers) is None
    plan = build_plan(OLD_SAVED, answers)
    assert plan.move.categories == ("everything",) and plan.move.apps == "all"
    assert (plan.old_phone.udid, plan.new_phone.udid, plan.new_phone.is_) == (OLD, NEW, "erased")
    assert plan.backup.begin == "incremental", "replayed on another pair, it saves that pair's old phone"
    assert plan.name == "Everything, from Grandma's iPhone to Ada's iPhone"


def test_some_categories_to_a_phone_in_use() -> None:
    answers = script(BOTH_HERE, ("old", OLD), ("new", NEW), ("new-is", "in-use"), ("encryption", "on"))
    answers = answers.with_answer("chosen-password", PASSWORD)
    assert next_preparation(BOTH_HERE, answers) == "save-old"
    question = asked(OLD_SAVED, answers)
    assert question.name == "chosen"
    assert "passwords" not in question.allowed_values, "they move only to an erased phone"
    assert "voicemail" not in question.allowed_values, "there is none"
    answers = answers.with_answer("chosen", ("messages", "photos", CHATTER.id))
    assert next_preparation(OLD_SAVED, answers) == "save-new", "what is replaced can only be counted in a save"
    assert asked(BOTH_SAVED, answers).name == "replace"
    answers = answers.with_answer("replace", "replace").with_answer("summary", "move")
    plan = build_plan(BOTH_SAVED, answers)
    assert plan.move.categories == ("messages", "photos") and plan.move.apps == ("com.example.chatter",)
    assert plan.move.may_replace == ("messages",), "the new phone has no photos to lose"
    assert plan.backs_up_new_phone_first


def test_existing_data_on_the_new_phone_can_be_kept() -> None:
    answers = answers_to(
        ("old", OLD), ("new", NEW), ("new-is", "in-use"), ("encryption", "on"), ("chosen-password", PASSWORD)
    )
    answers = answers.with_answer("chosen", ("messages", "photos"))
    assert "leave" in asked(BOTH_SAVED, answers).allowed_values
    plan = build_plan(BOTH_SAVED, answers.with_answer("replace", "leave"))
    assert plan.move.categories == ("photos",) and plan.move.may_replace == ()
    only_messages = answers_to(
        *((name, answer) for name, answer in answers.given if name != "chosen"), ("chosen", ("messages",))
    )
    assert "leave" not in asked(BOTH_SAVED, only_messages).allowed_values, "then nothing would move"


def test_a_backup_can_be_used_instead_of_the_old_phone() -> None:
    folder = str(Path("/backups/grandma"))
    there = ExistingBackup(
        folder=folder, udid=OLD, name="Grandma", ios_version="18.5", encrypted=True, backed_up_on="2026-03-01"
    )
    facts = replace(BOTH_HERE, phones=(ADAS,), backups=(there,))
    answers = script(facts, ("old", folder), ("new", NEW), ("new-is", "erased"))
    assert next_preparation(facts, answers) is None
    assert asked(facts, answers).name == "old-password", "it is asked for before hours are spent"
    facts = replace(facts, known_passwords=frozenset({folder}))
    assert next_preparation(facts, answers.with_answer("old-password", PASSWORD)) == "save-old"
    facts = replace(facts, backup_contents={folder: OLD_SAVED.backup_contents[OLD]})
    plan = build_plan(facts, answers.with_answer("what", "everything"))
    assert plan.old_phone.backup == folder and plan.backup.begin == "as-is"


def test_a_backup_of_ios_9_is_listed_but_cannot_be_chosen() -> None:
    old = ExistingBackup(
        folder="/b/9",
        udid=OLD,
        name="iPad",
        ios_version="9.3.5",
        encrypted=False,
        backed_up_on="2016-09-01",
        is_too_old=True,
    )
    question = asked(MoveFacts(phones=(ADAS,), backups=(old,)), answers_to())
    option = next(option for option in question.options if option.value == "/b/9")
    assert isinstance(option.refused, BackupTooOld) and "9.3.5" in option.refused.why
    assert "/b/9" not in question.allowed_values


def test_with_one_cable_the_new_phone_is_connected_later() -> None:
    facts = MoveFacts(phones=(GRANDMAS,))
    answers = script(facts, ("old", OLD), ("new", "later"), ("new-is", "erased"), ("encryption", "off"))
    saved = replace(facts, backup_contents={OLD: replace(OLD_SAVED.backup_contents[OLD], encrypted=False)})
    plan = build_plan(saved, answers.with_answer("what", "everything"))
    assert plan.new_phone.udid is None and not plan.backup.encrypted
    in_use = answers_to(
        ("old", OLD), ("new", "later"), ("new-is", "in-use"), ("encryption", "on"), ("chosen", ("photos",))
    )
    saved = replace(saved, phones=(replace(GRANDMAS, encrypts_backups=True),), known_passwords=frozenset({OLD}))
    assert next_preparation(saved, in_use) == "meet-new", "what is replaced must be counted, so its turn is now"
    come = replace(saved, phones=(GRANDMAS, ADAS), connected_later_udid=NEW)
    assert next_preparation(come, in_use) == "save-new"
    assert build_plan(come, in_use).new_phone.udid == NEW


def test_a_plan_can_be_written_without_phones() -> None:
    categories = tuple(
        CategoryEntry(id=each.id, title=each.title, needs_encryption=each.needs_encryption)
        for each in load_catalogue().categories
    )
    facts = MoveFacts(with_phones=False, catalogue=(*categories, CategoryEntry(id="all-apps", title="All apps")))
    answers = script(
        facts,
        ("new-is", "in-use"),
        ("encryption", "on"),
        ("chosen", ("photos", "messages", "all-apps")),
        ("replace", "replace"),
        ("summary", "write"),
    )
    assert next_preparation(facts, answers) is None
    plan = build_plan(facts, answers)
    assert set(plan.move.categories) == {"photos", "messages"} and plan.move.apps == "all"
    assert set(plan.move.may_replace) == {"photos", "messages"} and plan.old_phone.udid is None
    plain = answers_to(("new-is", "erased"), ("encryption", "off"), ("what", "some"))
    assert not {"health", "calls", "passwords"} & asked(facts, plain).allowed_values, (
        "an unencrypted backup holds none of them"
    )


# -- when a page matters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encrypts", "known_passwords", "page"),
    [
        (False, frozenset(), "encryption"),
        (True, frozenset(), "old-password"),
        (True, frozenset({OLD}), "what"),
    ],
    ids=["off: shall it be turned on", "on: its password", "on, and the password is known"],
)
def test_the_password_page_depends_on_the_phone(encrypts: bool, known_passwords: frozenset[str], page: str) -> None:
    facts = replace(
        BOTH_HERE, phones=(replace(GRANDMAS, encrypts_backups=encrypts), ADAS), known_passwords=known_passwords
    )
    assert asked(facts, answers_to(("old", OLD), ("new", NEW), ("new-is", "erased"))).name == page


def test_an_untrusting_phone_is_met_before_questions_about_it() -> None:
    shy = Phone(udid=OLD, trusted=False)
    answers = answers_to(("old", OLD), ("new", "later"), ("new-is", "erased"))
    assert next_preparation(MoveFacts(phones=(shy,)), answers) == "meet-old"
    assert next_preparation(MoveFacts(), answers) == "meet-old", "and so is one that was unplugged while choosing"
    assert next_preparation(MoveFacts(phones=(GRANDMAS,)), answers) is None


def test_the_same_phone_cannot_be_both() -> None:
    assert asked(BOTH_HERE, answers_to(("old", OLD))).allowed_values == {NEW, "later"}


def test_an_erased_phone_with_signs_of_use_needs_another_confirmation() -> None:
    answers = answers_to(("old", OLD), ("new", NEW), ("new-is", "erased"))
    unknown = replace(BOTH_HERE, signs_of_use={})
    assert next_preparation(unknown, answers) == "look-at-new"
    not_met = replace(unknown, phones=(GRANDMAS, replace(ADAS, trusted=False)))
    assert next_preparation(not_met, answers) is None, "a look must not raise a Trust dialog before its time"
    used = replace(BOTH_HERE, signs_of_use={NEW: ("3 apps",)})
    question = asked(used, answers)
    assert (question.name, question.preferred) == ("wipe", "back"), "Enter alone must not agree to it"
    assert build_plan(OLD_SAVED, answers.with_answer("wipe", "wipe").with_answer("what", "everything")).new_phone.wipe


def test_a_phone_in_use_on_ios_27_is_offered() -> None:
    facts = replace(BOTH_HERE, phones=(GRANDMAS, replace(ADAS, ios_version="27.0")))
    question = asked(facts, answers_to(("old", OLD), ("new", NEW)))
    assert question.allowed_values == {"erased", "in-use"}


def test_what_a_phone_in_use_cannot_take_is_not_offered() -> None:
    """Voice memos: iOS 17 moved them. Contacts: this phone syncs them with iCloud."""
    catalogue = tuple(CategoryEntry(id=one, title=one) for one in load_catalogue().ids)
    phones = (replace(GRANDMAS, ios_version="16.7"), replace(ADAS, ios_version="26.1"))
    facts, answers = replace(BOTH_HERE, catalogue=catalogue, phones=phones), answers_to(("old", OLD), ("new", NEW))
    in_use = answers.with_answer("new-is", "in-use")
    offered = {one.id for one in category_entries(facts, in_use)}
    assert {"photos", "contacts"} <= offered and not {"voice-memos", "passwords", "wallet"} & offered
    synced = replace(facts, phones=(phones[0], replace(phones[1], synced_data={"Contacts": ("iCloud",)})))
    assert "contacts" not in {one.id for one in category_entries(synced, in_use)}
    assert len(category_entries(synced, answers.with_answer("new-is", "erased"))) == len(catalogue)


def test_a_plan_for_a_phone_in_use_always_encrypts() -> None:
    """The old phone's backup may be an unencrypted one from another program; the new phone's may not."""
    question = asked(MoveFacts(with_phones=False), answers_to(("new-is", "in-use")))
    assert (question.name, question.allowed_values) == ("encryption", {"on"})


def test_everything_that_does_not_fit_is_refused_with_both_sizes() -> None:
    small = replace(OLD_SAVED, phones=(GRANDMAS, replace(ADAS, free_bytes=2_500_000)))
    answers = answers_to(
        ("old", OLD), ("new", NEW), ("new-is", "erased"), ("encryption", "on"), ("chosen-password", PASSWORD)
    )
    question = asked(small, answers)
    assert question.name == "what" and question.allowed_values == {"some"}
    answers = answers.with_answer("what", "some")
    question = asked(small, answers)
    assert question.name == "chosen"
    too_much = too_full_error(small, answers, ("messages", "photos"))
    assert isinstance(too_much, NewPhoneTooFull)
    assert (too_much.free_bytes, too_much.needed_bytes) == (2_500_000, 3_000_000)
    assert too_full_error(small, answers, ("messages",)) is None


def test_unreadable_files_are_asked_about_only_if_they_would_move() -> None:
    lost = replace(OLD_SAVED.backup_contents[OLD], unreadable={"photos": 2})
    facts = replace(OLD_SAVED, backup_contents={OLD: lost})
    before = answers_to(
        ("old", OLD), ("new", NEW), ("new-is", "erased"), ("encryption", "on"), ("chosen-password", PASSWORD)
    )
    chosen = before.with_answer("what", "some").with_answer("chosen", ("photos",))
    assert asked(facts, chosen).name == "unreadable"
    assert build_plan(facts, chosen.with_answer("unreadable", "accept")).safety.accept_unreadable
    others = before.with_answer("what", "some").with_answer("chosen", ("messages",))
    assert asked(facts, others).name == "summary"
    assert not build_plan(facts, others).safety.accept_unreadable


def test_find_my_is_waited_for_before_the_last_page() -> None:
    answers = answers_to(
        ("old", OLD), ("new", NEW), ("new-is", "erased"), ("encryption", "on"), ("chosen-password", PASSWORD)
    )
    answers = answers.with_answer("what", "everything")
    guarded = replace(OLD_SAVED, phones=(GRANDMAS, replace(ADAS, find_my=True)))
    assert next_preparation(guarded, answers) == "find-my-off"
    assert next_preparation(OLD_SAVED, answers) is None


def test_the_last_page_shows_why_the_move_cannot_begin() -> None:
    plain = replace(OLD_SAVED, phones=(replace(GRANDMAS, encrypts_backups=False), ADAS))
    answers = answers_to(("old", OLD), ("new", NEW), ("new-is", "erased"), ("encryption", "off"), ("what", "some"))
    question = asked(plain, answers.with_answer("chosen", ("messages", "health")))
    assert question.name == "summary" and question.allowed_values == {"move", "write"}
    question = summary(replace(plain, phones=(GRANDMAS, replace(ADAS, find_my=True))), answers_to(*WHOLE))
    assert question.allowed_values == {"write"} and isinstance(question.options[0].refused, FindMyOn)


# -- going back and resuming -----------------------------------------------------------------------------------------

WHOLE = (
    ("old", OLD),
    ("new", NEW),
    ("new-is", "in-use"),
    ("encryption", "on"),
    ("chosen-password", PASSWORD),
    ("chosen", ("messages",)),
    ("replace", "replace"),
)


def test_going_back_leads_to_the_previous_page() -> None:
    for number in range(1, len(WHOLE)):
        answers = answers_to(*WHOLE[:number])
        back = answers.before(WHOLE[number][0])
        assert back == answers_to(*WHOLE[: number - 1])
    assert answers_to().before("old") == Answers()
    assert answers_to(*WHOLE).before(None) == answers_to(*WHOLE[:-1])


def test_going_back_to_a_password_page_drops_later_answers() -> None:
    """A resumed conversation has later answers but no password: going back leads to a page before it."""
    kept = answers_to(*(pair for pair in WHOLE if pair[0] not in SECRETS))
    assert kept.before("chosen-password") == answers_to(*WHOLE[:3])


def test_answers_are_saved_without_passwords(tmp_path: Path) -> None:
    file = tmp_path / "interview.json"
    everything = answers_to(("start", "afresh"), *WHOLE, ("summary", "move"))
    assert PASSWORD not in repr(everything)
    everything.write(file, names={OLD: "Grandma's iPhone"})
    assert PASSWORD not in file.read_text()
    again, names = Answers.read(file)
    assert again == answers_to(*(pair for pair in WHOLE if pair[0] not in SECRETS))
    assert names == {OLD: "Grandma's iPhone"}
    facts = replace(BOTH_SAVED, phones=(GRANDMAS, ADAS), known_passwords=frozenset())
    assert asked(facts, again).name == "chosen-password", "it must be typed again"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"interview": 2, "answers": [], "names": {}}', '{"interview": 1, "answers": 7, "names": {}}'],
)
def test_a_damaged_answers_file_is_ignored(tmp_path: Path, text: str) -> None:
    file = tmp_path / "interview.json"
    assert Answers.read(file) == (Answers(), {})
    file.write_text(text)
    assert Answers.read(file) == (Answers(), {})


def test_unknown_pages_in_a_file_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "interview.json"
    file.write_text('{"interview": 1, "answers": [["old", "x"], ["chosen-password", "p"], ["sudo", "y"]], "names": {}}')
    assert Answers.read(file)[0] == answers_to(("old", "x"))


def test_an_unfinished_run_is_offered_first_and_ends_the_questions() -> None:
    run = UnfinishedRun(id="20260101-120000-ab12", plan="Everything", old="Grandma", new="Ada", step="restore")
    facts = replace(BOTH_HERE, unfinished=(run,))
    question = asked(facts, Answers())
    assert question.name == "start" and question.allowed_values == {run.id, "afresh"}
    going_on = answers_to(("start", run.id), ("unfinished", "go-on"))
    assert next_question(facts, going_on) is None and next_preparation(facts, going_on) is None
    assert asked(facts, answers_to(("start", "afresh"))).name == "old"


def test_earlier_answers_are_offered() -> None:
    facts = replace(BOTH_HERE, earlier_answers=answers_to(("old", OLD)))
    assert asked(facts, Answers()).allowed_values == {"go-on", "afresh"}


def test_a_resumed_conversation_meets_its_phones_before_the_last_page() -> None:
    """The answers come from a file, so the phones and backups have to be loaded again."""
    answers = answers_to(*WHOLE)
    assert next_preparation(BOTH_HERE, answers) == "save-old"
    assert next_preparation(OLD_SAVED, answers) == "save-new"
    assert next_preparation(BOTH_SAVED, answers) is None


# -- the file --------------------------------------------------------------------------------------------------------


def test_the_plan_that_is_written_reads_back_equal(tmp_path: Path) -> None:
    plan = build_plan(BOTH_SAVED, answers_to(*WHOLE))
    file = tmp_path / "plan.toml"
    file.write_text(plan_file_text(plan), encoding="utf-8")
    assert read_plan(file) == plan


def test_no_page_is_asked_twice_and_every_name_is_known() -> None:
    assert len(set(NAMES)) == len(NAMES)
    answers = answers_to(*WHOLE, ("old", NEW))
    assert [name for name, _ in answers.given] == [name for name in NAMES if name in answers]
    assert answers.one("old") == NEW


def test_data_shared_by_apps_counts_once() -> None:
    family = frozenset({"app:a", "app:b"})
    all_three = family | {"app:c"}
    shared = {family: 100, all_three: 10}
    a = CategoryEntry(id="app:a", title="A", bytes=111, shared=shared)
    b = CategoryEntry(id="app:b", title="B", bytes=112, shared=shared)
    c = CategoryEntry(id="app:c", title="C", bytes=14, shared={all_three: 10})
    assert (total_size_bytes([a]), total_size_bytes([a, b]), total_size_bytes([b, c]), total_size_bytes([a, b, c])) == (
        111,
        113,
        116,
        117,
    )
    assert total_size_bytes([]) == 0
