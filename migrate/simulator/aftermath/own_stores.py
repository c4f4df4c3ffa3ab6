"""The databases that iOS's own programs open after a restore, and what a newer iOS changes in them.

That a program opens and rewrites its databases is what any program does with them (*guessed* in detail: which keep a
log afterwards). The paths are those of the simulated contents, each *seen* or *read* there. An app's own databases are
not here: nobody has opened the app yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

HOME, CAMERA_ROLL = "HomeDomain", "CameraRollDomain"


@dataclass(frozen=True)
class Change:
    """What an update to iOS `since` or later does to a database. Tables that a database lacks are left out."""

    since: int
    columns: Mapping[str, str] = field(default_factory=dict)
    """Table -> columns to add, declared as in CREATE TABLE, separated by a comma and a space."""
    tables: tuple[str, ...] = ()
    """CREATE statements."""
    dropped: tuple[str, ...] = ()
    """Cache tables."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    moved_columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Table -> old column -> the column that holds the value from now on."""


@dataclass(frozen=True, eq=False)
class OwnStore:
    """One kind of database, compared by identity."""

    domain: str
    path: str  # a regular expression for the whole path
    changes: tuple[Change, ...] = ()


EVERY_UPDATE = 0
"""`since` of changes that come with every newer major version (*guessed*)."""

MESSAGES = OwnStore(
    HOME,
    r"Library/SMS/sms\.db",
    (
        Change(  # columns and tables *read* in schemas of iOS 18 and 16; in which version they came is *guessed*
            16,
            {"message": "part_count INTEGER, was_detonated INTEGER DEFAULT 0, date_recovered INTEGER"},
            ("CREATE TABLE recoverable_message_part (chat_id INTEGER, message_id INTEGER, part_index INTEGER,"
             " delete_date INTEGER, part_text BLOB NOT NULL, ck_sync_state INTEGER DEFAULT 0,"
             " PRIMARY KEY (chat_id, message_id, part_index))",),
        ),
        Change(
            18,
            {"message": "associated_message_emoji TEXT, is_pending_satellite_send INTEGER DEFAULT 0, "
                        "is_kt_verified INTEGER DEFAULT 0, schedule_type INTEGER DEFAULT 0, "
                        "schedule_state INTEGER DEFAULT 0",
             "chat": "is_recovered INTEGER DEFAULT 0"},
            ("CREATE TABLE chat_service (service TEXT, chat INTEGER, PRIMARY KEY (service, chat))",),
        ),
        Change(26, {"chat": "is_pending_review INTEGER DEFAULT 0"}),  # *guessed*
    ),
)  # fmt: skip
CONTACTS = OwnStore(
    HOME,
    r"Library/AddressBook/AddressBook\.sqlitedb",
    (
        Change(  # *read* in an iOS 18 schema
            17,
            {"ABPerson": "Wallpaper BLOB, DisplayFlags INTEGER, WallpaperMetadata BLOB, WallpaperURI TEXT, "
                         "ImageBackgroundColorsData BLOB, SensitiveContentConfiguration BLOB",
             "ABStore": "ProviderIdentifier TEXT, ProviderMetadata BLOB"},
        ),
        Change(26, {"ABPerson": "Pronouns TEXT"}),  # *guessed*
    ),
)  # fmt: skip
CALENDARS = OwnStore(
    HOME,
    r"Library/Calendar/Calendar\.sqlitedb",
    (
        Change(
            EVERY_UPDATE,
            {"CalendarItem": "app_link BLOB, phantom_master INTEGER DEFAULT 0, structured_data_id INTEGER"},
            ("CREATE TABLE ClientSequence (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, client TEXT, sequence INTEGER)",),
            ("OccurrenceCacheDays",),
        ),
    ),
)
PHOTOS = OwnStore(
    CAMERA_ROLL,
    r"Media/PhotoData/Photos\.sqlite",
    (
        Change(14, renamed={"ZGENERICASSET": "ZASSET"}),  # *read*: iLEAPP
        Change(
            EVERY_UPDATE,
            {"ZASSET": "ZANALYSISSTATEMODIFICATIONDATE TIMESTAMP, ZLIBRARYSCOPE INTEGER, ZACTIVELIBRARYSCOPE INTEGER",
             "ZADDITIONALASSETATTRIBUTES": "ZVIEWPRESENTATION INTEGER"},
            ("CREATE TABLE ZASSETANALYSISSTATE (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER,"
             " ZANALYSISSTATE INTEGER, ZASSET INTEGER)",),
        ),
    ),
)  # fmt: skip
NOTES = OwnStore(
    "AppDomainGroup-group.com.apple.notes",
    r"NoteStore\.sqlite",
    (
        Change(  # iLEAPP's pairs of columns; the boundary is *guessed*
            16,
            {"ZICCLOUDSYNCINGOBJECT": "ZCREATIONDATE3 TIMESTAMP, ZACCOUNT7 INTEGER"},
            moved_columns={
                "ZICCLOUDSYNCINGOBJECT": {"ZCREATIONDATE1": "ZCREATIONDATE3", "ZACCOUNT3": "ZACCOUNT7"},
            },
        ),
        Change(EVERY_UPDATE, {"ZICCLOUDSYNCINGOBJECT": "ZHASSYSTEMTAGS INTEGER, ZOUTLINESTATEDATA BLOB"}),
    ),
)
REMINDERS = tuple(
    OwnStore(
        domain,
        rf"{folder}/Data-[^/]+\.sqlite",
        (
            Change(
                EVERY_UPDATE,
                {"ZREMCDREMINDER": "ZISURGENTSTATEENABLEDFORCURRENTUSER INTEGER, ZICSDISPLAYORDER INTEGER"},
            ),
        ),
    )
    for domain, folder in (
        ("AppDomainGroup-group.com.apple.reminders", "Container_v1/Stores"),
        (HOME, "Library/Reminders/Container_v1/Stores"),
    )
)
CALLS = OwnStore(
    HOME,
    r"Library/CallHistoryDB/CallHistory(Temp)?\.storedata",
    (Change(EVERY_UPDATE, {"ZCALLRECORD": "ZAUTOANSWEREDREASON INTEGER, ZSCREENSHARINGTYPE INTEGER"}),),
)
HEALTH = OwnStore(
    "HealthDomain",
    r"Health/healthdb(_secure)?\.sqlite",
    (
        Change(  # *read*: traceloupe has the table only from iOS 17 on
            17,
            tables=("CREATE TABLE device_context (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, product_type_name TEXT,"
                    " os_version_name TEXT)",),
        ),
        Change(EVERY_UPDATE, {"samples": "reserved_flags INTEGER", "sources": "owner_bundle_id TEXT"}),
    ),
)  # fmt: skip
SAFARI = (
    OwnStore(
        HOME,
        r"Library/Safari/(Profiles/[^/]+/)?(Bookmarks|BrowserState|SafariTabs)\.db",
        (
            Change(
                EVERY_UPDATE,
                {"bookmarks": "date_closed REAL, last_selected_child INTEGER", "tabs": "sync_version INTEGER"},
                ("CREATE TABLE participant_presence (id INTEGER PRIMARY KEY, tab_uuid TEXT)",),
                ("bookmark_title_words",),
            ),
        ),
    ),
    *(
        OwnStore(
            domain,
            r"Library/Safari/(Profiles/[^/]+/)?History\.db",
            (Change(EVERY_UPDATE, {"history_items": "status_code INTEGER NOT NULL DEFAULT 0"}),),
        )
        for domain in (HOME, "AppDomain-com.apple.mobilesafari")
    ),
)
VOICE_MEMOS = tuple(
    OwnStore(domain, rf"{folder}/(Cloud)?Recordings\.db",
             (Change(EVERY_UPDATE, {"ZCLOUDRECORDING": "ZMTAUDIOFUTURE BLOB"}),))
    for domain, folder in (
        ("AppDomainGroup-group.com.apple.VoiceMemos.shared", "Recordings"), ("MediaDomain", "Media/Recordings"),
    )
)  # fmt: skip

