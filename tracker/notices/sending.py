"""From the outbox to the channels: what is urgent alone, the rest once a day together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import or_, select, update

from tracker.accounts.models import User
from tracker.core.db import db
from tracker.core.work import Work, run
from tracker.notices import queries
from tracker.notices.models import Notice, NoticeDelivery
from tracker.notices.reach import new_reach
from tracker.notices.services import DIGEST, SEND, told
from tracker.outbox.telling import TOPIC
from tracker.outbox.topics import Message, NotYet, Topic, register
from tracker.plugins.descriptors import Outgoing, Receiver
from tracker.plugins.host import current_registry

# How long a message waits for a channel whose plug-in is switched off.
ABSENT: Final = timedelta(hours=1)
PATIENCE: Final = timedelta(days=4)


@dataclass(frozen=True)
class Gather:
    """What one message carries: its own notices, for a digest also those that wait."""

    batch: str
    user_id: int
    channel: str
    is_digest: bool
    # Does the channel reach the person at all? It is asked before the transaction begins.
    is_reachable: bool


def gather(work: Work, data: Gather) -> list[int]:
    """Put what waits into the message, for good; return the notices that it still has to carry.

    What the person has read in the app meanwhile, or no longer wants, is not sent.
    """
    mine = (
        NoticeDelivery.user_id == data.user_id,
        NoticeDelivery.channel == data.channel,
        NoticeDelivery.sent_at.is_(None),
    )
    if data.is_digest:
        work.session.execute(
            update(NoticeDelivery)
            .where(*mine, or_(NoticeDelivery.batch == "", NoticeDelivery.batch == data.batch))
            .values(batch=data.batch)
        )
    rows = work.session.execute(
        select(Notice.id, Notice.kind, Notice.read_at)
        .join(NoticeDelivery, NoticeDelivery.notice_id == Notice.id)
        .where(*mine, NoticeDelivery.batch == data.batch)
        .order_by(Notice.id)
    ).all()
    reach = new_reach()
    reach.learn(work, [data.user_id])
    wanted = [
        row.id
        for row in rows
        if data.is_reachable
        and row.read_at is None
        and reach.wants(data.user_id, row.kind, data.channel)
    ]
    dropped = [row.id for row in rows if row.id not in wanted]
    _mark(work, data.channel, dropped)
    return wanted


@dataclass(frozen=True)
class Sent:
    """Notices that left the app by a channel."""

    channel: str
    ids: tuple[int, ...]


def mark_sent(work: Work, data: Sent) -> None:
    """Note that notices left the app."""
    _mark(work, data.channel, data.ids)


def _mark(work: Work, channel: str, ids: list[int] | tuple[int, ...]) -> None:
    if ids:
        work.session.execute(
            update(NoticeDelivery)
            .where(NoticeDelivery.channel == channel, NoticeDelivery.notice_id.in_(ids))
            .values(sent_at=work.now)
        )


def send(message: Message) -> None:
    """Hand a message's notices to its channel; raises what the channel raises."""
    name, user_id = message.payload["channel"], message.payload["user_id"]
    channel = current_registry().channels.get(name)
    if channel is None:
        raise NotYet(ABSENT, f"channel {name} is switched off")
    is_digest = message.topic == DIGEST
    is_reachable = user_id in channel.reachable([user_id])
    ids = run(gather, Gather(message.key, user_id, name, is_digest, is_reachable))
    if not ids:
        return
    person = db.session.execute(
        select(User.id, User.name, User.email, User.locale, User.is_active).where(
            User.id == user_id
        )
    ).one()
    if person.is_active:
        receiver = Receiver(person.id, person.name, person.email, person.locale)
        shown = queries.shown_in(person.locale, ids)
        # No transaction stays open while the outside is waited for.
        db.session.rollback()
        channel.send(Outgoing(message.key, receiver, shown, is_digest))
    run(mark_sent, Sent(name, tuple(ids)))


register(Topic(key=TOPIC, apply=told))
register(Topic(key=SEND, send=send, patience=PATIENCE))
register(Topic(key=DIGEST, send=send, patience=PATIENCE))
