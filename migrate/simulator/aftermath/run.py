"""The aftermath of a restore, rule by rule.

after_restart   what was placed at the restart
after_arrival   what came with a later wave
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from migrate.simulator.aftermath.accounts import remove_account_items
from migrate.simulator.aftermath.databases import Update, rewrite_databases
from migrate.simulator.aftermath.files import add_files, add_keychain_items, point_links_at_this_phone, renew_caches
from migrate.simulator.aftermath.moved_stores import move_stores
from migrate.simulator.aftermath.preferences import rewrite_preferences
from migrate.simulator.aftermath.settings import Rule
from migrate.simulator.device.phone import SimulatedPhone

_IN_DATABASES: tuple[Rule, ...] = ("databases", "schema", "renumbering", "new-rows")


def after_restart(
    phone: SimulatedPhone, was_restored: Callable[[str, str], bool], source_ios: tuple[int, ...] | None
) -> None:
    """What the phone does when it starts with restored files.

    Its own databases, preferences and caches are rewritten as in any use; the schema, keys, accounts and links change
    only where `was_restored` (domain, path) says so. A phone that keeps digests cannot read what it received, so there
    nothing is touched.
    """
    follows = phone.aftermath.follows
    if not phone.aftermath.on or phone.keeps == "digests":
        return
    if follows("symlinks"):
        point_links_at_this_phone(phone)
    if follows("caches"):
        renew_caches(phone)
    update = _update(phone, source_ios)
    if follows("moved-stores") and update is not None:
        was_restored = move_stores(phone, was_restored, update.before, update.after)
    if any(follows(rule) for rule in _IN_DATABASES):
        rewrite_databases(phone, was_restored, update)
    if follows("accounts"):
        remove_account_items(phone, was_restored)
        if phone.awaits_sign_in and phone.aftermath.signs_in_after_s is not None:
            phone.run_after_setup(phone.sign_in, phone.aftermath.signs_in_after_s)
    if follows("preferences"):
        rewrite_preferences(phone, was_restored)
    if follows("new-rows") and phone.keychain.in_use:
        add_keychain_items(phone)
    if follows("new-files"):
        add_files(phone)


def after_arrival(phone: SimulatedPhone, domains: Collection[str]) -> None:
    """What the phone does with the domains of a later wave: apps and pictures. Nobody has opened those apps yet."""
    if not phone.aftermath.on or phone.keeps == "digests":
        return
    if phone.aftermath.follows("symlinks"):
        point_links_at_this_phone(phone, domains)
    if phone.aftermath.follows("caches"):
        renew_caches(phone, [domain for domain in domains if domain.startswith("AppDomain")])


def _update(phone: SimulatedPhone, source_ios: tuple[int, ...] | None) -> Update | None:
    """The update that a restore to a newer major version is. None if the version is the same or not known."""
    if source_ios is None or source_ios[0] >= phone.ios[0]:
        return None
    return Update(source_ios[0], phone.ios[0])
