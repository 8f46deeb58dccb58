"""The audit of a corpus: every number against its definition, on tables counted by hand and on the airports."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import math
import re
from pathlib import Path

import airportsdata
import numpy as np
import pytest

from simlab.audit import CorpusAudit, audit_corpus
from simlab.audit.corpus import table_counts
from simlab.audit.floors import Answers, floors_along, floors_of, frontier
from simlab.audit.outlook import rows_needed
from simlab.audit.record import strict
from simlab.audit.report import Block, Grid, Key, Paragraph, Terms, page
from simlab.audit.rounding import about, at_least, at_most, percent, rate
from simlab.audit.text import printable
from simlab.bounds import error_from_singletons, error_from_singletons_sharp
from simlab.errors import BadInput
from simlab.missing_mass import certificate, counts_of, good_turing
from simlab.missing_mass.curve import draws_until
from simlab.tables import read_facts

ROOT = Path(__file__).parents[1]
AIRPORTS = Path(airportsdata.__file__).parent / "airports.csv"


@pytest.fixture(scope="module")
def airports() -> CorpusAudit:
    return audit_corpus(AIRPORTS, prompt="city", answer="country")


@pytest.fixture
def table(tmp_path):
    """Write lines of ``prompt,answer`` and return the path."""

    def written(*lines: str) -> str:
        path = tmp_path / "facts.csv"
        path.write_text("\n".join(["q,a", *lines]) + "\n")
        return str(path)

    return written


def audit(path, **options) -> CorpusAudit:
    return audit_corpus(path, prompt="q", answer="a", **options)


# ---- the numbers ----


def test_the_airports(airports):
    """N, singleton rate and conflicts as counted by other means from the file (PyPI airportsdata)."""
    assert (airports.size.draws, airports.size.prompts, airports.conflicts.prompts) == (25_473, 16_382, 414)
    assert airports.singletons.singleton_rate == airports.singletons.prompts == 12_829 / 25_473
    assert airports.missing_mass.good_turing.estimate == 12_829 / 25_473
    assert airports.floors.published.value == error_from_singletons(12_829 / 25_473, 25_473, 233, 0.0).value
    assert airports.floors.published.vacuous
    sharp = error_from_singletons_sharp(12_828 / 25_473, 233, 0.0).value
    assert airports.floors.sharp.value == pytest.approx(sharp, abs=1e-15)
    assert airports.floors.sharp.value == pytest.approx(12_829 / 25_473 - 1 / 25_473 - 2 / 233, abs=1e-12)
    certified = certificate(airports.counts, gamma=0.05).low
    assert airports.floors.certified.value == pytest.approx(certified - 2 / 233, abs=1e-12)
    assert airports.answers.as_dict() == {
        "answers": 234,
        "told": False,
        "commonest": 12_579 / 25_473,
        "n_errors_min": 233,
        "n_errors_max": 233,
        "n_valid_max": 2,
        "one_over_errors": 1 / 233,
        "valid_over_errors": 2 / 233,
    }
    assert airports.conflicts.rate_of_repeated == 414 / (16_382 - 12_829)
    assert airports.conflicts.rate == 414 / 16_382


def test_beyond_the_tables_own_n_a_band_is_told_as_scatter(airports):
    text, page = airports.text(), airports.html()
    more = airports.more_rows.chao_jost
    assert (
        f"at least about {about(more.estimate)} more rows (scatter {about(more.low)} to {about(more.high)}), by Chao & "
        "Jost's extrapolation, which goes far beyond the rows there are"
    ) in text
    (beyond,) = [line for line in text.splitlines() if line.startswith("  50,946 rows")]
    assert re.fullmatch(r" +50,946 rows +at most about 0\.\d+ \(scatter 0\.\d+ to 0\.\d+\), extrapolated", beyond)
    assert "reliable up to" not in text + page
    assert "beyond, it is the scatter of the extrapolation and not its bias" in page
    promise = airports.as_dict()["coverage"]["promise"]
    sizes = airports.coverage.sizes.tolist()
    assert promise == ["spread" if size > 25_473 else "bootstrap" for size in sizes]


def test_every_vacuous_floor_says_from_which_n_it_is_none(table):
    """A table of few rows whose sharp form and certificate are below k/K, in text, page and JSON."""
    lines = [f"q{min(i, 11)},a{i % 3}" for i in range(40)]  # 11 singletons in 40 rows
    found = audit(table(*lines), n_answers=9)  # sr = .275, k/K = .25
    floors = found.floors
    needed = (floors.sharp_draws_needed, floors.certified_draws_needed, int(floors.published.draws_needed))
    assert floors.sharp.vacuous  # sr - 1/N = k/K
    assert floors.certified.vacuous
    assert floors.published.vacuous
    assert needed[0] == 41
    at = counts_of({1: 11 * (needed[1] // 40), 29: needed[1] // 40})
    before = counts_of({1: 11 * (needed[1] // 40 - 1), 29: needed[1] // 40 - 1})
    assert certificate(at).low > 0.25 >= certificate(before).low
    said = found.as_dict()["floors"]
    assert tuple(said[form]["draws_needed"] for form in ("sharp", "certified", "published")) == needed
    for shown in (found.text(), found.html()):
        assert f"vacuous; with all rates held it says something from N = {needed[1]:,} on" in shown
        assert "vacuous; with sr and K held it says something from N = 41 on" in shown
        assert f"vacuous; with sr and K held it says something from N = {needed[2]:,} on" in shown
    low = audit(table(*lines), n_answers=10**6)
    assert not low.floors.certified.vacuous
    sharp = audit(table(*[f"q{min(i, 11)},a{i % 3}" for i in range(44)]), n_answers=9)  # sr = .25 = k/K
    assert sharp.floors.sharp.vacuous
    assert (sharp.floors.sharp_draws_needed, sharp.floors.certified_draws_needed) == (None, None)
    assert sharp.text().count("vacuous, and so at any N with this singleton rate") == 3
    near = audit(table("q1,a1", "q2,a2", "q2,a2", "q2,a3"), n_answers=10)  # sr = 1/4, k/K = 2/9, 1/N = 1/4
    assert near.floors.sharp_draws_needed == 37
    assert "vacuous; with sr and K held it says something from N = 37 on" in near.text()


def test_the_sharp_floors_least_n_is_where_it_begins_to_say_something(airports):
    needed, answers = airports.floors.sharp_draws_needed, airports.answers
    share = airports.singletons.singleton_rate
    assert share - 1 / needed - answers.valid_over_errors > 0 >= share - 1 / (needed - 1) - answers.valid_over_errors


def test_a_table_counted_by_hand(table):
    path = table("x,1", "x,1", "y,2", "y,2", "y,3", "z,1", "w,4", "v,", "u,5")
    found = audit(path)
    assert dataclasses.astuple(found.size) == (9, 1, 0, 8, 5, 6, 5)
    assert found.counts.times.tolist() == [1, 2, 3]
    assert found.counts.facts.tolist() == [3, 1, 1]
    assert found.singletons.singleton_rate == 3 / 8
    assert found.singletons.pairs == 4 / 8
    assert (found.conflicts.prompts, found.conflicts.rate, found.conflicts.rate_of_repeated) == (1, 1 / 5, 1 / 2)
    assert found.conflicts.answers_per_prompt == 6 / 5
    assert (found.answers.answers, found.answers.n_errors_min) == (5, 4)


def test_conflict_rules_count_the_same_conflicts(table):
    path = table("x,1", "x,1", "y,2", "y,2", "y,3", "z,1", "w,4", "u,5")
    rules = {rule: audit(path, conflicts=rule) for rule in ("majority", "drop", "all-valid")}
    shares = {(found.conflicts.rate, found.conflicts.rate_of_repeated) for found in rules.values()}
    assert shares == {(1 / 5, 1 / 2)}
    assert rules["drop"].singletons.singleton_rate == 3 / 5
    assert rules["all-valid"].singletons.singleton_rate == 4 / 8
    assert rules["all-valid"].answers.n_errors_min == 5 - 2


def test_idk_rows_count_in_n_and_raise_the_floor_per_answered_row(table):
    lines = [f"p{i % 40},a{i % 40 % 6}" for i in range(60)]
    plain, found = audit(table(*lines)), audit(table(*lines, *["p1,?"] * 20), idk="?")
    assert found.floors.idk.share == 20 / 80
    assert found.counts.draws == 80
    assert found.singletons.singleton_rate == 20 / 80
    assert found.floors.idk.singleton_rate == pytest.approx(20 / 60)
    for form in ("sharp", "certified", "published"):
        assert getattr(found.floors.idk, form) == pytest.approx(getattr(found.floors, form).value / 0.75)
    assert plain.floors.idk is None
    idk = found.floors.idk
    assert (
        f"error + delta >= {rate(idk.sharp)} in expectation (vacuous), {at_least(idk.certified)} certified (vacuous); "
        f"error >= {at_least(idk.published)} as published (vacuous); 25 % of the rows say IDK"
    ) in found.text()


def test_whole_rows_have_a_missing_mass_and_no_floor(tmp_path):
    path = tmp_path / "facts.jsonl"
    path.write_text("".join(f'{{"fact": "f{min(i, 30)}"}}\n' for i in range(60)))
    found = audit_corpus(path)
    assert (found.answers, found.floors, found.conflicts) == (None, None, None)
    assert found.singletons.singleton_rate == 30 / 60
    assert found.more_rows.missing_mass == found.more_rows.target == 0.05
    assert "until the missing mass is under 0.05" in found.text()
    assert "Floor of the error" not in found.text() + found.html()


def test_one_answer_for_all_prompts_has_no_floor_until_the_plausible_ones_are_told(table):
    path = table(*(f"q{i % 50},yes" for i in range(80)))
    found = audit(path)
    assert (found.answers, found.floors) == (None, None)
    (note,) = [finding for finding in found.findings if finding.name == "one_answer"]
    assert (note.grade, note.sentence) == (
        "note",
        "every prompt has the same answer, so that there is none to be mistaken for and no floor: say how many answers "
        "are plausible with --n-answers N",
    )
    told = audit(path, n_answers=100)
    assert (told.answers.n_errors_min, told.answers.told) == (99, True)
    assert told.floors is not None


def test_a_table_that_only_says_idk_is_refused(table):
    path = table("x,?", "y,?")
    with pytest.raises(BadInput, match=r"^.*facts\.csv: every row says IDK: an audit needs rows that state a fact$"):
        audit(path, idk=["?"])


def test_a_single_row(table):
    found = audit(table("x,1"), n_answers=2)
    assert found.missing_mass.good_turing.estimate == 1.0
    assert [alarm.name for alarm in found.alarms] == ["too_few_rows"]
    assert found.floors.sharp.vacuous
    json.dumps(found.as_dict(), allow_nan=False)
    assert "Coverage: 1 - missing mass\n  1 row " in found.text()
    assert "cannot be told from one row" in found.text()
    assert "(1 of 1 row)" in found.text()
    page = found.html()
    assert "in expectation: vacuous, it says nothing" in page
    assert f">{rate(found.floors.sharp.value)}<" in page
    assert "Here the sharp form too lies below it." in page
    assert "extrapolated to twice as many" not in page


def test_the_largest_corpus_that_can_be_counted(tmp_path):
    path = tmp_path / "facts.csv"
    path.write_text(f"q,a,n\nx,1,{2**63 - 9}\ny,2,1\nz,3,3\nw,1,4\n")
    found = audit(path, count="n")
    assert found.size.draws == found.coverage.sizes.max() == 2**63 - 1
    assert found.counts.f(1) == 1
    assert "9,223,372,036,854,775,807 rows" in found.text()
    assert found.html()
    assert json.loads(json.dumps(found.as_dict()))["size"]["draws"] == 2**63 - 1


def test_more_rows_are_those_at_which_the_extrapolated_floor_is_at_its_target(airports):
    more = airports.more_rows
    assert more.missing_mass == pytest.approx(0.05 + 2 / 233)
    assert more.chao_jost.estimate == draws_until(airports.counts, more.missing_mass).estimate
    assert more.chao_jost.promise == "spread"
    assert (more.there, more.within_twice, more.power_law) == (False, False, None)
    counts = airports.counts
    assert more.now == airports.floors.sharp.value
    answers = Answers(201, 200, 200, 2, False)
    there = rows_needed(counts, answers, True, 0.6, 0.95, np.random.default_rng(0))
    assert (there.there, there.chao_jost, there.power_law, there.within_twice) == (True, None, None, None)
    near = rows_needed(counts, None, True, 0.45, 0.95, np.random.default_rng(0))
    assert near.within_twice
    assert near.chao_jost.estimate < counts.draws
    assert near.power_law.estimate > near.chao_jost.estimate  # a power law falls later


def test_where_nothing_repeats_no_number_of_rows_is_told(table):
    found = audit(table(*(f"q{i},a{i % 3}" for i in range(300))), n_answers=100)
    more = found.as_dict()["more_rows"]
    assert (more["there"], more["chao_jost"], more["power_law"], more["within_twice"]) == (False, None, None, None)
    assert "cannot be told: every fact stands once, so nothing shows how fast the missing mass falls" in found.text()
    assert "more rows (" not in found.text()
    assert "the least to expect" not in found.html()


def test_the_curve_has_the_corpus_itself_half_and_twice_of_it(airports):
    sizes = airports.coverage.sizes.tolist()
    assert {1, 25_473 // 2, 25_473, 2 * 25_473} <= set(sizes)
    at = sizes.index(25_473)
    assert airports.coverage.coverage[at] == pytest.approx(1 - airports.missing_mass.chao_jost.estimate)


def test_the_frontier_is_the_calibrated_algorithm_that_abstains():
    points = frontier(0.4, 9)
    assert [(p.abstained, p.error, p.calibration_gap) for p in points] == [
        (q, pytest.approx((1 - q) * 0.4 * 0.9), pytest.approx(q * 0.4)) for q in (0, 0.25, 0.5, 0.75, 1)
    ]
    for point in points:  # S1 at |E_c| = 9, in expectation: error + delta >= MM - 2/9
        assert point.error + point.calibration_gap >= 0.4 - 2 / 9


def test_floors_along_n_pass_through_the_tables_own(airports):
    sizes, sharp, published = floors_along(airports.singletons.singleton_rate, airports.answers, airports.size.draws)
    assert np.interp(np.log(25_473), np.log(sizes), published) == pytest.approx(
        airports.floors.published.value, abs=1e-3
    )
    assert np.interp(np.log(25_473), np.log(sizes), sharp) == pytest.approx(airports.floors.sharp.value, abs=1e-4)
    assert sizes[0] == 10
    assert sizes[-1] == 1e10


def test_floors_of_a_huge_corpus():
    counts = counts_of({1: 10**14, 2: 10**13, 10**14: 7}, idk=10**14)
    floors = floors_of(counts, Answers(10**6, 10**6 - 1, 10**6 - 1, 2, True), certificate(counts))
    assert floors.published.value == pytest.approx(10**14 / counts.draws - 2 / (10**6 - 1), abs=1e-5)
    assert not floors.published.vacuous
    assert floors.certified.value <= floors.sharp.value


def test_counts_of_a_table_are_those_of_its_prompts(table):
    found = table_counts(read_facts(table("x,1", "x,2", "y,?", "z,?", "z,1"), prompt="q", answer="a", idk="?"))
    assert (found.times.tolist(), found.facts.tolist(), found.idk, found.draws) == ([1, 2], [1, 1], 2, 5)


def test_the_order_of_rows_and_of_files_changes_nothing(tmp_path):
    lines = [f"q{min(i % 37, i % 91)},a{i % 5}" for i in range(300)]
    seen = []
    for order in (lines, lines[::-1]):
        for name, part in (("one", order[:100]), ("two", order[100:])):
            (tmp_path / f"{name}.csv").write_text("\n".join(["q,a", *part]) + "\n")
        for names in (("one", "two"), ("two", "one")):
            found = audit([tmp_path / f"{name}.csv" for name in names]).as_dict()
            seen.append({k: v for k, v in found.items() if k not in ("files", "findings", "order", "examples")})
    assert all(one == seen[0] for one in seen)


def test_a_seed_is_the_same_twice_and_moves_only_what_is_sampled(airports):
    again = audit_corpus(AIRPORTS, prompt="city", answer="country")
    assert again.as_dict() == airports.as_dict()
    other = audit_corpus(AIRPORTS, prompt="city", answer="country", seed=1)
    assert other.coverage.low.tolist() != airports.coverage.low.tolist()
    assert other.coverage.coverage.tolist() == airports.coverage.coverage.tolist()
    assert other.floors.as_dict() == airports.floors.as_dict()


def test_the_level_is_that_of_every_interval(airports):
    wide = audit_corpus(AIRPORTS, prompt="city", answer="country", level=0.999)
    for name in ("good_turing", "score", "chao_jost"):
        narrow_one, wide_one = getattr(airports.missing_mass, name), getattr(wide.missing_mass, name)
        assert (narrow_one.level, wide_one.level) == (0.95, 0.999)
        assert wide_one.low < narrow_one.low < narrow_one.high < wide_one.high
    assert wide.missing_mass.certificate.low < airports.missing_mass.certificate.low
    assert wide.missing_mass.certificate.level == wide.floors.confidence == pytest.approx(0.999)
    assert wide.missing_mass.good_turing.low == good_turing(airports.counts, level=0.999).low


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"level": 1}, "level = 1: must be a number from 1e-6 to 1 - 1e-9, such as 0.95"),
        ({"target": math.nan}, "target = nan: must be a number between 0 and 1, such as 0.05"),
        ({"n_answers": 2.5}, "n_answers = 2.5: must be a whole number from 2 to 9e+18"),
        ({"n_answers": 10**30}, f"n_answers = {10**30}: must be a whole number from 2 to 9e+18"),
        ({"idk": None}, "idk = None: must be a text or a list of texts"),
        ({"idk": ["IDK", 3]}, "idk = 3: must be a text"),
        ({"normalize": ["case"]}, "normalize = ['case']: must be a text, rules with commas such as 'case,space'"),
        ({"prompt": 3}, "prompt = 3: must be the name of a column, a text"),
        ({"seed": -1}, "seed = -1: must be a whole number of at least 0"),
        ({"answer": None, "n_answers": 9}, "n_answers = 9 without answer: without answers it has no meaning"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(options, sentence):
    with pytest.raises(BadInput) as raised:
        audit_corpus("nowhere.csv", **{"prompt": "q", "answer": "a"} | options)
    assert str(raised.value) == sentence


# ---- the JSON ----


ESTIMATE = {"estimate", "low", "high", "level", "method", "source", "promise", "sides", "warnings", "mcse"}
BOUND = {"slug", "name", "source", "value", "vacuous", "level", "draws_needed", "terms", "sentence"}
FREE = {"evidence", "respelt", "distribution"}


def fields_of(value, name=""):
    """The dotted names of all fields, those of an estimate or a bound under one name, lists by their first entry."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return fields_of(value[0], f"{name}[]")
    if not isinstance(value, dict) or name.rsplit(".", 1)[-1] in FREE or {"estimate", "low"} <= set(value):
        assert not isinstance(value, dict) or "low" not in value or set(value) <= ESTIMATE
        return {name}
    own = {key: one for key, one in value.items() if not (set(value) >= BOUND and key in BOUND)}
    return ({name} if len(own) < len(value) else set()) | {
        found for key, one in own.items() for found in fields_of(one, f"{name}.{key}".lstrip("."))
    }


