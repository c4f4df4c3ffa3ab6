"""The wizard: its widgets on a pipe input, its plain widgets, its pages, and its error handling."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from migrate.journey import events
from migrate.plan.interview.observations import (
    BACK,
    BackupContents,
    CategoryEntry,
    ExistingBackup,
    Option,
    Phone,
    Question,
    UnfinishedRun,
)
from migrate.plan.interview.questions import Answers, MoveFacts, next_question
from migrate.problems import FindMyOn, WrongPassword
from migrate.talk import console
from migrate.talk.progress import BarListener, LineListener
from migrate.talk.prompts import interruptible_prompt
from migrate.talk.wizard import plain_widgets, waiting_pages, widgets
from migrate.talk.wizard.interview import run_interview
from migrate.talk.wizard.page import CHANGED, Changes, Left, Page, PageAnswer, Row
from migrate.talk.wizard.texts import PAGES, error_page, question_page

OLD, NEW = "00008101-0001AAAA00000001", "00008140-0002BBBB00000002"
DOWN = "\x1b[B"
FRUIT = Page(
    "old", "Which fruit?", rows=(Row("a", ("Apple",)), Row("p", ("Pear",)), Row("q", ("Quince",), refused="none left"))
)
BASKET = replace(
    FRUIT,
    kind="many",
    rows=(Row("a", ("Apple", "3")), Row("p", ("Pear", "12"))),
    total=lambda ticked: f"{len(ticked)} ticked",
    refusal=lambda ticked: "" if ticked else "Nothing is ticked yet.",
)


@pytest.fixture(autouse=True)
def _drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGRATE_PLAIN", raising=False)
    monkeypatch.setenv("COLUMNS", "60")


# -- questionary on a pipe input -------------------------------------------------------------------------------------


def typed(page: Page, keys: str, changes: Changes | None = None) -> PageAnswer:
    """The answer of a page when these keys are pressed."""
    with create_pipe_input() as pipe:
        pipe.send_text(keys)
        return asyncio.run(widgets.ask(page, changes, input=pipe, output=DummyOutput()))


@pytest.mark.parametrize(
    ("keys", "answer"), [("\r", "a"), ("2\r", "p"), (f"{DOWN}\r", "p"), ("b\r", BACK), (f"{DOWN}{DOWN}\r", BACK)]
)
def test_a_row_is_chosen_by_number_or_arrows_and_refused_rows_are_skipped(keys: str, answer: str) -> None:
    assert typed(FRUIT, keys) == answer


def test_enter_alone_chooses_the_preferred_row() -> None:
    assert typed(replace(FRUIT, preferred=BACK), "\r") == BACK
    assert typed(replace(FRUIT, preferred="p"), "\r") == "p"


def test_rows_are_selected_and_an_empty_selection_is_refused() -> None:
    assert typed(BASKET, f" {DOWN} \r") == ("a", "p")
    assert typed(BASKET, "a\r") == ("a", "p")
    assert typed(BASKET, "\r \r") == ("a",), "Enter with nothing ticked is not taken"
    assert typed(BASKET, "b") == Left(())


def test_a_new_password_is_asked_until_both_entries_match() -> None:
    page = Page("chosen-password", "New password", "new-secret")
    assert typed(page, "horse\rhorse\r") == "horse"
    assert typed(page, "horse\rhouse\rhorse\rhorse\r") == "horse"
    assert typed(page, "\r") == BACK
    assert typed(replace(page, kind="secret"), "horse\r") == "horse"


def test_a_folder_dragged_into_the_window_loses_its_quotes() -> None:
    page = Page("folder", "Which folder?", "path")
    assert typed(page, "'/backups/of grandma' \r") == "/backups/of grandma"
    assert typed(page, "\r") == BACK


@pytest.mark.parametrize("page", [FRUIT, BASKET, Page("x", "Password?", "secret")], ids=["one", "many", "secret"])
def test_ctrl_c_works_at_every_widget(page: Page) -> None:
    with pytest.raises(KeyboardInterrupt):
        typed(page, "\x03")


def test_a_page_is_removed_when_its_facts_change() -> None:
    async def at_once() -> None:
        return

    assert typed(FRUIT, "", at_once) is CHANGED


# -- plain lines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "lines", "answer"),
    [
        ("one", "2\n", "p"),
        ("one", "\n7\n1\n", "a"),
        ("one", "b\n", BACK),
        ("one", "l\n", CHANGED),
        ("many", "1 2\n", ("a", "p")),
        ("many", "all\n", ("a", "p")),
        ("many", "1-2\n", ("a", "p")),
        ("many", "9\nx\n2\n", ("p",)),
        ("many", "b\n", Left(())),
    ],
)
def test_plain_lines(monkeypatch: pytest.MonkeyPatch, kind: str, lines: str, answer: PageAnswer) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    page = replace(FRUIT, is_live=True) if kind == "one" else BASKET
    assert asyncio.run(plain_widgets.ask(page)) == answer


def test_the_end_of_input_stops_a_plain_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(plain_widgets.ask(FRUIT))


# -- the words -------------------------------------------------------------------------------------------------------

LONG = "The very long name that somebody gave to their old iPhone years ago"
HOLDINGS = (
    CategoryEntry(
        id="photos",
        title="Photos and videos",
        files=82,
        items=12_345,
        bytes=9_000_000_000,
        notes=("7 originals are only in iCloud",),
        cloud_notes=("7 originals are only in iCloud",),
    ),
    CategoryEntry(id="health", title="Health and Medical ID", files=5, bytes=10, needs_encryption=True),
    CategoryEntry(id="app:com.example.chatter", title=f"Chatter, {LONG}", files=18, bytes=600_000),
)
THERE = MoveFacts(
    phones=(
        Phone(
            udid=OLD, name=LONG, model_name="iPhone 12", ios_version="18.5", free_bytes=10**9, encrypts_backups=False
        ),
        Phone(
            udid=NEW,
            name=f"{LONG}, the new one",
            ios_version="26.1",
            free_bytes=10**10,
            trusted=True,
            battery_percent=3,
        ),
    ),
    backups=(
        ExistingBackup(folder="/b", udid="x", name=LONG, ios_version="18.5", encrypted=True, backed_up_on="2026-03-01"),
    ),
    unfinished=(UnfinishedRun(id="20260101-120000-ab12", plan="", old=LONG, new="Ada's iPhone", step="restore"),),
    earlier_answers=Answers().with_answer("old", OLD),
    backup_contents={
        OLD: BackupContents(
            name=LONG, ios_version="18.5", encrypted=True, category_entries=HOLDINGS, unreadable={"photos": 2}
        ),
        NEW: BackupContents(name=LONG, ios_version="26.1", encrypted=True, category_entries=HOLDINGS),
    },
    signs_of_use={NEW: ("3 apps", "120 photos and videos")},
)
IN_USE = Answers()
for _name, _answer in (
    ("start", "20260101-120000-ab12"),
    ("old", OLD),
    ("new", NEW),
    ("new-is", "in-use"),
    ("encryption", "on"),
    ("chosen", tuple(h.id for h in HOLDINGS)),
):
    IN_USE = IN_USE.with_answer(_name, _answer)


def every_page() -> Iterator[Page]:
    from migrate.plan.interview.questions import INTERVIEW

    for ask in INTERVIEW:
        yield question_page(ask.about(THERE, IN_USE), THERE, IN_USE)
    yield error_page(FindMyOn(LONG, "IsAssociated is true"), can_use_untested=True)


@pytest.mark.parametrize("columns", [60, 80])
def test_every_page_fits(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    for page in every_page():
        lines = [*page.lines, *(f"   1) {label}" for label in page.labels().values())]
        assert all(console.display_width(line) <= columns for part in lines for line in part.split("\n")), page.name


def test_every_question_has_a_page_and_every_answer_a_row() -> None:
    from migrate.plan.interview.questions import INTERVIEW

    assert set(PAGES) == {ask.name for ask in INTERVIEW}
    for ask in INTERVIEW:
        question = ask.about(THERE, IN_USE)
        page = question_page(question, THERE, IN_USE)
        assert [row.value for row in page.rows] == [option.value for option in question.options], ask.name


def test_control_characters_in_a_phones_name_are_removed() -> None:
    facts = replace(THERE, phones=(Phone(udid=OLD, name="Ada\x1b[31m\nX"),))
    question = next_question(replace(facts, unfinished=(), earlier_answers=None), Answers())
    assert question is not None
    assert all(
        console.CONTROL_CHARACTERS.search(label) is None and "\n" not in label
        for label in question_page(question, facts, Answers()).labels().values()
    )


def test_the_replace_page_shows_both_counts_and_the_caveats() -> None:
    page = question_page(
        Question(name="replace", options=(Option(value="replace"),), phone="Ada's iPhone"), THERE, IN_USE
    )
    said = " ".join(" ".join(page.lines).split())
    assert "Photos and videos: 12,345 replace 12,345" in said
    assert "Health replaces all Health data of the new phone" in said


def test_what_is_only_in_icloud_is_shown_before_the_choice() -> None:
    page = question_page(Question(name="what", options=(Option(value="everything"),)), THERE, IN_USE)
    said = " ".join(" ".join(page.lines).split())
    assert "Not all of it is on this phone" in said
    assert "Photos and videos: 7 originals are only in iCloud." in said
    assert "Health" not in said
    here = replace(HOLDINGS[0], cloud_notes=())
    all_here = replace(
        THERE, backup_contents={OLD: replace(THERE.backup_contents[OLD], category_entries=(here, *HOLDINGS[1:]))}
    )
    assert "Not all" not in " ".join(question_page(Question(name="what"), all_here, IN_USE).lines)
    assert "accounts" not in said


def test_what_belongs_to_an_account_is_not_called_missing() -> None:
    note = "2 of them belong to iCloud: sign in there on the new phone to keep them"
    of_account = replace(HOLDINGS[0], cloud_notes=(), account_notes=(note,))
    facts = replace(THERE, backup_contents={OLD: replace(THERE.backup_contents[OLD], category_entries=(of_account,))})
    said = " ".join(" ".join(question_page(Question(name="what"), facts, IN_USE).lines).split())
    assert f"Some of it belongs to accounts: - Photos and videos: {note}." in said
    assert "Not all" not in said


def test_the_running_total_is_compared_with_the_free_space() -> None:
    small = replace(THERE, phones=(THERE.phones[0], replace(THERE.phones[1], free_bytes=700_000)))
    question = Question(
        name="chosen", kind="many", options=tuple(Option(value=h.id, about=h) for h in HOLDINGS), free_bytes=700_000
    )
    page = question_page(question, small, IN_USE)
    assert page.total(("health",)) == "1 selected, 10 bytes of 700.0 KB free"
    assert page.total(("photos",)).endswith(": too much") and "700.0 KB free" in page.refusal(("photos",))
    assert page.refusal(()) and not page.refusal(("health",))


def test_plain_pages_are_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATE_PLAIN", "1")
    for page in every_page():
        for line in (page.title, *page.lines, *page.labels().values()):
            assert console.safe(line).isascii(), line


def told_on(page: Page) -> str:
    """A page's text and rows in one line."""
    return " ".join(" ".join((*page.lines, *page.labels().values(), page.warning)).split())


