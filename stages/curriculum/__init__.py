"""Curricula: which records a model is trained on, stage by stage. See `settings`, `choose` and `records`."""

from stages.curriculum.choose import Thresholds, beyond_cluster_cap, cap_salt, source_thresholds
from stages.curriculum.records import COLUMNS, Counts, Maker, Record
from stages.curriculum.settings import (
    IMAGE_TO_CAPTION,
    IMAGE_TO_SVG,
    PICTURE,
    TEXT_TO_SVG,
    Curriculum,
    Stage,
    TaskName,
    TaskSettings,
)

__all__ = [
    "COLUMNS",
    "IMAGE_TO_CAPTION",
    "IMAGE_TO_SVG",
    "PICTURE",
    "TEXT_TO_SVG",
    "Counts",
    "Curriculum",
    "Maker",
    "Record",
    "Stage",
    "TaskName",
    "TaskSettings",
    "Thresholds",
    "beyond_cluster_cap",
    "cap_salt",
    "source_thresholds",
]
