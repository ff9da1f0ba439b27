"""Services of notices: write what people are told, mark it read, choose how to be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, select, update

from tracker.accounts.models import User
from tracker.core.clock import to_local
from tracker.core.errors import NotFound, ValidationFailed
from tracker.core.work import Work
from tracker.notices.audience import recipients_of
from tracker.notices.hours import Hours, after_quiet, next_digest
from tracker.notices.models import Notice, NoticeDelivery, NoticeHours, NoticePreference
from tracker.notices.reach import ALL_KINDS, Reach, is_usual, new_reach
from tracker.notices.webhook_services import tell_endpoints
from tracker.outbox.rows import insert_new
from tracker.outbox.services import post_all
from tracker.outbox.topics import Message
from tracker.plugins.host import current_registry

SEND: Final = "notice.send"
DIGEST: Final = "notice.digest"
AT_ONCE: Final = 500


@dataclass(frozen=True)
class NewNotice:
    """What one person is to be told of one occasion."""

    user_id: int
    kind: str
    key: str
    page: tuple[str, Mapping[str, Any]]
    params: Mapping[str, Any]
    represents_id: int | None = None


def told(work: Work, message: Message) -> None:
    """Settle a message of the topic `notice`: write a notice for each person it names."""
    payload = message.payload
    endpoint, values = payload["page"]
    write(
        work,
        [
            NewNotice(
                user_id=one.user_id,
                kind=payload["kind"],
                key=f"{payload['kind']}:{payload['key']}",
                page=(endpoint, values),
                params=payload["params"],
                represents_id=one.represents_id,
            )
            for one in recipients_of(work.session, payload, work.today)
        ],
        # It happened when it was written down, however late it is told.
        at=message.posted_at,
    )


def write(
    work: Work,
    notices: Sequence[NewNotice],
    reach: Reach | None = None,
    at: datetime | None = None,
) -> int:
    """Write notices and what carries them out of the app; return how many are new.

    Whoever was told of an occasion before is not told again, by no way.
    """
    if not notices:
        return 0
    these = _same(notices)
    told_before = select(Notice.user_id, Notice.key).where(these)
    known = {(row.user_id, row.key) for row in work.session.execute(told_before)}
    fresh = {(one.user_id, one.key): one for one in notices if (one.user_id, one.key) not in known}
    if not fresh:
        return 0
    insert_new(
        work.session,
        Notice,
        [
            {
                "user_id": one.user_id,
                "key": one.key,
                "kind": one.kind,
                "params": {"page": [one.page[0], dict(one.page[1])], **one.params},
                "created_at": at or work.now,
                "represents_id": one.represents_id,
            }
            for one in fresh.values()
        ],
    )
    reach = reach or new_reach()
    tell_endpoints(work, reach, list(fresh.values()), at or work.now)
    reach.learn(work, {user_id for user_id, _key in fresh})
    if any(reach.reachable.values()):
        _carry(work, reach, fresh, these)
    return len(fresh)


def _same(notices: Sequence[NewNotice]) -> ColumnElement[bool]:
    """Return a condition that holds for these notices, by the index on people and keys."""
    people = sorted({one.user_id for one in notices})
    keys = sorted({one.key for one in notices})
    return and_(Notice.user_id.in_(people), Notice.key.in_(keys))


def _carry(
    work: Work,
    reach: Reach,
    fresh: Mapping[tuple[int, str], NewNotice],
    these: ColumnElement[bool],
) -> None:
    """Write down by which channels, and when, new notices leave the app."""
    deliveries: list[dict[str, Any]] = []
    at_once: list[tuple[str, Any, Any]] = []
    digests: dict[str, tuple[str, Any, Any]] = {}
    rows = work.session.execute(
        select(Notice.id, Notice.user_id, Notice.key, Notice.kind).where(these)
    )
    for notice_id, user_id, key, kind in rows:
        if (user_id, key) not in fresh:
            continue
        hours = reach.hours.get(user_id, Hours())
        for name, channel in reach.channels.items():
            if not reach.wants(user_id, kind, name):
                continue
            spec = reach.kinds[kind]
            batch = ""
            if spec.urgent or not channel.digests:
                batch = f"{SEND}:{name}:{notice_id}"
                when = work.now if spec.breaks_quiet else after_quiet(hours, work.now)
                at_once.append((batch, {"channel": name, "user_id": user_id}, when))
            else:
                when = next_digest(hours, work.now)
                hour = f"{to_local(when):%Y-%m-%dT%H}"
                digest = f"{DIGEST}:{name}:{user_id}:{hour}"
                digests[digest] = (digest, {"channel": name, "user_id": user_id}, when)
            deliveries.append(
                {"notice_id": notice_id, "channel": name, "user_id": user_id, "batch": batch}
            )
    insert_new(work.session, NoticeDelivery, deliveries)
    post_all(work, SEND, at_once)
    post_all(work, DIGEST, list(digests.values()))


# -- in the app ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class MarkRead:
    """Notices of one person that were read; without ids all of them."""

    user_id: int
    ids: tuple[int, ...] | None = None


def mark_read(work: Work, data: MarkRead) -> None:
    """Note that a person has read notices of theirs; others' are left alone."""
    unread = (Notice.user_id == data.user_id) & Notice.read_at.is_(None)
    if data.ids is not None:
        unread &= Notice.id.in_(data.ids)
    work.session.execute(update(Notice).where(unread).values(read_at=work.now))


