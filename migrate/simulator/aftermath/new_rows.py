"""Rows that a restored phone writes by itself, before its user does anything.

That such rows appear is what any phone in use shows; which ones, and what they say, is *guessed*.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from migrate.simulator.aftermath.chance import RESTORED_UNIX_S, uuid_from
from migrate.simulator.aftermath.core_data import entity_number
from migrate.simulator.aftermath.own_stores import CALLS, HEALTH, MESSAGES, PHOTOS, OwnStore
from migrate.simulator.aftermath.store import Store
from migrate.simulator.device.phone import SimulatedPhone
from migrate.units import APPLE_EPOCH_UNIX_SECONDS

APPLE_NOW = RESTORED_UNIX_S - APPLE_EPOCH_UNIX_SECONDS
OPERATOR = "+15550100"
WELCOME = "Welcome to your new iPhone. Reply HELP for help."
STEPS = 7
DERIVATIVE = 2


def add_rows(store: Store, own: OwnStore, phone: SimulatedPhone, chance: random.Random) -> None:
    if (add := _ADDED.get(own)) is not None:
        add(store, phone, chance)
    if store.has("access", "service", "client", "client_type", "auth_value", "auth_reason", "auth_version"):
        _add_permission(store)
    if store.has("ZPROCESS", "ZBUNDLENAME", "ZPROCNAME"):
        process = {"ZBUNDLENAME": "com.apple.MigrationKit", "ZPROCNAME": "migrationd", "ZTIMESTAMP": APPLE_NOW}
        store.insert("ZPROCESS", {"Z_ENT": entity_number(store, "Process"), "Z_OPT": 1, **process})


def _add_welcome_message(store: Store, phone: SimulatedPhone, chance: random.Random) -> None:
    """A text message from the operator, in a conversation of its own."""
    if not (store.has("message", "guid", "text", "date") and store.has("chat", "guid") and store.has("handle", "id")):
        return
    handle = store.value("SELECT ROWID FROM handle WHERE id = ? AND service = 'SMS'", OPERATOR)
    handle = handle or store.insert("handle", {"id": OPERATOR, "country": "us", "service": "SMS"})
    guid = f"SMS;-;{OPERATOR}"
    chat = store.value("SELECT ROWID FROM chat WHERE guid = ?", guid)
    if chat is None:
        known = {"style": 45, "state": 3, "chat_identifier": OPERATOR, "service_name": "SMS"}
        chat = store.insert("chat", {"guid": guid, **known, "group_id": uuid_from(chance)})
        store.insert("chat_handle_join", {"chat_id": chat, "handle_id": handle}, or_ignore=True)
    when = APPLE_NOW * 1_000_000_000
    flags = {"is_delivered": 1, "is_finished": 1, "is_from_me": 0, "is_read": 0, "is_sent": 0}
    about = {"handle_id": handle, "service": "SMS", "date": when, "date_read": 0, "date_delivered": 0}
    message = store.insert("message", {"guid": uuid_from(chance), "text": WELCOME, **about, **flags})
    if store.has("chat_message_join", "chat_id", "message_id"):
        store.insert("chat_message_join", {"chat_id": chat, "message_id": message, "message_date": when})


def _add_call(store: Store, phone: SimulatedPhone, chance: random.Random) -> None:
    """A missed call. CallHistoryTemp stays empty: no call is going on."""
    if not store.has("ZCALLRECORD", "ZUNIQUE_ID", "ZADDRESS") or not store.value("SELECT count(*) FROM ZCALLRECORD"):
        return
    store.insert(
        "ZCALLRECORD",
        {
            "Z_ENT": entity_number(store, "CallRecord"),
            "Z_OPT": 1,
            "ZANSWERED": 0,
            "ZCALL_CATEGORY": 1,
            "ZCALLTYPE": 1,
            "ZORIGINATED": 0,
            "ZREAD": 0,
            "ZDATE": APPLE_NOW + 0.5,
            "ZDURATION": 0.0,
            "ZADDRESS": OPERATOR,
            "ZISO_COUNTRY_CODE": "us",
            "ZSERVICE_PROVIDER": "com.apple.Telephony",
            "ZUNIQUE_ID": uuid_from(chance),
        },
    )


def _add_thumbnail(store: Store, phone: SimulatedPhone, chance: random.Random) -> None:
    """A thumbnail in this phone's size, of a picture whose own row does not change."""
    table = next((name for name in ("ZASSET", "ZGENERICASSET") if store.has(name)), None)
    asset = store.value(f"SELECT Z_PK FROM {table} ORDER BY Z_PK LIMIT 1") if table else None  # noqa: S608 - constants
    if asset is None or not store.has("ZINTERNALRESOURCE", "ZASSET", "ZDATASTORESUBTYPE"):
        return
    about = {"ZDATASTORESUBTYPE": DERIVATIVE, "ZRESOURCETYPE": 0, "ZLOCALAVAILABILITY": 1, "ZREMOTEAVAILABILITY": 0}
    known = {"ZDATALENGTH": chance.randrange(2_000, 9_000), "ZVERSION": 0, "ZTRASHEDSTATE": 0}
    entity = entity_number(store, "InternalResource")
    store.insert("ZINTERNALRESOURCE", {"Z_ENT": entity, "Z_OPT": 1, "ZASSET": asset, **about, **known})


