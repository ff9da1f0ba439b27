"""Walk through the app as a crawler does: pages by address, and the forms that they hold."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser, LexborNode
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

LINKS = ("href", "src", "hx-get", "data-url")
FIELDS = "input, select, textarea, button"
# Of pages that differ only in the record, and of all that one view makes, so many are opened.
ALIKE = 4
MOST = 10


@dataclass
class Form:
    """A form of a page: where it goes, how, and the fields that it sends."""

    page: str
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Answer:
    """What came back for an address."""

    status_code: int
    mimetype: str
    location: str | None
    headers: Headers
    data: bytes

    @property
    def text(self) -> str:
        """The page."""
        return self.data.decode()


@dataclass
class Walked:
    """What a walk found; it can be pickled."""

    pages: dict[str, list[str]] = field(default_factory=partial(defaultdict, list))
    answers: dict[str, Answer] = field(default_factory=dict)
    parameters: dict[str, set[str]] = field(default_factory=partial(defaultdict, set))
    forms: dict[str, list[Form]] = field(default_factory=partial(defaultdict, list))


class Page:
    """The elements of a page, its links and its forms."""

    def __init__(self, url: str, text: str) -> None:
        self.url = url
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        tree = LexborHTMLParser(text)
        for node in tree.css("*"):
            values = _attributes(node)
            self.elements.append((node.tag or "", values))
            self.links.extend(urljoin(url, values[name]) for name in LINKS if values.get(name))
        for node in tree.css("form"):
            values = _attributes(node)
            action = urljoin(url, values.get("action") or url)
            form = Form(url, action, values.get("method", "get").lower())
            self.forms.append(form)
            for one in node.css(FIELDS):
                if "form" not in one.attributes:
                    _note_field(form, one)
            if values.get("id"):
                for one in tree.css(f"[form={values['id']}]"):
                    _note_field(form, one)


def _attributes(node: LexborNode) -> dict[str, str]:
    return {name: value or "" for name, value in node.attributes.items()}


def _note_field(form: Form, node: LexborNode) -> None:
    values = _attributes(node)
    name = values.get("name", "")
    if not name:
        return
    if values.get("type") == "file":
        form.files.add(name)
    elif node.tag == "select":
        form.fields[name] = ""
        for option in node.css("option[selected]"):
            form.fields[name] = option.attributes.get("value") or ""
    elif node.tag != "button" or name not in form.fields:
        unchecked = values.get("type") in {"radio", "checkbox"} and "checked" not in values
        if not unchecked or name not in form.fields:
            form.fields[name] = values.get("value", "")


def endpoint_of(app: Flask, url: str, method: str = "GET") -> str:
    """Return the endpoint that an address of this site leads to, '' for none."""
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        return ""
    try:
        endpoint, _values = app.url_map.bind("localhost").match(parts.path, method=method)
    except RequestRedirect as moved:
        return endpoint_of(app, moved.new_url, method)
    except HTTPException:
        return ""
    return str(endpoint)


def local(url: str) -> str:
    """Return an address without scheme, host and fragment."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def walk(app: Flask, client: FlaskClient, start: Iterator[str] | list[str]) -> Walked:
    """Open every page that links lead to, a few of each kind, and keep the answers."""
    found = Walked()
    waiting, seen = deque(start), set()
    while waiting:
        url = local(waiting.popleft())
        endpoint = endpoint_of(app, url)
        if url in seen or not endpoint or endpoint.startswith("assets."):
            continue
        seen.add(url)
        found.parameters[endpoint].update(name for name, _ in parse_qsl(urlsplit(url).query, True))
        shape = frozenset(name for name, _ in parse_qsl(urlsplit(url).query, True))
        alike = [
            one
            for one in found.pages[endpoint]
            if frozenset(name for name, _ in parse_qsl(urlsplit(one).query, True)) == shape
        ]
        if len(alike) >= ALIKE or len(found.pages[endpoint]) >= MOST:
            continue
        found.pages[endpoint].append(url)
        response = client.get(url, buffered=True)
        answer = found.answers[url] = Answer(
            response.status_code,
            response.mimetype or "",
            response.location,
            response.headers,
            response.data,
        )
        if answer.location:
            waiting.append(urljoin(url, answer.location))
        if answer.mimetype != "text/html":
            continue
        page = Page(url, answer.text)
        waiting.extend(page.links)
        for form in page.forms:
            note_form(app, found, form)
    return found


def note_form(app: Flask, found: Walked, form: Form) -> None:
    """Keep a form that sends, or the names by which one that asks filters."""
    target = endpoint_of(app, form.action, "POST" if form.method == "post" else "GET")
    if form.method == "post":
        found.forms[target].append(form)
    else:
        found.parameters[target].update(form.fields)


def start_pages(app: Flask) -> list[str]:
    """Return the addresses without a variable part."""
    return [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments
    ]


def show(faults: list[Any]) -> str:
    """Return faults as lines for a failed test."""
    return "\n" + "\n".join(str(fault)[:300] for fault in faults[:60])
