"""The live page shows what the run is at, to this machine alone unless told otherwise."""

import http.client
import json

import pytest

from pipeline.errors import ConfigError
from pipeline.progress import Display
from pipeline.run.serve import serving
from pipeline.run.watch import Watch


def get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_page_shows_the_status() -> None:
    """As long as the block lasts; nothing else is served, and no other site's name leads here."""
    watch = Watch("icons", Display(quiet=True), {})
    watch.begin("crawl", 0, 4, 400)
    with serving("0", watch.status) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        assert url.startswith("http://127.0.0.1:")
        page = get(port, "/")
        assert page[0] == 200 and b"status.json" in page[1]
        status = json.loads(get(port, "/status.json")[1])
        assert status["name"] == "icons" and status["steps"][0]["partitions"] == 4
        assert get(port, "/other")[0] == 404
        assert get(port, "/status.json", "evil.example")[0] == 403
        assert get(port, "/", "localhost")[0] == 200
        with pytest.raises(ConfigError, match="give another port"), serving(str(port), watch.status):
            pass
    with pytest.raises(OSError):
        get(port, "/")


@pytest.mark.parametrize("place", ["here", "example.org:80", "70000", "-1"])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(ConfigError, match="--serve"), serving(place, Watch("a", Display(quiet=True), {}).status):
        pass
