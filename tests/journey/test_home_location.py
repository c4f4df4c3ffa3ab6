"""Where the home folder lies: in a cloud's folder, on a network drive, on exFAT, on a disk that cannot be written."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrate.journey import home_location
from migrate.journey.home import Home
from migrate.journey.home_location import (
    cloud_service_of,
    file_system_of,
    mounts_of_linux,
    mounts_of_macos,
    network_of,
    remarks_about_home,
)
from migrate.journey.lock import LockHeld, locked
from migrate.journey.rehearsal_phone import serve_on_socket
from migrate.simulator.device.phone import SimulatedPhone
from migrate.talk.cli import run_command_line

IN_A_CLOUD = {
    "/Users/ada/Library/Mobile Documents/com~apple~CloudDocs/migrate": "iCloud Drive",
    "/Users/ada/Library/CloudStorage/OneDrive-Personal/migrate": "OneDrive",
    "/Users/ada/Library/CloudStorage/GoogleDrive-ada@example.com/My Drive/migrate": "Google Drive",
    "/Users/ada/Library/CloudStorage/Dropbox/migrate": "Dropbox",
    "/Users/ada/Library/CloudStorage/Box-Box/migrate": "a cloud drive",
    "C:/Users/Ada/iCloudDrive/migrate": "iCloud Drive",
    "C:/Users/Ada/OneDrive - Harbour Ltd/migrate": "OneDrive",
    "C:/Users/Ada/Dropbox (Personal)/migrate": "Dropbox",
    "G:/My Drive/migrate": "Google Drive",
}
NOT_IN_A_CLOUD = (
    "/Users/ada/Library/Application Support/iphone-migrate",
    "/home/ada/Dropboxes/migrate",
    "/home/ada/My Drives/migrate",
    "/media/ada/backups/OneDriver",
)
MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
31 22 0:27 / /mnt/nas rw,relatime shared:9 - nfs4 nas:/volume1 rw,vers=4.2
32 31 8:1 / /mnt/nas/local rw - ext4 /dev/sda1 rw
33 22 0:44 / /mnt/a\040share rw - cifs //server/share rw
34 22 0:50 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw
"""
MOUNT = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
//ada@nas._smb._tcp.local/home on /Volumes/home (smbfs, nodev, nosuid, mounted by ada)
/dev/disk4s1 on /Volumes/A Disk (exfat, local, nodev, nosuid, noowners, noatime, fskit)
"""


def codes(home: Path) -> list[str]:
    return [finding.code for finding in remarks_about_home(home)]


@pytest.mark.parametrize(("folder", "service"), IN_A_CLOUD.items())
def test_a_folder_that_a_cloud_synchronises_is_recognised(folder: str, service: str) -> None:
    assert cloud_service_of(Path(folder), environment={}, user_home=Path("/nobody")) == service


@pytest.mark.parametrize("folder", NOT_IN_A_CLOUD)
def test_other_folders_are_not_taken_for_a_clouds(folder: str) -> None:
    assert cloud_service_of(Path(folder), environment={}, user_home=Path("/nobody")) is None


def test_folders_that_onedrive_and_dropbox_name_themselves_are_recognised(tmp_path: Path) -> None:
    (tmp_path / ".dropbox").mkdir()
    accounts = {"personal": {"path": str(tmp_path / "My files"), "host": 1}}
    (tmp_path / ".dropbox" / "info.json").write_text(json.dumps(accounts))
    work = {"OneDriveCommercial": str(tmp_path / "Work")}
    assert cloud_service_of(tmp_path / "My files" / "migrate", environment={}, user_home=tmp_path) == "Dropbox"
    assert cloud_service_of(tmp_path / "Work" / "migrate", environment=work, user_home=tmp_path) == "OneDrive"
    assert cloud_service_of(tmp_path / "Other", environment=work, user_home=tmp_path) is None


def test_the_innermost_mount_decides_whether_a_folder_is_on_a_network_drive() -> None:
    linux, macos = mounts_of_linux(MOUNTINFO), mounts_of_macos(MOUNT)
    assert file_system_of(Path("/mnt/nas/migrate"), linux) == "nfs4"
    assert file_system_of(Path("/mnt/nas/local/migrate"), linux) == "ext4"
    assert file_system_of(Path("/mnt/a share/migrate"), linux) == "cifs"
    assert file_system_of(Path("/home/ada"), linux) == "ext4"
    assert file_system_of(Path("/Volumes/home/migrate"), macos) == "smbfs"
    assert file_system_of(Path("/Volumes/A Disk"), macos) == "exfat"


def test_this_computers_own_disk_is_no_network_drive(tmp_path: Path) -> None:
    assert network_of(tmp_path) is None
    assert codes(Home(tmp_path / "home").open().path) == []


def test_a_home_in_a_cloud_or_on_a_network_drive_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path / "Dropbox" / "migrate").open()
    monkeypatch.setattr(home_location, "_mounts", lambda: {"/": "ext4", str(tmp_path): "nfs4"})
    found = list(remarks_about_home(home.path))
    assert [finding.code for finding in found] == ["home-in-cloud", "home-on-network"]
    assert all(finding.severity == "warning" and "--home" in finding.next for finding in found)


@pytest.mark.skipif(os.name == "nt", reason="Windows uses access lists")
def test_a_disk_without_permissions_is_said_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """exFAT shows every file with the same mode and refuses to change it (*read*: fs/exfat/file.c, exfat_setattr)."""

    def refused(self: Path, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(self))

    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", refused)
    home = Home(folder).open()
    assert codes(home.path) == ["home-without-permissions"]
    with home.private_tmp() as tmp:
        assert tmp.is_dir()


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="mounts a read-only disk")
def test_a_read_only_home_is_one_sentence_and_exit_2(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import ctypes

    home = tmp_path / "home"
    Home(home).open()
    mount = ctypes.CDLL(None, use_errno=True).mount
    bind, remount_read_only = 0x1000, 0x1000 | 0x20 | 0x1
    if mount(str(home).encode(), str(home).encode(), None, bind, None):
        pytest.skip("this system does not let us mount")
    try:
        mount(None, str(home).encode(), None, remount_read_only, None)
        code = run_command_line(["--home", str(home), "runs", "--json"])
    finally:
        ctypes.CDLL(None).umount(str(home).encode())
    error = json.loads(capfd.readouterr().out)["error"]
    assert (code, error["code"]) == (2, "home-unusable")
    assert "Read-only file system" in error["why"] and "--home" in error["next"]


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_rehearsal_on_a_disk_without_sockets_uses_a_loopback_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """exFAT answers EPERM, others EOPNOTSUPP or EINVAL."""
    bind: Callable[..., None] = socket.socket.bind

    def no_unix_sockets(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            raise OSError(refusal, os.strerror(refusal))
        bind(self, address)

    with serve_on_socket(SimulatedPhone(), tmp_path) as usbmux:
        assert "/" in str(usbmux.address)
    monkeypatch.setattr(socket.socket, "bind", no_unix_sockets)
    with serve_on_socket(SimulatedPhone(), tmp_path) as usbmux:
        host, _, port = str(usbmux.address).rpartition(":")
        assert host == "127.0.0.1"
        socket.create_connection((host, int(port)), timeout=5).close()


@pytest.mark.skipif(os.name == "nt", reason="Windows locks differently")
def test_a_network_drive_that_cannot_lock_is_said_and_is_not_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    with locked(tmp_path / "lock"), pytest.raises(LockHeld), locked(tmp_path / "lock"):
        pass

    def cannot_lock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    home = Home(tmp_path / "home").open()
    assert codes(home.path) == []
    monkeypatch.setattr(fcntl, "flock", cannot_lock)
    with locked(tmp_path / "lock"):
        pass
    assert codes(home.path) == ["home-without-locks"]
    assert sorted(path.name for path in home.path.iterdir()) == [
        "backups",
        "pairing",
        "runs",
        "seals",
        "snapshots",
        "tmp",
    ]
