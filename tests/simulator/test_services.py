"""The small services, reached over TLS like clients do."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from typing import Any

import pytest

from migrate.simulator.device.app import App
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.services.installation_proxy import CHUNK_APPS

NOTIFICATIONS = "com.apple.mobile.notification_proxy"
CANCEL = "com.apple.itunes-client.syncCancelRequest"
PlugIn = Callable[..., tuple[SimulatedPhone, Any]]


def relayed(name: str) -> dict[str, str]:
    return {"Command": "RelayNotification", "Name": name}


# --- notification_proxy


def test_only_observed_notifications_are_relayed(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    line = computer.service(phone, NOTIFICATIONS)
    for name in (CANCEL, "com.example.seen"):
        line.send({"Command": "ObserveNotification", "Name": name})
    line.send({"Command": "Dance"})  # ignored
    line.send({"Command": "PostNotification", "Name": "com.example.seen"})  # a client also receives its own posts
    assert line.receive() == relayed("com.example.seen")
    phone.post("com.example.unseen")
    phone.post(CANCEL)
    assert line.receive() == relayed(CANCEL)
    line.send({"Command": "Shutdown"})
    assert line.receive() == {"Command": "ProxyDeath"}
    assert line.is_closed()


def test_one_clients_post_reaches_another(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    hears, posts = computer.service(phone, NOTIFICATIONS), computer.service(phone, NOTIFICATIONS)
    hears.send({"Command": "ObserveNotification", "Name": "n"})
    hears.send({"Command": "PostNotification", "Name": "n"})
    assert hears.receive() == relayed("n")  # so it is observing now
    posts.send({"Command": "PostNotification", "Name": "n"})
    assert hears.receive() == relayed("n")


def test_the_passcode_sheet_is_announced_before_and_after(plug_in: PlugIn) -> None:
    phone, computer = plug_in(passcode="1234")
    line = computer.service(phone, NOTIFICATIONS)
    sheet = "com.apple.LocalAuthentication.ui"
    for name in (f"{sheet}.presented", f"{sheet}.dismissed"):
        line.send({"Command": "ObserveNotification", "Name": name})
    line.send({"Command": "PostNotification", "Name": f"{sheet}.dismissed"})
    line.receive()
    phone.simulated_user.passcode_sheets = 2
    assert phone.enter_passcode() is True
    told = [line.receive()["Name"].rpartition(".")[2] for _ in range(4)]
    assert told == ["presented", "dismissed", "presented", "dismissed"]


def test_the_insecure_proxy_needs_no_pairing_and_uses_plaintext(plug_in: PlugIn) -> None:
    phone, computer = plug_in(trust="ask")
    name = "com.apple.mobile.insecure_notification_proxy"
    started = computer.lockdown(phone).ask({"Request": "StartService", "Service": name})
    assert started["EnableServiceSSL"] is False
    line = computer.connect(phone, started["Port"])
    line.send({"Command": "ObserveNotification", "Name": "n"})
    line.send({"Command": "PostNotification", "Name": "n"})
    assert line.receive() == relayed("n")


def test_a_disconnected_client_is_no_longer_an_observer(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    line = computer.service(phone, NOTIFICATIONS)
    line.send({"Command": "Shutdown"})
    line.receive()
    assert line.is_closed()
    line.sock.close()
    for _ in range(100):
        phone.post("n")


# --- installation_proxy


@pytest.fixture
def apps() -> dict[str, App]:
    own = [App(f"com.example.app{n}", f"App {n}", version=str(n)) for n in range(CHUNK_APPS + 1)]
    own.append(App("com.example.chat", "Chat", group_ids=("group.chat",), has_sinf=False))
    own.append(App("com.apple.mobilesafari", "Safari", system=True))
    return {app.bundle_id: app for app in own}


def browse(line: Any, **options: Any) -> tuple[list[dict[str, Any]], int]:
    """The listed apps, and the number of answers."""
    line.send({"Command": "Browse", "ClientOptions": options})
    listed: list[dict[str, Any]] = []
    answers = 0
    while (answer := line.receive())["Status"] != "Complete":
        assert answer["CurrentIndex"] == len(listed)
        assert answer["CurrentAmount"] == len(answer["CurrentList"])
        listed += answer["CurrentList"]
        answers += 1
    return listed, answers


def test_apps_are_listed_in_several_answers(plug_in: PlugIn, apps: dict[str, App]) -> None:
    phone, computer = plug_in(apps=apps)
    line = computer.service(phone, "com.apple.mobile.installation_proxy")
    listed, answers = browse(line, ApplicationType="User", ReturnAttributes=["ApplicationSINF", "iTunesMetadata"])
    assert answers == 2
    assert {app["CFBundleIdentifier"] for app in listed} == {a.bundle_id for a in apps.values() if not a.system}
    chat = next(app for app in listed if app["CFBundleIdentifier"] == "com.example.chat")
    assert set(chat) == {"CFBundleIdentifier"}  # no SINF: it cannot be re-installed
    store_app = listed[0]
    assert store_app["ApplicationSINF"]
    assert plistlib.loads(store_app["iTunesMetadata"])["softwareVersionBundleId"] == store_app["CFBundleIdentifier"]
    assert [app["CFBundleIdentifier"] for app in browse(line, ApplicationType="System")[0]] == [
        "com.apple.mobilesafari"
    ]
    assert len(browse(line, ApplicationType="Any")[0]) == len(apps)


def test_single_apps_are_looked_up_with_their_groups(plug_in: PlugIn, apps: dict[str, App]) -> None:
    phone, computer = plug_in(apps=apps)
    phone.files.add_file("AppDomain-com.example.chat", "Documents/db", b"x" * 99)
    line = computer.service(phone, "com.apple.mobile.installation_proxy")
    found = line.ask({"Command": "Lookup", "ClientOptions": {"BundleIDs": ["com.example.chat", "com.none"]}})
    chat = found["LookupResult"]["com.example.chat"]
    assert set(found["LookupResult"]) == {"com.example.chat"}
    assert list(chat["GroupContainers"]) == ["group.chat"]
    assert chat["DynamicDiskUsage"] == 99
    assert "Error" in line.ask({"Command": "Install"})


# --- springboardservices, diagnostics_relay


def test_icons_are_png_or_an_error(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    for name in ("a", "b", "c"):
        phone.apps[name] = App(name, name.upper(), icon_png=b"\x89PNG" if name != "c" else b"")
    phone.faults.no_icon = ("b",)
    line = computer.service(phone, "com.apple.springboardservices")
    assert line.ask({"command": "getIconPNGData", "bundleId": "a"}) == {"pngData": b"\x89PNG"}
    for name in ("b", "c", "unknown"):
        assert "pngData" not in line.ask({"command": "getIconPNGData", "bundleId": name})
    dock, page = line.ask({"command": "getIconState", "formatVersion": "2"})
    assert dock == []
    assert [icon["bundleIdentifier"] for icon in page] == ["a", "b", "c"]


def test_icons_stay_where_a_host_put_them(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    apple = ("com.apple.mobilephone", "com.apple.mobilesafari", "com.apple.weather")
    for name in (*apple, "a", "b"):
        phone.apps[name] = App(name, name, system=name in apple)
    line = computer.service(phone, "com.apple.springboardservices")

    def layout() -> list[list[str]]:
        pages = line.ask({"command": "getIconState"})
        return [[icon.get("bundleIdentifier", icon.get("displayName")) for icon in page] for page in pages]

    assert layout() == [list(apple[:2]), ["a", "b", "com.apple.weather"]]
    dock, (a, b, weather) = line.ask({"command": "getIconState"})
    folder = {"displayName": "Folder", "listType": "folder", "iconLists": [[b]]}
    assert "Error" not in line.ask({"command": "setIconState", "iconState": [dock[::-1], [weather, folder], [a]]})
    assert layout() == [list(apple[1::-1]), ["com.apple.weather", "Folder"], ["a"]]
    del phone.apps["a"]
    phone.apps["new"] = App("new", "New")
    assert layout() == [list(apple[1::-1]), ["com.apple.weather", "Folder"], [], ["new"]]
    for wrong in (None, {}, [1], "x"):
        state = {} if wrong is None else {"iconState": wrong}
        assert "Error" in line.ask({"command": "setIconState", **state})
    assert layout()[0] == list(apple[1::-1])
    phone.erase()
    assert layout() == [[]]


@pytest.mark.parametrize(
    ("ios_version", "answer"),
    [("17.3", {"Status": "Success", "PasswordConfigured": True}), ("17.4", {"Status": "MobileGestaltDeprecated"})],
)
def test_mobilegestalt_reports_the_passcode_until_17_4(
    plug_in: PlugIn, ios_version: str, answer: dict[str, Any]
) -> None:
    phone, computer = plug_in(ios_version=ios_version, passcode="1234")
    line = computer.service(phone, "com.apple.mobile.diagnostics_relay")
    asked = {"Request": "MobileGestalt", "MobileGestaltKeys": ["PasswordConfigured", "Nonsense"]}
    assert line.ask(asked)["Diagnostics"]["MobileGestalt"] == answer
    assert line.ask({"Request": "EraseEverything"})["Status"] == "UnknownRequest"
    assert line.ask({"Request": "Goodbye"})["Status"] == "Success"
    assert line.is_closed()


@pytest.mark.parametrize(("about", "supervised"), [({}, None), ({"supervised": True}, True)])
def test_a_supervised_phone_says_so(plug_in: PlugIn, about: dict[str, Any], supervised: bool | None) -> None:
    phone, computer = plug_in(**about)
    line = computer.service(phone, "com.apple.mobile.MCInstall")
    assert line.ask({"RequestType": "HelloHostIdentifier"}) == {"Status": "Acknowledged"}
    answer = line.ask({"RequestType": "GetCloudConfiguration"})
    assert answer["Status"] == "Acknowledged" and answer["CloudConfiguration"].get("IsSupervised") is supervised
    assert line.ask({"RequestType": "GetProfileList"})["ProfileMetadata"] == {}
    assert line.ask({"RequestType": "EraseDevice"})["Status"] == "Error"


def test_diagnostics_report_the_battery_and_unknown_entries_as_empty(plug_in: PlugIn) -> None:
    phone, computer = plug_in(battery_percent=40)
    line = computer.service(phone, "com.apple.mobile.diagnostics_relay")
    reports = line.ask({"Request": "All"})["Diagnostics"]
    assert set(reports) == {"GasGauge", "HDMI", "NAND", "WiFi"}
    assert all(report["Status"] == "Success" for report in reports.values())
    assert line.ask({"Request": "GasGauge"})["Diagnostics"] == {"GasGauge": reports["GasGauge"]}
    battery = line.ask({"Request": "IORegistry", "EntryClass": "IOPMPowerSource"})["Diagnostics"]["IORegistry"]
    assert battery["CurrentCapacity"] == 40 and battery["AppleRawCurrentCapacity"] < battery["AppleRawMaxCapacity"]
    assert line.ask({"Request": "IORegistry", "EntryName": "nothing"}) == {"Status": "Success", "Diagnostics": {}}


@pytest.mark.parametrize(("passcode", "screen"), [("1234", "locked"), ("", "unlocked")])
def test_sleep_locks_a_phone_that_has_a_passcode(plug_in: PlugIn, passcode: str, screen: str) -> None:
    phone, computer = plug_in(passcode=passcode)
    line = computer.service(phone, "com.apple.mobile.diagnostics_relay")
    assert line.ask({"Request": "Sleep"})["Status"] == "Success"
    line.ask({"Request": "All"})  # answered after the phone has slept
    assert phone.screen == screen


def test_a_restart_detaches_and_attaches_the_phone(plug_in: PlugIn) -> None:
    phone, computer = plug_in()
    line = computer.service(phone, "com.apple.mobile.diagnostics_relay")
    before = computer.device_id(phone)
    listener = computer.usbmuxd()
    listener.mux_request({"MessageType": "Listen"})
    listener.mux_receive()
    assert line.ask({"Request": "Restart"})["Status"] == "Success"
    assert listener.mux_receive() == {"MessageType": "Detached", "DeviceID": before}
    assert listener.mux_receive()["DeviceID"] > before
    assert line.is_closed()


@pytest.mark.parametrize(
    "service",
    [
        NOTIFICATIONS,
        "com.apple.mobile.installation_proxy",
        "com.apple.springboardservices",
        "com.apple.mobile.diagnostics_relay",
        "com.apple.mobile.MCInstall",
        "com.apple.afc",
    ],
)
def test_garbage_ends_the_service_and_not_the_phone(plug_in: PlugIn, service: str) -> None:
    phone, computer = plug_in()
    line = computer.service(phone, service)
    line.sock.sendall(b"\xff" * 64)
    assert line.is_closed()
    array = computer.service(phone, service)
    body = plistlib.dumps(["no", "dictionary"])
    array.sock.sendall(len(body).to_bytes(4, "big") + body)
    assert array.is_closed()
    assert computer.lockdown(phone).ask({"Request": "QueryType"})
