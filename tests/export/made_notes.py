"""Made stores of the Notes app, with everything that may be attached to a note."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from migrate.simulator.contents.note_bodies import NoteRun, styled_body

GROUP = "AppDomainGroup-group.com.apple.notes"
STORE = (GROUP, "NoteStore.sqlite")
ENTITIES = {"ICAttachment": 5, "ICInlineAttachment": 9, "ICMedia": 11, "ICNote": 12, "ICAccount": 14, "ICFolder": 15}
OBJECT = "ZICCLOUDSYNCINGOBJECT"
SCHEMA = f"""
CREATE TABLE Z_PRIMARYKEY (Z_ENT INTEGER PRIMARY KEY, Z_NAME VARCHAR, Z_SUPER INTEGER, Z_MAX INTEGER);
CREATE TABLE ZICNOTEDATA (Z_PK INTEGER PRIMARY KEY, ZNOTE INTEGER, ZCRYPTOINITIALIZATIONVECTOR BLOB,
 ZCRYPTOTAG BLOB, ZDATA BLOB);
CREATE TABLE {OBJECT} (Z_PK INTEGER PRIMARY KEY, Z_ENT INTEGER, ZIDENTIFIER VARCHAR, ZISPASSWORDPROTECTED INTEGER,
 ZMARKEDFORDELETION INTEGER, ZISPINNED INTEGER, ZNEEDSINITIALFETCHFROMCLOUD INTEGER, ZACCOUNTTYPE INTEGER,
 ZACCOUNT7 INTEGER, ZFOLDER INTEGER, ZFOLDERTYPE INTEGER, ZPARENT INTEGER, ZNOTE INTEGER, ZNOTE1 INTEGER,
 ZATTACHMENT1 INTEGER, ZMEDIA INTEGER, ZPARENTATTACHMENT INTEGER, ZCREATIONDATE3 TIMESTAMP,
 ZMODIFICATIONDATE1 TIMESTAMP, ZNAME VARCHAR, ZTITLE VARCHAR, ZTITLE1 VARCHAR, ZTITLE2 VARCHAR, ZTYPEUTI VARCHAR,
 ZTYPEUTI1 VARCHAR, ZURLSTRING VARCHAR, ZALTTEXT VARCHAR, ZTOKENCONTENTIDENTIFIER VARCHAR, ZFILENAME VARCHAR,
 ZGENERATION1 VARCHAR, ZFALLBACKIMAGEGENERATION VARCHAR, ZFALLBACKPDFGENERATION VARCHAR, ZMERGEABLEDATA1 BLOB,
 ZCRYPTOITERATIONCOUNT INTEGER, ZCRYPTOSALT BLOB, ZCRYPTOWRAPPEDKEY BLOB, ZCRYPTOINITIALIZATIONVECTOR BLOB,
 ZCRYPTOTAG BLOB, ZENCRYPTEDVALUESJSON BLOB, ZASSETCRYPTOINITIALIZATIONVECTOR BLOB, ZASSETCRYPTOTAG BLOB,
 ZFALLBACKIMAGECRYPTOINITIALIZATIONVECTOR BLOB, ZFALLBACKIMAGECRYPTOTAG BLOB);
