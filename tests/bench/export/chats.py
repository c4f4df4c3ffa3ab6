"""WhatsApp and messages to pages: CPU time and memory, beside whatsapp-chat-exporter.

A backup of N messages in 20 chats over six years, 5 % of them with a picture, one in twenty a reply. Both programs read
the same backup and write HTML, each in a process of its own, in turn; the peer also copies the media out of the backup.
Messages per CPU second, the median of the rounds, with the start of Python. Then a million messages, for the peak of
memory.
"""

from __future__ import annotations

import os
import plistlib
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from migrate.backup.record import Kind, file_id
from migrate.simulator.contents.formats.jpeg import draw_picture
from migrate.simulator.contents.formats.typedstream import attributed_string
from migrate.simulator.contents.messages import SCHEMA
from tests.backup.memory_manifest import MemoryManifest
from tests.made_backups import row

TARGET_RATIO, TARGET_MB = 8.0, 100
WHATSAPP = "AppDomainGroup-group.net.whatsapp.WhatsApp.shared"
CHATS = 20
_FIRST = 600_000_000
_TEXT = "see you at the station tomorrow evening bread ☀️ photo of the garden & it’s late, thanks 👍 Café umbrella"
_WORDS = _TEXT.split()
_LINK = " https://example.com/a?b=1&c=2"
"""In one message of twenty."""


def run(*, messages: int, many: int, rounds: int, peer: Path | None) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _in_a_process(folder / "backup", messages)
        candidates: dict[str, list[tuple[float, float]]] = {"whatsapp": [], "messages": []}
        if peer is not None:
            candidates["peer"] = []
        for _round in range(rounds):
            for name, found in candidates.items():
                found.append(_measure(name, folder, peer))
        print(f"{messages:,} messages to HTML{'':<8} {'CPU s':>7} {'messages/CPU s':>15} {'peak MB':>8}")
        speeds = {}
        for name, found in candidates.items():
            seconds, peak = statistics.median(one[0] for one in found), max(one[1] for one in found)
            speeds[name] = messages / seconds
            print(f"  {name:<28} {seconds:>7.2f} {speeds[name]:>15,.0f} {peak:>8.0f}")
        if "peer" in speeds:
            ratio = speeds["whatsapp"] / speeds["peer"]
            print(
                f"  {ratio:.1f} times the peer ({'at least' if ratio >= TARGET_RATIO else 'LESS THAN'} {TARGET_RATIO})"
            )
        if many:
            shutil.rmtree(folder / "backup")
            _in_a_process(folder / "backup", many)
            for name in ("whatsapp", "messages"):
                seconds, peak = _measure(name, folder, None)
                said = "below" if peak < TARGET_MB else "MORE THAN"
                print(f"{many:,} {name}: {seconds:.1f} CPU s, {peak:.0f} MB ({said} {TARGET_MB} MB)")


