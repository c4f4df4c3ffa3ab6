"""The contents of the matrices' phones: at least one item of every kind, and nothing that takes long to move."""

from __future__ import annotations

import plistlib
import random

from migrate.simulator.contents import ContentsSpec
from migrate.simulator.contents.formats.sqlite_file import Database
from migrate.simulator.device.app import App
from migrate.simulator.device.filesystem import Bytes
from migrate.simulator.device.phone import SimulatedPhone

WHOLE = ContentsSpec(
    contacts=7, icloud_contacts=0, messages=24, attachments=3, calls=5, photos=9, videos=1, notes=4, icloud_notes=0,
    events=6, icloud_events=0, subscribed_events=0, reminders=4, icloud_reminders=0, bookmarks=4, history=4,
    voicemails=2, memos=2, health_samples=12, wifi_networks=3,
)  # fmt: skip
"""Nine photos: every ninth is a favourite. Six events: each third to fifth has a place, guests or a rule."""
LINE = "jp.naver.line"
LINE_GROUP = "AppDomainGroup-group.com.linecorp.line"
LINE_STORE = "Library/Application Support/PrivateStore/P_u01/Messages/Line.sqlite"
BOOKS = ("AppDomainGroup-group.com.apple.iBooks", "Documents/BKLibrary/BKLibrary-1-091020131601.sqlite")
PODCASTS = ("AppDomainGroup-243LU875E5.groups.com.apple.podcasts", "Documents/MTLibrary.sqlite")
SHORTCUTS = ("HomeDomain", "Library/Shortcuts/Shortcuts.sqlite")
WHATSAPP, WHATSAPP_BUSINESS = "net.whatsapp.WhatsApp", "net.whatsapp.WhatsAppSMB"
WHATSAPP_GROUP, WHATSAPP_STORE = f"AppDomainGroup-group.{WHATSAPP}.shared", "ChatStorage.sqlite"
WHATSAPP_TABLES = """
CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, ZREMOVED INTEGER, ZLASTMESSAGEDATE TIMESTAMP,
                             ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR);
CREATE TABLE ZWAGROUPMEMBER (Z_PK INTEGER PRIMARY KEY, ZISACTIVE INTEGER, ZCHATSESSION INTEGER, ZMEMBERJID VARCHAR);
CREATE TABLE ZWAMEDIAITEM (Z_PK INTEGER PRIMARY KEY, ZMEDIALOCALPATH VARCHAR, ZTITLE VARCHAR, ZVCARDNAME VARCHAR);
CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZISFROMME INTEGER, ZMESSAGETYPE INTEGER, ZCHATSESSION INTEGER,
                         ZGROUPMEMBER INTEGER, ZMEDIAITEM INTEGER, ZMESSAGEDATE TIMESTAMP, ZFROMJID VARCHAR,
                         ZSTANZAID VARCHAR, ZTEXT VARCHAR);
"""
"""Some of the store's columns."""
TITLES = ("Harbour", "Kettle", "Lantern", "Meadow", "Nutmeg", "Orchard", "Pebble", "Quince")


def more_contents(phone: SimulatedPhone, seed: int) -> None:
    """Adds the kinds that no writer of the simulator has: shortcuts, books, podcasts, chats of LINE and WhatsApp."""
    chance = random.Random(f"{seed}: more")
    _add_shortcuts(phone, chance)
    _add_titled(phone, chance, *BOOKS, "ZBKLIBRARYASSET", "ZASSETID", "ZTITLE", ", ZAUTHOR VARCHAR")
    _add_titled(phone, chance, *PODCASTS, "ZMTPODCAST", "ZUUID", "ZTITLE", ", ZFEEDURL VARCHAR")
    phone.apps[LINE] = App(bundle_id=LINE, name="LINE", group_ids=("group.com.linecorp.line",))
    phone.files.add_file(f"AppDomain-{LINE}", "Documents/settings.bin", chance.randbytes(64), modified=1_700_000_000)
    _add_titled(phone, chance, LINE_GROUP, LINE_STORE, "ZCHAT", "ZMID", "ZNAME", "")
    for bundle_id in (WHATSAPP, WHATSAPP_BUSINESS):
        group = f"group.{bundle_id}.shared"
        phone.apps[bundle_id] = App(bundle_id=bundle_id, name=bundle_id.rpartition(".")[2], group_ids=(group,))
        _add_whatsapp(phone, chance, f"AppDomainGroup-{group}")


