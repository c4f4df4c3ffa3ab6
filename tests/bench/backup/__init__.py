"""How fast, and in how much memory: `python -m tests.bench.backup --help`. Never part of the tests."""
