"""The kinds of items that can be read: the only list of them.

Counts, proof, export, browse and diff go through it, so they agree.
"""

from __future__ import annotations

from functools import cache

from migrate.content.kind import Kind
from migrate.content.source import Place


def source_places() -> tuple[Place, ...]:
    """Every place that a reader looks at, for `Source`."""
    return tuple(dict.fromkeys(place for kind in kinds() for place in (*kind.places, *kind.within, *kind.beside)))


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds. The readers are imported when they are first needed, because a command line must start fast."""
    from migrate.content.readers.calls import CALLS
    from migrate.content.readers.clock import ALARMS, CITIES
    from migrate.content.readers.contacts import CONTACTS
    from migrate.content.readers.events import EVENTS
    from migrate.content.readers.health import SAMPLES
    from migrate.content.readers.keychain import KEYCHAIN_ITEMS
    from migrate.content.readers.messages import MESSAGES
    from migrate.content.readers.notes.kind import NOTES
    from migrate.content.readers.photos import PHOTOS
    from migrate.content.readers.reminders import REMINDERS
    from migrate.content.readers.rows import BOOKS, LINE_CHATS, PODCASTS
    from migrate.content.readers.safari import BOOKMARKS, VISITS
    from migrate.content.readers.shortcuts import SHORTCUTS
    from migrate.content.readers.voice_memos import VOICE_MEMOS
    from migrate.content.readers.voicemail import VOICEMAILS
    from migrate.content.readers.wallet import PASSES
    from migrate.content.readers.whatsapp import WHATSAPP_KINDS
    from migrate.content.readers.wifi import NETWORKS

    return (
        CONTACTS,
        MESSAGES,
        *WHATSAPP_KINDS,
        LINE_CHATS,
        CALLS,
        VOICEMAILS,
        PHOTOS,
        NOTES,
        REMINDERS,
        EVENTS,
        BOOKMARKS,
        VISITS,
        SAMPLES,
        KEYCHAIN_ITEMS,
        NETWORKS,
        VOICE_MEMOS,
        ALARMS,
        CITIES,
        PASSES,
        SHORTCUTS,
        BOOKS,
        PODCASTS,
    )


def kinds_of(owner: str) -> tuple[Kind, ...]:
    """The kinds of a category or app."""
    return tuple(kind for kind in kinds() if kind.owner == owner)


def kind(kind_id: str) -> Kind:
    """The kind with this id. A KeyError is a bug."""
    for found in kinds():
        if found.id == kind_id:
            return found
    raise KeyError(kind_id)


def is_read_as_items(domain: str, relative_path: str) -> bool:
    """Whether a file is read as items, and therefore has no fate of its own in a proof."""
    places = _read_places().get(domain)
    return places is not None and any(place.matches(domain, relative_path) for place in places)


@cache
def _read_places() -> dict[str, list[Place]]:
    """Where files are that are read as items, by domain: most of a phone's files are in other domains."""
    found: dict[str, list[Place]] = {}
    for one in kinds():
        for place in (*one.places, *one.within):
            found.setdefault(place.domain, []).append(place)
    return found
