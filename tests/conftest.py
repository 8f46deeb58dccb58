"""``--test-report FILE``: what the tests of each claim said, for the marks that the paper puts beside it.

A test belongs to the longest claim that its name carries (the slug rule: ``test_error_from_iiv_...``, or an experiment
of that name as its parameter), and the test that a theorem's record names belongs to that theorem too.
"""

import gc
import importlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from simlab import __version__
from simlab.bounds import THEOREMS

# Compilation is most of what the tests take: programs are kept where sweeps keep theirs, before JAX reads where.
caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.join(caches, "simlab", "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

ROOT = Path(__file__).parents[1]
STATEMENTS = {"sampler_of_cells"}  # of the paper, that are neither a bound nor an experiment
CLAIMS = (
    {theorem.slug for theorem in THEOREMS} | {path.stem for path in (ROOT / "experiments").glob("*.py")} | STATEMENTS
)


def claims_of(nodeid: str, claims: Iterable[str] = frozenset(CLAIMS)) -> set[str]:
    """The claims that a test is of: the longest slugs in its name, and those whose record names it."""
    path, _, name = nodeid.partition("::")
    found = [claim for claim in claims if claim in name]
    longest = {claim for claim in found if not any(claim != other and claim in other for other in found)}
    bare = f"{path}::{name.partition('[')[0]}"
    return longest | {theorem.slug for theorem in THEOREMS if theorem.test == bare}


def report_of(outcomes: dict[str, bool]) -> dict[str, object]:
    """{claims: {slug: passed or failed}, tests: {slug: how many}} of {test: whether it passed}; no test, no entry."""
    tests: dict[str, list[bool]] = {}
    for nodeid, passed in outcomes.items():
        for claim in claims_of(nodeid):
            tests.setdefault(claim, []).append(passed)
    claims = {claim: "passed" if all(found) else "failed" for claim, found in sorted(tests.items())}
    return {"version": __version__, "claims": claims, "tests": {claim: len(tests[claim]) for claim in claims}}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--test-report", metavar="FILE", help="write what the tests of each claim said, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # the workers share the cores: with more threads BLAS waits for itself
        importlib.import_module("scipy.linalg")  # which brings a BLAS of its own
        threadpool_limits(1)
    if config.getoption("--test-report") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(Path(config.getoption("--test-report"))), "test-report")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look through it, hundreds of times a test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


class Reporter:
    """Gathers outcomes, also those of workers, and writes them whole when the session ends."""

    def __init__(self, path: Path) -> None:
        self.path, self.outcomes = path, {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or (report.when == "call" and report.passed):
            self.outcomes[report.nodeid] = self.outcomes.get(report.nodeid, True) and not report.failed

    def pytest_sessionfinish(self) -> None:
        whole = self.path.with_name(f".{self.path.name}.tmp")
        whole.write_text(json.dumps(report_of(self.outcomes), indent=1) + "\n")
        whole.replace(self.path)
