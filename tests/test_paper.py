"""The paper: it builds, a broken table stops it, no result is typed, and what it prints can be traced to its row."""

import csv
import json
import math
import random
import re
import runpy
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import STATEMENTS

from simlab.bounds import THEOREMS

typst = pytest.importorskip("typst", reason="the compiler of the paper comes with the extra `paper`")

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "paper"
SECTIONS = sorted((PAPER / "sections").glob("*.typ"))
BUILD = runpy.run_path(str(PAPER / "build.py"))
RESULTS = ROOT / "experiments" / "results"
PAGES = range(12, 21)


@pytest.fixture(scope="module")
def paper() -> Any:
    """The paper, compiled once for all questions, with the figures that it shows."""
    BUILD["draw_figures"](figure for figure in BUILD["shown_figures"]() if BUILD["stale"](*figure))
    told = {"root": ROOT, "sys_inputs": BUILD["inputs"](), "ignore_system_fonts": True}
    return typst.Compiler(PAPER / "main.typ", **told)


def query(paper: Any, label: str) -> list[Any]:
    """What the paper leaves of itself under a label."""
    return json.loads(paper.query(label, field="value"))


# ---- the whole -----------------------------------------------------------------------------------------------------


def test_the_paper_builds_on_12_to_20_pages_and_in_seconds(paper: Any) -> None:
    before = time.process_time()
    pdf = BUILD["compile_paper"]()
    assert time.process_time() - before < 25
    assert pdf.startswith(b"%PDF")
    assert BUILD["pages"](pdf) in PAGES


def test_the_compiler_has_nothing_to_warn_of(paper: Any) -> None:
    _, warnings = paper.compile_with_warnings(format="pdf")
    assert [warning.message for warning in warnings] == []


def test_nothing_leaves_its_column_or_its_page(paper: Any) -> None:
    """Millimetres of A4: figures end above the foot of the page, equations leave room for their numbers."""
    feet = {figure["claim"]: figure["foot"] for figure in query(paper, "<figure-foot>")}
    assert set(feet) == {claim for claim, _ in BUILD["shown_figures"]()}
    assert {claim: foot for claim, foot in feet.items() if foot > 297 - 21} == {}
    equations = query(paper, "<equation-width>")
    assert len(equations) >= 5
    assert [one for one in equations if one["width"] > 72] == []


def test_every_font_is_embedded(paper: Any) -> None:
    pdf = BUILD["compile_paper"]()
    assert not re.search(rb"/Subtype\s*/Type3", pdf)
    for claim, width in BUILD["shown_figures"]():
        drawn_pdf = (ROOT / "figures" / "output" / f"{claim}_{width}.pdf").read_bytes()
        assert b"/FontFile2" in drawn_pdf, claim
        assert b"/Type3" not in drawn_pdf, claim


def test_every_figure_that_is_shown_has_a_table_and_a_caption(paper: Any) -> None:
    shown = [(figure["claim"], figure["width"]) for figure in query(paper, "<shown-figure>")]
    assert sorted(shown) == BUILD["shown_figures"]()
    assert len(shown) >= 5
    for claim, width in shown:
        assert (RESULTS / f"{claim}.csv").exists()
        assert (ROOT / "figures" / "output" / f"{claim}_{width}.pdf").exists()
    texts = "".join(path.read_text() for path in SECTIONS)
    for claim, _ in shown:
        assert f"@fig-{claim}" in texts, f"the text never speaks of the figure of {claim}"


def test_every_source_is_used_and_every_citation_has_one(paper: Any) -> None:
    """That every citation has a source the compiler says; what it does not say is which sources nobody cites."""
    keys = re.findall(r"^@\w+\{([\w:-]+),", (PAPER / "references.bib").read_text(), re.M)
    assert len(keys) == len(set(keys)) >= 5
    texts = "".join(path.read_text() for path in [*SECTIONS, *PAPER.glob("*.typ")])
    cited = set(re.findall(r"@([\w:-]*\w)", texts)) | set(re.findall(r'"([\w:-]+)"\s*\)', texts))
    cited |= set(re.findall(r"cite\(<([\w:-]+)>", texts))
    assert [key for key in keys if key not in cited] == []


