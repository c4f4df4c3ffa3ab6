"""How a backup encrypts contents: AES-256-CBC from an initial vector of zeros, PKCS#7 padding, one key a file.

Source: facts 3.5. Everything streams: a chunk goes in, a chunk comes out, whatever the file's length.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK_BYTES = 16
KEY_BYTES = 32


PLAIN_SPARE_BYTES = 2 * BLOCK_BYTES
"""One block that is held back, and one that the cipher needs beyond its input."""


class TruncatedCiphertext(Exception):
    """The stored bytes are not a whole number of blocks, so something was cut off. Callers add the file's name."""


def encrypted_size(plain_size: int) -> int:
    """The stored length of `plain_size` bytes. Padding is always added: a full block at multiples of 16."""
    return (plain_size // BLOCK_BYTES + 1) * BLOCK_BYTES


def padding_for(size: int) -> bytes:
    """The PKCS#7 padding after `size` bytes: 1 to 16 bytes."""
    missing = BLOCK_BYTES - size % BLOCK_BYTES
    return bytes([missing]) * missing


def padding_length(tail: bytes) -> int | None:
    """The number of PKCS#7 padding bytes at the end of `tail` (at least the last block); None where there is no
    padding."""
    count = tail[-1] if tail else 0
    if not 1 <= count <= min(BLOCK_BYTES, len(tail)) or tail[-count:] != tail[-1:] * count:
        return None
    return count


def last_block(tail: bytes, key: bytes) -> bytes:
    """The last 16 bytes of plaintext with padding, from the last two blocks of ciphertext (or the only one): in CBC,
    decrypting a block needs just the one before it."""
    before, block = tail[-2 * BLOCK_BYTES : -BLOCK_BYTES], tail[-BLOCK_BYTES:]
    return decrypted_blocks(block, before, key)


def decrypted_blocks(blocks: bytes, before: bytes, key: bytes) -> bytes:
    """Whole blocks of plaintext from the middle of a content, with padding. `before` is the block of ciphertext in
    front of them, empty at the beginning."""
    if len(blocks) % BLOCK_BYTES:
        raise ValueError(f"{len(blocks)} bytes are no whole blocks")
    return _cipher(key, before or bytes(BLOCK_BYTES)).decryptor().update(blocks)  # nothing is left to finalize


def encrypted_chunks(chunks: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Ciphertext of `chunks`, padded. Chunks may have any length; an empty content becomes one block."""
    encryptor = _cipher(key).encryptor()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if out := encryptor.update(chunk):
            yield out
    yield encryptor.update(padding_for(size)) + encryptor.finalize()


def decrypted_chunks(
    chunks: Iterable[bytes], key: bytes, on_unpadded: Callable[[], None] | None = None
) -> Iterator[bytes]:
    """Plaintext of `chunks`, without padding.

    A file caught while an app wrote to it ends in data, not padding (*read*: ios-backup-crypt, tailWriter): then all of
    it is returned and `on_unpadded` is called. A wrong key looks the same. No bytes at all are an empty content without
    padding, which phones store too (facts 3.5); then `on_unpadded` is not called.

    Raises:
        TruncatedCiphertext: the length is not a multiple of 16. The whole blocks have been yielded.
    """
    decryptor = _cipher(key).decryptor()
    size, held = 0, b""
    for chunk in chunks:
        size += len(chunk)
        if out := decryptor.update(chunk):  # whole blocks only: `held` is empty or ends in the last block so far
            if held:
                yield held
            held = out
    if size % BLOCK_BYTES:
        if held:
            yield held
        raise TruncatedCiphertext
    padding = padding_length(held[-BLOCK_BYTES:])
    if held and padding is None and on_unpadded is not None:
        on_unpadded()
    if rest := held[: len(held) - (padding or 0)]:
        yield rest


def decrypted_views(
    read_into: Callable[[memoryview], int], key: bytes, stored: bytearray, plain: bytearray
) -> Generator[memoryview, None, bool]:
    """As `decrypted_chunks`, without copying: each piece is a view into `plain`, valid until the next is requested.

    `read_into` fills a buffer and returns the number of bytes, 0 at the end; `stored` is that buffer, and `plain` is
    PLAIN_SPARE_BYTES longer. Returns whether the content ended in padding (or was empty).

    Raises:
        TruncatedCiphertext: as above.
    """
    decryptor = _cipher(key).decryptor()
    source, target = memoryview(stored), memoryview(plain)
    size = held = 0  # `held` bytes in front of `target` are from the piece before: they may be padding
    while count := read_into(source):
        size += count
        end = held + decryptor.update_into(source[:count], target[held:])
        held = min(end, BLOCK_BYTES)
        if end > BLOCK_BYTES:
            yield target[: end - BLOCK_BYTES]
            target[:BLOCK_BYTES] = bytes(target[end - BLOCK_BYTES : end])
    if size % BLOCK_BYTES:
        yield target[:held]
        raise TruncatedCiphertext
    padding = padding_length(bytes(target[:held]))
    if rest := held - (padding or 0):
        yield target[:rest]
    return padding is not None or not size


def _cipher(key: bytes, vector: bytes = bytes(BLOCK_BYTES)) -> Cipher[CBC]:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a content key has {KEY_BYTES} bytes, not {len(key)}")
    return Cipher(AES(key), CBC(vector))
