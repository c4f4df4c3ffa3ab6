"""Export a backup: every chosen kind through its writer, then `index.html` and `export.json`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from migrate.backup.reader import Backup
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.claims import Claims
from migrate.content.kind import Kind
from migrate.content.kinds import kinds, source_places
from migrate.content.readers.messages.names import Names
from migrate.content.source import UNREADABLE, Source, reason_of
from migrate.export.choice import ExportChoice
from migrate.export.files_task import FilesTask
from migrate.export.folder import ExportFolder
from migrate.export.people import PEOPLE_KINDS
from migrate.export.record_of_export import write_index_page, write_json
from migrate.export.result import CategoryExport, ExportResult
from migrate.export.task import Numbers, Task
from migrate.export.writers import kind_writer, owner_writer
from migrate.language import _
from migrate.problems import CannotExportHere, ExportGap, ExportIntoBackup, NothingToExport
from migrate.problems.finding import Finding
from migrate.progress import Progress, no_progress


def export_backup(
    backup: Backup, claims: Claims, to: Path, choice: ExportChoice, *, tmp: Path, progress: Progress = no_progress
) -> ExportResult:
    """Export what was chosen of an open backup into `to`. Blocking; the backup is only read.

    A second run with the same choice adds only what is missing. When it is stopped, complete files stay, and no
    unfinished one has its name.

    Args:
        tmp: for copies of databases that are read (0700); empty afterwards.

    Raises:
        ExportIntoBackup, NothingToExport, ExportOfSomethingElse, ExportFolderNotOurs: nothing was written.
        CannotExportHere: the disk is full, or `to` cannot be written.
        BackupUnreadable: the manifest is damaged.
    """
    real_backup, real_to = backup.folder.path.resolve(), to.resolve()
    if real_backup == real_to or real_backup in real_to.parents or real_to in real_backup.parents:
        raise ExportIntoBackup(str(to), str(backup.folder.path))
    return _Export(backup, claims, to, choice, tmp, progress).run()


class _Export:
    """One export in progress."""

    def __init__(
        self, backup: Backup, claims: Claims, to: Path, choice: ExportChoice, tmp: Path, progress: Progress
    ) -> None:
        self.backup = backup
        self.claims = claims
        self.to = to
        self.choice = choice
        self.tmp = tmp
        self.progress = progress
        self.findings: dict[Finding, None] = {}
        self._told: list[Finding] = []
        """What the reader of the current kind has reported."""
        self.source = Source(backup, tmp, source_places(), self._read_badly, in_full=True)
        self.names = Names(self.source)

    def run(self) -> ExportResult:
        chosen = [owner for owner in self._owners() if self._has_something(owner)]
        if not chosen:
            raise NothingToExport(str(self.backup.folder.path))
        self.folder = ExportFolder.open(self.to, self._report, self.progress)
        try:
            self._check_folder()
            categories = tuple(filter(None, map(self._export_owner, chosen)))
            result = ExportResult(
                backup=self.backup.folder.path,
                to=self.to,
                categories=categories,
                files=self.folder.files,
                findings=(*self.findings, *_gaps(categories)),
            )
            write_index_page(self.folder, result, self.backup.folder)
            write_json(self.folder, result, self.backup.folder)
        finally:
            self.folder.close()
        return result

    def _owners(self) -> Collection[str]:
        """The chosen categories, in the order of the catalogue, and then the apps."""
        apps = sorted(APP_PREFIX + bundle for bundle in self.claims.apps)
        others = [kind.owner for kind in kinds()]
        known = dict.fromkeys((*self.claims.catalogue.ids, *apps, *others))
        return [owner for owner in known if self.choice.owners is None or owner in self.choice.owners]

    def _kinds(self, owner: str) -> list[Kind]:
        """The kinds that the backup has files of. With a person, those that are about people."""
        return [
            kind
            for kind in kinds()
            if kind.owner == owner
            and (self.choice.person is None or kind.id in PEOPLE_KINDS)
            and (self.choice.only_ids is None or kind.id in self.choice.only_ids)
            and self.source.files(*kind.places)
        ]

    def _has_something(self, owner: str) -> bool:
        return bool(self._kinds(owner)) or (self._exports_files and owner_writer(owner) is not None)

    @property
    def _exports_files(self) -> bool:
        """Whether categories without items are exported: filters by person, date and deletion choose items."""
        choice = self.choice
        filters = (choice.person, choice.since, choice.until, choice.only_ids)
        return choice.deleted != "only" and all(one is None for one in filters)

    def _check_folder(self) -> None:
        folder = self.backup.folder
        self.folder.must_hold(
            {
                "phone": folder.udid,
                "backup": [str(folder.status_uuid), str(folder.status_date)],
                "filters": self.choice.filters(),
            },
            {
                "phone": _("It is of another iPhone."),
                "backup": _("It is of this iPhone at another time."),
                "filters": _("It has other filters: --with, --since, --until or --deleted."),
            },
        )

    # -- one owner ---------------------------------------------------------------------------------------------------

    def _export_owner(self, owner: str) -> CategoryExport | None:
        files_before = self.folder.files
        found = [(kind, self._export_kind(kind)) for kind in self._kinds(owner)]
        reasons, is_unknown = self._export_files(owner) if self._exports_files else ({}, False)
        files = self.folder.files - files_before
        if not found and not files and not reasons and not is_unknown:
            return None
        return CategoryExport(id=owner, title=self._title(owner), kinds=tuple(found), files=files, file_reasons=reasons)

    def _export_kind(self, kind: Kind) -> Numbers:
        task = Task(kind, self.source, self.choice, self.folder, self._report, self.names.name_of)
        self._told.clear()
        try:
            kind_writer(kind.id)(task)
        except CannotExportHere:
            raise
        except UNREADABLE as error:  # while sorting, outside of what the reader looks after
            self.source.cannot_read(self.source.files(*kind.places)[0], reason_of(error))
        task.finish()
        task.numbers.is_unknown = any(kind.reads(one.domain or "", one.relative_path or "") for one in self._told)
        return task.numbers

    def _export_files(self, owner: str) -> tuple[dict[str, int], bool]:
        writer = owner_writer(owner)
        if writer is None:
            return {}, False
        task = FilesTask(
            owner,
            self._title(owner),
            self.backup,
            self.claims,
            self.choice,
            self.folder,
            self.tmp,
            self._report,
            self.source,
        )
        writer(task)
        return dict(task.reasons), task.is_unknown

    def _title(self, owner: str) -> str:
        if not owner.startswith(APP_PREFIX):
            return _(self.claims.catalogue.category(owner).title)
        bundle = owner.removeprefix(APP_PREFIX)
        app = self.claims.apps.get(bundle)
        return bundle if app is None else app.title

    def _report(self, finding: Finding) -> None:
        self.findings[finding] = None

    def _read_badly(self, finding: Finding) -> None:
        self._told.append(finding)
        self._report(finding)


def _gaps(categories: tuple[CategoryExport, ...]) -> list[Finding]:
    return [
        ExportGap(count, category.title, reason).as_finding()
        for category in categories
        for reason, count in category.reasons.most_common()
    ]
