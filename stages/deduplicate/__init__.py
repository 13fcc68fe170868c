"""Deduplicate: exactly by raw bytes and by canonical form, nearly by MinHash LSH over the drawing's commands.

`signatures` belongs to the row-wise pass, `deduplicate` sees the whole corpus, but only narrow columns.
"""

from stages.deduplicate.decide import deduplicate
from stages.deduplicate.settings import DeduplicateSettings
from stages.deduplicate.signatures import shingles, signatures

VERSION: int = 1

__all__ = ["VERSION", "DeduplicateSettings", "deduplicate", "shingles", "signatures"]
