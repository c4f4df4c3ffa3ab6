"""Links the stored files of a restore set in batches, in a separate process where there are many.

A link costs about 9 µs of system time, reading and writing its row about as much Python time. In two processes they
take as long as the slower of the two; in threads they take longer than one after the other, because each link waits for
the interpreter's lock (measured with 200,000: 2.0 s, 3.6 s, 3.4 s).
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from migrate.backup.restore_set import link_worker
from migrate.backup.restore_set.link_worker import BATCH, MISSING, Answer, Links

PROCESS_MIN_FILES = 20_000
"""From this number of files on, starting the process (about 30 ms) does not matter."""

_SMALL_BATCH = 250  # small, so that progress is reported for copies too, which are slower
_BATCHES_AHEAD = 12


class _Linker(Protocol):
    batch: int

    def ask(self, file_ids: list[str]) -> None: ...
    def end(self) -> None: ...
    def answer(self, *, wait: bool) -> Answer | None: ...
    def close(self) -> None: ...


class LinkQueue:
    """Requests links and reports the results later. `on_missing_blob` gets the number given with a file id whose stored
    file is missing; `on_linked` gets the file ids and lengths of those that were linked.

    Raises:
        OSError: a file could be neither linked nor copied; from every method.
    """

    def __init__(
        self,
        open_linker: _Linker,
        on_missing_blob: Callable[[int], None],
        on_linked: Callable[[Sequence[str], Sequence[int]], None],
    ) -> None:
        self._linker = open_linker
        self._on_missing_blob = on_missing_blob
        self._on_linked = on_linked
        self._ids: list[str] = []
        self._numbers: list[int] = []
        self._asked: deque[tuple[list[str], list[int]]] = deque()

    def link(self, file_id: str, number: int) -> None:
        self._ids.append(file_id)
        self._numbers.append(number)
        if len(self._ids) == self._linker.batch:
            self._ask()
            self._collect_answers(wait=len(self._asked) > _BATCHES_AHEAD)

    def finish_requests(self) -> None:
        """No more requests follow. Pending links continue in the background."""
        if self._ids:
            self._ask()
        self._linker.end()

    def finish(self) -> None:
        """Wait until every link is made. Call `finish_requests` first."""
        while self._asked:
            self._collect_answers(wait=True)

    def _ask(self) -> None:
        self._linker.ask(self._ids)
        self._asked.append((self._ids, self._numbers))
        self._ids, self._numbers = [], []

    def _collect_answers(self, *, wait: bool) -> None:
        while self._asked and (answer := self._linker.answer(wait=wait)) is not None:
            ids, numbers = self._asked.popleft()
            if min(answer) < 0:
                for number, outcome in zip(numbers, answer, strict=True):
                    if outcome == MISSING:
                        self._on_missing_blob(number)
                ids = [file_id for file_id, size in zip(ids, answer, strict=True) if size >= 0]
                answer = array("q", (size for size in answer if size >= 0))
            self._on_linked(ids, answer)
            wait = False


@contextmanager
def open_linker(source: Path, target: Path, expected: int) -> Iterator[_Linker]:
    """A linker from the backup folder `source` into `target`, in another process for many files; closed with the
    block."""
    worker: _Linker | None = None
    program = Path(link_worker.__file__ or "")
    if expected >= PROCESS_MIN_FILES and sys.executable and program.is_file() and (os.cpu_count() or 1) > 1:
        worker = _ProcessLinker(program, source, target)
    worker = worker or _ThreadLinker(source, target)
    try:
        yield worker
    finally:
        worker.close()


class _ThreadLinker:
    """Makes the links in this thread."""

    batch = _SMALL_BATCH

    def __init__(self, source: Path, target: Path) -> None:
        self._links = Links(str(source), str(target))
        self._answers: deque[Answer] = deque()

    def ask(self, file_ids: list[str]) -> None:
        self._answers.append(self._links.link(file_ids))

    def end(self) -> None:
        pass

    def answer(self, *, wait: bool) -> Answer | None:
        return self._answers.popleft() if self._answers else None

    def close(self) -> None:
        self._answers.clear()
        self._links.close()


def clean_environment() -> dict[str, str]:
    """The environment of a child: nothing of ours, such as the backup password. Windows starts no program without
    SYSTEMROOT."""
    return {name: value for name, value in os.environ.items() if name.upper() == "SYSTEMROOT"}


class _ProcessLinker:
    """Makes the links in a separate process. A thread feeds it, so that neither waits for the other."""

    batch = BATCH

    def __init__(self, program: Path, source: Path, target: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(program), str(source.absolute()), str(target.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        self._asked: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer | OSError] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._exchange_batches, name="links", daemon=True)
        self._thread.start()

    def ask(self, file_ids: list[str]) -> None:
        self._asked.put(file_ids)

    def end(self) -> None:
        self._asked.put(None)

    def answer(self, *, wait: bool) -> Answer | None:
        try:
            found = self._answers.get(block=wait)
        except queue.Empty:
            return None
        if isinstance(found, OSError):
            raise found
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._asked.put(None)
        self._thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):  # the process ended before it read everything
                pipe.close()

    def _exchange_batches(self) -> None:
        """Send one batch ahead: while the process works on one, the next waits in the pipe."""
        stdin = self._process.stdin
        assert stdin is not None
        waiting: deque[int] = deque()
        try:
            while (file_ids := self._asked.get()) is not None:
                stdin.write("".join(file_ids).encode("ascii"))
                stdin.flush()
                waiting.append(len(file_ids))
                if len(waiting) > 1:
                    self._answers.put(self._answer(waiting.popleft()))
            stdin.close()
            while waiting:
                self._answers.put(self._answer(waiting.popleft()))
        except OSError as error:
            self._answers.put(self._error_of_process() or error)

    def _answer(self, count: int) -> Answer:
        assert self._process.stdout is not None
        answer: Answer = array("q")
        stored = self._process.stdout.read(count * answer.itemsize)
        if len(stored) < count * answer.itemsize:
            raise ChildProcessError("the program that makes the links ended")
        answer.frombytes(stored)
        return answer

    def _error_of_process(self) -> OSError | None:
        """The error that the process wrote to its standard error."""
        assert self._process.stderr is not None
        number, _, text = self._process.stderr.read().decode("utf-8", "replace").partition(" ")
        return OSError(int(number), text.strip()) if number.isdigit() else None
