"""Folders of files as people know them: the documents of apps, `On My iPhone`, iCloud Drive.

Apps/<app>/Documents/…
Files on my iPhone/…
iCloud Drive/…
"""

from __future__ import annotations

from collections.abc import Callable

from migrate.backup.record import Record
from migrate.categories.apps import GROUP_DOMAIN
from migrate.categories.catalogue import APP_PREFIX
from migrate.export.files_task import FilesTask
from migrate.export.folder import Place
from migrate.export.task import IN_ICLOUD
from migrate.language import _, mark

LOCAL_FILES = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage"
STORAGE, DOCUMENTS, MOBILE_DOCUMENTS = "File Provider Storage/", "Documents/", "Library/Mobile Documents/"
_CACHES = frozenset({"caches", "cache", "tmp", ".cache"})
_TRASH = ".Trash"
"""Where Files keeps what was deleted (*guessed*: facts/exports 4)."""
_PLACEHOLDER = ".icloud"
"""The end of the name of a file that stands for one in iCloud (GK: `.name.icloud`)."""
_LONGEST_FOLDER = 150
"""Characters of a folder's path inside the export. Windows allows 260 for the whole path; what lies deeper is put
there."""
_MOST_FOLDERS = 10_000
"""Folders remembered at a time."""


def write_app(task: FilesTask) -> None:
    """The documents of one app, of its container and of its groups, without what it calls caches."""
    bundle = task.owner.removeprefix(APP_PREFIX)
    app = task.claims.apps.get(bundle)
    if app is None:
        return
    tree: _Tree | None = None
    for record in task.records(*app.domains):
        path = record.relative_path
        if not path.startswith((DOCUMENTS, STORAGE)) or _CACHES.intersection(path.casefold().split("/")[:-1]):
            continue
        if tree is None:
            apps = task.top.folder(_("Apps"), key="apps")
            tree = _Tree(task, apps.folder(task.title, key=f"app/{bundle}"), f"app/{bundle}")
        group = record.domain.removeprefix(GROUP_DOMAIN) if record.domain.startswith(GROUP_DOMAIN) else None
        tree.copy(record, [*([group] if group else []), *path.split("/")])


def write_files(task: FilesTask) -> None:
    """What the app Files shows under `On My iPhone`; what was deleted there in a folder of its own."""
    _copy_below(task, LOCAL_FILES, STORAGE, _named_trash)


def write_icloud_drive(task: FilesTask) -> None:
    """The files of iCloud Drive that are on the phone. Those that are only in iCloud are counted."""
    _copy_below(task, "HomeDomain", MOBILE_DOCUMENTS, lambda name: name.replace("~", ".") if "~" in name else name)


def _copy_below(task: FilesTask, domain: str, prefix: str, named: Callable[[str], str]) -> None:
    tree: _Tree | None = None
    for record in task.records(domain):
        if not record.relative_path.startswith(prefix):
            continue
        first, *others = record.relative_path.removeprefix(prefix).split("/")
        if first == _TRASH and task.choice.deleted == "without":
            continue
        last = others[-1] if others else first
        if last.startswith(".") and last.endswith(_PLACEHOLDER):
            task.gap(IN_ICLOUD)
            continue
        if tree is None:
            tree = _Tree(task, task.top.folder(task.title, key=f"tree/{task.owner}"), task.owner)
        tree.copy(record, [named(first), *others] if others else [first])


def _named_trash(name: str) -> str:
    return _("Recently Deleted") if name == _TRASH else name


class _Tree:
    """Copies files into folders named as in the backup."""

    def __init__(self, task: FilesTask, place: Place, key: str) -> None:
        self._task = task
        self._place = place
        self._key = key
        self._folders: dict[tuple[str, ...], Place] = {}

    def copy(self, record: Record, path: list[str]) -> None:
        *folders, name = path
        key = f"{self._key}/{record.domain}/{record.relative_path}"
        self._task.copy(record, self._folder(tuple(folders)), name, key=key, when=record.modified)

    def _folder(self, names: tuple[str, ...]) -> Place:
        known = self._folders.get(names)
        if known is None:
            known = self._place
            for depth, name in enumerate(names, 1):
                deeper = known.folder(name, key=f"{self._key}/folder/{'/'.join(names[:depth])}")
                if len(deeper.path) > _LONGEST_FOLDER:
                    self._task.gap(FLATTENED)
                    break
                known = deeper
            if len(self._folders) >= _MOST_FOLDERS:
                self._folders.clear()
            self._folders[names] = known
        return known


FLATTENED = mark("a folder lies too deep, so its files are in a folder above it")
