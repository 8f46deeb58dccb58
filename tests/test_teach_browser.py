"""The demonstrations in a browser whose network is closed: by keyboard, number for number, at both sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin
from xml.etree import ElementTree

import pytest
from browsing import SIZES, Browsing, absent, browsing, closed_network, numbers, overflowing, settle, stated

from simlab.errors import BadInput
from simlab.teach import mailing
from simlab.teach.demonstrations import TITLES, Choice, Slider, demonstration

QUICK = "exam"
EVERY = [slug if slug == QUICK else pytest.param(slug, marks=pytest.mark.slow) for slug in TITLES]
FACTS = b"person,birthplace\n" + b"".join(b"p%d,b%d\n" % (i * i % 83, i * i % 83 % 7) for i in range(300))
REFUSED = b"person,birthplace\n\xff\xfe,x\n"

FOCUSED = """() => {
  let e = document.activeElement;
  while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;
  return [e.getAttribute('role') || e.tagName.toLowerCase(), e.textContent.trim()];
}"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Iterator[Browsing]:
    reason = absent()
    if reason:
        pytest.skip(reason)
    with browsing(tmp_path_factory.mktemp("browsing")) as started:
        yield started


@pytest.fixture
def browser(opened: Browsing) -> Iterator[Browsing]:
    """A browser that has met no error, and has asked for nothing elsewhere, at the end."""
    opened.faults.clear()
    yield opened
    for page in opened.context.pages:
        page.close()
    assert opened.faults == []


def agrees(page: Any, slug: str) -> dict[str, float]:
    """The numbers of the page, which are those of the scene at the settings that the page states."""
    shown = demonstration(slug)
    found = numbers(page)
    assert found == shown.scene(**shown.settings(stated(page))).values
    return found


def moves(one: Slider | Choice, whole: bool) -> list[tuple[str, float | str]]:
    """Keys for a control, each with the value that it leads to: both ends, and a step from each."""
    if isinstance(one, Slider):
        keys = [("End", one.values[-1]), ("ArrowLeft", one.values[-2])]
        return [*keys, ("Home", one.values[0]), ("ArrowRight", one.values[1])] if whole else keys[:1]
    words = list(one.options)
    at = words.index(one.default)
    round_ = [words[(at + i) % len(words)] for i in range(1, len(words) + 1)]
    return [("ArrowDown", word) for word in (round_ if whole else round_[:1])]


def drive(browser: Browsing, slug: str, whole: bool) -> None:
    """Move every control by keyboard, and compare every number with the scene's."""
    shown = demonstration(slug)
    page = browser.page(slug)
    agrees(page, slug)
    sliders = [one for one in shown.controls if isinstance(one, Slider)]
    choices = [one for one in shown.controls if isinstance(one, Choice)]
    assert page.get_by_role("slider").count() == len(sliders)
    groups = page.locator("[role=radiogroup]")
    assert groups.count() == len(choices)
    for i, one in enumerate(choices):
        for key, value in moves(one, whole):
            groups.nth(i).locator("[role=radio][aria-checked=true]").press(key, delay=60)
            settle(page, one.name, value)
            agrees(page, slug)
    for i, one in enumerate(sliders):
        handle = page.get_by_role("slider", name=one.label, exact=True)
        assert handle.count() == 1
        for key, value in moves(one, whole):
            page.get_by_role("slider").nth(i).press(key)
            settle(page, one.name, value)
            agrees(page, slug)
            assert overflowing(page) == []
    page.wait_for_function(
        "document.querySelector('a.again').getAttribute('href') === "
        "'?' + document.querySelector('.stage[data-settings]').dataset.settings"
    )
    again = page.locator("a.again").get_attribute("href")
    assert "access_token" not in page.content()
    link = urljoin(page.url, again)
    reopened = browser.page(slug, f"?{link.partition('?')[2]}")
    assert stated(reopened) == stated(page)
    assert agrees(reopened, slug) == numbers(page)
    address = dict(parse_qsl(page.url.partition("?")[2]))  # which follows the controls
    assert shown.settings(address) == shown.settings(stated(page))
    assert set(address) == {one.name for one in shown.controls}


@pytest.mark.parametrize("slug", EVERY)
def test_every_control_moves_by_keyboard_and_the_numbers_are_those_of_the_scene(browser: Browsing, slug: str) -> None:
    drive(browser, slug, whole=slug != QUICK)


@pytest.mark.slow
def test_the_one_that_was_driven_quickly_is_driven_whole(browser: Browsing) -> None:
    drive(browser, QUICK, whole=True)


@pytest.mark.parametrize("slug", EVERY)
def test_the_figure_comes_as_a_file(browser: Browsing, slug: str) -> None:
    page = browser.page(slug)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="export this figure").press("Enter")
    assert waiting.value.suggested_filename == f"{slug}.svg"
    drawn = ElementTree.fromstring(Path(waiting.value.path()).read_text())
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    words = {"".join("".join(one.itertext()).split()) for one in drawn.iter("{http://www.w3.org/2000/svg}text")}
    seen = page.locator("figure svg text").all_text_contents()
    assert {"".join(word.split()) for word in seen} == words != set()


