"""The finite-sample intervals: the identity they rest on, exact coverage by enumeration, and what must fail."""

import inspect
import math
import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from simlab.errors import BadInput
from simlab.estimates import SIDES
from simlab.missing_mass import concentration
from simlab.missing_mass.concentration import (
    BEREND_KONTOROVICH,
    CONCENTRATION,
    MCALLESTER_ORTIZ,
    kearns_saul,
    missing_mass_above_mean,
    missing_mass_above_mean_in,
    missing_mass_below_mean,
    missing_mass_below_mean_in,
    radius_above,
    radius_below,
    radius_knvz,
    radius_kv,
    radius_mcallester_schapire,
    singleton_rate_off_mean,
    variance_factors,
)
from simlab.missing_mass.counts import CountsOfCounts, counts_of
from simlab.missing_mass.intervals import INTERVALS, interval_ends
from simlab.missing_mass.masses import certificate
from simlab.missing_mass.tails import log_penalty, missing_mass_above, missing_mass_below, mixture

# laws of draws; what is lacking to 1 is IDK
LAWS = (
    (1.0,),
    (0.5, 0.5),
    (0.9, 0.1),
    (0.99, 0.01),
    (1 / 3, 1 / 3, 1 / 3),
    (0.7, 0.2, 0.1),
    (0.25, 0.25, 0.25, 0.25),
    (0.4, 0.3, 0.2, 0.1),
    (0.85, 0.05, 0.05, 0.05),
    (0.3, 0.2),
    (0.05,),
)
SIZES = (1, 2, 3, 6, 12)


@cache
def samples(law: tuple[float, ...], draws: int) -> tuple[tuple[float, tuple[int, ...], int, float], ...]:
    """Every outcome of N draws as (probability, counts of the facts, IDK draws, missing mass)."""
    idk = 1 - sum(law)

    def compositions(left: int, cells: int) -> Iterator[tuple[int, ...]]:
        if cells == 1:
            yield (left,)
            return
        for first in range(left + 1):
            for rest in compositions(left - first, cells - 1):
                yield (first, *rest)

    found = []
    for counts in compositions(draws, len(law) + (idk > 1e-12)):
        known = counts[: len(law)]
        blank = draws - sum(known)
        if not sum(known):
            continue  # nothing but IDK: no interval is asked for
        log = math.lgamma(draws + 1) - sum(math.lgamma(k + 1) for k in (*known, blank))
        log += sum(k * math.log(p) for k, p in zip(known, law, strict=True)) + (blank * math.log(idk) if blank else 0)
        missing = sum(p for k, p in zip(known, law, strict=True) if not k)
        found.append((math.exp(log), known, blank, missing))
    return tuple(found)


def means(law: tuple[float, ...], draws: int) -> tuple[float, float]:
    """E MM and E sr, all outcomes counted."""
    return sum(p * (1 - p) ** draws for p in law), sum(p * (1 - p) ** (draws - 1) for p in law)


def grouped(known: tuple[int, ...], blank: int) -> CountsOfCounts:
    return counts_of([k for k in known if k], blank)


@pytest.mark.parametrize("t", [-0.95, -0.5, -0.1, 0.05, 0.4, 0.9])
@pytest.mark.parametrize("mean", [1e-4, 0.3, 2.0, 15.0])
def test_the_identity_is_exact_for_poisson_counts(t: float, mean: float) -> None:
    k = np.arange(1, 200)
    pmf = np.exp(k * math.log(mean) - mean - np.array([math.lgamma(x + 1) for x in k]))
    assert math.exp((t - 1) * mean) + float(pmf @ (1 - t**k)) == pytest.approx(1, abs=1e-13)
    assert math.exp((t - 1) * mean) + float(pmf @ (1 - 1.1 * t**k)) != pytest.approx(1, abs=1e-9)