@pytest.mark.parametrize("text", ['{"claims": ', "[]", "{}", '{"claims": 3}'])
def test_a_report_that_is_none_is_told_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "paper" / "sections").mkdir(parents=True)
    (tmp_path / "test-report.json").write_text(text)
    with pytest.raises(BUILD["Unbuildable"], match=r"^test-report\.json is no test report: run make test again, or "):
        BUILD["inputs"](tmp_path)
    (tmp_path / "test-report.json").write_text('{"claims": {"error_from_iiv": "passed"}}')
    assert json.loads(BUILD["inputs"](tmp_path)["report"]) == {"error_from_iiv": "passed"}


def test_marks_name_claims_and_say_what_the_report_says(paper: Any, tmp_path: Path) -> None:
    marks = query(paper, "<test-mark>")
    known = {theorem.slug for theorem in THEOREMS} | {path.stem for path in RESULTS.glob("*.csv")} | STATEMENTS
    assert {mark["slug"] for mark in marks} <= known
    assert len({mark["slug"] for mark in marks}) >= 5
    page = a_page(tmp_path, '#mark("error_from_iiv") #mark("capacity") #mark("monofacts")')
    report = json.dumps({"error_from_iiv": "passed", "capacity": "failed"})
    told = json.loads(typst.query(page, "<test-mark>", field="value", root=tmp_path, sys_inputs={"report": report}))
    assert [mark["outcome"] for mark in told] == ["passed", "failed", "unknown"]


# ---- numbers -------------------------------------------------------------------------------------------------------


def the_row(claim: str, asked: dict[str, Any]) -> dict[str, str]:
    """The one row of a table that has these values, found without the paper's own reading."""
    with (RESULTS / f"{claim}.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(equal(row[name], value) for name, value in asked.items())]
    assert len(rows) == 1, (claim, asked, len(rows))
    return rows[0]


def equal(text: str, value: Any) -> bool:
    if value is None:
        return text in ("", "nan")
    if isinstance(value, bool | str):
        return text == str(value)
    try:
        return float(text) == value
    except ValueError:
        return False


ERRORS = {"mean": "mcse", "bias": "bias_mcse", "coverage": "coverage_mcse"}


def number_of(text: str) -> tuple[float, float]:
    """A printed number and half a unit of its last digit."""
    plain = text.replace("−", "-").replace(",", "").removesuffix(" %")
    head, _, exponent = plain.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(head.partition(".")[2]))
    return float(plain), 0.5 * unit * (1 + 1e-9)


def agrees(text: str, number: float, error: float | None) -> bool:
    """Whether a printed text is that number, with that error where it prints one, each to its last digit.

    Where there is an error the number has digits down to the second significant one of it, or six decimals.
    """
    tail = ""
    if text.startswith("("):
        inside, tail = re.fullmatch(r"\((.*)\)(e[−-]?\d+)", text).groups()
    else:
        inside = text.removesuffix(" %")
    parts = [part if "e" in part else part + tail for part in inside.split(" ± ")]
    shown, half = number_of(parts[0])
    fine = abs(shown - number) <= half + 1e-14 * abs(number)
    if len(parts) == 2:
        spread, width = number_of(parts[1])
        fine = fine and error is not None and abs(spread - error) <= width + 1e-14
        fine = fine and (width < 0.06 * error or width <= 5.1e-7)
    return fine


def test_ten_numbers_of_the_paper_at_random_are_in_their_rows(paper: Any) -> None:
    """Another ten each time: any of them must be there."""
    readings = query(paper, "<reading>")
    assert len(readings) >= 50
    for told in random.sample(readings, 10):
        if "ratio" in told:
            (a, _), (b, _) = (found(side) for side in told["ratio"])
            sa, sb = (found(side)[1] or 0.0 for side in told["ratio"])
            number = told["scale"] * a / b
            error = abs(told["scale"] / b) * math.hypot(sa, sb * a / b)
        else:
            number, error = found(told)
            number, error = told["scale"] * number, None if error is None else abs(told["scale"]) * error
        assert agrees(told["text"], number, error), told


