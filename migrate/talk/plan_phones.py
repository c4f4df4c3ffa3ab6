"""Which of the connected phones a plan is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.problems import NoMuxer
from migrate.talk.options import Workspace

if TYPE_CHECKING:
    from migrate.phone.facts import PhoneFacts
    from migrate.plan.model import Plan
    from migrate.plan.preflight import MoveFacts


async def connected_phones(workspace: Workspace) -> list[PhoneFacts]:
    """The connected phones; an empty list if no usbmuxd is running."""
    from migrate.phone.discovery import find_phones

    try:
        return await find_phones(workspace.usbmux)
    except NoMuxer:
        return []


def match_phones(plan: Plan, phones: list[PhoneFacts], backup_udid: str | None) -> MoveFacts:
    """The plan's phones among the connected ones, where that is certain."""
    from migrate.plan.preflight import MoveFacts
    from migrate.udid import same_udid

    def named(udid: str | None) -> PhoneFacts | None:
        return next((phone for phone in phones if udid and same_udid(phone.udid, udid)), None)

    old_udid = plan.old_phone.udid or backup_udid
    others = [phone for phone in phones if not (old_udid and same_udid(phone.udid, old_udid))]
    only_other = others[0] if old_udid and len(others) == 1 else None
    return MoveFacts(
        old=named(plan.old_phone.udid), new=named(plan.new_phone.udid) if plan.new_phone.udid else only_other
    )