def tilted_mean(law: tuple[float, ...], draws: int, t: float) -> float:
    """E[exp(t N MM + sum f_k ln(1 - t^k))] for N draws, by enumeration."""
    total = math.exp(draws * t * sum(law)) * (1 - sum(law)) ** draws if sum(law) < 1 - 1e-12 else 0.0
    for chance, known, _, missing in samples(law, draws):
        total += chance * math.exp(t * draws * missing + sum(math.log1p(-(t**k)) for k in known if k))
    return total


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_total_of_exactly_n_costs_at_most_the_penalty(law: tuple[float, ...]) -> None:
    for draws in SIZES:
        for t in (-0.9, -0.5, -0.1, 0.1, 0.5, 0.9):
            assert tilted_mean(law, draws, t) <= math.exp(float(log_penalty(np.array([t]), draws)[0])) * (1 + 1e-12)


def test_without_the_penalty_some_law_breaks_it() -> None:
    assert max(tilted_mean(law, 6, t) for law in LAWS for t in (-0.5, 0.5)) > 1.05


def test_the_characteristic_functions_are_bounded_as_claimed() -> None:
    """ln|phi| <= -kappa x (1 - cos theta), kappa = (1 - |t|)/2, on a fine grid; a tenth more is refuted."""
    x, theta = np.geomspace(1e-5, 1e4, 1200)[:, None], np.linspace(0, math.pi, 600)[None, 1:]
    turn = np.exp(1j * theta)
    for t in (*np.linspace(-0.9, 0.9, 19).tolist(), 1e-3, -1e-3, 1e-7, -1e-7):
        log_phi = np.log(np.abs(np.exp(x * (turn - 1)) + np.exp((t - 1) * x) - np.exp(x * (t * turn - 1))) + 1e-300)
        claimed = (1 - abs(t)) / 2 * x * (1 - np.cos(theta))
        seen = claimed < 600  # beyond, both are 0 in floats
        assert np.all((log_phi + claimed)[seen] <= 1e-11)
        assert np.any((log_phi + 1.1 * claimed)[seen] > 1e-6) or abs(t) < 1e-12


def test_the_steps_of_the_proof_on_random_points() -> None:
    """docs/proofs.md, step 3: outside the case y <= c^2, C > 0 of t > 0, f <= s^2, the forcing term of the equation."""
    rng = np.random.default_rng(0)
    size = 400_000
    theta = np.where(
        rng.random(size) < 0.5, 10 ** rng.uniform(-3, math.log10(math.pi), size), rng.uniform(0, math.pi, size)
    )
    far, near = (
        np.where(rng.random(size) < 0.5, 10 ** rng.uniform(-3, 2, size), rng.uniform(0, 6, size)) for _ in "ab"
    )
    s, c, z = np.sin(theta / 2), np.cos(theta / 2), np.exp(1j * theta)
    w = np.exp(far * (z - 1))
    for rest, direct in (
        (1 - w, (np.abs(w) <= c**2) & (np.cos(theta) > 0)),
        (np.exp(-2 * far) - np.exp(-far * (1 + z)), theta < 0),
    ):
        f = -np.cos(theta) * np.abs(rest) ** 2 * np.exp(-2 * near * c**2)
        f -= np.exp(-near) * np.real(np.conj(w) * rest * z * np.exp(-1j * near * np.sin(theta)))
        assert np.all((f <= s**2 + 1e-12)[~direct])
        assert np.any((f > 0.9 * s**2)[~direct])
        phi = np.exp(-near) * rest + w * np.exp(near * (z - 1))
        assert np.all(np.abs(phi) <= np.exp(-near * s**2) + 1e-12)


def test_the_mixture_weights_sum_to_one() -> None:
    for draws in (1, 7, 100, 10**6, 10**15):
        t, log_weight = mixture(draws)
        assert float(np.exp(log_weight + log_penalty(t, draws)).sum()) == pytest.approx(1)
        assert 0 < t[0] < 1
        assert t[-1] <= 0.9


