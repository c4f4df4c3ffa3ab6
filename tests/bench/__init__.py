"""Benchmarks, run by hand. They print figures and are not part of the tests."""
