"""Invented apps with their containers, group containers and plug-in containers.

Chatter keeps its messages in a group container, as WhatsApp does (tables and folders *seen*: iOS 14.3, 15.3). Chatter
and Sketchbook share a second group, so that neither moves without the other's data. Fieldnotes is not from the App
Store, so no host can have it re-installed. Any other bundle id gets a container with a few files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from migrate.simulator.contents.author import REFERENCE_TIME, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.png import draw_icon
from migrate.simulator.contents.formats.sqlite_file import Database, Row
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import Synthetic
from migrate.simulator.device.hardware_links import INDEXED_DB, container_target

CHATTER, SKETCHBOOK, FIELDNOTES = "com.example.chatter", "com.example.sketchbook", "org.example.fieldnotes"
CHATTER_GROUP, SHARED_GROUP = "group.com.example.chatter.shared", "group.com.example.family"
TEXT_ATTRIBUTE = {"com.apple.TextEncoding": b"utf-8;134217984"}
ICON_PIXELS = 60


@dataclass(frozen=True, slots=True)
class _InventedApp:
    """One of the invented apps."""

    name: str
    version: str
    short_version: str
    groups: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    has_sinf: bool = True


INVENTED_APPS = {
    CHATTER: _InventedApp(
        "Chatter", "241.7", "24.1.7", (CHATTER_GROUP, SHARED_GROUP), ("ShareExtension", "NotificationService")
    ),
    SKETCHBOOK: _InventedApp("Sketchbook", "512", "5.1", (SHARED_GROUP,), ("Widget",)),
    FIELDNOTES: _InventedApp("Fieldnotes", "3", "0.3", has_sinf=False),
}


def bundle_ids(wanted: int | tuple[str, ...]) -> tuple[str, ...]:
    """The bundle ids of a spec's `apps`. A number stands for that many invented apps, followed by unnamed ones."""
    if isinstance(wanted, tuple):
        return wanted
    unnamed = (f"com.example.app{number}" for number in range(len(INVENTED_APPS) + 1, wanted + 1))
    return (*INVENTED_APPS, *unnamed)[:wanted]


def write(author: Author) -> None:
    for bundle_id in bundle_ids(author.spec.apps):
        app = _install(author, bundle_id)
        _write_container(author, app)
        CONTENTS.get(bundle_id, _write_default_contents)(author, f"AppDomain-{bundle_id}")
    groups = {group for app in author.apps.values() for group in app.group_ids}
    if SHARED_GROUP in groups:
        settings = {"members": ["me", author.people[0].name], "syncedAt": REFERENCE_TIME}
        path = f"Library/Preferences/{SHARED_GROUP}.plist"
        author.plist(f"AppDomainGroup-{SHARED_GROUP}", path, settings, mode=0o100600)
        author.file(f"AppDomainGroup-{SHARED_GROUP}", "shared/family.json", b'{"photos": "\xc3\xbcberall"}')


def _install(author: Author, bundle_id: str) -> App:
    known = INVENTED_APPS.get(bundle_id, _InventedApp(bundle_id.rpartition(".")[2].capitalize(), "1", "1.0"))
    colours = tuple(author.random.randrange(256) for _ in range(6))
    app = App(
        bundle_id=bundle_id,
        name=known.name,
        version=known.version,
        short_version=known.short_version,
        group_ids=known.groups,
        plugin_ids=tuple(f"{bundle_id}.{plugin}" for plugin in known.plugins),
        has_sinf=known.has_sinf,
        icon_png=draw_icon(ICON_PIXELS, (colours[0], colours[1], colours[2]), (colours[3], colours[4], colours[5])),
    )
    author.apps[bundle_id] = app
    return app