def found(told: dict[str, Any]) -> tuple[float, float | None]:
    """The number of a reading and its Monte Carlo error, from the file."""
    row, column = the_row(told["claim"], told["asked"]), told["column"]
    return float(row[column]), float(row[ERRORS[column]]) if column in ERRORS else None


def test_every_number_over_many_rows_is_what_these_rows_make(paper: Any) -> None:
    """Least, greatest, mean, count and the like, computed again without the paper's own reading."""
    told = query(paper, "<aggregate>")
    assert len({one["over"] for one in told}) >= 7
    for one in told:
        with (RESULTS / f"{one['claim']}.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if all(among(row[at], to) for at, to in one["asked"].items())]
        rows = [row for row in rows if row[one["column"]] not in ("", "nan")]
        if one["over"] == "within":
            assert max(abs(float(row[one["column"]])) for row in rows) <= number_of(one["text"])[0], one
            continue
        for text, expected in zip(one["text"].split(" ± "), over_rows(one, rows), strict=True):
            shown, half = number_of(text)
            assert abs(shown - expected) <= half + 1e-9, one


def over_rows(told: dict[str, Any], rows: list[dict[str, str]]) -> list[float]:
    """What these rows make of a number over all of them, with its error where it is a mean."""
    column, kind = told["column"], told["over"]
    numbers = [told["scale"] * float(row[column]) for row in rows]
    if kind == "average":
        return [sum(numbers) / len(rows), math.hypot(*(float(row[ERRORS[column]]) for row in rows)) / len(rows)]
    if kind in ("least", "greatest"):
        return [min(numbers) if kind == "least" else max(numbers)]
    if kind == "rows":
        return [len(rows)]
    (number,) = numbers
    return [number * float(rows[0]["n"]) if kind == "held" else number]


def among(text: str, value: Any) -> bool:
    """Whether a cell has that value, or one of these."""
    return any(equal(text, one) for one in value) if isinstance(value, list) else equal(text, value)


@pytest.mark.parametrize(
    ("number", "error", "text"),
    [
        (0.209, 0.00047, "0.20900 ± 0.00047"),
        (-0.5, 0.25, "−0.50 ± 0.25"),
        (12.3456, 1.5, "12.3 ± 1.5"),
        (12.3456, 0.0996, "12.35 ± 0.10"),
        (1234.4, 99.6, "1,234 ± 100"),
        (0.2, 0.0, "0.200"),
        (3.0, 0.0, "3"),
        (0.1994519, 1.8e-7, "0.199452 ± 1.8e−7"),
        (2.5e-7, 1.2e-8, "(2.50 ± 0.12)e−7"),
        (3.25e12, 1.0e10, "(3.250 ± 0.010)e12"),
    ],
)
def test_a_number_is_written_to_two_digits_of_its_error(number: float, error: float, text: str, tmp_path: Path) -> None:
    page = a_page(tmp_path, f"#metadata(written({number!r}, {error!r}, auto, true).first())<t>")
    (told,) = json.loads(typst.query(page, "<t>", field="value", root=tmp_path))
    assert told == text
    assert agrees(told, number, error)
    assert not agrees(told, number + 11 * number_of(text.partition(" ± ")[0].lstrip("("))[1], error) or "(" in text


def test_the_check_of_numbers_would_notice() -> None:
    assert agrees("0.2090 ± 0.0050", 0.20903, 0.00496)
    for text in ("0.2091 ± 0.0050", "0.2090 ± 0.0040", "0.209 ± 0.005", "20.90 ± 0.50 %"):
        assert not agrees(text, 0.20903, 0.00496)


# ---- broken tables -------------------------------------------------------------------------------------------------

HEAD = ["draws", "world", "method", "measure", "mean", "mcse", "n", "coverage", "coverage_mcse"]
ROWS = [
    ["1000", "zipf", "calibrated", "error", "0.2", "0.01", "20", "", ""],
    ["1000000", "zipf", "calibrated", "error", "0.21", "0.001", "20", "", ""],
    ["1000000", "uniform", "calibrated", "error", "0.22", "0.001", "20", "", ""],
]
ASKED = 'measure: "error", method: "calibrated", world: "zipf", draws: 1e6'


def a_page(root: Path, text: str, rows: list[list[str]] = ROWS, head: list[str] = HEAD) -> Path:
    """A paper of one page under ``root``, with a table of its own named toy."""
    (root / "paper" / "sections").mkdir(parents=True, exist_ok=True)
    (root / "experiments" / "results").mkdir(parents=True, exist_ok=True)
    (root / "paper" / "reading.typ").write_text((PAPER / "reading.typ").read_text())
    (root / "paper" / "main.typ").write_text('#include "sections/01-toy.typ"\n')
    page = root / "paper" / "sections" / "01-toy.typ"
    page.write_text(f'#import "../reading.typ": *\n{text}\n')
    with (root / "experiments" / "results" / "toy.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return page


def sentence(root: Path) -> str:
    with pytest.raises(BUILD["Unbuildable"]) as caught:
        BUILD["compile_paper"](root, {})
    return str(caught.value)


def test_a_whole_table_is_read(tmp_path: Path) -> None:
    page = a_page(tmp_path, f'#pm("toy", {ASKED}) #count("toy", column: "n", {ASKED}) #setting("toy", "draws")')
    (told, count) = json.loads(typst.query(page, "<reading>", field="value", root=tmp_path))
    assert (told["text"], count["text"]) == ("0.2100 ± 0.0010", "20")
    (setting,) = json.loads(typst.query(page, "<setting>", field="value", root=tmp_path))
    assert setting["values"] == ["1000", "1000000"]
    assert BUILD["pages"](BUILD["compile_paper"](tmp_path, {})) == 1


def test_a_column_renamed_stops_the_build(tmp_path: Path) -> None:
    a_page(tmp_path, f'#value("toy", {ASKED})', head=[name.replace("world", "law") for name in HEAD])
    assert sentence(tmp_path) == (
        "toy: there is no column world in experiments/results/toy.csv; its columns are draws, law, method, measure, "
        "mean, mcse, n, coverage, coverage_mcse: ask for one of these or run make results (sections/01-toy.typ:2)"
    )


@pytest.mark.parametrize(("text", "said"), [("nan", "nan"), ("", "empty"), ("n/a", "n/a")])
def test_a_number_that_is_none_stops_the_build(text: str, said: str, tmp_path: Path) -> None:
    a_page(tmp_path, f'#value("toy", {ASKED})', [ROWS[0], [*ROWS[1][:4], text, *ROWS[1][5:]]])
    assert sentence(tmp_path) == (
        "toy: the mean of the row with measure = error, method = calibrated, world = zipf, draws = 1000000.0 is "
        f"{said} and not a number: print another column or run make results (sections/01-toy.typ:2)"
    )


def test_a_row_that_is_missing_stops_the_build(tmp_path: Path) -> None:
    a_page(tmp_path, f'#value("toy", {ASKED})', [ROWS[0], ROWS[2]])
    assert sentence(tmp_path) == (
        "toy: no row has measure = error, method = calibrated, world = zipf, draws = 1000000.0: ask for a row that "
        "experiments/results/toy.csv has, or run make results (sections/01-toy.typ:2)"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '#value("toy", measure: "error")',
            "toy: 3 rows have measure = error, where one is meant: name draws or world",
        ),
        ('#value("toy", column: "coverage", ' + ASKED + ")", "toy: the coverage of the row with measure = error"),
        ('#value("other", measure: "error")', "there is no experiments/results/other.csv: run make results"),
        ('#count("toy", ' + ASKED + ")", "toy: the mean of the row with measure = error, method = calibrated, world"),
        ('#constant("toy", "draws")', "toy: draws has 2 values where one is meant: use setting"),
        ('#figure-of("toy", width: "wide")', 'figure-of: width is "wide", and a figure is "one" or "two" columns'),
        ('#figure-of("toy")', "there is no figures/output/toy_one.pdf: run make figures"),
        ('#status("believed")', 'status: "believed" is none of proved, derived, measured, quoted: choose one'),
    ],
)
def test_what_else_stops_the_build(text: str, said: str, tmp_path: Path) -> None:
    a_page(tmp_path, text)
    assert sentence(tmp_path).startswith(said)


