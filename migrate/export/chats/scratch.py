"""The rows of all chats, kept in a scratch database and given back chat by chat in the order of time.

Items come ordered by id. SQLite sorts a million rows in a few seconds and in as much memory as its cache; it also finds
the messages that replies and reactions are about.
"""

from __future__ import annotations

import marshal
import sqlite3
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Self

from migrate.content.open_database import keep_temporary_files_in
from migrate.export.chats.entry import ChatInfo, Entry
from migrate.export.names import local_time

_AT_ONCE = 500
_CACHE_KIB = 8192
UNDATED = 0
_FIRST_YEAR, _LAST_YEAR = 1971, 2200


class Scratch:
    """Rows are added first, and read afterwards. `close` removes it."""

    def __init__(self, tmp: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=tmp, prefix="chats-")
        self._connection = sqlite3.connect(Path(self._folder.name) / "rows.sqlite", isolation_level=None)
        keep_temporary_files_in(self._connection, tmp)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}", "page_size = 16384"):
            self._connection.execute(f"PRAGMA {setting}")
        self._connection.execute("CREATE TABLE rows (chat INTEGER, year INTEGER, at REAL, id TEXT, entry BLOB)")
        self._connection.execute("CREATE TABLE reactions (chat INTEGER, about TEXT, at REAL, entry BLOB)")
        self._connection.execute("BEGIN")
        self._numbers: dict[str, int] = {}
        self._waiting: list[tuple[object, ...]] = []
        self._refers = False
        self._reactions = False
        self.chats: list[ChatInfo] = []
        self.years: Counter[tuple[int, int]] = Counter()
        """Rows by chat and year."""
        self.last: dict[int, float] = {}
        """When the last message of a chat is from."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add_chat(self, info: ChatInfo) -> int:
        """The number of a chat."""
        number = self._numbers.get(info.key)
        if number is None:
            number = self._numbers[info.key] = len(self.chats)
            self.chats.append(info)
        return number

    def add(self, chat: int, entry: Entry) -> None:
        when, more = entry.when, entry.more
        year = UNDATED if when is None else _FIRST_YEAR - 1 + bisect_right(_new_years(), when)
        self.years[chat, year] += 1
        if when is not None and when > self.last.get(chat, 0):
            self.last[chat] = when
        stored = marshal.dumps((*entry,))  # type: ignore[arg-type]  # plain values only
        self._waiting.append((chat, year, when, entry.id, stored))
        if len(self._waiting) >= _AT_ONCE:
            self._flush()
        if more is not None and ("reply" in more or "about" in more):
            self._refers = True
            if "about" in more:
                self._reactions = True
                values = (chat, more["about"], when, stored)
                self._connection.execute("INSERT INTO reactions VALUES (?, ?, ?, ?)", values)

    def _flush(self) -> None:
        self._connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def ready(self) -> None:
        """All rows have been added."""
        self._flush()
        self._connection.execute("COMMIT")
        if self._refers:
            self._connection.execute("CREATE INDEX by_id ON rows (id, chat)")
        if self._reactions:
            self._connection.execute("CREATE INDEX by_message ON reactions (about, chat)")

    def rows(self) -> Iterator[tuple[int, int, int, Entry, bool]]:
        """Every row in the order of chats, years and time: chat, year, the row's number, and whether reactions are
        about it. Undated rows come last."""
        has_reactions = "0"
        if self._reactions:
            has_reactions = "EXISTS (SELECT 1 FROM reactions r WHERE r.about = rows.id AND r.chat = rows.chat)"
        make, loads = Entry._make, marshal.loads
        for chat, year, number, stored, reacted in self._connection.execute(
            f"SELECT chat, year, rowid, entry, {has_reactions} FROM rows"  # noqa: S608  our own names
            " ORDER BY chat, year = 0, year, at, rowid"
        ):
            yield chat, year, number, make(loads(stored)), bool(reacted)

    def find(self, chat: int, identity: str) -> Entry | None:
        """A message of a chat by its id."""
        row = self._connection.execute(
            "SELECT entry FROM rows WHERE id = ? AND chat = ? LIMIT 1", (identity, chat)
        ).fetchone()
        return None if row is None else Entry._make(marshal.loads(row[0]))  # noqa: S302

    def reactions(self, chat: int, identity: str) -> list[Entry]:
        """The reactions to a message, the oldest first."""
        rows = self._connection.execute(
            "SELECT entry FROM reactions WHERE about = ? AND chat = ? ORDER BY at, rowid", (identity, chat)
        )
        return [Entry._make(marshal.loads(row[0])) for row in rows]  # noqa: S302


@cache
def _new_years() -> list[float]:
    """When the years began where this computer is."""
    return [datetime(year, 1, 1).timestamp() for year in range(_FIRST_YEAR, _LAST_YEAR)]


class LocalClock:
    """Local times of instants that come in about their order. The offset changes at most every quarter of an hour."""

    def __init__(self) -> None:
        self._quarter: float | None = None
        self._day = ""
        self._hour = 0
        self._minute = 0
        self._offset = ""

    def at(self, when: float) -> tuple[str, str, str]:
        """The day (`2024-05-03`), the time (`14:07`), and both with seconds and the offset (ISO 8601)."""
        quarter = when // 900
        if quarter != self._quarter:
            moment = local_time(quarter * 900)
            if moment is None:
                return "", "", ""
            self._quarter = quarter
            self._day, self._offset = f"{moment:%Y-%m-%d}", moment.isoformat(timespec="seconds")[19:]
            self._hour, self._minute = moment.hour, moment.minute
        minutes, seconds = divmod(int(when - quarter * 900), 60)
        minutes += self._minute
        clock = f"{self._hour:02d}:{minutes:02d}" if minutes < 60 else f"{self._hour + 1:02d}:{minutes - 60:02d}"
        return self._day, clock, f"{self._day}T{clock}:{seconds:02d}{self._offset}"
