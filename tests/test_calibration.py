"""Calibration and selection: against a reference library, brute force, the jackknife, and their own promises."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simlab import calibration
from simlab.calibration import Forecasts, forecasts
from simlab.calibration.binned import bin_of, edges_of, sums
from simlab.calibration.brier import squared_norm
from simlab.calibration.expected_error import folded_mean, gaps
from simlab.calibration.intervals import standard_error
from simlab.calibration.noise import noise_of, normal_noise
from simlab.calibration.ranking import placements
from simlab.calibration.selection import _area, best_area
from simlab.calibration.smooth import blurred, on_grid, smooth_error
from simlab.errors import BadInput
from simlab.estimates import Estimate

MEASURES: dict[str, Callable[[Forecasts], Estimate]] = {
    "ece": calibration.ece,
    "ece_mass": lambda data: calibration.ece(data, binning="mass"),
    "ece_debiased": calibration.ece_debiased,
    "smooth_ece": calibration.smooth_ece,
    "brier": calibration.brier_score,
    "auroc": calibration.auroc,
    "aurc": calibration.aurc,
    "e_aurc": calibration.e_aurc,
}
PARTS = ("reliability", "resolution", "uncertainty", "within_variance", "within_covariance")


def random_rows(seed: int, rows: int = 300, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Confidences with many ties, and outcomes that they overstate."""
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.beta(3, 1.5, rows), digits)
    return confidence, (rng.random(rows) < confidence**1.6).astype(int)


# against a reference implementation


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("digits", [1, 2, 12])
def test_the_measures_of_a_reference_library(seed: int, digits: int) -> None:
    """scikit-learn's Brier score, AUROC and calibration curve, on data with and without ties."""
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    confidence, correct = random_rows(seed, digits=digits)
    data = forecasts(confidence, correct)
    assert calibration.brier_score(data).estimate == pytest.approx(metrics.brier_score_loss(correct, confidence))
    assert calibration.auroc(data).estimate == pytest.approx(metrics.roc_auc_score(correct, confidence), abs=1e-12)
    for binning, strategy in (("width", "uniform"), ("mass", "quantile")):
        accuracy, mean = curve(correct, confidence, n_bins=10, strategy=strategy)
        found = calibration.reliability_diagram(data, bins=10, binning=binning)
        np.testing.assert_allclose(found.accuracy, accuracy, atol=1e-12)
        np.testing.assert_allclose(found.confidence, mean, atol=1e-12)
        by_hand = float((found.rows * np.abs(accuracy - mean)).sum()) / len(correct)
        assert calibration.ece(data, bins=10, binning=binning).estimate == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_risk_and_its_area_are_those_of_a_reference_library(seed: int) -> None:
    """scikit-learn's precision at each confidence is 1 - risk; ties are broken at random, over and over."""
    curve = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed").precision_recall_curve
    confidence, correct = random_rows(seed, 120, 1)
    data = forecasts(confidence, correct)
    precision, _, threshold = curve(correct, confidence)
    found = calibration.risk_coverage(data)
    np.testing.assert_array_equal(found.threshold, threshold[::-1])
    np.testing.assert_allclose(found.risk, 1 - precision[-2::-1], atol=1e-12)

    def area(order: np.ndarray) -> float:
        """The mean risk over all coverages, of confidences that differ: the ranks in this order."""
        rank = np.empty(120)
        rank[order] = np.arange(120)
        return float(np.mean(1 - curve(correct, rank)[0][:-1]))

    rng = np.random.default_rng(seed)
    areas = [area(np.lexsort((rng.random(120), confidence))) for _ in range(200)]
    error = np.std(areas, ddof=1) / math.sqrt(200)
    assert abs(np.mean(areas) - calibration.aurc(data).estimate) < 4.5 * error
    as_it_stands = [area(np.lexsort((kind, confidence))) for kind in (correct, 1 - correct)]
    assert min(abs(one - calibration.aurc(data).estimate) for one in as_it_stands) > 9 * error
    best = area(np.argsort(correct, kind="stable"))
    assert calibration.e_aurc(data).estimate == pytest.approx(calibration.aurc(data).estimate - best, abs=1e-12)


