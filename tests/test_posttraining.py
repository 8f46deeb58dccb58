"""Post-training: closed forms, laws with negative controls, slow twins, and what the grader lets through."""

import itertools
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from simlab import drawing, measures, worlds
from simlab.calibration import ece, forecasts
from simlab.corpora import Listed, group, list_facts, sample, sample_listed
from simlab.errors import BadInput
from simlab.fitting import fit
from simlab.grading import binary, confidence_target, partial_credit, penalised
from simlab.measures import observe
from simlab.models import LEARNERS, Fit, TableFit, learn
from simlab.models.bilinear import Bilinear
from simlab.models.mlp import MLP
from simlab.pairs import tabulate
from simlab.posttraining import (
    Grader,
    Responses,
    Sampling,
    agreed,
    all_preferences,
    at_each_target,
    audit_targets,
    behave,
    best_of,
    by_class,
    by_confidence,
    confidence_of,
    divergence,
    draw_preferences,
    enumerate_responses,
    exact_gradient,
    expected_calibration_error,
    grader_of,
    imitate,
    list_by_law,
    objective_of,
    of_family,
    of_features,
    of_groups,
    of_table,
    optimum,
    peaked,
    posttrain,
    prefer,
    restate,
    right_of,
    sample_posttraining,
    sampled_agreement,
    sampled_gradients,
    self_consistent,
    world_of_classes,
)
from simlab.posttraining.studies import LEVELS, TOPS, groups_of, list_by_tops
from simlab.posttraining.studies import policy_of as policy_of_confidence
from simlab.seeds import Streams

S = Streams(11)
TRUTH = list_facts(worlds.uniform(12, answers=4, answer_rate=0.7), S.numpy("facts"))
CORPUS = sample_listed(TRUTH, 20, S.numpy("corpus"))
BASE = enumerate_responses(learn("add_constant", CORPUS, S, constant=0.5), CORPUS)  # every response is possible
TARGET = grader_of(TRUTH, CORPUS, BASE, confidence_target(0.5))
HALF = np.arange(12) < 6

ZIPF = worlds.zipf(300, answers=7, answer_rate=0.8)
CELLS = sample(ZIPF, 400, S.numpy("cells"))


def classes(facts_per_class: int = 100, seed: int = 0) -> tuple:
    """Prompts whose answers have laws, a corpus, the calibrated base, and which prompts are graded."""
    streams = Streams(seed)
    tops = np.array([0.2, 0.4, 0.6, 0.8, 0.95])
    truth = list_by_law(world_of_classes(5, facts_per_class, 8, 0.8), peaked(tops, 8), streams.numpy("facts"))
    corpus = sample_listed(truth, 5 * facts_per_class, streams.numpy("corpus"))
    base = enumerate_responses(by_class(corpus), corpus)
    return truth, corpus, base, streams.numpy("split").random(len(truth.correct)) < 0.5


def z_scores(draws: np.ndarray, value: np.ndarray) -> np.ndarray:
    """How many Monte Carlo standard errors the mean of ``draws`` is from ``value``, where the draws vary at all."""
    error = draws.std(axis=0, ddof=1) / len(draws) ** 0.5
    return ((draws.mean(axis=0) - value) / np.where(error > 0, error, np.inf)).ravel()


# ---- what a policy chooses from


@pytest.mark.parametrize("form", ["cells", "listed"])
def test_responses_are_the_density_that_they_are_of(form) -> None:
    """Laid out and put together again every learner has the measures that it had."""
    truth = list_facts(ZIPF, S.numpy("facts"))
    corpus = CELLS if form == "cells" else sample_listed(truth, 400, S.numpy("listed"))
    tried = 0
    for name, needs in LEARNERS.items():
        if not needs.prompted or needs.listed:
            continue
        density = learn(name, corpus, S)
        responses = enumerate_responses(density, corpus)
        assert responses.mass.sum(1) == pytest.approx(1.0)
        again = restate(responses, responses.base, "again")
        where = ZIPF if form == "cells" else truth
        one, two = (observe(tabulate(where, corpus, density_, S)).columns for density_ in (density, again))
        assert two == pytest.approx(one, abs=1e-12), name
        tried += 1
    assert tried >= 5


def test_mass_outside_the_responses_is_one_more_of_them() -> None:
    table = np.array([[0.5, 0.2, 0.1], [0.0, 0.9, 0.1]])
    corpus = Listed(np.array([0]), np.array([0]), np.zeros(2, int), np.full(2, 2), np.full(2, 0.9))
    density = TableFit("strings", table, nonsense=np.array([0.2, 0.0]))
    responses = enumerate_responses(density, corpus)
    assert responses.base[0].tolist() == [0.5, 0.2, 0.1, 0.2]
    assert responses.idk == 2
    assert not responses.is_answer[0, 3]
    world = worlds.uniform(2, answers=2, answer_rate=0.9)
    truth = replace(list_facts(world, S.numpy("x")), correct=np.array([0, 1]))
    grader = grader_of(truth, corpus, responses, penalised(1.0))
    assert grader.mean_scores.tolist() == [[1, -1, 0, -1], [-1, 1, 0, -1]]
    after = optimum(responses, grader, 0.25)
    assert after[0, 3] / after[0, 1] == pytest.approx(1.0)  # nonsense scores as a wrong answer does
    again = restate(responses, after, "policy")
    assert again.nonsense == pytest.approx(after[:, 3])
    twice = restate(responses, agreed(responses), "agreed")
    assert twice.nonsense == pytest.approx(0.0)  # many strings never agree
    assert twice.p_hat[0] == pytest.approx([0.25, 0.04, 1 - 0.29])
    did = behave(truth, corpus, responses, after, streams=S)
    assert did.error == pytest.approx(did.measures.error, abs=1e-12)


def test_what_has_no_responses_is_refused() -> None:
    strings = worlds.factoids(worlds.zipf(5), 9)
    corpus = sample(strings, 10, S.numpy("x"))
    with pytest.raises(BadInput, match="post-training asks prompts, and this corpus has none: take a world with"):
        enumerate_responses(learn("memorising", corpus, S), corpus)
    with pytest.raises(BadInput, match="a corpus of cells needs a fit to its cells, a listed corpus a fit to the"):
        enumerate_responses(learn("calibrated", CELLS, S), CORPUS)
    other = sample(worlds.uniform(30), 50, S.numpy("other"))
    with pytest.raises(BadInput, match=r"the fit has \d+ cells and the corpus \d+: fit this corpus"):
        enumerate_responses(learn("calibrated", other, S), CELLS)
    with pytest.raises(BadInput, match=r"the fit has shape \(12, 6\) and the corpus \(12, 5\): fit this corpus"):
        enumerate_responses(TableFit("x", np.full((12, 6), 1 / 6)), CORPUS)
    with pytest.raises(BadInput, match="the fit of x diverged: p_hat holds NaN or infinity"):
        enumerate_responses(TableFit("x", np.full((12, 5), np.nan)), CORPUS)
    with pytest.raises(BadInput, match="p_hat of row 0 does not sum to 1"):
        enumerate_responses(TableFit("x", np.full((12, 5), 0.3)), CORPUS)


# ---- the grader


