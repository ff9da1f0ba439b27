"""A small register: two communes under one town, a category, posts and people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from tracker_position_rotation import inputs, services
from tracker_position_rotation.models import Person, Post

from tracker.api.queries import session
from tracker.api.work import run
from tracker.testing.world import World

# Today in these tests is 2026-06-16.
BASE = {
    "sector": "Đất đai",
    "legal_basis": "Nghị định 59/2019/NĐ-CP",
    "valid_from": date(2019, 7, 1),
}


@dataclass
class Register:
    """Makers of a register for one test."""

    world: World
    town: int
    first: int
    second: int
    category: int

    def post(self, unit: int, title: str = "Địa chính", seats: int = 1, **more: object) -> int:
        """Make a post; of the category unless told otherwise."""
        data = {
            "profession": "Địa chính",
            "category_id": self.category,
            "reach_unit_id": self.town,
            "smallest": 0,
            **more,
        }
        return run(
            services.save_post,
            inputs.SavePost(unit_id=unit, title=title, seats=seats, **data),  # type: ignore[arg-type]
        )

    def person(self, name: str, post: int, since: date, **more: object) -> int:
        """Put somebody into a post."""
        return run(
            services.save_person,
            inputs.SavePerson(
                staff_code=f"CC-{abs(hash(name)) % 10**8}",
                name=name,
                post_id=post,
                since=since,
                **more,  # type: ignore[arg-type]
            ),
        )

    def address(self, person_id: int) -> str:
        """Return the address of a person's page."""
        session().rollback()
        key = session().scalars(select(Person.public_id).where(Person.id == person_id)).one()
        return f"/chuyen-doi/nguoi/{key}"

    def post_of(self, person_id: int) -> Post:
        """Return the post that somebody holds now."""
        from tracker_position_rotation.models import Holding

        session().rollback()
        return (
            session()
            .scalars(
                select(Post)
                .join(Holding)
                .where(Holding.person_id == person_id, Holding.until.is_(None))
            )
            .one()
        )
