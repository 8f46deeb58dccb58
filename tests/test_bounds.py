"""The bounds at their published constants, the vacuity of Theorem 2, the reports, the catalogue and its listing."""

from __future__ import annotations

import ast
import itertools
import json
import math
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlab import bounds
from simlab.bounds.__main__ import as_text, main
from simlab.bounds.catalogue import EXACT
from simlab.bounds.vacuity import draws_until
from simlab.errors import BadInput

ROOT = Path(__file__).parent.parent


def instance(rng: np.random.Generator) -> dict[str, float]:
    """Return the measures of a random world without prompts, straight from the definitions."""
    n_valid, n_errors = rng.integers(1, 4), rng.integers(1, 6)
    p_hat = rng.dirichlet(np.full(n_valid + n_errors, rng.choice([0.2, 1.0, 30.0])))
    p = np.append(rng.dirichlet(np.ones(n_valid)), np.zeros(n_errors))
    iiv = np.append(p[:n_valid] / 2, np.full(n_errors, 0.5 / n_errors))
    valid = np.arange(n_valid + n_errors) < n_valid
    above = p_hat > 1 / n_errors
    delta = abs(p_hat[above].sum() - p[above].sum())
    return {
        "error": p_hat[~valid].sum(),
        "iiv_error": iiv[above != valid].sum(),
        "calibration_gap": min(delta, 1.0),
        "n_valid_max": n_valid,
        "n_errors_min": n_errors,
        "over": p_hat[above & ~valid].sum() - 2 * iiv[above & ~valid].sum(),
        "room": n_valid / n_errors - p_hat[~above & valid].sum(),
        "gap": delta - (p_hat[above].sum() - p[above].sum()),
    }


# Theorem 1


def test_error_from_iiv_is_the_sum_of_its_terms() -> None:
    report = bounds.error_from_iiv(0.3, 0.25, 0.05, 2, 50)
    assert report.value == pytest.approx(2 * 0.25 - 2 / 50 - 0.05, abs=1e-15)
    assert report.slack == pytest.approx(0.3 - 0.41, abs=1e-15)
    assert report.terms == {"twice_iiv_error": 0.5, "valid_over_errors": 0.04, "calibration_gap": 0.05}
    corollary = bounds.error_from_iiv_unprompted(0.3, 0.25, 0.05, 2, 50)
    assert (corollary.slug, corollary.value) == (report.slug, report.value)
    assert corollary.name == "Corollary 1"


def test_error_from_iiv_holds_and_its_slack_is_over_room_and_gap() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        report = bounds.error_from_iiv(**instance(rng))
        parts = [report.terms[name] for name in ("over", "room", "gap")]
        assert min(parts) >= -1e-12
        assert report.slack == pytest.approx(sum(parts), abs=1e-12)


def test_error_from_iiv_is_tight_and_its_factor_cannot_grow() -> None:
    report = bounds.error_from_iiv(999 / 1000, 0.5, 0.0, 1, 999)  # p_hat uniform on 1 valid and 999 others
    assert report.slack == pytest.approx(1e-6, rel=0.01)  # 1/999 - 1/1000
    assert report.observed is not None
    assert report.observed < 2.1 * 0.5 - report.terms["valid_over_errors"]  # the control: 2.1 would be violated


# Theorem 2

TABLE = [  # N, lower slack, upper slack: to the digits that are published
    (10**3, 2.417, 0.411),
    (10**4, 0.903, 0.130),
    (10**5, 0.329, 0.0411),
    (3 * 10**5, 0.202, 0.0237),
    (10**6, 0.118, 0.0130),
    (10**7, 0.0416, 0.0041),
    (10**8, 0.0146, 0.0013),
]


@pytest.mark.parametrize(("draws", "lower", "upper"), TABLE)
def test_published_vacuity_table_of_theorem_2(draws: int, lower: float, upper: float) -> None:
    report = bounds.error_from_singletons(0.5, draws, 364, 0.01)
    assert report.terms["deviation"] == pytest.approx(lower, abs=0.0005 if lower > 0.1 else 0.00005)
    assert report.value == pytest.approx(0.5 - 2 / 364 - report.terms["deviation"] - 0.01, abs=1e-15)
    over = bounds.error_from_singletons_upper(0.5, draws, 364)
    assert over.terms["deviation"] == pytest.approx(upper, abs=0.0005 if upper > 0.1 else 0.00005)
    assert over.value == pytest.approx(0.5 - 0.5 / 365 + over.terms["deviation"], abs=1e-15)
    assert (report.level, over.level) == (0.99, 0.99)


