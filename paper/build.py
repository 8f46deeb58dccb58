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
        found["report"] = json.dumps(json.loads(report.read_text())["claims"])
    return found


def shown_figures(root: Path = ROOT) -> list[str]:
    """The claims whose figures the sections show."""
    texts = [(root / "paper" / "sections" / name).read_text() for name in sections(root)]
    return sorted({claim for text in texts for claim in re.findall(r'#figure-of\(\s*"(\w+)"', text)})


def stale(claim: str, root: Path = ROOT) -> bool:
    """Whether a figure is not drawn, or is older than its table or what draws it."""
    drawn = [path.stat().st_mtime for path in (root / "figures" / "output").glob(f"{claim}_*.pdf")]
    sources = [root / "experiments" / "results" / f"{claim}.csv", root / "figures" / f"{claim}.py"]
    sources += (root / "simlab" / "drawing").glob("*.py")
    return not drawn or min(drawn) < max(path.stat().st_mtime for path in sources if path.exists())


def draw(script: Path) -> None:
    """Run one file of ``figures/``."""
    with redirect_stdout(io.StringIO()):
        runpy.run_path(str(script), run_name="__main__")


def draw_figures(claims: Iterable[str], root: Path = ROOT) -> None:
    """Draw these figures, side by side. Raises ``Unbuildable`` for one that no file draws."""
    scripts = [root / "figures" / f"{claim}.py" for claim in claims]
    if not scripts:
        return
    for script in scripts:
        if not script.exists():
            raise Unbuildable(
                f"there is no figures/{script.name}, whose figure a section shows: write it or name another"
            )
    with ProcessPoolExecutor(min(len(scripts), os.cpu_count() or 1)) as pool:
        list(pool.map(draw, scripts))


def sentence_of(message: str) -> str:
    """The sentence that stopped the compiler, without the compiler's own words around it."""
    message = message.removeprefix("assertion failed: ").strip()
    missing = re.search(r"file not found \(searched at (.*?)\)", message)
    if missing:
        name = re.sub(r".*?(?=(figures|experiments|paper)/)", "", missing.group(1), count=1)
        if "figures/output" in name:
            claim, _, width = Path(name).stem.rpartition("_")
            return f"{claim} is not drawn {width} column{'s' * (width == 'two')} wide: see the widths in figures/{claim}.py"
        return f"there is no {name}: " + (
            "run make results, or name another claim" if name.endswith(".csv") else "add it"
        )
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
        draw_figures(claim for claim in shown_figures() if stale(claim))
        pdf = compile_paper()
    except Unbuildable as reason:
        print(f"simlab: the paper is not built: {reason}", file=sys.stderr)
        return 2
    PDF.parent.mkdir(parents=True, exist_ok=True)
    whole = PDF.with_suffix(".tmp")
    whole.write_bytes(pdf)
    whole.replace(PDF)
    print(f"{PDF.relative_to(ROOT)}: {pages(pdf)} pages in {time.perf_counter() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
