"""Convert media of strangers in a separate process.

The libraries that decode HEIC, AMR and video are written in C and read what strangers send. So they run in a child
that has no password in its environment, opens no files but the given one, has limits on pixels, memory and time, and is
killed and replaced when it exceeds them or crashes. One child serves many conversions: starting it takes 0.2 s.

Each request and each answer is a line of JSON, which says how many bytes follow it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from migrate.backup.restore_set.stored_files import clean_environment
from migrate.export.media import worker
from migrate.export.media.limits import DAMAGED, TOO_LARGE, TOO_SLOW, Conversion, Limits, MediaUnreadable

_LONGEST_LINE = 4096
_REASONS = {"too-large": TOO_LARGE, "damaged": DAMAGED}
_DEFAULT = Limits()


class MediaConverter:
    """Converts one file at a time; may be used from several threads. The child starts with the first conversion.

    Use it as a context manager, or `close` it.

    Args:
        memory_bytes: what the child may use in addition to what it has at its start.
    """

    def __init__(self, *, memory_bytes: int = 1 << 30) -> None:
        self._memory_bytes = memory_bytes
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end_child()

    def convert(
        self, to: Conversion, source: bytes | Path, limits: Limits = _DEFAULT, *, longest_side: int | None = None
    ) -> bytes:
        """Convert a file. Blocking.

        Args:
            source: its content, or a file that is not changed meanwhile.
            longest_side: pictures are made smaller until no side has more pixels; None keeps their size.

        Raises:
            MediaUnreadable: it is damaged or exceeds a limit.
            OSError: `source` cannot be read, or no process can be started.
        """
        size = source.stat().st_size if isinstance(source, Path) else len(source)
        if size > limits.source_bytes:
            raise MediaUnreadable(TOO_LARGE)
        asked = {
            "to": to.value,
            "path": str(source.absolute()) if isinstance(source, Path) else None,
            "bytes": 0 if isinstance(source, Path) else size,
            "longest_side": longest_side,
            "pixels": limits.pixels,
            "seconds": limits.seconds,
            "result_bytes": limits.result_bytes,
        }
        content = b"" if isinstance(source, Path) else source
        with self._lock:
            return self._ask(asked, content, limits)

    def _ask(self, asked: dict[str, Any], content: bytes, limits: Limits) -> bytes:
        child = self._running_child()
        late = threading.Event()

        def stop() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(limits.seconds, stop)
        timer.daemon = True
        timer.start()
        is_fine = False
        try:
            answer = _exchange(child, asked, content, limits)
            is_fine = True
        except (OSError, ValueError) as error:  # it ended, or what it says makes no sense
            raise MediaUnreadable(TOO_SLOW if late.is_set() else DAMAGED) from error
        finally:
            timer.cancel()
            if not is_fine or late.is_set():
                self._end_child()
        reason = answer if isinstance(answer, str) else None
        if reason is not None:
            raise MediaUnreadable(_REASONS.get(reason, DAMAGED))
        assert isinstance(answer, bytes)
        return answer

    def _running_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:  # the system may end it for lack of memory
            self._end_child()
        if self._child is None:
            # Isolated (-I), so the folder that the person is in and their environment decide nothing; where the
            # libraries are is told instead.
            self._child = subprocess.Popen(
                [sys.executable, "-I", worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=clean_environment() | {"MALLOC_ARENA_MAX": "2"},  # glibc: freed memory goes back, threads share
            )
            paths = [str(Path(entry).absolute()) for entry in sys.path if entry]
            with suppress(OSError):  # a child that ended already is noticed by the first request
                _send(self._child, {"sys.path": paths, "memory_bytes": self._memory_bytes}, b"")
        return self._child

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        child.wait()


def _exchange(child: subprocess.Popen[bytes], asked: dict[str, Any], content: bytes, limits: Limits) -> bytes | str:
    """Send a request and return what was made, or why nothing was.

    Raises:
        OSError, ValueError: the child ended, or its answer is none.
    """
    _send(child, asked, content)
    stdout: IO[bytes] | None = child.stdout
    assert stdout is not None
    line = stdout.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ChildProcessError("the converting process ended")
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("not an answer")
    if "error" in told:
        return str(told["error"])
    size = told.get("bytes")
    if type(size) is not int or not 0 < size <= limits.result_bytes:
        raise ValueError("not a size")
    made = stdout.read(size)
    if len(made) < size:
        raise ChildProcessError("the converting process ended")
    return made


def _send(child: subprocess.Popen[bytes], line: dict[str, Any], content: bytes) -> None:
    stdin = child.stdin
    assert stdin is not None
    stdin.write(json.dumps(line).encode("ascii") + b"\n")
    stdin.write(content)
    stdin.flush()