# against brute force


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_pairs_ties_at_half(seed: int) -> None:
    confidence, correct = random_rows(seed, 60, 1)
    right, wrong = confidence[correct == 1], confidence[correct == 0]
    pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
    data = forecasts(confidence, correct)
    assert calibration.auroc(data).estimate == pytest.approx(np.mean(pairs), abs=1e-12)
    assert placements(data)[correct == 0].mean() == pytest.approx(np.mean(pairs), abs=1e-12)
    strict = np.mean([a > b for a in right for b in wrong])
    assert abs(strict - np.mean(pairs)) > 1e-3  # a count that forgets ties is another number


def area_of(order: Any, wrong: np.ndarray) -> float:
    """AURC of one order of the answers, by its definition."""
    return float(np.mean([wrong[list(order[:k])].mean() for k in range(1, len(order) + 1)]))


@pytest.mark.parametrize("seed", range(1, 6))
def test_aurc_is_the_mean_over_every_order_of_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.choice([0.2, 0.5, 0.9], 7)
    wrong = rng.random(7) < 0.5
    wrong[0], wrong[1] = True, False
    allowed = [p for p in itertools.permutations(range(7)) if all(np.diff(confidence[list(p)]) <= 0)]
    areas = [area_of(p, wrong) for p in allowed]
    data = forecasts(confidence, ~wrong)
    assert calibration.aurc(data).estimate == pytest.approx(np.mean(areas), abs=1e-12)
    best = min(area_of(p, wrong) for p in itertools.permutations(range(7)))
    assert best_area(int(wrong.sum()), 7) == pytest.approx(best, abs=1e-12)
    assert calibration.e_aurc(data).estimate == pytest.approx(np.mean(areas) - best, abs=1e-12)
    assert max(areas) - min(areas) > 0.02  # the order as it stands in the file would decide


def test_risk_and_coverage_at_every_threshold() -> None:
    confidence, correct = random_rows(1, 80, 1)
    found = calibration.risk_coverage(forecasts(confidence, correct))
    assert list(found.threshold) == sorted(set(confidence), reverse=True)
    for threshold, coverage, risk in zip(found.threshold, found.coverage, found.risk, strict=True):
        taken = confidence >= threshold
        assert coverage == pytest.approx(taken.mean())
        assert risk == pytest.approx(1 - correct[taken].mean())
    assert found.coverage[-1] == 1


@pytest.mark.parametrize("binning", ["width", "mass"])
@pytest.mark.parametrize("digits", [1, 12])
def test_the_parts_of_the_brier_score_add_up(binning: Any, digits: int) -> None:
    confidence, correct = random_rows(3, 500, digits)
    data = forecasts(confidence, correct)
    found = calibration.brier_parts(data, bins=7, binning=binning)
    value = {name: getattr(found, name).estimate for name in ("brier", *PARTS)}
    three = value["reliability"] - value["resolution"] + value["uncertainty"]
    assert three + value["within_variance"] - value["within_covariance"] == pytest.approx(value["brier"], abs=1e-14)
    assert abs(three - value["brier"]) > 1e-4  # the classical three alone do not
    bin_ = bin_of(data, edges_of(data, 7, binning))
    rows = [np.flatnonzero(bin_ == b) for b in np.unique(bin_)]
    share = [len(one) / 500 for one in rows]
    c_b, y_b = [confidence[one].mean() for one in rows], [correct[one].mean() for one in rows]
    by_hand = {
        "reliability": sum(p * (c - y) ** 2 for p, c, y in zip(share, c_b, y_b, strict=True)),
        "resolution": sum(p * (y - correct.mean()) ** 2 for p, y in zip(share, y_b, strict=True)),
        "within_variance": sum(((confidence[r] - c) ** 2).sum() for r, c in zip(rows, c_b, strict=True)) / 500,
        "within_covariance": 2
        * sum(((correct[r] - y) * (confidence[r] - c)).sum() for r, c, y in zip(rows, c_b, y_b, strict=True))
        / 500,
    }
    for name, expected in by_hand.items():
        assert value[name] == pytest.approx(expected, abs=1e-13), name


def test_bins_are_right_closed_and_hold_equal_confidences() -> None:
    data = forecasts([0.0, 0.1, 0.1000001, 0.2, 1.0, 0.95], [0, 1, 1, 0, 1, 1])
    assert list(bin_of(data, edges_of(data, 10, "width"))) == [0, 0, 1, 1, 9, 9]
    tied = forecasts([0.5] * 90 + [0.6] * 5 + [0.7] * 5, [1] * 100)
    held = np.bincount(bin_of(tied, edges_of(tied, 10, "mass")))
    assert sorted(held[held > 0]) == [10, 90]


