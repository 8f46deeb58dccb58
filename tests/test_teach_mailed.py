"""The two demonstrations as files to mail: they load nothing, and their script's numbers are simlab's."""

from __future__ import annotations

import errno
import math
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import numpy as np
import pytest

from simlab.bounds import error_from_singletons
from simlab.errors import BadInput
from simlab.leaderboards import Population, expected_scores
from simlab.teach import __main__ as program
from simlab.teach import exam, guessing, mailing
from simlab.teach.demonstrations import Slider, demonstration
from simlab.worlds import expected_missing_mass, expected_singleton_rate

SIZES = ({"width": 1280, "height": 720}, {"width": 820, "height": 1180})
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "guessing": [
        dict(zip(("draws", "singleton_rate", "answers", "learner"), each, strict=True))
        for each in [
            (1e6, 0.4, 365, "calibrated"),
            (1e2, 0.05, 2, "calibrated"),
            (1e2, 0.95, 366, "calibrated"),
            (1e12, 0.05, 366, "calibrated"),
            (1e12, 0.95, 2, "calibrated"),
            (5e3, 0.95, 365, "calibrated"),
            (1e4, 0.95, 365, "calibrated"),
            (2e7, 0.3, 3, "calibrated"),
            (1e2, 0.95, 2, "guess_one"),
            (5e4, 0.6, 12, "guess_one"),
            (1e12, 0.95, 366, "guess_one"),
            (1e2, 0.05, 366, "abstain"),
            (2e5, 0.5, 3, "abstain"),
            (1e12, 0.95, 2, "abstain"),
        ]
    ],
    "exam": [
        dict(zip(("rule", "stated", "penalty", "belief"), each, strict=True))
        for each in [
            ("binary", 0.75, 2, 0.7),
            ("binary", 0.0, 0, 0.0),
            ("binary", 0.95, 20, 1.0),
            ("target", 0.0, 2, 0.5),
            ("target", 2 / 3, 2, 0.67),
            ("target", 0.95, 2, 0.2),
            ("by_hand", 0.75, 2, 0.7),
            ("by_hand", 0.75, 3, 0.75),
            ("by_hand", 0.0, 0, 0.0),
            ("by_hand", 0.95, 20, 0.99),
            ("negative_marking", 0.25, 2, 0.25),
            ("negative_marking", 0.6, 2, 0.1),
            ("partial_credit", 0.3, 2, 0.26),
            ("partial_credit", 0.95, 2, 0.25),
        ]
    ],
}


def of_simlab(slug: str, settings: dict[str, Any]) -> tuple[dict[str, float], str]:
    """The numbers and the sentence of a page, by simlab's own functions."""
    if slug == "exam":
        scene, rule = exam.scene(**settings), settings["rule"]
        models = Population([0.0, 0.0], [0.0, 0.0], [0.0, settings["stated"]])
        other = exam.rule_of("target" if rule == "binary" else rule, settings["stated"], settings["penalty"])
        scores = {
            f"{model}_{name}": float(score)
            for name, graded in (("binary", exam.binary()), ("rule", other))
            for model, score in zip(("guesser", "honest"), expected_scores(models, exam.QUESTIONS, graded), strict=True)
        }
        return scene.values | scores, scene.sentence
    n, answers, learner = int(settings["draws"]), settings["answers"], settings["learner"]
    world = guessing.people(settings["singleton_rate"], n, answers)
    missing = expected_missing_mass(world, n)
    error, gap = by_hand(learner, answers, missing)
    row = {"singleton_rate": expected_singleton_rate(world, n), "missing_mass": missing}
    row |= {"error": error, "calibration_gap": gap}
    reports = guessing.reports(row, n, answers, learner)
    shown = {name: row[name] for name in row if name != "calibration_gap" or learner != "calibrated"}
    values = shown | {name: report.value for name, report in reports.items()}
    return values, guessing._sentence(row, reports, n, learner)


def by_hand(learner: str, answers: int, missing: float) -> tuple[float, float]:
    """Error and calibration gap at that missing mass; with two answers the threshold 1/|E| = 1 is above everything."""
    lost = missing * (answers - 1) / answers
    error = 0.0 if learner == "abstain" else lost
    return error, 0.0 if learner == "calibrated" or answers == 2 else missing if learner == "abstain" else lost


