"""Shards: joined rows of `stages.schema.SHARD` into Parquet files and WebDataset tars with stable bytes.

A shard holds samples of one tier and one split, sorted by ``sample_id``; being a hash, that order is a shuffle.
"""

from stages.write.packing import Pack, pack
from stages.write.parquet import parquet_shard
from stages.write.settings import WriteSettings
from stages.write.wds import webdataset_shard

VERSION: int = 3

__all__ = ["VERSION", "Pack", "WriteSettings", "pack", "parquet_shard", "webdataset_shard"]
