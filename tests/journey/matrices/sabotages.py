"""Every sabotage: for each kind of item or file, what a phone may lose, and how a person would know it.

The SQL is written from what `migrate/simulator/contents/` writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from migrate.simulator.device.keychain import CERTIFICATES, GENERIC_PASSWORDS, INTERNET_PASSWORDS, KEYS
from tests.journey.matrices.contents import (
    BOOKS,
    LINE,
    LINE_GROUP,
    LINE_STORE,
    PODCASTS,
    SHORTCUTS,
    WHATSAPP_GROUP,
    WHATSAPP_STORE,
)
from tests.journey.matrices.spoil import Spoiled

IN_USE = ("rebuild", "overlay", "graft")
HOME, CAMERA, MEDIA = "HomeDomain", "CameraRollDomain", "MediaDomain"
CHATTER, SKETCHBOOK = "AppDomain-com.example.chatter", "AppDomain-com.example.sketchbook"
CHATTER_GROUP = "AppDomainGroup-group.com.example.chatter.shared"
FILES_GROUP = "AppDomainGroup-group.com.apple.FileProvider.LocalStorage"
OPERATOR = "+15550100"
"""A restored phone has a call and a message from its operator, which were never sent."""


@dataclass(frozen=True)
class Sabotage:
    """One way to lose something. `apply` returns what a finding must contain."""

    kind: str
    """A kind's id, or the sort of files."""
    what: str
    apply: Callable[[Spoiled], str]
    on: tuple[str, ...] = ("replace", *IN_USE)

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


class Table(NamedTuple):
    """Where a kind's rows are: a pattern of paths, the table, one of its rows, and the column that names it."""

    kind: str
    domain: str
    path: str
    table: str
    row: str
    name: str
    changes: Mapping[str, str]
    """What is changed -> `SET` clause for that row."""
    more: Mapping[str, str] = {}
    """Other statements."""
    fragment: str | None = None
    """What findings about many items contain."""
    extra: str = ""
    """Further rows to delete with the table."""


SAME_ON_BOTH = ("health", "wallet", "alarms")
"""Health is not chosen for a phone in use. The simulator gives every phone the same passes and alarms."""


def escaped(path: str) -> str:
    return path.replace(".", r"\.")


CALL = f"Z_PK = (SELECT min(Z_PK) FROM ZCALLRECORD WHERE ZADDRESS IS NOT '{OPERATOR}')"
PERSON = "ROWID = (SELECT min(ROWID) FROM ABPerson)"
MESSAGE = "ROWID = (SELECT min(ROWID) FROM message WHERE text IS NOT NULL)"
PARTNER = (
    "(SELECT coalesce(c.display_name, c.chat_identifier) FROM chat c JOIN chat_message_join j"
    " ON c.ROWID = j.chat_id WHERE j.message_id = message.ROWID)"
)
NAME_OF_NUMBER = (
    "SELECT p.First || ' ' || p.Last FROM ABPerson p JOIN ABMultiValue v ON v.record_id = p.ROWID"
    " WHERE v.property = 3 AND v.value = ?"
)
NOTE = "Z_PK = (SELECT min(Z_PK) FROM ZICCLOUDSYNCINGOBJECT WHERE ZTITLE1 IS NOT NULL)"
REMINDER = "Z_PK = (SELECT min(Z_PK) FROM ZREMCDREMINDER)"
EVENT = "ROWID = (SELECT min(ROWID) FROM CalendarItem)"
LEAF = "id = (SELECT min(id) FROM bookmarks WHERE type = 0)"
VISIT = "id = (SELECT min(id) FROM history_visits)"
ASSET = "Z_PK = (SELECT min(Z_PK) FROM {assets})"
ASSET_NAME = "ZFILENAME"
SAMPLE = "data_id = (SELECT min(data_id) FROM samples)"
OTHER_BODY = (
    "UPDATE message SET attributedBody = (SELECT attributedBody FROM message WHERE text IS NULL ORDER BY ROWID DESC"
    " LIMIT 1) WHERE ROWID = (SELECT min(ROWID) FROM message WHERE text IS NULL)"
)
DAMAGED_BODY = (
    "UPDATE message SET attributedBody = X'00' WHERE ROWID = (SELECT min(ROWID) FROM message WHERE text IS NULL)"
)
SWAPPED_CHATS = (
    "UPDATE chat_message_join SET chat_id = CASE chat_id WHEN (SELECT min(chat_id) FROM chat_message_join)"
    " THEN (SELECT min(chat_id) FROM chat_message_join WHERE chat_id > (SELECT min(chat_id) FROM chat_message_join))"
    " ELSE (SELECT min(chat_id) FROM chat_message_join) END WHERE message_id IN (SELECT min(message_id) FROM"
    " chat_message_join GROUP BY chat_id ORDER BY chat_id LIMIT 2)"
)

