"""Runs programs and measures them: wall time, processor time with that of their children, and peak memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_S = 0.02


@dataclass(frozen=True)
class Figures:
    wall_s: float
    cpu_s: float
    """User and system, of the program and the processes it waited for."""
    peak_bytes: int
    """The highest resident memory of the program or of one of its children; 0: this system does not say."""


class ProgramFailed(Exception):
    def __init__(self, command: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"{' '.join(command[:6])} ... ended with {code}: {output[-2_000:]}")


def run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> tuple[Figures, str]:
    """Runs a program to its end. Returns its figures and its standard output.

    Raises:
        ProgramFailed: it ended with another code than 0.
    """
    words = [str(word) for word in command]
    started = time.perf_counter()
    with subprocess.Popen(
        words,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        peaks: list[int] = []
        stop = threading.Event()
        sampler = threading.Thread(target=_sample_peak, args=(process.pid, peaks, stop), daemon=True)
        sampler.start()
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        stop.set()
        sampler.join()
    if process.returncode:
        raise ProgramFailed(words, process.returncode, output)
    return Figures(wall_s, usage.ru_utime + usage.ru_stime, max(peaks, default=0)), output


def _sample_peak(pid: int, peaks: list[int], stop: threading.Event) -> None:
    """Notes the peaks of a process and its children until `stop`. `ru_maxrss` would include the memory of this process,
    which a new one begins with (*seen*, Linux 6)."""
    while not stop.wait(SAMPLE_S):
        for one in (pid, *_children_of(pid)):
            peaks[:] = [max([peak_bytes(one), *peaks])]


def _children_of(pid: int) -> Iterator[int]:
    try:
        yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())
    except OSError:
        return


def peak_bytes(pid: int | str = "self") -> int:
    """The highest resident memory of a process so far. 0: the process is gone, or this system is not Linux."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def forget_peak() -> None:
    """Lets the peak of this process begin anew, where the system can do that (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def cpu_seconds_of(pid: int) -> float:
    """User and system time of a running process of another program. 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
