"""An app with plug-ins in it, and what the database says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import make_user, sign_in
from tests.factories.units import make_unit
from tracker.app import create_app
from tracker.config import Settings
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting
from tracker.core.db import db
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.plugins.breaker import Breaker, breaker_of
from tracker.plugins.host import Host, host_of
from tracker.plugins.loader import LoadedPlugin, LoadedSet
from tracker.plugins.models import PluginIncident, PluginInstall, PluginRelease, PluginSet
from tracker.plugins.states import PluginState, Wanted
from tracker.testing.apps import FreshClient


@dataclass
class Site:
    """A running app with plug-ins, somebody signed in, and how often it wanted to retire."""

    app: Flask
    clock: FixedClock
    client: FlaskClient
    unit: int
    user: int
    retired: list[bool] = field(default_factory=list)

    @property
    def host(self) -> Host:
        """The app's host."""
        return host_of(self.app)

    @property
    def breaker(self) -> Breaker:
        """The app's breaker."""
        return breaker_of(self.app)

    def get(self, url: str, status: int = 200) -> str:
        """Open a page and return its text."""
        answer = self.client.get(url)
        assert answer.status_code == status, (url, answer.status_code, answer.text[-2000:])
        return answer.text

    def incidents(self) -> list[PluginIncident]:
        """Return what was written down, once all of it is."""
        self.breaker.settle()
        db.session.rollback()
        return list(db.session.query(PluginIncident).order_by(PluginIncident.id))

    def stand(self, name: str, state: PluginState, version: str = "0") -> None:
        """Have the database say how a plug-in stands, as another process would."""
        with acting(Context(SYSTEM_ACTOR, self.clock)):
            run(put, Stand(name, state, version))
        db.session.rollback()

    def state(self, name: str) -> PluginState:
        """Return how the database says that a plug-in stands."""
        self.breaker.settle()
        db.session.rollback()
        install = db.session.get(PluginInstall, name)
        assert install is not None
        return install.state


@dataclass(frozen=True)
class Stand:
    """How a plug-in is to stand in the database, in which version."""

    name: str
    state: PluginState = PluginState.ENABLED
    version: str = "0"


def put(work: Work, data: Stand) -> None:
    """Write it down, and raise the generation."""
    release = work.session.scalar(
        select(PluginRelease).where(
            PluginRelease.name == data.name, PluginRelease.version == data.version
        )
    )
    if release is None:
        release = PluginRelease(
            name=data.name,
            version=data.version,
            filename="x.whl",
            sha256="0" * 64,
            size=1,
            content=b"x",
            manifest={},
            uploaded_at=work.now,
        )
        work.session.add(release)
        work.session.flush()
    install = work.session.get(PluginInstall, data.name)
    if install is None:
        install = PluginInstall(name=data.name, installed_at=work.now, wanted=Wanted.ENABLED)
        work.session.add(install)
    install.release_id = release.id
    install.state = data.state
    install.changed_at = work.now
    row = work.session.get(PluginSet, 1)
    assert row is not None
    row.generation += 1


Open = Callable[..., Site]


def _close(app: Flask) -> None:
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture
def open_site(settings: Settings, clock: FixedClock) -> Iterator[Open]:
    """Open an app with these plug-ins, which the database knows as enabled."""
    with ExitStack() as stack:

        def opened(plugins: Mapping[str, object], *, follows: bool = True) -> Site:
            loaded = LoadedSet(
                {name: LoadedPlugin(name, "0", None, one) for name, one in plugins.items()},
                generation=0 if follows else None,
            )
            app = create_app(settings, loaded, clock=clock)
            app.test_client_class = FreshClient
            stack.callback(_close, app)
            stack.enter_context(app.app_context())
            system = Context(SYSTEM_ACTOR, clock, Source.COMMAND)
            with acting(system):
                unit = make_unit(kind="province")
                user = make_user(unit, Role.ADMINISTRATOR)
                for name in plugins:
                    run(put, Stand(name))
            site = Site(app, clock, app.test_client(), unit, user)
            sign_in(site.client, user)
            breaker_of(app).retire = lambda: site.retired.append(True)
            return site

        yield opened