def smooth_by_hand(confidence: np.ndarray, correct: np.ndarray, s: float) -> float:
    """smECE_s by its definition: images of the Gaussian at 2k -+ c, and the rectangle rule."""
    t = (np.arange(20_000) + 0.5) / 20_000
    total = np.zeros(len(t))
    for c, y in zip(confidence, correct, strict=True):
        for k in range(-6, 7):
            for image in (2 * k + c, 2 * k - c):
                total += (y - c) * np.exp(-(((t - image) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))
    return float(np.abs(total / len(correct)).mean())


@pytest.mark.parametrize("s", [0.01, 0.08, 0.5])
def test_the_blurred_residuals_are_those_of_the_reflected_kernel(s: float) -> None:
    confidence, correct = np.array([0.02, 0.3, 0.33, 0.7, 0.98]), np.array([1, 0, 1, 0, 1])
    mass = on_grid(confidence, correct - confidence) / 5
    assert smooth_error(mass, s) == pytest.approx(smooth_by_hand(confidence, correct, s), abs=2e-5)
    assert blurred(mass, s).sum() == pytest.approx(mass.sum(), abs=1e-12)


def test_smooth_error_is_the_fixed_point() -> None:
    confidence, correct = random_rows(4, 200)
    rng = np.random.default_rng(0)
    correct = (rng.random(200) < np.where(confidence > 0.6, confidence - 0.2, confidence + 0.3)).astype(int)
    found = calibration.smooth_ece(forecasts(confidence, correct))
    assert smooth_by_hand(confidence, correct, found.estimate) == pytest.approx(found.estimate, abs=2e-5)
    assert abs(smooth_by_hand(confidence, correct, found.estimate / 2) - found.estimate) > 1e-3
    curve = calibration.smooth_reliability(forecasts(confidence, correct), points=2_000)
    assert curve.bandwidth == pytest.approx(found.estimate)
    held = curve.density * np.abs(curve.accuracy - curve.confidence)
    assert held.mean() == pytest.approx(found.estimate, rel=0.01)
    assert curve.density.mean() == pytest.approx(1, rel=0.01)


def test_smooth_error_of_one_sign_is_the_mean_residual() -> None:
    data = forecasts([0.8] * 50, [1] * 30 + [0] * 20)
    assert calibration.smooth_ece(data).estimate == pytest.approx(0.2, abs=1e-6)
    assert calibration.ece(data).estimate == pytest.approx(0.2, abs=1e-12)


def test_smooth_error_does_not_jump_where_the_binned_one_does() -> None:
    """A confidence that crosses an edge by 2e-9: the binned error jumps, the smooth one does not."""
    correct = np.array([1, 1, 0, 0])
    below, above = (np.array([0.3, 0.5 + d, 0.5 + d, 0.7]) for d in (-1e-9, 1e-9))
    below[1:3] = [0.5 - 1e-9, 0.5 + 1e-9]
    smooth = [calibration.smooth_ece(forecasts(one, correct)).estimate for one in (below, above)]
    binned = [calibration.ece(forecasts(one, correct), bins=2).estimate for one in (below, above)]
    assert abs(smooth[0] - smooth[1]) < 1e-6
    assert abs(binned[0] - binned[1]) > 0.1


# the order of rows, and other symmetries


@pytest.mark.parametrize("name", MEASURES)
def test_the_order_of_rows_decides_nothing(name: str) -> None:
    confidence, correct = random_rows(5, 400, 1)
    clusters = np.arange(400) // 4
    one = MEASURES[name](forecasts(confidence, correct, clusters))
    for seed in range(3):
        shuffled = np.random.default_rng(seed).permutation(400)
        other = MEASURES[name](forecasts(confidence[shuffled], correct[shuffled], clusters[shuffled]))
        for field in ("estimate", "low", "high"):
            assert getattr(other, field) == pytest.approx(getattr(one, field), abs=1e-9)


@pytest.mark.parametrize("name", ["brier", "ece", "smooth_ece", "auroc"])
def test_naming_the_event_by_its_opposite_changes_nothing(name: str) -> None:
    confidence, correct = random_rows(6, 200, 12)
    one = MEASURES[name](forecasts(confidence, correct))
    other = MEASURES[name](forecasts(1 - confidence, 1 - correct))
    assert other.estimate == pytest.approx(one.estimate, abs=1e-7)


def test_ids_of_two_kinds_stay_apart() -> None:
    assert forecasts([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1], [1, "1", 2, "2"]).clusters.number == 4
    assert forecasts([0.1, 0.2, 0.3, 0.4], [0, 1, 0, 1], [1, 1.0, 2, 2]).clusters.number == 2


def test_ids_of_any_kind_name_the_same_clusters() -> None:
    confidence, correct = random_rows(7, 60)
    numbers = np.arange(60) // 3
    found = [
        calibration.auroc(forecasts(confidence, correct, ids))
        for ids in (numbers, [f"q{n}" for n in numbers], [(n,) if n % 2 else n for n in numbers], 1e9 - numbers)
    ]
    assert len({(one.low, one.high) for one in found[:3]}) == 1
    assert found[3].low == pytest.approx(found[0].low, abs=1e-12)
    assert found[0].low != calibration.auroc(forecasts(confidence, correct)).low


# intervals: the sandwich against the jackknife


def jackknife(statistic: Callable[[Forecasts], Any], data: Forecasts, clusters: np.ndarray) -> Any:
    """The delete-one-cluster jackknife standard error: the slow oracle of every influence, of one value or several."""
    left = []
    for one in np.unique(clusters):
        keep = clusters != one
        left.append(statistic(forecasts(data.confidence[keep], data.correct[keep], clusters[keep])))
    n = len(left)
    return np.sqrt((n - 1) / n * ((np.array(left) - np.mean(left, axis=0)) ** 2).sum(axis=0))


def of_parts(data: Forecasts, bins: int, names: tuple[str, ...]) -> list[Estimate]:
    """These parts of Brier's score."""
    parts = calibration.brier_parts(data, bins=bins)
    return [getattr(parts, name) for name in names]


def clustered(seed: int = 8, rows: int = 600, digits: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clusters of unequal size whose rows share much of their luck."""
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, rows // 4, rows)
    confidence = np.round(rng.beta(2, 1, rows // 4)[clusters] * 0.6 + 0.4 * rng.random(rows), digits)
    luck = np.where(rng.random(rows) < 0.7, rng.random(rows // 4)[clusters], rng.random(rows))
    return confidence, (luck < confidence**1.5).astype(int), clusters


@pytest.mark.parametrize("digits", [1, 12])
def test_influences_give_the_jackknifes_standard_error(digits: int) -> None:
    confidence, correct, clusters = clustered(digits=digits)
    data = forecasts(confidence, correct, clusters)
    loss = (correct - confidence) ** 2
    right, area = correct == 1, calibration.auroc(data).estimate
    by_rank = (placements(data) - area) * np.where(right, 1 / right.mean(), 1 / (~right).mean())
    pairs: list[tuple[Callable[[Forecasts], float], np.ndarray]] = [
        (lambda d: calibration.brier_score(d).estimate, loss - loss.mean()),
        (lambda d: calibration.auroc(d).estimate, by_rank),
        (lambda d: calibration.aurc(d).estimate, _area(data)[1]),
    ]
    for statistic, influence in pairs:
        assert abs(influence.mean()) < 1e-12
        slow = jackknife(statistic, data, clusters)
        assert standard_error(influence, data.clusters) == pytest.approx(slow, rel=0.03)
        alone = standard_error(influence, forecasts(confidence, correct).clusters)
        assert alone < 0.85 * slow  # rows counted as if they were independent


def test_the_covariance_of_gaps_is_the_jackknifes() -> None:
    confidence, correct, clusters = clustered()
    data = forecasts(confidence, correct, clusters)
    edges = edges_of(data, 4, "mass")
    found = gaps(data, edges)
    for weight in (np.ones(4), np.array([1.0, -1.0, 2.0, 0.0])):
        slow = jackknife(lambda d, w=weight: float(w @ gaps(d, edges).gap), data, clusters)
        assert math.sqrt(weight @ found.covariance @ weight) == pytest.approx(slow, rel=0.03)


def test_the_parts_within_bins_have_the_jackknifes_width() -> None:
    confidence, correct, clusters = clustered()
    data, names = forecasts(confidence, correct, clusters), ("within_variance", "within_covariance")
    slow = jackknife(lambda d: [one.estimate for one in of_parts(d, 3, names)], data, clusters)
    for part, found, error in zip(names, of_parts(data, 3, names), slow, strict=True):
        assert (found.high - found.low) / 2 == pytest.approx(1.976 * error, rel=0.04), part


def test_a_part_far_from_zero_has_the_jackknifes_width() -> None:
    """The law of a noisy norm is the delta method's where the norm is large beside its noise."""
    rng = np.random.default_rng(9)
    clusters = np.arange(2_000) // 4
    confidence = np.where(rng.random(500)[clusters] < 0.5, 0.1, 0.9)
    correct = (rng.random(2_000) < np.where(confidence > 0.5, 0.7, 0.35)).astype(int)
    data, names = forecasts(confidence, correct, clusters), ("reliability", "resolution")
    slow = jackknife(lambda d: [one.estimate for one in of_parts(d, 2, names)], data, clusters)
    for part, found, error in zip(names, of_parts(data, 2, names), slow, strict=True):
        assert (found.high - found.low) / 2 == pytest.approx(1.965 * error, rel=0.08), part


def test_sums_by_sparse_rows_are_the_sums_by_loops() -> None:
    confidence, correct, clusters = clustered(rows=120)
    data = forecasts(confidence, correct, clusters)
    edges = edges_of(data, 3, "width")
    features = [np.ones(120), correct.astype(float), confidence]
    found = sums(data, edges, features)
    bin_, slow = bin_of(data, edges), np.zeros((9, 9))
    for one in np.unique(clusters):
        mine = [(feature * (clusters == one) * (bin_ == b)).sum() for b in range(3) for feature in features]
        slow += np.outer(mine, mine)
    number = len(np.unique(clusters))
    np.testing.assert_allclose(found.covariance, slow * number / (number - 1), atol=1e-12)
    single = sums(forecasts(confidence, correct), edges, features)
    listed = sums(forecasts(confidence, correct, np.random.default_rng(0).permutation(120)), edges, features)
    np.testing.assert_allclose(single.covariance, listed.covariance, atol=1e-12)


# what the intervals promise


LEVELS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def population(accuracy: np.ndarray) -> dict[str, float]:
    """The exact values of five confidences, equally common, with these accuracies; ties in random order."""
    p, y = np.full(5, 0.2), accuracy.mean()
    right, wrong = p * accuracy / y, p * (1 - accuracy) / (1 - y)
    area, taken, errors = 0.0, 0.0, 0.0
    for share, risk in zip(p[::-1], 1 - accuracy[::-1], strict=True):
        rest = errors - taken * risk
        area += risk * share + (rest * math.log((taken + share) / taken) if taken else 0.0)
        taken, errors = taken + share, errors + share * risk
    rate = 1 - y
    return {
        "ece": float((p * np.abs(accuracy - LEVELS)).sum()),
        "brier": float((p * (accuracy * (1 - LEVELS) ** 2 + (1 - accuracy) * LEVELS**2)).sum()),
        "reliability": float((p * (accuracy - LEVELS) ** 2).sum()),
        "resolution": float((p * (accuracy - y) ** 2).sum()),
        "uncertainty": float(y * (1 - y)),
        "auroc": float(sum(right[i] * (wrong[:i].sum() + wrong[i] / 2) for i in range(5))),
        "aurc": area,
        "e_aurc": area - (rate + (1 - rate) * math.log1p(-rate)),
    }


def drawn(rng: np.random.Generator, accuracy: np.ndarray, questions: int = 150) -> tuple[np.ndarray, ...]:
    """Three answers a question that share its confidence and, mostly, their fate."""
    level = rng.integers(0, 5, questions).repeat(3)
    luck = np.where(rng.random(3 * questions) < 0.8, rng.random(questions).repeat(3), rng.random(3 * questions))
    return LEVELS[level], luck < accuracy[level], np.arange(questions).repeat(3)


@pytest.mark.parametrize("accuracy", [LEVELS, np.array([0.3, 0.35, 0.4, 0.55, 0.6])], ids=["calibrated", "overstated"])
def test_intervals_keep_their_level_when_clusters_are_counted(accuracy: np.ndarray) -> None:
    """At 95 %, over 200 data sets of 150 questions with three dependent answers each; rows counted alone fall short."""
    true, hit, naive = (
        population(accuracy),
        dict.fromkeys(population(accuracy), 0),
        dict.fromkeys(population(accuracy), 0),
    )
    rng = np.random.default_rng(11)
    for _ in range(200):
        confidence, correct, clusters = drawn(rng, accuracy)
        for held, data in ((hit, forecasts(confidence, correct, clusters)), (naive, forecasts(confidence, correct))):
            parts = calibration.brier_parts(data, bins=5)
            found = {name: getattr(parts, name) for name in ("brier", "reliability", "resolution", "uncertainty")}
            found |= {name: MEASURES[name](data) for name in ("auroc", "aurc", "e_aurc")}
            found["ece"] = calibration.ece(data, bins=5)
            for name, one in found.items():
                held[name] += one.low <= true[name] <= one.high
    least = 200 * 0.95 - 4 * math.sqrt(200 * 0.95 * 0.05)
    assert all(count >= least for count in hit.values()), hit
    assert sum(naive[name] < least for name in ("brier", "auroc", "aurc", "uncertainty")) >= 3, naive


def test_a_calibrated_model_is_not_convicted_by_noise() -> None:
    """The interval reaches 0; a percentile bootstrap of the plug-in never does, and covers less the more bins."""
    rng = np.random.default_rng(12)
    reached, bootstrap, smooth = 0, 0, 0
    for i in range(40):
        confidence = rng.random(300)
        correct = rng.random(300) < confidence
        data = forecasts(confidence, correct)
        reached += calibration.ece(data).low == 0
        if i < 8:
            smooth += calibration.smooth_ece(data).low == 0
            pick = rng.integers(0, 300, (40, 300))
            again = [calibration.ece(forecasts(confidence[one], correct[one])).estimate for one in pick]
            bootstrap += np.quantile(again, 0.025) <= 0
    assert reached >= 36
    assert smooth >= 7
    assert bootstrap == 0


def test_debiasing_removes_what_it_says_of_noise() -> None:
    rng = np.random.default_rng(13)
    plain, debiased, wrong = [], [], []
    for _ in range(100):
        confidence = rng.random(400)
        plain.append(calibration.ece(forecasts(confidence, rng.random(400) < confidence)).estimate)
        data = forecasts(confidence, rng.random(400) < confidence)
        debiased.append(calibration.ece_debiased(data).estimate)
        shifted = forecasts(confidence, rng.random(400) < 0.5 * confidence)
        wrong.append(calibration.ece_debiased(shifted).estimate)
    assert np.mean(plain) > 0.05
    assert np.mean(debiased) / np.mean(plain) == pytest.approx(2 - math.sqrt(2), abs=0.06)
    assert np.mean(wrong) == pytest.approx(0.25, abs=0.01)  # what is there stays


def test_the_folded_normal_by_simulation() -> None:
    rng = np.random.default_rng(14)
    mean, error = np.array([0.0, 0.3, -1.0, 0.2]), np.array([1.0, 0.5, 0.2, 0.0])
    slow = np.abs(mean + error * rng.standard_normal((400_000, 4))).mean(axis=0)
    np.testing.assert_allclose(folded_mean(mean, error), slow, atol=4e-3)


def test_the_noise_has_the_covariance_asked_for() -> None:
    wanted = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(np.cov(normal_noise(wanted, 100_000).T, bias=True), wanted, atol=0.03)
    assert np.array_equal(normal_noise(wanted, 9), normal_noise(wanted, 9))


def test_signs_of_clusters_have_the_covariance_of_the_gaps() -> None:
    confidence, correct, clusters = clustered()
    data = forecasts(confidence, correct, clusters)
    edges = edges_of(data, 3, "mass")
    found = gaps(data, edges)
    drawn = noise_of(data, edges, found.gap, found.covariance, 40_000, 0.95)
    wide = (1.9763 / 1.9600) ** 2  # Student's t at about 148 degrees
    np.testing.assert_allclose(np.cov(drawn.T, bias=True), wide * found.covariance, atol=0.03 * found.covariance.max())


def test_a_squared_norm_has_the_interval_of_a_noncentral_chi_square() -> None:
    from scipy.optimize import brentq
    from scipy.stats import ncx2

    vector = np.array([0.6, 0.3, 0.0, 0.3])
    low, high, mcse = squared_norm(vector, np.eye(4) * 0.01, 10**6, 0.95)
    for end, share in ((low, 0.975), (high, 0.025)):
        exact = brentq(lambda nc, p=share: ncx2.cdf(54.0, 4, nc) - p, 1e-9, 200) * 0.01
        assert end == pytest.approx(exact, abs=4.5 * mcse)
        assert end == pytest.approx(exact, rel=0.05)
    assert 0 < mcse < 0.02 * (high - low)


def test_ends_that_were_drawn_say_how_far_chance_moved_them() -> None:
    data = forecasts(*random_rows(2))
    parts = calibration.brier_parts(data)
    drawn = (parts.reliability, parts.resolution, calibration.ece(data), calibration.smooth_ece(data))
    assert all(one.mcse is not None and 0 < one.mcse < 0.1 * (one.high - one.low) for one in drawn)
    assert parts.brier.mcse is parts.uncertainty.mcse is calibration.auroc(data).mcse is None


# rates and scores


def test_a_rate_without_clusters_is_wilsons() -> None:
    found = calibration.rate([1] * 30 + [0] * 70)
    z, n, p = 1.984217, 100 * 99 / 100, 0.3  # Student's t at 99, and the variance by n - 1
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert found.low == pytest.approx((centre - half) / (1 + z * z / n), abs=1e-5)
    assert found.high == pytest.approx((centre + half) / (1 + z * z / n), abs=1e-5)


def test_a_rate_among_some_rows_counts_them_alone() -> None:
    hit, among = np.array([1, 0, 1, 1, 0, 1] * 20), np.array([1, 1, 0, 1, 0, 1] * 20)
    found = calibration.rate(hit, among)
    assert found.estimate == 0.75
    alone = calibration.rate(hit[among == 1])
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.002)
    repeated = calibration.rate(np.repeat(hit, 10), np.repeat(among, 10), clusters=np.arange(120).repeat(10))
    assert (repeated.low, repeated.high) == pytest.approx((found.low, found.high), abs=1e-12)
    careless = calibration.rate(np.repeat(hit, 10), np.repeat(among, 10))
    assert careless.high - careless.low < 0.4 * (found.high - found.low)


def test_a_mean_score_has_students_interval() -> None:
    from scipy.stats import t

    values = np.random.default_rng(0).normal(size=25)
    found = calibration.mean_score(values)
    half = t.ppf(0.975, 24) * values.std(ddof=1) / 5
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=1e-12)
    assert any("only 25 rows" in one for one in found.warnings)
    flat = calibration.mean_score([0.0] * 200, span=(-9.0, 1.0))
    assert flat.low == pytest.approx(-10 * (1 - 0.025 ** (1 / 200)))
    assert flat.high == pytest.approx(10 * (1 - 0.025 ** (1 / 200)))