def test_theorem_2_is_vacuous_up_to_7892_draws_for_every_singleton_rate() -> None:
    at = {n: bounds.error_from_singletons(1.0, n, 10**15, 0.0) for n in (1, 100, 7892, 7893)}
    assert [report.vacuous for report in at.values()] == [True, True, True, False]
    assert all(report.draws_needed == 7893 for report in at.values())


@pytest.mark.parametrize("draws", [1, 2, 10**3, 10**6, 10**12, 10**18])
def test_published_constants_are_those_of_the_general_form_rounded_up(draws: int) -> None:
    published = bounds.error_from_singletons(0.5, draws, 364, 0.0).terms["deviation"]
    general = bounds.error_from_singletons(0.5, draws, 364, 0.0, gamma=0.01).terms["deviation"]
    assert general == pytest.approx(6 * math.log(300 * draws) / math.sqrt(draws), rel=1e-12)
    assert general <= published
    assert general > (34 + 6 * math.log(draws)) / math.sqrt(draws)  # the control: 34 would not do (34.22)
    published = bounds.error_from_singletons_upper(0.5, draws, 364).terms["deviation"]
    general = bounds.error_from_singletons_upper(0.5, draws, 364, gamma=0.01).terms["deviation"]
    assert general == pytest.approx(12.4646 / math.sqrt(draws), rel=1e-5)
    assert 12 / math.sqrt(draws) < general <= published


def test_sharp_form_takes_the_missing_mass_as_is() -> None:
    report = bounds.error_from_singletons_sharp(0.4, 10, 0.05, error=0.1)
    assert report.value == pytest.approx(0.4 - 0.2 - 0.05, abs=1e-15)
    assert report.slack == pytest.approx(0.1 + 0.05 - (0.4 - 0.2), abs=1e-15)
    assert bounds.error_from_singletons_sharp(0.4, 10, 0.05, n_valid_max=1).value == pytest.approx(0.25, abs=1e-15)
    assert report.slug == "error_from_singletons_sharp"
    assert not report.vacuous
    assert bounds.error_from_singletons(0.4, 10, 10, 0.05).vacuous  # where the published form says nothing


def test_iiv_from_singletons_precedes_theorem_2() -> None:
    lemma = bounds.iiv_from_singletons(0.5, 10**6, 0.01, iiv_error=0.3)
    theorem = bounds.error_from_singletons(0.5, 10**6, 100, 0.05, gamma=0.01)
    assert lemma.value - 2 / 100 - 0.05 == pytest.approx(theorem.value, abs=1e-15)
    assert lemma.observed == 0.6
    assert lemma.level == 0.99


@pytest.mark.parametrize("gamma", [0.5, 0.1, 0.02])
def test_iiv_from_missing_mass_is_hoeffding(gamma: float) -> None:
    masses = np.array([0.05, 0.04, 0.04, 0.03, 0.03, 0.02, 0.02, 0.02, 0.01, 0.01])  # ten unanswered prompts
    report = bounds.iiv_from_missing_mass(masses.sum(), (masses**2).sum(), gamma)
    # the extreme learner judges each prompt wholly right or wholly wrong, each with probability 1/2
    twice = np.array([2 * (masses * judged).sum() for judged in itertools.product((0, 1), repeat=10)])
    assert (twice < report.value).mean() <= gamma
    halved = report.terms["missing_mass"] - report.terms["deviation"] / 2
    assert gamma == 0.02 or (twice < halved).mean() > gamma / 2
    if gamma == 0.1:
        assert (twice < halved).mean() > gamma  # the control: half the deviation is not enough


# Good-Turing and Kalai-Vempala


def test_missing_mass_from_singletons_constants() -> None:
    lemma = bounds.missing_mass_from_singletons(0.3, 1000, 0.05, missing_mass=0.2)
    assert lemma.value == pytest.approx(4.42 * math.sqrt(math.log(100) / 1000), rel=1e-12)
    assert lemma.observed == pytest.approx(0.1, abs=1e-15)
    assert (lemma.direction, lemma.level, lemma.name) == ("upper", 0.95, "Lemma 1")
    corollary = bounds.missing_mass_from_singletons(0.3, 1000, 0.05, missing_mass=0.4, idk=False)
    assert corollary.value == pytest.approx(0.001 + 2.42 * math.sqrt(math.log(80) / 1000), rel=1e-12)
    assert corollary.value == pytest.approx(0.161, abs=0.001)
    assert corollary.observed == pytest.approx(0.1, abs=1e-15)
    assert (corollary.slug, corollary.name) == (lemma.slug, "Corollary 3")


