"""The parts of which a notebook of a demonstration is put together: head, controls, stage, questions, foot.

Every notebook has the same few cells. What is said and shown is the demonstration's; this module lays it out.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import marimo as mo

from simlab.errors import BadInput
from simlab.teach import mailing
from simlab.teach.demonstrations import TITLES, Control, Demonstration, Scene, Slider, demonstration
from simlab.teach.pictures import exported, inlined
from simlab.teach.sources import files_of, has


def home() -> Any:
    """The demonstrations as cards, in the order of the lecture, and how a link to settings is opened again."""
    cards = "".join(
        f'<a href="{shown.slug}/"><h2>{i}. {html.escape(shown.title)}</h2><p>{html.escape(shown.motivation)}</p></a>'
        for i, shown in enumerate(map(demonstration, TITLES), 1)
    )
    return mo.Html(
        '<header class="lecture"><h1>Why must a model guess?</h1>'
        "<p>Seven demonstrations. Move a slider and watch; every number is computed as you look.</p></header>"
        f'<nav class="lessons" aria-label="demonstrations">{cards}</nav>'
        '<p class="note">Each page keeps its settings in its address: copy “link to these settings”, and open it '
        "again, today or next year, with <code>python -m simlab.teach 'LINK'</code>.</p>"
    )


def mail() -> Any:
    """The demonstrations that are one file each, as files, made when they are asked for."""
    files = [
        mo.download(
            data=lambda slug=slug: mailing.page(slug).encode(),
            filename=f"{slug}.html",
            mimetype="text/html",
            label=f"{slug}.html",
        )
        for slug in mailing.SLUGS
    ]
    told = mo.Html(
        '<p class="note">To mail to students, one file each, for a browser alone '
        "(<code>python -m simlab.teach --html DIR</code> writes them too):</p>"
    )
    return mo.hstack([told, *files], justify="start", align="center", gap=0.8, wrap=True)


def head(shown: Demonstration) -> Any:
    """Where one is among the demonstrations, the title, why it is worth a minute, and what was wrong with a link."""
    steps = "".join(
        f'<a href="../{slug}/"{" aria-current=page" if slug == shown.slug else ""} title="{html.escape(title)}">{i}</a>'
        for i, (slug, title) in enumerate(TITLES.items(), 1)
    )
    wrong = "".join(f'<p class="refused" role="alert">{html.escape(one)}</p>' for one in _asked(shown)[1])
    return mo.Html(
        f'<header class="lecture"><nav aria-label="demonstrations"><a href="../">all</a>{steps}</nav>'
        f"<h1>{html.escape(shown.title)}</h1><p>{html.escape(shown.motivation)}</p>{wrong}</header>"
    )


def _asked(shown: Demonstration) -> tuple[dict[str, Any], list[str]]:
    """What the address says of each control, or else its default; and what was wrong with it, in sentences."""
    query, wrong = mo.query_params().to_dict(), []
    given = shown.settings()
    for name in [name for name in given if name in query]:
        try:
            given[name] = shown.settings({name: query[name]})[name]
        except BadInput as error:
            wrong.append(f"{error}; shown is the default")
    return given, wrong


def controls(shown: Demonstration) -> Any:
    """One element a control, set to what the address of the page says, which follows them."""
    query = mo.query_params()
    given, _ = _asked(shown)
    return mo.ui.dictionary({one.name: _element(one, given[one.name], query) for one in shown.controls})


def _element(one: Control, value: Any, query: Any) -> Any:
    def follow(now: Any) -> None:
        query.set(one.name, f"{now:g}" if isinstance(one, Slider) else now)

    if isinstance(one, Slider):
        return mo.ui.slider(
            steps=one.values, value=value, label=one.label, debounce=True, full_width=True, on_change=follow
        )
    words = {text: word for word, text in one.options.items()}
    return mo.ui.radio(words, value=one.options[value], label=one.label, on_change=follow)


def panel(elements: Any) -> Any:
    """The controls below each other."""
    return mo.vstack(list(elements.elements.values()), gap=0.6)


def told(shown: Demonstration, settings: Mapping[str, Any]) -> Any:
    """Where the controls stand, in words."""
    lines = "".join(
        f"<div><dt>{html.escape(one.label)}</dt><dd>{html.escape(one.told(settings[one.name]))}</dd></div>"
        for one in shown.controls
    )
    return mo.Html(f'<dl class="set">{lines}</dl>')


def stage(shown: Demonstration, scene: Scene, settings: Mapping[str, Any]) -> Any:
    """The picture, its numbers, and what is seen."""
    drawn = inlined(scene.figure, shown.slug)
    cards = "".join(
        f"<div><dt>{html.escape(number.label)}</dt>"
        f'<dd data-number="{number.name}" data-value="{float(number.value)!r}">'
        f"{html.escape(number.text)}</dd></div>"
        for number in scene.numbers
    )
    return mo.Html(
        f'<div class="stage" data-settings="{html.escape(urlencode(settings))}">'
        f'<figure role="img" aria-label="{html.escape(scene.sentence)}">{drawn}</figure>'
        f'<dl class="numbers">{cards}</dl>'
        f'<p class="seen" aria-live="polite">{html.escape(scene.sentence)}</p></div>'
    )


def taking(shown: Demonstration, scene: Scene, settings: Mapping[str, Any]) -> Any:
    """The figure as a file, and the address of the page with the controls as they are."""
    link = mo.Html(f'<a class="again" href="?{html.escape(urlencode(settings))}">link to these settings</a>')
    return mo.vstack([figure(shown, scene), link], align="start", gap=0.6)


def figure(shown: Demonstration, scene: Scene) -> Any:
    """The figure as a file, made when it is asked for."""
    return mo.download(
        data=lambda: exported(scene.figure, shown.slug),
        filename=f"{shown.slug}.svg",
        mimetype="image/svg+xml",
        label="export this figure",
    )


def foot(shown: Demonstration) -> Any:
    """Three questions with their answers hidden, and where theorem, test and experiment are."""
    asked = "".join(
        f"<details><summary>{html.escape(question)}</summary><p>{html.escape(answer)}</p></details>"
        for question, answer in shown.questions
    )
    claims = "".join(
        f'<li><a href="../theorem/{slug}">{slug}</a>: {html.escape(says)}</li>' for slug, says in shown.claims()
    )
    files = ", ".join(
        f'<a href="../source/{name}">{name}</a>' if has(name) else f"<code>{name}</code>" for name in files_of(shown)
    )
    return mo.Html(
        f'<section class="ask"><h2>Three questions</h2>{asked}</section>'
        f'<section class="more"><h2>Theorem, test, experiment</h2><ul>{claims}</ul><p>{files}</p></section>'
    )
