"""Malformed requests to every address that the app has, taken from its own map of addresses.

Whatever is sent, the answer is a clear refusal or a page, never a failure of the server, and what
is refused has written nothing (docs/decisions/security.md; OWASP ASVS 5.0: 2.2.1, 4.1.1, 16.5.1).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask, got_request_exception
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.factories.accounts import csrf_token
from tests.factories.units import make_unit_set, system_context
from tests.integration.security.house import House
from tests.integration.security.walk import Walked, endpoint_of, show, start_pages
from tracker.core.context import acting

# Percent-encoded where the bytes themselves matter.
VALUES = (
    "0",
    "-1",
    str(2**63),
    "0000000001" + "9" * 5000,
    "%00",
    "a%00b",
    "%0D%0AX-Evil:1",
    "%ED%A0%80",
    "a" * 10_000,
    "2026-13-45",
    "31/12/9999",
    "%C2%B2",
    "%D9%A3",
    "x",
    "../../etc/passwd",
    "D%CC%A3a%CC%A3%20Te%CC%89h",
    "%E2%80%AE%F0%9F%98%80",
    "%25%5F%5C%27%3B--",
)
PATHS = (
    "0",
    "-1",
    str(2**31),
    str(2**63),
    "x",
    "%00",
    "%ED%A0%80",
    "%FF",
    "%0D%0AX-Evil:1",
    "a" * 3000,
    "D%CC%A3a%CC%A3",
    "..%2F..",
    "%2e%2e",
    "%F0%9F%98%80",
)
# Of them, for all fields of a form at once.
TYPED = (
    "-1",
    "x",
    str(2**63),
    "0000000001" + "9" * 5000,
    "a%00b",
    "%ED%A0%80",
    "%C2%B2",
    "a" * 9999,
)
ALWAYS = ("page", "sort", "q", "next", "flt0_0", "page_size")
# No link leads there without a token, a notice, a reminder or an installed plug-in; hostile paths
# are tried on them all the same.
ELSEWHERE = {
    "notices.calendar",
    "notices.leave",
    "notices.open_notice",
    "notices.pause_reminders",
    "plugin_admin.fetch_diagnostics",
    "plugin_admin.fetch_export",
    "plugin_admin.remove_plugin",
    "plugin_admin.show_plugin",
    "plugin_admin.show_release",
    "safe_mode.ask",
}
REFUSED = {400, 401, 403, 404, 405, 409, 413, 414, 415, 422, 429}


class Listener:
    """Notes what the app could not answer, with the exception behind it."""

    def __init__(self, app: Flask) -> None:
        self.faults: list[str] = []
        self.error: BaseException | None = None
        got_request_exception.connect(self._note, app)

    def _note(self, _app: Flask, exception: BaseException, **_more: Any) -> None:
        self.error = exception

    def judge(self, response: TestResponse, sent: str) -> None:
        """Keep a fault of an answer: a failure, or a header that no server could send."""
        response.get_data()
        response.close()
        if response.status_code >= 500:
            self.faults.append(f"{sent[:160]}: {response.status_code} {self.error!r:.200}")
        for name, value in response.headers:
            if not value.isprintable() or not _fits(value):
                self.faults.append(f"{sent[:160]}: header {name} {value[:80]!r}")
        self.error = None


def _fits(value: str) -> bool:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture
def listener(app: Flask) -> Iterator[Listener]:
    made = Listener(app)
    yield made
    got_request_exception.disconnect(made._note, app)


def test_the_walk_comes_to_nearly_every_page(house: House, walked: Walked) -> None:
    """What it misses is named, so that the tests below speak of all of the app."""
    app = house.app
    readable = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    missed = {name for name in readable - walked.pages.keys() if not name.startswith("assets.")}
    assert missed == ELSEWHERE
    # Those without what they need in the address are none that a link leads to.
    bare = set(start_pages(app))
    broken = [
        (url, answer.status_code)
        for url, answer in walked.answers.items()
        if answer.status_code >= 400 and url not in bare
    ]
    assert broken == []


def test_hostile_values_in_paths(house: House, listener: Listener) -> None:
    client = house.client("both")
    for rule in house.app.url_map.iter_rules():
        if not rule.arguments:
            continue
        parts = re.split(r"<[^>]+>", rule.rule)
        for value in PATHS:
            url = value.join(parts)
            for method in sorted({"GET", "POST"} & set(rule.methods or ())):
                response = client.open(url, method=method, headers={"X-CSRFToken": "x"})
                listener.judge(response, f"{method} {url}")
    assert not listener.faults, show(listener.faults)


def same(value: str, names: Iterable[str]) -> str:
    """Return a query in which each name has this value."""
    return "&".join(f"{quote(name)}={value}" for name in names)


def ask(client: FlaskClient, listener: Listener, base: str, queries: Sequence[str]) -> None:
    """Send queries together; each alone where the first that is refused hides the others."""
    url = f"{base}?{'&'.join(queries)}"
    response = client.get(url)
    listener.judge(response, url)
    if response.status_code != 200:
        for query in queries:
            listener.judge(client.get(f"{base}?{query}"), f"{base}?{query}")


def test_hostile_values_in_queries(house: House, walked: Walked, listener: Listener) -> None:
    client = house.client("both")
    # The others are refused under any name, before a page reads them.
    read = [value for value in VALUES if client.get(f"/viec?x={value}").status_code == 200]
    for endpoint, pages in walked.pages.items():
        base = urlsplit(pages[0]).path
        answer = walked.answers[pages[0]]
        if answer.status_code >= 400 or answer.location:
            continue
        names = sorted(walked.parameters[endpoint])
        unknown = sorted(set(ALWAYS if names else ALWAYS[:3]) - set(names))
        for value in [value for value in VALUES if value not in read]:
            url = f"{base}?{same(value, [*names, *unknown])}"
            listener.judge(client.get(url), url)
        quoted = [quote(name) for name in names]
        # Each name gets each value once, the others being wrong in other ways.
        for turn in range(len(read) if names else 0):
            together = [
                f"{name}={read[(turn + place) % len(read)]}" for place, name in enumerate(quoted)
            ]
            ask(client, listener, base, together)
        # Each twice, and as other frameworks write lists.
        every = sorted({*quoted, *ALWAYS[:3]})
        ask(client, listener, base, [f"{n}=1&{n}=x&{n}[]=1&{n}[a]=" for n in every])
        # All at once, each with what made sense for another.
        url = f"{base}?{same('1', names)}"
        listener.judge(client.get(url), url)
    assert not listener.faults, show(listener.faults)


# -- forms -----------------------------------------------------------------------------------


def post_rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())]


def targets(house: House, walked: Walked) -> Iterator[tuple[str, str, dict[str, str], set[str]]]:
    """Give (endpoint, address, fields, file fields) for each address that takes a form.

    Those that end something come last, so that the others find their records.
    """
    rules = sorted(post_rules(house.app), key=lambda rule: (is_final(rule), rule.rule))
    for rule in rules:
        forms = walked.forms.get(rule.endpoint, [])
        if forms:
            fields: dict[str, str] = {}
            for form in forms:
                fields.update(form.fields)
            files = set().union(*(form.files for form in forms))
            yield rule.endpoint, urlsplit(forms[0].action).path, fields, files
        else:
            url = re.sub(r"<[^>]+>", "1", rule.rule)
            yield rule.endpoint, url, {"id": "1", "version": "1", "reason": "x"}, set()


def is_final(rule: Rule) -> bool:
    words = ("xoa", "huy", "khoa", "bo", "ket-thuc", "khep", "dang-xuat", "bo-nhap", "mat-khau")
    return rule.rule.rstrip("/").rsplit("/", 1)[-1] in words


def test_form_without_its_token_is_refused_and_writes_nothing(
    house: House, walked: Walked, listener: Listener
) -> None:
    """CSRF (Flask-Admin PR 763, 1416, issue 1788; Kanboard CVE-2024-36399; ASVS 3.5.1)."""
    client = house.client("both")
    before = house.change_head()
    taken = []
    for endpoint, url, fields, _files in targets(house, walked):
        for token in (None, "x", csrf_token(house.client("officer"))):
            sent = {name: value for name, value in fields.items() if name != "csrf_token"}
            response = client.post(url, data={**sent, **({"csrf_token": token} if token else {})})
            listener.judge(response, f"POST {url}")
            if response.status_code not in {400, 404}:
                taken.append((endpoint, token, response.status_code))
    assert not listener.faults, show(listener.faults)
    assert taken == []
    assert house.change_head() == before


def bodies(fields: dict[str, str], files: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give bodies that no page of ours sends, by name."""
    names = sorted({*fields, *files} - {"csrf_token"}) or ["x"]
    urlencoded = "application/x-www-form-urlencoded"

    def form(value: str) -> dict[str, Any]:
        return {
            "data": same(value, names),
            "content_type": urlencoded,
        }

    for value in TYPED:
        yield f"all fields {value[:30]}", form(value)
    yield "json", {"json": {name: {"a": [None]} for name in names}}
    yield "json list", {"json": [1, 2]}
    yield "broken json", {"data": b'{"a', "content_type": "application/json"}
    yield "text", {"data": b"\xff\xfe\x00", "content_type": "text/plain"}
    yield "xml", {"data": b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "content_type": "text/xml"}
    yield "no type", {"data": b"a=b", "content_type": ""}
    yield "broken multipart", {"data": b"--x", "content_type": "multipart/form-data; boundary=y"}
    yield "no boundary", {"data": b"--x", "content_type": "multipart/form-data"}
    yield "charset", {"data": b"a=b", "content_type": f"{urlencoded}; charset=utf-7"}
    yield (
        "files for text",
        {"data": {name: (io.BytesIO(b"MZ"), "../a\0.exe") for name in names}},
    )
    yield (
        "each twice",
        {"data": "&".join(f"{quote(n)}=1&{quote(n)}=2" for n in names), "content_type": urlencoded},
    )
    as_they_are = {name: [value, value + "x"] for name, value in fields.items()}
    yield "as shown, and once more", {"data": as_they_are}
    yield "huge", {"data": {names[0]: "a" * 2_200_000}}
    yield "many fields", {"data": {f"f{number}": "1" for number in range(3100)}}


