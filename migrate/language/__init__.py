"""Every text a person reads goes through here, so that a translation is one file.

`locale/<language>/LC_MESSAGES/migrate.mo` is that file.
English is the source language: a message is its own key. `_` translates at once, `mark` only marks a text that is
translated later (a template, a table), `plural` picks the form for a number, and `mark_plural` marks its two forms.
`tools/messages.py` collects them all, and the texts of the tables in TOML.
"""

from __future__ import annotations

import gettext
import os
from functools import cache
from pathlib import Path

DOMAIN = "migrate"
LOCALE = Path(__file__).with_name("locale")
LANGUAGE_VARIABLE = "MIGRATE_LANGUAGE"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    languages = [language] if language else None  # None: gettext asks LANGUAGE, LC_ALL, LC_MESSAGES, LANG
    return gettext.translation(DOMAIN, LOCALE, languages, fallback=True)


def _current() -> gettext.NullTranslations:
    return _catalogue(os.environ.get(LANGUAGE_VARIABLE, ""))


def _(message: str) -> str:
    """`message` in the person's language; itself where no translation has it."""
    return _current().gettext(message) if message else ""  # gettext answers "" with the head of the catalogue


def language_tag() -> str:
    """The language of the texts as a web page names it: `en`, `pt-BR`."""
    return (_current().info().get("language") or "en").replace("_", "-")


def plural(one: str, many: str, count: int) -> str:
    """`one` or `many`, whichever form the language has for `count`; `{count}` in it is left to the caller."""
    return _current().ngettext(one, many, count)


def mark(message: str) -> str:
    """`message`, marked for translation and not yet translated."""
    return message


def mark_plural(one: str, many: str) -> tuple[str, str]:
    """The two forms of a message, marked for translation: the first arguments of `plural`."""
    return one, many