def test_a_row_that_is_there_twice_stops_the_build(tmp_path: Path) -> None:
    a_page(tmp_path, f'#value("toy", {ASKED})', [*ROWS, ROWS[1]])
    assert "2 rows have" in sentence(tmp_path)
    assert "the table repeats itself" in sentence(tmp_path)


# ---- words ---------------------------------------------------------------------------------------------------------


def test_words_that_no_longer_hold_stop_the_build(tmp_path: Path) -> None:
    a_page(tmp_path, f'#holds("the error is small", cell("toy", {ASKED}) < 0.5)')
    assert BUILD["pages"](BUILD["compile_paper"](tmp_path, {})) == 1
    a_page(tmp_path, f'#holds("the error is large", cell("toy", {ASKED}) > 0.5)')
    assert sentence(tmp_path) == (
        "the text says that the error is large, and the tables no longer do: write it anew, or run make results "
        "(sections/01-toy.typ:2)"
    )


def test_every_file_of_wording_is_read_by_its_section() -> None:
    files = {path.name for path in (PAPER / "wording").glob("*.typ")}
    assert files == {path.name for path in SECTIONS if f'#import "../wording/{path.name}"' in path.read_text()}
    assert len(files) >= 9


WORDED = {  # claim -> the part of a table of which the text says something in words
    "error_from_iiv": ("room", "gap"),
    "error_from_singletons": ("error",),
    "headline": ("error",),
    "missing_mass_intervals": ("estimate",),
    "error_from_choices": ("least_error",),
    "error_from_context": ("error",),
    "letters_from_tokens": ("error",),
    "error_from_iiv_training": ("training_gap",),
    "capacity": ("surprise_of_strangers",),
    "memory_collapse": ("accuracy_old",),
    "error_from_monofacts": ("error",),
    "monofacts": ("error",),
    "error_from_abstention": ("error",),
    "abstention_from_grading": ("score",),
    "calibration_from_posttraining": ("ece",),
    "consistency_from_two_samples": ("error",),
    "rank_from_grading": ("tau_competence",),
}


