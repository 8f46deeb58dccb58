"""The demonstrations without a browser: as scripts, by their links, from the command line, and who may open them."""

from __future__ import annotations

import http.client
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from simlab.bounds import THEOREMS
from simlab.errors import BadInput
from simlab.teach import __main__ as program
from simlab.teach.demonstrations import TITLES, Slider, demonstration
from simlab.teach.serving import place
from simlab.teach.sources import files_of

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "simlab" / "teach" / "notebooks"


@pytest.fixture(autouse=True)
def needed() -> None:
    pytest.importorskip("marimo")


# ---- what a demonstration is ----


@pytest.mark.parametrize("slug", TITLES)
def test_a_demonstration_is_whole(slug: str) -> None:
    shown = demonstration(slug)
    assert shown.slug == slug
    assert shown.title == TITLES[slug]
    assert len(shown.motivation) <= 130
    assert len(shown.questions) == 3
    assert all(question.rstrip().endswith("?") and len(answer) > 40 for question, answer in shown.questions)
    assert shown.theorems
    assert set(shown.theorems) <= {theorem.slug for theorem in THEOREMS}
    assert [says for _, says in shown.claims()] != []
    assert shown.tests
    assert shown.experiments
    for name in (*shown.tests, *shown.experiments):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("slug", TITLES)
def test_every_setting_comes_back_from_its_link(slug: str) -> None:
    shown = demonstration(slug)
    assert shown.settings() == {one.name: one.default for one in shown.controls}
    for one in shown.controls:
        values = one.values if isinstance(one, Slider) else one.options
        assert one.default in values
        assert one.told(one.default)
        for value in values:
            said = f"{value:g}" if isinstance(one, Slider) else value
            assert shown.settings({one.name: said, "no such control": "1"})[one.name] == value


def test_a_link_that_says_nothing_that_is_a_setting_is_told_in_a_sentence() -> None:
    for given, sentence in [
        ({"draws": "many"}, "draws = 'many' is no number: give one from 10 to 1e+12"),
        ({"draws": "1e99"}, "draws = '1e99' lies outside 10 to 1e+12: give one from 10 to 1e+12"),
        ({"draws": "0"}, "draws = '0' lies outside 10 to 1e+12: give one from 10 to 1e+12"),
        ({"draws": "nan"}, "draws = 'nan' is no number: give one from 10 to 1e+12"),
        ({"draws": "<script>"}, "draws = '<script>' is no number: give one from 10 to 1e+12"),
    ]:
        with pytest.raises(BadInput, match=f"^{re.escape(sentence)}$"):
            demonstration("unsaid").settings(given)
    with pytest.raises(BadInput, match=r"^rule 'binry' is unknown: did you mean 'binary'\?$"):
        demonstration("exam").settings({"rule": "binry"})
    with pytest.raises(BadInput, match=r"^demonstration 'exams' is unknown: did you mean 'exam'\?$"):
        demonstration("exams")
    assert demonstration("unsaid").settings({"draws": "12345"})["draws"] == 1e4  # the nearest that the slider has


# ---- as scripts ----


def notebook(slug: str) -> ModuleType:
    """A notebook is a script."""
    spec = importlib.util.spec_from_file_location(f"notebook_{slug}", NOTEBOOKS / f"{slug}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_a_notebook_a_demonstration() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.py")} == {*TITLES, "home"}
    for slug in TITLES:
        module = notebook(slug)
        assert module.app._config.app_title == TITLES[slug]
        cells = re.findall(r"^def (\w+)\(", (NOTEBOOKS / f"{slug}.py").read_text(), re.M)
        assert set(cells) == {"head", "panel", "compute", "told", "stage", "taking", "foot"}


def shown_numbers(outputs: Any) -> dict[str, float]:
    """{name: value} of what the cells put on the page."""
    text = "".join(str(getattr(one, "text", "")) for one in outputs)
    return {name: float(value) for name, value in re.findall(r'data-number="(\w+)" data-value="([^"]+)"', text)}


@pytest.mark.parametrize("slug", TITLES)
def test_a_notebook_runs_as_a_script_and_shows_the_numbers_of_the_scene(slug: str) -> None:
    """With its own elements at the defaults, and with every control at its other end at once."""
    shown = demonstration(slug)
    ends = {one.name: one.values[-1] if isinstance(one, Slider) else list(one.options)[-1] for one in shown.controls}
    given = {"controls": SimpleNamespace(value=ends)}
    if slug == "your_data":
        given |= {"given": SimpleNamespace(value=()), "kind": SimpleNamespace(value="")}
    found = []
    for settings, defs in ((shown.settings(), None), (ends, given)):
        outputs, defined = notebook(slug).app.run(defs=defs)
        numbers = shown_numbers(outputs)
        assert numbers
        assert numbers == shown.scene(**settings).values
        assert defined["settings"] == settings
        found.append(numbers)
    assert found[0] != found[1]


def test_the_list_names_every_demonstration_in_order() -> None:
    (page, _), _ = notebook("home").app.run()
    assert re.findall(r'<a href="(\w+)/"><h2>\d\. ([^<]+)</h2>', page.text) == list(TITLES.items())


