"""The text of sources is safe, and looks as the source does, whatever scour makes of it."""

import pyarrow as pa
import pytest

from stages import source_texts as module
from stages.render.settings import GateSettings
from stages.sanitize import SanitizeSettings
from stages.schema import RAW
from stages.source_texts import SourceTextSettings, source_texts

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
    assert "script" not in str(box["svg"]) and 'x="1.00000"' in str(box["svg"]) and not box["optimized"]


def test_scour_makes_it_shorter() -> None:
    """Also where other elements refer to one by href alone, which scour does not know."""
    plain, shorter = texts(BOX, STAR, optimize=False), texts(BOX, STAR, optimize=True)
    for before, after in zip(plain, shorter, strict=True):
        assert after["optimized"] and len(str(after["svg"])) < len(str(before["svg"]))
    assert "#star" in str(shorter[1]["svg"]) and 'id="star"' in str(shorter[1]["svg"])


def test_what_would_look_different_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sanitized text is given, and it says so."""
    monkeypatch.setattr("scour.scour.scourString", lambda text, options: text.replace('width="8"', 'width="4"'))
    assert texts(BOX, optimize=True)[0]["svg"] == texts(BOX, optimize=False)[0]["svg"]
    assert not texts(BOX, optimize=True)[0]["optimized"]
    assert module.TEXTS.names == ["source", "path", "svg", "optimized"]
