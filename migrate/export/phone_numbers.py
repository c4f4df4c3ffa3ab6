"""Which spellings are one phone number: (919) 888-7386 and +19198887386; 0170 1234567 and +491701234567."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from migrate.content.normal_form import address

_LAST_DIGITS, _FEWEST_DIGITS = 9, 7
_LONGEST = 40
_ENOUGH = 200
"""Numbers that decide in which country most contacts are."""


class PhoneNumbers:
    """Compares phone numbers.

    Args:
        regions: the countries (`DE`) that numbers without one may belong to, the likeliest first.
    """

    def __init__(self, regions: Iterable[str] = ()) -> None:
        self.regions = tuple(dict.fromkeys(regions))

    def spellings(self, known: str) -> frozenset[str]:
        """What all spellings of an address have in common. Two of them are one number if these have one in common.

        A number with a country is compared with its country. One without is compared in the countries of this phone;
        if it fits in none of them, by its last digits.
        """
        normalised = address(known) or ""
        digits = normalised.lstrip("+")
        if "@" in normalised or not digits.isdecimal() or not _FEWEST_DIGITS <= len(digits) <= _LONGEST:
            return frozenset({normalised}) if normalised else frozenset()
        ending = f"…{digits[-_LAST_DIGITS:]}"
        abroad = normalised if normalised.startswith("+") else f"+{digits[2:]}" if digits.startswith("00") else None
        if abroad is not None:
            found = _international(abroad, None)
            # without a country to go by, a number without one is known by its ending alone
            return frozenset({found or normalised} if self.regions else {found or normalised, ending})
        here = [found for region in self.regions if (found := _international(normalised, region)) is not None]
        return frozenset(here) or frozenset({ending})


def _international(number: str, region: str | None) -> str | None:
    """The number in E.164; None if it is none of the country."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
        if not phonenumbers.is_possible_number(parsed):
            return None
        return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    except phonenumbers.NumberParseException:
        return None


def region_of(number: object) -> str | None:
    """The country of a number that has one."""
    import phonenumbers

    normalised = address(number) or ""
    if not normalised.startswith("+") or len(normalised) > _LONGEST:
        return None
    try:
        parsed = phonenumbers.parse(normalised, None)
    except phonenumbers.NumberParseException:
        return None
    region: Any = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code or 0
    )
    return str(region) if region and region != "ZZ" else None


class Regions:
    """Finds the countries that numbers without one belong to: the phone's own, then the one of most contacts."""

    def __init__(self, own_number: object) -> None:
        self._own = region_of(own_number)
        self._of_contacts: Counter[str] = Counter()

    def look_at(self, number: str) -> None:
        if self._of_contacts.total() < _ENOUGH and (region := region_of(number)) is not None:
            self._of_contacts[region] += 1

    def found(self) -> tuple[str, ...]:
        most = [region for region, _count in self._of_contacts.most_common(1)]
        return tuple(dict.fromkeys(filter(None, (self._own, *most))))
