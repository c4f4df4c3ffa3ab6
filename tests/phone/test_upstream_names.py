"""What we rely on in pymobiledevice3, which promises none of it: our overrides are overrides, and are still called.

A renamed method would not fail: ours would be an ordinary method that nobody calls, and the limits, the folders or the
file modes that it sets would silently be upstream's.
"""

from __future__ import annotations

import ast
import asyncio
import dis
import importlib
import inspect
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from packaging.requirements import Requirement
from pymobiledevice3 import pair_records, usbmux
from pymobiledevice3.lockdown import LockdownClient, PlistUsbmuxLockdownClient
from pymobiledevice3.service_connection import ServiceConnection
from pymobiledevice3.services.afc import AfcService
from pymobiledevice3.services.installation_proxy import InstallationProxyService
from pymobiledevice3.services.lockdown_service import LockdownService
from pymobiledevice3.services.notification_proxy import NotificationProxyService
from pymobiledevice3.services.springboard import SpringBoardServicesService

from migrate.phone.lockdown import Lockdown
from migrate.phone.service import Service

ROOT = Path(__file__).parents[2]

OURS = {
    Service: {"read_timeout_s", "received_bytes"},
    Lockdown: {"usbmux"},
}
"""What our subclasses add. Upstream must not have the name, or ours would change upstream's behaviour."""

CALLERS: dict[type, dict[str, list[Callable[..., Any]]]] = {
    Service: {
        "max_frame_size": [ServiceConnection._checked_frame_size],
        "recvall": [ServiceConnection.recv_prefixed, AfcService._afc_reader_loop],
        "recv_plist": [NotificationProxyService.receive_notification, InstallationProxyService.browse],
        "send_recv_plist": [LockdownClient._request, SpringBoardServicesService.get_icon_pngdata],
    },
    Lockdown: {
        "product_version": [LockdownClient.validate_pairing],
        "save_pair_record": [LockdownClient.pair, LockdownClient.pair_supervised],
        "create_service_connection": [
            LockdownClient.start_lockdown_service,
            LockdownClient.areestablish_connection,
        ],
        "ssl_file": [LockdownClient.validate_pairing, LockdownClient.start_lockdown_service],
    },
}
"""Our subclass -> a name it overrides -> upstream's functions that must use it."""

LEANED_ON: list[tuple[str, Callable[..., Any]]] = [
    ("_checked_frame_size", ServiceConnection.recv_prefixed),
    ("recv_prefixed", ServiceConnection.send_recv_prefixed),
    ("_transaction_lock", ServiceConnection.send_recv_prefixed),
    ("ProtocolError", ServiceConnection._checked_frame_size),
    ("ConnectionTerminatedError", ServiceConnection.recvall),
    ("_verify_request_response", LockdownClient._request),
    ("areestablish_connection", LockdownClient._request),
    ("pair_record", LockdownClient.validate_pairing),
    ("session_id", LockdownClient.validate_pairing),
    ("start_tls", LockdownClient.validate_pairing),
    ("_request", LockdownClient.get_service_connection_attributes),
    ("pair_record", LockdownClient.get_service_connection_attributes),
    ("usbmux_address", PlistUsbmuxLockdownClient.fetch_pair_record),
    ("device_file_path", LockdownClient.save_pair_record),
    ("device_file_path", pair_records.get_local_pairing_record),
    ("create_mux", usbmux.list_devices),
    ("start_lockdown_service", LockdownService.connect),
    ("_do_operation", AfcService.fopen),
]
"""A name that we call, set or imitate, and a function of upstream that uses it too."""


