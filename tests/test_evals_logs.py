"""Evaluation logs read: formats, grades, votes, and what is refused with file and line."""

from __future__ import annotations

import contextlib
import gzip
import importlib
import json
import math
import os
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simlab.errors import BadInput
from simlab.logs import ABSTAINED, CORRECT, WRONG, read_ids, read_logs
from simlab.logs.eval_log import MISSING
from simlab.logs.grades import grade_of, is_three_way, penalty_of, scheme_of
from simlab.logs.judging import key_of
from simlab.logs.voting import contradictions, counted

DATA = os.environ.get("SIMLAB_DATA", "")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name: str, *lines: object) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return name


def read(*paths: str, **options):
    logs = read_logs(paths, **options)
    assert len(logs) == 1
    return logs[0]


def refused(sentence: str, *paths: str, **options) -> None:
    with pytest.raises(BadInput) as error:
        read_logs(paths, **options)
    assert str(error.value) == sentence


def mapping(log) -> dict[str, str]:
    return {role.role: role.source for role in log.mapping}


# ---- grades ----


def test_words_letters_and_numbers_are_grades_as_a_whole_and_never_in_part():
    for text in ("CORRECT", "correct.", " **Correct** ", "True", "yes", "A: CORRECT", "(A) correct"):
        assert grade_of(text, None) == CORRECT, text
    for text in ("INCORRECT", "wrong", "False", "fail", "B: INCORRECT"):
        assert grade_of(text, None) == WRONG, text
    for text in ("NOT_ATTEMPTED", "not attempted", "Not-Attempted.", "IDK", "I don’t know", "C) NOT_ATTEMPTED"):
        assert grade_of(text, None) == ABSTAINED, text
    for text in ("", "nan", "NULL", "N/A"):
        assert grade_of(text, None) == MISSING, text
    for text in ("not correct", "CORRECT or INCORRECT", "A: INCORRECT", "banana", "the answer is correct", "attempted"):
        assert grade_of(text, "simpleqa") is None, text


def test_a_bare_not_attempted_is_not_an_a():
    assert grade_of("NOT_ATTEMPTED", "simpleqa") == ABSTAINED
    assert [grade_of(letter, "simpleqa") for letter in "ABC"] == [CORRECT, WRONG, ABSTAINED]
    assert [grade_of(letter, "inspect") for letter in "CIPN"] == [CORRECT, WRONG, 0.5, ABSTAINED]
    log = read(write("a.csv", "id,grade", "1,NOT_ATTEMPTED", "2,A", "3,b", "4,C"))
    assert log.outcome.tolist() == [ABSTAINED, CORRECT, WRONG, ABSTAINED]


def test_a_scheme_of_letters_is_told_by_all_of_them_together():
    assert scheme_of(["A", "B", "C", "CORRECT"]) == scheme_of(["a", "c"]) == "simpleqa"
    assert scheme_of(["C", "I"]) == scheme_of(["C", "P", "N"]) == "inspect"
    assert scheme_of(["Y", "N"]) == "yes or no"
    assert scheme_of(["T", "F"]) == "true or false"
    assert scheme_of(["correct"]) is None
    assert scheme_of(["C"], "simpleqa") == "simpleqa"
    for letters in (["C"], ["N"], ["A", "I"], ["A", "Z"]):
        with pytest.raises(ValueError, match=", ".join(sorted(letters))):
            scheme_of(letters)
    assert is_three_way(["CORRECT", "NOT_ATTEMPTED", ""], None)
    assert not is_three_way(["CORRECT", "INCORRECT"], None)
    assert not is_three_way(["pass", "NOT_ATTEMPTED"], None)


def test_scores_below_zero_show_a_penalty():
    assert penalty_of(np.array([1, 0, -2.0, math.nan])) == 2
    assert penalty_of(np.array([1, 0.5, 0])) is None
    for scores in ([1, -1, -2], [0.5, -1], [2, -1]):
        with pytest.raises(ValueError, match=r"^$"):
            penalty_of(np.array(scores, dtype=float))
    log = read(write("a.csv", "id,score", "1,1", "2,-3", "3,0", "4,correct"))
    assert log.penalty == 3
    assert log.outcome.tolist() == [CORRECT, WRONG, ABSTAINED, CORRECT]
    refused(
        "b.csv, line 4: score -1: must be from 0 to 1, or 1, 0 and one number below 0 for right, abstained and wrong",
        write("b.csv", "id,score", "1,1", "2,0.5", "3,-1"),
    )


def test_partial_credit_is_right_from_a_stated_score_on():
    path = write("a.csv", "id,score", "1,1", "2,0.5", "3,0.25", "4,partial")
    assert read(path).outcome.tolist() == [CORRECT, WRONG, WRONG, WRONG]
    log = read(path, correct_from=0.5)
    assert log.outcome.tolist() == [CORRECT, CORRECT, WRONG, CORRECT]
    assert (log.odd("partial").rows, log.odd("partial").first) == (3, "line 3")


# ---- tables ----