@pytest.mark.parametrize("learner", guessing.LEARNERS)
@pytest.mark.parametrize("answers", [2, 3, 365])
def test_learners_err_by_hand_as_in_trials(learner: str, answers: int) -> None:
    """Given a corpus, exactly; a guess's luck has sd 4e-7 sqrt(1e6 / 4) = 2e-4, over a million people met rarely."""
    row = guessing.row_of(guessing.people(0.4, 10_000, answers), 10_000, learner, 1)
    error, gap = by_hand(learner, answers, row["missing_mass"])
    stray = 1e-3 if learner == "guess_one" else 1e-12
    assert row["error"] == pytest.approx(error, abs=stray)
    assert row["calibration_gap"] == pytest.approx(gap, abs=stray)


# ---- the files ----


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    paths = mailing.write_pages(str(tmp_path_factory.mktemp("mailed") / "new" / "folder"))
    return {path.stem: path for path in paths}


class References(HTMLParser):
    """What a page refers to: (tag, attribute, value) of each attribute that makes a browser load or go somewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        loading = ("src", "href", "srcset", "action", "data", "poster", "background", "style", "ping", "formaction")
        self.found += [(tag, name, value or "") for name, value in attrs if name in loading or name.startswith("on")]


PAPER = "https://arxiv.org/abs/2509.04664"


def alone(text: str) -> bool:
    """Whether a page refers to nothing but the paper, by a link, and to itself."""
    seen = References(text)
    within = {("a", "href", "#"), ("a", "href", PAPER)}
    addresses = {*re.findall(r"\w+://[^\s\"'<>]*", text)} == {PAPER}
    style = "url(" in text.partition("<style>")[2].partition("</style>")[0] or "@import" in text
    tags = {"link", "iframe", "img", "object", "embed", "base", "video", "audio"} & {*seen.tags}
    return addresses and not style and not tags and {*seen.found} == within


@pytest.mark.parametrize("slug", mailing.SLUGS)
def test_a_file_is_whole_and_refers_to_nothing_but_the_paper(files: dict[str, Path], slug: str) -> None:
    text = files[slug].read_text(encoding="utf-8")
    shown = demonstration(slug)
    assert text == mailing.page(slug)  # the same each time
    assert alone(text)
    assert len(text) < 60_000
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "$" not in re.sub(r"<script.*?</script>", "", text, flags=re.S)
    for said in (
        shown.title,
        *(part for pair in shown.questions for part in pair),
        *(says for _, says in shown.claims()),
    ):
        assert mailing.html.escape(said) in text
    assert not [path for path in files[slug].parent.iterdir() if path not in files.values()]


def test_a_reference_elsewhere_would_be_noticed(files: dict[str, Path]) -> None:
    text = files["exam"].read_text(encoding="utf-8")
    for extra in (
        '<img src="x.png">',
        '<a href="https://example.org/">x</a>',
        '<p onclick="x()">',
        '<link rel="stylesheet" href="x.css">',
        "<script>fetch('http://example.org')</script>",
        '<p style="background: url(x)">',
    ):
        assert not alone(text.replace("</main>", f"{extra}</main>")), extra
    assert not alone(text.replace("</style>", "p { background: url(x.png) }</style>"))


def test_constants_are_those_of_the_theorem() -> None:
    constants = mailing.values("guessing")["constants"]
    assert constants == {"lower": 35.0, "factor": 6.0, "valid": 2.0, "upper": 13.0}
    for n in (100, 10**6):
        deviation = error_from_singletons(0.5, n, 364, 0.0).terms["deviation"]
        assert deviation == pytest.approx((constants["lower"] + constants["factor"] * math.log(n)) / math.sqrt(n))


def test_the_command_writes_both_and_needs_no_server(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(program, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    assert program.command(["--html", "handouts"]) == 0
    assert program.command(["--html", "handouts"]) == 0  # over the first ones
    out, err = capsys.readouterr()
    assert (out, err) == ("handouts/guessing.html\nhandouts/exam.html\n" * 2, "")
    assert sorted(path.name for path in Path("handouts").iterdir()) == ["exam.html", "guessing.html"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--html", ""], "--html '': is no path: name a folder"),
        (["--html", "file"], "--html file: is a file: name a folder"),
        (["--html", "file/x"], "--html file/x: cannot be written (Not a directory): name another folder, or make room"),
        (["--html", "other"], "--html other: exam.html there is not one of these pages: name another folder"),
        (["--html", "taken"], "--html taken: exam.html is a folder there: name another folder"),
        (["--html", "circle"], "--html circle: cannot be written ("),
        (["--html", "x" * 300], f"--html {'x' * 300}: cannot be written (File name too long)"),
        (["exam", "--html", "new"], "DEMONSTRATION = exam and --html: the files are written and no page is served"),
        (["--port", "80", "--html", "new"], "--port = 80 and --html: the files are written and no page is served"),
        (["--html"], "option '--html' requires an argument"),
    ],
)
def test_a_folder_that_is_none_is_one_sentence(capsys, monkeypatch, tmp_path, arguments, sentence) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("taken/exam.html").mkdir(parents=True)
    Path("circle").symlink_to("circle")
    Path("other").mkdir()
    Path("other/exam.html").write_text("mine")
    assert program.command(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"simlab: {sentence}")
    assert len(err.splitlines()) == 1
    assert Path("file").read_text() == Path("other/exam.html").read_text() == "mine"
    names = ["circle", "exam.html", "exam.html", "file", "other", "taken"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == names


def test_where_one_cannot_be_written_neither_is(monkeypatch, tmp_path) -> None:
    (tmp_path / "guessing.html").write_text(old := f"an older {mailing.OURS.decode()}")
    write = Path.write_text

    def full(path: Path, text: str, **options: Any) -> int:
        if "exam" in path.name:
            write(path, text[:100], **options)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\): name another folder, or make"):
        mailing.write_pages(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["guessing.html"]
    assert (tmp_path / "guessing.html").read_text() == old


# ---- in a browser ----


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: it drives the browser")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


TURN = """link => new Promise(done => {
  if (location.hash === link) return done();
  addEventListener("hashchange", () => done(), { once: true });  // its own listener has run by then
  location.hash = link;
})"""


class Visit:
    """A page of the browser that remembers what it complained of and what it asked for."""

    def __init__(self, browser: Any, path: Path, size: dict[str, int]) -> None:
        self.path, self.complaints, self.requests = path, [], set()
        self.page = browser.new_page(viewport=size)
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: self.requests.add(asked.url.partition("#")[0]))

    def open(self, said: str = "") -> None:
        """Open the file anew by a link that says so."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.path.as_uri()}#{said}")

    def turn(self, settings: dict[str, Any]) -> None:
        """Go to a link within the page that is open, and wait until it has drawn."""
        self.page.evaluate(TURN, f"#{urlencode(settings)}")

    @property
    def numbers(self) -> dict[str, float]:
        found = "all => all.map(one => [one.dataset.number, Number(one.dataset.value)])"
        return dict(self.page.eval_on_selector_all("[data-number]", found))

    @property
    def quiet(self) -> bool:
        """Whether nothing was complained of, and nothing asked for but the file itself."""
        return not self.complaints and self.requests == {self.path.as_uri()}