def _write_container(author: Author, app: App) -> None:
    """Writes what every container has: folders, settings, caches, and WebKit's link into the container itself."""
    domain = f"AppDomain-{app.bundle_id}"
    for folder in ("Documents", "SystemData", "Library/Preferences"):
        author.directory(domain, folder)
    settings = {"launches": author.random.randint(1, 400), "greeting": author.sentence()}
    author.plist(domain, f"Library/Preferences/{app.bundle_id}.plist", settings, mode=0o100600)
    add_webkit(author, domain)
    author.file(domain, "Library/Caches/never-in-a-backup.bin", author.random.randbytes(2048))
    author.file(domain, "tmp/never-in-a-backup.tmp", b"tmp")
    for plugin in app.plugin_ids:
        for folder in ("Documents", "Library/Preferences"):
            author.directory(f"AppDomainPlugin-{plugin}", folder)
        path = f"Library/Preferences/{plugin}.plist"
        author.plist(f"AppDomainPlugin-{plugin}", path, {"enabled": True}, mode=0o100600)
    for group in app.group_ids:
        author.directory(f"AppDomainGroup-{group}", "Library/Preferences")


def add_webkit(author: Author, domain: str) -> None:
    """Writes a symlink with an absolute target, as six containers of a real phone have it (*seen*: iOS 14.3)."""
    author.directory(domain, f"{INDEXED_DB}/v1")
    author.symlink(domain, f"{INDEXED_DB}/v0", container_target(author.uuid()))


def _write_default_contents(author: Author, domain: str) -> None:
    database = Database("CREATE TABLE item (id INTEGER PRIMARY KEY, title TEXT NOT NULL);")
    database.insert_all("item", ({"title": author.title()} for _ in range(10)))
    author.database(domain, "Library/Application Support/items.sqlite", database)
    author.file(domain, "Documents/readme.txt", author.sentence().encode(), attributes=TEXT_ATTRIBUTE)


def _write_chatter(author: Author, domain: str) -> None:
    group = f"AppDomainGroup-{CHATTER_GROUP}"
    store = CoreDataStore(CHAT_ENTITIES, CHAT_TABLES, uuid=author.uuid())
    sessions = []
    for person in author.people[:4]:
        jid = f"{person.phone[1:]}@s.chatter.example.com"
        known: Row = {"ZCONTACTJID": jid, "ZPARTNERNAME": person.name, "ZSESSIONTYPE": 0, "ZREMOVED": 0}
        sessions.append((store.add("ChatSession", "ZWACHATSESSION", known), jid))
    for number, moment in enumerate(author.moments(CHAT_MESSAGES)):
        session, jid = author.random.choice(sessions)
        _add_chat_message(author, store, group, number, moment, session, jid)
    author.database(group, "ChatStorage.sqlite", store)
    author.file(group, "ChatStorage.sqlite-wal", b"")  # checkpointed, but still there (*seen*: iOS 15.3)
    author.file(group, "consumer_version", b"241", attributes=TEXT_ATTRIBUTE)
    for folder in ("Logs", "stickers", "Media/Profile"):
        author.directory(group, folder)
    author.plist(domain, "Documents/SyncHistory.plist", [REFERENCE_TIME])
    author.file(domain, "Documents/blockedcontacts.dat", b"")


def _add_chat_message(
    author: Author, store: CoreDataStore, group: str, number: int, moment: int, session: int, jid: str
) -> None:
    mine = number % 2
    message = store.add(
        "Message",
        "ZWAMESSAGE",
        {
            "ZISFROMME": mine,
            "ZMESSAGESTATUS": 8,
            "ZMESSAGETYPE": int(number % 10 == 0),
            "ZSORT": number,
            "ZSTARRED": 0,
            "ZCHATSESSION": session,
            "ZMESSAGEDATE": apple_seconds(moment),
            "ZSENTDATE": apple_seconds(moment),
            "ZFROMJID": None if mine else jid,
            "ZTOJID": jid if mine else None,
            "ZSTANZAID": author.random.randbytes(10).hex().upper(),
            "ZTEXT": None if number % 10 == 0 else author.sentence(),
        },
    )
    if number % 10 == 0:
        path = f"Media/{jid}/{number % 16:x}/{author.uuid()}.jpg"
        picture = draw_picture(640, 480, author.random)
        author.file(group, f"Message/{path}", picture, modified=moment)
        medium: Row = {"ZMESSAGE": message, "ZMEDIALOCALPATH": path, "ZFILESIZE": len(picture), "ZCLOUDSTATUS": 4}
        row = store.add("MediaItem", "ZWAMEDIAITEM", medium)
        store.execute("UPDATE ZWAMESSAGE SET ZMEDIAITEM = ? WHERE Z_PK = ?", row, message)


