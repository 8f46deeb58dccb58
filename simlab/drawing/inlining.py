"""A figure inside a page: as SVG, its text text, what belongs to the page in the page's own colour."""

from __future__ import annotations

import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#010203"
"""Stands for the page's own colour of text."""


def inline(figure: Figure, name: str) -> str:
    """The figure as SVG inside HTML: ids that no other figure has, and ``INK`` as the colour of the text around it."""
    svg = standalone(figure, name).replace(INK, "currentColor")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)


def standalone(figure: Figure, name: str) -> str:
    """The figure as an SVG file of its own, byte for byte the same each time; ``INK`` is all but black there."""
    paper = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(paper, format="svg", transparent=True, metadata={"Date": None})
    return paper.getvalue()