# ---- the command line ----


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["exams"], "demonstration 'exams' is unknown: did you mean 'exam'?"),
        (["http://127.0.0.1:2718/nothing/"], "demonstration 'nothing' is unknown: choose from"),
        (["unsaid?drawz=10"], "setting of unsaid 'drawz' is unknown: did you mean 'draws'?"),
        (["unsaid?draws=many"], "draws = 'many' is no number: give one from 10 to 1e+12"),
        (["exam", "unsaid"], "got unexpected extra argument"),
        (["--port", "x"], "--port = x: must be a whole number, such as 10000 or 1e4"),
        (["--port", "0"], "--port = 0: must be a whole number from 1 to 65535"),
        (["--port", "65536"], "--port = 65536: must be a whole number from 1 to 65535"),
        (["--prot", "1"], "option '--prot' is unknown: did you mean '--port'?"),
        (["--port", "--no-browser"], "option '--port' requires an argument, and '--no-browser' is an option"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(capsys, arguments: list[str], sentence: str) -> None:
    assert program.command(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"simlab: {sentence}")
    assert len(err.splitlines()) == 1


def test_what_is_not_installed_is_named_with_the_way_out(capsys, monkeypatch) -> None:
    monkeypatch.setattr(program, "find_spec", lambda name: None if name == "marimo" else name)
    assert program.command([]) == 2
    assert capsys.readouterr().err == (
        "simlab: marimo is not installed, and serves the demonstrations: pip install 'simlab[teach]'\n"
    )


def test_a_port_that_is_taken_is_told_and_without_one_the_next_is_had(capsys) -> None:
    from simlab.teach.serving import listening

    with listening(None) as first, listening(None, first.getsockname()[1]) as second:
        taken = first.getsockname()[1]
        assert first.getsockname()[0] == "127.0.0.1"
        assert second.getsockname()[1] > taken
        assert program.command(["--port", str(taken), "--no-browser"]) == 2
        assert capsys.readouterr().err == (
            f"simlab: --port = {taken}: cannot be had (Address already in use): leave --port out, "
            "and a free one is taken\n"
        )
        with pytest.raises(BadInput, match=f"^ports {taken} to {taken} are all taken: name a free one with --port$"):
            listening(None, taken, 1)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (None, "/"),
        ("exam", "/exam/"),
        ("exam?rule=binary&stated=0.5", "/exam/?rule=binary&stated=0.5"),
        ("http://127.0.0.1:2718/exam/?stated=0.5&access_token=old", "/exam/?stated=0.5"),
        ("http://127.0.0.1:2718/?access_token=old", "/"),
        ("/exam/", "/exam/"),
    ],
)
def test_a_page_is_named_by_its_name_or_by_a_link(text: str | None, where: str) -> None:
    from simlab.teach.serving import place

    assert place(text) == where


# ---- who may open the pages ----


class Served(NamedTuple):
    process: subprocess.Popen[str]
    address: str
    port: int


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """The program as a user starts it; ends by Ctrl-C with status 0, though a visitor never took leave."""
    pytest.importorskip("marimo")
    command = [sys.executable, "-m", "simlab.teach", "unsaid", "--no-browser"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=elsewhere, env=environment
    ) as process:
        address = process.stdout.readline().strip()
        yield Served(process, address, urlsplit(address).port)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert err == "simlab: Ctrl-C closes the demonstrations\nsimlab: closed\n"
    assert not any(elsewhere.iterdir())


