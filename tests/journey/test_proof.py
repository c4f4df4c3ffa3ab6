"""The verdict of the proof when a phone keeps, rewrites, delays, changes or loses data."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from migrate.backup.reader import Backup
from migrate.backup.record import Kind, Record, file_id
from migrate.categories.claims import Claims
from migrate.journey.proof.compare import Proof, Prover
from migrate.plan.strategy import Strategy
from tests.backup.memory_manifest import MemoryManifest

Files = Mapping[tuple[str, str], bytes]
SMS, LOG = ("HomeDomain", "Library/SMS/sms.db"), ("HomeDomain", "Library/SMS/sms.db-wal")
PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0001.JPG")
NOTE = ("HomeDomain", "Library/Fonts/mine.otf")
CHAT = ("AppDomain-com.example.chatter", "Documents/chat.bin")
OTHER_PHOTO = ("CameraRollDomain", "Media/DCIM/100APPLE/IMG_0002.JPG")
STORE = ("HomeDomain", "Library/Fonts/store")
"""A database that iOS is not known to rewrite, with a name that does not reveal its type."""


def backup_of(folder: Path, files: Files) -> Backup:
    """An unencrypted backup with exactly these files."""
    folder.mkdir()
    writer = MemoryManifest("18.5")
    for number, ((domain, path), content) in enumerate(files.items(), 1):
        name = file_id(domain, path)
        writer.add(
            Record(
                file_id=name, domain=domain, relative_path=path, kind=Kind.FILE, mode=0o100644, inode=number,
                user_id=501, group_id=501, size=len(content), modified=0, changed=0, born=0, protection_class=3,
                flags=0, encryption_key=None, digest=None, extended_attributes=None, target=None,
            )
        )  # fmt: skip
        (folder / name[:2]).mkdir(exist_ok=True)
        (folder / name[:2] / name).write_bytes(content)
    (folder / "Manifest.db").write_bytes(writer.to_bytes())
    return Backup.open(folder)


def messages(rows: int, folder: Path) -> bytes:
    """An sms.db with `rows` messages."""
    path = folder / f"made-{rows}.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT)")
        made.executemany("INSERT INTO message (text) VALUES (?)", [(f"hello {row}",) for row in range(rows)])
    made.close()
    return path.read_bytes()


def messages_in_a_log(folder: Path) -> tuple[bytes, bytes]:
    """An sms.db whose messages are all in its -wal."""
    path = folder / "logged.db"
    made = sqlite3.connect(path)
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("PRAGMA wal_autocheckpoint = 0")
    made.execute("CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT)")
    made.execute("INSERT INTO message (text) VALUES ('only here')")
    made.commit()
    both = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    made.close()
    return both


@pytest.fixture
def prove(tmp_path: Path) -> Callable[..., Proof]:
    def run(
        sent: Files,
        after: Files,
        *,
        before: Files | None = None,
        strategy: Strategy = Strategy.REPLACE,
        proven_before: bool = False,
        days_since: float = 0.0,
    ) -> Proof:
        tmp = tmp_path / "tmp"
        tmp.mkdir()
        restore_set, now = backup_of(tmp_path / "set", sent), backup_of(tmp_path / "after", after)
        there = backup_of(tmp_path / "before", before) if before is not None else None
        prover = Prover(
            restore_set=restore_set,
            after=now,
            claims=Claims.of(restore_set),
            strategy=strategy,
            installed=frozenset(),
            tmp=tmp,
            proven_before=proven_before,
            days_since=days_since,
            before=there,
            before_claims=Claims.of(there) if there else None,
        )
        proof = prover.prove()
        assert not any(tmp.iterdir())  # no plaintext is left
        return proof

    return run


def test_equal_bytes_are_proven(prove: Callable[..., Proof]) -> None:
    files = {PHOTO: b"\xff\xd8 a picture", NOTE: b"a font"}
    proof = prove(files, files)
    assert proof.verdict == "proven" and proof.findings == []
    assert proof.outcomes["photos"] == {"same": 1}


def test_a_missing_file_is_named(prove: Callable[..., Proof]) -> None:
    proof = prove({NOTE: b"a font", SMS: b""}, {SMS: b""})
    assert proof.verdict.startswith("not proven") and proof.bad == 1
    assert [(f.code, f.severity, f.relative_path) for f in proof.findings] == [("proof-missing", "error", NOTE[1])]


def test_a_file_with_different_bytes_is_named(prove: Callable[..., Proof]) -> None:
    proof = prove({NOTE: b"a font"}, {NOTE: b"a fount"})
    assert [f.code for f in proof.findings] == ["proof-changed"]


def test_photos_that_arrive_in_the_background_are_pending(prove: Callable[..., Proof]) -> None:
    proof = prove({PHOTO: b"\xff\xd8 a picture"}, {})
    assert proof.verdict == "pending: 1 still arriving"


def test_the_phone_may_add_rows_to_a_database_but_not_lose_any(prove: Callable[..., Proof], tmp_path: Path) -> None:
    more = prove({SMS: messages(5, tmp_path)}, {SMS: messages(7, tmp_path)})
    assert more.verdict == "pending: 1 there, not compared" and more.outcomes["messages"] == {"present": 1}


def test_a_database_with_fewer_rows_is_not_proven(prove: Callable[..., Proof], tmp_path: Path) -> None:
    proof = prove({SMS: messages(5, tmp_path)}, {SMS: messages(4, tmp_path)})
    assert [f.code for f in proof.findings] == ["proof-fewer-rows"]


def test_messages_without_their_conversation_are_not_proven(prove: Callable[..., Proof], tmp_path: Path) -> None:
    """Every row is there, but Messages would show none of them."""

    def with_conversations(rows: int) -> bytes:
        path = tmp_path / "conversations.db"
        path.write_bytes(messages(5, tmp_path))
        with sqlite3.connect(path) as made:
            made.execute("CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER)")
            made.executemany("INSERT INTO chat_message_join VALUES (1, ?)", [(row,) for row in range(rows)])
            made.execute("CREATE TABLE kvtable (key TEXT)")
            made.executemany("INSERT INTO kvtable VALUES (?)", [("housekeeping",)] * rows)
        made.close()
        return path.read_bytes()

    proof = prove({SMS: with_conversations(5)}, {SMS: with_conversations(0)})
    assert [f.code for f in proof.findings] == ["proof-fewer-rows"]


def test_a_database_with_damaged_pages_is_not_proven_even_if_its_rows_can_be_counted(
    prove: Callable[..., Proof], tmp_path: Path
) -> None:
    path = tmp_path / "indexed.db"
    path.write_bytes(messages(400, tmp_path))
    with sqlite3.connect(path) as made:
        made.execute("CREATE INDEX by_text ON message (text)")
        (root,) = made.execute("SELECT rootpage FROM sqlite_master WHERE name = 'by_text'").fetchone()
    made.close()
    whole = path.read_bytes()
    torn = whole[: 4096 * (root - 1)] + bytes(4096) + whole[4096 * root :]
    with sqlite3.connect(path) as asked:
        path.write_bytes(torn)
        assert asked.execute("SELECT COUNT(*) FROM message NOT INDEXED").fetchone() == (400,)
    asked.close()
    assert [f.code for f in prove({SMS: whole}, {SMS: torn}).findings] == ["proof-changed"]


def test_a_database_damaged_before_the_move_is_compared_by_its_rows(
    prove: Callable[..., Proof], tmp_path: Path
) -> None:
    """The damage was in what the phone was sent."""
    whole = messages(400, tmp_path)
    torn = whole + bytes(4096)  # a page unknown to the header: harmless, but reported
    torn = torn[:28] + (len(torn) // 4096).to_bytes(4, "big") + torn[32:]
    more = torn[:24] + b"\0\0\0\7" + torn[28:]  # the change counter
    assert prove({SMS: torn}, {SMS: more}).verdict == "proven"


def test_a_database_replaced_by_another_file_is_not_proven(prove: Callable[..., Proof], tmp_path: Path) -> None:
    proof = prove({SMS: messages(5, tmp_path)}, {SMS: b"SQLite format 3\x00" + bytes(90)})
    assert proof.bad == 1


def test_a_lost_log_is_noticed_even_if_the_database_is_equal(prove: Callable[..., Proof], tmp_path: Path) -> None:
    """An address book can be one empty page with everyone in its -wal (seen on a real iOS 15 phone)."""
    database, log = messages_in_a_log(tmp_path)
    proof = prove({SMS: database, LOG: log}, {SMS: database, LOG: b""})
    assert proof.bad == 1, proof.as_json()


def test_an_empty_log_counts_as_no_log(prove: Callable[..., Proof], tmp_path: Path) -> None:
    database = messages(5, tmp_path)
    assert prove({SMS: database, LOG: b""}, {SMS: database}).verdict == "proven"


def folded(database: bytes, log: bytes, folder: Path) -> bytes:
    """The copy that SQLite makes, as a phone sends it: one file with the log merged."""
    path = folder / "copied.db"
    path.write_bytes(database)
    Path(f"{path}-wal").write_bytes(log)
    with sqlite3.connect(path) as opened:
        opened.execute("PRAGMA journal_mode = DELETE")
    opened.close()
    return path.read_bytes()


def changed(database: bytes, statement: str, folder: Path) -> bytes:
    path = folder / "changed.db"
    path.write_bytes(database)
    with sqlite3.connect(path) as opened:
        opened.execute(statement)
    opened.close()
    return path.read_bytes()


@pytest.mark.parametrize("place", [SMS, STORE], ids=["rewritten by the phone", "not rewritten"])
def test_a_consistent_copy_counts_as_the_same_database(
    prove: Callable[..., Proof], tmp_path: Path, place: tuple[str, str]
) -> None:
    """Different bytes, no log, the same rows: how a phone sends a database that it stores with a log."""
    database, log = messages_in_a_log(tmp_path)
    copy = folded(database, log, tmp_path)
    assert copy != database
    proof = prove({place: database, (place[0], f"{place[1]}-wal"): log}, {place: copy})
    assert proof.verdict == "proven" and [dict(outcomes) for outcomes in proof.outcomes.values()] == [{"same": 1}]


def test_a_database_with_another_page_layout_counts_as_the_same(prove: Callable[..., Proof], tmp_path: Path) -> None:
    database = messages(5, tmp_path)
    vacuumed = changed(changed(database, "PRAGMA user_version = 7", tmp_path), "VACUUM", tmp_path)
    assert vacuumed != database
    assert prove({STORE: database}, {STORE: vacuumed}).verdict == "proven"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM message WHERE ROWID = 3", "proof-fewer-rows"),
        ("DROP TABLE message", "proof-fewer-rows"),
        ("UPDATE message SET text = 'another' WHERE ROWID = 3", "proof-changed"),
        ("UPDATE message SET text = CAST(text AS BLOB) WHERE ROWID = 3", "proof-changed"),
    ],
)
def test_a_database_that_lost_or_changed_a_row_is_not_proven(
    prove: Callable[..., Proof], tmp_path: Path, statement: str, code: str
) -> None:
    database = messages(5, tmp_path)
    proof = prove({STORE: database}, {STORE: changed(database, statement, tmp_path)})
    assert [finding.code for finding in proof.findings] == [code]


def test_a_picture_that_did_not_arrive_with_the_others_becomes_missing(prove: Callable[..., Proof]) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    proof = prove(both, {OTHER_PHOTO: both[OTHER_PHOTO]}, proven_before=True)
    assert proof.verdict.startswith("not proven") and "should have arrived by now" in proof.findings[0].what


def test_pictures_stay_pending_while_none_has_arrived(prove: Callable[..., Proof]) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    assert prove(both, {}, proven_before=True, days_since=6.9).verdict == "pending: 2 still arriving"


@pytest.mark.parametrize("late", [PHOTO, CHAT], ids=["a picture", "data of an app"])
def test_after_a_week_nothing_is_pending(prove: Callable[..., Proof], late: tuple[str, str]) -> None:
    assert prove({late: b"late"}, {}, days_since=7.1).verdict.startswith("not proven")


def test_at_the_first_proof_the_rest_may_still_be_arriving(prove: Callable[..., Proof]) -> None:
    both = {PHOTO: b"\xff\xd8 a picture", OTHER_PHOTO: b"\xff\xd8 another"}
    assert prove(both, {OTHER_PHOTO: both[OTHER_PHOTO]}).verdict == "pending: 1 still arriving"


def test_a_file_lost_from_a_phone_in_use_is_named(prove: Callable[..., Proof]) -> None:
    before = {NOTE: b"its own font", PHOTO: b"\xff\xd8 its own picture"}
    sent = {PHOTO: b"\xff\xd8 a picture"}
    kept = {**sent, NOTE: b"its own font"}
    assert prove(sent, kept, before=before, strategy=Strategy.OVERLAY).verdict == "proven"


def test_data_lost_from_a_phone_in_use_is_not_proven(prove: Callable[..., Proof]) -> None:
    before = {NOTE: b"its own font"}
    sent = {PHOTO: b"\xff\xd8 a picture"}
    proof = prove(sent, sent, before=before, strategy=Strategy.OVERLAY)
    assert [f.code for f in proof.findings] == ["proof-kept-missing"]
    assert proof.kept == {"missing": 1}


def contacts(folder: Path, *names: str) -> bytes:
    """An AddressBook.sqlitedb with these people."""
    path = folder / f"{'-'.join(names)}.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE ABPerson (ROWID INTEGER PRIMARY KEY, First TEXT)")
        made.executemany("INSERT INTO ABPerson (First) VALUES (?)", [(name,) for name in names])
    made.close()
    return path.read_bytes()


def test_the_right_number_of_wrong_contacts_is_not_proven(prove: Callable[..., Proof], tmp_path: Path) -> None:
    """A phone in use that discarded the sent contacts and kept its own: more rows, none of them right."""
    place = ("HomeDomain", "Library/AddressBook/AddressBook.sqlitedb")
    proof = prove({place: contacts(tmp_path, "Mum")}, {place: contacts(tmp_path, "Stranger", "Other")})
    assert proof.verdict == "pending: 1 there, not compared"
    assert [finding.code for finding in proof.findings] == ["proof-present"]