@pytest.mark.parametrize("claim", WORDED)
def test_the_text_says_nothing_in_words_of_a_table_that_says_otherwise(paper: Any, claim: str, tmp_path: Path) -> None:
    """All numbers of a measure are made the same: what differs in the text does so no longer, and the build stops."""
    for folder in ("paper", "experiments/results", "benchmarks/results", "figures/output"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    path = tmp_path / "experiments" / "results" / f"{claim}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if row["measure"] in WORDED[claim] and float(row["n"])]
    for row in chosen:
        row["mean"], row["coverage"] = "0.25", row["coverage"] and "0.25"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(BUILD["Unbuildable"], match=r"^the text says that .* and the tables no longer do: "):
        BUILD["compile_paper"](tmp_path, BUILD["inputs"](tmp_path))


# ---- no result is typed --------------------------------------------------------------------------------------------

RESULT = re.compile(
    r"(?<![\w.,])\d+(?:,\d{3})+(?![\w])|(?<![\w])\d*\.\d+|(?<![\w.])\d+(?:\.\d+)?\s*(?:%|percent|per cent)|\d{3,}"
)
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
PLAIN = re.compile(
    r"arXiv[:\s~]*\d{4}\.\d{4,5}(?:v\d)?|doi[:\s~]*\S+|(?:[Tt]heorem|[Ss]ection|[Ee]quation|[Ll]emma)[\s~]\d+(?:\.\d+)*"
)
LINE = re.compile(r"^\s*#(?:import|set|show)\b.*$", re.M)


def prose(text: str) -> Iterator[str]:
    """What a section typesets of its own: markup and mathematics, with calls left out but not the content they hold."""
    text = re.sub(r"(?<!:)//.*", "", LINE.sub("", text))
    at, start = 0, 0
    while at < len(text):
        if text[at] == "`":  # code is shown as it is written
            yield text[start:at]
            at = start = text.index("`", at + 1) + 1
        elif text[at] == "#" and (call := re.compile(r"#[A-Za-z][\w.-]*").match(text, at)):
            yield text[start:at]
            at = call.end()
            if text[at : at + 1] == "(":
                end = closing(text, at)
                yield from held(text[at + 1 : end])
                at = end + 1
            start = at
        elif text[at] in "@<" and (name := re.compile(r"@[\w:-]+|<[\w:-]+>").match(text, at)):
            yield text[start:at]
            at = start = name.end()
        else:
            at += 1
    yield text[start:]


def closing(text: str, at: int) -> int:
    """Where the bracket that opens at ``at`` closes; strings are stepped over."""
    depth, pairs = [], {")": "(", "]": "["}
    while at < len(text):
        if text[at] == '"' and "[" not in depth:
            at = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, at).end() - 1
        elif text[at] in "([":
            depth.append(text[at])
        elif text[at] in ")]" and depth and depth[-1] == pairs[text[at]]:
            depth.pop()
            if not depth:
                return at
        at += 1
    raise AssertionError(f"a bracket is never closed: {text[:80]}")


