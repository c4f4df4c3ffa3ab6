"""Links stored files into another folder, as a module or as a program.

    python -I -S link_worker.py SOURCE TARGET

The program reads file ids, 40 bytes each, in batches of BATCH until its input ends. It answers each batch with 8 bytes,
the total size of those files, and one byte per file, the outcome. On an error it writes errno and message to standard
error and exits. It is a separate process because in a thread each link would wait for the interpreter's lock. It
imports no other module of the project, so it starts in about 20 ms.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

BATCH = 1_500
"""60,000 bytes: they fit into a Linux pipe, so the next batch waits there during work on the current one."""
ID_BYTES = 40

LINKED, MISSING, DUPLICATE = 0, 1, 2

NO_LINK_HERE = frozenset(
    code
    for name in ("EXDEV", "EPERM", "EMLINK", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EACCES", "EINVAL")
    if (code := getattr(errno, name, None)) is not None
)
"""The errors of a file system without hard links, or without links between these two folders. *Read*: link(2) of Linux
(EPERM: exFAT, FAT; EMLINK: 65,000 links on ext4) and macOS (ENOTSUP). If the copy fails too, its error tells the
cause."""

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_CAN_LINK_SYMLINKS = os.link in os.supports_follow_symlinks if hasattr(os, "link") else False


def link_or_copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Make `target` a hard link to `source`, or a copy (0600, same times) where links cannot be made. The caller has
    checked that `source` is a regular file.

    Raises:
        OSError: neither worked; a half-written copy may be left.
    """
    try:
        if _CAN_LINK_SYMLINKS:
            os.link(source, target, follow_symlinks=False)
        else:
            os.link(source, target)
    except OSError as refused:
        if refused.errno not in NO_LINK_HERE:
            raise
        _copy(source, target)


def _copy(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    import shutil  # a third of the start-up time, needed only without hard links

    shutil.copyfile(source, target, follow_symlinks=False)
    shutil.copystat(source, target)
    Path(target).chmod(FILE_MODE)


class Links:
    """Links files from the shards of one backup folder into those of another, which are created as needed.

    Only regular files in real folders are linked; a symbolic link counts as missing.
    """

    def __init__(self, source: str, target: str) -> None:
        self._source = source
        self._target = target
        self._made: set[str] = set()
        self._real: dict[str, bool] = {}

    def link(self, file_ids: list[str]) -> tuple[bytes, int]:
        """Returns the outcome of each file, and the total bytes of the linked ones.

        Raises:
            OSError
        """
        outcomes = bytearray(len(file_ids))
        size = 0
        for number, file_id in enumerate(file_ids):
            shard = file_id[:2]
            if shard not in self._made:
                self._make(shard)
            try:
                found = self._find(shard, file_id)
                if found is None:
                    outcomes[number] = MISSING
                    continue
                source, stored_bytes = found
                link_or_copy(source, f"{self._target}/{shard}/{file_id}")
                size += stored_bytes
            except FileExistsError:
                outcomes[number] = DUPLICATE
        return bytes(outcomes), size

    def _find(self, shard: str, file_id: str) -> tuple[str, int] | None:
        """The path and size of a stored file: in its shard, or directly in the backup, where an old host put it."""
        for folder in (f"{self._source}/{shard}", self._source) if self._real[shard] else (self._source,):
            place = f"{folder}/{file_id}"
            try:
                status = os.lstat(place)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                continue
            return (place, status.st_size) if stat.S_ISREG(status.st_mode) else None
        return None

    def _make(self, shard: str) -> None:
        self._made.add(shard)
        Path(self._target, shard).mkdir(FOLDER_MODE, exist_ok=True)
        try:
            self._real[shard] = stat.S_ISDIR(os.lstat(f"{self._source}/{shard}").st_mode)
        except OSError:
            self._real[shard] = False


def main(source: str, target: str) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C and closes our input
    links = Links(source, target)
    while ids := _batch():
        names = [ids[at : at + ID_BYTES].decode("ascii") for at in range(0, len(ids), ID_BYTES)]
        outcomes, size = links.link(names)
        sys.stdout.buffer.write(size.to_bytes(8, "big") + outcomes)
        sys.stdout.buffer.flush()


def _batch() -> bytes:
    """BATCH file ids; fewer at the end of the input."""
    return sys.stdin.buffer.read(BATCH * ID_BYTES)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as problem:
        sys.stderr.write(f"{problem.errno or 0} {problem.strerror or problem}")
        sys.exit(1)
