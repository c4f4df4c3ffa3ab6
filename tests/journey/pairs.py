"""Seeded pairs of phones with random choices, and the expected result of each move.

Nothing here reads a backup. The expected result comes from the simulated iPhones' disks, before and after the move, and
the verdict of the proof is compared with it.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from migrate.categories.apps import AppEntry
from migrate.categories.catalogue import load_catalogue
from migrate.categories.claims import Claims
from migrate.simulator.contents import ContentsSpec
from migrate.simulator.device.domains import NEVER_BACKED_UP, NEVER_MIGRATED, is_covered
from migrate.simulator.device.filesystem import read_content
from migrate.simulator.device.phone import SimulatedPhone

StrategyName = Literal["replace", "rebuild", "overlay", "graft"]
IOS: dict[StrategyName, tuple[str, ...]] = {
    "replace": ("18.5", "26.1", "27.0"),
    "rebuild": ("18.5", "26.1", "26.6", "27.0"),
    "overlay": ("18.5", "26.1"),
    "graft": ("27.0",),
}
CHOOSABLE = ("messages", "photos", "notes", "calls", "contacts", "calendars", "safari", "voice-memos", "voicemail")
APPS = ("com.example.chatter", "com.example.sketchbook")
Spoil = Literal["nothing", "drops a sent file", "alters a sent file", "loses rows", "drops a kept file", "adds rows"]
SPOILS: tuple[Spoil, ...] = (
    "nothing", "drops a sent file", "nothing", "alters a sent file", "loses rows", "drops a kept file", "adds rows",
)  # fmt: skip
GOOD: frozenset[Spoil] = frozenset({"nothing", "adds rows"})
COMPANIONS = ("-wal", "-shm", "-journal")
SQLITE = b"SQLite format 3\0"
COUNTED = {
    "HomeDomain/Library/SMS/sms.db": "message",
    "HomeDomain/Library/CallHistoryDB/CallHistory.storedata": "ZCALLRECORD",
}


@dataclass(frozen=True)
class Pair:
    """One move, fully determined by `seed`."""

    seed: int
    strategy: StrategyName
    ios_version: str
    old_ios_version: str
    categories: tuple[str, ...]
    apps: tuple[str, ...]
    spoil: Spoil

    def __str__(self) -> str:
        chosen = "everything" if self.strategy == "replace" else ",".join((*self.categories, *self.apps))
        return f"{self.seed:02} {self.strategy} on {self.ios_version} of {chosen}; it {self.spoil}"


def pair(seed: int) -> Pair:
    chance = random.Random(f"pair {seed}")
    strategy: StrategyName = ("replace", "rebuild", "overlay", "graft")[seed % 4]
    ios_version = chance.choice(IOS[strategy])
    old_ios_version = chance.choice(["17.5", "18.5", ios_version])
    if tuple(map(int, old_ios_version.split("."))) > tuple(map(int, ios_version.split("."))):
        old_ios_version = ios_version
    categories = tuple(sorted(chance.sample(CHOOSABLE, chance.randint(1, 4))))
    apps = tuple(sorted(chance.sample(APPS, chance.randint(0, 2))))
    spoil = SPOILS[(seed // 4) % len(SPOILS)]
    if spoil in ("drops a sent file", "alters a sent file"):
        categories = tuple(sorted({*categories, "voice-memos"}))  # so that there is a file that no phone rewrites
    if strategy == "replace" and spoil == "drops a kept file":
        spoil = "drops a sent file"  # a replace keeps nothing
    return Pair(seed, strategy, ios_version, old_ios_version, categories, apps, spoil)


def contents(seed: int) -> ContentsSpec:
    chance = random.Random(f"contents {seed}")

    def some(most: int) -> int:
        return chance.randint(1, most)

    return ContentsSpec(
        contacts=some(8), messages=some(24) + 4, attachments=some(3), calls=some(8), photos=some(5), videos=0,
        notes=some(4), events=some(5), reminders=some(4), bookmarks=some(5), history=some(6), voicemails=some(2),
        memos=some(2), health_samples=some(20), wifi_networks=some(3),
    )  # fmt: skip


def plan_of(one: Pair) -> dict[str, Any]:
    """The sections of the plan for this move."""
    if one.strategy == "replace":
        return {}
    move: dict[str, Any] = {"categories": list(one.categories), "apps": list(one.apps)}
    new: dict[str, Any] = {"is": "in-use"}
    if one.strategy != "rebuild":
        new["experimental"] = [one.strategy]
    return {"new_phone": new, "move": {**move, "may_replace": [*one.categories, *one.apps]}}


# -- the expected result, from the phones' disks -----------------------------------------------------------------------


@dataclass
class Truth:
    """What must be on the new phone: `Domain/path` -> SHA-256, as in `dump`."""

    sent: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def is_met_by(self, now: dict[str, str], grown: frozenset[str]) -> bool:
        """Whether the dump `now` contains all of it. Databases in `grown` may have more rows than were sent."""
        must = {**self.sent, **self.kept}
        return all(now.get(path) == sha for path, sha in must.items() if not {path, companion_of(path)} & grown)


def truth(one: Pair, old: SimulatedPhone, new: SimulatedPhone) -> Truth:
    """The expected result, computed before the move."""
    owners = owners_on(old)
    theirs, ours = dict(dump(old)), dict(dump(new))
    if one.strategy == "replace":
        sent = {path: sha for path, sha in theirs.items() if not is_covered(NEVER_MIGRATED, *split(path))}
        return Truth(sent)
    wanted = {*one.categories, *(f"app:{bundle}" for bundle in one.apps)}
    sent = {
        path: sha
        for path, sha in theirs.items()
        if owners(*split(path)) & wanted and not is_covered(NEVER_MIGRATED, *split(path))
    }
    of_new = owners_on(new)
    kept = {path: sha for path, sha in ours.items() if path not in sent and not of_new(*split(path)) & wanted}
    kept = {path: sha for path, sha in kept.items() if (companion_of(path) or "") not in sent}
    return Truth(sent, kept)


def dump(phone: SimulatedPhone) -> Iterator[tuple[str, str]]:
    """Every file on the phone that a backup can contain, with its SHA-256."""
    for path, sha in phone.files.digests().items():
        if sha != "dir" and not is_covered(NEVER_BACKED_UP, *split(path)):
            yield path, sha


def split(path: str) -> tuple[str, str]:
    domain, _, inside = path.partition("/")
    return domain, inside


def companion_of(path: str) -> str | None:
    return next((path.removesuffix(tail) for tail in COMPANIONS if path.endswith(tail)), None)


def owners_on(phone: SimulatedPhone) -> Callable[[str, str], frozenset[str]]:
    """Which categories and apps own a path, by the category rules and the apps on this phone."""
    apps = {
        app.bundle_id: AppEntry(
            id=app.bundle_id, title=app.name, version=app.version, reinstallable=True,
            groups=app.group_ids, plugins=app.plugin_ids, shared_with=(),
        )
        for app in phone.apps.values()
        if not app.system
    }  # fmt: skip
    return Claims(load_catalogue(), apps, ios_version=phone.ios_version).owners


# -- phones that change what was sent ----------------------------------------------------------------------------------


def spoiled(one: Pair, expected: Truth, new: SimulatedPhone, tmp: Path) -> frozenset[str]:
    """Change the new phone as `one.spoil` says, right after its restart. Returns the databases that gained rows."""
    chance = random.Random(f"spoil {one.seed}")
    files = [path for path in sorted(expected.sent) if is_plain(path, new)]
    match one.spoil:
        case "drops a sent file":
            new.files.remove(*split(chance.choice(files)))
        case "alters a sent file":
            new.files.add_file(*split(chance.choice(files)), b"not what was sent")
        case "drops a kept file":
            new.files.remove(*split(chance.choice([path for path in sorted(expected.kept) if is_plain(path, new)])))
        case "loses rows" | "adds rows":
            return frozenset({change_rows(one, expected, new, tmp, chance)})
    return frozenset()


def is_plain(path: str, phone: SimulatedPhone) -> bool:
    """Whether it is a picture, recording or document that iOS does not rewrite, and not a database."""
    node = phone.files.get(*split(path))
    keeps = ("/Media/DCIM/1", "/Library/SMS/Attachments/", "/Documents/", "/Recordings/", "/Library/Voicemail/")
    return (
        node is not None and node.kind == "file" and node.size > 0 and any(place in path for place in keeps)
        and not read_content(node.content).startswith(SQLITE) and companion_of(path) is None
        and not path.endswith(".plist")
    )  # fmt: skip


def change_rows(one: Pair, expected: Truth, phone: SimulatedPhone, tmp: Path, chance: random.Random) -> str:
    """Remove a row from a database that was sent or kept, or add one, and merge its log. Returns its path."""
    path, table = chance.choice([(p, t) for p, t in COUNTED.items() if p in expected.sent or p in expected.kept])
    copy = tmp / f"rows-{one.seed}.db"
    for suffix in ("", "-wal"):
        node = phone.files.get(*split(path + suffix))
        Path(f"{copy}{suffix}").write_bytes(read_content(node.content) if node else b"")
    database = sqlite3.connect(copy)
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if not row[5]]
    if one.spoil == "loses rows":
        database.execute(f"DELETE FROM {table} WHERE rowid = (SELECT MAX(rowid) FROM {table})")
    else:
        names = ", ".join(columns)
        database.execute(f"CREATE TEMP TABLE one AS SELECT {names} FROM {table} LIMIT 1")
        for unique in ("guid", "ZUNIQUE_ID"):
            if unique in columns:
                database.execute(f"UPDATE one SET {unique} = 'made by the phone'")
        database.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM one")
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    phone.files.add_file(*split(path), copy.read_bytes())
    for suffix in ("-wal", "-shm"):
        if phone.files.get(*split(path + suffix)) is not None:
            phone.files.add_file(*split(path + suffix), b"")
    return path