def test_a_grader_scores_by_its_rule_and_errs_as_often_as_told() -> None:
    """Single scores, drawn, have the mean scores as their mean; of a judge that errs more often they have not."""
    judge = grader_of(TRUTH, CORPUS, BASE, penalised(3.0), false_pass=0.2, false_fail=0.1)
    right = right_of(TRUTH, CORPUS, BASE)
    expected = np.where(right == 1, 0.9 - 0.1 * 3, 0.2 - 0.8 * 3)
    expected[:, BASE.idk] = 0.0
    assert judge.mean_scores == pytest.approx(expected)
    rng, n = S.numpy("judge"), 4_000
    row, column = np.divmod(np.tile(np.arange(60), n), 5)
    drawn = judge.draw(rng, row, column).reshape(n, 12, 5)
    assert abs(z_scores(drawn, judge.mean_scores)).max() < 4.5
    worse = grader_of(TRUTH, CORPUS, BASE, penalised(3.0), false_pass=0.25, false_fail=0.1)
    assert abs(z_scores(drawn, worse.mean_scores)).max() > 6


@pytest.mark.parametrize(("false_pass", "false_fail"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.3), (0.15, 0.25)])
def test_the_belief_from_which_answering_pays_under_a_judge_that_errs(false_pass, false_fail) -> None:
    """(t - e)/(1 - e - f), found again by search over the beliefs of a two-answer prompt."""
    judge = grader_of(TRUTH, CORPUS, BASE, confidence_target(0.75), false_pass=false_pass, false_fail=false_fail)
    right = right_of(TRUTH, CORPUS, BASE)[0]
    score = judge.mean_scores[0]
    best, worst = score[right == 1][0], score[:-1][right[:-1] == 0][0]
    beliefs = np.linspace(0, 1, 100_001)
    pays = beliefs * best + (1 - beliefs) * worst > score[-1]
    found = beliefs[pays.argmax()] if pays.any() else np.inf
    if judge.break_even[0] < 1:
        assert found == pytest.approx(judge.break_even[0], abs=2e-5)
        moved = false_pass > 0 or false_fail > 0
        assert (abs(found - 0.75) > 0.01) == moved  # the rule's own threshold would be refuted
    else:
        assert found == np.inf  # such a judge never pays for an answer


def test_the_grader_of_cells_is_the_mean_over_which_answer_is_right() -> None:
    """Against graders of the listed prompts: each answer of an unread prompt is the right one in one world of four."""
    world = TRUTH.world
    cells = group(CORPUS)
    responses = enumerate_responses(learn("add_constant", cells, S, constant=0.5), cells)
    fast = grader_of(world, cells, responses, confidence_target(0.5)).mean_scores
    unread = CORPUS.times_answered == 0
    slow = np.zeros((12, 5))
    for answer in range(4):
        correct = np.where(unread, answer, TRUTH.correct)
        listed = grader_of(replace(TRUTH, correct=correct), CORPUS, BASE, confidence_target(0.5))
        slow += listed.mean_scores / 4
    unanswered = cells.times_answered == 0
    assert unread.any()
    assert slow[unread, :-1] == pytest.approx(fast[unanswered, 1][0])
    assert (fast[unanswered, 1] == fast[unanswered, 1][0]).all()
    assert fast[~unanswered, 0] == pytest.approx(1.0)
    assert fast[~unanswered, 1] == pytest.approx(-1.0)


def test_truth_passes_for_the_prompts_that_are_graded_and_no_others() -> None:
    grader = grader_of(TRUTH, CORPUS, BASE, binary(), prompts=HALF)
    assert (grader.mean_scores[~HALF] == 0).all()
    assert grader.mean_scores[HALF].max() == 1
    with pytest.raises(BadInput, match="row 7 is not among the prompts graded: ask those alone"):
        grader.draw(S.numpy("x"), np.array([1, 7]), np.array([0, 0]))
    after = posttrain(of_table(BASE), grader, streams=S, learning_rate=3.0, steps=300).table
    assert after[~HALF] == pytest.approx(BASE.base[~HALF], abs=1e-12)
    right = right_of(TRUTH, CORPUS, BASE)
    assert (after * right)[HALF].sum(1).min() > (BASE.base * right)[HALF].sum(1).min() + 0.3  # their answers leak in


def test_a_judge_with_errors_of_its_own_is_exploited() -> None:
    """Errors drawn anew do not change what is best; those that stay are found: the policy says what passes."""
    judge = grader_of(TRUTH, CORPUS, BASE, penalised(1.0), false_pass=0.25)
    right = right_of(TRUTH, CORPUS, BASE)
    fair, fixed = judge, judge.decided(S.numpy("verdicts"))
    assert set(np.unique(fixed.passed)) == {0.0, 1.0}
    best = optimum(BASE, fair, 0.0)
    assert (best * right).sum(1) == pytest.approx(1.0)
    fooled = optimum(BASE, fixed, 0.0)
    assert objective_of(fooled, BASE, fixed) == pytest.approx(1.0)  # every score is full
    assert (fooled * right).sum() / 12 < 0.9  # and many answers are wrong


def test_graders_that_are_refused() -> None:
    for rates, said in (
        ({"false_pass": 1.0}, "false_pass = 1.0: must be a chance from 0 to below 1"),
        ({"false_fail": -0.1}, "false_fail = -0.1: must be a chance from 0 to below 1"),
        ({"false_pass": 0.5, "false_fail": 0.5}, "must add up to less than 1, or the judge prefers what is wrong"),
    ):
        with pytest.raises(BadInput, match=said):
            grader_of(TRUTH, CORPUS, BASE, binary(), **rates)
    with pytest.raises(BadInput, match="prompts names none: give at least one to be graded"):
        grader_of(TRUTH, CORPUS, BASE, binary(), prompts=np.zeros(12, dtype=bool))
    with pytest.raises(BadInput, match="prompts has 3 entries for 12 rows: say of each row whether it is graded"):
        grader_of(TRUTH, CORPUS, BASE, binary(), prompts=np.ones(3, dtype=bool))
    with pytest.raises(BadInput, match="a listed corpus needs the Truth it was drawn from"):
        grader_of(TRUTH.world, CORPUS, BASE, binary())
    responses = enumerate_responses(learn("calibrated", CELLS, S), CELLS)
    with pytest.raises(BadInput, match="a corpus of cells needs the World it was drawn from"):
        grader_of(TRUTH, CELLS, responses, binary())
    with pytest.raises(BadInput, match="a verdict of its own for every response needs a listed corpus"):
        grader_of(ZIPF, CELLS, responses, binary()).decided(S.numpy("x"))


# ---- exact gradients


@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_the_optimum_of_the_anchored_objective(beta) -> None:
    """s - beta ln(pi/p_hat) is constant on each prompt, and no other policy scores more."""
    best = optimum(BASE, TARGET, beta)
    level = TARGET.mean_scores - beta * np.log(best / BASE.base)
    assert level == pytest.approx(np.broadcast_to(level[:, :1], level.shape), abs=1e-12)
    top, rng = objective_of(best, BASE, TARGET, beta), S.numpy("rivals")
    for _ in range(50):
        rival = best * np.exp(rng.normal(size=best.shape) * rng.choice([0.01, 0.1, 1.0]))
        assert objective_of(rival / rival.sum(1, keepdims=True), BASE, TARGET, beta) < top


