"""From the committed tables to paper/output/paper.pdf: what Typst prints, whole or not at all, or one sentence why not.

The compiler comes with the package typst (extra `paper`) and brings its own fonts; nothing is fetched at run time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import runpy
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path

from simlab.drawing.reading import read_table
from simlab.errors import BadInput

ROOT = Path(__file__).parents[1]
PDF = ROOT / "paper" / "output" / "paper.pdf"


class Unbuildable(Exception):
    """Why the paper cannot be built, as a sentence."""


def sections(root: Path = ROOT) -> list[str]:
    """The names of the sections in their order."""
    return sorted(path.name for path in (root / "paper" / "sections").glob("*.typ"))


def inputs(root: Path = ROOT) -> dict[str, str]:
    """What the sources are told: the sections there are, and the outcome of each claim's tests where it is known."""
    found = {"sections": json.dumps(sections(root))}
    report = root / "test-report.json"
    if report.exists():
        try:
            found["report"] = json.dumps(dict(json.loads(report.read_text())["claims"]))
        except (ValueError, TypeError, KeyError):
            raise Unbuildable(
                "test-report.json is no test report: run make test again, or remove the file for grey marks"
            ) from None
    return found


def shown_figures(root: Path = ROOT) -> list[tuple[str, str]]:
    """The figures that the sections show, as (claim, width)."""
    found = set()
    for name in sections(root):
        for call in (root / "paper" / "sections" / name).read_text().split("#figure-of(")[1:]:
            claim = re.match(r'\s*"(\w+)"', call)
            if claim:
                found.add((claim[1], "two" if re.search(r'width:\s*"two"', call) else "one"))
    return sorted(found)


def stale(claim: str, width: str, root: Path = ROOT) -> bool:
    """Whether a figure is not drawn, or is older than its table or what draws it."""
    drawn = root / "figures" / "output" / f"{claim}_{width}.pdf"
    sources = [root / "experiments" / "results" / f"{claim}.csv", root / "figures" / f"{claim}.py"]
    sources += (root / "simlab" / "drawing").glob("*.py")
    return not drawn.exists() or drawn.stat().st_mtime < max(path.stat().st_mtime for path in sources if path.exists())


def check_tables(root: Path = ROOT) -> None:
    """Raise ``Unbuildable`` for the first committed table that is empty, cut short, irregular or undefined."""
    for path in sorted((root / "experiments" / "results").glob("*.csv")):
        try:
            read_table(path)
        except BadInput as mistake:
            raise Unbuildable(str(mistake)) from mistake


def draw(script: Path, width: str) -> str | None:
    """Run one file of ``figures/`` for one width; return the sentence of a mistake, if there was one."""
    given, sys.argv = sys.argv, [str(script), width]
    try:
        with redirect_stdout(io.StringIO()):
            runpy.run_path(str(script), run_name="__main__")
    except BadInput as mistake:
        return str(mistake)
    finally:
        sys.argv = given
    return None


def draw_figures(figures: Iterable[tuple[str, str]], root: Path = ROOT, workers: int = 1) -> None:
    """Draw these (claim, width), so many at a time. Raises ``Unbuildable`` for one that no file draws."""
    asked = [(root / "figures" / f"{claim}.py", width) for claim, width in figures]
    for script, _ in asked:
        if not script.exists():
            raise Unbuildable(f"no figures/{script.name} draws what a section shows: write it, or name another")
    if workers > 1 and len(asked) > 1:
        with ProcessPoolExecutor(min(len(asked), workers)) as pool:
            mistakes = list(pool.map(draw, *zip(*asked, strict=True)))
    else:
        mistakes = [draw(*one) for one in asked]
    for mistake in filter(None, mistakes):
        raise Unbuildable(mistake)


def sentence_of(message: str) -> str:
    """The sentence that stopped the compiler, without the compiler's own words around it."""
    message = message.removeprefix("assertion failed: ").strip()
    missing = re.search(r"file not found \(searched at (.*?)\)", message)
    if missing:
        name = re.sub(r".*?(?=(figures|experiments|paper)/)", "", missing.group(1), count=1)
        way = "run make figures" if "figures/" in name else "run make results" if name.endswith(".csv") else "add it"
        return f"there is no {name}: {way}, or name another"
    return message


def compile_paper(root: Path = ROOT, given: Mapping[str, str] | None = None, main: str = "main.typ") -> bytes:
    """Return the PDF of the paper under ``root``. Raises ``Unbuildable`` with a sentence."""
    import typst

    told = dict(inputs(root) if given is None else given)
    try:
        return typst.compile(
            root / "paper" / main, root=root, format="pdf", sys_inputs=told, ignore_system_fonts=True, timestamp=0
        )
    except typst.TypstError as error:
        where = next(iter(re.findall(r"(sections/[\w.-]+:\d+)", error.diagnostic)[::-1]), None)
        place = f" ({where})" if where else ""
        raise Unbuildable(sentence_of(error.message) + place) from error


def pages(pdf: bytes) -> int:
    """How many pages a PDF of Typst's has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the paper; 0, or 2 with a sentence."""
    parser = argparse.ArgumentParser(description="Build paper/output/paper.pdf from the committed tables.")
    parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        check_tables()
        draw_figures((one for one in shown_figures() if stale(*one)), workers=os.cpu_count() or 1)
        pdf = compile_paper()
    except Unbuildable as reason:
        print(f"simlab: the paper is not built: {reason}", file=sys.stderr)
        return 2
    whole = PDF.with_suffix(".tmp")
    try:
        PDF.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(pdf)
        whole.replace(PDF)
    except OSError as error:
        place = PDF.parent.relative_to(ROOT)
        print(
            f"simlab: the paper is not written: {place}: {error.strerror}: make it a folder with room", file=sys.stderr
        )
        return 2
    print(f"{PDF.relative_to(ROOT)}: {pages(pdf)} pages in {time.perf_counter() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