def _add_health_samples(store: Store, phone: SimulatedPhone, chance: random.Random) -> None:
    """Steps that the new phone counted, with itself as their source."""
    if store.has("sources", "uuid", "bundle_id", "name"):
        known = {"uuid": chance.randbytes(16), "bundle_id": f"com.apple.health.{uuid_from(chance)}", "name": phone.name}
        rest = {"source_options": 5, "local_device": 1, "product_type": phone.model, "deleted": 0}
        store.insert("sources", {**known, **rest, "mod_date": float(APPLE_NOW)})
    if store.has("device_context", "product_type_name", "os_version_name"):
        context = {"product_type_name": phone.model, "os_version_name": phone.ios_version}
        store.insert("device_context", context)
    if not store.has("objects", "data_id", "uuid", "provenance") or not store.has("samples", "data_id", "data_type"):
        return
    builds = {"origin_build": phone.build, "local_build": phone.build, "source_version": phone.ios_version}
    products = {"origin_product_type": phone.model, "local_product_type": phone.model, "tz_name": phone.time_zone}
    whose = {"sync_provenance": 0, "source_id": 0, "device_id": 0}
    provenance = (
        store.insert("data_provenances", {**builds, **products, **whose}) if store.has("data_provenances") else 0
    )
    for number in range(chance.randint(1, 3)):
        start = APPLE_NOW + 600.0 * number
        about = {"provenance": provenance, "type": 1, "creation_date": start + 600}
        row = store.insert("objects", {"uuid": chance.randbytes(16), **about})
        store.insert("samples", {"data_id": row, "start_date": start, "end_date": start + 600, "data_type": STEPS})
        if store.has("quantity_samples", "data_id", "quantity"):
            store.insert("quantity_samples", {"data_id": row, "quantity": float(chance.randrange(5, 400))})


def _add_permission(store: Store) -> None:
    asked = {"service": "kTCCServiceLiverpool", "client": "com.apple.migrationd", "client_type": 0, "flags": 0}
    answer = {"auth_value": 2, "auth_reason": 4, "auth_version": 1, "last_modified": RESTORED_UNIX_S}
    store.insert("access", {**asked, **answer}, or_ignore=True)


_ADDED: dict[OwnStore, Callable[[Store, SimulatedPhone, random.Random], None]] = {
    MESSAGES: _add_welcome_message,
    CALLS: _add_call,
    PHOTOS: _add_thumbnail,
    HEALTH: _add_health_samples,
}
