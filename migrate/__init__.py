"""migrate: one iPhone to another over the cable, and proof that it arrived."""

__version__ = "0.1.0"
