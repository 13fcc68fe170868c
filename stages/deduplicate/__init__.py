"""Deduplicate: by raw bytes, canonical form, geometry without its colour, nearly equal commands, and pictures.

    signatures        row-wise: keys, shingles and perceptual hashes of each sample
    bands             the LSH buckets of a block of samples; samples that may be alike share one
    pairs             the candidate pairs in a range of all buckets
    match             which candidates between two blocks are duplicates (verification)
    components        the connected components of some edges between duplicates, or of stars of earlier rounds
    slices            which of the tasks that decide takes a sample
    deduplicate       which samples survive, of whole components

All but the first see narrow columns only, and none sees an SVG.
"""

from stages.deduplicate.banding import bands
from stages.deduplicate.columns import item_ids
from stages.deduplicate.connected import components, slices, template_links
from stages.deduplicate.decide import DECIDES, Earlier, Taken, deduplicate, richness
from stages.deduplicate.matching import FEATURES, Level, match
from stages.deduplicate.pairing import merged, pairs
from stages.deduplicate.settings import DeduplicateSettings, MatchSettings, SignatureSettings
from stages.deduplicate.shingling import shingles
from stages.deduplicate.signing import SIGNATURES, VERSION, features

SAYS = "merges records that are equal in bytes, in canonical form, or nearly in geometry"
"""One sentence, without subject and full stop, for people."""

__all__ = [
    "DECIDES",
    "FEATURES",
    "SAYS",
    "SIGNATURES",
    "VERSION",
    "DeduplicateSettings",
    "Earlier",
    "Level",
    "MatchSettings",
    "SignatureSettings",
    "Taken",
    "bands",
    "components",
    "deduplicate",
    "features",
    "item_ids",
    "match",
    "merged",
    "pairs",
    "richness",
    "shingles",
    "slices",
    "template_links",
]
