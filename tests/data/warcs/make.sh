#!/bin/sh
# Makes the WARCs beside it with wget out of a server that runs here. Needs wget and Python. The drawings are our own
# and CC0. wget writes WARC 1.0, angle brackets around URIs, digests, and its own CDX.
set -eu
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"; kill $server' EXIT
cd "$work"
cat > serve.py <<'END'
import gzip, http.server, sys

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M%d 1h4v4z"/></svg>'
PAGE = b'<html><body><h1>Birds</h1><svg viewBox="0 0 9 9"><path d="M7 1h4v4z"/></svg>%s</body></html>'
LINKS = b"".join(b'<a href="/%s">x</a>' % name for name in (b"plain.svg", b"packed.svg", b"chunked.svg", b"none.svg", b"no-ai.svg", b"typeless", b"a.png"))
PAGES = {
    "/": ("text/html", PAGE % LINKS, {}),
    "/robots.txt": ("text/plain", b"User-agent: *\nAllow: /\n", {}),
    "/plain.svg": ("image/svg+xml", SVG % 1, {}),
    "/packed.svg": ("image/svg+xml", gzip.compress(SVG % 2, mtime=0), {"Content-Encoding": "gzip"}),
    "/chunked.svg": ("image/svg+xml", SVG % 3, {"Transfer-Encoding": "chunked"}),
    "/no-ai.svg": ("image/svg+xml", SVG % 4, {"X-Robots-Tag": "noai"}),
    "/typeless": ("application/octet-stream", SVG % 5, {}),
    "/a.png": ("image/png", b"\x89PNG", {}),
}

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def date_time_string(self, timestamp=None): return "Thu, 01 Jan 2026 00:00:00 GMT"
    def do_GET(self):
        kind, body, more = PAGES.get(self.path, ("text/html", b"gone", None))
        self.send_response(200 if more is not None else 404)
        self.send_header("Content-Type", kind)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        if "Transfer-Encoding" in (more or {}):
            body = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 20]), body[i:i + 20]) for i in range(0, len(body), 20)) + b"0\r\n\r\n"
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 8765), Handler)
server.serve_forever()
END
python3 serve.py & server=$!
sleep 1
wget -q -r -e robots=on --no-config --warc-file=wget --warc-cdx --delete-after http://127.0.0.1:8765/ || true
wget -q -r -e robots=on --no-config --warc-file=plain --no-warc-compression --delete-after http://127.0.0.1:8765/ || true
cp wget.warc.gz wget.cdx plain.warc "$out"
