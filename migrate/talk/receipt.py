"""The receipt as text for the terminal, and as an HTML page to keep or print."""

from __future__ import annotations

import html
from typing import Any

from migrate.language import _, mark, plural
from migrate.talk.console import pad, truncate
from migrate.units import format_bytes

STRATEGIES = {
    "replace": mark("The old phone's data was restored to the new phone and replaced everything on it."),
    "overlay": mark("The chosen data was restored to the new phone; everything else on it stayed."),
    "graft": mark("The chosen data was added to the new phone's own backup, which was restored to it."),
}
BACKUP_VERDICTS = {"whole": mark("whole"), "damaged": mark("damaged"), "unreadable": mark("unreadable")}

NOT_EXPECTED = "*"
"""Marks a row with files that never move to another phone: its columns do not add up to what was sent."""


def receipt_lines(receipt: dict[str, Any]) -> list[str]:
    """The receipt as lines of at most 76 columns, the verdict first."""
    old, new = receipt["old_phone"]["name"], receipt["new_phone"]["name"]
    sent, proof = receipt["sent"], receipt["proof"]
    verdict = proof_verdict(proof) if proof else _("done, not proven: the plan asked for no proof")
    counts_by_title = _counts_by_title(receipt)
    lines = [*_about(receipt, old, new, verdict), "", _backed_up(receipt, old, new)]
    sent_files = plural("{count:,} file", "{count:,} files", sent["chosen_files"]).format(count=sent["chosen_files"])
    lines.append(_("Sent:      {files}, {size}.").format(files=sent_files, size=format_bytes(sent["bytes"])))
    if receipt.get("rehearsal"):
        lines.append(_("Rehearsed on a simulated iPhone like the new phone before anything was sent."))
    if receipt["safety"]:
        lines.append(_("Safety:    {phone} was backed up first and can be put back as it was.").format(phone=new))
    head = f"  {_('files of'):<26} {_('sent'):>7}"
    if proof:
        head += f" {_('proven'):>7} {_('there'):>6} {_('later'):>6} {_('wrong'):>6}"
    lines += ["", head]
    lines += [_row(title, counts, proven=bool(proof)) for title, counts in counts_by_title]
    if proof and sum(sum(counts.values()) for _title, counts in counts_by_title) != sent["chosen_files"]:
        lines += ["", _("The table counts a database and the files beside it as one file, and includes links.")]
    if not_expected := sum(counts.get("not-expected", 0) for _title, counts in counts_by_title):
        never = plural(
            "{count} file never moves to another phone (device identity, pairings); that is normal.",
            "{count} files never move to another phone (device identity, pairings); that is normal.",
            not_expected,
        )
        lines += ["", f"{NOT_EXPECTED} {never.format(count=not_expected)}"]
    if _are_passwords_unusable(receipt):
        lines += [
            "",
            _("No password moved: passwords in an unencrypted backup can be read only by the old phone."),
        ]
    if any(counts.get("present") for _title, counts in counts_by_title):
        lines += [
            "",
            _("there: on the new phone, but not compared, because the phone itself writes to these databases."),
        ]
    kept = proof["kept"] if proof else {}
    if kept:
        before = _("On {phone} before: {count:,} files, {there:,} of them still there.")
        there = _good(kept) + kept.get("present", 0)
        lines.append(before.format(phone=new, count=sum(kept.values()), there=there))
    if receipt["findings"]:
        lines += ["", _("Worth knowing:")]
        lines += [f"  - {finding['what']}" for finding in receipt["findings"][:12]]
        if (more := len(receipt["findings"]) - 12) > 0:
            lines.append("  " + _("… and {count} more in findings.json").format(count=more))
    return lines


def _about(receipt: dict[str, Any], old: str, new: str, verdict: str) -> list[str]:
    if receipt.get("undoes"):
        known = {"phone": new, "run": receipt["undoes"], "verdict": verdict}
        return [
            _("{phone} as it was before {run}: {verdict}.").format(**known),
            _("Its own safety backup was restored."),
        ]
    strategy = STRATEGIES.get(receipt["strategy"])
    return [
        _("From {old} to {new}: {verdict}.").format(old=old, new=new, verdict=verdict),
        _(strategy) if strategy else receipt["strategy"],
    ]