def _measure(name: str, folder: Path, peer: Path | None) -> tuple[float, float]:
    """CPU seconds and the highest resident megabytes of one export."""
    to = folder / "out"
    shutil.rmtree(to, ignore_errors=True)
    backup = str(folder / "backup")
    command: Sequence[str]
    if name == "peer":
        to.mkdir()
        command = [str(peer), "-i", "-b", backup, "-o", str(to / "html"), "--no-avatar", "--no-banner"]
    else:
        app = ["--app", "net.whatsapp.WhatsApp"] if name == "whatsapp" else ["--category", "messages"]
        command = [sys.executable, "-m", "migrate", "export", backup, "--to", str(to), *app, "--as", "html", "--json"]
    environment = {**os.environ, "MIGRATE_HOME": str(folder / "home"), "PYTHONPATH": str(Path.cwd())}
    cwd = to if name == "peer" else folder
    running = subprocess.Popen(command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert running.stdout is not None
    said = running.stdout.read()
    _pid, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.returncode == 0, said[-3000:].decode()
    assert list(to.rglob("*.html")), said[-3000:].decode()
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


# -- the backup ------------------------------------------------------------------------------------------------------


def _in_a_process(folder: Path, messages: int) -> None:
    """In a process of its own: Linux counts what this one holds into the memory of those that it starts."""
    subprocess.run([sys.executable, "-m", "tests.bench.export.chats", str(folder), str(messages)], check=True)


def write_backup(folder: Path, messages: int) -> None:
    """An unencrypted backup with as many messages of WhatsApp, and as many of Messages."""
    folder.mkdir()
    manifest = MemoryManifest("18.5")
    picture = draw_picture(48, 32, random.Random(1))
    inode = iter(range(100, 10**9))

    def add(domain: str, path: str, content: bytes | None) -> None:
        blob = folder / file_id(domain, path)[:2] / file_id(domain, path)
        if content is not None:
            blob.parent.mkdir(exist_ok=True)
            blob.write_bytes(content)
        manifest.add(row(domain, path, size=blob.stat().st_size, inode=next(inode)))

    for domain, path, write in (
        (WHATSAPP, "ChatStorage.sqlite", _write_whatsapp),
        ("HomeDomain", "Library/SMS/sms.db", _write_sms),
    ):
        blob = folder / file_id(domain, path)[:2] / file_id(domain, path)
        blob.parent.mkdir(exist_ok=True)
        media = write(blob, messages)
        add(domain, path, None)
        folders = {str(parent): one for one, place in media for parent in Path(place).parents if parent.name}
        for parent in sorted(folders):  # the peer makes no folder that is not listed
            manifest.add(row(folders[parent], parent, Kind.DIRECTORY, inode=next(inode)))
        for media_domain, place in media:
            add(media_domain, place, picture)
    (folder / "Manifest.db").write_bytes(manifest.to_bytes())
    lockdown = {"ProductVersion": "18.5", "UniqueDeviceID": "A" * 40}
    apps = {"net.whatsapp.WhatsApp": {"ContainerContentClass": "Data/Application"}}
    about = {"IsEncrypted": False, "Lockdown": lockdown, "Applications": apps}
    (folder / "Manifest.plist").write_bytes(plistlib.dumps(about))
    about = {"Product Version": "18.5", "Unique Identifier": "A" * 40, "Device Name": "iPhone"}
    (folder / "Info.plist").write_bytes(plistlib.dumps(about))
    (folder / "Status.plist").write_bytes(plistlib.dumps({"SnapshotState": "finished", "UUID": "B"}))


_WHATSAPP_SCHEMA = """
CREATE TABLE ZWACHATSESSION (Z_PK INTEGER PRIMARY KEY, ZREMOVED INTEGER, ZLASTMESSAGEDATE TIMESTAMP,
 ZCONTACTJID VARCHAR, ZPARTNERNAME VARCHAR, ZGROUPINFO INTEGER, ZSESSIONTYPE INTEGER);
CREATE TABLE ZWAGROUPMEMBER (Z_PK INTEGER PRIMARY KEY, ZISACTIVE INTEGER, ZCHATSESSION INTEGER, ZMEMBERJID VARCHAR,
 ZCONTACTNAME VARCHAR);
CREATE TABLE ZWAPROFILEPUSHNAME (Z_PK INTEGER PRIMARY KEY, ZJID VARCHAR, ZPUSHNAME VARCHAR);
CREATE TABLE ZWAMEDIAITEM (Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZLATITUDE FLOAT, ZLONGITUDE FLOAT,
 ZMEDIALOCALPATH VARCHAR, ZMEDIAURL VARCHAR, ZTITLE VARCHAR, ZVCARDNAME VARCHAR, ZVCARDSTRING VARCHAR,
 ZMEDIAKEY BLOB, ZMETADATA BLOB, ZMOVIEDURATION INTEGER);
CREATE TABLE ZWAMESSAGEINFO (Z_PK INTEGER PRIMARY KEY, ZMESSAGE INTEGER, ZRECEIPTINFO BLOB);
CREATE TABLE ZWAMESSAGE (Z_PK INTEGER PRIMARY KEY, ZISFROMME INTEGER, ZMESSAGETYPE INTEGER, ZGROUPEVENTTYPE INTEGER,
 ZCHATSESSION INTEGER, ZGROUPMEMBER INTEGER, ZMEDIAITEM INTEGER, ZMESSAGEINFO INTEGER, ZSTARRED INTEGER,
 ZFLAGS INTEGER, ZMESSAGEDATE TIMESTAMP, ZSENTDATE TIMESTAMP, ZFROMJID VARCHAR, ZTOJID VARCHAR, ZSTANZAID VARCHAR,
 ZTEXT VARCHAR);
CREATE INDEX Z_WAMessage_byStanzaIDIndex ON ZWAMESSAGE (ZSTANZAID COLLATE BINARY ASC);
CREATE TABLE ZWAVCARDMENTION (Z_PK INTEGER PRIMARY KEY, ZISFROMME INTEGER, ZTRUSTEDWHENINDEXED INTEGER,
 ZMEDIAITEM INTEGER, ZDATE TIMESTAMP, ZSENDERJID VARCHAR, ZWHATSAPPID VARCHAR);
"""
_RECEIPT = bytes.fromhex("12130a078119198887386f2000281952040800100212090a078119195794674f18c1e5c4a2062002")
"""Of a sent message, as on a phone (shared/data)."""


def _moments(messages: int) -> list[tuple[int, int]]:
    """Chats and times: twelve messages of a conversation come within minutes."""
    rng = random.Random(3)
    found = []
    for number in range(messages):
        if number % 12 == 0:
            chat, when = rng.randint(1, CHATS), _FIRST + number * 190_000_000 // messages
        when += rng.randint(1, 90)
        found.append((chat, when))
    return found


def _write_whatsapp(path: Path, messages: int) -> list[tuple[str, str]]:
    rng, media, moments = random.Random(7), list[tuple[str, str]](), _moments(messages)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_WHATSAPP_SCHEMA)
        for chat in range(1, CHATS + 1):
            jid = f"4917012345{chat:02d}@s.whatsapp.net"
            session = "INSERT INTO ZWACHATSESSION VALUES (?, 0, ?, ?, ?, NULL, 0)"
            database.execute(session, (chat, _FIRST + messages, jid, f"Person {chat}"))
        stanzas: dict[int, str] = {}
        for number in range(1, messages + 1):
            chat, when = moments[number - 1]
            jid, mine = f"4917012345{chat:02d}@s.whatsapp.net", number % 2
            stanza, item, kind, info = f"3A{rng.getrandbits(72):018X}", None, 0, None
            text: str | None = " ".join(rng.choices(_WORDS, k=9)) + (_LINK if number % 20 == 3 else "")
            if number % 20 == 0:
                item, kind, text = number, 1, None
                place = f"Media/{jid}/{number % 16:x}/{number}.jpg"
                media.append((WHATSAPP, f"Message/{place}"))
                values = (item, number, place, "image/jpeg", None)
            elif number % 20 == 7 and chat in stanzas:
                item = number
                answered = b"*\x14" + stanzas[chat].encode() + b"2\x1c" + jid.encode()[:28].ljust(28)
                values = (item, number, None, None, answered)
            if item:
                database.execute(
                    "INSERT INTO ZWAMEDIAITEM (Z_PK, ZMESSAGE, ZMEDIALOCALPATH, ZVCARDSTRING, ZMETADATA)"
                    " VALUES (?, ?, ?, ?, ?)",
                    values,
                )
            if mine:
                info = number
                database.execute("INSERT INTO ZWAMESSAGEINFO VALUES (?, ?, ?)", (number, number, _RECEIPT))
            stanzas[chat] = stanza
            database.execute(
                "INSERT INTO ZWAMESSAGE VALUES (?, ?, ?, 0, ?, NULL, ?, ?, 0, 16777216, ?, ?, ?, ?, ?, ?)",
                (number, mine, kind, chat, item, info, when, when, None if mine else jid, jid, stanza, text),
            )
        database.commit()
    return media


