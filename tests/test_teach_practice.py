"""The demonstrations of practice: the exam, poor models, your data; their numbers by other ways, and bad files."""

from __future__ import annotations

import itertools
import json
import math
import re
import runpy
import tempfile
from pathlib import Path

import numpy as np
import pytest

from simlab.audit.cli import command
from simlab.bounds import score_from_confidence
from simlab.errors import BadInput
from simlab.leaderboards import Population, belief
from simlab.models.ngram import SMOOTHINGS, count_ngrams, response_probabilities, smooth
from simlab.seeds import Streams
from simlab.teach import exam, poor_models, uploads, your_data
from simlab.teach.demonstrations import Choice, Slider, demonstration
from simlab.teach.pictures import inlined

ROOT = Path(__file__).parents[1]
SLUGS = ("exam", "poor_models", "your_data")


def ends(control: Slider | Choice):
    """Both ends of a slider; every option of a choice."""
    return (control.values[0], control.values[-1]) if isinstance(control, Slider) else tuple(control.options)


@pytest.mark.parametrize("slug", SLUGS)
def test_every_corner_is_drawn_and_no_number_is_nan(slug: str) -> None:
    """Warnings are errors here; every scene is a picture that can be written."""
    shown = demonstration(slug)
    for i, corner in enumerate(itertools.product(*map(ends, shown.controls))):
        scene = shown.scene(**dict(zip((one.name for one in shown.controls), corner, strict=True)))
        assert all(type(value) is float and math.isfinite(value) for value in scene.values.values()), corner
        assert scene.sentence.endswith((".", "?"))
        if i % 7 == 0:
            assert inlined(scene.figure, slug).startswith("<svg")


# ---- The exam


def test_points_and_break_even_are_the_closed_forms() -> None:
    for penalty, q in itertools.product((0.0, 0.25, 2.0, 3.0, 20.0), (0.0, 0.3, 0.7, 1.0)):
        found = exam.scene("by_hand", 0.75, penalty, q).values
        assert found["worth"] == pytest.approx(q - (1 - q) * penalty, abs=1e-12)
        assert found["pays_from"] == pytest.approx(penalty / (1 + penalty), abs=1e-12)
    for t in (0.0, 0.5, 2 / 3, 0.75, 0.95):
        found = exam.scene("target", t, 2.0, 0.8)
        assert found.values["worth"] == pytest.approx((0.8 - t) / (1 - t), abs=1e-12)
        assert re.match(r"Answering pays above \S.*, as stated\. ", found.sentence)
    assert exam.scene("negative_marking", 0.5, 0.0, 0.25).values["worth"] == pytest.approx(0.0, abs=1e-15)
    assert exam.scene("partial_credit", 0.5, 0.0, 0.5).values["pays_from"] == pytest.approx(0.25)


def test_the_printed_slip_is_found_and_a_penalty_of_3_is_none() -> None:
    """Stated 75 %, penalty 2: points reward answering from 2/3 on, so that 70 % should answer against the text."""
    slip = exam.scene("by_hand", 0.75, 2.0, 0.7)
    assert slip.values["pays_from"] == pytest.approx(2 / 3)
    assert slip.sentence == (
        "The text states 75% and a penalty of 2 rewards answering from 2/3 (66.67%) on: a target of 75% needs a "
        "penalty of 3. At q = 70% it is best to answer."
    )
    mended = exam.scene("by_hand", 0.75, 3.0, 0.7)
    assert mended.sentence == "Answering pays above 75%, as stated. At q = 70% it is best to say “I don’t know”."


def test_where_both_earn_the_same_neither_is_called_best() -> None:
    """At the break-even, and at q = 0 under binary grading; a hundredth beside it one of them is."""
    for given in (
        ("binary", 0.75, 2.0),
        ("by_hand", 0.75, 3.0),
        ("target", 2 / 3, 0.0),
        ("negative_marking", 0.5, 0.0),
    ):
        at = exam.scene(*given, 0.5).values["pays_from"]
        assert exam.scene(*given, at).sentence.endswith(" both earn the same.")
        assert exam.scene(*given, at + 0.01).sentence.endswith(" it is best to answer.")
        if at > 0:
            assert exam.scene(*given, at - 0.01).sentence.endswith(" it is best to say “I don’t know”.")


