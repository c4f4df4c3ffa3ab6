"""The old phone's copy on this computer goes bad after it was sent, and before the proof compares it."""

from __future__ import annotations

from collections.abc import Callable

from migrate.journey.proof.fates import Fate
from migrate.journey.proof.prover import Proof
from tests.journey.proof.made import DOCUMENT, PHOTO

Prove = Callable[..., Proof]
PICTURE = b"\xff\xd8 a picture"


def test_a_photo_whose_copy_here_went_bad_is_proven_by_its_seal(prove: Prove) -> None:
    proof = prove({PHOTO: PICTURE}, {PHOTO: PICTURE}, rots=[PHOTO])
    assert proof.verdict == "proven" and proof.owners["photos"].files == {Fate.SAME: 1}


def test_a_photo_that_is_as_bad_as_its_copy_here_is_not_proven(prove: Prove) -> None:
    proof = prove({PHOTO: PICTURE}, {PHOTO: bytes(len(PICTURE))}, rots=[PHOTO])
    assert proof.verdict == "not proven" and proof.owners["photos"].files == {Fate.DIFFERENT: 1}
    (finding,) = proof.findings
    assert finding.relative_path == PHOTO[1] and "this computer" in finding.what + finding.why


def test_a_document_that_the_new_phone_could_not_read_is_a_doubt(prove: Prove) -> None:
    proof = prove({DOCUMENT: b"draft"}, {DOCUMENT: b"draft"}, unreadable=[DOCUMENT])
    assert proof.verdict == "pending" and proof.owners["app:com.example.chatter"].files == {Fate.UNSEEN: 1}
