"""Before the old phone is backed up: originals that are only in iCloud, which no backup contains.

How many there are is known in seconds, from the catalogue of the photos. So the person can load them onto the phone
first, look again and see the number fall, or go on without them. Whether the phone is loading them at that moment, how
long that takes, and the attachments of messages and notes are not known before the backup.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from migrate.content.originals import Originals, count_originals
from migrate.journey.phone_session import PhoneSession
from migrate.journey.prompts import MissingOriginals
from migrate.journey.threads import in_thread
from migrate.problems import PhoneBrokeProtocol, PhoneSilent, ServiceRefused


async def offer_originals(session: PhoneSession) -> Originals | None:
    """Ask until no original is missing or the person goes on without. Returns the last count; None if it is unknown.

    Nothing is asked where nobody can answer.

    Raises:
        What meeting the phone raises: hours may pass between two looks.
    """
    if not session.prompts.looks_for_originals():
        return None
    before: int | None = None
    while True:
        counted, name = await look_at_originals(session)
        if counted is None or not counted.only_in_icloud:
            return counted
        missing = MissingOriginals(name, counted.photos, counted.only_in_icloud, before)
        if not session.prompts.look_again(missing):
            return counted
        before = counted.only_in_icloud


async def look_at_originals(session: PhoneSession) -> tuple[Originals | None, str]:
    """Count the originals of the old phone as it is now, and its name. None: the phone does not show its catalogue."""
    async with session.phone("old") as phone:
        with tempfile.TemporaryDirectory(dir=session.tmp) as folder:
            try:
                catalogue = await phone.photo_catalogue(Path(folder))
            except (ServiceRefused, PhoneBrokeProtocol, PhoneSilent):  # the backup says what is wrong, if anything is
                catalogue = None
            counted = None if catalogue is None else await in_thread(session, lambda: count_originals(catalogue))
        return counted, phone.facts.name_or_model
