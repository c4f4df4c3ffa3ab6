"""The parsers of untrusted input get arbitrary bytes. `pytest -m soak tests/fuzz` runs much longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.parsers import CORPUS, PARSERS, seeds
from tests.fuzz.seeding import corpus

SMALL_BYTES = 64 << 10

INTERESTING = (b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\xff\xff", b"\x80", b"\0\0\0\0\0\0\0\1")


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """`data` after a few random changes: bits flipped, bytes cut, doubled, or mixed with another input."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        end = min(len(data), at + chance.choice((1, 2, 4, 8, 40, 512)))
        other = chance.choice(others)
        begin = chance.randrange(len(other) + 1)
        match chance.randrange(7):
            case 0 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
            case 1:
                data = data[:at]
            case 2:
                data = data[:at] + data[end:]
            case 3:
                data = data[:end] + data[at:]
            case 4:
                piece = chance.choice(INTERESTING)
                data = data[:at] + piece + data[at + len(piece) :]
            case 5:
                data = data[:at] + other[begin : begin + end - at] + data[end:]
            case _:
                data = data[:at] + chance.randbytes(end - at) + data[end:]
    return data[:SMALL_BYTES]


@pytest.mark.parametrize("target", PARSERS)
def test_inputs_of_past_failures_are_handled(target: str) -> None:
    for path in seeds(target):
        assert path.stat().st_size <= SMALL_BYTES
        PARSERS[target](path.read_bytes())


def feed(target: str, times: int, chance: random.Random) -> None:
    others = [path.read_bytes() for path in seeds(target)]
    for _ in range(times):
        data = mutated(chance.choice(others), others, chance)
        try:
            PARSERS[target](data)
        except BaseException as error:
            error.add_note(f"{target}: keep {data.hex()}")
            raise


@pytest.mark.parametrize("target", PARSERS)
@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_mutated_input_gives_a_value_or_a_declared_error(target: str, chance: random.Random) -> None:
    feed(target, 12, chance)


@pytest.mark.parametrize("target", PARSERS)
@given(data=st.binary(max_size=300))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_give_a_value_or_a_declared_error(target: str, data: bytes) -> None:
    PARSERS[target](data)


@pytest.mark.soak
@pytest.mark.parametrize("target", PARSERS)
def test_long_run_of_mutated_input(target: str, request: pytest.FixtureRequest) -> None:
    for seed in range(100):
        feed(target, 100, random.Random(seed))


def test_the_corpus_contains_every_generated_seed() -> None:
    for target, inputs in corpus().items():
        assert {path.name for path in seeds(target)} >= set(inputs)
    assert {path.name for path in CORPUS.iterdir() if path.is_dir()} == set(PARSERS)
    assert sum(path.stat().st_size for path in Path(CORPUS).rglob("*") if path.is_file()) < 2 << 20
