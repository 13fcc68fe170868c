"""A run with a source of the web: from pages to a version, with what may be done with each drawing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sources.web import fetcher
from tests.helpers import dropped, mill, one_line, parquet_rows, svgmill, verify, write_config
from tests.web_server import Web


def config(web: Web, folder: Path, **settings: Any) -> Path:
    source = {"name": "site", "kind": "web", "contact": "crawl@example.org", "agent": "testmill", "license": "CC0-1.0"}
    source |= {"names": web.names, "ports": [web.port], "allow_addresses": ["127.0.0.0/8"], "buckets": 8}
    source |= {"politeness": {"rate": 0.0, "backoff": 0.05}, "seeds": [web.url("plain", "/")]}
    own = settings.pop("source", {})
    return write_config(folder / "config.yaml", folder, sources=[source | own], **settings)


def test_from_pages_to_a_version_that_says_what_may_be_done(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [web.url(host, "/") for host in ("plain", "usageheader", "metapage", "free")]
    made = mill(config(web, tmp_path, source={"seeds": seeds}), tmp_path / "ws")
    rows = parquet_rows(made)
    urls = {record["url"]: record for row in rows for record in row["provenance"]}
    assert web.url("plain", "/i/1.svg") in urls and web.url("free", "/x.svg") in urls
    assert {record["permission"] for record in urls.values()} == {"allowed"}
    reasons = {row["path"]: row["reason"] for row in dropped(made)}
    assert reasons[web.url("usageheader", "/x.svg")] == reasons[web.url("metapage", "/x.svg")] == "opted_out"
    assert reasons[web.url("plain", "/i/missing.svg")] == reasons[web.url("plain", "/private/3.svg")] == "not_fetched"
    assert verify(tmp_path / "ws") == []
    web.forget()
    again = mill(made.config, tmp_path / "ws")
    assert not web.requests()
    assert parquet_rows(again) == rows
    # what is asked anew and is the same came when it came first
    monkeypatch.setattr(fetcher, "_written", lambda second: "2100-01-01T00:00:00Z")
    assert not mill(made.config, tmp_path / "ws", refresh=("site",)).result.published
    assert web.requests()


def test_a_plan_asks_nobody_and_writes_nothing(web: Web, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(web.url("plain", "/i/1.svg"))
    path = config(web, tmp_path, source={"urls": ["list.txt"], "seeds": []})
    web.forget()
    (tmp_path / "ws").mkdir()
    result = svgmill("plan", path, "--workspace", tmp_path / "ws")
    assert result.returncode == 0, result.stderr
    assert not web.requests() and not [each for each in (tmp_path / "ws").rglob("*") if each.is_file()]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"contact": ""}, "contact is missing; give the e-mail address or URL"),
        ({"contact": "me"}, "neither an e-mail address nor a URL"),
        ({"seeds": []}, "nothing to start from; give seeds, sitemaps or urls"),
        ({"seeds": ["http://10.0.0.1:{port}/"]}, "the address 10.0.0.1 is not public; allow it with allow_addresses"),
        ({"seeds": ["http://x:y@plain.test:{port}/"]}, "holds a user name or a password"),
        ({"seeds": ["http://plain.test:81/"]}, "port 81 of plain.test is not allowed; allow it with ports"),
        ({"seeds": ["file:///etc/passwd"]}, "neither http nor https"),
        ({"allow_addresses": ["everything"]}, "everything"),
        ({"sitemaps": ["http://map.test:{port}/broken.xml"]}, "broken.xml: it is no XML"),
        ({"sitemaps": ["http://map.test:{port}/none.xml"]}, "none.xml: the server answers 404"),
        ({"sitemaps": ["http://plain.test:{port}/a.html"]}, "its root is <html>, neither urlset nor sitemapindex"),
        ({"urls": ["no.txt"]}, "no.txt does not exist; correct urls"),
        ({"urls": ["empty.txt"]}, "holds no URL; correct urls"),
        ({"urls": ["http://plain.test:{port}/nothing"]}, "cannot be fetched: the server answers 404"),
        ({"urls": ["t.parquet"], "url_column": "href"}, "has no column href; it has link, n"),
        ({"urls": ["l.jsonl"]}, "line 2 has no text url (it has link); set url_column"),
        ({"seeds": ["http://slowrobots.test:{port}/"], "politeness": {"rate": 0.0, "attempts": 1}}, "robots.txt cannot be had"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(web: Web, tmp_path: Path, source: dict[str, Any], words: str) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "l.jsonl").write_text('{"url": "http://plain.test/x.svg"}\n{"link": "x"}\n')
    pq.write_table(pa.table({"link": ["http://x.test/"], "n": [1]}), tmp_path / "t.parquet")
    source = json.loads(json.dumps(source).replace("{port}", str(web.port)))
    if "sitemaps" in source or "urls" in source:
        source["seeds"] = []
    line = one_line(
        svgmill("run", config(web, tmp_path, source=source), "--workspace", tmp_path / "ws", "--engine", "inline"), 2
    )
    assert words in line


def test_lists_of_all_forms_name_the_same_urls(web: Web, tmp_path: Path) -> None:
    urls = [web.url("plain", f"/i/{number}.svg") for number in range(11, 14)]
    (tmp_path / "a.txt").write_text("\n".join(urls))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"url": url}) + "\n" for url in urls))
    pq.write_table(pa.table({"url": urls}), tmp_path / "c.parquet")
    for name in ("a.txt", "b.jsonl", "c.parquet"):
        folder = tmp_path / name.partition(".")[0]
        path = config(web, tmp_path, source={"urls": [name], "seeds": []})
        rows = parquet_rows(mill(path, folder))
        assert {record["url"] for row in rows for record in row["provenance"]} == set(urls)
