"""Fills a phone with contents. Every kind has its own writer and its own random stream.

So the bytes depend only on the spec, the seed, and the phone's model, iOS version, locale and time zone, and changing
the count of one kind does not change the random choices of another.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from migrate.simulator.contents import (
    apps,
    calendars,
    calls,
    contacts,
    health,
    home_screen,
    keychain,
    messages,
    notes,
    photos,
    reminders,
    safari,
    settings,
    system,
    voice_memos,
    voicemail,
    wifi,
)
from migrate.simulator.contents.archive_app import write_archive
from migrate.simulator.contents.author import Author, ContentsWriter
from migrate.simulator.contents.people import invent_people
from migrate.simulator.contents.spec import ContentsSpec

if TYPE_CHECKING:
    from migrate.simulator.device.phone import SimulatedPhone

MIN_PEOPLE = 8
"""The minimum number of invented people, because calls and messages need some even without contacts."""

WRITERS: dict[str, ContentsWriter] = {
    "apps": apps.write,  # first: permissions and the home screen name them
    "system": system.write,
    "contacts": contacts.write,
    "messages": messages.write,
    "calls": calls.write,
    "voicemail": voicemail.write,
    "photos": photos.write,
    "notes": notes.write,
    "calendars": calendars.write,
    "reminders": reminders.write,
    "safari": safari.write,
    "voice memos": voice_memos.write,
    "health": health.write,
    "wifi": wifi.write,
    "keychain": keychain.write,
    "settings": settings.write,
    "home screen": home_screen.write,
}


def fill(phone: SimulatedPhone, spec: ContentsSpec, seed: int) -> None:
    """Writes contents to `phone`'s disk and registers its apps. Existing files stay."""
    people = invent_people(seed, max(MIN_PEOPLE, spec.effective.contacts))
    for name, write in WRITERS.items():
        author = Author(
            files=phone.files,
            keychain=phone.keychain,
            spec=spec.effective,
            ios=phone.ios,
            random=random.Random(f"{seed}:{name}"),  # noqa: S311 - invented contents, no secret
            people=people,
            apps=phone.apps,
            locale=phone.locale,
            time_zone=phone.time_zone,
            model=phone.model,
        )
        write(author)
    write_archive(phone, spec.effective, seed)
