"""The report of a published version (one self-contained HTML file) and its dataset card."""

from pipeline.report.model import Report
from pipeline.report.render import render_card, render_html

__all__ = ["Report", "render_card", "render_html"]
