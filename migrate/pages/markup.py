"""Build HTML from strings. Text gets into the page only through `escaped`, attributes only through `element`."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import NewType

from migrate.untrusted_text import without_control_characters

Markup = NewType("Markup", str)
"""HTML that is safe to put into the page."""
VOID = frozenset({"br", "img", "input", "meta", "rect"})
"""Elements that we write without contents."""


def escaped(text: object) -> Markup:
    """Text from anywhere as HTML: nothing in it is markup, and no sign of it turns the reading direction."""
    return Markup(html.escape(without_control_characters(str(text))))


def element(tag: str, *contents: Markup | None, **attributes: str | bool | None) -> Markup:
    """One element. Its contents are markup of this module's making, so text has gone through `escaped`.

    Attribute names are written with `_` for `-`; a trailing `_` is dropped. True gives an attribute without a value,
    None and False leave it out.
    """
    shown = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in VOID:
        return Markup(f"<{tag}{shown}>" if tag != "rect" else f"<{tag}{shown}/>")
    return Markup(f"<{tag}{shown}>{''.join(content for content in contents if content)}</{tag}>")


def text_element(tag: str, text: object, **attributes: str | bool | None) -> Markup:
    """One element with escaped text in it."""
    return element(tag, escaped(text), **attributes)


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("\n".join(parts))