def test_a_table_says_which_columns_it_took():
    log = read(write("a.csv", "qid,Correct,p,response,answer", "q1,1,0.9,Rome,Rome", "q2,0,80%,Oslo,Rome"))
    assert mapping(log) == {
        "id": "column 'qid'",
        "grade": "column 'Correct'",
        "confidence": "column 'p'",
        "answer": "column 'response'",
    }
    assert log.confidence.tolist() == [0.9, 0.8]
    assert log.outcome.tolist() == [CORRECT, WRONG]
    assert (log.files[0].format, log.files[0].told_by) == ("table", "its columns")


@pytest.mark.parametrize("other", [("1,1", "2,-3"), ("1,1", "2,0")])
def test_files_of_different_penalties_are_not_merged(other):
    """Of a file without a score below 0 nobody knows whether its zeros are wrong answers or abstentions."""
    paths = write("a.csv", "id,score", "1,1", "2,-2"), write("b.csv", "id,score", *other)
    sentence = "a.csv: wrong answers cost another penalty than in the files it is merged with"
    refused(sentence, *paths, merge="all")
    assert len(read_logs(paths)) == 2


def test_names_of_columns_are_known_in_any_case_and_with_space_around_them():
    log = read(write("a.csv", "ID, Grade , CONFIDENCE", "a,1,0.25", "b,0,0.75"))
    assert (log.outcome.tolist(), log.confidence.tolist()) == ([CORRECT, WRONG], [0.25, 0.75])
    assert mapping(log)["grade"] == "column ' Grade '"


def test_a_column_of_confidences_that_holds_none_is_told():
    log = read(write("a.csv", "id,grade,p", "1,1,NaN", "2,0,", "3,idk,"))
    assert not log.has_confidence
    assert (log.odd("confidence_missing").rows, log.odd("confidence_missing").first) == (2, "line 2")
    assert read(write("b.csv", "id,grade", "1,1", "2,0")).oddities == ()


def test_merged_files_say_where_each_of_them_has_a_quantity_from():
    paths = write("a.csv", "id,grade", "1,1", "2,0"), write("b.csv", "qid,correct,p", "3,1,0.5", "4,0,0.25")
    log = read(*paths, merge="all")
    assert log.sources == {
        "id": "column 'id' or column 'qid'",
        "grade": "column 'grade' or column 'correct'",
        "confidence": "column 'p'",
    }


def test_columns_can_be_named():
    path = write("a.csv", "id,grade,other,sure,confidence", "a,1,0,0.25,0.5", "b,1,0,0.75,0.5")
    log = read(path, grade="other", confidence="sure")
    assert (log.outcome.tolist(), log.confidence.tolist()) == ([WRONG, WRONG], [0.25, 0.75])
    refused(
        "a.csv: column 'grades' is unknown: did you mean 'grade'? (columns: confidence, grade, id, other, sure)",
        path,
        grade="grades",
    )
    refused("id and grade are both 'x': name two columns", path, id="x", grade="x")


def test_formats_and_packings_read_alike():
    rows = [(i, ("CORRECT", "INCORRECT", "NOT_ATTEMPTED")[i % 3], round(i / 30, 2)) for i in range(30)]
    table = "id,grade,confidence\n" + "".join(f"{i},{grade},{c}\n" for i, grade, c in rows)
    Path("a.csv").write_text(table)
    Path("a.tsv").write_text(table.replace(",", "\t"))
    Path("a.csv.gz").write_bytes(gzip.compress(table.encode()))
    write("a.jsonl", *({"id": i, "grade": grade, "confidence": c} for i, grade, c in rows))
    import duckdb

    duckdb.sql("COPY (SELECT * FROM read_csv('a.csv', all_varchar = true)) TO 'a.parquet' (FORMAT parquet)")
    first = read("a.csv")
    for name in ("a.tsv", "a.csv.gz", "a.jsonl", "a.parquet"):
        log = read(name)
        for array in ("question", "outcome", "confidence", "choices"):
            np.testing.assert_array_equal(getattr(log, array), getattr(first, array), name)
    assert first.question[3] == key_of("3")


def test_mixed_types_in_one_column_are_each_what_they_are():
    log = read(
        write(
            "a.jsonl",
            {"id": 1, "grade": True, "confidence": 1.0},
            {"id": "2", "grade": "INCORRECT", "confidence": "0.25"},
            {"id": 3.0, "grade": 1, "confidence": None},
            {"id": None, "grade": 0.0},
            '{"id": 5, "grade": null, "confidence": NaN}',
            '{"id": 6, "grade": "NOT_ATTEMPTED", "confidence": NaN}',
        )
    )
    assert log.outcome.tolist() == [CORRECT, WRONG, CORRECT, WRONG, ABSTAINED]
    assert log.confidence.tolist()[:2] == [1.0, 0.25]
    assert np.isnan(log.confidence[2:]).all()
    assert (log.rows, log.missing) == (6, 1)
    assert {odd.name: (odd.rows, odd.first) for odd in log.oddities} == {
        "missing_grade": (1, "line 5"),
        "unnamed": (1, "line 4"),
        "confidence_missing": (2, "line 3"),
    }