def with_old(*category_entries: CategoryEntry) -> MoveFacts:
    return replace(
        THERE,
        backup_contents={
            **THERE.backup_contents,
            OLD: replace(THERE.backup_contents[OLD], category_entries=category_entries),
        },
    )


def test_an_empty_category_that_would_delete_data_is_pointed_out() -> None:
    """`Call history: 0 replace 40` read like any other line."""
    none = replace(HOLDINGS[0], items=0, cloud_notes=())
    facts = with_old(none, *HOLDINGS[1:])
    page = question_page(Question(name="replace", options=(Option(value="replace"),)), facts, IN_USE)
    assert "the old phone has none, but the 12,345 on the new phone would be deleted" in told_on(page)
    ticks = Question(name="chosen", kind="many", options=(Option(value="photos", about=none),))
    assert "Photos and videos none 9.0 GB" in told_on(question_page(ticks, facts, IN_USE))


def test_what_is_only_in_icloud_is_shown_on_the_choice_page_of_phones_in_use() -> None:
    """For a phone in use this is the first page that can show it."""
    question = Question(name="chosen", kind="many", options=(Option(value="photos", about=HOLDINGS[0]),))
    assert "Photos and videos: 7 originals are only in iCloud." in told_on(question_page(question, THERE, IN_USE))


