"""The table of pairs: the one place where what is true, what was written and what is believed meet.

A row stands for ``multiplicity`` pairs (c, r) of one orbit, with mu(c), p(r|c) and p_hat(r|c); whatever a model
is, its error, IIV error, calibration gap, cross-entropy and miscalibration are weighted sums over this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from simlab.corpora import Corpus, Listed, Truth
from simlab.errors import BadInput
from simlab.models import Fit, TableFit
from simlab.occupancy import binomials
from simlab.records import brief
from simlab.seeds import Streams
from simlab.worlds import World

VALID, ERROR, NONSENSE = 0, 1, 2


@brief
@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs (c, r), one entry of each array a row.

    ``multiplicity`` (facts times responses of one orbit), ``mu`` = mu(c), ``p`` = p(r|c) and ``p_hat`` =
    p_hat(r|c) of each pair; ``kind`` VALID, ERROR or NONSENSE (mass that a model puts outside V and E: one row
    a prompt, p = 0, counted in the error; KNVZ 2025, section 5); ``n_valid`` = |V_c| and ``n_errors`` = |E_c|
    of its prompt. Summed over a prompt, multiplicity * p is 1, and so is multiplicity * p_hat.
    """

    multiplicity: Float[np.ndarray, " rows"]
    mu: Float[np.ndarray, " rows"]
    p: Float[np.ndarray, " rows"]
    p_hat: Float[np.ndarray, " rows"]
    kind: Int[np.ndarray, " rows"]
    n_valid: Int[np.ndarray, " rows"]
    n_errors: Int[np.ndarray, " rows"]

    @cached_property
    def weight(self) -> Any:
        """multiplicity * mu(c): what one unit of conditional probability of a row weighs."""
        return self.multiplicity * self.mu


def tabulate(world: World | Truth, corpus: Corpus | Listed, fit: Fit | TableFit, streams: Streams) -> Pairs:
    """Lay ``fit``, fitted to ``corpus``, beside the ``world`` that the corpus was drawn from.

    Cells: the unseen answers of a never-answered fact split 1 : |R_c| - 1 into the right one and the wrong ones, and
    the cells of a learner that guesses split into right ~ Binomial(facts, 1 / |R_c|) and wrong (stream ``truth``).
    A listed corpus comes with the ``Truth`` it was drawn from and gives one row a (prompt, response), the slow
    oracle. Raises ``BadInput`` where corpus and world do not belong together.
    """
    if isinstance(corpus, Listed):
        if not (isinstance(world, Truth) and isinstance(fit, TableFit)):
            raise BadInput("a listed corpus needs the Truth it was drawn from and a fit to the listed corpus")
        return _listed(world, fit)
    if not (isinstance(world, World) and isinstance(fit, Fit)):
        raise BadInput("a corpus of cells needs the World it was drawn from and a fit to its cells")
    if len(fit.seen) != len(corpus.facts):
        raise BadInput(f"the fit has {len(fit.seen)} cells and the corpus {len(corpus.facts)}: fit this corpus")
    if len(corpus.fact_class) and corpus.fact_class.max() >= len(world.facts):
        raise BadInput("the corpus was not drawn from this world: it has classes that the world lacks")
    return _strings(world, corpus, fit) if world.n_false is not None else _prompted(world, corpus, fit, streams)


def _prompted(world: World, corpus: Corpus, fit: Fit, streams: Streams) -> Pairs:
    """Rows of the right answer, the wrong ones, IDK and nonsense of every cell."""
    facts, seen, unseen, idk = corpus.facts, fit.seen, fit.unseen, fit.idk
    cell, right, wrong = np.arange(len(facts)), np.where(corpus.answered, seen, unseen), unseen
    n_wrong, extra = (corpus.answers - 1).astype(float), None
    if fit.guess is not None:
        cell, facts, right, wrong, n_wrong, extra = _split_guesses(corpus, fit, streams)
    mu = world.popularity[corpus.fact_class][cell]
    alpha = corpus.answer_rate[cell]
    n_errors = corpus.answers[cell] - 1
    zero = np.zeros(len(cell))
    parts = [(facts, alpha, right, VALID), (facts * n_wrong, zero, wrong, ERROR)]
    if extra is not None:
        parts.append((facts * (extra > 0), zero, extra, ERROR))
    if world.idk:
        parts.append((facts, 1.0 - alpha, idk[cell], VALID))
    if fit.nonsense is not None:
        parts.append((facts, zero, fit.nonsense[cell], NONSENSE))
    n = len(parts)
    return Pairs(
        multiplicity=np.concatenate([m for m, _, _, _ in parts]).astype(float),
        mu=np.tile(mu, n),
        p=np.concatenate([p for _, p, _, _ in parts]),
        p_hat=np.concatenate([q for _, _, q, _ in parts]),
        kind=np.repeat([kind for _, _, _, kind in parts], len(cell)),
        n_valid=np.full(n * len(cell), world.n_valid),
        n_errors=np.tile(n_errors, n),
    )


