"""Models, builds, and identifiers derived from a seed. None of the identifiers belongs to a real phone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

CHIP_ID = "00008101"
"""The A14's chip id, the first part of a UDID of the form `XXXXXXXX-XXXXXXXXXXXXXXXX` (all phones since 2018)."""


@dataclass(frozen=True)
class Model:
    identifier: str  # "iPhone13,2"
    name: str  # "iPhone 12"
    board: str  # "D53gAP"
    number: str  # "MGJ83", what Settings shows under Model Number

    @property
    def device_class(self) -> str:
        return "iPad" if self.identifier.startswith("iPad") else "iPhone"


MODELS = {
    model.identifier: model
    for model in (
        Model("iPhone11,8", "iPhone XR", "N841AP", "MRY42"),
        Model("iPhone12,1", "iPhone 11", "N104AP", "MWLT2"),
        Model("iPhone12,8", "iPhone SE (2nd generation)", "D79AP", "MX9R2"),
        Model("iPhone13,1", "iPhone 12 mini", "D52gAP", "MGDX3"),
        Model("iPhone13,2", "iPhone 12", "D53gAP", "MGJ83"),
        Model("iPhone14,2", "iPhone 13 Pro", "D63AP", "MLTP3"),
        Model("iPhone14,5", "iPhone 13", "D17AP", "MLPF3"),
        Model("iPhone14,6", "iPhone SE (3rd generation)", "D49AP", "MMX53"),
        Model("iPhone14,7", "iPhone 14", "D27AP", "MPUF3"),
        Model("iPhone15,4", "iPhone 15", "D37AP", "MTLV3"),
        Model("iPhone16,1", "iPhone 15 Pro", "D83AP", "MTQA3"),
        Model("iPhone17,1", "iPhone 16 Pro", "D93AP", "MYMC3"),
        Model("iPhone17,3", "iPhone 16", "D47AP", "MYE73"),
        Model("iPhone18,3", "iPhone 17", "V57AP", "MG6K4"),
    )
}
"""Model identifiers and boards as pymobiledevice3's irecv_devices has them; the order numbers are *guessed*."""

BUILDS = {
    "14.3": "18C66",
    "15.8.2": "19H384",
    "16.0": "20A362",
    "16.4": "20E247",
    "16.7.8": "20H343",
    "17.0": "21A329",
    "17.4": "21E219",
    "17.5.1": "21F90",
    "17.6.1": "21G93",
    "18.0": "22A3354",
    "18.1.1": "22B91",
    "18.2": "22C152",
    "18.5": "22F76",
    "26.0": "23A341",
    "26.1": "23B85",
    "26.5": "23F77",
    "27.0": "24A437",
}
"""iOS version -> build. 14.3, 26.1, 26.5 and 27.0 are *read* in real backups and firmware lists, the rest *guessed*."""

DARWIN_MAJOR_OF_IOS_26 = 23


def model_of(identifier: str) -> Model:
    """The model. A model that is not in the table is named by its identifier."""
    return MODELS.get(identifier) or Model(identifier, identifier, "D00AP", "MXXX2")


def build_of(ios_version: str) -> str:
    """The build of an iOS version. A version that is not in the table gets an invented build of the right family."""
    if ios_version in BUILDS:
        return BUILDS[ios_version]
    major, minor, *_ = [*(int(part) for part in ios_version.split(".")), 0]
    family = major - 26 + DARWIN_MAJOR_OF_IOS_26 if major >= 26 else major + 4
    return f"{family}{chr(ord('A') + min(minor, 25))}100"


def udid_from_seed(seed: int | str) -> str:
    """A UDID in the current form. Its last 16 hex digits are the phone's ECID."""
    return f"{CHIP_ID}-{int.from_bytes(_digest('udid', seed)[:7], 'big'):016X}"


def serial_from_seed(seed: int | str) -> str:
    """Ten letters and digits, as in the randomised serial numbers used since 2021."""
    letters = "0123456789CDFGHJKLMNPQRTVWXY"
    return "".join(letters[byte % len(letters)] for byte in _digest("serial", seed)[:10])


def wifi_address_from_seed(seed: int | str) -> str:
    """A locally administered MAC address, which belongs to no real device."""
    return ":".join(f"{byte:02x}" for byte in b"\x02" + _digest("wifi", seed)[:5])


def imei_from_seed(seed: int | str) -> str:
    """Fifteen digits with a valid check digit (Luhn), in the test range 00-440024."""
    digits = "00440024" + "".join(str(byte % 10) for byte in _digest("imei", seed)[:6])
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(digits))
    return digits + str(-sum(number // 10 + number % 10 for number in doubled) % 10)


def _digest(what: str, seed: int | str) -> bytes:
    return hashlib.sha256(f"{what}:{seed}".encode()).digest()