def code_objects(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_objects(constant)


def names_in(function: Any) -> set[str]:
    """Every global and attribute that a function's code mentions, with the functions inside it."""
    function = inspect.unwrap(function.fget if isinstance(function, property) else function)
    return {name for code in code_objects(getattr(function, "__func__", function).__code__) for name in code.co_names}


def attributes_set(value: Any) -> set[str]:
    """The attributes that a function assigns; none for what is no function."""
    code = getattr(inspect.unwrap(value), "__code__", None) if callable(value) else None
    steps = (step for one in code_objects(code) for step in dis.get_instructions(one)) if code is not None else ()
    return {str(step.argval) for step in steps if step.opname == "STORE_ATTR"}


def test_the_declared_versions_hold_the_tested_one_and_end_before_the_next_major() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (wanted,) = (Requirement(one) for one in declared if Requirement(one).name == "pymobiledevice3")
    assert wanted.specifier.contains(version("pymobiledevice3"))
    assert wanted.specifier.contains("11.45.0") and wanted.specifier.contains("11.999")
    assert not wanted.specifier.contains("11.44.9") and not wanted.specifier.contains("12.0")


@pytest.mark.parametrize("ours", CALLERS, ids=lambda ours: ours.__name__)
def test_every_override_exists_upstream_and_every_addition_does_not(ours: type) -> None:
    upstream = ours.__mro__[1]
    assert upstream.__module__.startswith("pymobiledevice3.")
    written = {name for name in (*vars(ours), *ours.__annotations__) if not name.startswith(("__", "_abc_"))}
    assert written == set(CALLERS[ours]) | OURS[ours], "a name is missing from the tables above"
    for name in CALLERS[ours]:
        assert hasattr(upstream, name), f"{upstream.__name__}.{name} is gone: nothing calls ours"
    theirs = {name for base in upstream.__mro__[:-1] for value in vars(base).values() for name in attributes_set(value)}
    for name in OURS[ours]:
        assert not hasattr(upstream, name) and name not in theirs, f"upstream has a {name} of its own now"


@pytest.mark.parametrize(
    ("name", "caller"),
    [
        *(
            (name, caller)
            for overrides in CALLERS.values()
            for name, callers in overrides.items()
            for caller in callers
        ),
        *LEANED_ON,
    ],
    ids=lambda value: value if isinstance(value, str) else value.__qualname__,
)
def test_upstream_still_uses_what_we_rely_on(name: str, caller: Callable[..., Any]) -> None:
    assert name in names_in(caller), f"{caller.__qualname__} no longer uses {name}"


@pytest.mark.parametrize("ours", CALLERS, ids=lambda ours: ours.__name__)
def test_our_overrides_take_what_upstream_passes(ours: type) -> None:
    for name in CALLERS[ours]:
        mine, theirs = vars(ours)[name], inspect.getattr_static(ours.__mro__[1], name)
        assert type(mine) is type(theirs), name
        if inspect.isfunction(mine):
            assert inspect.iscoroutinefunction(mine) == inspect.iscoroutinefunction(theirs), name
            assert list(inspect.signature(mine).parameters) == list(inspect.signature(theirs).parameters), name


def imports_of_upstream() -> list[tuple[str, str]]:
    found = set()
    for file in (ROOT / "migrate").rglob("*.py"):
        if "from pymobiledevice3" not in (text := file.read_text(encoding="utf-8")):
            continue  # parsing every module takes seconds
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pymobiledevice3":
                found |= {(str(node.module), alias.name) for alias in node.names}
    return sorted(found)


def test_every_name_we_import_is_there() -> None:
    imports = imports_of_upstream()
    assert len(imports) > 30
    assert [one for one in imports if not hasattr(importlib.import_module(one[0]), one[1])] == []


def test_upstream_calls_our_overrides_while_we_talk_to_a_phone(
    attach: Any, a_phone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: set[tuple[str, str]] = set()

    def note(ours: type, name: str) -> None:
        module = str(sys._getframe(2).f_globals["__name__"])
        if module.startswith("pymobiledevice3."):
            called.add((ours.__name__, name))

    def watch(ours: type, name: str) -> None:
        original = vars(ours)[name]
        if callable(original):

            def watched(*arguments: Any, **options: Any) -> Any:
                note(ours, name)
                return original(*arguments, **options)

            monkeypatch.setattr(ours, name, watched)
            return

        def read(self: Any) -> Any:
            note(ours, name)
            return original.fget(self) if isinstance(original, property) else original

        monkeypatch.setattr(ours, name, property(read))

    for ours, overrides in CALLERS.items():
        for name in overrides:
            watch(ours, name)
    phone = a_phone(passcode="1234")
    home = attach(phone)

    async def story() -> None:
        async with await home.meet(phone) as met:
            phone.faults.session_idle_close_s = 0.01
            await met.refresh()
            phone.faults.session_idle_close_s = None  # a busy computer may need longer between any two requests
            await met.signs_of_use()
            assert "org.example.chat" in await met.installed_apps()
            client = met._connection.client
            async with NotificationProxyService(client) as proxy:
                await proxy.notify_register_dispatch("n")
                await proxy.notify_post("n")
                await asyncio.wait_for(anext(proxy.receive_notification()), 10)

    asyncio.run(story())
    never_run = {
        ("Lockdown", "save_pair_record")
    }  # upstream saves only what its own pairing made, which we never ask for
    assert called == {(ours.__name__, name) for ours, names in CALLERS.items() for name in names} - never_run