@pytest.fixture
def visit(browser: Any, files: dict[str, Path], request: Any) -> Iterator[Visit]:
    one = Visit(browser, files[request.param], SIZES[0])
    yield one
    one.page.close()


def apart(found: dict[str, float], wanted: dict[str, float]) -> list[str]:
    """The names of the numbers that differ by more than 1e-9 of their size (1e-12 near 0)."""
    assert found.keys() == wanted.keys()
    return [name for name in wanted if not math.isclose(found[name], wanted[name], rel_tol=1e-9, abs_tol=1e-12)]


each = pytest.mark.parametrize("visit", mailing.SLUGS, indirect=True)


@each
def test_every_number_and_sentence_is_simlabs(visit: Visit) -> None:
    visit.open()
    for settings in SETTINGS[visit.path.stem]:
        visit.turn(settings)
        values, sentence = of_simlab(visit.path.stem, settings)
        assert apart(visit.numbers, values) == [], settings
        assert visit.page.inner_text("#seen") == sentence
    assert visit.quiet


MISTAKES = {
    "guessing": [
        ("lower + factor * Math.log(draws)", "lower + 1 + factor * Math.log(draws)", "published"),
        ("unmet(s, people, draws - 1)", "unmet(s, people, draws - 2)", "singleton_rate"),
        ("errors / answers", "errors / (answers + 1e-6)", "error"),
        ("valid / errors - gap", "valid / answers - gap", "sharp"),
        ("rate / (errors + 1)", "rate / errors", "upper"),
    ],
    "exam": [
        ("-stated / (1 - stated)", "-stated / (1.001 - stated)", "pays_from"),
        ("q * rule.correct + (1 - q)", "q * rule.correct + (1 - q * q)", "worth"),
        ("q > t ? earns", "q > t - 0.02 ? earns", "lead"),
    ],
}


