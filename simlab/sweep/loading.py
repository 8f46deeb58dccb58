"""An experiment is a Python file; it is loaded from its source text.

A worker on another machine gets the text and its name, never a path, so the file need not exist there and cannot
change under a running sweep. Its SHA-256 is part of the key of every result.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib.resources
import inspect
import linecache
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from simlab.errors import BadInput, unknown
from simlab.sweep.columns import check_along

Row = dict[str, object]
"""One result: names to plain numbers, truth values and text."""

ADEMP = ("Aim", "Data", "Estimand", "Method", "Performance")
"""How the parts of an experiment's docstring begin; an s may follow."""

SMOKE_KEYS = ("replicates", "block", "grid")
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
NEAR = 0.8


@dataclass(frozen=True)
class Source:
    """The text of an experiment and its name (the stem of its file)."""

    slug: str
    text: str

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Experiment:
    """What an experiment file says, checked.

    ``grid`` maps settings to the values of their axes, ``along`` names columns of the rows that run along a curve
    within one replicate, ``shown`` lists the measures of the printed table, ``picture`` names a function of
    ``simlab.drawing``, ``theorems`` are bounds that the file adds to those of ``simlab.bounds``, ``describe`` says of a
    Config what is known before any draw, ``check`` raises ``BadInput`` for a Config that no cell could serve,
    ``memory`` says how many bytes a block needs, ``closed`` maps settings that a user may not choose to the option that
    does (or to nothing), ``base`` holds settings that are given from outside (a table of facts), and ``asked`` is the
    call of ``load_facts`` that gave them. ``design`` has the parts of the docstring: aims, data, estimands and so on.
    """

    source: Source
    question: str
    config: type[BaseModel]
    grid: Mapping[str, Any]
    replicates: int
    block: int
    cell: Callable[[Any, Sequence[Any]], list[Row]]
    smoke: Mapping[str, Any] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    picture: str | None = None
    theorems: tuple[Any, ...] = ()
    describe: Callable[[Any], list[str]] | None = None
    check: Callable[[Any], None] | None = None
    memory: Callable[[Any], float] | None = None
    closed: Mapping[str, str] = field(default_factory=dict)
    base: Mapping[str, object] = field(default_factory=dict)
    asked: Mapping[str, object] = field(default_factory=dict)
    design: Mapping[str, str] = field(default_factory=dict)
    along: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """The experiment's name."""
        return self.source.slug

    @property
    def open_settings(self) -> tuple[str, ...]:
        """The settings a user may choose: all but the payload (fields excluded from dumps)."""
        return tuple(name for name, info in self.config.model_fields.items() if not info.exclude)

    @property
    def payload(self) -> dict[str, object]:
        """The values of ``base`` that travel to the workers but into no row and no hash."""
        return {name: value for name, value in self.base.items() if name not in self.open_settings}


def load(path: str | Path | None = None) -> Experiment:
    """Return the experiment in the file ``path``, or the headline experiment of the package.

    Raises ``BadInput`` when the file is missing, cannot be run, or is no experiment.
    """
    if path is None:
        return experiment_of(_package_source("headline"))
    if not isinstance(path, (str, Path)):
        raise BadInput(f"experiment = {path!r}: must be the path of a .py file, an Experiment or None")
    path = Path(path)
    if path.suffix != ".py" or not path.is_file():
        raise _no_experiment(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"experiment {str(path)!r} cannot be read: {error}") from None
    return experiment_of(Source(path.stem, text))


def _no_experiment(path: Path) -> BadInput:
    """The error for a path that is no experiment, with what was meant where that can be told."""
    name = str(path)
    if path.name.lower().removesuffix(".gz").removesuffix(".zst").endswith(TABLES):
        return BadInput(f"{name} is a table, not an experiment: did you mean --facts {name}?")
    if path.is_dir():
        return BadInput(f"experiment {name!r} is a folder: give the path of an experiment, a .py file")
    if path.is_file():
        return BadInput(f"experiment {name!r} is no .py file: give the path of an experiment, a .py file")
    if path.suffix != ".py":
        bare = [path.with_name(f"{path.name}.py"), path.parent / "experiments" / f"{path.name}.py"]
        for meant in bare:
            if meant.is_file():
                return BadInput(f"experiment {name!r} is no file: did you mean {str(meant)!r}?")
        if name == "headline":
            return BadInput("experiment 'headline' is no file: it is the sweep that runs when none is named")
    siblings = {file.name: file for folder in (path.parent, Path("experiments")) for file in folder.glob("*.py")}
    wanted = path.name if path.suffix == ".py" else f"{path.name}.py"
    near = difflib.get_close_matches(wanted, sorted(siblings), n=1, cutoff=NEAR)
    if near:
        return BadInput(f"experiment {name!r} is unknown: did you mean {str(siblings[near[0]])!r}?")
    return BadInput(f"experiment {name!r} is no file: give the path of an experiment, a .py file")


def load_facts(paths: Sequence[str], **options: object) -> Experiment:
    """Return the experiment that measures a user's table of facts, read from ``paths``.

    ``options`` (prompt, answer, count, idk, conflicts, normalize, n_answers) go to ``simlab.sweep.facts.configure``.
    """
    source = _package_source("facts")
    base = run_source(source).configure(paths, **options)
    asked = {"paths": [os.path.abspath(path) for path in paths], **options}
    return replace(experiment_of(source, base), asked=asked)


def _package_source(name: str) -> Source:
    """The source of the experiment ``simlab.sweep.<name>``."""
    text = importlib.resources.files("simlab.sweep").joinpath(f"{name}.py").read_text(encoding="utf-8")
    return Source(name, text)


