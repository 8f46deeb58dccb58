"""Findings about the rows themselves: spellings, conflicts, bad rows; and what --no-examples keeps back."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlab.audit import audit_corpus
from simlab.audit.cli import command
from simlab.audit.contents import many_conflicts, skipped_rows, spelling_variants
from simlab.audit.corpus import SPELLED
from simlab.audit.record import Conflicts, Singletons
from simlab.tables import Skipped


def singletons(**respelt: float) -> Singletons:
    return Singletons(0.5, 0.5, 0.5, {"none": 0.5, **respelt})


def test_spelling_variants():
    alarm = spelling_variants(singletons(case=0.45, space=0.5), "none", 10_000)
    assert alarm.sentence == (
        "the singleton rate falls from 0.5000 to 0.4500 with --normalize case: spelling variants of one fact pass for "
        "facts that stand once"
    )
    assert alarm.evidence == {"singleton_rate": 0.5, "singleton_rate_respelt": 0.45, "singletons_lost": 500}
    assert spelling_variants(singletons(case=0.495), "none", 10_000) is None  # 1 % of the rate
    assert spelling_variants(singletons(case=0.45), "none", 150) is None  # 7 singletons
    assert spelling_variants(singletons(case=0.45), "case", 10_000) is None
    assert spelling_variants(singletons(case=0.45), "nfkc,space", 10_000) is None  # not compared


def conflicts(prompts: int, repeated: float) -> Conflicts:
    return Conflicts(prompts, 0.01, repeated, 1.1, {1: 100, 2: prompts})


def test_many_conflicts():
    alarm = many_conflicts(conflicts(20, 0.0501), "majority")
    assert alarm.sentence == (
        "20 prompts have several answers, 5.0% of those answered more than once: the theory takes one answer for "
        "right, here the commonest; --conflicts drop leaves these prompts out, --conflicts all-valid takes each "
        "(prompt, answer) pair for a fact"
    )
    assert many_conflicts(conflicts(20, 0.05), "majority") is None
    assert many_conflicts(conflicts(9, 0.5), "majority") is None
    assert many_conflicts(conflicts(20, 0.5), "drop") is None
    assert many_conflicts(conflicts(20, 0.5), "all-valid") is None


def test_skipped_rows_are_told_by_file_and_line():
    bad = [Skipped("/some/where/a.csv", "wrong number of values", 1, "line 3")]
    note = skipped_rows(bad)
    assert (note.grade, note.evidence) == ("note", {"rows": 1})
    assert note.sentence == "passed over as bad: 1 row of a.csv (wrong number of values), the first at line 3"
    many = skipped_rows([Skipped(f"{i}.csv", "not UTF-8 text", 2, "line 9") for i in range(7)])
    assert many.sentence.endswith("; 2 rows of 4.csv (not UTF-8 text), the first at line 9; and more in 2 other places")
    assert skipped_rows([]) is None


# ---- from a file ----

SECRETS = ("Xanthippe", "Zyzzyva", "Quokka")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A table that raises every finding which could quote it."""
    rows = [f"Xanthippe{min(i % 211, i % 397)},Zyzzyva{i % 5}" for i in range(900)]
    rows += [f"{spelt}{i},Zyzzyva1" for i in range(200) for spelt in ("xanthippe", "XANTHIPPE")]
    rows += ["Quokka,1,2"] * 2
    path = tmp_path / "facts.csv"
    path.write_text("\n".join(["q,a", *rows]) + "\n")
    return path


def test_without_examples_no_text_of_the_table_goes_anywhere(private, capsys):
    asked = ["corpus", str(private), "--prompt", "q", "--answer", "a", "--skip-bad-rows"]
    written = {name: private.parent / f"audit.{name}" for name in ("json", "html")}
    paths = [part for name, path in written.items() for part in (f"--{name}", str(path))]
    shown = []
    for more in ([], ["--no-examples"]):
        assert command([*asked, *paths, *more]) == 0
        out, err = capsys.readouterr()
        shown.append([out, err, *(path.read_text() for path in written.values())])
    names = [finding["name"] for finding in json.loads(shown[1][2])["findings"]]
    assert {"spelling_variants", "conflicts", "skipped_rows"} <= set(names)
    assert json.loads(shown[1][2])["examples"] is None
    for text in shown[1]:
        assert not any(secret.casefold() in text.casefold() for secret in SECRETS)
    for text in (shown[0][0], shown[0][2], shown[0][3]):
        assert SECRETS[0] in text
        assert SECRETS[1] in text


