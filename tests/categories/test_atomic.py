"""Selections that split an atomic group are refused."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import Kind
from migrate.categories.atomic import partial_groups, refuse_partial_groups
from migrate.categories.catalogue import load_catalogue
from migrate.categories.choose import choose
from migrate.categories.claims import Claims
from migrate.problems import HalfGroup

CAMERA, HOME, MEDIA = "CameraRollDomain", "HomeDomain", "MediaDomain"
CATALOGUE = (CAMERA, "Media/PhotoData/Photos.sqlite")
PICTURES = [(CAMERA, f"Media/DCIM/100APPLE/IMG_000{n}.HEIC") for n in (1, 2, 3)]
SMS = (HOME, "Library/SMS/sms.db")
ATTACHMENT = (MEDIA, "Library/SMS/Attachments/a/b.heic")
CONTAINER, GROUP = ("AppDomain-x.chat", "Documents/a"), ("AppDomainGroup-group.x.chat", "chat.db")
GROUPS = {"x.chat": ["group.x.chat"]}
PHONE: dict[tuple[str, str], bytes | Kind] = {
    CATALOGUE: b"catalogue",
    **dict.fromkeys(PICTURES, b"picture"),
    (CAMERA, "Media/DCIM"): Kind.DIRECTORY,
    SMS: b"messages",
    ATTACHMENT: b"attachment",
    CONTAINER: b"container",
    GROUP: b"group",
}


def missed(backup: Backup, claims: Claims, *lost: tuple[str, str]) -> list[Any]:
    """The partial groups if everything is chosen and these files could not be read."""
    choice = choose(backup.records(), claims, categories=["everything"])
    ids = {backup.record(*place).file_id for place in lost}  # type: ignore[union-attr]
    return partial_groups(backup.records(), choice.file_ids - ids, claims, choice.owners)


@pytest.fixture
def phone(make_backup: Any) -> tuple[Backup, Claims]:
    backup = make_backup(PHONE)
    return backup, Claims.of(backup, GROUPS)


def test_every_choice_of_categories_and_apps_keeps_groups_together(phone: tuple[Backup, Claims]) -> None:
    backup, claims = phone
    for words in (
        *((word,) for word in load_catalogue().ids),
        ("everything",),
        ("app:x.chat",),
        ("photos", "messages"),
    ):
        choice = choose(backup.records(), claims, categories=words)
        refuse_partial_groups(backup.records(), choice.file_ids, claims, choice.owners)


def test_photos_without_their_catalogue_are_refused(phone: tuple[Backup, Claims]) -> None:
    (partial_group,) = missed(*phone, CATALOGUE)
    assert (partial_group.owner, partial_group.what) == ("photos", "the photo library")
    assert (partial_group.moving, partial_group.left) == (("the originals",), ("its catalogue",))


def test_a_catalogue_without_photos_is_refused_but_one_missing_photo_is_not(
    phone: tuple[Backup, Claims],
) -> None:
    (partial_group,) = missed(*phone, *PICTURES)
    assert partial_group.left == ("the originals",)
    assert missed(*phone, PICTURES[0]) == []


def test_messages_stay_together_across_two_domains(phone: tuple[Backup, Claims]) -> None:
    (partial_group,) = missed(*phone, SMS)
    assert (partial_group.moving, partial_group.left) == (("their attachments",), ("the messages",))


def test_an_app_stays_together_with_its_groups(phone: tuple[Backup, Claims]) -> None:
    (partial_group,) = missed(*phone, GROUP)
    assert (partial_group.owner, partial_group.moving, partial_group.left) == (
        "app:x.chat",
        ("its container",),
        ("its group group.x.chat",),
    )


def test_a_guessed_group_is_never_refused(make_backup: Any) -> None:
    backup = make_backup(PHONE)
    assert missed(backup, Claims.of(backup), GROUP) == []


def test_unchosen_groups_are_not_checked(phone: tuple[Backup, Claims]) -> None:
    backup, claims = phone
    choice = choose(backup.records(), claims, categories=["calls"])
    assert partial_groups(backup.records(), choice.file_ids, claims, choice.owners) == []


def test_a_split_library_error_has_three_sentences(phone: tuple[Backup, Claims]) -> None:
    backup, claims = phone
    choice = choose(backup.records(), claims, categories=["photos"])
    catalogue = backup.record(*CATALOGUE)
    assert catalogue is not None
    with pytest.raises(HalfGroup) as caught:
        refuse_partial_groups(backup.records(), choice.file_ids - {catalogue.file_id}, claims, choice.owners)
    assert caught.value.exit_code == 11
    assert caught.value.what == "Only half of the photo library would move."
    assert caught.value.why.startswith("The originals would move and its catalogue would not")


def test_the_parts_of_an_atomic_group_belong_to_its_category() -> None:
    """Otherwise every choice of the category would split the group."""
    claims = Claims(load_catalogue(), {})
    for category in load_catalogue().categories:
        for atomic in category.atomic:
            for part in atomic.parts:
                for glob in part.globs:
                    example = glob.replace("{,Cloud}", "Cloud").replace("{m4a,qta}", "m4a").replace("**", "x")
                    example = example.replace("{Attachments,Parts}", "Parts").replace("*", "y")
                    example = example.replace("{Mutations,AlbumsMetadata,Thumbnails}", "Mutations")
                    assert part.matches(example), example
                    assert claims.owners(part.domain, example) == {category.id}
