"""AFC: the contents of /var/mobile/Media, and refused paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pymobiledevice3.exceptions import AfcException
from pymobiledevice3.services.afc import AfcService

from migrate.phone.phone import Phone
from migrate.progress import no_progress


def with_afc(lab: Any, work: Callable[[AfcService], Awaitable[Any]]) -> Any:
    async def do(phone: Phone) -> Any:
        async with AsyncExitStack() as stack:
            afc = await phone._connection.open_afc(stack, no_progress)
            assert afc is not None
            try:
                return await work(afc)
            except AfcException as error:
                return f"AFC error {getattr(error, 'status', type(error).__name__)}"

    return lab.run(do)


def test_the_root_is_the_media_folder(lab: Any, expect: Callable[..., None]) -> None:
    names = with_afc(lab, lambda afc: afc.listdir("/"))
    seen = "holds DCIM" if "DCIM" in names else "holds no DCIM"
    expect("AFC: the root", "holds DCIM", seen, "DCIM" in names, "1.3, confirmed")


def test_a_directory_has_its_kind(lab: Any, expect: Callable[..., None]) -> None:
    about = with_afc(lab, lambda afc: afc.stat("/DCIM"))
    wanted = {"st_ifmt", "st_size", "st_blocks", "st_nlink", "st_mtime", "st_birthtime"}
    agrees = isinstance(about, dict) and wanted <= about.keys() and about["st_ifmt"] == "S_IFDIR"
    seen = ", ".join(sorted(about)) if isinstance(about, dict) else str(about)
    expect("AFC: attributes of a folder", f"S_IFDIR, {', '.join(sorted(wanted))}", seen, agrees, "1.3, confirmed")


def test_a_missing_path_is_not_found(lab: Any, expect: Callable[..., None]) -> None:
    seen = with_afc(lab, lambda afc: afc.listdir("/no such folder anywhere"))
    agrees = isinstance(seen, str) and ("8" in seen or "OBJECT_NOT_FOUND" in seen)
    expect("AFC: a missing folder", "status 8", str(seen), agrees, "5.3, confirmed")


def test_paths_above_the_root_are_refused(lab: Any, expect: Callable[..., None]) -> None:
    seen = with_afc(lab, lambda afc: afc.listdir("/../../.."))
    agrees = isinstance(seen, str)
    shown = seen if agrees else "a listing"
    expect("AFC: a path above the root", "an AFC error", shown, agrees, "1.3, guessed which")


@pytest.mark.usefixtures("needs_writing")
def test_a_file_is_written_read_and_removed(lab: Any, expect: Callable[..., None]) -> None:
    async def there_and_back(afc: AfcService) -> str:
        folder, data = "/migrate-contract-suite", b"written by a test\n" * 10
        await afc.makedirs(folder)
        try:
            await afc.set_file_contents(f"{folder}/note.txt", data)
            read = await afc.get_file_contents(f"{folder}/note.txt")
        finally:
            await afc.rm(folder)
        left = "migrate-contract-suite" in await afc.listdir("/")
        return f"{'same' if read == data else 'other'} bytes, {'left behind' if left else 'gone'}"

    seen = with_afc(lab, there_and_back)
    expect("AFC: a file written, read, removed", "same bytes, gone", seen, seen == "same bytes, gone", "1.3, confirmed")
