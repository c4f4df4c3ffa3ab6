"""Templates encode archives to the same bytes as `encode_mbfile`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.mbfile.encode import encode_mbfile
from migrate.backup.record import Kind, Record
from migrate.simulator.agent.rows.record_templates import RecordTemplates

PLAIN = Record(
    file_id="0" * 40,
    domain="HomeDomain",
    relative_path="Library/a.dat",
    kind=Kind.FILE,
    mode=0o100644,
    inode=5_000,
    user_id=501,
    group_id=501,
    size=4096,
    modified=1_700_000_000,
    changed=1_700_000_000,
    born=1_600_000_000,
    protection_class=3,
    flags=0,
    encryption_key=b"\x03\0\0\0" + bytes(range(40)),
    digest=None,
    extended_attributes=None,
    target=None,
)
NUMBERS = st.sampled_from([0, 1, 255, 256, 4096, 5_000, 65_535, 65_536, 100_000, 1_700_000_000, (1 << 32) + 5])
FIELDS: dict[str, Any] = {
    "inode": st.one_of(NUMBERS, st.integers(0, 1 << 40)),
    "size": st.one_of(st.none(), NUMBERS),
    "modified": NUMBERS,
    "changed": NUMBERS,
    "born": NUMBERS,
    "mode": st.sampled_from([0o100644, 0o100600, 4096]),
    "relative_path": st.one_of(
        st.sampled_from(["", "a", "Mode", "MBFile", "Library/a.dat", "Library/b.dat", "Größe.txt", "\x01" * 13]),
        st.text(max_size=20),
    ),
    "encryption_key": st.one_of(st.none(), st.binary(min_size=44, max_size=44)),
    "digest": st.one_of(st.none(), st.binary(min_size=20, max_size=20)),
    "target": st.sampled_from([None, "Library/a.dat", "/private/x"]),
    "extended_attributes": st.sampled_from([None, b"bplist00", bytes(20), bytes(44)]),
}
TEMPLATES = {version: RecordTemplates(version) for version in ("18.5", "27.0")}


@given(changes=st.lists(st.fixed_dictionaries({}, optional=FIELDS), min_size=1, max_size=6))
def test_a_template_gives_the_same_archive_as_encode_mbfile(changes: list[dict[str, Any]]) -> None:
    for version, templates in TEMPLATES.items():
        for change in changes:
            record = replace(PLAIN, **change)
            assert templates.encode(record) == encode_mbfile(record, ios_version=version)


def test_rows_of_one_kind_share_one_template() -> None:
    templates = RecordTemplates("26.1")
    for inode in range(65_000, 67_000):
        record = replace(PLAIN, inode=inode, relative_path=f"Documents/{inode:08}.dat", digest=inode.to_bytes(20))
        assert templates.encode(record) == encode_mbfile(record, ios_version="26.1")
    assert templates.template_count == 2, "one for inodes of two bytes, one for those of four"


def test_rows_that_differ_in_size_and_dates_share_templates() -> None:
    templates = RecordTemplates("26.1")
    for number in range(300, 1_300):
        born = 1_600_000_000 + 97 * number
        record = replace(
            PLAIN, inode=70_000 + number, size=61 * number, born=born, modified=born + number, changed=born + number
        )
        assert templates.encode(record) == encode_mbfile(record, ios_version="26.1")
    assert templates.template_count == 2, "one for sizes of two bytes, one for those of four"
