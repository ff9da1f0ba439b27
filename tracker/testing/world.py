"""A small administration to test in: a province, its communes, people of each role, a plan.

Everything is made through the services of the core, as the system. All need an app context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select
from werkzeug.test import TestResponse

from tracker.accounts import services as accounts
from tracker.accounts import sessions
from tracker.accounts.access import build_access, held_grants, permissions_by_role
from tracker.accounts.models import User
from tracker.accounts.tokens import hash_token, new_token
from tracker.core.clock import Clock
from tracker.core.context import SYSTEM_ACTOR, Actor, Context, Source, acting
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.errors import PluginError
from tracker.core.rights import Role
from tracker.core.text import fold, sort_key
from tracker.core.work import Work, run
from tracker.plans import history
from tracker.plans.models import Assignment, Plan, PlanState, RowKind, Task, TaskLead
from tracker.plugins.host import current_registry
from tracker.settings.services import SaveSettings, save_settings
from tracker.units.inputs import CreateUnit
from tracker.units.models import UnitKind
from tracker.units.services import create_unit

BORN = date(2021, 1, 1)
# The six kinds of user, by the words that `sign_in` and `World.person` take.
ROLES = tuple(role.value for role in Role)


@dataclass(frozen=True)
class Share:
    """A unit's share of a task, by the keys under which it is met."""

    id: int
    public_id: UUID
    task_id: int
    plan_id: int
    unit_id: int


@dataclass
class World:
    """Makes what a test needs; `province` is the unit at the top, made at the first demand."""

    app: Flask
    clock: Clock
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _province: int | None = None

    @property
    def province(self) -> int:
        """The unit at the top."""
        if self._province is None:
            self._province = self.unit("Tỉnh Lâm Đồng", kind="province", parent=None)
        return self._province

    @contextmanager
    def as_system(self) -> Iterator[None]:
        """Act as the system itself, for calls of services and jobs."""
        with acting(Context(SYSTEM_ACTOR, self.clock, Source.COMMAND)):
            yield

    @contextmanager
    def as_person(self, user_id: int) -> Iterator[None]:
        """Act as a person does on a page, with what was granted to them."""
        name = db.session.scalars(select(User.name).where(User.id == user_id)).one()
        grants = held_grants(db.session(), user_id, self.clock.today())
        by_role = permissions_by_role(current_registry().permissions.values())
        actor = Actor(name, user_id, build_access(user_id, grants, by_role))
        with acting(Context(actor, self.clock, Source.PAGE)):
            yield

    def unit(
        self, name: str = "", *, kind: str = "commune", parent: int | None = -1, code: str = ""
    ) -> int:
        """Make a unit and return its id; it lies under the province unless said otherwise."""
        above = self.province if parent == -1 else parent
        with self.as_system():
            return run(
                create_unit,
                CreateUnit(
                    name=name or f"Xã số {next(self._numbers)}",
                    kind=UnitKind(kind),
                    parent_id=above,
                    valid_from=BORN,
                    code=code,
                ),
            )

    def person(
        self,
        role: str | None = None,
        *,
        unit: int | None = None,
        scope: int | None = None,
        name: str = "",
        locale: str = "vi",
    ) -> int:
        """Make an account with a role over `scope` (its unit, else the province); return its id."""
        number = next(self._numbers)
        home = unit if unit is not None else self.province
        with self.as_system():
            user_id = run(
                accounts.create_user,
                accounts.CreateUser(
                    username=f"nguoi-{number}",
                    contact=accounts.Contact(name=name or f"Nguyễn Văn {number}"),
                    unit_id=home,
                    locale=locale,
                ),
            )
            if role is not None:
                since = self.clock.today() - timedelta(days=365)
                where = scope if scope is not None else home
                run(accounts.add_grant, accounts.AddGrant(user_id, Role(role), where, since, None))
        return user_id

    def leave(self, person: int, first: date, last: date, deputy: int) -> None:
        """Let a deputy act for a person on the days of a leave, both included."""
        with self.as_system():
            run(accounts.name_deputy, accounts.NameDeputy(person, deputy, first, last))

    def move(self, person: int, unit: int) -> None:
        """Let a person work in another unit."""
        with self.as_system():
            user = db.session.get_one(User, person)
            contact = accounts.Contact(name=user.name)
            run(
                accounts.update_user,
                accounts.UpdateUser(person, user.version, contact, unit_id=unit),
            )

    def close_account(self, person: int) -> None:
        """Close a person's account."""
        with self.as_system():
            run(accounts.switch_user, accounts.SwitchUser(person, is_active=False))

    def share(self, unit: int, *, title: str = "", due_on: date | None = None) -> Share:
        """Make an issued plan with one task that `unit` leads, and return its share of it."""
        number = next(self._numbers)
        words = title or f"Nhiệm vụ số {number}"
        due = due_on or self.clock.today() + timedelta(days=30)
        with self.as_system():
            assignment_id = run(_make_share, _NewShare(number, words, unit, self.province, due))
        row = db.session.execute(
            select(Assignment.public_id, Assignment.task_id, Task.plan_id)
            .join(Task, Task.id == Assignment.task_id)
            .where(Assignment.id == assignment_id)
        ).one()
        return Share(assignment_id, row.public_id, row.task_id, row.plan_id, unit)

    def run_job(self, key: str, given: Mapping[str, Any] | None = None) -> str:
        """Run a job once, as the job process does, and return what it says.

        Raises what the job itself raises.
        """
        from tracker.testing.apps import FAULTS
        from tracker.testing.jobs import DirectCall

        call = DirectCall(due_at=self.clock.now(), input=dict(given or {}))
        faults: list[object] = self.app.extensions.get(FAULTS, [])
        before = len(faults)
        with self.as_system():
            try:
                return current_registry().jobs[key].run(call)
            except PluginError as error:
                # The test is told of it here, not once more at its end.
                del faults[before:]
                if error.__cause__ is None:
                    raise
                raise error.__cause__ from None

    def set(self, key: str, value: object) -> None:
        """Give a declared setting a value, as an administrator does."""
        with self.as_system():
            run(save_settings, SaveSettings({key: value}))

    def sign_in(self, client: FlaskClient, user_id: int) -> FlaskClient:
        """Sign a person in on a client without the password form; return the client."""
        token = new_token()
        with self.as_system():
            run(
                sessions.open_session,
                sessions.OpenSession(user_id, hash_token(token), "127.0.0.1", "test"),
            )
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
        return client