def test_without_an_anchor_the_optimum_is_the_best_responses_alone() -> None:
    best = optimum(BASE, TARGET, 0.0)
    assert (best * right_of(TRUTH, CORPUS, BASE)).sum(1) == pytest.approx(1.0)
    assert best == pytest.approx(optimum(BASE, TARGET, 1e-4), abs=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_exact_policy_gradient_reaches_the_closed_form(beta) -> None:
    """To 1e-6, from a listed base; the closed form of another anchor is refuted."""
    done = posttrain(of_table(BASE), TARGET, streams=S, beta=beta, learning_rate=3.0, steps=4_000)
    assert done.trace.converged
    assert abs(done.table - optimum(BASE, TARGET, beta)).max() < 1e-6
    assert abs(done.table - optimum(BASE, TARGET, 1.1 * beta)).max() > 1e-3
    assert -done.trace.loss[-1] == pytest.approx(objective_of(done.table, BASE, TARGET, beta), abs=1e-12)


def test_exact_policy_gradient_on_cells_reaches_the_closed_form() -> None:
    """Orbits of a world of 1e6 facts, and the learner that guesses too."""
    world = worlds.uniform(10**6, answers=7, answer_rate=0.8)
    corpus = sample(world, 10**6, S.numpy("corpus"), count_cap=2)
    for name in ("calibrated", "guess_one"):
        responses = enumerate_responses(learn(name, corpus, S), corpus)
        grader = grader_of(world, corpus, responses, confidence_target(0.5))
        done = posttrain(of_table(responses), grader, streams=S, beta=1.0, learning_rate=3.0, steps=4_000)
        assert abs(done.table - optimum(responses, grader, 1.0)).max() < 1e-6
        assert abs(done.table - responses.base).max() > 0.05


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_the_natural_gradient_contracts_at_its_rate(rate) -> None:
    """One step of size 1/beta is the optimum; of size rate/beta, ln pi - ln pi* shrinks by 1 - rate a step."""
    beta = 0.3
    best = optimum(BASE, TARGET, beta)

    def far(steps: int) -> np.ndarray:
        done = posttrain(
            of_table(BASE), TARGET, streams=S, beta=beta, optimizer="natural", learning_rate=rate / beta, steps=steps
        )
        ratio = np.log(done.table / best)
        return ratio - ratio.mean(1, keepdims=True)

    start = np.log(BASE.base / best)
    start -= start.mean(1, keepdims=True)
    for steps in (1, 2, 5):
        assert far(steps) == pytest.approx((1 - rate) ** steps * start, abs=1e-12)


def bandits(rng: np.random.Generator, n: int = 12) -> tuple[Responses, Grader]:
    """One question of five answers, the base uniform on them and IDK, ``n`` times with other scores."""
    responses = replace(BASE, base=np.full((n, 5), 0.2), sizes=np.ones((n, 5)), facts=np.ones(n))
    points = np.tile([1.0, 0.0, 0.0], (n, 1))
    passed = rng.random((n, 5))
    passed[:, -1] = 0.0
    return responses, Grader(np.full(n, 1 / n), passed, points, BASE.idk)


def rate_of(gaps: np.ndarray, steps: np.ndarray) -> tuple[float, float]:
    """The mean exponent of ``gaps``[steps, questions] against the steps, and its standard error over questions."""
    x = np.log(steps) - np.log(steps).mean()
    slopes = x @ np.log(gaps) / (x @ x)
    return float(slopes.mean()), float(slopes.std(ddof=1) / len(slopes) ** 0.5)


def gaps_along(beta: float, steps: np.ndarray, optimizer: str = "sgd") -> np.ndarray:
    """How far each question is from the best value it can have, along the steps."""
    responses, grader = bandits(S.numpy("bandits"))
    done = posttrain(
        of_table(responses),
        grader,
        streams=S,
        beta=beta,
        optimizer=optimizer,
        learning_rate=4.0,
        steps=int(steps[-1]),
        every=[int(step) for step in steps],
    )
    best = optimum(responses, grader, beta)

    def value(policy: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            anchor = np.where(policy > 0, policy * np.log(policy / responses.base), 0.0).sum(1)
        return (policy * grader.mean_scores).sum(1) - beta * anchor

    return np.stack([value(best) - value(look.p_hat) for _, look in done.snapshots])


def test_the_plain_softmax_gradient_closes_the_gap_like_one_over_t() -> None:
    """The exponent is -1 within its standard error and the correction left at these t; with an anchor it is far below.

    Mei et al. 2020 (arXiv 2005.06392): Theta(1/t) without an anchor, linear with one.
    """
    steps = np.unique(np.geomspace(3_000, 30_000, 12).astype(int))
    slope, error = rate_of(gaps_along(0.0, steps), steps)
    assert error < 0.02
    assert abs(slope + 1) < 4 * error + 0.01
    early = np.unique(np.geomspace(20, 100, 8).astype(int))
    anchored, error = rate_of(np.maximum(gaps_along(0.3, early), 1e-300), early)
    assert anchored + 1 < -4 * error - 1  # no power of t: the same check refutes it


FORMS = ("table", "groups", "features", "family")


def policy_of(form: str):
    """A small policy of each form, with its grader."""
    if form == "table":
        return of_table(BASE), TARGET
    if form == "groups":
        return of_groups(BASE, by_confidence(BASE, confidence_of(BASE), np.array([0.4, 0.6]))), TARGET
    if form == "features":
        return of_features(BASE, S.numpy("features").normal(size=(12, 5, 3))), TARGET
    fitted = fit(CORPUS, Bilinear(2), streams=S, learning_rate=0.05, steps=20)
    responses = enumerate_responses(fitted.density, CORPUS)
    return of_family(responses, fitted), grader_of(TRUTH, CORPUS, responses, confidence_target(0.5))


@pytest.mark.parametrize("form", FORMS)
def test_exact_gradients_are_those_of_finite_differences(form) -> None:
    """Of J in double precision, coordinate by coordinate along random directions."""
    policy, grader = policy_of(form)
    slope = exact_gradient(policy, grader, beta=0.2)
    assert policy.table() == pytest.approx(policy.responses.base, abs=1e-12)  # a warm start
    rng = S.numpy("directions")
    for _ in range(5):
        way = jax.tree.map(lambda x: rng.normal(size=np.shape(x)), policy.start)
        ends = [jax.tree.map(lambda x, w, h=h: x + h * w, policy.start, way) for h in (1e-5, -1e-5)]
        up, down = (objective_of(policy.table(end), policy.responses, grader, 0.2) for end in ends)
        along = sum(np.sum(g * w) for g, w in zip(jax.tree.leaves(slope), jax.tree.leaves(way), strict=True))
        assert along == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-9)


def test_cells_follow_the_path_of_the_whole_table() -> None:
    """The slow twin: every prompt and response listed, each with the mean score of its orbit."""
    world = worlds.uniform(40, answers=5, answer_rate=0.7)
    truth = list_facts(world, S.numpy("facts"))
    listed = sample_listed(truth, 60, S.numpy("listed"))
    cells = group(listed)
    many, few = (enumerate_responses(learn("add_constant", c, S, constant=0.3), c) for c in (listed, cells))
    slow, fast = (
        grader_of(where, c, r, confidence_target(0.4)) for where, c, r in ((truth, listed, many), (world, cells, few))
    )
    unread = listed.times_answered == 0
    blind = slow.passed.copy()
    blind[unread, :-1] = 1 / 5  # nobody can tell which answer of an unread prompt is right
    tables = [
        posttrain(of_table(r), g, streams=S, optimizer=o, learning_rate=0.5, steps=50).density
        for o in ("sgd", "adam")
        for r, g in ((many, replace(slow, passed=blind)), (few, fast))
    ]
    for one, two in (tables[:2], tables[2:]):
        assert isinstance(one, TableFit)
        assert isinstance(two, Fit)
        a, b = observe(tabulate(truth, listed, one, S)).columns, observe(tabulate(world, cells, two, S)).columns
        assert a == pytest.approx(b, abs=1e-9)
        assert a["error"] != pytest.approx(observe(tabulate(truth, listed, many.fit, S)).error, abs=1e-3)


def test_a_response_that_the_base_never_gives_is_never_learned() -> None:
    """A base that never says IDK cannot be taught to: 0 is 0 under every step."""
    sure = enumerate_responses(
        learn(
            "calibrated", sample_listed(list_facts(worlds.uniform(12, answers=4), S.numpy("f")), 20, S.numpy("c")), S
        ),
        CORPUS,
    )
    assert (sure.base[:, -1] == 0).all()
    grader = grader_of(TRUTH, CORPUS, sure, confidence_target(0.9))
    done = posttrain(of_table(sure), grader, streams=S, learning_rate=3.0, steps=300)
    assert (done.table[sure.base == 0] == 0).all()
    assert (done.table * sure.sizes).sum(1) == pytest.approx(1.0)


# ---- sampled gradients


SMALL = Sampling(questions=8, answers=3)


def projections(baseline: str, batches: int = 20_000) -> np.ndarray:
    """z-scores of estimated gradients against the exact one, along itself and 20 random directions."""
    policy, beta = of_table(BASE), 0.3
    exact = exact_gradient(policy, TARGET, beta=beta)
    drawn = sampled_gradients(
        policy, TARGET, streams=S, beta=beta, sampling=replace(SMALL, baseline=baseline), batches=batches
    )
    ways = np.concatenate([exact[None], S.numpy("ways").normal(size=(20, *exact.shape))])
    return z_scores(np.einsum("bcr,wcr->bw", drawn, ways), np.einsum("cr,wcr->w", exact, ways))


@pytest.mark.parametrize("baseline", ["none", "leave_one_out"])
def test_the_reinforce_gradient_is_unbiased(baseline) -> None:
    assert abs(projections(baseline)).max() < 4.5


def test_a_baseline_that_holds_the_reward_itself_is_biased_by_one_over_k() -> None:
    """The negative control: the same check refutes it, and finds it right once it is divided by 1 - 1/k."""
    assert abs(projections("group")).max() > 10
    policy, beta, k = of_table(BASE), 0.3, SMALL.answers
    exact = exact_gradient(policy, TARGET, beta=beta)
    drawn = sampled_gradients(
        policy, TARGET, streams=S, beta=beta, sampling=replace(SMALL, baseline="group"), batches=20_000
    )
    along = (drawn * exact).sum((1, 2))
    assert abs(z_scores(along, (1 - 1 / k) * (exact**2).sum())).max() < 4.5


@pytest.mark.parametrize("sampling", [Sampling(64, 4), Sampling(64, 4, clip=0.2, epochs=4)], ids=["reinforce", "ppo"])
def test_sampled_post_training_ends_where_exact_post_training_does(sampling) -> None:
    """In outcome: J within .02 of the optimum, error, abstention and accuracy within .03."""
    beta = 0.3
    best = optimum(BASE, TARGET, beta)
    done = sample_posttraining(of_table(BASE), TARGET, streams=S, beta=beta, sampling=sampling, steps=500)
    top, base = (objective_of(policy, BASE, TARGET, beta) for policy in (best, BASE.base))
    reached = objective_of(done.table, BASE, TARGET, beta)
    assert top - 0.02 < reached <= top
    assert reached > base + 0.5
    assert -done.trace.loss[-1] == pytest.approx(reached, abs=1e-9)
    one, two = (behave(TRUTH, CORPUS, BASE, policy, streams=S) for policy in (best, done.table))
    for name in ("error", "abstention", "accuracy"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), abs=0.03)


