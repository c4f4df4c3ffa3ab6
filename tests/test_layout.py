"""The layout, as a test: layers import only downwards, packages of one layer do not import each other, and nothing
imports in a circle (docs/design.md section 2)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.architecture_page import LAYERS, PACKAGE, PAGE, with_picture

SAME_LAYER_ALLOWED = {
    ("problems", "language"),
    ("problems", "units"),
    ("units", "language"),
    ("progress", "problems"),
}  # layer 0 is single files and small packages
NEVER = {("phone", "wire")}  # docs/design.md: each side is a separate reading of the protocol


def layer_of(package: str) -> int:
    return next(number for number, packages in enumerate(LAYERS) if package in packages)


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = ["migrate", *file.relative_to(PACKAGE).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imports_of(file: Path, *, at_import_time: bool = False) -> Iterator[str]:
    """The modules of ours that a file imports; with `at_import_time` without those inside functions and for types."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in _import_time_nodes(tree) if at_import_time else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "migrate")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "migrate":
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in MODULES else node.module


def _import_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _import_time_nodes(child)


def package_of(module: str) -> str:
    return module.split(".")[1]


INSIDE = sorted(name for name in MODULES if name not in ("migrate", "migrate.__main__"))


def test_imports_go_only_downwards() -> None:
    for module in INSIDE:
        package = package_of(module)
        for other in {package_of(name) for name in imports_of(MODULES[module]) if name != "migrate"} - {package}:
            allowed = layer_of(other) < layer_of(package) or (package, other) in SAME_LAYER_ALLOWED
            assert allowed and (package, other) not in NEVER, f"{module} must not import {other}"


def test_every_package_has_a_layer() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert packages <= {package for layer in LAYERS for package in layer}


def test_the_picture_of_the_packages_is_the_current_one() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_picture(page), "run: python -m tools.architecture_page"


def test_the_modules_that_the_architecture_page_names_exist() -> None:
    named = re.findall(r"`([a-z0-9_/]+/[a-z0-9_]+\.py)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 20
    root = PACKAGE.parent
    assert [name for name in named if not (PACKAGE / name).exists() and not (root / name).exists()] == []


def test_nothing_imports_in_a_circle() -> None:
    graph = {name: set(imports_of(file)) - {name} for name, file in MODULES.items()}
    assert not circles(graph), "\n".join(" -> ".join(circle) for circle in circles(graph))


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Every strongly connected component of more than one module (Tarjan's algorithm)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                found.append(component)

    for name in sorted(graph):
        if name not in order:
            visit(name)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_no_command_imports_another_command() -> None:
    commands = [name for name in MODULES if name.startswith("migrate.talk.commands.")]
    assert len(commands) > 5
    for name in commands:
        others = {other for other in imports_of(MODULES[name]) if other in commands} - {name}
        assert not others, f"{name} imports {sorted(others)}"


def test_only_the_wizards_widgets_import_questionary() -> None:
    guilty = [n for n, f in MODULES.items() if "import questionary" in f.read_text(encoding="utf-8")]
    assert guilty == ["migrate.talk.wizard.widgets"]