def test_the_leads_are_sums_over_questions_one_by_one() -> None:
    """Every question by itself, in the words of the rule; no model scores more than the bound."""
    q = np.repeat(belief(Population([0.0], [0.0], [0.0]), exam.QUESTIONS)[0], exam.QUESTIONS.number)
    for t, penalty in ((0.75, 2.0), (0.5, 0.25), (0.95, 20.0), (0.0, 1.0)):
        found = exam.scene("by_hand", t, penalty, 0.5).values
        earned = q - (1 - q) * penalty
        honest = np.where(q > t, earned, 0.0)
        assert found["lead"] == pytest.approx(earned.mean() - honest.mean(), abs=1e-12)
        assert found["lead_binary"] == pytest.approx(np.where(q > t, 0.0, q).mean(), abs=1e-12)
        excess = np.maximum(q - penalty / (1 + penalty), 0).mean()
        for score in (earned.mean(), honest.mean()):
            assert score_from_confidence(score, excess, 1.0, -penalty, 0.0).slack >= -1e-12
        assert found["lead_binary"] >= 0.0  # binary grading never puts the honest one first
    assert exam.scene("target", 0.75, 0.0, 0.5).values["lead"] < 0.0
    assert exam.scene("binary", 0.75, 0.0, 0.5).values["lead"] == exam.scene("target", 0.75, 0.0, 0.5).values["lead"]


# ---- Poor models


@pytest.mark.parametrize("smoothing", SMOOTHINGS)
def test_the_pronoun_is_a_coin_until_the_context_reaches_it(smoothing: str) -> None:
    """Against the experiment's own sentences, fitted anew; 1/2 exactly up to n = 8, whatever the smoothing."""
    study = runpy.run_path(str(ROOT / "experiments" / "error_from_context.py"))
    sentences, prompts, responses, _ = study["written"]("word", 40)
    said = Streams(0, "poor_models").numpy("sentences").multinomial(1_000, [0.5, 0.5])
    for n in poor_models.ORDERS:
        found = poor_models.scene(float(n), smoothing, 8.0, 50.0).values
        model = smooth(count_ngrams(sentences, min(n, 11), said), smoothing, None if smoothing == "mle" else 0.1)
        whole = response_probabilities(model, prompts, responses)
        by_hand = 1 - np.mean(np.diag(whole) / whole.sum(1))
        assert found["error"] == pytest.approx(by_hand, abs=1e-12)
        assert found["bound"] == (0.5 if n <= 8 else 0.0)
        assert abs(found["error"] - 0.5) < 1e-15 if n <= 8 else found["error"] < 0.01
    assert poor_models.reached()[:8] == ["of", "out", "completely", "was", "and", "it", "lost", "She / He"]


@pytest.mark.parametrize(("smoothing", "draws", "length"), [("kneser_ney", 200, 6), ("mle", 100, 9), ("katz", 50, 4)])
def test_letters_are_counted_as_in_the_experiment(smoothing: str, draws: int, length: int) -> None:
    """The same words through the experiment's four counters and its measures; the mean of errors and its MCSE."""
    study = runpy.run_path(str(ROOT / "experiments" / "letters_from_tokens.py"))
    config = study["Config"](draws=draws, smoothing=smoothing, length=length)
    training, asked = poor_models.training_words(draws), poor_models.words_asked(draws, length)
    assert not set(training) & set(asked)
    assert {len(word) for word in asked} == {length}
    counts = np.array([word.count("D") for word in asked])
    scene = poor_models.scene(3.0, smoothing, float(length), float(draws))
    for kind, made in poor_models.tokenisers(draws).items():
        each = np.array([piece.count("D") for piece in made.pieces])
        said, questions = study["spelled"](made, training), study["spelled"](made, asked)
        for how in ("at_once", "spelled_out"):
            p_hat, groups = study[how](said, questions, each, 13, config)
            error = study["measured"](p_hat, counts, groups)["error"]
            name = f"{kind}_{how}"
            assert scene.values[name] == pytest.approx(error, abs=1e-12)
            spread = np.std(1 - p_hat[np.arange(len(asked)), counts], ddof=1) / math.sqrt(len(asked))
            text = next(number.text for number in scene.numbers if number.name == name)
            assert text == f"{error:.2f} ± {spread:.1g}"


def test_spelling_out_is_what_helps() -> None:
    """On 1,000 words: letter by letter it counts right; of either kind at once it does not."""
    found = poor_models.scene(3.0, "kneser_ney", 8.0, 1000.0).values
    assert found["character_spelled_out"] < 0.05 < 0.5 < found["character_at_once"]
    assert found["subword_spelled_out"] < found["subword_at_once"] - 0.3