@pytest.mark.parametrize("idk", [True, False])
def test_missing_mass_from_singletons_stops_being_vacuous_where_it_says(idk: bool) -> None:
    needed = bounds.missing_mass_from_singletons(0.3, 5, idk=idk).draws_needed
    assert needed is not None
    assert bounds.missing_mass_from_singletons(0.3, int(needed) - 1, idk=idk).vacuous
    assert not bounds.missing_mass_from_singletons(0.3, int(needed), idk=idk).vacuous


def test_missing_mass_deviation_labels_its_radii() -> None:
    deviation = bounds.missing_mass_deviation(1000, 0.05)
    assert deviation.rms == pytest.approx(math.sqrt(0.6179 / 1000), rel=1e-12)
    assert deviation.chebyshev == pytest.approx(deviation.rms / math.sqrt(0.05), rel=1e-12)
    assert deviation.normal == pytest.approx(1.959964 * deviation.rms, rel=1e-6)
    assert deviation.sentence() == (
        "|missing_mass - singleton_rate| has root mean square at most 0.0249 in every world; with probability 0.95 "
        "it is at most 0.111 (Chebyshev, rigorous), about 0.0487 (normal approximation, not a bound)."
    )
    assert math.isfinite(bounds.missing_mass_deviation(10**18, 1e-300).normal)


def test_error_from_monofacts_constants() -> None:
    headline = bounds.error_from_monofacts(0.5, 10**6, 0.1, 1e-4, error=0.4)
    assert headline.value == pytest.approx(0.5 - 0.1 - 0.03 - 0.007, abs=1e-12)
    general = bounds.error_from_monofacts(0.5, 10**6, 0.1, 1e-4, gamma=0.01, error=0.4)
    assert general.terms["deviation"] == pytest.approx(6.195 / 1000, rel=1e-4)
    assert general.terms["facts_over_false"] == pytest.approx(headline.terms["facts_over_false"], rel=1e-12)
    assert general.terms["deviation"] <= headline.terms["deviation"]
    dense = bounds.error_from_monofacts(0.5, 10**6, 0.0, 1 / 3)
    assert dense.terms["facts_over_false"] == pytest.approx(100.0)
    assert dense.vacuous
    assert dense.draws_needed == math.inf
    sharp = bounds.error_from_monofacts_sharp(0.5, 0.1, 1e-4, error=0.4)
    assert sharp.value == pytest.approx(0.4 - 2e-4, abs=1e-12)
    assert "secondary sources" in headline.source
    assert "secondary sources" in sharp.source


# Vacuity and reports


@given(st.floats(1e-6, 1.0), st.floats(1e-12, 1.0), st.sampled_from([0.0, 6.0]))
def test_draws_until_is_the_first_number_of_draws_that_does(margin: float, gamma: float, factor: float) -> None:
    constant = 6 * math.log(3 / gamma)
    found = draws_until(margin, constant, factor)
    assert found == int(found)
    step = 1 if found < 1e14 else found * 1e-13
    for draws, enough in ((found + step - 1, True), (found - step, False), (2 * found, True)):
        if draws >= 1:
            assert ((constant + factor * math.log(draws)) / math.sqrt(draws) < margin) == enough


def test_draws_until_has_no_end_without_a_margin_and_no_overflow_with_a_tiny_one() -> None:
    assert draws_until(0.0, 35.0, 6.0) == math.inf
    assert draws_until(-0.1, 13.0) == math.inf
    assert draws_until(1e-9, 35.0, 6.0) == pytest.approx(1.2532e23, rel=1e-3)
    assert draws_until(1e-200, 35.0, 6.0) == math.inf


def test_upper_bound_of_theorem_2_needs_the_draws_it_says() -> None:
    needed = bounds.error_from_singletons_upper(0.9, 1, 364).draws_needed
    assert needed is not None
    assert bounds.error_from_singletons_upper(0.9, int(needed) - 1, 364).vacuous
    assert not bounds.error_from_singletons_upper(0.9, int(needed), 364).vacuous


