"""Every field of every fingerprint has a name that a person understands."""

from __future__ import annotations

import ast
from pathlib import Path

import migrate.content.readers
from migrate.content.field_names import FIELD_NAMES

READERS = Path(migrate.content.readers.__file__).parent


def field_literals() -> set[str]:
    """The keys of the dictionaries in all methods called `fingerprint`."""
    found = set()
    for file in READERS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "fingerprint":
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Dict):
                        keys = [key.value for key in inner.keys if isinstance(key, ast.Constant)]
                        found |= {key for key in keys if isinstance(key, str)}
    return found


def test_every_field_has_a_name() -> None:
    assert len(field_literals()) > 40
    assert field_literals() - FIELD_NAMES.keys() == set()
