"""Is it valid? Judges of responses, beside the one that a density induces, and what its calibration is to its loss.

A judge says of every (c, r) whether r is a valid response to c, and is tried on D (KNVZ 2025, arXiv 2509.04664, section
3.2): with probability 1/2 a draw of p, else c ~ mu and r uniform on E_c. A density judges by its threshold,
"valid iff p_hat(r|c) > 1/K" (``simlab.measures.iiv_error``). Here are the best judge that there can be given the
training data, and one of the density's own family that is trained to judge instead of to speak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from simlab.corpora import IDK, Corpus, Listed, Truth
from simlab.errors import BadInput
from simlab.fitting import Examples, Family, Fitted, fit_many
from simlab.fitting.families import Params, Tree
from simlab.measures import iiv_density, missing_mass
from simlab.models import TableFit
from simlab.models.softmax_table import SoftmaxTable
from simlab.models.tabular import Tabular
from simlab.pairs import VALID, Pairs, lay_out
from simlab.records import brief
from simlab.seeds import Streams
from simlab.worlds import World

STEP = 1e-30
"""The complex step: its square vanishes beside 1 in floating point, so that the derivative has no error of its own."""


def bayes_iiv_error(world: World, corpus: Corpus | Listed) -> float:
    """Return MM/2: the least mean IIV error of any judge that knows the corpus, mu, R_c and alpha_c, but no unseen a_c.

    Of an answered c the judge knows V_c and errs nowhere, and IDK is valid everywhere. Of any other c the right answer
    is, given the corpus, uniform on R_c, however often c was drawn with IDK. There "valid", said of r in R_c, is wrong
    with mean weight mu(c)/2 x (1 - 1/|R_c|)/(|R_c| - 1) = mu(c)/(2 |R_c|), and "not valid" with mean weight mu(c)/2 x
    alpha_c/|R_c|, which is no more. So the best judge says "not valid" of every answer of a c never answered, and errs
    by the sum of mu(c) alpha_c/2 over these c. Derived here; compare KNVZ 2025, proof of Lemma 2. Raises ``BadInput``
    without prompts.
    """
    _prompted(world)
    return missing_mass(world, corpus) / 2


def _prompted(world: World) -> None:
    if world.n_false is not None:
        raise BadInput(f"world {world.name!r} has no prompts: judges are defined here for worlds with prompts")


# the law of the training data


def empirical_pairs(truth: Truth, corpus: Listed, fit: TableFit) -> Pairs:
    """The table of pairs under the law of the corpus itself: mu(c) = n(c)/N and p(r|c) = n(c, r)/n(c).

    Measures of it are those of training: its ``cross_entropy`` is the loss that was minimised, its ``signed_gap`` that
    loss's derivative, at the threshold of the population (K is over all prompts, drawn or not). Raises ``BadInput``
    without prompts, where the corpus states what is false, and for the facts or the fit of a corpus of another size.
    """
    _prompted(truth.world)
    counts, valid = corpus.counts, valid_of(truth)
    if not counts.shape == fit.p_hat.shape == valid.shape:
        raise BadInput(
            f"the corpus has {_size(counts)}, the fit {_size(fit.p_hat)} and the facts {_size(valid)}: give a fit to "
            "this corpus, and the facts that it was drawn from"
        )
    drawn = counts.sum(1)
    return lay_out(
        counts / np.maximum(drawn, 1)[:, None],
        fit.p_hat,
        valid,
        mu=drawn / corpus.draws,
        exists=corpus.plausible,
        nonsense=fit.nonsense,
    )


def _size(table: Any) -> str:
    return f"{table.shape[0]} facts x {table.shape[1]} responses"


def valid_of(truth: Truth) -> Bool[np.ndarray, "facts responses"]:
    """Which columns of a table are valid responses of each fact: a_c and, where it is a response, IDK, the last one."""
    _prompted(truth.world)
    right = np.arange(int(truth.world.answers[truth.fact_class].max())) == truth.correct[:, None]
    return np.hstack([right, np.full((len(right), 1), truth.world.idk)])


def loss_derivative(mass: Float[np.ndarray, "facts responses"], fit: TableFit, z: float) -> float:
    """Return dL/ds at s = 1 of L(s) = sum of mass(c, r) x (-ln p_hat_s(r|c)), nats a draw.

    p_hat_s is p_hat times s where p_hat(r|c) > ``z``, renormalised prompt by prompt; ``mass`` = p(c, r) sums to 1. What
    p_hat puts outside V and E counts as one response of its prompt, as in the table of pairs. KNVZ 2025, section 3.1:
    the derivative equals p_hat(A) - p(A) under the law of ``mass``. That is not used here: L itself is evaluated at
    s = 1 + i STEP (Squire & Trapp 1998), and its imaginary part divided by STEP. Raises ``BadInput`` where p_hat is 0
    for a response that is drawn: the loss is infinite and has no derivative.
    """
    stated = mass > 0
    if not (fit.p_hat[stated] > 0).all():
        raise BadInput("p_hat is 0 for a response that is drawn: its loss is infinite and has no derivative")
    outside = np.zeros(len(mass)) if fit.nonsense is None else fit.nonsense
    density = np.hstack([fit.p_hat, outside[:, None]])
    scaled = np.where(density > z, density * (1 + STEP * 1j), density)
    total = scaled.sum(1)
    fact, _ = np.nonzero(stated)
    loss = -(mass[stated] * (np.log(scaled[:, :-1][stated]) - np.log(total[fact]))).sum()
    return float(loss.imag / STEP)


# a judge that is trained to judge


@brief
@dataclass(frozen=True, eq=False)
class Labelled:
    """Examples of D: ``prompt`` and ``response`` (a column of the table, IDK the last), and whether it is ``valid``."""

    prompt: Int[np.ndarray, " examples"]
    response: Int[np.ndarray, " examples"]
    valid: Bool[np.ndarray, " examples"]
    shape: tuple[int, int]


def label(truth: Truth, corpus: Listed, rng: np.random.Generator, *, paired: bool = False) -> Labelled:
    """Draw N i.i.d. examples of D, N the draws of ``corpus``: each a draw of p with probability 1/2, else an error.

    The valid ones are draws of the corpus, in order, so that whoever learns from them knows no answer that the corpus
    does not state; the errors are c ~ mu and r uniform on E_c. Of N examples about half are valid; ``paired`` gives 2N
    instead, all draws of the corpus and as many errors, for a judge that knows as much as the density. Raises
    ``BadInput`` without prompts.
    """
    _prompted(truth.world)
    n, answers = corpus.draws, corpus.answers
    width = int(answers.max()) + 1
    positives = n if paired else int(rng.binomial(n, 0.5))
    errors = n if paired else n - positives
    popularity = truth.world.popularity[truth.fact_class]
    prompt = rng.choice(len(answers), size=errors, p=popularity / popularity.sum())
    other = rng.integers(0, answers[prompt] - 1)
    other += other >= truth.correct[prompt]  # the right answer is left out
    stated = corpus.answer[:positives]
    return Labelled(
        np.concatenate([corpus.prompt[:positives], prompt]),
        np.concatenate([np.where(stated == IDK, width - 1, stated), other]),
        np.arange(positives + errors) < positives,
        (len(answers), width),
    )


@dataclass(frozen=True)
class Judge(Family):
    """Logistic judging by the scores of a density's family: P(valid | c, r) = sigmoid(s_theta(c, r)), s its logits.

    The surprise of an example is that of its label, ln(1 + exp(-s)) where valid, ln(1 + exp(s)) where not, in nats.
    Convex where the scores are the parameters themselves, as those of the table are. Examples of one (c, r) have one
    label, so without weight decay scores grow for ever, and only their sign is the judgement.
    """

    name: ClassVar[str] = "judge"
    scores: Tabular = field(default_factory=SoftmaxTable)

    @property
    def convex(self) -> bool:  # type: ignore[override]
        """Whether the loss is convex: where the family of the scores is."""
        return self.scores.convex

    @property
    def frozen(self) -> tuple[str, ...]:
        """What the family of the scores keeps fixed."""
        return self.scores.frozen

    def examples(self, corpus: Labelled) -> Examples:
        """One row an example."""
        rows = {
            "prompt": corpus.prompt.astype(np.int32),
            "column": corpus.response.astype(np.int32),
            "sign": np.where(corpus.valid, 1.0, -1.0),
        }
        return Examples(rows, np.ones(len(corpus.prompt)), {"counts": np.zeros(corpus.shape)})

    def start(self, key: Array, given: Tree) -> Params:
        """As the family of the scores starts."""
        return self.scores.start(key, given)

    def surprise(self, params: Params, rows: Tree, given: Tree) -> Float[Array, " examples"]:
        """-ln P(label | c, r)."""
        z = self.scores.logits(params, rows["prompt"], given)
        score = jnp.take_along_axis(z, rows["column"][:, None], 1)[:, 0]
        return jnp.logaddexp(0.0, -rows["sign"] * score)

    def scale(self, examples: Examples) -> float:
        """That of the family of the scores."""
        return self.scores.scale(examples)

    def density(self, params: Params, examples: Examples) -> TableFit:  # noqa: ARG002
        """There is none. Raises ``BadInput``."""
        raise BadInput("a judge gives no density over responses: ask what it says (simlab.judging.judgements)")


def judgements(judge: Fitted) -> Bool[np.ndarray, "facts responses"]:
    """What a trained judge says of every response: valid iff its score is above 0, strictly, as with a density."""
    assert isinstance(judge.model, Judge)
    with jax.enable_x64(True):
        params, given = jax.tree.map(jnp.asarray, (judge.params, judge.examples.given))
        return np.asarray(judge.model.scores.logits(params, None, given) > 0)


def train_judges(
    labelled: Sequence[Labelled], scores: Tabular, *, streams: Sequence[Streams], **settings: Any
) -> list[Fitted]:
    """Train a judge on each of the samples, all as one program; ``settings`` go to ``simlab.fitting.fit_many``."""
    judge = Judge(scores)
    return fit_many([judge.examples(one) for one in labelled], judge, streams=streams, **settings)


def judged_error(pairs: Pairs, says: Bool[np.ndarray, " rows"]) -> Any:
    """err_iiv of any judge, exactly: the mass of D on the pairs of which it says what is not so.

    ``says``: whether it calls the pair of each row valid. Of a listed corpus the rows are the responses that there are,
    fact by fact: ``judgements(judge)[corpus.plausible]``. D does not depend on p_hat, nor does this.
    """
    wrong = says != (pairs.kind == VALID)
    return (pairs.weight[wrong] * iiv_density(pairs)[wrong]).sum()
