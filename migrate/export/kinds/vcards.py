"""A person as a vCard 3.0, in the dialect that iOS, macOS, Google and Nextcloud read: what vCard has no name for is a
value with an `X-ABLABEL`."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from migrate.content.readers.contacts import (
    ADDRESS,
    DATE,
    EMAIL,
    MESSENGER,
    PHONE,
    PROFILE,
    RELATED,
    URL,
    LabelledValue,
    calendar_day,
)
from migrate.export.kinds.people import LinkedPerson
from migrate.untrusted_text import CONTROL_CHARACTERS

_APPLES = re.compile(r"_\$!<(.*)>!\$_")
_TYPES = {
    (PHONE, "_$!<Mobile>!$_"): ("CELL", "VOICE"),
    (PHONE, "_$!<Home>!$_"): ("HOME", "VOICE"),
    (PHONE, "_$!<Work>!$_"): ("WORK", "VOICE"),
    (PHONE, "_$!<Other>!$_"): ("OTHER", "VOICE"),
    (PHONE, "_$!<Main>!$_"): ("MAIN",),
    (PHONE, "_$!<HomeFAX>!$_"): ("HOME", "FAX"),
    (PHONE, "_$!<WorkFAX>!$_"): ("WORK", "FAX"),
    (PHONE, "_$!<OtherFAX>!$_"): ("OTHER", "FAX"),
    (PHONE, "_$!<Pager>!$_"): ("PAGER",),
    (PHONE, "iPhone"): ("IPHONE", "CELL", "VOICE"),
    (EMAIL, "_$!<Home>!$_"): ("INTERNET", "HOME"),
    (EMAIL, "_$!<Work>!$_"): ("INTERNET", "WORK"),
    (EMAIL, None): ("INTERNET",),
    (ADDRESS, "_$!<Home>!$_"): ("HOME",),
    (ADDRESS, "_$!<Work>!$_"): ("WORK",),
    (URL, "_$!<Home>!$_"): ("HOME",),
    (URL, "_$!<Work>!$_"): ("WORK",),
    (MESSENGER, "_$!<Home>!$_"): ("HOME",),
    (MESSENGER, "_$!<Work>!$_"): ("WORK",),
}
"""The types of vCard that say the same as a label; every other label is written out."""
_PLAIN = {
    PHONE: "TEL",
    EMAIL: "EMAIL",
    URL: "URL",
    RELATED: "X-ABRELATEDNAMES",
}
_SCHEMES = {
    "aim": "aim",
    "icq": "aim",
    "jabber": "xmpp",
    "googletalk": "xmpp",
    "facebook": "xmpp",
    "msn": "msnim",
    "yahoo": "ymsgr",
    "skype": "skype",
}
"""Of messengers, as iOS writes them; others get `x-apple` (*reported*)."""
_DAY = re.compile(r"(\d{4}|-)-(\d\d-\d\d)")
_NO_YEAR = "1604"
_PICTURES = ((b"\xff\xd8\xff", "JPEG"), (b"\x89PNG\r\n", "PNG"), (b"GIF8", "GIF"), (b"II*\x00", "TIFF"))
_LINE = 74
_END = "END:VCARD\r\n"


def vcard(person: LinkedPerson, picture: bytes | None) -> str:
    """The whole card, with its lines ended."""
    import vobject

    card = vobject.vCard()
    names, lead = person.names, person.lead

    def add(name: str, value: str | None, *types: str, **params: str) -> Any:
        """A line of the card, if there is a value."""
        if not value:
            return None
        line = card.add(name)
        line.value = clean(value)
        if types:
            line.type_param = [_param(one) for one in types]
        for param, text in params.items():
            line.params[param.replace("_", "-")] = [_param(text)]
        return line

    card.add("n").value = vobject.vcard.Name(
        family=clean(names["last"]),
        given=clean(names["first"]),
        additional=clean(names["middle"]),
        prefix=clean(names["prefix"]),
        suffix=clean(names["suffix"]),
    )
    card.add("fn").value = clean(person.shown)
    add("nickname", names["nickname"])
    if names["organization"] or names["department"]:
        parts = [clean(names["organization"]), clean(names["department"])]
        card.add("org").value = parts if parts[1] else parts[:1]
    add("title", names["job_title"])
    add("note", names["note"])
    for part in ("first", "middle", "last"):
        add(f"X-PHONETIC-{part.upper()}-NAME", names[f"{part}_phonetic"])
    add("X-PHONETIC-ORG", names["organization_phonetic"])
    add("X-MAIDENNAME", names["previous_name"])
    if lead.is_company:
        add("X-ABSHOWAS", "COMPANY")
    _add_day(add, "bday", person.birthday)
    add("X-ALTBDAY", person.other_birthday)
    if person.groups:
        card.add("categories").value = [clean(group) for group in person.groups]
    for number, value in enumerate(person.values, 1):
        line = _add_value(card, add, value)
        if line is not None and value.label is not None and (value.property, value.label) not in _TYPES:
            line.group = f"item{number}"
            add("X-ABLABEL", value.label).group = line.group
    add("uid", lead.id)
    for source in person.cards:
        add("X-MIGRATE-SOURCE", f"{source.id} {source.account or 'iPhone'}")
    if person.modified is not None:
        add("rev", f"{datetime.fromtimestamp(person.modified, UTC):%Y-%m-%dT%H:%M:%SZ}")
    written: str = card.serialize(lineLength=_LINE)
    return written if picture is None else written.removesuffix(_END) + _photo(picture) + _END


def label_text(label: str | None) -> str:
    """A label as a person reads it: `_$!<HomePage>!$_` is `home page`."""
    apples = _APPLES.fullmatch(label or "")
    if apples is None:
        return label or ""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", apples[1]).lower()


def clean(text: str | None) -> str:
    """A text without what would break a line of a card."""
    if text is None:
        return ""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\t", " "))


def _param(text: str) -> str:
    return clean(text).replace('"', "'").replace("\n", " ")


def _add_value(card: Any, add: Callable[..., Any], value: LabelledValue) -> Any:
    """Adds one labelled value. Returns its line; None if it is empty."""
    kind, text = value.property, value.value
    parts = {(key or "").lower(): part for key, part in value.parts if part}
    types = _TYPES.get((kind, value.label), ()) if isinstance(kind, int) else ()
    if kind == ADDRESS and parts:
        return _add_address(card, add, parts, types)
    if kind == MESSENGER and (parts or text):
        service, user = parts.get("service", ""), parts.get("username") or text or ""
        scheme = _SCHEMES.get(service.removesuffix("Instant").lower(), "x-apple")
        return add("impp", f"{scheme}:{user}", *types, **({"X_SERVICE_TYPE": service} if service else {}))
    if kind == PROFILE and (parts or text):
        service, user = parts.get("service", ""), parts.get("username") or text or ""
        params = {"X_USER": user} if user else {}
        return add("X-SOCIALPROFILE", parts.get("url") or f"x-apple:{user}", *filter(None, [service]), **params)
    if kind == DATE:
        return _add_day(add, "X-ABDATE", calendar_day(text))
    name = _PLAIN.get(kind) if isinstance(kind, int) else None
    shown = text or "; ".join(f"{key}: {part}" for key, part in value.parts if part)
    if name is None:
        return add("X-MIGRATE-VALUE", shown, X_PROPERTY=str(kind))
    return add(name, shown, *types)


def _add_address(card: Any, add: Callable[..., Any], parts: dict[str, str], types: Iterable[str]) -> Any:
    import vobject

    line = card.add("adr")
    line.value = vobject.vcard.Address(
        street=clean(parts.get("street")),
        city=clean(parts.get("city")),
        region=clean(parts.get("state")),
        code=clean(parts.get("zip")),
        country=clean(parts.get("country") or parts.get("countrycode")),
        extended=clean(parts.get("sublocality")),
    )
    if types:
        line.type_param = list(types)
    if parts.get("countrycode"):
        line.params["X-ABADR"] = [_param(parts["countrycode"])]
    return line


def _add_day(add: Callable[..., Any], name: str, day: str | None) -> Any:
    """A date. One without a year gets 1604 and a mark, as iOS does (*reported*); one that is no date stays a text."""
    found = _DAY.fullmatch(day or "")
    if found is None:
        return add(f"X-MIGRATE-{name.removeprefix('X-').upper()}", day)
    if found[1] == "-":
        return add(name, f"{_NO_YEAR}-{found[2]}", X_APPLE_OMIT_YEAR=_NO_YEAR)
    return add(name, f"{found[1]}-{found[2]}")


def _photo(picture: bytes) -> str:
    """A picture in lines that are folded. The library would write it as one line, and take long for it."""
    kind = next((name for start, name in _PICTURES if picture.startswith(start)), None)
    line = f"PHOTO;ENCODING=b{f';TYPE={kind}' if kind else ''}:{base64.b64encode(picture).decode()}"
    first, rest = line[:_LINE], line[_LINE:]
    folded = (rest[start : start + _LINE] for start in range(0, len(rest), _LINE))
    return "\r\n ".join((first, *folded)) + "\r\n"
