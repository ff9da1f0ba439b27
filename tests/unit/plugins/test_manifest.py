"""The declaration of a plug-in: read without importing it, fenced in its own name."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.core.errors import PluginError
from tracker.core.rights import Role
from tracker.plugins.manifest import (
    RESERVED_ADDRESSES,
    RESERVED_NAMES,
    Need,
    Words,
    is_name,
    manifest_from,
    read_manifest,
    version_key,
)

WHOLE = """
name = "camera_watch"
version = "1.2.0"
api = "1.0"
author = "Sở Nội vụ"
address = "camera"
title = { vi = "Camera", en = "Cameras" }
summary = { vi = "Theo dõi camera.", en = "Watches cameras." }
needs = ["maps>=1.1", "weather"]
tables = [
    { name = "plugin_camera_watch__cameras", vi = "Camera", en = "Cameras" },
    "plugin_camera_watch__pings",
]
hosts = ["*.example.vn", "setting:camera_watch.network"]
personal_data = [{ vi = "Hình ảnh người dân", en = "Pictures of citizens" }]

[[rights]]
key = "camera_watch.view"
vi = "Xem camera"
en = "See cameras"
reads = true
roles = ["administrator", "leader"]

[[jobs]]
key = "camera_watch.ping"
vi = "Hỏi thăm camera"
en = "Ping cameras"
cron = "*/5 * * * *"

[[settings]]
key = "camera_watch.network"
kind = "text"
default = "127.0.0.0/8"
vi = "Mạng camera"
en = "Camera network"
hint = { vi = "Dạng 10.0.0.0/8", en = "Like 10.0.0.0/8" }

[[settings]]
key = "camera_watch.password"
kind = "text"
secret = true
vi = "Mật khẩu"
en = "Password"

[[settings]]
key = "camera_watch.minutes"
kind = "whole"
default = 5
minimum = 1
maximum = 60
vi = "Số phút"
en = "Minutes"

