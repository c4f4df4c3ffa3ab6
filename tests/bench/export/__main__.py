"""Run the benchmarks of `migrate export`: `python -m tests.bench.export [--messages N] [--rounds N] [--peer PATH]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.bench.export import chats


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.export", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000, help="for the peak of memory; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path, help="wtsexporter of whatsapp-chat-exporter, in a venv of its own")
    asked = parser.parse_args()
    chats.run(messages=asked.messages, many=asked.many, rounds=asked.rounds, peer=asked.peer and asked.peer.resolve())


if __name__ == "__main__":
    main()
