"""Each parser as a function of bytes. It must return a value or raise its declared error, and meet its assertions.

Any other exception (a TypeError, a RecursionError, a MemoryError) is a bug.
"""

from __future__ import annotations

import json
import plistlib
import tempfile
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from functools import cache
from pathlib import Path

from migrate.backup.crypto.keybag import Keybag
from migrate.backup.crypto.stored_content import BlobReader
from migrate.backup.folder import BackupFolder
from migrate.backup.manifest.manifest import Manifest
from migrate.backup.manifest.mbdb import Mbdb, MbdbBroken
from migrate.backup.manifest.open import open_manifest
from migrate.backup.manifest.wal import WalPages
from migrate.backup.mbfile.decode import decode_mbfile, parse_mbfile
from migrate.backup.mbfile.fast_decode import Layouts
from migrate.backup.record import Kind, Record
from migrate.backup.seal import stored_seal
from migrate.backup.verify.databases import find_faults
from migrate.backup.verify.formats import detect_format, extension_mismatch, find_format_fault
from migrate.plists import NotAPlist, encode_plist, load_plist
from migrate.problems import BackupUnreadable, BadRecord, KeybagUnreadable, SealDamaged, WrongPassword
from tests.backup.wal_reference import apply_wal

CORPUS = Path(__file__).parent / "corpus"

CHEAP_ROUNDS = 64
"""A keybag with more rounds is not unlocked here: that would test arithmetic, not parsing."""


def seeds(target: str) -> list[Path]:
    """The corpus of a parser, in a fixed order."""
    return sorted((CORPUS / target).iterdir())


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def on_disk(name: str, data: bytes) -> Path:
    path = Path(_scratch().name) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


# -- the parsers -------------------------------------------------------------------------------------------------------


def mbdb(data: bytes) -> None:
    """Either the list is invalid, or each of its records can be read or is reported as damaged."""
    try:
        found = Mbdb(data)
    except MbdbBroken as error:
        assert str(error)
        return
    assert len(found) <= len(data) // 40
    for one in found:
        try:
            one.record()
        except BadRecord as error:
            assert str(error)


def keybag(data: bytes) -> None:
    """Reading and writing gives the same bytes."""
    try:
        bag = Keybag.from_bytes(data)
    except KeybagUnreadable as error:
        assert str(error)
        return
    assert bag.to_bytes() == data
    try:
        rounds = max(bag.rounds, *(int.from_bytes(value, "big") for tag, value in bag.header if tag == b"ITER"), 0)
        if rounds <= CHEAP_ROUNDS:
            bag.unlock("password")
    except (KeybagUnreadable, WrongPassword) as error:
        assert str(error)


def _read(reader: Callable[..., Record], data: bytes) -> Record | str:
    try:
        return reader(data, file_id="a" * 40, domain="HomeDomain", relative_path="Library/a", kind=Kind.FILE)
    except BadRecord as error:
        return error.reason


def mbfile(data: bytes) -> None:
    """The fast reader and the full one agree, with any layouts the fast one has learned."""
    full = _read(parse_mbfile, data)
    assert _read(decode_mbfile, data) == full
    assert _read(decode_mbfile, data) == full, "after learning its layout"
    learned = Layouts()
    for seed in seeds("mbfile"):
        if not isinstance(_read(parse_mbfile, seed.read_bytes()), str):
            learned.learn(seed.read_bytes())
    values = learned.read(data)
    if values is not None:
        assert isinstance(full, Record)
        assert values == tuple(getattr(full, each.name) for each in fields(Record))[4:]


def plist(data: bytes) -> None:
    """Writing and reading again gives the same value, except for fractions of seconds, which XML lacks."""
    try:
        value = load_plist(data)
    except NotAPlist as error:
        assert error.reason
        return
    assert _rounded(load_plist(encode_plist(value))) == _rounded(value)


def _rounded(value: object) -> object:
    match value:
        case dict():
            return {key: _rounded(inner) for key, inner in value.items()}
        case list():
            return [_rounded(inner) for inner in value]
        case datetime():
            return value.replace(microsecond=0)
        case float():
            return repr(value)  # nan != nan
    return value


def manifest(data: bytes) -> None:
    """A plain Manifest.db with these bytes."""
    on_disk("manifest/Manifest.plist", plistlib.dumps({"IsEncrypted": False}))
    folder = BackupFolder(on_disk("manifest/Manifest.db", data).parent)
    try:
        with open_manifest(folder, None) as opened:
            opened.domains()
            opened.properties()
            list(opened.find_faults())
            rows = sum(1 for _ in opened.records(lambda bad: None))
            assert rows <= opened.count
            _look_up(opened)
    except BackupUnreadable as error:
        assert str(error)


def _look_up(opened: Manifest) -> None:
    try:
        opened.record("HomeDomain", "Library")
    except BadRecord as error:
        assert str(error)


def log(data: bytes) -> None:
    """A database and its log, split where the first byte of `data` says: both ways to merge them agree."""
    at = 1 + int(data[:1].hex() or "0", 16) * 16
    database, log_bytes = data[1:at], data[at:]
    pages = WalPages(BlobReader(on_disk("database", database), None), BlobReader(on_disk("log", log_bytes), None))
    whole = bytes(apply_wal(database, log_bytes))
    assert pages.read(pages.size, 0) == whole
    fault = find_faults(pages)
    assert fault is None or fault


def form(data: bytes) -> None:
    """Content of any format either has a fault with a reason, or none."""
    with BlobReader(on_disk("content", data), None) as content:
        found = detect_format(data[:512])
        fault = find_format_fault(content, found) if found else None
        assert fault is None or fault.reason
    for name in ("a.jpg", "a.plist", "a"):
        assert extension_mismatch(name, data[:512]) != ""


def seal(data: bytes) -> None:
    try:
        found = stored_seal(on_disk("phone.json", data).parent, "phone")
    except SealDamaged as error:
        assert str(error)
        return
    assert found is None or json.dumps(dict(found.digests))


PARSERS: dict[str, Callable[[bytes], None]] = {
    parser.__name__: parser for parser in (mbdb, keybag, mbfile, plist, manifest, log, form, seal)
}
