"""Every item has the same id and fingerprint after a newer iOS has migrated the databases: new columns, tables, primary
keys, entity numbers, order of rows, and property lists written anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.content.item import Item, compare
from migrate.content.kinds import kinds, source_places
from migrate.content.source import Source
from migrate.simulator.aftermath.databases import Update, rewrite_databases
from migrate.simulator.aftermath.preferences import rewrite_preferences
from migrate.simulator.aftermath.settings import only
from migrate.simulator.agent.keychain.phone_keychain import add_keychain_to_snapshot
from migrate.simulator.agent.memory import keys_of
from migrate.simulator.contents import fill
from migrate.simulator.device.domains import is_backed_up
from migrate.simulator.device.filesystem import read_content
from migrate.simulator.device.phone import SimulatedPhone
from tests.journey.matrices.contents import WHOLE, more_contents
from tests.journey.proof.made import backup_of

CHANGES = only("databases", "schema", "renumbering", "preferences", "new-rows", seed=3)


def items_of(phone: SimulatedPhone, folder: Path, tmp: Path) -> dict[str, dict[str, Item]]:
    """The items of a phone by kind and id."""
    snapshot = phone.files.copy()
    add_keychain_to_snapshot(phone, snapshot, keys_of(phone), earlier=0)
    files = {
        (node.domain, node.relative_path): read_content(node.content)
        for node in snapshot.walk()
        if node.kind == "file" and is_backed_up(node.domain, node.relative_path, encrypted=True)
    }
    backup: Backup = backup_of(folder, files)
    with backup:
        source = Source(backup, tmp, source_places())
        found = {kind.id: {item.id: item for item in kind.items(source)} for kind in kinds()}
        assert {where.relative_path for where in source.failed} <= {"keychain-backup.plist"}
    return found


@pytest.mark.parametrize("before", ["15.8.2", "17.5.1"])
def test_fingerprints_survive_a_change_of_schema(tmp_path: Path, before: str) -> None:
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    phone = SimulatedPhone(udid="00008101-000A1B2C3D4E5F60", ios_version=before, aftermath=CHANGES)
    fill(phone, WHOLE.model_copy(update={"icloud_contacts": 2, "icloud_notes": 1, "icloud_events": 1}), seed=5)
    more_contents(phone, seed=5)
    sent = items_of(phone, tmp_path / "before", tmp)
    unchanged = phone.files.copy()
    phone.ios_version = "27.0"
    rewrite_databases(phone, lambda domain, path: True, Update(int(before.split(".")[0]), 27))
    rewrite_preferences(phone, lambda domain, path: True)
    now = items_of(phone, tmp_path / "after", tmp)
    differences = [
        (kind, item.describe(), found and compare(item, found).differing)
        for kind, items in sent.items()
        for item in items.values()
        if (found := now[kind].get(item.id)) is None or not compare(item, found).is_equal
    ]
    assert differences == []
    assert {kind for kind, items in sent.items() if not items} == set(), "every kind has items"
    rewritten = [
        node.relative_path
        for node in phone.files.walk()
        if (was := unchanged.get(node.domain, node.relative_path)) is not None and was.content != node.content
    ]
    assert len(rewritten) > 20
