"""Services of Web Push: the instance's key, people's browsers, and what is on its way to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import delete, func, select, update

from tracker.core.errors import NotFound, ValidationFailed
from tracker.core.outgoing import AddressRefused, read_target
from tracker.core.secrets import SecretUnreadable
from tracker.core.work import Work
from tracker.notices import webpush
from tracker.notices.audience import one_at_a_time
from tracker.notices.channel_models import PushKey, PushSubscription
from tracker.outbox.rows import insert_new
from tracker.outbox.services import post_all

TOPIC: Final = "notice.push"
MOST_BROWSERS: Final = 10
LONGEST_DEVICE: Final = 300


def make_key(work: Work, _data: None) -> str:
    """Return the public half of the instance's key, making the key when there is none.

    After a restore without the field key nothing opens the old one: it is replaced, and the
    browsers that know it are forgotten, as no message of ours reaches them any more.
    """
    try:
        known = work.session.execute(select(PushKey.public_key, PushKey.private_key)).first()
    except SecretUnreadable:
        work.session.execute(delete(PushSubscription))
        work.session.execute(delete(PushKey))
        known = None
    if known is None:
        private, public = webpush.new_key()
        row = {"id": 1, "private_key": private, "public_key": public, "created_at": work.now}
        insert_new(work.session, PushKey, [row])
    # Another process may have been first.
    return work.session.scalars(select(PushKey.public_key)).one()


@dataclass(frozen=True)
class AddBrowser:
    """A browser in which a person wants to be told, with what its push service gave it."""

    user_id: int
    endpoint: str
    p256dh: str
    auth: str
    device: str


def add_browser(work: Work, data: AddBrowser) -> int:
    """Keep a browser and return its id; one that told another person before changes hands.

    Raises ValidationFailed for an address or keys that no browser makes, and for one too many.
    """
    try:
        read_target(data.endpoint)
        webpush.check_keys(data.p256dh, data.auth)
    except (AddressRefused, webpush.KeysUnreadable) as error:
        raise ValidationFailed({"": _("Trình duyệt gửi lên địa chỉ không dùng được.")}) from error
    one_at_a_time(work.session, data.user_id)
    row = work.session.scalars(
        select(PushSubscription).where(PushSubscription.endpoint == data.endpoint).with_for_update()
    ).one_or_none()
    if row is None or row.user_id != data.user_id:
        kept = work.session.scalar(
            select(func.count())
            .select_from(PushSubscription)
            .where(PushSubscription.user_id == data.user_id)
        )
        if (kept or 0) >= MOST_BROWSERS:
            raise ValidationFailed(
                {"": _("Mỗi người bật nhiều nhất %(most)d trình duyệt. Hãy bỏ bớt.",
                       most=MOST_BROWSERS)}
            )  # fmt: skip
    if row is None:
        row = PushSubscription(endpoint=data.endpoint)
        work.session.add(row)
    elif row.user_id != data.user_id:
        row.last_ok_at = None
    row.user_id, row.p256dh, row.auth = data.user_id, data.p256dh, data.auth
    row.device, row.created_at = data.device[:LONGEST_DEVICE], work.now
    work.session.flush()
    return row.id


@dataclass(frozen=True)
class RemoveBrowser:
    """A browser of one's own in which nothing is to be told any more."""

    user_id: int
    browser_id: int


def remove_browser(work: Work, data: RemoveBrowser) -> None:
    """Forget a browser. Raises NotFound for another's."""
    row = work.get(PushSubscription, data.browser_id)
    if row.user_id != data.user_id:
        raise NotFound
    work.session.delete(row)


def forget_person(work: Work, user_id: int) -> None:
    """Forget a person's browsers within another service, which has checked the right to."""
    work.session.execute(delete(PushSubscription).where(PushSubscription.user_id == user_id))


@dataclass(frozen=True)
class HandOver:
    """Notices that are to reach each browser of a person."""

    user_id: int
    notice_ids: tuple[int, ...]


def hand_over(work: Work, data: HandOver) -> None:
    """Write down a message for each browser, so that one that fails holds up no other."""
    browsers = work.session.scalars(
        select(PushSubscription.id).where(PushSubscription.user_id == data.user_id)
    ).all()
    messages = [
        (f"{TOPIC}:{browser}:{notice}", {"browser": browser, "notice": notice}, None)
        for notice in data.notice_ids
        for browser in browsers
    ]
    if messages:
        post_all(work, TOPIC, messages)


@dataclass(frozen=True)
class Browser:
    """A browser by its id and its address: ids of those that were dropped are given anew."""

    browser_id: int
    endpoint: str


def note_taken(work: Work, data: Browser) -> None:
    """Note that a browser's push service took a message."""
    work.session.execute(
        update(PushSubscription)
        .where(PushSubscription.id == data.browser_id, PushSubscription.endpoint == data.endpoint)
        .values(last_ok_at=work.now)
    )


def drop_browser(work: Work, data: Browser) -> None:
    """Forget a browser that its push service no longer knows."""
    work.session.execute(
        delete(PushSubscription).where(
            PushSubscription.id == data.browser_id, PushSubscription.endpoint == data.endpoint
        )
    )
