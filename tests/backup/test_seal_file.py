"""A seal's file: every row is found again, damage is noticed, and memory does not depend on the number of files."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from migrate.backup.seal import Seal, find_seal, stored_seal, write_seal
from migrate.backup.seal_file import Digests, SealRows, Sizes, SortedRecords
from migrate.problems import SealDamaged

UDID = "00008101-000A1B2C3D4E5F60"


def rows(count: int) -> Iterator[tuple[bytes, bytes, int]]:
    for number in range(count):
        name = hashlib.sha1(str(number).encode()).digest()
        yield name, hashlib.sha256(name).digest(), number * 4_294_967


def seal_of(packed: SealRows) -> Seal:
    return Seal(
        uuid="U-1", date=datetime(2026, 1, 1, tzinfo=UTC), digests=Digests(packed), sizes=Sizes(packed),
        unreadable={"aa" * 20: "größe"}, app_groups={"a": ["g"]}, manifest="1" * 64, in_transit=frozenset({"aa" * 20}),
    )  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 300, 20_000])
def test_every_sealed_file_is_found_again_and_no_other(tmp_path: Path, count: int) -> None:
    write_seal(tmp_path, UDID, seal_of(SealRows.pack(rows(count))))
    seal = stored_seal(tmp_path, UDID)
    assert seal is not None and len(seal.digests) == len(seal.sizes) == count
    assert list(seal.digests) == sorted(name.hex() for name, _, _ in rows(count))
    for name, sha256, size in rows(count):
        assert seal.digests[name.hex()] == seal.digest_of(name.hex()) == sha256.hex()
        assert seal.sizes[name.hex()] == size
    for number in range(300):
        other = hashlib.sha1(b"other" + str(number).encode()).hexdigest()
        assert other not in seal.digests and seal.sizes.get(other) is None
    for name in ("Manifest.plist", "", "zz" * 20, "AA" * 20, "aa " * 20, "a" * 39):
        assert name not in seal.digests
    assert seal.unreadable == {"aa" * 20: "größe"} and seal.in_transit == {"aa" * 20}


def test_file_ids_that_share_their_beginning_are_told_apart() -> None:
    """Found inside another row's id, at a place that is no row's begin, they would be mistaken."""
    ids = [b"\1\1" + bytes((a, b)) * 9 for a in (0, 1) for b in (0, 1)]
    packed = SealRows.pack((name, bytes((number,)) * 32, number) for number, name in enumerate(ids[:3]))
    assert [packed.get(name) for name in ids] == [(bytes((n,)) * 32, n) for n in range(3)] + [None]


def test_damage_at_any_byte_of_a_seal_is_noticed(tmp_path: Path) -> None:
    write_seal(tmp_path, UDID, seal_of(SealRows.pack(rows(2))))
    path = find_seal(tmp_path, UDID)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 0x10,)) + whole[at + 1 :])
        with pytest.raises(SealDamaged):
            stored_seal(tmp_path, UDID)
        path.write_bytes(whole[:at])
        with pytest.raises(SealDamaged):
            stored_seal(tmp_path, UDID)
    path.write_bytes(whole)
    assert stored_seal(tmp_path, UDID) is not None


def test_the_seal_of_an_earlier_version_counts_until_there_is_a_newer_one(tmp_path: Path) -> None:
    earlier = {
        "format": 1, "uuid": "U-0", "date": "2026-01-01T00:00:00+00:00", "blobs": {"bb" * 20: ["2" * 64, 7]},
        "unreadable": {}, "app_groups": None,
    }  # fmt: skip
    (tmp_path / f"{UDID}.json").write_text(json.dumps(earlier))
    seal = stored_seal(tmp_path, UDID)
    assert seal is not None and (seal.digests, seal.sizes) == ({"bb" * 20: "2" * 64}, {"bb" * 20: 7})
    write_seal(tmp_path, UDID, seal_of(SealRows.pack(rows(1))))
    newer = stored_seal(tmp_path, UDID)
    assert newer is not None and newer.uuid == "U-1"
    assert [path.name for path in tmp_path.iterdir()] == [f"{UDID}.seal"]


@pytest.mark.parametrize("count", [0, 3, 999, 1_000, 5_001])
def test_records_that_do_not_fit_into_memory_are_sorted_too(tmp_path: Path, count: int) -> None:
    records = [random.Random(number).randbytes(9) for number in range(count)]
    found = SortedRecords(tmp_path, 9, in_memory=1_000)
    for record in records:
        found.add(record)
    assert list(found) == sorted(records)
    assert not list(tmp_path.iterdir())


GROWTH = """
import hashlib, resource, sys
from pathlib import Path
from migrate.backup.seal import read_seal, stored_seal
from migrate.backup.seal_draft import SealDraft
seals = Path(sys.argv[1])
with SealDraft.open(seals, "U", None, fresh=True) as draft:
    for number in range(int(sys.argv[2])):
        name = hashlib.sha1(number.to_bytes(4, "big")).hexdigest()
        draft.add(name, "1" * 64, number)
    assert len(draft.received) == int(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read as Linux states it")
def test_a_draft_of_many_files_needs_little_memory(tmp_path: Path) -> None:
    def peak(files: int) -> int:
        command = [sys.executable, "-c", GROWTH, str(tmp_path), str(files)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert peak(100_000) - peak(1) < 20, "250 bytes a file: 25 MB as dictionaries"
