"""What commands of the `tracker` command line tell about themselves.

A command runs inside an app on a current database, as the system, with changes marked as coming
from a command, unless it says that it works without one. Texts of commands (help, options, epilog,
the sentence printed) are Vietnamese msgids; give `help=N_("...")` and `epilog=N_("...")`
(tracker.core.text.N_), the command line translates them.
"""

from __future__ import annotations

from typing import TypeVar

import click

Command = TypeVar("Command", bound=click.Command)

_WITHOUT_APP = "tracker_without_app"
_WITHOUT_PLUGINS = "tracker_without_plugins"
_AT_ONCE = "tracker_at_once"


def without_app(command: Command) -> Command:
    """Let a command (or all commands of a group) run without an app and its database.

    For what makes, replaces or serves a database. gettext works there all the same.
    """
    setattr(command, _WITHOUT_APP, True)
    return command


def is_without_app(command: click.Command) -> bool:
    """Tell whether a command was marked by `without_app`."""
    return bool(getattr(command, _WITHOUT_APP, False))


def without_plugins(command: Command) -> Command:
    """Let a command (or all commands of a group) run in an app that loads no plug-in.

    For what looks after plug-ins, also while one of them keeps the app from starting.
    """
    setattr(command, _WITHOUT_PLUGINS, True)
    return command


def is_without_plugins(command: click.Command) -> bool:
    """Tell whether a command was marked by `without_plugins`."""
    return bool(getattr(command, _WITHOUT_PLUGINS, False))


def at_once(command: Command) -> Command:
    """Let a command begin before anything is loaded: no app, and no gettext at first.

    For what starts the server. Its context's `obj` is the context manager within which gettext
    works.
    """
    setattr(command, _AT_ONCE, True)
    return command


def is_at_once(command: click.Command) -> bool:
    """Tell whether a command was marked by `at_once`."""
    return bool(getattr(command, _AT_ONCE, False))
