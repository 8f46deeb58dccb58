"""The demonstrations' pages behind one gate: this machine's own browser, by the address that was printed, alone.

marimo serves each notebook below its name and takes a token; its builder, though, answers every host and every origin,
and has the token asked for at each notebook. The gate in front of it does both once for all of them.
"""

from __future__ import annotations

import gc
import hmac
import secrets
import socket
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from html import escape
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from simlab.errors import BadInput, unknown
from simlab.teach.demonstrations import SHOWN, TITLES, Choice, demonstration
from simlab.teach.sources import source_page, theorem_page

HOST = "127.0.0.1"
NOTEBOOKS = Path(__file__).parent / "notebooks"
TOKEN = "access_token"
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
"""What a page may load: its own server's files and what it makes itself. The browser refuses the rest."""

ARROWS = """<script>
addEventListener("keydown", event => {
  const radio = event.composedPath()[0], step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
  if (!step || radio.role !== "radio") return;
  const all = [...radio.closest("[role=radiogroup]").querySelectorAll("[role=radio]")];
  const next = all[(all.findIndex(one => one.ariaChecked === "true") + step + all.length) % all.length];
  event.preventDefault();
  event.stopImmediatePropagation();
  next.focus();
  next.click();
}, true);
</script>"""
"""One arrow key, one option: marimo's own, inside a shadow root, run through all the others first and end one back."""

NOT_KNOWN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>simlab</title>
<body style="font: 1.3rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem">
<h1>Open it from the terminal</h1>
<p>These pages answer to the address that <code>python -m simlab.teach</code> prints, and to no other.</p>
{again}
"""
AGAIN = "<p>To open this link again, give it to the program: <code>python -m simlab.teach '{link}'</code></p>"

Scope = MutableMapping[str, Any]


def place(text: str | None) -> str:
    """The path and query that ``text`` means: the list, a page (``exam``), or its settings (``exam?t=0.75``, a link).

    Raises ``BadInput`` for a demonstration that is none, and for settings that do not parse.
    """
    if not text:
        return "/"
    asked = urlsplit(text)
    slug = asked.path.strip("/")
    if not slug and asked.netloc:
        return "/"
    if slug not in TITLES:
        raise unknown("demonstration", slug[:SHOWN], TITLES)
    given = {name: value for name, value in parse_qsl(asked.query, keep_blank_values=True) if name != TOKEN}
    if given:
        known = demonstration(slug).settings(given)
        for name in given:
            if name not in known:
                raise unknown(f"setting of {slug}", name[:SHOWN], known)
    return f"/{slug}/" + (f"?{urlencode(given)}" if given else "")


def listening(port: int | None, first: int = 2718, tries: int = 50) -> socket.socket:
    """A socket that listens on the loopback address: at ``port``, or at the first free one from ``first`` on.

    Raises ``BadInput`` where the port is taken, or all of them are.
    """
    for number in range(first, first + tries) if port is None else (port,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, number))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if port is not None:
                raise BadInput(
                    f"--port = {port}: cannot be had ({error.strerror}): leave --port out, and a free one is taken"
                ) from None
        else:
            return listener
    raise BadInput(f"ports {first} to {first + tries - 1} are all taken: name a free one with --port")


class Gate:
    """Refuses other hosts and origins, and visitors without the token; who comes with it has a cookie from then on.

    The token leaves the address at once, by a redirect, so that no link that is copied from the page has it. Behind the
    gate it goes with each request, for marimo asks for it as well.
    """

    def __init__(self, app: Any, token: str, port: int) -> None:
        self.app, self.token, self.port = app, token, port
        self.cookie, self.secret = f"simlab_teach_{port}", secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a request, or hand it on; at the end of the server, end what marimo runs for each visitor."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for route in self.app.routes:  # a thread that waits for a visitor who has gone would keep the program
                manager = getattr(getattr(getattr(route, "app", None), "state", None), "session_manager", None)
                if manager is not None:
                    await manager.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
        from starlette.requests import HTTPConnection
        from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

        asked = HTTPConnection(scope)
        refusal: Response | None = None
        origin = asked.headers.get("origin")
        token = asked.query_params.get(TOKEN, "")
        if asked.headers.get("host", "").rpartition(":")[0] not in (HOST, "localhost"):
            refusal = PlainTextResponse("this server answers 127.0.0.1 and localhost alone", 400)
        elif origin is not None and origin != f"http://{asked.headers['host']}":
            refusal = PlainTextResponse("this server answers its own pages alone", 403)
        elif hmac.compare_digest(token.encode(), self.token.encode()) and scope["type"] == "http":
            rest = [(name, value) for name, value in asked.query_params.multi_items() if name != TOKEN]
            refusal = RedirectResponse(asked.url.path + (f"?{urlencode(rest)}" if rest else ""), 303)
            refusal.set_cookie(self.cookie, self.secret, httponly=True, samesite="lax")
        elif not hmac.compare_digest(asked.cookies.get(self.cookie, "").encode(), self.secret.encode()):
            refusal = HTMLResponse(NOT_KNOWN.format(again=_again(str(asked.url))), 403)
        if refusal is not None:
            refusal.headers["content-security-policy"] = "default-src 'none'; style-src 'unsafe-inline'"
            refusal.headers["cache-control"] = "no-store"
            await (refusal(scope, receive, send) if scope["type"] == "http" else send({"type": "websocket.close"}))
            return
        if scope["type"] == "http" and asked.url.path.strip("/") in TITLES and not asked.url.path.endswith("/"):
            query = f"?{asked.url.query}" if asked.url.query else ""
            await RedirectResponse(f"{asked.url.path}/{query}", 307)(scope, receive, send)  # marimo's loses the query
            return
        within = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        within.append((b"authorization", f"Bearer {self.token}".encode()))
        await self.app({**scope, "headers": within}, receive, _guarded(send))


def _again(link: str) -> str:
    """How to open a link once more. It is told as ``place`` writes it, for it will be pasted into a shell."""
    try:
        found = place(link).strip("/")
    except BadInput:
        return ""
    return AGAIN.format(link=escape(found.replace("/?", "?"))) if found else ""


def _shown(page: Callable[[str], str]) -> Any:
    """The answer to a request for one page of ``simlab.teach.sources``."""
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, Response

    async def answer(request: Request) -> Response:
        try:
            return HTMLResponse(page(request.path_params["name"]))
        except BadInput as refused:
            return PlainTextResponse(str(refused), 404)

    return answer


def _guarded(send: Any) -> Any:
    """``send``, with what a page may load said in each answer."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said = [(b"content-security-policy", POLICY.encode()), (b"referrer-policy", b"no-referrer")]
            message = {
                **message,
                "headers": [*message.get("headers", ()), *said, (b"x-content-type-options", b"nosniff")],
            }
        await send(message)

    return sending


