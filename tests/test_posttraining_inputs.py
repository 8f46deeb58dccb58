"""Post-training: what is given wrong is a sentence, and a climb has converged where it came to rest, nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from simlab import posttraining as post
from simlab import worlds
from simlab.corpora import Listed, list_facts, sample, sample_listed
from simlab.errors import BadInput, shown
from simlab.fitting import fit
from simlab.grading import binary, confidence_target
from simlab.models import learn
from simlab.models.bilinear import Bilinear
from simlab.posttraining import Climb, Grader, Sampling, of_features, of_groups, of_table, posttrain
from simlab.posttraining.policies import log_policy
from simlab.seeds import Streams

S = Streams(11)
TRUTH = list_facts(worlds.uniform(12, answers=4, answer_rate=0.7), S.numpy("facts"))
CORPUS = sample_listed(TRUTH, 20, S.numpy("corpus"))
BASE = post.enumerate_responses(learn("add_constant", CORPUS, S, constant=0.5), CORPUS)
GRADER = post.grader_of(TRUTH, CORPUS, BASE, confidence_target(0.5))
POLICY = of_table(BASE)
OPTIMUM = post.optimum(BASE, GRADER, 0.3)
RNG = np.random.default_rng(0)
ZIPF = worlds.zipf(300, answers=7, answer_rate=0.8)
CELLS = sample(ZIPF, 400, S.numpy("cells"))
ON_CELLS = post.enumerate_responses(learn("calibrated", CELLS, S), CELLS)


def trained(policy: Any = POLICY, grader: Any = GRADER, **settings: Any) -> post.Posttrained:
    return posttrain(policy, grader, streams=S, **settings)


# whether a climb has converged


def test_a_climb_that_starts_at_the_optimum_has_converged() -> None:
    """Its first gradient is rounding, so that no part of it is ever reached; with another base it is none."""
    for rule in (binary(), confidence_target(0.1)):
        grader = post.grader_of(ZIPF, CELLS, ON_CELLS, rule)
        best = post.restate(ON_CELLS, post.optimum(ON_CELLS, grader, 0.0), "best")
        responses = post.enumerate_responses(best, CELLS)
        for settings in ({}, {"optimizer": "natural"}, {"optimizer": "adam", "precision": "single"}):
            done = trained(of_table(responses), grader, **settings)
            assert done.trace.gradient_norm[-1] > 1e-3 or done.trace.gradient_norm[0] == 0
            assert done.trace.converged, settings
        sampled = post.sample_posttraining(of_table(responses), grader, streams=S, steps=2, optimizer="sgd")
        assert sampled.trace.converged
        assert not trained(of_table(ON_CELLS), grader, steps=3).trace.converged


def test_no_step_is_so_large_that_a_policy_stops_to_be_one() -> None:
    """At a logit of 1e284 the logarithm of how many responses share it was lost: rows summed to 7, and J fell."""
    grader = post.grader_of(ZIPF, CELLS, ON_CELLS, binary())
    best = post.optimum(ON_CELLS, grader, 0.0)
    responses = post.enumerate_responses(post.restate(ON_CELLS, best, "best"), CELLS)
    done = trained(of_table(responses), grader, learning_rate=1e300)
    assert (done.table * responses.sizes).sum(1) == pytest.approx(1.0, abs=1e-12)
    value = post.objective_of(best, responses, grader)
    assert post.objective_of(done, responses, grader) == pytest.approx(value, abs=1e-12)
    assert -done.trace.loss[-1] == pytest.approx(value, abs=1e-12)
    logits = np.array([[1e284, 1e284, 0.0], [3.0, 1.0, 2.0]])
    sizes = np.array([[1.0, 6.0, 2.0], [1.0, 1.0, 0.0]])
    with jax.enable_x64(True):
        policy = np.exp(np.asarray(log_policy(logits, sizes))) * (sizes > 0)
    assert (policy * sizes).sum(1) == pytest.approx(1.0, abs=1e-12)


def test_a_step_too_far_ends_where_the_gradient_is_null_and_has_not_converged() -> None:
    """One weight moves two prompts: a step of ordinary size gains by the first, a huge one loses all by the second."""
    base = np.array([[0.5, 0.5], [0.001, 0.999]])
    responses = replace(BASE, base=base, sizes=np.ones((2, 2)), facts=np.ones(2), idk=1)
    grader = Grader(np.full(2, 0.5), np.array([[1.0, 0], [0, 0]]), np.tile([1.0, -9.0, 0.0], (2, 1)), 1)
    policy = of_features(responses, np.array([[[1.0], [0.0]], [[1.0], [0.0]]]))
    start = post.objective_of(policy, responses, grader)
    far, fair = trained(policy, grader, learning_rate=1e6), trained(policy, grader, learning_rate=1.0, steps=3_000)
    assert post.objective_of(far, responses, grader) < start - 3
    assert far.trace.gradient_norm[-1] <= far.trace.tolerance
    assert not far.trace.converged
    assert post.objective_of(fair, responses, grader) > start
    assert fair.trace.converged


def test_what_a_climb_must_reach() -> None:
    """Rest by the tolerance or by rounding, a loss no worse than the first, and finite; each is needed."""
    fine = Climb(np.array([1.0, 0.5]), np.array([1.0, 1e-4]), 1e-3)
    assert fine.converged
    assert not replace(fine, gradient_norm=np.array([1.0, 0.1])).converged
    assert replace(fine, gradient_norm=np.array([1.0, 0.1]), rest=0.2).converged
    assert not replace(fine, loss=np.array([1.0, 1.001])).converged
    assert replace(fine, loss=np.array([1.0, 1.0 + 1e-13])).converged
    assert not replace(fine, loss=np.array([1.0, np.nan])).converged


def test_the_density_carries_the_trace_of_its_climb() -> None:
    done = trained(steps=5)
    assert done.density.trace is done.trace
    on_cells = trained(of_table(ON_CELLS), post.grader_of(ZIPF, CELLS, ON_CELLS, binary()), steps=2)
    assert on_cells.density.trace is on_cells.trace


# a policy, given as it is at hand


def test_what_post_training_returns_is_a_policy_wherever_a_table_is() -> None:
    done = trained(steps=5)
    for given, table in ((done, done.table), (POLICY, BASE.base)):
        one, two = (post.behave(TRUTH, CORPUS, BASE, policy, streams=S) for policy in (given, table))
        assert one.columns == pytest.approx(two.columns, abs=1e-12)
        one, two = (post.objective_of(policy, BASE, GRADER, 0.2) for policy in (given, table))
        assert one == pytest.approx(two, abs=1e-12)
        one, two = (post.divergence(policy, BASE, GRADER.asked) for policy in (given, table))
        assert one == pytest.approx(two, abs=1e-12)


RESPONSES = "must be Responses, such as enumerate_responses(fit, corpus)"
A_GENERATOR = "rng = None: must be a random generator, such as numpy.random.default_rng(0)"
A_RULE = "must be a Rule, such as binary() or confidence_target(0.75)"
A_GRADER = "must be a Grader, such as grader_of(truth, corpus, responses, rule)"
HALF, ONES, FIFTHS = np.full(12, 0.5), np.ones(12), np.full((12, 5), 0.2)


def behaviour(policy: Any, **others: Any) -> Any:
    return post.behave(TRUTH, CORPUS, BASE, policy, streams=S, **others)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: behaviour(FIFTHS * 10), "policy[0, 0] = 2 (and 59 more): must be a chance from 0 to 1"),
        (lambda: behaviour(FIFTHS * 2), "policy: row 0 sums to 2 over its responses: must sum to 1"),
        (lambda: behaviour(-FIFTHS), "policy[0, 0] = -0.2 (and 59 more): must be a chance from 0 to 1"),
        (lambda: behaviour(np.nan * OPTIMUM), "policy[0, 0] = nan (and 59 more): must be a chance from 0 to 1"),
        (
            lambda: behaviour(OPTIMUM[:3]),
            "policy has shape (3, 5) and responses (12, 5): give one for each",
        ),
        (lambda: behaviour(None), "policy = None: must be an array of numbers"),
        (
            lambda: behaviour(BASE.fit),
            "policy is a density, add_constant: give the table of pi(r|c), or what posttrain returns",
        ),
        (
            lambda: behaviour(OPTIMUM, prompts=[1, 0]),
            "prompts has 2 entries for 12 rows: say of each row whether it is asked",
        ),
        (lambda: behaviour(OPTIMUM).score("binary"), f"rule = 'binary': {A_RULE}"),
        (
            lambda: post.objective_of(np.nan * OPTIMUM, BASE, GRADER),
            "policy[0, 0] = nan (and 59 more): must be a chance from 0 to 1",
        ),
        (
            lambda: post.objective_of(OPTIMUM[:, :2], BASE, GRADER),
            "policy has shape (12, 2) and responses (12, 5): give one for each",
        ),
        (
            lambda: post.divergence(np.nan * OPTIMUM, BASE, GRADER.asked),
            "policy[0, 0] = nan (and 59 more): must be a chance from 0 to 1",
        ),
        (
            lambda: post.divergence(OPTIMUM, BASE, GRADER.asked[:2]),
            "asked has shape (2,) and the rows of responses (12,): give one for each",
        ),
        (
            lambda: post.divergence(OPTIMUM, BASE, ONES),
            "asked sums to 12: must be shares of the questions, that sum to 1",
        ),
        (
            lambda: post.imitate(POLICY, np.nan * BASE.mass, GRADER.asked, streams=S),
            "target[0, 0] = nan (and 59 more): must be a finite number of at least 0",
        ),
        (
            lambda: post.imitate(POLICY, -FIFTHS, GRADER.asked, streams=S),
            "target[0, 0] = -0.2 (and 59 more): must be a finite number of at least 0",
        ),
        (
            lambda: post.imitate(POLICY, 2 * FIFTHS, GRADER.asked, streams=S),
            "target: row 0 sums to 2: the masses of a prompt must sum to 1",
        ),
        (
            lambda: post.imitate(POLICY, BASE.mass, -GRADER.asked, streams=S),
            "asked[0] = -0.0833333 (and 11 more): must be a finite number of at least 0",
        ),
        (
            lambda: post.audit_targets([0.5, 2], [HALF, HALF], [HALF, HALF], HALF, ONES),
            "targets[1] = 2: a confidence target must be a number from 0 to below 1",
        ),
        (
            lambda: post.audit_targets([0.5, 0.6], [HALF, HALF], [ONES, HALF], HALF, ONES),
            "right[0, 0] = 1 (and 11 more): must be at most answered, of which it is a part",
        ),
        (
            lambda: post.audit_targets([0.5, 0.6], [HALF, HALF], [HALF, HALF], HALF, 0 * ONES),
            "weight sums to 0: at least one prompt must count",
        ),
        (
            lambda: post.audit_targets([0.5, 0.6], [2 * ONES, HALF], [HALF, HALF], HALF, ONES),
            "answered[0, 0] = 2 (and 11 more): must be a number from 0 to 1",
        ),
        (
            lambda: post.expected_calibration_error([1.5], [0.5], [1.0]),
            "confidence[0] = 1.5: must be a number from 0 to 1",
        ),
        (
            lambda: post.expected_calibration_error([np.nan], [0.5], [1.0]),
            "confidence[0] = nan: must be a number from 0 to 1",
        ),
        (
            lambda: post.expected_calibration_error([0.5], [0.5], [-1.0]),
            "weight[0] = -1: must be a finite number of at least 0",
        ),
        (
            lambda: post.expected_calibration_error([0.5], [0.5, 0.6], [1.0]),
            "accuracy has 2 rows and confidence 1: give one of each a row",
        ),
        (
            lambda: post.expected_calibration_error([0.5], [0.5], [1.0], bins=10**12),
            "bins = 1000000000000: must be at most 1000000",
        ),
        (lambda: post.by_confidence(BASE, HALF, [np.nan]), "levels[0] = nan: must be a finite number"),
        (lambda: post.by_confidence(BASE, HALF, [0.5, 0.4]), "levels = [0.5, 0.4]: must rise"),
        (
            lambda: post.by_confidence(BASE, HALF[:2], [0.5]),
            "confidence has shape (2,) and the rows of responses (12,): give one for each",
        ),
        # what was taken for something else
        (lambda: trained(betta=1), "setting 'betta' is unknown: did you mean 'beta'?"),
        (lambda: trained(learning=1), "setting 'learning' is unknown: did you mean 'learning_rate'?"),
        (lambda: trained(optimizer="natural", betta=1), "setting 'betta' is unknown: did you mean 'beta'?"),
        (
            lambda: post.prefer(POLICY, GRADER, post.all_preferences(BASE, GRADER), 0.5, streams=S, step=3),
            "setting 'step' is unknown: did you mean 'steps'?",
        ),
        (
            lambda: post.imitate(POLICY, BASE.mass, GRADER.asked, streams=S, step=3),
            "setting 'step' is unknown: did you mean 'steps'?",
        ),
        (lambda: trained(beta="x"), "beta = 'x': the weight of the divergence must be finite and not negative"),
        (lambda: trained(None), "policy = None: must be a Policy, such as of_table(responses)"),
        (
            lambda: trained(trained(steps=1)),
            "policy has been trained: start from of_table(enumerate_responses(policy.density, corpus))",
        ),
        (lambda: trained(grader=None), f"grader = None: {A_GRADER}"),
        (
            lambda: trained(grader=replace(GRADER, passed=np.ones((3, 5)))),
            "grader is for (3, 5) responses and these are (12, 5): make it with grader_of for the same corpus",
        ),
        (lambda: of_table(None), f"responses = None: {RESPONSES}"),
        (lambda: of_groups(None, np.zeros((12, 5), int)), f"responses = None: {RESPONSES}"),
        (lambda: post.grader_of(TRUTH, CORPUS, None, binary()), f"responses = None: {RESPONSES}"),
        (lambda: post.grader_of(TRUTH, CORPUS, BASE, "binary"), f"rule = 'binary': {A_RULE}"),
        (
            lambda: post.grader_of(TRUTH, CORPUS, BASE, binary(), false_pass="x"),
            "false_pass = 'x': must be a chance from 0 to below 1",
        ),
        (
            lambda: post.grader_of(TRUTH, CORPUS, BASE, binary(), prompts=[0.5] * 12),
            "prompts[0] = 0.5 (and 11 more): must be 0 or 1",
        ),
        (lambda: post.optimum(BASE, None, 0.5), f"grader = None: {A_GRADER}"),
        (lambda: post.best_of(BASE, None, 2), f"grader = None: {A_GRADER}"),
        (lambda: post.agreed(None), f"responses = None: {RESPONSES}"),
        (lambda: post.confidence_of(None), f"responses = None: {RESPONSES}"),
        (
            lambda: post.enumerate_responses(None, CORPUS),
            "fit = None: must be a density, such as learn('calibrated', corpus, streams)",
        ),
        (
            lambda: post.enumerate_responses(BASE.fit, None),
            "corpus = None: must be a corpus, listed or of cells",
        ),
        (
            lambda: post.by_class(CELLS),
            f"corpus = {shown(CELLS)}: must be a listed corpus, such as sample_listed draws: cells forget which fact "
            "is which",
        ),
        (
            lambda: post.sample_posttraining(POLICY, GRADER, streams=S, sampling="ppo"),
            "sampling = 'ppo': must be a Sampling, such as Sampling(clip=0.2, epochs=4) for PPO, or None for REINFORCE",
        ),
        (
            lambda: post.sample_posttraining(None, GRADER, streams=S),
            "policy = None: must be a Policy, such as of_table(responses)",
        ),
        (
            lambda: post.of_family(BASE, None),
            "fitted = None: must be what simlab.fitting.fit returns",
        ),
        (
            lambda: Sampling(clip="x"),
            "clip = 'x': must lie strictly between 0 and 1, or be None for REINFORCE",
        ),
        (lambda: Sampling(questions=2.5), "questions = 2.5: must be a whole number of at least 1"),
        (lambda: post.peaked([0.5], 0), "answers = 0: must be a whole number of at least 2"),
        (lambda: post.draw_preferences(BASE, GRADER, 10, None), A_GENERATOR),
        (lambda: post.sampled_agreement(BASE, 2, None), A_GENERATOR),
        (lambda: post.list_by_law(TRUTH.world, np.ones((1, 4)) / 4, None), A_GENERATOR),
        (lambda: GRADER.draw(None, np.array([0]), np.array([0])), A_GENERATOR),
        (lambda: GRADER.decided(None), A_GENERATOR),
        # larger than memory
        (
            lambda: post.draw_preferences(BASE, GRADER, 10**30, RNG),
            f"pairs = {10**30}: must be at most 50000000",
        ),
        (
            lambda: post.sampled_agreement(BASE, 10**10, RNG),
            "samples = 10000000000: 12 rows of 5 columns make more than 100000000 numbers: take fewer samples",
        ),
        (
            lambda: of_groups(BASE, np.zeros((12, 5), int), 10**12),
            "groups = 1000000000000: must be at most 1000000",
        ),
        (
            lambda: of_groups(BASE, np.full((12, 5), 10**12)),
            "groups = 1000000000001: must be at most 1000000",
        ),
        # groups: what is wrong of them
        (
            lambda: of_groups(BASE, np.full((12, 5), -1), 2),
            "group = -1: must be a whole number from 0 to below 2, the number of groups",
        ),
        (
            lambda: of_groups(BASE, np.zeros((12, 5))),
            "group holds float64: give the number of its group for each response, an integer",
        ),
        (
            lambda: of_groups(BASE, np.zeros((12, 5), int), 0),
            "groups = 0: must be a whole number of at least 1",
        ),
    ],
)
def test_mistakes_are_sentences(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert str(caught.value) == text


def test_a_batch_larger_than_memory_is_refused_before_it_is_drawn() -> None:
    said = r"^questions = 10{13} and answers = 4: a batch needs 2,960 TB, and [\d.]+ .?B are free: take fewer$"
    with pytest.raises(BadInput, match=said):
        post.sample_posttraining(POLICY, GRADER, streams=S, sampling=Sampling(questions=10**13))


def test_a_family_is_trained_by_name_of_its_fit() -> None:
    fitted = fit(CORPUS, Bilinear(2), streams=S, learning_rate=0.05, steps=20)
    responses = post.enumerate_responses(fitted.density, CORPUS)
    grader = post.grader_of(TRUTH, CORPUS, responses, binary())
    done = trained(post.of_family(responses, fitted), grader, steps=5, learning_rate=0.1)
    assert not done.trace.converged
    assert done.trace.rest < 1e-6
    assert isinstance(CORPUS, Listed)


@pytest.mark.parametrize("at_once", [10**7, 60, 1])
def test_preferences_drawn_in_parts_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    whole = post.draw_preferences(BASE, GRADER, 500, np.random.default_rng(2))
    monkeypatch.setattr(post.preferences, "AT_ONCE", at_once)
    assert np.array_equal(post.draw_preferences(BASE, GRADER, 500, np.random.default_rng(2)), whole)