def test_confidences_outside_are_left_out_and_told():
    log = read(write("a.csv", "id,grade,p", *(f"{i},1,{c}" for i, c in enumerate((0.5, 1.0, 1.5, -0.1, 0.25)))))
    np.testing.assert_array_equal(log.confidence, [0.5, 1.0, math.nan, math.nan, 0.25])
    odd = log.odd("confidence_outside")
    assert (odd.rows, odd.first, odd.detail) == (2, "line 4", "1.5")
    percent = write("b.csv", "id,grade,p", *(f"{i},1,{c}" for i, c in enumerate((50, 90, 85))))
    assert read(percent).odd("confidence_outside").detail == "50 percent"
    assert read(percent, percent=True).confidence.tolist() == [0.5, 0.9, 0.85]


def test_abstentions_by_column_and_by_answer():
    path = write("a.csv", "id,correct,abstained,answer,target", "1,0,true,x,y", "2,0,0,I don't  KNOW.,y", "3,1,0,y,y")
    assert read(path).outcome.tolist() == [ABSTAINED, WRONG, CORRECT]
    log = read(path, idk=("i don't know",))
    assert log.outcome.tolist() == [ABSTAINED, ABSTAINED, CORRECT]


def test_a_column_of_models_splits_a_table():
    path = write("a.csv", "id,grade,who", "1,1,b", "1,0,a", "2,1,b", "2,0,")
    logs = read_logs(path, model="who")
    assert [log.name for log in logs] == ["b", "a", "(no model)"]
    assert [log.outcome.tolist() for log in logs] == [[CORRECT, CORRECT], [WRONG], [WRONG]]
    assert read(path).odd("contradiction").rows == 2


def test_gradings_of_simpleqa_are_known_by_their_columns():
    log = read(write("a.jsonl", *({"id": i, "simpleqa_grade": g} for i, g in enumerate(("CORRECT", "INCORRECT")))))
    assert (log.files[0].format, log.files[0].told_by) == ("simpleqa", "simpleqa_grade")
    flags = ("is_correct", "is_incorrect", "is_not_attempted")
    rows = [dict(zip(("id", *flags), (i, *(int(i == k) for k in range(3))), strict=True)) for i in range(3)]
    log = read(write("b.jsonl", *rows))
    assert (log.files[0].format, log.files[0].told_by) == ("simpleqa", ", ".join(flags))
    assert log.outcome.tolist() == [CORRECT, WRONG, ABSTAINED]


def test_samples_without_an_id_are_questions_of_their_own():
    paths = [write(name, "id,grade", ",1", ",0", "x,1", ",1") for name in ("a.csv", "b.csv")]
    logs = read_logs(paths)
    questions = [one for log in logs for one in log.question.tolist()]
    assert len(set(questions)) == 7  # x is one question in both
    assert logs[0].odd("unnamed").rows == 3


def test_choices_are_counted_or_told():
    path = write(
        "a.jsonl",
        {"id": 1, "grade": 1, "choices": ["a", "b", "c"]},
        {"id": 2, "grade": 1, "choices": 4},
        {"id": 3, "grade": 0},
    )
    assert read(path).choices.tolist() == [3, 4, 0]
    assert read(path, choices=5).choices.tolist() == [3, 4, 5]


def test_a_format_can_be_forced():
    path = write("samples_a.jsonl", samples([-1.0, -2.0], 1.0), samples([-2.0, -1.0], 0.0, doc_id=1))
    log = read(path, format="table", grade="acc_norm")
    assert (log.files[0].format, log.files[0].told_by, mapping(log)["id"]) == ("table", "as told", "column 'doc_id'")
    plain = write("a.csv", "id,grade", "1,1", "2,0")
    assert read(plain, format="simpleqa").files[0].format == "simpleqa"
    refused(
        "a.csv: is no samples file of lm-evaluation-harness (it has neither doc_hash nor doc_id): leave --format out, "
        "or name the ids with --id COL",
        plain,
        format="lm-eval",
        grade="grade",
    )
    assert read(plain, format="lm-eval", grade="grade", id="id").outcome.tolist() == [CORRECT, WRONG]


# ---- what is refused, and where it stands ----


