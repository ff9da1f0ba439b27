"""Compiled templates are kept in the instance, and a page never depends on that."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from tracker.web import compiled
from tracker.web.compiled import FOLDER, CompiledTemplates


def shown(instance: Path, source: str) -> str:
    loader = DictLoader({"page.html": source})
    environment = Environment(
        loader=loader, bytecode_cache=CompiledTemplates(instance), autoescape=True
    )
    return environment.get_template("page.html").render()


def kept(instance: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (instance / FOLDER).iterdir()}


def test_a_template_is_compiled_once_for_one_text_and_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert shown(tmp_path, "một") == "một"
    first = kept(tmp_path)
    with monkeypatch.context() as without_compiler:
        without_compiler.delattr(Environment, "compile")
        assert shown(tmp_path, "một") == "một"
    assert shown(tmp_path, "hai") == "hai"
    second = kept(tmp_path)
    monkeypatch.setattr(compiled, "__version__", "of tomorrow")
    assert shown(tmp_path, "hai") == "hai"
    third = kept(tmp_path)
    assert first.keys() == second.keys() == third.keys()
    assert first != second != third


def test_only_the_owner_may_write_what_is_run_as_code(tmp_path: Path):
    shown(tmp_path, "một")
    assert (tmp_path / FOLDER).stat().st_mode & 0o077 == 0


def test_without_a_place_to_keep_it_the_page_is_shown(tmp_path: Path):
    templates = CompiledTemplates(tmp_path)
    (tmp_path / FOLDER).rmdir()
    loader = DictLoader({"page.html": "một"})
    environment = Environment(loader=loader, bytecode_cache=templates, autoescape=True)
    assert environment.get_template("page.html").render() == "một"
    assert not (tmp_path / FOLDER).exists()
