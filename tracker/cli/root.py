"""The root of the command line: finds commands, gives each its surroundings, tells errors."""

from __future__ import annotations

import contextlib
import copy
import functools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.index import COMMANDS
from tracker.cli.language import language_of
from tracker.core.text import N_
from tracker.plugins.commands import is_at_once, is_without_app, is_without_plugins

if TYPE_CHECKING:
    from flask import Flask

EXAMPLE = N_("Ví dụ: tracker db status --json")


def translate(message: str) -> str:
    """Return a Vietnamese message in the language of the command line."""
    if language_of() == "vi" or not message:
        return message
    return str(_catalogue().gettext(message))


@functools.cache
def _catalogue() -> Any:
    from babel.support import Translations

    from tracker.cli.paths import catalogue_folder

    return Translations.load(catalogue_folder(), ["en"])


class Failed(click.ClickException):
    """Something could not be done; one line says why. Exit code 1."""

    def format_message(self) -> str:
        """Return the line without breaks, so that scripts can read it."""
        return " ".join(self.message.split())

    def show(self, file: Any = None) -> None:
        """Print the line on stderr."""
        # Extraction of messages does not look into f-strings.
        word = translate(N_("Lỗi:"))
        click.echo(f"{word} {self.format_message()}", err=True)


class Root(click.Group):
    """Looks commands up where they are cheap: our own, then those that features register."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the core's commands."""
        return sorted(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line for each command, without loading any."""
        with formatter.section(translate(N_("Lệnh"))):
            formatter.write_dl([(name, translate(COMMANDS[name])) for name in sorted(COMMANDS)])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, ready to run; None when there is none of this name."""
        command = _find(cmd_name)
        return None if command is None else prepare(command)

    def invoke(self, ctx: click.Context) -> Any:
        """Run, turning the product's errors into one line."""
        with telling_errors():
            return super().invoke(ctx)


def _find(name: str) -> click.Command | None:
    if name == "db":
        from tracker.cli.database import database

        return database
    if name == "import":
        from tracker.cli.importing import import_file

        return import_file
    if name == "run":
        # The server is to start now, not when every feature is loaded.
        from tracker.ops.running import run_command

        return run_command
    if name == "plugin":
        # Also when a plug-in keeps the commands of others from being collected.
        from tracker.plugin_admin.cli import plugin

        return plugin
    return registered().get(name) or registered_by_plugins().get(name)


def registered() -> dict[str, click.Command]:
    """Return the commands that features register, by name."""
    from tracker.features import features
    from tracker.plugins.host import Host

    return {str(command.name): command for command in Host(features()).registry.commands}


def registered_by_plugins() -> dict[str, click.Command]:
    """Return the commands that enabled plug-ins register, by name; they never hide the core's."""
    from tracker.config import settings_from_environment
    from tracker.features import features, load_models
    from tracker.plugins.host import Host
    from tracker.plugins.loader import load_plugins

    load_models()
    host = Host(features(), load_plugins(settings_from_environment()))
    return {str(command.name): command for command in host.registry.commands}


def prepare(
    command: click.Command, *, without_app: bool = False, without_plugins: bool = False
) -> click.Command:
    """Return a copy of a command: texts in the reader's language, its function in its context.

    A copy, because commands are shared by everybody who imports their module.
    """
    bare = without_app or is_without_app(command)
    core = without_plugins or is_without_plugins(command)
    made = copy.copy(command)
    made.help = translate(command.help or "") or None
    made.short_help = translate(command.short_help or "") or None
    made.epilog = translate(command.epilog or "") or None
    made.params = [_prepare_parameter(parameter) for parameter in command.params]
    if isinstance(made, click.Group):
        made.commands = {
            name: prepare(child, without_app=bare, without_plugins=core)
            for name, child in made.commands.items()
        }
    elif command.callback is not None:
        surroundings = in_language if bare else in_core_app if core else in_app
        if is_at_once(command):
            surroundings = at_once
        made.callback = _within(surroundings, command.callback)
    return made


def _prepare_parameter(parameter: click.Parameter) -> click.Parameter:
    if not isinstance(parameter, click.Option) or not parameter.help:
        return parameter
    made = copy.copy(parameter)
    made.help = translate(parameter.help)
    return made


def _within(
    surroundings: Callable[[], contextlib.AbstractContextManager[object]],
    callback: Callable[..., Any],
) -> Callable[..., Any]:
    @functools.wraps(callback)
    def run(*arguments: Any, **options: Any) -> Any:
        with telling_database_errors(), surroundings():
            return callback(*arguments, **options)

    return run


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Load nothing, and hand over what makes gettext speak later."""
    click.get_current_context().obj = in_language
    yield


@contextlib.contextmanager
def in_language() -> Iterator[None]:
    """Make gettext speak the language of the command line, without an app or a database."""
    from flask import Flask
    from flask_babel import Babel

    from tracker.cli.paths import catalogue_folder

    bare = Flask("tracker.cli", static_folder=None)
    bare.config["BABEL_TRANSLATION_DIRECTORIES"] = catalogue_folder()
    Babel(bare, default_locale="vi", locale_selector=language_of)
    with bare.app_context():
        yield


@contextlib.contextmanager
def in_core_app() -> Iterator[Flask]:
    """Do as `in_app` does, without any plug-in: none of them can stand in the way."""
    with in_app(with_plugins=False) as app:
        yield app


@contextlib.contextmanager
def in_app(*, with_plugins: bool = True) -> Iterator[Flask]:
    """Make the app on a current database, and act as the system from the command line.

    Raises Failed when there is no database yet or its migrations are pending.
    """
    from flask_babel import force_locale

    from tracker.app import create_app
    from tracker.config import settings_from_environment
    from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
    from tracker.core.db import db
    from tracker.plugins.loader import load_plugins

    settings = settings_from_environment()
    require_current_schema(settings.database_url)
    app = create_app(settings, load_plugins(settings) if with_plugins else None)
    with (
        app.app_context(),
        force_locale(language_of()),
        acting(Context(SYSTEM_ACTOR, source=Source.COMMAND)),
    ):
        try:
            yield app
        finally:
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()


def require_current_schema(database_url: str) -> None:
    """Raise Failed, with what to do, unless the database is there and at the newest revision."""
    from tracker.cli.database import is_missing
    from tracker.core.migrate import current_revision, head_revision

    revision = None if is_missing(database_url) else current_revision(database_url)
    if revision is None:
        raise Failed(
            translate(
                N_(
                    "Chưa có cơ sở dữ liệu. Chạy “tracker init” để tạo mới, "
                    "hoặc đặt TRACKER_INSTANCE đúng thư mục."
                )
            )
        )
    if revision != head_revision():
        raise Failed(
            translate(
                N_(
                    "Cơ sở dữ liệu chưa ở phiên bản mới nhất. "
                    "Sao lưu, rồi chạy “tracker db upgrade”."
                )
            )
        )


@contextlib.contextmanager
def telling_errors() -> Iterator[None]:
    """Turn the product's errors into Failed; faults in the program keep their traceback."""
    from tracker.config import SettingsError
    from tracker.core.errors import TrackerError

    try:
        yield
    except SettingsError as error:
        words = translate(N_("Cấu hình chưa đúng:"))
        raise Failed(f"{words} {error}") from error
    except TrackerError as error:
        message = error.message or translate(N_("Không làm được việc này."))
        raise Failed(f"{message}") from error
    except PermissionError as error:
        words = translate(N_("Không được phép đọc hoặc ghi:"))
        raise Failed(f"{words} {error.filename}") from error


@contextlib.contextmanager
def telling_database_errors() -> Iterator[None]:
    """Turn a database that cannot be reached into Failed, without its password."""
    try:
        yield
    except Exception as error:
        # What starts the server has loaded no database library, and meets none of its errors.
        if "sqlalchemy" not in sys.modules:
            raise
        from sqlalchemy.exc import OperationalError

        if not isinstance(error, OperationalError):
            raise
        first = str(error.orig).strip().partition("\n")[0]
        words = translate(N_("Không dùng được cơ sở dữ liệu. Hãy xem lại TRACKER_DATABASE_URL."))
        raise Failed(f"{words} ({first})") from error


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from tracker import __version__

    click.echo(f"tracker {__version__}")
    ctx.exit()


tracker = Root(
    name="tracker",
    help=translate(N_("Theo dõi kế hoạch cải cách hành chính, công việc và kiểm tra.")),
    epilog=translate(EXAMPLE),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            expose_value=False,
            is_eager=True,
            callback=_version,
            help=translate(N_("In phiên bản rồi thoát.")),
        )
    ],
)
