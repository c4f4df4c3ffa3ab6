"""A phone after a move, from which every sabotage begins: its files are copied, spoiled and held against the backups.

The move is a whole run over a socket, without its proof. Each proof then reads a backup folder that is written here
from the phone's files, which takes a fifth of the time of a backup over the socket. `test_sabotage.py` also takes some
sabotages through `prove_again`, journal and receipt.
"""

from __future__ import annotations

import os
import plistlib
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from migrate.backup.folder import BackupFolder
from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.backup.seal import read_seal
from migrate.categories.catalogue import load_catalogue
from migrate.categories.choose import chosen_owners
from migrate.categories.claims import Claims
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.prover import Proof, prove
from migrate.journey.steps.compose import ComposedSet
from migrate.journey.steps.verify import NewPhoneVerified, OldPhoneVerified
from migrate.plan.in_use import erased_only_categories
from migrate.plan.strategy import Strategy
from migrate.simulator.agent.keychain.phone_keychain import add_keychain_to_snapshot
from migrate.simulator.agent.memory import keys_of
from migrate.simulator.device.domains import is_backed_up
from migrate.simulator.device.filesystem import Filesystem, Node, read_content
from migrate.simulator.device.keychain import KeychainItem
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.memory_manifest import MemoryManifest
from tests.journey.matrices.contents import LINE, WHATSAPP, WHATSAPP_BUSINESS
from tests.journey.moves import NEW_PASSWORD, PASSWORD, Lab

StrategyName = Literal["replace", "rebuild", "overlay", "graft"]
KINDS = {"file": Kind.FILE, "directory": Kind.DIRECTORY, "symlink": Kind.SYMLINK}
KEPT = ("health", "wifi")
"""Left on a phone in use, so that something is kept."""
APPS = ("com.example.chatter", "com.example.sketchbook", LINE, WHATSAPP, WHATSAPP_BUSINESS)
OVERDUE_DAYS = 8.0


def sections_of(strategy: StrategyName, *leave_out: str) -> dict[str, Any]:
    """The plan's sections: everything, or all that a phone in use can take."""
    if strategy == "replace":
        return {}
    not_moved = (*erased_only_categories(), *KEPT, *leave_out)
    categories = [one for one in load_catalogue().ids if one not in not_moved]
    new: dict[str, Any] = {"is": "in-use"}
    if strategy != "rebuild":
        new["experimental"] = [strategy]
    move = {"categories": categories, "apps": list(APPS), "may_replace": [*categories, *APPS]}
    return {"new_phone": new, "move": move}


class PlainBackup(Backup):
    """A backup with everything that an encrypted one has, whose files are not encrypted themselves."""

    def _key_of(self, record: Record) -> None:
        return None


@dataclass
class Moved:
    """A finished move."""

    lab: Lab
    own: Filesystem
    """The new phone's files before the move."""
    evidence: Evidence
    folder: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    """What the last proof told about items and files."""
    _base: dict[tuple[str, str], Node] = field(default_factory=dict)
    _count: int = 0

    def prove(
        self,
        files: Filesystem,
        keychain: Sequence[KeychainItem] | None = None,
        *,
        days_since: float = OVERDUE_DAYS,
    ) -> Proof:
        """Prove the phone with these files and this keychain. None: the phone's own keychain."""
        self.lines.clear()
        after = self._backup_of(files, self.lab.new.keychain.items() if keychain is None else keychain)
        side = Side(backup=after, claims=self.evidence.old.claims)
        evidence = replace(
            self.evidence,
            after=side,
            days_since=days_since,
            installed=frozenset(self.lab.new.apps),
            details=self._note,
        )
        try:
            return prove(evidence)
        finally:
            after.close()
            shutil.rmtree(after.folder.path)

    def finish(self) -> Filesystem:
        """Let everything arrive and the person sign in. Returns the phone's files."""
        self.lab.new.finish_background_restore()
        self.lab.new.sign_in()
        return self.lab.new.files

    def _note(self, line: Any) -> None:
        if not line.get("housekeeping"):
            self.lines.append(dict(line))

    def _backup_of(self, files: Filesystem, keychain: Sequence[KeychainItem]) -> Backup:
        """A backup of all files that a phone backs up and of a keychain. Blobs that did not change are linked."""
        files, keys = files.copy(), keys_of(self.lab.new)
        with phone_with(self.lab.new, keychain) as phone:
            add_keychain_to_snapshot(phone, files, keys, earlier=0)
        self._count += 1
        folder, shared = self.folder / f"after-{self._count}", self.folder / "shared"
        folder.mkdir()
        writer = MemoryManifest(self.lab.new.ios_version)
        for node in files.walk():
            if not is_backed_up(node.domain, node.relative_path, encrypted=True):
                continue
            record = _record(node)
            writer.add(record)
            if node.kind == "file":
                _write_blob(node, record, folder, shared, self._base)
        (folder / "Manifest.db").write_bytes(writer.to_bytes())
        manifest = {"IsEncrypted": False, "Lockdown": {"ProductVersion": self.lab.new.ios_version}}
        (folder / "Manifest.plist").write_bytes(plistlib.dumps(manifest))
        opened = PlainBackup.open(folder)
        opened.manifest.class_keys = keys.class_keys
        return opened


