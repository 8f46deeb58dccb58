"""A browser on the demonstrations, where the two share a network that has the loopback address and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ROOT = Path(__file__).parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium")
SIZES = {"projector": (1280, 720), "tablet": (820, 1180)}
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip
LOOPBACK_UP = (
    "import fcntl, os, socket, struct, sys\n"
    "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sh14x', b'lo', 0x41))\n"  # SIOCSIFFLAGS, up and running
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


def browser_path() -> str | None:
    """Where a Chromium is."""
    return next((found for found in map(shutil.which, BROWSERS) if found), None)


def absent() -> str | None:
    """Why no browser can be driven here; None where one can."""
    for module, brings in (("marimo", "simlab[teach]"), ("playwright", "playwright")):
        try:
            __import__(module)
        except ImportError:
            return f"{module} is not installed: pip install '{brings}' brings it"
    return None if browser_path() else f"no browser of {', '.join(BROWSERS[:3])} is on the PATH: install chromium"


def closed_network() -> tuple[list[str], list[str]] | str:
    """The commands that start a program in a network of its own, and that enter it; or why there is none."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        return "unshare and nsenter (util-linux) are not there"
    root = os.geteuid() == 0
    start = ["unshare", "--net", *([] if root else ["--map-root-user"])]
    enter = ["nsenter", "--net", *([] if root else ["--user", "--preserve-credentials"])]
    done = subprocess.run([*start, "true"], capture_output=True, text=True, check=False)
    return (start, enter) if done.returncode == 0 else f"unshare --net is not permitted ({done.stderr.strip()})"


@dataclass
class Browsing:
    """A browser context on a server: ``faults`` gathers errors of the console, and requests to anywhere else."""

    context: Any
    address: str
    closed: bool
    faults: list[str] = field(default_factory=list)

    def path(self, slug: str, query: str = "") -> str:
        """The address of a page, as a link would have it."""
        return self.address.partition("?")[0] + (f"{slug}/" if slug else "") + query

    def page(self, slug: str = "", query: str = "", size: str = "projector") -> Any:
        """A page that is open, and shows its picture or sentence."""
        width, height = SIZES[size]
        page = self.context.new_page()
        page.set_viewport_size({"width": width, "height": height})
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("request", self._asked)
        page.on("websocket", self._asked)
        page.goto(self.path(slug, query))
        page.wait_for_selector(".stage, .lessons", timeout=60_000)
        return page

    def _heard(self, message: Any) -> None:
        if message.type == "error":
            self.faults.append(f"{message.page.url}: {message.text}")

    def _asked(self, asked: Any) -> None:
        parts = urlsplit(asked.url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.address).netloc:
            self.faults.append(f"asked for {asked.url}")


@contextmanager
def browsing(folder: Path) -> Iterator[Browsing]:
    """The program as a user starts it, and a browser that came by the address it printed; both end at the end.

    The program ends by Ctrl-C, with status 0, while the pages are open.
    """
    from playwright.sync_api import sync_playwright

    network = closed_network()
    command = [sys.executable, "-m", "simlab.teach", "--no-browser"]
    browser = browser_path()
    if not isinstance(network, str):
        command = [*network[0], sys.executable, "-c", LOOPBACK_UP, *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as server:
        try:
            address = server.stdout.readline().strip()
            if not isinstance(network, str):
                entering = folder / "browser"
                enter = f"{' '.join(network[1])} --target {server.pid}"
                entering.write_text(f'#!/bin/sh\nexec {enter} -- {browser} "$@"\n')
                entering.chmod(entering.stat().st_mode | stat.S_IXUSR)
                browser = str(entering)
            with sync_playwright() as play:
                driven = play.chromium.launch(executable_path=browser, args=OPTIONS)
                context = driven.new_context(accept_downloads=True)
                context.set_default_timeout(30_000)
                opened = Browsing(context, address, not isinstance(network, str))
                first = context.new_page()
                first.goto(address)
                first.close()
                yield opened
                server.send_signal(signal.SIGINT)  # while pages are open
                out, err = server.communicate(timeout=30)
                assert (server.returncode, out) == (0, "")
                assert err == "simlab: Ctrl-C closes the demonstrations\nsimlab: closed\n"
                driven.close()
        finally:
            if server.poll() is None:
                server.kill()


def stated(page: Any) -> dict[str, str]:
    """The settings that the page states, as a link has them."""
    return dict(parse_qsl(page.locator(".stage[data-settings]").first.get_attribute("data-settings")))


def numbers(page: Any) -> dict[str, float]:
    """{name: value} of the numbers on the page."""
    found = page.evaluate(
        "[...document.querySelectorAll('[data-number]')].map(e => [e.dataset.number, e.dataset.value])"
    )
    return {name: float(value) for name, value in found}


def settle(page: Any, name: str, value: float | str) -> None:
    """Wait until the page states that ``name`` is ``value``."""
    page.wait_for_function(
        "([name, value]) => { const stage = document.querySelector('.stage[data-settings]');"
        " const said = stage && new URLSearchParams(stage.dataset.settings).get(name);"
        " return (typeof value === 'number' ? Number(said) : said) === value }",
        arg=[name, value],
    )


OVERFLOWING = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  if (document.documentElement.scrollWidth > wide + 1) found.push('the page scrolls sideways');
  for (const cell of document.querySelectorAll('[data-cell-name]')) for (const e of cell.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height || e.closest('defs, clipPath')) continue;
    const svg = e.closest('figure svg'), says = `${e.tagName} ${(e.textContent || '').trim().slice(0, 40)}`;
    if (box.right > wide + 1 || box.left < -1) found.push(`beyond the page: ${says}`);
    if (!svg && e.scrollWidth > e.clientWidth + 2 && getComputedStyle(e).display !== 'inline' && !e.closest('svg'))
      found.push(`beyond its box: ${says}`);
    if (svg && e.tagName === 'text') {
      const all = svg.getBoundingClientRect();
      if (box.left < all.left - 2 || box.right > all.right + 2 || box.top < all.top - 5 || box.bottom > all.bottom + 5)
        found.push(`beyond the picture: ${says}`);
    }
  }
  return found;
}"""


def overflowing(page: Any) -> list[str]:
    """What leaves the page sideways, its box, or its picture."""
    found: list[str] = page.evaluate(OVERFLOWING)
    return found
