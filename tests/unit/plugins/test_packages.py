"""Packages are looked at before anything in them runs; signatures and indexes are held to them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evil_plugins.archives import ARCHIVES, Evil
from tests.support.wheels import TinyPlugin, make_wheel, make_zip
from tracker.core.errors import PluginError
from tracker.plugins import index, packages, signatures

TINY = TinyPlugin()


@pytest.fixture(autouse=True)
def _speaking(bare_app):
    """Messages need an app context for their language."""


@pytest.fixture
def bare_app():
    from flask import Flask
    from flask_babel import Babel

    app = Flask("test", static_folder=None)
    Babel(app, default_locale="vi")
    with app.app_context():
        yield app


def test_good_wheel_is_opened_with_its_declaration(tmp_path: Path):
    package = packages.open_package(TINY.wheel(), TINY.filename)
    assert (package.name, package.version) == ("tiny", "1.0")
    assert package.sha256 == hashlib.sha256(TINY.wheel()).hexdigest()
    assert packages.clashes(package) == []
    folder = packages.unpack(package, tmp_path)
    assert folder == tmp_path / "tiny-1.0"
    assert (folder / "tracker_tiny" / "plugin.toml").read_text() == TINY.toml()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1.0"]


def test_unpacking_replaces_what_is_there_and_leaves_nothing_else(tmp_path: Path):
    package = packages.open_package(TINY.wheel(), TINY.filename)
    folder = packages.unpack(package, tmp_path)
    (folder / "left.py").write_text("x = 1")
    packages.unpack(package, tmp_path)
    assert not (folder / "left.py").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-1.0"]


@pytest.mark.parametrize("make", ARCHIVES, ids=lambda make: make.__name__)
def test_evil_archive_is_refused_with_a_clear_message(make: Callable[[], Evil], tmp_path: Path):
    evil = make()
    with pytest.raises(PluginError) as refused:
        packages.open_package(evil.content, evil.filename)
    assert evil.says in refused.value.message
    assert len(refused.value.message) < 300


def test_file_over_the_limit_is_refused():
    with pytest.raises(PluginError, match="lớn quá"):
        packages.open_package(b"0" * (packages.LARGEST_FILE + 1), TINY.filename)


def test_libraries_must_come_along_and_must_not_clash(tmp_path: Path):
    needy = TINY.but(requires=("flask>=99", "nowhere-to-be-found>=1", "click>=8"))
    found = packages.clashes(packages.open_package(needy.wheel(), needy.filename))
    assert [(one.library, one.needed) for one in found] == [
        ("flask", ">=99"),
        ("nowhere-to-be-found", ">=1"),
    ]
    assert found[0].ours
    assert found[1].ours == ""


def test_bundle_brings_its_libraries_and_clashes_with_those_of_others(tmp_path: Path):
    needy = TINY.but(requires=("helper>=1",))
    library = tmp_path / "helper-1.2-py3-none-any.whl"
    library.write_bytes(make_wheel("helper", "1.2", {"helper.py": b"x = 1"}))
    bundle = packages.write_bundle(needy.write(tmp_path), [library], tmp_path / "t.bundle.zip")
    again = packages.write_bundle(needy.write(tmp_path), [library], tmp_path / "u.bundle.zip")
    assert bundle.read_bytes() == again.read_bytes()
    package = packages.open_package(bundle.read_bytes(), bundle.name)
    assert package.library_versions == {"helper": "1.2"}
    assert packages.clashes(package) == []
    assert packages.clashes(package, {"other": {"helper": "1.2"}}) == []
    clash = packages.clashes(package, {"other": {"helper": "1.3"}})
    assert [(one.library, one.needed, one.ours) for one in clash] == [("helper", "1.2", "1.3")]
    folder = packages.unpack(package, tmp_path / "out")
    assert (folder / "helper.py").exists()
    assert (folder / "tracker_tiny").is_dir()


def test_library_of_the_core_in_another_version_clashes(tmp_path: Path):
    old = tmp_path / "click-0.1-py3-none-any.whl"
    old.write_bytes(make_wheel("click", "0.1", {"click_old.py": b""}))
    bundle = packages.write_bundle(TINY.write(tmp_path), [old], tmp_path / "t.bundle.zip")
    package = packages.open_package(bundle.read_bytes(), bundle.name)
    assert [one.library for one in packages.clashes(package)] == ["click"]


def test_bundle_with_a_changed_wheel_is_refused(tmp_path: Path):
    told = {"format": 1, "plugin": TINY.filename, "wheels": {TINY.filename: "0" * 64}}
    content = make_zip(
        {"bundle.json": json.dumps(told).encode(), f"wheels/{TINY.filename}": TINY.wheel()}
    )
    with pytest.raises(PluginError, match="không khớp"):
        packages.open_package(content, "tiny.bundle.zip")


# -- signatures -----------------------------------------------------------------------------


def test_signature_holds_for_this_release_and_key_only(tmp_path: Path):
    key = signatures.new_key("to-cong-nghe", tmp_path)
    sha256 = hashlib.sha256(TINY.wheel()).hexdigest()
    signed = signatures.sign(tmp_path / "to-cong-nghe.key", "tiny", "1.0", sha256)
    trusted = {key.fingerprint: key.text}
    assert signatures.check(signed, "tiny", "1.0", sha256, trusted) == key.fingerprint
    changed = hashlib.sha256(TINY.wheel() + b"\0").hexdigest()
    for name, version, digest, keys, says in (
        ("tiny", "1.0", changed, trusted, "thay đổi sau khi ký"),
        ("tiny", "1.1", sha256, trusted, "Chữ ký là của"),
        ("other", "1.0", sha256, trusted, "Chữ ký là của"),
        ("tiny", "1.0", sha256, {}, "chưa tin cậy"),
    ):
        with pytest.raises(PluginError, match=says):
            signatures.check(signed, name, version, digest, keys)


def test_signature_lifted_onto_other_bytes_is_false(tmp_path: Path):
    key = signatures.new_key("k", tmp_path)
    signed = signatures.sign(tmp_path / "k.key", "tiny", "1.0", "a" * 64)
    lifted = signatures.Signature("tiny", "1.0", "b" * 64, signed.fingerprint, signed.signature)
    with pytest.raises(PluginError, match="không đúng"):
        signatures.check(lifted, "tiny", "1.0", "b" * 64, {key.fingerprint: key.text})


def test_key_of_another_under_a_trusted_fingerprint_is_false(tmp_path: Path):
    ours = signatures.new_key("ours", tmp_path)
    signatures.new_key("theirs", tmp_path)
    theirs = signatures.sign(tmp_path / "theirs.key", "tiny", "1.0", "a" * 64)
    lifted = signatures.Signature("tiny", "1.0", "a" * 64, ours.fingerprint, theirs.signature)
    with pytest.raises(PluginError, match="không đúng"):
        signatures.check(lifted, "tiny", "1.0", "a" * 64, {ours.fingerprint: ours.text})


def test_private_key_is_its_owners_and_is_never_overwritten(tmp_path: Path):
    public = signatures.new_key("k", tmp_path)
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(PluginError, match="Đã có khóa"):
        signatures.new_key("k", tmp_path)
    read = signatures.read_public_key((tmp_path / "k.pub").read_text())
    assert (read.fingerprint, read.name) == (public.fingerprint, "k")
    assert signatures.public_key_of(tmp_path / "k.key", "k") == read


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519 AAAA me", "tracker-plugin-public-key-1 ///// x", "\0" * 80]
)
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(PluginError):
        signatures.read_public_key(text)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "null", '{"format":1,"name":[]}'])
def test_what_is_no_signature_is_refused(text: str):
    with pytest.raises(PluginError, match="chữ ký"):
        signatures.read_signature(text, "x.sig")


# -- index ----------------------------------------------------------------------------------


def test_index_offers_the_newest_that_fits(tmp_path: Path):
    signatures.new_key("k", tmp_path / "keys")
    for version, api in (("1.0", "1.0"), ("1.10", "1.0"), ("1.9", "1.0"), ("2.0", "9.0")):
        path = TINY.but(version=version, api=api).write(tmp_path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        signed = signatures.sign(tmp_path / "keys" / "k.key", "tiny", version, sha256)
        path.with_name(path.name + ".sig").write_text(signed.to_json())
    built = index.build_index(tmp_path)
    assert index.read_index(tmp_path) == built
    entry = index.pick(built, "tiny")
    assert entry.version == "1.10"
    content, signature = index.take(tmp_path, entry)
    assert packages.open_package(content, entry.file).version == "1.10"
    assert signature is not None
    assert signature.fingerprint == entry.fingerprint
    assert index.pick(built, "tiny", "1.0").version == "1.0"
    with pytest.raises(PluginError, match="không có mô-đun"):
        index.pick(built, "other")
    with pytest.raises(PluginError, match="không có mô-đun"):
        index.pick(built, "tiny", "3.0")


def test_file_that_differs_from_the_index_is_refused(tmp_path: Path):
    path = TINY.write(tmp_path)
    (entry,) = index.build_index(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(PluginError, match="khác với danh mục"):
        index.take(tmp_path, entry)


@pytest.mark.parametrize("file", ["../../etc/passwd.whl", "/etc/x.whl", "a\\b.whl", "x.py"])
def test_index_cannot_name_files_elsewhere(file: str, tmp_path: Path):
    entry = {
        "name": "tiny", "version": "1.0", "title_vi": "", "title_en": "", "api": "1.0",
        "file": file, "sha256": "0" * 64, "size": 1,
    }  # fmt: skip
    (tmp_path / "index.json").write_text(json.dumps({"format": 1, "plugins": [entry]}))
    with pytest.raises(PluginError, match="định dạng lạ"):
        index.read_index(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1, "plugins": [1]}', '{"plugins": {}}'])
def test_what_is_no_index_is_refused(text: str, tmp_path: Path):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(PluginError, match="không phải kho"):
        index.read_index(tmp_path)
