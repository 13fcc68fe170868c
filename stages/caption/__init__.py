"""Captions from what is known without a model: title, desc, names, and the colours and shapes of the drawing.

Each sample's first caption is composed of all of these; the others are the single sources. Each has its origin.
"""

from stages.caption.settings import CaptionSettings
from stages.caption.stage import CAPTION, caption

__all__ = ["CAPTION", "CaptionSettings", "caption"]
