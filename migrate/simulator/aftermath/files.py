"""Files that belong to iOS rather than to a person: caches, links, and what a new phone adds.

That these are made anew is *guessed*, unless marked: they name this phone, or can be computed again.
"""

from __future__ import annotations

import json
import plistlib
import random
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from migrate.simulator.aftermath.chance import RESTORED_UNIX_S, chance_of, uuid_from
from migrate.simulator.aftermath.store import paths_matching, replace_content
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.device.domains import app_container
from migrate.simulator.device.filesystem import DigestOnly, Node
from migrate.simulator.device.hardware_links import (
    INDEXED_DB,
    TIME_ZONE_LINK,
    carrier_links,
    container_target,
    time_zone_target,
)
from migrate.simulator.device.keychain import AFTER_FIRST_UNLOCK_THIS_DEVICE, KeychainItem
from migrate.simulator.device.phone import SimulatedPhone

HOME, CAMERA_ROLL, KEYBOARD = "HomeDomain", "CameraRollDomain", "KeyboardDomain"

CACHES: tuple[tuple[str, str], ...] = (
    (CAMERA_ROLL, r"Media/PhotoData/Thumbnails/.+"),  # computed from the pictures
    (HOME, r"Library/SpringBoard/LockBackgroundThumbnail\.jpg"),
    (HOME, r"Library/CallHistoryTransactions/transactions\.log"),
    (HOME, r"Library/DoNotDisturb/DB/Assertions\.json"),
    (HOME, r"Library/WebKit/.+"),
    (KEYBOARD, r"Library/Keyboard/textReplacements\.cache"),
)
"""Domain and path, as a regular expression."""
CONTAINER_CACHES = r"Library/(WebKit|SplashBoard)/.+"
"""In every container of an app that is there."""
VANISHES = 0.3
"""The share of caches that are gone until they are needed again."""


def renew_caches(phone: SimulatedPhone, domains: Collection[str] | None = None) -> None:
    """Writes caches anew or removes them; with `domains`, only in these."""
    places = [place for place in CACHES if domains is None or place[0] in domains]
    places += [
        (domain, CONTAINER_CACHES)
        for domain in phone.files.domains()
        if app_container(domain) is not None and (domains is None or domain in domains)
    ]
    for domain, pattern in places:
        for path in paths_matching(phone.files, domain, pattern):
            node = phone.files.get(domain, path)
            chance = chance_of(phone, "caches", domain, path)
            if node is None or isinstance(node.content, DigestOnly):
                continue
            if chance.random() < VANISHES:
                phone.files.remove(domain, path)
            else:
                replace_content(phone.files, node, _renewed(node, chance))


def _renewed(node: Node, chance: random.Random) -> bytes:
    """Other bytes of a similar length; a picture, a property list or JSON stays one."""
    if node.relative_path.endswith(".plist"):
        return plistlib.dumps({"Version": 2, "Generation": uuid_from(chance)}, fmt=plistlib.FMT_BINARY)
    if node.relative_path.endswith(".json"):
        return json.dumps({"data": [], "header": {"version": 11, "timestamp": RESTORED_UNIX_S}}).encode()
    if node.relative_path.casefold().endswith((".jpg", ".jpeg")):
        return draw_picture(112, 80, chance, detail=6)
    return chance.randbytes(min(node.size, 4_000) + chance.randrange(1, 64))


def add_keychain_items(phone: SimulatedPhone) -> None:
    """Two device-bound items that iOS makes for this phone after a restore (*guessed*)."""
    chance = chance_of(phone, "keychain")
    for service in ("com.apple.identities", "com.apple.push.token"):
        attributes = {"svce": service, "acct": uuid_from(chance), "agrp": "apple", "v_Data": chance.randbytes(32)}
        phone.keychain.add(KeychainItem("genp", attributes, AFTER_FIRST_UNLOCK_THIS_DEVICE, chance.randbytes(16)))


def point_links_at_this_phone(phone: SimulatedPhone, domains: Collection[str] | None = None) -> None:
    """Links that name the hardware, the time zone or a container name this phone's; with `domains`, only in these.

    Of the fourteen links of a real iOS 14.3 backup (*seen*) every one names its phone. That another phone makes them
    anew after a restore is *guessed*: left alone they would lead nowhere.
    """
    targets = {
        (HOME, f"Library/Preferences/{name}"): target for name, target in carrier_links(phone.model, phone.ios).items()
    }
    targets[TIME_ZONE_LINK] = time_zone_target(phone.time_zone)
    for domain in phone.files.domains():
        found = app_container(domain)
        if found is not None and found.content_class == "Data/Application":
            container = uuid_from(chance_of(phone, "symlinks", domain))
            targets[domain, f"{INDEXED_DB}/v0"] = container_target(container)
    for (domain, path), target in targets.items():
        node = phone.files.get(domain, path) if domains is None or domain in domains else None
        if node is not None and node.kind == "symlink" and node.target != target:
            phone.files.put(replace(node, target=target, modified=RESTORED_UNIX_S))


def add_files(phone: SimulatedPhone) -> None:
    """Adds files that a set-up phone has and a backup of another one may lack. Their names are *guessed*."""
    chance = chance_of(phone, "new-files")
    tips = {"TPSWelcomeDelivered": True, "TPSDeviceModel": phone.model, "TPSBuild": phone.build}
    delivered = {"Date": RESTORED_UNIX_S, "Identifier": uuid_from(chance), "Title": "Welcome to iPhone"}
    added: dict[tuple[str, str], Any] = {
        (HOME, "Library/Preferences/com.apple.tipsd.plist"): tips,
        (HOME, "Library/UserNotifications/com.apple.tips/DeliveredNotifications.plist"): {"Delivered": [delivered]},
        (HOME, "Library/Preferences/com.apple.purplebuddy.notbackedup.plist"): {"SetupDone": True},
        ("RootDomain", "Library/Preferences/com.apple.MobileBackup.restore.plist"): {"Build": phone.build},
    }
    for (domain, path), value in added.items():
        _add(phone, domain, path, plistlib.dumps(value, fmt=plistlib.FMT_BINARY))
    thumbnail = f"Media/PhotoData/Thumbnails/V2/{chance.randrange(10**6)}.ithmb"
    if phone.files.get(CAMERA_ROLL, "Media/PhotoData/Photos.sqlite") is not None:
        _add(phone, CAMERA_ROLL, thumbnail, chance.randbytes(3_000))


def _add(phone: SimulatedPhone, domain: str, path: str, data: bytes) -> None:
    if phone.files.get(domain, path) is None and not _is_in_the_way(phone, domain, path):
        phone.files.add_file(domain, path, data, protection_class=4, modified=RESTORED_UNIX_S)


def _is_in_the_way(phone: SimulatedPhone, domain: str, path: str) -> bool:
    """Whether a restore left a file where a directory above `path` should be."""
    above = [path[: found.start()] for found in re.finditer("/", path)]
    return any((node := phone.files.get(domain, part)) is not None and node.kind != "directory" for part in above)
