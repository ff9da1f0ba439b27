"""The pages of the bundled plug-ins on their demo's data: found from the menu, sound, fitting.

The pages are found as a person finds them: by the links of the menu and of the pages themselves.
"""

from __future__ import annotations

import html
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page
from sqlalchemy import select
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from tests.factories.accounts import post, sign_in
from tests.support.apps import make_settings
from tests.support.browser import (
    Complaints,
    LiveServer,
    Viewport,
    axe,
    cookies_of,
    open_context,
    serving,
    sideways_overflow,
    widest,
)
from tracker.accounts.models import User
from tracker.core.clock import LOCAL, FixedClock, SystemClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.migrate import Owner, upgrade
from tracker.ops.instance import fill
from tracker.plugins.host import host_of
from tracker.testing.apps import running_plugins
from tracker.testing.databases import Databases

pytestmark = pytest.mark.browser

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
NAMES = ("camera_monitoring", "position_rotation")
# Whom the menu leads to the pages, in the order in which they are asked.
PEOPLE = ("dieuphoi", "quantri", "kiemtra")
CORE_DEMO = ("places.units", "accounts.people")
# So many pages of one kind are read for the links on them.
MOST_READ = 25
LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)')


@dataclass(frozen=True)
class Found:
    """A page that a link leads to."""

    endpoint: str
    path: str
    who: str


@dataclass
class Site:
    """A served app with the bundled plug-ins in it, and their pages."""

    app: Flask
    server: LiveServer
    clients: dict[str, FlaskClient]
    pages: list[Found]


def hooks_of(name: str) -> ModuleType:
    """Import a bundled plug-in from its folder."""
    folder = str(PLUGINS / name)
    if folder not in sys.path:
        sys.path.append(folder)
    return import_module(f"tracker_{name}.hooks")


def last_working_evening() -> datetime:
    """Return 17:30 on the last weekday before today: what was logged that day can be corrected."""
    day = SystemClock().today() - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return datetime.combine(day, time(17, 30), LOCAL).astimezone(UTC)


@pytest.fixture(scope="module")
def site(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demo of the plug-ins on the demo's units and people."""
    folder = tmp_path_factory.mktemp("plugins")
    clock = FixedClock(last_working_evening())
    modules = {name: hooks_of(name) for name in NAMES}
    with databases.fresh("sqlite", folder, migrated=True) as url:
        for name in NAMES:
            upgrade(url, owner=Owner(name, PLUGINS / name / f"tracker_{name}" / "migrations"))
        with running_plugins(make_settings(url, folder), clock, modules) as app:
            fill(app)
            system = Context(SYSTEM_ACTOR, clock, Source.COMMAND)
            with app.app_context(), acting(system):
                for source in host_of(app).registry.demo_data:
                    if source.key in CORE_DEMO or source.key.startswith(NAMES):
                        source.load(clock.today())
            clients = {who: signed_in(app, who) for who in PEOPLE}
            with serving(app) as server:
                yield Site(app, server, clients, find_pages(app, clients))


def signed_in(app: Flask, who: str) -> FlaskClient:
    """Return a client on which a person of the demo is signed in."""
    client = app.test_client()
    with app.app_context():
        sign_in(client, db.session.scalars(select(User.id).where(User.username == who)).one())
    return client


def find_pages(app: Flask, clients: dict[str, FlaskClient]) -> list[Found]:
    """Follow the links from the first page to every kind of page of the plug-ins.

    Of each kind one is kept, and several are read for links: not every record leads everywhere.
    """
    found: dict[str, Found] = {}
    for who, client in clients.items():
        waiting, read = ["/"], Counter[str]()
        while waiting:
            answer = client.get(waiting.pop())
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            for path in map(html.unescape, LINK.findall(answer.get_data(as_text=True))):
                endpoint = endpoint_of(app, path)
                if endpoint.split(".")[0] not in NAMES or endpoint.endswith(".static"):
                    continue
                found.setdefault(endpoint, Found(endpoint, path, who))
                read[endpoint] += 1
                if read[endpoint] <= MOST_READ:
                    waiting.append(path)
    return sorted(found.values(), key=lambda one: one.endpoint)


def endpoint_of(app: Flask, path: str) -> str:
    """Return the endpoint that an address leads to, '' when to none."""
    try:
        return str(app.url_map.bind("localhost").match(path.partition("?")[0], method="GET")[0])
    except (NotFound, MethodNotAllowed, RequestRedirect):
        return ""


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_found_from_the_menu(site: Site, name: str) -> None:
    wanted = {
        rule.endpoint
        for rule in site.app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{name}.") and "GET" in (rule.methods or ())
    } - {f"{name}.static"}
    missing = wanted - {one.endpoint for one in site.pages}
    assert not missing


@pytest.mark.parametrize(
    ("viewport", "locale", "dark"),
    [("desktop", "vi", False), ("phone", "vi", False), ("phone", "en", True)],
)
@pytest.mark.parametrize("name", NAMES)
def test_pages_are_sound(
    site: Site, chromium: Browser, name: str, viewport: Viewport, locale: str, dark: bool
) -> None:
    faults: list[str] = []
    for who, client in site.clients.items():
        pages = [one for one in site.pages if one.who == who and one.endpoint.startswith(name)]
        if not pages:
            continue
        assert post(client, "/tuy-chon", {"locale": locale}).status_code == 303
        context = open_context(chromium, site.server.url, viewport, locale=locale, dark=dark)
        context.add_cookies(cookies_of(client, site.server))
        page = context.new_page()
        complaints = Complaints()
        complaints.watch(page)
        for one in pages:
            if site.clients[who].get(one.path).mimetype != "text/html":
                continue
            faults += [f"{one.path}: {fault}" for fault in look(page, one, locale, complaints)]
        context.close()
        assert post(client, "/tuy-chon", {"locale": "vi"}).status_code == 303
    assert not faults, "\n".join(faults)


def look(page: Page, seen: Found, locale: str, complaints: Complaints) -> list[str]:
    """Return what is wrong with a page."""
    complaints.said.clear()
    answer = page.goto(seen.path)
    faults = [] if answer and answer.status == 200 else [f"status {answer and answer.status}"]
    heads, language = page.evaluate(
        "() => [document.querySelectorAll('h1').length, document.documentElement.lang]"
    )
    if (heads, language) != (1, locale):
        faults.append(f"{heads} h1 in {language}")
    wider = sideways_overflow(page)
    if wider:
        faults.append(f"{wider} px wider than its window: {widest(page)}")
    return [*faults, *axe(page), *complaints.said]
