"""The one connected phone that a command is about."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.language import _
from migrate.problems import MigrateError, NoPhone, WhichPhoneToBackUp
from migrate.talk.options import PHONE_WAIT_S, Workspace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from migrate.phone.phone import Phone
    from migrate.progress import Progress

WhichPhone = Callable[[tuple[str, ...]], MigrateError]
"""Makes the error for several phones, from their names and UDIDs."""

UdidArgument = Annotated[
    str | None,
    typer.Argument(metavar="[UDID]", help=_("The phone; not needed if only one is connected."), show_default=False),
]
WaitOption = Annotated[
    int | None,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0,
        help=_(
            "How long to wait for the phone to be connected and unlocked (default: {seconds} s once connected)."
        ).format(seconds=PHONE_WAIT_S),
        show_default=False,
    ),
]


@asynccontextmanager
async def meet_one_phone(
    workspace: Workspace, udid: str | None, *, wait_s: int | None, progress: Progress, which: WhichPhone
) -> AsyncIterator[Phone]:
    """The phone `udid`, or the only one. It is waited for until it is unlocked and trusts this computer.

    Raises:
        NoPhone, `which`: at once, unless `wait_s` is given.
        MigrateError: what Phone.meet raises.
    """
    from migrate.phone.phone import Phone

    if wait_s is None:
        udid, wait_s = await select_phone(workspace, udid, which), PHONE_WAIT_S
    if udid:
        phone = await Phone.meet(workspace.usbmux, udid, progress=progress, wait_s=wait_s)
    else:
        phone = await Phone.meet_any(workspace.usbmux, progress=progress, wait_s=wait_s)
    async with phone:
        yield phone


async def select_phone(workspace: Workspace, udid: str | None, which: WhichPhone = WhichPhoneToBackUp) -> str:
    """The connected phone that is meant.

    Raises:
        NoPhone: it is not connected.
        `which`: several are connected and none is named.
    """
    from migrate.phone.discovery import find_phones
    from migrate.udid import same_udid

    found = await find_phones(workspace.usbmux)
    matching = [phone for phone in found if udid is None or same_udid(phone.udid, udid)]
    if not matching:
        raise NoPhone(udid or "", tuple(phone.udid for phone in found))
    if len(matching) > 1:
        raise which(tuple(f"{phone.name_or_model} ({phone.udid})" for phone in matching))
    return matching[0].udid
