"""What an interview is about: what is seen of phones and backups, and the questions that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from migrate.plan.interview.answers import Answers
from migrate.problems import MigrateError
from migrate.problems.finding import Finding

Preparation = Literal["meet-old", "look-at-new", "meet-new", "save-old", "save-new", "find-my-off"]
"""What can be done before a page, so that it can be asked well."""
Kind = Literal["one", "many", "path", "secret", "new-secret"]
BACK = "back"
"""Never an answer: the page before."""


# -- what is seen ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Phone:
    """A phone as it was last seen; None is unknown. It fits preflight's `PhoneFacts`."""

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
    setup_finished: bool | None = None
    connected: bool = True

    @property
    def name_or_model(self) -> str:
        return self.name or self.model_name or f"the iPhone {self.udid}"


@dataclass(frozen=True, kw_only=True)
class ExistingBackup:
    """A finished backup on this computer, that can stand in for the old phone."""

    folder: str
    udid: str
    name: str
    ios_version: str | None
    encrypted: bool
    backed_up_on: str  # "2026-03-01"
    program: str = ""  # "Finder's": the program it is of, where it is not ours
    is_too_old: bool = False
    """It is of iOS 9 or older: it can be read and not moved."""


@dataclass(frozen=True, kw_only=True)
class UnfinishedRun:
    """A run that `resume` can go on with."""

    id: str
    plan: str
    old: str | None
    new: str | None
    step: str | None  # the last one that was started


@dataclass(frozen=True, kw_only=True)
class CategoryEntry:
    """One category or app (`app:<bundle>`) of a saved phone."""

    id: str
    title: str
    files: int | None = None
    bytes: int = 0
    items: int | None = None
    notes: tuple[str, ...] = ()
    cloud_notes: tuple[str, ...] = ()
    """Those of the notes that say what is only in iCloud, or comes back by signing in to an account."""
    needs_encryption: bool = False
    shared: Mapping[frozenset[str], int] = field(default_factory=dict)
    """By the holdings it belongs to, this one among them: bytes that are in the number of each of them."""

    @property
    def count(self) -> int | None:
        """Things where they can be counted, else files."""
        return self.files if self.items is None else self.items

    @property
    def is_empty(self) -> bool:
        return self.files == 0


def total_size_bytes(category_entries: Iterable[CategoryEntry]) -> int:
    """Bytes that move when these do: what several of them share moves once."""
    chosen = list(category_entries)
    ids = {holding.id for holding in chosen}
    shared = {owners: size for holding in chosen for owners, size in holding.shared.items()}
    again = sum((len(owners & ids) - 1) * size for owners, size in shared.items())
    return sum(holding.bytes for holding in chosen) - again


@dataclass(frozen=True, kw_only=True)
class BackupContents:
    """What lies in a saved phone."""

    name: str
    ios_version: str | None
    encrypted: bool
    category_entries: tuple[CategoryEntry, ...]
    unreadable: Mapping[str, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Of all holdings."""
        return total_size_bytes(self.category_entries)


@dataclass(frozen=True, kw_only=True)
class MoveFacts:
    """What there is to see. `with_phones` False: an interview without any phone (`migrate plan new`)."""

    with_phones: bool = True
    phones: tuple[Phone, ...] = ()
    no_muxer: MigrateError | None = None
    backups: tuple[ExistingBackup, ...] = ()
    unfinished: tuple[UnfinishedRun, ...] = ()
    earlier_answers: Answers | None = None
    """The answers of a conversation that was stopped."""
    backup_contents: Mapping[str, BackupContents] = field(default_factory=dict)
    """By UDID, or by the folder of a backup that stands in: what was saved and counted in this conversation."""
    signs_of_use: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By UDID: what a phone holds that an erased one does not."""
    told: frozenset[str] = frozenset()
    """The phones (and folders) whose backup password is known already."""
    connected_later_udid: str | None = None
    """The UDID of the new phone, where it was to be connected later and now is."""
    catalogue: tuple[CategoryEntry, ...] = ()
    """All categories, without counts: what can be asked before anything is saved."""

    def phone(self, udid: str | None) -> Phone | None:
        return next((phone for phone in self.phones if phone.udid == udid), None)

    @property
    def connected(self) -> tuple[Phone, ...]:
        return tuple(phone for phone in self.phones if phone.connected)


# -- what is asked ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Option:
    """One possible answer. `about` is what it stands for; `refused`: why it cannot be chosen now."""

    value: str
    about: Phone | ExistingBackup | UnfinishedRun | CategoryEntry | None = None
    refused: MigrateError | None = None
    ticked: bool = False


@dataclass(frozen=True, kw_only=True)
class Question:
    """One page. `phone`: whose; `free_bytes`: the room there is for what is ticked."""

    name: str
    kind: Kind = "one"
    options: tuple[Option, ...] = ()
    phone: str | None = None
    free_bytes: int | None = None
    preferred: str | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def allowed_values(self) -> frozenset[str]:
        """The values that may be answered."""
        return frozenset(option.value for option in self.options if option.refused is None)


def resumed_run_id(facts: MoveFacts, answers: Answers) -> str | None:
    """The unfinished run that was chosen on the first page."""
    start = answers.one("start")
    return start if any(run.id == start for run in facts.unfinished) else None


def old_phone_key(answers: Answers) -> str | None:
    """What the old phone's save goes by: its UDID, or the folder of the backup that stands in for it."""
    return answers.one("folder") or answers.one("old")


def old_folder(facts: MoveFacts, answers: Answers) -> Path | None:
    """The backup that stands in for the old phone."""
    key = old_phone_key(answers)
    known = any(backup.folder == key for backup in facts.backups)
    return Path(key) if key and ("folder" in answers or known) else None


def new_udid(facts: MoveFacts, answers: Answers) -> str | None:
    """The new phone's UDID; None where it is to be connected later and has not been seen yet."""
    new = answers.one("new")
    return facts.connected_later_udid if new == "later" else new