def test_the_clip_bounds_what_one_batch_can_do() -> None:
    """Many epochs on one batch: with a clip ln pi moves far less than without any bound on the ratio."""

    def moved(clip: float) -> float:
        sampling = Sampling(256, 4, clip=clip, epochs=40)
        done = sample_posttraining(
            of_table(BASE), TARGET, streams=S, sampling=sampling, optimizer="sgd", learning_rate=1.0, steps=1
        )
        return float(abs(np.log(done.table / BASE.base)).max())

    assert moved(0.05) < 0.5 * moved(0.999)


def test_sampled_runs_repeat_and_differ_by_seed() -> None:
    def run(seed: int, every=None) -> np.ndarray:
        return sample_posttraining(
            of_table(BASE), TARGET, streams=Streams(seed), sampling=SMALL, steps=30, every=every
        ).table

    assert (run(1) == run(1)).all()
    assert (run(1) == run(1, every=7)).all()  # looking on the way changes nothing
    assert abs(run(1) - run(2)).max() > 1e-3


def test_settings_of_sampling_that_are_refused() -> None:
    with pytest.raises(BadInput, match="baseline 'mean' is unknown"):
        Sampling(baseline="mean")
    with pytest.raises(BadInput, match="answers = 1: baseline leave_one_out compares at least 2 answers a question"):
        Sampling(answers=1)
    with pytest.raises(BadInput, match=r"clip = 1\.5: must lie strictly between 0 and 1, or be None for REINFORCE"):
        Sampling(clip=1.5)
    with pytest.raises(BadInput, match="epochs = 2: REINFORCE uses each batch once; give clip for PPO"):
        Sampling(epochs=2)
    with pytest.raises(BadInput, match="optimizer lbfgs needs exact gradients: take adam, adamw or sgd"):
        sample_posttraining(of_table(BASE), TARGET, streams=S, optimizer="lbfgs")


# ---- preferences


@pytest.mark.parametrize("beta", [0.3, 1.0])
def test_the_optimum_of_dpo_is_the_anchored_optimum(beta) -> None:
    """For Bradley-Terry preferences by the scores, whatever pairs are shown; for doubled scores it is another."""
    best = optimum(BASE, TARGET, beta)
    weights = all_preferences(BASE, TARGET)
    assert weights.sum() == pytest.approx(1.0)
    settings = {"streams": S, "optimizer": "lbfgs", "steps": 2_000, "tolerance": 1e-9}
    done = prefer(of_table(BASE), TARGET, weights, beta, **settings)
    assert abs(done.table - best).max() < 1e-5
    flat = weights / (BASE.base[:, :, None] * BASE.base[:, None, :])  # every pair as often as every other
    assert abs(prefer(of_table(BASE), TARGET, flat, beta, **settings).table - best).max() < 1e-5
    doubled = all_preferences(BASE, replace(TARGET, points=2 * TARGET.points))
    assert abs(prefer(of_table(BASE), TARGET, doubled, beta, **settings).table - best).max() > 0.01
    assert abs(prefer(of_table(BASE), TARGET, doubled, 2 * beta, **settings).table - best).max() < 1e-5


def test_counted_preferences_are_drawn_from_the_exact_shares() -> None:
    weights, pairs = all_preferences(BASE, TARGET), 200_000
    drawn = draw_preferences(BASE, TARGET, pairs, S.numpy("pairs"))
    error = np.sqrt(weights * (1 - weights) / pairs)
    assert (abs(drawn - weights)[weights > 0] / error[weights > 0]).max() < 5
    assert (abs(drawn - weights.transpose(0, 2, 1)) / error).max() > 20  # preferred and not the other way round
    fine = prefer(of_table(BASE), TARGET, drawn, 0.5, streams=S, optimizer="lbfgs", steps=500)
    assert abs(fine.table - optimum(BASE, TARGET, 0.5)).max() < 0.1
    rough = draw_preferences(BASE, TARGET, 500, S.numpy("pairs"))
    rough_policy = prefer(of_table(BASE), TARGET, rough, 0.5, streams=S, optimizer="adam", steps=300)
    assert (
        abs(rough_policy.table - optimum(BASE, TARGET, 0.5)).max() > abs(fine.table - optimum(BASE, TARGET, 0.5)).max()
    )