def test_the_documentation_names_every_field_of_the_json(tmp_path):
    """And no other: from a table that has something to say everywhere."""
    rows = [f"q{round((i * 0.618 % 1) ** -1.2)},a{i % 7}" for i in range(1, 400)]
    rows += ["q1,?"] * 9 + ["Q2,a1", "q2 ,a1", "x,y,z"]
    (tmp_path / "facts.csv").write_text("\n".join(["q,a", *rows]) + "\n")
    said = audit(tmp_path / "facts.csv", idk="?", skip_bad_rows=True, target=0.001, n_answers=10**6).as_dict()
    assert said["more_rows"]["power_law"] is not None
    assert said["examples"]["spellings"]
    documented = re.findall(
        r"^\| `([\w.\[\]]+)` \|", (ROOT / "docs" / "audit.md").read_text().split("## The JSON")[1], re.M
    )
    assert len(documented) == len(set(documented))
    wholes = {"skipped", "answers", "floors", "floors.idk", "conflicts", "order", "examples", "examples.conflicts"}
    assert set(documented) == fields_of(said) | wholes


def test_the_documentation_names_every_finding():
    named = set(re.findall(r"^\| `(\w+)` \| (?:alarm|note)", (ROOT / "docs" / "audit.md").read_text(), re.M))
    sources = [path for path in (ROOT / "simlab" / "audit").glob("*.py") if not path.stem.startswith("evals")]
    made = {name for path in sources for name in re.findall(r'Finding\(\s*"(\w+)"', path.read_text())}
    assert named == made


