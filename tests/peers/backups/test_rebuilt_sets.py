"""idevicebackup2 restores a rebuild, with Finder's options, to the phone whose backup it is built on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.record import file_id
from migrate.backup.restore_set.compose import SetRequest, compose
from migrate.simulator.contents import fill
from migrate.simulator.device.domains import is_backed_up
from migrate.simulator.device.phone import SimulatedPhone
from tests.backup.two_phones import choice_and_counterparts
from tests.peers.pair import SPEC

OLD_PASSWORD, NEW_PASSWORD = "the old one", "the new one"
PEER = "idevicebackup2"
MESSAGES = "HomeDomain/Library/SMS/sms.db"


def files_of(phone: SimulatedPhone) -> dict[str, str]:
    """`Domain/path` -> SHA-256 of every file that a backup holds."""
    digests = phone.files.digests()
    return {
        f"{node.domain}/{node.relative_path}": digests[f"{node.domain}/{node.relative_path}"]
        for node in phone.files.walk()
        if node.kind == "file" and is_backed_up(node.domain, node.relative_path, encrypted=True)
    }


@pytest.mark.parametrize(
    "ios_version", [pytest.param("18.5", marks=pytest.mark.soak), pytest.param("26.1", marks=pytest.mark.soak), "27.0"]
)
def test_a_rebuild_of_messages_is_taken_whole(make_pair: Callable[..., Any], tmp_path: Path, ios_version: str) -> None:
    """Both backups are the other program's too. The new phone has the old phone's messages, and all else of its own."""
    phones = make_pair(ios_version, backup_password=OLD_PASSWORD)
    phones.new.backup_password = NEW_PASSWORD
    fill(phones.new, SPEC, 8)
    for phone in (phones.old, phones.new):
        phones.run(PEER, "-u", phone.udid, "backup", "--full", phones.backups)
    old, new = (phones.backups / phone.udid for phone in (phones.old, phones.new))
    choice, replaced = choice_and_counterparts((old, OLD_PASSWORD), (new, NEW_PASSWORD), categories=["messages"])
    made = compose(
        SetRequest(
            source=old,
            password=OLD_PASSWORD,
            into=tmp_path / "set",
            strategy="rebuild",
            wanted=choice.file_ids,
            base=new,
            base_password=NEW_PASSWORD,
            replaced=replaced,
        )
    )
    assert made.dropped == ()
    before, theirs = files_of(phones.new), files_of(phones.old)
    passwords = phones.new.keychain.items()
    apps = set(phones.new.apps)
    restore = (PEER, "-u", phones.new.udid, "restore", "--system", "--settings", "--remove")
    assert "Restore Successful." in phones.run(*restore, "--password", NEW_PASSWORD, tmp_path / "set")
    assert phones.new.settled.wait(60)
    after = files_of(phones.new)
    assert after[MESSAGES] == theirs[MESSAGES] != before[MESSAGES]
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert all(path in theirs and after.get(path) == theirs[path] for path in changed & after.keys())
    assert {file_id(*path.split("/", 1)) for path in changed} <= choice.file_ids | replaced, changed
    assert phones.new.keychain.items() == passwords and len(passwords) > 50
    assert set(phones.new.apps) == apps