@pytest.mark.parametrize(
    ("name", "lines", "sentence"),
    [
        (
            "a.csv",
            ["id,grade", "1,1", "2,banana"],
            "a.csv, line 3: grade 'banana' cannot be read: must be a word, a letter or a number from 0 to 1",
        ),
        (
            "a.csv",
            ["id,grade,p", "1,1,0.5", "2,0,high"],
            "a.csv, line 3: confidence 'high' cannot be read: must be a number from 0 to 1, or one with %",
        ),
        ("a.csv", ["id,score", "1,1", "2,87"], "a.csv, line 3: score 87: must be from 0 to 1: is the column a grade?"),
        ("a.csv", ["id,grade"], "a.csv: has no samples: an audit needs graded answers"),
        ("a.csv", ["id,grade", "1,", "2,NaN"], "a.csv: no sample has a grade: name another column with --grade COL"),
        (
            "a.csv",
            ["id,mark", "1,1"],
            "a.csv: no column holds grades: name it with --grade COL, or call it grade, "
            "score, correct or label (columns: id, mark)",
        ),
        (
            "a.csv",
            ["id,grade", "1,C"],
            "a.csv: the grades C may mean several things (C is NOT_ATTEMPTED in SimpleQA's "
            "gradings and correct in Inspect's logs): say --format simpleqa, or write words",
        ),
        ("a.csv", ["id,grade", "1,1,2"], "a.csv, line 2: 3 values, where the header names 2 columns: correct the line"),
        (
            "a.jsonl",
            ['{"id": 1, "grade": 1}', '{"id": 2, "gra'],
            "a.jsonl, line 2: is not one JSON object: Unterminated string starting at at column 11: correct the line",
        ),
        (
            "a.txt",
            ["id,grade"],
            "a.txt: no format is known by this suffix: rename it to one of .csv, .tsv, .jsonl, "
            ".ndjson, .parquet, .eval, .json (text also with .gz or .zst)",
        ),
        (
            "a.json",
            ["[1]"],
            "a.json: is no Inspect AI log (it has no field eval): write a table of grades as JSON "
            "Lines, an object a line, and name it .jsonl",
        ),
        (
            "a.json",
            ['{"results": {}, "configs": {}}'],
            "a.json: is a summary of lm-evaluation-harness, without "
            "samples: name the samples_*.jsonl that --log_samples writes beside it",
        ),
        (
            "a.json",
            ['{"eval": {}, ', '"samples": ['],
            "a.json, line 3: is not one JSON document: ends too early: was it cut short?",
        ),
        (
            "a.json",
            ['{"id": 1}', '{"id": 2}'],
            "a.json, line 2: is not one JSON document: holds several: JSON Lines are named .jsonl",
        ),
        ("a.eval", ["no zip"], "a.eval: is damaged or no .eval file (File is not a zip file): write it again"),
    ],
)
def test_a_bad_file_is_one_sentence_with_file_and_line(name, lines, sentence):
    refused(sentence, write(name, *lines))


def test_empty_and_absent_files_are_refused():
    Path("empty.jsonl").write_text("")
    Path("empty.eval").write_bytes(b"")
    refused("empty.jsonl: is empty: name a file with rows", "empty.jsonl")
    refused("empty.eval: is empty: name a file with samples", "empty.eval")
    refused("nowhere.eval: no such file: check the path", "nowhere.eval")
    refused("nowhere.csv: no such file: check the path", "nowhere.csv")
    for name in ("\udcff.csv", "\udcff.eval", "\udcff.json"):  # a byte that is no UTF-8, as Python has it
        refused(f"{name!r}: the name is not UTF-8, which the reader cannot open: rename the file", name)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"format": "csv"}, "format 'csv' is unknown: choose from inspect, lm-eval, simpleqa, table"),
        ({"merge": "some"}, "merge rule 'some' is unknown: choose from all, model, none"),
        (
            {"correct_from": 0},
            "correct_from = 0: must be a number above 0 and up to 1, the score from which on an answer is right",
        ),
        ({"choices": 1}, "choices = 1: must be a whole number of at least 2, the answers to choose from"),
        ({"grade": ""}, "grade = '': must be the name of a column, a text"),
        (
            {"model": "m", "format": "inspect"},
            "model = 'm' with format = 'inspect': only a table has a column of models",
        ),
        ({"filter": "f", "format": "table"}, "filter = 'f' with format = 'table': only lm-eval samples have filters"),
        ({"filter": "f"}, "a.csv: filter = 'f': only lm-evaluation-harness samples have filters"),
        ({"format": "inspect"}, "a.csv: is no Inspect AI log, which ends in .eval or .json: leave --format out"),
        ({"merge": "model"}, "a.csv: does not say of which model it is: leave out --merge model"),
    ],
)
def test_a_bad_setting_is_one_sentence(options, sentence):
    refused(sentence, write("a.csv", "id,grade", "1,1"), **options)


def test_bad_rows_are_skipped_on_demand_and_counted():
    path = write(
        "a.jsonl",
        {"id": 1, "grade": 1, "p": 0.5},
        "broken",
        {"id": 2, "grade": "banana", "p": 0.5},
        {"id": 3, "grade": 0, "p": "high"},
    )
    log = read(path, skip_bad_rows=True)
    assert log.outcome.tolist() == [CORRECT, WRONG]
    assert [(one.rule, one.rows, one.first) for one in log.skipped] == [
        ("not one JSON object", 1, "line 2"),
        ("the grade cannot be read", 1, "row 2 of those read"),
        ("the confidence cannot be read", 1, "row 3 of those read"),
    ]


# ---- lm-evaluation-harness ----


def samples(lls, acc, **more):
    """A line of multiple choice, as the harness writes it: numbers in responses as texts."""
    pairs = [[str(one), "False"] for one in lls]
    doc = {"doc_id": more.pop("doc_id", 0), "doc": {"q": "?"}, "target": "1", "arguments": {}, "metrics": ["acc"]}
    resps = [[pair] for pair in pairs]
    return {**doc, "resps": resps, "filtered_resps": pairs, "filter": "none", "acc": acc, "acc_norm": 0.0, **more}


