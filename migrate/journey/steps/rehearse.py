"""The rehearsal: the real restore set, sent to a software iPhone like the new phone, before anything is sent to that.

It is a whole restore through the same code and over a socket; what differs is one address. Then every file that was
agreed is looked for on the stand-in, and everything that was on the new phone and must stay.

It can catch what makes a phone refuse a set (form, digests, versions, room), what a phone drops (apps that are not
there), and what a restore would wipe. It cannot know what only Apple's software knows: the lists of paths that are not
public, how databases are carried from one iOS version to the next, what iCloud brings or takes away.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record
from migrate.categories.arrival import never_arrives
from migrate.categories.catalogue import APP_PREFIX
from migrate.categories.claims import Claims
from migrate.journey.backup_password import password_of
from migrate.journey.proof.compare import FINDINGS_SHOWN, Key, by_place
from migrate.journey.rehearsal_phone import on_a_socket, stand_in_for
from migrate.journey.run_state import Move
from migrate.journey.steps.compose import Agreed, agreed, open_with_claims
from migrate.journey.steps.restore import OPTIONS, wants_apps
from migrate.journey.threads import in_thread
from migrate.phone.phone import Phone
from migrate.plan.strategy import Strategy
from migrate.problems import MigrateError, RehearsalFailed
from migrate.problems.finding import Finding
from migrate.progress import Watcher, nobody
from migrate.simulator.device.filesystem import sha256_of
from migrate.simulator.device.phone import Softphone

RESTART_S = 60.0


async def rehearse(move: Move) -> dict[str, Any]:
    """Restore the real set to a stand-in and look at what came of it.

    Raises:
        RehearsalFailed: it was refused, something did not arrive, or something would be lost.
    """
    move.findings[:] = [finding for finding in move.findings if not finding.code.startswith("rehearsal-")]
    async with move.phone("new") as phone:
        facts, installed = await phone.refresh(), await phone.installed_apps()
    with ExitStack() as opened:
        agreement = await agreed(move)
        opened.enter_context(agreement.old.backup)
        sent = opened.enter_context((await open_with_claims(move, move.restore_set, move.set_role)).backup)
        before = await open_with_claims(move, move.safety_backup, "new") if move.safety_backup else None
        was_there = opened.enter_context(before.backup) if before else None
        folder = BackupFolder(move.restore_set)
        stand_in = await in_thread(move, lambda: stand_in_for(facts, installed, folder, was_there))
        await _restore(move, stand_in)
        looked = Rehearsed(
            stand_in=stand_in,
            agreement=agreement,
            in_set=by_place(sent),
            restore_set=sent,
            strategy=move.known_strategy,
            before=was_there,
            before_claims=before.claims if before else None,
            watch=move.watch(),
        )
        await in_thread(move, looked.look)
    for finding in looked.findings:
        move.found(finding)
    if looked.findings:
        raise RehearsalFailed(looked.findings[0].what, looked.bad)
    move.found(_went_well(facts.called, stand_in, looked))
    return {
        "as": {"ios_version": stand_in.ios_version, "model": stand_in.model, "with_contents": was_there is not None},
        **looked.as_json(),
    }


async def _restore(move: Move, stand_in: Softphone) -> None:
    """One restore, as the new phone will be sent it: the same options, the same list of apps.

    Raises:
        RehearsalFailed: the stand-in refused it.
    """
    password = await password_of(move, move.restore_set, move.set_role)
    try:
        with on_a_socket(stand_in, move.tmp) as muxer:
            async with await Phone.meet(muxer, stand_in.udid, wait_s=RESTART_S) as phone:
                await phone.restore(
                    move.restore_set,
                    options=OPTIONS[move.known_strategy],
                    password=password,
                    restore_applications=wants_apps(move),
                    watch=move.watch(),
                )
    except MigrateError as refused:
        move.found(
            Finding(
                code="rehearsal-refused",
                severity="error",
                phone=stand_in.name,
                what=f"In the rehearsal: {refused.what()}",
                why=refused.why(),
                next=refused.next(),
            )
        )
        raise RehearsalFailed(refused.what(), 1) from refused


@dataclass
class Rehearsed:
    """What lies on the stand-in after its restart, held against what was agreed. Blocking; reads only."""

    stand_in: Softphone
    agreement: Agreed
    in_set: Mapping[Key, Record]
    restore_set: Backup
    strategy: Strategy
    before: Backup | None
    before_claims: Claims | None
    watch: Watcher = nobody
    fates: dict[str, Counter[str]] = field(default_factory=dict)
    """Per owner: `arrives`, `not-expected`, `left-behind`, `missing`, `changed`."""
    kept: Counter[str] = field(default_factory=Counter)
    """Of what is on the new phone and was not chosen: `kept`, `lost`, `changed`."""
    findings: list[Finding] = field(default_factory=list)
    bad: int = 0

    def look(self) -> None:
        records = [record for record in self.agreement.records.values() if record.kind is not Kind.DIRECTORY]
        done, total = 0, sum(record.size or 0 for record in records)
        for record in records:
            fate = self._fate(record)
            for owner in self.agreement.old.claims.owners(record.domain, record.relative_path):
                self.fates.setdefault(owner, Counter())[fate] += 1
            if fate in ("missing", "changed"):
                self._note(record, fate)
            done += record.size or 0
            self.watch.bytes_moved(done, total)
        for record in self._must_stay():
            fate = self._fate_of_kept(record)
            self.kept[fate] += 1
            if fate != "kept":
                self._note(record, "lost" if fate == "lost" else "kept-changed")

    def as_json(self) -> dict[str, Any]:
        return {
            "categories": {owner: dict(sorted(counts.items())) for owner, counts in sorted(self.fates.items())},
            "kept": dict(sorted(self.kept.items())),
        }

    def _fate(self, record: Record) -> str:
        sent = self.in_set.get((record.domain, record.relative_path))
        if sent is None:
            return "left-behind" if record.file_id in self.agreement.left_behind else "missing"
        if never_arrives(record.domain, record.relative_path):
            return "not-expected"
        return self._compared(self.restore_set, sent, good="arrives")

    def _must_stay(self) -> Iterator[Record]:
        """What is on the new phone, was not chosen, and is no counterpart of what was."""
        if self.before is None or self.before_claims is None or self.strategy is Strategy.REPLACE:
            return
        for record in self.before.records():
            if record.kind is Kind.DIRECTORY or (record.domain, record.relative_path) in self.agreement.records:
                continue
            if not self.before_claims.owners(record.domain, record.relative_path) & self.agreement.choice.owners:
                yield record

    def _fate_of_kept(self, record: Record) -> str:
        """Untouched, or sent again within a graft and the same."""
        assert self.before is not None
        node = self.stand_in.files.get(record.domain, record.relative_path)
        if node is None:
            return "lost"
        if (record.domain, record.relative_path) not in self.in_set:
            return "kept"
        return self._compared(self.before, record, good="kept")

    def _compared(self, source: Backup, record: Record, *, good: str) -> str:
        node = self.stand_in.files.get(record.domain, record.relative_path)
        if node is None:
            return "missing"
        if record.kind is Kind.SYMLINK:
            return good if node.target == record.target else "changed"
        digest = hashlib.sha256()
        for chunk in source.chunks(record):
            digest.update(chunk)
        return good if sha256_of(node.content) == digest.hexdigest() else "changed"

    def _note(self, record: Record, fate: str) -> None:
        self.bad += 1
        if len(self.findings) >= FINDINGS_SHOWN:
            return
        claims = self.agreement.old.claims if fate in ("missing", "changed") else self.before_claims
        owners = claims.owners(record.domain, record.relative_path) if claims else frozenset()
        apps = {owner.removeprefix(APP_PREFIX) for owner in owners if owner.startswith(APP_PREFIX)}
        without_app = fate == "missing" and bool(apps) and not apps & set(self.stand_in.apps)
        what, why, how = APP_NOT_THERE if without_app else SENTENCES[fate]
        self.findings.append(
            Finding(
                code="rehearsal-app-missing" if without_app else f"rehearsal-{fate}",
                severity="error",
                phone=self.stand_in.name,
                domain=record.domain,
                relative_path=record.relative_path,
                file_id=record.file_id,
                categories=tuple(sorted(owners)),
                what=what.format(path=record.relative_path or record.domain, phone=self.stand_in.name),
                why=why,
                next=how,
            )
        )


SENTENCES: dict[str, tuple[str, str, str]] = {
    "missing": (
        "{path} would not arrive on {phone}.",
        "It was agreed to move, and after the rehearsal it is not there.",
        "Keep both phones as they are, and tell us with the findings of this run.",
    ),
    "changed": (
        "{path} would arrive on {phone} with other contents.",
        "After the rehearsal its bytes are not those that were sent.",
        "Keep both phones as they are, and tell us with the findings of this run.",
    ),
    "lost": (
        "{path} on {phone} would be deleted.",
        "It is not part of what was agreed, and the restore does not leave it alone on this iOS version.",
        "Leave the new phone as it is, or erase it and move everything.",
    ),
    "kept-changed": (
        "{path} on {phone} would get other contents.",
        "It is not part of what was agreed, and after the rehearsal its bytes are others.",
        "Keep both phones as they are, and tell us with the findings of this run.",
    ),
}
APP_NOT_THERE = (
    "{path} would not arrive on {phone}: its app is not installed there.",
    "A phone in use takes data only for apps that it has.",
    "Install the app on the new phone from the App Store, then go on with the run.",
)


def _went_well(name: str, stand_in: Softphone, looked: Rehearsed) -> Finding:
    arrived = sum(counts["arrives"] for counts in looked.fates.values())
    stayed = f", and {looked.kept['kept']:,} files that are on it now would stay" if looked.kept else ""
    return Finding(
        code="rehearsed",
        severity="info",
        phone=name,
        what=f"On a software iPhone like {name} (iOS {stand_in.ios_version}) all went well: "
        f"{arrived:,} files would arrive{stayed}.",
        why="A rehearsal catches what a phone would refuse, drop or wipe. It cannot show what only Apple's software "
        "knows: hidden lists of paths, how databases are carried to a newer iOS, what iCloud does.",
        next="Look at the proof afterwards: that one is taken from the phone itself.",
    )
