"""The home screen: pages, folders and the dock of `IconState.plist` (*read*: iLEAPP, and the keys of GoldenNugget)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from migrate.backup.record import Record
from migrate.content.readers.common import as_text
from migrate.content.source import Source

PLACE = ("HomeDomain", "Library/SpringBoard/IconState.plist")
_MOST_ICONS, _DEEPEST = 20_000, 4


class Icon(NamedTuple):
    """One place on the home screen."""

    page: int | None
    """From 1; None in the dock."""
    folder: str | None
    """The folder it is in."""
    folder_page: int | None
    app: str | None
    """The bundle id, or the id of a web page on the home screen; None for a widget without one."""
    is_widget: bool = False


def home_screen(source: Source, record: Record) -> Iterator[Icon]:
    """All icons, the dock first and then page by page. Errors are reported to the source."""
    with source.reading(record):
        state = source.plist(record)
        if not isinstance(state, dict) or not isinstance(state.get("iconLists"), list):
            raise ValueError("it has another structure")
        for count, icon in enumerate(_icons(state)):
            if count >= _MOST_ICONS:
                raise ValueError(f"it has more than {_MOST_ICONS:,} icons")
            yield icon


def _icons(state: dict[str, Any]) -> Iterator[Icon]:
    dock = state.get("buttonBar")
    for entry in dock if isinstance(dock, list) else []:
        yield from _of_entry(entry, None, None, None, 0)
    for number, page in enumerate(state["iconLists"], 1):
        for entry in page if isinstance(page, list) else []:
            yield from _of_entry(entry, number, None, None, 0)


def _of_entry(
    entry: object, page: int | None, folder: str | None, folder_page: int | None, depth: int
) -> Iterator[Icon]:
    if isinstance(entry, str):
        yield Icon(page, folder, folder_page, entry)
    elif isinstance(entry, dict) and depth < _DEEPEST:
        inner, stack = entry.get("iconLists"), entry.get("elements")
        if isinstance(inner, list):
            name = as_text(entry.get("displayName")) or ""
            for number, icons in enumerate(inner, 1):
                for icon in icons if isinstance(icons, list) else []:
                    yield from _of_entry(icon, page, name, number, depth + 1)
        elif isinstance(stack, list):  # a stack of widgets
            for element in stack:
                widget = element if isinstance(element, dict) else {}
                app = as_text(widget.get("containerBundleIdentifier")) or as_text(widget.get("widgetIdentifier"))
                yield Icon(page, folder, folder_page, app, is_widget=True)
        else:
            app = as_text(entry.get("bundleIdentifier")) or as_text(entry.get("displayIdentifier"))
            is_widget = entry.get("elementType") == "widget" or "widgetIdentifier" in entry
            app = app or as_text(entry.get("containerBundleIdentifier"))
            yield Icon(page, folder, folder_page, app, is_widget=is_widget)