TABLES = (
    Table(
        "calls", HOME, r"Library/CallHistoryDB/CallHistory\.storedata", "ZCALLRECORD", CALL, "ZADDRESS",
        {"another number": "ZADDRESS = '+12015559999'", "an hour later": "ZDATE = ZDATE + 3600",
         "longer": "ZDURATION = ZDURATION + 60", "outgoing": "ZORIGINATED = 1 - ZORIGINATED"},
        fragment="calls",
    ),
    Table(
        "contacts", HOME, r"Library/AddressBook/AddressBook\.sqlitedb", "ABPerson", PERSON,
        "First || ' ' || Last",
        {"another last name": "Last = 'Nobody'", "no organization": "Organization = 'Nothing Ltd'",
         "another note": "Note = 'spoiled'"},
        {"no numbers and addresses": "DELETE FROM ABMultiValue",
         "one number changed": "UPDATE ABMultiValue SET value = '+12015559999' WHERE property = 3 AND record_id = 1",
         "one address lost": "DELETE FROM ABMultiValue WHERE property = 4 AND record_id = 1",
         "a number at work": "UPDATE ABMultiValue SET label = 3 WHERE property = 3 AND record_id = 1",
         "no streets": "DELETE FROM ABMultiValueEntry",
         "one street changed": "UPDATE ABMultiValueEntry SET value = 'Nowhere 1' WHERE key = 1",
         "swapped numbers": "UPDATE ABMultiValue SET record_id = 3 - record_id WHERE property = 3"
                            " AND record_id IN (1, 2)"},
        fragment="the contact",
    ),
    Table(
        "messages", HOME, r"Library/SMS/sms\.db", "message", MESSAGE, PARTNER,
        {"another text": "text = 'spoiled', attributedBody = NULL", "no text": "text = NULL, attributedBody = NULL",
         "a day later": "date = date + 86400000000000", "sent by the other": "is_from_me = 1 - is_from_me"},
        {"another's words": OTHER_BODY, "damaged words": DAMAGED_BODY, "in no chat": "DELETE FROM chat_message_join",
         "in each other's chats": SWAPPED_CHATS,
         "from another sender": "UPDATE message SET handle_id = 1 + handle_id % (SELECT max(ROWID) - 1 FROM handle)"
                                " WHERE is_from_me = 0",
         "without their pictures": "DELETE FROM message_attachment_join"},
        fragment="messages",
    ),
    Table(
        "photos", CAMERA, r"Media/PhotoData/Photos\.sqlite", "{assets}", ASSET, ASSET_NAME,
        {"another date": "ZDATECREATED = ZDATECREATED + 86400"},
        {"no favourites": "UPDATE {assets} SET ZFAVORITE = 0",
         "hidden": "UPDATE {assets} SET ZHIDDEN = 1 WHERE Z_PK = 1",
         "in no album": "DELETE FROM {albums}",
         "one in no album": "DELETE FROM {albums} WHERE {asset} = (SELECT min({asset}) FROM {albums})",
         "another photo in the album": "UPDATE {albums} SET {asset} = {asset} + 1"},
        fragment="photos and videos",
    ),
    Table(
        "notes", "AppDomainGroup-group.com.apple.notes", r"NoteStore\.sqlite", "ZICCLOUDSYNCINGOBJECT", NOTE, "ZTITLE1",
        {"another title": "ZTITLE1 = 'spoiled'"},
        {"no text": "UPDATE ZICNOTEDATA SET ZDATA = NULL",
         "another's text": "UPDATE ZICNOTEDATA SET ZDATA = (SELECT ZDATA FROM ZICNOTEDATA ORDER BY Z_PK DESC LIMIT 1)"
                           " WHERE Z_PK = (SELECT min(Z_PK) FROM ZICNOTEDATA)",
         "no bodies": "DELETE FROM ZICNOTEDATA",
         "one body damaged": "UPDATE ZICNOTEDATA SET ZDATA = X'1F8B0800' WHERE Z_PK = (SELECT min(Z_PK) FROM"
                             " ZICNOTEDATA)"},
        fragment="notes",
    ),
    Table(
        "reminders", "AppDomainGroup-group.com.apple.reminders", r"Container_v1/Stores/Data-local\.sqlite",
        "ZREMCDREMINDER", REMINDER, "ZTITLE",
        {"another title": "ZTITLE = 'spoiled'", "done or not": "ZCOMPLETED = 1 - ZCOMPLETED",
         "another note": "ZNOTES = 'spoiled'", "another time": "ZDUEDATE = 700000000.0"},
        {"another list's name": "UPDATE ZREMCDBASELIST SET ZNAME = 'spoiled'",
         "in no list": "UPDATE ZREMCDREMINDER SET ZLIST = NULL"},
        fragment="reminders",
    ),
    Table(
        "events", HOME, r"Library/Calendar/Calendar\.sqlitedb", "CalendarItem", EVENT, "summary",
        {"another title": "summary = 'spoiled'", "an hour later": "start_date = start_date + 3600",
         "longer": "end_date = end_date + 3600", "another time zone": "start_tz = 'Pacific/Apia'",
         "in another calendar": "calendar_id = calendar_id % 3 + 1"},
        {"without guests": "DELETE FROM Participant", "once only": "DELETE FROM Recurrence",
         "at no place": "DELETE FROM Location", "another place": "UPDATE Location SET title = 'Nowhere'"},
        fragment="events",
    ),
    Table(
        "bookmarks", HOME, r"Library/Safari/Bookmarks\.db", "bookmarks", LEAF, "title",
        {"another title": "title = 'spoiled'", "another page": "url = 'https://spoiled.example.com/'",
         "in another folder": "parent = 2"},
        fragment="bookmarks",
    ),
    Table(
        "history", HOME, r"Library/Safari/History\.db", "history_visits", VISIT, "title",
        {"another title": "title = 'spoiled'", "an hour later": "visit_time = visit_time + 3600"},
        {"other pages": "UPDATE history_items SET url = url || '#spoiled'"},
        fragment="visits",
    ),
    Table(
        "voicemail", HOME, r"Library/Voicemail/voicemail\.db", "voicemail", "ROWID = 1", "sender",
        {"another caller": "sender = '+12015559999'", "longer": "duration = duration + 9"},
        fragment="voicemail",
    ),
    Table(
        "voice-memos", "AppDomainGroup-group.com.apple.VoiceMemos.shared", r"Recordings/CloudRecordings\.db",
        "ZCLOUDRECORDING", "Z_PK = 1", "rtrim(ZENCRYPTEDTITLE, ' 🎤')",
        {"another title": "ZENCRYPTEDTITLE = 'spoiled', ZCUSTOMLABEL = 'spoiled'",
         "a day later": "ZDATE = ZDATE + 86400"},
        fragment="recordings",
    ),
    Table(
        "health", "HealthDomain", r"Health/healthdb_secure\.sqlite", "samples", SAMPLE, "'Health record'",
        {"another type": "data_type = data_type + 1", "a day later": "start_date = start_date + 86400"},
        {"other values": "UPDATE quantity_samples SET quantity = quantity + 1",
         "no values": "DELETE FROM quantity_samples",
         "another sleep": "UPDATE category_samples SET value = value + 1"},
        fragment="health records",
    ),
    Table(
        "wallet", HOME, r"Library/Passes/passes23\.sqlite", "pass", "pid = (SELECT min(pid) FROM pass)",
        "organization_name", {"another issuer": "organization_name = 'spoiled'"}, fragment="passes",
    ),
    Table(
        "shortcuts", SHORTCUTS[0], escaped(SHORTCUTS[1]), "ZSHORTCUT", "Z_PK = 1", "ZNAME",
        {"another name": "ZNAME = 'spoiled'"},
        {"no actions": "DELETE FROM ZSHORTCUTACTIONS",
         "one's actions damaged": "UPDATE ZSHORTCUTACTIONS SET ZDATA = X'00' WHERE ZSHORTCUT = 2",
         "another's actions": "UPDATE ZSHORTCUTACTIONS SET ZDATA = (SELECT ZDATA FROM ZSHORTCUTACTIONS WHERE"
                              " ZSHORTCUT = 2) WHERE ZSHORTCUT = 1"},
        fragment="shortcuts",
    ),
    Table(
        "books", BOOKS[0], escaped(BOOKS[1]), "ZBKLIBRARYASSET", "Z_PK = 1", "ZTITLE",
        {"another title": "ZTITLE = 'spoiled'", "another author": "ZAUTHOR = 'spoiled'"}, fragment="books",
    ),
    Table(
        "podcasts", PODCASTS[0], escaped(PODCASTS[1]), "ZMTPODCAST", "Z_PK = 1", "ZTITLE",
        {"another title": "ZTITLE = 'spoiled'"}, fragment="podcasts",
    ),
    Table(
        "line-chats", LINE_GROUP, escaped(LINE_STORE), "ZCHAT", "Z_PK = 1", "ZNAME",
        {"another name": "ZNAME = 'spoiled'"}, fragment="chats",
    ),
    Table(
        "whatsapp", WHATSAPP_GROUP, escaped(WHATSAPP_STORE), "ZWAMESSAGE", "Z_PK = 1",
        "(SELECT ZPARTNERNAME FROM ZWACHATSESSION s WHERE s.Z_PK = ZCHATSESSION)",
        {"another text": "ZTEXT = 'spoiled'", "no text": "ZTEXT = NULL", "a day later": "ZMESSAGEDATE = 736516860.0",
         "sent by the other": "ZISFROMME = 0"},
        {"in another chat": "UPDATE ZWAMESSAGE SET ZCHATSESSION = 2 WHERE Z_PK = 1",
         "in each other's chats": "UPDATE ZWAMESSAGE SET ZCHATSESSION = 3 - ZCHATSESSION WHERE Z_PK IN (1, 4)",
         "chats swapped": "UPDATE ZWAMESSAGE SET ZCHATSESSION = 3 - ZCHATSESSION",
         "in no chat": "UPDATE ZWAMESSAGE SET ZCHATSESSION = NULL",
         "from nobody": "UPDATE ZWAMESSAGE SET ZFROMJID = NULL, ZGROUPMEMBER = NULL",
         "without its picture": "UPDATE ZWAMESSAGE SET ZMEDIAITEM = NULL",
         "another caption": "UPDATE ZWAMEDIAITEM SET ZTITLE = 'spoiled'"},
        fragment="messages",
    ),
    Table(
        "whatsapp-chats", WHATSAPP_GROUP, escaped(WHATSAPP_STORE), "ZWACHATSESSION", "Z_PK = 2", "ZPARTNERNAME",
        {"another title": "ZPARTNERNAME = 'spoiled'"}, {"no members": "DELETE FROM ZWAGROUPMEMBER"}, fragment="chats",
    ),
)  # fmt: skip


