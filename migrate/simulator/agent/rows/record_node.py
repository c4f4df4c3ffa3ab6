"""Converts a record of a backup to a node on a phone's disk."""

from __future__ import annotations

from contextlib import suppress

from migrate.backup.record import Kind, Record
from migrate.simulator.agent.status_plist import parse_plist
from migrate.simulator.device.filesystem import EMPTY, Content, Node
from migrate.simulator.device.filesystem import Kind as NodeKind
from migrate.wire.backup2 import MBError

KINDS: dict[Kind, NodeKind] = {Kind.FILE: "file", Kind.DIRECTORY: "directory", Kind.SYMLINK: "symlink"}


def node_of(record: Record, content: Content = EMPTY) -> Node:
    """The node of a record, with its dates, owner and mode. The inode is the record's until it is stored on a disk."""
    return Node(
        domain=record.domain,
        relative_path=record.relative_path,
        kind=KINDS[record.kind],
        content=content,
        target=(record.target or "") if record.kind is Kind.SYMLINK else None,
        mode=record.mode,
        inode=record.inode,
        user_id=record.user_id,
        group_id=record.group_id,
        modified=record.modified,
        changed=record.changed,
        born=record.born,
        protection_class=record.protection_class,
        extended_attributes=_attributes(record),
    )


def _attributes(record: Record) -> dict[str, bytes]:
    """Extended attributes by name. An invalid archive is dropped (*guessed*)."""
    if record.extended_attributes is None:
        return {}
    with suppress(MBError):
        found = parse_plist(record.extended_attributes)
        return {str(name): value for name, value in found.items() if isinstance(value, bytes)}
    return {}
