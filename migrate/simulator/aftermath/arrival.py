"""Apps and pictures that arrive after the restart, in several waves and in a seeded order.

Domains.plist of iOS 16.4 marks the pictures' folders and all app containers for a restore in the background (*read*);
whether that applies to a restore from a computer is open (facts 4.8). Apps wait for the App Store in any case
(REPORTED, facts 4.5). Apple's own containers are there at the restart, because their apps are (*guessed*).
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from migrate.backup.record import Kind
from migrate.simulator.aftermath.chance import chance_of, seed_of
from migrate.simulator.aftermath.settings import WAVES
from migrate.simulator.device.app import App
from migrate.simulator.device.domains import RESTORED_IN_BACKGROUND, app_container, is_covered

if TYPE_CHECKING:
    from migrate.simulator.device.phone import SimulatedPhone

AT_RESTART = 0


class Arrivals:
    """Which wave brings what. An app comes with the containers of its groups and plug-ins, a shared group with the
    first of its apps. Pictures are spread over all waves, one by one; their folders are there at the restart."""

    def __init__(self, phone: SimulatedPhone, apps: Mapping[str, App], installed: Collection[str]) -> None:
        """`apps` have to be installed; `installed` are the container ids of apps that the phone has."""
        self._phone = phone
        self._apps = apps
        self._installed = installed
        self._chance = chance_of(phone, "arrival")
        self._waves = self._waves_of_apps() if phone.aftermath.follows("late-apps") else {}
        self._waves_of_containers = {
            container: self._waves[app.bundle_id]
            for app in sorted(apps.values(), key=lambda app: -self._waves.get(app.bundle_id, AT_RESTART))
            if app.bundle_id in self._waves
            for container in (app.bundle_id, *app.group_ids, *app.plugin_ids)
        }

    @property
    def waves_with_apps(self) -> set[int]:
        return set(self._waves.values())

    def apps_of(self, wave: int) -> dict[str, App]:
        """The apps that this wave brings, by bundle id."""
        return {name: app for name, app in self._apps.items() if self._waves.get(name, AT_RESTART) == wave}

    def wave_of(self, domain: str, relative_path: str, kind: Kind) -> int:
        container = app_container(domain)
        if container is not None:
            return self._wave_of_container(container.identifier)
        is_late = kind is not Kind.DIRECTORY and is_covered(RESTORED_IN_BACKGROUND, domain, relative_path)
        return self._wave_of_name(relative_path) if is_late and self._phone.aftermath.follows("late-photos") else 0

    def schedule(self, waves: int) -> None:
        """Lets `waves` waves arrive in the background, if they do not wait for an order."""
        total = self._phone.aftermath.arrives_in_s
        if total != "when-ordered":
            for number in range(1, waves + 1):
                self._phone.run_after_setup(self._phone.arrive_next_wave, total * number / waves)

    def _waves_of_apps(self) -> dict[str, int]:
        names = sorted(self._apps)
        self._chance.shuffle(names)
        return {name: 1 + place * WAVES // len(names) for place, name in enumerate(names)}

    def _wave_of_container(self, identifier: str) -> int:
        if not self._phone.aftermath.follows("late-apps"):
            return AT_RESTART
        if identifier in self._installed or ".apple." in f".{identifier}":
            return AT_RESTART
        return self._waves_of_containers.get(identifier) or self._wave_of_name(identifier)

    def _wave_of_name(self, name: str) -> int:
        return 1 + zlib.crc32(f"{seed_of(self._phone)}:{name}".encode()) % WAVES