def test_harness_samples_of_multiple_choice():
    path = write(
        "model__a/samples_arc_easy_2025-01-02T03-04-05.678901.jsonl",
        samples([-1.5, -0.5, -3.0], 1.0, doc_hash="x"),
        samples([-2.0, -2.0, -2.0, -2.0], 0.0, doc_hash="y", doc_id=1),
    )
    log = read(path)
    share = math.exp(-0.5) / (math.exp(-1.5) + math.exp(-0.5) + math.exp(-3.0))
    assert log.confidence == pytest.approx([share, 0.25], abs=1e-15)
    assert log.choices.tolist() == [3, 4]
    assert (log.model, log.task, log.files[0].format) == ("model__a", "arc_easy", "lm-eval")
    assert mapping(log) == {
        "id": "field 'doc_hash'",
        "grade": "metric 'acc'",
        "answer": "field 'filtered_resps'",
        "confidence": "share of the likelihood that the chosen answer has, from 'filtered_resps'",
        "filter": "none",
    }
    assert log.question[0] == key_of("x")
    named = read(path, grade="acc_norm")
    assert named.outcome.tolist() == [WRONG, WRONG]
    assert not named.has_confidence  # its choices' lengths stand nowhere
    assert "confidence" not in mapping(named)


@pytest.mark.parametrize("later", [True, False])
def test_harness_choices_by_character_have_the_likelihood_of_the_one_that_is_chosen(later):
    """acc_norm answers "yes", -3.2 over 3 letters, not "no", -2.2 over 2: it would with the space before."""
    texts = [" no", " yes", " maybe"]
    if later:
        arguments = {f"gen_args_{i}": {"arg_0": "?", "arg_1": text} for i, text in enumerate(texts)}
    else:
        arguments = [["?", text] for text in texts]
    lls = [-2.2, -3.2, -9.0]
    path = write(
        "samples_a.jsonl",
        samples(lls, 0.0, acc_norm=1.0, arguments=arguments),
        samples(lls, 1.0, doc_id=1, acc_norm=0.0, arguments=arguments),
    )
    log = read(path, grade="acc_norm")
    weights = np.exp(lls)
    assert log.confidence == pytest.approx([weights[1] / weights.sum()] * 2, rel=1e-12)
    assert mapping(log)["confidence"].startswith("share of the likelihood that the chosen answer has")
    assert read(path).confidence == pytest.approx([weights[0] / weights.sum()] * 2, rel=1e-12)


def test_harness_answers_generated_k_times_have_the_share_that_is_graded():
    def line(i, texts, graded, score):
        base = {"doc_id": i, "doc": {}, "target": "7", "resps": [texts], "filtered_resps": [graded], "filter": "none"}
        return {**base, "exact_match": score}

    path = write(
        "samples_qa.jsonl",
        line(0, ["Rome", "rome.", "Oslo", " Rome "], "Rome", 1.0),
        line(1, ["Oslo", "Rome", "Bern", "Bonn"], "Oslo", 0.0),
        line(2, ["it is 7", "it is 8"], "7", 1.0),  # a filter took it from the text: none of the four says 7
        line(3, ["7"], "7", 1.0),
    )
    log = read(path)
    np.testing.assert_array_equal(log.confidence, [0.75, 0.25, math.nan, math.nan])
    assert mapping(log)["confidence"] == "share of the answers in 'resps' that are the graded one"
    assert (log.odd("confidence_missing").rows, log.odd("confidence_missing").first) == (2, "line 3")
    single = read(write("samples_one.jsonl", line(0, ["7"], "7", 1.0), line(1, ["8"], "8", 0.0)))
    assert "confidence" not in mapping(single)
    assert single.oddities == ()


def test_harness_likelihoods_without_the_question_are_no_choices():
    log = read(
        write(
            "samples_a.jsonl",
            samples([-1.0, -2.0, -9.0, -9.0], 1, acc_mutual_info=1.0),
            samples([-1.0, -1.0, -9.0, -9.0], 1, doc_id=1, acc_mutual_info=1.0),
        )
    )
    assert log.choices.tolist() == [2, 2]
    assert log.confidence[1] == pytest.approx(0.5)


def test_one_filter_of_generated_samples_counts():
    def line(i, filter, score, text):
        base = {"doc_id": i, "doc": {}, "target": "7", "resps": [[text]], "filtered_resps": [text], "filter": filter}
        return {**base, "exact_match": score, "metrics": ["exact_match"]}

    path = write(
        "samples_gsm8k.jsonl",
        *(line(i, "strict", 0.0, "[invalid]") for i in range(3)),
        *(line(i, "flexible", 1.0, "I don't know" if i else "7") for i in range(3)),
    )
    log = read(path)
    assert (log.outcome.tolist(), mapping(log)["filter"]) == ([WRONG] * 3, "strict (flexible left out)")
    log = read(path, filter="flexible", idk=["I don't know."])
    assert log.outcome.tolist() == [CORRECT, ABSTAINED, ABSTAINED]
    assert not log.has_confidence
    refused("samples_gsm8k.jsonl: filter 'loose' is unknown: choose from strict, flexible", path, filter="loose")
    refused(
        "samples_f1.jsonl: no metric is known to be right or wrong: name one with --grade METRIC: choose from f1",
        write("samples_f1.jsonl", {"doc_id": 0, "resps": [["a"]], "f1": 0.5}),
    )


