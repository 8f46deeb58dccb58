"""The parts of the page on which a file is given: where it is dropped, its columns, its audit or one sentence."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import marimo as mo

from simlab.errors import BadInput
from simlab.teach import pages
from simlab.teach.demonstrations import Demonstration
from simlab.teach.uploads import KINDS, MOST_BYTES, SUFFIXES, looks
from simlab.teach.your_data import Report, example_report, report

LEFT_OPEN = {"prompt": "no prompt", "answer": "no answer", "grade": "as recognised", "confidence": "as recognised"}


def place() -> Any:
    """Where a file is dropped; the browser refuses what is too large, and ``uploads.laid`` does again."""
    return mo.ui.file(
        filetypes=list(SUFFIXES),
        kind="area",
        max_size=MOST_BYTES,
        label=f"Drop a file, up to {MOST_BYTES // 2**20} MB: {', '.join(SUFFIXES)}",
    )


def kinds() -> Any:
    """What the file is to be read as."""
    return mo.ui.dropdown(
        {"as it looks": "", **{f"as {told}": kind for kind, told in KINDS.items()}},
        value="as it looks",
        label="read it",
        allow_select_none=False,
        full_width=True,
    )


def columns(files: Sequence[Any], kind: str) -> Any:
    """A choice of columns for each role that the file has to fill; none without a file, or with a bad one."""
    roles: dict[str, str | None] = {}
    names: list[str] = []
    for file in files[:1]:
        try:
            seen = looks(file.contents, file.name)
        except BadInput:  # told where its audit would stand
            continue
        names = [name for name in seen.columns if name]
        if names and (kind or seen.kind) == "corpus":
            roles = {"prompt": seen.prompt, "answer": seen.answer}
        elif names:
            roles = {"grade": None, "confidence": None}
    return mo.ui.dictionary(
        {
            role: mo.ui.dropdown(names, value=value, label=role, allow_select_none=True, full_width=True)
            for role, value in roles.items()
        }
    )


def panel(given: Any, kind: Any, controls: Any) -> Any:
    """The place, the kind, and what is shown without a file."""
    return mo.vstack([given, kind, controls], gap=0.9)


def beneath(chosen: Any) -> Any:
    """The choices of columns, and what it means to leave them open."""
    if not chosen.elements:
        return mo.Html("")
    open_ = "; ".join(f"{role}: none = {LEFT_OPEN[role]}" for role in chosen.elements)
    note = "without both, whole rows are facts" if "prompt" in chosen.elements else open_
    return mo.vstack([*chosen.elements.values(), mo.Html(f'<p class="note">{html.escape(note)}</p>')], gap=0.5)


def audited(files: Sequence[Any], kind: str, chosen: Mapping[str, str | None], example: str) -> Report | BadInput:
    """The audit of the file, of the example where there is none, or why there is no audit."""
    if not files:
        return example_report(example)
    file = files[0]
    try:
        return report(file.contents, file.name, kind or looks(file.contents, file.name).kind, **chosen)
    except BadInput as error:
        return error


def stage(
    shown: Demonstration, found: Report | BadInput, settings: Mapping[str, Any], files: Sequence[Any] = ()
) -> Any:
    """Whose numbers these are, the picture, the findings, and the whole report, walled off; or one sentence."""
    if isinstance(found, BadInput):
        return mo.Html(f'<div class="stage"><p class="refused" role="alert">{html.escape(str(found))}</p></div>')
    told = "".join(
        f'<p class="seen" data-finding="{html.escape(one.name)}"><strong>{one.grade}: {html.escape(one.name)}</strong> '
        f"{html.escape(one.sentence)}</p>"
        for one in found.findings
    )
    whole = (
        f'<details><summary>the whole report</summary><iframe title="the whole report" sandbox="" '
        f'srcdoc="{html.escape(found.page)}" style="width:100%;height:34rem;border:1px solid #888"></iframe></details>'
    )
    whose = f"Your file {files[0].name}" if files else "An example that simlab drew, for no file is given"
    return mo.vstack(
        [
            mo.Html(f'<p class="seen">{html.escape(whose)}</p>'),
            pages.stage(shown, found.scene, settings),
            mo.Html(f"<div>{told}{whole}</div>"),
        ],
        gap=0.4,
    )


def taking(shown: Demonstration, found: Report | BadInput, settings: Mapping[str, Any], *, given: bool) -> Any:
    """The report and the figure as files; the address of the page where it says all that is shown."""
    if isinstance(found, BadInput):
        return mo.Html("")
    made = mo.download(
        data=lambda: found.page.encode(), filename="report.html", mimetype="text/html", label="export this report"
    )
    if not given:
        return mo.vstack([made, pages.taking(shown, found.scene, settings)], align="start", gap=0.5)
    return mo.vstack([made, pages.figure(shown, found.scene)], align="start", gap=0.5)
