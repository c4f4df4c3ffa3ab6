"""Packed sets of file ids and lists of stored files: the same answers as sets and dictionaries, in a fifth of the
memory."""

from __future__ import annotations

import hashlib
import tracemalloc
from itertools import groupby

import pytest

from migrate.backup.file_ids import FileIds
from migrate.backup.seal_file import SealRows
from migrate.backup.verify.stored_files import StoredFiles


def names(count: int) -> list[str]:
    return [hashlib.sha1(str(number).encode()).hexdigest() for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 500, 17_000])
def test_a_packed_set_answers_as_a_set(count: int) -> None:
    there, absent = names(count), names(count + 300)[count:]
    found = FileIds([*there, *there[:10]])
    assert len(found) == count and list(found) == sorted(there) and found == set(there)
    assert all(name in found for name in there) and not any(name in found for name in absent)
    assert found - set(there[:3]) == set(there[3:])
    for other in ("", "a", "zz" * 20, "AB" * 20, None, 5):
        assert other not in found


@pytest.mark.parametrize("name", ["", "ab", "x" * 40, "ab" * 21])
def test_what_is_no_file_id_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"file id|hex"):
        FileIds([name])


def listed(there: list[str]) -> StoredFiles:
    stored = StoredFiles()
    for _, shard in groupby(sorted(there), lambda name: name[:2]):
        stored.add([(name, int(name[:3], 16)) for name in reversed(list(shard))])
    stored.finish()
    return stored


def test_a_stored_file_is_taken_once_and_the_rest_is_left() -> None:
    there = names(3_000)
    stored = listed(there)
    assert len(stored) == 3_000 and stored.bytes == sum(int(name[:3], 16) for name in there)
    for name in there[:2_990]:
        assert not stored.has_taken(name)
        assert stored.size_at(stored.take(name)) == int(name[:3], 16)
        assert stored.take(name) == -1 and stored.has_taken(name)
    assert stored.take("0" * 40) == -1 and stored.get("0" * 40) is None
    assert list(stored.left()) == sorted(there[2_990:])


def test_every_stored_file_finds_its_row_in_a_seal() -> None:
    there = names(2_000)
    sealed = SealRows.pack((bytes.fromhex(name), bytes.fromhex(name) + bytes(12), 1) for name in names(2_500)[500:])
    stored = listed(there)
    stored.compare(sealed)
    for number, name in enumerate(there):
        row = stored.sealed_at(stored.place(name))
        assert (row < 0) == (number < 500)
        assert row < 0 or sealed.sha256_at(row).hex()[:40] == name


def test_new_digests_come_in_the_order_of_the_ids() -> None:
    stored = listed(there := names(100))
    assert not stored.has_new_digests
    for name in there[:60]:
        stored.note_digest(name, hashlib.sha256(name.encode()).digest())
    rows = list(stored.sealed_rows())
    assert [row.file_id.hex() for row in rows] == sorted(there[:60])
    assert all(row.sha256 == hashlib.sha256(row.file_id.hex().encode()).digest() for row in rows)


def test_a_listed_file_takes_forty_bytes() -> None:
    there = names(50_000)
    tracemalloc.start()
    try:
        stored = listed(there)
        stored.compare(SealRows.pack(()))
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 50_000 * 40 + (1 << 20), "as a dictionary 200 bytes each"
