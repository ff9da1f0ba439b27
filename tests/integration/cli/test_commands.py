"""The command line: surroundings, errors in one line, exit codes, languages, imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from tests.support import contents
from tests.support.imports import KEY, SPEC, offer
from tracker.cli import importing, root
from tracker.cli.index import COMMANDS
from tracker.core import migrate
from tracker.core.context import current
from tracker.core.errors import FieldError, NotFound, ValidationFailed
from tracker.plugins.commands import without_app

Run = Callable[..., Result]
HEADINGS = ("Ngày", "Tên ngày nghỉ")


@pytest.fixture
def environment(
    database_url: str, instance: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The environment of an instance on a database of its own, in Vietnamese."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKER_INSTANCE", str(instance))
        patch.setenv("TRACKER_DATABASE_URL", database_url)
        for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture
def run(environment: None) -> Run:
    """Run a command line in this process."""

    def invoke(*arguments: str, **env: str) -> Result:
        return CliRunner().invoke(root.tracker, list(arguments), env=env, prog_name="tracker")

    return invoke


def offering(monkeypatch: pytest.MonkeyPatch, **commands: click.Command) -> None:
    """Let a feature register further commands."""
    known = root.registered()
    monkeypatch.setattr(root, "registered", lambda: {**known, **commands})


# -- finding commands -----------------------------------------------------------------------


def test_index_names_exactly_what_is_registered() -> None:
    assert set(COMMANDS) == {*root.registered(), "db", "import"}


def test_help_lists_all_commands_in_the_readers_language(run: Run) -> None:
    told = run("--help")
    assert told.exit_code == 0
    for name, words in COMMANDS.items():
        assert name in told.output
        assert words[:20] in told.output
    assert "Ví dụ" in told.output


def walk(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from walk(child, (*path, name))


def test_every_command_has_help_and_an_example(run: Run) -> None:
    for name in COMMANDS:
        found = root._find(name)
        assert found is not None
        for path, command in walk(found, (name,)):
            assert command.help, path
            if not isinstance(command, click.Group):
                assert f"tracker {path[0]}" in f"{command.epilog} {command.help}", path
            told = run(*path, "--help")
            assert told.exit_code == 0, path


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from tracker.cli import main\n"
        "sys.argv = ['tracker', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        "    heavy = {'flask', 'sqlalchemy', 'tracker.app', 'openpyxl'} & set(sys.modules)\n"
        "    print(sorted(heavy), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"
    assert "import" in done.stdout


def test_module_and_console_script_are_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracker", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("tracker ")


# -- surroundings ---------------------------------------------------------------------------


def test_command_runs_in_an_app_as_the_system(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("who", help="x", epilog="x")
    def who() -> None:
        from flask import current_app

        context = current()
        click.echo(f"{current_app.name} {context.actor.name} {context.source}")

    offering(monkeypatch, who=who)
    assert run("who").output == "tracker Hệ thống command\n"
    assert who.callback is not None
    with pytest.raises(RuntimeError, match="application context"):
        who.callback()


def test_command_without_app_runs_without_a_database(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @without_app
    @click.command("bare", help="x", epilog="x")
    def bare() -> None:
        from flask_babel import gettext

        click.echo(gettext("Lỗi:"))

    offering(monkeypatch, bare=bare)
    assert run("bare", TRACKER_INSTANCE=str(tmp_path / "none")).output == "Lỗi:\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (NotFound("Không có kế hoạch này."), "Lỗi: Không có kế hoạch này.\n"),
        (NotFound(), "Lỗi: Không làm được việc này.\n"),
        (
            ValidationFailed([FieldError("a", "Thiếu a.\n"), FieldError("b", "Sai b.")]),
            "Lỗi: Thiếu a. Sai b.\n",
        ),
        (
            PermissionError(13, "denied", "/x/secret.key"),
            "Lỗi: Không được phép đọc hoặc ghi: /x/secret.key\n",
        ),
    ],
)
def test_error_is_one_line_on_stderr_and_exit_code_1(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    @click.command("fail", help="x", epilog="x")
    def fail() -> None:
        raise error

    offering(monkeypatch, fail=fail)
    done = run("fail")
    assert (done.exit_code, done.stderr, done.stdout) == (1, line, "")


def test_fault_in_the_program_keeps_its_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command("bug", help="x", epilog="x")
    def bug() -> None:
        raise ZeroDivisionError

    offering(monkeypatch, bug=bug)
    assert isinstance(run("bug").exception, ZeroDivisionError)


@pytest.mark.parametrize(
    "arguments", [("khong-co",), ("db", "x"), ("import",), ("db", "status", "--x")]
)
def test_misuse_is_exit_code_2(run: Run, arguments: Sequence[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRACKER_BIND", "x"), ("TRACKER_SECRET_KEY", "short"), ("TRACKER_DATABASE_URL", "mysql://x")],
)
def test_bad_setting_names_itself(run: Run, name: str, value: str) -> None:
    done = run("db", "status", **{name: value})
    assert done.exit_code == 1
    assert done.stderr.startswith("Lỗi: Cấu hình chưa đúng: ")
    assert name in done.stderr
    assert done.stderr.count("\n") == 1


def test_database_out_of_reach_is_told_without_its_password(run: Run) -> None:
    url = "postgresql://nguoi:mat-khau-bi-mat@127.0.0.1:1/x"
    done = run("db", "status", TRACKER_DATABASE_URL=url)
    assert done.exit_code == 1
    assert "TRACKER_DATABASE_URL" in done.stderr
    assert "mat-khau-bi-mat" not in done.stderr


# -- languages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "language"),
    [
        ({}, "vi"),
        ({"LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANGUAGE": "en:vi", "LC_ALL": "vi_VN.UTF-8"}, "en"),
        ({"LANGUAGE": "vi", "LC_ALL": "en_US.UTF-8"}, "vi"),
        ({"LC_ALL": "C.UTF-8"}, "vi"),
        ({"LANG": "en_US.UTF-8"}, "vi"),
    ],
)
def test_language_follows_the_environment(env: dict[str, str], language: str) -> None:
    from tracker.cli.language import language_of

    assert language_of(env) == language


# -- the database ---------------------------------------------------------------------------


@pytest.fixture
def run_on_nothing(empty_database_url: str, tmp_path: Path) -> Iterator[Run]:
    """Run command lines on a database without a table (SQLite: without a file)."""

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(root.tracker, list(arguments), prog_name="tracker")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKER_INSTANCE", str(tmp_path / "instance"))
        patch.setenv("TRACKER_DATABASE_URL", empty_database_url)
        yield invoke


def test_db_upgrade_makes_the_schema_once(run_on_nothing: Run) -> None:
    newest = migrate.head_revision()
    status = run_on_nothing("db", "status", "--json")
    assert (status.exit_code, json.loads(status.stdout)) == (
        1,
        {"revision": None, "newest": newest, "is_current": False},
    )
    refused = run_on_nothing("audit", "verify")
    assert refused.exit_code == 1
    assert "tracker init" in refused.stderr
    first = run_on_nothing("db", "upgrade")
    assert (first.exit_code, str(newest) in first.stdout) == (0, True)
    assert "đã ở phiên bản mới nhất" in run_on_nothing("db", "upgrade").stdout
    assert run_on_nothing("db", "status").exit_code == 0
    assert run_on_nothing("audit", "verify").exit_code == 0


def test_pending_migrations_are_told_with_what_to_do(run: Run, database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '0001'"))
    engine.dispose()
    done = run("audit", "verify")
    assert done.exit_code == 1
    assert "tracker db upgrade" in done.stderr
    assert run("db", "status").exit_code == 1


# -- imports --------------------------------------------------------------------------------


@pytest.fixture
def days(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a file of days off; the app that commands make offers the import of them."""
    from tracker import app as factory

    make = factory.create_app

    def create_app(*arguments: object, **options: object) -> object:
        made = make(*arguments, **options)  # type: ignore[arg-type]
        offer(made, SPEC)
        return made

    monkeypatch.setattr(factory, "create_app", create_app)

    def write(*rows: Sequence[object]) -> Path:
        path = tmp_path / "ngày nghỉ.xlsx"
        path.write_bytes(contents.sheet(HEADINGS, *rows))
        return path

    return write


