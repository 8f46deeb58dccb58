"""Exact post-training: gradients that are sums over all responses, by the loop that fits densities.

The gradient of J at the logits of a prompt is pi(r|c) (A(c, r) - mean of A), A = s - beta ln(pi/p_hat): plain steps
along it ("sgd") close the gap to the best policy like 1/t where beta = 0 (Mei et al. 2020, arXiv 2005.06392), since a
response loses its gradient with its probability; an anchor makes the rate linear. The natural gradient, which divides
by the Fisher information, is A itself for a table: one step of size 1/beta is the optimum.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from simlab.errors import BadInput, unknown
from simlab.fitting import Examples, Family, fit
from simlab.fitting.families import Params, Tree
from simlab.fitting.rules import Plan, Settings, positive
from simlab.inputs import finite
from simlab.models import TableFit, Trace
from simlab.posttraining.climbs import SUM, Climb, Posttrained, a_policy, climb_of, norm_of
from simlab.posttraining.enumeration import restate
from simlab.posttraining.graders import Grader, check_asked, check_grader
from simlab.posttraining.objectives import anchored_score, check_anchor, imitation_loss, preference_loss
from simlab.posttraining.policies import Form, Policy, TableForm, log_policy
from simlab.seeds import Streams

Objective = Callable[[Float[Array, "rows columns"], Tree], Float[Array, ""]]


@dataclass(frozen=True)
class Ascent(Family):
    """A form of policy and an objective, as a family that ``simlab.fitting.fit`` trains."""

    form: Form
    objective: Objective
    name: ClassVar[str] = "policy"
    least: ClassVar[float] = -math.inf

    @property
    def frozen(self) -> tuple[str, ...]:
        """What the form keeps fixed."""
        return self.form.frozen

    def loss(self, params: Params, rows: Tree, weight: Float[Array, " examples"], given: Tree) -> Float[Array, ""]:  # noqa: ARG002
        """The objective of pi at ``params``, to be made small."""
        return self.objective(log_policy(self.form.logits(params, given), given["sizes"]), given)

    def start(self, key: Array, given: Tree) -> Params:  # noqa: ARG002 - a warm start draws nothing
        """Where the policy starts: the base."""
        return given["start"]

    def sizes(self, examples: Examples) -> Params | None:
        """How many coordinates each parameter stands for."""
        return self.form.sizes(examples.given)

    def scale(self, examples: Examples) -> float:
        """What the gradient is multiplied by."""
        return self.form.scale(examples.given)

    def density(self, params: Params, examples: Examples) -> TableFit:
        """pi(r|c) as a plain table, to be read by its policy."""
        given = jax.tree.map(jnp.asarray, examples.given)
        log_pi = log_policy(self.form.logits(jax.tree.map(jnp.asarray, params), given), given["sizes"])
        return TableFit(self.name, np.asarray(jnp.where(given["sizes"] > 0, jnp.exp(log_pi), 0.0), dtype=float))


@dataclass(frozen=True)
class ConvexAscent(Ascent):
    """The same where the objective is convex in logits, and these affine in the parameters: L-BFGS is for it."""

    convex: ClassVar[bool] = True


def posttrain(
    policy: Policy,
    grader: Grader,
    *,
    streams: Streams,
    beta: float = 0.0,
    optimizer: str = "sgd",
    learning_rate: float = 1.0,
    steps: int = 300,
    every: int | Sequence[int] | None = None,
    tolerance: float = 1e-3,
    **settings: Any,
) -> Posttrained:
    """Climb J by exact policy gradients from the base, ``steps`` steps of size ``learning_rate``.

    ``optimizer``: sgd (the softmax policy gradient), adam, adamw, or natural, for a table of logits alone: each step
    adds the learning rate times A = s - beta ln(pi/p_hat) to the logits of the prompts asked. The gradient of a table
    is multiplied by the number of prompts asked, so that one asked as often as the mean takes steps as if it were the
    only one, and one asked more often larger steps. ``every``: the steps at which the density is kept; ``tolerance``
    and ``settings``: see ``simlab.fitting.fit``. Raises ``BadInput`` for bad settings. Sources: Sutton et al. 2000
    (policy gradient); Kakade 2001 (natural).
    """
    beta = check_anchor(beta)
    a_policy(policy)
    check_grader(grader, policy.responses)
    check_settings(settings, "beta")
    if optimizer == "natural":
        if settings:
            raise BadInput(f"optimizer natural has no {next(iter(settings))}: leave it out")
        return _natural(
            policy, grader, beta, learning_rate, Settings(Plan("sgd", steps), every, False, None, tolerance)
        )
    given = {"score": grader.mean_scores, "asked": grader.asked, "beta": np.asarray(beta)}
    chosen: dict[str, Any] = {"optimizer": optimizer, "learning_rate": learning_rate, "steps": steps, "every": every}
    return descend(policy, anchored_score, given, streams=streams, tolerance=tolerance, **chosen, **settings)


def descend(
    policy: Policy,
    objective: Objective,
    given: Mapping[str, Any],
    *,
    streams: Streams,
    method: str = "policy",
    **settings: Any,
) -> Posttrained:
    """Make an objective of the policy small; ``given`` holds the arrays it reads, ``settings`` go to ``fit``.

    Raises ``BadInput`` for a batch, which an exact sum has not, for a setting that there is not, and for what ``fit``
    refuses.
    """
    a_policy(policy)
    check_settings(settings)
    for name in ("batch", "validation", "patience", "record", "init"):
        if settings.get(name) is not None:
            raise BadInput(f"{name} is given to exact post-training, which sums over all responses: leave it out")
    convex = objective in (preference_loss, imitation_loss) and policy.form.affine
    model = (ConvexAscent if convex else Ascent)(policy.form, objective)
    arrays = {**policy.given, **given, "start": policy.start}
    examples = Examples({}, np.ones(1), arrays)
    found = fit(examples, model, streams=streams, init=policy.start, **settings)
    looks = tuple(
        (step, restate(policy.responses, look.p_hat, method))
        for step, look in found.snapshots
        if isinstance(look, TableFit)
    )
    return Posttrained(policy, found.params, _climb(policy, objective, arrays, found.trace, settings), method, looks)


def _climb(policy: Policy, objective: Objective, arrays: Tree, trace: Trace, settings: Mapping[str, Any]) -> Climb:
    """The climb of a fit, whose first gradient is measured here: a fit tells those after it relative to it."""
    frozen = policy.form.frozen
    fixed = {name: policy.start[name] for name in frozen} if frozen else {}
    with jax.enable_x64(True):
        given, kept = jax.tree.map(jnp.asarray, ({k: v for k, v in arrays.items() if k != "start"}, fixed))

        def loss(params: Params) -> Float[Array, ""]:
            logits = policy.form.logits({**params, **kept} if kept else params, given)
            return objective(log_policy(logits, given["sizes"]), given)

        trained = {k: v for k, v in policy.start.items() if k not in frozen} if frozen else policy.start
        first = norm_of(jax.grad(loss)(jax.tree.map(jnp.asarray, trained)))
    largest = float(np.abs(arrays["score"]).max()) if "score" in arrays else 1.0
    largest = 0.0 if settings.get("weight_decay") else largest  # decay goes on where the objective is at rest
    precision = settings.get("precision", "double")
    return climb_of(trace.loss, trace.gradient_norm, trace.tolerance, first=first, largest=largest, precision=precision)


def check_settings(settings: Mapping[str, Any], *own: str) -> None:
    """Raise ``BadInput`` for a setting that is neither one of ``fit`` nor among the caller's ``own``."""
    known = {name for name, one in inspect.signature(fit).parameters.items() if one.kind is one.KEYWORD_ONLY}
    for name in settings:
        if name not in known:
            raise unknown("setting", name, known | {*own})