def _split_guesses(corpus: Corpus, fit: Fit, streams: Streams) -> tuple[Any, ...]:
    """Split the never-answered cells into those whose guess is right and those whose guess is wrong."""
    assert fit.guess is not None
    open_cells = np.flatnonzero(~corpus.answered)
    facts = corpus.facts.copy()
    lucky = binomials(streams.numpy("truth"), facts[open_cells], 1.0 / corpus.answers[open_cells])
    facts[open_cells] -= lucky
    cell = np.concatenate([np.arange(len(facts)), open_cells])
    facts = np.concatenate([facts, lucky])
    guessed = np.concatenate([~corpus.answered, np.ones(len(open_cells), dtype=bool)])
    is_lucky = np.arange(len(cell)) >= len(corpus.facts)
    guess = np.where(guessed, fit.guess[cell], 0.0)
    right = np.where(is_lucky, guess, np.where(guessed, fit.unseen[cell], fit.seen[cell]))
    unlucky = guessed & ~is_lucky
    n_wrong = corpus.answers[cell] - 1.0 - unlucky  # the guess itself is a row of its own
    return cell, facts, right, fit.unseen[cell], n_wrong, np.where(unlucky, guess, 0.0)


def _strings(world: World, corpus: Corpus, fit: Fit) -> Pairs:
    """Kalai-Vempala: one prompt with mu = 1; every fact is a valid response, the false strings are one orbit."""
    assert world.n_false is not None
    assert fit.string is not None
    rows = len(corpus.facts) + 1
    p_hat = np.where(corpus.answered, fit.seen, fit.string)
    return Pairs(
        multiplicity=np.append(corpus.facts, world.n_false).astype(float),
        mu=np.ones(rows),
        p=np.append(world.popularity[corpus.fact_class], 0.0),
        p_hat=np.append(p_hat, fit.string),
        kind=np.append(np.full(rows - 1, VALID), ERROR),
        n_valid=np.full(rows, world.n_facts),
        n_errors=np.full(rows, world.n_false),
    )


def _listed(truth: Truth, fit: TableFit) -> Pairs:
    """One row a (prompt, response)."""
    world = truth.world
    rows = 1 if world.n_false is not None else len(truth.fact_class)
    columns = world.n_facts + world.n_false if world.n_false is not None else int(world.answers.max()) + 1
    if fit.p_hat.shape != (rows, columns):
        told = "the fit has {} prompts of up to {} responses, and the truth {} of {}"
        raise BadInput(f"{told.format(*fit.p_hat.shape, rows, columns)}: give the Truth that the corpus was drawn from")
    if world.n_false is not None:
        valid = np.arange(fit.p_hat.shape[1]) < world.n_facts
        p = np.append(world.popularity[truth.fact_class], np.zeros(world.n_false))
        return lay_out(p[None], fit.p_hat, valid[None], nonsense=fit.nonsense)
    answers = world.answers[truth.fact_class][:, None]
    alpha = world.answer_rate[truth.fact_class][:, None]
    column = np.arange(fit.p_hat.shape[1] - 1)
    right = column == truth.correct[:, None]
    idk = np.full(answers.shape, world.idk)
    return lay_out(
        np.hstack([right * alpha, 1.0 - alpha]),
        fit.p_hat,
        np.hstack([right, idk]),
        mu=world.popularity[truth.fact_class],
        exists=np.hstack([column < answers, idk]),
        nonsense=fit.nonsense,
    )


def lay_out(
    p: Float[np.ndarray, "prompts responses"],
    p_hat: Float[np.ndarray, "prompts responses"],
    valid: Bool[np.ndarray, "prompts responses"],
    *,
    mu: Float[np.ndarray, " prompts"] | None = None,
    exists: Bool[np.ndarray, "prompts responses"] | None = None,
    nonsense: Float[np.ndarray, " prompts"] | None = None,
) -> Pairs:
    """Lay p(r|c) and p_hat(r|c), given in full, side by side: one row a pair, and one of nonsense a prompt.

    ``valid`` says which responses of a prompt are in V_c, ``exists`` which are responses of it at all (all, unless
    told); ``mu`` = mu(c) is uniform unless told; ``nonsense`` is the mass that p_hat puts outside V and E. Raises
    ``BadInput`` where a prompt has no valid or no erroneous response, p is not noiseless, or a row of p_hat and its
    nonsense do not sum to 1.
    """
    exists = np.ones(p.shape, dtype=bool) if exists is None else exists
    mu = np.full(len(p), 1.0 / len(p)) if mu is None else mu
    valid = valid & exists
    n_valid, n_errors = valid.sum(1), (exists & ~valid).sum(1)
    if not (n_valid.all() and n_errors.all()):
        lacking = int(np.flatnonzero((n_valid == 0) | (n_errors == 0))[0])
        raise BadInput(
            f"prompt {lacking} has {n_valid[lacking]} valid and {n_errors[lacking]} erroneous responses: "
            "both must be at least 1"
        )
    if p[~valid].any():
        raise BadInput("p puts mass on responses that are not valid: the theorems assume noiseless training data")
    total = np.where(exists, p_hat, 0.0).sum(1) + (0.0 if nonsense is None else nonsense)
    if not (abs(total - 1.0) < 1e-6).all():
        odd = int(np.argmax(~(abs(total - 1.0) < 1e-6)))
        raise BadInput(f"p_hat of prompt {odd} sums to {total[odd]:.6g}: responses and nonsense must make 1")
    prompt, response = np.nonzero(exists)
    kind = np.where(valid[prompt, response], VALID, ERROR)
    columns = [mu[prompt], p[prompt, response], p_hat[prompt, response], kind, n_valid[prompt], n_errors[prompt]]
    if nonsense is not None:
        more = [mu, np.zeros(len(p)), nonsense, np.full(len(p), NONSENSE), n_valid, n_errors]
        columns = [np.concatenate(both) for both in zip(columns, more, strict=True)]
    return Pairs(np.ones(len(columns[0])), *columns)