@dataclass(frozen=True)
class _NewShare:
    number: int
    title: str
    unit_id: int
    issuer_id: int
    due_on: date


def _make_share(work: Work, data: _NewShare) -> int:
    issued_on = work.today - timedelta(days=30)
    plan = Plan(
        key=f"ke-hoach-{data.number}",
        title=f"Kế hoạch số {data.number}",
        number=f"{data.number}/KH-UBND",
        issued_on=issued_on,
        issuer_id=data.issuer_id,
        year_from=issued_on.year,
        year_to=issued_on.year,
        state=PlanState.ISSUED,
        folded=fold(f"Kế hoạch số {data.number}"),
    )
    work.session.add(plan)
    work.session.flush()
    task = Task(
        plan_id=plan.id,
        kind=RowKind.TASK,
        position=1,
        path="0001",
        number="1",
        title=data.title,
        deadline_kind=DeadlineKind.DATE,
        deadline_on=data.due_on,
        valid_from=issued_on,
        folded=fold(data.title),
        sort_key=sort_key(data.title),
    )
    work.session.add(task)
    work.session.flush()
    work.session.add(TaskLead(task_id=task.id, unit_id=data.unit_id))
    assignment = Assignment(
        task_id=task.id, unit_id=data.unit_id, original_due_on=data.due_on, due_on=data.due_on
    )
    work.session.add(assignment)
    work.session.flush()
    history.rebuild(work, [assignment.id])
    return assignment.id


def csrf_token(client: FlaskClient) -> str:
    """Return a token that this client's forms may carry, without fetching a page first."""
    with client.session_transaction() as cookie:
        secret = cookie.setdefault("csrf_token", "0" * 40)
    key = str(client.application.secret_key)
    signer = URLSafeTimedSerializer(key, salt="wtf-csrf-token")
    return str(signer.dumps(secret))


def post(client: FlaskClient, url: str, data: dict[str, Any] | None = None) -> TestResponse:
    """Send a form as a browser does, with its token."""
    return client.post(url, data={"csrf_token": csrf_token(client), **(data or {})})