def test_one_file_is_singular() -> None:
    one = CategoryEntry(id="maps", title="Maps", files=1, bytes=10)
    question = Question(name="chosen", kind="many", options=(Option(value="maps", about=one),))
    assert "Maps 1 file 10 bytes" in told_on(question_page(question, with_old(one), IN_USE))


def test_the_summary_names_apps_missing_on_the_new_phone() -> None:
    lacks = replace(
        THERE,
        backup_contents={
            **THERE.backup_contents,
            NEW: replace(THERE.backup_contents[NEW], category_entries=HOLDINGS[:2]),
        },
    )
    summary = Question(name="summary", options=(Option(value="move"),), phone="Ada's iPhone")
    assert "not on Ada's iPhone yet; you will be asked to install them from the App Store" in told_on(
        question_page(summary, lacks, IN_USE)
    )
    assert "will be asked for" not in told_on(question_page(summary, THERE, IN_USE))


def test_a_phone_in_use_is_offered_with_what_happens_to_it() -> None:
    question = Question(name="new-is", options=(Option(value="erased"), Option(value="in-use")))
    page = question_page(question, THERE, Answers())
    assert not any(row.refused for row in page.rows)
    said = told_on(page)
    assert "that backup is restored to it with your choice in it" in said
    assert "experimental" not in said and "is =" not in said


