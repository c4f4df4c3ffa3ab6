"""The receipt in words: for the terminal, and as a page that can be kept or printed."""

from __future__ import annotations

import html
from typing import Any

from migrate.talk.console import pad, truncate
from migrate.units import format_bytes

STRATEGIES = {
    "replace": "The new phone became the old one: everything on it was replaced.",
    "overlay": "The chosen things were put on the new phone; everything else on it stayed.",
    "graft": "The chosen things were grafted into the new phone's own backup, which was put back on it.",
}


STAYS = "*"
"""Marks a row of which some files were sent that no other phone takes: its figures do not add up to what was sent."""


def receipt_lines(receipt: dict[str, Any]) -> list[str]:
    """The receipt as lines of at most 76 columns, the verdict first."""
    old, new = receipt["old_phone"]["name"], receipt["new_phone"]["name"]
    sent, proof = receipt["sent"], receipt["proof"]
    verdict = proof["verdict"] if proof else "done, not proven: the plan asked for no proof"
    lines = [
        *_about(receipt, old, new, verdict),
        "",
        f"Saved:  {receipt['saved'].get('files', 0):,} files of {new if receipt.get('undoes') else old}, "
        f"verified {receipt['saved'].get('verdict', '')}.",
        f"Sent:   {_sent_files(sent)}, {format_bytes(sent['bytes'])}.",
    ]
    if receipt.get("rehearsal"):
        lines.append("Rehearsed on a simulated iPhone like the new phone before anything was sent.")
    if receipt["safety"]:
        lines.append(f"Safety: {new} as it was before is saved too, and can be put back.")
    if proof:
        lines += ["", f"  {'files of':<26} {'sent':>7} {'proven':>7} {'there':>6} {'later':>6} {'wrong':>6}"]
    else:
        lines += ["", f"  {'files of':<26} {'sent':>7}"]
    lines += [_row(title, counts, proven=bool(proof)) for title, counts in _counts_by_title(receipt)]
    if proof and sum(sum(counts.values()) for _, counts in _counts_by_title(receipt)) != sent["chosen_files"]:
        lines += ["", "The table counts a database and its -wal and -shm as one, and links too."]
    not_expected = sum(counts.get("not-expected", 0) for _, counts in _counts_by_title(receipt))
    if not_expected:
        lines += [
            "",
            f"{STAYS} {not_expected} files never cross to another phone (device identity, pairings); that is normal.",
        ]
    if _are_passwords_unusable(receipt):
        lines += ["", "No password moved: what an unencrypted backup has of them opens on the old phone alone."]
    if any(counts.get("present") for _, counts in _counts_by_title(receipt)):
        lines += [
            "",
            "there: on the new phone, but not compared, because the phone writes to these databases by itself.",
        ]
    kept = proof["kept"] if proof else {}
    if kept:
        there = _good(kept) + kept.get("present", 0)
        lines.append(f"What was on {new} before: {sum(kept.values()):,} files, {there:,} still there.")
    if receipt["findings"]:
        lines += ["", "Worth knowing:"]
        lines += [f"  - {finding['what']}" for finding in receipt["findings"][:12]]
        if len(receipt["findings"]) > 12:
            lines.append(f"  … and {len(receipt['findings']) - 12} more in findings.json")
    return lines


def _about(receipt: dict[str, Any], old: str, new: str, verdict: str) -> list[str]:
    if receipt.get("undoes"):
        return [f"{new} as it was before {receipt['undoes']}: {verdict}.", "Its own safety backup was put back."]
    return [f"From {old} to {new}: {verdict}.", STRATEGIES.get(receipt["strategy"], receipt["strategy"])]


def _sent_files(sent: dict[str, Any]) -> str:
    """The files of the old phone, and apart from them the empty companions that were made for its databases."""
    made = sent["files"] - sent["chosen_files"]
    return f"{sent['chosen_files']:,} files" + (f" and {made:,} empty database companions" if made > 0 else "")


def _counts_by_title(receipt: dict[str, Any]) -> list[tuple[str, dict[str, int]]]:
    """Each category's or app's title, and what became of its files (without a proof: how many were sent), by title."""
    sent = receipt["sent"]
    titles: dict[str, str] = sent["titles"]
    if receipt["proof"]:
        fates = receipt["proof"]["categories"]
    else:
        fates = {owner: {"sent": amount["files"]} for owner, amount in sent["chosen"].items() if amount["files"]}
    return sorted((titles.get(owner, owner), counts) for owner, counts in fates.items())


def _row(title: str, counts: dict[str, int], *, proven: bool) -> str:
    sent = f"  {pad(truncate(title, 26), 26, 'left')} {sum(counts.values()):>7,}"
    if not proven:
        return sent
    mark = f" {STAYS}" if counts.get("not-expected") else ""
    there, later = counts.get("present", 0), counts.get("pending", 0)
    return f"{sent} {_good(counts):>7,} {there:>6,} {later:>6,} {_wrong(counts):>6,}{mark}"


def _are_passwords_unusable(receipt: dict[str, Any]) -> bool:
    """In an unencrypted backup the keychain lies under a key of the phone's own: there, and of no use elsewhere."""
    sent = receipt["sent"]["chosen"].get("passwords", {}).get("files")
    return bool(sent) and not receipt["saved"].get("encrypted", True) and not receipt.get("undoes")


def _good(counts: dict[str, int]) -> int:
    return counts.get("same", 0) + counts.get("rewritten", 0)


def _wrong(counts: dict[str, int]) -> int:
    return counts.get("missing", 0) + counts.get("changed", 0) + counts.get("fewer-rows", 0)


def receipt_html(receipt: dict[str, Any]) -> str:
    """The receipt as one self-contained HTML page. Every name in it came from a phone, so every name is escaped."""
    rows = "\n".join(
        f"<tr><td>{html.escape(title)}</td><td>{sum(counts.values()) or ''}</td>"
        f"<td>{_good(counts) or ''}</td><td>{counts.get('present', '')}</td><td>{counts.get('pending', '')}</td>"
        f"<td>{_wrong(counts) or ''}</td></tr>"
        for title, counts in _counts_by_title(receipt)
    )
    words = "\n".join(html.escape(line) for line in receipt_lines(receipt))
    name = html.escape(f"{receipt['old_phone']['name']} to {receipt['new_phone']['name']}")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Receipt: {name}</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
 table {{ border-collapse: collapse; width: 100% }}
 td, th {{ text-align: left; padding: .3rem; border-bottom: 1px solid #ccc }}
 pre {{ white-space: pre-wrap }}
</style></head><body>
<h1>Receipt: {name}</h1>
<table><tr><th>What</th><th>Sent</th><th>Proven</th><th>There</th><th>Later</th><th>Wrong</th></tr>
{rows}
</table>
<pre>{words}</pre>
<p>{html.escape(f"Run {receipt['run']}, written {receipt['written']} by migrate {receipt['migrate']}.")}</p>
</body></html>
"""
