"""The transformer as a density family: biographies in, p_hat of every response out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from simlab.corpora import Listed
from simlab.errors import BadInput, shown
from simlab.fitting import Examples, Family
from simlab.fitting.memory import check_parameters
from simlab.models.fits import TableFit
from simlab.models.transformer.decoder import Decoder, initial, read, surprise
from simlab.models.transformer.enumerating import MEMORY, check_enumerable, enumerate_responses
from simlab.rendering.biographies import Register, Written, distinct, register_of
from simlab.terminal.numerals import count

MOST_LAYERS = 12


@dataclass(frozen=True, eq=False, repr=False)
class Sentences(Examples):
    """Examples that are sentences, and the register that says who they are about."""

    register: Register | None = None


@dataclass(frozen=True)
class Transformer(Family):
    """A decoder of ``layers`` blocks of ``width``, each with ``heads`` and a GELU network of ``hidden`` neurons.

    ``hidden`` 0 stands for 4 x width; ``tied`` reads logits off the embeddings. A corpus without words is written as
    biographies of one attribute in ``templates`` templates. ``asked``: the questions are put in "written" templates,
    or in those "held_out" by the register. ``memory``: bytes that one chunk of the enumeration may take. Raises
    ``BadInput`` for sizes that make no decoder.
    """

    layers: int = 1
    width: int = 32
    heads: int = 2
    hidden: int = 0
    tied: bool = True
    templates: int = 1
    asked: str = "written"
    memory: int = MEMORY

    name: ClassVar[str] = "transformer"

    def __post_init__(self) -> None:
        for name, least in (("layers", 1), ("width", 1), ("heads", 1), ("hidden", 0), ("templates", 1), ("memory", 1)):
            object.__setattr__(self, name, count(name, getattr(self, name), least))
        for name, most in (("layers", MOST_LAYERS), ("width", 2**16), ("heads", self.width)):
            if getattr(self, name) > most:
                raise BadInput(f"{name} = {getattr(self, name)}: must be a whole number from 1 to {most}")
        if self.width % self.heads:
            raise BadInput(f"width = {self.width}: must be a multiple of heads = {self.heads}")
        if not isinstance(self.tied, bool):
            raise BadInput(f"tied = {shown(self.tied)}: must be True or False")
        if self.asked not in ("written", "held_out"):
            raise BadInput(f"asked = {self.asked!r}: must be 'written' or 'held_out'")

    def examples(self, corpus: Listed | Written) -> Examples:
        """The distinct sentences of a corpus and the draws each stands for.

        Raises ``BadInput`` for a corpus of factoids, which has no prompts, and for responses that ``density`` could
        not enumerate.
        """
        if isinstance(corpus, Listed):
            if corpus.n_strings is not None:
                raise BadInput("a corpus of factoids has no prompts: biographies need them")
            corpus = Written(corpus, register_of(corpus, templates=self.templates))
        register = corpus.register
        if self.asked == "held_out" and not register.held_out:
            raise BadInput("asked = 'held_out': the register holds no templates out; give it held_out of 1 or more")
        shapes = {"word": range(register.vocabulary), "place": range(register.length)}
        check_parameters(self, shapes)
        check_enumerable(self._decoder(shapes), register, self.memory)
        tokens, scored, weight = distinct(corpus)
        given = {"word": np.arange(len(register.words)), "place": np.arange(tokens.shape[1])}
        rows = {"tokens": tokens.astype(np.int32), "scored": scored}
        return Sentences(rows, weight, given, corpus.corpus, register)

    def _decoder(self, given: Any) -> Decoder:
        """The decoder of as many words and places, as shapes alone."""
        shapes: Decoder = jax.eval_shape(lambda: self.start(jax.random.key(0), given))
        return shapes

    def start(self, key: Array, given: Any) -> Decoder:
        """Random parameters for the vocabulary and the length in ``given``."""
        made: Decoder = initial(
            key,
            vocabulary=len(given["word"]),
            length=len(given["place"]),
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            hidden=self.hidden or 4 * self.width,
            tied=self.tied,
        )
        return made

    def surprise(self, params: Decoder, rows: Any, given: Any) -> Float[Array, " examples"]:  # noqa: ARG002
        """-ln p_hat(r|c) of each sentence, in nats: c is what stands before the value, r the value and the end."""
        return surprise(params, rows["tokens"], rows["scored"])

    def density(self, params: Decoder, examples: Examples) -> TableFit:
        """p_hat of every response of every fact, by enumeration, in double precision.

        The mean over the templates asked. ``nonsense`` is the mass of all strings that are no response of the
        fact: words of other attributes, values that the fact cannot have, values without end, IDK where there is none.
        """
        assert isinstance(examples, Sentences)
        assert examples.register is not None
        assert isinstance(examples.corpus, Listed)
        register, corpus = examples.register, examples.corpus
        first = 0 if self.asked == "written" else register.templates
        last = register.templates + (register.held_out if self.asked == "held_out" else 0)
        p_hat = enumerate_responses(params, register, np.arange(first, last), memory=self.memory)
        column = np.arange(p_hat.shape[1] - 1)
        exists = np.hstack([column < corpus.answers[:, None], np.full((len(p_hat), 1), corpus.idk)])
        p_hat = np.where(exists, p_hat, 0.0)
        width = int(corpus.answers.max())
        p_hat = np.hstack([p_hat[:, :width], p_hat[:, -1:]])  # as many columns as the corpus has responses
        return TableFit(self.name, p_hat, nonsense=np.maximum(1.0 - p_hat.sum(1), 0.0))

    def activations(self, params: Decoder, rows: Any, given: Any) -> dict[str, Array]:  # noqa: ARG002
        """Attention, neurons and residual stream of each block, over the tokens of each sentence but its last."""
        found: dict[str, Array] = _activations(params, jnp.asarray(rows["tokens"])[:, :-1])
        return found


@jax.jit
def _activations(params: Decoder, tokens: Int[Array, "rows length"]) -> dict[str, Array]:
    return read(params, tokens)[2]
