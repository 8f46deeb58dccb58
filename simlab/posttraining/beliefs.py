"""A world in which confidence takes every value: prompts of one class share a law of their right answers.

In Definition 1 of KNVZ 2025 the right answer is uniform on R_c, so that whoever has not read it believes 1/|R_c|. Here
it is drawn from a law of the prompt's class, as birth places or majors have one: a model that has read other facts
of the class can believe anything between, and be right as often as it believes. The training text holds no error.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from simlab.corpora import Listed, Truth, list_facts
from simlab.errors import BadInput
from simlab.inputs import a_kind, count, generator, numbers
from simlab.models import TableFit
from simlab.models.add_constant import check_constant
from simlab.models.calibrated import memorised
from simlab.worlds import World


def world_of_classes(classes: int, facts_per_class: int, answers: int, answer_rate: float) -> World:
    """A world of so many classes of as many facts each, in which all facts have one popularity, |R_c| and alpha_c.

    Raises ``BadInput`` for what is no world.
    """
    n = count("classes", classes, 1)
    m = count("facts_per_class", facts_per_class, 1)
    return World(
        "classes",
        facts=np.full(n, m),
        popularity=np.full(n, 1.0 / (n * m)),
        answers=np.full(n, answers),
        answer_rate=np.full(n, answer_rate),
    )


def peaked(top: Float[np.ndarray, " classes"], answers: int) -> Float[np.ndarray, "classes answers"]:
    """Laws in which the first answer has probability ``top`` and the others share the rest alike.

    Raises ``BadInput`` unless every top is a chance of at least 1/answers, and there are at least 2 answers.
    """
    top, answers = numbers("top", top), count("answers", answers, 2)
    if not ((top >= 1.0 / answers) & (top <= 1.0)).all():
        raise BadInput(f"top: must hold chances from 1/{answers}, that of a uniform law, to 1")
    law = np.repeat(((1.0 - top) / (answers - 1))[:, None], answers, axis=1)
    law[:, 0] = top
    return law


def list_by_law(world: World, law: Float[np.ndarray, "classes answers"], rng: np.random.Generator) -> Truth:
    """List the facts of ``world``, each with its right answer drawn from the ``law`` of its class.

    Raises ``BadInput`` unless every class has one law, a distribution over its answers.
    """
    a_kind("world", world, World, "a World, such as world_of_classes(5, 100, 8, 0.8)")
    generator(rng)
    law = numbers("law", law, None)
    shape = (len(world.facts), int(world.answers.max()))
    if law.shape != shape or not ((law >= 0).all() and (abs(law.sum(1) - 1.0) < 1e-9).all()):
        raise BadInput(f"law has shape {law.shape}: give {shape[0]} distributions over {shape[1]} answers, one a class")
    if (law[np.arange(shape[1]) >= world.answers[:, None]] > 0).any():
        raise BadInput("law gives a class an answer beyond its |R_c|: its probability there must be 0")
    listed = list_facts(world, rng)
    upto = np.cumsum(law, axis=1)[listed.fact_class]
    at = rng.random((len(upto), 1)) * upto[:, -1:]
    return Truth(world, listed.fact_class, np.minimum((at >= upto).sum(1), world.answers[listed.fact_class] - 1))


def by_class(corpus: Listed, *, constant: float = 1.0) -> TableFit:
    """The calibrated algorithm where classes have laws: memorise what was read, else believe the law of the class.

    p_hat(IDK|c) = 1 - alpha_c; a prompt that was answered keeps alpha_c on its answer; of the others the answer r has
    alpha_c (n_r + constant/|R|) / (n + constant), n_r being how many answered prompts of the class had the answer r, n
    their number: the cross-entropy optimum of a model that sees the class alone, shrunk towards the uniform law.
    Raises ``BadInput`` unless the constant is a number from 1e-100 to 1e100, and for a corpus of cells.
    """
    a_kind("corpus", corpus, Listed, "a listed corpus, such as sample_listed draws: cells forget which fact is which")
    constant = check_constant(constant)
    counts = corpus.counts[:, :-1]
    answered = counts.sum(1) > 0
    classes = int(corpus.fact_class.max()) + 1
    seen = np.zeros((classes, counts.shape[1]))
    np.add.at(seen, (corpus.fact_class[answered], counts[answered].argmax(1)), 1.0)
    plausible = np.arange(counts.shape[1]) < corpus.answers[:, None]
    share = (seen[corpus.fact_class] + constant / corpus.answers[:, None]) * plausible
    law = share / share.sum(1, keepdims=True)
    alpha = corpus.answer_rate[:, None]
    return TableFit("by_class", np.hstack([memorised(corpus, alpha, alpha * law), 1.0 - alpha]))
