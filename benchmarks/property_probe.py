"""Which CSS properties change an SVG picture, as Chromium draws it: the measurement behind `known_properties`.

    python benchmarks/property_probe.py [--names NAME ...] [--json FILE]

Sets each property of ``tests/data/known-names.json`` to values that Chromium accepts for it, on each kind of element of
one drawing (shapes, text, gradient, clip path, mask, filter, marker, pattern, symbol, nested svg, and a group of what
is blended with the ground), and counts pixels that change. Prints the properties that change any, and on what; exits
with 1 if `known_properties.INERT` has one of them for another reason than moved edges or margins. Needs Debian's
package chromium and `pip install -e '.[bench]'`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from stages.normalize.values.known_properties import INERT

NAMES = Path(__file__).parent.parent / "tests" / "data" / "known-names.json"
SIZE = 128

VALUES = (
    "0", "1", "2", "3.5", "10px", "50%", "-5px", "2em", "red", "url(#g)", "url(#c)", "url(#k)", "url(#f)", "url(#m)",
    '"x"', "1s", "45deg", "circle(20px)", "linear-gradient(red,blue)", "translate(10px)", "2 2", "10px 20px",
    "10px 20px 5px red", "blur(3px)", 'path("M0 0h50v50z")', "rect(5px 50px 50px 5px)", "10px solid red",
    "5px solid red", '"smcp"', "0.5", "200%", "900", "luminance", "1deg", "ray(45deg)", "inset(10px)", "rotate(30deg)",
    "inset 0 0 9px red", "5px 5px red", "underline dotted red", "f 1s forwards", "100", "none", "auto", "normal",
    "hidden", "visible", "contents", "solid", "dotted", "alpha", "linearRGB", "isolate", "multiply", "uppercase",
    "small-caps", "italic", "bold", "pre", "rtl", "vertical-rl", "middle", "end", "sub", "round", "bevel", "evenodd",
    "stroke", "non-scaling-stroke", "fill-box", "geometricPrecision", "crispEdges", "below", "stable", "circle",
    "triangle", "both", "always", "cover", "repeat", "center", "dark", "thin", "wavy", "under", "flat", "strict",
    "opacity", "filter", "plus-lighter",
)  # fmt: skip

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 128" width="128" height="128"@root@>
<style>@keyframes f{to{opacity:.1}}</style><defs@defs@><linearGradient id="g"><stop offset="0" stop-color="#f80"@stop@/>
<stop offset="1" stop-color="#08f"/></linearGradient><clipPath id="c"@clip@><circle cx="20" cy="100" r="18"@clipchild@/>
</clipPath><marker id="k" markerWidth="4" markerHeight="4" refX="2" refY="2"@marker@><circle cx="2" cy="2" r="2"/>
</marker><mask id="m"@mask@><rect x="40" y="80" width="30" height="40" fill="#aaa"@maskchild@/></mask>
<filter id="f"@filter@><feGaussianBlur stdDeviation="1.5"@fe@/><feFlood flood-color="#ccc" result="q"/>
<feComposite in2="q"/></filter><pattern id="p" width="6" height="6" patternUnits="userSpaceOnUse"@pattern@>
<rect width="3" height="3" fill="#393"/></pattern><symbol id="s" viewBox="0 0 10 10"@symbol@><path d="M0 0H10L5 10Z"/>
</symbol></defs><g@g@>
<rect x="4" y="4" width="40" height="25" rx="4" fill="url(#g)" stroke="#333" stroke-width="2"@rect@/>
<path d="M50 5 80 25 110 5" fill="none" stroke="#a0a" stroke-width="3" stroke-dasharray="7 3" marker-start="url(#k)"
 marker-mid="url(#k)" marker-end="url(#k)"@path@/><ellipse cx="20" cy="100" rx="19" ry="15" fill="#0a0"
 clip-path="url(#c)"@ellipse@/><g mask="url(#m)"@masked@><rect x="45" y="85" width="30" height="30" fill="#00c"/></g>
<circle cx="95" cy="100" r="15" fill="#c00" filter="url(#f)"@circle@/><text x="5" y="60" font-size="16"@text@>Affi
<tspan fill="#06c" dy="3"@tspan@>tu 12</tspan> AV</text><use href="#s" x="80" y="35" width="20" height="20"@use@/>
<svg x="105" y="35" width="20" height="20" viewBox="0 0 10 10"@svg@><circle cx="5" cy="5" r="6" fill="#666"/></svg>
<line x1="5" y1="75" x2="60" y2="70" stroke="#000"@line@/>
<g@blending@><rect x="100" y="70" width="9" height="50" fill="#08f" style="mix-blend-mode:multiply"/></g>
<rect x="70" y="65" width="20" height="12" fill="url(#p)"/></g>
</svg>"""