def _write_sms(path: Path, messages: int) -> list[tuple[str, str]]:
    rng, media, moments = random.Random(7), list[tuple[str, str]](), _moments(messages)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        for chat in range(1, CHATS + 1):
            number = f"+4917012345{chat:02d}"
            database.execute("INSERT INTO handle (ROWID, id, service) VALUES (?, ?, 'iMessage')", (chat, number))
            database.execute(
                "INSERT INTO chat (ROWID, guid, style, chat_identifier) VALUES (?, ?, 45, ?)",
                (chat, f"iMessage;-;{number}", number),
            )
            database.execute("INSERT INTO chat_handle_join VALUES (?, ?)", (chat, chat))
        for number in range(1, messages + 1):
            (chat, when), mine = moments[number - 1], number % 2
            when *= 10**9
            text = " ".join(rng.choices(_WORDS, k=9)) + (_LINK if number % 20 == 3 else "")
            guid = f"{rng.getrandbits(64):016X}-{number:08X}"
            database.execute(
                "INSERT INTO message (ROWID, guid, attributedBody, handle_id, service, date, is_from_me)"
                " VALUES (?, ?, ?, ?, 'iMessage', ?, ?)",
                (number, guid, attributed_string(text), 0 if mine else chat, when, mine),
            )
            database.execute("INSERT INTO chat_message_join VALUES (?, ?, ?)", (chat, number, when))
            if number % 20 == 0:
                place = f"Library/SMS/Attachments/{number % 256:02x}/{number}/IMG_{number}.jpeg"
                media.append(("MediaDomain", place))
                database.execute(
                    "INSERT INTO attachment (ROWID, guid, original_guid, filename, transfer_name, mime_type)"
                    " VALUES (?, ?, ?, ?, ?, 'image/jpeg')",
                    (number, f"at-{number}", f"at-{number}", f"~/{place}", f"IMG_{number}.jpeg"),
                )
                database.execute("INSERT INTO message_attachment_join VALUES (?, ?)", (number, number))
        database.commit()
    return media


if __name__ == "__main__":
    write_backup(Path(sys.argv[1]), int(sys.argv[2]))
