"""What post-training makes large, as exact sums over the enumerated responses, and where its optimum lies.

The objective is J = sum_c q(c) sum_r pi(r|c) [s(c, r) - beta ln(pi(r|c) / p_hat(r|c))]: the mean score of the
questions asked, less beta times the divergence KL(pi || p_hat) from the base, which anchors the policy to it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from simlab.errors import BadInput, shown
from simlab.estimates import check_number
from simlab.fitting.families import Tree
from simlab.posttraining.climbs import Posttrained, table_of
from simlab.posttraining.enumeration import Responses
from simlab.posttraining.graders import Grader, check_asked, check_grader
from simlab.posttraining.policies import Policy


def anchored_score(log_pi: Float[Array, "rows columns"], given: Tree) -> Float[Array, ""]:
    """-J, exactly; its gradient is the policy gradient, with its sign turned."""
    mass = given["sizes"] * jnp.exp(log_pi)
    worth = given["score"] - given["beta"] * (log_pi - given["log_base"])
    return -jnp.sum(given["asked"] * jnp.sum(jnp.where(given["sizes"] > 0, mass * worth, 0.0), axis=1))


def preference_loss(log_pi: Float[Array, "rows columns"], given: Tree) -> Float[Array, ""]:
    """DPO: -sum of W[c, a, b] ln sigma(beta (h_a - h_b)), h = ln pi - ln p_hat, W the weight of "a preferred to b".

    Source: Rafailov et al. 2023, "Direct preference optimization" (arXiv 2305.18290), equation 7.
    """
    h = given["beta"] * (log_pi - given["log_base"])
    return jnp.sum(given["preferred"] * jax.nn.softplus(h[:, None, :] - h[:, :, None]))


def imitation_loss(log_pi: Float[Array, "rows columns"], given: Tree) -> Float[Array, ""]:
    """Cross-entropy against a target: -sum_c q(c) sum_r t(c, r) ln pi(r|c), t the target's mass a column."""
    return -jnp.sum(given["asked"] * jnp.sum(given["target"] * log_pi, axis=1))


def optimum(responses: Responses, grader: Grader, beta: float) -> Float[np.ndarray, "rows columns"]:
    """The policy that maximises J among all: pi(r|c) = p_hat(r|c) exp(s(c, r)/beta) / Z_c.

    The base where nothing is asked. beta = 0 is the limit: the responses of the highest score, as the base weighs
    them. Raises ``BadInput`` for a negative beta. Source: Gibbs' variational principle, a linear function less a
    divergence; Rafailov et al. 2023 (arXiv 2305.18290), equation 4.
    """
    beta = check_anchor(beta)
    check_grader(grader, responses)
    score = np.where(responses.mass > 0, grader.mean_scores, -np.inf)
    excess = score - score.max(1, keepdims=True)
    with np.errstate(over="ignore"):
        tilt = (excess == 0.0).astype(float) if beta == 0 else np.exp(excess / beta)
    policy = responses.base * tilt
    policy /= (policy * responses.sizes).sum(1, keepdims=True)
    return np.where((grader.asked > 0)[:, None], policy, responses.base)


def objective_of(
    policy: Float[np.ndarray, "rows columns"] | Posttrained | Policy,
    responses: Responses,
    grader: Grader,
    beta: float = 0.0,
) -> float:
    """J of a policy, given as a table of pi(r|c) or as what post-training returns; with beta = 0 its mean score.

    Raises ``BadInput`` for what is no policy over ``responses``, and for a negative beta.
    """
    policy, beta = table_of(policy, responses), check_anchor(beta)
    check_grader(grader, responses)
    mass = policy * responses.sizes
    value = float((grader.asked * (mass * grader.mean_scores).sum(1)).sum())
    return value - beta * divergence(policy, responses, grader.asked) if beta else value


def divergence(
    policy: Float[np.ndarray, "rows columns"] | Posttrained | Policy,
    responses: Responses,
    asked: Float[np.ndarray, " rows"],
) -> float:
    """KL(pi || p_hat) in nats a question, averaged over the prompts ``asked``; infinite where p_hat = 0 < pi.

    Raises ``BadInput`` for what is no policy over ``responses``, and for shares that do not sum to 1.
    """
    policy, asked = table_of(policy, responses), check_asked(asked, responses)
    mass = policy * responses.sizes
    there = mass > 0
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(there, policy, 1.0)) - np.log(np.where(there, responses.base, 1.0))
    rows: Any = (np.where(there, mass, 0.0) * ratio).sum(1)
    return float((asked * rows)[asked > 0].sum())


def check_anchor(beta: Any) -> float:
    """Return ``beta``. Raises ``BadInput`` unless it is a finite number, and not negative."""
    try:
        return check_number("beta", beta, 0.0)
    except BadInput:
        raise BadInput(f"beta = {shown(beta)}: the weight of the divergence must be finite and not negative") from None
