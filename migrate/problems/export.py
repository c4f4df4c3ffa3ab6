"""Problems of `migrate export`: readable files from a backup."""

from __future__ import annotations

import errno
import os

from migrate.problems.problem import Command, MigrateError, Problem, RecordProblem, when


class ExportIntoBackup(MigrateError):
    """`migrate export` into the backup itself, or around it."""

    folder: str
    backup: str
    exit_code = 2
    what = "Nothing was exported: {folder} and the backup {backup} lie inside one another."
    why = "migrate never changes a backup, and other programs would think the backup is damaged."
    next = "Name a folder elsewhere with --to DIR."


class ExportOfSomethingElse(MigrateError):
    """`--to` names a folder with an export of another backup, or with other filters."""

    folder: str
    reason: str  # a whole sentence
    exit_code = 2
    what = "Nothing was exported: {folder} already holds another export."
    why = "{reason} Its pages would be replaced by ones that may have less in them."
    next = "Name a new folder with --to DIR."


class ExportFolderNotOurs(MigrateError):
    """`--to` names a folder whose list of exported files cannot be read."""

    folder: str
    exit_code = 2
    what = "Nothing was exported: the list of what {folder} already holds cannot be read."
    why = "The folder .migrate-export in it is damaged, so it is not known which files an earlier export wrote."
    next = "Name a new folder with --to DIR."


class NothingToExport(MigrateError):
    """`migrate export` of what the backup does not have."""

    backup: str
    exit_code = 2
    show = Command("show", "{backup}")
    what = "The backup {backup} holds nothing that you asked for."
    why = "Nothing in the categories and apps you named can be exported."
    next = "See what is in it: {show}"


class CannotExportHere(MigrateError):
    """The folder of an export cannot be written, or its disk is full."""

    folder: str
    system_said: str
    exit_code = 33
    what = "Some files could not be written to {folder}."
    why = "The system answered: {system_said}. The files already written are complete, and the backup is unchanged."
    next = when(
        "disk_full",
        "Free some space on that disk, then {again} It continues where it stopped.",
        otherwise="Name a new folder that you can write to with --to DIR.",
    )

    @property
    def disk_full(self) -> bool:
        return self.system_said == os.strerror(errno.ENOSPC)


class ExportStopped(MigrateError):
    """Ctrl-C during an export."""

    folder: str
    exit_code = 130
    what = "You stopped the export to {folder}."
    why = "The files already written are complete. The unfinished one was removed."
    next = "Continue where it stopped: {again}"


class ExportFileUnreadable(RecordProblem):
    """A file that an exported item needs."""

    reason: str  # a whole sentence
    exit_code = 30
    what = "{file} was not exported."
    why = "{reason}"
    next = "See what else is damaged with {verify_backup} and fetch it from the phone with: {repair_backup}"


class ExportGap(Problem):
    """Items, or parts of them, that could not be exported, and why."""

    count: int
    label: str
    reason: str
    severity = "warning"
    what = "{label}: {count:,} not exported completely."
    why = "{reason!c}."
    next = "See the whole list in export.json."


class ExportKeptYours(Problem):
    """A file of an earlier export that somebody has changed since."""

    place: str
    written: str
    severity = "warning"
    what = "{place} was changed after it was exported, so it was left as it is."
    why = "What this export has in its place is in {written}."
    next = "Compare the two files, and keep the one you want."


class ExportPersonUnknown(MigrateError):
    """`--with` names somebody the backup does not know."""

    wanted: str
    exit_code = 2
    what = "Nobody in this backup is called {wanted}, and there is no message or call with that number."
    why = "Names are looked for in the contacts, the chats and the groups of the backup."
    next = "Check the spelling, or use the number, as in --with +491701234567."


class NoBrowserForPdf(Problem):
    """`--as pdf` on a computer without a browser that can print from a command."""

    place: str
    severity = "warning"
    what = "The chats in {place} were exported as pages, and not as PDF."
    why = "There is no Chromium, Chrome or Edge on this computer, and migrate has them print the pages."
    next = "Open a page in any browser, print it, and choose “Save as PDF”; or install Chromium and export again."
