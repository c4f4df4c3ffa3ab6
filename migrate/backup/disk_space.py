"""How much can be stored on a disk, and whether it can hold two names of one file (hard links)."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import secrets
import shutil
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

_UTF8 = 0x08000100  # kCFStringEncodingUTF8
_INT64 = 4  # kCFNumberSInt64Type


def available_bytes(folder: Path) -> int:
    """The bytes that can be written to the disk of `folder`. On macOS that includes what the system would delete to
    make room (caches, purgeable snapshots), which `statvfs` counts as used.

    Raises:
        OSError: the folder does not exist, or its disk does not answer.
    """
    free = shutil.disk_usage(folder).free
    if sys.platform == "darwin":
        with suppress(OSError, AttributeError):  # a volume that does not know the key, or a system without it
            return max(free, _important_usage_bytes(_core_foundation(), folder) or 0)
    return free


def free_bytes_at(path: Path) -> int | None:
    """The available bytes on the disk of `path` or its nearest existing parent. None: the system does not say."""
    for existing in (path, *path.absolute().parents):
        try:
            return available_bytes(existing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return None
    return None


def hard_links_work(folder: Path) -> bool | None:
    """Whether the disk of `folder`, which exists, can make hard links. exFAT and many network shares cannot, and every
    copy of a backup there takes its full size. None: not even an empty file can be created now."""
    probe = folder / f".link-probe-{secrets.token_hex(4)}"
    second = probe.with_name(f"{probe.name}-2")
    try:
        probe.touch(mode=0o600, exist_ok=False)
        try:
            os.link(probe, second)
            return probe.stat().st_nlink == 2 and os.path.samestat(probe.stat(), second.stat())
        except (OSError, NotImplementedError):
            return False
    except OSError:
        return None
    finally:
        for name in (probe, second):
            with suppress(OSError):
                name.unlink(missing_ok=True)


# -- macOS -----------------------------------------------------------------------------------------------------------


@cache
def _core_foundation() -> Any:
    """The library with the types of the four functions used here."""
    library = ctypes.CDLL(ctypes.util.find_library("CoreFoundation") or "CoreFoundation")
    pointer = ctypes.c_void_p
    for name, result, arguments in (
        ("CFStringCreateWithCString", pointer, (pointer, ctypes.c_char_p, ctypes.c_uint32)),
        ("CFURLCreateFromFileSystemRepresentation", pointer, (pointer, ctypes.c_char_p, ctypes.c_long, ctypes.c_bool)),
        ("CFURLCopyResourcePropertyForKey", ctypes.c_bool, (pointer, pointer, pointer, pointer)),
        ("CFNumberGetValue", ctypes.c_bool, (pointer, ctypes.c_long, pointer)),
        ("CFRelease", None, (pointer,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _important_usage_bytes(library: Any, folder: Path) -> int | None:
    """`NSURLVolumeAvailableCapacityForImportantUsageKey` of a folder's volume: what Finder shows as available (*read*:
    Apple's documentation of the key, macOS 10.13 and later; never run on a Mac by us)."""
    path = os.fsencode(folder.absolute())
    key = library.CFStringCreateWithCString(None, b"NSURLVolumeAvailableCapacityForImportantUsageKey", _UTF8)
    url = library.CFURLCreateFromFileSystemRepresentation(None, path, len(path), True)
    number, amount = ctypes.c_void_p(), ctypes.c_int64()
    try:
        if not (key and url and library.CFURLCopyResourcePropertyForKey(url, key, ctypes.byref(number), None)):
            return None
        if not number or not library.CFNumberGetValue(number, _INT64, ctypes.byref(amount)):
            return None
        return amount.value
    finally:
        for owned in (key, url, number):
            if owned:
                library.CFRelease(owned)
