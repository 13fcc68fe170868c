"""HTML pages: what a crawler follows, and the drawings that stand in them.

`links` reads what a page refers to, and what it says of its use. Nothing here asks a network or a store.

The tokenizer is our own (`tokens`). Pages are hostile: lexbor (selectolax), which keeps to the standard, takes time
that is quadratic in a tag's attributes and in the depth of elements (measured: 10 s for 400 kB of attributes, 14 s for
360 kB of ``<div>`` and ``</p>``), cannot be interrupted, and is native code in the crawler's process. libxml2 bounds
depth, but knows no foreign content: names lose their case, and a paragraph does not end a drawing. Here every byte is
read once, and what is built is bounded.
"""

from stages.crawl.html.drawings import LICENSE, drawings, sprite_symbols
from stages.crawl.html.links import absolute, links, sheet_links
from stages.crawl.html.model import Link, Links

__all__ = ["LICENSE", "Link", "Links", "absolute", "drawings", "links", "sheet_links", "sprite_symbols"]
