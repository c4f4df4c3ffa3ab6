"""Makes the receipts beside this file from runs of two simulated iPhones: `python -m tests.talk.receipts.make`.

They are kept in the repository because three moves take half a minute, and the page has many tests.
"""

from __future__ import annotations

import json
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from migrate.journey.home import Home
from migrate.problems import NotProven
from migrate.simulator.aftermath.settings import Aftermath
from migrate.simulator.device.phone import SimulatedPhone
from migrate.simulator.usbmuxd.server import SimulatedUsbmuxd
from tests.journey.moves import LITTLE, PASSWORD, Lab, new_phone, old_phone

CONTENTS = LITTLE.model_copy(
    update={
        "icloud_only_photos": 7,
        "icloud_only_attachments": 2,
        "apps": ("org.whispersystems.signal", "com.google.Authenticator", "org.example.citybank", "org.example.diary"),
    }
)
FOLDER = Path(__file__).parent


def lose_messages(new: SimulatedPhone) -> None:
    """The new phone comes back from its restart without its messages."""
    restart = new.reboot

    def restart_and_lose() -> None:
        restart()
        new.files.remove("HomeDomain", "Library/SMS/sms.db")

    new.reboot = restart_and_lose  # type: ignore[method-assign]


def make(name: str, aftermath: Aftermath | None = None, *, loses: bool = False) -> None:
    old = old_phone(spec=CONTENTS, backup_password=PASSWORD)
    new = new_phone(**({} if aftermath is None else {"aftermath": aftermath}))
    if loses:
        lose_messages(new)
    with tempfile.TemporaryDirectory() as folder, SimulatedUsbmuxd([old, new]) as server:
        tmp = Path(folder, "tmp")
        tmp.mkdir(mode=0o700)
        lab = Lab(old, new, server, Home(Path(folder, "home")).open(), tmp)
        with suppress(NotProven):
            lab.move(lab.plan())
        receipt = lab.last_run.receipt()
        text = json.dumps(receipt, ensure_ascii=False, indent=1).replace(folder, "/home/ada/iphone-migrate")
    assert receipt is not None and receipt["verdict"] == name.replace("-", " ")
    assert not re.search(r"/tmp/|/root/", text)
    (FOLDER / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    make("proven")
    make("pending", Aftermath(arrives_in_s="when-ordered"))
    make("not-proven", loses=True)
