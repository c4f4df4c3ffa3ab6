"""The receipt as data (contract section 4): items first, files second, and what is still to be done.

It is made from the results of the steps. `talk/receipt.py` shows it to people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.categories.catalogue import APP_PREFIX, OTHER_SYSTEM
from migrate.content.kinds import kinds
from migrate.journey.proof.fates import GONE, Fate, columns
from migrate.journey.steps.prove import Proved
from migrate.language import _, mark_plural, plural
from migrate.problems import paste

LATER_TEXTS: Mapping[str, tuple[str, str]] = {
    "background": mark_plural(
        "{count:,} is still loading in the background", "{count:,} are still loading in the background"
    ),
    "app": mark_plural("{count:,} comes with its app", "{count:,} come with their apps"),
    "account": mark_plural(
        "{count:,} comes back after signing in to its account", "{count:,} come back after signing in to their accounts"
    ),
}
FATE_TEXTS: Mapping[Fate, tuple[str, str]] = {
    Fate.UNSEEN: mark_plural("{count:,} could not be compared", "{count:,} could not be compared"),
    Fate.PRESENT: mark_plural(
        "{count:,} is there, but iOS itself writes to it, so it cannot be compared",
        "{count:,} are there, but iOS itself writes to them, so they cannot be compared",
    ),
    Fate.KEPT_OWN: mark_plural(
        "{count:,} did not move: the new iPhone kept its own", "{count:,} did not move: the new iPhone kept its own"
    ),
    Fate.CHANGED_SINCE: mark_plural(
        "{count:,} changed on the new iPhone since the move", "{count:,} changed on the new iPhone since the move"
    ),
    Fate.DIFFERENT: mark_plural("{count:,} is different", "{count:,} are different"),
    Fate.MISSING: mark_plural("{count:,} is missing", "{count:,} are missing"),
}


THINGS = mark_plural("{count:,} thing", "{count:,} things")
OTHER_THINGS = mark_plural("{count:,} other thing", "{count:,} other things")


@dataclass(frozen=True)
class ReceiptParts:
    """What the receipt's categories are made from."""

    proof: Proved | None
    titles: Mapping[str, str]
    chosen: Mapping[str, Mapping[str, int]]
    """Owner -> records, files and bytes that were chosen."""

    def categories(self) -> list[dict[str, Any]]:
        """One row for each category and app that was sent, by title; housekeeping of the system last."""
        owners = {owner for owner, amount in self.chosen.items() if amount.get("files")}
        if self.proof is not None:
            owners |= {*self.proof.items, *self.proof.files, *self.proof.housekeeping}
        rows = [self._category(owner) for owner in owners]
        return sorted(rows, key=lambda row: (row["id"] == OTHER_SYSTEM, row["id"].startswith(APP_PREFIX), row["title"]))

    def _category(self, owner: str) -> dict[str, Any]:
        amount = self.chosen.get(owner, {})
        row: dict[str, Any] = {"id": owner, "title": self.titles.get(owner, owner)}
        if self.proof is None:
            row |= {"items": None, "files": {"sent": amount.get("files", 0)}}
        else:
            items = item_fates(self.proof, owner)
            row["items"] = None if items is None else columns(items)
            row["files"] = columns(file_fates(self.proof, owner))
            row["kinds"] = {
                kind.id: {"label": _(kind.label), **columns(self.proof.items.get(owner, {}).get(kind.id, {}))}
                for kind in kinds()
                if kind.owner == owner and kind.id in self.proof.items.get(owner, {})
            }
            row["housekeeping"] = dict(self.proof.housekeeping.get(owner, {}))
        row |= {"bytes": amount.get("bytes", 0), "why": [] if self.proof is None else why(self.proof, owner)}
        return row

    def not_moved(self) -> list[dict[str, Any]]:
        """Items and files that never cross to another phone, or could not be sent."""
        found = []
        for owner in sorted({*self.proof.items, *self.proof.files} if self.proof else ()):
            assert self.proof is not None
            items = sum(fates.get(Fate.NOT_EXPECTED, 0) for fates in self.proof.items.get(owner, {}).values())
            files = self.proof.files.get(owner, {}).get(Fate.NOT_EXPECTED, 0)
            if items or files:
                title = self.titles.get(owner, owner)
                text = _("they belong to the old iPhone itself, or could not be read there")
                found.append({"id": owner, "title": title, "items": items, "files": files, "why": text})
        return found


