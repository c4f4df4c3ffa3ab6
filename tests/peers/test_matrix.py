"""The matrix of peers: a few states in every run of the tests, all states and all versions as soak.

`python -m tests.peers` prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.device.versions import TESTED
from tests.peers.lives import BOTH, live
from tests.peers.states import STATES, State, answer_in
from tests.peers.workbench import PeerMissing, command_of


def with_all(peer: str) -> None:
    try:
        command_of("idevicebackup2" if peer == BOTH[0] else peer)
    except PeerMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("peer", BOTH)
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, id=f"{state.asks} {state}", marks=() if state.is_fast else pytest.mark.soak)
        for state in STATES
    ],
)
def test_a_peer_prints_its_word_for_what_a_real_phone_answers(peer: str, state: State, tmp_path: Path) -> None:
    with_all(peer)
    answer = answer_in(state, peer, tmp_path)
    assert answer.agrees, f"{state.says}; {peer} printed\n{answer.printed}"


@pytest.mark.soak
@pytest.mark.parametrize("peer", BOTH)
@pytest.mark.parametrize("ios_version", TESTED)
def test_a_backups_whole_life_on_each_version(
    bench: Callable[..., Any], peer: str, ios_version: str, tmp_path: Path
) -> None:
    with_all(peer)
    assert [seen for seen in live(peer, ios_version, tmp_path, bench) if seen.problem] == []
