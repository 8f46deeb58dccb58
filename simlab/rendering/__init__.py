"""Facts as text, and text as tokens: what language models of strings are fitted to, and how they are read back."""

from simlab.rendering.facts import (
    BIRTHPLACE,
    Sentences,
    Template,
    corpus_tokens,
    fact_tokens,
    prompt_text,
    read_fact,
    render,
    response_text,
    write,
)
from simlab.rendering.names import name_of, number_of
from simlab.rendering.tokenisers import (
    TOKENISERS,
    Tokeniser,
    character,
    decode,
    encode,
    make_tokeniser,
    subword,
    word,
)
from simlab.rendering.tokens import END, Tokens, check_tokens, flatten, gather, join

__all__ = [
    "BIRTHPLACE",
    "END",
    "TOKENISERS",
    "Sentences",
    "Template",
    "Tokeniser",
    "Tokens",
    "character",
    "check_tokens",
    "corpus_tokens",
    "decode",
    "encode",
    "fact_tokens",
    "flatten",
    "gather",
    "join",
    "make_tokeniser",
    "name_of",
    "number_of",
    "prompt_text",
    "read_fact",
    "render",
    "response_text",
    "subword",
    "word",
    "write",
]
