"""The data of an interview: what is known about phones and backups, and the questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from migrate.language import _
from migrate.plan.interview.answers import Answers
from migrate.problems import MigrateError, Problem
from migrate.problems.finding import Finding

Preparation = Literal["meet-old", "look-at-new", "meet-new", "save-old", "save-new", "find-my-off"]
"""What has to be done before a page can be asked."""
Kind = Literal["one", "many", "path", "secret", "new-secret"]
BACK = "back"
"""Goes back to the previous page; never stored as an answer."""
AGAIN = "again"
"""Looks at the phones and this computer again; never stored as an answer."""


# -- facts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Phone:
    """The last known state of a phone; None means unknown. It satisfies preflight's `PhoneFacts`."""

    udid: str
    name: str | None = None
    model_name: str | None = None
    ios_version: str | None = None
    free_bytes: int | None = None
    used_bytes: int | None = None
    trusted: bool | None = None
    encrypts_backups: bool | None = None
    find_my: bool | None = None
    battery_percent: int | None = None
    activation: str | None = None
    setup_finished: bool | None = None
    setup_state: str | None = None
    synced_data: Mapping[str, tuple[str, ...]] | None = None
    icloud_backup: str | None = None
    """A sentence about its iCloud Backup."""
    connected: bool = True

    @property
    def name_or_model(self) -> str:
        return self.name or self.model_name or _("the iPhone {udid}").format(udid=self.udid)

    @property
    def total_bytes(self) -> int | None:
        """The size of its storage, as far as it tells."""
        return None if self.free_bytes is None or self.used_bytes is None else self.free_bytes + self.used_bytes


@dataclass(frozen=True, kw_only=True)
class Computer:
    """The disk on which backups are stored. None: it does not tell."""

    folder: Path
    free_bytes: int | None = None
    total_bytes: int | None = None
    hard_links_work: bool | None = None
    backup_bytes: Mapping[str, int] = field(default_factory=dict)
    """By UDID: the size of the phone's existing working backup."""


@dataclass(frozen=True, kw_only=True)
class ExistingBackup:
    """A finished backup on this computer that can be used instead of the old phone."""

    folder: str
    udid: str
    name: str
    ios_version: str | None
    encrypted: bool
    backed_up_on: str  # "2026-03-01"
    program: str = ""  # "Finder's": the program that made it, if it was not migrate
    is_too_old: bool = False
    """It is from iOS 9 or older: migrate can read it, but not move it."""


@dataclass(frozen=True, kw_only=True)
class UnfinishedRun:
    """A run that `resume` can continue."""

    id: str
    plan: str
    old: str | None
    new: str | None
    step: str | None  # the last one that was started
    is_sent: bool = False
    """Whether sending data to the new phone had begun: from then on the plan cannot change."""
    is_undo: bool = False


@dataclass(frozen=True, kw_only=True)
class CategoryEntry:
    """One category or app (`app:<bundle>`) of a backup."""

    id: str
    title: str
    files: int | None = None
    bytes: int = 0
    items: int | None = None
    """Without what is in Recently Deleted, and with what is only in iCloud."""
    notes: tuple[str, ...] = ()
    only_in_icloud: int = 0
    """Those of `items` that are known to be only in iCloud."""
    cloud_notes: tuple[str, ...] = ()
    """The notes about data that is only in iCloud."""
    account_notes: tuple[str, ...] = ()
    """The notes about items that stay on the new phone only if it signs in to their account."""
    needs_encryption: bool = False
    shared: Mapping[frozenset[str], int] = field(default_factory=dict)
    """Bytes shared with other entries, by the ids of all entries (including this one) whose `bytes` include them."""

    @property
    def count(self) -> int | None:
        """The number of items if they can be counted, else of files."""
        return self.files if self.items is None else self.items

    @property
    def is_empty(self) -> bool:
        return self.files == 0


def total_size_bytes(category_entries: Iterable[CategoryEntry]) -> int:
    """The bytes that move with these entries; bytes that several of them share count once."""
    entries = list(category_entries)
    ids = {entry.id for entry in entries}
    shared = {owners: size for entry in entries for owners, size in entry.shared.items()}
    duplicates = sum((len(owners & ids) - 1) * size for owners, size in shared.items())
    return sum(entry.bytes for entry in entries) - duplicates


