"""What the wizard says: the words of every page, for a person who has never opened a terminal before today."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.categories.catalogue import load
from migrate.errors import MigrateError
from migrate.plan.interview_answers import Answers
from migrate.plan.interview_pages import (
    AFRESH,
    ALL_APPS,
    ERASED,
    EVERYTHING,
    FOLDER,
    GO_ON,
    IN_USE,
    LATER,
    SOME,
    counterpart_count,
    holdings,
    is_app,
    is_encrypted,
    owners,
    refuse_too_full,
    saved_old,
)
from migrate.plan.interview_seen import EarlierBackup, Holding, Phone, Question, Seen, UnfinishedRun, new_udid
from migrate.talk import sentences
from migrate.talk.output import findings_in_words, plain, wrapped
from migrate.talk.wizard_page import Page, Row, refusal_lines, told
from migrate.units import bytes_text

Words = Callable[[Question, Seen, Answers], Page]

WELCOME = (
    "This moves what you choose from your old iPhone to your new one, and proves what arrived. Nothing on the old "
    "phone is changed, and nothing on the new one before you type yes to it, at the end.",
    "Choose with the arrow keys or a number, then press Enter. Ctrl-C stops at any time: your answers are kept.",
)
WELCOME_PLAIN = (
    WELCOME[0],
    "Type the number in front of an answer, then press Enter. Ctrl-C stops at any time: your answers are kept.",
)
CANNOT_MOVE = (
    "No backup holds payment cards, eSIMs, photos and files that are only in iCloud, mail, or the apps themselves "
    "(they are installed again). Some apps keep their data out of backups (Signal, most banks): use their own way."
)


def page_of(question: Question, seen: Seen, said: Answers) -> Page:
    """The page for a question."""
    return PAGES[question.name](question, seen, said)


def refused(error: MigrateError, *, may_change: bool = True, may_insist: bool = False) -> Page:
    """An error, and the ways to go on."""
    insist = (Row("insist", ("It was changed since the last save; let me type it",)),) if may_insist else ()
    change = (Row("change", ("Change an answer",)),) if may_change else ()
    rows = (Row("again", ("Try again",)), *insist, *change, Row("stop", ("Stop here; go on another time",)))
    return Page("refused", "What now?", lines=refusal_lines(error), rows=rows, going_back=None)


# -- who -------------------------------------------------------------------------------------------------------------


def _start(question: Question, seen: Seen, said: Answers) -> Page:
    runs = [(one.value, one.about) for one in question.options if isinstance(one.about, UnfinishedRun)]
    rows = [Row(value, (_run_called(run),)) for value, run in runs]
    if GO_ON in question.takes:
        rows.append(Row(GO_ON, ("Go on choosing, with my answers so far",)))
    rows.append(Row(AFRESH, ("Start afresh",)))
    lines = told("You have been here before, and whatever was finished is kept.")
    return Page("start", "Go on where you stopped?", lines=lines, rows=tuple(rows), going_back=None)


def _run_called(run: UnfinishedRun) -> str:
    where = sentences.started(run.step).lower() if run.step else "before it began"
    between = f"{run.old or 'the old phone'} to {run.new or 'the new phone'}"
    return f"Go on: {between} ({where})"


def _old(question: Question, seen: Seen, said: Answers) -> Page:
    lines = ["The old phone is the one whose data should move. Nothing on it is changed."]
    if not seen.connected:
        lines.append(f"No phone is connected. Connect it with its cable and unlock it: {_appears()}.")
        if seen.no_muxer is not None:
            lines += [seen.no_muxer.what(), seen.no_muxer.next()]
    rows = [*_phones(question), *_backups(question), Row(FOLDER, ("A backup in another folder",))]
    going_back = "Back" if "start" in said else None
    return Page(
        "old", "Which is the old phone?", lines=told(*lines), rows=tuple(rows), going_back=going_back, polls=True
    )


def _appears() -> str:
    return "then type l, to look again" if plain() else "it appears here by itself"


def _folder(question: Question, seen: Seen, said: Answers) -> Page:
    lines = told("The folder that holds Manifest.db, or the one around it. You can drag it into this window.")
    return Page("folder", "Which folder? (empty: back)", "path", lines=lines)


def _new(question: Question, seen: Seen, said: Answers) -> Page:
    lines = ["The new phone gets what you choose. One cable is enough: it can be connected when its turn comes."]
    if len(question.options) == 1:
        lines.append(f"No other phone is connected. You may connect it now: {_appears()}.")
    rows = (*_phones(question), Row(LATER, ("It is not connected; I connect it later",)))
    return Page("new", "Which is the new phone?", lines=told(*lines), rows=rows, polls=True)


def _phones(question: Question) -> list[Row]:
    """Each phone by the name its owner gave it, and what tells it from another."""
    return [
        Row(one.value, (one.about.called, _known(one.about)))
        for one in question.options
        if isinstance(one.about, Phone)
    ]


def _known(phone: Phone) -> str:
    """`iPhone 12, iOS 18.5, 58.9 GB free`, as far as it tells."""
    about = [phone.model_name, f"iOS {phone.ios_version}" if phone.ios_version else None]
    about.append(f"{bytes_text(phone.free_bytes)} free" if phone.free_bytes is not None else None)
    return ", ".join(word for word in about if word) or phone.udid


def _backups(question: Question) -> list[Row]:
    return [
        Row(one.value, (f"Backup of {one.about.name}", _told_of(one.about)), refused="too old" if one.refused else "")
        for one in question.options
        if isinstance(one.about, EarlierBackup)
    ]


def _told_of(backup: EarlierBackup) -> str:
    """`2026-03-01, iOS 18.5, Finder's`."""
    about = (backup.saved_on, f"iOS {backup.ios_version or '?'}", backup.whose)
    return ", ".join(word for word in about if word)


def _new_is(question: Question, seen: Seen, said: Answers) -> Page:
    lines = [
        "New or erased: it becomes your old phone, with everything or with what you choose. What is on it now is lost.",
        "In use: it stays as it is, and each thing you choose replaces its counterpart there. Passwords cannot move.",
    ]
    error = next((option.refused for option in question.options if option.refused), None)
    rows = (
        Row(ERASED, ("New or erased: it becomes my old phone",)),
        Row(IN_USE, ("In use: only some things move to it",), refused="not with its iOS" if error else ""),
    )
    shown = told(*lines) + (("", *refusal_lines(error)) if error else ())
    return Page(
        "new-is", f"What is {question.phone or 'the new phone'} now?", lines=shown, rows=rows, going_back=_back(seen)
    )


def _back(seen: Seen) -> str | None:
    return "Back" if seen.with_phones else None


def _wipe(question: Question, seen: Seen, said: Answers) -> Page:
    signs = " and ".join(seen.signs_of_use.get(new_udid(seen, said) or "", ()))
    lines = told(
        f"{question.phone} does not look erased: there are {signs} on it.",
        "To make it your old phone, all that is on it must go. Is it the right phone?",
    )
    rows = (Row("wipe", ("Yes: everything that is on it now may go",)),)
    return Page("wipe", "Empty it?", lines=lines, rows=rows, going_back="No, go back", preferred="back")


# -- how -------------------------------------------------------------------------------------------------------------


def _encryption(question: Question, seen: Seen, said: Answers) -> Page:
    only = [category.title for category in load().categories if category.needs_encryption]
    lines = told(
        f"{question.phone or 'An iPhone'} puts these only into encrypted backups: {', '.join(only)}.",
        "Encryption also keeps the copy on this computer from other eyes. You choose its password; the phone keeps it "
        "until you change it, so write it down.",
    )
    rows = (
        Row("on", ("Yes, with a password that I choose now",)),
        Row("off", ("No; what is listed above stays behind",)),
    )
    return Page("encryption", "Encrypt the backup?", lines=lines, rows=rows)


def _chosen_password(question: Question, seen: Seen, said: Answers) -> Page:
    lines = told(
        f"A new password for the backups of {question.phone}. It is not your passcode, nor the Apple Account's.",
        f"What you type is hidden. Later {question.phone} asks you for its passcode, on its own screen.",
    )
    return Page("chosen-password", "New backup password (empty: back)", "new-secret", lines=lines)


def _old_password(question: Question, seen: Seen, said: Answers) -> Page:
    lines = told(
        f"The backups of {question.phone or 'this phone'} are encrypted already. What is their password?",
        "It was chosen in Finder, iTunes or a program like this one. If nobody knows it: on the phone, Settings, "
        "General, Transfer or Reset, Reset, Reset All Settings removes it, and no data. Then begin again.",
    )
    return Page("old-password", "Backup password (empty: back)", "secret", lines=lines)


def _new_password(question: Question, seen: Seen, said: Answers) -> Page:
    lines = told(
        f"{question.phone} is saved too before it is changed, and its backups are encrypted. What is their password?",
        "It can be another one than the old phone's. If migrate turned it on, it is the old phone's.",
    )
    return Page("new-password", "Backup password (empty: back)", "secret", lines=lines)


# -- what ------------------------------------------------------------------------------------------------------------


def _what(question: Question, seen: Seen, said: Answers) -> Page:
    saved, every = saved_old(seen, said), holdings(seen, said)
    error = next((option.refused for option in question.options if option.refused), None)
    apps = sum(is_app(one) and not one.is_empty for one in every)
    amount = f", {apps} app{'' if apps == 1 else 's'}, {bytes_text(sum(one.bytes for one in every))}" if saved else ""
    lines = refusal_lines(error) if error else told(_room(question))
    lines = (*lines, *_cloud_notes(every))
    rows = (
        Row(EVERYTHING, (f"Everything{amount}",), refused="too much" if error else ""),
        Row(SOME, ("Let me choose",)),
    )
    return Page("what", "What should move?", lines=lines, rows=rows)


def _cloud_notes(every: Sequence[Holding]) -> tuple[str, ...]:
    """What this phone only mentions, before anything is chosen."""
    notes = tuple(
        wrapped(f"{one.title}: {note}.", indent="    ", first="  - ")
        for one in every
        if not one.is_empty
        for note in one.cloud_notes
    )
    return ("", "Not all of it is on this phone:", *notes) if notes else ()


def _room(question: Question) -> str:
    if question.free_bytes is None:
        return ""
    return f"{question.phone} has {bytes_text(question.free_bytes)} free."


def _chosen(question: Question, seen: Seen, said: Answers) -> Page:
    sizes = {one.id: one.bytes for one in holdings(seen, said)}
    counted = saved_old(seen, said) is not None

    def total(ticked: Sequence[str]) -> str:
        size = sum(sizes.get(one, 0) for one in ticked)
        if not counted:
            return f"{len(ticked)} ticked"
        room = "" if question.free_bytes is None else f" of {bytes_text(question.free_bytes)} free"
        over = "" if question.free_bytes is None or size <= question.free_bytes else ": too much"
        return f"{len(ticked)} ticked, {bytes_text(size)}{room}{over}"

    def refusal(ticked: Sequence[str]) -> str:
        error = refuse_too_full(seen, said, tuple(ticked))
        return "Nothing is ticked yet." if not ticked else error.what() if error else ""

    rows = tuple(
        Row(option.value, _cells(option.about, counted), group="Apps" if is_app(option.about) else "")
        for option in question.options
        if isinstance(option.about, Holding)
    )
    lines = told(
        f"Each thing you tick replaces its counterpart on {question.phone or 'the new phone'}."
        if said.one("new-is") == IN_USE
        else "What is not ticked stays behind, on the old phone and in its backup here.",
        _room(question),
    )
    return Page("chosen", "What should move?", "many", lines=lines, rows=rows, total=total, refusal=refusal)


def _cells(holding: Holding, counted: bool) -> tuple[str, ...]:
    if not counted:
        return (holding.title,)
    count = "" if holding.count is None else f"{holding.count:,}" + ("" if holding.items is not None else " files")
    return holding.title, count, bytes_text(holding.bytes)


def _unreadable(question: Question, seen: Seen, said: Answers) -> Page:
    saved = saved_old(seen, said)
    lost = {one: count for one, count in (saved.unreadable if saved else {}).items() if one in owners(seen, said)}
    titles = {one.id: one.title for one in holdings(seen, said)}
    lines = told(
        f"{question.phone or 'The old phone'} reported a read error, twice, for files that would move:",
        *(f"{titles.get(one, one)}: {count} file{'' if count == 1 else 's'}" for one, count in lost.items()),
        "All the rest can move. Look for these on the old phone, and keep it.",
    )
    rows = (Row("accept", ("Yes, move the rest",)),)
    return Page("unreadable", "Go on without them?", lines=lines, rows=rows, preferred="back")


def _replace(question: Question, seen: Seen, said: Answers) -> Page:
    phone = question.phone or "the new phone"
    if not seen.with_phones:
        words = told("What you ticked may be on the new phone too. It is replaced, the two are not merged.")
        answers = (Row("replace", ("Yes, replace it",)), Row("leave", ("No: stop where the new phone has some",)))
        return Page("replace", "Replace what is there?", lines=words, rows=answers)
    shown = [one for one in holdings(seen, said) if one.id in owners(seen, said)]
    pairs = [(one, counterpart_count(seen, said, one.id)) for one in shown]
    lines = [
        *told(f"{phone} keeps everything else. What you chose replaces what it has of it; the two are not merged."),
        "",
    ]
    lines += [wrapped(replaces(one, there), indent="    ", first="  ") for one, there in pairs]
    lines += ["", *told(*(caveat for one, there in pairs if there and (caveat := DESTROYS.get(one.id))))]
    lines += told(f"{phone} was saved as it is, so what is replaced is not lost from this computer.")
    rows = tuple(REPLACE_ROWS[option.value] for option in question.options)
    return Page("replace", "Replace what is there?", lines=tuple(lines), rows=rows)


DESTROYS = {
    "photos": "With Photos the whole library of the new phone goes: its albums and edits too.",
    "health": "With Health all Health data of the new phone goes.",
}
"""What replacing a category takes away beside what was counted : each of these is one database."""
REPLACE_ROWS = {
    "replace": Row("replace", ("Yes, replace it",)),
    "leave": Row("leave", ("No: only move what it has nothing of",)),
}


def replaces(holding: Holding, there: int) -> str:
    """`Messages: 12,402 replace 31`."""
    count = "all" if holding.count is None else f"{holding.count:,}"
    return f"{holding.title}: {count} replace {there:,}" if there else f"{holding.title}: {count}, and it has none"


# -- the last page ---------------------------------------------------------------------------------------------------


def _summary(question: Question, seen: Seen, said: Answers) -> Page:
    error = next((option.refused for option in question.options if option.refused), None)
    lines = [wrapped(text, indent=" " * 12, first=f"  {label:<10}") for label, text in _agreed(question, seen, said)]
    lines += ["", *told(CANNOT_MOVE)]
    if notes := _notes(seen, said):
        lines += ["", *notes]
    if error is not None:
        lines += ["", *refusal_lines(error)]
    lines += ["", *findings_in_words(question.findings)] if question.findings else []
    rows = []
    if seen.with_phones:
        rows.append(Row("move", ("Move now",), refused="not yet" if error else ""))
    rows.append(
        Row("write", ("Only write this plan down; I move later" if seen.with_phones else "Write this plan down",))
    )
    title = "Shall we?" if seen.with_phones else "Is that right?"
    return Page("summary", title, lines=tuple(lines), rows=tuple(rows))


def _agreed(question: Question, seen: Seen, said: Answers) -> list[tuple[str, str]]:
    saved = saved_old(seen, said)
    moving = set(owners(seen, said)) | ({ALL_APPS} & set(said.many("chosen")))
    every = [one for one in holdings(seen, said) if not one.is_empty]
    stays = [one.title for one in every if one.id not in moving]
    size = sum(one.bytes for one in every if one.id in moving)
    titles = [one.title for one in every if one.id in moving]
    what = "everything" if said.one("what") == EVERYTHING else ", ".join(titles)
    new = question.phone or "the new phone, connected when its turn comes"
    becomes = "it becomes the old phone" if said.one("new-is") == ERASED else "it keeps everything else"
    rows = [
        ("From", saved.name if saved else "the old phone, named when the plan is run"),
        ("To", f"{new}; {becomes}{', all that is on it goes' if said.one('wipe') == 'wipe' else ''}"),
        ("Moves", f"{what}{f' ({bytes_text(size)})' if saved else ''}"),
    ]
    if said.one("replace") == "leave" and seen.with_phones:
        stays += [one.title for one in every if one.id in moving and counterpart_count(seen, said, one.id)]
    if stays:
        rows.append(("Stays", ", ".join(stays)))
    rows.append(("Backup", "encrypted" if is_encrypted(seen, said) else "not encrypted"))
    return rows


def _notes(seen: Seen, said: Answers) -> list[str]:
    """What is known to be missing of what moves: only in iCloud, or bound to an account."""
    moving = set(owners(seen, said))
    return [
        wrapped(f"{one.title}: {note}.", indent="    ", first="  - ")
        for one in holdings(seen, said)
        if one.id in moving
        for note in one.cloud_notes
    ]


PAGES: dict[str, Words] = {
    "start": _start,
    "old": _old,
    "folder": _folder,
    "new": _new,
    "new-is": _new_is,
    "wipe": _wipe,
    "encryption": _encryption,
    "chosen-password": _chosen_password,
    "old-password": _old_password,
    "what": _what,
    "chosen": _chosen,
    "unreadable": _unreadable,
    "new-password": _new_password,
    "replace": _replace,
    "summary": _summary,
}