@contextmanager
def phone_with(phone: SimulatedPhone, keychain: Sequence[KeychainItem]) -> Iterator[SimulatedPhone]:
    """The phone while its keychain is this one."""
    kept = phone.keychain.items()
    phone.keychain.remove_all()
    phone.keychain.take_over(keychain)
    try:
        yield phone
    finally:
        phone.keychain.remove_all()
        phone.keychain.take_over(kept)


def _record(node: Node) -> Record:
    return Record(
        file_id=file_id(node.domain, node.relative_path), domain=node.domain, relative_path=node.relative_path,
        kind=KINDS[node.kind], mode=node.mode, inode=node.inode, user_id=node.user_id, group_id=node.group_id,
        size=node.size, modified=node.modified, changed=node.changed, born=node.born,
        protection_class=node.protection_class, flags=0, encryption_key=None, digest=None, extended_attributes=None,
        target=node.target,
    )  # fmt: skip


def _write_blob(node: Node, record: Record, folder: Path, shared: Path, written: dict[tuple[str, str], Node]) -> None:
    key = (node.domain, node.relative_path)
    blob, kept = folder / record.file_id[:2] / record.file_id, shared / record.file_id
    blob.parent.mkdir(exist_ok=True)
    if key not in written:
        shared.mkdir(exist_ok=True)
        kept.write_bytes(read_content(node.content))
        written[key] = node
    if written[key].content is node.content:
        os.link(kept, blob)
    else:
        blob.write_bytes(read_content(node.content))


@contextmanager
def moved(lab: Lab, strategy: StrategyName, tmp: Path, *leave_out: str) -> Iterator[Moved]:
    """Take the move to its end and open the backups that its proof compares."""
    own = lab.new.files.copy()
    safety = {"prove": False}
    plan = lab.plan(**sections_of(strategy, *leave_out), safety=safety)
    assert lab.move(plan).outcome == "done"
    journal = lab.last_run.journal()
    with ExitStack() as opened:

        def side(folder: Path, password: str) -> Side:
            backup = opened.enter_context(Backup.open(folder, password))
            seal = read_seal(folder.parent, BackupFolder(folder))
            assert seal is not None
            backup.hold_to(seal.digests)
            return Side(backup=backup, claims=Claims.of(backup, seal.app_groups), seal=seal)

        old = side(journal.result(OldPhoneVerified).backup, PASSWORD)
        safety = journal.find_result(NewPhoneVerified)
        before = side(safety.backup, NEW_PASSWORD) if safety else None
        chosen = chosen_owners(
            old.claims, categories=plan.move.categories, except_=plan.move.except_, apps=plan.move.apps
        )
        evidence = Evidence(
            old=old,
            after=old,
            before=before,
            owners=chosen,
            strategy=Strategy(strategy),
            installed=frozenset(lab.new.apps),
            tmp=lab.tmp,
            unsent_file_ids=frozenset(one.file_id for one in journal.result(ComposedSet).left_out),
            restored_at=time.time(),
        )
        yield Moved(lab, own, evidence, tmp)
