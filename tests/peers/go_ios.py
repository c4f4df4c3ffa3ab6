"""What go-ios, a third and independent client written in Go, is asked to do, and what a real phone would make of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from migrate.simulator.device.phone import SimulatedPhone
from tests.peers.workbench import GO_IOS, Bench

PICTURE = "IMG_0001.JPG"


@dataclass(frozen=True)
class Task:
    """One thing that a person does with go-ios. `problem` runs it and returns what is wrong, "" if nothing is."""

    what: str
    problem: Callable[[Bench, SimulatedPhone], str]
    is_fast: bool = False
    """Part of every test run. Each start of the program costs 0.7 s of CPU time (*measured*), whatever it does."""

    def __str__(self) -> str:
        return self.what


def ask(bench: Bench, phone: SimulatedPhone, *arguments: str) -> Any:
    """What a command prints on its last line, as JSON."""
    printed = bench.check(GO_IOS, *arguments, f"--udid={phone.udid}")
    return json.loads(printed.strip().splitlines()[-1])


def unless(wrong: object, found: object) -> str:
    return "" if wrong == found else f"{found!r} instead of {wrong!r}"


def _list(bench: Bench, phone: SimulatedPhone) -> str:
    return unless({"deviceList": [phone.udid]}, json.loads(bench.check(GO_IOS, "list").strip().splitlines()[-1]))


def _info(bench: Bench, phone: SimulatedPhone) -> str:
    told = ask(bench, phone, "info")
    wanted = {"DeviceName": phone.name, "SerialNumber": phone.serial, "ProductVersion": phone.ios_version}
    return unless(wanted, {key: told.get(key) for key in wanted})


def _pair(bench: Bench, phone: SimulatedPhone) -> str:
    phone.forget_hosts()
    phone.tap_trust()
    bench.check(GO_IOS, "pair", f"--udid={phone.udid}")
    return unless(1, len(phone.trusted_hosts))


def _apps(bench: Bench, phone: SimulatedPhone) -> str:
    wanted = {app.bundle_id for app in phone.apps.values() if not app.system}
    return unless(wanted, {app["CFBundleIdentifier"] for app in ask(bench, phone, "apps")})


def _files(bench: Bench, phone: SimulatedPhone) -> str:
    """The whole life of a file: made with its folders, listed, copied back, removed."""
    source, back = bench.home / "note.txt", bench.home / "back"
    source.write_text("from the computer", encoding="utf-8")
    udid = f"--udid={phone.udid}"
    bench.check(GO_IOS, "fsync", "mkdir", "--path=/made/deep", udid)
    bench.check(GO_IOS, "fsync", "push", f"--srcPath={source}", "--dstPath=/made/deep/note.txt", udid)
    listed = bench.check(GO_IOS, "fsync", "tree", "--path=/", udid)
    bench.check(GO_IOS, "fsync", "pull", "--srcPath=/made/deep/note.txt", f"--dstPath={back}", udid)
    bench.check(GO_IOS, "fsync", "rm", "--path=/made", "--r", udid)
    missing = [name for name in (PICTURE, "note.txt", "Books", "Downloads") if name not in listed]
    same = (back / "note.txt").read_text(encoding="utf-8") == "from the computer"
    left = [path for path in phone.afc_files if path.startswith("/made")]
    return unless(([], True, []), (missing, same, left))


def _battery(bench: Bench, phone: SimulatedPhone) -> str:
    return unless(phone.battery_percent, ask(bench, phone, "batterycheck")["BatteryCurrentCapacity"])


def _battery_registry(bench: Bench, phone: SimulatedPhone) -> str:
    return unless(phone.battery_percent, ask(bench, phone, "batteryregistry")["CurrentCapacity"])


def _space(bench: Bench, phone: SimulatedPhone) -> str:
    told = ask(bench, phone, "diskspace")
    return unless((phone.capacity_bytes, phone.free_bytes), (told["TotalBytes"], told["FreeBytes"]))


def _date(bench: Bench, phone: SimulatedPhone) -> str:
    before = int(time.time())
    told = ask(bench, phone, "date")["TimeIntervalSince1970"]
    return "" if before <= told <= time.time() else f"{told} instead of {before}"


def _diagnostics(bench: Bench, phone: SimulatedPhone) -> str:
    told = ask(bench, phone, "diagnostics", "list")
    reports = {name: told["Diagnostics"][name]["Status"] for name in ("GasGauge", "HDMI", "NAND", "WiFi")}
    return unless(("Success", {"Success"}), (told["Status"], set(reports.values())))


def _reboot(bench: Bench, phone: SimulatedPhone) -> str:
    phone.pending_restore = noted = RebootNoted()
    bench.check(GO_IOS, "reboot", f"--udid={phone.udid}")
    return unless(True, noted.happened.wait(10))


@dataclass
class RebootNoted:
    """A pending restore that only records that the phone restarted."""

    happened: threading.Event = field(default_factory=threading.Event)
    removes_unrestored: bool = False
    runs_setup: bool = False

    def apply(self, phone: SimulatedPhone) -> None:
        self.happened.set()


TASKS = (
    Task("list", _list),
    Task("info", _info),
    Task("pair", _pair, is_fast=True),
    Task("apps", _apps),
    Task("fsync", _files),
    Task("batterycheck", _battery),
    Task("batteryregistry", _battery_registry),
    Task("diskspace", _space),
    Task("date", _date, is_fast=True),
    Task("diagnostics list", _diagnostics, is_fast=True),
    Task("reboot", _reboot),
)