def test_preferences_have_a_threshold_of_their_own_where_the_policy_cannot_tell_prompts_apart() -> None:
    """DPO averages chances of being preferred, not scores: answering wins from q* = (1/2 - s)/(S - s) on.

    S and s are how often a right and a wrong answer is preferred to IDK, sigma(1) and sigma(-9) at t = .9: q* = .684,
    where the score says .9. A policy gradient on the same groups says .9.
    """
    beliefs = np.array([0.62, 0.66, 0.71, 0.75, 0.85, 0.88, 0.92])
    n = len(beliefs)
    responses = replace(BASE, base=np.tile([0.4, 0.2, 0.4], (n, 1)), sizes=np.ones((n, 3)), facts=np.ones(n), idk=2)
    many = replace(
        responses,
        base=np.tile(responses.base, (2, 1)),
        sizes=np.ones((2 * n, 3)),
        facts=np.ones(2 * n),
    )
    passed = np.zeros((2 * n, 3))
    passed[:n, 0], passed[n:, 1] = 1.0, 1.0  # the first answer is right, or the second
    asked = np.concatenate([beliefs, 1 - beliefs]) / n
    grader = Grader(asked, passed, np.tile([1.0, -9.0, 0.0], (2 * n, 1)), 2)
    group = np.tile(3 * np.arange(n)[:, None] + np.arange(3), (2, 1))
    weights = all_preferences(many, grader)
    weights[:, 1, :] = weights[:, :, 1] = 0.0  # the second answer is never shown
    chosen = prefer(of_groups(many, group), grader, weights, 0.5, streams=S, optimizer="lbfgs", steps=500).table[:n]
    up = chosen[:, 0] / chosen[:, 2] > responses.base[:, 0] / responses.base[:, 2]
    expit = 1 / (1 + np.exp(-np.array([1.0, -9.0])))
    threshold = (0.5 - expit[1]) / (expit[0] - expit[1])
    assert threshold == pytest.approx(0.684, abs=5e-4)
    assert (up == (beliefs > threshold)).all()
    slope = posttrain(of_groups(many, group), grader, streams=S, learning_rate=1.0, steps=1).table[:n]
    by_score = slope[:, 0] / slope[:, 2] > responses.base[:, 0] / responses.base[:, 2]
    assert (by_score != up).any()


def test_preferences_that_are_refused() -> None:
    with pytest.raises(BadInput, match=r"preferred must hold a weight of at least 0 for each of \(12, 5, 5\)"):
        prefer(of_table(BASE), TARGET, np.zeros((12, 5, 5)), 0.5, streams=S)
    with pytest.raises(BadInput, match="beta = 0: must be positive and finite"):
        prefer(of_table(BASE), TARGET, all_preferences(BASE, TARGET), 0.0, streams=S)
    wide = replace(BASE, base=np.ones((3, 5_000)), sizes=np.ones((3, 5_000)))
    flat = replace(TARGET, passed=np.ones((3, 5_000)))
    with pytest.raises(BadInput, match="3 prompts of 5000 responses make more than 50000000 pairs"):
        all_preferences(wide, flat)
    policy, grader = policy_of("family")
    with pytest.raises(BadInput, match="optimizer lbfgs is for convex families, and policy is none"):
        prefer(policy, grader, all_preferences(policy.responses, grader), 0.5, streams=S, optimizer="lbfgs")


# ---- rejection sampling


def by_enumeration(responses: Responses, grader: Grader, n: int) -> np.ndarray:
    """The best of n draws, over all sequences of draws: the first of the highest score."""
    rows, columns = responses.base.shape
    policy = np.zeros((rows, columns))
    for row in range(rows):
        for drawn in itertools.product(range(columns), repeat=n):
            scores = grader.mean_scores[row, list(drawn)]
            policy[row, drawn[int(scores.argmax())]] += np.prod(responses.base[row, list(drawn)])
    return policy


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_best_of_n_is_the_sum_over_all_draws(n) -> None:
    rich = replace(TARGET, passed=np.where(TARGET.passed > 0, 1.0, S.numpy("scores").integers(0, 3, (12, 5)) / 4))
    for grader in (TARGET, rich):
        exact = best_of(BASE, grader, n)
        assert exact == pytest.approx(by_enumeration(BASE, grader, n), abs=1e-12)
        assert divergence(exact, BASE, grader.asked) <= np.log(n) - (n - 1) / n + 1e-12
        if n > 1:
            assert abs(exact - by_enumeration(BASE, grader, n - 1)).max() > 0.01


def test_the_best_of_many_is_the_optimum_without_an_anchor() -> None:
    assert best_of(BASE, TARGET, 10_000) == pytest.approx(optimum(BASE, TARGET, 0.0), abs=1e-9)
    responses = enumerate_responses(learn("calibrated", CELLS, S), CELLS)
    grader = grader_of(ZIPF, CELLS, responses, confidence_target(0.5))
    best = best_of(responses, grader, 3)
    assert (best * responses.sizes).sum(1) == pytest.approx(1.0)


def test_imitation_learns_the_policy_that_it_imitates() -> None:
    target = best_of(BASE, TARGET, 3)
    done = imitate(of_table(BASE), target, TARGET.asked, streams=S, optimizer="lbfgs", steps=2_000, tolerance=1e-10)
    assert done.table == pytest.approx(target, abs=1e-5)
    with pytest.raises(BadInput, match="target must hold a mass for each response, and none where the base has no"):
        imitate(of_table(BASE), target[:3], TARGET.asked, streams=S)


# ---- agreement with itself


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_agreement_is_the_sum_of_powers(samples) -> None:
    """Against the rule as it is run; that of one sample more is refuted."""
    repeats = 20_000
    exact = agreed(BASE, samples) * BASE.sizes
    run = sampled_agreement(BASE, samples, S.numpy("asked"), repeats)
    error = np.sqrt(np.maximum(exact * (1 - exact), 1e-12) / repeats)
    assert (abs(run - exact) / error).max() < 4.5
    assert (abs(run - agreed(BASE, samples + 1) * BASE.sizes) / error).max() > 20


def test_agreement_on_cells_tells_responses_of_an_orbit_apart() -> None:
    responses = enumerate_responses(learn("calibrated", CELLS, S), CELLS)
    exact = agreed(responses, 2) * responses.sizes
    run = sampled_agreement(responses, 2, S.numpy("asked"), 20_000)
    assert abs(run - exact).max() < 4.5 * 0.5 / 20_000**0.5
    unread = CELLS.times_answered == 0
    assert exact[unread, 1] == pytest.approx(7 * (0.8 / 7) ** 2)


def test_agreement_helps_those_who_spread_their_doubt() -> None:
    """Closed forms on an unread prompt: alpha (R - 1)/R -> alpha^2 (R - 1)/R^2 if spread, alpha^2 (R-1)/R if staked."""
    alpha, r = 0.8, 7
    unread = float((ZIPF.popularity[CELLS.fact_class] * CELLS.facts)[CELLS.times_answered == 0].sum())
    spread, staked = (
        enumerate_responses(self_consistent(enumerate_responses(learn(name, CELLS, S), CELLS)), CELLS)
        for name in ("calibrated", "guess_one")
    )
    errors = [behave(ZIPF, CELLS, one, one.base, streams=S).error for one in (spread, staked)]
    assert errors[0] == pytest.approx(unread * alpha**2 * (r - 1) / r**2, rel=1e-9)
    assert errors[1] == pytest.approx(unread * alpha**2 * (r - 1) / r, rel=1e-9)
    with pytest.raises(BadInput, match="samples = 0: must be a whole number of at least 1"):
        agreed(BASE, 0)


# ---- behaviour


