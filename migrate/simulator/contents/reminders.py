"""Reminders from iOS 13 on: one store per account, each with different entity numbers.

Schema *read* from iOS 18, also used for iOS 13 to 16 (*guessed*). For iOS 12 and earlier see calendars.py.
"""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, REFERENCE_TIME, Author, apple_seconds
from migrate.simulator.contents.formats.core_data import CoreDataStore

GROUP = "AppDomainGroup-group.com.apple.reminders"
LISTS = ("Groceries", "Zu Hause 🏡", "Reading")
TABLES = {
    "ZREMCDREMINDER": "ZALLDAY INTEGER, ZCOMPLETED INTEGER, ZFLAGGED INTEGER, ZMARKEDFORDELETION INTEGER, "
    "ZPRIORITY INTEGER, ZSPOTLIGHTINDEXCOUNT INTEGER, ZACCOUNT INTEGER, ZLIST INTEGER, ZPARENTREMINDER INTEGER, "
    "ZCOMPLETIONDATE TIMESTAMP, ZCREATIONDATE TIMESTAMP, ZDISPLAYDATEDATE TIMESTAMP, ZDUEDATE TIMESTAMP, "
    "ZLASTMODIFIEDDATE TIMESTAMP, ZSTARTDATE TIMESTAMP, ZNOTES VARCHAR, ZTITLE VARCHAR, ZIDENTIFIER BLOB",
    "ZREMCDBASELIST": "ZISGROUP INTEGER, ZSHARINGSTATUS INTEGER, ZACCOUNT INTEGER, ZBADGEEMBLEM VARCHAR, "
    "ZNAME VARCHAR, ZIDENTIFIER BLOB",
    "ZREMCDOBJECT": "ZFREQUENCY INTEGER, ZINTERVAL INTEGER, ZOCCURRENCECOUNT INTEGER, ZREMINDER1 INTEGER, "
    "ZREMINDER4 INTEGER, ZASSIGNEE INTEGER, ZLISTTYPERAWVALUE INTEGER, ZENDDATE TIMESTAMP, ZADDRESS1 VARCHAR, "
    "ZFIRSTNAME VARCHAR, ZLASTNAME VARCHAR, ZNAME VARCHAR",
}


def place(ios: tuple[int, ...]) -> tuple[str, str]:
    """The domain and folder of the stores. iOS 17 moved them to the group container, according to iLEAPP and a backup
    of iOS 27; one source still names HomeDomain."""
    return (GROUP, "Container_v1/Stores") if ios >= (17,) else (HOME, "Library/Reminders/Container_v1/Stores")


def write(author: Author) -> None:
    if author.ios < (13,):
        return
    domain, folder = place(author.ios)
    in_icloud = author.spec.icloud_reminders
    local, synced = _new_store(author, shifted=1), _new_store(author, shifted=0)
    _fill(author, *local, author.spec.reminders - in_icloud)
    author.database(domain, f"{folder}/Data-local.sqlite", local[0], protection_class=4)
    _fill(author, *synced, in_icloud)
    author.database(domain, f"{folder}/Data-{author.uuid()}.sqlite", synced[0], protection_class=4)
    author.directory(domain, f"{folder.rpartition('/')[0]}/Files")


def _fill(author: Author, store: CoreDataStore, account: int, reminders: int) -> None:
    lists = [
        store.add(
            "REMCDList",
            "ZREMCDBASELIST",
            {"ZNAME": name, "ZISGROUP": 0, "ZACCOUNT": account, "ZIDENTIFIER": author.random.randbytes(16)},
        )
        for name in LISTS
        if reminders
    ]
    first_in: dict[int, int] = {}
    for number, due in enumerate(author.moments(reminders)):
        in_list = author.random.choice(lists)
        row = _add_reminder(author, store, account, in_list, due)
        parent = first_in.setdefault(in_list, row)
        if number % 3 == 0 and parent != row:
            store.execute("UPDATE ZREMCDREMINDER SET ZPARENTREMINDER = ? WHERE Z_PK = ?", parent, row)
        if number % 4 == 0:
            store.execute("UPDATE ZREMCDREMINDER SET ZFLAGGED = 1 WHERE Z_PK = ?", row)


def _new_store(author: Author, *, shifted: int) -> tuple[CoreDataStore, int]:
    """A store and its account's Z_PK. `shifted` is added to later entity numbers, which differ in real stores."""
    entities: dict[str, int | tuple[int, int]] = {
        "REMCDObject": 2,
        "REMCDAccount": (11 + shifted, 2),
        "REMCDBaseList": 15 + shifted,
        "REMCDList": (16 + shifted, 15 + shifted),
        "REMCDReminder": 30 + shifted,
        "REMCDRecurrenceRule": (31 + shifted, 2),
    }
    store = CoreDataStore(entities, TABLES, uuid=author.uuid())
    return store, store.add("REMCDAccount", "ZREMCDOBJECT", {"ZNAME": "Local" if shifted else "iCloud"})


def _add_reminder(author: Author, store: CoreDataStore, account: int, in_list: int, due: int) -> int:
    """Returns its Z_PK."""
    done = author.random.random() < 0.4
    return store.add(
        "REMCDReminder",
        "ZREMCDREMINDER",
        {
            "ZALLDAY": int(author.random.random() < 0.3),
            "ZCOMPLETED": int(done),
            "ZFLAGGED": 0,
            "ZMARKEDFORDELETION": 0,
            "ZPRIORITY": author.pick(0, 0, 1, 5, 9),
            "ZACCOUNT": account,
            "ZLIST": in_list,
            "ZCOMPLETIONDATE": apple_seconds(REFERENCE_TIME) if done else None,
            "ZCREATIONDATE": apple_seconds(due - 86_400),
            "ZLASTMODIFIEDDATE": apple_seconds(due),
            "ZDUEDATE": apple_seconds(due) if author.random.random() < 0.7 else None,
            "ZNOTES": author.sentence() if author.random.random() < 0.3 else None,
            "ZTITLE": author.title(),
            "ZIDENTIFIER": author.random.randbytes(16),
        },
    )
