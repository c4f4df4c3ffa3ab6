"""What a person owns is on the phone after a restore, with its lasting ids, whatever iOS has done to the databases."""

from __future__ import annotations

from typing import Any

import pytest

SMS = "HomeDomain/Library/SMS/sms.db"
CONTACTS = "HomeDomain/Library/AddressBook/AddressBook.sqlitedb"
CALLS = "HomeDomain/Library/CallHistoryDB/CallHistory.storedata"
CALENDAR = "HomeDomain/Library/Calendar/Calendar.sqlitedb"
NOTES = "AppDomainGroup-group.com.apple.notes/NoteStore.sqlite"
REMINDERS = "AppDomainGroup-group.com.apple.reminders/Container_v1/Stores/Data-local.sqlite"
PHOTOS = "CameraRollDomain/Media/PhotoData/Photos.sqlite"
HEALTH = "HealthDomain/Health/healthdb_secure.sqlite"
SAFARI = "HomeDomain/Library/Safari"

OWNED: dict[str, tuple[str, str]] = {
    "contacts": (CONTACTS, """
        SELECT p.guid, p.First, p.Last, p.Organization, p.Note, p.CreationDate, s.guid,
          (SELECT group_concat(v, '|') FROM (SELECT m.value || '/' || m.guid || '/' || l.value AS v FROM ABMultiValue m
             JOIN ABMultiValueLabel l ON l.rowid = m.label WHERE m.record_id = p.ROWID ORDER BY m.guid)),
          (SELECT group_concat(v, '|') FROM (SELECT k.value || e.value AS v FROM ABMultiValue m JOIN ABMultiValueEntry e
             ON e.parent_id = m.UID JOIN ABMultiValueEntryKey k ON k.rowid = e.key WHERE m.record_id = p.ROWID
             ORDER BY 1)),
          (SELECT group_concat(g.Name) FROM ABGroupMembers x JOIN ABGroup g ON g.ROWID = x.group_id
             WHERE x.member_id = p.ROWID)
        FROM ABPerson p JOIN ABStore s ON s.ROWID = p.StoreID WHERE s.AccountID = -1"""),
    "messages": (SMS, """
        SELECT m.guid, m.text, m.attributedBody, m.date, m.is_from_me, h.id, c.guid, a.guid, a.filename
        FROM message m LEFT JOIN handle h ON h.ROWID = m.handle_id
        JOIN chat_message_join j ON j.message_id = m.ROWID JOIN chat c ON c.ROWID = j.chat_id
        LEFT JOIN message_attachment_join x ON x.message_id = m.ROWID
        LEFT JOIN attachment a ON a.ROWID = x.attachment_id
        """),
    "members of chats": (SMS, """
        SELECT c.guid, h.id FROM chat_handle_join j JOIN chat c ON c.ROWID = j.chat_id
        JOIN handle h ON h.ROWID = j.handle_id"""),
    "calls": (CALLS, "SELECT ZUNIQUE_ID, ZADDRESS, ZDATE, ZDURATION, ZORIGINATED, ZCALLTYPE FROM ZCALLRECORD"),
    "events": (CALENDAR, """
        SELECT i.UUID, i.summary, i.start_date, i.end_date, i.start_tz, c.title, c.UUID, l.title, n.display_name,
          (SELECT group_concat(UUID) FROM (SELECT UUID FROM Alarm WHERE calendaritem_owner_id = i.ROWID ORDER BY 1)),
          (SELECT frequency FROM Recurrence WHERE owner_id = i.ROWID)
        FROM CalendarItem i JOIN Calendar c ON c.ROWID = i.calendar_id JOIN Store s ON s.ROWID = c.store_id
        LEFT JOIN Location l ON l.ROWID = i.location_id LEFT JOIN Participant p ON p.owner_id = i.ROWID
        LEFT JOIN Identity n ON n.rowid = p.identity_id WHERE s.type NOT IN (1, 2, 3)"""),
    "notes": (NOTES, """
        SELECT n.ZIDENTIFIER, n.ZTITLE1, n.ZSNIPPET, n.ZCREATIONDATE3, n.ZMODIFICATIONDATE1, d.ZDATA, f.ZIDENTIFIER
        FROM ZICCLOUDSYNCINGOBJECT n JOIN ZICCLOUDSYNCINGOBJECT a ON a.Z_PK = n.ZACCOUNT7
        JOIN ZICNOTEDATA d ON d.Z_PK = n.ZNOTEDATA AND d.ZNOTE = n.Z_PK
        JOIN ZICCLOUDSYNCINGOBJECT f ON f.Z_PK = n.ZFOLDER WHERE a.ZIDENTIFIER = 'LocalAccount'
        AND n.Z_ENT = (SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = 'ICNote')"""),
    "pictures in notes": (NOTES, """
        SELECT m.ZIDENTIFIER, m.ZFILENAME, n.ZIDENTIFIER FROM ZICCLOUDSYNCINGOBJECT m
        JOIN ZICCLOUDSYNCINGOBJECT a ON a.Z_PK = m.ZATTACHMENT1 JOIN ZICCLOUDSYNCINGOBJECT n ON n.Z_PK = a.ZNOTE
        """),
    "reminders": (REMINDERS, """
        SELECT r.ZIDENTIFIER, r.ZTITLE, r.ZNOTES, r.ZDUEDATE, r.ZCOMPLETED, l.ZNAME, l.ZIDENTIFIER
        FROM ZREMCDREMINDER r JOIN ZREMCDBASELIST l ON l.Z_PK = r.ZLIST
        WHERE r.Z_ENT = (SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = 'REMCDReminder')"""),
    "photos": (PHOTOS, """
        SELECT a.ZUUID, a.ZDIRECTORY, a.ZFILENAME, a.ZDATECREATED, a.ZFAVORITE, x.ZORIGINALFILENAME, r.ZFINGERPRINT
        FROM ZASSET a JOIN ZADDITIONALASSETATTRIBUTES x ON x.Z_PK = a.ZADDITIONALATTRIBUTES
        JOIN ZINTERNALRESOURCE r ON r.ZASSET = a.Z_PK AND r.ZDATASTORESUBTYPE = 1
        WHERE a.Z_ENT = (SELECT Z_ENT FROM Z_PRIMARYKEY WHERE Z_NAME = 'Asset')"""),
    "health": (HEALTH, """
        SELECT o.uuid, s.start_date, s.end_date, s.data_type, q.quantity, c.value, p.origin_product_type FROM objects o
        JOIN samples s USING (data_id) LEFT JOIN quantity_samples q USING (data_id)
        LEFT JOIN category_samples c USING (data_id) JOIN data_provenances p ON p.ROWID = o.provenance"""),
    "bookmarks": (f"{SAFARI}/Bookmarks.db", "SELECT external_uuid, title, url, parent, read FROM bookmarks"),
    "history": (f"{SAFARI}/History.db", """
        SELECT i.url, v.visit_time, v.title FROM history_visits v JOIN history_items i ON i.id = v.history_item"""),
    "voicemail": ("HomeDomain/Library/Voicemail/voicemail.db", "SELECT ROWID, remote_uid, date, sender FROM voicemail"),
    "voice memos": (
        "AppDomainGroup-group.com.apple.VoiceMemos.shared/Recordings/CloudRecordings.db",
        "SELECT ZUNIQUEID, ZPATH, ZDATE, ZENCRYPTEDTITLE FROM ZCLOUDRECORDING",
    ),
    "permissions": ("HomeDomain/Library/TCC/TCC.db", "SELECT service, client, auth_value FROM access"),
    "passes": ("HomeDomain/Library/Passes/passes23.sqlite", "SELECT unique_id, organization_name FROM pass"),
}  # fmt: skip
"""What a person would miss if it were gone or different, without anything that iOS may number anew."""


