"""Mistakes in a plan give a clear sentence, the line, and the nearest valid word."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate import problems
from migrate.categories.catalogue import load_catalogue
from migrate.plan.model import Plan, digest, to_toml
from migrate.plan.read import LIMIT_BYTES, override_phones, read_plan
from migrate.problems import MigrateError

GOOD = """\
version = 1
name = "Mine"

[old_phone]
[new_phone]
is = "erased"

[move]
categories = ["everything"]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, text: str) -> MigrateError:
    with pytest.raises(MigrateError) as caught:
        read_plan(written(path, text))
    assert caught.value.exit_code in (10, 11)
    return caught.value


def test_the_shortest_plan_has_every_default_of_the_contract(plan: Path) -> None:
    read = read_plan(written(plan, 'version = 1\nnew_phone.is = "erased"\nmove.categories = ["everything"]\n'))
    assert read.backup.encrypted is True
    assert read.backup.begin == "incremental"
    assert read.move.apps == "all"
    assert read.move.except_ == read.move.may_replace == ()
    assert read.new_phone.wipe is False
    assert read.new_phone.experimental == ()
    assert read.backs_up_new_phone_first is False
    assert read.safety.rehearse is True
    assert read.safety.prove is True
    assert read.safety.accept_unreadable is False


def test_a_phone_in_use_is_backed_up_first_and_gets_no_apps_by_default(plan: Path) -> None:
    text = 'version = 1\n[new_phone]\nis = "in-use"\n[move]\ncategories = ["photos"]\n'
    assert read_plan(written(plan, text)).backs_up_new_phone_first is True
    assert read_plan(plan).move.apps == "none"


def test_a_misspelt_key_gives_its_line_and_the_nearest_key(plan: Path) -> None:
    error = refused(plan, GOOD.replace("categories =", "categorys ="))
    assert isinstance(error, problems.PlanKeyUnknown)
    assert (error.line, error.key, error.table, error.nearest) == (9, "categorys", "move", "categories")
    assert "line 9" in error.what and "`categories`" in error.next


def test_a_key_with_a_dash_for_its_underscore_is_recognised(plan: Path) -> None:
    error = refused(plan, GOOD + "may-replace = []\n")
    assert isinstance(error, problems.PlanKeyUnknown) and error.nearest == "may_replace"


def test_a_misspelt_table_gives_the_nearest_table(plan: Path) -> None:
    error = refused(plan, GOOD + "\n[safty]\nprove = true\n")
    assert isinstance(error, problems.PlanKeyUnknown)
    assert (error.line, error.nearest) == (11, "safety")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("mesages", "messages"), ("Photos", "photos"), ("voice_memos", "voice-memos"), ("Call history", "calls")],
)
def test_an_unknown_category_gives_its_line_and_the_nearest(plan: Path, word: str, meant: str) -> None:
    text = GOOD.replace('["everything"]', f'[\n  "contacts",\n  "{word}",\n]')
    error = refused(plan, text)
    assert isinstance(error, problems.PlanCategoryUnknown)
    assert (error.line, error.word, error.nearest) == (11, word, meant)
    assert meant in error.next


def test_all_mistakes_are_reported_at_once_in_the_order_of_their_lines(plan: Path) -> None:
    error = refused(
        plan,
        """\
version = 1
[old_phone]
udid = 5
[new_phone]
is = "in-use"
wipe = true
[move]
categories = ["everything", "messsages", "photo"]
mayreplace = ["photos"]
[safety]
prove = "yes"
""",
    )
    assert isinstance(error, problems.PlanInvalid)
    found = [(getattr(one, "line", None), one.code) for one in error.together]
    assert found == [
        (3, "plan-value-wrong"), (8, "plan-category-unknown"), (8, "plan-category-unknown"), (9, "plan-key-unknown"),
        (11, "plan-value-wrong"),
    ]  # fmt: skip
    assert [one["code"] for one in error.as_answer()["errors"]] == [code for _line, code in found]


def test_contradictions_are_reported_beside_misspellings_and_each_other(plan: Path) -> None:
    """The phones of a plan whose words are misspelt are compared as they were probably meant."""
    text = 'version = 1\nold_phone.udid = "A"\n[new_phone]\nis = "in-use"\nwipe = true\nudid = "A"\n'
    error = refused(
        plan, text + '[move]\ncategories = ["everything", "messages", "photo"]\n[backup]\nencryptd = true\n'
    )
    codes = [one.code for one in error.together]
    assert sorted(codes) == sorted(
        ["wipe-of-phone-in-use", "plan-category-unknown", "everything-onto-phone-in-use", "plan-key-unknown",
         "same-phone-twice"]
    )  # fmt: skip


def test_a_misspelt_key_is_not_reported_a_second_time_as_missing(plan: Path) -> None:
    error = refused(plan, GOOD.replace("categories", "catgories"))
    assert [one.code for one in error.together] == ["plan-key-unknown"]