def every_sabotage(new_ios: tuple[int, ...]) -> Iterator[Sabotage]:
    for table in TABLES:
        yield from _of_table(table)
    yield from _of_files_of_items()
    yield from _of_pictures_of_contacts()
    yield from _of_lists(new_ios)
    yield from _of_keychain()
    yield from _of_preferences()
    yield from _of_documents()
    yield from _of_app_databases()


def _of_table(one: Table) -> Iterator[Sabotage]:
    place = (one.domain, one.path)
    many = one.fragment or one.kind

    def named(*statements: str) -> Callable[[Spoiled], str]:
        def apply(phone: Spoiled) -> str:
            name = phone.ask(*place, f"SELECT {one.name} FROM {one.table} WHERE {one.row}")
            if one.kind == "messages" and name.startswith("+"):
                name = phone.ask(HOME, TABLES[1].path, NAME_OF_NUMBER, name)
            phone.sql(*place, *statements)
            return str(name)

        return apply

    def all_of(*statements: str) -> Callable[[Spoiled], str]:
        def apply(phone: Spoiled) -> str:
            phone.sql(*place, *statements)
            return many

        return apply

    def nothing(phone: Spoiled) -> str:
        phone.lose_all(*place)
        return many

    def kept_own(phone: Spoiled) -> str:
        phone.keep_own(*place)
        return many

    def damaged(phone: Spoiled) -> str:
        """Everything after the first page is zero."""
        for node in phone.find(*place):
            phone.files.remove(node.domain, node.relative_path + "-wal")
            phone.rewrite(node, lambda data: data[:4096] + bytes(len(data) - 4096))
        return many

    yield Sabotage(one.kind, "nothing arrived", nothing)
    yield Sabotage(one.kind, "damaged store", damaged)
    yield Sabotage(one.kind, "arrived empty", all_of(f"DELETE FROM {one.table}"))
    if one.kind not in SAME_ON_BOTH:
        yield Sabotage(one.kind, "the phone kept its own", kept_own, IN_USE)
    yield Sabotage(one.kind, "one lost", named(f"DELETE FROM {one.table} WHERE {one.row}"))
    for what, change in one.changes.items():
        yield Sabotage(one.kind, what, named(f"UPDATE {one.table} SET {change} WHERE {one.row}"))
    for what, statement in one.more.items():
        yield Sabotage(one.kind, what, all_of(statement))