@pytest.mark.parametrize("kind", OWNED)
def test_what_a_person_owns_keeps_its_lasting_ids_and_content(kind: str, before: Any, after: Any) -> None:
    path, query = OWNED[kind]
    owned = before.rows(path, query)
    assert owned and set(owned) <= set(after.rows(path, query))


@pytest.mark.soak
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_this_holds_for_other_seeds_and_within_one_version(lab: Any, before: Any, seed: int) -> None:
    aftermath = {"seed": seed, "arrives_in_s": "when-ordered"}
    look = lab.peek(lab.moved("17.5.1" if seed == 11 else "27.0", aftermath=aftermath))
    for path, query in OWNED.values():
        assert set(before.rows(path, query)) <= set(look.rows(path, query)), path


def test_albums_and_callers_are_found_under_the_new_names_of_their_join_tables(before: Any, after: Any) -> None:
    def members(look: Any) -> list[tuple[Any, ...]]:
        (join,) = [table for table in look.tables(PHOTOS) if table.startswith("Z_") and table.endswith("ASSETS")]
        (album,) = [column for column in look.columns(PHOTOS, join) if column.endswith("ALBUMS")]
        (asset,) = [name for name in look.columns(PHOTOS, join) if name.endswith("ASSETS") and "FOK" not in name]
        joined = f"{join} j JOIN ZGENERICALBUM g ON g.Z_PK = j.{album} JOIN ZASSET a ON a.Z_PK = j.{asset}"
        rows: list[tuple[Any, ...]] = look.rows(PHOTOS, f"SELECT g.ZTITLE, a.ZUUID FROM {joined}")
        return rows

    def callers(look: Any) -> set[tuple[Any, ...]]:
        (join,) = [table for table in look.tables(CALLS) if table.endswith("REMOTEPARTICIPANTHANDLES")]
        (call,) = [column for column in look.columns(CALLS, join) if column.endswith("CALLS")]
        (handle,) = [column for column in look.columns(CALLS, join) if column.endswith("HANDLES")]
        joined = f"{join} j JOIN ZCALLRECORD c ON c.Z_PK = j.{call} JOIN ZHANDLE h ON h.Z_PK = j.{handle}"
        return set(look.rows(CALLS, f"SELECT c.ZUNIQUE_ID, h.ZVALUE FROM {joined}"))

    assert members(after) == members(before) != []
    assert callers(after) == callers(before) != set()


def test_settings_keep_their_values_and_what_ios_does_not_write_keeps_its_bytes(before: Any, after: Any) -> None:
    home = "HomeDomain/Library/Preferences"
    bookkeeping = {"purplebuddy", "springboard", "Preferences", "mobile.ldbackup", "mobilephone"}
    never_moved = {"GMM", "MobileBluetooth.devices"}
    for path in before.below(f"{home}/"):
        name = path.removeprefix(f"{home}/com.apple.").removesuffix(".plist")
        if name not in bookkeeping | never_moved:
            assert before.plist(path).items() <= after.plist(path).items(), path
    assert after.plist(f"{home}/com.apple.springboard.plist")["SBDisableHomeButtonTTR"] is True
    places = (
        "MediaDomain/Library/SMS/Attachments",
        "HomeDomain/Library/Voicemail/",
        "KeyboardDomain/Library/Keyboard/en",
    )
    for place in (*places, "AppDomainGroup-group.com.apple.notes/Accounts", "HomeDomain/Library/Passes/Cards"):
        kept = {path for path in before.below(place) if not path.endswith((".db", ".plist"))}
        assert kept and all(after.files[path] == before.files[path] for path in kept)