@pytest.mark.parametrize("key", ["except", "may_replace"])
def test_unknown_categories_are_found_in_every_list(plan: Path, key: str) -> None:
    error = refused(plan, GOOD + f'{key} = ["helth"]\n')
    assert isinstance(error, problems.PlanCategoryUnknown) and error.nearest == "health" and error.key == key


def test_apps_can_be_excluded_or_replaced_by_bundle_id(plan: Path) -> None:
    read = read_plan(written(plan, GOOD + 'except = ["org.example.diary"]\nmay_replace = ["org.example.diary"]\n'))
    assert read.move.except_ == ("org.example.diary",)


@pytest.mark.parametrize(
    ("missing", "key"),
    [("version = 1\n", "version"), ('is = "erased"\n', "is"), ('categories = ["everything"]\n', "categories")],
)
def test_a_missing_key_error_shows_the_line_to_add(plan: Path, missing: str, key: str) -> None:
    error = refused(plan, GOOD.replace(missing, ""))
    assert isinstance(error, problems.PlanKeyMissing)
    assert error.key == key and f"{key} = " in error.next


@pytest.mark.parametrize(
    ("old", "new", "key", "wanted"),
    [
        ('is = "erased"', 'is = "erased"\nwipe = "no"', "new_phone.wipe", "true or false"),
        ('is = "erased"', "is = true", "new_phone.is", '"erased" or "in-use"'),
        ('is = "erased"', 'is = "ereased"', "new_phone.is", '"erased" or "in-use"'),
        ('["everything"]', '"everything"', "move.categories", "a list"),
        ('["everything"]', "[1]", "move.categories", "a list"),
        ('["everything"]', '["everything"]\napps = "some"', "move.apps", "bundle ids"),
        ('["everything"]', '["everything"]\napps = [true]', "move.apps", "bundle ids"),
        ("version = 1", "version = true", "version", "1"),
        ("version = 1", "version = 1.0", "version", "1"),
        ("version = 1", 'version = "1"', "version", "1"),
        ('name = "Mine"', "name = 7", "name", "a text"),
        ("[old_phone]", "[old_phone]\nudid = '../../etc'", "old_phone.udid", "a UDID"),
        ("[old_phone]", "[old_phone]\nbackup = ''", "old_phone.backup", "folder"),
        ("[old_phone]", "safety = true", "safety", "[safety]"),
        ('is = "erased"', 'is = "erased"\nexperimental = ["grft"]', "new_phone.experimental", '["graft"]'),
    ],
)
def test_a_value_of_the_wrong_type_is_explained(plan: Path, old: str, new: str, key: str, wanted: str) -> None:
    error = refused(plan, GOOD.replace(old, new))
    assert isinstance(error, problems.PlanValueWrong)
    assert error.key == key
    assert wanted in error.why
    assert error.line > 0
    assert error.file in error.what


def test_a_nearly_right_value_gives_a_suggestion(plan: Path) -> None:
    error = refused(plan, GOOD.replace('"erased"', '"in use"'))
    assert '"in-use"' in error.next


def test_a_newer_plan_version_is_refused_before_other_mistakes(plan: Path) -> None:
    error = refused(plan, GOOD.replace("version = 1", "version = 2") + "\n[teleport]\nfast = true\n")
    assert isinstance(error, problems.PlanTooNew) and error.line == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [("version = 1\nname = Mine\n", 2), ("version = 1\n[move\n", 2), ("version = 1\nversion = 1\n", 2), ('a = "\n', 1)],
)
def test_invalid_toml_is_refused_with_its_line(plan: Path, text: str, line: int) -> None:
    error = refused(plan, text)
    assert isinstance(error, problems.PlanNotToml)
    assert error.line == line