@pytest.mark.parametrize("slug", MISTAKES)
def test_a_changed_constant_in_the_script_is_noticed(browser: Any, tmp_path: Path, slug: str) -> None:
    """The negative control of the numbers, one mistake at a time."""
    settings = SETTINGS[slug][0] | ({"rule": "target"} if slug == "exam" else {})
    values, _ = of_simlab(slug, settings)
    style, shared, own = (mailing._part(name) for name in ("page.css", "page.js", f"{slug}.js"))
    path = tmp_path / f"{slug}.html"
    one = Visit(browser, path, SIZES[0])
    for right, wrong, name in MISTAKES[slug]:
        assert right in own
        text = mailing.assembled(slug, style, shared, own.replace(right, wrong), data=mailing.values(slug))
        path.write_text(text, encoding="utf-8")
        one.open(urlencode(settings))
        assert name in apart(one.numbers, values), wrong
    one.page.close()


def test_the_policy_lets_no_other_script_run_and_nothing_be_asked_for(browser: Any, files, tmp_path: Path) -> None:
    text = files["exam"].read_text(encoding="utf-8")
    path = tmp_path / "exam.html"
    path.write_text(text.replace('"use strict";', '"use strict"; '), encoding="utf-8")
    one = Visit(browser, path, SIZES[0])
    one.open()
    assert one.numbers == {}
    assert any("Content Security Policy" in said for said in one.complaints)
    one.page.close()
    style, *scripts = (mailing._part(name) for name in ("page.css", "page.js", "exam.js"))
    asking = "fetch('http://127.0.0.1:9/'); new Image().src = 'http://127.0.0.1:9/x.png';"
    path.write_text(mailing.assembled("exam", style, *scripts, asking, data=mailing.values("exam")), encoding="utf-8")
    one = Visit(browser, path, SIZES[0])
    one.open()
    assert len(one.numbers) == 9
    assert len(one.complaints) >= 2
    assert not one.quiet
    one.page.close()


@each
def test_the_keyboard_moves_it_and_its_link_reopens_it(visit: Visit) -> None:
    shown = demonstration(visit.path.stem)
    visit.open()
    page, numbers = visit.page, visit.numbers
    wanted = shown.settings()
    wanted.pop("corpus", None)
    for one in shown.controls:
        if one.name == "corpus":
            continue
        if isinstance(one, Slider):
            element = page.get_by_role("slider", name=one.label)  # it is labelled
            element.focus()
            page.keyboard.press("ArrowLeft")
            wanted[one.name] = one.values[one.values.index(one.default) - 1]
            told = one.told(wanted[one.name])
            assert element.get_attribute("aria-valuetext") == told
            assert page.inner_text(f"#{one.name}-told") == told
        else:
            assert page.get_by_role("group", name=one.label).get_by_role("radio").count() == len(one.options)
            page.focus(f"#{one.name}-{one.default}")
            page.keyboard.press("ArrowDown")
            wanted[one.name] = list(one.options)[list(one.options).index(one.default) + 1]
    moved, values = visit.numbers, of_simlab(shown.slug, wanted)[0]
    assert apart(moved, values) == []
    assert moved != numbers
    link, address = page.evaluate("[document.getElementById('again').href, location.href]")
    assert link == address
    visit.open(link.partition("#")[2])
    assert visit.numbers == moved
    page.click("#again")
    page.evaluate("location.hash = ''")  # another link, in the same page
    page.wait_for_function(
        "before => document.getElementById('stage').dataset.settings !== before", arg=address.split("#")[1]
    )
    assert visit.numbers == numbers
    assert visit.quiet


@each
def test_a_link_that_says_no_setting_is_told_and_the_rest_is_kept(visit: Visit) -> None:
    sentences = {
        "guessing": (
            "draws=<b>many&singleton_rate=0.25&answers=1e99&learner=x",
            "draws = '<b>many' is no number: give one from 100 to 1e+12; shown is the default. "
            "answers = '1e99' lies outside 2 to 366: give one from 2 to 366; shown is the default. "
            "learner 'x' is unknown: choose from calibrated, guess_one, abstain; shown is the default",
        ),
        "exam": (
            "stated=&rule=by_hand",
            "stated = '' is no number: give one from 0 to 0.95; shown is the default",
        ),
    }
    asked, sentence = sentences[visit.path.stem]
    visit.open(asked)
    assert visit.page.inner_text("[role=alert]") == sentence
    kept = {"guessing": "singleton_rate=0.25", "exam": "rule=by_hand"}[visit.path.stem]
    assert kept in visit.page.get_attribute("#stage", "data-settings")
    visit.open()
    assert not visit.page.is_visible("[role=alert]")


