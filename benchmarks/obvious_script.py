"""The obvious script: what one writes in an afternoon to turn SVG files into training records. The peer of row_pass.py.

It parses with lxml, optimizes with scour, draws a PNG with cairosvg, signs with datasketch, tokenizes path data in a
loop and writes JSON lines. It gives up on what any of these cannot do.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TextIO

import cairosvg
from datasketch import MinHash
from lxml import etree
from scour import scour

SIZE = 512
_TOKEN = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_OPTIONS = scour.parse_args(
    ["--enable-viewboxing", "--enable-id-stripping", "--enable-comment-stripping", "--shorten-ids", "--indent=none"]
)
_OPTIONS.quiet = True


def optimize(data: bytes) -> str:
    """The file as scour leaves it."""
    return scour.scourString(data.decode(), _OPTIONS)


def record(data: bytes, out: TextIO) -> bool:
    """Write the record of one file as a line; False if a library gave up."""
    try:
        etree.fromstring(data)
        svg = optimize(data)
        png = cairosvg.svg2png(bytestring=svg.encode(), output_width=SIZE, output_height=SIZE)
        root = etree.fromstring(svg.encode())
    except Exception:
        return False
    tokens = []
    for element in root.iter():
        if isinstance(element.tag, str):
            tokens.append(f"<{etree.QName(element).localname}>")
            for name, value in element.attrib.items():
                if name == "d":
                    for token in _TOKEN.findall(value):
                        tokens.append(f"<cmd_{token}>" if token.isalpha() else f"<d_{round(float(token))}>")
                else:
                    tokens.append(f"{name}={value}")
    minhash = MinHash(num_perm=128)
    for i in range(len(tokens) - 4):
        minhash.update(" ".join(tokens[i : i + 5]).encode())
    out.write(
        json.dumps(
            {
                "svg": svg,
                "tokens": "".join(tokens),
                "png": base64.b64encode(png).decode(),
                "minhash": minhash.hashvalues.tolist(),
            }
        )
    )
    out.write("\n")
    return True
