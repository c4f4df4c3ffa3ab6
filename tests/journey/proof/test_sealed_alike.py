"""What two seals prove without reading a file, and where they do not have the last say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import file_id
from migrate.backup.seal import Seal
from migrate.categories.claims import Claims
from migrate.journey.proof import file_pass
from migrate.journey.proof.evidence import Evidence, Side
from migrate.journey.proof.fates import Fate
from migrate.journey.proof.prover import Proof, prove
from migrate.plan.strategy import Strategy
from migrate.progress import NoProgress
from tests.journey.proof.conftest import every_owner
from tests.journey.proof.made import APP_DATABASE, DOCUMENT, FONT, PHOTO, Files, backup_of, seal_of, zero

NOTE = ("AppDomain-com.example.chatter", "Documents/store")
NOTE_LOG = (NOTE[0], NOTE[1] + "-wal")
DATABASE_LOG = (APP_DATABASE[0], APP_DATABASE[1] + "-wal")
FILES: Files = {PHOTO: b"\xff\xd8 a picture", FONT: b"a font", DOCUMENT: b"draft"}
Prove = Callable[..., Proof]


@pytest.fixture
def sides(tmp_path: Path) -> Callable[..., Proof]:
    """`sides(sent, after, old_seal=, after_seal=, spoil=)`: a proof with these very seals."""

    def run(
        sent: Files,
        after: Files,
        *,
        old_seal: Seal | None = None,
        after_seal: Seal | None = None,
        spoil: Callable[[Backup, Backup], None] = lambda old, after: None,
        **more: Any,
    ) -> Proof:
        (tmp_path / "tmp").mkdir()
        old, now = backup_of(tmp_path / "old", sent), backup_of(tmp_path / "after", after)
        sealed = old_seal or seal_of(sent)
        old.hold_to(sealed.digests)
        spoil(old, now)
        return prove(
            Evidence(
                old=Side(backup=old, claims=Claims.of(old), seal=sealed),
                after=Side(backup=now, claims=Claims.of(now), seal=after_seal or seal_of(after)),
                before=None,
                owners=every_owner(old),
                strategy=Strategy.REPLACE,
                installed=frozenset({"com.example.chatter"}),
                tmp=tmp_path / "tmp",
                **more,
            )
        )

    return run


def fates(proof: Proof) -> dict[Fate, int]:
    return {fate: sum(owner.files[fate] for owner in proof.owners.values()) for fate in Fate if fate is not None}


def without(seal: Seal, *places: tuple[str, str]) -> Seal:
    """The seal of a backup in which the hashes of these files were lost, as by a power failure."""
    lost = {file_id(*place) for place in places}
    return replace(
        seal,
        digests={name: digest for name, digest in seal.digests.items() if name not in lost},
        sizes={name: size for name, size in seal.sizes.items() if name not in lost},
    )


def test_nothing_is_read_where_both_phones_sent_the_same(sides: Prove) -> None:
    """What lies on this computer's disk since then says nothing about the two phones."""

    def spoil(old: Backup, after: Backup) -> None:
        for place in FILES:
            zero(old, place)
            zero(after, place)

    proof = sides(FILES, FILES, spoil=spoil)
    assert proof.verdict == "proven" and proof.findings == [] and fates(proof)[Fate.SAME] == 3


def test_a_stored_file_that_the_new_phones_list_does_not_have_is_missing(sides: Prove) -> None:
    """Its bytes may still lie in the folder and in the seal: the phone says what it has."""
    proof = sides(FILES, {PHOTO: FILES[PHOTO], DOCUMENT: FILES[DOCUMENT]}, after_seal=seal_of(FILES))
    assert proof.verdict == "not proven" and fates(proof)[Fate.MISSING] == 1


def test_without_the_new_phones_hash_its_file_is_read(sides: Prove) -> None:
    other = {**FILES, FONT: b"a fount"}
    assert fates(sides(FILES, other, after_seal=without(seal_of(FILES), FONT)))[Fate.DIFFERENT] == 1


def test_without_the_old_phones_hash_its_file_is_read(sides: Prove) -> None:
    proof = sides(FILES, FILES, old_seal=without(seal_of(FILES), *FILES))
    assert fates(proof)[Fate.SAME] == 3


@pytest.mark.parametrize("place", [NOTE, APP_DATABASE], ids=["no name of a database", "database"])
@pytest.mark.parametrize("lost", ["no hash", "the old phone's", "the new phone's"])
@pytest.mark.parametrize("there", [b"the last writes", b"other writes", None], ids=["same", "other", "missing"])
def test_a_log_is_compared_with_its_file(sides: Prove, place: tuple[str, str], lost: str, there: bytes | None) -> None:
    """Without its log, a database may be empty."""
    log = (place[0], place[1] + "-wal")
    sent = {place: b"no database", log: b"the last writes"}
    after = {place: b"no database"} | ({log: there} if there is not None else {})
    proof = sides(
        sent,
        after,
        old_seal=without(seal_of(sent), log) if lost == "the old phone's" else None,
        after_seal=without(seal_of(after), log) if lost == "the new phone's" else None,
    )
    assert (proof.verdict == "proven") is (there == b"the last writes")


def test_a_log_that_came_to_be_on_the_new_phone_beside_a_database_is_noticed(sides: Prove) -> None:
    sent = {APP_DATABASE: b"no database"}
    proof = sides(sent, {**sent, DATABASE_LOG: b"writes"})
    assert fates(proof)[Fate.SAME] == 0


def test_the_bytes_that_were_passed_through_grow_to_the_total(sides: Prove, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_pass, "REPORT_EVERY_BYTES", 1)
    reported: list[tuple[int, int | None]] = []

    class Reporting(NoProgress):
        def bytes_moved(self, done: int, total: int | None) -> None:
            reported.append((done, total))

    sides(FILES, FILES, progress=Reporting())
    total = sum(map(len, FILES.values()))
    done = [one for one, _ in reported]
    assert {all_of_it for _, all_of_it in reported} == {total}
    assert done == sorted(done) and done[0] == 0 and done[-1] == total and len(set(done)) == 4
