"""The simulated iPhones that are measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

PASSWORD = "bench-1947"
OLD = "00008101-000A1B2C3D4E5F60"
NEW = "00008140-0002BBBB00000002"
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Scenario:
    """What is on the old phone."""

    name: str
    what: str
    files: int
    file_bytes: int = 0
    """The size of each file; 0: log-uniform sizes that come to `assorted_bytes`."""
    assorted_bytes: int = 0
    domains: int = 1

    def scaled(self, by: float) -> Scenario:
        """The same with fewer or more files, but never none."""
        files, domains = max(1, round(self.files * by)), max(1, round(self.domains * min(1.0, by)))
        return replace(self, files=files, assorted_bytes=round(self.assorted_bytes * by), domains=domains)

    @property
    def bytes(self) -> int:
        return self.assorted_bytes or self.files * self.file_bytes

    def phone_file(self, *, encrypted: bool) -> str:
        """The phone file of the old phone. Few rounds: deriving the key is measured elsewhere."""
        if self.file_bytes:
            contents = f"many_files = {self.files}\nmany_file_bytes = {self.file_bytes}"
        else:
            contents = (
                f"assorted_files = {self.files}\nassorted_bytes = {self.assorted_bytes}\n"
                f"assorted_domains = {self.domains}"
            )
        password = f'backup_password = "{PASSWORD}"\n' if encrypted else ""
        return f"{_PHONE.format(udid=OLD, seed=1, keeps='digests')}{password}[contents]\n{_NOTHING_ELSE}{contents}\n"


_PHONE = (
    'udid = "{udid}"\nname = "Bench {seed}"\nseed = {seed}\nkeybag_rounds = 10\ncapacity_bytes = 4_000_000_000_000\n'
    'keeps = "{keeps}"\n'
)
_NOTHING_ELSE = "photos = 0\nvideos = 0\nmessages = 0\nattachments = 0\n"

SCENARIOS = {
    one.name: one
    for one in (
        Scenario("a", "50,000 files of 8 KiB", 50_000, 8 * KIB),
        Scenario("b", "8 GiB in files of 64 MiB", 128, 64 * MIB),
        Scenario("c", "60,000 files of log-uniform sizes, 8 GiB, 700 domains", 60_000, 0, 8 * GIB, 700),
        Scenario("d", "200,000 files of 2 KiB", 200_000, 2 * KIB),
    )
}


def new_phone_file(keeps: str = "digests") -> str:
    """The phone file of a new phone whose user does at once what it asks for. It can be backed up after a restore if it
    keeps contents."""
    return (
        f"{_PHONE.format(udid=NEW, seed=2, keeps=keeps)}[contents]\nempty = true\n[hand]\nsetup_delay_s = 0.0\n"
        "[aftermath]\non = false\n"
    )