# ---- Inspect AI ----


def sample(i, value, answer="", epoch=1, **more):
    score = {"value": value, "answer": answer, "metadata": more.pop("metadata", {}), "history": []}
    base = {"id": i, "epoch": epoch, "input": "?", "target": "a", "messages": [{"role": "user", "content": "?" * 99}]}
    return {**base, "scores": {"match": score, "other": {"value": "I"}}, "events": [{"event": "x"}] * 9, **more}


def header(status="success", n=3, epochs=1):
    spec = {"model": "openai/m", "task": "t", "dataset": {"samples": n}, "config": {"epochs": epochs}}
    return {"version": 2, "status": status, "eval": spec}


def as_json(name, log, found):
    Path(name).write_text(json.dumps({**log, "samples": found}))
    return name


def as_zip(name, log, found, packing="deflate"):
    if packing == "zstd":
        module = importlib.import_module("zipfile" if sys.version_info >= (3, 14) else "backports.zstd.zipfile")
        method = module.ZIP_ZSTANDARD
    else:
        module, method = zipfile, zipfile.ZIP_DEFLATED
    with module.ZipFile(name, "w", method) as packed:
        packed.writestr("_journal/start.json", json.dumps(log))
        for one in found:
            packed.writestr(f"samples/{one['id']}_epoch_{one['epoch']}.json", json.dumps(one))
        if log["status"] == "success":
            packed.writestr("header.json", json.dumps(log))
    return name


def test_inspect_logs_read_alike_as_json_and_as_zip():
    found = [
        sample("q1", "C"),
        sample(2, "I"),
        sample("q3", "N"),
        sample("q4", "P"),
        sample("q5", float("nan")),
        {**sample("q6", "C"), "scores": {}, "error": {"message": "x"}},
        sample("q7", True),
        sample("q8", 0.0),
    ]
    plain = read(as_json("a.json", header(), found))
    assert plain.outcome.tolist() == [CORRECT, WRONG, ABSTAINED, WRONG, CORRECT, WRONG]
    assert (plain.rows, plain.missing) == (8, 2)
    assert plain.odd("missing_grade").first == "sample 'q5', epoch 1"
    assert plain.odd("partial").first == "sample 'q4', epoch 1"
    assert (plain.model, plain.task) == ("openai/m", "t")
    assert mapping(plain)["grade"] == "scorer 'match' (other left out)"
    for packing in ("deflate", "zstd"):
        packed = read(as_zip(f"{packing}.eval", header(), found, packing))
        for array in ("question", "outcome", "confidence", "choices"):
            np.testing.assert_array_equal(getattr(packed, array), getattr(plain, array))
    assert read("a.json", grade="other").outcome.tolist() == [WRONG] * 7
    refused("a.json: scorer 'macth' is unknown: did you mean 'match'?", "a.json", grade="macth")


def test_inspect_confidences_are_looked_for_where_they_may_stand():
    places = {
        "metadata 'confidence' of the score": [sample(i, "C", metadata={"confidence": 0.25}) for i in range(2)],
        "metadata 'p' of the sample": [{**sample(i, "C"), "metadata": {"p": "25%"}} for i in range(2)],
        "key 'probability' of the score": [sample(i, {"right": 1, "probability": 0.25}) for i in range(2)],
        "scorer 'conf'": [
            {**sample(i, "C"), "scores": {"match": {"value": "C"}, "conf": {"value": 0.25}}} for i in range(2)
        ],
    }
    for i, (where, found) in enumerate(places.items()):
        log = read(as_json(f"{i}.json", header(), found), grade="match.right" if "key" in where else None)
        assert mapping(log)["confidence"] == where
        assert log.confidence.tolist() == [0.25, 0.25]
    refused(
        "0.json: confidence 'sure' is in no sample: looked for it in the value and the metadata of scorer 'match', "
        "among the scorers, and in the metadata of the samples",
        "0.json",
        confidence="sure",
    )


def test_inspect_values_that_are_no_grade_are_refused_with_the_sample():
    many = as_json("a.json", header(), [sample(1, "C"), sample(2, {"a": 1, "b": 0})])
    refused("a.json, sample 2, epoch 1: grade is a table of a, b: name one with --grade SCORER.KEY", many)
    odd = as_json("b.json", header(), [sample(1, "C"), sample(2, "banana")])
    refused("b.json, sample 2, epoch 1: grade 'banana' cannot be read: must be C, I, P, N, a word or a number", odd)
    assert read(odd, skip_bad_rows=True).skipped[0].first == "sample 2, epoch 1"
    none = as_json("c.json", header("error"), [{**sample(1, "C"), "scores": None}])
    refused("c.json: no sample has a score: error without scores is no grading", none)
    refused(
        "d.json: has no samples (status started): an audit needs graded answers",
        as_json("d.json", header("started"), []),
    )


