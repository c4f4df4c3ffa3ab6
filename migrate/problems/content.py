"""Problems of what is inside a backup: databases and property lists that are read as messages, photos, contacts …,
and of comparing two backups (`migrate diff`)."""

from __future__ import annotations

from migrate.problems.problem import Command, Problem, RecordProblem, by_count
from migrate.problems.proof import ProofFieldsLeftOut


class ContentUnreadable(RecordProblem):
    reason: str
    severity = "warning"
    what = "{relative_path} could not be read, so it is not known what is in it."
    why = "{reason}."
    next = "Check whether the file is damaged: {verify_backup}"


# -- migrate diff ----------------------------------------------------------------------------------------------------


class DiffUnreadable(RecordProblem):
    reason: str
    backup: str
    severity = "warning"
    what = "{relative_path} of {backup} could not be read, so what is in it was not compared."
    why = "{reason!c}."
    verify = Command("verify", "{backup}")
    next = "Check whether the file is damaged: {verify}"


class DiffFileUnreadable(RecordProblem):
    reason: str
    backup: str
    severity = "warning"
    what = "{file} was not compared."
    why = "Its date has changed, and its contents cannot be read in {backup}. {reason}"
    verify = Command("verify", "{backup}")
    next = "Check whether the backup is damaged: {verify}"


class DiffNeedsEncryption(Problem):
    """Only one of the two backups is encrypted, and only that one has them."""

    label: str
    backup: str
    categories: tuple[str, ...]
    severity = "warning"
    what = "Not compared: {label}. {backup} has none."
    why = "It is not encrypted, and the other backup is. An unencrypted backup lacks some of a phone's data."
    encrypt = Command("encryption", "on")
    next = "Turn on encryption, make a backup, and compare that: {encrypt}"


class DiffUndecided(Problem):
    count: int
    label: str
    categories: tuple[str, ...]
    severity = "warning"
    what = by_count(
        "count",
        "Of the {label}, it is not known whether one has changed.",
        "Of the {label}, it is not known whether {count:,} have changed.",
    )
    why = "What is stored differs, but it cannot be decoded, or a file of it cannot be read."
    next = "Look at them on the iPhone if they matter to you."


class DiffFieldsLeftOut(ProofFieldsLeftOut):
    next = "Look at them on the iPhone if they matter to you."


class DiffEntriesDamaged(Problem):
    count: int
    backup: str
    severity = "warning"
    what = by_count(
        "count",
        "One entry of {backup} is damaged and was not compared.",
        "{count:,} entries of {backup} are damaged and were not compared.",
    )
    why = "All other entries were compared."
    verify = Command("verify", "{backup}")
    next = "See which they are: {verify}"
