"""Contents go in and come out whole, whatever their length and however they are cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from migrate.backup.crypto.cipher import (
    TruncatedCiphertext,
    decrypted_chunks,
    encrypted_chunks,
    encrypted_size,
    padding_length,
)

KEY = bytes(range(32))


def cut(data: bytes, step: int) -> Iterator[bytes]:
    yield b""
    for at in range(0, len(data), step):
        yield data[at : at + step]


@given(st.binary(max_size=200), st.integers(1, 50), st.integers(1, 50))
def test_what_was_encrypted_in_any_chunks_decrypts_in_any_other(content: bytes, one: int, other: int) -> None:
    stored = b"".join(encrypted_chunks(cut(content, one), KEY))
    assert len(stored) == encrypted_size(len(content))
    assert b"".join(decrypted_chunks(cut(stored, other), KEY)) == content
    padded = Cipher(AES(KEY), CBC(bytes(16))).decryptor().update(stored)
    assert padded[-1] == 16 - len(content) % 16


@pytest.mark.peer
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096])
def test_another_program_decrypts_it_too(size: int) -> None:
    utils = pytest.importorskip("iphone_backup_decrypt.utils")
    content = bytes(size)
    stored = b"".join(encrypted_chunks([content], KEY))
    assert utils.remove_cbc_padding(utils.aes_decrypt_cbc(data=stored, key=KEY)) == content


def test_a_file_caught_mid_write_is_decrypted_whole_and_reported() -> None:
    content = b"row " * 8  # two blocks of data, no padding: encrypt with padding and take the padding's block away
    stored = b"".join(encrypted_chunks([content], KEY))[:-16]
    told: list[bool] = []
    assert b"".join(decrypted_chunks([stored], KEY, lambda: told.append(True))) == content
    assert told == [True]
    assert b"".join(decrypted_chunks(cut(stored, 1), KEY)) == content


def test_no_bytes_are_an_empty_content() -> None:
    told: list[bool] = []
    assert list(decrypted_chunks([], KEY, lambda: told.append(True))) == []
    assert not told


@pytest.mark.parametrize("cut_off", [1, 8, 15])
def test_a_torn_end_is_reported_after_all_whole_blocks(cut_off: int) -> None:
    content = bytes(range(64))
    stored = b"".join(encrypted_chunks([content], KEY))
    got = bytearray()
    with pytest.raises(TruncatedCiphertext):
        for chunk in decrypted_chunks(cut(stored[:-cut_off], 7), KEY):
            got += chunk
    assert got == content


@pytest.mark.parametrize(
    ("tail", "length"),
    [
        (b"a" * 15 + b"\x01", 1),
        (b"\x10" * 16, 16),
        (b"a" * 14 + b"\x02\x02", 2),
        (b"a" * 14 + b"\x01\x02", None),
        (b"a" * 15 + b"\x00", None),
        (b"\x11" * 32, None),
        (b"\x02", None),
        (b"", None),
    ],
)
def test_only_valid_padding_is_removed(tail: bytes, length: int | None) -> None:
    assert padding_length(tail) == length
