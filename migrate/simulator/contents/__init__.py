"""What lies on a simulated iPhone: real databases, pictures and settings of invented people, from a seed."""

from migrate.simulator.contents.spec import ContentsSpec
from migrate.simulator.contents.writing import fill

__all__ = ["ContentsSpec", "fill"]
