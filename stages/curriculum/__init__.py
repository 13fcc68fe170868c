"""Curricula: which records a model is trained on, stage by stage. See `settings`, `choose` and `records`."""

from stages.curriculum.choose import Thresholds, beyond_cluster_cap, cap_salt, source_thresholds
from stages.curriculum.records import COLUMNS, Counts, Maker, Record
from stages.curriculum.sequences import IGNORED, Ids, packed, sequence
from stages.curriculum.settings import (
    CHAT_BEGIN,
    CHAT_ML,
    IMAGE_TO_CAPTION,
    IMAGE_TO_SVG,
    PICTURE,
    TEXT_TO_SVG,
    Curriculum,
    Frame,
    Stage,
    TaskName,
    TaskSettings,
)

__all__ = [
    "CHAT_BEGIN",
    "CHAT_ML",
    "COLUMNS",
    "IGNORED",
    "IMAGE_TO_CAPTION",
    "IMAGE_TO_SVG",
    "PICTURE",
    "TEXT_TO_SVG",
    "Counts",
    "Curriculum",
    "Frame",
    "Ids",
    "Maker",
    "Record",
    "Stage",
    "TaskName",
    "TaskSettings",
    "Thresholds",
    "beyond_cluster_cap",
    "cap_salt",
    "packed",
    "sequence",
    "source_thresholds",
]
