"""The demonstrations of the theory show what the theory says: every number against a computation of its own.

Not drawn from the demonstrations: cells are counted from the corpus, bounds are written out, prompts are enumerated
response by response in fractions, and the slope of the loss is a difference of losses.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlab.corpora import group, list_facts, sample, sample_listed
from simlab.measures import cross_entropy, slack_parts, threshold
from simlab.missing_mass import counts_of_cells, good_turing
from simlab.pairs import tabulate
from simlab.seeds import Streams
from simlab.teach import calibration_costs, guessing, telling_apart, unsaid
from simlab.teach.demonstrations import Slider, demonstration
from simlab.teach.pictures import inlined
from simlab.worlds import expected_singleton_rate, two_level, zipf

SLUGS = ("unsaid", "guessing", "telling_apart", "calibration_costs")
QUICK = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


def values_of(slug: str, **given: Any) -> dict[str, float]:
    """The numbers of a scene, all other controls at their defaults."""
    shown = demonstration(slug)
    return shown.scene(**shown.settings() | given).values


@pytest.mark.parametrize("slug", SLUGS)
def test_no_corner_of_the_controls_warns_or_shows_what_is_no_number(slug: str) -> None:
    """Warnings are errors here. Of the scenes, a third is drawn as the page draws them, and says nothing of NaN."""
    shown = demonstration(slug)
    ends = [(c.values[0], c.values[-1]) if isinstance(c, Slider) else tuple(c.options) for c in shown.controls]
    names = [control.name for control in shown.controls]
    for i, corner in enumerate(itertools.product(*ends)):
        scene = shown.scene(**dict(zip(names, corner, strict=True)))
        assert all(type(value) is float and math.isfinite(value) for value in scene.values.values()), corner
        drawn = "" if i % 3 else inlined(scene.figure, slug)
        page = " ".join([scene.sentence, *(n.text for n in scene.numbers), drawn])
        assert "nan" not in page.lower(), corner
        assert "np." not in page, corner


@pytest.mark.parametrize(("n_facts", "draws"), [(10**3, 10**3), (10**6, 10**4), (10**2, 10**6)])
def test_what_was_never_said_is_summed_over_the_cells_and_the_cap_shows_in_no_number(n_facts: int, draws: int) -> None:
    """sr = f_1/N, MM = sum of mu over what was not drawn, and the interval of the counts of counts without any cap."""
    found = values_of("unsaid", n_facts=float(n_facts), draws=float(draws), corpus=2.0)
    world = zipf(n_facts, 1.0)
    drawn = sample(world, draws, Streams(0, "unsaid", 2).numpy("corpus"), count_cap=unsaid.CAP)
    never = drawn.times_answered == 0
    expected = {
        "singleton_rate": float(drawn.facts[drawn.times_answered == 1].sum()) / draws,
        "missing_mass": float(world.popularity[drawn.fact_class[never]] @ drawn.facts[never]),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found["low"] <= found["missing_mass"] <= found["high"]
    whole = sample(world, draws, Streams(0, "unsaid", 2).numpy("corpus"))
    at_cap = replace(whole, times_answered=np.minimum(whole.times_answered, unsaid.CAP))
    told, exact = (
        good_turing(counts, interval="tails")
        for counts in (unsaid.observed(at_cap), counts_of_cells(whole.times_answered, whole.facts))
    )
    assert (told.low, told.high) == pytest.approx((exact.low, exact.high), abs=1e-6)
    assert bool(whole.times_answered.max() > unsaid.CAP) is (draws > 10**4)  # the cap was needed


def corpus_of(world: Any, draws: int, replicate: int) -> Any:
    """The corpus that the demonstration draws from that world."""
    streams = Streams(0, f"guessing {world.name}", replicate)
    return sample(world, draws, streams.numpy("corpus"), count_cap=2)


@pytest.mark.parametrize(("draws", "answers"), [(100, 2), (10**4, 12), (10**6, 365), (10**12, 366)])
def test_the_calibrated_learner_errs_on_the_missing_mass_and_the_bounds_are_as_published(
    draws: int, answers: int
) -> None:
    """err = MM (|R| - 1)/|R| summed over cells; the bounds of Theorem 2 written out; MM - 2/K for the sharp one."""
    world = guessing.people(0.4, draws, answers)
    assert expected_singleton_rate(world, draws) == pytest.approx(0.4, abs=1e-9)
    corpus = corpus_of(world, draws, 3)
    unseen = corpus.times_answered == 0
    missed = float(world.popularity[corpus.fact_class[unseen]] @ corpus.facts[unseen])
    found = values_of("guessing", draws=float(draws), answers=float(answers), corpus=3.0)
    rate = float(corpus.facts[corpus.times_answered == 1].sum()) / draws
    expected = {
        "singleton_rate": rate,
        "error": missed * (answers - 1) / answers,
        "published": rate - 2 / (answers - 1) - (35 + 6 * math.log(draws)) / math.sqrt(draws),
        "sharp": missed - 2 / (answers - 1),
        "upper": rate - rate / answers + 13 / math.sqrt(draws),
    }
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("learner", ["guess_one", "abstain"])
def test_other_learners_pay_with_the_gap(learner: str) -> None:
    """Abstaining: err = 0 and delta = MM. Guessing: err and delta within 5 standard errors of MM (|R| - 1)/|R|."""
    draws, answers = 10**6, 4
    world = guessing.people(0.4, draws, answers)
    corpus = corpus_of(world, draws, 1)
    unseen = corpus.times_answered == 0
    mu, facts = world.popularity[corpus.fact_class[unseen]], corpus.facts[unseen]
    found = values_of("guessing", answers=4.0, learner=learner)
    if learner == "abstain":
        assert found["error"] == 0
        assert found["calibration_gap"] == pytest.approx(float(mu @ facts), rel=1e-9)
    else:
        spread = 5 * math.sqrt(float(mu**2 @ facts) * 3 / 16)
        assert found["error"] == pytest.approx(float(mu @ facts) * 3 / 4, abs=spread)
        assert found["calibration_gap"] == pytest.approx(found["error"], rel=1e-9)


def test_a_bound_that_says_nothing_is_called_vacuous_and_only_then() -> None:
    shown = demonstration("guessing")
    for draws, word in ((100.0, True), (1e12, False)):
        scene = shown.scene(**shown.settings() | {"draws": draws})
        text = next(number.text for number in scene.numbers if number.name == "published")
        assert ("vacuous" in text) is word
        assert ("vacuous" in scene.sentence) is word
        assert (scene.values["published"] <= 0) is word


@pytest.mark.parametrize("learner", ["guess_one", "abstain"])
def test_two_answers_hide_every_gap_and_leave_no_bound(learner: str) -> None:
    """The threshold 1/K is 1: delta = 0, whoever errs; it is said, and so is that k/K = 2 takes the bounds away."""
    shown = demonstration("guessing")
    two, three = (shown.scene(**shown.settings() | {"answers": r, "learner": learner}) for r in (2.0, 3.0))
    assert two.values["calibration_gap"] == 0
    assert max(two.values["sharp"], two.values["published"]) <= -1
    assert "δ sees nothing of it" in two.sentence
    assert three.values["calibration_gap"] > 0.1
    assert "δ sees nothing of it" not in three.sentence


def test_only_at_its_own_threshold_can_the_promise_be_vacuous() -> None:
    """With K = 2 the promise is empty; at another threshold nothing is promised, and so nothing is called empty."""
    shown = demonstration("telling_apart")
    for times in (0.3, 1.0, 3.0):
        scene = shown.scene(**shown.settings() | {"n_wrong": 2.0, "times": times})
        text = next(number.text for number in scene.numbers if number.name == "bound")
        assert scene.values["bound"] <= 0
        assert text.startswith("vacuous") is (times == 1)
        assert ("Theorem 1 is attained" in scene.sentence) <= (times == 1)


@QUICK
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=5))
def test_labels_stand_apart_in_order_and_inside(wanted: list[float]) -> None:
    wanted = sorted(wanted)
    places = guessing.spread(wanted, -0.25, 1.25, 0.12)
    assert all(b - a >= 0.12 - 1e-12 for a, b in itertools.pairwise(places))
    assert places[0] >= -0.25 - 1e-12
    assert places[-1] <= 1.25 + 1e-12
    inside = [place for place in wanted if -0.25 <= place <= 1.25]
    if inside == wanted and all(b - a >= 0.12 for a, b in itertools.pairwise(wanted)):
        assert places == pytest.approx(wanted)  # nothing is moved without need


def enumerated(density: Any, z: float) -> dict[str, Fraction]:
    """Both sides of the identity for the one prompt, response by response, from the definitions, in fractions."""
    p_hat, k_wrong, cut = [Fraction(float(x)) for x in density], len(density) - 2, Fraction(z)
    alpha = Fraction(telling_apart.ANSWER_RATE)
    p = [alpha, Fraction(1.0 - telling_apart.ANSWER_RATE)] + [Fraction(0)] * k_wrong
    rows = range(len(density))
    above = [x > cut for x in p_hat]
    judged = [p[i] / 2 if i < 2 else Fraction(1, 2 * k_wrong) for i in rows]
    signed = sum((p_hat[i] - p[i] for i in rows if above[i]), Fraction(0))
    return {
        "error": sum(p_hat[2:], Fraction(0)),
        "valid_over_errors": Fraction(2, k_wrong),
        "calibration_gap": abs(signed),
        "twice_iiv_error": 2 * sum((judged[i] for i in rows if above[i] != (i < 2)), Fraction(0)),
        "over": sum((p_hat[i] - 2 * judged[i] for i in rows if above[i] and i >= 2), Fraction(0)),
        "room": Fraction(2, k_wrong) - sum((p_hat[i] for i in (0, 1) if not above[i]), Fraction(0)),
        "gap": abs(signed) - signed,
    }


CONTROLS = {control.name: control.values for control in demonstration("telling_apart").controls}
anywhere = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CONTROLS.items()})
between = st.fixed_dictionaries(
    {name: st.floats(min(values), max(values)) for name, values in CONTROLS.items() if name != "n_wrong"}
    | {"n_wrong": st.integers(2, 40)}
)


def judged(controls: dict[str, Any]) -> tuple[telling_apart.Parts, dict[str, Fraction], Any, float]:
    """The parts as the demonstration has them and as enumerated, with the table and the threshold."""
    n_wrong, how = int(controls["n_wrong"]), [controls[name] for name in ("unknown", "bend", "one_wrong")]
    density = telling_apart.believed(*how, n_wrong)
    z = min(controls["times"] / n_wrong, 1.0)
    pairs = telling_apart.table(density)
    return telling_apart.parts(pairs, z), enumerated(density, z), pairs, z


def off(found: telling_apart.Parts, without: str = "") -> float:
    """By how much the two bars differ in length, one part left out."""
    right = sum(value for name, value in found.right.items() if name != without)
    return sum(found.left.values()) - right


@QUICK
@given(st.one_of(anywhere, between))
def test_the_bars_add_up_at_every_threshold_and_each_part_is_the_enumerated_one(controls: dict[str, Any]) -> None:
    found, exact, pairs, z = judged(controls)
    for name, value in (found.left | found.right).items():
        assert value == pytest.approx(float(exact[name]), abs=1e-12), name
    assert off(found) == pytest.approx(0, abs=1e-12)
    at_theirs = telling_apart.parts(pairs, float(threshold(pairs)))
    assert (at_theirs.over, at_theirs.room, at_theirs.gap) == pytest.approx(slack_parts(pairs), abs=1e-12)
    assert min(at_theirs.over, at_theirs.room, at_theirs.gap) >= -1e-12
    assert found.over >= -1e-12 or z < float(threshold(pairs))
    assert found.room >= -1e-12 or z > float(threshold(pairs))


def test_the_bars_add_up_over_a_grid_and_not_without_any_one_part() -> None:
    """Negative control: each of over, room and gap is somewhere more than a tenth of the length."""
    grid = {"unknown": (0, 0.5, 1), "bend": (-0.9, 0, 0.6), "one_wrong": (0, 0.3, 0.9), "n_wrong": (2, 10, 24)}
    apart = dict.fromkeys(("", "twice_iiv_error", "over", "room", "gap"), 0.0)
    broken = 0.0
    for at in itertools.product(*grid.values()):
        for times in (0.2, 1.0, 3.0):
            found, _, _, _ = judged(dict(zip(grid, at, strict=True)) | {"times": times})
            apart = {name: max(most, abs(off(found, name))) for name, most in apart.items()}
            report = telling_apart.promise(found, at[-1])
            if times == 1:
                assert report.slack >= -1e-12
            broken = min(broken, report.slack)
            assert report.slack == pytest.approx(found.over + found.room + found.gap, abs=1e-12)
    assert apart.pop("") < 1e-12
    assert min(apart.values()) > 0.1
    assert broken < -0.1  # what Theorem 1 promises at its own threshold fails at another


def test_a_response_on_the_threshold_is_not_above_it_though_rounded_up() -> None:
    """IDK is believed 1 - 0.7, in floats a little more than 0.3 = 3/K; a twentieth lower it is above."""
    density = telling_apart.believed(1, 0, 0, 10)
    assert density[1] > 3 / 10
    assert values_of("telling_apart", times=3.0)["iiv_error"] == pytest.approx(0.5)
    assert values_of("telling_apart", times=2.85)["iiv_error"] == pytest.approx(0.35)
    for times in (0.1, 1.0, 6.0):
        assert telling_apart.level(times, density) == times / 10


def test_what_is_not_bent_is_believed_as_the_calibrated_learner_does() -> None:
    """No unknown: p itself. All unknown: alpha/|R| each, so delta = 0 and err = alpha K/(K + 1)."""
    np.testing.assert_allclose(telling_apart.believed(0, 0, 0, 10)[:2], [0.7, 0.3])
    found = values_of("telling_apart")
    assert found["error"] == pytest.approx(0.7 * 10 / 11)
    assert found["calibration_gap"] == pytest.approx(0, abs=1e-15)
    assert found["iiv_error"] == pytest.approx(0.35)
    assert found["bound"] == pytest.approx(0.7 - 0.2)
    even = telling_apart.believed(0.5, 1, 0, 10)
    np.testing.assert_allclose(even, 1 / 12)


def a_corpus(lean: float, answers: int) -> tuple[Any, Any, Any, Streams]:
    """A corpus of the second kind of scene, and the learner's density."""
    world = guessing.people(0.4, calibration_costs.DRAWS, answers, calibration_costs.ANSWER_RATE)
    streams = Streams(0, "calibration_costs", 1)
    corpus = sample(world, calibration_costs.DRAWS, streams.numpy("corpus"), count_cap=2)
    return world, corpus, calibration_costs.fitted(lean, corpus, streams), streams


