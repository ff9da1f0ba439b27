"""What authors of plug-ins use: `new`, `check`, `messages`, `revision`, run for real."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tracker.core.errors import PluginError
from tracker.plugin_admin.author_cli import RULES as WORDS
from tracker.plugin_admin.author_cli import TIERS, check, messages, new, revision
from tracker.plugins.folders import find_package
from tracker.plugins.manifest import read_manifest
from tracker.plugins.scaffold import NewPlugin, write_plugin
from tracker.plugins.words import untranslated
from tracker.testing.check import (
    RULES,
    Connections,
    Report,
    Tier,
    check_declaration,
    check_documents,
    check_imports,
    check_typed,
    check_words,
    imported,
)

WANTED = NewPlugin("so_tay", "Sổ tay", "Notebook", "Sở Nội vụ")
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_plugin(WANTED, tmp_path)


@pytest.fixture
def package(folder: Path) -> Path:
    return find_package(folder)


def invoke(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(one) for one in arguments])  # type: ignore[arg-type]


def change(path: Path, old: str, new_text: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new_text), encoding="utf-8")


# -- a new plug-in works at once -----------------------------------------------------------------


def test_new_plugin_passes_its_own_tests_and_every_rule(tmp_path: Path):
    made = invoke(
        new, "so_tay", "--title", "Sổ tay", "--title-en", "Notebook", "--folder", tmp_path
    )
    assert made.exit_code == 0, made.output
    folder = tmp_path / "so_tay"
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--tracker-database", "sqlite"],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    assert " passed" in tests.stdout
    checked = invoke(check, folder, "--json")
    assert checked.exit_code == 0, checked.output
    report = json.loads(checked.output)
    assert {one["key"]: one["problems"] for one in report["rules"] if one["problems"]} == {}
    assert report["tier"] == "gold"
    assert report["pages_opened"] > 100


@pytest.mark.parametrize("name", ["plans", "So_Tay", "so__tay", "9x", "x" * 30])
def test_names_that_no_plugin_can_have_are_refused(tmp_path: Path, name: str):
    result = invoke(new, name, "--folder", tmp_path)
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_there_is_not_touched(tmp_path: Path, folder: Path):
    (folder / "mine").write_text("x")
    with pytest.raises(PluginError):
        write_plugin(WANTED, tmp_path)
    assert (folder / "mine").exists()


@pytest.mark.parametrize("title", ['Sổ "tay"', "Sổ\\tay", "Sổ\ntay"])
def test_odd_titles_leave_files_that_can_be_read(tmp_path: Path, title: str):
    made = write_plugin(NewPlugin("so_tay", title, title, title), tmp_path)
    assert read_manifest((find_package(made) / "plugin.toml").read_bytes()).name == "so_tay"
    for path in made.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))


# -- the rules, one by one -----------------------------------------------------------------------


def looked(check_it: Callable[[Report], None], rule: str) -> list[str]:
    report = Report()
    check_it(report)
    problems = report.found[rule]
    assert problems is not None
    return problems


def test_every_rule_and_tier_has_words():
    assert {rule.key for rule in RULES} == set(WORDS)
    assert {tier.value for tier in Tier} == set(TIERS)


def test_tier_is_the_highest_all_of_whose_rules_hold():
    report = Report()
    assert report.tier is Tier.NONE
    for rule in RULES:
        report.look(rule.key)
    assert report.tier is Tier.GOLD
    report.blame("typed", "x")
    assert report.tier is Tier.SILVER
    report.blame("labels", "x")
    assert report.tier is Tier.BRONZE
    report.blame("hosts", "x")
    assert report.tier is Tier.NONE


@pytest.mark.parametrize(
    "line",
    [
        "from tracker.core.db import Base",
        "import tracker.plans.models as m",
        "from tracker import app",
        "from tracker.testing.world import World",
        "from tracker_camera import models",
        "import importlib; importlib.import_module('tracker.core.db')",
        "__import__('tracker.core')",
    ],
)
def test_imports_of_the_inside_are_found(package: Path, line: str):
    (package / "extra.py").write_text(f"def f():\n    {line}\n")
    (found,) = looked(lambda report: check_imports(package, report), "imports")
    assert "extra.py:2" in found


def test_imports_of_the_contract_and_libraries_are_allowed():
    text = "import sqlalchemy\nfrom tracker.api import web\nfrom tracker.api.work import run\n"
    assert [name for _line, name in imported(ast.parse(text))] == [
        "sqlalchemy",
        "tracker.api",
        "tracker.api.work",
    ]


def test_declaration_and_distribution_have_to_agree(folder: Path, package: Path):
    manifest = read_manifest((package / "plugin.toml").read_bytes())
    assert looked(lambda one: check_declaration(package, manifest, one), "declaration") == []
    change(folder / "pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    change(folder / "pyproject.toml", "tracker_so_tay.hooks", "tracker_so_tay.other")
    problems = looked(lambda one: check_declaration(package, manifest, one), "declaration")
    assert len(problems) == 2
    (folder / "CHANGELOG.md").write_text("# Changelog\n")
    (folder / "README.md").unlink()
    assert len(looked(lambda one: check_documents(package, manifest, one), "documents")) == 2


def test_words_without_english_and_functions_without_types_are_found(package: Path):
    assert looked(lambda one: check_words(package, one), "translations") == []
    (package / "extra.py").write_text(
        "from tracker.api.i18n import gettext as _\n\n\ndef f(x):\n    return _('Chưa dịch')\n"
    )
    (found,) = looked(lambda one: check_words(package, one), "translations")
    assert "Chưa dịch" in found
    (found,) = looked(lambda one: check_typed(package, one), "typed")
    assert "extra.py:4: f" in found


def test_unreadable_page_is_a_plain_error(package: Path):
    (package / "templates" / "so_tay" / "bad.html").write_text("{% if %}")
    with pytest.raises(PluginError):
        untranslated(package)


@pytest.mark.parametrize(
    ("hosts", "host", "is_allowed"),
    [
        ((), "127.0.0.1", True),
        ((), "localhost", True),
        ((), "::1", True),
        ((), "example.vn", False),
        ((), "10.0.0.1", False),
        (("*.example.vn",), "api.example.vn", True),
        (("*.example.vn",), "example.org", False),
        (("setting:so_tay.network",), "10.0.0.1", True),
        (("setting:so_tay.network",), "example.org", False),
    ],
)
def test_connections_are_held_against_the_declared_hosts(
    package: Path, hosts: tuple[str, ...], host: str, is_allowed: bool
):
    from dataclasses import replace

    manifest = replace(read_manifest((package / "plugin.toml").read_bytes()), hosts=hosts)
    report = Report()
    watch = Connections(manifest, report)
    if is_allowed:
        watch("socket.getaddrinfo", (host, 80, 0, 0, 0))
        watch("socket.connect", (None, (host, 80)))
        assert report.found["hosts"] is None
        return
    with pytest.raises(ConnectionRefusedError):
        watch("socket.connect", (None, (host, 80)))
    assert report.found["hosts"] == [host]


def test_addresses_are_those_that_declared_names_stand_for(
    package: Path, monkeypatch: pytest.MonkeyPatch
):
    from dataclasses import replace

    manifest = replace(read_manifest((package / "plugin.toml").read_bytes()), hosts=("*.vn",))
    report = Report()
    watch = Connections(manifest, report)

    def answer(name: str, *args: object, **options: object) -> list[object]:
        watch("socket.getaddrinfo", (name, *args))
        return [(2, 1, 6, "", ("203.0.113.7", 0)), (10, 1, 6, "", ("2001:DB8:0::7", 0, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    watch("socket.getaddrinfo", (b"API.example.vn", 443, 0, 0, 0))
    for address in (("203.0.113.7", 443), ("2001:db8::7", 443, 0, 0)):
        watch("socket.connect", (None, address))
    assert report.found["hosts"] is None
    for event, address in (("connect", "203.0.113.8"), ("sendto", "8.8.8.8"), ("sendmsg", "::2")):
        with pytest.raises(ConnectionRefusedError):
            watch(f"socket.{event}", (None, (address, 53)))
    assert report.found["hosts"] == ["203.0.113.8", "8.8.8.8", "::2"]


def test_downgrade_that_leaves_a_table_is_found(folder: Path, package: Path):
    change(
        package / "migrations" / "versions" / "0001_notes.py",
        'def downgrade() -> None:\n    op.drop_table("plugin_so_tay__notes")',
        'def downgrade() -> None:\n    op.drop_index("ix_plugin_so_tay__notes_unit_id")',
    )
    result = invoke(check, folder, "--quick", "--json")
    assert result.exit_code == 1
    found = {one["key"]: " ".join(one["problems"]) for one in json.loads(result.output)["rules"]}
    assert "downgrade to base leaves plugin_so_tay__notes" in found["migrations"]


def test_faults_of_pages_jobs_and_offers_are_found(folder: Path, package: Path):
    change(
        package / "jobs.py",
        "    late = queries.count_late()",
        "    import socket\n\n"
        '    socket.create_connection(("192.0.2.7", 9), 1)\n'
        "    late = queries.count_late()",
    )
    change(
        package / "panels.py",
        "    return render",
        "    raise RuntimeError('no')\n    return render",
    )
    change(package / "plugin.toml", '"plugin_so_tay__notes"', '"plugin_so_tay__pages"')
    with (package / "plugin.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[jobs]]\nkey = "so_tay.extra"\nvi = "a"\nen = "b"\ncron = "1 1 * * *"\n')
    change(package / "models.py", '        "due_on": _l("Hạn"),\n', "")
    change(package / "views.py", '@blueprint.get("/")\n@requires(VIEW)\n', '@blueprint.get("/")\n')
    result = invoke(check, folder, "--quick", "--json")
    assert result.exit_code == 1
    found = {one["key"]: " ".join(one["problems"]) for one in json.loads(result.output)["rules"]}
    assert found["declaration"] == ""
    assert "plugin_so_tay__pages: declared" in found["tables"]
    assert "plugin_so_tay__notes: in the database" in found["tables"]
    assert "so_tay.extra is declared, but not offered" in found["offers"]
    assert "so_tay.list_notes says nothing about who may come in" in found["offers"]
    assert "RuntimeError('no')" in found["pages"]
    assert "count_late" in found["jobs"]
    assert found["hosts"] == "192.0.2.7"
    shown = invoke(check, folder, "--quick")
    assert "✗" in shown.output


def test_check_says_what_cannot_be_checked_at_all(tmp_path: Path, package: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    result = invoke(check, empty)
    assert result.exit_code == 1
    assert "plugin.toml" in result.output
    (package / "plugin.toml").write_text("name = 'x y'")
    result = invoke(check, package, "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["tier"] == "none"


# -- catalogue and migrations ----------------------------------------------------------------------


def test_messages_gathers_what_is_said_and_keeps_what_was_translated(folder: Path, package: Path):
    (package / "extra.py").write_text(
        "from tracker.api.i18n import gettext as _\n\nWORD = _('Câu mới')\n"
    )
    result = invoke(messages, folder)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith("1 ")
    text = (package / "locale/en/LC_MESSAGES/messages.po").read_text(encoding="utf-8")
    assert "Câu mới" in text
    assert 'msgstr "New note"' in text
    (package / "extra.py").unlink()
    assert invoke(messages, folder).output.splitlines()[-1].startswith("0 ")
    assert "Câu mới" not in (package / "locale/en/LC_MESSAGES/messages.po").read_text()


def test_revision_writes_the_difference_and_nothing_without_one(folder: Path, package: Path):
    result = invoke(revision, folder, "Nothing new")
    assert result.exit_code == 1
    assert not list((package / "migrations" / "versions").glob("0002*"))
    change(
        package / "models.py",
        "    closed_on: Mapped[date | None]\n",
        "    closed_on: Mapped[date | None]\n"
        '    colour: Mapped[str] = mapped_column(String(20), server_default="")\n',
    )
    with (package / "models.py").open("a", encoding="utf-8") as file:
        file.write(
            "\n\nfrom enum import StrEnum\n"
            "from tracker.api.models import choice\n\n\n"
            "class Wood(StrEnum):\n"
            '    OAK = "oak"\n\n\n'
            "class Shelf(Model):\n"
            '    __tablename__ = "plugin_so_tay__shelves"\n'
            '    __label__ = _l("Kệ")\n'
            '    __field_labels__: ClassVar[Mapping[str, Label]] = {"name": _l("Tên kệ")}\n\n'
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
            "    name: Mapped[str] = mapped_column(String(40))\n"
            "    wood: Mapped[Wood] = mapped_column(choice(Wood))\n"
        )
    result = invoke(revision, folder, "Add a colour")
    assert result.exit_code == 0, result.output
    written = package / "migrations" / "versions" / "0002_add_a_colour.py"
    assert result.output.strip() == str(written)
    text = written.read_text()
    assert "add_column" in text
    # What tables tell the product of themselves is no part of their history.
    assert "plugin_so_tay__shelves" in text
    assert "info=" not in text
    assert "sa.Enum('oak', name='wood', native_enum=False" in text
    ast.parse(text)
    assert "tracker" not in text.replace("plugin_so_tay", "")
