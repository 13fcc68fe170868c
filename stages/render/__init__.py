"""Render: pictures of source and canonical form, their difference, and the gate it decides.

Runs in the sandbox: renderers are native code that meets hostile input.
"""

from stages.render.renderers import RendererUnavailable
from stages.render.settings import RenderSettings
from stages.render.stage import render, render_one, renderer_version, source_png

VERSION: int = 3

__all__ = ["VERSION", "RenderSettings", "RendererUnavailable", "render", "render_one", "renderer_version", "source_png"]
