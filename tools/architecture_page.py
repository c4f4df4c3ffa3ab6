"""Draws the picture in docs/architecture.md from the imports: `python -m tools.architecture_page` writes it there.

One box for each package under `migrate/`, one row for each layer, an arrow for each import of another package. The
packages of layer 0 are imported from everywhere, so they have no arrows.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "migrate"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- made by tools/architecture_page.py: begin -->", "<!-- end -->"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("ctrl_c", "language", "problems", "progress", "plists", "udid", "units", "untrusted_text"),
    ("wire", "backup"),
    ("categories", "phone", "simulator"),
    ("content", "pages"),
    ("plan",),
    ("journey", "export"),
    ("schedule", "browse", "fleet"),
    ("talk",),
)
"""docs/design.md section 2; tests/test_layout.py enforces it. Packages that do not exist yet are left out."""


def packages() -> dict[str, list[Path]]:
    """Every package or single module under `migrate/`, with its files."""
    found: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if not name.startswith("__"):
            found.setdefault(name, []).append(file)
    return found


def imported_packages(file: Path) -> Iterator[str]:
    """The packages under `migrate/` that a file imports, also inside functions and for types."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("migrate."))


def arrows() -> set[tuple[str, str]]:
    """Every pair (importing package, imported package)."""
    found = packages()
    imports = {(name, other) for name, files in found.items() for file in files for other in imported_packages(file)}
    return {(name, other) for name, other in imports if name != other and other in found}


def picture() -> str:
    """The picture as a Mermaid block, from the top layer down."""
    found = packages()
    lines = ["```mermaid", "flowchart TB"]
    for number in reversed(range(len(LAYERS))):
        names = [name for name in LAYERS[number] if name in found]
        if names:
            lines.append(f'  subgraph layer{number}["layer {number}"]')
            lines += [f'    {name}["{name}{"/" if (PACKAGE / name).is_dir() else ""}"]' for name in names]
            lines.append("  end")
    lines += [f"  {one} --> {other}" for one, other in sorted(arrows()) if other not in LAYERS[0]]
    lines.append(f"  {LAYERS[1][-1]} ~~~ {LAYERS[0][1]}")  # an invisible arrow keeps layer 0 at the bottom
    return "\n".join([*lines, "```"])


def with_picture(page: str) -> str:
    """The page with the picture as it is now.

    Raises:
        ValueError: the page lacks the marks between which the picture is.
    """
    before, found, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"{PAGE} lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{picture()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
