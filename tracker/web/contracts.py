"""What the shell needs from features above it; `tracker.app` fills these when the app is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app
from werkzeug.wrappers import Response

from tracker.core.clock import Clock, SystemClock
from tracker.core.context import ANONYMOUS, Actor
from tracker.plugins.descriptors import Label


@dataclass(frozen=True)
class UserCard:
    """What the shell shows of the person who is signed in."""

    name: str
    # May be lazy: the language is chosen from this very card.
    role_label: Label
    unit_name: str
    locale: str
    theme: str

    @property
    def initials(self) -> str:
        """Return the first letters of family and given name."""
        words = self.name.split()
        return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words))


@dataclass(frozen=True)
class Bell:
    """Unread notices: how many, where they are, and where and how often to ask again."""

    count: int
    url: str
    poll_url: str
    poll_seconds: int


@dataclass(frozen=True)
class Person:
    """Somebody for whom work is done outside a request: who acts, in which language."""

    actor: Actor
    locale: str


@dataclass
class ShellContracts:
    """Filled at start; each default is what an app without the feature would do."""

    clock: Clock
    # Reads the sign-in of the request and says who acts.
    identify: Callable[[], Actor]
    # Who an account is outside a request, with the rights of today; None for a closed one.
    person_of: Callable[[int], Person | None]
    user_card: Callable[[], UserCard | None]
    setting: Callable[[str], object]
    bell: Callable[[], Bell | None]
    # The line under the title of the home page: the day, and what it means to the office.
    greeting: Callable[[], str]
    # Has the large list of the request written by a run, under a file name; None: none waits.
    export_later: Callable[[str], Response] | None = None
    login_endpoint: str = "accounts.login"
    logout_endpoint: str = "accounts.logout"
    profile_endpoint: str = "accounts.profile"
    preferences_endpoint: str = "accounts.save_preferences"


def default_contracts() -> ShellContracts:
    """Return contracts of a shell that knows nobody."""
    return ShellContracts(
        clock=SystemClock(),
        identify=lambda: ANONYMOUS,
        person_of=lambda user_id: None,
        user_card=lambda: None,
        setting=lambda key: "",
        bell=lambda: None,
        greeting=lambda: "",
    )


def contracts_of(app: Flask) -> ShellContracts:
    """Return the contracts of an app."""
    return cast(ShellContracts, app.extensions["tracker_shell"])


def shell_contracts() -> ShellContracts:
    """Return the contracts of the current app."""
    return contracts_of(current_app)