class ItemFiles(NamedTuple):
    """Files that belong to items."""

    kind: str
    domain: str
    path: str
    fragment: str


ITEM_FILES = (
    ItemFiles("attachments", MEDIA, r"Library/SMS/Attachments/.+", "a message"),
    ItemFiles("photos' files", CAMERA, r"Media/DCIM/.+\.JPG", "IMG_000"),
    ItemFiles("videos' files", CAMERA, r"Media/DCIM/.+\.MOV", "the video IMG_00"),
    ItemFiles("photos' edits", CAMERA, r"Media/PhotoData/Mutations/.+\.jpg", "IMG_0002"),
    ItemFiles("photos from iCloud", CAMERA, r"Media/PhotoData/CPLAssets/.+", "IMG_00"),
    ItemFiles("WhatsApp's pictures", WHATSAPP_GROUP, r"Message/Media/.+\.jpg", "a WhatsApp message in the chat with"),
    ItemFiles("voicemail recordings", HOME, r"Library/Voicemail/\d+\.amr", "a voicemail from"),
    ItemFiles("voice memo recordings", "AppDomainGroup-group.com.apple.VoiceMemos.shared", r"Recordings/.+\.m4a",
              "the recording"),
    ItemFiles("notes' pictures", "AppDomainGroup-group.com.apple.notes", r"Accounts/.+\.jpg", "the note"),
    ItemFiles("passes' pictures", HOME, r"Library/Passes/Cards/.+/icon\.png", "the Wallet pass"),
    ItemFiles("passes' texts", HOME, r"Library/Passes/Cards/.+/pass\.json", "the Wallet pass"),
)  # fmt: skip


