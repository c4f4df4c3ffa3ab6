"""docs/categories.md is what the data file says."""

from __future__ import annotations

from pathlib import Path

from migrate.categories.catalogue import load_catalogue
from tools.categories_page import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "categories.md"
CONTRACT = PAGE.with_name("contract.md")


def test_the_categories_page_is_up_to_date() -> None:
    made = page(load_catalogue())
    assert PAGE.read_text(encoding="utf-8") == made, "python -m tools.categories_page > docs/categories.md"


def test_the_categories_page_names_every_category_and_path() -> None:
    made = page(load_catalogue())
    for category in load_catalogue().categories:
        section = made.partition(f"\n## {category.id}\n")[2].partition("\n## ")[0]
        assert category.title in section
        for paths in (*category.rules, *category.never, *category.later, *category.path_classes):
            assert all(f"`{glob}`" in section for glob in paths.globs)


def test_the_contract_names_every_category() -> None:
    named = CONTRACT.read_text(encoding="utf-8").partition("Category ids: `")[2].partition("`")[0].split()
    assert tuple(named) == load_catalogue().ids