def test_behaviour_agrees_with_the_table_of_pairs() -> None:
    for where, corpus, name in ((TRUTH, CORPUS, "add_constant"), (ZIPF, CELLS, "calibrated"), (ZIPF, CELLS, "abstain")):
        responses = enumerate_responses(learn(name, corpus, S), corpus)
        did = behave(where, corpus, responses, responses.base, streams=S)
        pairs = tabulate(where, corpus, responses.fit, S)
        assert did.error == pytest.approx(measures.error(pairs), abs=1e-12)
        assert did.calibration_gap == pytest.approx(measures.calibration_gap(pairs), abs=1e-12)
        assert did.accuracy + did.abstention + did.error == pytest.approx(1.0)
        assert did.score(confidence_target(0.5)) == pytest.approx(did.accuracy - did.error)
        assert did.score(partial_credit(0.3)) == pytest.approx(did.accuracy + 0.3 * did.abstention)


def test_behaviour_on_some_prompts_is_that_of_a_corpus_of_them() -> None:
    some = behave(TRUTH, CORPUS, BASE, BASE.base, streams=S, prompts=HALF)
    rest = behave(TRUTH, CORPUS, BASE, BASE.base, streams=S, prompts=~HALF)
    whole = behave(TRUTH, CORPUS, BASE, BASE.base, streams=S)
    assert whole.error == pytest.approx((some.error + rest.error) / 2)
    assert some.error != pytest.approx(rest.error, abs=1e-6)
    responses = enumerate_responses(learn("calibrated", CELLS, S), CELLS)
    with pytest.raises(BadInput, match="prompts names some rows of cells: of cells all are asked, or list the corpus"):
        behave(ZIPF, CELLS, responses, responses.base, streams=S, prompts=np.ones(len(responses.base), bool))
    with pytest.raises(BadInput, match="prompts names none: give at least one to be asked"):
        behave(TRUTH, CORPUS, BASE, BASE.base, streams=S, prompts=np.zeros(12, bool))


def test_who_never_answers_has_no_accuracy_and_no_calibration() -> None:
    silent = np.zeros_like(BASE.base)
    silent[:, -1] = 1.0
    did = behave(TRUTH, CORPUS, BASE, silent, streams=S)
    assert (did.accuracy, did.error, did.abstention) == (0.0, 0.0, 1.0)
    assert np.isnan([did.accuracy_answered, did.ece, did.confidence]).all()
    with pytest.raises(BadInput, match="weight sums to 0: nothing is answered"):
        expected_calibration_error(np.ones(2), np.ones(2), np.zeros(2))


def test_expected_calibration_error_against_rows_written_out() -> None:
    """A row of weight w and accuracy a is 10 w rows, 10 w a of them right."""
    rng = S.numpy("rows")
    confidence, right, weight = rng.random(40), rng.integers(0, 11, 40), rng.integers(1, 6, 40)
    confidence[:5] = np.arange(1, 6) / 10  # on the edges of bins
    rows = [(c, i < r * w) for c, r, w in zip(confidence, right, weight, strict=True) for i in range(10 * w)]
    slow = ece(forecasts([c for c, _ in rows], [y for _, y in rows]), bins=10).estimate
    assert expected_calibration_error(confidence, right / 10, weight.astype(float), 10) == pytest.approx(
        slow, abs=1e-12
    )


# ---- laws of the answers


def test_truths_follow_the_law_of_their_class() -> None:
    world = world_of_classes(3, 20_000, 6, 0.8)
    law = peaked(np.array([0.2, 0.5, 0.9]), 6)
    truth = list_by_law(world, law, S.numpy("facts"))
    found = np.stack([np.bincount(truth.correct[truth.fact_class == k], minlength=6) for k in range(3)]) / 20_000
    error = np.sqrt(law * (1 - law) / 20_000)
    assert (abs(found - law) / error).max() < 4.5
    assert (abs(found - law[::-1]) / error).max() > 20
    for wrong, said in (
        (law[:2], r"law has shape \(2, 6\): give 3 distributions over 6 answers, one a class"),
        (2 * law, r"law has shape \(3, 6\): give 3 distributions over 6 answers, one a class"),
    ):
        with pytest.raises(BadInput, match=said):
            list_by_law(world, wrong, S.numpy("x"))
    with pytest.raises(BadInput, match="top: must hold chances from 1/6, that of a uniform law, to 1"):
        peaked(np.array([0.1]), 6)
    with pytest.raises(BadInput, match=r"^constant = 0\.0: must be a number from 1e-100 to 1e\+100$"):
        by_class(CORPUS, constant=0.0)


def test_a_model_that_knows_the_law_of_the_class_is_calibrated() -> None:
    """Its ECE and delta are small where 1,000 prompts a class teach the law; the learner that guesses has neither."""
    truth, corpus, base, _ = classes(1_000)
    did = behave(truth, corpus, base, base.base, streams=S)
    assert did.ece < 0.02
    assert did.calibration_gap < 0.02
    guess = enumerate_responses(learn("guess_one", corpus, S), corpus)
    worse = behave(truth, corpus, guess, guess.base, streams=S)
    assert worse.ece > 0.2
    assert worse.calibration_gap > 0.2


# ---- what the grading does


@pytest.mark.parametrize("target", [0.0, 0.5, 0.75])
def test_groups_abstain_where_answers_are_right_less_often_than_the_target(target) -> None:
    """Exactly, on the prompts graded: what gradients find is the best answer of each group, or IDK."""
    truth, corpus, base, graded = classes()
    group = by_confidence(base, confidence_of(base), np.linspace(0.1, 0.9, 9))
    grader = grader_of(truth, corpus, base, confidence_target(target), prompts=graded)
    done = posttrain(
        of_groups(base, group, 30), grader, streams=S, optimizer="adam", learning_rate=0.1, steps=600
    ).table
    right = right_of(truth, corpus, base)
    best = np.where(base.is_answer, base.base, -1.0).argmax(1)
    level = group[:, -1] // 3
    tried = 0
    for one in np.unique(level[graded]):
        own = graded & (level == one)
        accuracy = right[own, best[own]].mean()
        if abs(accuracy - target) > 0.05:
            assert (done[level == one, -1] < 0.02).all() == (accuracy > target)
            assert (done[level == one, -1] > 0.98).all() == (accuracy < target)
            tried += 1
    assert tried >= 3


def test_binary_grading_uncalibrates_and_a_target_makes_abstain() -> None:
    """The story of the theory, on prompts that were not graded."""
    truth, corpus, base, graded = classes(200)
    group = by_confidence(base, confidence_of(base), np.linspace(0.1, 0.9, 9))
    did = {"base": behave(truth, corpus, base, base.base, streams=S, prompts=~graded)}
    for rule in (binary(), confidence_target(0.7)):
        grader = grader_of(truth, corpus, base, rule, prompts=graded)
        done = posttrain(of_groups(base, group, 30), grader, streams=S, optimizer="adam", learning_rate=0.1, steps=600)
        did[rule.name] = behave(truth, corpus, base, done.table, streams=S, prompts=~graded)
    assert did["base"].ece < 0.05
    assert did["base"].calibration_gap < 0.05
    assert did["binary"].ece > did["base"].ece + 0.1
    assert did["binary"].calibration_gap > did["base"].calibration_gap + 0.2
    assert did["binary"].abstention < 0.01
    assert did["target_0.7"].accuracy_answered > 0.9 > did["binary"].accuracy_answered
    assert did["target_0.7"].error < 0.3 * did["binary"].error