REPORTS: dict[str, Callable[[int], bounds.BoundReport]] = {
    "error_from_iiv": lambda n: bounds.error_from_iiv(0.3, 0.2, 0.1, 2, n),
    "error_from_singletons": lambda n: bounds.error_from_singletons(0.5, n, 364, 0.1, error=0.3),
    "error_from_singletons_upper": lambda n: bounds.error_from_singletons_upper(0.5, n, 364, error=0.3),
    "error_from_singletons_sharp": lambda n: bounds.error_from_singletons_sharp(0.5, n, 0.1, 0.3),
    "iiv_from_singletons": lambda n: bounds.iiv_from_singletons(0.5, n, iiv_error=0.3),
    "iiv_from_missing_mass": lambda n: bounds.iiv_from_missing_mass(0.5, 1 / n, iiv_error=0.3),
    "missing_mass_from_singletons": lambda n: bounds.missing_mass_from_singletons(0.5, n, missing_mass=0.4),
    "missing_mass_from_singletons_sharp": lambda n: bounds.missing_mass_from_singletons_sharp(0.5, n, 0.4),
    "missing_mass_from_counts": lambda n: bounds.missing_mass_from_counts(0.3 - 0.1 / n, 0.4, 0.01, 0.5),
    "error_from_monofacts": lambda n: bounds.error_from_monofacts(0.5, n, 0.1, 1e-9, error=0.3),
    "error_from_monofacts_sharp": lambda n: bounds.error_from_monofacts_sharp(0.5, 0.1, 1 / n, 0.3),
    "guessing_from_grading": lambda n: bounds.guessing_from_grading(0.5, n),
    "score_from_confidence": lambda n: bounds.score_from_confidence(0.1, 0.2, wrong=-n),
}


@pytest.mark.parametrize("slug", REPORTS)
def test_every_report_agrees_with_its_theorem_at_every_size(slug: str) -> None:
    record = bounds.theorem(slug)
    for n in (1, 2, 10**3, 10**9, 10**15, 10**18):
        report = REPORTS[slug](n)
        assert (report.slug, report.kind, report.direction) == (slug, record.kind, record.direction)
        assert math.isfinite(report.value)
        assert math.isfinite(report.slack)
        sign = 1 if report.direction == "lower" else -1
        assert report.observed is not None
        assert report.slack == sign * (report.observed - report.value)
        assert list(report.columns()) == [f"{slug}_value", f"{slug}_slack", f"{slug}_vacuous"]
        assert report.columns()[f"{slug}_slack"] == report.slack
        assert "\n" not in report.sentence()
    assert pickle.loads(pickle.dumps(report)) == report
    with pytest.raises(FrozenInstanceError):
        report.value = 0.0  # type: ignore[misc]


def test_a_report_says_plainly_that_it_is_vacuous() -> None:
    source = "Theorem 2 (Kalai, Nachum, Vempala & Zhang 2025, arXiv 2509.04664 v1, Theorem 2): "
    assert bounds.error_from_singletons(1.0, 1000, 10**15, 0.0, error=0.5).sentence() == (
        source + "error >= -1.417 with probability at least 0.99; observed 0.5, slack 1.917; "
        "vacuous, and so below 7,893 draws with the other terms held."
    )
    assert bounds.error_from_singletons(0.1, 1000, 10, 0.0).sentence() == (
        source + "error >= -2.517 with probability at least 0.99; nothing observed; "
        "vacuous, and so at any number of draws with the other terms held."
    )
    assert (
        bounds.error_from_singletons(0.5, 10**8, 1000, 0.0, error=0.6)
        .sentence()
        .endswith("observed 0.6, slack 0.1166; holds and is not vacuous.")
    )
    assert bounds.error_from_iiv(0.1, 0.5, 0.0, 1, 100).sentence().endswith("slack -0.89; violated.")
    assert bounds.error_from_iiv(0.1, 0.0, 0.0, 1, 100).sentence().endswith("vacuous, it says nothing here.")
    assert (
        bounds.error_from_singletons_sharp(0.5, 100, 0.0, 0.1).sentence().endswith("this one case is beyond the bound.")
    )
    assert math.isnan(bounds.error_from_singletons_sharp(0.5, 100, 0.0).slack)