def test_malformed_forms_are_told_and_write_nothing(
    house: House, walked: Walked, listener: Listener
) -> None:
    wrote = []
    for endpoint, url, fields, files in targets(house, walked):
        send = sender(house)
        for name, body in bodies(fields, files):
            before = house.change_head()
            response = send(url, body)
            listener.judge(response, f"POST {url} {name}")
            if response.status_code in REFUSED and house.change_head() != before:
                wrote.append((endpoint, name, response.status_code))
    assert not listener.faults, show(listener.faults)
    assert wrote == []


def test_empty_forms_are_told_and_write_nothing_when_refused(
    house: House, walked: Walked, listener: Listener
) -> None:
    wrote = []
    for endpoint, url, _fields, _files in targets(house, walked):
        before = house.change_head()
        response = sender(house)(url, {"data": {}})
        listener.judge(response, f"POST {url} (empty)")
        if response.status_code in REFUSED and house.change_head() != before:
            wrote.append((endpoint, response.status_code))
    assert not listener.faults, show(listener.faults)
    assert wrote == []


def sender(house: House) -> Callable[[str, dict[str, Any]], TestResponse]:
    """Return what posts as somebody with all rights, with the token in the header as HTMX does."""
    client = house.client("both")
    token = csrf_token(client)

    def send(url: str, body: dict[str, Any]) -> TestResponse:
        return client.post(url, headers={"X-CSRFToken": token}, **body)

    return send


