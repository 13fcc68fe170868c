"""Token strings of real drawings of the bundled sample."""

from __future__ import annotations

import tarfile
from functools import cache

from stages import normalize, sanitize, tokenize
from stages.base import Dropped
from stages.reward import Language
from stages.tokenize import Segment, Segments
from tests.helpers import ROOT

SAMPLE = ROOT / "data" / "quickstart.tar.gz"

SEGMENTS = Segments(
    (Segment(0, "<cmd_z>", "", 9), Segment(1, "<cmd_c><d_0><d_0><d_0><d_1><d_0><d_1>", "<cmd_z>", 9)), True
)

LANGUAGE = Language(tokenize.Vocabulary.build(tokenize.TokenizeSettings()), SEGMENTS)


@cache
def drawings() -> tuple[str, ...]:
    """One of each of thirteen sets of icons, flags, emoji and logos, the eighth that the mill keeps."""
    kept: dict[str, list[str]] = {}
    with tarfile.open(SAMPLE) as archive:
        for member in archive:
            kind = member.name.partition("/")[0]
            if not member.name.endswith(".svg") or kind == "broken" or len(kept.get(kind, ())) > 7:
                continue
            stream = archive.extractfile(member)
            assert stream is not None
            try:
                clean = sanitize.sanitize_one(stream.read(), sanitize.SanitizeSettings())
                canonical = normalize.normalize_one(clean.svg, normalize.NormalizeSettings())
                kept.setdefault(kind, []).append(tokenize.encode(canonical.svg, LANGUAGE.vocabulary))
            except (Dropped, tokenize.TokenError):
                continue
    return tuple(strings[-1] for _, strings in sorted(kept.items()))
