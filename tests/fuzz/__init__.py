"""Fuzz tests for the parsers of untrusted input. `corpus/` keeps the inputs that found bugs."""
