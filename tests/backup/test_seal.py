"""The seal: the hashes of one backup, kept through kills, and valid only for that backup."""

from __future__ import annotations

import json
import os
import plistlib
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.folder import BackupFolder
from migrate.backup.seal import Seal, read_seal, stored_seal
from migrate.backup.seal_draft import SealDraft
from migrate.problems import BackupUnfinished, SealDamaged, UnsafeName

UDID = "00008101-000A1B2C3D4E5F60"
A, B, C = "aa" * 20, "bb" * 20, "cc" * 20
ONE, TWO = "1" * 64, "2" * 64

Saved = Callable[..., BackupFolder]


@pytest.fixture
def seals(tmp_path: Path) -> Path:
    return tmp_path / "home" / "seals"


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """Writes Status.plist and blobs as a backup leaves them."""

    def save(*file_ids: str, uuid: str = "U-1", state: str = "finished", day: int = 1) -> BackupFolder:
        folder = tmp_path / "backups" / UDID
        folder.mkdir(parents=True, exist_ok=True)
        status = {"UUID": uuid, "Date": datetime(2026, 1, day, 12, 0, 0, 5), "SnapshotState": state}
        (folder / "Status.plist").write_bytes(plistlib.dumps(status, fmt=plistlib.FMT_XML))
        for file_id in file_ids:
            (folder / file_id[:2]).mkdir(exist_ok=True)
            (folder / file_id[:2] / file_id).write_bytes(b"x")
        return BackupFolder(folder)

    return save


def draft_path(seals: Path) -> Path:
    return seals / f"{UDID}.draft.ndjson"


def finished(seals: Path, folder: BackupFolder, *file_ids: str) -> Seal:
    with SealDraft.open(seals, UDID, None) as draft:
        for file_id in file_ids:
            draft.add(file_id, ONE, 1)
        return draft.finish(folder)


