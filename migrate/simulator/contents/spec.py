"""How much of what lies on a simulated iPhone. The defaults make a phone of some ten megabytes that moves in seconds."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints, model_validator

MAX_APPS = 50
BundleId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=155)]


class ContentsSpec(BaseModel):
    """Counts of a phone's contents, as a `[contents]` table says them.

    Each count is the number of rows a counting query finds (`ABPerson`, `message`, `ZCALLRECORD`, …), except that
    `bookmarks` leaves out Safari's own folders. What has no count here (alarms, passes, accounts, settings, …) is there
    in small numbers on a phone in use, and as empty stores on one that is `empty`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contacts: NonNegativeInt = Field(60, description="people in the address book; one in three has a picture")
    messages: NonNegativeInt = Field(240, description="messages in sms.db, over several conversations")
    attachments: NonNegativeInt = Field(16, description="attachments of messages whose file is on the phone")
    icloud_only_attachments: NonNegativeInt = Field(0, description="attachments known to sms.db, with no file")
    calls: NonNegativeInt = Field(40, description="calls in the call history")
    photos: NonNegativeInt = Field(36, description="pictures on the phone, each a JPEG of its own")
    icloud_only_photos: NonNegativeInt = Field(0, description="pictures whose original is only in iCloud: no file")
    videos: NonNegativeInt = Field(2, description="films on the phone")
    notes: NonNegativeInt = Field(12, description="notes in the Notes app")
    events: NonNegativeInt = Field(24, description="calendar events")
    reminders: NonNegativeInt = Field(15, description="reminders, done and not")
    bookmarks: NonNegativeInt = Field(18, description="Safari bookmarks and reading list items, folders not counted")
    history: NonNegativeInt = Field(60, description="addresses in Safari's history, each visited at least once")
    voicemails: NonNegativeInt = Field(4, description="voicemail messages with their recordings")
    memos: NonNegativeInt = Field(3, description="voice memos with their recordings")
    health_samples: NonNegativeInt = Field(400, description="samples in the Health store")
    wifi_networks: NonNegativeInt = Field(6, description="known Wi-Fi networks")
    apps: Annotated[int, Field(ge=0, le=MAX_APPS)] | Annotated[tuple[BundleId, ...], Field(max_length=MAX_APPS)] = (
        Field(2, description="apps from a store: how many of the invented ones, or their bundle ids")
    )
    icloud_contacts: NonNegativeInt = Field(0, description="how many of the contacts belong to an iCloud account")
    icloud_notes: NonNegativeInt = Field(0, description="how many of the notes belong to an iCloud account")
    icloud_events: NonNegativeInt = Field(0, description="how many of the events belong to an iCloud account")
    icloud_reminders: NonNegativeInt = Field(0, description="how many of the reminders belong to an iCloud account")
    icloud_only_note_media: NonNegativeInt = Field(0, description="pictures in a note whose row is there, with no file")
    extra_bytes: NonNegativeInt = Field(0, description="size of one more film, for transfers that take a while")
    many_files: NonNegativeInt = Field(0, description="small files in an app's container, never stored anywhere")
    many_file_bytes: NonNegativeInt = Field(4_096, description="size of each of the many files")
    vast_bytes: NonNegativeInt = Field(0, description="large files in an app's container, together, never stored")
    empty: bool = Field(False, description="a phone fresh from its box: every store is there, and nothing in it")

    @model_validator(mode="after")
    def _counts_fit_together(self) -> Self:
        if self.empty and (full := sorted(name for name in self.model_fields_set - {"empty"} if getattr(self, name))):
            raise ValueError(f"an empty phone has no {', '.join(full)}")
        if not self.empty and self.attachments + self.icloud_only_attachments and not self.messages:
            raise ValueError("an attachment hangs on a message: messages = 0 allows none")
        for what in ("contacts", "notes", "events", "reminders"):
            if getattr(self, f"icloud_{what}") > getattr(self, what):
                raise ValueError(f"icloud_{what} counts some of the {what}: it cannot be more than {what}")
        if self.icloud_only_note_media and not self.notes:
            raise ValueError("a picture is in a note: notes = 0 allows none")
        if isinstance(self.apps, tuple) and len(set(self.apps)) != len(self.apps):
            raise ValueError("a bundle id is given twice")
        return self

    @property
    def effective(self) -> ContentsSpec:
        """This spec with every count zero where the phone is `empty`, else itself."""
        if not self.empty:
            return self
        nothing = {name: 0 for name in type(self).model_fields if name != "empty"}
        return self.model_copy(update=nothing)

    @property
    def assets(self) -> int:
        """Rows in the photo library: pictures, films, and what is only in iCloud."""
        counts = self.effective
        return counts.photos + counts.icloud_only_photos + counts.videos + bool(counts.extra_bytes)
