"""The browser fixtures notice what they are there to notice."""

import pytest
from flask import Flask, Response
from playwright.sync_api import Page

from tests.support.browser import Complaints, LiveServer, NewPage, axe, sideways_overflow

pytestmark = pytest.mark.browser

GOOD = """<!doctype html><html lang="vi"><head><title>Kế hoạch</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"></head>
<body><main><h1>Kế hoạch năm</h1><p>Đã xong 21/23 việc.</p></main></body></html>"""
BAD = GOOD.replace(' lang="vi"', "").replace("<p>", '<img src="data:,"><input><p>')
WIDE = GOOD.replace("<p>", "<pre>" + "x" * 500 + "</pre><p>")
SCRIPT = GOOD.replace("</main>", '</main><script src="/broken.js"></script>')


@pytest.fixture
def app() -> Flask:
    """An app of four pages, under the policy that the product's pages have."""
    app = Flask(__name__)
    pages = {"/good": GOOD, "/bad": BAD, "/wide": WIDE, "/script": SCRIPT}
    for path, html in pages.items():
        app.add_url_rule(path, path, lambda html=html: html)
    broken = "fetch('/x').catch(() => 0); new Image().src = 'https://example.org/x.png'; oops();"
    app.add_url_rule("/broken.js", "js", lambda: Response(broken, mimetype="text/javascript"))

    @app.after_request
    def policy(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data: https:"
        )
        return response

    return app


def test_axe_good_page_finds_nothing_under_the_policy(page: Page) -> None:
    page.goto("/good")

    assert axe(page) == []


def test_axe_bad_page_names_each_rule(page: Page) -> None:
    page.goto("/bad")

    rules = {line.split(":")[0] for line in axe(page)}

    assert {"html-has-lang", "image-alt", "label"} <= rules
    assert "label" not in {line.split(":")[0] for line in axe(page, without=("label",))}


def test_sideways_overflow_wide_page_is_measured(phone: Page) -> None:
    phone.goto("/good")
    assert sideways_overflow(phone) == 0

    phone.goto("/wide")
    assert sideways_overflow(phone) > 0


def test_complaints_script_error_and_foreign_host_are_noticed(
    page: Page, complaints: Complaints
) -> None:
    page.goto("/script")

    left = "\n".join(complaints.left())
    assert "script error: oops is not defined" in left
    assert "asked another host: https://example.org/x.png" in left
    assert "Content Security Policy" in left
    complaints.expect("oops is not defined|example.org|Content Security Policy|NAME_NOT_RESOLVED")


def test_complaints_missing_page_is_noticed(page: Page, complaints: Complaints) -> None:
    page.goto("/nowhere")

    assert any("404" in text for text in complaints.left())
    complaints.expect("404")
    assert complaints.left() == []


def test_new_page_each_is_a_person_of_their_own(new_page: NewPage, live_server: LiveServer) -> None:
    first = new_page("phone", locale="en-GB", dark=True)
    second = new_page()
    first.context.add_cookies([{"name": "who", "value": "a", "url": live_server.url}])

    assert first.viewport_size == {"width": 360, "height": 740}
    assert second.viewport_size == {"width": 1366, "height": 768}
    assert second.context.cookies() == []
    assert first.evaluate("() => [navigator.language, navigator.maxTouchPoints > 0]") == [
        "en-GB",
        True,
    ]
    assert first.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
