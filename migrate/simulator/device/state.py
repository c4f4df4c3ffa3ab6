"""The state of a simulated iPhone: its identity, settings and files. Its behaviour is in `phone`."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.agent.spool import Keeps
from migrate.simulator.device import identity
from migrate.simulator.device.app import App
from migrate.simulator.device.assumptions import Assumptions
from migrate.simulator.device.conditions import Conditions
from migrate.simulator.device.filesystem import Filesystem
from migrate.simulator.device.keychain import Keychain
from migrate.simulator.device.simulated_user import SimulatedUser
from migrate.simulator.device.versions import Behaviour, behaviour_of
from migrate.simulator.faults.faults import Faults

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Setup = Literal["finished", "running", "never-begun"]


class AfcTimes(NamedTuple):
    """Unix nanoseconds."""

    modified_ns: int
    born_ns: int


@dataclass(eq=False)
class PhoneState:
    """A phone's state. An empty serial, build, Wi-Fi address or IMEI is derived from the UDID and the iOS version."""

    udid: str = ""
    name: str = "iPhone"
    ios_version: str = "17.5.1"
    model: str = "iPhone13,2"
    serial: str = ""
    build: str = ""
    wifi_address: str = ""
    imei: str = ""
    phone_number: str = "+1 (555) 010-0100"
    files: Filesystem = field(default_factory=Filesystem, repr=False)
    keychain: Keychain = field(default_factory=Keychain, repr=False)
    apps: dict[str, App] = field(default_factory=dict, repr=False)
    afc_files: dict[str, bytes] = field(default_factory=dict, repr=False)
    """Files that hosts wrote over AFC, which no backup holds: absolute AFC path -> bytes. "…/" is a directory."""
    afc_times: dict[str, AfcTimes] = field(default_factory=dict, repr=False)
    """When they were written, by the same keys."""
    capacity_bytes: int = 64_000_000_000
    """Capacity for user data. The system has its own space."""
    battery_percent: int = 87
    language: str = "en"
    locale: str = "en_US"
    time_zone: str = "Europe/Berlin"
    passcode: str = field(default="", repr=False)
    setup: Setup = "finished"
    on_wifi: bool = False
    """usbmuxd lists the phone a second time, as a Network device."""
    find_my: bool = False
    activated: bool = True
    pairing_allowed: bool = True  # False: a supervised phone whose organization forbids pairing
    supervisor: str = field(default="", repr=False)
    """The supervisor's certificate (PEM, RSA). Its computer pairs without a dialog, even where pairing is forbidden."""
    supervised: bool = False  # by an organization; one that forbids pairing or has a supervisor is supervised anyway
    requires_encryption: bool = False  # by the organization's policy (MDM)
    icloud_account: str = field(default="", repr=False)
    """The Apple Account that the phone is signed in to. Empty: none, and iCloud Backup cannot be turned on."""
    icloud_backup: bool | None = None
    """Whether iCloud Backup is on. None: it is if there ever was one."""
    cloud_backup_unix_s: int | None = None  # the last iCloud backup
    itunes_backup_unix_s: int | None = None  # the last backup to a computer
    cloud_sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The accounts that hold Bookmarks, Calendars, Contacts and Notes besides the phone: "Contacts" -> ("iCloud",)."""
    backup_password: str | None = field(default=None, repr=False)
    keybag_rounds: int = 10_000_000
    keeps: Keeps = "contents"
    """What the phone keeps of a restored file. With `digests`, only size and SHA-256: it can receive any amount, but
    cannot back those files up again."""

    simulated_user: SimulatedUser = field(default_factory=SimulatedUser)
    faults: Faults = field(default_factory=Faults, repr=False)
    conditions: Conditions = field(default_factory=Conditions, repr=False)
    assume: Assumptions = field(default_factory=Assumptions, repr=False)
    aftermath: Aftermath = field(default_factory=lambda: Aftermath(on=False), repr=False)
    """What the phone does with a restore. A phone file turns it on; a phone made in code only keeps what it is sent."""
    icon_layout: list[Any] = field(default_factory=list, repr=False)
    """SpringBoard's layout as a host last set it: the dock, then the pages. Empty: the phone's own order."""
    lockdown_settings: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    """Values that hosts set with SetValue: domain -> key -> value. They override the computed ones."""
    backup_memory: dict[str, Any] = field(default_factory=dict, repr=False)
    """State of the backup agent: keybags, and what each backup sent."""

    def __post_init__(self) -> None:
        self.udid = self.udid or identity.udid_from_seed(secrets.token_hex(8))
        self.serial = self.serial or identity.serial_from_seed(self.udid)
        self.build = self.build or identity.build_of(self.ios_version)
        self.wifi_address = self.wifi_address or identity.wifi_address_from_seed(self.udid)
        self.imei = self.imei or identity.imei_from_seed(self.udid)
        self.setup_state = "SetupUsingAssistant"  # com.apple.purplebuddy's value for how the phone was set up
        self._making_key = threading.Lock()
        self._key: RSAPrivateKey | None = None

    @property
    def model_facts(self) -> identity.Model:
        return identity.model_of(self.model)

    @property
    def device_class(self) -> str:
        return self.model_facts.device_class

    @property
    def ios(self) -> tuple[int, ...]:
        """`17.5.1` as `(17, 5, 1)`."""
        return tuple(int(part) for part in self.ios_version.split("."))

    @property
    def behaviour(self) -> Behaviour:
        """The behaviour of its iOS version."""
        return behaviour_of(self.ios)

    @property
    def ecid(self) -> int:
        return int(self.udid.replace("-", "")[-16:], 16)

    @property
    def hardware_key(self) -> bytes:
        """Stands for the key in a real phone's hardware, which survives an erase.

        It is made of the UDID, so that a phone that is started again from its file can open its own backups.
        """
        return hashlib.sha256(f"hardware key:{self.udid}".encode()).digest()

    @property
    def used_bytes(self) -> int:
        return self.files.total_bytes + sum(map(len, tuple(self.afc_files.values())))

    @property
    def free_bytes(self) -> int:
        return self.faults.free_space(max(0, self.capacity_bytes - self.used_bytes))

    @property
    def is_supervised(self) -> bool:
        return self.supervised or bool(self.supervisor) or not self.pairing_allowed

    @property
    def icloud_backup_on(self) -> bool:
        return self.cloud_backup_unix_s is not None if self.icloud_backup is None else self.icloud_backup

    @property
    def will_encrypt(self) -> bool:
        return self.backup_password is not None

    @property
    def private_key(self) -> RSAPrivateKey:
        """The phone's RSA key, generated on first use. Every process has a different one."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        with self._making_key:
            if self._key is None:
                self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._key
