"""Apps with millions of files or huge ones, for backups of phones that would not fit on a test computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrate.simulator.contents.formats.png import draw_icon
from migrate.simulator.contents.spec import ContentsSpec
from migrate.simulator.device.app import App
from migrate.simulator.device.assorted_files import AssortedFiles, Sizes
from migrate.simulator.device.generated_files import GeneratedFiles

if TYPE_CHECKING:
    from migrate.simulator.device.phone import SimulatedPhone

ARCHIVE = "com.example.archive"
VAST_FILE_BYTES = 1 << 30
ICON_PIXELS = 60


def write_archive(phone: SimulatedPhone, spec: ContentsSpec, seed: int) -> None:
    """Adds the Archive app if the spec asks for `many_files` or `vast_bytes`, and more apps for `assorted_files`."""
    _write_assorted(phone, spec, seed)
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


def _write_assorted(phone: SimulatedPhone, spec: ContentsSpec, seed: int) -> None:
    """Adds apps, each with a group and an extension, until there are enough domains, and divides the files among all of
    them."""
    if not spec.assorted_files or not spec.assorted_domains:
        return
    domains: list[str] = []
    for number in range(-(-spec.assorted_domains // 3)):
        one = f"com.example.assorted{number:04}"
        app = App(one, f"Assorted {number}", group_ids=(f"group.{one}",), plugin_ids=(f"{one}.Widget",), has_sinf=False)
        phone.apps[one] = app
        domains += [f"AppDomain-{one}", f"AppDomainGroup-group.{one}", f"AppDomainPlugin-{one}.Widget"]
    del domains[spec.assorted_domains :]
    sizes = Sizes.with_mean(spec.assorted_bytes / spec.assorted_files)
    for place, domain in enumerate(domains):
        begin, end = (spec.assorted_files * at // len(domains) for at in (place, place + 1))
        phone.files.add_lazy(AssortedFiles(domain, range(begin, end), sizes, seed))
