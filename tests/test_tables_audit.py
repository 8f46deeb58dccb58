"""What an audit asks of a table beyond its counts: spellings, examples, answers per prompt."""

from __future__ import annotations

import csv
import io
import random
import tempfile
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.errors import BadInput
from simlab.tables import Conflict, Fact, FactTable, Spelling, read_facts

Rows = list[tuple[str, str]]

RULES = ("none", "nfkc", "case", "space", "nfkc,case,space")
TEXTS = [
    "a",
    "A",
    " a",
    "a\u00a0",
    "ａ",
    "b",
    "b ",
    "ﬁ",
    "fi",
    "FI",
    "é",
    "e\u0301",
    "ß",
    "ss",
    " ",
    "",
    "c d",
    "c  d",
    "C\td",
]
ANSWERS = ["x", "X", "x ", "y", "idk", "IDK", "ＩＤＫ ", " ", ""]
TABLES = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(ANSWERS)), min_size=1, max_size=40)


def write(folder: Path, rows: Rows, name: str = "t.csv") -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("p", "a"), *rows])
    (folder / name).write_text(text.getvalue(), newline="")
    return folder / name


def facts(path: object, **options: object) -> FactTable:
    return read_facts(path, prompt="p", answer="a", **options)  # type: ignore[arg-type]


def respelt(text: str, rule: str) -> str:
    if "nfkc" in rule:
        text = unicodedata.normalize("NFKC", text)
    if "case" in rule:
        text = text.casefold()
    return " ".join(text.split()) if "space" in rule else text


def counted(rows: Rows, rule: str, idk: tuple[str, ...]) -> tuple[dict[str, Counter[str]], int]:
    """The answers of each prompt answered at all, and N."""
    unknown = {respelt(text, rule) for text in idk}
    spelt = [(respelt(p, rule), respelt(a, rule)) for p, a in rows]
    kept = [(p, a) for p, a in spelt if p and a]
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for p, a in kept:
        if a not in unknown:
            answers[p][a] += 1
    return answers, len(kept)


# ---- spellings ----


@settings(max_examples=8, deadline=None)
@given(rows=TABLES, idk=st.sampled_from([(), ("idk",)]), normalize=st.sampled_from(["none", "case"]))
def test_spellings_against_plain_python(rows: Rows, idk: tuple[str, ...], normalize: str) -> None:
    rows = [*rows, ("sure", "x")]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), rows)
        table = facts(path, spellings=True, idk=idk, normalize=normalize)
    expected = []
    for rule in RULES:
        answers, draws = counted(rows, rule, idk)
        unknown = {respelt(text, rule) for text in idk}
        silent = {respelt(p, rule) for p, a in rows if respelt(p, rule) and respelt(a, rule) in unknown}
        once = sum(seen.total() == 1 for seen in answers.values())
        expected.append(Spelling(rule, draws, len(set(answers) | silent), once))
    assert table.spellings == tuple(expected)
    rates = {one.rule: one.singleton_rate for one in table.spellings}
    assert (table.singleton_rate, table.singleton_rate_raw) == (rates[normalize], rates["none"])


def test_spellings_are_those_of_normalize(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [(rng.choice(TEXTS) + rng.choice(TEXTS), rng.choice(ANSWERS)) for _ in range(400)]
    path = write(tmp_path, rows)
    table = facts(path, spellings=True, idk=["idk"])
    assert table.spellings is not None
    assert [one.rule for one in table.spellings] == list(RULES)
    for one in table.spellings:
        alone = facts(path, normalize=one.rule, idk=["idk"])
        assert (one.draws, one.prompts, one.singleton_rate) == (alone.draws, alone.prompts, alone.singleton_rate)
    assert len({one.singletons for one in table.spellings}) > 3  # the rules do differ on this table
    assert facts(path).spellings is None
    assert facts(path, spellings=table.rows, idk=["idk"]).spellings == table.spellings
    assert facts(path, spellings=table.rows - 1, examples=3).spellings is None


def test_spellings_of_counts_and_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("p,a,n\nx,1,1\nX,1,0\n Y,2,1\ny,2,3\nz,1,1\n", newline="")
    every = facts(path, count="n", spellings=True).spellings
    assert every is not None
    # X stands nowhere, its count is 0; Y and y are one prompt only if space and case are both made alike
    assert [(one.draws, one.prompts, one.singletons) for one in every] == [(6, 4, 3)] * 4 + [(6, 3, 2)]
    path.write_text("p,a\nx,1\nX,1\n x,1\n,\n , \n", newline="")
    every = read_facts(path, spellings=True).spellings
    assert every is not None
    assert [(one.rule, one.draws, one.prompts, one.singletons) for one in every] == [
        ("none", 4, 4, 4),
        ("nfkc", 4, 4, 4),
        ("case", 4, 3, 2),
        ("space", 3, 2, 1),
        ("nfkc,case,space", 3, 1, 0),
    ]


# ---- examples ----


@settings(max_examples=8, deadline=None)
@given(
    rows=TABLES,
    idk=st.sampled_from([(), ("idk",)]),
    normalize=st.sampled_from(["none", "nfkc,case,space"]),
    conflicts=st.sampled_from(["majority", "drop"]),
)
def test_examples_are_true(rows: Rows, idk: tuple[str, ...], normalize: str, conflicts: str) -> None:
    """With room for all, the examples are all there is."""
    rows = [*rows, ("sure", "x")]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), rows)
        examples = facts(path, examples=100, spellings=True, idk=idk, normalize=normalize, conflicts=conflicts).examples
        assert examples is not None
    answers, _ = counted(rows, normalize, idk)
    pairs = {(p, a): times for p, seen in answers.items() for a, times in seen.items()}
    assert [(fact.prompt, fact.answer, fact.count) for fact in examples.commonest] == sorted(
        ((p, a, times) for (p, a), times in pairs.items()), key=lambda row: (-row[2], row[0], row[1])
    )
    once = {Fact(p, next(iter(seen)), 1) for p, seen in answers.items() if seen.total() == 1}
    assert len(examples.singletons) == len(once)
    assert set(examples.singletons) == once
    assert {one.prompt: {(f.answer, f.count) for f in one.commonest} for one in examples.conflicts} == {
        p: set(seen.items()) for p, seen in answers.items() if len(seen) > 1
    }
    for one in examples.conflicts:
        assert one.answers == len(one.commonest)
        assert [fact.count for fact in one.commonest] == sorted((f.count for f in one.commonest), reverse=True)
    ways: dict[str, set[str]] = defaultdict(set)
    for p, a in rows:
        if p and a:
            ways[respelt(p, RULES[-1])].add(p)
    several = {tuple(sorted(texts)) for norm, texts in ways.items() if len(texts) > 1 and norm}
    assert set(examples.spellings) == several


