"""The matrix of peers: a few states in every test run, all states and iOS versions in the soak.

`python -m tests.peers` prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.simulator.device.versions import TESTED
from tests.peers.lifecycle import PEERS, run_lifecycle
from tests.peers.states import STATES, State, answer_in
from tests.peers.workbench import PeerMissing, command_of


def skip_if_missing(peer: str) -> None:
    try:
        command_of("idevicebackup2" if peer == PEERS[0] else peer)
    except PeerMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, id=f"{state.command} {state}", marks=() if state.is_fast else pytest.mark.soak)
        for state in STATES
    ],
)
def test_a_peer_prints_what_it_prints_for_a_real_phone(peer: str, state: State, tmp_path: Path) -> None:
    skip_if_missing(peer)
    answer = answer_in(state, peer, tmp_path)
    assert answer.agrees, f"{state.real_answer}; {peer} printed\n{answer.printed}"


@pytest.mark.soak
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("ios_version", TESTED)
def test_a_backup_lifecycle_succeeds_on_each_version(
    bench: Callable[..., Any], peer: str, ios_version: str, tmp_path: Path
) -> None:
    skip_if_missing(peer)
    assert [step for step in run_lifecycle(peer, ios_version, tmp_path, bench) if step.problem] == []
