"""What a phone gets of a file that is not the sealed one: never its end, so it stages no more, and commits nothing.

(It moves a restore into place only after the last file, facts 2.5.)
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.record import file_id
from migrate.backup.seal import Seal, read_seal
from migrate.phone.mobilebackup2.download import NotAsSealed
from migrate.phone.mobilebackup2.restore import RestoreAttempt, RestoreOptions
from migrate.problems import RestoreSetChanged

UDID = "00008110-000A1B2C3D4E5F60"
NEW = "00008120-000000000000B0B0"
FILE_ID = "ab" + "12" * 19
SHORT = "ab" + "34" * 19
REPLACE = RestoreOptions(
    system_files=True,
    should_reboot=True,
    dont_copy_backup=True,
    preserve_settings=False,
    remove_items_not_restored=True,
)
CONTENT = bytes(range(256)) * 130


def seal(**digests: bytes) -> Seal:
    return Seal(
        uuid="U",
        date=datetime(2026, 1, 1, tzinfo=UTC),
        digests={FILE_ID: hashlib.sha256(CONTENT).hexdigest(), SHORT: hashlib.sha256(b"short").hexdigest()},
        sizes={FILE_ID: len(CONTENT), SHORT: 5},
        unreadable={},
        app_groups=None,
        manifest=hashlib.sha256(b"the list").hexdigest(),
        plists={"Info.plist": hashlib.sha256(b"info").hexdigest()},
    )


@pytest.fixture
def sending(wired: Any) -> Any:
    """A set on disk as it was sealed, and its conversation."""
    wired.conversation.sender.seal = seal()
    (wired.folder / "ab").mkdir()
    (wired.folder / "ab" / FILE_ID).write_bytes(CONTENT)
    (wired.folder / "ab" / SHORT).write_bytes(b"short")
    (wired.folder / "Manifest.db").write_bytes(b"the list")
    (wired.folder / "Info.plist").write_bytes(b"info")
    return wired


def ask(wired: Any, *names: str) -> Any:
    running = wired.backup()
    wired.phone.say("DLMessageDownloadFiles", [f"{UDID}/{name}" for name in names], "", 1.0)
    return running


def test_what_is_as_it_was_sealed_is_sent(sending: Any) -> None:
    running = sending.backup()
    names = (f"ab/{FILE_ID}", f"ab/{SHORT}", "Manifest.db", "Info.plist")
    got = sending.phone.download(*(f"{UDID}/{name}" for name in names))
    assert list(got.values()) == [CONTENT, b"short", b"the list", b"info"]
    assert sending.phone.status()[0] == 0
    sending.phone.respond()
    running.result()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (f"ab/{FILE_ID}", CONTENT[:-1] + b"\0"),
        (f"ab/{FILE_ID}", CONTENT[:-1]),
        (f"ab/{FILE_ID}", CONTENT + b"\0"),
        (f"ab/{SHORT}", b"Short"),
        (f"ab/{SHORT}", b""),
        ("Manifest.db", b"the lisT"),
        ("Info.plist", b"Info"),
        (f"ab/{SHORT}", None),
        ("Manifest.db", None),
    ],
    ids=["last byte", "cut", "longer", "first byte", "emptied", "list", "plist", "missing", "missing list"],
)
def test_the_phone_never_gets_the_end_of_a_file_that_differs(sending: Any, name: str, content: bytes | None) -> None:
    place = sending.folder / name
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    running = ask(sending, name, "Info.plist")
    with pytest.raises(NotAsSealed) as noticed:
        running.result(timeout=5)
    assert noticed.value.name == place.name
    sending.link.close()  # as the thread that runs the conversation does
    rest = b""
    while piece := sending.phone.sock.recv(1 << 16):
        rest += piece
    path = f"{UDID}/{name}".encode()
    assert rest.startswith(struct.pack(">I", len(path)) + path)
    rest, received = rest[4 + len(path) :], b""
    while rest:
        size, code = struct.unpack(">IB", rest[:5])
        assert code == 0x0C, "neither an end nor an error was sent for it"
        received, rest = received + rest[5 : 4 + size], rest[4 + size :]
    assert received == (content or b"")
    assert sending.conversation.fetching, "the phone knows that it does not have everything"


def test_a_file_that_was_not_there_when_the_set_was_sealed_is_not_sent(sending: Any) -> None:
    stray = "ab" + "56" * 19
    (sending.folder / "ab" / stray).write_bytes(b"stray")
    with pytest.raises(NotAsSealed, match="not there when"):
        ask(sending, f"ab/{stray}").result(timeout=5)


def test_what_the_phone_itself_could_not_read_is_sent_as_it_came(sending: Any) -> None:
    """An undo puts a phone's own backup back, which may hold such a file."""
    half = "ab" + "78" * 19
    sending.conversation.sender.seal = replace(seal(), unreadable={half: "Input/output error (5)"})
    (sending.folder / "ab" / half).write_bytes(b"half")
    running = sending.backup()
    assert sending.phone.download(f"{UDID}/ab/{half}") == {f"{UDID}/ab/{half}": b"half"}
    assert sending.phone.status()[0] == 0
    sending.phone.respond()
    running.result()


def test_a_phone_may_ask_for_what_no_set_has(sending: Any) -> None:
    """Such as Manifest.mbdb: that is answered with an error, and the restore goes on."""
    running = sending.backup()
    assert sending.phone.download(f"{UDID}/Manifest.mbdb") == {f"{UDID}/Manifest.mbdb": "No such file or directory"}
    assert sending.phone.status()[0] == -13
    sending.phone.respond()
    running.result()


# -- a whole restore ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", [None, "correct-horse-1947"], ids=["plain", "encrypted"])
def test_a_restore_of_a_changed_file_leaves_the_phone_as_it_was(
    attach: Any, a_phone: Any, tmp_path: Path, password: str | None
) -> None:
    old, new = a_phone(backup_password=password), a_phone(udid=NEW, name="Ben's iPhone")
    home = attach(old, new)
    asyncio.run(home.back_up(old))
    whole = tmp_path / UDID
    shutil.copytree(home.folder(old), whole)
    sealed = read_seal(home.seals, BackupFolder(whole))
    victim = BackupFolder(whole).blob(file_id("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG"))
    kept = victim.read_bytes()
    victim.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    before, attempt = new.files.digests(), RestoreAttempt()

    async def restore(attempt: RestoreAttempt) -> Any:
        async with await home.meet(new) as phone:
            return await phone.restore(
                whole, options=REPLACE, password=password, restore_applications=True, attempt=attempt, seal=sealed
            )

    with pytest.raises(RestoreSetChanged) as stopped:
        asyncio.run(restore(attempt))
    assert "Media/DCIM/100APPLE/IMG_0001.JPG (CameraRollDomain)" in stopped.value.what
    assert "nothing on it has changed" in stopped.value.why and "Ben's iPhone" in stopped.value.why
    assert attempt.was_not_taken and not attempt.refused
    assert new.pending_restore is None and new.files.digests() == before
    assert "/iTunesRestore/RestoreApplications.plist" not in new.afc_files, "and it will install nothing"

    victim.write_bytes(kept)
    assert asyncio.run(restore(RestoreAttempt())).confirmed
