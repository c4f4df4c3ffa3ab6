"""A redacted receipt: it identifies neither the phones nor their owner, and keeps the useful facts."""

from __future__ import annotations

import json
from typing import Any

from migrate.journey.redaction import redact_receipt

UDID, OTHER = "00008101-000A1B2C3D4E001E", "00008140-000F5A6B7C8D002F"
THIRD, THIRD_OLDER = "00008110-00AABBCCDDEEFF00", "0f" * 20
"""Phones that are neither the old nor the new one: another backup on this computer, the phone of a friend."""
RECEIPT: dict[str, Any] = {
    "run": "20260101-120000-ab12",
    "plan": {"name": "Grandma's move", "digest": "d1"},
    "strategy": "overlay",
    "old_phone": {"udid": UDID, "name": "Grandma's iPhone"},
    "new_phone": {"udid": OTHER, "name": "Ada"},
    "saved": {"backup": f"/home/ada/.local/share/iphone-migrate/runs/x/old/{UDID}", "files": 12, "verdict": "whole"},
    "sent": {"set": rf"C:\\Users\\ada\\migrate\\runs\\x\\set\\{UDID.lower()}", "titles": {"app:org.example": "Diary"}},
    "proof": {"verdict": "proven", "categories": {"messages": {"same": 3}}},
    "findings": [
        {
            "code": "proof-missing", "severity": "error", "phone": "Ada", "domain": "HomeDomain",
            "relative_path": "Documents/Letter to Ben.pdf", "file_id": "ab" * 20, "categories": ["messages"],
            "what": "Documents/Letter to Ben.pdf is not on Ada.", "why": f"Adam looked on {OTHER.replace('-', '')}.",
            "next": "Look at /home/ada/receipt.html",
        }
    ],
}  # fmt: skip


def test_nothing_identifies_the_phones_or_their_owner() -> None:
    text = json.dumps(redact_receipt(RECEIPT)).lower()
    for secret in ("grandma", UDID, OTHER, OTHER.replace("-", ""), "ben.pdf", "/home", "users", "ab" * 20):
        assert secret.lower() not in text, secret
    assert redact_receipt(RECEIPT)["new_phone"]["name"] == "the new phone"


def test_useful_facts_are_kept_and_the_receipt_itself_is_unchanged() -> None:
    before = json.dumps(RECEIPT)
    clean = redact_receipt(RECEIPT)
    assert clean["proof"] == RECEIPT["proof"] and clean["run"] == RECEIPT["run"] and clean["strategy"] == "overlay"
    (finding,) = clean["findings"]
    assert finding["what"] == "a file (.pdf) is not on the new phone." and finding["domain"] == "HomeDomain"
    assert finding["why"].startswith("Adam"), "a name is removed only as a whole word"
    assert json.dumps(RECEIPT) == before


def test_a_third_phone_is_hidden_in_every_spelling() -> None:
    remarks = [f"{THIRD} is connected too.", f"Seen: {THIRD.replace('-', '').lower()}, {THIRD_OLDER}."]
    text = json.dumps(redact_receipt({**RECEIPT, "remarks": remarks})).lower()
    for udid in (THIRD, THIRD.replace("-", ""), THIRD_OLDER):
        assert udid.lower() not in text


def test_no_file_name_is_left_wherever_the_receipt_names_files() -> None:
    path, digest = "Documents/Letter to Ben.pdf", "ab" * 20
    verified = {"backup": "/home/ada/x", "damaged": {digest: f"{path} is cut short."}}
    receipt = {
        **RECEIPT,
        "saved": verified,
        "safety": verified,
        "remarks": [RECEIPT["findings"][0]["what"], "Something else."],
        "sent": {**RECEIPT["sent"], "left_out": [["HomeDomain", path, digest, f"{path} has no key"]]},
    }
    clean = redact_receipt(receipt)
    text = json.dumps(clean)
    assert "Ben" not in text and "Letter" not in text and digest not in text
    assert len(clean["saved"]["damaged"]) == len(clean["safety"]["damaged"]) == 1
    (left_out,) = clean["sent"]["left_out"]
    assert left_out[0] == "HomeDomain" and ".pdf" in left_out[1] and left_out[3].endswith("has no key")
    assert clean["remarks"] == ["a file (.pdf) is not on the new phone.", "Something else."]


def test_no_number_no_address_and_no_folder_with_a_space_is_left() -> None:
    folder = "/Users/Ada Lovelace/Library/iphone-migrate/runs/x"
    remarks = [
        "Sign in to ada@example.org, or call +49 170 1234567 or +15555550123.",
        f"It is in {folder}/old/{UDID}.",
        "Written at 2026-11-30T10:00:00+00:00, 1,234,567 bytes.",
    ]
    receipt = {**RECEIPT, "remarks": remarks, "saved": {"backup": f"{folder}/old/{UDID}"}}
    told = redact_receipt(receipt)["remarks"]
    assert told[0] == "Sign in to [address], or call [number] or [number]."
    assert "Lovelace" not in json.dumps(told) and told[1].startswith("It is in [path]")
    assert told[2] == remarks[2], "a time and a size are no phone number"


def test_a_finding_does_not_list_the_items_it_is_about() -> None:
    """Regression: the names of people and of chats stayed in the findings of a proof."""
    base = {"severity": "error", "phone": None, "domain": None, "relative_path": None, "file_id": None}
    listed = {
        "3 of 60 calls are not on the new iPhone: a call with Ben.": "3 of 60 calls are not on the new iPhone.",
        "1 of 2 notes did not move: the new iPhone kept its own. Letter to Ben.": "1 of 2 notes did not move.",
        "Letter to Ben is what it begins with": "Some of these: notes.",
    }  # fmt: skip
    for what, left in listed.items():
        finding = {**base, "code": "proof-missing", "what": what, "why": "Ben differs.", "next": "Look.",
                   "categories": ["notes"]}  # fmt: skip
        clean = redact_receipt({**RECEIPT, "findings": [finding], "remarks": [what]})
        assert clean["remarks"] == [left] == [clean["findings"][0]["what"]] and "Ben" not in json.dumps(clean)
