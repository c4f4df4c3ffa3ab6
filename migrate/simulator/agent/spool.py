"""Storage for the contents of restored files.

contents   small files in memory, large ones in a private folder on this computer
digests    only SHA-256 and size: enough to verify the files, without storing them
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from migrate.simulator.device.filesystem import EMPTY, Bytes, Content, DigestOnly, OnDisk

IN_MEMORY_BYTES = 256 << 10

Keeps = Literal["contents", "digests"]


class Spool:
    """Stores contents in a temporary folder, which is created on first use and removed with this object."""

    def __init__(self, keeps: Keeps = "contents") -> None:
        self._keeps = keeps
        self._folder: Path | None = None
        self._count = 0
        self._contents: list[Content] = []

    def keep(self, chunks: Iterator[bytes]) -> Content:
        """Stores all of `chunks` and returns it as content, or as a DigestOnly if only digests are kept."""
        if self._keeps == "digests":
            return _digested(chunks)
        head = bytearray()
        for chunk in chunks:
            head += chunk
            if len(head) > IN_MEMORY_BYTES:
                return self._write(head, chunks)
        return Bytes(bytes(head)) if head else EMPTY

    def reference(self, content: Content) -> bytes:
        """A few bytes that `content` maps back to the same content; b"" for EMPTY."""
        if isinstance(content, DigestOnly):
            return content.size.to_bytes(8, "big") + content.sha256 + content.stored_sha256
        if content is EMPTY:
            return b""
        self._contents.append(content)
        return (len(self._contents) - 1).to_bytes(8, "big")

    def content(self, reference: bytes) -> Content:
        if not reference:
            return EMPTY
        if len(reference) > 8:
            return DigestOnly(reference[8:40], int.from_bytes(reference[:8], "big"), reference[40:])
        return self._contents[int.from_bytes(reference, "big")]

    def _write(self, head: bytearray, rest: Iterator[bytes]) -> OnDisk:
        self._count += 1
        path = self._make_folder() / str(self._count)
        with path.open("wb") as file:
            file.write(head)
            for chunk in rest:
                file.write(chunk)
        return OnDisk(path)

    def _make_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="simulator-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


def _digested(chunks: Iterator[bytes]) -> Content:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return DigestOnly(digest.digest(), size) if size else EMPTY
