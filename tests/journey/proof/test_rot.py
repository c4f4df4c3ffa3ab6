"""The copy of a photo on this computer goes bad after it was verified, and is sent like that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.journey.prompts import Confirmation
from migrate.problems import NotProven
from tests.journey.conftest import MakeLab
from tests.journey.moves import PASSWORD, Lab, Person


@dataclass
class PersonWithABadDisk(Person):
    """While this person reads the last confirmation, a photo's blob is zeroed. Its length and its end stay."""

    lab: Lab | None = None
    path: str = ""

    def is_restored(self, new: str, old: str) -> bool | None:
        return None

    def confirm(self, confirmation: Confirmation) -> bool:
        assert self.lab is not None
        (old,) = (self.lab.last_run.path / "old").glob("*/")
        with Backup.open(old, PASSWORD) as backup:
            photo = next(record for record in backup.records() if record.relative_path.endswith(".JPG"))
            self.path = photo.relative_path
            zero(backup.stored_path(photo))
        return super().confirm(confirmation)


def zero(blob: Path) -> None:
    """In place, as a disk does it: every hard link of the blob is bad now.

    The last blocks stay: a phone refuses a file with wrong padding, and photos have no digest that it could check."""
    size = blob.stat().st_size
    with blob.open("r+b") as file:
        file.write(bytes(size - 64))


def test_a_photo_that_went_bad_on_this_computer_is_not_proven(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.person = person = PersonWithABadDisk(lab=lab)
    with pytest.raises(NotProven):
        lab.move(lab.plan())
    receipt = lab.last_run.receipt()
    assert receipt is not None and receipt["verdict"] == "not proven"
    (photos,) = [row for row in receipt["categories"] if row["id"] == "photos"]
    assert photos["files"]["wrong"] == 1 and photos["items"]["wrong"] == 1
    told = " ".join(finding["what"] + finding["why"] for finding in receipt["findings"])
    assert Path(person.path).name in told
