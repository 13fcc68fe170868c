"""Shards: joined rows of `stages.sides.SHARD` into files of each format (`FORMATS`) with stable bytes.

A shard holds samples of one tier and one split, sorted by ``sample_id``; being a hash, that order is a shuffle.
"""

from stages.write.formats import FORMATS, Format
from stages.write.packing import Pack, pack
from stages.write.settings import WriteSettings

VERSION: int = 3

__all__ = ["FORMATS", "VERSION", "Format", "Pack", "WriteSettings", "pack"]
