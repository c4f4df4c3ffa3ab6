"""The contents of a simulated iPhone, generated from a seed: databases, pictures and settings of invented people."""

from migrate.simulator.contents.spec import ContentsSpec
from migrate.simulator.contents.writing import fill

__all__ = ["ContentsSpec", "fill"]
