"""The face of every kind that is shown. Keychain items have none: secrets are never on a page."""

from __future__ import annotations

from collections.abc import Callable

from migrate.browse.face import (
    Face,
)
from migrate.browse.other_faces import alarms_face, health_face, media_faces, safari_faces, text_faces
from migrate.browse.people_faces import people_faces
from migrate.content.item import Item
from migrate.content.kind import Kind
from migrate.content.normal_form import address
from migrate.language import _, mark

HIDDEN_KINDS = frozenset({"keychain", "whatsapp-chats", "whatsapp-business-chats"})
"""Secrets are not shown, and chats are shown with their messages."""


class Faces:
    """The faces of one backup.

    Args:
        name_of: the name of the contact with an address (`normal_form.address`), if one has it.
    """

    def __init__(self, name_of: Callable[[str], str | None] = lambda address: None) -> None:
        def caller(number: str | None) -> str:
            normalised = address(number)
            name = name_of(normalised) if normalised else None
            return name or number or _("Unknown number")

        every = (*people_faces(caller), *media_faces(), *text_faces(), *safari_faces(), health_face(), alarms_face())
        self._faces = {face.kind_id: face for face in every}

    def of(self, kind: Kind) -> Face | None:
        """The face of a kind; None if it is not shown."""
        if kind.id in HIDDEN_KINDS:
            return None
        found = self._faces.get(kind.id)
        if found is None:
            title = _TITLES.get(kind.id, kind.label)
            found = Face(kind_id=kind.id, title_of_kind=title, sort=_by_description, newest_first=False)
            self._faces[kind.id] = found
        return found


_TITLES = {
    "wifi": mark("Wi-Fi networks"),
    "world-clock": mark("World clock"),
    "wallet": mark("Wallet"),
    "books": mark("Books"),
    "line-chats": mark("LINE"),
}
"""What a page of these kinds is called; of others, as they are counted."""


def _by_description(item: Item) -> str:
    return item.describe().casefold()
