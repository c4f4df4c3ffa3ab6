"""Guess which apps own an app group from its name, if the phone was not asked. The result is always shown as a guess.

    group.net.whatsapp.WhatsApp.shared   begins with net.whatsapp.WhatsApp                       1
    group.com.google.chrome              com.google.chrome.ios begins with it                    2
    group.com.google.common              same developer as com.google.Gmail and …chrome.ios      3
    group.typewise.sharedsettings        a distinctive word in common with ch.icoaching.typewise 4

The first step that finds an app decides. All four were *seen* in a real iOS 14.3 manifest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_GENERIC_WORDS = frozenset(
    """
    group groups shared sharing share common container family data settings private public default prefs preferences
    ios iphone ipad iphoneos mobile app apps application widget widgets extension extensions keychain suite main core
    client production release beta store team software official free lite apple google microsoft amazon facebook
    """.split()  # noqa: SIM905  read as words
)
_DISTINCTIVE_LENGTH = 4  # "line" is an app; three letters are com, org, net, ios …
_COUNTRY_SECOND_LEVELS = frozenset({"co", "com", "org", "net", "ac", "gov"})
_TEAM = re.compile(r"[0-9A-Z]{10}\.")


def strip_group_prefix(group: str) -> str:
    """The group's name without Apple's prefixes: `group.`, a team id, `groups.`, `systemgroup.`."""
    name = _TEAM.sub("", group, count=1) if _TEAM.match(group) else group
    for before in ("systemgroup.", "groups.", "group."):
        name = name.removeprefix(before)
    return name


def is_apple_identifier(identifier: str) -> bool:
    """Whether a bundle id, extension id or group is Apple's. Shortcuts still uses its first developer's name."""
    core = strip_group_prefix(identifier)
    return (
        core == "com.apple" or core.startswith(("com.apple.", "is.workflow.")) or identifier.startswith("systemgroup.")
    )


def guess_owners(group: str, bundles: Iterable[str]) -> frozenset[str]:
    """The apps that a group probably belongs to; none for Apple's groups and for generic names."""
    if is_apple_identifier(group):
        return frozenset()
    core, bundles = strip_group_prefix(group), list(bundles)
    begins = [bundle for bundle in bundles if _begins(core, bundle)]
    if begins:
        longest = max(map(len, begins))
        return frozenset(bundle for bundle in begins if len(bundle) == longest)
    if "." in core and (inside := frozenset(bundle for bundle in bundles if _begins(bundle, core))):
        return inside
    developer = _developer(core)
    if developer and (same := frozenset(bundle for bundle in bundles if _developer(bundle) == developer)):
        return same
    words = _distinctive_words(core)
    return frozenset(bundle for bundle in bundles if words & _distinctive_words(bundle))


def _begins(name: str, beginning: str) -> bool:
    name, beginning = name.lower(), beginning.lower()
    return name == beginning or name.startswith(beginning + ".")


def _developer(identifier: str) -> str | None:
    """`com.google.Gmail` -> `com.google`, `uk.co.bbc.news` -> `uk.co.bbc`; None if nothing follows that part."""
    labels = identifier.lower().split(".")
    length = 3 if len(labels) > 2 and len(labels[0]) == 2 and labels[1] in _COUNTRY_SECOND_LEVELS else 2
    return ".".join(labels[:length]) if len(labels) > length else None


def _distinctive_words(identifier: str) -> frozenset[str]:
    labels = identifier.lower().split(".")
    return frozenset(label for label in labels if len(label) >= _DISTINCTIVE_LENGTH and label not in _GENERIC_WORDS)