def test_only_what_a_phone_reports_is_said_to_be_waited_for() -> None:
    for action, waits in (("airplane-mode", False), ("erase-phone", True)):
        said = " ".join(waiting_pages.action_page("Ada's iPhone", action, "back-up-new-phone"))
        assert ("continues as soon as it is done" in said) is waits and "Ada's iPhone" in said


def test_the_page_that_asks_to_install_apps_names_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`the apps named above` would be wrong after a resume, when nothing is above."""
    waiting_pages.ActionPages()(events.PersonNeeded("Ada's iPhone", "install-apps", ("Chatter", "Sketchbook")))
    LineListener()(events.PersonNeeded("Ada's iPhone", "install-apps", ("Chatter", "Sketchbook")))
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("Chatter, Sketchbook") == 2 and "above" not in said and said.count("Ctrl-C") == 2


def test_a_question_during_a_progress_bar_starts_on_a_new_line() -> None:
    """`35.2MB, 64.8MB/sBackup password of Ada's new iPhone`."""
    drawn = io.StringIO()
    hears = BarListener(drawn)
    hears(events.StepStarted("prove"))
    hears(events.BytesMoved("prove", 10_000_000, 20_000_000))
    assert "50 %" in drawn.getvalue().rpartition("\r")[2]
    with interruptible_prompt():
        assert drawn.getvalue().endswith("\r"), "the line is empty, and the cursor at its beginning"
    hears(events.BytesMoved("prove", 15_000_000, 20_000_000))
    assert "75 %" in drawn.getvalue().rpartition("\r")[2], "and it goes on afterwards"
    hears(events.StepFinished("prove"))


# -- what must be done on a phone ------------------------------------------------------------------------------------


def test_an_action_page_is_removed_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    hears = waiting_pages.ActionPages()
    hears(events.StepStarted("wait-for-phone"))
    hears(events.PersonNeeded("Ada's iPhone", "finish-setup"))
    shown = capsys.readouterr().err
    assert "Now on Ada's iPhone" in shown and "home screen" in shown
    hears(events.PersonDone("Ada's iPhone", "finish-setup"))
    rows = shown.split("…\n", 1)[1].count("\n")
    assert capsys.readouterr().err == f"\x1b[{rows}F\x1b[J", "exactly the page is taken off"


def test_an_action_page_stays_when_something_was_printed_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    hears = waiting_pages.ActionPages()
    hears(events.PersonNeeded("Ada's iPhone", "unlock"))
    hears(events.StepFinished("meet"))
    capsys.readouterr()
    hears(events.PersonDone("Ada's iPhone", "unlock"))
    assert "\x1b" not in capsys.readouterr().err


def test_a_plain_action_page_is_not_redrawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGRATE_PLAIN", "1")
    hears = waiting_pages.make_listener()
    hears(events.PersonNeeded("Ada's iPhone", "tap-trust"))
    hears(events.PersonDone("Ada's iPhone", "tap-trust"))
    said = capsys.readouterr().err
    assert said.isascii() and "\x1b" not in said and "Tap Trust" in said and "done" in said


def test_events_of_the_wizards_backups_are_not_repeated_by_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    hears = waiting_pages.ActionPages()
    for _ in range(2):
        hears(events.StepStarted("back-up-old-phone"))
        hears(events.StepFinished("back-up-old-phone"))
    assert capsys.readouterr().err.count("The old phone is backed up.") == 1


# -- the loop --------------------------------------------------------------------------------------------------------


@dataclass
class Script:
    """A scripted person, and the wizard's actions."""

    answers: list[PageAnswer]
    fails: dict[str, list[Exception]] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    kept: list[Answers] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    async def ask(self, page: Page, changes: Changes | None = None) -> PageAnswer:
        self.pages.append(page.name)
        return self.answers.pop(0)

    async def refresh(self, facts: MoveFacts, said: Answers) -> MoveFacts:
        return facts

    async def changes(self, facts: MoveFacts) -> None: ...

    async def prepare(self, preparation: str, facts: MoveFacts, said: Answers) -> MoveFacts:
        if self.fails.get(preparation):
            raise self.fails[preparation].pop(0)
        return replace(THERE, unfinished=(), earlier_answers=None, known_passwords=facts.known_passwords)

    async def accept_answer(self, name: str, answer: Any, facts: MoveFacts, said: Answers) -> tuple[MoveFacts, Answers]:
        if self.fails.get(name):
            raise self.fails[name].pop(0)
        told = facts.known_passwords | {OLD} if "password" in name else facts.known_passwords
        return replace(facts, known_passwords=told), said.with_answer(name, answer)

    async def handle_error(self, error: Exception, page: Page | None) -> str:
        return self.verdicts.pop(0)

    def write_answers(self, facts: MoveFacts, said: Answers) -> None:
        self.kept.append(said)