def test_an_mlp_learns_to_abstain_on_prompts_that_were_not_graded() -> None:
    """Post-training goes through its weights; its keys, fixed, stay."""
    truth, corpus, _, graded = classes(40)
    model = MLP(32, 16, keys="fixed")
    with jax.enable_x64(True):
        start = jax.tree.map(np.asarray, model.start(S.jax("mlp"), model.examples(corpus).given))
    own = start["keys"]
    start["keys"] = own[truth.fact_class] + 0.3 * own  # prompts of a class are near to each other
    fitted = fit(corpus, model, streams=S, init=start, learning_rate=0.01, steps=60)
    responses = enumerate_responses(fitted.density, corpus)
    grader = grader_of(truth, corpus, responses, confidence_target(0.75), prompts=graded)
    done = posttrain(of_family(responses, fitted), grader, streams=S, optimizer="adam", learning_rate=0.01, steps=100)
    before, after = (
        behave(truth, corpus, responses, table, streams=S, prompts=~graded) for table in (responses.base, done.table)
    )
    assert (done.params["keys"] == fitted.params["keys"]).all()
    assert abs(done.params["inward"] - fitted.params["inward"]).max() > 1e-3
    assert after.accuracy_answered > before.accuracy_answered + 0.1
    assert after.score(confidence_target(0.75)) > before.score(confidence_target(0.75)) + 0.3


# ---- targets in the question


def told_and_untold(told: bool) -> tuple:
    """One policy for five targets, told t or not: the chance of answering at each, and of a right answer."""
    truth, corpus, base, graded = classes(200)
    targets = (0.0, 0.3, 0.5, 0.7, 0.9)
    graders = [grader_of(truth, corpus, base, confidence_target(t), prompts=graded) for t in targets]
    many, together = at_each_target(base, graders)
    sure, n = confidence_of(base), len(base.base)
    best = np.where(base.is_answer, base.base, -1.0).argmax(1)
    top = np.arange(base.base.shape[1]) == best[:, None]
    idk = np.arange(base.base.shape[1])[None] == base.idk
    excess = (np.repeat(targets, n) if told else 0.0) - np.tile(sure, 5)
    kinds = [np.tile(top, (5, 1)), np.tile(idk, (5 * n, 1)), np.tile(idk, (5 * n, 1)) * excess[:, None]]
    policy = of_features(many, np.stack(kinds, axis=2).astype(float))
    done = posttrain(policy, together, streams=S, optimizer="adam", learning_rate=0.5, steps=800)
    tables = np.stack(np.split(done.table, 5))[:, ~graded]
    right = right_of(truth, corpus, base)
    return targets, 1 - tables[:, :, -1], (tables * right[~graded]).sum(2), right[np.arange(n), best][~graded]


def test_one_policy_that_is_told_the_target_is_behaviourally_calibrated_at_all_of_them() -> None:
    targets, answered, right, best = told_and_untold(True)
    audit = audit_targets(targets, answered, right, best, np.ones(len(best)), tolerance=0.03)
    assert audit.calibrated
    assert audit.coverage[0] > 0.99
    assert audit.coverage[-1] < 0.75
    assert (np.diff(audit.coverage) < 0).all()


def test_without_being_told_no_policy_is_calibrated_at_all_targets() -> None:
    targets, answered, right, best = told_and_untold(False)
    audit = audit_targets(targets, answered, right, best, np.ones(len(best)), tolerance=0.03)
    assert not audit.calibrated
    assert np.ptp(audit.coverage) < 1e-12  # it cannot but do the same at each


def test_the_audit_finds_bluffing_holding_back_and_disorder() -> None:
    """Of answering iff the belief exceeds t, every demand is met; each vice breaks its own."""
    beliefs = np.linspace(0.01, 0.99, 99)
    targets = (0.0, 0.5, 0.75, 0.9)
    honest = (beliefs > np.array(targets)[:, None]).astype(float)
    bluff, shy = np.ones_like(honest), np.tile(honest[-1], (4, 1))
    odd = honest.copy()
    odd[2, 0] = 1.0  # one prompt answered at .75 and not at .5
    weight = np.ones(99)
    found = [audit_targets(targets, a, a * beliefs, beliefs, weight) for a in (honest, bluff, shy, odd)]
    assert [bool(one.kept.all()) for one in found] == [True, False, True, True]
    assert [bool(one.spared.all()) for one in found] == [True, True, False, True]
    assert [one.nested for one in found] == [True, True, True, False]
    assert [one.calibrated for one in found] == [True, False, False, False]
    assert found[0].accuracy_answered[2] == pytest.approx(beliefs[beliefs > 0.75].mean())
    for wrong in ((0.5,), (0.5, 0.4)):
        with pytest.raises(BadInput, match="give at least two confidence targets that rise"):
            audit_targets(wrong, honest[:2], honest[:2], beliefs, weight)
    with pytest.raises(BadInput, match=r"answered has shape \(2, 99\): give one row a target and one column a prompt"):
        audit_targets(targets, honest[:2], honest[:2], beliefs, weight)
    with pytest.raises(BadInput, match="graders: give at least one, each for the 12 rows of the responses"):
        at_each_target(BASE, [])
    cells = enumerate_responses(learn("calibrated", CELLS, S), CELLS)
    with pytest.raises(BadInput, match="targets are stated in single questions"):
        at_each_target(cells, [])


# ---- the frontier


def test_abstaining_and_anchored_post_training_lie_on_one_frontier() -> None:
    """err = (1 - q) MM (R - 1)/R and delta = q MM for 0 < q < 1, by rule and by the anchor that gives the same q."""
    world = worlds.with_singleton_rate(0.2, 10**5, "zipf", n_facts=10**5, answers=365, answer_rate=0.8)
    corpus = sample(world, 10**5, S.numpy("corpus"), count_cap=2)
    missed = measures.missing_mass(world, corpus)
    base = enumerate_responses(learn("calibrated", corpus, S), corpus)
    rule = confidence_target(0.75)
    grader = grader_of(world, corpus, base, rule)
    score = rule.wrong + (rule.correct - rule.wrong) / 365
    for q in (0.1, 0.5, 0.9):
        beta = score / np.log((1 - q) * 0.2 / (1 - 0.8 * (1 - q)))
        for density in (
            learn("abstain", corpus, S, abstention=q),
            restate(base, optimum(base, grader, beta), "anchored"),
        ):
            seen = observe(tabulate(world, corpus, density, S))
            assert seen.error == pytest.approx((1 - q) * missed * 364 / 365, rel=1e-9)
            assert seen.calibration_gap == pytest.approx(q * missed, rel=1e-9)


def test_below_the_threshold_abstaining_is_free() -> None:
    """The proviso: while IDK stands at or below 1/K it moves no delta, so that errors fall and delta stays 0."""
    world = worlds.with_singleton_rate(0.2, 10**5, "zipf", n_facts=10**5, answers=4, answer_rate=0.8)
    corpus = sample(world, 10**5, S.numpy("corpus"), count_cap=2)
    missed = measures.missing_mass(world, corpus)
    for q, gap in ((0.1, 0.0), (0.16, 0.0), (0.17, 0.17 * missed), (0.5, 0.5 * missed)):
        seen = observe(tabulate(world, corpus, learn("abstain", corpus, S, abstention=q), S))
        assert seen.error == pytest.approx((1 - q) * missed * 3 / 4, rel=1e-9)
        assert seen.calibration_gap == pytest.approx(gap, abs=1e-12)
        assert (1 - 0.8 * (1 - q) > 1 / 3) == (gap > 0)


# ---- settings


