"""What a policy chooses from: the responses of a fitted model, enumerated prompt by prompt or cell by cell.

After pretraining a density model is asked, and answers: it is then called a *policy*, pi(r|c), and what it was before
any grading the *base*. On a listed corpus a row is a prompt and a column a response. On cells a row is a cell of
prompts that look alike and a column an orbit of responses that do (the seen answer or the one guessed, the unseen
ones, IDK), so that worlds of 1e12 facts are post-trained at the cost of their cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from simlab.corpora import Corpus, Listed
from simlab.errors import BadInput
from simlab.inputs import a_kind
from simlab.models import Fit, TableFit
from simlab.records import brief


@brief
@dataclass(frozen=True, eq=False)
class Responses:
    """The responses of ``fit`` to every prompt.

    ``base``: p_hat(r|c) of each response; ``sizes``: how many responses of the row share it (0: there is none);
    ``facts``: how many prompts share the row; ``idk``: the column of IDK, after which a model of strings has one of
    nonsense, all it puts outside V and E.
    """

    fit: Fit | TableFit
    base: Float[np.ndarray, "rows columns"]
    sizes: Float[np.ndarray, "rows columns"]
    facts: Float[np.ndarray, " rows"]
    idk: int

    @property
    def mass(self) -> Float[np.ndarray, "rows columns"]:
        """p_hat of all responses of a column together; each row sums to 1."""
        return np.asarray(self.base * self.sizes)

    @property
    def is_answer(self) -> Bool[np.ndarray, "rows columns"]:
        """Which columns hold answers: neither IDK nor nonsense."""
        return (self.sizes > 0) & (np.arange(self.base.shape[1]) < self.idk)


def enumerate_responses(fit: Fit | TableFit, corpus: Corpus | Listed) -> Responses:
    """Lay out every response of ``fit``, which was fitted to ``corpus``.

    Raises ``BadInput`` without prompts (Kalai-Vempala), where nobody is asked anything, for a fit to another corpus,
    and for a fit that diverged.
    """
    a_kind("corpus", corpus, (Corpus, Listed), "a corpus, listed or of cells")
    a_kind("fit", fit, (Fit, TableFit), "a density, such as learn('calibrated', corpus, streams)")
    if corpus.n_strings is not None:
        raise BadInput("post-training asks prompts, and this corpus has none: take a world with prompts")
    if isinstance(fit, Fit) != isinstance(corpus, Corpus):
        raise BadInput("a corpus of cells needs a fit to its cells, a listed corpus a fit to the listed corpus")
    if not fit.finite:
        raise BadInput(f"the fit of {fit.method} diverged: p_hat holds NaN or infinity; train it with smaller steps")
    found = _cells(fit, corpus) if isinstance(fit, Fit) and isinstance(corpus, Corpus) else _listed(fit, corpus)
    total = found.mass.sum(1)
    if not (abs(total - 1.0) < 1e-6).all():
        raise BadInput(
            f"p_hat of row {int(abs(total - 1.0).argmax())} does not sum to 1: was it fitted to this corpus?"
        )
    return found


def _cells(fit: Fit, corpus: Corpus) -> Responses:
    """One row a cell; an unanswered one has a first column only where the learner guesses one unseen answer."""
    if len(fit.seen) != len(corpus.facts):
        raise BadInput(f"the fit has {len(fit.seen)} cells and the corpus {len(corpus.facts)}: fit this corpus")
    single = np.full(len(corpus.facts), fit.guess is not None) | corpus.answered
    first = fit.seen if fit.guess is None else np.where(corpus.answered, fit.seen, fit.guess)
    base = [np.where(single, first, 0.0), fit.unseen, fit.idk]
    sizes = [single, corpus.answers - single, np.full(len(single), corpus.idk)]
    if fit.nonsense is not None:
        base, sizes = [*base, fit.nonsense], [*sizes, np.ones(len(single))]
    table = np.stack(sizes, axis=1).astype(float)
    return Responses(fit, np.where(table > 0, np.stack(base, axis=1), 0.0), table, corpus.facts.astype(float), 2)


def _listed(fit: Fit | TableFit, corpus: Corpus | Listed) -> Responses:
    """One row a prompt, one column a response."""
    assert isinstance(fit, TableFit)
    assert isinstance(corpus, Listed)
    exists = corpus.plausible
    if fit.p_hat.shape != exists.shape:
        raise BadInput(f"the fit has shape {fit.p_hat.shape} and the corpus {exists.shape}: fit this corpus")
    base, sizes = np.where(exists, fit.p_hat, 0.0), exists.astype(float)
    if fit.nonsense is not None:
        base, sizes = np.hstack([base, fit.nonsense[:, None]]), np.hstack([sizes, np.ones((len(base), 1))])
    return Responses(fit, base, sizes, np.ones(len(base)), exists.shape[1] - 1)


def restate(responses: Responses, policy: Float[np.ndarray, "rows columns"], method: str) -> Fit | TableFit:
    """The density model that says each response with probability ``policy``, in the form that the base has.

    ``policy`` is pi(r|c) of *each* response of a column, as ``base`` is.
    """
    fit, idk = responses.fit, responses.idk
    nonsense = None if fit.nonsense is None else policy[:, idk + 1]
    if isinstance(fit, TableFit):
        return TableFit(method, policy[:, : idk + 1], nonsense=nonsense)
    guess = None if fit.guess is None else np.where(np.isnan(fit.guess), np.nan, policy[:, 0])
    return replace(
        fit,
        method=method,
        seen=policy[:, 0],
        unseen=policy[:, 1],
        idk=policy[:, 2],
        guess=guess,
        nonsense=nonsense,
        trace=None,
    )


def confidence_of(responses: Responses) -> Float[np.ndarray, " rows"]:
    """The base's confidence in its best answer, given that it answers: max_r p_hat(r|c) / sum of p_hat over answers.

    0 where the base never answers.
    """
    check_responses(responses)
    answers = np.where(responses.is_answer, responses.base, 0.0)
    total = (answers * responses.sizes).sum(1)
    return np.asarray(answers.max(1) / np.where(total > 0, total, 1.0))


def check_responses(responses: Any) -> None:
    """Raise ``BadInput`` unless ``responses`` are ``Responses``: a fit, or its table, is none."""
    a_kind("responses", responses, Responses, "Responses, such as enumerate_responses(fit, corpus)")
