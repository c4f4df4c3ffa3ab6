"""Fetches peers that are no dependency of ours: `python tests/peers/fetch.py`. Needs only the standard library.

    .peers/ios                               go-ios, a Go program that is published on npm (its binary, for this system)
    .peers/pymobiledevice3-VERSION.tar.gz    the sources of the installed pymobiledevice3, with its own tests
    .peers/site/                             pytest-asyncio, for those tests alone

What is there is not fetched again. Nothing of it is part of this project or of its packages.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

PEERS_FOLDER = Path(__file__).parents[2] / ".peers"
GO_IOS_VERSION = "1.2.0"
GO_IOS_INTEGRITY = "ti0ID4xF1uhFmPF/ux8tS658oYA2LPyzsDzxvwoS/iiYmnSNaMaAYCco49zSC+HlvHFTJrQa0pQzzyfwtePHbg=="
"""npm's `dist.integrity`."""
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
DOWNLOAD_LIMIT_S = 300
ATTEMPTS, PAUSE_S = 3, 10
"""A registry may be busy for a moment."""
GO_IOS = PEERS_FOLDER / ("ios.exe" if os.name == "nt" else "ios")
SITE = PEERS_FOLDER / "site"


class NotFetched(Exception):
    """A peer could not be fetched."""


def upstream_sdist() -> Path:
    """Where the sources of the installed pymobiledevice3 are, once fetched."""
    return PEERS_FOLDER / f"pymobiledevice3-{importlib.metadata.version('pymobiledevice3')}.tar.gz"


def fetch_go_ios() -> None:
    if GO_IOS.exists():
        return
    machine = MACHINES.get(platform.machine().lower())
    system = platform.system().lower()
    if machine is None:
        raise NotFetched(f"go-ios is not built for {platform.machine()}")
    member = f"package/dist/go-ios-{system}-{machine}_{system}_{machine}/{GO_IOS.name}"
    with tempfile.TemporaryDirectory(dir=PEERS_FOLDER) as folder:
        package = _npm_package(Path(folder))
        found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        if found != GO_IOS_INTEGRITY:
            raise NotFetched(f"go-ios {GO_IOS_VERSION} has the digest {found}")
        with tarfile.open(package) as archive:
            try:
                program = archive.extractfile(member)
            except KeyError:
                program = None
            if program is None:
                raise NotFetched(f"go-ios is not built for {system} on {machine}")
            unpacked = Path(folder) / GO_IOS.name
            with unpacked.open("wb") as file:
                shutil.copyfileobj(program, file)
        unpacked.chmod(0o755)
        unpacked.replace(GO_IOS)


def _npm_package(folder: Path) -> Path:
    """Downloads with npm, which knows this machine's registry, or without it from the public one."""
    if npm := shutil.which("npm"):
        _run([npm, "pack", "--silent", "--pack-destination", str(folder), f"go-ios@{GO_IOS_VERSION}"])
    else:
        registry = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")
        address = f"{registry}/go-ios/-/go-ios-{GO_IOS_VERSION}.tgz"
        try:
            with (
                urllib.request.urlopen(address, timeout=DOWNLOAD_LIMIT_S) as answer,
                (folder / "go-ios.tgz").open("wb") as file,
            ):
                shutil.copyfileobj(answer, file)
        except OSError as error:
            raise NotFetched(f"{address}: {error}") from error
    packages = list(folder.glob("*.tgz"))
    if len(packages) != 1:
        raise NotFetched("npm left no package")
    return packages[0]


def fetch_upstream_tests() -> None:
    sdist = upstream_sdist()
    if not sdist.exists():
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        wanted = sdist.name.removesuffix(".tar.gz").replace("-", "==")
        with tempfile.TemporaryDirectory(dir=PEERS_FOLDER) as folder:
            _run([*pip, "download", "--no-deps", "--no-binary", ":all:", "--dest", folder, wanted])
            if not (downloaded := Path(folder) / sdist.name).exists():
                raise NotFetched(f"pip downloaded no {sdist.name}")
            downloaded.replace(sdist)
    if not (SITE / "pytest_asyncio").exists():
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "install", "--no-deps", "--target", str(SITE), "pytest-asyncio>=1.2"])


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=DOWNLOAD_LIMIT_S, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotFetched(str(error)) from error


def main() -> int:
    PEERS_FOLDER.mkdir(exist_ok=True)
    missing = 0
    for fetch in (fetch_go_ios, fetch_upstream_tests):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                fetch()
                break
            except NotFetched as why:
                print(f"not fetched ({attempt} of {ATTEMPTS} attempts): {why}", file=sys.stderr)
                time.sleep(PAUSE_S * (attempt < ATTEMPTS))
        else:
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