def test_strict_json_has_no_nan_no_infinity_and_only_plain_values(airports):
    said = strict({1: math.nan, "b": (math.inf, -1.5, np.int64(7), np.float64(2)), "c": None, "d": True})
    assert said == {"1": None, "b": [None, -1.5, 7, 2.0], "c": None, "d": True}
    assert json.loads(json.dumps(airports.as_dict(), allow_nan=False)) == airports.as_dict()


def test_an_estimate_reads_alike_everywhere(airports):
    said = airports.as_dict()
    estimates = [*said["missing_mass"].values(), said["more_rows"]["chao_jost"], said["power_law"]["alpha"]]
    for estimate in estimates:
        assert {"estimate", "low", "high", "level", "method", "source", "warnings"} <= set(estimate)


# ---- the words ----


def test_lower_ends_are_rounded_down_and_upper_ends_up():
    assert (at_least(0.12349), at_most(0.12341), rate(0.12345)) == ("0.1234", "0.1235", "0.1235")
    assert (at_least(-0.12341), at_most(1.0), at_least(0.0)) == ("-0.1235", "1.0000", "0.0000")
    assert (rate(1.23456e-7), rate(0.0)) == ("1.23e-07", "0.0000")
    assert (percent(0.95), percent(0.999), percent(0.0251), percent(1.0)) == ("95 %", "99.9 %", "2.5 %", "100 %")
    assert (about(188_481.0), about(math.inf), about(12.0)) == ("188,000", "any number", "12")