@dataclass(frozen=True, kw_only=True)
class BackupContents:
    """What a backup contains."""

    name: str
    ios_version: str | None
    encrypted: bool
    category_entries: tuple[CategoryEntry, ...]
    unreadable: Mapping[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The size of all entries."""
        return total_size_bytes(self.category_entries)


@dataclass(frozen=True, kw_only=True)
class MoveFacts:
    """Everything known so far. `with_phones` False: an interview without phones (`migrate plan new`)."""

    with_phones: bool = True
    phones: tuple[Phone, ...] = ()
    no_muxer: MigrateError | None = None
    backups: tuple[ExistingBackup, ...] = ()
    unfinished: tuple[UnfinishedRun, ...] = ()
    earlier_answers: Answers | None = None
    """The answers of an interrupted conversation."""
    replaced_run: str | None = None
    """The unfinished run whose plan is being changed: it is deleted when the changed one begins."""
    remembered: Answers = field(default_factory=Answers)
    """The last answer to each page, also to those that were gone back from. A page begins with it."""
    computer: Computer | None = None
    backup_contents: Mapping[str, BackupContents] = field(default_factory=dict)
    """By UDID or backup folder: the contents of the backups made or read in this conversation."""
    signs_of_use: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By UDID: what is on the phone that an erased phone does not have."""
    known_passwords: frozenset[str] = frozenset()
    """The phones (UDID) and backup folders whose backup password is known."""
    connected_later_udid: str | None = None
    """The UDID of the new phone, if it was to be connected later and now is."""
    catalogue: tuple[CategoryEntry, ...] = ()
    """All categories, without counts, for use before there is a backup."""

    def phone(self, udid: str | None) -> Phone | None:
        return next((phone for phone in self.phones if phone.udid == udid), None)

    @property
    def connected(self) -> tuple[Phone, ...]:
        return tuple(phone for phone in self.phones if phone.connected)


# -- questions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Option:
    """One possible answer. `about`: the phone, backup, run or category. `refused`: why it cannot be chosen."""

    value: str
    about: Phone | ExistingBackup | UnfinishedRun | CategoryEntry | None = None
    refused: MigrateError | None = None


@dataclass(frozen=True, kw_only=True)
class Question:
    """One page. `phone`: the phone's name. `free_bytes`: the free space on the new phone."""

    name: str
    kind: Kind = "one"
    options: tuple[Option, ...] = ()
    phone: str | None = None
    free_bytes: int | None = None
    preferred: str | None = None
    selected: tuple[str, ...] = ()
    """The values of a page of the kind `many` that are selected at first."""
    obstacles: tuple[Problem, ...] = ()
    """What stands in the way of the move as it was answered so far."""
    findings: tuple[Finding, ...] = ()

    @property
    def allowed_values(self) -> frozenset[str]:
        """The values that may be answered."""
        return frozenset(option.value for option in self.options if option.refused is None)


GO_ON: Literal["go-on"] = "go-on"
CHANGE: Literal["change"] = "change"
DROP: Literal["drop"] = "drop"
"""What can be done with an unfinished run."""


def chosen_run(facts: MoveFacts, answers: Answers) -> UnfinishedRun | None:
    """The unfinished run that was chosen on the first page."""
    start = answers.one("start")
    return next((run for run in facts.unfinished if run.id == start), None)


def resumed_run_id(facts: MoveFacts, answers: Answers) -> str | None:
    """The unfinished run that goes on as it is."""
    run = chosen_run(facts, answers)
    return run.id if run and answers.one("unfinished") == GO_ON else None


def old_phone_key(answers: Answers) -> str | None:
    """The key of the old phone's backup: its UDID, or the folder of the backup used instead of it."""
    return answers.one("folder") or answers.one("old")


def old_folder(facts: MoveFacts, answers: Answers) -> Path | None:
    """The backup folder used instead of the old phone, or None."""
    key = old_phone_key(answers)
    known = any(backup.folder == key for backup in facts.backups)
    return Path(key) if key and ("folder" in answers or known) else None


def new_udid(facts: MoveFacts, answers: Answers) -> str | None:
    """The new phone's UDID; None if it is to be connected later and has not been seen yet."""
    new = answers.one("new")
    return facts.connected_later_udid if new == "later" else new
