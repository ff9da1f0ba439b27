"""Make units for tests, through the services, as the system itself."""

from __future__ import annotations

import itertools
from datetime import date

from tracker.core.clock import Clock, FixedClock
from tracker.core.context import SYSTEM_ACTOR, Context, Source, acting, current
from tracker.core.work import run
from tracker.units.inputs import CreateUnit, SaveUnitSet
from tracker.units.models import UnitKind
from tracker.units.services import create_unit, save_unit_set

BORN = date(2021, 1, 1)
_numbers = itertools.count(1)


def system_context(clock: Clock | None = None) -> Context:
    """Return the context in which factories write: the system, at the test's time."""
    return Context(SYSTEM_ACTOR, clock or _clock(), Source.COMMAND)


def _clock() -> Clock:
    from tests.support.apps import PRESENT

    known = current().clock
    return known if isinstance(known, FixedClock) else FixedClock(PRESENT)


def make_unit(
    name: str = "",
    kind: UnitKind | str = UnitKind.COMMUNE,
    parent: int | None = None,
    *,
    code: str = "",
    short_name: str = "",
    head_title: str = "",
    valid_from: date = BORN,
    aliases: tuple[str, ...] = (),
) -> int:
    """Make a unit and return its id; without a parent it is a root. Needs an app context."""
    data = CreateUnit(
        name=name or f"Đơn vị số {next(_numbers)}",
        kind=UnitKind(kind),
        parent_id=parent,
        valid_from=valid_from,
        code=code,
        short_name=short_name,
        head_title=head_title,
        aliases=aliases,
    )
    with acting(system_context()):
        return run(create_unit, data)


def make_unit_set(
    name: str = "",
    kinds: tuple[UnitKind | str, ...] = (UnitKind.COMMUNE,),
    under: int | None = None,
) -> int:
    """Make a unit set and return its id. Needs an app context."""
    data = SaveUnitSet(
        name=name or f"Nhóm số {next(_numbers)}",
        kinds=tuple(UnitKind(kind) for kind in kinds),
        under_unit_id=under,
    )
    with acting(system_context()):
        return run(save_unit_set, data)
