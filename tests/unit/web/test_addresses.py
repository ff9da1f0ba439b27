"""Addresses are built by code made when first asked for, whatever their parts are called."""

from __future__ import annotations

from flask import Flask, url_for

from tracker.web.addresses import init_addresses


def test_parts_of_any_name_and_what_is_left_over() -> None:
    app = Flask("addresses")
    init_addresses(app)
    app.add_url_rule("/<rule>/<int:self>/<made>", "parts", lambda **_: "")
    with app.test_request_context():
        for _again in range(2):
            parts = {"rule": "vì sao", "self": 7, "made": "x"}
            assert url_for("parts", **parts) == "/v%C3%AC%20sao/7/x"
            assert url_for("parts", **parts, page=2) == "/v%C3%AC%20sao/7/x?page=2"
    assert app.test_client().get("/a/7/b").status_code == 200
    assert app.test_client().get("/a/99999999999/b").status_code == 404
