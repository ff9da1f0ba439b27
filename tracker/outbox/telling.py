"""Have people told: how features below the notices say who should know what.

A message of the topic `notice` is written with its cause; the notices' feature settles it: it finds
the people, writes what each is told, and sees to the ways out of the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tracker.core.work import Work
from tracker.outbox.services import post_all

TOPIC: Final = "notice"


@dataclass(frozen=True, kw_only=True)
class Tell:
    """What is told, and to whom. `key` names the occasion: each person is told of it once.

    `kind` is a NoticeKind's key, `params` its JSON values, `page` the endpoint and values of the
    page that it leads to. `people` are account ids; `holders` are (permission, unit): those who
    hold it nearest to the unit, in it or on the way up; `anyone` are permissions: whoever holds
    one anywhere. Whoever acts is not told of his own act.
    """

    kind: str
    key: str
    page: tuple[str, Mapping[str, Any]]
    params: Mapping[str, Any] = field(default_factory=dict)
    people: Iterable[int | None] = ()
    holders: Sequence[tuple[str, int]] = ()
    anyone: Sequence[str] = ()


def tell(work: Work, *told: Tell) -> None:
    """Write down who is to be told what, with the unit of work that is its cause."""
    post_all(work, TOPIC, [(f"{one.kind}:{one.key}", _payload(work, one), None) for one in told])


def _payload(work: Work, one: Tell) -> dict[str, Any]:
    endpoint, values = one.page
    return {
        "kind": one.kind,
        "key": one.key,
        "page": [endpoint, dict(values)],
        "params": dict(one.params),
        "people": sorted({user for user in one.people if user is not None}),
        "holders": [list(pair) for pair in one.holders],
        "anyone": list(one.anyone),
        "but": work.actor.user_id,
    }
