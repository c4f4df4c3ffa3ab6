"""Links on a phone's disk whose targets name its hardware, its iOS or its place on the disk.

Of the 3,721 rows of a real iOS 14.3 backup 14 are links (*seen*): seven into the carrier bundles, which name the board
(`D101`) and the bundles' version (`45.0`), one to the time zone, and six from a container into itself by its UUID.
"""

from __future__ import annotations

from collections.abc import Mapping

from migrate.simulator.device.identity import model_of

OVERLAY = "/var/mobile/Library/Carrier Bundles/Overlay"
ZONES = "/var/db/timezone/zoneinfo"
CONTAINERS = "/var/mobile/Containers/Data/Application"
TIME_ZONE_LINK = ("DatabaseDomain", "timezone/localtime")
INDEXED_DB = "Library/WebKit/WebsiteData/IndexedDB"
OPERATOR = "20820"
"""The network whose bundle the real phone had. *guessed*: another phone's would have its own operator's number."""


def carrier_links(model: str, ios: tuple[int, ...]) -> Mapping[str, str]:
    """The links below HomeDomain Library/Preferences: file name -> target."""
    board = model_of(model).board.removesuffix("AP")
    version = f"{ios[0] + 31}.0"  # 45.0 on iOS 14 (*seen*); *guessed* for others
    own = f"{board}+{version}.plist"
    merged = f"Default.bundle:{board}:{version}+{own}"
    targets = {
        "carrier.default": f"device+carrier+Default.bundle+{own}",
        "carrier.merged": f"default+device+carrier+Unknown.bundle+{merged}",
        "carrier_1": f"device+carrier+Unknown.bundle+{own}",
        "carrier_1.merged": f"default+device+carrier+Unknown.bundle+{merged}",
        "operator.merged": f"default+device+carrier+{OPERATOR}+{merged}",
        "operator_1": f"device+carrier+{OPERATOR}+{own}",
        "operator_1.merged": f"default+device+carrier+{OPERATOR}+{merged}",
    }
    return {f"com.apple.{name}.plist": f"{OVERLAY}/{target}" for name, target in targets.items()}


def time_zone_target(time_zone: str) -> str:
    return f"{ZONES}/{time_zone}"


def container_target(uuid: str) -> str:
    """Where WebKit's link `IndexedDB/v0` in the app container `uuid` points."""
    return f"{CONTAINERS}/{uuid}/{INDEXED_DB}"
