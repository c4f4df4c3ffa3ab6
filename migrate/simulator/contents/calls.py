"""The call history. Tables and columns *seen* on iOS 11.2 and *read* in an iOS 18 schema."""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore
from migrate.simulator.contents.formats.sqlite_file import Row

PHONE, FACETIME_VIDEO, FACETIME_AUDIO = 1, 8, 16
ENTITIES: dict[str, int | tuple[int, int]] = {
    "CallDBProperties": 1,
    "CallRecord": 2,
    "EmergencyMediaItem": 3,
    "Handle": 4,
}
TABLES = {
    "ZCALLDBPROPERTIES": "ZTIMER_ALL FLOAT, ZTIMER_INCOMING FLOAT, ZTIMER_LAST FLOAT, ZTIMER_LIFETIME FLOAT, "
    "ZTIMER_OUTGOING FLOAT",
    "ZCALLRECORD": "ZANSWERED INTEGER, ZCALL_CATEGORY INTEGER, ZCALLTYPE INTEGER, ZDISCONNECTED_CAUSE INTEGER, "
    "ZFACE_TIME_DATA INTEGER, ZFILTERED_OUT_REASON INTEGER, ZHANDLE_TYPE INTEGER, ZHASMESSAGE INTEGER, "
    "ZJUNKCONFIDENCE INTEGER, ZNUMBER_AVAILABILITY INTEGER, ZORIGINATED INTEGER, ZREAD INTEGER, "
    "ZWASEMERGENCYCALL INTEGER, ZCOMMUNICATIONTRUSTSCORE INTEGER, ZDATE TIMESTAMP, ZDURATION FLOAT, ZADDRESS VARCHAR, "
    "ZDEVICE_ID VARCHAR, ZISO_COUNTRY_CODE VARCHAR, ZJUNKIDENTIFICATIONCATEGORY VARCHAR, ZLOCATION VARCHAR, "
    "ZNAME VARCHAR, ZSERVICE_PROVIDER VARCHAR, ZUNIQUE_ID VARCHAR UNIQUE",
    "ZHANDLE": "ZTYPE INTEGER, ZNORMALIZEDVALUE VARCHAR, ZVALUE VARCHAR",
}
MORE_SCHEMA = """
CREATE TABLE Z_2REMOTEPARTICIPANTHANDLES (Z_2REMOTEPARTICIPANTCALLS INTEGER, Z_4REMOTEPARTICIPANTHANDLES INTEGER,
 PRIMARY KEY (Z_2REMOTEPARTICIPANTCALLS, Z_4REMOTEPARTICIPANTHANDLES));
CREATE INDEX Z_CallRecord_date ON ZCALLRECORD (ZDATE COLLATE BINARY ASC);
"""


def write(author: Author) -> None:
    history = _new_store(author)
    handles: dict[str, int] = {}
    for count, moment in enumerate(author.moments(author.spec.calls)):
        person = author.person()
        row = _call(author, person.phone, moment)
        call = history.add("CallRecord", "ZCALLRECORD", row)
        others = author.people[:2] if count % 8 == 7 and row["ZCALLTYPE"] != PHONE else ()  # a group call
        for phone in dict.fromkeys((person.phone, *(other.phone for other in others))):
            if phone not in handles:
                number: Row = {"ZTYPE": 2, "ZNORMALIZEDVALUE": phone, "ZVALUE": phone}
                handles[phone] = history.add("Handle", "ZHANDLE", number)
            join: Row = {"Z_2REMOTEPARTICIPANTCALLS": call, "Z_4REMOTEPARTICIPANTHANDLES": handles[phone]}
            history.insert("Z_2REMOTEPARTICIPANTHANDLES", join)
    folder = "Library/CallHistoryDB"
    author.database(HOME, f"{folder}/CallHistory.storedata", history)
    author.database(HOME, f"{folder}/CallHistoryTemp.storedata", _new_store(author))
    author.plist(HOME, f"{folder}/com.apple.callhistory.databaseInfo.plist", {"kCallDBVersion": 26})
    author.file(HOME, "Library/CallHistoryTransactions/transactions.log", b"")


def _new_store(author: Author) -> CoreDataStore:
    store = CoreDataStore(ENTITIES, TABLES, uuid=author.uuid(), more_schema=MORE_SCHEMA)
    store.add("CallDBProperties", "ZCALLDBPROPERTIES", {"ZTIMER_ALL": 0.0, "ZTIMER_LIFETIME": 0.0})
    return store


def _call(author: Author, number: str, moment: int) -> Row:
    outgoing = author.random.random() < 0.5
    answered = author.random.random() < 0.75
    kind = author.pick(PHONE, PHONE, PHONE, FACETIME_VIDEO, FACETIME_AUDIO)
    return {
        "ZANSWERED": int(answered and not outgoing),
        "ZCALL_CATEGORY": 1,
        "ZCALLTYPE": kind,
        "ZHANDLE_TYPE": 2,
        "ZNUMBER_AVAILABILITY": 0,
        "ZORIGINATED": int(outgoing),
        "ZREAD": 1,
        "ZDATE": apple_seconds(moment) + 0.5,
        "ZDURATION": author.random.randint(5, 3600) + 0.25 if answered else 0.0,
        "ZADDRESS": number,
        "ZISO_COUNTRY_CODE": "us",
        "ZLOCATION": "<<RecentsNumberLocationNotFound>>",
        "ZSERVICE_PROVIDER": "com.apple.Telephony" if kind == PHONE else "com.apple.FaceTime",
        "ZUNIQUE_ID": author.uuid(),
    }
