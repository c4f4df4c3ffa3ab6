"""The rows of all chats, kept in scratch files and given back chat by chat in the order of time.

Items come ordered by id. The rows go into one file, and what they are sorted and found by into a database: SQLite sorts
a million of them in a few seconds and in as much memory as its cache.
"""

from __future__ import annotations

import marshal
import sqlite3
import tempfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from math import floor
from pathlib import Path
from typing import Self

from migrate.content.open_database import keep_temporary_files_in
from migrate.export.chats.entry import ChatInfo, Entry
from migrate.export.names import local_time

_AT_ONCE = 200
_CACHE_KIB = 2048
_BUFFER_BYTES = 64 << 10
UNDATED = 0
_FIRST_YEAR, _LAST_YEAR = 1971, 2200


class Scratch:
    """Rows are added first, and read afterwards. It is removed at the end of the `with` block."""

    def __init__(self, tmp: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=tmp, prefix="chats-")
        self._connection = sqlite3.connect(Path(self._folder.name) / "rows.sqlite", isolation_level=None)
        keep_temporary_files_in(self._connection, tmp)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {setting}")
        columns = "chat INTEGER, year INTEGER, at REAL, id TEXT, place INTEGER, size INTEGER"
        self._connection.execute(f"CREATE TABLE rows ({columns})")
        self._connection.execute(
            "CREATE TABLE reactions (chat INTEGER, about TEXT, at REAL, place INTEGER, size INTEGER)"
        )
        self._connection.execute("BEGIN")
        entries = Path(self._folder.name) / "entries"
        self._entries = entries.open("wb", buffering=_BUFFER_BYTES)
        self._stored = entries.open("rb", buffering=0)  # read here and there: a buffer would be filled for each row
        self._end = 0
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
        self._entries.close()
        self._stored.close()
        self._folder.cleanup()

    def add_chat(self, info: ChatInfo) -> int:
        """The number of a chat."""
        number = self._numbers.get(info.key)
        if number is None:
            number = self._numbers[info.key] = len(self.chats)
            self.chats.append(info)
        return number

    def add(self, chat: int, entry: Entry) -> None:
        identity, when, *_others, more = entry
        stored = marshal.dumps((*entry,))  # type: ignore[arg-type]  # plain values only
        year = UNDATED
        if when is not None:
            year = _FIRST_YEAR - 1 + bisect_right(_new_years(), when)
            if when > self.last.get(chat, 0):
                self.last[chat] = when
        self.years[chat, year] += 1
        place, size = self._end, len(stored)
        self._entries.write(stored)
        self._end = place + size
        waiting = self._waiting
        waiting.append((chat, year, when, identity, place, size))
        if len(waiting) >= _AT_ONCE:
            self._flush()
        if more is not None and ("reply" in more or "about" in more):
            self._refers = True
            if "about" in more:
                self._reactions = True
                values = (chat, more["about"], when, place, size)
                self._connection.execute("INSERT INTO reactions VALUES (?, ?, ?, ?, ?)", values)

    def _flush(self) -> None:
        self._connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def ready(self) -> None:
        """All rows have been added."""
        self._flush()
        self._entries.flush()
        self._connection.execute("COMMIT")
        if self._refers:
            self._connection.execute("CREATE INDEX by_id ON rows (id, chat)")
        if self._reactions:
            self._connection.execute("CREATE INDEX by_message ON reactions (about, chat)")

    def rows(self) -> Iterator[tuple[int, int, int, Entry, bool]]:
        """Every row in the order of chats, years and time: chat, year, the row's number, and whether reactions are
        about it. Undated rows come last."""
        reacted = "0"
        if self._reactions:
            reacted = "EXISTS (SELECT 1 FROM reactions r WHERE r.about = rows.id AND r.chat = rows.chat)"
        found = self._connection.execute(
            f"SELECT chat, year, rowid, place, size, {reacted} FROM rows"  # noqa: S608  our own names
            " ORDER BY chat, year = 0, year, at, rowid"
        )
        entry = self._entry
        for chat, year, number, place, size, has_reactions in found:
            yield chat, year, number, entry(place, size), has_reactions == 1

    def _entry(self, place: int, size: int) -> Entry:
        self._stored.seek(place)
        return Entry(*marshal.loads(self._stored.read(size)))  # noqa: S302  written by this process

    def find(self, chat: int, identity: str) -> Entry | None:
        """A message of a chat by its id."""
        query = "SELECT place, size FROM rows WHERE id = ? AND chat = ? LIMIT 1"
        row = self._connection.execute(query, (identity, chat)).fetchone()
        return None if row is None else self._entry(*row)

    def reactions(self, chat: int, identity: str) -> list[Entry]:
        """The reactions to a message, the oldest first."""
        query = "SELECT place, size FROM reactions WHERE about = ? AND chat = ? ORDER BY at, rowid"
        return [self._entry(*row) for row in self._connection.execute(query, (identity, chat)).fetchall()]


@cache
def _new_years() -> list[float]:
    """When the years began where this computer is."""
    return [datetime(year, 1, 1).timestamp() for year in range(_FIRST_YEAR, _LAST_YEAR)]


class LocalClock:
    """Local times of instants, a million of them: the offset is looked up once for each day."""

    def __init__(self) -> None:
        self._offsets: dict[int, tuple[int, str] | None] = {}
        """Day since 1970 (UTC) -> seconds and ISO 8601; None if the offset changes on that day."""
        self._dates: dict[int, str] = {}

    def at(self, when: float) -> tuple[str, str, str]:
        """The day (`2024-05-03`), the time (`14:07`), and both with seconds and the offset (ISO 8601)."""
        second = floor(when)
        day = second // _DAY_S
        try:
            offset = self._offsets[day]
        except KeyError:
            if len(self._offsets) >= _MOST_DAYS:
                self._offsets.clear()
                self._dates.clear()
            offset = self._offsets[day] = _offset_of(day)
        if offset is None:
            moment = local_time(second)
            if moment is None:
                return "", "", ""
            return f"{moment:%Y-%m-%d}", f"{moment:%H:%M}", moment.isoformat(timespec="seconds")
        local_day, rest = divmod(second + offset[0], _DAY_S)
        date_text = self._dates.get(local_day)
        if date_text is None:
            date_text = self._dates[local_day] = date.fromordinal(_EPOCH + local_day).isoformat()
        clock = _CLOCKS[rest // 60]
        return date_text, clock, f"{date_text}T{clock}:{rest % 60:02d}{offset[1]}"


_DAY_S = 86_400
_MOST_DAYS = 20_000
"""A stranger's database may have dates of all centuries."""
_EPOCH = date(1970, 1, 1).toordinal()
_CLOCKS = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)]


def _offset_of(day: int) -> tuple[int, str] | None:
    """The offset from UTC on a day; None if it is not the same all day, or not known."""
    first, last = local_time(day * _DAY_S), local_time((day + 1) * _DAY_S)
    if first is None or last is None or first.utcoffset() != last.utcoffset():
        return None
    offset = first.utcoffset()
    text = first.isoformat(timespec="seconds")[19:]
    return None if offset is None else (round(offset.total_seconds()), text)
