"""What is post-trained: the parameters of a policy, and how its logits come from them.

A policy starts as the base, pi = p_hat (a warm start), and differs in what it can tell apart:

* ``of_table``: a logit for every (prompt, response), or orbit of a cell. On listed prompts it learns the answers of
  the prompts that are graded and nothing about others.
* ``of_groups``: the base's logits and one number for each group of (prompt, response), such as "the best answer, where
  the base is 60 to 70 % sure": what is learned of the graded prompts holds for all prompts of the group.
* ``of_features``: the base's logits and a weighted sum of features, such as how far the confidence exceeds a target.
* ``of_family``: the parameters of a fitted family (``Bilinear``, ``MLP``), trained on.

A response that the base gives no probability keeps none: no step on logits revives it, and its divergence from the
base would be infinite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from simlab.errors import BadInput
from simlab.fitting import Fitted
from simlab.fitting.families import Params, Tree
from simlab.inputs import ROUNDING, a_kind, chances, count, finite, numbers, same_shape
from simlab.models.tabular import Tabular
from simlab.posttraining.enumeration import Responses, check_responses
from simlab.records import brief

MOST_GROUPS = 10**6
"""Each is a number that is trained."""


class Form:
    """How logits come from parameters; subclasses are frozen dataclasses of plain numbers, traceable by JAX."""

    name: ClassVar[str]
    affine: ClassVar[bool] = False
    """Whether logits are affine in the parameters, so that what is convex in logits is convex in them."""

    @property
    def frozen(self) -> tuple[str, ...]:
        """Entries of the parameters that stay as they start."""
        return ()

    def logits(self, params: Params, given: Tree) -> Float[Array, "rows columns"]:
        """The logit of each response, up to a constant a row."""
        raise NotImplementedError

    def sizes(self, given: Tree) -> Params | None:  # noqa: ARG002
        """How many coordinates each parameter stands for; None: one each."""
        return None

    def scale(self, given: Tree) -> float:  # noqa: ARG002
        """What the gradient is multiplied by, to be of order one."""
        return 1.0


@dataclass(frozen=True)
class TableForm(Form):
    """The logits themselves are the parameters."""

    name: ClassVar[str] = "table"
    affine: ClassVar[bool] = True

    def logits(self, params: Params, given: Tree) -> Float[Array, "rows columns"]:  # noqa: ARG002
        """theta[c, r]."""
        return params  # type: ignore[no-any-return]

    def sizes(self, given: Tree) -> Params | None:
        """Responses of a column times prompts of its row: a shared logit follows the path that each would."""
        return given["sizes"] * given["facts"][:, None]

    def scale(self, given: Tree) -> float:
        """The number of prompts asked: each has logits of its own, and its share of the questions."""
        return float(np.sum(np.asarray(given["facts"])[np.asarray(given["asked"]) > 0]))


@dataclass(frozen=True)
class GroupForm(Form):
    """ln p_hat(r|c) + theta[group of (c, r)]."""

    name: ClassVar[str] = "groups"
    affine: ClassVar[bool] = True

    def logits(self, params: Params, given: Tree) -> Float[Array, "rows columns"]:
        """The base's logit, moved by the number of its group."""
        return given["log_base"] + params[given["group"]]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FeatureForm(Form):
    """ln p_hat(r|c) + features(c, r) . theta."""

    name: ClassVar[str] = "features"
    affine: ClassVar[bool] = True

    def logits(self, params: Params, given: Tree) -> Float[Array, "rows columns"]:
        """The base's logit, moved by the weighted sum of the features."""
        return given["log_base"] + given["features"] @ params  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FamilyForm(Form):
    """The logits of a family of densities."""

    family: Tabular
    name: ClassVar[str] = "family"

    @property
    def frozen(self) -> tuple[str, ...]:
        """What the family keeps fixed."""
        return self.family.frozen

    def logits(self, params: Params, given: Tree) -> Float[Array, "rows columns"]:
        """z of all prompts."""
        return self.family.logits(params, None, given["family"])


@brief
@dataclass(frozen=True, eq=False)
class Policy:
    """A policy before its first step: ``form``, its ``start``, and the arrays that its logits are made of."""

    form: Form
    responses: Responses
    start: Params
    given: dict[str, Any]

    def table(self, params: Params | None = None) -> Float[np.ndarray, "rows columns"]:
        """pi(r|c) of each response at ``params`` (the start, unless told); rows times sizes sum to 1."""
        with jax.enable_x64(True):
            given = jax.tree.map(jnp.asarray, self.given)
            z = self.form.logits(jax.tree.map(jnp.asarray, self.start if params is None else params), given)
            return np.asarray(jnp.exp(log_policy(z, given["sizes"])) * (given["sizes"] > 0), dtype=float)