def test_the_penalty_is_a_third_of_a_nat_and_joins_its_asymptotic_form() -> None:
    t = np.array([1e-3, 0.5, -0.9])
    assert log_penalty(t, 10**9) == pytest.approx(-0.5 * np.log((1 - np.abs(t)) / 2), abs=1e-6)
    assert log_penalty(t, 10**6) == pytest.approx(log_penalty(t, 10**6 + 1), abs=2e-5)


@pytest.mark.parametrize("kind", [name for name, kind in INTERVALS.items() if kind.promise == "finite-sample"])
@pytest.mark.parametrize("sides", ["two", "lower", "upper"])
def test_exact_coverage_of_the_finite_sample_intervals(kind: str, sides: str) -> None:
    for law in LAWS:
        for draws in SIZES:
            for level in (0.01, 0.2, 0.5, 0.8, 0.95):
                missed = 0.0
                for chance, known, blank, missing in samples(law, draws):
                    ends = interval_ends(grouped(known, blank), kind, level, sides)
                    missed += chance * (not ends.low - 1e-12 <= missing <= ends.high + 1e-12)
                assert missed <= 1 - level + 1e-12, (law, draws, level)


def test_certificate_by_enumeration() -> None:
    """Pr[MM < x] <= gamma for every law tried; sr in place of x, or half of its distance to sr, is refuted."""
    wrong = {0.0: 0.0, 0.5: 0.0, 1.0: 0.0}
    for law in LAWS:
        for draws in SIZES:
            for gamma in (0.5, 0.2, 0.05, 0.001):
                missed = dict.fromkeys(wrong, 0.0)
                for chance, known, blank, missing in samples(law, draws):
                    found = certificate(grouped(known, blank), gamma=gamma)
                    for share in wrong:
                        x = found.estimate - share * (found.estimate - found.low)
                        missed[share] += chance * (missing < x - 1e-12)
                for share in wrong:
                    wrong[share] = max(wrong[share], missed[share] - gamma)
    assert wrong[1.0] <= 1e-12
    assert wrong[0.5] > 0.01
    assert wrong[0.0] > 0.1


def test_an_asymptotic_interval_fails_the_same_check() -> None:
    worst = 0.0
    for law in LAWS:
        missed = 0.0
        for chance, known, blank, missing in samples(law, 6):
            ends = interval_ends(grouped(known, blank), "esty", 0.8, "upper")
            missed += chance * (missing > ends.high + 1e-12)
        worst = max(worst, missed)
    assert worst > 0.2


def coverage(facts: int, draws: int, shrink: float, sides: str) -> float:
    """How often the tails interval misses MM on one side in 4,000 uniform corpora, its radius shrunk."""
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(4_000):
        seen = np.bincount(rng.integers(0, facts, draws), minlength=facts)
        counts, missing = counts_of(seen[seen > 0]), float((seen == 0).mean())
        if sides == "upper":
            bound = missing_mass_above(counts, 0.05)
            missed += missing > counts.singleton_rate + shrink * (bound - counts.singleton_rate)
        else:
            bound = missing_mass_below(counts, 0.05)
            missed += missing < counts.singleton_rate - shrink * (counts.singleton_rate - bound)
    return missed / 4_000


@pytest.mark.parametrize("sides", ["lower", "upper"])
def test_coverage_where_good_turing_is_at_its_worst(sides: str) -> None:
    assert coverage(352, 300, 1.0, sides) <= 0.05
    assert coverage(352, 300, 0.4, sides) > 0.05 + 4 * math.sqrt(0.05 * 0.95 / 4_000)


