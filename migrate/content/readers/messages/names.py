"""Names for numbers and e-mail addresses, from the address book of the same backup. For sentences and pages."""

from __future__ import annotations

from contextlib import suppress

from migrate.content.normal_form import address
from migrate.content.open_database import Columns, Database
from migrate.content.source import UNREADABLE, Place, Source

ADDRESS_BOOK = Place("HomeDomain", ("Library/AddressBook/AddressBook.sqlitedb",))
_PHONE, _EMAIL = 3, 4
"""ABMultiValue.property (*seen*: iOS 15.3)."""
_MOST = 200_000
_LAST_DIGITS, _FEWEST_DIGITS = 9, 7
"""+49 170 1234567 and 0170 1234567 are one number: their last nine digits are equal."""


class Names:
    """Looks up names. Without an address book, or with a damaged one, it knows none: its own reader reports that."""

    def __init__(self, source: Source) -> None:
        self._names: dict[str, str | None] = {}
        """None: several people have it."""
        for record in source.files(ADDRESS_BOOK):
            with suppress(*UNREADABLE), source.database(record) as database:
                self._read(database)

    def name_of(self, normalised: str) -> str | None:
        """The name for an address (`normal_form.address`)."""
        return self._names.get(normalised) or self._names.get(_ending(normalised))

    def addresses_of(self, part: str) -> frozenset[str]:
        """The addresses of everybody in whose name `part` is, whatever the case."""
        wanted = part.casefold()
        return frozenset(known for known, name in self._names.items() if name is not None and wanted in name.casefold())

    def _read(self, database: Database) -> None:
        people, values = database.table("ABPerson"), database.table("ABMultiValue")
        if people is None or values is None or not values.has("record_id", "property", "value"):
            return
        columns = Columns(people, "p", first=("First",), last=("Last",), organisation=("Organization",))
        for value, first, last, organisation in database.rows(
            f"SELECT v.value, {columns.sql} FROM {values.sql} v NOT INDEXED"  # noqa: S608  the names are quoted
            f" JOIN {people.sql} p ON p.ROWID = v.record_id WHERE v.property IN ({_PHONE}, {_EMAIL}) LIMIT {_MOST}"
        ):
            normalised = address(value)
            name = " ".join(str(part) for part in (first, last) if part) or organisation
            if normalised and name:
                for key in {normalised, _ending(normalised)}:
                    known = self._names.setdefault(key, str(name))
                    if known != str(name):
                        self._names[key] = None


def _ending(normalised: str) -> str:
    if "@" in normalised or len(normalised) < _FEWEST_DIGITS:
        return normalised
    return normalised[-_LAST_DIGITS:]
