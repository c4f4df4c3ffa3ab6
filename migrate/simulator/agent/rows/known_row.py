"""A row that was planned or sent before, and how to tell whether its file is still the same."""

from __future__ import annotations

from typing import NamedTuple

from migrate.backup.record import Kind, Record
from migrate.simulator.device.filesystem import Node

KINDS = {"file": Kind.FILE, "directory": Kind.DIRECTORY, "symlink": Kind.SYMLINK}


class KnownRow(NamedTuple):
    file_id: bytes
    domain: str
    relative_path: str
    kind: int
    archive: bytes
    size: int
    state: bytes
    """`state_of` its file then."""


def state_of(node: Node) -> bytes:
    """All by which a phone tells that a file has changed."""
    kind = KINDS[node.kind].value
    times = f"{node.modified} {node.changed} {node.inode}"
    return f"{kind} {node.size} {times} {node.mode} {node.user_id} {node.group_id} {node.target}".encode(
        "utf-8", "surrogatepass"
    )


def state_in(record: Record) -> bytes:
    """`state_of` the file that a record describes."""
    times = f"{record.modified} {record.changed} {record.inode}"
    owner = f"{record.user_id} {record.group_id}"
    return f"{record.kind.value} {record.size} {times} {record.mode} {owner} {record.target}".encode(
        "utf-8", "surrogatepass"
    )
