"""The apps of a backup, and the groups and extensions of each."""

from __future__ import annotations

import plistlib
from typing import Any

import pytest

from migrate.backup.record import Kind
from migrate.categories.app_groups import guess_owners, is_apple_identifier
from migrate.categories.apps import AppEntry, find_apps

DIRECTORY = Kind.DIRECTORY


def entries(make_backup: Any, domains: list[str], groups: Any = None, **plists: Any) -> dict[str, AppEntry]:
    backup = make_backup({(domain, ""): DIRECTORY for domain in domains}, **plists)
    return find_apps(backup.folder, backup.manifest.domains(), groups)


def test_an_app_owns_its_container_groups_and_extensions(make_backup: Any) -> None:
    apps = entries(
        make_backup,
        [
            "AppDomain-org.example.diary",
            "AppDomainGroup-group.org.example.diary",
            "AppDomainPlugin-org.example.diary.share",
        ],
        {"org.example.diary": ["group.org.example.diary", "group.never.saved"]},
    )
    diary = apps["org.example.diary"]
    assert diary.groups == ("group.org.example.diary",)
    assert diary.plugins == ("org.example.diary.share",)
    assert not diary.groups_guessed
    assert diary.domains == (
        "AppDomain-org.example.diary",
        "AppDomainGroup-group.org.example.diary",
        "AppDomainPlugin-org.example.diary.share",
    )


def test_title_version_and_reinstallable_come_from_app_store_metadata(make_backup: Any) -> None:
    metadata = plistlib.dumps(
        {"itemName": "Diary\x1b[2J Pro", "bundleShortVersionString": "4.2"}, fmt=plistlib.FMT_BINARY
    )
    apps = entries(
        make_backup,
        ["AppDomain-org.example.diary", "AppDomain-org.example.side"],
        info={"Applications": {"org.example.diary": {"ApplicationSINF": b"sinf", "iTunesMetadata": metadata}}},
    )
    diary, side = apps["org.example.diary"], apps["org.example.side"]
    assert (diary.title, diary.version, diary.reinstallable) == ("Diary [2J Pro", "4.2", True)
    assert (side.title, side.version, side.reinstallable) == ("org.example.side", None, False)


@pytest.mark.parametrize("metadata", [b"", b"bplist00 no", b"\xff" * 40, plistlib.dumps(["a list"])])
def test_invalid_metadata_only_loses_the_title(make_backup: Any, metadata: bytes) -> None:
    placeholder = {"ApplicationSINF": b"sinf", "iTunesMetadata": metadata}
    apps = entries(make_backup, ["AppDomain-a.b"], info={"Applications": {"a.b": placeholder}})
    assert apps["a.b"].title == "a.b"


def test_without_an_app_list_in_info_plist_reinstallable_is_unknown(make_backup: Any) -> None:
    assert entries(make_backup, ["AppDomain-a.b"])["a.b"].reinstallable is None


def test_the_manifest_may_list_groups_and_extensions_among_the_applications(make_backup: Any) -> None:
    listed = {
        "org.example.diary": {"CFBundleVersion": "77", "ContainerContentClass": "Data/Application"},
        "org.example.empty": {"ContainerContentClass": "Data/Application"},
        "org.example.diary.share": {"ContainerContentClass": "Data/PluginKitPlugin"},
        "group.org.example.diary": {"ContainerContentClass": "Shared/AppGroup"},
        "group.without.class": {},
        "com.apple.weather": {"ContainerContentClass": "Data/Application"},
    }
    apps = entries(
        make_backup,
        ["AppDomain-org.example.diary", "AppDomainGroup-group.without.class"],
        manifest_plist={"Applications": listed},
    )
    assert set(apps) == {"org.example.diary", "org.example.empty"}
    assert apps["org.example.diary"].version == "77"


def test_an_apple_app_from_the_app_store_is_an_app_and_safari_is_not(make_backup: Any) -> None:
    domains = ["AppDomain-com.apple.Pages", "AppDomain-com.apple.mobilesafari", "AppDomain-com.apple.weather"]
    installed = ["com.apple.Pages", "com.apple.mobilesafari"]
    assert set(entries(make_backup, domains, info={"Installed Applications": installed})) == {"com.apple.Pages"}


def test_a_group_shared_by_two_apps_names_each_to_the_other(make_backup: Any) -> None:
    apps = entries(
        make_backup,
        ["AppDomain-x.one", "AppDomain-x.two", "AppDomain-x.three", "AppDomainGroup-group.both"],
        {"x.one": ["group.both"], "x.two": ["group.both"], "x.three": []},
    )
    assert apps["x.one"].shared_with == ("x.two",)
    assert apps["x.two"].shared_with == ("x.one",)
    assert apps["x.three"].shared_with == ()


def test_an_extension_belongs_to_the_app_with_the_longest_prefix(make_backup: Any) -> None:
    apps = entries(
        make_backup, ["AppDomain-a.b", "AppDomain-a.b.c", "AppDomainPlugin-a.b.c.d", "AppDomainPlugin-a.bc.d"]
    )
    assert apps["a.b.c"].plugins == ("a.b.c.d",)
    assert apps["a.b"].plugins == ()


def test_groups_reported_by_the_phone_are_not_guessed(make_backup: Any) -> None:
    """The group's name resembles the app's, but the phone reports that it does not belong to it."""
    domains = ["AppDomain-org.example.diary", "AppDomainGroup-group.org.example.diary.old"]
    diary = entries(make_backup, domains, {"org.example.diary": []})["org.example.diary"]
    assert (diary.groups, diary.groups_guessed) == ((), False)


@pytest.mark.parametrize(
    ("group", "owners"),
    [
        ("group.net.whatsapp.WhatsApp.shared", {"net.whatsapp.WhatsApp"}),
        ("group.net.whatsapp.family", {"net.whatsapp.WhatsApp", "net.whatsapp.WhatsAppSMB"}),
        ("group.net.whatsapp.WhatsAppSMB.shared", {"net.whatsapp.WhatsAppSMB"}),
        ("group.com.google.chrome", {"com.google.chrome.ios"}),
        ("group.com.google.common", {"com.google.chrome.ios", "com.google.Gmail"}),
        ("group.typewise.sharedsettings", {"ch.icoaching.typewise"}),
        ("group.com.facebook.family", set()),
        ("group.com.apple.notes", set()),
        ("group.is.workflow.my.app", set()),
        ("group.shared", set()),
        ("ABCDE12345.com.google.Gmail", {"com.google.Gmail"}),
    ],
)
def test_groups_are_guessed_if_the_phone_was_not_asked(group: str, owners: set[str]) -> None:
    apps = [
        "net.whatsapp.WhatsApp",
        "net.whatsapp.WhatsAppSMB",
        "com.google.chrome.ios",
        "com.google.Gmail",
        "ch.icoaching.typewise",
        "org.example.shared",
    ]
    assert guess_owners(group, apps) == owners


@pytest.mark.parametrize(
    "identifier",
    [
        "com.apple.weather",
        "group.com.apple.notes",
        "243LU875E5.groups.com.apple.podcasts",
        "systemgroup.x",
        "com.apple.bird",
    ],
)
def test_apple_identifiers_are_recognised(identifier: str) -> None:
    assert is_apple_identifier(identifier)
    assert not is_apple_identifier("com.applesauce.recipes")