def asked(served: Served, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer; a ``host`` of one's own choice."""
    link = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    try:
        link.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = link.getresponse()
        status = answer.status
        text = "" if status == 101 else answer.read().decode(errors="replace")
        return status, {name.lower(): value for name, value in answer.getheaders()}, text
    finally:
        link.close()


@pytest.fixture(scope="module")
def cookie(served: Served) -> str:
    """What a browser holds that came by the address that was printed."""
    asks = urlsplit(served.address)
    status, headers, _ = asked(served, f"{asks.path}?draws=100&{asks.query}")
    assert (status, headers["location"]) == (303, "/unsaid/?draws=100")  # the token is gone from the address
    assert re.search(r"; HttpOnly; Path=/; SameSite=lax$", headers["set-cookie"])
    token = asks.query.partition("=")[2]
    assert len(token) >= 32
    assert token not in str(headers)
    return headers["set-cookie"].partition(";")[0]


def test_the_address_that_is_printed_opens_every_page(served: Served, cookie: str) -> None:
    assert served.address.startswith(f"http://127.0.0.1:{served.port}/unsaid/?access_token=")
    for slug in ("", *(f"{slug}/" for slug in TITLES)):
        status, headers, text = asked(served, f"/{slug}", cookie=cookie)
        assert status == 200
        assert "<title>" in text
        assert "default-src 'self' data: blob:; script-src 'self'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"


def test_without_the_token_there_is_a_way_to_it_and_no_page(served: Served, cookie: str) -> None:
    wrong = f"{cookie.partition('=')[0]}=wrong"
    for path in ("/", "/unsaid/?draws=100", "/unsaid/?access_token=wrong", "/exam/@file/1-x.svg", "/assets/x.js"):
        for headers in ({}, {"cookie": wrong}, {"authorization": "Bearer wrong"}):
            status, told, text = asked(served, path, **headers)
            assert status == 403
            assert told["content-security-policy"].startswith("default-src 'none'")
            assert "python -m simlab.teach" in text
    link = "unsaid?draws=100"
    assert f"<code>python -m simlab.teach '{link}'</code>" in asked(served, "/unsaid/?draws=100")[2]
    assert place(link) == "/unsaid/?draws=100"
    assert "<script>" not in asked(served, "/unsaid/?draws=<script>alert(1)</script>")[2]
    status, told, _ = asked(served, "/unsaid?draws=100&corpus=2", cookie=cookie)
    assert (status, told["location"]) == (307, "/unsaid/?draws=100&corpus=2")
    for hostile in ("/exam';id;'", "/exam/?draws=';id;'", "/exam/?t=%27;id;%27"):  # it would be pasted into a shell
        assert "id;" not in asked(served, hostile)[2]


def test_theorems_tests_and_experiments_are_a_link_away(served: Served, cookie: str) -> None:
    from simlab.teach import pages

    for shown in map(demonstration, TITLES):
        foot = pages.foot(shown).text
        for path in (*(f"theorem/{slug}" for slug in shown.theorems), *(f"source/{one}" for one in files_of(shown))):
            assert f'<a href="../{path}">' in foot
            assert asked(served, f"/{path}", cookie=cookie)[0] == 200
            assert asked(served, f"/{path}")[0] == 403
    name = "tests/test_bounds.py"
    assert escape((ROOT / name).read_text()) in asked(served, f"/source/{name}", cookie=cookie)[2]
    assert "arXiv 2509.04664" in asked(served, "/theorem/error_from_iiv", cookie=cookie)[2]
    for path in ("source/pyproject.toml", "source/tests/../pyproject.toml", "source//etc/passwd", "theorem/none"):
        assert asked(served, f"/{path}", cookie=cookie)[0] == 404


@pytest.mark.parametrize("upgrade", [False, True], ids=["page", "socket"])
def test_another_host_or_origin_is_refused(served: Served, cookie: str, upgrade: bool) -> None:
    """With the cookie and all: a page elsewhere that makes the browser ask, and a name elsewhere that leads here."""
    path = "/unsaid/ws?session_id=s_abc123" if upgrade else "/unsaid/"
    extra = {"cookie": cookie}
    if upgrade:
        extra |= {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
        extra |= {"sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    allowed = 101 if upgrade else 200
    here = f"http://127.0.0.1:{served.port}"
    assert asked(served, path, origin=here, **extra)[0] == allowed
    local = f"localhost:{served.port}"
    assert asked(served, path, host=local, origin=f"http://{local}", **extra)[0] == allowed
    for origin in (
        "http://evil.example",
        "null",
        f"https://127.0.0.1:{served.port}",
        "http://127.0.0.1:1",
        f"{here}.x",
    ):
        assert asked(served, path, origin=origin, **extra)[0] == 403
    for host in ("evil.example", f"evil.example:{served.port}", f"127.0.0.1.evil.example:{served.port}", ""):
        assert asked(served, path, host=host, **extra)[0] in (400, 403)
    if upgrade:
        del extra["cookie"]
        assert asked(served, path, origin=here, **extra)[0] == 403


def test_the_server_listens_on_the_loopback_alone(served: Served) -> None:
    psutil = pytest.importorskip("psutil")
    family = [psutil.Process(served.process.pid), *psutil.Process(served.process.pid).children(recursive=True)]
    heard = [one for process in family for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
    assert {one.laddr.ip for one in heard} == {"127.0.0.1"}
    assert served.port in {one.laddr.port for one in heard}


def test_the_gate_would_be_missed(served: Served, cookie: str) -> None:
    """The negative control: marimo's builder alone answers a page of another origin."""
    import asyncio

    from simlab.teach.serving import site

    sent: list[dict[str, Any]] = []
    bodies: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not bodies:
            await asyncio.Event().wait()  # nobody goes away
        return bodies.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"evil.example"), (b"origin", b"http://evil.example"), (b"authorization", b"Bearer t")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"}
    scope |= {"path": "/unsaid/", "raw_path": b"/unsaid/", "root_path": "", "query_string": b"", "headers": headers}
    scope |= {"server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2)}
    gate = site("t", 1)
    for app in (gate, gate.app):
        bodies[:] = [{"type": "http.request", "body": b"", "more_body": False}]
        asyncio.run(asyncio.wait_for(app(dict(scope), receive, send), 60))
    assert [message["status"] for message in sent if message["type"] == "http.response.start"] == [400, 200]


def test_a_busy_port_does_not_stop_a_second_program(served: Served) -> None:
    from simlab.teach.serving import listening

    with listening(None, served.port) as other:
        assert other.getsockname()[1] > served.port
    with socket.create_connection(("127.0.0.1", served.port), 5):
        pass
