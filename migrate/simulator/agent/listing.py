"""Info, List, Extract and Unback: descriptions of a backup on the host, and files extracted from it (facts 2.6).

The tables have the real columns (CONFIRMED(dec)); their spacing is *guessed*. Unback is broken on many iOS versions;
here it works as intended.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from migrate.backup.crypto.cipher import TruncatedCiphertext, decrypted_chunks
from migrate.backup.crypto.keybag import ClassKeys
from migrate.backup.record import Kind
from migrate.problems import KeyUnusable
from migrate.simulator.agent.host_backup import FetchedBackup, HostManifest, blob_path, fetch_backup
from migrate.simulator.agent.host_folder import FileUpload, HostFolder, batches
from migrate.simulator.agent.rows.host_rows import HostRow
from migrate.simulator.agent.rules import check_rows
from migrate.simulator.agent.spool import Spool
from migrate.simulator.agent.status_plist import LIMIT_BYTES as STATUS_LIMIT_BYTES
from migrate.simulator.agent.status_plist import read_status
from migrate.simulator.device.filesystem import Content
from migrate.wire.backup2 import Extract, InfoOrList, MBError, MBErrorCode, Unback, wrap_read_error, wrap_write_error

COLUMNS = (
    "ID",
    "Digest",
    "Mode",
    "Inode",
    "UID",
    "GID",
    "Last modified",
    "Last status change",
    "Birth",
    "Size",
    "Class",
    "Domain",
    "Relative path",
    "Target",
    "Extended attributes",
)


def describe_backup(host: HostFolder, request: InfoOrList) -> str:
    """The text of the answer to `Info` or `List`. Raises MBError."""
    with _opened(host, request.folder, request.password) as (backup, manifest):
        if request.command == "List":
            return _list_text(manifest)
        try:
            status = read_status(host.read(f"{request.folder}/Status.plist", STATUS_LIMIT_BYTES))
        except MBError as error:
            raise wrap_read_error("Error reading status", error) from error
        state = f"Backup state: {status.backup_state}\nSnapshot state: {status.snapshot_state}\nUUID: {status.uuid}\n"
        return state + _properties_text(backup) + _domains_text(manifest)


def extract(host: HostFolder, request: Extract) -> None:
    """Writes one file's plaintext to the top of the host's folder, under its base name. Raises MBError."""
    with _opened(host, request.folder, request.password) as (_, manifest):
        in_domain, file = False, None
        for record in manifest.rows:
            in_domain = in_domain or record.domain == request.domain
            where = (record.domain, record.relative_path)
            if where == (request.domain, request.relative_path) and record.kind is Kind.FILE:
                file = record
                break
        if not in_domain:
            raise MBError(MBErrorCode.NOT_FOUND, "Domain not found", request.domain)
        if file is None:
            raise MBError(MBErrorCode.NOT_FOUND, "File not found in manifest", request.relative_path)
        _send_plaintext(host, request.folder, {file: request.relative_path.rpartition("/")[2]}, manifest.class_keys)


def unback(host: HostFolder, request: Unback) -> None:
    """Writes every file of the backup to `_unback_/<folder>/<domain>/`. Raises MBError."""
    with _opened(host, request.folder, request.password) as (backup, manifest):
        check_rows(manifest.rows, backup.properties)
        root = f"_unback_/{request.folder}"
        for path in ("_unback_", root):
            host.make_directory(path)

        def place_of(record: HostRow) -> str:
            return f"{root}/{record.domain}/{record.relative_path}".rstrip("/")

        for record in manifest.rows.by_path():
            if record.kind is Kind.DIRECTORY:
                host.make_directory(place_of(record))
        for batch in batches(record for record in manifest.rows.by_path() if record.kind is Kind.FILE):
            _send_plaintext(host, request.folder, {record: place_of(record) for record in batch}, manifest.class_keys)


@contextmanager
def _opened(host: HostFolder, folder: str, password: str | None) -> Iterator[tuple[FetchedBackup, HostManifest]]:
    """Opens the backup. Raises MBError as the host sees it: PASSWORD for a wrong or missing password."""
    try:
        with fetch_backup(host, folder) as backup:
            opened = backup, backup.open(password)
    except MBError as error:
        if error.code in (MBErrorCode.PASSWORD, MBErrorCode.CORRUPT, MBErrorCode.OTHER, MBErrorCode.INCOMPATIBLE):
            raise
        raise wrap_read_error("Error reading manifest", error) from error
    yield opened


def _send_plaintext(host: HostFolder, folder: str, places: Mapping[HostRow, str], class_keys: ClassKeys | None) -> None:
    """Downloads stored files, decrypts them, and sends the plaintext to the given paths on the host."""
    spool, found = Spool(), dict[str, Content]()
    records = {blob_path(folder, record.file_id.hex()): record for record in places}

    def consume(path: str, chunks: Iterator[bytes]) -> None:
        record = records[path]
        try:
            if class_keys is not None and record.encryption_key is not None:
                chunks = decrypted_chunks(chunks, class_keys.unwrap(record.encryption_key))
            found[path] = spool.keep(chunks)
        except TruncatedCiphertext:
            raise MBError(MBErrorCode.INVALID_DATA, "File is cut short", record.relative_path) from None
        except KeyUnusable as error:
            raise MBError(MBErrorCode.INVALID_DATA, f"Invalid key ({error.reason})", record.relative_path) from None

    for path, problem in host.download(list(records), consume).items():
        raise wrap_read_error("Error downloading file", problem, records[path].relative_path)
    files = [
        FileUpload(places[record], f"/.ba/{places[record]}", found[path].size, found[path].chunks)
        for path, record in records.items()
    ]
    try:
        host.upload(files)
    except MBError as error:
        raise wrap_write_error("Error uploading files", error) from error


def _list_text(manifest: HostManifest) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    text.write(", ".join(COLUMNS) + "\n")
    for record in map(HostRow.record, manifest.rows.by_path()):
        writer.writerow(
            (
                record.file_id,
                record.digest.hex() if record.digest else "",
                f"{record.mode:o}",
                record.inode,
                record.user_id,
                record.group_id,
                *(_time_text(moment) for moment in (record.modified, record.changed, record.born)),
                record.size or 0,
                record.protection_class,
                record.domain,
                record.relative_path,
                record.target or "",
                len(record.extended_attributes or b""),
            )
        )
    return text.getvalue()


def _properties_text(backup: FetchedBackup) -> str:
    lockdown = backup.properties.lockdown
    lines = [f"Encrypted: {'yes' if backup.properties.is_encrypted else 'no'}"]
    lines += [f"{key}: {lockdown[key]}" for key in ("DeviceName", "ProductType", "ProductVersion") if key in lockdown]
    return "\n".join(lines) + "\n"


def _domains_text(manifest: HostManifest) -> str:
    counts, sizes = Counter[str](), Counter[str]()
    for record in manifest.rows:
        counts[record.domain] += 1
        sizes[record.domain] += record.size or 0
    rows = [f"{counts[domain]:>6} {sizes[domain]:>10} {domain}" for domain in sorted(counts)]
    return "\n".join([" Count   Size (B) Domain name", *rows]) + "\n"


def _time_text(unix_seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return str(unix_seconds)