def _of_files_of_items() -> Iterator[Sabotage]:
    for one in ITEM_FILES:
        place = (one.domain, one.path)

        def lost(phone: Spoiled, one: ItemFiles = one, place: tuple[str, str] = place) -> str:
            phone.lose(phone.first(*place))
            return one.fragment

        def all_lost(phone: Spoiled, one: ItemFiles = one, place: tuple[str, str] = place) -> str:
            phone.lose_all(*place)
            return one.fragment

        def flipped(phone: Spoiled, one: ItemFiles = one, place: tuple[str, str] = place) -> str:
            phone.flip(phone.first(*place))
            return one.fragment

        def cut(phone: Spoiled, one: ItemFiles = one, place: tuple[str, str] = place) -> str:
            phone.cut(phone.first(*place))
            return one.fragment

        yield Sabotage(one.kind, "one lost", lost)
        yield Sabotage(one.kind, "all lost", all_lost)
        yield Sabotage(one.kind, "a bit flipped", flipped)
        yield Sabotage(one.kind, "one cut", cut)

    def own_photos(phone: Spoiled) -> str:
        phone.keep_own(CAMERA, r"Media/DCIM/.+\.JPG")
        return "IMG_000"

    yield Sabotage("photos' files", "the phone kept its own", own_photos, IN_USE)

    def swapped(phone: Spoiled) -> str:
        one, other = phone.find(CAMERA, r"Media/DCIM/.+\.JPG")[:2]
        mine, its = (b"".join(node.content.chunks()) for node in (one, other))
        phone.rewrite(one, lambda data: its)
        phone.rewrite(other, lambda data: mine)
        return "IMG_0001"

    yield Sabotage("photos' files", "two swapped", swapped)


def _of_pictures_of_contacts() -> Iterator[Sabotage]:
    images, book = (HOME, r"Library/AddressBook/AddressBookImages\.sqlitedb"), (HOME, TABLES[1].path)

    def lost(phone: Spoiled) -> str:
        name = phone.ask(*book, "SELECT First || ' ' || Last FROM ABPerson WHERE ROWID = 3")
        phone.sql(
            *images,
            "DELETE FROM ABFullSizeImage WHERE record_id = 3",
            "DELETE FROM ABThumbnailImage WHERE record_id = 3",
        )
        return str(name)

    def another(phone: Spoiled) -> str:
        name = phone.ask(*book, "SELECT First || ' ' || Last FROM ABPerson WHERE ROWID = 3")
        phone.sql(*images, "UPDATE ABFullSizeImage SET data = X'FFD8FF00' WHERE record_id = 3")
        return str(name)

    def nothing(phone: Spoiled) -> str:
        phone.lose_all(*images)
        return "the contact"

    yield Sabotage("contacts' pictures", "one lost", lost)
    yield Sabotage("contacts' pictures", "another picture", another)
    yield Sabotage("contacts' pictures", "nothing arrived", nothing)


# -- property lists that are read as items