# ---- Your data


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files that must be empty afterwards."""
    folder = tmp_path / "room"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_facts_are_audited_as_by_the_command(tmp_path: Path, capsys) -> None:
    data, name = your_data.example_file("facts")
    (tmp_path / name).write_bytes(data)
    found = your_data.example_report("facts")
    told = ["corpus", str(tmp_path / name), "--prompt", "person", "--answer", "birthplace", "--quiet"]
    assert command([*told, "--json", "-", "--html", str(tmp_path / "report.html")]) == 0
    audit = json.loads(capsys.readouterr().out)
    assert found.page == (tmp_path / "report.html").read_text()
    assert found.scene.values == {
        "alarms": sum(one["grade"] == "alarm" for one in audit["findings"]),
        "draws": audit["size"]["draws"],
        "missing_mass": audit["missing_mass"]["good_turing"]["estimate"],
        "certified": audit["missing_mass"]["certificate"]["low"],
        "floor": audit["floors"]["sharp"]["value"],
    }
    rows = data.decode().split()[1:]
    once = sum(rows.count(row) == 1 for row in rows)
    assert found.scene.values["missing_mass"] == pytest.approx(once / len(rows))


def test_a_log_is_audited_as_by_the_command(tmp_path: Path, capsys) -> None:
    data, name = your_data.example_file("log")
    (tmp_path / name).write_bytes(data)
    found = your_data.example_report("log")
    command(["evals", str(tmp_path / name), "--quiet", "--json", "-", "--html", str(tmp_path / "report.html")])
    log = json.loads(capsys.readouterr().out)["logs"][0]
    assert found.page == (tmp_path / "report.html").read_text()
    grades = [line.split(",")[1] for line in data.decode().split("\n")[1:-1]]
    right, wrong = grades.count("correct") / 600, grades.count("incorrect") / 600
    values = found.scene.values
    assert values["accuracy"] == log["rates"]["accuracy"]["estimate"] == pytest.approx(right)
    assert values["abstention"] == log["rates"]["abstention"]["estimate"] == pytest.approx(1 - right - wrong)
    assert values["bluffing"] == pytest.approx(wrong / (1 - right))
    assert values["score"] == pytest.approx(right - 3 * wrong)


def test_the_columns_and_the_kind_can_be_forced(room: Path) -> None:
    rows = "".join(f"q{i % 30},a{i % 30},{i % 2}\n" for i in range(90))
    data = f"question,answer,score\n{rows}".encode()
    assert uploads.looks(data, "x.csv") == uploads.Looks("evals", ("question", "answer", "score"))
    forced = your_data.report(data, "x.csv", "corpus", prompt="question", answer="answer")
    assert forced.scene.values["missing_mass"] == 0.0
    assert your_data.report(data, "x.csv", "evals", grade="score").scene.values["accuracy"] == pytest.approx(0.5)
    assert uploads.looks(b"left,right\na,b\n", "x.csv") == uploads.Looks("corpus", ("left", "right"), "left", "right")
    assert uploads.looks(b'{"a": 1, "b": 2, "c": 3}\n', "x.jsonl") == uploads.Looks("corpus", ("a", "b", "c"))
    assert uploads.looks(b"doc_id,resps\n1,2\n", "x.csv").kind == "evals"
    assert not list(room.iterdir())


def test_options_of_the_command_are_no_riddle_on_the_page() -> None:
    """What the page has is named as it stands there; what it has not is said to be the command's; all else stays."""
    data = b"q,a\n" + b"".join(b"q%d,x\n" % i for i in range(60))
    found = your_data.report(data, "x.csv", "corpus", prompt="q", answer="a")
    named = [one.sentence for one in found.findings if "--" in one.sentence]
    assert named
    for one in named:
        assert re.search(r" \(--.* of the command python -m simlab\.audit corpus FILE, and not of this page\)$", one)
    two = "--conflicts drop leaves these out, --conflicts all-valid takes each, --n-answers N tells how many."
    assert your_data.on_page(two, "corpus") == (
        f"{two[:-1]} (--conflicts and --n-answers are options of the command python -m simlab.audit corpus FILE, and "
        "not of this page)"
    )
    grade = "no sample has a grade: name another column with --grade COL"
    assert your_data.on_page(grade, "evals") == "no sample has a grade: choose another column as grade on this page"
    for plain in ("a -- b", "its --log_samples writes", "the table is sorted"):
        assert your_data.on_page(plain, "evals") == plain


