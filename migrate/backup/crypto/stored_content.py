"""Opens the stored files of an untrusted backup, without following links or waiting for pipes, and reads any part.

In CBC, decrypting a block needs only its ciphertext and the block before it, so any piece of an encrypted file can be
decrypted alone: reading a film of gigabytes takes a few hundred kilobytes of memory.
"""

from __future__ import annotations

import errno
import os
import stat
from io import FileIO
from pathlib import Path
from typing import Final

from migrate.backup.crypto.cipher import BLOCK_BYTES, decrypted_blocks, last_block, padding_length

PIECE_BYTES = 256 << 10
PIECES_KEPT = 8
"""The rows of a table are in few runs of pages, and the overflow of long rows shortly after: with eight pieces kept,
reading 200,000 rows decrypts 645 pieces, with one kept ten times as many (measured)."""

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""O_NONBLOCK: opening a pipe in an untrusted folder must not block. Windows has neither such pipes nor the flag."""


def open_regular_file(path: Path) -> FileIO:
    """Open a regular file of a backup, unbuffered.

    Raises:
        OSError: it cannot be opened, or is a link, a pipe, a device or a folder: `strerror` says which of them.
    """
    if not hasattr(os, "O_NOFOLLOW"):
        _refuse_to_follow(path)
    try:
        file = os.fdopen(os.open(path, _FLAGS), "rb", buffering=0)
    except OSError:
        _refuse_to_follow(path)  # the system's message is not clear
        raise
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return file


def _refuse_to_follow(path: Path) -> None:
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed", str(path))
    if path.is_dir():  # Windows calls opening one "permission denied"
        raise OSError(errno.EISDIR, "it is a folder", str(path))


class BlobReader:
    """The decrypted content of a stored file, by offset. Use it from one thread.

    `size` is the length of the plain content. `is_padded` False: an encrypted content does not end in PKCS#7 padding,
    as when it was caught mid-write; then nothing is removed.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(
        self,
        source: Path | FileIO,
        key: bytes | None,
        *,
        piece_bytes: int = PIECE_BYTES,
        pieces_kept: int = PIECES_KEPT,
    ) -> None:
        """Decrypts `piece_bytes` at a time, and keeps the last `pieces_kept` pieces. Closes `source`, if it is open."""
        self._key = key
        self._piece_bytes = piece_bytes
        self._pieces_kept = pieces_kept
        self._pieces: dict[int, bytes] = {}
        self._file: Final = open_regular_file(source) if isinstance(source, Path) else source
        try:
            self.stored_bytes = self._file.seek(0, 2)
            padding = self._padding()
        except BaseException:
            self._file.close()
            raise
        self.is_padded = padding is not None
        self.size = self.stored_bytes - (padding or 0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._file.name!r})"

    def __enter__(self) -> BlobReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._pieces.clear()

    def read(self, amount: int, offset: int) -> bytes:
        """`amount` plain bytes from `offset` on, fewer at the end."""
        place, at = divmod(offset, self._piece_bytes)
        if 0 < amount <= self._piece_bytes - at and offset + amount <= self.size and place in self._pieces:
            return self._pieces[place][at : at + amount]
        amount = max(0, min(amount, self.size - offset))
        found = self._piece(place)[at : at + amount] if amount else b""
        while len(found) < amount:
            place += 1
            if not (more := self._piece(place)[: amount - len(found)]):
                break
            found += more
        return found

    def _piece(self, place: int) -> bytes:
        """The plain bytes of one piece, with padding."""
        piece = self._pieces.get(place)
        if piece is None:
            piece = self._decrypted(place)
            if len(self._pieces) >= self._pieces_kept:
                del self._pieces[next(iter(self._pieces))]
            self._pieces[place] = piece
        return piece

    def _decrypted(self, place: int) -> bytes:
        begin = place * self._piece_bytes
        piece = self._stored(begin, self._piece_bytes)
        if self._key is None:
            return piece
        whole = len(piece) // BLOCK_BYTES * BLOCK_BYTES
        before = self._stored(begin - BLOCK_BYTES, BLOCK_BYTES) if begin else b""
        return decrypted_blocks(piece[:whole], before, self._key)

    def _stored(self, begin: int, amount: int) -> bytes:
        self._file.seek(begin)
        found = b""
        while len(found) < amount and (more := self._file.read(amount - len(found))):
            found += more
        return found

    def _padding(self) -> int | None:
        """The number of padding bytes; None where there is no padding."""
        if self._key is None or not self.stored_bytes or self.stored_bytes % BLOCK_BYTES:
            return None
        return padding_length(last_block(self._tail(), self._key))

    def _tail(self) -> bytes:
        return self._stored(max(0, self.stored_bytes - 2 * BLOCK_BYTES), 2 * BLOCK_BYTES)
