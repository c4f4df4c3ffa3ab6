"""Voicemail: voicemail.db (*seen*: iOS 15.3, the only database in rollback mode) and one recording per row."""

from __future__ import annotations

from migrate.simulator.contents.author import HOME, Author
from migrate.simulator.contents.formats.speech import encode_amr
from migrate.simulator.contents.formats.sqlite_file import Database

FOLDER = "Library/Voicemail"
HEARD = 1
COLUMNS = (
    "ROWID INTEGER PRIMARY KEY AUTOINCREMENT, remote_uid INTEGER, date INTEGER, token TEXT, sender TEXT, "
    "callback_num TEXT, duration INTEGER, expiration INTEGER, trashed_date INTEGER, flags INTEGER, receiver TEXT, "
    "label TEXT"
)
SCHEMA = f"""
CREATE TABLE _SqliteDatabaseProperties (key TEXT, value TEXT, UNIQUE(key));
CREATE TABLE voicemail ({COLUMNS});
CREATE TABLE deleted ({COLUMNS});
CREATE TABLE map (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, label TEXT);
CREATE INDEX date_index ON voicemail(date);
CREATE INDEX remote_uid_index ON voicemail(remote_uid);
"""


def write(author: Author) -> None:
    database = Database(SCHEMA, journal="delete")
    label = author.uuid()
    database.insert("map", {"account": "0", "label": label})
    for number, moment in enumerate(author.moments(author.spec.voicemails), start=1):
        caller, duration = author.person().phone, author.random.randint(3, 25)
        row = database.insert(
            "voicemail",
            {
                "remote_uid": number,
                "date": moment,
                "token": "Complete",
                "sender": caller,
                "callback_num": caller,
                "duration": duration,
                "expiration": moment + 30 * 86_400,
                "trashed_date": 0,
                "flags": HEARD,
                "label": label,
            },
        )
        author.file(HOME, f"{FOLDER}/{row}.amr", encode_amr(author.random, duration_s=duration), modified=moment)
    author.database(HOME, f"{FOLDER}/voicemail.db", database)
    author.plist(HOME, f"{FOLDER}/{label}/com.apple.voicemail.imap.parameters.plist", {"uidvalidity": 1})
    if author.spec.voicemails:
        author.file(HOME, f"{FOLDER}/OfflineCache/queue.plist", b"")  # never in a backup