def _write_sketchbook(author: Author, domain: str) -> None:
    """Writes documents with unusual names, one of them large and one empty, and files of protection class A and B."""
    composed, decomposed = (unicodedata.normalize(form, "Äpfel & Öl.sketch") for form in ("NFC", "NFD"))
    names = (f"Küche/{composed}", f"Zahlen/{decomposed}", "It's done 🎨.sketch", "東京/路地.sketch", " leading.sketch")
    drawing = draw_icon(96, (250, 240, 220), (90, 60, 160))
    for name in names:
        author.file(domain, f"Documents/{name}", drawing, attributes=TEXT_ATTRIBUTE)
    author.file(domain, "Documents/Untitled.sketch", b"")
    author.directory(domain, "Documents/Empty folder")
    canvas = Synthetic(author.random.getrandbits(32), 1_500_000)
    author.file(domain, "Documents/Harbour at dawn.sketch", canvas, protection_class=1)
    database = Database("CREATE TABLE sketch (id INTEGER PRIMARY KEY, name TEXT NOT NULL, strokes INTEGER NOT NULL);")
    before = database.to_bytes()
    for number in range(30):
        database.insert("sketch", {"name": author.title(), "strokes": number * 7})
    author.database_with_wal(domain, "Library/Application Support/Sketchbook.sqlite", database, before)
    author.file(domain, "Library/Application Support/brushes.dat", author.random.randbytes(20_000), protection_class=2)


CHAT_MESSAGES = 80
CHAT_ENTITIES: dict[str, int | tuple[int, int]] = {"ChatSession": 4, "MediaItem": 8, "Message": 9}
CHAT_TABLES = {
    "ZWACHATSESSION": "ZARCHIVED INTEGER, ZFLAGS INTEGER, ZHIDDEN INTEGER, ZMESSAGECOUNTER INTEGER, ZREMOVED INTEGER, "
    "ZSESSIONTYPE INTEGER, ZUNREADCOUNT INTEGER, ZGROUPINFO INTEGER, ZLASTMESSAGE INTEGER, "
    "ZLASTMESSAGEDATE TIMESTAMP, ZCONTACTIDENTIFIER VARCHAR, ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR",
    "ZWAMEDIAITEM": "ZCLOUDSTATUS INTEGER, ZFILESIZE INTEGER, ZMOVIEDURATION INTEGER, ZMESSAGE INTEGER, "
    "ZMEDIALOCALPATH VARCHAR, ZMEDIAURL VARCHAR, ZTITLE VARCHAR, ZVCARDSTRING VARCHAR, ZMEDIAKEY BLOB",
    "ZWAMESSAGE": "ZFLAGS INTEGER, ZGROUPEVENTTYPE INTEGER, ZISFROMME INTEGER, ZMESSAGESTATUS INTEGER, "
    "ZMESSAGETYPE INTEGER, ZSORT INTEGER, ZSTARRED INTEGER, ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, "
    "ZMEDIAITEM INTEGER, ZMESSAGEDATE TIMESTAMP, ZSENTDATE TIMESTAMP, ZFROMJID VARCHAR, ZPUSHNAME VARCHAR, "
    "ZSTANZAID VARCHAR, ZTEXT VARCHAR, ZTOJID VARCHAR",
}
CONTENTS: dict[str, Callable[[Author, str], None]] = {CHATTER: _write_chatter, SKETCHBOOK: _write_sketchbook}