GOOD = ((date(2030, 9, 2), "Quốc khánh"), (date(2030, 1, 1), "Tết Dương lịch"))


def test_import_dry_run_then_real_then_nothing_new(run: Run, days: Callable[..., Path]) -> None:
    path = str(days(*GOOD))
    tried = run("import", KEY, path, "--dry-run", "--json")
    assert tried.exit_code == 0
    assert json.loads(tried.stdout) == {
        "import": KEY,
        "file": "ngày nghỉ.xlsx",
        "applied": False,
        "rows": 2,
        "new": 2,
        "changed": 0,
        "same": 0,
        "unknown_headings": [],
        "errors": [],
    }
    done = run("import", KEY, path, "--option", "decision=QĐ 1=2")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "2 dòng: thêm mới 2" in done.stdout
    assert done.stdout.endswith("Đã ghi.\n")
    again = json.loads(run("import", KEY, path, "--dry-run", "--json").stdout)
    assert (again["new"], again["same"]) == (0, 2)


def test_import_with_faults_writes_nothing_and_exits_1(run: Run, days: Callable[..., Path]) -> None:
    path = str(days(*GOOD, (date(2030, 9, 1), "Chủ nhật"), ("x", "y")))
    told = run("import", KEY, path)
    assert told.exit_code == 1
    assert "Dòng 4, Ngày: Chủ nhật đã là ngày nghỉ." in told.stdout
    assert "Chưa ghi gì" in told.stderr
    report = json.loads(run("import", KEY, path, "--json").stdout)
    assert [error["row"] for error in report["errors"]] == [4, 5]
    assert (report["applied"], report["new"]) == (False, 3)