def site(token: str, port: int) -> Gate:
    """Every notebook below its name, the list of them at the root, behind the gate."""
    import marimo
    from starlette.routing import Route

    builder = marimo.create_asgi_app(token=token, quiet=True, html_head=ARROWS)
    for slug in TITLES:
        builder = builder.with_app(path=f"/{slug}", root=str(NOTEBOOKS / f"{slug}.py"))
    built: Any = builder.with_app(path="/", root=str(NOTEBOOKS / "home.py")).build()
    built.router.routes[:0] = [
        Route("/theorem/{name}", _shown(theorem_page)),
        Route("/source/{name:path}", _shown(source_page)),
    ]
    return Gate(built, token, port)


def _warm() -> None:
    """Compute each demonstration once, with each option of its choices, before a visitor waits for what comes first."""
    for shown in map(demonstration, TITLES):
        for one in shown.controls:
            for word in one.options if isinstance(one, Choice) else ():
                shown.scene(**{**shown.settings(), one.name: word})


def serve(listener: socket.socket, token: str) -> None:
    """Answer at the socket until Ctrl-C."""
    import uvicorn

    for slug in TITLES:  # so that no visitor waits for what they import
        demonstration(slug)
    gc.collect()
    gc.freeze()  # what is loaded stays: looking through all of it for what can go took 0.3 s, and a slider waited
    Thread(target=_warm).start()
    gate = site(token, listener.getsockname()[1])
    settings = uvicorn.Config(gate, log_level="error", access_log=False, timeout_graceful_shutdown=1)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listener])
