"""Webhooks: other systems are told of notices, in messages that they can prove to be ours.

Source: Standard Webhooks 1.0 (standardwebhooks.com): headers, what is signed, what an answer means;
who answers 410 wants nothing more, and is switched off.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import select

from tracker.accounts.models import User
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import NotFound, PermissionDenied
from tracker.core.outgoing import AddressRefused, post, read_target
from tracker.core.secrets import SecretUnreadable
from tracker.core.work import run
from tracker.notices import queries, webhook_services
from tracker.notices.channel_models import WebhookEndpoint, WebhookState
from tracker.notices.outside import StatusRefused, fault_of, networks, require_taken, rest
from tracker.notices.permissions import WEBHOOKS
from tracker.notices.webhook_services import MARK, SCHEMES, Tried, wants
from tracker.outbox.services import next_wait
from tracker.outbox.topics import Message, Topic, register

PATIENCE: Final = timedelta(days=4)
TEST_KIND: Final = "webhook.test"
GONE: Final = 410
# Programs read it: its language does not follow whoever happens to look.
LOCALE: Final = "vi"


def signature(secret: str, name: str, moment: int, body: bytes) -> str:
    """Return the signature of a message under an endpoint's secret."""
    key = base64.b64decode(secret.removeprefix(MARK))
    signed = f"{name}.{moment}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def compose(told: Mapping[str, Any], recipients: Sequence[str]) -> bytes:
    """Return what an endpoint is told, as JSON: words for people, and whom they were meant for."""
    with force_locale(LOCALE):
        words = queries.words_of(told["kind"], told["params"])
    message = {
        "id": told["id"],
        "kind": told["kind"],
        "at": told["at"],
        "title": words.title,
        "link": queries.page_address(*told["page"]) if told["page"] else "",
        "recipients": list(recipients),
    }
    return json.dumps(message, ensure_ascii=False).encode("utf-8")


def deliver(message: Message) -> None:
    """Tell one endpoint; raises what stood in the way, to be tried again.

    Nothing is sent to one that is gone, switched off, or no longer wants the kind. One that failed
    rests, whatever waits for it, longer each time: it must not hold up everything else that leaves.
    """
    told = message.payload
    row = db.session.execute(
        select(
            WebhookEndpoint.url,
            WebhookEndpoint.notice_kinds,
            WebhookState.tried_at,
            WebhookState.failures,
        )
        .outerjoin(WebhookState, WebhookState.endpoint_id == WebhookEndpoint.id)
        .where(WebhookEndpoint.id == told["endpoint"], WebhookEndpoint.is_active.is_(True))
    ).one_or_none()
    if row is None or not wants(row.notice_kinds, told["kind"]):
        return
    if row.failures:
        rest(message, PATIENCE, row.tried_at + next_wait(row.failures))
    names = db.session.scalars(
        select(User.username).where(User.id.in_(told["people"])).order_by(User.username)
    ).all()
    try:
        _tell(told["endpoint"], row.url, told["id"], compose(told, names))
    except StatusRefused as error:
        if error.status != GONE:
            raise


def _tell(endpoint_id: int, url: str, name: str, body: bytes) -> None:
    """Send a signed message and note how it went. Raises what stood in the way."""
    try:
        _transmit(endpoint_id, url, name, body)
    except (OSError, AddressRefused, SecretUnreadable) as error:
        db.session.rollback()
        run(webhook_services.note_try, Tried(endpoint_id, fault_of(error)))
        if isinstance(error, StatusRefused) and error.status == GONE:
            run(webhook_services.switch_off, endpoint_id)
        raise
    run(webhook_services.note_try, Tried(endpoint_id, ""))


def _transmit(endpoint_id: int, url: str, name: str, body: bytes) -> None:
    query = select(WebhookEndpoint.secret).where(WebhookEndpoint.id == endpoint_id)
    secret = db.session.scalars(query).one()
    moment, allowed = int(current().clock.now().timestamp()), networks()
    # No transaction stays open while the outside is waited for.
    db.session.rollback()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "tracker-webhook/1",
        "webhook-id": name,
        "webhook-timestamp": str(moment),
        "webhook-signature": signature(secret, name, moment, body),
    }
    require_taken(post(read_target(url, SCHEMES), body, headers, allowed))


def send_test(endpoint_id: int, username: str) -> str:
    """Send a test message at once; return '' or the code of what stood in the way.

    An endpoint that is switched off is tried too: before it is switched on. Raises NotFound,
    PermissionDenied.
    """
    if not current().actor.access.holds(WEBHOOKS):
        raise PermissionDenied
    url = db.session.scalar(select(WebhookEndpoint.url).where(WebhookEndpoint.id == endpoint_id))
    if url is None:
        raise NotFound
    now = current().clock.now()
    name = (
        "msg_test_" + hashlib.sha256(f"{endpoint_id} {now.isoformat()}".encode()).hexdigest()[:23]
    )
    with force_locale(LOCALE):
        title = _("Tin thử từ hệ thống theo dõi CCHC")
    message = {
        "id": name,
        "kind": TEST_KIND,
        "at": now.isoformat(),
        "title": title,
        "link": queries.page_address("notices.list_endpoints", {}),
        "recipients": [username],
    }
    try:
        _tell(endpoint_id, url, name, json.dumps(message, ensure_ascii=False).encode("utf-8"))
    except (OSError, AddressRefused, SecretUnreadable) as error:
        return fault_of(error)
    return ""


# -- for the pages -------------------------------------------------------------------------------


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint with how its last messages went; its secret is shown to nobody."""

    id: int
    name: str
    url: str
    kinds: Sequence[str]
    is_active: bool
    version: int
    tried_at: datetime | None
    ok_at: datetime | None
    failures: int
    fault: str


def endpoints(endpoint_id: int | None = None) -> list[EndpointRow]:
    """Return all endpoints by name, or the one with an id."""
    query = (
        select(
            WebhookEndpoint.id,
            WebhookEndpoint.name,
            WebhookEndpoint.url,
            WebhookEndpoint.notice_kinds,
            WebhookEndpoint.is_active,
            WebhookEndpoint.version,
            WebhookState.tried_at,
            WebhookState.ok_at,
            WebhookState.failures,
            WebhookState.fault,
        )
        .outerjoin(WebhookState, WebhookState.endpoint_id == WebhookEndpoint.id)
        .order_by(WebhookEndpoint.name, WebhookEndpoint.id)
    )
    if endpoint_id is not None:
        query = query.where(WebhookEndpoint.id == endpoint_id)
    return [
        EndpointRow(
            row.id,
            row.name,
            row.url,
            row.notice_kinds,
            row.is_active,
            row.version,
            row.tried_at,
            row.ok_at,
            row.failures or 0,
            row.fault or "",
        )
        for row in db.session.execute(query)
    ]


register(Topic(key=webhook_services.TOPIC, send=deliver, patience=PATIENCE))
