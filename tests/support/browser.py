"""A real browser for what a person does: Chromium driven by Playwright.

It is the system's or the one that TRACKER_TEST_BROWSER names; Playwright's own download is not
used. Where Debian's chromium-headless-shell is there too, it draws the same pages with half the
work; what it lacks (notifications) is tested in the whole browser. Each test gets fresh contexts;
a test fails when a page reports an error, raises one in a script, or asks anything of a host other
than the loopback.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    sync_playwright,
)
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler, make_server

PACKAGES = ("chromium", "fonts-dejavu-core")
HEADLESS = "chromium-headless-shell"
# Playwright's own program needs it, and a server seldom has it.
DRIVER_PACKAGES = ("libatomic1",)
APT_LINE = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
MISSING = (
    f"Browser tests need Chromium: install it ({APT_LINE}) "
    "or set TRACKER_TEST_BROWSER to the program of a Chromium or Chrome."
)
# Without most of these Chromium calls hosts of its maker at every start; the first keeps pages
# under test from reaching any host but the loopback.
FLAGS = (
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
CANDIDATES = ("chromium", "google-chrome-stable", "google-chrome", "chromium-browser")
VIEWPORTS = {"desktop": (1366, 768), "phone": (360, 740)}
Viewport = Literal["desktop", "phone"]
TIMEOUT_MS = 15_000
AXE = Path(__file__).with_name("vendor") / "axe.min.js"


def find_browser() -> str | None:
    """Return the program of the browser to test with, if there is one.

    Ubuntu's chromium-browser is a script that asks for a snap; it is no browser.
    """
    named = os.environ.get("TRACKER_TEST_BROWSER")
    if named:
        return named
    for name in CANDIDATES:
        program = shutil.which(name)
        if program and b"snap install" not in Path(program).read_bytes()[:4096]:
            return program
    return None


def can_drive() -> bool:
    """Tell whether the program by which Playwright drives browsers starts on this machine."""
    asked = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    return asked.returncode == 0


# -- the server -----------------------------------------------------------------------------


@dataclass(frozen=True)
class LiveServer:
    """The app under test, answering on a loopback port."""

    url: str
    app: Flask


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing; the app's own log has what matters."""