def item_fates(proof: Proved, owner: str) -> Counter[str] | None:
    """The fates of a category's items, as `show` counts them; None if it has no items that can be read."""
    by_kind = proof.items.get(owner, {})
    counted = [kind.id for kind in kinds() if kind.owner == owner and not kind.extra and kind.id in by_kind]
    if not counted:
        return None
    return sum((Counter(by_kind[kind_id]) for kind_id in counted), Counter())


def file_fates(proof: Proved, owner: str) -> Mapping[str, int]:
    """The fates of a category's files. If it has nothing else, those of what the phone keeps there for itself: the
    category Home, for example, is one database of a daemon."""
    files = proof.files.get(owner, {})
    if item_fates(proof, owner) is None and not any(files.values()):
        return proof.housekeeping.get(owner, {})
    return files


def why(proof: Proved, owner: str) -> list[str]:
    """Sentences about everything that is not simply proven."""
    told = []
    if stays := (item_fates(proof, owner) or Counter())[Fate.NOT_EXPECTED]:
        text = plural("{count:,} more stays with the old iPhone", "{count:,} more stay with the old iPhone", stays)
        told.append(text.format(count=stays))
    for reason, count in sorted(proof.later.get(owner, {}).items()):
        told.append(plural(*LATER_TEXTS[reason], count).format(count=count))
    fates = item_fates(proof, owner) or Counter()
    fates.update(proof.loose.get(owner, {}))
    if not fates and not proof.files.get(owner):
        housekeeping = proof.housekeeping.get(owner, {})
        fates.update({fate: count for fate, count in housekeeping.items() if fate != GONE})
        if gone := housekeeping.get(GONE, 0):
            text = plural(
                "{count:,} is not there; iOS makes it again", "{count:,} are not there; iOS makes them again", gone
            )
            told.append(text.format(count=gone))
    told += [plural(*forms, fates[fate]).format(count=fates[fate]) for fate, forms in FATE_TEXTS.items() if fates[fate]]
    if proof.unknown.get(owner):
        told.append(_("the items could not be read one by one, so their files were compared"))
    return told


def totals(proof: Proved) -> dict[str, int]:
    """The columns over all categories, each thing once: items, and files that belong to none."""
    fates: Counter[str] = Counter()
    for owner in {*proof.items, *proof.files}:
        fates.update(item_fates(proof, owner) or {})
        fates.update(proof.loose.get(owner, {}))
    return columns(fates)


def kept(proof: Proved) -> dict[str, Any]:
    """What was on the new phone before and was not chosen."""
    fates: Counter[str] = sum((Counter(one) for one in proof.kept_items.values()), Counter())
    return {"items": columns(fates), "files": columns(proof.kept_files)}


def headline(proof: Proved | None, new: str) -> str:
    """The one sentence that says how the move went."""
    if proof is None:
        return _("Everything was sent to {new}. It was not compared, because the plan asked for no proof.").format(
            new=new
        )
    if proof.verdict == "not proven":
        return f"{_what_is_wrong(proof, new)} {_('Keep the old iPhone as it is.')}"
    if arriving := still_coming(proof):
        text = plural(
            "Arrived so far on {new}, and nothing is wrong; {things} is still coming.",
            "Arrived so far on {new}, and nothing is wrong; {things} are still coming.",
            sum(count for count, _thing in arriving),
        )
        return text.format(new=new, things=_listed([thing for _count, thing in arriving]))
    total = totals(proof)
    if proof.verdict == "pending":
        text = plural(
            "Nothing is wrong, but {count:,} thing on {new} could not be compared.",
            "Nothing is wrong, but {count:,} things on {new} could not be compared.",
            total["there"],
        )
        return text.format(count=total["there"], new=new)
    if total["changed_since"]:
        return _("Everything arrived on {new}; the receipt lists what changed there since.").format(new=new)
    return _("Everything arrived on {new}.").format(new=new)