def _add_shortcuts(phone: SimulatedPhone, chance: random.Random) -> None:
    columns = "Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER"
    database = Database(
        f"CREATE TABLE ZSHORTCUT ({columns}, ZACTIONCOUNT INTEGER, ZCREATIONDATE TIMESTAMP, ZMODIFICATIONDATE"
        f" TIMESTAMP, ZNAME VARCHAR, ZWORKFLOWID VARCHAR);"
        f" CREATE TABLE ZSHORTCUTACTIONS ({columns}, ZSHORTCUT INTEGER, ZDATA BLOB);"
    )
    for row, title in enumerate(chance.sample(TITLES, 3), start=1):
        known = {"ZNAME": title, "ZWORKFLOWID": _uuid(chance), "ZACTIONCOUNT": 1, "ZCREATIONDATE": 700_000_000.0 + row}
        database.insert("ZSHORTCUT", {"Z_PK": row, "Z_ENT": 1, "Z_OPT": 1, **known})
        actions = plistlib.dumps([{"WFWorkflowActionIdentifier": "is.workflow.actions.comment", "Text": title}])
        database.insert("ZSHORTCUTACTIONS", {"Z_PK": row, "ZSHORTCUT": row, "ZDATA": actions})
    _put(phone, *SHORTCUTS, database.to_bytes())
    database.close()


def _add_titled(
    phone: SimulatedPhone, chance: random.Random, domain: str, path: str, table: str, key: str, title: str, more: str
) -> None:
    database = Database(f"CREATE TABLE {table} (Z_PK INTEGER PRIMARY KEY, {key} VARCHAR, {title} VARCHAR{more});")
    for row, name in enumerate(chance.sample(TITLES, 3), start=1):
        values = {"Z_PK": row, key: _uuid(chance), title: name}
        if more:
            values[more.split()[1]] = f"https://{name.casefold()}.example.com/"
        database.insert(table, values)
    _put(phone, domain, path, database.to_bytes())
    database.close()


def _add_whatsapp(phone: SimulatedPhone, chance: random.Random, domain: str) -> None:
    """A chat with one person and one with a group; the third message is a picture."""
    person, group = f"49170{chance.randrange(10**7)}@s.whatsapp.net", f"1203{chance.randrange(10**9)}@g.us"
    titles = chance.sample(TITLES, 2)
    database = Database(WHATSAPP_TABLES)
    for row, (address, title) in enumerate(zip((person, group), titles, strict=True), start=1):
        known = {"ZREMOVED": 0, "ZLASTMESSAGEDATE": 736_430_700.0, "ZCONTACTJID": address, "ZPARTNERNAME": title}
        database.insert("ZWACHATSESSION", {"Z_PK": row, **known})
    database.insert("ZWAGROUPMEMBER", {"Z_PK": 1, "ZISACTIVE": 1, "ZCHATSESSION": 2, "ZMEMBERJID": person})
    picture = f"Media/{person}/{_uuid(chance)}.jpg"
    media = {"ZMEDIALOCALPATH": f"/{picture}", "ZTITLE": "The harbour", "ZVCARDNAME": chance.randbytes(16).hex()}
    database.insert("ZWAMEDIAITEM", {"Z_PK": 1, **media})
    for row in range(1, 7):
        chat, mine = 1 + (row > 3), row % 2
        said = {"ZTEXT": f"{chance.choice(TITLES)} {row}", "ZMESSAGETYPE": 0}
        if row == 3:
            said = {"ZMEDIAITEM": 1, "ZMESSAGETYPE": 1}
        if not mine:
            said |= {"ZFROMJID": person, "ZGROUPMEMBER": 1 if chat == 2 else None}
        known = {"ZISFROMME": mine, "ZCHATSESSION": chat, "ZMESSAGEDATE": 736_430_400.0 + 60 * row}
        database.insert("ZWAMESSAGE", {"Z_PK": row, "ZSTANZAID": chance.randbytes(10).hex(), **known, **said})
    _put(phone, domain, WHATSAPP_STORE, database.to_bytes())
    database.close()
    phone.files.add_file(domain, f"Message/{picture}", chance.randbytes(3000), modified=1_700_000_000)


def _put(phone: SimulatedPhone, domain: str, path: str, data: bytes) -> None:
    for suffix in ("-wal", "-shm"):
        phone.files.remove(domain, path + suffix)
    phone.files.add_file(domain, path, Bytes(data), modified=1_700_000_000)


def _uuid(chance: random.Random) -> str:
    digits = chance.randbytes(16).hex().upper()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
