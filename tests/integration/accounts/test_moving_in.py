"""People from files and commands, and what becomes of them when units are reorganised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import grant, make_user, post
from tests.factories.units import make_unit
from tests.integration.accounts.conftest import PASSWORD, World
from tracker.accounts import handover, importing
from tracker.accounts.cli import user_group
from tracker.accounts.models import Grant, User
from tracker.accounts.services import import_accounts
from tracker.core.clock import FixedClock
from tracker.core.context import SYSTEM_ACTOR, Actor, Context, acting
from tracker.core.db import db
from tracker.core.errors import PermissionDenied, ValidationFailed
from tracker.core.rights import Access, Role
from tracker.core.work import run
from tracker.plugins.descriptors import Handover, RowOutcome

ROW = {"username": "anh.dang", "name": "Đặng Thị Ánh", "unit": "xa mot"}


@pytest.fixture
def inside(app: Flask, clock: FixedClock) -> Iterator[Flask]:
    """An app context in which the system acts."""
    with app.app_context(), acting(Context(SYSTEM_ACTOR, clock)):
        yield app


def roles_of(username: str) -> list[tuple[Role, int, date]]:
    rows = db.session.execute(
        select(Grant.role, Grant.unit_id, Grant.valid_from)
        .join(User, User.id == Grant.user_id)
        .where(User.username == username)
        .order_by(Grant.id)
    )
    return [tuple(row) for row in rows]


def test_import_makes_accounts_with_roles_and_updates_by_user_name(
    inside: Flask, world: World
) -> None:
    rows = [
        (2, {**ROW, "role": "chuyên viên", "from": date(2026, 7, 1)}),
        (3, {**ROW, "role": "Inspector", "scope": "Tỉnh Một"}),
        (
            4,
            {
                "username": "nguyen.an",
                "name": "Nguyễn Văn An",
                "unit": "Xã Một",
                "title": "Phó phòng",
            },
        ),
    ]
    parsed = importing.parse(rows, {})
    assert parsed.errors == ()
    assert parsed.outcomes == {2: RowOutcome.NEW, 3: RowOutcome.NEW, 4: RowOutcome.CHANGED}
    run(import_accounts, parsed.data)
    assert roles_of("anh.dang") == [
        (Role.OFFICER, world.commune, date(2026, 7, 1)),
        (Role.INSPECTOR, world.root, date(2026, 6, 16)),
    ]
    assert db.session.scalar(select(User.title).where(User.username == "nguyen.an")) == "Phó phòng"
    again = importing.parse(rows, {})
    assert set(again.outcomes.values()) == {RowOutcome.SAME}
    run(import_accounts, again.data)
    assert len(roles_of("anh.dang")) == 2


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"username": "Đặng Ánh"}, "username"),
        ({"email": "không"}, "email"),
        ({"phone": "abc"}, "phone"),
        ({"unit": "Xã Không Có"}, "unit"),
        ({"unit": "Xã Trùng"}, "unit"),
        ({"role": "Vua"}, "role"),
        ({"role": "officer", "scope": "Đâu đó"}, "scope"),
    ],
)
def test_import_bad_cells_are_told_by_row_and_column(
    inside: Flask, world: World, change: dict[str, str], column: str
) -> None:
    make_unit("Xã Trùng", parent=world.root)
    make_unit("Xã Trùng", parent=world.other_root)
    parsed = importing.parse([(7, {**ROW, **change})], {})
    assert [(error.row, error.column) for error in parsed.errors] == [(7, column)]
    assert parsed.data.rows == ()


def test_import_reaches_no_further_than_its_actor(
    app: Flask, clock: FixedClock, world: World
) -> None:
    access = Access(world.chief, {"users.manage": frozenset({world.root})})
    actor = Actor("Trần Thị Bình", world.chief, access)
    with app.app_context():
        stranger = db.session.scalar(select(User.username).where(User.id == world.other_officer))
        with acting(Context(actor, clock)):
            parsed = importing.parse(
                [
                    (2, {**ROW, "unit": "Xã Hai"}),
                    (3, {**ROW, "username": stranger}),
                    (4, {**ROW, "username": "binh", "role": "officer"}),
                ],
                {},
            )
            assert {(error.row, error.column) for error in parsed.errors} == {
                (2, "unit"),
                (3, "username"),
                (4, "role"),
            }
        with acting(Context(SYSTEM_ACTOR, clock)):
            forced = importing.parse([(2, {**ROW, "unit": "Xã Hai"})], {})
        with acting(Context(actor, clock)), pytest.raises(PermissionDenied):
            run(import_accounts, forced.data)
        assert db.session.scalar(select(User.id).where(User.username == "anh.dang")) is None


def test_merge_hands_roles_and_people_to_the_successor(inside: Flask, world: World) -> None:
    new = make_unit("Xã Mới", parent=world.root)
    twice = make_user(world.commune, Role.OFFICER, username="da.co")
    grant(twice, Role.OFFICER, new)
    ended = make_user(world.commune, username="da.thoi")
    grant(ended, Role.HEAD, world.commune, date(2025, 1, 1), date(2026, 1, 1))
    change = Handover("merge", date(2026, 7, 1), "12/NQ-HĐND", {world.commune: (new,)})
    shown = handover.preview_grants(change)
    assert [(item.from_unit_id, item.to_unit_id) for item in shown] == [(world.commune, new)] * 2
    assert run(handover.apply_grants, change) == 2
    assert run(handover.apply_people, change) == 3
    found = db.session.execute(
        select(Grant.unit_id, Grant.valid_from, Grant.valid_to)
        .where(Grant.user_id == world.officer)
        .order_by(Grant.id)
    ).all()
    assert [tuple(row) for row in found] == [
        (world.commune, date(2025, 6, 16), date(2026, 6, 30)),
        (new, date(2026, 7, 1), None),
    ]
    assert len(roles_of("da.co")) == 2
    assert db.session.scalar(select(User.unit_id).where(User.id == world.officer)) == new


def test_split_waits_for_a_choice(inside: Flask, world: World) -> None:
    east, west = make_unit("Xã Đông", parent=world.root), make_unit("Xã Tây", parent=world.root)
    held = db.session.scalar(select(Grant.id).where(Grant.user_id == world.officer))
    assert held is not None
    change = Handover("split", date(2026, 7, 1), "", {world.commune: (east, west)})
    assert [item.to_unit_id for item in handover.preview_grants(change)] == [None]
    with pytest.raises(ValidationFailed):
        run(handover.apply_grants, change)
    chosen = Handover(
        "split",
        date(2026, 7, 1),
        "",
        {world.commune: (east, west)},
        {(handover.GRANTS, held): west},
    )
    assert run(handover.apply_grants, chosen) == 1
    assert roles_of("nguyen.an")[-1][1] == west


# -- commands ----------------------------------------------------------------------------------


def command(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(user_group, list(arguments), input=typed)


def test_command_makes_an_account_that_can_sign_in(
    inside: Flask, world: World, client: FlaskClient
) -> None:
    made = command(
        "create", "anh.dang", "--role", "officer", "--unit", "xa mot", "--name", "Đặng Ánh",
        "--password-stdin", typed=PASSWORD + "\n",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert roles_of("anh.dang") == [(Role.OFFICER, world.commune, date(2026, 6, 16))]
    listed = json.loads(command("list", "--json").output)
    assert [one["username"] for one in listed][:2] == ["nguyen.an", "anh.dang"]
    assert {"role": "officer", "unit": "Xã Một"} in listed[1]["grants"]
    assert PASSWORD not in made.output
    response = post(client, "/dang-nhap", {"username": "anh.dang", "password": PASSWORD})
    assert response.status_code == 303


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["create", "anh", "--role", "officer", "--unit", "Xã Không Có"], ""),
        (["create", "anh", "--role", "king", "--unit", "Xã Một"], ""),
        (["create", "Đặng Ánh", "--role", "officer", "--unit", "Xã Một"], ""),
        (["create", "nguyen.an", "--role", "officer", "--unit", "Xã Một"], ""),
        (["create", "anh", "--role", "officer", "--unit", "Xã Một", "--password-stdin"], "ngắn\n"),
        (["create", "anh", "--role", "officer"], ""),
        (["link", "khong.co"], ""),
    ],
)
def test_command_refuses_with_code_two_and_writes_nothing(
    inside: Flask, world: World, arguments: list[str], typed: str
) -> None:
    before = db.session.scalars(select(User.username)).all()
    refused = command(*arguments, typed=typed)
    assert refused.exit_code == 2
    assert "Traceback" not in refused.output
    assert db.session.scalars(select(User.username)).all() == before


def test_command_link_opens_the_account(inside: Flask, world: World, client: FlaskClient) -> None:
    printed = command("link", "NGUYEN.AN", "--base-url", "https://cchc.example/").output.strip()
    assert printed.startswith("https://cchc.example/dat-mat-khau/")
    assert client.get(printed.removeprefix("https://cchc.example")).status_code == 200
    assert command("link", "nguyen.an").output.startswith("http://127.0.0.1:8000/dat-mat-khau/")


def test_search_finds_people_for_administrators_only(
    app: Flask, world: World, clock: FixedClock
) -> None:
    from tracker.accounts.queries import find_people

    access = Access(world.chief, {"users.manage": frozenset({world.root})})
    with app.app_context():
        with acting(Context(Actor("B", world.chief, access), clock)):
            found = [name for _id, name, _context, _exactness in find_people("nguyen", 5)]
            assert found == ["Nguyễn Văn An"]
            assert find_people("pham dung", 5) == []
        with acting(Context(Actor("A", world.officer, Access(world.officer)), clock)):
            assert find_people("nguyen", 5) == []
