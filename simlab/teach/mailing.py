"""The demonstrations ``guessing`` and ``exam`` as one file each, to mail: a page with a small script and no network.

The scripts of ``mailed/`` compute what depends on a slider from the formulas, in expectation. What is data is written
into the page here, from simlab: the controls, a world's people, a theorem's constants, the points of a rule.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from contextlib import ExitStack
from pathlib import Path
from string import Template
from typing import Any

import simlab
from simlab.bounds import error_from_singletons, error_from_singletons_upper
from simlab.bounds.singletons import FACTOR
from simlab.drawing.ink import CYCLE
from simlab.errors import BadInput, shown
from simlab.estimates import normal_quantile
from simlab.grading.rewards import CLOSE
from simlab.teach import exam, guessing
from simlab.teach.demonstrations import Choice, Control, Demonstration, Slider, demonstration
from simlab.terminal.files import written_whole

SLUGS = ("guessing", "exam")
PARTS = Path(__file__).parent / "mailed"
OURS = b'<meta name="generator" content="simlab">'
"""In every page that is written here: only such a file is written over."""


def page(slug: str) -> str:
    """The demonstration of that name as the text of one HTML file, which loads nothing.

    The page's own policy lets the browser run this one script and use this one sheet of style, by their hashes.
    """
    return assembled(slug, *(_part(name) for name in ("page.css", "page.js", f"{slug}.js")), data=values(slug))


def assembled(slug: str, style: str, *scripts: str, data: dict[str, Any]) -> str:
    """The page of these parts around these ``data``."""
    told, script = demonstration(slug), "".join(scripts)
    policy = (
        f"default-src 'none'; style-src {_hashed(style)}; script-src {_hashed(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    claims = "".join(f"<li><code>{name}</code>: {html.escape(says)}</li>" for name, says in told.claims())
    asked = "".join(
        f"<details><summary>{html.escape(question)}</summary><p>{html.escape(answer)}</p></details>"
        for question, answer in told.questions
    )
    return Template(_part("page.html")).substitute(
        policy=policy,
        title=html.escape(told.title),
        motivation=html.escape(told.motivation),
        style=style,
        controls="\n".join(_element(one) for one in _controls(told)),
        questions=asked,
        formulas=Template(_part(f"{slug}.html")).substitute(_counts(data)),
        claims=claims,
        files=", ".join(f"<code>{name}</code>" for name in (*told.tests, *told.experiments)),
        version=simlab.__version__,
        data=json.dumps(data, allow_nan=False, ensure_ascii=False).replace("<", "\\u003c"),
        script=script,
    )


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _controls(told: Demonstration) -> list[Control]:
    """Those of the live page, but for the one that draws another corpus: the file has expected values."""
    return [one for one in told.controls if one.name != "corpus"]


def _element(one: Control) -> str:
    """A control as it stands in the page before the script sets it."""
    if isinstance(one, Slider):
        return (
            f'<div class="slide"><label for="{one.name}">{html.escape(one.label)} '
            f'<output id="{one.name}-told" for="{one.name}"></output></label>'
            f'<input type="range" id="{one.name}" min="0" max="{len(one.values) - 1}" step="1"></div>'
        )
    options = "".join(
        f'<label><input type="radio" name="{one.name}" id="{one.name}-{word}" value="{word}">'
        f"{html.escape(text)}</label>"
        for word, text in one.options.items()
    )
    return f"<fieldset><legend>{html.escape(one.label)}</legend>{options}</fieldset>"


def values(slug: str) -> dict[str, Any]:
    """What the script of a page is given."""
    told = demonstration(slug)
    return {
        "slug": slug,
        "colours": CYCLE,
        "controls": [_control(one) for one in _controls(told)],
        **(_exam() if slug == "exam" else _guessing(told)),
    }


def _control(one: Control) -> dict[str, Any]:
    if isinstance(one, Choice):
        return {"name": one.name, "options": list(one.options), "default": one.default}
    return {
        "name": one.name,
        "values": one.values,
        "told": [one.told(value) for value in one.values],
        "index": one.values.index(one.default),
        "range": f"{one.values[0]:g} to {one.values[-1]:g}",
    }


def _guessing(told: Demonstration) -> dict[str, Any]:
    """Famous and obscure people at each N; the constants of Theorem 2, which are its terms at N = 1 and |E_c| = 1."""
    lower, upper = error_from_singletons(0.0, 1, 1, 0.0).terms, error_from_singletons_upper(0.0, 1, 1).terms
    (draws,) = (one.values for one in told.controls if isinstance(one, Slider) and one.name == "draws")
    return {
        "constants": {
            "lower": lower["deviation"],
            "factor": FACTOR,
            "valid": lower["valid_over_errors"],
            "upper": upper["deviation"],
        },
        "people": {f"{n:.0f}": list(guessing.population(int(n)).values()) for n in draws},
        "ladder": guessing.LADDER,
        "floor": guessing.FLOOR,
        "ceiling": guessing.CEILING,
        "apart": guessing.APART,
    }


def _exam() -> dict[str, Any]:
    """The rules that no slider moves, the questions of the leaderboard, and the places of the picture."""
    fixed = [name for name in exam.RULES if name not in ("target", "by_hand")]
    points = {name: exam.rule_of(name, 0.0, 0.0) for name in fixed}
    return {
        "rules": {
            name: {"correct": rule.correct, "wrong": rule.wrong, "abstain": rule.abstain}
            for name, rule in points.items()
        },
        "questions": {
            "difficulty": exam.QUESTIONS.difficulty.tolist(),
            "number": exam.QUESTIONS.number.tolist(),
            "answers": exam.QUESTIONS.answers,
        },
        "normal": normal_quantile(0.95),
        "close": CLOSE,
        "lowest": exam.LOWEST,
        "fits": exam.FITS,
    }


def _counts(data: dict[str, Any]) -> dict[str, str]:
    """The counts that a page's formulas speak of."""
    asked = data.get("questions")
    if asked is None:
        return {}
    numbers = {"number": sum(asked["number"]), "answers": asked["answers"], "levels": len(asked["number"])}
    return {name: f"{number:,}" for name, number in numbers.items()}


def write_pages(folder: str) -> list[Path]:
    """Write both pages into ``folder``, which is made where it is missing, and return where they are.

    Each file is there whole or not at all, and none is given its name before both are written. Raises ``BadInput``
    where the folder is none, or where a page cannot be written.
    """
    if not folder.strip() or "\0" in folder:
        raise BadInput(f"--html {shown(folder)}: is no path: name a folder")
    place = Path(folder)
    paths = [place / f"{slug}.html" for slug in SLUGS]
    texts = [page(slug) for slug in SLUGS]
    try:
        if place.exists() and not place.is_dir():
            raise BadInput(f"--html {folder}: is a file: name a folder")
        for path in paths:
            if path.is_dir():
                raise BadInput(f"--html {folder}: {path.name} is a folder there: name another folder")
            if path.exists() and OURS not in path.read_bytes():
                raise BadInput(f"--html {folder}: {path.name} there is not one of these pages: name another folder")
        place.mkdir(parents=True, exist_ok=True)
        with ExitStack() as both:
            for path, text in zip(paths, texts, strict=True):
                both.enter_context(written_whole(path)).write_text(text, encoding="utf-8", newline="\n")
    except (OSError, RuntimeError) as error:  # a circle of links is the latter in some Pythons
        reason = getattr(error, "strerror", None) or "its links lead in a circle"
        raise BadInput(f"--html {folder}: cannot be written ({reason}): name another folder, or make room") from None
    return paths
