"""Printing for a reader: in ASCII where the encoding has no more, folded where there is a terminal, until he leaves."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simlab.terminal.wording import printable, writable

PLAIN_WIDTH, PLAIN_HEIGHT = 160, 24
"""The size of a page that is no terminal."""


class ReaderGone(BrokenPipeError):
    """Whoever read our output went away, as ``head`` does."""


@contextmanager
def for_a_reader() -> Iterator[None]:
    """Tell a closed pipe of our output from one of our workers."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGone from None


def put(text: str) -> None:
    """Print lines on stdout, in ASCII where its encoding has no more."""
    for line in text.split("\n"):
        print(writable(line, sys.stdout.encoding))


def say(text: str) -> None:
    """One line on stderr, under our name."""
    with for_a_reader():
        print(writable(f"simlab: {printable(text)}", sys.stderr.encoding), file=sys.stderr, flush=True)


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is; None where it is none, and lines may be as long as they like."""
    return shutil.get_terminal_size((PLAIN_WIDTH, PLAIN_HEIGHT)).columns if sys.stdout.isatty() else None


def folded_at_words(lines: Sequence[str], width: int | None) -> list[str]:
    """Lines folded at words to a terminal's width, with a hanging indent; as they are where there is none."""
    if width is None:
        return list(lines)
    fold = textwrap.TextWrapper(max(width, 20), break_long_words=False, break_on_hyphens=False)
    folded = []
    for line in lines:
        fold.subsequent_indent = " " * (len(line) - len(line.lstrip()) + 2)
        folded.append(fold.fill(line))
    return folded
