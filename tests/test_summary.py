"""Monte Carlo standard errors against published ones; summaries, verdicts and the way numbers are written."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from simlab.errors import BadInput
from simlab.sweep.summary import mcse_coverage, mcse_mean, summarise
from simlab.sweep.verdicts import judge, overall
from simlab.terminal.wording import exactly, number, plus_minus, settings_text, writable

# Example MIsim of the R package rsimsum (1,000 replicates, true value 0.5): what its simsum() prints for bias,
# empirical standard error and coverage, each with its Monte Carlo standard error.
RSIMSUM = [
    ("CC", 0.004779, 0.151115, 0.943, 0.007332),
    ("MI_LOGT", 0.004174, 0.132006, 0.949, 0.006957),
    ("MI_T", 0.004251, 0.134428, 0.943, 0.007332),
]


@pytest.mark.parametrize(("method", "bias_mcse", "empse", "cover", "cover_mcse"), RSIMSUM)
def test_standard_errors_are_those_that_rsimsum_publishes(method, bias_mcse, empse, cover, cover_mcse):
    assert mcse_mean(empse, 1000) == pytest.approx(bias_mcse, abs=6e-7)
    assert mcse_coverage(cover, 1000) == pytest.approx(cover_mcse, abs=6e-7)
    # The formulas are told apart from their neighbours: a variance for an sd, a forgotten root.
    assert mcse_mean(empse, 1000) != pytest.approx(empse**2 / math.sqrt(1000), rel=0.2)
    assert mcse_coverage(cover, 1000) != pytest.approx(cover * (1 - cover) / math.sqrt(1000), rel=0.2)


def estimates_with(empse, cover, n=1000):
    """Rows whose empirical standard error, against an estimand of 0.5, and whose coverage are those given."""
    x = np.random.default_rng(0).standard_normal(n)
    x = 0.5 + empse * (x - x.mean()) / x.std(ddof=1)
    missed = np.arange(n) >= round(cover * n)
    low, high = np.where(missed, 0.6, 0.4), np.where(missed, 0.7, 0.6)
    return rows(
        *(
            {"replicate": i, "method": "a", "x": value, "x_estimand": 0.5, "x_low": a, "x_high": b}
            for i, (value, a, b) in enumerate(zip(x.tolist(), low.tolist(), high.tolist(), strict=True))
        )
    )


@pytest.mark.parametrize(("method", "bias_mcse", "empse", "cover", "cover_mcse"), RSIMSUM)
def test_a_summary_has_the_standard_errors_that_rsimsum_publishes(method, bias_mcse, empse, cover, cover_mcse):
    found = line(summarise(estimates_with(empse, cover), []), "x")
    assert found["bias_mcse"] == pytest.approx(bias_mcse, abs=6e-7)
    assert found["mcse"] == pytest.approx(bias_mcse, abs=6e-7)
    assert found["coverage"] == pytest.approx(cover)
    assert found["coverage_mcse"] == pytest.approx(cover_mcse, abs=6e-7)


def test_replicates_needed_for_a_coverage_are_those_of_morris_white_and_crowther():
    # Statistics in Medicine 38 (2019), section 5.3: .95 to within .005 needs 1,900 replicates.
    assert mcse_coverage(0.95, 1900) == pytest.approx(0.005)
    assert mcse_coverage(0.95, 475) == pytest.approx(0.01)


def test_standard_errors_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(1)
    samples = rng.exponential(size=(4000, 200))
    errors = np.array([mcse_mean(float(np.std(row, ddof=1)), 200) for row in samples])
    inside = np.mean(np.abs(samples.mean(axis=1) - 1) < 1.96 * errors)
    assert abs(inside - 0.945) < 0.012
    assert np.mean(np.abs(samples.mean(axis=1) - 1) < 1.96 * errors / math.sqrt(2)) < 0.9  # a wrong formula fails


def test_the_standard_errors_of_a_summary_cover_the_truth_as_often_as_they_say():
    """A coverage of .8 and a bias of .1, in 1,500 studies of 400 replicates, all through ``summarise``."""
    studies, n, truth = 1500, 400, 0.8
    rng = np.random.default_rng(3)
    x = 0.1 + rng.standard_normal((studies, n))
    missed = rng.random((studies, n)) >= truth
    table = {
        "study": np.repeat(np.arange(studies), n),
        "replicate": np.tile(np.arange(n), studies),
        "method": np.array(["a"] * studies * n, dtype=object),
        "x": x.ravel(),
        "x_estimand": np.zeros(studies * n),
        "x_low": np.where(missed, 1.0, -1.0).ravel(),
        "x_high": np.full(studies * n, 2.0),
        "seed": np.zeros(studies * n, dtype=int),
        "version": np.array(["v"] * studies * n, dtype=object),
    }
    lines = [row for row in summarise(table, ["study"]) if row["measure"] == "x"]
    assert len(lines) == studies
    for name, value in (("bias", 0.1), ("coverage", truth)):
        found = np.array([(row[name], row[f"{name}_mcse"]) for row in lines])
        away = np.abs(found[:, 0] - value) / found[:, 1]
        assert abs(np.mean(away < 1.96) - 0.95) < 4 * math.sqrt(0.95 * 0.05 / studies) + 0.005, name
        assert np.mean(away < 1.96 / math.sqrt(2)) < 0.9, name  # a wrong formula fails


def test_one_replicate_has_no_standard_error():
    assert math.isnan(mcse_mean(0.3, 1))
    assert math.isnan(mcse_coverage(math.nan, 0))


def rows(*lines, **constant):
    """A table of replicates from dictionaries; what a line lacks is NaN."""
    names = dict.fromkeys(name for line in lines for name in line)
    texts = {"method", "mode", "error_type"}
    table = {name: np.array([line.get(name, None if name in texts else math.nan) for line in lines]) for name in names}
    n = len(lines)
    table |= {name: np.array([value] * n) for name, value in constant.items()}
    return {"seed": np.zeros(n, dtype=int), "version": np.array(["v"] * n)} | table


def line(summary, measure, **where):
    found = [r for r in summary if r["measure"] == measure and all(r[k] == v for k, v in where.items())]
    assert len(found) == 1
    return found[0]


def test_summary_of_a_measure():
    values = [0.1, 0.4, 0.2, 0.9, 0.6]
    table = rows(*({"draws": 10, "replicate": i, "method": "a", "x": v} for i, v in enumerate(values)))
    found = line(summarise(table, ["draws"]), "x")
    assert found["mean"] == pytest.approx(np.mean(values), rel=1e-15)
    assert found["mcse"] == pytest.approx(np.std(values, ddof=1) / math.sqrt(5), rel=1e-15)
    assert [found["q05"], found["q50"], found["q95"]] == pytest.approx([0.12, 0.4, 0.84])
    assert (found["n"], found["n_errors"], found["n_not_converged"]) == (5, 0, 0)
    assert (found["draws"], found["method"], found["seed"], found["version"]) == (10, "a", 0, "v")
    assert found["bias"] == found["coverage"] == ""


def test_summary_keeps_the_order_of_the_grid_and_of_the_methods():
    table = rows(
        *(
            {"draws": d, "replicate": r, "method": m, "x": d + r, "y": r}
            for d in (100, 10)
            for r in (0, 1)
            for m in ("z", "a")
        )
    )
    names = [(r["draws"], r["method"], r["measure"]) for r in summarise(table, ["draws"])]
    assert names == [(d, m, x) for d in (100, 10) for m in ("z", "a") for x in ("x", "y")]


def test_nan_rows_are_left_out_and_their_number_is_said():
    values = [0.5, math.nan, 0.7, math.inf]
    table = rows(*({"draws": 10, "replicate": i, "method": "a", "x": v} for i, v in enumerate(values)))
    found = line(summarise(table, ["draws"]), "x")
    assert (found["mean"], found["n"]) == (pytest.approx(0.6), 2)
    nothing = rows({"draws": 10, "replicate": 0, "method": "a", "x": math.nan})
    found = line(summarise(nothing, ["draws"]), "x")
    assert math.isnan(found["mean"])
    assert found["n"] == 0


def test_what_is_infinite_in_every_replicate_has_an_infinite_mean():
    def of(*values):
        table = rows(*({"draws": 10, "replicate": i, "method": "a", "x": v} for i, v in enumerate(values)))
        found = line(summarise(table, ["draws"]), "x")
        return found["mean"], found["q50"], found["n"], plus_minus(found["mean"], found["mcse"])

    assert of(math.inf, math.inf, math.nan) == (math.inf, math.inf, 2, "inf")
    assert of(-math.inf) == (-math.inf, -math.inf, 1, "-inf")
    assert of(math.inf, -math.inf)[2:] == (0, "-")
    assert of(math.nan)[2:] == (0, "-")
    assert of(math.inf, 0.5)[2:] == (1, "0.5")


def test_truth_values_are_shares_and_convergence_is_counted():
    table = rows(
        *({"draws": 1, "replicate": i, "method": "a", "converged": c} for i, c in enumerate([True, False, True, True]))
    )
    found = line(summarise(table, ["draws"]), "converged")
    assert (found["mean"], found["n_not_converged"]) == (0.75, 1)


def test_error_rows_are_counted_for_every_method_of_their_grid_point():
    table = rows(
        {"draws": 1, "replicate": 0, "method": "a", "x": 1.0},
        {"draws": 1, "replicate": 0, "method": "b", "x": 2.0},
        {"draws": 1, "replicate": 1, "method": "", "error_type": "ValueError"},
        {"draws": 2, "replicate": 0, "method": "", "error_type": "ValueError"},
    )
    summary = summarise(table, ["draws"])
    assert [(r["draws"], r["method"], r["measure"], r["n"], r["n_errors"]) for r in summary] == [
        (1, "a", "x", 1, 1),
        (1, "b", "x", 1, 1),
        (2, "", "", 0, 1),
    ]


def test_bias_and_coverage_where_an_estimand_is_named():
    rng = np.random.default_rng(2)
    x = rng.normal(0.5, 0.1, 400)
    table = rows(
        *(
            {"replicate": i, "method": "a", "x": v, "x_estimand": 0.48, "x_low": v - 0.1, "x_high": v + 0.1}
            for i, v in enumerate(x)
        )
    )
    found = line(summarise(table, []), "x")
    assert found["bias"] == pytest.approx(x.mean() - 0.48)
    assert found["bias_mcse"] == pytest.approx(x.std(ddof=1) / 20)
    share = np.mean(np.abs(x - 0.48) <= 0.1)
    assert found["coverage"] == pytest.approx(share)
    assert found["coverage_mcse"] == pytest.approx(math.sqrt(share * (1 - share) / 400))


@dataclass(frozen=True)
class Bound:
    slug: str = "toy"
    name: str = "Toy bound"
    kind: str = "deterministic"


def slacks(values, *, draws=10, method="a", vacuous=False, **more):
    return [
        {"draws": draws, "replicate": i, "method": method, "toy_slack": v, "toy_vacuous": vacuous, **more}
        for i, v in enumerate(values)
    ]


def verdict(lines, kind="deterministic", settings=("draws",), varying=("draws",)):
    (found,) = judge(rows(*lines), settings, varying, [Bound(kind=kind)])
    return found


def test_a_deterministic_bound_fails_on_one_row():
    held = verdict(slacks([0.25, 0.5, -1e-10]))
    assert (held.outcome, held.failed) == ("held", False)
    assert held.sentence == "Toy bound (toy): held; smallest slack -1e-10 over 3 rows."
    broken = verdict([*slacks([0.25, 0.5]), *slacks([0.25, -2e-9], draws=1000, method="b")])
    assert (broken.outcome, broken.failed) == ("violated", True)
    assert broken.sentence == (
        "Toy bound (toy): VIOLATED; smallest slack -2e-09 over 4 rows at draws = 1,000, method b."
    )


def test_a_bound_in_expectation_may_fail_in_a_row_but_not_in_the_mean():
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 0.1, 100)
    noise -= noise.mean()
    assert verdict(slacks(noise + 0.001), "expectation").outcome == "held"
    near = verdict(slacks(noise - 0.03), "expectation")  # 3 standard errors
    assert near.sentence == (
        "Toy bound (toy): held; smallest mean slack -0.03 ± 0.01 (100 replicates, within Monte Carlo error) "
        "at draws = 10, method a."
    )
    assert "within" not in verdict(slacks(noise + 0.001), "expectation").sentence
    broken = verdict([*slacks(noise + 1, draws=1), *slacks(noise - 0.06)], "expectation")  # 6 of them
    assert broken.failed
    assert broken.sentence == (
        "Toy bound (toy): VIOLATED; smallest mean slack -0.06 ± 0.01 (100 replicates) at draws = 10, method a."
    )


def test_few_replicates_need_a_larger_distance():
    four = verdict(slacks([-0.2, -0.1, -0.2, -0.1]), "expectation")
    assert four.outcome == "not judged"  # Student's t would ask for dozens of standard errors
    assert four.sentence == (
        "Toy bound (toy): not judged; 4 replicates a grid point are too few for it to fail, give more --replicates."
    )
    noisy = slacks([-0.2, 0.1, -0.2, 0.1, -0.2])
    assert verdict(noisy, "expectation").outcome == "held"
    alone = verdict(slacks([-0.2]), "expectation")
    assert alone.outcome == "not judged"
    assert alone.sentence == (
        "Toy bound (toy): not judged; one replicate a grid point has no standard error, give more --replicates."
    )


def test_a_few_equal_slacks_are_no_proof_against_a_bound_in_expectation():
    """A slack that is -.05 with chance .95 and 1 else has mean .0025, and five equal replicates three times in four."""
    few = verdict(slacks([-0.05] * 5), "expectation")
    assert (few.outcome, few.failed) == ("not judged", False)
    assert few.sentence == (
        "Toy bound (toy): not judged; the slack is -0.05 in each of 5 replicates at draws = 10, method a, too few to "
        "tell a constant from chance, give --replicates 30 or more."
    )
    assert verdict(slacks([-0.1] * 29), "expectation").outcome == "not judged"  # whose standard deviation is 1e-17
    assert verdict(slacks([-0.1] * 30), "expectation").failed
    assert verdict(slacks([-0.1] * 5), "deterministic").failed
    assert verdict(slacks([0.1] * 5), "expectation").outcome == "held"
    assert verdict(slacks([-math.inf] * 2), "expectation").failed
    mixed = verdict([*slacks([-0.05] * 5), *slacks([0.1, 0.2] * 3, draws=20)], "expectation")
    assert mixed.sentence.startswith(
        "Toy bound (toy): held, not judged at 1 of 2 grid points for want of replicates; smallest mean slack 0.15"
    )


def test_a_share_of_too_few_replicates_is_not_judged():
    two = verdict(slacks([-0.1, -0.1]), "probability")  # both break it one time in ten thousand
    assert (two.outcome, two.failed) == ("not judged", False)
    assert verdict(slacks([-0.1, -0.1, -0.1]), "probability").failed


def test_a_bound_in_probability_may_be_broken_by_a_share_gamma():
    held = verdict(slacks([-0.1] * 3 + [0.1] * 297), "probability")
    assert held.sentence == (
        "Toy bound (toy): held; 3 of 300 rows break it, where at most 1% may; smallest slack -0.1."
    )
    assert verdict(slacks([-0.1] * 9 + [0.1] * 291), "probability").outcome == "held"
    broken = verdict(slacks([-0.1] * 14 + [0.1] * 286), "probability")  # .01 + 4 sd is .033
    assert broken.failed
    assert broken.sentence == (
        "Toy bound (toy): VIOLATED; 14 of 300 rows break it at draws = 10, method a, where at most 1% may."
    )
    for unset in (None, math.nan):  # a setting that is left open
        assert (
            verdict(
                [row | {"gamma": unset} for row in slacks([-0.1] * 14 + [0.1] * 286)],
                "probability",
                settings=("draws", "gamma"),
            ).sentence
            == broken.sentence
        )
    lenient = [row | {"gamma": 0.05} for row in slacks([-0.1] * 14 + [0.1] * 286)]
    assert verdict(lenient, "probability", settings=("draws", "gamma")).outcome == "held"


def test_a_vacuous_bound_says_where():
    held = verdict([*slacks([0.9], draws=7892, vacuous=True), *slacks([0.1], draws=10**6)])
    assert (held.outcome, held.vacuous_points, held.points) == ("held", 1, 2)
    assert held.sentence == (
        "Toy bound (toy): held, but vacuous at 1 of 2 grid points (draws <= 7,892); smallest slack 0.1 over 2 rows."
    )
    all_of_it = verdict([*slacks([0.9], vacuous=True), *slacks([0.8], draws=100, vacuous=True)])
    assert all_of_it.outcome == "vacuous"
    assert all_of_it.sentence == (
        "Toy bound (toy): vacuous at all 2 grid points, it says nothing there; smallest slack 0.8 over 2 rows."
    )


def test_all_verdicts_in_a_line():
    held, vacuous = verdict(slacks([0.1])), verdict(slacks([0.1], vacuous=True))
    broken, alone = verdict(slacks([-0.1])), verdict(slacks([-0.1]), "expectation")
    assert overall([held] * 7 + [vacuous]) == "8 bounds: 7 held, 1 vacuous everywhere"
    assert overall([held, alone, broken]) == "3 bounds: 1 VIOLATED, 1 held, 1 not judged"
    on_purpose = verdict(slacks([-0.1], mode="noisy_labels"), settings=("draws", "mode"))
    assert overall([held, on_purpose]) == (
        "2 verdicts: 1 held, 1 violated in a mode that breaks their assumptions on purpose"
    )


def test_a_mode_that_breaks_the_assumptions_is_judged_apart_and_never_fails():
    lines = [*slacks([0.1, 0.2], mode="iid"), *slacks([-0.5, 0.2], mode="deduplicated")]
    iid, broken = judge(rows(*lines), ("draws", "mode"), ("mode",), [Bound()])
    assert (iid.outcome, iid.mode, iid.failed) == ("held", "iid", False)
    assert (broken.outcome, broken.mode, broken.failed) == ("violated", "deduplicated", False)
    assert broken.sentence == (
        "Toy bound (toy) in mode deduplicated, which breaks its assumptions on purpose: VIOLATED; "
        "smallest slack -0.5 over 2 rows at mode = deduplicated, method a."
    )


def test_rows_to_which_a_bound_does_not_apply_are_left_out():
    found = verdict(slacks([math.nan, 0.3, math.inf]))
    assert (found.outcome, found.slack, found.replicates) == ("held", 0.3, 2)
    nowhere = verdict(slacks([math.nan]))
    assert nowhere.sentence == "Toy bound (toy): not judged; no row to which it applies."
    assert verdict(slacks([math.inf, 0.1]), "expectation").outcome == "held"
    assert verdict(slacks([-math.inf, 0.1]), "expectation").failed


def test_a_slack_of_no_theorem_is_refused():
    table = rows({"draws": 1, "replicate": 0, "method": "a", "tyo_slack": 0.1})
    with pytest.raises(BadInput) as mistake:
        judge(table, ["draws"], [], [Bound()])
    assert str(mistake.value) == (
        "column 'tyo_slack' belongs to no theorem: name it after one that python -m simlab.bounds lists, "
        "or list its theorem in THEOREMS of the experiment"
    )


@pytest.mark.parametrize(
    ("mean", "mcse", "long", "short"),
    [
        (0.200312, 0.00041, "0.2003 ± 0.0004", "0.2003(4)"),
        (0.2, 0.00096, "0.200 ± 0.001", "0.200(1)"),
        (0.2999959, 9e-7, "0.299996 ± 9e-07", "0.299996(1)"),
        (5.98e-10, 8e-12, "5.98e-10 ± 8e-12", "5.98(8)e-10"),
        (1234.5, 20.0, "1234 ± 20", "1234 ± 20"),
        (0.5, math.nan, "0.5", "0.5"),
        (0.5, 0.0, "0.5", "0.5"),
        (0.0, 1e-9, "0 ± 1e-09", "0 ± 1e-09"),
        (math.nan, math.nan, "-", "-"),
        (math.inf, 0.0, "inf", "inf"),
    ],
)
def test_means_are_written_to_the_digits_that_their_error_allows(mean, mcse, long, short):
    assert plus_minus(mean, mcse) == long
    assert plus_minus(mean, mcse, short=True) == short


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((10**6, "1e6"), (10_000, "1e4"), (250_000, "2.5e5"), (25_000, "25,000"), (7892, "7,892"), (0, "0")),
        *((1e300, "1e300"), (-1.23456e20, "-1.235e20"), (1e16, "1e16"), (1.5e300, "1.5e300")),
        *((1e15, "1e15"), (0.3, "0.3"), (True, "True"), (None, "none"), ("iid", "iid"), (-20_000, "-2e4")),
    ],
)
def test_numbers_are_written_as_a_reader_wants_them(value, text):
    assert number(value) == text


def test_settings_are_written_so_that_they_can_be_told_apart():
    values = (0.3, 0.30001, 1 - 1e-7, 1e15, 12345.5, 10**6, math.inf, "iid")
    assert [exactly(v) for v in values] == ["0.3", "0.30001", "0.9999999", "1e15", "12345.5", "1e6", "inf", "iid"]
    assert settings_text({"target": 0.99999, "draws": 10_000}, ("target", "draws")) == "target = 0.99999, draws = 1e4"


def test_what_an_encoding_lacks_is_written_in_ascii():
    text = "0.5 ± 0.1 ─ ≥ ü"
    assert writable(text, "utf-8") == writable(text, None) == writable(text, "no such encoding") == text
    assert writable("0.5 ± 0.1", "latin-1") == "0.5 ± 0.1"
    assert writable(text, "ascii") == "0.5 +- 0.1 - >= \\xfc"
    assert writable("a\udcff", "utf-8") == "a\\udcff"