def test_examples_are_ten_commonest_facts_and_a_sample(private):
    found = audit_corpus(private, prompt="q", answer="a", skip_bad_rows=True)
    assert len(found.examples.commonest) == 10
    assert 1 <= len(found.examples.singletons) <= 10
    assert found.size.skipped == 2
    text = found.text()
    assert "  commonest facts\n" in text
    assert "  some that stand once\n" in text
    assert "  some spellings of one prompt\n" in text
    assert text.count(" -> Zyzzyva") >= 15


def test_bad_rows_are_a_sentence_or_counted(private, capsys):
    asked = ["corpus", str(private), "--prompt", "q", "--answer", "a"]
    assert command(asked) == 2
    assert capsys.readouterr().err.startswith(
        f"simlab: {private}, line 1302: 3 values, where the header names 2 columns"
    )
    assert command([*asked, "--skip-bad-rows"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("1,300 rows, 0 missing, 2 skipped as bad; N = 1,300,")
    assert (
        "  - skipped_rows: Passed over as bad: 2 rows of facts.csv (wrong number of values), the first at line 1302.\n"
        in out
    )


def test_a_fact_named_script_is_a_fact(tmp_path):
    evil = '"<script>alert(1)</script>"'
    rows = [f"{evil},{evil}"] * 3 + [f"{evil},<b>{i}</b>" for i in range(3)] + [f"<i>{i}</i>,x" for i in range(30)]
    path = tmp_path / "<script>.csv"
    path.write_text("\n".join(["<q>,<a>", *rows]) + "\n")
    page = audit_corpus(path, prompt="<q>", answer="<a>").html()
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 3


def test_whole_rows_and_counts_have_their_examples_and_no_order(tmp_path):
    path = tmp_path / "facts.csv"
    path.write_text("x,y,n\n" + "".join(f"x{i},y{i % 3},{1 + i % 4}\n" for i in range(40)))
    found = audit_corpus(path, count="n")
    assert found.order is None
    assert found.size.draws == 100
    assert found.examples.commonest[0].prompt is None
    assert "x=x11, y=y2" in found.text()
    assert audit_corpus(path, count="n", examples=False).examples is None


def test_the_order_of_rows_is_looked_at_unless_told_not_to(tmp_path):
    rows = [f"q{i},a{i % 3}" for i in random.Random(3).choices(range(4000), k=5000)]
    path = tmp_path / "facts.csv"
    for table, fires in ((rows, False), (sorted(rows), True)):
        path.write_text("\n".join(["q,a", *table]) + "\n")
        found = audit_corpus(path, prompt="q", answer="a")
        assert found.order.rows == 5000
        assert [finding.name for finding in found.findings] == (["clustered"] if fires else [])
        assert audit_corpus(path, prompt="q", answer="a", order_check=False).findings == ()


def written(folder: Path, rows: list[tuple[str, str]]) -> Path:
    path = folder / "facts.csv"
    path.write_text("p,a\n" + "".join(f"{p},{a}\n" for p, a in rows))
    return path


def names(audit) -> set[str]:
    return {finding.name for finding in audit.findings}


def test_a_list_made_distinct_over_both_columns_is_told_by_its_pairs(tmp_path):
    rows = [(f"p{i % 60}", f"a{i % 7}") for i in range(90)]  # 30 prompts have two answers each
    audit = audit_corpus(written(tmp_path, rows), prompt="p", answer="a")
    (alarm,) = [finding for finding in audit.alarms if finding.name == "deduplicated"]
    assert alarm.evidence == {"pairs": 90, "conflicts": 30}
    assert "deduplicated" not in names(audit_corpus(written(tmp_path, [*rows, rows[0]]), prompt="p", answer="a"))


def test_texts_for_idk_that_no_row_says_are_a_note(tmp_path):
    path = written(tmp_path, [(f"p{i % 7}", f"a{i % 5}") for i in range(40)] + [("p1", "IDK")])
    assert "idk_unused" in names(audit_corpus(path, prompt="p", answer="a", idk="idk"))
    assert "idk_unused" not in names(audit_corpus(path, prompt="p", answer="a", idk="IDK"))


def test_yes_or_no_has_no_floor_to_bring_down(tmp_path):
    path = written(tmp_path, [(f"p{i}", "yes" if i % 3 else "no") for i in range(40)])
    text = audit_corpus(path, prompt="p", answer="a").text()
    assert "there is no floor to bring down: with 2 plausible answers a guess is right too often for one" in text
    assert "no more rows are needed" not in text


def test_without_the_spelling_check_no_spelling_is_compared(tmp_path):
    path = written(tmp_path, [(name, "x" if i else "y") for i, name in enumerate(["Rome", "rome", "Oslo"] * 5)])
    assert len(audit_corpus(path, prompt="p", answer="a").as_dict()["singletons"]["respelt"]) == 5
    without = audit_corpus(path, prompt="p", answer="a", spelling_check=False)
    assert without.as_dict()["singletons"]["respelt"] == {}
    assert "spellings_left_out" not in names(without)


def test_a_large_table_is_compared_only_when_asked_and_says_so(tmp_path, monkeypatch, capsys):
    path = written(tmp_path, [(name, "x" if i else "y") for i, name in enumerate(["Rome", "rome", "Oslo"] * 5)])
    monkeypatch.setattr("simlab.audit.corpus.SPELLED", 15)
    assert len(audit_corpus(path, prompt="p", answer="a").singletons.respelt) == 5
    monkeypatch.setattr("simlab.audit.corpus.SPELLED", 14)
    found = audit_corpus(path, prompt="p", answer="a")
    assert found.singletons.respelt == {}
    (note,) = [finding for finding in found.findings if finding.name == "spellings_left_out"]
    assert (note.grade, note.evidence) == ("note", {"rows": 15, "most_rows": 14})
    said = "pellings were not compared: that is done unasked up to 14 rows, since it takes longer than all else; "
    assert f"s{said}--spelling-check asks for it" == note.sentence
    assert said in found.text()
    assert said in found.html()
    asked = ["corpus", str(path), "--prompt", "p", "--answer", "a", "--json", "-", "--quiet"]
    for option, compared in (([], 0), (["--spelling-check"], 5), (["--no-spelling-check"], 0)):
        assert command([*asked, *option]) == 0
        json_said = json.loads(capsys.readouterr().out)
        assert len(json_said["singletons"]["respelt"]) == compared
        noted = "spellings_left_out" in [finding["name"] for finding in json_said["findings"]]
        assert noted == (option == [])


def test_the_help_names_the_rows_up_to_which_spellings_are_compared(capsys):
    assert command(["corpus", "--help"]) == 0
    assert f"default: up to {SPELLED:,} rows" in " ".join(capsys.readouterr().out.split())


# ---- names mean nothing ----

SIGNS = st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Zs", "Po"])
NAMES = st.lists(st.text(SIGNS, min_size=1), min_size=13, max_size=13, unique=True)
TEXTS = {"files", "examples", "asked"}


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 7), st.integers(8, 11)), min_size=2, max_size=60),
    labels=NAMES,
    rule=st.sampled_from(
        [("majority", False), ("majority", True), ("drop", False), ("drop", True), ("all-valid", False)]
    ),
)
def test_other_names_for_prompts_and_answers_change_no_number(rows, labels, rule):
    """Through the reader: the rows in their order, with every prompt and every answer named anew."""
    conflicts, idk = rule
    rows = [*rows, (12, 8), (12, 11)] if idk else [*rows, (12, 8)]  # what no rule leaves out, and an IDK row
    seen = []
    for called in ([f"text {i}" for i in range(13)], labels):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "facts.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
                    [("p", "a"), *((called[p], called[a]) for p, a in rows)]
                )
            found = audit_corpus(
                path,
                prompt="p",
                answer="a",
                idk=[called[11]] if idk else (),
                conflicts=conflicts,
                n_answers=9,
                spelling_check=False,
            ).as_dict()
        seen.append({name: value for name, value in found.items() if name not in TEXTS})
    assert seen[0] == seen[1]