def _what_is_wrong(proof: Proved, new: str) -> str:
    every = all_fates(proof)
    missing, wrong = every[Fate.MISSING], columns(every)["wrong"]
    if missing == wrong:
        text = plural("{count:,} thing is missing on {new}.", "{count:,} things are missing on {new}.", wrong)
    elif missing:
        text = _("{missing:,} of {count:,} wrong things are missing on {new}; the others are different there.")
    else:
        text = plural(
            "{count:,} thing on {new} is different from what was sent.",
            "{count:,} things on {new} are different from what was sent.",
            wrong,
        )
    return text.format(count=wrong, missing=missing, new=new)


def all_fates(proof: Proved) -> Counter[str]:
    """The fates of everything a person would miss, each thing once: what was sent, and what was on the new phone."""
    fates: Counter[str] = Counter()
    for owner in {*proof.items, *proof.files}:
        fates.update(item_fates(proof, owner) or {})
        fates.update(proof.loose.get(owner, {}))
    for one in (*proof.kept_items.values(), proof.kept_loose):
        fates.update(one)
    return fates


def still_coming(proof: Proved) -> list[tuple[int, str]]:
    """What is still arriving, in words: each kind of item and the apps by number, and everything else together."""
    arriving, named, apps = all_fates(proof)[Fate.LATER], [], set()
    for owner in {*proof.items, *proof.files}:
        later = (item_fates(proof, owner) or Counter())[Fate.LATER]
        if owner.startswith(APP_PREFIX) and (loose := later + proof.loose.get(owner, {}).get(Fate.LATER, 0)):
            apps.add(owner)
            arriving -= loose
    for kind in kinds():
        count = proof.items.get(kind.owner, {}).get(kind.id, {}).get(Fate.LATER, 0)
        if count > 1 and not kind.extra and kind.owner not in apps:  # the labels have no form for one
            named.append((count, _("{count:,} {label}").format(count=count, label=_(kind.label))))
            arriving -= count
    named.sort(key=lambda one: -one[0])
    if apps:
        named.append((len(apps), plural("{count:,} app", "{count:,} apps", len(apps)).format(count=len(apps))))
    if arriving > 0:
        forms = OTHER_THINGS if named else THINGS
        named.append((arriving, plural(*forms, arriving).format(count=arriving)))
    return named


def _listed(things: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(things) < 2:
        return "".join(things)
    return _("{some} and {last}").format(some=", ".join(things[:-1]), last=things[-1])


def next_steps(proof: Proved | None, run_id: str, old: str) -> list[str]:
    """What the person should do, the most important first."""
    if proof is None:
        return [_("To compare what arrived: {command}").format(command=paste("prove", run_id))]
    if proof.verdict == "not proven":
        return [
            _("Keep {old} as it is.").format(old=old),
            _("Read in the receipt what is wrong, and compare it on both phones."),
            _("To look again: {command}").format(command=paste("prove", run_id)),
        ]
    if proof.verdict == "proven":
        return []
    laters = (*proof.later.values(), proof.kept_later)
    reasons = {reason for later in laters for reason, count in later.items() if count}
    steps = []
    if not reasons:
        steps.append(_("Check on the new iPhone what could not be compared; the receipt lists it."))
    if "account" in reasons:
        steps.append(_("On the new iPhone, sign in to the accounts that the old one uses."))
    if reasons & {"app", "background"}:
        steps.append(_("Leave the new iPhone on Wi-Fi and power overnight: apps and photos load by then."))
    if reasons:
        steps.append(_("Look again tomorrow: {command}").format(command=paste("prove", run_id)))
        steps.append(_("Keep {old} as it is until everything has arrived.").format(old=old))
    else:
        steps.append(_("Keep {old} as it is until then.").format(old=old))
    return steps
