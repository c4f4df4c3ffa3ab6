"""pymobiledevice3's AFC client when the phone leaves while it is being asked."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from pymobiledevice3.exceptions import ConnectionTerminatedError
from pymobiledevice3.services.afc import AfcOpcode, AfcService

from migrate.phone.service import PhoneFiles


class Gone:
    """A connection to a phone that is unplugged while something is being sent."""

    async def recvall(self, size: int) -> bytes:
        raise ConnectionTerminatedError

    async def sendall(self, data: bytes) -> None:
        await asyncio.sleep(0.01)  # meanwhile the reader notices
        raise BrokenPipeError

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(("client", "complaints"), [(PhoneFiles, 0), (AfcService, 1)], ids=["ours", "theirs"])
def test_unplugging_leaves_no_traceback_of_the_library(client: Any, complaints: int) -> None:
    """The second case shows that there is something to prevent; when it fails, pymobiledevice3 has repaired it."""
    heard: list[str] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["message"]))
        afc = client(None)
        afc._service = Gone()
        with pytest.raises(BrokenPipeError):
            await afc._send_and_wait(AfcOpcode.REMOVE_PATH, b"/iTunesRestore\0")
        gc.collect()

    asyncio.run(run())
    assert heard == ["Future exception was never retrieved"] * complaints
