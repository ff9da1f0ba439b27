"""A small town with two communes, a desk in each, and makers of cameras and people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import Any

from sqlalchemy import select
from tracker_camera_monitoring import inputs, services, watching
from tracker_camera_monitoring.addresses import read_address
from tracker_camera_monitoring.models import Severity, Sight

from tracker.api.queries import session
from tracker.api.work import run
from tracker.testing.world import World


@dataclass
class Office:
    """What tests of this plug-in start from."""

    world: World
    first: int
    second: int
    first_desk: int
    second_desk: int

    @property
    def today(self) -> date:
        """The day on which the clock of the tests stands."""
        return self.world.clock.today()

    def camera(self, desk: int | None = None, name: str = "Camera 1", **more: Any) -> int:
        """Put a camera into the register; `address` may be text. Return its id."""
        address = more.pop("address", None)
        with self.world.as_system():
            return run(
                services.save_camera,
                inputs.SaveCamera(
                    desk_id=desk or self.first_desk,
                    name=name,
                    address=read_address(address) if address else None,
                    **more,
                ),
            )

    def sight(self, code: str) -> int:
        """Return a line of the list of what may be seen."""
        return session().scalars(select(Sight.id).where(Sight.code == code)).one()

    def entry(
        self,
        person: int,
        desk: int | None = None,
        *codes: str,
        text: str = "",
        severity: Severity = Severity.NORMAL,
        shows_people: bool = False,
        start: time = time(8, 0),
        end: time = time(9, 0),
        day: date | None = None,
    ) -> int:
        """Write an entry as a person; return its id."""
        sights = tuple(self.sight(code) for code in codes)
        with self.world.as_person(person):
            return run(
                watching.save_entry,
                inputs.SaveEntry(
                    desk_id=desk or self.first_desk,
                    day=day or self.today,
                    starts_at=start,
                    ends_at=end,
                    sight_ids=sights,
                    severity=severity,
                    text=text,
                    shows_people=shows_people,
                ),
            )
