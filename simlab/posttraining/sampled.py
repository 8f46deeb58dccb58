"""Post-training as it is done at scale: responses are drawn, graded one by one, and the gradient is estimated.

REINFORCE weighs the gradient of ln pi of each response drawn by its reward less a baseline; PPO takes several steps on
one draw and clips how far each may lead. In both the reward carries the anchor, s - beta ln(pi/p_hat).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from simlab.errors import BadInput, shown, unknown
from simlab.fitting.families import Params, Tree
from simlab.fitting.memory import available_memory
from simlab.fitting.rules import Plan, Settings, positive
from simlab.inputs import a_kind, count
from simlab.posttraining.climbs import Posttrained, a_policy, climb_of, norm_of
from simlab.posttraining.enumeration import restate
from simlab.posttraining.graders import Grader, check_grader
from simlab.posttraining.objectives import anchored_score, check_anchor
from simlab.posttraining.policies import Form, Policy, log_policy
from simlab.seeds import Streams
from simlab.terminal.wording import storage

BASELINES = ("group", "leave_one_out", "none")
"""What is subtracted from a reward: the mean of its own prompt's rewards ("group"), of the others of them, nothing."""


@dataclass(frozen=True)
class Sampling:
    """How responses are drawn and used: equal settings share a compiled program.

    ``questions`` prompts a batch, each answered ``answers`` times; ``baseline``: see ``BASELINES``. "none" and
    "leave_one_out" give unbiased gradients, the latter, as a rule, with less variance (Ahmadian et al. 2024, arXiv
    2402.14740); "group", whose mean holds the reward itself, shrinks them by 1 - 1/answers (as GRPO's does, arXiv
    2402.03300, before its division by the standard deviation). ``clip`` (PPO): a ratio pi/pi_old beyond 1 + clip or
    below 1 - clip earns no more; ``epochs``: steps on each batch. None: REINFORCE.
    """

    questions: int = 64
    answers: int = 4
    baseline: str = "leave_one_out"
    clip: float | None = None
    epochs: int = 1

    def __post_init__(self) -> None:
        for name in ("questions", "answers", "epochs"):
            object.__setattr__(self, name, count(name, getattr(self, name), 1))
        if self.baseline not in BASELINES:
            raise unknown("baseline", self.baseline, BASELINES)
        if self.baseline != "none" and self.answers < 2:
            raise BadInput(f"answers = {self.answers}: baseline {self.baseline} compares at least 2 answers a question")
        if self.clip is not None and not (isinstance(self.clip, float | int) and 0.0 < self.clip < 1.0):
            raise BadInput(f"clip = {shown(self.clip)}: must lie strictly between 0 and 1, or be None for REINFORCE")
        if self.clip is None and self.epochs > 1:
            raise BadInput(f"epochs = {self.epochs}: REINFORCE uses each batch once; give clip for PPO")


class Drawn(NamedTuple):
    """A batch: rows and columns of the responses drawn, ln pi and ln p_hat of each, and its advantage."""

    row: Array
    column: Array
    log_pi: Array
    advantage: Array


