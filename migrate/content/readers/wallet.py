"""Wallet: passes, tickets and store cards, with the files of their folders. Payment cards never move and are not items.

Library/Passes/passes23.sqlite                     the rows; the number may differ between iOS versions (*guessed*)
Library/Passes/Cards/<unique_id>.pkpass/pass.json  the pass itself, with its pictures beside it
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.backup.record import Record
from migrate.content.item import FileRef, Fingerprint, Item, fingerprint_id
from migrate.content.kind import Kind
from migrate.content.normal_form import from_cocoa, text
from migrate.content.open_database import Columns, Table
from migrate.content.ordering import ordered
from migrate.content.readers.common import as_text, from_first_place, needed_table
from migrate.content.sentence import shortened
from migrate.content.source import Place, Source
from migrate.language import _, mark

STORES = (
    Place("HomeDomain", ("Library/Passes/passes23.sqlite",)),
    Place("HomeDomain", ("Library/Passes/passes*.sqlite",)),
)
FOLDERS = Place("HomeDomain", ("Library/Passes/Cards/*.pkpass/**",))
_FOLDER = "Library/Passes/Cards/"
_CONTENT_FILE = "pass.json"
_PAYMENT_TYPE = "paymentpass."
"""What the type of a payment or transit card begins with (general knowledge: `paymentpass.com.apple`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPass(Item):
    """A pass. Its files are its content."""

    organization: str | None
    description: str | None

    def fingerprint(self) -> Fingerprint:
        return {"organization": text(self.organization), "description": text(self.description)}

    def describe(self) -> str:
        name = shortened(self.organization or self.description or "") or _("without a name")
        return _("the Wallet pass {name}").format(name=name)


def passes(source: Source) -> Iterator[Item]:
    """All passes except payment cards, ordered by id."""
    files: defaultdict[str, list[FileRef]] = defaultdict(list)
    for record in source.files(FOLDERS):
        folder = record.relative_path.removeprefix(_FOLDER).split("/", 1)[0]
        files[folder.removesuffix(".pkpass")].append(FileRef(record.domain, record.relative_path))

    def read(record: Record) -> Iterator[WalletPass]:
        return _passes_of(source, record, files)

    return ordered(from_first_place(source, STORES, read), source.tmp)


def _passes_of(source: Source, record: Record, files: Mapping[str, list[FileRef]]) -> Iterator[WalletPass]:
    with source.database(record) as database:
        table = needed_table(database, "pass")
        columns = Columns(
            table,
            "p",
            unique_id=("unique_id",),
            serial=("serial_number",),
            organization=("organization_name",),
            description=("localized_description",),
            added=("ingested_date",),
            modified=("modified_date",),
            account=("primary_account_suffix",),
        )
        types = database.table("pass_type")
        join = _type_join(table, types)
        kind = "t.identifier" if join else "NULL"
        kept = " WHERE p.delete_pending IS NOT 1" if table.has("delete_pending") else ""
        query = f"SELECT {columns.sql}, {kind} FROM {table.sql} p NOT INDEXED{join}{kept}"  # noqa: S608  the schema's names, quoted
        lacking = columns.lacking & {"organization", "description"}
        for unique_id, serial, organization, description, added, modified, account, type_name in database.rows(query):
            identifier = as_text(type_name)
            if (identifier or "").startswith(_PAYMENT_TYPE) or account:
                continue
            folder = tuple(files.get(as_text(unique_id) or "", ()))
            is_whole = any(file.relative_path.endswith(f".pkpass/{_CONTENT_FILE}") for file in folder)
            fields = (text(as_text(organization)), text(as_text(description)), from_cocoa(added))
            number = as_text(serial) or (str(serial) if isinstance(serial, int) else None)
            by_serial = f"{identifier} {number}" if identifier and number else None
            yield WalletPass(
                id=by_serial or as_text(unique_id) or fingerprint_id(fields),
                when=from_cocoa(added),
                modified=from_cocoa(modified),
                organization=as_text(organization),
                description=as_text(description),
                files=folder,
                absent=0 if is_whole else 1,
                lacking=lacking,
            )


def _type_join(table: Table, types: Table | None) -> str:
    if types is None or not types.has("pid", "identifier") or not table.has("pass_type_pid"):
        return ""
    return f" LEFT JOIN {types.sql} t ON t.pid = p.pass_type_pid"


PASSES = Kind(
    id="wallet",
    owner="wallet",
    label=mark("passes"),
    places=STORES,
    beside=(FOLDERS,),
    items=passes,
)
