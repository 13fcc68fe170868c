"""Shards: joined rows of `stages.sides.SHARD` into files of each format (`FORMATS`) with stable bytes.

A shard holds samples of one generation, tier and split, of all sources, sorted by ``sample_id``; being a hash, that
order is a shuffle.
"""

from stages.write.dealing import Amount, Dealt, deal, fits, places
from stages.write.formats import FORMATS, Format
from stages.write.settings import WriteSettings

VERSION: int = 4

__all__ = ["FORMATS", "VERSION", "Amount", "Dealt", "Format", "WriteSettings", "deal", "fits", "places"]