@dataclass(frozen=True)
class Sampler:
    """What is compiled: a form of policy, how it is sampled, and the optimiser."""

    form: Form
    sampling: Sampling
    plan: Plan

    def log_pi(self, params: Params, given: Tree) -> Float[Array, "rows columns"]:
        """ln pi(r|c) of each response."""
        return log_policy(
            self.form.logits({**params, **given["fixed"]} if given["fixed"] else params, given), given["sizes"]
        )

    def draw(self, params: Params, given: Tree, key: Array) -> Drawn:
        """Ask ``questions`` prompts, draw ``answers`` responses to each from the policy, and have them judged."""
        n, k = self.sampling.questions, self.sampling.answers
        # one call of the generator for all of a batch: each call takes long to compile
        at = jax.random.uniform(key, (n, 1 + 2 * k), dtype=given["asked"].dtype)
        upto = jnp.cumsum(given["asked"])
        row = jnp.minimum(jnp.searchsorted(upto, at[:, 0] * upto[-1], side="right"), len(upto) - 1)
        log_pi = self.log_pi(params, given)
        mass = jnp.cumsum(jnp.where(given["sizes"] > 0, given["sizes"] * jnp.exp(log_pi), 0.0), axis=1)[row]
        column = jnp.sum(at[:, 1 : k + 1, None] * mass[:, None, -1:] >= mass[:, None, :], axis=2)
        column = jnp.minimum(column, given["last"][row][:, None])
        row = jnp.repeat(row[:, None], k, axis=1)
        correct, wrong, abstain = jnp.moveaxis(given["points"][row], -1, 0)
        score = jnp.where(at[:, k + 1 :] < given["passed"][row, column], correct, wrong)
        score = jnp.where(column == given["idk"], abstain, score)
        said = log_pi[row, column]
        reward = score - given["beta"] * (said - given["log_base"][row, column])
        return Drawn(row, column, said, reward - self.baseline(reward))

    def baseline(self, reward: Float[Array, "questions answers"]) -> Float[Array, "questions answers"]:
        """What each reward is compared with."""
        if self.sampling.baseline == "none":
            return jnp.zeros_like(reward)
        total = jnp.sum(reward, axis=1, keepdims=True)
        if self.sampling.baseline == "group":
            return jnp.broadcast_to(total / self.sampling.answers, reward.shape)
        return (total - reward) / (self.sampling.answers - 1)

    def surrogate(self, params: Params, given: Tree, drawn: Drawn) -> Float[Array, ""]:
        """What one step makes large: advantage x ln pi, or PPO's clipped ratio."""
        log_pi = self.log_pi(params, given)[drawn.row, drawn.column]
        if self.sampling.clip is None:
            return jnp.mean(drawn.advantage * log_pi)
        ratio = jnp.exp(log_pi - drawn.log_pi)
        clipped = jnp.clip(ratio, 1.0 - self.sampling.clip, 1.0 + self.sampling.clip)
        return jnp.mean(jnp.minimum(ratio * drawn.advantage, clipped * drawn.advantage))

    def gradient(self, params: Params, given: Tree, key: Array) -> Params:
        """The estimated gradient of J from one batch."""
        return jax.grad(self.surrogate)(params, given, self.draw(params, given, key))

    def step(self, state: tuple[Params, Any], given: Tree, key: Array) -> tuple[Params, Any]:
        """Draw a batch and take ``epochs`` steps on it."""
        drawn = self.draw(state[0], given, key)
        rule = self.plan.transformation(given["rate"], jnp.zeros(()))

        def epoch(_: Array, now: tuple[Params, Any]) -> tuple[Params, Any]:
            params, memory = now
            slope = jax.tree.map(lambda g: -given["scale"] * g, jax.grad(self.surrogate)(params, given, drawn))
            updates, memory = rule.update(slope, memory, params)
            return optax.apply_updates(params, updates), memory

        return jax.lax.fori_loop(0, self.sampling.epochs, epoch, state)  # type: ignore[no-any-return]

    def run(self, state: tuple[Params, Any], given: Tree, key: Array, begin: Array, end: Array) -> tuple[Params, Any]:
        """Batches ``begin`` to ``end``; the randomness of each depends on its number alone."""

        def one(i: Array, now: tuple[Params, Any]) -> tuple[Params, Any]:
            return self.step(now, given, jax.random.fold_in(key, i))

        return jax.lax.fori_loop(begin, end, one, state)  # type: ignore[no-any-return]

    def exact(self, params: Params, given: Tree) -> tuple[Array, Params]:
        """-J and its gradient, as exact sums."""
        return jax.value_and_grad(lambda x: anchored_score(self.log_pi(x, given), given))(params)


@partial(jax.jit, static_argnames="sampler")
def _run(sampler: Sampler, state: Any, given: Tree, key: Array, begin: Array, end: Array) -> Any:
    return sampler.run(state, given, key, begin, end)


@partial(jax.jit, static_argnames="sampler")
def _exact(sampler: Sampler, params: Params, given: Tree) -> Any:
    return sampler.exact(params, given)


@partial(jax.jit, static_argnames="sampler")
def _gradients(sampler: Sampler, params: Params, given: Tree, keys: Array) -> Any:
    return jax.lax.map(lambda key: sampler.gradient(params, given, key), keys)


