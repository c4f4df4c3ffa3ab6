"""Run a coverage-guided fuzzer on one parser: `python -m tests.fuzz TARGET [SECONDS]`. Needs atheris.

Failing inputs are printed and written to the current folder. Copy those that show a bug into `corpus/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("python -m tests.fuzz needs atheris (pip install atheris); pytest tests/fuzz does not")

with atheris.instrument_imports(include=["migrate.backup", "plistlib"]):
    from tests.fuzz.parsers import CORPUS, PARSERS


def main() -> None:
    target, seconds, *_ = [*sys.argv[1:], "60"]
    found = Path(f"fuzzed-{target}")  # the fuzzer writes to the first folder and only reads the second
    found.mkdir(exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-max_len=8192", "-timeout=20", "-rss_limit_mb=2000"]
    atheris.Setup([sys.argv[0], *limits, str(found), str(CORPUS / target)], PARSERS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
