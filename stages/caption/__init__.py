"""Captions from what is known without a model: what the record came with, title, desc, names, and what is drawn.

The captions that a dataset has are first, then one that is composed of all the rest, then what the rest gives one by
one. Each has its origin and its style.
"""

from stages.caption.settings import CaptionSettings
from stages.caption.stage import CAPTION, caption

__all__ = ["CAPTION", "CaptionSettings", "caption"]
