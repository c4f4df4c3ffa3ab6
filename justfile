# The usual chores; `just` lists them. Needs https://just.systems; every recipe is one line you can also paste.

python := ".venv/bin/python"

_default:
    @just --list

# create .venv with everything the tests need
setup:
    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[test]'

# the whole suite, as CI runs it
test:
    {{python}} -m pytest

# the tests of one package, stopping at the first failure: just fast plan
fast package:
    {{python}} -m pytest -q -x -n 0 tests/{{package}}

# ruff: check and format
lint:
    {{python}} -m ruff check . && {{python}} -m ruff format .

# mypy --strict
types:
    {{python}} -m mypy --strict migrate

# regenerate the pages and the schema that are made from the code
docs:
    {{python}} -m tools.troubles_page > docs/troubles.md
    {{python}} -m tools.faq_page > docs/faq.md
    {{python}} -m tools.before_erasing_page > docs/guide/before-you-erase.md
    {{python}} -m tools.man_page > docs/migrate.1
    {{python}} -m tools.categories_page > docs/categories.md
    {{python}} -m tools.architecture_page
    {{python}} -m migrate plan schema > plans/plan.schema.json

# draw the README's picture of the wizard anew (needs tmux)
picture:
    {{python}} -m tools.wizard_screenshot

# draw the guide's pictures and record its session anew (needs tmux, takes some minutes)
captures:
    {{python}} -m tools.guide_captures

# a move between two simulated iPhones
demo *options:
    {{python}} -m migrate demo {{options}}
