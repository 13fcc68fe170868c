"""Whether near-duplicates straddle splits: what a model was tested with, it must not have been trained with.

Splits go by duplicate cluster, so this holds if deduplication found what there is to find. It is checked on what was
published, from the shards alone: features are made anew from the tokens, candidates found among all samples, and where
two of different splits are near by their commands, their pictures in the shards decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages import deduplicate, fine, pictures
from stages.render.compare import Pixels
from stages.render.renderers import draw, sized, vips
from stages.render.stage import fine_picture
from stages.rowwise import SAMPLES

_CLEARLY = 0.5
"""A pair is a fault only if it is within this share of the limits: shards hold other sizes of the pictures."""

_SCHEMA = pa.schema([SAMPLES.field(name) for name in ("source", *deduplicate.FEATURES)])

Pictures = Callable[[Sequence[str]], Mapping[str, tuple[bytes | None, str]]]
"""Sample ids -> their pictures, None where shards have none, and canonical forms."""


class SplitCheck:
    """Collects the samples of a version, then finds the pairs."""

    def __init__(self, settings: deduplicate.DeduplicateSettings) -> None:
        self._settings = settings.model_copy(
            update={
                "picture_share": settings.picture_share * _CLEARLY,
                "picture_mean": settings.picture_mean * _CLEARLY,
                "picture_patch": settings.picture_patch * _CLEARLY,
            }
        )
        self._tables = [_SCHEMA.empty_table()]
        self._splits: dict[str, str] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in samples: ``sample_id``, ``split``, ``tokens``."""
        rows = list(rows)
        self._splits |= {row["sample_id"]: row["split"] for row in rows}
        columns = deduplicate.features([row["tokens"] for row in rows], self._settings)
        columns |= {"sample_id": pa.array([row["sample_id"] for row in rows], pa.string())}
        columns |= {"source": pa.array([""] * len(rows), pa.string())}
        table = [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in _SCHEMA]
        self._tables.append(pa.table(table, schema=_SCHEMA))

    def crossing(self, pictures_of: Pictures) -> list[tuple[str, str]]:
        """The pairs of near-duplicates, or of one geometry, that are in different splits."""
        if len(set(self._splits.values())) < 2:
            return []
        own = self._settings
        blind = own.model_copy(update={"pictures": False})
        table = pa.concat_tables(self._tables)
        candidates = deduplicate.pairs([(0, deduplicate.bands(table, blind))], {"": 0}, blind)
        ids = {int(sample_id[:16], 16): sample_id for sample_id in self._splits}
        ends = [[ids[item] for item in candidates[name].to_pylist()] for name in ("a", "b")]
        cross = np.array([self._splits[a] != self._splits[b] for a, b in zip(*ends, strict=True)], bool)
        close = _duplicates(candidates.filter(pa.array(cross)), table, blind) if cross.any() else candidates.slice(0, 0)
        if not len(close):
            return []
        wanted = sorted({ids[item] for name in ("a", "b") for item in close[name].to_pylist()})
        candidates = candidates.filter(pa.array(cross))
        pairs = set(zip(close["a"].to_pylist(), close["b"].to_pylist(), strict=True))
        mask = [pair in pairs for pair in zip(candidates["a"].to_pylist(), candidates["b"].to_pylist(), strict=True)]
        seen = self._with_pictures(table, pictures_of(wanted)) if own.pictures else table
        sure = _duplicates(candidates.filter(pa.array(mask)), seen, own)
        return sorted((ids[a], ids[b]) for a, b in zip(sure["a"].to_pylist(), sure["b"].to_pylist(), strict=True))

    def _with_pictures(self, table: pa.Table, drawings: Mapping[str, tuple[bytes | None, str]]) -> pa.Table:
        table = table.filter(pc.is_in(table["sample_id"], pa.array(sorted(drawings), pa.string())))
        chosen = [drawings[sample_id] for sample_id in table["sample_id"].to_pylist()]
        small = [pictures.reduce(pixels(picture, svg)) for picture, svg in chosen]
        columns = {
            "picture": pa.array([pictures.pack(picture) for picture in small], pa.binary()),
            "picture_hash": pa.array([pictures.picture_hash(picture) for picture in small], pa.binary(24)),
            # shards hold pictures of any size, so these are drawn
            "fine": pa.array(
                [fine_picture(svg) if pictures.sparse(p) else None for (_, svg), p in zip(chosen, small, strict=True)],
                pa.binary(),
            ),
        }
        for name, column in columns.items():
            table = table.set_column(_SCHEMA.get_field_index(name), name, column)
        return table


def _duplicates(candidates: pa.Table, features: pa.Table, settings: deduplicate.DeduplicateSettings) -> pa.Table:
    matches = deduplicate.match(candidates, features, settings)
    return matches.filter(pc.less(matches["level"], int(deduplicate.Level.ALMOST)))


def pixels(picture: bytes | None, svg: str) -> Pixels:
    """(n, n, 4), straight alpha, of a file with a picture; drawn where there is none."""
    if picture is None:
        return draw(sized(svg, fine.SIDE), "librsvg")
    image = vips().Image.new_from_buffer(picture, "").colourspace("srgb")
    image = image if image.hasalpha() else image.addalpha()
    return np.ndarray(buffer=image.write_to_memory(), dtype=np.uint8, shape=(image.height, image.width, 4))
