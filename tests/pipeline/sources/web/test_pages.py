"""Drawings within pages are records, with the style sheets and sprites that they take, fetched for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crawling import Fetched, web_source
from tests.web_server import Web


@pytest.mark.parametrize("buckets", [1, 64])
def test_a_page_gives_its_drawings_as_they_look_there(web: Web, tmp_path: Path, buckets: int) -> None:
    fetched = Fetched(web_source(web, seeds=(web.url("styled", "/"),), buckets=buckets), tmp_path)
    records = fetched.records("pages")
    drawn = [record for path, record in records.items() if path.startswith(web.url("styled", "/#"))]
    hammer, star = sorted(drawn, key=lambda record: b"M0 0h9" in record.content)
    # by an imported sheet, and by one of another host
    assert b"#f00" in hammer.content and (b"#0f0" in hammer.content)
    # a part of another file, which had moved
    assert b"M0 0h9v9z" in star.content and b"#00f" in star.content
    for record in drawn:
        assert record.license == "https://creativecommons.org/licenses/by/4.0/" and record.license_from == "page"
        assert record.permission.verdict == "allowed" and record.fetched.endswith("Z")
    words = {*hammer.hints, *(caption.text for caption in hammer.captions)}
    assert any("Hammer" in word for word in words)
    # each symbol of the sprite is a drawing, too
    assert records[web.url("styled", "/sprite.svg") + "#star"].content != star.content
    counts = [each.path for each in web.requests("styled", "cdn")]
    assert len(counts) == len({(each.host, each.path) for each in web.requests("styled", "cdn")})
    web.forget()


def test_symbols_are_left_out_if_the_settings_say_so(web: Web, tmp_path: Path) -> None:
    fetched = Fetched(web_source(web, seeds=(web.url("styled", "/"),), symbols=False), tmp_path)
    assert web.url("styled", "/sprite.svg") + "#star" not in fetched.records("pages")
    assert web.url("styled", "/sprite.svg") in fetched.records("pages")  # as the file that it is
