"""Captions: what is known without a model, and which of all that was said of a sample it has.

    describe   of one record: what it came with, what its names and texts say, what is drawn
    caption    of one sample: these, those of its duplicates, a model's answers and what people say, checked and ranked

Each caption has its origin, its style and its language.
"""

from stages.caption.choose import CAPTION, CHOSEN_FROM, captions
from stages.caption.describe import BRINGS, DESCRIBE, brought, describe
from stages.caption.rejections import SENTENCES, Rejection
from stages.caption.settings import CaptionSettings, DescribeSettings, RankSettings

__all__ = [
    "BRINGS",
    "CAPTION",
    "CHOSEN_FROM",
    "DESCRIBE",
    "SENTENCES",
    "CaptionSettings",
    "DescribeSettings",
    "RankSettings",
    "Rejection",
    "brought",
    "captions",
    "describe",
]