def held(script: Script) -> Answers:
    facts = replace(THERE, backup_contents={}, unfinished=(), earlier_answers=None, signs_of_use={NEW: ()})
    facts = replace(facts, phones=(replace(facts.phones[0], trusted=True), facts.phones[1]))
    _, said = asyncio.run(run_interview(script.ask, script, facts, Answers()))  # type: ignore[arg-type]
    return said


HAPPY: Sequence[PageAnswer] = (OLD, NEW, "erased", "on", "horse", "wipe", "everything", "accept", "move")


def test_the_interview_asks_until_the_plan_is_complete_and_stores_every_answer() -> None:
    script = Script(list(HAPPY))
    said = held(script)
    assert script.pages[:5] == ["old", "new", "new-is", "encryption", "chosen-password"]
    assert said.one("what") == "everything" and said.one("summary") == "move"
    assert [len(answers.given) for answers in script.kept] == list(range(1, len(HAPPY) + 1))


def test_a_changed_page_is_asked_again_and_back_drops_an_answer() -> None:
    script = Script([CHANGED, OLD, BACK, *HAPPY])
    held(script)
    assert script.pages[:4] == ["old", "old", "new", "old"]


def test_a_wrong_password_is_asked_again_and_a_failed_step_can_lead_back() -> None:
    script = Script(
        [OLD, NEW, "erased", "on", "house", "horse", "on", "wipe", "everything", "accept", "move"],
        fails={"chosen-password": [WrongPassword()], "save-old": [FindMyOn("Ada's iPhone", "x")]},
        verdicts=["again", "change"],
    )
    said = held(script)
    assert said.one("summary") == "move"
    assert script.pages[3:7] == ["encryption", "chosen-password", "chosen-password", "encryption"]


def test_questionary_is_used_only_for_widgets() -> None:
    source = Path(widgets.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) < 150
    assert ".ask(" not in source.replace("widgets.ask(", "") and "unsafe_ask_async" in source
