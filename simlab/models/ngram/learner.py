"""The n-gram model as a learner: a listed corpus as sentences, counted, smoothed, and asked for every response exactly.

p_hat(r|c) is the probability of the whole response, END included, after the prompt. What is left of 1 is nonsense: the
strings that the model may write and that are neither valid nor plausible errors, the answers of other prompts among
them. An order that does not reach from the response back to the prompt's name treats all prompts alike.
"""

from __future__ import annotations

import numpy as np

from simlab.corpora import IDK, MOST_ENTRIES, Listed
from simlab.errors import BadInput, shown
from simlab.models.fits import TableFit
from simlab.models.ngram.counting import count_ngrams
from simlab.models.ngram.scoring import response_probabilities
from simlab.models.ngram.smoothing import Constant, smooth
from simlab.rendering.facts import fact_tokens, render
from simlab.seeds import Streams

ORDER = 5  # the least that reaches from the place to the name, in words


def table(
    corpus: Listed,
    streams: Streams,  # noqa: ARG001 - every learner has one signature
    *,
    order: int = ORDER,
    smoothing: str = "kneser_ney",
    constant: Constant = None,
    tokens: str = "word",
    subwords: int | None = None,
) -> TableFit:
    """Fit an n-gram model of that ``order`` to the sentences of a listed corpus; exact, without randomness.

    ``smoothing`` and ``constant`` as in ``simlab.models.ngram.smooth``; ``tokens`` "word", "character" or "subword"
    (of a vocabulary of ``subwords``). Raises ``BadInput`` for what those refuse, for discounts that are all 0, and for
    response sets too large to enumerate.
    """
    if len(corpus.answers) * (int(corpus.answers.max()) + 1) > MOST_ENTRIES:
        raise BadInput(
            f"{len(corpus.answers)} prompts x {int(corpus.answers.max()) + 1} responses are more than {MOST_ENTRIES} "
            "strings to enumerate: take fewer facts or answers"
        )
    sentences = render(corpus, tokens, subwords=subwords)
    counts = corpus.counts
    fact, column = np.nonzero(counts)
    idk = column == counts.shape[1] - 1
    said = fact_tokens(sentences, fact, np.where(idk, IDK, column))
    model = smooth(count_ngrams(said, order, counts[fact, column]), smoothing, constant)
    if constant is not None and not np.any(constant):  # of a model it is an edge, of a learner a mistake
        raise BadInput(f"constant = {shown(constant)}: {smoothing} without a discount smooths nothing: take mle")
    p_hat = np.zeros(counts.shape)
    p_hat[:, : len(sentences.responses)] = response_probabilities(model, sentences.prompts, sentences.responses)
    p_hat[:, :-1] *= np.arange(counts.shape[1] - 1) < corpus.answers[:, None]
    return TableFit("ngram", p_hat, nonsense=np.maximum(1.0 - p_hat.sum(1), 0.0))
