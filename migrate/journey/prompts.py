"""All that a run may ask a person: backup passwords and the last confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from migrate.plan.strategy import Strategy

Role = Literal["old", "new"]
ROLES: tuple[Role, ...] = ("old", "new")


@dataclass(frozen=True)
class OwnBackupLimits:
    """What a restore of a phone's own backup does not bring back by itself, as far as that backup shows it."""

    apps: int
    """How many apps are installed again from the App Store."""
    not_reinstallable: tuple[str, ...]
    """Titles of apps that the phone cannot download again."""
    without_data: tuple[str, ...]
    """Titles of apps without any data in the backup: they exclude it, or have none."""
    accounts: tuple[str, ...]
    """What of that which is sent belongs to accounts that the phone lacks."""


@dataclass(frozen=True)
class Confirmation:
    """What the last confirmation says, right before the point of no return."""

    run_id: str
    old_name: str
    new_name: str
    strategy: Strategy
    replaces: tuple[tuple[str, int | None, int | None], ...]
    """Category title, its items (or files) in the old backup, and on the new phone (None: unknown)."""
    set_bytes: int
    set_files: int
    """Files of the old phone, without the companions made for its databases."""
    is_undoable: bool = False
    """Whether the new phone was backed up as it is now, so that the move can be undone."""
    own_limits: OwnBackupLimits | None = None
    """For a rebuild: it is a full restore of the phone's own backup, and what that does not bring back."""
    erases_first: bool = False
    """Whether the person has to erase the phone first, because the set does not fit beside what is on it."""
    is_sent_again: bool = False
    """Whether an earlier try was interrupted, and the phone did not take it."""
    loses: tuple[tuple[str, int], ...] = ()
    """What came onto the phone since that try and is deleted: title and how many. The person has accepted it."""
    will_not_come_back: tuple[str, ...] = ()
    """Sentences about what an undo cannot bring back."""
    undoes: str | None = None
    """The run being undone; `replaces` then lists what arrived after that run and will be lost."""


@dataclass(frozen=True)
class EraseOffer:
    """The question whether the new phone may be erased on the way, because its own backup does not fit beside it."""

    name: str
    needed_bytes: int
    free_bytes: int


@dataclass(frozen=True)
class MissingOriginals:
    """The question whether to wait until originals that are only in iCloud are on the old phone."""

    name: str
    photos: int
    """All photos and videos in the library."""
    only_in_icloud: int
    before: int | None = None
    """How many were only in iCloud at the look before this one; None: this is the first."""


class UserPrompts(Protocol):
    """The questions of a run. Called in the event loop's thread, never from a worker thread."""

    def password(self, role: Role, phone: str, udid: str | None, *, may_prompt: bool) -> str | None:
        """The backup password of a phone; None if it is unknown. Answers are remembered.

        Without `may_prompt`, only passwords given beforehand (file, environment, keyring) count.
        """

    def chosen_password(self, role: Role, phone: str) -> str | None:
        """The password to set on a phone that has none yet; None if nobody can choose one."""

    def reject_password(self, role: Role, phone: str) -> bool:
        """Report that the password for this phone was wrong. True: ask again. False: it was not typed, so asking again
        would return the same one."""

    def may_erase(self, offer: EraseOffer) -> bool:
        """Ask whether the person will erase the new phone once everything is ready. False: no, or there is nobody."""

    def looks_for_originals(self) -> bool:
        """Whether it makes sense to look for originals that are only in iCloud: somebody is there to be asked."""

    def look_again(self, missing: MissingOriginals) -> bool:
        """Say how to load the originals onto the phone, and wait for the person. True: look again. False: go on."""

    def is_restored(self, new: str, old: str) -> bool | None:
        """Ask whether the phone called `new` has taken what was sent to it. None: there is no terminal to ask on, or
        the person does not know."""

    def confirm(self, confirmation: Confirmation) -> bool:
        """Ask for the last confirmation. False: the person declined.

        Raises:
            WordMissing: there is no terminal to ask on.
        """