def _of_lists(new_ios: tuple[int, ...]) -> Iterator[Sabotage]:
    wifi = ("SystemPreferencesDomain", "com.apple.wifi.known-networks.plist")
    cities = (HOME, "Library/Preferences/com.apple.mobiletimer.plist")
    yield from _of_list(
        "wifi", *wifi, "Home", lambda lists: lists.pop("wifi.network.ssid.Home"), dict.clear, "networks"
    )
    yield from _of_list("world-clock", *cities, "Kyoto", lambda all: all["cities"].pop(0), _no_cities, "cities")

    def renamed(phone: Spoiled) -> str:
        phone.plist(*cities, lambda all: all["cities"][0].update(name="Nowhere"))
        return "Kyoto"

    yield Sabotage("world-clock", "another name", renamed)
    if new_ios >= (27,):
        store = ("SysSharedContainerDomain-systemgroup.com.apple.mobiletimerd", r"Library/local\.sqlite")
        yield from _of_table(
            Table(
                "alarms", *store, "ZMTCDALARM", "Z_PK = 1", "ZTITLE",
                {"another time": "ZHOUR = ZHOUR + 1", "off": "ZENABLED = 0", "another title": "ZTITLE = 'spoiled'",
                 "on other days": "ZREPEATSCHEDULE = 3"},
                fragment="alarms",
            )
        )  # fmt: skip
        return
    alarms = (HOME, "Library/Preferences/com.apple.mobiletimerd.plist")
    yield from _of_list("alarms", *alarms, "Frühschicht", lambda all: _alarms(all).pop(0), _no_alarms, "alarms")
    changes: dict[str, dict[str, object]] = {
        "another time": {"MTAlarmHour": 5},
        "off": {"MTAlarmEnabled": False},
        "another title": {"MTAlarmTitle": "spoiled"},
        "on other days": {"MTAlarmRepeatSchedule": 3},
    }
    for what, change in changes.items():

        def changed(phone: Spoiled, change: dict[str, object] = change) -> str:
            phone.plist(*alarms, lambda all: _alarms(all)[0]["$MTAlarm"].update(change))
            return "Frühschicht"

        yield Sabotage("alarms", what, changed)


def _alarms(value: Any) -> Any:
    return value["MTAlarms"]["MTAlarms"]


def _no_alarms(value: Any) -> None:
    _alarms(value).clear()


def _no_cities(value: Any) -> None:
    value["cities"].clear()


def _of_list(
    kind: str,
    domain: str,
    path: str,
    name: str,
    lose: Callable[[Any], object],
    empty: Callable[[Any], object],
    many: str,
) -> Iterator[Sabotage]:
    def one_lost(phone: Spoiled) -> str:
        phone.plist(domain, path, lose)
        return name

    def emptied(phone: Spoiled) -> str:
        phone.plist(domain, path, empty)
        return many

    def nothing(phone: Spoiled) -> str:
        phone.lose_all(domain, escaped(path))
        return many

    yield Sabotage(kind, "one lost", one_lost)
    yield Sabotage(kind, "arrived empty", emptied)
    yield Sabotage(kind, "nothing arrived", nothing)


# -- the keychain


def _of_keychain() -> Iterator[Sabotage]:
    for table, called in (
        (GENERIC_PASSWORDS, "the password of the Wi-Fi network “{acct}”"),
        (INTERNET_PASSWORDS, "the login for {srvr}"),
        (CERTIFICATES, "a certificate"),
        (KEYS, "a key"),
    ):

        def lost(phone: Spoiled, table: str = table, called: str = called) -> str:
            return called.format_map(phone.lose_from_keychain(table).attributes)

        yield Sabotage("keychain", f"one of {table} lost", lost)

    def emptied(phone: Spoiled) -> str:
        phone.keychain.clear()
        return "passwords and keys"

    def own(phone: Spoiled) -> str:
        """The sent passwords are as lost if the phone cannot open any of them."""
        phone.keychain[:] = [item for item in phone.keychain if item.stays_on_device]
        return "passwords and keys"

    yield Sabotage("keychain", "arrived empty", emptied)
    yield Sabotage("keychain", "only what stays on its phone", own)


# -- files


