"""Time and memory of backup operations: `python -m tests.bench.backup --help`. Not part of the tests."""