def log_policy(
    logits: Float[Array, "rows columns"], sizes: Float[Array, "rows columns"]
) -> Float[Array, "rows columns"]:
    """ln pi(r|c) = z - ln sum of sizes x exp z, where there is such a response; 0 where there is none.

    Finite everywhere, so that gradients are. The largest logit of a row is taken off first: beside one of 1e17 the
    logarithm of a sum would be lost, and with it the sum to 1.
    """
    there = sizes > 0
    z = jnp.where(there, logits, -jnp.inf)
    z = z - jax.lax.stop_gradient(jnp.max(z, axis=1, keepdims=True))
    total = jax.nn.logsumexp(z, axis=1, b=jnp.where(there, sizes, 1.0), keepdims=True)
    return jnp.where(there, jnp.where(there, z, 0.0) - total, 0.0)


def of_table(responses: Responses) -> Policy:
    """A logit for every response of every prompt (or orbit of every cell), started at ln p_hat."""
    check_responses(responses)
    given = _given(responses)
    return Policy(TableForm(), responses, given["log_base"].copy(), given)


def of_groups(responses: Responses, group: Int[np.ndarray, "rows columns"], groups: int | None = None) -> Policy:
    """One number for each group of responses; ``group`` counts from 0 to below ``groups`` (none: as far as it goes).

    Raises ``BadInput`` for another shape, for what is no number of a group, and for more than ``MOST_GROUPS``.
    """
    check_responses(responses)
    group = np.asarray(group)
    if group.shape != responses.base.shape:
        raise BadInput(
            f"group has shape {group.shape} and responses {responses.base.shape}: give the number of its group for each"
        )
    if group.dtype.kind not in "iu":
        raise BadInput(f"group holds {group.dtype.name}: give the number of its group for each response, an integer")
    if groups is None:
        groups = int(group.max()) + 1
    most = count("groups", groups, 1, MOST_GROUPS)
    if group.min() < 0 or group.max() >= most:
        odd = group.min() if group.min() < 0 else group.max()
        raise BadInput(f"group = {odd}: must be a whole number from 0 to below {most}, the number of groups")
    return Policy(GroupForm(), responses, np.zeros(most), _given(responses) | {"group": group})


def of_features(responses: Responses, features: Float[np.ndarray, "rows columns features"]) -> Policy:
    """A weight for each feature, started at 0. Raises ``BadInput`` for another shape, or what is not finite."""
    check_responses(responses)
    features = numbers("features", features, None)
    if features.ndim != 3 or features.shape[:2] != responses.base.shape or not np.isfinite(features).all():
        raise BadInput(
            f"features has shape {features.shape} and responses {responses.base.shape}: give finite features of each "
            "response, along a last axis"
        )
    return Policy(FeatureForm(), responses, np.zeros(features.shape[2]), _given(responses) | {"features": features})


def of_family(responses: Responses, fitted: Fitted) -> Policy:
    """The parameters of a fitted family, trained on from where the fit left them.

    Raises ``BadInput`` for a family that is not a table of logits over a listed corpus, and for a fit of which
    ``responses`` are not the responses.
    """
    check_responses(responses)
    a_kind("fitted", fitted, Fitted, "what simlab.fitting.fit returns")
    if not isinstance(fitted.model, Tabular) or responses.base.shape != np.shape(fitted.examples.given["counts"]):
        raise BadInput(f"{fitted.model.name} does not give a logit to each of these responses: fit it to this corpus")
    if responses.fit.method != fitted.model.name:
        raise BadInput(f"the responses are those of {responses.fit.method}, the fit is of {fitted.model.name}")
    form = FamilyForm(fitted.model)
    return Policy(form, responses, fitted.params, _given(responses) | {"family": fitted.examples.given})


def by_confidence(
    responses: Responses, confidence: Float[np.ndarray, " rows"], levels: Float[np.ndarray, " levels"]
) -> Int[np.ndarray, "rows columns"]:
    """Groups that know how sure the base is, and no more: (level of the confidence) x (best answer, others, IDK).

    Group 3 l + (0, 1, 2) at level l, so that there are 3 (levels + 1) of them. ``levels`` are the lower edges of the
    levels above the first, rising; the best answer is the first of the likeliest. What is nonsense goes with the other
    answers. Raises ``BadInput`` for levels that do not rise, and for confidences that are not one chance a row.
    """
    check_responses(responses)
    edges, sure = finite("levels", levels), chances("confidence", confidence, stray=ROUNDING)
    same_shape("confidence", sure, responses.facts.shape, "the rows of responses")
    if not (np.diff(edges) > 0).all():
        raise BadInput(f"levels = {edges.tolist()}: must rise")
    level = np.searchsorted(edges, sure, side="right")
    answers = np.where(responses.is_answer, responses.base, -1.0)
    kind = np.ones(responses.base.shape, dtype=int)
    kind[np.arange(len(kind)), answers.argmax(1)] = 0
    kind[:, responses.idk] = 2
    return level[:, None] * 3 + kind


def _given(responses: Responses) -> dict[str, Any]:
    """Logarithms of the base where it is positive; elsewhere there is no response to be given."""
    there = responses.mass > 0
    log_base = np.log(np.where(there, responses.base, 1.0))
    return {"log_base": log_base, "sizes": responses.sizes * there, "facts": responses.facts}
