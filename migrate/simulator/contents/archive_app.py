"""An app with millions of files or huge ones, for backups of phones that would not fit on a test computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.simulator.contents.formats.png import draw_icon
from migrate.simulator.contents.spec import ContentsSpec
from migrate.simulator.device.app import App
from migrate.simulator.device.generated_files import GeneratedFiles

if TYPE_CHECKING:
    from migrate.simulator.device.phone import SimulatedPhone

ARCHIVE = "com.example.archive"
VAST_FILE_BYTES = 1 << 30
ICON_PIXELS = 60


def write_archive(phone: SimulatedPhone, spec: ContentsSpec, seed: int) -> None:
    """Adds the Archive app if the spec asks for `many_files` or `vast_bytes`."""
    if not spec.many_files and not spec.vast_bytes:
        return
    phone.apps[ARCHIVE] = App(ARCHIVE, "Archive", icon_png=draw_icon(ICON_PIXELS, (90, 90, 110), (230, 220, 200)))
    domain = f"AppDomain-{ARCHIVE}"
    if spec.many_files:
        phone.files.add_lazy(GeneratedFiles(domain, "Documents/many", spec.many_files, spec.many_file_bytes, seed))
    whole, rest = divmod(spec.vast_bytes, VAST_FILE_BYTES)
    if whole:
        phone.files.add_lazy(GeneratedFiles(domain, "Documents/vast", whole, VAST_FILE_BYTES, seed + 1, ".mov"))
    if rest:
        phone.files.add_lazy(GeneratedFiles(domain, "Documents/rest", 1, rest, seed + 2, ".mov"))
