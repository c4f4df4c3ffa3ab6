"""Which writer writes which kind of items, or which category without items. The writers are imported when needed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from migrate.export.task import Task

if TYPE_CHECKING:
    from migrate.export.files_task import FilesTask

KIND_WRITERS = {
    "calls": "migrate.export.kinds.calls:write_calls",
    "messages": "migrate.export.kinds.messages:write_messages",
    "whatsapp": "migrate.export.kinds.whatsapp:write_whatsapp",
    "whatsapp-chats": "migrate.export.kinds.whatsapp:write_whatsapp_chats",
    "whatsapp-business": "migrate.export.kinds.whatsapp:write_whatsapp",
    "whatsapp-business-chats": "migrate.export.kinds.whatsapp:write_whatsapp_chats",
}
"""Kind -> module and function that writes it. Every other kind is written by `plain_rows`."""
OWNER_WRITERS: dict[str, str] = {}
"""Category that has no items -> module and function that writes what it has."""
APP_WRITER: str | None = None
"""The same for the documents of every app."""
_PLAIN_ROWS = "migrate.export.kinds.plain_rows:write_plain_rows"


def kind_writer(kind_id: str) -> Callable[[Task], None]:
    found: Callable[[Task], None] = _load(KIND_WRITERS.get(kind_id, _PLAIN_ROWS))
    return found


def owner_writer(owner: str) -> Callable[[FilesTask], None] | None:
    """The writer for a category without items, or for an app's documents; None if there is nothing to write."""
    name = APP_WRITER if owner.startswith("app:") else OWNER_WRITERS.get(owner)
    return None if name is None else _load(name)


def _load(name: str) -> Callable[..., None]:
    module, _colon, function = name.partition(":")
    found: Callable[..., None] = getattr(import_module(module), function)
    return found