def test_settings_of_post_training_that_are_refused() -> None:
    with pytest.raises(BadInput, match=r"beta = -1\.0: the weight of the divergence must be finite and not negative"):
        posttrain(of_table(BASE), TARGET, streams=S, beta=-1.0)
    with pytest.raises(BadInput, match="batch is given to exact post-training, which sums over all responses"):
        posttrain(of_table(BASE), TARGET, streams=S, batch=8)
    with pytest.raises(BadInput, match="optimizer natural is for a table of logits, not for groups: take sgd or adam"):
        posttrain(policy_of("groups")[0], TARGET, streams=S, optimizer="natural")
    with pytest.raises(BadInput, match="optimizer natural has no warmup: leave it out"):
        posttrain(of_table(BASE), TARGET, streams=S, optimizer="natural", warmup=3)
    with pytest.raises(BadInput, match="optimizer lbfgs is for convex families, and policy is none"):
        posttrain(of_table(BASE), TARGET, streams=S, optimizer="lbfgs", steps=5)
    with pytest.raises(BadInput, match=r"group has shape \(12, 4\) and responses \(12, 5\): give the number of"):
        of_groups(BASE, np.zeros((12, 4), dtype=int))
    with pytest.raises(BadInput, match="group = 2: must be a whole number from 0 to below 2, the number of groups"):
        of_groups(BASE, np.full((12, 5), 2), 2)
    with pytest.raises(BadInput, match=r"features has shape \(12, 5\) and responses \(12, 5\): give finite features"):
        of_features(BASE, np.zeros((12, 5)))
    fitted = fit(CORPUS, Bilinear(2), streams=S, steps=2)
    with pytest.raises(BadInput, match="the responses are those of add_constant, the fit is of bilinear"):
        of_family(BASE, fitted)


def test_the_way_of_post_training_can_be_looked_at() -> None:
    """Snapshots are densities, the first the base, the last what was returned; natural steps have them too."""
    for settings in ({"learning_rate": 1.0}, {"optimizer": "natural", "learning_rate": 0.5}):
        done = posttrain(of_table(BASE), TARGET, streams=S, beta=0.5, steps=20, every=[0, 5, 20], **settings)
        assert [step for step, _ in done.snapshots] == [0, 5, 20]
        tables = [look.p_hat for _, look in done.snapshots]
        assert tables[0] == pytest.approx(BASE.base, abs=1e-12)
        assert tables[2] == pytest.approx(done.table, abs=1e-12)
        values = [objective_of(table, BASE, TARGET, 0.5) for table in tables]
        assert values[0] < values[1] < values[2]
        assert -done.trace.loss[0] == pytest.approx(values[0])
        assert done.density.p_hat == pytest.approx(done.table)


# ---- the committed tables


def table_of(name: str) -> dict[tuple, dict]:
    """Rows of a committed summary, by method, measure and what the experiment varies."""
    varied = {
        "abstention_from_grading": ("target", "false_pass"),
        "calibration_from_posttraining": ("base", "step"),
        "consistency_from_two_samples": ("samples",),
        "error_from_abstention": ("answers", "abstained"),
    }[name]
    rows = drawing.read_table(Path(__file__).parents[1] / "experiments" / "results" / f"{name}.csv")
    return {(row["method"], row["measure"], *(row[key] for key in varied)): row for row in rows}


def test_the_committed_frontier_is_the_closed_form() -> None:
    """Abstaining by rule lies on it at both sizes, anchored post-training where IDK stays above 1/K; guesses do not."""
    rows = table_of("error_from_abstention")
    shares = sorted({key[3] for key in rows if key[0] == "abstain"})
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    for answers in (4, 365):
        for q in shares:
            assert rows["abstain", "off_frontier", answers, q]["mean"] < 1e-12
    inner = [q for q in shares if 0 < q < 1]
    assert max(rows["target", "off_frontier", 365, q]["mean"] for q in inner) < 1e-12
    assert min(rows["target", "off_frontier", 4, q]["mean"] for q in inner) > 0.01
    ends = [rows["binary", "error", 365, q]["mean"] for q in sorted(k[3] for k in rows if k[:2] == ("binary", "error"))]
    assert min(ends) > rows["calibrated", "error", 365, 0.0]["mean"]


def test_the_committed_calibration_goes_as_the_theory_says() -> None:
    """Small before; after binary grading ECE and delta are up; after a target what is answered is right that often."""
    rows = table_of("calibration_from_posttraining")
    last = max(key[3] for key in rows)
    for base in ("by_class", "mlp"):
        for measure in ("ece", "calibration_gap"):
            before, after = (rows["binary", measure, base, step] for step in (0, last))
            assert before["mean"] < 0.05
            assert after["mean"] - before["mean"] > 0.1 + 4 * (before["mcse"] + after["mcse"])
        assert rows["binary", "abstention", base, last]["mean"] < 0.01
        for target in (0.5, 0.75):
            after = rows[f"target_{target:g}", "accuracy_answered", base, last]
            assert after["mean"] > target + 4 * after["mcse"]
            assert after["mean"] > rows["binary", "accuracy_answered", base, last]["mean"]
    assert rows["target_0.75", "misplaced", "by_class", last]["mean"] < 0.05


def test_the_committed_thresholds_are_those_of_each_way_of_training() -> None:
    """Gradients follow t; DPO falls short of a high t; imitation hardly sees it; who is not told t sees none."""
    rows = table_of("abstention_from_grading")

    def at(method: str, percent: int, target: float, judge: float = 0.0) -> float:
        return rows[method, f"abstention_at_{percent}", target, judge]["mean"]

    for method in ("exact", "reinforce", "ppo"):
        for target in (0.5, 0.75, 0.9):
            for percent in (15, 30, 45, 60, 70, 80, 97):
                if abs(percent / 100 - target) > 0.12:
                    assert (at(method, percent, target) > 0.5) == (percent / 100 < target)
    assert at("exact", 80, 0.9) - at("dpo", 80, 0.9) > 0.5
    assert at("exact", 45, 0.5) - at("exact", 45, 0.5, 0.2) > 0.2  # a judge that lets errors pass moves the threshold
    assert abs(at("best_of", 45, 0.9) - at("best_of", 45, 0.5)) < 0.05
    assert at("untold", 15, 0.0) > 0.5 > at("told", 15, 0.0)
    for target in (0.0, 0.5, 0.75, 0.9):  # told, the policy passes the audit in every world; untold, it never does
        demands = ("kept", "spared", "nested")
        assert all(rows["told", demand, target, 0.0]["mean"] == 1.0 for demand in demands)
        assert rows["untold", "spared", target, 0.0]["mean"] == 0.0


def test_the_committed_agreement_is_the_one_that_is_run() -> None:
    """No bias of the sampled rule; two samples rid a calibrated model of most errors, a sharpened one of hardly any."""
    rows = table_of("consistency_from_two_samples")
    sampled = [row for key, row in rows.items() if key[1] == "sampled_error"]
    assert len(sampled) == 16
    assert all(abs(row["bias"]) <= 4.5 * row["bias_mcse"] + 1e-12 for row in sampled)

    def left(method: str) -> float:
        return rows[method, "error", 2]["mean"] / rows[method, "error", 1]["mean"]

    assert left("calibrated") < 0.25
    assert left("binary") > 0.75
    assert left("guess_one") == pytest.approx(0.8, abs=1e-9)


def test_the_studies_share_facts_of_eight_tops_and_a_policy_of_their_confidence() -> None:
    truth = list_by_tops(4_000, 10, 0.8, S.numpy("tops"))
    first = [float((truth.correct[truth.fact_class == c] == 0).mean()) for c in range(len(TOPS))]
    np.testing.assert_allclose(first, TOPS, atol=4 * 0.5 / 4_000**0.5)
    corpus = sample_listed(truth, 1_000, S.numpy("corpus"))
    base = enumerate_responses(by_class(corpus), corpus)
    groups = groups_of(base)
    level = np.searchsorted(LEVELS, confidence_of(base), side="right")
    assert (groups // 3 == level[:, None]).all()
    assert set(np.unique(groups % 3)) == {0, 1, 2}
    policy = policy_of_confidence(base)
    assert np.size(policy.start) == 3 * (len(LEVELS) + 1) > groups.max()
    with pytest.raises(BadInput, match="top: must hold chances from 1/6"):
        list_by_tops(10, 6, 0.8, S.numpy("tops"))
