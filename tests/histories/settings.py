"""The settings of a walk, and what it changes in them."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, Any] = {
    "config_version": 1,
    "name": "walk",
    "partition": {"records": 4},
    "render": {"size": 32, "compare_size": 32},
    "write": {"formats": ["parquet", "webdataset"], "shard_rows": 6, "group_bytes": 65536},
    "tier": {"splits": {"train": 0.4, "validation": 0.3, "test": 0.3}},
    "tokenize": {"segments": {"count": 8}},
}

_SPLITS = SMALL["tier"]["splits"]

CHANGES: dict[str, dict[str, Any]] = {
    "size": {"render": {"size": 40, "compare_size": 32}},
    "shapes": {"normalize": {"shapes": "path"}},
    "opacity": {"normalize": {"width_decimals": 1}},
    "elements": {"sanitize": {"max_elements": 3}},
    "title": {"sanitize": {"max_title_chars": 10}},
    "colours off": {"deduplicate": {"recoloured": "off"}},
    "colours kept": {"deduplicate": {"recoloured": "keep"}},
    "threshold": {"deduplicate": {"threshold": 0.7}},
    "grid": {"deduplicate": {"min_shingles": 5}},
    "records": {"partition": {"records": 3}},
    "seconds": {"partition": {"seconds": 900}},
    "seed": {"tier": {"splits": _SPLITS, "seed": 7}},
    "tiers": {
        "tier": {
            "splits": _SPLITS,
            "count": "segment",
            "tiers": [{"name": "low", "from": 0, "to": 60}, {"name": "high", "from": 60, "to": None}],
        }
    },
    "quantiles": {"tier": {"splits": _SPLITS, "count": "input_ids", "quantiles": [{"name": "all", "share": 1}]}},
    "segments": {"tokenize": {"segments": {"count": 5}}},
    "captions": {"caption": {"max_characters": 40}},
    "crawl": {"crawl": {"max_bytes": 100_000}},
    "shards": {"write": {"formats": ["parquet"]}},
    "budget": {"error_budget": 0.5},
}
"""Name -> settings that take the place of those of `SMALL`."""

LICENSES = ("MIT", "Apache-2.0", "CC0-1.0", "CC-BY-4.0")