@pytest.mark.parametrize("below", [False, True])
def test_the_mixture_misses_the_best_single_t_by_little(below: bool) -> None:
    """Against the best t chosen afterwards, which no proof allows: at most 40 % wider."""
    for counts in (counts_of({1: 200, 2: 100, 5: 200}), counts_of({1: 5 * 10**8, 2: 10**8, 9: 10**8})):
        n, gamma = counts.draws, 0.025
        best = math.inf
        for t in np.geomspace(1e-6, 0.9, 400).tolist():
            sign = -t if below else t
            factors = sum(
                int(f) * math.log1p(-(sign ** int(k))) for k, f in zip(counts.times, counts.facts, strict=True)
            )
            radius = (-factors / sign - counts.f(1) - math.log(gamma) / t) / n if not below else 0.0
            if below:
                radius = (counts.f(1) - (factors + math.log(gamma)) / t) / n
            else:
                radius = (-factors - math.log(gamma)) / (t * n) - counts.f(1) / n
            best = min(best, radius)
        rate = counts.singleton_rate
        ours = rate - missing_mass_below(counts, gamma) if below else missing_mass_above(counts, gamma) - rate
        assert best < ours < 1.4 * best


@pytest.mark.parametrize(
    ("data", "idk"),
    [
        ({1: 1}, 0),
        ({1: 10**15}, 0),
        ({10**15: 1}, 0),
        ({1: 5, 2: 0}, 10**15),
        ({3: 1000}, 0),
        ({2: 10}, 0),
        ({1: 10**12, 2: 10**11, 1000: 10**11}, 0),
        ({7: 1}, 3),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", INTERVALS)
def test_edges(data: dict[int, int], idk: int, kind: str) -> None:
    counts = counts_of(data, idk)
    before = None
    for level in (0.5, 0.9, 0.99, 1 - 1e-9):
        ends = interval_ends(counts, kind, level)
        assert 0 <= ends.low <= counts.singleton_rate <= ends.high <= 1
        assert ends.low < ends.high
        if before is not None and kind != "bootstrap":
            assert ends.low <= before.low
            assert ends.high >= before.high
        before = ends
    for sides, place in (("lower", "high"), ("upper", "low")):
        ends = interval_ends(counts, kind, 0.95, sides, rng=np.random.default_rng(0))
        assert getattr(ends, place) == (1.0 if sides == "lower" else 0.0)
        assert ends.low < ends.high


def test_what_the_docs_say_of_inverting_exact_tails() -> None:
    """docs/missing-mass.md: from f_1 = 0 alone no end lies below 6.9/N at .95, 36/N at .99; and what tails gives."""

    def chance(rate: float) -> float:
        """The largest Pr[some fact unseen and none seen once] of any number of facts expected ``rate`` times each."""
        facts = np.exp(np.linspace(0, rate + 3, 4000))
        none_once = np.log1p(-rate * math.exp(-rate))
        none_rare = np.log1p(-(1 + rate) * math.exp(-rate))
        return float(np.max(np.exp(facts * none_once) - np.exp(facts * none_rare)))

    for gamma, rate, ours in ((0.05, 6.9, 8.5), (0.01, 36.3, 10.7)):
        assert chance(rate - 0.1) > gamma > chance(rate + 0.1)
        assert 10**4 * missing_mass_above(counts_of({10**4: 1}), gamma) == pytest.approx(ours, abs=0.05)
    # the bounds on any valid end, exactly: they are outcomes of one law
    for draws in (10, 100):
        p = 0.05 ** (1 / draws)
        assert missing_mass_above(counts_of({draws: 1}), 0.05) > 1 - p
        facts = 200 * draws
        while math.prod(1 - i / facts for i in range(draws)) > 0.05:
            facts -= 1
        assert certificate({1: draws}).low < 1 - draws / (facts + 1)


def test_the_finite_sample_interval_of_the_data_is_the_narrowest() -> None:
    counts = counts_of({1: 2_000, 2: 1_000, 3: 500, 10: 450})
    width = {}
    for name, kind in INTERVALS.items():
        ends = interval_ends(counts, name, 0.95, rng=np.random.default_rng(0))
        width[name] = ends.high - ends.low
        assert kind.name == name
    assert width["esty"] == pytest.approx(width["score"], rel=0.01)
    assert width["bootstrap"] == pytest.approx(width["score"], rel=0.15)
    assert width["tails"] < 2 * width["score"]
    assert 2 * width["tails"] < min(width["mcallester_ortiz"], width["knvz"], width["kv"])


# concentration


@cache
def deviations(law: tuple[float, ...], draws: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    """All values of a deviation with their probabilities, outcomes of nothing but IDK included."""
    mean_missing, mean_rate = means(law, draws)
    blank = (1 - sum(law)) ** draws if sum(law) < 1 - 1e-12 else 0.0
    outcomes = [(c, known, missing) for c, known, _, missing in samples(law, draws)] + [(blank, (), sum(law))]
    chance = np.array([outcome[0] for outcome in outcomes])
    rate = np.array([sum(k == 1 for k in outcome[1]) / draws for outcome in outcomes])
    missing = np.array([outcome[2] for outcome in outcomes])
    values = {
        "above": missing - mean_missing,
        "below": mean_missing - missing,
        "rate above": rate - mean_rate,
        "rate below": mean_rate - rate,
        "MM - sr": missing - rate,
        "sr - MM": rate - missing,
        "|MM - sr|": np.abs(missing - rate),
    }
    return values[what], chance


def tail(law: tuple[float, ...], draws: int, what: str, distance: float) -> float:
    """The exact probability of a tail."""
    value, chance = deviations(law, draws, what)
    return float(chance[value >= distance - 1e-12].sum())


DISTANCES = np.arange(0.01, 0.9, 0.01).tolist()


def excess(what: str, bound, sharper: float = 1.0) -> float:
    """The largest exact tail minus its bound, the bound raised to a power that should break it."""
    return max(
        tail(law, draws, what, e) - bound(law, draws, e) ** sharper
        for law in LAWS
        for draws in SIZES
        for e in DISTANCES
    )


@pytest.mark.parametrize(
    ("what", "bound", "breaks"),
    [
        ("above", lambda law, n, e: missing_mass_above_mean(n, e), 8),
        ("below", lambda law, n, e: missing_mass_below_mean(n, e), 8),
        ("below", lambda law, n, e: missing_mass_below_mean(n, e, MCALLESTER_ORTIZ), 12),
        ("rate above", lambda law, n, e: singleton_rate_off_mean(n, e), 8),
        ("rate below", lambda law, n, e: singleton_rate_off_mean(n, e), 8),
        (
            "below",
            lambda law, n, e: missing_mass_below_mean_in(variance_factors(np.array(law), np.ones(len(law)), n)[0], e),
            8,
        ),
        (
            "above",
            lambda law, n, e: missing_mass_above_mean_in(
                variance_factors(np.array(law), np.ones(len(law)), n)[1], n, e
            ),
            8,
        ),
    ],
    ids=["C1", "C3", "C2", "C5 above", "C5 below", "C9 below", "C9 above"],
)
def test_tails_about_the_mean_hold_exactly_and_sharper_ones_do_not(what, bound, breaks: int) -> None:
    assert excess(what, bound) <= 1e-12
    assert excess(what, bound, breaks) > 1e-3


@pytest.mark.parametrize(
    ("what", "radius"),
    [
        ("|MM - sr|", radius_knvz),
        ("|MM - sr|", radius_kv),
        ("sr - MM", lambda n, g: radius_kv(n, g, below=True)),
        ("MM - sr", radius_mcallester_schapire),
        ("MM - sr", radius_above),
        ("sr - MM", radius_below),
    ],
    ids=["C6", "C7", "C7 below", "C8", "C1 + C5", "C3 + C5"],
)
def test_radii_hold_exactly_and_an_eighth_of_them_does_not(what: str, radius) -> None:
    worst = [-1.0, -1.0]
    for law in LAWS:
        for draws in SIZES:
            for gamma in (0.5, 0.2, 0.05):
                for i, part in enumerate((1.0, 0.125)):
                    worst[i] = max(worst[i], tail(law, draws, what, part * radius(draws, gamma) + 1e-9) - gamma)
    assert worst[0] <= 1e-12
    assert worst[1] > 0


def test_knvz_and_kv_follow_from_the_single_tails() -> None:
    for draws in (2, 3, 10, 1_000, 10**9):
        for gamma in (1 - 1e-6, 0.8, 0.5, 0.2, 0.05, 0.01, 1e-6):
            halves = max(radius_above(draws, gamma / 2), radius_below(draws, gamma / 2))
            assert halves <= radius_knvz(draws, gamma) * (1 + 1e-9)
            assert halves <= radius_kv(draws, gamma) * (1 + 1e-9)
            assert radius_below(draws, gamma) <= radius_kv(draws, gamma, below=True)
            assert radius_above(draws, gamma) <= radius_mcallester_schapire(draws, gamma)


def test_kv_follows_just_as_far_as_is_said() -> None:
    """C7 for g <= 1/2: from the single tails for N >= 2, trivially at N = 1; not so at N = 1 or g = .6 from the tails.

    Times sqrt(N) the radii do not depend on N, but for the bias, which falls with N: N = 2 is the hardest.
    """

    def follows(draws: int, gamma: float) -> bool:
        halves = max(radius_above(draws, gamma / 2), radius_below(draws, gamma / 2))
        return halves <= radius_kv(draws, gamma) and radius_below(draws, gamma) <= radius_kv(draws, gamma, below=True)

    for gamma in [*np.geomspace(1e-300, 0.5, 60).tolist(), *np.linspace(0.4, 0.5, 21).tolist()]:
        assert follows(2, gamma)
        assert min(radius_kv(1, gamma), radius_kv(1, gamma, below=True)) > 1
    assert not follows(1, 0.05)
    published = 3 * math.sqrt(math.log(2 / 0.6) / 2), math.sqrt(6 * math.log(2 / 0.6) / 2)
    assert max(radius_above(2, 0.3), radius_below(2, 0.3)) > published[0] or radius_below(2, 0.6) > published[1]
    for gamma in (0.51, 0.6, 0.9, 1 - 1e-6):  # the radius of 1/2 stands in
        assert radius_kv(9, gamma) == radius_kv(9, 0.5)
        assert radius_kv(9, gamma, below=True) == radius_kv(9, 0.5, below=True)
    ends = [interval_ends(counts_of({1: 40, 2: 30}), "kv", level, side) for level in (1e-6, 0.5) for side in SIDES]
    assert ends[:3] == ends[3:]


def test_the_constant_of_berend_and_kontorovich_is_an_infimum() -> None:
    x = np.linspace(1e-6, 0.5 - 1e-6, 400_001)
    assert pytest.approx(float((2 / (x * (1 - x) * -np.log(x))).min()), rel=1e-9) == 4 * BEREND_KONTOROVICH
    assert pytest.approx(1.92, abs=0.005) == BEREND_KONTOROVICH


def test_kearns_saul_on_a_grid_and_with_a_smaller_factor() -> None:
    grid = [(p, t) for p in (0, 1e-9, 0.01, 0.2, 0.5, 0.5 + 1e-8, 0.7, 0.999, 1) for t in (-30, -2, -0.1, 0.1, 2, 30)]
    sides = [kearns_saul(p, t) for p, t in grid]
    assert all(left <= right + 1e-12 for left, right in sides)
    assert any(left > 0.95 * right for left, right in sides if right)


def test_variance_factors_of_the_equal_law() -> None:
    """v = 2 E f_2(N+2) / ((N+1)(N+2)) by the binomial law, and its series for rare facts joins the exact value."""
    facts, draws = 40, 30
    p = 1 / facts
    v, w = variance_factors(np.array([p]), np.array([facts]), draws)
    twice = facts * math.comb(draws + 2, 2) * p**2 * (1 - p) ** draws
    assert v == pytest.approx(2 * twice / ((draws + 1) * (draws + 2)))
    assert w == pytest.approx(2 * facts * (1 - math.exp(-0.75) * 1.75) / draws**2)
    rare = [variance_factors(np.array([10.0**-e]), np.array([1.0]), 10**6)[1] for e in (10.9, 11.1)]
    assert rare[0] / rare[1] == pytest.approx(10**0.4, rel=1e-4)


def test_every_listed_inequality_says_how_it_was_confirmed_and_names_its_functions() -> None:
    assert [one.label for one in CONCENTRATION] == [f"C{i}" for i in range(1, 10)]
    assert all(one.source and one.confirmed for one in CONCENTRATION)
    public = {
        name
        for name, value in vars(concentration).items()
        if inspect.isfunction(value) and value.__module__ == concentration.__name__ and name[0] != "_"
    }
    assert {name for one in CONCENTRATION for name in one.functions} == public
    for one in CONCENTRATION:
        own = [(inspect.getdoc(getattr(concentration, name)) or "").splitlines()[0] for name in one.functions]
        assert own
        assert all(one.label in line for line in own), one.label


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: missing_mass_above_mean(0, 0.1), "draws = 0: must be a whole number from 1 to 2^63 - 1"),
        (lambda: radius_knvz(2.5, 0.1), "draws = 2.5: must be a whole number from 1 to 2^63 - 1"),
        (lambda: radius_below(math.inf, 0.1), "draws = inf: must be a whole number from 1 to 2^63 - 1"),
        (lambda: radius_above("9", 0.1), "draws = '9': must be a whole number from 1 to 2^63 - 1"),
        (lambda: missing_mass_below_mean(5, -1), "distance = -1: must be a finite number of at least 0"),
        (lambda: missing_mass_above_mean(5, math.inf), "distance = inf: must be a finite number of at least 0"),
        (lambda: singleton_rate_off_mean(5, math.nan), "distance = nan: must be a finite number of at least 0"),
        (lambda: missing_mass_below_mean(5, 0.1, "2"), "constant = '2': must be a finite number of at least 0"),
        (lambda: missing_mass_below_mean_in(-1, 0.1), "factor = -1: must be a finite number of at least 0"),
        (lambda: missing_mass_above_mean_in(math.nan, 5, 0.1), "factor = nan: must be a finite number of at least 0"),
        (lambda: concentration.radius_kv(5, 1.0), "gamma = 1.0: must lie between 0 and 1, such as 0.05"),
        (lambda: radius_above(5, None), "gamma = None: must be a number between 0 and 1, such as 0.05"),
        (lambda: radius_mcallester_schapire(5, True), "gamma = True: must be a number between 0 and 1, such as 0.05"),
        (lambda: kearns_saul(2, 1), "p = 2: must be a number from 0 to 1"),
        (lambda: kearns_saul(0.2, math.inf), "t = inf: must be a finite number"),
        (lambda: variance_factors([0.5, 1.5], [1, 1], 5), "popularity = 1.5: must be a number from 0 to 1"),
        (lambda: variance_factors(np.array([math.nan]), [1], 5), "popularity = nan: must be a number from 0 to 1"),
        (lambda: variance_factors([0.5], [-1], 5), "facts = -1: must be a finite number of at least 0"),
        (lambda: variance_factors("ab", [1], 5), "popularity = 'ab': must be a list of numbers"),
        (lambda: variance_factors(0.5, 2, 5), "popularity = 0.5: must be a list of numbers"),
        (
            lambda: variance_factors([0.5], [1, 1], 5),
            "popularity and facts: have 1 and 2 entries: give one number of facts for each",
        ),
        (
            lambda: interval_ends(counts_of([1]), "scores"),
            "interval 'scores' is unknown: did you mean 'score'?",
        ),
        (
            lambda: interval_ends(counts_of([1]), level=95),
            "level = 95: must be a number from 1e-6 to 1 - 1e-9, such as 0.95",
        ),
        (
            lambda: interval_ends(counts_of([1]), sides="both"),
            "sides 'both' is unknown: choose from lower, two, upper",
        ),
    ],
)
def test_bad_input(call, sentence: str) -> None:
    with pytest.raises(BadInput, match=f"^{re.escape(sentence)}$"):
        call()