def sample_posttraining(
    policy: Policy,
    grader: Grader,
    *,
    streams: Streams,
    beta: float = 0.0,
    sampling: Sampling | None = None,
    optimizer: str = "adam",
    learning_rate: float = 0.03,
    steps: int = 300,
    every: int | Sequence[int] | None = None,
    tolerance: float = 1e-3,
) -> Posttrained:
    """Climb J by estimated gradients: REINFORCE, or PPO where ``sampling`` has a clip, ``steps`` batches.

    The trace holds the exact -J and gradient at the looks of ``every`` and at both ends, so that what sampling hides is
    seen. Randomness: stream ``posttraining``. Raises ``BadInput`` for bad settings. Sources: Williams 1992 (REINFORCE);
    Schulman et al. 2017, arXiv 1707.06347 (PPO).
    """
    settings = Settings(Plan(optimizer, steps), every, False, None, tolerance)
    if optimizer == "lbfgs":
        raise BadInput("optimizer lbfgs needs exact gradients: take adam, adamw or sgd")
    sampler = _sampler(policy, grader, sampling, settings.plan)
    with jax.enable_x64(True):
        given, params = _given(policy, grader, beta, positive("learning_rate", learning_rate))
        state = (params, settings.plan.transformation(jnp.ones(()), jnp.zeros(())).init(params))
        key, at = streams.jax("posttraining"), 0
        losses, norms, looks = [], [], []
        for end in sorted({0, *settings.looks, settings.plan.steps}):
            state = _run(sampler, state, given, key, jnp.asarray(at), jnp.asarray(end))
            at = end
            value, slope = _exact(sampler, state[0], given)
            losses.append(float(value))
            norms.append(norm_of(slope))
            if end in settings.looks:
                whole = {**state[0], **given["fixed"]} if given["fixed"] else state[0]
                looks.append((end, restate(policy.responses, policy.table(whole), "policy")))
        params = jax.tree.map(np.asarray, {**state[0], **given["fixed"]} if given["fixed"] else state[0])
    relative = np.asarray(norms) / max(norms[0], np.finfo(float).tiny)
    largest = float(np.abs(grader.mean_scores).max())
    climb = climb_of(np.asarray(losses), relative, tolerance, first=norms[0], largest=largest)
    return Posttrained(policy, params, climb, "policy", tuple(looks))


def sampled_gradients(
    policy: Policy,
    grader: Grader,
    *,
    streams: Streams,
    beta: float = 0.0,
    sampling: Sampling | None = None,
    batches: int = 1,
) -> Params:
    """The estimated gradient of J at the start of the policy, from each of so many batches (a leading axis)."""
    sampler = _sampler(policy, grader, sampling, Plan("sgd", 1))
    with jax.enable_x64(True):
        given, params = _given(policy, grader, beta, 1.0)
        keys = jax.random.split(streams.jax("posttraining"), count("batches", batches, 1))
        return jax.tree.map(np.asarray, _gradients(sampler, params, given, keys))


def exact_gradient(policy: Policy, grader: Grader, *, beta: float = 0.0) -> Params:
    """The gradient of J at the start of the policy, as an exact sum: what ``sampled_gradients`` estimate."""
    sampler = _sampler(policy, grader, None, Plan("sgd", 1))
    with jax.enable_x64(True):
        given, params = _given(policy, grader, beta, 1.0)
        return jax.tree.map(lambda g: -np.asarray(g), _exact(sampler, params, given)[1])


def _sampler(policy: Policy, grader: Grader, sampling: Sampling | None, plan: Plan) -> Sampler:
    """What is compiled. Raises ``BadInput`` for what is no policy, grader or sampling, and for too large a batch."""
    a_policy(policy)
    check_grader(grader, policy.responses)
    how = Sampling() if sampling is None else sampling
    a_kind("sampling", how, Sampling, "a Sampling, such as Sampling(clip=0.2, epochs=4) for PPO, or None for REINFORCE")
    # what is held of a prompt asked: the masses of its row, and of each answer two uniform numbers and what it earned
    needed = 8 * how.questions * (grader.passed.shape[1] + 8 * how.answers)
    free = available_memory()
    if free is not None and needed > free:
        raise BadInput(
            f"questions = {how.questions} and answers = {how.answers}: a batch needs {storage(needed)}, "
            f"and {storage(free)} are free: take fewer"
        )
    return Sampler(policy.form, how, plan)


def _given(policy: Policy, grader: Grader, beta: float, rate: float) -> tuple[dict[str, Any], Params]:
    """The arrays of a sampled run, and the parameters that are trained."""
    arrays = {"score": grader.mean_scores, "asked": grader.asked, "passed": grader.passed, "points": grader.points}
    given = {**policy.given, **arrays, "beta": check_anchor(beta), "idk": grader.idk, "rate": rate}
    frozen = policy.form.frozen
    fixed = {name: policy.start[name] for name in frozen} if frozen else {}
    params = {k: v for k, v in policy.start.items() if k not in frozen} if frozen else policy.start
    there = policy.given["sizes"] > 0
    given["last"] = there.shape[1] - 1 - there[:, ::-1].argmax(1)  # rounding must not lead beyond the last response
    whole = {**given, "fixed": fixed, "scale": policy.form.scale(given)}
    return jax.tree.map(jnp.asarray, whole), jax.tree.map(jnp.asarray, params)