@pytest.mark.parametrize("as_json", [False, True])
def test_import_of_no_workbook_exits_1(
    run: Run, days: Callable[..., Path], tmp_path: Path, as_json: bool
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"not a workbook")
    done = run("import", KEY, str(path), *(["--json"] if as_json else []))
    assert done.exit_code == 1
    told = json.loads(done.stdout)["errors"][0]["message"] if as_json else done.stderr
    assert "không phải tệp Excel" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("khong-co", "FILE"),
        (KEY, "FILE", "--option", "decision"),
        (KEY, "/không/có.xlsx"),
        (KEY, "/"),
    ],
)
def test_import_misused_exits_2(
    run: Run, days: Callable[..., Path], arguments: Sequence[str]
) -> None:
    path = str(days(*GOOD))
    done = run("import", *(path if part == "FILE" else part for part in arguments))
    assert done.exit_code == 2


def test_import_draws_its_bar_on_a_terminal_only(
    run: Run, days: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, str]] = []
    with importing._bar() as step:
        step(10, "x")

    class Bar:
        pos = 0
        label = ""

        def update(self, by: int) -> None:
            self.pos += by
            steps.append((self.pos, self.label))

    class Drawn:
        def __enter__(self) -> Bar:
            return Bar()

        def __exit__(self, *_error: object) -> None:
            return None

    monkeypatch.setattr(importing.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(importing.click, "progressbar", lambda **_options: Drawn())
    with importing._bar() as step:
        step(importing.READ, "Đọc")
        step(importing.WRITTEN, "Xong")
    assert steps == [(50, "Đọc"), (100, "Xong")]