PREFERENCES = (
    (HOME, "Library/Preferences/.GlobalPreferences.plist", "AppleLocale"),
    (HOME, "Library/Preferences/com.apple.springboard.plist", "SBDisableHomeButtonTTR"),
    (HOME, "Library/Preferences/com.apple.Accessibility.plist", "ReduceMotionEnabled"),
    (HOME, "Library/Preferences/com.apple.camera.plist", "CAMUserPreferencePreserveGridMode"),
    (HOME, "Library/Preferences/com.apple.mobilephone.plist", "ForwardingEnabled"),
    (HOME, "Library/Preferences/com.apple.mobilemail.plist", "NumLines"),
    (HOME, "Library/Preferences/com.apple.assistant.support.plist", "Assistant Enabled"),
    (HOME, "Library/Preferences/com.apple.cmfsyncagent.plist", "__kCMFBlockListStoreTopLevelKey"),
    (HOME, "Library/Preferences/com.apple.madrid.plist", "ReadReceiptsEnabled"),
    (HOME, "Library/Preferences/com.apple.MobileSMS.plist", "KeepMessageForDays"),
    ("AppDomain-com.apple.mobilesafari", "Library/Preferences/com.apple.mobilesafari.plist",
     "SearchEngineStringSetting"),
    (CHATTER, "Library/Preferences/com.example.chatter.plist", "greeting"),
    (SKETCHBOOK, "Library/Preferences/com.example.sketchbook.plist", "launches"),
    ("AppDomainGroup-group.com.example.family", "Library/Preferences/group.com.example.family.plist", "members"),
)  # fmt: skip


def _of_preferences() -> Iterator[Sabotage]:
    for domain, path, key in PREFERENCES:
        file = path.rpartition("/")[2]

        def reset(phone: Spoiled, domain: str = domain, path: str = path, key: str = key) -> str:
            phone.plist(domain, path, lambda value: value.pop(key))
            return path.rpartition("/")[2]

        def other(phone: Spoiled, domain: str = domain, path: str = path, key: str = key) -> str:
            phone.plist(domain, path, lambda value: value.update({key: "spoiled"}))
            return path.rpartition("/")[2]

        def lost(phone: Spoiled, domain: str = domain, path: str = path) -> str:
            phone.lose_all(domain, escaped(path))
            return path.rpartition("/")[2]

        yield Sabotage("preferences", f"{key} reset", reset)
        yield Sabotage("preferences", f"{key} changed", other)
        yield Sabotage("preferences", f"{file} lost", lost)


class Documents(NamedTuple):
    what: str
    domain: str
    path: str
    fragment: str
    can_be_own: bool = False


DOCUMENTS = (
    Documents("sketch", SKETCHBOOK, r"Documents/It's done 🎨\.sketch", "It's done"),
    Documents("large sketch", SKETCHBOOK, r"Documents/Harbour at dawn\.sketch", "Harbour at dawn.sketch", True),
    Documents("brushes", SKETCHBOOK, r"Library/Application Support/brushes\.dat", "brushes.dat", True),
    Documents("pictures in chats", CHATTER_GROUP, r"Message/Media/.+\.jpg", ".jpg"),
    Documents("a shared file", "AppDomainGroup-group.com.example.family", r"shared/family\.json", "family.json"),
    Documents("LINE's file", f"AppDomain-{LINE}", r"Documents/settings\.bin", "settings.bin", True),
    Documents("on my iPhone", FILES_GROUP, r"File Provider Storage/Steuer 2025\.pdf", "Steuer 2025.pdf", True),
    Documents("ringtones", "TonesDomain", r"Media/iTunes_Control/iTunes/Ringtones\.plist", "Ringtones.plist"),
    Documents("web clip", HOME, r"Library/WebClips/.+/icon\.png", "icon.png"),
    Documents("wallpaper", "AppDomain-com.apple.PosterBoard", r".+/wallpaper\.jpg", "wallpaper.jpg"),
    Documents("medical ID", "HealthDomain", r"MedicalID/MedicalIDData\.archive", "MedicalIDData.archive"),
)  # fmt: skip


def _of_documents() -> Iterator[Sabotage]:
    for one in DOCUMENTS:
        place = (one.domain, one.path)

        def lost(phone: Spoiled, one: Documents = one, place: tuple[str, str] = place) -> str:
            phone.lose(phone.first(*place))
            return one.fragment

        def flipped(phone: Spoiled, one: Documents = one, place: tuple[str, str] = place) -> str:
            phone.flip(phone.first(*place))
            return one.fragment

        def cut(phone: Spoiled, one: Documents = one, place: tuple[str, str] = place) -> str:
            phone.cut(phone.first(*place))
            return one.fragment

        def own(phone: Spoiled, one: Documents = one, place: tuple[str, str] = place) -> str:
            phone.keep_own(*place)
            return one.fragment

        yield Sabotage("documents", f"{one.what} lost", lost)
        yield Sabotage("documents", f"{one.what} with a bit flipped", flipped)
        yield Sabotage("documents", f"{one.what} cut", cut)
        if one.can_be_own:
            yield Sabotage("documents", f"{one.what}: the phone kept its own", own, IN_USE)