def test_a_users_text_stays_on_its_line():
    assert printable("a\nb\x1b[31mc\u202e") == "a\\nb\\x1b[31mc\\u202e"
    assert printable("São Tomé") == "São Tomé"
    assert len(printable("x" * 200)) == 80


def test_findings_come_first_and_alarms_before_notes(table):
    found = audit(table(*(f"q{i % 100},yes" for i in range(200))))
    assert [(one.grade, one.name) for one in found.findings] == [("alarm", "deduplicated"), ("note", "one_answer")]
    lines = found.text().split("\n\n")[1].splitlines()
    assert lines[0] == "1 alarm and 1 note"
    assert lines[1].startswith("  ! deduplicated: Each of the 100 facts stands exactly 2 times,")
    assert lines[2].startswith("  - one_answer: Every prompt has the same answer,")


# ---- the page ----


class Checked(html.parser.HTMLParser):
    """Collects tags and checks that they are closed."""

    VOID = frozenset({"meta", "path", "use", "rect", "br", "line", "circle"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        if "id" in found:
            self.ids.append(found["id"])
        self.links += [found[name] for name in ("src", "href", "xlink:href") if name in found]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_self_contained_and_its_ids_are_its_own(airports):
    text = airports.html()
    checked = Checked(text)
    assert checked.open == []
    assert len(checked.ids) == len(set(checked.ids))
    assert checked.links
    assert all(link.startswith("#") and link[1:] in checked.ids for link in checked.links)
    assert not re.search(r"(src|href)=\"?(http|//)|@import|url\((?!#)", text)
    assert {"h1", "h2", "svg", "figcaption", "caption", "details", "th"} <= set(checked.tags)
    assert not {"script", "link", "img", "iframe"} & set(checked.tags)
    assert "prefers-color-scheme:dark" in text
    assert 'name="viewport"' in text
    assert checked.tags.count("svg") == 5
    assert text.count('role="img" aria-label="') == 5
    assert "currentColor" in text
    assert "#010203" not in text
    assert airports.html() == text  # nothing of the clock or of chance


def test_all_text_of_the_page_is_escaped():
    evil = '<script>alert("&\'")</script>\x00\x1b'
    grid = Grid(evil, (evil,), ((evil, evil),))
    block = Block(evil, (Paragraph(evil, "alarm", evil), Terms(((evil, evil, evil),)), grid))
    text = page(evil, evil, [Key(evil, evil)], [block], evil)
    assert "<script" not in text
    assert "\x00" not in text
    assert "\x1b" not in text
    assert text.count("&lt;script&gt;alert(&quot;&amp;&#x27;&quot;)&lt;/script&gt;") == 16
    assert Checked(text).open == []
