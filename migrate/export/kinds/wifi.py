"""`Wi-Fi/networks.csv`: the networks that the phone joins; their passwords only with `--passwords`."""

from __future__ import annotations

from migrate.content.readers.wifi import WifiNetwork
from migrate.export.kinds.passwords import wifi_passwords
from migrate.export.names import iso_time
from migrate.export.tables import FORMATS, TableColumn, tables
from migrate.export.task import Task
from migrate.language import mark

COLUMNS = (
    TableColumn("name", mark("Name")),
    TableColumn("security", mark("Security")),
    TableColumn("last_joined", mark("Last joined")),
    TableColumn("added", mark("Added")),
    TableColumn("hidden", mark("Hidden")),
)
PASSWORD = TableColumn("password", mark("Password"))


def write_networks(task: Task) -> None:
    place = task.top.folder("Wi-Fi", key="wifi")
    formats = task.formats(*FORMATS, usual=("csv",))
    passwords = wifi_passwords(task.source) if task.choice.passwords else None
    columns = COLUMNS if passwords is None else (*COLUMNS, PASSWORD)
    with tables(place, "networks", columns, key="wifi", formats=formats) as table:
        for item in task.items():
            assert isinstance(item, WifiNetwork)
            cells = (item.name, item.security, iso_time(item.joined), iso_time(item.when), item.hidden)
            table.row(*cells, *(() if passwords is None else (passwords.get(item.name),)))
            task.exported(item)