@pytest.mark.parametrize("answers", [4, 12, 365])
@pytest.mark.parametrize("lean", [0.0, 0.1, 0.5, 1.0])
def test_abstaining_follows_the_closed_form(lean: float, answers: int) -> None:
    """err = (1 - q) MM (|R| - 1)/|R|, and delta = q MM where 1 - alpha (1 - q) > 1/K, else 0."""
    world, corpus, _, _ = a_corpus(lean, answers)
    unseen = corpus.times_answered == 0
    missed = 0.8 * float(world.popularity[corpus.fact_class[unseen]] @ corpus.facts[unseen])
    found = values_of("calibration_costs", lean=lean, answers=float(answers))
    above = 1 - 0.8 * (1 - lean) > 1 / (answers - 1)
    assert found["error"] == pytest.approx((1 - lean) * missed * (answers - 1) / answers, abs=1e-12)
    assert found["calibration_gap"] == pytest.approx(lean * missed * above, abs=1e-12)
    assert found["floor"] == pytest.approx(missed - 2 / (answers - 1), rel=1e-9)
    assert found["sum"] >= found["floor"]


@pytest.mark.parametrize("lean", [-1.0, -0.5, -0.1])
def test_guessing_errs_as_before_and_has_a_gap_besides(lean: float) -> None:
    """On average over luck err = MM (|R| - 1)/|R| and delta = |lean| times that, within 5 standard errors."""
    world, corpus, _, _ = a_corpus(lean, 12)
    unseen = corpus.times_answered == 0
    mu, facts = 0.8 * world.popularity[corpus.fact_class[unseen]], corpus.facts[unseen]
    missed, spread = float(mu @ facts), 5 * math.sqrt(float(mu**2 @ facts) * 11 / 144)
    found = values_of("calibration_costs", lean=lean, answers=12.0)
    assert found["error"] == pytest.approx(missed * 11 / 12, abs=spread)
    guess = 0.8 * ((1 + lean) / 12 - lean)
    assert found["calibration_gap"] == pytest.approx(-lean * missed * 11 / 12 * (guess > 1 / 11), abs=spread)


