"""Which paths belong in a backup, and where they are on the phone."""

from __future__ import annotations

import pytest

from migrate.simulator.device.domains import AppContainer, app_container, device_path, is_backed_up


@pytest.mark.parametrize(
    ("domain", "path", "plain", "encrypted"),
    [
        ("HomeDomain", "Library/SMS/sms.db", True, True),
        ("HomeDomain", "Library/Caches", False, False),
        ("HomeDomain", "Library/Caches/a/b", False, False),
        ("HomeDomain", "Library/CachesNot", True, True),
        ("RootDomain", "Library/Caches/locationd/clients.plist", True, True),  # seen in a real backup
        ("AppDomain-com.a", "tmp/x", False, False),
        ("AppDomainGroup-group.a", "Library/Caches/x", False, False),
        ("AppDomainPlugin-com.a.b", "Documents/tmp", True, True),
        ("HomeDomain", "Library/Safari/SafariTabs.db", False, True),
        ("HomeDomain", "Library/Safari/SafariTabs.db-wal", False, True),
        ("HomeDomain", "Library/Safari/SafariTabs.dbx", True, True),
        ("HomeDomain", "Library/Safari/Bookmarks.db", True, True),
        ("HealthDomain", "Health/healthdb.sqlite", False, True),
        ("HealthDomain", "Health/Local/x", False, False),
        ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist", False, True),
        ("CameraRollDomain", "Media/PhotoData/changes-123", False, False),
        ("CameraRollDomain", "Media/PhotoData/changes/x", False, False),
        ("CameraRollDomain", "Media/PhotoData/Photos.sqlite", True, True),
    ],
)
def test_a_backup_holds_only_allowed_paths(domain: str, path: str, plain: bool, encrypted: bool) -> None:
    assert is_backed_up(domain, path, encrypted=False) is plain
    assert is_backed_up(domain, path, encrypted=True) is encrypted


def test_app_domains_are_parsed() -> None:
    assert app_container("AppDomain-com.a-b") == AppContainer("com.a-b", "Data/Application")
    assert app_container("AppDomainGroup-group.a") == AppContainer("group.a", "Shared/AppGroup")
    assert app_container("AppDomainPlugin-com.a.x") == AppContainer("com.a.x", "Data/PluginKitPlugin")
    assert app_container("HomeDomain") is None and app_container("AppDomain-") is None
    assert app_container("SysContainerDomain-com.apple.lsd") is None


def test_device_paths_look_absolute_and_end_in_the_relative_path() -> None:
    assert device_path("HomeDomain", "Library/SMS/sms.db") == "/.b/6/var/mobile/Library/SMS/sms.db"
    assert device_path("KeychainDomain", "keychain-backup.plist") == "/.b/6/var/Keychains/keychain-backup.plist"
    app = device_path("AppDomain-com.a", "Documents/x")
    assert app.startswith("/.b/6/var/mobile/Containers/Data/Application/") and app.endswith("/Documents/x")
    assert app != device_path("AppDomain-com.b", "Documents/x")
