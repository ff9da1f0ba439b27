"""How people can be reached outside the app: channels, choices and hours, read for many at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from flask import current_app
from sqlalchemy import select

from tracker.core.work import Work
from tracker.notices.hours import Hours
from tracker.notices.models import NoticeHours, NoticePreference
from tracker.plugins.descriptors import Channel, NoticeKind
from tracker.plugins.host import host_of

# The kind that stands for all kinds: a channel that a person has switched off altogether.
ALL_KINDS: Final = "*"
PUSH: Final = "push"
AT_ONCE: Final = 500


@dataclass
class Reach:
    """How people can be reached outside the app, read once for many notices."""

    channels: Mapping[str, Channel]
    kinds: Mapping[str, NoticeKind]
    # Channels of plug-ins. No plug-in's code runs in a transaction of the core, so these are asked
    # whom they reach when they send, and are taken to reach everybody until then.
    foreign: frozenset[str] = frozenset()
    # By channel: whom it can reach.
    reachable: dict[str, frozenset[int]] = field(default_factory=dict)
    chosen: dict[tuple[int, str, str], bool] = field(default_factory=dict)
    hours: dict[int, Hours] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    # Webhooks that are switched on, with the kinds that they want; None until somebody asks.
    endpoints: list[tuple[int, frozenset[str]]] | None = None

    def learn(self, work: Work, user_ids: Collection[int]) -> None:
        """Read what is not known yet of these people."""
        new = sorted(set(user_ids) - self.read)
        self.read.update(new)
        for start in range(0, len(new), AT_ONCE):
            ids = new[start : start + AT_ONCE]
            for key, channel in self.channels.items():
                known = self.reachable.get(key, frozenset())
                found = frozenset(ids) if key in self.foreign else channel.reachable(ids)
                self.reachable[key] = known | found
            for one in work.session.execute(
                select(
                    NoticePreference.user_id,
                    NoticePreference.kind,
                    NoticePreference.channel,
                    NoticePreference.is_wanted,
                ).where(NoticePreference.user_id.in_(ids))
            ):
                self.chosen[one.user_id, one.kind, one.channel] = one.is_wanted
            for row in work.session.execute(
                select(
                    NoticeHours.user_id,
                    NoticeHours.digest_hour,
                    NoticeHours.quiet_from,
                    NoticeHours.quiet_to,
                ).where(NoticeHours.user_id.in_(ids))
            ):
                self.hours[row.user_id] = Hours(row.digest_hour, row.quiet_from, row.quiet_to)

    def wants(self, user_id: int, kind: str, channel: str) -> bool:
        """Tell whether the person is told of a kind by a channel."""
        spec = self.kinds.get(kind)
        if spec is None or user_id not in self.reachable.get(channel, frozenset()):
            return False
        if not self.chosen.get((user_id, ALL_KINDS, channel), True):
            return False
        return self.chosen.get((user_id, kind, channel), is_usual(spec, channel))


def is_usual(kind: NoticeKind, channel: str) -> bool:
    """Tell whether a kind leaves by a channel as long as its person chose nothing.

    Whoever switches a browser on wants what is urgent there, whatever its kind knew of browsers.
    """
    return channel in kind.channels or (channel == PUSH and kind.urgent)


def new_reach() -> Reach:
    """Return a reach that knows nobody yet."""
    host = host_of(current_app)
    channels = host.registry.channels
    foreign = frozenset(key for key in channels if host.is_foreign("channels", key))
    return Reach(channels, host.registry.notice_kinds, foreign)
