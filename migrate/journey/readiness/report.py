"""The readiness of this computer and of each connected phone.

This only reads: no phone is asked for trust, and nothing on a phone is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migrate.backup.disk_space import free_bytes_at
from migrate.journey.home import Home
from migrate.journey.readiness.computer import Computer, iphone_only_on_bus, why_no_muxer
from migrate.journey.readiness.phones import findings_of, findings_of_pair, room_needed
from migrate.journey.steps.new_phone import folder_bytes
from migrate.phone.facts import PhoneFacts
from migrate.phone.muxer import UsbmuxConfig
from migrate.phone.survey import Survey, survey_phones
from migrate.problems import MigrateError, NoMuxer, NoPhone, NoPhoneConnected
from migrate.problems.finding import Finding
from migrate.udid import same_udid


@dataclass(frozen=True)
class PhoneReport:
    facts: PhoneFacts
    findings: list[Finding]


@dataclass(frozen=True)
class Readiness:
    """`computer`: what is found about this computer and its way to phones. `phones`: each one's own list."""

    computer: list[Finding]
    phones: list[PhoneReport] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All of them, this computer's first, then phone by phone."""
        return [*self.computer, *(finding for phone in self.phones for finding in phone.findings)]


async def check_phones(usbmux: UsbmuxConfig, computer: Computer, home: Home, udids: Sequence[str] = ()) -> Readiness:
    """The way to the phones, and each phone that is connected; with `udids` only those."""
    try:
        surveys = await survey_phones(usbmux)
    except NoMuxer as error:
        problem = error if usbmux.pymobiledevice3_address else why_no_muxer(computer) or error
        return Readiness([problem.as_finding()])
    except MigrateError as error:
        return Readiness([error.as_finding()])
    chosen = [one for one in surveys if not udids or any(same_udid(one.facts.udid, udid) for udid in udids)]
    missing = [udid for udid in udids if not any(same_udid(one.facts.udid, udid) for one in chosen)]
    connected = tuple(one.facts.udid for one in surveys)
    about_computer = [NoPhone(udid, connected).as_finding() for udid in missing]
    if not surveys and not udids:
        only_on_bus = None if usbmux.pymobiledevice3_address else iphone_only_on_bus(computer)
        about_computer.append((only_on_bus or NoPhoneConnected()).as_finding())
    reports = [PhoneReport(one.facts, _phone(one, chosen, home)) for one in chosen]
    return Readiness(about_computer, reports)


def _phone(survey: Survey, all_phones: Sequence[Survey], home: Home) -> list[Finding]:
    facts, others = survey.facts, [one.facts for one in all_phones if one.facts.udid != survey.facts.udid]
    found = [*findings_of(survey, free_here=_room_for(facts, home))]
    for other in others:
        found += findings_of_pair(old=other, new=facts)
    return found


def _room_for(facts: PhoneFacts, home: Home) -> int | None:
    """The room for the next backup of a phone: what is free, and what its working backup takes already. The latter is
    added up only where it matters, because it can be half a million files."""
    free = free_bytes_at(home.path)
    if free is None or facts.used_bytes is None or free >= room_needed(facts.used_bytes):
        return free
    return free + folder_bytes(home.working_backup(facts.udid))