def _backed_up(receipt: dict[str, Any], old: str, new: str) -> str:
    files = receipt["saved"].get("files", 0)
    known = {"count": files, "phone": new if receipt.get("undoes") else old}
    verdict = receipt["saved"].get("verdict", "")
    known["verdict"] = _(BACKUP_VERDICTS.get(verdict, verdict))
    line = plural(
        "Backed up: {count:,} file of {phone}, verified {verdict}.",
        "Backed up: {count:,} files of {phone}, verified {verdict}.",
        files,
    )
    return line.format(**known)


def _counts_by_title(receipt: dict[str, Any]) -> list[tuple[str, dict[str, int]]]:
    """Each category and app with its counts by fate (without a proof: how many files were sent), sorted by title."""
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
    mark = f" {NOT_EXPECTED}" if counts.get("not-expected") else ""
    there, later = counts.get("present", 0), counts.get("pending", 0)
    return f"{sent} {_good(counts):>7,} {there:>6,} {later:>6,} {_wrong(counts):>6,}{mark}"


def proof_verdict(proof: dict[str, Any]) -> str:
    """The verdict in the person's language, from the counts. The receipt holds it in English, for programs."""
    categories: list[dict[str, int]] = list(proof["categories"].values())
    if wrong := sum(map(_wrong, (*categories, proof["kept"]))):
        return _("not proven: {count} of the files are not as they should be").format(count=wrong)
    still = []
    if pending := sum(counts.get("pending", 0) for counts in categories):
        still.append(_("{count} still arriving").format(count=pending))
    if present := sum(counts.get("present", 0) for counts in categories):
        still.append(_("{count} there, not compared").format(count=present))
    return _("pending: {what}").format(what=", ".join(still)) if still else _("proven")


def _are_passwords_unusable(receipt: dict[str, Any]) -> bool:
    """Whether passwords were sent in vain: in an unencrypted backup they are encrypted with the old phone's own key."""
    sent = receipt["sent"]["chosen"].get("passwords", {}).get("files")
    return bool(sent) and not receipt["saved"].get("encrypted", True) and not receipt.get("undoes")


def _good(counts: dict[str, int]) -> int:
    return counts.get("same", 0) + counts.get("rewritten", 0)


def _wrong(counts: dict[str, int]) -> int:
    return counts.get("missing", 0) + counts.get("changed", 0) + counts.get("fewer-rows", 0)


def receipt_html(receipt: dict[str, Any]) -> str:
    """The receipt as one self-contained HTML page. Names come from phones, so all of them are escaped."""
    rows = "\n".join(
        f"<tr><td>{html.escape(title)}</td><td>{sum(counts.values()) or ''}</td>"
        f"<td>{_good(counts) or ''}</td><td>{counts.get('present', '')}</td><td>{counts.get('pending', '')}</td>"
        f"<td>{_wrong(counts) or ''}</td></tr>"
        for title, counts in _counts_by_title(receipt)
    )
    text = "\n".join(html.escape(line) for line in receipt_lines(receipt))
    old, new = receipt["old_phone"]["name"], receipt["new_phone"]["name"]
    title = html.escape(_("Receipt: {old} to {new}").format(old=old, new=new))
    columns = (_("What"), _("Sent"), _("Proven"), _("There"), _("Later"), _("Wrong"))
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    written = _("Run {run}, written {written} by migrate {migrate}.").format(**receipt)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
 body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
 table {{ border-collapse: collapse; width: 100% }}
 td, th {{ text-align: left; padding: .3rem; border-bottom: 1px solid #ccc }}
 pre {{ white-space: pre-wrap }}
</style></head><body>
<h1>{title}</h1>
<table><tr>{head}</tr>
{rows}
</table>
<pre>{text}</pre>
<p>{html.escape(written)}</p>
</body></html>
"""
