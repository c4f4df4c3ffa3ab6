"""The architecture, as a test: floors import only downwards, and rooms on one floor are strangers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent / "migrate"

FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors", "findings", "plists", "udid", "units", "watch"),
    ("wire", "backup"),
    ("categories", "phone", "softphone"),
    ("plan",),
    ("journey",),
    ("talk",),
)
MAY_SEE_A_NEIGHBOUR = {
    ("errors", "units"),
    ("watch", "findings"),
}  # floor 0 is one small room of single files
NEVER = {("phone", "wire")}  # docs/design.md: each side is a separate reading of the protocol


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imports(file: Path) -> Iterator[str]:
    """The rooms of this house that a file imports, lazily inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"migrate.{a.name}" for a in node.names] if node.module == "migrate" else [node.module]
        for name in names:
            if name.startswith("migrate.") and not name.startswith("migrate.__"):
                yield name.split(".")[1]


def every_file() -> list[Path]:
    return [file for file in sorted(HOUSE.rglob("*.py")) if file.parent != HOUSE or file.stem in FLOORS[0]]


@pytest.mark.parametrize("file", every_file(), ids=lambda f: str(f.relative_to(HOUSE)))
def test_imports_go_only_downwards(file: Path) -> None:
    room = file.relative_to(HOUSE).parts[0].removesuffix(".py")
    for other in set(imports(file)) - {room, "__version__"}:
        allowed = floor_of(other) < floor_of(room) or (room, other) in MAY_SEE_A_NEIGHBOUR
        assert allowed and (room, other) not in NEVER, f"{room} must not import {other}"


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in HOUSE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms <= {room for floor in FLOORS for room in floor}


def test_only_the_wizard_may_import_questionary() -> None:
    guilty = [f for f in every_file() if "import questionary" in f.read_text() and f.name != "wizard.py"]
    assert not guilty