@dataclass(frozen=True)
class OpenNotice:
    """A person follows a notice of theirs."""

    user_id: int
    notice_id: int


def open_notice(work: Work, data: OpenNotice) -> tuple[str, dict[str, Any]]:
    """Mark a notice read; return the endpoint and values of its page. Raises NotFound."""
    notice = work.session.scalars(
        select(Notice).where(Notice.id == data.notice_id, Notice.user_id == data.user_id)
    ).one_or_none()
    if notice is None:
        raise NotFound
    mark_read(work, MarkRead(data.user_id, (notice.id,)))
    endpoint, values = notice.params["page"]
    return endpoint, values


# -- choices -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SaveChoices:
    """Which kinds a person wants by which channels, and at what hours."""

    user_id: int
    wanted: Mapping[tuple[str, str], bool]
    hours: Hours


def save_choices(work: Work, data: SaveChoices) -> None:
    """Keep how a person wants to be told. Raises ValidationFailed for hours that no day has."""
    problems = {
        name: _("Chọn giờ từ 0 đến 23.")
        for name in ("digest_hour", "quiet_from", "quiet_to")
        if not 0 <= getattr(data.hours, name) <= 23
    }
    if problems:
        raise ValidationFailed(problems)
    kinds, channels = current_registry().notice_kinds, current_registry().channels
    for (kind, channel), is_wanted in data.wanted.items():
        if channel not in channels or (kind != ALL_KINDS and kind not in kinds):
            continue
        usual = True if kind == ALL_KINDS else is_usual(kinds[kind], channel)
        _choose(work, data.user_id, kind, channel, is_wanted=is_wanted, usual=usual)
    row = work.session.get(NoticeHours, data.user_id)
    if row is None:
        if data.hours == Hours():
            return
        row = NoticeHours(user_id=data.user_id)
        work.session.add(row)
    row.digest_hour = data.hours.digest_hour
    row.quiet_from, row.quiet_to = data.hours.quiet_from, data.hours.quiet_to


def _choose(
    work: Work, user_id: int, kind: str, channel: str, *, is_wanted: bool, usual: bool
) -> None:
    row = work.session.get(NoticePreference, (user_id, kind, channel))
    if row is not None:
        row.is_wanted = is_wanted
    elif is_wanted != usual:
        work.session.add(
            NoticePreference(user_id=user_id, kind=kind, channel=channel, is_wanted=is_wanted)
        )


@dataclass(frozen=True)
class Unsubscribe:
    """A person no longer wants a kind (or `*`, any) by a channel; told by a signed link."""

    user_id: int
    kind: str
    channel: str


def unsubscribe(work: Work, data: Unsubscribe) -> None:
    """Switch a kind off by a channel. Raises NotFound for an account that is gone."""
    if work.session.get(User, data.user_id) is None:
        raise NotFound
    _choose(work, data.user_id, data.kind, data.channel, is_wanted=False, usual=True)
