"""What lies on a software iPhone: real databases, pictures and settings of invented people, from a seed."""

from migrate.softphone.contents.spec import ContentsSpec
from migrate.softphone.contents.writing import fill

__all__ = ["ContentsSpec", "fill"]
