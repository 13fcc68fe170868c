"""Pictures by headless Chromium: what a browser shows of an SVG, as a page's image.

An ``img`` draws in secure static mode: no script, no request, no interaction. The browser itself has no network (it
runs in a namespace without one), no JavaScript of pages, its own sandbox, and, as root, another user. Needs Debian's
package chromium, util-linux, and `pip install -e '.[bench]'` for playwright.
"""

from __future__ import annotations

import base64
import html
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright

from stages import fonts
from stages.render.compare import Pixels
from stages.render.renderers import vips

NOBODY = 65534
ACROSS, DOWN = 4, 4
"""Pictures of one page."""

PATIENCE = 30_000
"""Milliseconds for a page, after which its pictures are drawn one by one, or given up."""

ANIMATED = re.compile(rb"<(?:\w+:)?(?:animate|set\b)|@(?:-webkit-)?keyframes", re.IGNORECASE)

_MOVE = """([box, end]) => {
  const root = document.documentElement;
  if (typeof root.setCurrentTime !== 'function') return false;
  for (const name of ['x', 'y']) root.removeAttribute(name);
  for (const name of ['width', 'height']) { root.setAttribute(name, '100%'); root.style.removeProperty(name); }
  root.setAttribute('viewBox', box);
  root.setAttribute('preserveAspectRatio', 'none');
  root.pauseAnimations();
  root.setCurrentTime(end ? 1e5 : 0);
  for (const animation of document.getAnimations()) {
    try { if (end) animation.finish(); else animation.cancel(); } catch { animation.cancel(); }
  }
  return true;
}"""
"""CSS animations without an end are taken away, as they are before they begin."""


@dataclass(frozen=True)
class Drawing:
    """An SVG as it lies in a file, and the part of it that is its picture: min-x, min-y, width, height."""

    data: bytes
    view_box: tuple[float, ...]

    @property
    def address(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.data).decode()

    @property
    def animated(self) -> bool:
        return ANIMATED.search(self.data) is not None

    def place(self, size: int) -> str:
        """The CSS place of the whole picture, centred in a square of ``size`` px, its edges not rounded to pixels.

        Boxes are laid out on whole pixels; what a transform does to them is not rounded.
        """
        _, _, w, h = self.view_box
        exact = [side * size / max(w, h) for side in (w, h)]
        whole = [max(round(side), 1) for side in exact]
        left, top = ((size - side) / 2 for side in exact)
        sx, sy = (side / box for side, box in zip(exact, whole, strict=True))
        return (
            f"position:absolute;border:0;left:0;top:0;width:{whole[0]}px;height:{whole[1]}px;"
            f"transform-origin:0 0;transform:matrix({sx:.9f},0,0,{sy:.9f},{left:.4f},{top:.4f})"
        )

    def image(self, size: int) -> str:
        box = ",".join(map(repr, self.view_box))
        view = f"#svgView(viewBox({box});preserveAspectRatio(none))"
        return f'<img alt="" src="{html.escape(self.address + view)}" style="{self.place(size)}">'