def held(code: str) -> Iterator[str]:
    """The content blocks in the arguments of a call."""
    at = 0
    while at < len(code):
        if code[at] == '"':
            at = re.compile(r'"(?:[^"\\]|\\.)*"').match(code, at).end()
        elif code[at] == "[":
            end = closing(code, at)
            yield from prose(code[at + 1 : end])
            at = end + 1
        else:
            at += 1


def typed_results(text: str) -> list[str]:
    """The numbers in a section that look like results and are typed."""
    found = []
    for part in prose(text):
        plain = YEAR.sub("", PLAIN.sub("", part))
        found += [match.group().strip() for match in RESULT.finditer(plain)]
    return found


@pytest.mark.parametrize("path", SECTIONS, ids=lambda path: path.stem)
def test_no_result_is_typed(path: Path) -> None:
    assert typed_results(path.read_text()) == []


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("the error is 0.21 there", ["0.21"]),
        ("half of them, 60 %, say nothing", ["60 %"]),
        ("up to 7,892 draws", ["7,892"]),
        ("in 250 worlds", ["250"]),
        ("$err = .199$ at $N = 1500$", [".199", "1500"]),
        ('#figure-of("toy", caption: [the error is 0.21, not #value("toy", draws: 1e6)])', ["0.21"]),
        ('#theorem(title: [A], kind: "proved")[at least 12.5 of it]', ["12.5"]),
        ("*Abstract.* of 0.5", ["0.5"]),
        ("#0.21 and #let x = 0.3", ["0.21", "0.3"]),
    ],
)
def test_a_result_that_is_typed_is_found(text: str, typed: list[str]) -> None:
    assert typed_results(text) == typed


@pytest.mark.parametrize(
    "text",
    [
        '#value("toy", draws: 1000, target: 0.25) of them @kalai2025 in 2025, arXiv 2509.04664, Theorem 2 <eq-1234>',
        "$1/2$, $10^12$ draws, $(35 + 6 ln N)/sqrt(N)$, 99 cases, Section 3.2",
        '#set text(size: 10.5pt)\n#import "../reading.typ": *\n// in 2500 worlds 0.3\n`experiments/results/x_100.csv`',
        '#quoted("0.93", "zucchet2025")',
    ],
)
def test_what_is_no_result_is_let_be(text: str) -> None:
    assert typed_results(text) == []