PLACES = (
    "root", "g", "rect", "path", "ellipse", "masked", "circle", "text", "tspan", "use", "svg", "line", "stop", "clip",
    "clipchild", "marker", "mask", "maskchild", "filter", "fe", "pattern", "symbol", "defs", "blending",
)  # fmt: skip

PROBE = """async ([names, values, drawing, places, size]) => {
  const canvas = Object.assign(document.createElement('canvas'), {width: size, height: size});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const shot = (style, at) => new Promise(done => {
    const quoted = style.replace(/&/g, '&amp;').replace(/"/g, '&quot;');
    let text = drawing;
    for (const place of places)
      text = text.replace(`@${place}@`, place === at || at === 'all' ? ` style="${quoted}"` : '');
    const image = new Image();
    image.onload = () => {
      context.fillStyle = '#fff'; context.fillRect(0, 0, size, size); context.drawImage(image, 0, 0);
      done(context.getImageData(0, 0, size, size).data);
    };
    image.onerror = () => done(null);
    image.src = 'data:image/svg+xml,' + encodeURIComponent(text);
  });
  const base = await shot('', '');
  const changed = pixels => {
    let count = 0;
    for (let i = 0; i < base.length; i += 4)
      count += [0, 1, 2].reduce((sum, k) => sum + Math.abs(base[i + k] - pixels[i + k]), 0) > 40;
    return count;
  };
  const hits = {};
  for (const name of names)
    for (const value of values.filter(each => CSS.supports(name, each))) {
      if (!changed(await shot(`${name}:${value}`, 'all'))) continue;
      for (const place of places) {
        const count = changed(await shot(`${name}:${value}`, place));
        if (count) ((hits[name] ??= {})[place] ??= {})[value] = count;
      }
    }
  return hits;
}"""

EXPECTED = ("margin", "-webkit-margin", "shape-rendering", "text-rendering")
"""Beginnings of the names of inert properties that move edges by less than a pixel, or the drawing on its page."""


def probe(names: list[str]) -> dict[str, dict[str, dict[str, int]]]:
    """For each property that changes the picture: kind of element, value, number of pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<body></body>")
        hits: dict[str, Any] = {}
        for i in range(0, len(names), 20):
            hits |= page.evaluate(PROBE, [names[i : i + 20], VALUES, DRAWING, PLACES, SIZE])
            print(f"\r{min(i + 20, len(names))} of {len(names)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        browser.close()
    return hits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    hits = probe(options.names or json.loads(NAMES.read_text())["chromium_properties"])
    for name, places in sorted(hits.items()):
        print(f"{name:34} {', '.join(f'{place} ({next(iter(values))})' for place, values in places.items())}")
    if options.json:
        options.json.write_text(json.dumps(hits, indent=1, sort_keys=True))
    inert = {name for names in INERT.values() for name in names.split()}
    wrong = [name for name in hits if name in inert and not name.startswith(EXPECTED)]
    print(f"{len(hits)} properties change the picture; taken for inert: {', '.join(wrong) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
