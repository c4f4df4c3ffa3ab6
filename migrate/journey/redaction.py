"""Remove what identifies a person, a phone or this computer from a receipt, so it can be shown to strangers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from migrate.language import _, mark
from migrate.udid import normalize_udid

A_UDID = re.compile(r"\b(?:[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{16}|[0-9A-Fa-f]{40})\b")
"""Of newer and of older phones. A file id has the form of the latter, and it gives its path away too."""
AN_ABSOLUTE_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^/\\\s\"']+[/\\])+[^/\\\s\"']*")
A_PHONE_NUMBER = re.compile(r"(?<![\w+])\+\d(?:[ ()./-]*\d){6,14}(?!\w)")
"""In its international form. The offset of a time (`+00:00`) is shorter and has a colon."""
AN_EMAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
NAMING_FINDINGS = ("proof-", "rehearsal-")
"""Codes of the findings whose sentences list items: names of people, titles of notes."""
COUNT_OF_ITEMS = re.compile(r"\d[\d,.]*(?: [^\s:]+)+?(?=: |[.] )")
"""How such a sentence begins, before its list: `3 of 60 messages are not on the new iPhone: `."""

REDACTED_PHONES = {
    "old": mark("the old phone"),
    "new": mark("the new phone"),
    "old_phone": mark("the old phone"),
    "new_phone": mark("the new phone"),
}
"""What replaces the name and the UDID of each phone."""


def redact_receipt(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the receipt without anything that identifies the phones or their owner. Counts, categories, apps,
    versions and the verdict stay."""
    hidden: dict[str, str] = {}
    for role, shown in REDACTED_PHONES.items():
        phone, called = receipt.get(role) or {}, _(shown)
        if name := phone.get("name"):
            hidden[name] = called
        if udid := phone.get("udid"):
            hidden |= dict.fromkeys((udid, udid.upper(), udid.lower(), normalize_udid(udid)), called)
    for step, key in (("saved", "backup"), ("safety", "backup"), ("sent", "set")):
        if path := (receipt.get(step) or {}).get(key):
            hidden[path] = "[path]"  # as a whole: a folder's name may have spaces
    if plan_name := (receipt.get("plan") or {}).get("name"):
        hidden[plan_name] = _("the plan")
    words = sorted(filter(None, hidden), key=len, reverse=True)
    known = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words)) if words else None

    def clean(text: str) -> str:
        if known is not None:
            text = known.sub(lambda found: hidden[found[0]], text)
        text = AN_ABSOLUTE_PATH.sub("[path]", A_UDID.sub("[udid]", text))
        return AN_EMAIL_ADDRESS.sub("[address]", A_PHONE_NUMBER.sub("[number]", text))

    findings = [_without_its_items(_without_its_file(finding)) for finding in receipt.get("findings", ())]
    remarks = {
        str(one["what"]): clean_one["what"]
        for one, clean_one in zip(receipt.get("findings", ()), findings, strict=True)
    }
    nameless = {
        **receipt,
        "findings": findings,
        "remarks": [remarks.get(remark, remark) for remark in receipt.get("remarks", ())],
        **{name: _without_damaged_files(receipt[name]) for name in ("saved", "safety") if receipt.get(name)},
    }
    if sent := receipt.get("sent"):
        nameless["sent"] = {**sent, "left_out": [_without_its_path(one) for one in sent.get("left_out") or ()]}
    cleaned = _map_strings(nameless, clean)
    assert isinstance(cleaned, dict)
    return cleaned


def _without_its_file(finding: Mapping[str, Any]) -> dict[str, Any]:
    """The finding without its file name, which its owner may have chosen."""
    path = finding.get("relative_path")
    if not path:
        return dict(finding)
    kind = _kind_of_file(path)
    sentences = {key: str(finding[key]).replace(path, kind) for key in ("what", "why", "next")}
    return {**finding, **sentences, "relative_path": None, "file_id": None}


def _without_its_items(finding: dict[str, Any]) -> dict[str, Any]:
    """The finding without the names of the items that it lists. One that names a file has lost it already."""
    if not finding["code"].startswith(NAMING_FINDINGS) or finding.get("domain"):
        return finding
    found = COUNT_OF_ITEMS.match(finding["what"])
    subject = ", ".join(finding.get("categories") or ())
    what = f"{found[0]}." if found else _("Some of these: {categories}.").format(categories=subject)
    return {**finding, "what": what, "why": ""}


def _kind_of_file(path: str) -> str:
    return _("a file ({suffix})").format(suffix=PurePath(path).suffix or _("no extension"))


def _without_damaged_files(verified: Mapping[str, Any]) -> dict[str, Any]:
    """A verified backup whose damaged files are only counted: their sentences name them."""
    damaged = verified.get("damaged") or {}
    return {**verified, "damaged": {str(number): _("a damaged file") for number in range(1, len(damaged) + 1)}}


def _without_its_path(left_out: Sequence[str]) -> list[str]:
    """A record that was not sent: domain, path, file id and reason (`Dropped`)."""
    domain, path, _file_id, reason = left_out
    kind = _kind_of_file(path)
    return [domain, kind, "", reason.replace(path, kind) if path else reason]


def _map_strings(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _map_strings(inner, clean) for key, inner in value.items()}
    return [_map_strings(inner, clean) for inner in value] if isinstance(value, list) else value