class Chromium:
    """A browser. ``package_fonts``: text is set in the fonts that the mill sets it in, else in the machine's."""

    def __init__(self, size: int, package_fonts: bool):
        self.size, self._package_fonts = size, package_fonts
        self._folder = Path(tempfile.mkdtemp(prefix="svgmill-chromium-"))
        self._playwright: Playwright = sync_playwright().start()
        self._context: BrowserContext | None = None
        self.version = ""

    def __enter__(self) -> Chromium:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._playwright.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def draw(self, drawings: Sequence[Drawing]) -> list[Pixels | None]:
        """The pictures on white, opaque, ``size`` px a side; None for what the browser does not draw: it is no XML,
        say, or takes too long."""
        pictures: list[Pixels | None] = []
        for start in range(0, len(drawings), ACROSS * DOWN):
            pictures += self._page(drawings[start : start + ACROSS * DOWN])
        return pictures

    def moments(self, drawing: Drawing) -> Iterator[tuple[str, Pixels]]:
        """An animated drawing as it is without its animations, and when all that end have ended."""
        frame = f'<iframe sandbox src="{drawing.address}" style="{drawing.place(self.size)}"></iframe>'
        try:
            page = self._show(frame, self.size, self.size)
            for moment in ("start", "end"):
                box = " ".join(map(repr, drawing.view_box))
                if all(frame.evaluate(_MOVE, [box, moment == "end"]) for frame in page.frames[1:2]):
                    yield moment, self._shot(page)
        except Error:
            self._close()

    def _page(self, drawings: Sequence[Drawing]) -> list[Pixels | None]:
        size = self.size
        tiles = "".join(
            f'<div style="position:absolute;overflow:hidden;left:{i % ACROSS * size}px;top:{i // ACROSS * size}px;'
            f'width:{size}px;height:{size}px">{drawing.image(size)}</div>'
            for i, drawing in enumerate(drawings)
        )
        try:
            page = self._show(tiles, ACROSS * size, DOWN * size)
            widths = page.evaluate("[...document.images].map(image => image.complete ? image.naturalWidth : 0)")
            picture = self._shot(page)
        except Error:
            # a browser that has hung or died is of no more use
            self._close()
            if len(drawings) == 1:
                return [None]
            half = len(drawings) // 2
            return self._page(drawings[:half]) + self._page(drawings[half:])
        rows = [picture[top : top + size] for top in range(0, DOWN * size, size)]
        return [
            np.ascontiguousarray(rows[i // ACROSS][:, i % ACROSS * size : (i % ACROSS + 1) * size]) if width else None
            for i, width in enumerate(widths)
        ]

    def page(self, width: int, height: int) -> Page:
        """A page to show something else in: no script runs there, and its network is what ``route`` gives."""
        page = self._open().pages[0]
        page.set_viewport_size({"width": width, "height": height})
        return page

    def _show(self, body: str, width: int, height: int) -> Page:
        page = self.page(width, height)
        page.set_content(f'<!doctype html><body style="margin:0;background:#fff">{body}', timeout=PATIENCE)
        return page

    def _shot(self, page: Page) -> Pixels:
        session = page.context.new_cdp_session(page)
        data = session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True})["data"]
        session.detach()
        image = vips().Image.new_from_buffer(base64.b64decode(data), "")
        pixels: Pixels = (image if image.hasalpha() else image.addalpha()).numpy()
        return pixels

    def _open(self) -> BrowserContext:
        if self._context is None:
            profile = Path(tempfile.mkdtemp(dir=self._folder))
            self._context = self._playwright.chromium.launch_persistent_context(
                profile,
                executable_path=self._program(profile),
                chromium_sandbox=True,
                java_script_enabled=False,
                offline=True,
                args=["--disable-gpu", "--force-device-scale-factor=1"],
                timeout=2 * PATIENCE,
            )
            self._context.set_default_timeout(PATIENCE)
            self.version = self._context.browser.version if self._context.browser else self.version
        return self._context

    def _close(self) -> None:
        if self._context is not None:
            context, self._context = self._context, None
            try:
                context.close()
            except Error:  # it is gone already
                return

    def _program(self, profile: Path) -> Path:
        """A script that starts the browser where there is no network, and not as root, whom its sandbox refuses."""
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            raise SystemExit("no chromium: install Debian's package chromium")
        home = profile.parent
        environment = [f"HOME={home}", "LANG=en_US.UTF-8"]
        if self._package_fonts:
            copy = home / "fonts"
            shutil.copytree(fonts.FOLDER, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            environment.append(f"FONTCONFIG_FILE={copy / 'fonts.conf'}")
        if os.geteuid() == 0:
            home.chmod(0o755)
            for folder in (home, profile):
                os.chown(folder, NOBODY, NOBODY)
            alone = f"unshare --net setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups"
        else:
            alone = "unshare --map-current-user --net"
        script = home / "chromium.sh"
        script.write_text(
            f'#!/bin/sh\nexec {alone} env --unset=FONTCONFIG_FILE {" ".join(environment)} {chromium} "$@"\n'
        )
        script.chmod(0o755)
        return script
