"""Voicemail: `voicemail.db`, and a recording `<row number>.amr` beside it (*seen*: iOS 9.3.5 to 15.3).

A transcript is `<row number>.transcript`: an archived VMVoicemailTranscript, whose text is its `transcriptionString`
(*read*: its encodeWithCoder of iOS 17).

The row number, and so the recording's name, may differ on the new phone. So the digest of the recording is part of the
fingerprint, and `files` stays empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.backup.record import Record
from migrate.content.item import FileRef, Fingerprint, Item, State, fingerprint_id
from migrate.content.keyed_archive import LIMIT_BYTES, unarchive
from migrate.content.kind import Kind
from migrate.content.normal_form import address, day, plausible, seconds
from migrate.content.open_database import Columns, Database
from migrate.content.ordering import ordered
from migrate.content.readers.cells import filled, finite, row_number, shown, whole
from migrate.content.readers.common import needed_table
from migrate.content.source import Place, Source
from migrate.language import _, mark

STORE = Place("HomeDomain", ("Library/Voicemail/voicemail.db",))
RECORDINGS = Place("HomeDomain", ("Library/Voicemail/*.amr",))
TRANSCRIPTS = Place("HomeDomain", ("Library/Voicemail/*.transcript",))
LONGEST_RECORDING = 64 << 20
"""Ten hours of AMR; carriers end a message after some minutes."""
_TRASHED_FLAGS = 75
"""`flags` of a deleted voicemail whose `trashed_date` is 0 (*read*: iLEAPP, voicemail.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voicemail(Item):
    """One voicemail. `duration` is in seconds."""

    sender: str | None
    callback_number: str | None
    receiver: str | None
    duration: float | None
    recording: str | None
    """A digest of its recording; None if the backup does not contain it."""
    audio: FileRef | None = None
    """Its recording in this backup. Not one of `files`: the name may differ on another phone."""
    transcript: FileRef | None = None

    def fingerprint(self) -> Fingerprint:
        return {"duration": None if self.duration is None else round(self.duration), "recording": self.recording}

    def describe(self) -> str:
        who = shown(self.sender, self.callback_number) or _("unknown number")
        return _("a voicemail from {who}, {day}").format(who=who, day=day(self.when))


def voicemails(source: Source) -> Iterator[Item]:
    """All voicemails, ordered by id: sender and second."""
    return ordered(_unordered(source), source.tmp)


def _unordered(source: Source) -> Iterator[Voicemail]:
    for record in source.files(STORE):
        with source.reading(record), source.database(record) as database:
            beside = source.files(RECORDINGS, TRANSCRIPTS)
            yield from _voicemails_of(
                source, database, {found.relative_path.rpartition("/")[2]: found for found in beside}
            )


def _voicemails_of(source: Source, database: Database, beside: dict[str, Record]) -> Iterator[Voicemail]:
    table = needed_table(database, "voicemail")
    columns = Columns(
        table,
        "",
        when=("date",),
        sender=("sender",),
        callback=("callback_num",),
        receiver=("receiver",),
        duration=("duration",),
        trashed=("trashed_date",),
        flags=("flags",),
    )
    for row, date, sender, callback, receiver, duration, trashed, flags in database.rows(
        f"SELECT ROWID, {columns.sql} FROM {table.sql} NOT INDEXED"  # noqa: S608  names are the schema's own, quoted
    ):
        recording = beside.get(f"{row_number(row)}.amr")
        transcript = beside.get(f"{row_number(row)}.transcript")
        digest, is_known = _digest(source, recording)
        when = plausible(date) or None
        yield Voicemail(
            id=_id(sender, when, duration, digest),
            when=when,
            state=State.DELETED if finite(trashed) or flags == _TRASHED_FLAGS else State.LIVE,
            absent=int(recording is None),
            sender=filled(sender),
            callback_number=filled(callback),
            receiver=filled(receiver),
            duration=finite(duration),
            recording=digest,
            audio=FileRef(recording.domain, recording.relative_path) if recording else None,
            transcript=FileRef(transcript.domain, transcript.relative_path) if transcript else None,
            lacking=columns.lacking & {"duration"},
            undecoded=frozenset() if is_known else frozenset({"recording"}),
        )


def transcript_text(source: Source, item: Voicemail) -> str | None:
    """What iOS understood of a voicemail; None without a transcript, or if it cannot be read, which is reported."""
    if item.transcript is None:
        return None
    record = source.backup.record(*item.transcript)
    if record is None:
        return None
    text = None
    with source.reading(record):
        archive = unarchive(source.backup.read(record, LIMIT_BYTES))
        said = archive.get("transcriptionString") if isinstance(archive, dict) else None
        if not isinstance(said, str):
            raise ValueError("it has no text")
        text = said.strip()
    return text or None


def _id(sender: object, when: float | None, duration: object, digest: str | None) -> str:
    """Sender and second (facts/exports.md section 9)."""
    if when is None:
        return fingerprint_id((address(sender), whole(duration), digest))
    return f"{address(sender) or ''} {seconds(when)}"


def _digest(source: Source, recording: Record | None) -> tuple[str | None, bool]:
    """The digest of a recording, or None; and whether that is known."""
    if recording is None:
        return None, True
    found = None
    with source.reading(recording):
        digest, length = hashlib.blake2b(digest_size=16), 0
        for chunk in source.backup.chunks(recording):
            length += len(chunk)
            if length > LONGEST_RECORDING:
                raise ValueError(f"it is longer than {LONGEST_RECORDING:,} bytes")
            digest.update(chunk)
        found = digest.hexdigest()
    return found, found is not None


VOICEMAILS = Kind(
    id="voicemail",
    owner="voicemail",
    label=mark("voicemails"),
    places=(STORE,),
    within=(RECORDINGS,),
    beside=(TRANSCRIPTS,),
    items=voicemails,
)