def test_inspect_values_that_no_float_and_no_file_holds():
    """Whole numbers beyond 1e308, and halves of pairs that stand for one character."""
    huge = as_json("a.json", header(), [sample(1, "C"), sample(2, 10**400)])
    with pytest.raises(BadInput, match=r"^a.json, sample 2, epoch 1: grade 10+… cannot be read: must be C, I, P, N, a"):
        read_logs([huge])
    sure = as_json("b.json", header(), [sample(i, "C", metadata={"confidence": 10**400}) for i in range(2)])
    with pytest.raises(BadInput, match=r"^b.json, sample 0, epoch 1: confidence 10+… cannot be read: must be a number"):
        read_logs([sure])
    Path("c.json").write_text('{"eval": {}, "samples": [{"id": ' + "9" * 5_000 + "}]}")
    refused("c.json: holds a number of thousands of digits: no log does", "c.json")
    torn = {**header(), "eval": {**header()["eval"], "model": "m\ud800"}}
    log = read(as_json("d.json", torn, [sample(chr(0xDC00 + i), "CI"[i], "x\ud83d") for i in range(2)]))
    assert log.model == "m?"
    assert len(set(log.question.tolist())) == 2
    odd = {**header(), "status": 3, "eval": {"model": ["m"], "task": {"t": 1}}}
    log = read(as_json("e.json", odd, [sample(i, "C") for i in range(2)]))
    assert (log.model, log.task, log.odd("unfinished").first) == (None, None, "3")


def test_a_sample_that_was_written_anew_counts_once_and_as_it_is_last():
    path = as_zip("a.eval", header(), [sample(i, "I") for i in range(3)])
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate name"):
        packed.writestr("samples/1_epoch_1.json", json.dumps(sample(1, "C")))
    assert read(path).outcome.tolist() == [WRONG, CORRECT, WRONG]


def test_a_member_that_claims_to_be_endless_is_not_unpacked(monkeypatch):
    path = as_zip("a.eval", header(), [sample(i, "C", "x" * 400) for i in range(2)])
    monkeypatch.setattr("simlab.logs.documents.LARGEST", 500)
    refused("a.eval, samples/0_epoch_1.json: unpacks to 0.0 GiB, and no sample is that long: the log is damaged", path)
    monkeypatch.setattr("simlab.logs.documents.LARGEST", 5_000)
    assert read(path).outcome.size == 2


def test_an_unfinished_inspect_log_says_so():
    log = read(as_zip("a.eval", header("started", 9, 2), [sample(i, "C") for i in range(3)]))
    odd = log.odd("unfinished")
    assert (odd.rows, odd.first, odd.detail) == (3, "not finished", "18")


def test_damaged_zips_are_refused_and_never_crash():
    path = as_zip("a.eval", header(), [sample(i, "C", "x" * 400) for i in range(5)], "zstd")
    whole = Path(path).read_bytes()
    rng = np.random.default_rng(4)
    for _ in range(60):
        at = int(rng.integers(len(whole)))
        Path("b.eval").write_bytes(whole[:at] + bytes([whole[at] ^ (1 << int(rng.integers(8)))]) + whole[at + 1 :])
        with contextlib.suppress(BadInput):  # any other exception is a crash
            read_logs("b.eval")


# ---- votes ----


def test_votes_are_counted_as_a_plain_count_would():
    rng = np.random.default_rng(0)
    question = rng.integers(0, 60, 600).astype(np.uint64)
    answer = rng.integers(1, 5, 600).astype(np.uint64)
    outcome = np.where(rng.random(600) < 0.15, ABSTAINED, (answer + question) % 3 == 0).astype(np.int8)
    found = counted(question, answer, outcome)
    order = list(dict.fromkeys(question.tolist()))
    assert question[found.row].tolist() == order
    for i, one in enumerate(order):
        rows = np.flatnonzero(question == one)
        given = [int(answer[row]) for row in rows if outcome[row] != ABSTAINED]
        votes = Counter(given)
        best = min(votes, key=lambda a: (-votes[a], a)) if votes else None
        most = votes[best] if votes else 0
        right = best is not None and (best + one) % 3 == 0
        assert found.confidence[i] == most / rows.size
        assert found.outcome[i] == (ABSTAINED if rows.size - len(given) > most else CORRECT if right else WRONG)


def test_the_order_of_samples_decides_nothing():
    rng = np.random.default_rng(1)
    question, answer = rng.integers(0, 20, 200).astype(np.uint64), rng.integers(1, 4, 200).astype(np.uint64)
    outcome = (answer == 1).astype(np.int8)
    one = counted(question, answer, outcome)
    shuffled = rng.permutation(200)
    other = counted(question[shuffled], answer[shuffled], outcome[shuffled])
    by = np.argsort(question[one.row]), np.argsort(question[shuffled][other.row])
    assert one.outcome[by[0]].tolist() == other.outcome[by[1]].tolist()
    assert one.confidence[by[0]].tolist() == other.confidence[by[1]].tolist()


