"""Benchmarks. They are run by hand and print figures; nothing here passes or fails."""