# -- headers ---------------------------------------------------------------------------------

HEADERS: tuple[dict[str, str], ...] = (
    {"Host": "evil.example"},
    {"Host": "a b"},
    {"Host": ""},
    {"Host": "localhost:99999999"},
    {"Host": "[::1"},
    {"X-Forwarded-For": "'; DROP TABLE users; --", "X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "javascript", "Forwarded": "for=_x;host=evil.example"},
    {"X-Forwarded-Prefix": "//evil.example"},
    {"Accept-Language": "*;q=abc,,,;;q=9, " + "x" * 3000},
    {"Accept-Language": "xx-YY, vi;q=0"},
    {"Accept": "application/json"},
    {"Accept": "\x7f;;;q=1"},
    {"Accept-Encoding": "gzip;q=x, ***"},
    {"Cookie": "tracker=x.y.z; locale=../../x; theme=<script>"},
    {"Cookie": "=;;==; tracker=" + "a" * 5000},
    {"Cookie": "tracker=eyJfdXNlcl9pZCI6IjEifQ.aaaa.bbbb"},
    {"Range": "bytes=abc"},
    {"Range": "bytes=0-0,1-1,99999999999999999999-"},
    {"If-None-Match": '"x", W/"y", *'},
    {"If-Modified-Since": "yesterday"},
    {"If-Range": "\xff"},
    {"Content-Length": "abc"},
    {"Content-Type": "multipart/form-data; boundary=" + "b" * 500},
    {"Authorization": "Basic \xff\xfe"},
    {"User-Agent": "a" * 20_000},
    {"Referer": "javascript:alert(1)"},
    {"HX-Request": "true", "HX-Target": "<script>", "HX-Current-URL": "//evil.example"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Huge": "h" * 60_000},
)


@pytest.mark.parametrize("headers", HEADERS, ids=",".join)
def test_odd_headers_change_nothing(
    house: House, listener: Listener, headers: dict[str, str]
) -> None:
    client, visitor = house.client("both"), house.app.test_client(use_cookies=False)
    urls = ("/", "/viec", "/tong-quan", f"/viec/{house.ids['task-late']}", "/dang-nhap", "/khong")
    before = house.change_head()
    for url in urls:
        for browser in (client, visitor):
            response = browser.get(url, headers=headers)
            listener.judge(response, f"GET {url}")
            assert "evil.example" not in response.text
            assert "evil.example" not in response.headers.get("Location", "")
    assert not listener.faults, show(listener.faults)
    assert house.change_head() == before


def test_a_tampered_cookie_is_a_stranger(house: House) -> None:
    client = house.client("both")
    name = house.app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None
    assert client.get("/").status_code == 200
    payload, rest = cookie.value[:10], cookie.value[10:]
    client.set_cookie(name, payload + ("A" if rest[0] != "A" else "B") + rest[1:])
    assert client.get("/").location == "/dang-nhap"


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "LOI", "HEAD"])
def test_other_methods_do_nothing(
    house: House, walked: Walked, listener: Listener, method: str
) -> None:
    client = house.client("both")
    token = csrf_token(client)
    before = house.change_head()
    done = []
    for endpoint, url, fields, _files in targets(house, walked):
        response = client.open(url, method=method, headers={"X-CSRFToken": token}, data=fields)
        listener.judge(response, f"{method} {url}")
        if method == "HEAD":
            assert response.data == b""
        elif response.status_code not in {400, 404, 405}:
            done.append((endpoint, response.status_code))
    assert not listener.faults, show(listener.faults)
    assert done == []
    assert house.change_head() == before


def test_a_method_named_by_the_form_is_ignored(house: House) -> None:
    # A record of its own: the forms sent before may have taken the others away.
    with house.app.app_context(), acting(system_context()):
        url = f"/don-vi/nhom/{make_unit_set('Các xã')}"
    client = house.client("both")
    before = house.change_head()
    for query in ("?_method=DELETE", "?_method=POST"):
        assert client.get(url + query).status_code == 200
    assert house.change_head() == before


def test_endpoints_are_what_addresses_say(app: Flask) -> None:
    """A doubled slash or a dot never reaches another page than it names."""
    for url in ("//viec", "/viec/", "/./viec", "/viec/../quan-tri/", "/viec;a=b", "/VIEC"):
        assert endpoint_of(app, url) in {"", "plans.list_tasks"}