OWN_STORES: tuple[OwnStore, ...] = (
    MESSAGES,
    CONTACTS,
    OwnStore(HOME, r"Library/AddressBook/AddressBookImages\.sqlitedb"),
    CALENDARS,
    OwnStore(HOME, r"Library/Calendar/Extras\.db"),
    PHOTOS,
    NOTES,
    OwnStore(HOME, r"Library/Notes/notes\.sqlite"),
    *REMINDERS,
    CALLS,
    HEALTH,
    *SAFARI,
    *VOICE_MEMOS,
    OwnStore(HOME, r"Library/Voicemail/voicemail\.db"),
    OwnStore(
        HOME,
        r"Library/Accounts/Accounts3\.sqlite",
        (Change(EVERY_UPDATE, {"ZACCOUNT": "ZLASTCREDENTIALRENEWALREJECTIONDATE TIMESTAMP"}),),
    ),
    OwnStore(
        HOME,
        r"Library/TCC/TCC\.db",
        (Change(EVERY_UPDATE, {"access": "boot_uuid TEXT NOT NULL DEFAULT 'UNUSED'"}),),
    ),
    OwnStore(HOME, r"Library/CoreDuet/People/interactionC\.db"),
    OwnStore(HOME, r"Library/Passes/passes23\.sqlite"),
    OwnStore(HOME, r"Library/Shortcuts/Shortcuts\.sqlite"),
    OwnStore(HOME, r"Library/Recents/Recents"),
    OwnStore(HOME, r"Library/FrontBoard/applicationState\.db"),
    OwnStore("WirelessDomain", r"Library/Databases/(DataUsage\.sqlite|CellularUsage\.db)"),
    OwnStore(HOME, r"Library/Avatar/CoreDataBackend/avatars\.db"),
    OwnStore("KeyboardDomain", r"Library/Keyboard/user_model_database\.sqlite"),
    OwnStore("HomeKitDomain", r"Library/homed/datastore\.sqlite"),
)
"""Columns and tables without a source are *guessed* names of plausible shape."""
