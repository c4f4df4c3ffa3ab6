"""Which record a file id belongs to, for files that a phone could not read and then left out of its manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from migrate.backup.record import file_id

SYSTEM_DOMAINS: Final = (
    "HomeDomain", "CameraRollDomain", "MediaDomain", "HealthDomain", "KeychainDomain", "WirelessDomain", "RootDomain",
    "SystemPreferencesDomain", "ManagedPreferencesDomain", "DatabaseDomain", "InstallDomain", "KeyboardDomain",
    "HomeKitDomain", "TonesDomain", "ProtectedDomain", "NetworkDomain", "MobileDeviceDomain", "BooksDomain",
)  # fmt: skip
"""The domains of a backup that belong to no app (*seen*: facts 3.2)."""

ALWAYS_UNREADABLE: Final = "/FileProvider/backup/backup_manifest.db"
"""Since iOS 17 a phone reports an I/O error for this file of its own in every backup, and nothing is lost without it
(REPORTED, pymobiledevice3 issue 755)."""
HARMLESS_PLACE: Final = ("HomeDomain", "Library/Application Support/FileProvider/backup/backup_manifest.db")
HARMLESS_ID: Final = file_id(*HARMLESS_PLACE)


class Place(NamedTuple):
    domain: str
    relative_path: str


def is_harmless(path: str) -> bool:
    """Whether a file that a phone could not read may be missing from every backup. `path`: on the phone or in its
    domain."""
    return f"/{path}".endswith(ALWAYS_UNREADABLE)


def find_place(unreadable_id: str, device_path: str, domains: Iterable[str]) -> Place | None:
    """The domain and path whose file id this is: each end of the path on the phone is tried in every domain."""
    tails = list(_tails(device_path))
    for domain in dict.fromkeys((*SYSTEM_DOMAINS, *domains)):
        for tail in tails:
            if file_id(domain, tail) == unreadable_id:
                return Place(domain, tail)
    return None


def _tails(device_path: str) -> Iterator[str]:
    parts = [part for part in device_path.split("/") if part]
    for start in range(len(parts)):
        yield "/".join(parts[start:])