@pytest.mark.parametrize("slug", ["", *EVERY])
def test_nothing_overflows_and_the_ink_is_the_pages(browser: Browsing, slug: str) -> None:
    """On a projector and a tablet, light and dark."""
    page = browser.page(slug)
    assert page.locator("h1").count() == 1
    inks = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"document.body.classList.contains('dark') === {str(scheme == 'dark').lower()}")
        for width, height in SIZES.values():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(100)
            assert overflowing(page) == []
        if slug:
            inks.add(page.evaluate("getComputedStyle(document.querySelector('figure')).color"))
            drawn = page.evaluate(
                "[...document.querySelectorAll('figure svg text')].map(e => getComputedStyle(e).fill)"
            )
            assert inks & set(drawn)
    assert len(inks) == (2 if slug else 0)


def test_tab_reaches_every_control_and_space_opens_an_answer(browser: Browsing) -> None:
    page = browser.page("exam")
    met = []
    for _ in range(40):
        page.keyboard.press("Tab")
        met.append(page.evaluate(FOCUSED))
    kinds = [kind for kind, _ in met]
    assert kinds.count("slider") >= 3
    assert "radio" in kinds
    assert kinds.count("summary") >= 3
    assert any("export this figure" in text for _, text in met)
    page.locator("summary").first.focus()
    page.keyboard.press("Space")
    assert page.locator("details[open] p").first.is_visible()
    page.get_by_role("slider").first.focus()
    ring = "getComputedStyle(document.querySelector('marimo-slider')).outlineStyle"
    assert page.evaluate(ring) == "solid"
    page.get_by_role("slider").nth(1).focus()
    assert page.evaluate(ring) == "none"


def test_a_link_with_a_bad_value_shows_the_sentence_and_the_default(browser: Browsing) -> None:
    page = browser.page("exam", "?stated=<b>much</b>&belief=0.3")
    with pytest.raises(BadInput) as caught:
        demonstration("exam").settings({"stated": "<b>much</b>"})
    assert page.locator(".refused").inner_text() == f"{caught.value}; shown is the default"
    assert stated(page)["belief"] == "0.3"
    assert float(stated(page)["stated"]) == demonstration("exam").settings()["stated"]


def given(page: Any, name: str, data: bytes) -> None:
    """Drop a file on the page."""
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})


def test_a_good_and_a_bad_file(browser: Browsing) -> None:
    from simlab.teach.uploads import looks
    from simlab.teach.your_data import as_it_looks

    page = browser.page("your_data")
    before = numbers(page)
    given(page, "facts.csv", FACTS)
    page.wait_for_function("n => document.querySelector('[data-number=draws]')?.dataset.value !== n", arg="2000.0")
    expected = as_it_looks(FACTS, "facts.csv")
    assert numbers(page) == expected.scene.values != before
    assert overflowing(page) == []
    with page.expect_download() as waiting:
        page.get_by_role("link", name="export this report").click()
    assert Path(waiting.value.path()).read_text() == expected.page
    given(page, "bad.csv", REFUSED)
    page.wait_for_selector(".refused")
    with pytest.raises(BadInput) as caught:
        as_it_looks(REFUSED, "bad.csv")
    assert page.locator(".refused").inner_text() == str(caught.value)
    assert page.locator("[data-number]").count() == 0
    hostile = b"person,birthplace\n" + b"<img src=x onerror=alert(1)>,<script>document.title='owned'</script>\n" * 3
    assert looks(hostile, "../../<b>.csv").kind == "corpus"
    given(page, "<b>.csv", hostile)
    page.wait_for_selector("[data-number]")
    page.locator("summary", has_text="the whole report").click()
    assert page.title() == "Your data"
    assert page.locator("img[src=x]").count() == 0


def test_the_list_leads_to_each_page_and_back(browser: Browsing) -> None:
    page = browser.page("")
    cards = page.locator(".lessons a")
    assert cards.count() == len(TITLES)
    for slug in mailing.SLUGS:
        with page.expect_download() as waiting:
            page.get_by_role("link", name=f"{slug}.html").press("Enter")
        assert waiting.value.suggested_filename == f"{slug}.html"
        assert Path(waiting.value.path()).read_text() == mailing.page(slug)
    cards.nth(4).press("Enter")
    page.wait_for_selector(".stage")
    assert page.url == browser.path("exam")
    page.locator("nav a", has_text="all").press("Enter")
    page.wait_for_selector(".lessons")


def test_the_network_is_closed(opened: Browsing) -> None:
    """The control: where it can be closed, an address elsewhere cannot be reached, and asking for it is seen."""
    network = closed_network()
    if isinstance(network, str):
        pytest.skip(f"pages are watched but the network is open: {network}")
    assert opened.closed
    page = opened.page("")
    opened.faults.clear()
    assert page.evaluate("fetch('http://192.0.2.1/').then(() => 'reached', () => 'refused')") == "refused"
    assert any("Content Security Policy" in fault for fault in opened.faults)
    opened.faults.clear()
    page.evaluate("new Image().src = 'http://192.0.2.1/x.png'")
    page.wait_for_timeout(200)
    assert opened.faults != []
    bare = opened.context.new_page()
    with pytest.raises(Exception, match=r"ERR_(INTERNET_DISCONNECTED|ADDRESS_UNREACHABLE|NETWORK)"):
        bare.goto("http://192.0.2.1/", timeout=10_000)
    page.close()
    bare.close()
