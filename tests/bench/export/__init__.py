"""The benchmarks of `migrate export`: `python -m tests.bench.export`."""
