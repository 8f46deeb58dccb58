"""The HTML shell of every audit: one self-contained page, its figures inlined, readable on a phone and in the dark.

Nothing is loaded from elsewhere. All text is escaped here and nowhere else, so that a fact named <script> is a fact.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from simlab.drawing.inlining import inline


@dataclass(frozen=True, slots=True)
class Key:
    """One of the numbers at the top of the page."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; ``mood`` "alarm" or "note" sets it off, with its ``name`` in front."""

    text: str
    mood: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: ``caption``, column names, rows of texts. The first column heads its row; ``numbers`` are right-aligned.

    ``folded`` hides it behind its caption until it is asked for.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """Quantities, each a name, its value, and what it means (or nothing)."""

    lines: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and in words what it shows."""

    figure: Figure
    caption: str


Element = Paragraph | Terms | Grid | Picture


@dataclass(frozen=True, slots=True)
class Block:
    """A heading and what stands under it."""

    title: str
    elements: tuple[Element, ...]


def page(title: str, lead: str, keys: Sequence[Key], blocks: Sequence[Block], foot: str) -> str:
    """Return the whole page as HTML 5: title, a sentence, key numbers, blocks, and a line at the foot."""
    cards = "".join(f"<div><dd>{_text(key.value)}</dd><dt>{_text(key.label)}</dt></div>" for key in keys)
    drawn = 0
    body = []
    for i, block in enumerate(blocks):
        parts = []
        for element in block.elements:
            drawn += isinstance(element, Picture)
            parts.append(_element(element, drawn))
        body.append(
            f'<section aria-labelledby="s{i}"><h2 id="s{i}">{_text(block.title)}</h2>{"".join(parts)}</section>'
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{_text(title)}</title><style>{CSS}</style></head>\n<body><main>"
        f'<header><h1>{_text(title)}</h1><p>{_text(lead)}</p></header><dl class="keys">{cards}</dl>\n'
        + "\n".join(body)
        + f"\n<footer><p>{_text(foot)}</p></footer></main></body></html>\n"
    )


def _text(text: str) -> str:
    """Text that HTML shows as it is; control characters, which HTML does not have, as their pictures."""
    shown = "".join(chr(0x2400 + ord(sign)) if ord(sign) < 32 and sign not in "\t\n" else sign for sign in text)
    return html.escape(shown, quote=True)


def _element(element: Element, number: int) -> str:
    if isinstance(element, Paragraph):
        name = f"<strong>{_text(element.name)}</strong> " if element.name else ""
        mood = f' class="{_text(element.mood)}"' if element.mood else ""
        return f"<p{mood}>{name}{_text(element.text)}</p>"
    if isinstance(element, Grid):
        return _grid(element)
    if isinstance(element, Terms):
        return f'<dl class="terms">{"".join(_term(*line) for line in element.lines)}</dl>'
    return (
        f'<figure><div role="img" aria-label="{_text(element.caption)}">{inline(element.figure, f"f{number}")}</div>'
        f"<figcaption>{_text(element.caption)}</figcaption></figure>"
    )


def _term(name: str, value: str, meaning: str) -> str:
    why = f'<span class="why">{_text(meaning)}</span>' if meaning else ""
    return f"<div><dt>{_text(name)}</dt><dd>{_text(value)}{why}</dd></div>"


def _grid(grid: Grid) -> str:
    def cell(kind: str, i: int, text: str, scope: str = "") -> str:
        side = ' class="n"' if i in grid.numbers else ""
        return f"<{kind}{scope}{side}>{_text(text)}</{kind}>"

    head = "".join(cell("th", i, name, ' scope="col"') for i, name in enumerate(grid.head))
    rows = "".join(
        "<tr>"
        + "".join(cell("td", i, text) if i else cell("th", i, text, ' scope="row"') for i, text in enumerate(row))
        + "</tr>"
        for row in grid.rows
    )
    thead = f"<thead><tr>{head}</tr></thead>" if any(grid.head) else ""
    hidden = ' class="hidden"' if grid.folded else ""
    table = (
        f'<div class="scroll"><table><caption{hidden}>{_text(grid.caption)}</caption>'
        f"{thead}<tbody>{rows}</tbody></table></div>"
    )
    return f"<details><summary>{_text(grid.caption)}</summary>{table}</details>" if grid.folded else table


CSS = """
:root{--ink:#1c1e21;--soft:#5b6168;--paper:#fff;--line:#d9dce0;--card:#f5f6f8;--alarm:#b3261e;--note:#7a5900}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a3a9b1;--paper:#16181b;--line:#383c42;--card:#1f2226;
--alarm:#ff8a80;--note:#f2c14e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif;overflow-wrap:break-word}
main{max-width:50rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .3rem}
h2{font-size:1.15rem;margin:2.4rem 0 .5rem;padding-top:.9rem;border-top:1px solid var(--line)}
header p,footer,figcaption,caption,summary,.why{color:var(--soft)}
header p{margin:0}
.keys{display:grid;grid-template-columns:repeat(auto-fit,minmax(10.5rem,1fr));gap:.7rem;margin:1.3rem 0 0}
.keys div{background:var(--card);border-radius:.6rem;padding:.8rem 1rem;display:flex;flex-direction:column}
.keys dd{margin:0;font-size:1.55rem;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.25}
.keys dt{color:var(--soft);font-size:.86rem;line-height:1.35}
p{margin:.55rem 0}
p.alarm,p.note{border-left:.25rem solid var(--note);padding:.35rem 0 .35rem .8rem}
p.alarm{border-color:var(--alarm)}
p.alarm strong{color:var(--alarm)}
p.note strong{color:var(--note)}
.terms{margin:.6rem 0}
.terms div{display:grid;grid-template-columns:13rem 1fr;gap:.2rem 1rem;padding:.45rem 0;
border-bottom:1px solid var(--line)}
.terms div:last-child{border-bottom:0}
.terms dt{font-weight:550}
.terms dd{margin:0;min-width:0;font-variant-numeric:tabular-nums}
.why{display:block;font-size:.88rem;line-height:1.45}
.scroll{overflow-x:auto;margin:.7rem 0}
table{border-collapse:collapse;width:100%;font-size:.93rem}
caption{text-align:left;padding:0 0 .3rem;font-size:.88rem}
caption.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600}
tbody th{font-weight:500}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
figure{margin:1rem 0}
figure svg{display:block;width:100%;height:auto;max-width:38rem}
figure svg text{font-family:inherit!important}
figcaption{font-size:.88rem;margin-top:.3rem}
summary{cursor:pointer;font-size:.93rem}
footer{margin-top:3rem;font-size:.85rem}
@media (max-width:36rem){h1{font-size:1.35rem}.terms div{grid-template-columns:1fr;gap:0}}
@media print{body{font-size:11pt}.keys div{border:1px solid var(--line)}}
"""
