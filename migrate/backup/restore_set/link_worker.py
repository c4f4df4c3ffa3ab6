"""Links stored files into another folder, as a module or as a program.

    python -I -S link_worker.py SOURCE TARGET

The program reads file ids, 40 bytes each, in batches of BATCH until its input ends. It answers each batch with one
signed number of 8 bytes in this machine's order for each file: its length, or why it was not linked. On an error it
writes errno and message to standard error and exits. It is a separate process because in a thread each link would wait
for the interpreter's lock. It imports no other module of the project, so it starts in about 20 ms.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from array import array
from pathlib import Path
from typing import TypeAlias

BATCH = 1_500
"""60,000 bytes: they fit into a Linux pipe, so the next batch waits there during work on the current one."""
ID_BYTES = 40

MISSING, DUPLICATE = -1, -2

Answer: TypeAlias = "array[int]"
"""For each file its length in bytes, MISSING or DUPLICATE (it is in the set already)."""

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
_BY_DESCRIPTOR = os.name == "posix" and {os.open, os.stat, os.link} <= os.supports_dir_fd
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

    Only regular files in real folders are linked; a symbolic link counts as missing. Where the system can, both shards
    are held open, so that a link costs two system calls and nobody can put another folder in their place.
    """

    def __init__(self, source: str, target: str) -> None:
        self._source = source
        self._target = target
        self._shards: dict[str, _Shard] = {}

    def link(self, file_ids: list[str]) -> Answer:
        """Returns the length of each file, or why it was not linked.

        Raises:
            OSError
        """
        answer = array("q")
        shards = self._shards
        for file_id in file_ids:
            shard = shards.get(file_id[:2])
            if shard is None:
                shard = self._shard(file_id[:2])
            answer.append(shard.link(file_id))
        return answer

    def close(self) -> None:
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    def _shard(self, name: str) -> _Shard:
        target = f"{self._target}/{name}"
        Path(target).mkdir(FOLDER_MODE, exist_ok=True)
        shard = self._shards[name] = _Shard(f"{self._source}/{name}", self._source, target)
        return shard


class _Shard:
    """One shard of each folder."""

    def __init__(self, source: str, flat: str, target: str) -> None:
        """`flat`: where an old host put a file instead."""
        self._source, self._flat, self._target = source, flat, target
        self._from = _open_folder(source) if _BY_DESCRIPTOR else None
        self._into = _open_folder(target) if _BY_DESCRIPTOR else None
        self._is_real = self._from is not None or _is_real_folder(source)

    def close(self) -> None:
        for descriptor in (self._from, self._into):
            if descriptor is not None:
                os.close(descriptor)
        self._from = self._into = None

    def link(self, file_id: str) -> int:
        if self._from is None or self._into is None:
            return self._link_by_path(file_id)
        try:
            status = os.stat(file_id, dir_fd=self._from, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                return MISSING
            os.link(file_id, file_id, src_dir_fd=self._from, dst_dir_fd=self._into, follow_symlinks=False)
        except FileExistsError:
            return DUPLICATE
        except OSError:
            return self._link_by_path(file_id)  # it is missing here, or this file system has no links
        return status.st_size

    def _link_by_path(self, file_id: str) -> int:
        for folder in (self._source, self._flat) if self._is_real else (self._flat,):
            place = f"{folder}/{file_id}"
            try:
                status = os.lstat(place)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                continue
            if not stat.S_ISREG(status.st_mode):
                return MISSING
            try:
                link_or_copy(place, f"{self._target}/{file_id}")
            except FileExistsError:
                return DUPLICATE
            return status.st_size
        return MISSING


def _open_folder(path: str) -> int | None:
    """A descriptor of a real folder, not a link to one; None where there is none."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno not in {*_ABSENT, errno.EMFILE}:  # without a descriptor left, its path is used
            raise
        return None


def _is_real_folder(path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and not getattr(status, "st_reparse_tag", 0)  # a junction of Windows is a link


def main(source: str, target: str) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C and closes our input
    _allow_descriptors(1_024)
    links = Links(source, target)
    while ids := _batch():
        names = [ids[at : at + ID_BYTES].decode("ascii") for at in range(0, len(ids), ID_BYTES)]
        sys.stdout.buffer.write(links.link(names))
        sys.stdout.buffer.flush()


def _allow_descriptors(wanted: int) -> None:
    """Two for each of 256 shards; macOS allows 256 in all until a program asks for more."""
    try:
        import resource  # Windows has none, and no such limit

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard) if hard >= 0 else wanted, hard))
    except (ImportError, OSError, ValueError):
        return


def _batch() -> bytes:
    """BATCH file ids; fewer at the end of the input."""
    return sys.stdin.buffer.read(BATCH * ID_BYTES)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as problem:
        sys.stderr.write(f"{problem.errno or 0} {problem.strerror or problem}")
        sys.exit(1)