OK = b"question,answer\na,b\na,b\nc,d\n"
KNOWN = "the format is told by the suffix, one of .csv, .tsv, .jsonl, .ndjson, .parquet, .eval, .json"
BAD = {
    "empty": (b"", "x.csv", {}, "x.csv: is empty: name a file with rows"),
    "suffix": (b"MZ", "x.exe", {}, f"x.exe: {KNOWN}: rename it, or save the table as CSV"),
    "packed": (b"\x1f\x8b", "x.csv.gz", {}, f"x.csv.gz: {KNOWN}: unpack it first"),
    "quote": (
        b'question,answer\n"a,b\n',
        "x.csv",
        {},
        'x.csv, line 2: a quote is not closed, or text follows the closing one: write a quote inside quotes as ""',
    ),
    "not text": (
        b"question,answer\n\xff\xfe,b\n",
        "x.csv",
        {},
        "x.csv, line 2: is not UTF-8 text: save the file as UTF-8 CSV",
    ),
    "no column": (
        OK,
        "x.csv",
        {"prompt": "quest", "answer": "answer"},
        "x.csv: column 'quest' is unknown: did you mean 'question'? (columns: answer, question)",
    ),
    "one column": (
        OK,
        "x.csv",
        {"prompt": "question"},
        "prompt = 'question' without answer: name both columns, or neither for whole rows",
    ),
    "kind": (OK, "x.csv", {"kind": "corpse"}, "kind 'corpse' is unknown: did you mean 'corpus'?"),
    "no grades": (
        OK,
        "x.csv",
        {"kind": "evals"},
        "x.csv: no column holds grades: choose it as grade on this page, or call it grade, score, correct or label "
        "(columns: answer, question)",
    ),
    "no rows": (b"id,grade\n", "x.csv", {"kind": "evals"}, "x.csv: has no samples: an audit needs graded answers"),
    "path": (b"", "../../etc/passwd.csv", {}, "passwd.csv: is empty: name a file with rows"),
    "windows": (b"", r"C:\secret\x*?[a].csv", {}, "x___a_.csv: is empty: name a file with rows"),
    "dots": (b"a", "..", {}, f"file: {KNOWN}: rename it, or save the table as CSV"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_sentence_without_a_path(case: str, room: Path) -> None:
    data, name, told, sentence = BAD[case]
    with pytest.raises(BadInput, match=rf"\A{re.escape(sentence)}\Z"):
        your_data.report(data, name, **({"kind": "corpus"} | told))
    assert not list(room.iterdir())


def test_damaged_files_of_every_kind_are_one_sentence(room: Path) -> None:
    """Noise under every suffix: a sentence, never another error, and nothing left behind."""
    rng = np.random.default_rng(0)
    noise = {"evals": (rng.bytes(300), b"PK\x03\x04"), "corpus": (b"\x00" * 40, b"{[" * 50)}
    for suffix, kind, i in itertools.product(uploads.SUFFIXES, uploads.KINDS, (0, 1)):
        with pytest.raises(BadInput) as raised:
            your_data.report(noise[kind][i], f"x{suffix}", kind)
        assert str(room) not in str(raised.value)
        assert "simlab-" not in str(raised.value)
    assert not list(room.iterdir())


def test_a_file_above_the_limit_is_refused_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)  # would be called if anything were written
    with pytest.raises(BadInput, match=r"\Ax\.csv: 20\.0 MB is more than 20 MB: audit it with python -m simlab\.audit"):
        uploads.looks(b"x" * (uploads.MOST_BYTES + 1), "x.csv")


def test_what_a_file_says_is_shown_as_text(room: Path) -> None:
    """Markup in names, columns and cells, and formulas, are text in the report and in the page around it."""
    evil = "<img src=x onerror=alert(1)></iframe><script>alert(2)</script>"
    rows = "".join(f'"{evil}{i % 20}","=cmd|calc!A{i % 20}"\n' for i in range(60))
    data = f'"{evil}","b"\n{rows}'.encode()
    found = your_data.report(data, f"/tmp/{evil}.csv", "corpus", prompt=evil, answer="b")
    assert "&lt;script&gt;" in found.page
    assert not re.search(r"<(script|img|/?iframe)", found.page)
    assert evil not in found.scene.sentence
    assert all(evil not in finding.sentence for finding in found.findings)
    giving = pytest.importorskip("simlab.teach.giving", reason="the page needs marimo", exc_type=ImportError)
    shown = demonstration("your_data")
    page = giving.stage(shown, found, {}).text
    assert 'sandbox=""' in page
    assert not re.search(r"<(script|img )", page)
    refused = giving.stage(shown, BadInput(evil), {}).text
    assert "<script" not in refused
    assert 'class="refused"' in refused
    assert not list(room.iterdir())