[[settings]]
key = "camera_watch.mode"
kind = "text"
default = "fast"
vi = "Cách hỏi"
en = "Mode"
choices = [
  { value = "fast", vi = "Nhanh", en = "Fast" },
  { value = "slow", vi = "Chậm", en = "Slow" },
]
"""


def declared(**changes: Any) -> dict[str, Any]:
    data = tomllib.loads(WHOLE)
    data.update(changes)
    return {key: value for key, value in data.items() if value is not None}


def test_whole_declaration_is_read():
    manifest = read_manifest(WHOLE.encode())
    assert (manifest.name, manifest.version, manifest.api) == ("camera_watch", "1.2.0", (1, 0))
    assert (manifest.package, manifest.distribution) == (
        "tracker_camera_watch",
        "tracker-camera-watch",
    )
    assert manifest.title == Words("Camera", "Cameras")
    assert manifest.needs == (Need("maps", "1.1"), Need("weather"))
    assert manifest.rights[0].roles == {Role.ADMINISTRATOR, Role.LEADER}
    assert manifest.rights[0].reads
    assert manifest.settings[1].secret
    assert [one.value for one in manifest.settings[3].choices] == ["fast", "slow"]
    assert manifest.blueprint == "camera_watch"
    assert manifest.table_prefix == "plugin_camera_watch__"
    cameras, pings = manifest.tables
    assert manifest.table_words == {cameras: Words("Camera", "Cameras")}
    assert (manifest.table_title(cameras), manifest.table_title(pings)) == ("Camera", "pings")


def test_declaration_survives_json():
    manifest = read_manifest(WHOLE.encode())
    assert manifest_from(json.loads(json.dumps(manifest.data))) == manifest


def test_words_choose_the_language_of_the_reader(app: Any):
    from flask_babel import force_locale

    words = Words("Tiếng Việt", "English")
    with app.test_request_context():
        with force_locale("en"):
            assert str(words) == "English"
        with force_locale("vi"):
            assert str(words) == "Tiếng Việt"
    assert str(words) == "Tiếng Việt"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": None}, "name"),
        ({"name": "Camera"}, "name"),
        ({"name": "camera__x"}, "name"),
        ({"name": "plans"}, "name"),
        ({"name": "x" * 25}, "name"),
        ({"name": 5}, "name"),
        ({"version": "1"}, "phiên bản"),
        ({"version": "1.0-beta"}, "phiên bản"),
        ({"api": "1"}, "api"),
        ({"api": ["1.0"]}, "api"),
        ({"title": "Camera"}, "title"),
        ({"title": {"vi": "Camera"}}, "title.en"),
        ({"title": {"vi": "Camera", "en": ""}}, "title.en"),
        ({"title": {"vi": "Ca\x07mera", "en": "x"}}, "title.vi"),
        ({"address": "Camera"}, "address"),
        ({"address": "viec"}, "address"),
        ({"address": "../x"}, "address"),
        ({"blueprint": "other"}, "blueprint"),
        ({"needs": "maps"}, "needs"),
        ({"needs": ["maps==1.0"]}, "needs"),
        ({"needs": ["camera_watch>=1.0"]}, "needs"),
        ({"needs": ["maps", "maps>=1.0"]}, "needs"),
        ({"tables": ["users"]}, "tables"),
        ({"tables": ["plugin_camera__pings"]}, "tables"),
        ({"tables": ["plugin_camera_watch__a__b"]}, "tables"),
        ({"tables": ["plugin_camera_watch__" + "a" * 40]}, "tables"),
        ({"hosts": ["http://example.vn"]}, "hosts"),
        ({"hosts": ["setting:camera_watch.nothing"]}, "hosts"),
        ({"rights": [{"key": "plans.view", "vi": "a", "en": "b"}]}, r"rights\[0\]\.key"),
        ({"rights": [{"key": "camera_watch.x", "vi": "a", "en": "b", "roles": ["king"]}]}, "king"),
        ({"jobs": [{"key": "camera_watch.x", "vi": "a", "en": "b", "cron": "daily"}]}, "cron"),
        ({"settings": [{"key": "camera_watch.x", "kind": "float", "vi": "a", "en": "b"}]}, "kind"),
        (
            {
                "settings": [
                    {"key": "camera_watch.x", "kind": "whole", "default": "5", "vi": "a", "en": "b"}
                ]
            },
            "default",
        ),
        (
            {
                "settings": [
                    {
                        "key": "camera_watch.x",
                        "kind": "whole",
                        "default": 5,
                        "maximum": 4,
                        "vi": "a",
                        "en": "b",
                    }
                ]
            },
            "default",
        ),
        (
            {
                "settings": [
                    {
                        "key": "camera_watch.x",
                        "kind": "text",
                        "default": "p",
                        "secret": True,
                        "vi": "a",
                        "en": "b",
                    }
                ]
            },
            "secret",
        ),
        ({"surprise": 1}, "surprise"),
        ({"personal_data": [{"vi": "a", "en": "b", "kind": "c"}]}, "kind"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], place: str):
    if "settings" not in changes and "hosts" not in changes:
        changes = {"hosts": None, **changes}
    with pytest.raises(PluginError, match=place):
        manifest_from(declared(**changes))


@pytest.mark.parametrize("content", [b"\xff", b"name = ", b"a" * 70_000, b""])
def test_unreadable_file_is_a_plain_error(content: bytes):
    with pytest.raises(PluginError):
        read_manifest(content)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_content_is_a_manifest_or_a_plain_error(content: bytes):
    with pytest.raises(PluginError):
        read_manifest(content)


def test_versions_have_an_order():
    versions = ["1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0.1", "1.2", "1.10", "2.0"]
    shuffled = [versions[number] for number in (3, 7, 0, 5, 2, 6, 1, 4)]
    assert sorted(shuffled, key=version_key) == versions
    assert Need("x", "1.2").met_by("1.10")
    assert not Need("x", "1.2").met_by("1.1.9")


def test_api_range():
    manifest = read_manifest(WHOLE.encode())
    assert manifest.fits((1, 0))
    assert manifest.fits((1, 7))
    assert not manifest.fits((2, 0))
    assert not manifest_from(declared(api="1.1")).fits((1, 0))


def test_core_names_and_addresses_are_reserved(app: Any):
    from tracker.features import FEATURES

    keys = {name.split("_")[0] for name in app.blueprints if not name.startswith("admin_")}
    assert {*FEATURES, *keys} <= RESERVED_NAMES
    assert not any(map(is_name, RESERVED_NAMES))
    first = {rule.rule.split("/")[1].split(".")[0] for rule in app.url_map.iter_rules()} - {""}
    assert first <= RESERVED_ADDRESSES
