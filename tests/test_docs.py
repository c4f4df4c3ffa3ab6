"""The pages have what the code cites, their links lead somewhere, and the README has the commands people paste."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

NUMBER = r"\d+(?:\.\d+)*"
CITED = re.compile(
    rf"\b(facts|categories|contract|design)(?:/(device|categories)(?:\.md)?)?,? (row )?({NUMBER}\b"
    rf"(?:(?:, and|,| and| to) (?:rows? )?{NUMBER}\b)*)",
    re.IGNORECASE,
)
ROW = re.compile(r"\brows? (\d+)(?: and (\d+))?")
HEADING = {
    "facts": re.compile(rf"^##+ ({NUMBER})\.? ", re.MULTILINE),
    "categories": re.compile(rf"^##+ Categories ({NUMBER})\.? ", re.MULTILINE),
    "contract": re.compile(rf"^## ({NUMBER})\. ", re.MULTILINE),
    "design": re.compile(rf"^## ({NUMBER})\. ", re.MULTILINE),
    "row": re.compile(r"^- row (\d+): ", re.MULTILINE),
}
PAGE = {"facts": "facts", "categories": "facts", "contract": "contract", "design": "design", "row": "facts"}


def cited_in(text: str) -> Iterator[tuple[str, str]]:
    """Every citation as (page, number): `facts 2.1, 2.2`, `facts 4.1 to 4.8`, `facts 5.2 row 48`, across lines."""
    text = re.sub(r"\s*\n\s*(?:# ?)?", " ", text)
    for found in CITED.finditer(text):
        page = (found[2] or found[1]).lower().replace("device", "facts")
        rows = list(ROW.finditer(found[0] + text[found.end() : found.end() + 25]))
        in_rows = {number for row in rows for number in row.groups() if number}
        for number in re.findall(NUMBER, found[4]):
            if number not in in_rows:
                yield page, number
        if page == "facts":
            yield from (("row", number) for number in in_rows)


def headings(page: str) -> set[str]:
    return set(HEADING[page].findall((DOCS / f"{PAGE[page]}.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("# Sources: facts 2.1, 2.2 (x)", {("facts", "2.1"), ("facts", "2.2")}),
        ("(facts 5.3, rows 72 and 76)", {("facts", "5.3"), ("row", "72"), ("row", "76")}),
        ("facts\n# 2.5 and row 48", {("facts", "2.5"), ("row", "48")}),
        ("facts row 9", {("row", "9")}),
        ("facts/device 6.3, facts/categories 5.", {("facts", "6.3"), ("categories", "5")}),
        (
            "facts 3.6, 4.1 and\ncategories 2, 4",
            {("facts", "3.6"), ("facts", "4.1"), ("categories", "2"), ("categories", "4")},
        ),
        ("contract 4)", {("contract", "4")}),
    ],
)
def test_citations_are_found(text: str, cited: set[tuple[str, str]]) -> None:
    assert set(cited_in(text)) == cited


def test_every_citation_resolves_to_a_heading() -> None:
    known = {page: headings(page) for page in HEADING}
    files = [
        path
        for folder in ("migrate", "tests")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".toml") and path != Path(__file__).resolve()
    ]
    cited = {(page, number, path) for path in files for page, number in cited_in(path.read_text(encoding="utf-8"))}
    assert len(cited) > 100
    unresolved = sorted(
        f"{path.relative_to(ROOT)}: {page} {number}" for page, number, path in cited if number not in known[page]
    )
    assert not unresolved, "\n".join(unresolved)


LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)|(?:src|href)=\"([^\"#:]+)\"")


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = {one or other for one, other in LINK.findall(page.read_text(encoding="utf-8"))}
    assert [link for link in sorted(links) if not (page.parent / link).exists()] == []


def test_the_readme_has_the_two_commands_people_paste() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\npython3 -m venv .venv && .venv/bin/pip install . && .venv/bin/migrate demo\n" in readme
    tests = "\n.venv/bin/pip install --quiet -e '.[test]' && .venv/bin/python -m pytest\n"
    assert tests in readme and (ROOT / ".ci" / "run").read_text(encoding="utf-8").endswith(tests)