# Bad input


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: bounds.error_from_singletons(0.5, 0, 9, 0.1), "draws = 0: must be a whole number of at least 1"),
        (lambda: bounds.error_from_singletons(0.5, 1.5, 9, 0.1), "draws = 1.5: must be a whole number of at least 1"),
        (lambda: bounds.iiv_from_singletons(0.5, math.inf), "draws = inf: must be a whole number of at least 1"),
        (lambda: bounds.iiv_from_singletons(0.5, math.nan), "draws = nan: must be a whole number of at least 1"),
        (
            lambda: bounds.error_from_singletons(0.5, 9, 9, 0.1, gamma=0),
            "gamma = 0: must be a probability above 0 and at most 1",
        ),
        (
            lambda: bounds.missing_mass_from_singletons(0.5, 9, 1.5),
            "gamma = 1.5: must be a probability above 0 and at most 1",
        ),
        (
            lambda: bounds.missing_mass_deviation(9, math.nan),
            "gamma = nan: must be a probability above 0 and at most 1",
        ),
        (lambda: bounds.error_from_iiv(1.5, 0.1, 0.1, 2, 9), "error = 1.5: must be a rate from 0 to 1"),
        (lambda: bounds.error_from_iiv(0.5, math.nan, 0.1, 2, 9), "iiv_error = nan: must be a rate from 0 to 1"),
        (lambda: bounds.error_from_iiv(0.5, 0.1, -0.1, 2, 9), "calibration_gap = -0.1: must be a rate from 0 to 1"),
        (
            lambda: bounds.error_from_iiv(0.5, 0.1, 0.1, 2, 0),
            "n_errors_min = 0: must be a whole number of at least 1",
        ),
        (
            lambda: bounds.error_from_iiv(0.5, 0.1, 0.1, 2, 9, room=math.inf),
            "room = inf: must be a finite number",
        ),
        (
            lambda: bounds.error_from_iiv_unprompted(0.5, 0.1, 0.1, 0, 9),
            "n_valid = 0: must be a whole number of at least 1",
        ),
        (lambda: bounds.error_from_singletons(2, 9, 9, 0.1), "singleton_rate = 2: must be a rate from 0 to 1"),
        (
            lambda: bounds.error_from_singletons_upper(0.5, 9, 0),
            "n_errors_max = 0: must be a whole number of at least 1",
        ),
        (
            lambda: bounds.error_from_singletons_sharp(-1, 9, 0.1),
            "expected_missing_mass = -1: must be a rate from 0 to 1",
        ),
        (
            lambda: bounds.iiv_from_missing_mass(0.5, 2.0),
            "sum_squared_unseen = 2.0: must be a rate from 0 to 1",
        ),
        (
            lambda: bounds.error_from_monofacts(0.5, 9, 0.1, -1.0),
            "facts_over_false = -1.0: must be finite and not negative",
        ),
        (lambda: bounds.error_from_monofacts_sharp(0.5, 7, 0.1), "miscalibration = 7: must be a rate from 0 to 1"),
        (lambda: bounds.theorem("error_from_iv"), "theorem 'error_from_iv' is unknown: did you mean 'error_from_iiv'?"),
    ],
)
def test_bad_input_is_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(BadInput, match="^" + re.escape(sentence) + "$"):
        call()


def test_sums_of_probabilities_may_round_above_one() -> None:
    assert bounds.error_from_singletons_sharp(1 + 1e-15, 10, -1e-17, 1 + 1e-15).slack == pytest.approx(0.2)


# The list of theorems


def test_every_theorem_has_a_report_and_names_a_test_that_exists() -> None:
    slugs = [record.slug for record in bounds.THEOREMS]
    assert sorted(slugs) == sorted(REPORTS)
    for record in bounds.THEOREMS:
        path, name = record.test.split("::")
        tree = ast.parse((ROOT / path).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert re.fullmatch(r"experiments/\w+\.py", record.experiment)
        assert record.statement.isascii()


def test_the_list_reads_well_at_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for record in bounds.THEOREMS:
        for text in (record.slug, record.statement, record.source, record.test, record.experiment):
            assert " ".join(text.split()) in " ".join(out.split())
    for name in EXACT:
        assert f"{name}:" in out
        assert callable(getattr(bounds, name))
    assert main(["error_from_iiv"]) == 0
    assert capsys.readouterr().out == as_text(bounds.theorem("error_from_iiv")) + "\n"


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [bounds.Theorem(**fields) for fields in listed] == list(bounds.THEOREMS)


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("--jsn", "option '--jsn' is unknown: did you mean '--json'?"),
        ("-x", "option '-x' is unknown: choose from --help, --json, --version"),
        ("error_from_singleton", "theorem 'error_from_singleton' is unknown: did you mean 'error_from_singletons'?"),
    ],
)
def test_an_unknown_argument_is_one_sentence(argument: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([argument]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"simlab: {sentence}\n")


def test_the_command_line_loads_no_numpy() -> None:
    code = (
        "import sys; from simlab.bounds.__main__ import main; main([]);"
        "heavy = {'numpy', 'jaxtyping', 'pydantic', 'rich', 'typer', 'scipy', 'jax', 'numba'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_module_answers_help_and_version() -> None:
    for option, start in (("--help", "usage: python -m simlab.bounds"), ("--version", "simlab ")):
        done = subprocess.run(
            [sys.executable, "-m", "simlab.bounds", option], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(start)
