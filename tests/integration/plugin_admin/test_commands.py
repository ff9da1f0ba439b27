"""`tracker plugin`, run as people run it: in a process of the command line, on a real instance."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.wheels import TinyPlugin, second_migration
from tracker.cli import root
from tracker.plugins.loader import Quarantine, read_set

TINY = TinyPlugin()
ADD_COLUMN = 'op.add_column("plugin_tiny__note", sa.Column("seen", sa.Integer, nullable=True))'
NEXT = TINY.but(version="2.0", files=second_migration(ADD_COLUMN))

Run = Callable[..., Result]


@pytest.fixture
def command(database_url: str, instance: Path) -> Iterator[Run]:
    """Run `tracker` on an instance of its own, in Vietnamese."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKER_INSTANCE", str(instance))
        patch.setenv("TRACKER_DATABASE_URL", database_url)
        for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
            patch.delenv(name, raising=False)
        yield lambda *arguments, **options: CliRunner().invoke(
            root.tracker, [str(one) for one in arguments], **options
        )


@pytest.fixture
def stick(tmp_path: Path, command: Run) -> Path:
    """A folder with two signed releases and an index, made by the commands themselves."""
    folder = tmp_path / "stick"
    keys = tmp_path / "keys"
    assert command("plugin", "key", "new", "so-noi-vu", "--folder", keys).exit_code == 0
    for plugin in (TINY, NEXT):
        path = plugin.write(folder)
        signed = command("plugin", "sign", path, "--key", keys / "so-noi-vu.key")
        assert signed.exit_code == 0, signed.output
    built = command("plugin", "index", "build", folder)
    assert built.exit_code == 0, built.output
    assert "tiny" in built.output
    return folder


def test_whole_life_on_the_command_line(command: Run, stick: Path, instance: Path):
    install = ("plugin", "install", "--index", stick, "--without-rehearsal", "--yes")
    refused = command(*install, "tiny==1.0")
    assert refused.exit_code == 1
    assert "chưa tin cậy" in refused.output
    key = stick.parent / "keys" / "so-noi-vu.pub"
    assert command("plugin", "key", "trust", key, "--yes").exit_code == 0
    (listed,) = json.loads(command("plugin", "key", "list", "--json").output)
    assert (listed["name"], listed["revoked_at"]) == ("so-noi-vu", None)

    assert command("plugin", "install", "--index", stick, "tiny==1.0", input="n\n").exit_code == 1
    installed = command(*install, "tiny==1.0")
    assert installed.exit_code == 0, installed.output
    assert "Lưu dữ liệu gì?" in installed.output
    assert "Đã cài tiny 1.0" in installed.output
    (row,) = json.loads(command("plugin", "list", "--json").output)
    assert (row["name"], row["version"], row["state"], row["installed"]) == (
        "tiny", "1.0", "enabled", True,
    )  # fmt: skip

    assert command("plugin", "disable", "tiny").exit_code == 0
    (row,) = json.loads(command("plugin", "list", "--json").output)
    assert row["state"] == "disabled"
    assert row["reason"]
    assert command("plugin", "enable", "tiny").exit_code == 0

    told = stick.parent / "tiny.zip"
    assert command("plugin", "diagnose", "tiny", "--to", told).exit_code == 0
    assert zipfile.is_zipfile(told)

    upgraded = command(*install, "tiny")
    assert upgraded.exit_code == 0, upgraded.output
    assert "Không có gì mới trong cam kết" in upgraded.output
    assert read_set(instance).entries[0].version == "2.0"

    # Also while its import would end the process.
    hooks = instance / "plugins" / "tiny-2.0" / "tracker_tiny" / "hooks.py"
    hooks.write_text("import os\nos._exit(5)\n")
    back = command("plugin", "rollback", "tiny", "--yes")
    assert back.exit_code == 0, back.output
    assert read_set(instance).entries[0].version == "1.0"
    assert not Quarantine(instance).holds("tiny", "1.0")

    dropped = command("plugin", "discard", "tiny", "2.0", "--yes")
    assert dropped.exit_code == 0, dropped.output
    assert "tiny 2.0" in dropped.output

    removed = command("plugin", "remove", "tiny", "--data", "export", "--yes")
    assert removed.exit_code == 0, removed.output
    (export,) = (instance / "plugins" / "exports").glob("*.zip")
    assert str(export) in removed.output.replace("\n", "")
    again = command(*install, "tiny==1.0", "--data", export, "--disabled")
    assert again.exit_code == 0, again.output
    (row,) = json.loads(command("plugin", "list", "--json").output)
    assert row["state"] == "disabled"


def test_upgrade_takes_what_was_added(command: Run, stick: Path):
    key = stick.parent / "keys" / "so-noi-vu.pub"
    command("plugin", "key", "trust", key, "--yes")
    install = ("plugin", "install", "--without-rehearsal", "--yes")
    assert command(*install, stick / TINY.filename).exit_code == 0
    missing = command("plugin", "upgrade", "tiny", "--to", "2.0", "--yes")
    assert missing.exit_code == 1
    assert "Chưa thêm bản 2.0" in missing.output
    unknown = command("plugin", "upgrade", "nobody", "--yes")
    assert "chưa được cài" in unknown.output
    revoked = command("plugin", "key", "revoke", "0" * 8)
    assert revoked.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plugin", "enable", "nobody"), "chưa được cài"),
        (("plugin", "diagnose", "nobody"), "chưa được cài"),
        (("plugin", "rollback", "nobody", "--yes"), "chưa được cài"),
        (("plugin", "remove", "nobody", "--data", "keep", "--yes"), "chưa được cài"),
        (("plugin", "discard", "nobody", "1.0", "--yes"), "Không có bản phát hành"),
        (("plugin", "install", "no such thing", "--yes"), "Không có tệp"),
        (("plugin", "key", "new", "../evil"), "Tên khóa"),
    ],
)
def test_mistakes_end_in_one_line(command: Run, arguments: tuple[str, ...], says: str):
    result = command(*arguments)
    assert result.exit_code == 1
    assert says in result.output
    assert "Traceback" not in result.output


def test_nothing_installed_says_how_to_begin(command: Run):
    assert "tracker plugin install" in command("plugin", "list").output
    assert json.loads(command("plugin", "list", "--json").output) == []
