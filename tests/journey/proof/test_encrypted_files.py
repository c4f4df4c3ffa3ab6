"""Files of encrypted backups: each copy has a key of its own, so the contents are compared, and the old one's seal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.crypto.cipher import encrypted_chunks
from migrate.backup.reader import Backup
from migrate.backup.seal import Seal
from migrate.categories.claims import Claims
from migrate.journey.proof import small_files
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.fates import Fate
from migrate.journey.proof.prover import Proof, prove
from migrate.plan.strategy import Strategy
from tests.backup.small_backup import PASSWORD, SmallBackup
from tests.journey.proof.made import FONT, OTHER_PHOTO, PHOTO, Files

NOTE = ("HomeDomain", "Library/Fonts/store")
NOTE_LOG = (NOTE[0], NOTE[1] + "-wal")
FILES: Files = {PHOTO: b"\xff\xd8 a picture", FONT: b"a font" * 1000, OTHER_PHOTO: b""}
Spoil = Callable[[SmallBackup], object]


def side(folder: Path, files: Files, *, encrypted: bool, spoil: Spoil, spoil_sealed: Spoil) -> Side:
    made = SmallBackup(folder, encrypted=encrypted)
    for place, content in files.items():
        made.add_file(*place, content)
    made.write()
    spoil(made)
    stored = {
        record.file_id: made.blob(*place).read_bytes() for place, record in made.records.items() if place in files
    }
    seal = Seal(
        uuid=None,
        date=None,
        digests={name: hashlib.sha256(content).hexdigest() for name, content in stored.items()},
        sizes={name: len(content) for name, content in stored.items()},
        unreadable={},
        app_groups=None,
    )
    spoil_sealed(made)
    backup = Backup.open(made.path, PASSWORD if encrypted else None)
    return Side(backup=backup, claims=Claims.of(backup), seal=seal)


@pytest.fixture
def fates(tmp_path: Path) -> Callable[..., dict[Fate, int]]:
    """`fates(sent, after)`: of all files together. `rot` and `in_transit` change the old copy after or before it is
    sealed."""

    def run(sent: Files, after: Files, *, rot: Spoil = nothing, in_transit: Spoil = nothing, plain: str = "") -> Any:
        (tmp_path / "tmp").mkdir()
        old = side(tmp_path / "old", sent, encrypted=plain != "old", spoil=in_transit, spoil_sealed=rot)
        assert old.seal is not None
        old.backup.hold_to(old.seal.digests)
        proof: Proof = prove(
            Evidence(
                old=old,
                after=side(tmp_path / "after", after, encrypted=plain != "after", spoil=nothing, spoil_sealed=nothing),
                before=None,
                owners=frozenset(old.claims.catalogue.ids),
                strategy=Strategy.REPLACE,
                installed=frozenset(),
                tmp=tmp_path / "tmp",
            )
        )
        counted = {fate: sum(owner.files[fate] for owner in proof.owners.values()) for fate in Fate}
        return {fate: count for fate, count in counted.items() if count}

    return run


def nothing(made: SmallBackup) -> None:
    """Changes nothing."""


def flip(*place: str, at: int = 3) -> Spoil:
    def spoil(made: SmallBackup) -> None:
        stored = bytearray(made.blob(*place).read_bytes())
        stored[at] ^= 1
        made.blob(*place).write_bytes(stored)

    return spoil


@pytest.mark.parametrize("plain", ["", "old", "after"], ids=["both encrypted", "old plain", "new plain"])
def test_equal_contents_are_proven_and_each_is_read_once(
    fates: Any, monkeypatch: pytest.MonkeyPatch, plain: str
) -> None:
    read: list[str] = []
    chunks = Backup.chunks

    def watched(self: Backup, record: Any, *more: Any) -> Any:
        read.append(record.relative_path)
        return chunks(self, record, *more)

    monkeypatch.setattr(Backup, "chunks", watched)
    assert fates(FILES, FILES, plain=plain) == {Fate.SAME: 3}
    assert {path for path in read if path in (PHOTO[1], FONT[1])} == set()


@pytest.mark.parametrize("small", [1 << 20, 100], ids=["small", "large"])
def test_one_other_byte_is_noticed(fates: Any, monkeypatch: pytest.MonkeyPatch, small: int) -> None:
    monkeypatch.setattr(small_files, "SMALL_BYTES", small)
    other = {**FILES, FONT: FILES[FONT][:-1] + b"T"}
    assert fates(FILES, other) == {Fate.SAME: 2, Fate.DIFFERENT: 1}


def test_a_copy_here_that_went_bad_proves_nothing(fates: Any) -> None:
    """Its seal is that of the encrypted bytes, so it cannot speak for the content."""
    assert fates(FILES, FILES, rot=flip(*FONT)) == {Fate.SAME: 2, Fate.DIFFERENT: 1}


def test_what_arrived_as_bad_as_the_copy_here_is_not_proven(fates: Any) -> None:
    """It was sent after it had changed here."""

    def replace(made: SmallBackup) -> None:
        wrapped = made.records[FONT].encryption_key
        assert wrapped is not None
        made.blob(*FONT).write_bytes(b"".join(encrypted_chunks([b"bad"], made.class_keys.unwrap(wrapped))))

    assert fates({FONT: b"good"}, {FONT: b"bad"}, rot=replace) == {Fate.DIFFERENT: 1}


def test_a_copy_that_was_sealed_with_another_content_is_compared_as_it_is(fates: Any) -> None:
    assert fates(FILES, FILES, in_transit=flip(*FONT)) == {Fate.SAME: 2, Fate.DIFFERENT: 1}


@pytest.mark.parametrize("there", [b"the last writes", b"other writes", None], ids=["same", "other", "missing"])
def test_a_log_is_compared_with_its_file(fates: Any, there: bytes | None) -> None:
    sent = {NOTE: b"no database", NOTE_LOG: b"the last writes"}
    after = {NOTE: b"no database"} | ({NOTE_LOG: there} if there is not None else {})
    assert (fates(sent, after) == {Fate.SAME: 1}) is (there == b"the last writes")


def test_what_did_not_arrive_is_missing(fates: Any) -> None:
    assert fates(FILES, {PHOTO: FILES[PHOTO], OTHER_PHOTO: b""}) == {Fate.SAME: 2, Fate.MISSING: 1}