@pytest.mark.parametrize("answers", [4, 365])
@pytest.mark.parametrize("lean", [-0.9, -0.4, 0.0, 0.3, 0.95])
def test_the_slope_at_s_1_is_a_difference_of_losses(lean: float, answers: int) -> None:
    """dL/ds at s = 1 = p_hat(A) - p(A); the curve shown is L(p_hat_s) and every rescaled density sums to 1."""
    world, corpus, fit, streams = a_corpus(lean, answers)
    z = 1 / (answers - 1)

    def loss(s: float) -> float:
        scaled = calibration_costs.rescaled(fit, corpus, z, s)
        pairs = tabulate(world, corpus, scaled, streams)
        assert float((pairs.weight * pairs.p_hat).sum()) == pytest.approx(1, abs=1e-12)
        return cross_entropy(pairs)

    step = 1e-4
    slope = (loss(1 + step) - loss(1 - step)) / (2 * step)
    found = values_of("calibration_costs", lean=lean, answers=float(answers))
    assert found["slope"] == pytest.approx(slope, abs=1e-7)
    assert abs(found["slope"]) == pytest.approx(found["calibration_gap"], abs=1e-12)
    shown = calibration_costs.losses(fit, world, corpus, streams)
    scales = calibration_costs.SCALES
    assert shown == pytest.approx([loss(float(s)) - loss(1.0) for s in scales], abs=1e-12)
    assert shown[len(scales) // 2] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("lean", [-0.5, 0.0, 0.5])
def test_rescaling_cells_is_rescaling_each_response(lean: float) -> None:
    """Of each cell of a small world: its responses written out, those above z times s, divided by their sum."""
    world, draws, s = two_level(3, 30, 0.5, answers=6, answer_rate=0.8), 40, 1.7
    streams = Streams(5, "rows")
    truth = list_facts(world, streams.numpy("facts"))
    corpus = group(sample_listed(truth, draws, streams.numpy("corpus")))
    fit = calibration_costs.fitted(lean, corpus, streams)
    scaled = calibration_costs.rescaled(fit, corpus, 1 / 5, s)
    for i, answered in enumerate(corpus.answered):
        one = fit.seen[i] if answered else fit.unseen[i] if fit.guess is None else fit.guess[i]
        row = np.array([one, *[fit.unseen[i]] * 5, fit.idk[i]])
        row = np.where(row > 1 / 5, s * row, row)
        row /= row.sum()
        found = scaled.seen[i] if answered else scaled.unseen[i] if scaled.guess is None else scaled.guess[i]
        assert (found, scaled.unseen[i], scaled.idk[i]) == pytest.approx((row[0], row[1], row[6]), rel=1e-12)
    assert corpus.answered.any()
    assert not corpus.answered.all()