@contextlib.contextmanager
def serving(app: Flask) -> Iterator[LiveServer]:
    """Serve an app from threads for as long as the block runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_QuietHandler)
    # A connection that a browser keeps open must not hold up the end of the test.
    assert isinstance(server, ThreadedWSGIServer)
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield LiveServer(f"http://127.0.0.1:{server.server_port}", app)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def live_server(app: Flask) -> Iterator[LiveServer]:
    """Serve the app of this test from threads; a change made in the test is seen by its pages."""
    with serving(app) as server:
        yield server


# -- the browser ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives the browsers of this process."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def whole_chromium(playwright: Playwright) -> Iterator[Browser]:
    """A browser with all its parts."""
    with _launched(playwright, find_browser()) as browser:
        yield browser


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """One browser for all tests of this process, the quickest that shows pages."""
    named = os.environ.get("TRACKER_TEST_BROWSER")
    with _launched(playwright, named or shutil.which(HEADLESS) or find_browser()) as browser:
        yield browser


@contextlib.contextmanager
def _launched(playwright: Playwright, program: str | None) -> Iterator[Browser]:
    if program is None:
        pytest.fail(MISSING, pytrace=False)
    browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
    yield browser
    browser.close()


@dataclass
class Complaints:
    """What pages said went wrong; a test fails on what is left here at its end."""

    said: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, pattern: str) -> None:
        """Let messages pass that match the regular expression `pattern`."""
        self.expected.append(pattern)

    def left(self) -> list[str]:
        """Return what nobody expected."""
        return [text for text in self.said if not any(re.search(p, text) for p in self.expected)]

    def watch(self, page: Page) -> None:
        """Listen to `page`."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(f"script error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.said.append(f"console {message.type}: {message.text} ({message.location})")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.hostname != "127.0.0.1":
            self.said.append(f"asked another host: {request.url}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """What the pages of this test complained of; `expect` what the test provokes on purpose."""
    collected = Complaints()
    yield collected
    assert not collected.left()


NewPage = Callable[..., Page]


def open_context(
    chromium: Browser,
    url: str,
    viewport: Viewport,
    *,
    locale: str = "vi-VN",
    dark: bool = False,
    javascript: bool = True,
) -> BrowserContext:
    """Return a person's browser of their own on the server at `url`: no cookies, a cold cache."""
    width, height = VIEWPORTS[viewport]
    context = chromium.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        locale=locale,
        timezone_id="Asia/Ho_Chi_Minh",
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        has_touch=viewport == "phone",
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context


@pytest.fixture
def new_page(
    chromium: Browser, live_server: LiveServer, complaints: Complaints
) -> Iterator[NewPage]:
    """Open pages, each in a context of its own (a person of their own), at the server's address.

    Takes `viewport` ('desktop' 1366x768 or 'phone' 360x740, with touch), `locale`, `dark`,
    `javascript` and `cookies` (as `cookies_of` returns them).
    """
    contexts: list[BrowserContext] = []

    def make(
        viewport: Viewport = "desktop",
        *,
        locale: str = "vi-VN",
        dark: bool = False,
        javascript: bool = True,
        cookies: list[Any] | None = None,
    ) -> Page:
        context = open_context(
            chromium, live_server.url, viewport, locale=locale, dark=dark, javascript=javascript
        )
        contexts.append(context)
        if cookies:
            context.add_cookies(cookies)
        page = context.new_page()
        complaints.watch(page)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page of 1366x768."""
    return new_page("desktop")


@pytest.fixture
def phone(new_page: NewPage) -> Page:
    """A page of 360x740 with touch."""
    return new_page("phone")


def cookies_of(client: FlaskClient, server: LiveServer) -> list[Any]:
    """Return the session cookie of `client`, so that a page goes on as who signed in there.

    Signing in through the form costs a password hash; only tests about signing in need it.
    """
    cookie = client.get_cookie(server.app.config["SESSION_COOKIE_NAME"])
    if cookie is None:
        raise ValueError("the client has no session")
    return [{"name": cookie.key, "value": cookie.value, "url": server.url}]


# -- looking at a page ----------------------------------------------------------------------


def axe(page: Page, *, without: tuple[str, ...] = ()) -> list[str]:
    """Return what axe-core finds wrong on `page`: rule, place and hint, one line each.

    `without` names rules to leave out. The script is evaluated by the debugger, so the page's
    content security policy stays as it is.
    """
    if not page.evaluate("() => typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    rules = {name: {"enabled": False} for name in without}
    # Only violations are asked for: telling what passed takes three times as long.
    options = {"rules": rules, "resultTypes": ["violations"]}
    found = page.evaluate("options => window.axe.run(document, options)", options)
    return [
        f"{violation['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def actions_out_of_sight(page: Page) -> list[str]:
    """Return the actions of a page that stand beside its window, those of its menus when open."""
    found: list[str] = page.evaluate(
        """() => {
            const folded = [...document.querySelectorAll('.page-actions details:not([open])')];
            folded.forEach((one) => { one.open = true; });
            const shown = [...document.querySelectorAll('.page-actions a, .page-actions button')];
            const beside = shown.filter((one) => {
                const box = one.getBoundingClientRect();
                return box.width && (box.left < -1 || box.right > window.innerWidth + 1);
            }).map((one) => one.innerText.trim());
            folded.forEach((one) => { one.open = false; });
            return beside;
        }"""
    )
    return found


def sideways_overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window once it is drawn; 0 is right."""
    width: int = page.evaluate(
        """async () => {
          await document.fonts.ready;
          await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
          return document.documentElement.scrollWidth - document.documentElement.clientWidth;
        }"""
    )
    return width


def widest(page: Page) -> str:
    """Name what reaches farthest to the right, for whoever mends a page that is too wide."""
    found: str = page.evaluate(
        """() => {
          const right = (one) => one.getBoundingClientRect().right;
          const all = [...document.querySelectorAll("main *, main")];
          const far = all.reduce((one, other) => (right(other) >= right(one) ? other : one));
          return `<${far.localName} class="${far.className}"> to ${Math.round(right(far))}`;
        }"""
    )
    return found
