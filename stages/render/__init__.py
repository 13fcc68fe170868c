"""Render: pictures of source and canonical form, their difference, and the gate it decides.

Runs in the sandbox: renderers are native code that meets hostile input.
"""

from stages.render.renderers import RendererUnavailable
from stages.render.settings import GateSettings, PictureSettings, RenderSettings
from stages.render.shown import picture
from stages.render.shown import uses as picture_versions
from stages.render.stage import RENDER, render_one, renderer_version, source_png

__all__ = [
    "RENDER",
    "GateSettings",
    "PictureSettings",
    "RenderSettings",
    "RendererUnavailable",
    "picture",
    "picture_versions",
    "render_one",
    "renderer_version",
    "source_png",
]
