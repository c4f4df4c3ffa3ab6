"""What an app put into a message: `balloon_bundle_id` and `payload_data`, a keyed archive.

Links have an `LPLinkMetadata` (*seen*: two, shared/data), apps a dictionary whose `userInfo` has the captions of the
balloon, with the app's name in `an` and a summary in `ldtext` (*seen*: Apple Pay, Find My, Check In, Photos). What an
app keeps for itself is in its `URL`; only some of it can be known.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from migrate.content.keyed_archive import unarchive
from migrate.language import _, mark

_LONGEST, _MOST_LINES = 2000, 8
LINK = "com.apple.messages.URLBalloonProvider"
_KNOWN = {
    LINK: mark("Link"),
    "com.apple.DigitalTouchBalloonProvider": mark("Digital Touch"),
    "com.apple.Handwriting.HandwritingProvider": mark("Handwriting"),
    "com.apple.PassbookUIService.PeerPaymentMessagesExtension": mark("Apple Cash"),
    "com.apple.ActivityMessagesApp.MessagesExtension": mark("Fitness"),
    "com.apple.findmy.FindMyMessagesApp": mark("Find My"),
    "com.apple.SafetyMonitorApp.SafetyMonitorMessages": mark("Check In"),
    "com.apple.mobileslideshow.PhotosMessagesApp": mark("Photos"),
    "com.apple.Stickers.UserGenerated.MessagesExtension": mark("Stickers"),
    "com.apple.messages.Polls": mark("Poll"),
    "com.apple.Maps.MessagesExtension": mark("Maps"),
    "com.apple.icloud.apps.messages.business.extension": mark("Business chat"),
}
"""*read* (imessage-exporter) except for those that are seen. The bundle of an app's extension begins with
`com.apple.messages.MSMessageExtensionBalloonPlugin:<team>:`."""
_CAPTIONS = ("caption", "subcaption", "secondary-subcaption", "tertiary-subcaption", "image-title", "image-subtitle")


class AppMessage(NamedTuple):
    """What can be known of an app's message."""

    app: str
    """The app's name, or the id of its bundle."""
    bundle: str
    title: str | None = None
    lines: tuple[str, ...] = ()
    url: str | None = None
    """An address of the web."""
    decoded: bool = True
    """False: there is a payload that could not be decoded."""


def app_message(bundle: str, payload: object) -> AppMessage:
    """What an app put into a message. Without a payload only the app is known."""
    name = bundle.rsplit(":", 1)[-1][:_LONGEST]
    known = _(_KNOWN[name]) if name in _KNOWN else name
    if not isinstance(payload, bytes) or not payload:
        return AppMessage(known, name)
    try:
        root = unarchive(payload)
    except ValueError:
        # Handwriting and Digital Touch are protocol buffers, and drawings, not texts
        return AppMessage(known, name, decoded=not payload.startswith(b"bplist"))
    if not isinstance(root, dict):
        return AppMessage(known, name, decoded=False)
    metadata = root.get("richLinkMetadata", root.get("metadata"))
    if isinstance(metadata, dict):
        return _link(known, name, metadata)
    return _balloon(known, name, root)


def _link(known: str, name: str, metadata: dict[str, Any]) -> AppMessage:
    url = _web(metadata.get("URL")) or _web(metadata.get("originalURL"))
    special = metadata.get("specialization2", metadata.get("specialization"))
    texts = [*_texts(metadata, "summary", "siteName")]
    if isinstance(special, dict):  # a song, an app, a place (*read*: imessage-exporter)
        texts += _texts(special, "name", "artist", "album", "subtitle", "genre", "address", "quotedText")
        if isinstance(address := special.get("address"), dict):
            texts += _texts(address, "_street", "_city", "_country")
    title = next(_texts(metadata, "title", "itemTitle"), None)
    host = urlsplit(url).hostname if url else None
    lines = tuple(dict.fromkeys(one for one in (*texts, host) if one and one != title))
    return AppMessage(known, name, title, lines[:_MOST_LINES], url)


def _balloon(known: str, name: str, root: dict[str, Any]) -> AppMessage:
    info = root.get("userInfo")
    captions = list(_texts(info, *_CAPTIONS)) if isinstance(info, dict) else []
    summary = next(_texts(root, "ldtext"), None)
    title = captions.pop(0) if captions else summary
    if summary and summary != title and summary not in captions:
        captions.append(summary)
    url = root.get("URL")
    captions += _place(url)
    return AppMessage(
        app=next(_texts(root, "an"), known),
        bundle=name,
        title=title,
        lines=tuple(dict.fromkeys(captions))[:_MOST_LINES],
        url=_web(url),
    )


def _place(url: object) -> Iterator[str]:
    """The coordinates in an address of a map."""
    if isinstance(url, str) and len(url) <= _LONGEST:
        with suppress(ValueError):
            values = dict(parse_qsl(urlsplit(url).query))
            if values.get("ll") and len(values["ll"]) < 60:
                yield values["ll"]


def _texts(values: dict[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value.strip():
            yield value[:_LONGEST]


def _web(url: object) -> str | None:
    if isinstance(url, str) and url.lower().startswith(("https://", "http://")) and len(url) <= _LONGEST:
        return url
    return None