# edges


EDGES = {
    "perfect": ([1.0] * 40 + [0.0] * 40, [1] * 40 + [0] * 40),
    "upside_down": ([1.0] * 40 + [0.0] * 40, [0] * 40 + [1] * 40),
    "one_confidence": ([0.7] * 80, [1, 0] * 40),
    "certain": ([1.0] * 80, [1, 1, 1, 0] * 20),
    "two_rows": ([0.2, 0.9], [0, 1]),
    "half": ([0.5] * 40 + [0.5 + 1e-16] * 40, [1, 0] * 40),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", [*MEASURES, *PARTS])
def test_every_interval_holds_its_estimate_and_has_a_width(name: str, edge: str) -> None:
    data = forecasts(*EDGES[edge])
    found = MEASURES[name](data) if name in MEASURES else getattr(calibration.brier_parts(data), name)
    assert found.low <= found.estimate <= found.high
    assert found.low < found.high
    assert all(math.isfinite(one) for one in (found.low, found.high))
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize("outcome", [0, 1])
@pytest.mark.parametrize("name", [name for name in MEASURES if name != "auroc"])
def test_outcomes_that_are_all_alike_are_no_obstacle(name: str, outcome: int) -> None:
    data = forecasts(np.linspace(0.1, 0.9, 50), [outcome] * 50)
    found = MEASURES[name](data)
    assert found.low <= found.estimate <= found.high
    if name == "aurc":
        assert found.estimate == 1 - outcome
    if name == "e_aurc":
        assert found.estimate == pytest.approx(0, abs=1e-12)


def test_one_confidence_for_all_tells_nothing_apart_and_says_so() -> None:
    data = forecasts([0.7] * 80, [1, 0] * 40)
    found = calibration.auroc(data)
    assert found.estimate == 0.5
    assert found.warnings == ("all confidences are 0.7: they tell no answer from another",)
    assert calibration.aurc(data).estimate == pytest.approx(0.5)


def test_few_clusters_are_named() -> None:
    confidence, correct = random_rows(0, 60)
    found = calibration.brier_score(forecasts(confidence, correct, np.arange(60) % 6))
    assert found.warnings == ("only 6 clusters: an interval that is right for many may be too narrow",)


GOOD = ([0.2, 0.9, 0.5], [0, 1, 1])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([], []), "confidence has no rows: give at least 2"),
        (([0.5], [1]), "the data have 1 row: an interval needs at least 2"),
        (([0.5, 0.6], [1]), "confidence has 2 rows and correct 1: give one of each a row"),
        (([0.5, math.nan], [1, 0]), "confidence[1] = nan: must be a number from 0 to 1"),
        (([0.5, 1.5, -2], [1, 0, 0]), "confidence[1] = 1.5 (and 1 more): must be a number from 0 to 1"),
        (([0.5, 0.6], [1, 2]), "correct[1] = 2: must be 0 or 1"),
        (([0.5, 0.6], [1, None]), "correct[1] = nan: must be 0 or 1"),
        ((np.ma.masked_array([0.5, 0.6], [0, 1]), [1, 0]), "confidence: some are masked: leave those rows out"),
        (([0.5, "0.6"], [1, 0]), "confidence = [0.5, '0.6']: must be an array of numbers"),
        ((["a", "b"], [1, 0]), "confidence = ['a', 'b']: must be an array of numbers"),
        (([[0.5, 0.6]], [1, 0]), "confidence has 2 dimensions: must be one array of numbers"),
        ((*GOOD, ["q", "q", "q"]), "the data have 1 cluster: an interval needs at least 2"),
        ((*GOOD, ["q", "r"]), "clusters has shape (2,) and the data 3 rows: give one id a row"),
        ((*GOOD, ["q", None, "r"]), "clusters[1] is missing: give every row an id"),
        ((*GOOD, [1.0, 2.0, math.nan]), "clusters[2] is missing: give every row an id"),
    ],
)
def test_bad_rows_are_refused_in_a_sentence(arguments: tuple[Any, ...], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        forecasts(*arguments)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda d: calibration.ece(d, bins=0), "bins = 0: must be a number from 1 to 1000"),
        (lambda d: calibration.ece(d, bins=2.5), "bins = 2.5: must be a whole number"),
        (lambda d: calibration.ece(d, binning="equal"), "binning 'equal' is unknown: choose from mass, width"),
        (lambda d: calibration.brier_score(d, level=1), "level = 1: must be a number from 1e-6 to 1 - 1e-9"),
        (
            lambda d: calibration.auroc(forecasts([0.1, 0.2], [1, 1])),
            "all 2 answers are right: AUROC compares right answers with wrong ones",
        ),
        (
            lambda d: calibration.rate([1, 0], [0, 0]),
            "among has no row that counts: there is nothing to take a share of",
        ),
        (
            lambda d: calibration.mean_score([0.5, math.inf], span=(-3, 1)),
            "score[1] = inf: must be a finite number from -3 to 1",
        ),
        (lambda d: calibration.smooth_reliability(d, bandwidth=0.0), "bandwidth = 0.0: must be a number from"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(call: Callable[[Forecasts], Any], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        call(forecasts(*GOOD))
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    "measure",
    [
        *MEASURES.values(),
        calibration.brier_parts,
        calibration.reliability_diagram,
        calibration.risk_coverage,
        calibration.smooth_reliability,
    ],
)
@pytest.mark.parametrize("data", [None, [0.5], "x"])
def test_bare_confidences_are_no_record(measure: Callable[[Any], Any], data: Any) -> None:
    with pytest.raises(BadInput) as caught:
        measure(data)
    assert str(caught.value) == f"data = {data!r}: must be what forecasts(confidence, correct) returns"


@pytest.mark.parametrize("span", [(1, 0), (0, 0), (0, math.nan), (0, 1, 2)])
def test_a_span_is_two_numbers_that_rise(span: Any) -> None:
    """The span is at fault, and no score is blamed."""
    with pytest.raises(BadInput) as caught:
        calibration.mean_score([0.5, 0.6], span=span)
    assert str(caught.value) == f"span = {span}: must be a pair of numbers, the lower one first, such as (0, 1)"


@pytest.mark.slow
def test_two_million_rows() -> None:
    """All measures, three rows a question, in under 30 s of processor time."""
    rng = np.random.default_rng(0)
    confidence = np.round(rng.beta(2, 1, 2_000_000), 3)
    began = time.process_time()
    data = forecasts(confidence, rng.random(2_000_000) < confidence, np.arange(2_000_000) // 3)
    found = {name: measure(data) for name, measure in MEASURES.items()}
    calibration.brier_parts(data)
    calibration.reliability_diagram(data)
    assert time.process_time() - began < 30
    assert found["ece"].low == 0
    assert found["auroc"].estimate == pytest.approx(0.8, abs=0.002)