def test_files_that_are_not_plans_are_refused(tmp_path: Path) -> None:
    for name, content in (("photo.jpg", b"\xff\xd8\xff\xe0" * 9), ("huge", b"#" * (LIMIT_BYTES + 1))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(problems.PlanNotToml):
            read_plan(tmp_path / name)
    for place in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(problems.PlanMissing):
            read_plan(place)


def test_a_byte_order_mark_is_accepted(plan: Path) -> None:
    plan.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_plan(plan).name == "Mine"


def in_use(text: str) -> str:
    return text.replace('"erased"', '"in-use"').replace('"everything"', '"photos"')


@pytest.mark.parametrize(
    "category",
    ["passwords", "mail", "watch", "homekit", "wallet", "profiles", "bluetooth", "app-list", "other-system"],
)
def test_what_only_an_erased_phone_can_take_is_refused_with_its_own_reason(plan: Path, category: str) -> None:
    error = refused(plan, in_use(GOOD).replace('"photos"', f'"photos", "{category}"'))
    assert isinstance(error, problems.CategoryOntoPhoneInUse) and error.exit_code == 10
    assert error.reason == load_catalogue().category(category).erased_only and error.reason in error.why
    assert f'"{category}"' in error.next
    everything = GOOD.replace('"everything"', f'"{category}"')
    plan.write_text(everything, encoding="utf-8")
    assert read_plan(plan).move.categories == (category,), "an erased phone can"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda t: t.replace('"erased"', '"in-use"'), problems.EverythingOntoPhoneInUse),
        (lambda t: t.replace('"erased"', '"in-use"\nwipe = true'), problems.WipeOfPhoneInUse),
        (
            lambda t: t.replace('"erased"', '"in-use"').replace('"everything"', '"passwords"'),
            problems.CategoryOntoPhoneInUse,
        ),
        (lambda t: in_use(t) + "[backup]\nencrypted = false\n", problems.PlainOntoPhoneInUse),
        (lambda t: in_use(t) + "[safety]\nsave_new_phone_first = false\n", problems.UnsavedPhoneInUse),
        (
            lambda t: t.replace('"erased"', '"erased"\nexperimental = ["graft"]'),
            problems.ExperimentalOntoErasedPhone,
        ),
        (lambda t: t.replace("[old_phone]", '[old_phone]\nudid = "abc"\nbackup = "x"'), problems.TwoOldPhones),
        (
            lambda t: t.replace("[old_phone]", '[old_phone]\nbackup = "x"') + '[backup]\nbegin = "fresh"\n',
            problems.FreshFromFolder,
        ),
        (lambda t: t.replace('["everything"]', "[]"), problems.PlanMovesNothing),
        (lambda t: t.replace('["everything"]', '["photos"]\nexcept = ["photos"]'), problems.PlanMovesNothing),
    ],
)
def test_contradicting_settings_are_refused(plan: Path, change: object, kind: type[MigrateError]) -> None:
    assert callable(change)
    error = refused(plan, change(GOOD))
    assert type(error) is kind
    assert "line" in error.what, "it names the line, so that the person need not search"


def test_one_phone_cannot_be_both(plan: Path) -> None:
    text = GOOD.replace("[old_phone]", '[old_phone]\nudid = "abc"').replace(
        'is = "erased"', 'is = "erased"\nudid = "abc"'
    )
    error = refused(plan, text)
    assert isinstance(error, problems.SamePhoneTwice) and error.exit_code == 11


def test_a_backup_path_is_relative_to_the_plan(plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    read = read_plan(written(plan, GOOD.replace("[old_phone]", '[old_phone]\nbackup = "saves/mine"')))
    assert read.old_phone.backup == str(tmp_path / "saves" / "mine")


def test_a_written_plan_reads_back_with_the_same_digest(plan: Path, tmp_path: Path) -> None:
    text = GOOD.replace("[old_phone]", '[old_phone]\nbackup = "b"').replace("Mine", 'Jörg\'s \\"phone\\" ✓')
    read = read_plan(written(plan, text))
    frozen = written(tmp_path / "runs-plan.toml", to_toml(read))
    assert read_plan(frozen) == read
    assert digest(read_plan(frozen)) == digest(read)


def test_only_settings_change_a_digest(plan: Path) -> None:
    first = digest(read_plan(plan))
    shuffled = 'version = 1 # one\n[move]\ncategories = ["everything"]\n[new_phone]\nis = "erased"\n[backup]\n'
    assert digest(read_plan(written(plan, 'name = "Mine"\n' + shuffled))) == first
    assert digest(read_plan(written(plan, GOOD + 'except = ["wifi"]\n'))) != first


def test_options_override_the_phones_of_a_plan_and_nothing_else(plan: Path, tmp_path: Path) -> None:
    read = read_plan(written(plan, GOOD.replace("[old_phone]", '[old_phone]\nudid = "aaa"')))
    other = override_phones(read, old="bbb", new="ccc")
    assert (other.old_phone.udid, other.new_phone.udid) == ("bbb", "ccc")
    assert other.move == read.move and other.backup == read.backup
    from_folder = override_phones(read, old_backup=tmp_path)
    assert from_folder.old_phone.udid is None and from_folder.old_phone.backup == str(tmp_path)
    fresh = read_plan(written(plan, GOOD + '[backup]\nbegin = "fresh"\n'))
    assert override_phones(fresh, old_backup=tmp_path).backup.begin == "as-is", "there is no phone to back up"
    with pytest.raises(problems.SamePhoneTwice):
        override_phones(read, new="aaa")
    with pytest.raises(problems.UdidInvalid):
        override_phones(read, old="../elsewhere")


def test_a_plan_is_immutable(plan: Path) -> None:
    read: Plan = read_plan(plan)
    with pytest.raises(ValueError, match="frozen"):
        read.name = "other"  # type: ignore[misc]
