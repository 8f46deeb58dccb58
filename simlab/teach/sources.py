"""Where a demonstration's claims come from, as pages of the same server: the theorem, its test, its experiment."""

from __future__ import annotations

from html import escape
from pathlib import Path

from simlab.bounds import theorem
from simlab.errors import BadInput
from simlab.teach.demonstrations import TITLES, Demonstration, demonstration

ROOT = Path(__file__).parents[2]
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<body style="font: 1.15rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem">
<h1 style="font-size: 1.5rem">{title}</h1>
{body}
"""


def files_of(shown: Demonstration) -> tuple[str, ...]:
    """Its tests and experiments."""
    return (*shown.tests, *shown.experiments)


def has(name: str) -> bool:
    """Whether the file is here: an installed package comes without tests and experiments."""
    return (ROOT / name).is_file()


def theorem_page(slug: str) -> str:
    """A theorem: what it says, its source, its test, its experiment. Raises ``BadInput`` for a name that is none."""
    found = theorem(slug)
    lines = {"Says": found.statement, "Source": found.source, "Test": found.test, "Experiment": found.experiment}
    rows = "".join(f"<dt><b>{name}</b></dt><dd>{escape(str(text))}</dd>" for name, text in lines.items())
    return PAGE.format(title=escape(slug), body=f"<dl>{rows}</dl>")


def source_page(name: str) -> str:
    """The text of a test or an experiment that a demonstration names. Raises ``BadInput`` for any other file."""
    named = {one for slug in TITLES for one in files_of(demonstration(slug))}
    if name not in named or not has(name):
        raise BadInput(f"file {name!r} is not shown: only tests and experiments that a demonstration names are")
    text = escape((ROOT / name).read_text(encoding="utf-8"))
    return PAGE.format(title=escape(name), body=f'<pre style="font-size: 1rem; overflow-x: auto">{text}</pre>')