def test_k_samples_of_a_question_become_vote_confidence():
    lines = [f"{q},{a},{int(a == 'x')}" for q, said in (("1", "xxy"), ("2", "yyy"), ("3", "xyz")) for a in said]
    path = write("a.csv", "id,response,correct", *lines)
    log = read(path)
    assert log.votes == 9
    assert log.confidence == pytest.approx([2 / 3, 1.0, 1 / 3])
    assert log.outcome.tolist()[:2] == [CORRECT, WRONG]
    assert mapping(log)["confidence"] == "share of the samples of a question that give its commonest answer"
    plain = read(path, votes=False)
    assert (plain.votes, plain.outcome.size, plain.has_confidence) == (None, 9, False)
    assert plain.odd("repeated").rows == 3


def test_votes_that_were_graded_in_two_ways_are_graded_by_their_majority():
    """An even number of grades is no majority: the answer is wrong. The contradiction is told."""
    grades = {"1": (1, 0), "2": (1, 1, 0), "3": (0, 1, 0), "4": (1, 1)}
    lines = [f"{q},x,{grade}" for q, several in grades.items() for grade in several]
    log = read(write("a.csv", "id,response,correct", *lines))
    assert log.outcome.tolist() == [WRONG, CORRECT, WRONG, CORRECT]
    assert log.odd("contradiction").rows == 3


def test_samples_in_several_files_vote_together_when_merged():
    for name, answers in (("a.csv", "xy"), ("b.csv", "xz"), ("c.csv", "yz")):
        write(name, "id,response,correct", *(f"{i},{a},{int(a == 'x')}" for i, a in enumerate(answers)))
    log = read("a.csv", "b.csv", "c.csv", merge="all")
    assert (log.votes, log.rows, log.name) == (6, 6, "a.csv and 2 more")
    assert log.confidence == pytest.approx([2 / 3, 2 / 3])
    assert log.outcome.tolist() == [CORRECT, WRONG]


def test_inspect_epochs_are_votes():
    found = [
        sample(i, "C" if a == "x" else "I", a, epoch=e)
        for e, said in enumerate(("xy", "xx", "yz"), 1)
        for i, a in enumerate(said)
    ]
    log = read(as_zip("a.eval", header(), found))
    assert log.confidence == pytest.approx([2 / 3, 1 / 3])
    assert log.outcome[0] == CORRECT


def test_contradictions_are_found_as_by_looking_at_every_pair():
    rng = np.random.default_rng(3)
    for _ in range(40):
        question, answer = rng.integers(0, 8, 20).astype(np.uint64), rng.integers(0, 3, 20).astype(np.uint64)
        outcome = rng.integers(0, 2, 20).astype(np.int8)
        pairs = [(i, j) for j in range(20) for i in range(j) if question[i] == question[j] and outcome[i] != outcome[j]]
        for known in (None, answer):
            said = [(i, j) for i, j in pairs if known is None or known[i] == known[j]]
            number, first = contradictions(question, known, outcome)
            assert number == len({int(question[i]) for i, _ in said})
            assert (first in said) if said else first is None


def test_a_log_written_twice_is_told_from_samples():
    rows = [f"{i},{i % 2},0.{i + 1}" for i in range(5)]
    assert read(write("a.csv", "id,grade,p", *rows, *rows)).odd("repeated").detail == "copies"
    other = [f"{i},{i % 2},0.{9 - i}" for i in range(5)]
    assert read(write("b.csv", "id,grade,p", *rows, *other)).odd("repeated").detail == ""


# ---- names, ids, real data ----


def test_logs_have_names_that_differ():
    write("one/samples_x.jsonl", samples([-1, -2], 1))
    write("two/samples_x.jsonl", samples([-1, -2], 0))
    assert [log.name for log in read_logs(["one/samples_x.jsonl", "two/samples_x.jsonl"])] == [
        "one/samples_x.jsonl",
        "two/samples_x.jsonl",
    ]
    merged = read_logs(["one/samples_x.jsonl", "two/samples_x.jsonl"], merge="model")
    assert [log.name for log in merged] == ["one", "two"]


def test_ids_of_the_training_data_are_those_of_the_logs():
    log = read(write("a.jsonl", *({"id": i, "grade": 1} for i in range(10))))
    train = read_ids(write("train.csv", "id,text", "3,x", "12,y", "5,z", "3,again"))
    assert np.isin(log.question, train).nonzero()[0].tolist() == [3, 5]
    assert train.size == 3
    with pytest.raises(BadInput) as error:
        read_ids(write("b.csv", "name,text", "3,x"))
    assert str(error.value) == "b.csv: no column holds ids: name it with --id COL (columns: name, text)"


@pytest.mark.skipif(not DATA, reason="SIMLAB_DATA names no folder with real logs")
def test_the_real_gradings_of_simpleqa():
    """1,000 questions of SimpleQA-verified answered by Gemma-3-4B (SystemicVoid/H-Neurons, MIT): 48, 915, 37."""
    path = Path(DATA) / "simpleqa_grades_gemma3_4b.jsonl"
    if not path.exists():
        pytest.skip(f"{path.name} is not in SIMLAB_DATA")
    log = read(str(path))
    assert (log.files[0].format, log.files[0].told_by) == ("simpleqa", "simpleqa_grade")
    assert [int((log.outcome == kind).sum()) for kind in (CORRECT, WRONG, ABSTAINED)] == [48, 915, 37]
    assert mapping(log)["answer"] == "column 'response'"