APP_DATABASES: tuple[tuple[str, str, str, Mapping[str, str]], ...] = (
    (
        CHATTER_GROUP,
        r"ChatStorage\.sqlite",
        "ChatStorage.sqlite",
        {
            "a message lost": "DELETE FROM ZWAMESSAGE WHERE Z_PK = 3",
            "a message changed": "UPDATE ZWAMESSAGE SET ZTEXT = 'spoiled' WHERE Z_PK = 3",
            "a message in another chat": "UPDATE ZWAMESSAGE SET ZCHATSESSION = ZCHATSESSION % 4 + 1 WHERE Z_PK = 3",
            "no messages": "DELETE FROM ZWAMESSAGE",
            "no media": "DELETE FROM ZWAMEDIAITEM",
        },
    ),
    (
        SKETCHBOOK,
        r"Library/Application Support/Sketchbook\.sqlite",
        "Sketchbook.sqlite",
        {
            "a sketch lost": "DELETE FROM sketch WHERE id = 30",
            "a sketch renamed": "UPDATE sketch SET name = 'spoiled' WHERE id = 30",
            "a number became text": "UPDATE sketch SET name = CAST(name AS BLOB) WHERE id = 30",
        },
    ),
    (HOME, r"Library/Safari/SafariTabs\.db", "SafariTabs.db", {"a tab lost": "DELETE FROM bookmarks WHERE type = 0"}),
)


def limits() -> Iterator[tuple[Sabotage, str, str]]:
    """What a proof does not notice, its verdict, and why. One that is noticed some day fails its test."""
    photos, shortcuts, tabs = TABLES[3], SHORTCUTS, APP_DATABASES[2]

    def sql(domain: str, path: str, statement: str) -> Callable[[Spoiled], str]:
        def apply(phone: Spoiled) -> str:
            phone.sql(domain, path, statement)
            return ""

        return apply

    def lost(domain: str, path: str) -> Callable[[Spoiled], str]:
        def apply(phone: Spoiled) -> str:
            phone.lose_all(domain, path)
            return ""

        return apply

    yield (
        Sabotage("photos", "another place", sql(photos.domain, photos.path, "UPDATE ZASSET SET ZLATITUDE = 12.5")),
        "proven",
        "where a photo was taken is no part of its fingerprint: iOS computes it anew",
    )
    yield (
        Sabotage(
            "shortcuts", "all actions in an unknown format",
            sql(shortcuts[0], escaped(shortcuts[1]), "UPDATE ZSHORTCUTACTIONS SET ZDATA = X'00'"),
        ),
        "pending",
        "it may be a newer format: they are told as not compared",
    )  # fmt: skip
    yield (
        Sabotage("tabs", "another title", sql(*tabs[:2], "UPDATE bookmarks SET title = 'spoiled' WHERE type = 0")),
        "proven",
        "one of Apple's databases that no reader knows: iOS rewrites its rows, so that it is there and not compared",
    )
    for what, domain, path, why in (
        ("home screen", HOME, r"Library/SpringBoard/IconState\.plist",
         "SpringBoard writes it at every start, so no phone lacks it and its date tells nothing"),
        ("focus modes", HOME, r"Library/DoNotDisturb/DB/ModeConfigurations\.json",
         "a daemon writes it, and one that iCloud shares may be absent until the person signs in (*guessed*)"),
        ("learned words", "KeyboardDomain", r"Library/Keyboard/.+\.dat",
         "the keyboard learns with every word, another iOS may keep them elsewhere, and a reset removes them"),
    ):  # fmt: skip
        yield Sabotage(what, "lost", lost(domain, path)), "proven", why


def _of_app_databases() -> Iterator[Sabotage]:
    for domain, path, name, statements in APP_DATABASES:

        def lost(phone: Spoiled, domain: str = domain, path: str = path, name: str = name) -> str:
            phone.lose_all(domain, path)
            return name

        def own(phone: Spoiled, domain: str = domain, path: str = path, name: str = name) -> str:
            phone.keep_own(domain, path)
            return name

        yield Sabotage("databases", f"{name} lost", lost)
        yield Sabotage("databases", f"{name}: the phone kept its own", own, IN_USE)
        for what, statement in statements.items():

            def changed(
                phone: Spoiled, domain: str = domain, path: str = path, name: str = name, statement: str = statement
            ) -> str:
                phone.sql(domain, path, statement)
                return name

            yield Sabotage("databases", f"{name}: {what}", changed)

    def without_log(phone: Spoiled) -> str:
        for suffix in ("-wal", "-shm"):
            phone.files.remove(SKETCHBOOK, f"Library/Application Support/Sketchbook.sqlite{suffix}")
        return "Sketchbook.sqlite"

    yield Sabotage("databases", "Sketchbook.sqlite without its log", without_log)
