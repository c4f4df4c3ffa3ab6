"""Remove phone names, UDIDs, local paths and file names from a receipt, so it can be shown to strangers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from migrate.language import _, mark
from migrate.udid import normalize_udid

A_UDID = re.compile(r"\b[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{16}\b")
AN_ABSOLUTE_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^/\\\s\"']+[/\\])+[^/\\\s\"']*")

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
    if plan_name := (receipt.get("plan") or {}).get("name"):
        hidden[plan_name] = _("the plan")
    words = sorted(filter(None, hidden), key=len, reverse=True)
    known = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words)) if words else None

    def clean(text: str) -> str:
        if known is not None:
            text = known.sub(lambda found: hidden[found[0]], text)
        return AN_ABSOLUTE_PATH.sub("[path]", A_UDID.sub("[udid]", text))

    findings = [_without_its_file(finding) for finding in receipt.get("findings", ())]
    cleaned = _map_strings({**receipt, "findings": findings}, clean)
    assert isinstance(cleaned, dict)
    return cleaned


def _without_its_file(finding: Mapping[str, Any]) -> dict[str, Any]:
    """The finding without its file name, which its owner may have chosen."""
    path = finding.get("relative_path")
    if not path:
        return dict(finding)
    kind = _("a file ({suffix})").format(suffix=PurePath(path).suffix or _("no extension"))
    sentences = {key: str(finding[key]).replace(path, kind) for key in ("what", "why", "next")}
    return {**finding, **sentences, "relative_path": None, "file_id": None}


def _map_strings(value: Any, clean: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _map_strings(inner, clean) for key, inner in value.items()}
    return [_map_strings(inner, clean) for inner in value] if isinstance(value, list) else value