@functools.lru_cache(maxsize=64)
def run_source(source: Source) -> ModuleType:
    """Execute the text of an experiment as a module, once a process.

    Raises ``BadInput`` with file and line when it does not compile or run.
    """
    name = f"simlab_experiment_{source.slug}_{source.digest[:12]}"
    filename = f"{source.slug}.py"
    module = ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module  # pydantic and dataclasses look their annotations up there
    _show_lines_of(source)
    try:
        exec(compile(source.text, filename, "exec"), module.__dict__)
    except BadInput:
        raise
    except SyntaxError as error:
        raise BadInput(f"{error.filename}, line {error.lineno}: {error.msg}") from None
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == filename]
        where = f"{filename}, line {lines[-1]}" if lines else filename
        raise BadInput(f"{where}: {type(error).__name__}: {error}") from error
    return module


def _show_lines_of(source: Source) -> None:
    """Let tracebacks find their lines here, where the file does not exist, or has had other lines in this process."""
    filename = f"{source.slug}.py"
    linecache.cache[filename] = (len(source.text), None, source.text.splitlines(keepends=True), filename)


def experiment_of(source: Source, base: Mapping[str, object] | None = None) -> Experiment:
    """Read an experiment off the module that its source defines. Raises ``BadInput`` where a part is missing or odd."""
    module = run_source(source)
    _show_lines_of(source)
    missing = [n for n in ("Config", "GRID", "REPLICATES", "BLOCK", "cell") if not hasattr(module, n)]
    if missing:
        them = "them" if len(missing) > 1 else "it"
        raise BadInput(
            f"{source.slug}.py has no {' and no '.join(missing)}: an experiment must define {them}, see docs/adding.md"
        )
    config = module.Config
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        what = "another class" if isinstance(config, type) else f"a {type(config).__name__}"
        raise BadInput(f"{source.slug}.py: Config is {what}: it must be a pydantic.BaseModel, see docs/adding.md")
    doc = (module.__doc__ or "").strip()
    along = getattr(module, "ALONG", ())
    check_along(along, config.model_fields, f"{source.slug}.py: ")
    experiment = Experiment(
        source=source,
        question=doc.splitlines()[0] if doc else source.slug,
        config=config,
        grid=dict(module.GRID),
        replicates=module.REPLICATES,
        block=module.BLOCK,
        cell=module.cell,
        smoke=dict(getattr(module, "SMOKE", {})),
        shown=_headings(getattr(module, "SHOWN", ())),
        picture=getattr(module, "PICTURE", None),
        theorems=tuple(getattr(module, "THEOREMS", ())),
        describe=getattr(module, "describe", None),
        check=getattr(module, "check", None),
        memory=getattr(module, "memory", None),
        closed=_closed(getattr(module, "CLOSED", {})),
        base=dict(base or {}),
        design=design_of(doc),
        along=tuple(along),
    )
    _check(experiment)
    return experiment


def design_of(doc: str) -> dict[str, str]:
    """The parts of a docstring that reads "Aims: ... Data: ... Estimands: ... Methods: ... Performance: ...".

    They are the ADEMP of a simulation study (Morris, White & Crowther 2019): aims, data-generating mechanism,
    estimands, methods, performance measures. A part begins a sentence, and ends with the next or with its paragraph;
    one that is not there is not in the result.
    """
    parts: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", doc):
        text = " ".join(paragraph.split())
        found = [*re.finditer(rf"(?:^|(?<=[.?:;)] ))({'|'.join(ADEMP)})s?: ", text)]
        ends = [*(match.start() for match in found[1:]), len(text)]
        for match, end in zip(found, ends, strict=False):
            parts.setdefault(match[1], text[match.end() : end].strip())
    return parts


def _headings(shown: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Measure -> column heading; a plain list of measures is headed by their names."""
    return dict(shown) if isinstance(shown, Mapping) else dict.fromkeys(shown, "")


def _closed(closed: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Setting -> the option that sets it; a plain list of settings has none."""
    return dict(closed) if isinstance(closed, Mapping) else dict.fromkeys(closed, "")


def _takes(function: object, arguments: int) -> bool:
    """Whether a function can be called with so many arguments; one that hides its signature is believed."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _check(experiment: Experiment) -> None:
    """Refuse functions of other arguments, sizes that are no counts, and names that are no settings."""
    where = f"{experiment.slug}.py: "
    if not _takes(experiment.cell, 2):
        raise BadInput(f"{where}cell must be a function of two arguments, cell(config, streams), see docs/adding.md")
    for function in ("describe", "check", "memory"):
        given = getattr(experiment, function)
        if given is not None and not _takes(given, 1):
            raise BadInput(f"{where}{function} must be a function of one argument, {function}(config)")
    for name in experiment.closed:
        if name not in experiment.config.model_fields:
            raise unknown(f"{where}setting", name, experiment.config.model_fields)
    sizes = {"REPLICATES": experiment.replicates, "BLOCK": experiment.block}
    sizes |= {f"SMOKE[{k!r}]": v for k, v in experiment.smoke.items() if k != "grid"}
    for name in experiment.smoke:
        if name not in SMOKE_KEYS:
            raise unknown(f"{where}SMOKE key", name, SMOKE_KEYS)
    for name, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise BadInput(f"{where}{name} = {value!r}: must be a whole number of at least 1")
    for grid in (experiment.grid, experiment.smoke.get("grid", {})):
        for name, axis in grid.items():
            if name not in experiment.open_settings:
                raise unknown(f"{where}setting", name, experiment.open_settings)
            if isinstance(axis, str) or not isinstance(axis, Sequence) or not axis:
                raise BadInput(f"{where}the axis of {name} = {axis!r}: must be a tuple of at least one value")
