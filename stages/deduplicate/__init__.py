"""Deduplicate: exactly by raw bytes and by canonical form, nearly by MinHash LSH over the drawing's commands.

`signatures` belongs to the row-wise pass, `deduplicate` sees the whole corpus, but only narrow columns.
"""

from stages.deduplicate.decide import Taken, deduplicate
from stages.deduplicate.settings import DeduplicateSettings
from stages.deduplicate.signatures import NONE, shingles, signatures

VERSION: int = 1

__all__ = ["NONE", "VERSION", "DeduplicateSettings", "Taken", "deduplicate", "shingles", "signatures"]