@each
def test_the_figure_is_exported_as_a_picture_of_its_own(visit: Visit) -> None:
    visit.open()
    with visit.page.expect_download() as download:
        visit.page.click("#export")
    assert download.value.suggested_filename == f"{visit.path.stem}.svg"
    root = ElementTree.parse(download.value.path()).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.attrib["color"] == "#000"
    assert len([*root.iter("{http://www.w3.org/2000/svg}text")]) > 10
    assert not visit.complaints


WIDE = """() => [
  document.documentElement.scrollWidth > innerWidth && "page",
  ...[...document.body.querySelectorAll("*:not(svg *):not(script)")].filter(one => one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).display !== "inline").map(one => one.id || one.tagName),
].filter(Boolean)"""
CROSSING = """(all) => {
  const figure = document.getElementById("picture"), crossing = [];
  for (const settings of all) {
    figure.innerHTML = scene(settings).picture;
    const edge = figure.getBoundingClientRect();
    const boxes = [...figure.querySelectorAll("text")].map(one => [one.textContent, one.getBoundingClientRect()]);
    boxes.forEach(([text, box], i) => {
      const outside = [edge.left - box.left, box.right - edge.right, edge.top - box.top, box.bottom - edge.bottom];
      if (Math.max(...outside) > 1)
        crossing.push([JSON.stringify(settings), text]);
      for (const [other, place] of boxes.slice(i + 1)) {
        const over = Math.min(box.bottom, place.bottom) - Math.max(box.top, place.top);
        if (box.left < place.right && place.left < box.right && over > 0.35 * Math.min(box.height, place.height))
          crossing.push([JSON.stringify(settings), text, other]);
      }
    });
  }
  return crossing;
}"""


@each
def test_nothing_overflows_and_no_words_cross(visit: Visit) -> None:
    """At both sizes; light and dark differ in colours alone. On a laptop the sentence is seen with the picture."""
    shown = demonstration(visit.path.stem)
    rng = np.random.default_rng(8)
    drawn = [
        {
            one.name: (one.values if isinstance(one, Slider) else list(one.options))[rng.integers(at)]
            for one in shown.controls
            if one.name != "corpus"
            for at in [len(one.values if isinstance(one, Slider) else one.options)]
        }
        for _ in range(120)
    ]
    visit.open()
    for size in SIZES:
        visit.page.set_viewport_size(size)
        for settings in SETTINGS[shown.slug]:
            visit.turn(settings)
            wide, bottom = visit.page.evaluate(
                f"[({WIDE})(), document.getElementById('seen').getBoundingClientRect().bottom]"
            )
            assert wide == [], settings
            assert bottom <= 720
        assert visit.page.evaluate(CROSSING, SETTINGS[shown.slug] + drawn) == []
        visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert visit.page.evaluate(WIDE) == []
    assert visit.quiet
    visit.page.evaluate("document.getElementById('seen').style.width = '3000px'")
    stacked = "scene(now).picture.replaceAll('<text x', '<text y=\"9\" x')"  # the first y counts
    visit.page.evaluate(f"void (scene = (scene => now => ({{ picture: {stacked} }}))(scene))")
    assert "page" in visit.page.evaluate(WIDE)  # the negative controls of both
    assert visit.page.evaluate(CROSSING, SETTINGS[shown.slug][:1]) != []


@each
def test_the_page_follows_the_scheme_of_the_reader(visit: Visit) -> None:
    visit.open()
    colours = []
    for scheme in ("light", "dark"):
        visit.page.emulate_media(color_scheme=scheme)
        colours.append(
            visit.page.evaluate(
                "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
            )
        )
        drawn = visit.page.evaluate("getComputedStyle(document.querySelector('#picture text')).fill")
        assert drawn == colours[-1][0]
    assert colours[0] == ["rgb(22, 25, 28)", "rgb(255, 255, 255)"]
    assert colours[1] == ["rgb(242, 243, 244)", "rgb(22, 25, 28)"]
