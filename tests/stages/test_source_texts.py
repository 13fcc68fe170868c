"""The text of sources is safe, and looks as the source does, whatever scour makes of it."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from stages import source_texts as module
from stages.render.renderers import RendererUnavailable
from stages.render.settings import GateSettings
from stages.sanitize import SanitizeSettings
from stages.schema import RAW
from stages.source_texts import SourceTextSettings, Unoptimized, source_texts

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">'
STAR = f'{HEAD}<!-- a star --><defs><path id="star" d="M 1.000 1.000 L 9.000 5.000 Z"/></defs><use href="#star"/></svg>'
BOX = f'{HEAD}<script>alert(1)</script><rect id="box" x="1.00000" y="1" width="8" height="8" fill="#ff0000"/></svg>'


def texts(*files: str, optimize: bool) -> list[dict[str, object]]:
    rows = [
        {"raw_id": str(n), "source": "a", "path": f"{n}.svg", "bytes": file.encode()} for n, file in enumerate(files)
    ]
    settings = SourceTextSettings(sanitize=SanitizeSettings(), gate=GateSettings(), optimize=optimize)
    (table,) = source_texts(pa.Table.from_pylist(rows, schema=RAW), settings.model_dump_json())
    return list(table.to_pylist())


def test_a_source_is_made_safe() -> None:
    """Scripts are gone, what is drawn is as it was; what is no SVG is left out."""
    (box,) = texts(BOX, "<html/>", optimize=False)
    assert "script" not in str(box["svg"]) and 'x="1.00000"' in str(box["svg"]) and not box["unoptimized"]


def test_scour_makes_it_shorter() -> None:
    """Also where other elements refer to one by href alone, which scour does not know."""
    plain, shorter = texts(BOX, STAR, optimize=False), texts(BOX, STAR, optimize=True)
    for before, after in zip(plain, shorter, strict=True):
        assert not after["unoptimized"] and len(str(after["svg"])) < len(str(before["svg"]))
    assert "#star" in str(shorter[1]["svg"]) and 'id="star"' in str(shorter[1]["svg"])


def fails(text: str, options: object) -> str:
    raise KeyError("transform")


@pytest.mark.parametrize(
    ("scour", "why", "detail"),
    [
        (lambda text, options: text.replace('width="8"', 'width="4"'), Unoptimized.CHANGED, "% of the pixels"),
        (fails, Unoptimized.FAILED, "KeyError: 'transform'"),
        (lambda text, options: "<svg", Unoptimized.UNDRAWN, "render_failed"),
    ],
)
def test_what_scour_spoils_stays(
    monkeypatch: pytest.MonkeyPatch, scour: Callable[[str, object], str], why: str, detail: str
) -> None:
    """The sanitized text is given, and it says why."""
    monkeypatch.setattr("scour.scour.scourString", scour)
    (kept,) = texts(BOX, optimize=True)
    assert kept["svg"] == texts(BOX, optimize=False)[0]["svg"]
    assert kept["unoptimized"] == why and detail in str(kept["detail"])


def test_a_renderer_that_is_missing_is_no_fault_of_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the work."""

    def missing(svg: bytes, renderer: str) -> None:
        raise RendererUnavailable("install it")

    monkeypatch.setattr(module, "draw", missing)
    with pytest.raises(RendererUnavailable):
        texts(BOX, optimize=True)