def test_examples_are_a_sample_that_nothing_moves(tmp_path: Path) -> None:
    rows = [(f"prompt {i}", "x") for i in range(300)] + [(f"twice {i}", a) for i in range(40) for a in "xy"]
    shuffled = random.Random(1).sample(rows, len(rows))
    one = facts(write(tmp_path, rows), examples=7).examples
    parts = [write(tmp_path, shuffled[:99], "a.csv"), write(tmp_path, shuffled[99:], "b.csv")]
    other = facts(parts, examples=7).examples
    assert one == other
    assert one is not None
    assert (len(one.commonest), len(one.singletons), len(one.conflicts), one.spellings) == (7, 7, 7, ())
    numbers = [int(str(fact.prompt).split()[1]) for fact in one.singletons]
    assert numbers != sorted(numbers)  # neither the first in the file nor sorted
    assert max(numbers) > 100
    fewer = facts(parts, examples=3).examples
    assert fewer is not None
    assert fewer.singletons == one.singletons[:3]


def test_the_commonest_answers_of_a_conflict(tmp_path: Path) -> None:
    rows = [("c", "x")] * 3 + [("c", "y")] * 5 + [("c", "z"), ("c", "idk"), ("d", "x")]
    table = facts(write(tmp_path, rows), examples=2, idk="idk")
    assert table.examples is not None
    assert table.examples.conflicts == (Conflict("c", 3, (Fact("c", "y", 5), Fact("c", "x", 3))),)
    assert table.examples.commonest == (Fact("c", "y", 5), Fact("c", "x", 3))
    assert table.examples.singletons == (Fact("d", "x", 1),)
    assert facts(write(tmp_path, rows)).examples is None


def test_examples_of_whole_rows_and_counts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("n,p,a\n2,x,1\n1, X ,\n1,y,2\n0,z,3\n", newline="")
    examples = read_facts(path, count="n", examples=9).examples
    assert examples is not None
    assert examples.commonest == (Fact(None, "a=1, p=x", 2), Fact(None, "a=2, p=y", 1), Fact(None, "p= X ", 1))
    assert set(examples.singletons) == set(examples.commonest[1:])
    assert examples.conflicts == ()
    examples = read_facts(path, count="n", examples=9, normalize="case,space").examples
    assert examples is not None
    assert examples.commonest[-1] == Fact(None, "p=x", 1)
    examples = facts(path, count="n", examples=9).examples
    assert examples is not None
    assert examples.commonest == (Fact("x", "1", 2), Fact("y", "2", 1))


# ---- answers per prompt ----


def test_answers_per_prompt(tmp_path: Path) -> None:
    rows = [("c", "x"), ("c", "y"), ("c", "y"), ("d", "x"), ("e", "x"), ("f", "idk"), ("g", "idk"), ("g", "z")]
    path = write(tmp_path, rows)
    table = facts(path, idk="idk")
    assert table.prompts_by_answers == ((0, 1), (1, 3), (2, 1))
    assert table.idk_draws == 2
    assert facts(path, idk="idk", conflicts="drop").prompts_by_answers == table.prompts_by_answers
    assert sum(answers * prompts for answers, prompts in table.prompts_by_answers) == table.facts


# ---- settings ----

BAD = [
    ({"examples": -1}, "examples = -1: must be a whole number of at least 0, 10 for ten of each kind"),
    ({"examples": True}, "examples = True: must be a whole number of at least 0, 10 for ten of each kind"),
    ({"examples": 2.5}, "examples = 2.5: must be a whole number of at least 0, 10 for ten of each kind"),
    (
        {"spellings": -1},
        "spellings = -1: must be True, False, or a whole number of at least 0, the most rows for which they are "
        "compared",
    ),
    (
        {"order": True, "count": "n"},
        "order = True with count = 'n': an aggregated table has lost the order of its draws: leave one out",
    ),
]


@pytest.mark.parametrize(("options", "sentence"), BAD)
def test_bad_settings(tmp_path: Path, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        facts(tmp_path / "nowhere.csv", **options)  # refused before any file is looked for
    assert str(caught.value) == sentence
