"""Writing things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from tracker.api.errors import NotFound, ValidationFailed
from tracker.api.files import PreparedFile, attach
from tracker.api.i18n import gettext as _
from tracker.api.notices import Tell, tell
from tracker.api.queries import reaches, units
from tracker.api.text import fold, normalise, sort_key
from tracker.api.work import Work
from tracker_dummy.models import Colour, Heard, Thing

VIEW = "dummy.view"
MANAGE = "dummy.manage"
FILES = "dummy.thing"


@dataclass(frozen=True)
class AddThing:
    """A new thing."""

    unit_id: int
    title: str
    assignment_id: int | None = None
    colour: Colour = Colour.RED
    secret: str | None = None
    extra: Any = None
    files: tuple[PreparedFile, ...] = ()


@dataclass(frozen=True)
class RenameThing:
    """Another title."""

    thing_id: int
    title: str


@dataclass(frozen=True)
class AddThings:
    """Several things at once."""

    things: tuple[AddThing, ...] = field(default=())


@dataclass(frozen=True)
class HearOf:
    """An event that was told."""

    event: str
    about: str


def add_thing(work: Work, data: AddThing) -> int:
    """Add a thing, tell who answers for its unit, and return its id. Raises ValidationFailed."""
    title = normalise(data.title)
    if not title:
        raise ValidationFailed({"title": _("Hãy đặt tên mẫu.")})
    if not reaches(MANAGE, units, data.unit_id):
        raise ValidationFailed({"unit_id": _("Hãy chọn đơn vị trong phạm vi của bạn.")})
    thing = Thing(
        unit_id=data.unit_id,
        assignment_id=data.assignment_id,
        title=title,
        colour=data.colour,
        secret=data.secret,
        extra=data.extra,
        made_at=work.now,
        folded=fold(title),
        sort_key=sort_key(title),
    )
    work.session.add(thing)
    work.session.flush()
    for one in data.files:
        attach(work, one, FILES, thing.id)
    tell(
        work,
        Tell(
            kind="dummy.made",
            key=str(thing.public_id),
            page=("dummy.show_thing", {"thing_id": thing.id}),
            params={"title": title},
            holders=[(VIEW, data.unit_id)],
        ),
        plugin="dummy",
    )
    return thing.id


def rename_thing(work: Work, data: RenameThing) -> None:
    """Give a thing another title. Raises NotFound, PermissionDenied."""
    thing = work.get(Thing, data.thing_id)
    if not work.may(VIEW, thing):
        raise NotFound
    work.require(MANAGE, thing)
    thing.title = normalise(data.title)
    thing.folded, thing.sort_key = fold(thing.title), sort_key(thing.title)


def add_things(work: Work, data: AddThings) -> int:
    """Add several things by the bulk writer; return how many."""
    rows = [
        {
            "unit_id": one.unit_id,
            "title": one.title,
            "made_at": work.now,
            "colour": one.colour,
            "folded": fold(one.title),
            "sort_key": sort_key(one.title),
        }
        for one in data.things
    ]
    return len(work.bulk_insert(Thing, rows))


def hear(work: Work, data: HearOf) -> None:
    """Keep that an event was told; told again, nothing changes."""
    known = work.session.scalar(
        select(Heard.id).where(Heard.event == data.event, Heard.about == data.about)
    )
    if known is None:
        work.session.add(Heard(event=data.event, about=data.about))


def take_over(work: Work, moved: dict[int, int]) -> int:
    """Give things of ended units to others; return how many."""
    things = work.session.scalars(select(Thing).where(Thing.unit_id.in_(sorted(moved)))).all()
    for thing in things:
        thing.unit_id = moved[thing.unit_id]
    return len(things)
