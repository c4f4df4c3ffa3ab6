"""Core Data stores: SQLite databases with a table of entities. Rows are numbered within their root entity."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping

from migrate.simulator.contents.formats.sqlite_file import Database, Value

BOOKKEEPING = """
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE Z_METADATA (Z_VERSION INTEGER PRIMARY KEY, Z_UUID VARCHAR(255), Z_PLIST BLOB);
CREATE TABLE Z_MODELCACHE (Z_CONTENT BLOB);
"""


class CoreDataStore(Database):
    """A store that is being written.

    `entities` maps a name to its number, or to (number, number of the parent entity). The numbers differ between
    models, so readers look them up in `Z_PRIMARYKEY`. `tables` maps a table to its columns besides Z_PK, Z_ENT and
    Z_OPT.
    """

    def __init__(
        self,
        entities: Mapping[str, int | tuple[int, int]],
        tables: Mapping[str, str],
        *,
        uuid: str,
        more_schema: str = "",
    ) -> None:
        created = [
            f"CREATE TABLE {table} (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, Z_OPT INTEGER, {columns});"
            for table, columns in tables.items()
        ]
        super().__init__("\n".join([*created, BOOKKEEPING, more_schema]))
        self._entities = {
            name: number if isinstance(number, tuple) else (number, 0) for name, number in entities.items()
        }
        self._highest = dict.fromkeys(self._entities, 0)
        about = {
            "NSPersistenceFrameworkVersion": 1338,
            "NSStoreModelVersionHashesVersion": 3,
            "NSStoreType": "SQLite",
            "_NSAutoVacuumLevel": "2",
        }
        self.insert(
            "Z_METADATA",
            {"Z_VERSION": 1, "Z_UUID": uuid, "Z_PLIST": plistlib.dumps(about, fmt=plistlib.FMT_BINARY)},
        )

    def add(self, entity: str, table: str, row: Mapping[str, Value]) -> int:
        """Adds an object of an entity. Returns its Z_PK."""
        number, root = self._entities[entity]
        primary_key = self.insert(table, {"Z_ENT": number, "Z_OPT": 1, **row})
        for name, (other, _) in self._entities.items():
            if other in (number, root):
                self._highest[name] = max(self._highest[name], primary_key)
        return primary_key

    def to_bytes(self) -> bytes:
        self._connection.execute("DELETE FROM Z_PRIMARYKEY")
        self.insert_all(
            "Z_PRIMARYKEY",
            (
                {"Z_ENT": number, "Z_NAME": name, "Z_SUPER": root, "Z_MAX": self._highest[name]}
                for name, (number, root) in self._entities.items()
            ),
        )
        return super().to_bytes()