"""
NOTHING = "\ufffc"
JPEG = b"\xff\xd8\xff\xe0 a picture"


@dataclass
class Sealed:
    """A key that a password unwraps, and what it has encrypted."""

    password: str
    salt: bytes = field(default_factory=lambda: os.urandom(16))
    key: bytes = field(default_factory=lambda: os.urandom(16))
    iterations: int = 1000

    @property
    def columns(self) -> dict[str, Any]:
        derived = hashlib.pbkdf2_hmac("sha256", self.password.encode(), self.salt, self.iterations, 16)
        wrapped = aes_key_wrap(derived, self.key)
        return {"ZCRYPTOSALT": self.salt, "ZCRYPTOITERATIONCOUNT": self.iterations, "ZCRYPTOWRAPPEDKEY": wrapped}

    def seal(self, content: bytes) -> tuple[bytes, bytes, bytes]:
        """Initialisation vector, tag, and the encrypted content."""
        iv = os.urandom(16)
        sealed = AESGCM(self.key).encrypt(iv, content, None)
        return iv, sealed[-16:], sealed[:-16]

    def row(self, **values: Any) -> dict[str, Any]:
        """The columns of a locked row that says these values."""
        iv, tag, sealed = self.seal(json.dumps(values).encode())
        said = {"ZCRYPTOINITIALIZATIONVECTOR": iv, "ZCRYPTOTAG": tag, "ZENCRYPTEDVALUESJSON": sealed}
        return {**self.columns, **said}


class MadeNotes:
    """A store that is being written: an account on the phone with a folder, and what is added."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self._database = sqlite3.connect(":memory:")
        self._database.executescript(SCHEMA)
        self._database.executemany(
            "INSERT INTO Z_PRIMARYKEY VALUES (?, ?, 0, 0)", [(number, name) for name, number in ENTITIES.items()]
        )
        self.account = self.add("ICAccount", "LocalAccount", ZNAME="On My iPhone", ZACCOUNTTYPE=3)
        self.folder = self.add("ICFolder", "DefaultFolder-LocalAccount", ZTITLE2="Notes", ZFOLDERTYPE=0)

    def add(self, entity: str, identifier: str, **row: Any) -> int:
        row = {"Z_ENT": ENTITIES[entity], "ZIDENTIFIER": identifier, **row}
        marks = ", ".join("?" * len(row))
        cursor = self._database.execute(
            f"INSERT INTO {OBJECT} ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def note(
        self,
        identifier: str,
        runs: Sequence[NoteRun] | str | bytes,
        *,
        title: str = "A note",
        sealed: Sealed | None = None,
        **row: Any,
    ) -> int:
        """A note of these runs, of this plain text, or with these stored bytes."""
        usual = {"ZTITLE1": title, "ZFOLDER": self.folder, "ZACCOUNT7": self.account, "ZCREATIONDATE3": 7e8}
        usual |= {"ZMODIFICATIONDATE1": 7.1e8, "ZISPASSWORDPROTECTED": int(sealed is not None)}
        key = self.add("ICNote", identifier, **{**usual, **(sealed.columns if sealed else {}), **row})
        if isinstance(runs, bytes):
            stored = runs
        else:
            stored = gzip.compress(styled_body([NoteRun(runs)] if isinstance(runs, str) else runs))
        iv, tag, stored = sealed.seal(stored) if sealed else (None, None, stored)
        self._database.execute(
            "INSERT INTO ZICNOTEDATA (ZNOTE, ZDATA, ZCRYPTOINITIALIZATIONVECTOR, ZCRYPTOTAG) VALUES (?, ?, ?, ?)",
            (key, stored, iv, tag),
        )
        return key

    def attach(self, note: int, identifier: str, kind: str, **row: Any) -> int:
        return self.add("ICAttachment", identifier, ZNOTE=note, ZTYPEUTI=kind, **row)

    def inline(self, note: int, identifier: str, kind: str, **row: Any) -> int:
        whole = f"com.apple.notes.inlinetextattachment.{kind}"
        return self.add("ICInlineAttachment", identifier, ZNOTE1=note, ZTYPEUTI1=whole, **row)

    def medium(self, attachment: int, identifier: str, name: str | None, content: bytes | None, **row: Any) -> None:
        """The file of an attachment; without content it is not on the phone."""
        self.add("ICMedia", identifier, ZATTACHMENT1=attachment, ZFILENAME=name, ZGENERATION1="1_G", **row)
        if content is not None:
            path = f"Accounts/LocalAccount/Media/{identifier}/1_G/{(name or identifier).replace('/', '_')}"
            self.files[GROUP, path] = content

    def backed_up(self) -> dict[tuple[str, str], bytes]:
        """The files of a backup with this store."""
        self._database.commit()
        with closing(self._database) as database:
            return {STORE: database.serialize(), **self.files}


def placed(identifier: str, kind: str = "public.jpeg") -> NoteRun:
    """The place of an attachment in the text."""
    return NoteRun(NOTHING, attachment=(identifier, kind))