def test_a_finished_save_is_sealed_and_the_draft_is_gone(seals: Path, saved: Saved) -> None:
    folder = saved(A, B)
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(A, ONE, 1)
        draft.add(B, ONE, 1)
        draft.mark_unreadable(B, "Input/output error (5)")
        draft.mark_unreadable(C, "Operation not permitted (1)")
        draft.add(C, TWO, 9)  # asked for once more, and it came; but the phone removed it again
        draft.groups({"com.example.app": ["group.com.example"]})
        seal = draft.finish(folder)
    assert seal.digests == {A: ONE}
    assert seal.sizes == {A: 1}
    assert seal.unreadable == {B: "Input/output error (5)"}
    assert seal.app_groups == {"com.example.app": ["group.com.example"]}
    assert (seal.uuid, seal.date) == ("U-1", folder.status_date)
    assert read_seal(seals, folder) == seal
    assert [path.name for path in seals.iterdir()] == [f"{UDID}.seal"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_may_read_seals(seals: Path, saved: Saved) -> None:
    before = os.umask(0)
    try:
        with SealDraft.open(seals, UDID, None):
            assert draft_path(seals).stat().st_mode & 0o777 == 0o600
        finished(seals, saved(A), A)
    finally:
        os.umask(before)
    assert seals.stat().st_mode & 0o777 == 0o700
    assert (seals / f"{UDID}.seal").stat().st_mode & 0o777 == 0o600


def test_a_seal_is_void_for_any_other_save(seals: Path, saved: Saved) -> None:
    seal = finished(seals, saved(A), A)
    assert read_seal(seals, saved(uuid="U-2")) is None
    assert read_seal(seals, saved(day=2)) is None
    assert stored_seal(seals, UDID) == seal
    assert read_seal(seals, saved()) == seal


def test_a_copy_of_the_backup_has_the_same_seal(seals: Path, saved: Saved, tmp_path: Path) -> None:
    folder = saved(A)
    seal = finished(seals, folder, A)
    copy = tmp_path / "runs" / "1" / "old" / UDID
    copy.parent.mkdir(parents=True)
    folder.path.rename(copy)
    assert read_seal(seals, BackupFolder(copy)) == seal


def test_a_host_that_spells_the_udid_otherwise_finds_the_seal(seals: Path, saved: Saved) -> None:
    folder = saved(A)
    seal = finished(seals, folder, A)
    (folder.path / "Info.plist").write_bytes(plistlib.dumps({"Unique Identifier": UDID.lower()}))
    assert read_seal(seals, BackupFolder(folder.path)) == seal


def test_no_seal_at_all_is_none(seals: Path, saved: Saved) -> None:
    assert read_seal(seals, saved()) is None


def test_an_unfinished_save_is_not_sealed(seals: Path, saved: Saved) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(A, ONE, 1)
        with pytest.raises(BackupUnfinished):
            draft.finish(saved(A, state="uploading"))
    assert draft_path(seals).exists()


def test_an_interrupted_save_keeps_what_it_hashed(seals: Path, saved: Saved) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(A, ONE, 1)
        draft.mark_unreadable(B, "no")
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(C, TWO, 1)
        seal = draft.finish(saved(A, C))
    assert seal.digests == {A: ONE, C: TWO}
    assert seal.unreadable == {B: "no"}


KILLED = """
import os, signal, sys
from pathlib import Path
from migrate.backup.seal_draft import SealDraft
draft = SealDraft.open(Path(sys.argv[1]), sys.argv[2], None)
draft.add("aa" * 20, "1" * 64, 1)
draft.add("bb" * 20, "2" * 64, 2)
draft.flush()
draft.add("cc" * 20, "1" * 64, 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_save_killed_with_sigkill_keeps_what_was_flushed(seals: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(seals), UDID], check=False)
    assert killed.returncode == -signal.SIGKILL
    with SealDraft.open(seals, UDID, None) as draft:
        assert draft.digests == {A: ONE, B: TWO}


def test_what_is_noted_is_written_at_the_next_flush_and_after_some_thousand_lines(seals: Path) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        head = draft_path(seals).stat().st_size
        draft.add(A, ONE, 1)
        draft.flush()
        one = draft_path(seals).stat().st_size - head
        assert one > 100
        for _ in range(10_000):
            draft.add(B, ONE, 1)
        assert draft_path(seals).stat().st_size > head + 5_000 * one
        draft.mark_damaged(C, "cut")
        assert draft_path(seals).stat().st_size > head + 10_001 * one


def test_a_draft_cut_at_any_byte_goes_on_with_its_whole_lines(seals: Path) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        head = draft_path(seals).stat().st_size
        draft.add(A, ONE, 1)
        draft.flush()
        first = draft_path(seals).stat().st_size
        draft.add(B, TWO, 2)
    whole = draft_path(seals).read_bytes()
    for length in range(len(whole) + 1):
        draft_path(seals).write_bytes(whole[:length])
        with SealDraft.open(seals, UDID, None) as draft:
            kept = dict(draft.digests)
            draft.add(C, ONE, 3)
        if length < first:
            assert kept == {}
        else:
            assert kept == ({A: ONE, B: TWO} if length == len(whole) else {A: ONE})
        lines = draft_path(seals).read_bytes().splitlines()
        assert [json.loads(line) for line in lines][-1]["blob"] == C
        assert len(lines) == len(kept) + 2
        assert head <= draft_path(seals).stat().st_size


@pytest.mark.parametrize("garbage", [b"\0" * 50, b"garbage", b'{"blob":"x"}', b"[]", b'{"blob":1}', b"\xff"])
def test_a_draft_damaged_in_the_middle_is_not_believed(seals: Path, garbage: bytes) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(A, ONE, 1)
        draft.add(B, TWO, 2)
    lines = draft_path(seals).read_bytes().splitlines(keepends=True)
    draft_path(seals).write_bytes(lines[0] + lines[1] + garbage + b"\n" + lines[2])
    with SealDraft.open(seals, UDID, None) as draft:
        assert draft.digests == {}
        draft.add(C, ONE, 3)
    with SealDraft.open(seals, UDID, None) as draft:
        assert draft.digests == {C: ONE}


@pytest.mark.parametrize("head", [b"", b"\0\0\n", b"{}\n", b'{"format":2}\n', b"[1]\n", b'{"begun_ns":"x"}\n'])
def test_a_draft_whose_head_is_damaged_begins_anew(seals: Path, head: bytes) -> None:
    seals.mkdir(parents=True)
    draft_path(seals).write_bytes(head)
    with SealDraft.open(seals, UDID, None) as draft:
        assert draft.digests == {}
        draft.add(A, ONE, 1)
    with SealDraft.open(seals, UDID, None) as draft:
        assert draft.digests == {A: ONE}


def older(folder: BackupFolder, file_id: str) -> None:
    os.utime(folder.blob(file_id), (1_000_000_000, 1_000_000_000))


def test_an_incremental_backup_starts_from_the_seal_of_its_base(seals: Path, saved: Saved) -> None:
    base = finished(seals, saved(A, B, C), A, B, C)
    folder = saved(uuid="U-2", day=2)
    for file_id in (A, B, C):
        older(folder, file_id)
    folder.blob(C).unlink()
    with SealDraft.open(seals, UDID, base) as draft:
        folder.blob(B).write_bytes(b"new")
        draft.add(B, TWO, 3)
        seal = draft.finish(folder)
    assert seal.digests == {A: ONE, B: TWO}
    assert seal.sizes == {A: 1, B: 3}


def test_a_blob_with_a_lost_line_is_not_compared_with_the_base(seals: Path, saved: Saved) -> None:
    """The machine lost power: the new blob reached the disk, the line with its new hash did not."""
    base = finished(seals, saved(A, B), A, B)
    folder = saved(uuid="U-2", day=2)
    older(folder, A)
    with SealDraft.open(seals, UDID, base) as draft:
        pass
    begun = draft_path(seals).stat().st_mtime
    os.utime(folder.blob(B), (begun + 60, begun + 60))
    with SealDraft.open(seals, UDID, base) as draft:
        assert draft.digests == {A: ONE, B: ONE}
        assert draft.finish(folder).digests == {A: ONE}


def test_a_draft_on_another_base_or_a_fresh_backup_starts_over(seals: Path, saved: Saved) -> None:
    base = finished(seals, saved(A), A)
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(B, TWO, 2)
    with SealDraft.open(seals, UDID, base) as draft:
        assert draft.digests == {A: ONE}
        draft.add(C, TWO, 2)
    with SealDraft.open(seals, UDID, base, fresh=True) as draft:
        assert draft.digests == {A: ONE}


def test_during_a_backup_the_draft_knows_its_base(seals: Path, saved: Saved) -> None:
    assert SealDraft.resume(seals, UDID) is None
    base = finished(seals, saved(A), A)
    assert SealDraft.resume(seals, UDID) is None
    with SealDraft.open(seals, UDID, base) as draft:
        draft.add(B, TWO, 2)
    half = saved(A, B, uuid="U-2", state="uploading")
    assert read_seal(seals, half) is None
    draft_again = SealDraft.resume(seals, UDID)
    assert draft_again is not None
    with draft_again:
        assert draft_again.digests == {A: ONE, B: TWO}
        older(half, A)
        assert draft_again.finish(saved(uuid="U-2")).digests == {A: ONE, B: TWO}


def test_a_blob_the_phone_removed_again_is_forgotten(seals: Path, saved: Saved) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        draft.add(A, ONE, 1)
        draft.mark_unreadable(B, "no")
        draft.forget(A)
        draft.forget(B)
    with SealDraft.open(seals, UDID, None) as draft:
        assert draft.digests == {} and draft.unreadable == {}


def test_an_invalid_blob_cannot_be_sealed(seals: Path) -> None:
    with SealDraft.open(seals, UDID, None) as draft:
        for file_id, sha256 in (("../x", ONE), (A, "1" * 63), (A, "Z" * 64)):
            with pytest.raises(ValueError, match="line"):
                draft.add(file_id, sha256, 1)
    with pytest.raises(ValueError, match="closed"):
        draft.add(A, ONE, 1)


def test_a_udid_that_is_a_path_is_refused(seals: Path) -> None:
    with pytest.raises(UnsafeName):
        SealDraft.open(seals, "../../x", None)


GOOD = {
    "format": 1,
    "uuid": "U-1",
    "date": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    "blobs": {A: [ONE, 1]},
    "unreadable": {},
    "app_groups": {},
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        {"format": 2},
        {"blobs": {"../x": [ONE, 1]}},
        {"blobs": {A: [ONE]}},
        {"blobs": {A: ["short", 1]}},
        {"blobs": [A]},
        {"date": "yesterday"},
        {"date": "2026-01-01T00:00:00"},
        {"unreadable": None},
    ],
    ids=str,
)
def test_an_unreadable_seal_is_reported(seals: Path, saved: Saved, content: Any) -> None:
    seals.mkdir(parents=True)
    data = content if isinstance(content, bytes) else json.dumps(GOOD | content).encode()
    (seals / f"{UDID}.json").write_bytes(data)
    with pytest.raises(SealDamaged) as error:
        read_seal(seals, saved())
    assert error.value.exit_code == 30


def test_the_old_seal_is_kept_until_the_new_one_is_complete(
    seals: Path, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = finished(seals, saved(A), A)
    monkeypatch.setattr(os, "fsync", _disk_full)
    with SealDraft.open(seals, UDID, seal) as draft, pytest.raises(OSError, match="full"):
        draft.finish(saved(A, uuid="U-2"))
    assert stored_seal(seals, UDID) == seal
    monkeypatch.undo()
    with SealDraft.open(seals, UDID, seal) as draft:
        assert draft.finish(saved(A, uuid="U-2")).uuid == "U-2"


def _disk_full(_: int) -> None:
    raise OSError(28, "the disk is full")