def imitate(
    policy: Policy,
    target: Float[np.ndarray, "rows columns"],
    asked: Float[np.ndarray, " rows"],
    *,
    streams: Streams,
    **settings: Any,
) -> Posttrained:
    """Fine-tune on responses that are drawn from ``target``[rows, columns], the mass of each column: cross-entropy.

    With ``best_of`` as the target this is rejection-sampling fine-tuning. ``asked``: how often each prompt occurs, its
    sum 1. Raises ``BadInput`` for a target with mass where the base has none, which no step on logits reaches, for one
    that is no distribution on each prompt asked, and for shares that are none.
    """
    a_policy(policy)
    target = finite("target", target, 2, 0.0)
    if target.shape != policy.responses.base.shape or ((target > 0) & (policy.responses.mass == 0)).any():
        raise BadInput("target must hold a mass for each response, and none where the base has no probability")
    asked = check_asked(asked, policy.responses)
    odd = (abs(target.sum(1) - 1.0) > SUM) & (asked > 0)
    if odd.any():
        row = int(odd.argmax())
        raise BadInput(f"target: row {row} sums to {target[row].sum():.6g}: the masses of a prompt must sum to 1")
    return descend(policy, imitation_loss, {"target": target, "asked": asked}, streams=streams, **settings)


def _natural(policy: Policy, grader: Grader, beta: float, rate: float, settings: Settings) -> Posttrained:
    """Steps along the natural gradient of a table: the logits of a prompt asked move by the advantage itself."""
    if not isinstance(policy.form, TableForm):
        raise BadInput(f"optimizer natural is for a table of logits, not for {policy.form.name}: take sgd or adam")
    rate = positive("learning_rate", rate)
    given = policy.given
    there, asked, score = given["sizes"] > 0, grader.asked > 0, grader.mean_scores
    z, losses, norms, looks = policy.start.copy(), [], [], []
    for step in range(settings.plan.steps + 1):
        with jax.enable_x64(True):
            log_pi = np.asarray(log_policy(jnp.asarray(z), jnp.asarray(given["sizes"])))
        mass = np.where(there, given["sizes"] * np.exp(log_pi), 0.0)
        worth = np.where(there, score - beta * (log_pi - given["log_base"]), 0.0)
        mean = (mass * worth).sum(1, keepdims=True)
        losses.append(-float((grader.asked * mean[:, 0]).sum()))
        norms.append(float(np.sqrt((grader.asked[:, None] ** 2 * (mass * (worth - mean)) ** 2).sum())))
        if step in settings.looks:
            looks.append((step, restate(policy.responses, np.where(there, np.exp(log_pi), 0.0), "policy")))
        if step < settings.plan.steps:
            z = z + rate * np.where(there & asked[:, None], worth - mean, 0.0)
    relative = np.asarray(norms) / max(norms[0], np.finfo(float).tiny)
    largest = float(np.abs(grader.mean_scores).max())
    climb = climb_of(np.asarray(losses), relative, settings.tolerance, first=norms[0], largest=largest)
    return Posttrained(policy, z, climb, "policy", tuple(looks))
