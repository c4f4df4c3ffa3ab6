"""The amounts of a simulated iPhone's contents. With the defaults a phone has ten to twenty megabytes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints, model_validator

MAX_APPS = 50
DEFAULT_SHARES = {
    "contacts": {"icloud_contacts": 6},
    "notes": {"icloud_notes": 3},
    "events": {"icloud_events": 5, "subscribed_events": 2},
    "reminders": {"icloud_reminders": 4},
}
"""How many belong to an iCloud account or a subscription if the amount of that kind is not given."""
BundleId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=155)]


class ContentsSpec(BaseModel):
    """The `[contents]` table of a phone file.

    Each count is the number of rows in a table (`ABPerson`, `message`, `ZCALLRECORD`, …); `bookmarks` does not count
    Safari's own folders. Contents without a count (alarms, passes, accounts, settings, …) exist in small numbers, or as
    empty stores if `empty` is set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contacts: NonNegativeInt = Field(60, description="people in the address book; one in three has a picture")
    messages: NonNegativeInt = Field(240, description="messages in sms.db, in several conversations")
    attachments: NonNegativeInt = Field(16, description="message attachments whose file is on the phone")
    icloud_only_attachments: NonNegativeInt = Field(0, description="message attachments without a file on the phone")
    calls: NonNegativeInt = Field(40, description="calls in the call history")
    photos: NonNegativeInt = Field(36, description="pictures on the phone, each a different JPEG")
    icloud_only_photos: NonNegativeInt = Field(0, description="pictures whose original is only in iCloud")
    videos: NonNegativeInt = Field(2, description="videos on the phone")
    notes: NonNegativeInt = Field(12, description="notes in the Notes app")
    events: NonNegativeInt = Field(24, description="calendar events")
    reminders: NonNegativeInt = Field(15, description="reminders, completed and open ones")
    bookmarks: NonNegativeInt = Field(18, description="Safari bookmarks and reading list items, without folders")
    history: NonNegativeInt = Field(60, description="addresses in Safari's history, each visited at least once")
    voicemails: NonNegativeInt = Field(4, description="voicemail messages with their recordings")
    memos: NonNegativeInt = Field(3, description="voice memos with their recordings")
    health_samples: NonNegativeInt = Field(400, description="samples in the Health store")
    wifi_networks: NonNegativeInt = Field(6, description="known Wi-Fi networks")
    apps: Annotated[int, Field(ge=0, le=MAX_APPS)] | Annotated[tuple[BundleId, ...], Field(max_length=MAX_APPS)] = (
        Field(2, description="the number of invented apps, or a list of bundle ids")
    )
    icloud_contacts: NonNegativeInt = Field(0, description="how many of the contacts belong to an iCloud account")
    icloud_notes: NonNegativeInt = Field(0, description="how many of the notes belong to an iCloud account")
    locked_notes: NonNegativeInt = Field(0, description="how many of the other notes are locked with a password")
    icloud_events: NonNegativeInt = Field(0, description="how many of the events belong to an iCloud account")
    subscribed_events: NonNegativeInt = Field(0, description="how many of the events belong to a subscribed calendar")
    icloud_reminders: NonNegativeInt = Field(0, description="how many of the reminders belong to an iCloud account")
    icloud_only_note_media: NonNegativeInt = Field(0, description="pictures in a note without a file on the phone")
    extra_bytes: NonNegativeInt = Field(0, description="size of one more video, for transfers that take a while")
    many_files: NonNegativeInt = Field(0, description="small files in an app's container, generated on demand")
    many_file_bytes: NonNegativeInt = Field(4_096, description="size of each of these files")
    vast_bytes: NonNegativeInt = Field(0, description="total size of large files there, generated on demand")
    assorted_files: NonNegativeInt = Field(0, description="files of very different sizes, generated on demand")
    assorted_bytes: NonNegativeInt = Field(0, description="total size of these files, about")
    assorted_domains: NonNegativeInt = Field(1, description="in how many apps, groups and extensions they are")
    empty: bool = Field(False, description="a new phone: every store exists and is empty")

    @model_validator(mode="before")
    @classmethod
    def _use_default_shares(cls, data: object) -> object:
        if not isinstance(data, dict) or data.get("empty"):
            return data
        shares = [share for what, share in DEFAULT_SHARES.items() if what not in data]
        return {**{name: count for share in shares for name, count in share.items()}, **data}

    @model_validator(mode="after")
    def _counts_fit_together(self) -> Self:
        if self.empty and (full := sorted(name for name in self.model_fields_set - {"empty"} if getattr(self, name))):
            raise ValueError(f"an empty phone cannot have {', '.join(full)}")
        if not self.empty and self.attachments + self.icloud_only_attachments and not self.messages:
            raise ValueError("attachments belong to messages: with messages = 0 there can be none")
        for what in ("contacts", "notes", "events", "reminders"):
            if getattr(self, f"icloud_{what}") > getattr(self, what):
                raise ValueError(f"icloud_{what} cannot be more than {what}")
        if self.icloud_notes + self.locked_notes > self.notes:
            raise ValueError("icloud_notes and locked_notes cannot be more than notes")
        if self.icloud_events + self.subscribed_events > self.events:
            raise ValueError("icloud_events and subscribed_events cannot be more than events")
        if self.icloud_only_note_media and not self.notes:
            raise ValueError("pictures belong to notes: with notes = 0 there can be none")
        if isinstance(self.apps, tuple) and len(set(self.apps)) != len(self.apps):
            raise ValueError("a bundle id occurs twice")
        return self

    @property
    def effective(self) -> ContentsSpec:
        """This spec, with all counts zero if it is `empty`."""
        if not self.empty:
            return self
        nothing = {name: 0 for name in type(self).model_fields if name != "empty"}
        return self.model_copy(update=nothing)

    @property
    def assets(self) -> int:
        """The number of rows in the photo library: pictures, videos, and pictures only in iCloud."""
        counts = self.effective
        return counts.photos + counts.icloud_only_photos + counts.videos + bool(counts.extra_bytes)
