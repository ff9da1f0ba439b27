"""Web Push: what is told appears on the screen of each browser that its person has switched on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import current_app
from sqlalchemy import select

from tracker.accounts.models import User
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.outgoing import AddressRefused, post, read_target
from tracker.core.work import run
from tracker.notices import push_services, queries, webpush
from tracker.notices.channel_models import PushKey, PushSubscription
from tracker.notices.models import MailServer, Notice
from tracker.notices.outside import networks, require_taken, rest
from tracker.notices.push_services import Browser, HandOver
from tracker.outbox.services import next_wait
from tracker.outbox.topics import GiveUp, Message, Topic, register
from tracker.plugins.descriptors import Outgoing, ShownNotice
from tracker.plugins.host import current_registry

LONGEST_TITLE: Final = 200
RESTING: Final = "tracker_push_resting"
MOST_RESTING: Final = 1000
# What is older stands in the app; nobody needs it on the screen.
PATIENCE: Final = timedelta(days=1)
# The push service no longer knows the browser (RFC 8030, section 7.3).
GONE: Final = frozenset({404, 410})
# What no further attempt changes: our key, our request, its size.
FOR_GOOD: Final = frozenset({400, 401, 403, 405, 413})


def reachable(user_ids: Sequence[int]) -> frozenset[int]:
    """Return who has switched a browser on."""
    return frozenset(
        db.session.scalars(
            select(PushSubscription.user_id).where(PushSubscription.user_id.in_(user_ids))
        )
    )


def send(outgoing: Outgoing) -> None:
    """Hand notices over to each browser of their reader; from there they go by the outbox."""
    ids = tuple(one.id for one in outgoing.notices)
    run(push_services.hand_over, HandOver(outgoing.receiver.user_id, ids))


@dataclass(frozen=True)
class _Way:
    """A browser and a notice for its person, as they are now."""

    browser: Browser
    p256dh: str
    auth: str
    user_id: int
    locale: str
    is_active: bool
    is_unread: bool


def _way(browser_id: int, notice_id: int) -> _Way | None:
    row = db.session.execute(
        select(
            PushSubscription.id,
            PushSubscription.endpoint,
            PushSubscription.p256dh,
            PushSubscription.auth,
            User.id.label("user_id"),
            User.locale,
            User.is_active,
            Notice.read_at,
        )
        .join(User, User.id == PushSubscription.user_id)
        .join(Notice, Notice.user_id == User.id)
        .where(PushSubscription.id == browser_id, Notice.id == notice_id)
    ).one_or_none()
    if row is None:
        return None
    browser = Browser(row.id, row.endpoint)
    return _Way(
        browser, row.p256dh, row.auth, row.user_id, row.locale, row.is_active, row.read_at is None
    )


def deliver(message: Message) -> None:
    """Take one notice to one browser's push service.

    Nothing is sent where the browser is gone or the notice was read meanwhile. Raises OSError to be
    tried again, GiveUp where that would change nothing.
    """
    way = _way(message.payload["browser"], message.payload["notice"])
    if way is None or not way.is_active or not way.is_unread:
        return
    (notice,) = queries.shown_in(way.locale, [message.payload["notice"]])
    kind = current_registry().notice_kinds.get(notice.kind)
    pem = db.session.scalars(select(PushKey.private_key)).one()
    contact, allowed = _contact(), networks()
    # No transaction stays open while the outside is waited for.
    db.session.rollback()
    now = current().clock.now()
    try:
        target = read_target(way.browser.endpoint)
        services = _services()
        failures, resting_until = services.get(target.origin, (0, now))
        rest(message, PATIENCE, resting_until)
        status = post(
            target,
            webpush.encrypt(content(notice, way.locale), way.p256dh, way.auth),
            {
                "Authorization": webpush.authorization(pem, target.origin, contact, now),
                "Content-Type": "application/octet-stream",
                "Content-Encoding": "aes128gcm",
                "TTL": str(_seconds_left(message.posted_at, now)),
                "Urgency": "high" if kind is not None and kind.urgent else "normal",
                # What arrives twice replaces itself while the browser is away (RFC 8030, 5.4).
                "Topic": f"n{notice.id}",
            },
            allowed,
        )
        services.pop(target.origin, None)
    except OSError:
        services[target.origin] = (failures + 1, now + next_wait(failures + 1))
        raise
    except AddressRefused as error:
        raise GiveUp(f"no push service may be there: {error.reason}") from error
    if status in GONE:
        run(push_services.drop_browser, way.browser)
        return
    if status in FOR_GOOD:
        raise GiveUp(f"the push service refuses the message: HTTP {status}")
    require_taken(status)
    run(push_services.note_taken, way.browser)


def _services() -> dict[str, tuple[int, datetime]]:
    """Return the push services that could not be reached: how often, and until when they rest.

    Each process finds out for itself. A server without a way out must not spend its time on trying.
    """
    found: dict[str, tuple[int, datetime]] = current_app.extensions.setdefault(RESTING, {})
    if len(found) > MOST_RESTING:
        found.clear()
    return found


def content(notice: ShownNotice, locale: str) -> bytes:
    """Return what the browser is told: a title, and where it leads within the site."""
    path = current_app.url_map.bind("localhost").build(
        "notices.open_notice", {"notice_id": notice.id}
    )
    title = " ".join(notice.title.split())
    told = {
        "title": title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…",
        # Beside the worker's own scope, so that it holds under any address of the site.
        "link": path.lstrip("/"),
        "tag": f"notice-{notice.id}",
        "lang": locale,
    }
    return json.dumps(told, ensure_ascii=False).encode("utf-8")


def _seconds_left(posted_at: datetime, now: datetime) -> int:
    return max(0, int((posted_at + PATIENCE - now).total_seconds()))


def _contact() -> str:
    """Return how a push service's people reach ours: the site, or the mail server's sender."""
    site = queries.site_address()
    if site.startswith("https://"):
        return site
    sender = db.session.scalars(select(MailServer.sender)).first()
    return f"mailto:{sender}" if sender else ""


@dataclass(frozen=True)
class BrowserRow:
    """A browser as its person sees it; `endpoint` lets the browser find itself in the list."""

    id: int
    endpoint: str
    device: str
    created_at: datetime
    last_ok_at: datetime | None


def browsers_of(user_id: int) -> list[BrowserRow]:
    """Return a person's browsers, the newest first."""
    rows = db.session.execute(
        select(
            PushSubscription.id,
            PushSubscription.endpoint,
            PushSubscription.device,
            PushSubscription.created_at,
            PushSubscription.last_ok_at,
        )
        .where(PushSubscription.user_id == user_id)
        .order_by(PushSubscription.id.desc())
    )
    return [BrowserRow(*row) for row in rows]


register(Topic(key=push_services.TOPIC, send=deliver, patience=PATIENCE))
