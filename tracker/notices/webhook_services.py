"""Services of webhooks: endpoints with their secrets, what is told to them, how it went."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from flask_babel import gettext as _
from sqlalchemy import func, select

from tracker.core.errors import Conflict, FieldError, ValidationFailed
from tracker.core.outgoing import AddressRefused, read_target
from tracker.core.text import normalise
from tracker.core.work import Work
from tracker.notices.channel_models import WebhookEndpoint, WebhookState
from tracker.notices.outside import address_words
from tracker.notices.permissions import WEBHOOKS
from tracker.notices.reach import ALL_KINDS, Reach
from tracker.outbox.services import post_all
from tracker.outbox.telling import Tell, tell
from tracker.plugins.host import current_registry

if TYPE_CHECKING:
    from tracker.notices.services import NewNotice

TOPIC: Final = "notice.webhook"
GONE_KIND: Final = "webhooks.gone"
SCHEMES: Final = ("https", "http")
MOST_ENDPOINTS: Final = 20
LONGEST_NAME: Final = 120
# Standard Webhooks: a signing secret is 24 to 64 random bytes, written with this in front.
MARK: Final = "whsec_"
SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a new signing secret, in the spelling that libraries of Standard Webhooks read."""
    return MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


@dataclass(frozen=True)
class SaveEndpoint:
    """An endpoint as it should be; without an id a new one, which needs a secret."""

    name: str
    url: str
    kinds: tuple[str, ...]
    is_active: bool
    endpoint_id: int | None = None
    version: int | None = None
    secret: str = ""


def save_endpoint(work: Work, data: SaveEndpoint) -> int:
    """Add or change an endpoint; return its id. Raises ValidationFailed, Conflict, NotFound.

    Only the spelling of an address is judged here: where its name leads, with each message.
    """
    work.require_held(WEBHOOKS)
    name = normalise(data.name)
    problems: list[FieldError] = []
    if not name:
        problems.append(FieldError("name", _("Hãy điền mục này.")))
    elif len(name) > LONGEST_NAME:
        problems.append(FieldError("name", _("Dài quá %(most)d ký tự.", most=LONGEST_NAME)))
    url = data.url
    try:
        url = read_target(data.url.strip(), SCHEMES).url
    except AddressRefused as error:
        problems.append(FieldError("url", address_words(error.reason)))
    known = {ALL_KINDS, *current_registry().notice_kinds}
    if not data.kinds or not set(data.kinds) <= known:
        problems.append(FieldError("kinds", _("Chọn ít nhất một loại thông báo.")))
    if problems:
        raise ValidationFailed(problems)
    if data.endpoint_id is None:
        row = _new_endpoint(work, data.secret)
    else:
        row = work.get(WebhookEndpoint, data.endpoint_id)
        if row.version != data.version:
            raise Conflict(_("Người khác vừa sửa mục này. Hãy tải lại rồi sửa tiếp."))
    kinds = [ALL_KINDS] if ALL_KINDS in data.kinds else sorted(set(data.kinds))
    row.name, row.url, row.is_active = name, url, data.is_active
    if row.notice_kinds != kinds:
        row.notice_kinds = kinds
    work.session.flush()
    return row.id


def _new_endpoint(work: Work, secret: str) -> WebhookEndpoint:
    count = work.session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0
    if count >= MOST_ENDPOINTS:
        raise ValidationFailed({"": _("Có nhiều nhất %(most)d nơi nhận.", most=MOST_ENDPOINTS)})
    row = WebhookEndpoint(secret=secret, notice_kinds=[])
    work.session.add(row)
    return row


@dataclass(frozen=True)
class ChangeSecret:
    """Another secret for an endpoint; the old one signs nothing from now on."""

    endpoint_id: int
    secret: str


def change_secret(work: Work, data: ChangeSecret) -> None:
    """Replace the secret by which an endpoint knows us. Raises NotFound."""
    work.require_held(WEBHOOKS)
    work.get(WebhookEndpoint, data.endpoint_id).secret = data.secret


def switch_off(work: Work, endpoint_id: int) -> None:
    """Switch off an endpoint that wants no more messages, and tell those who keep endpoints.

    One that is off or gone is left alone.
    """
    row = work.session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    if row is None or not row.is_active:
        return
    row.is_active = False
    work.session.flush()
    tell(
        work,
        Tell(
            kind=GONE_KIND,
            key=f"{row.id}:{row.version}",
            page=("notices.list_endpoints", {}),
            params={"name": row.name},
            anyone=[WEBHOOKS],
        ),
    )


@dataclass(frozen=True)
class RemoveEndpoint:
    """An endpoint that is to be told nothing more, not even what already waits for it."""

    endpoint_id: int


def remove_endpoint(work: Work, data: RemoveEndpoint) -> None:
    """Delete an endpoint. Raises NotFound."""
    work.require_held(WEBHOOKS)
    work.session.delete(work.get(WebhookEndpoint, data.endpoint_id))


# -- what is told --------------------------------------------------------------------------------


def tell_endpoints(work: Work, reach: Reach, notices: Sequence[NewNotice], at: datetime) -> None:
    """Write down which endpoints are told of new notices: once of each, with all who were told."""
    if reach.endpoints is None:
        reach.endpoints = [
            (row.id, frozenset(row.notice_kinds))
            for row in work.session.execute(
                select(WebhookEndpoint.id, WebhookEndpoint.notice_kinds).where(
                    WebhookEndpoint.is_active.is_(True)
                )
            )
        ]
    if not reach.endpoints:
        return
    messages: list[tuple[str, Any, datetime | None]] = []
    for same in _alike(notices):
        first = same[0]
        wanted = [key for key, kinds in reach.endpoints if wants(kinds, first.kind)]
        if not wanted:
            continue
        name = _message_id(same)
        told = {
            "id": name,
            "kind": first.kind,
            "page": [first.page[0], dict(first.page[1])],
            "params": dict(first.params),
            "at": at.isoformat(),
            "people": sorted({one.user_id for one in same}),
        }
        messages += [(f"{TOPIC}:{key}:{name}", {"endpoint": key, **told}, None) for key in wanted]
    if messages:
        post_all(work, TOPIC, messages)


def wants(kinds: Iterable[str], kind: str) -> bool:
    """Tell whether an endpoint with these kinds is told of a kind."""
    return bool({ALL_KINDS, kind} & set(kinds))


def _alike(notices: Sequence[NewNotice]) -> list[list[NewNotice]]:
    """Return notices that say the same, together: one message tells of all of them."""
    found: dict[str, list[NewNotice]] = {}
    for one in notices:
        says = json.dumps([one.kind, one.page, one.params], sort_keys=True, default=list)
        found.setdefault(says, []).append(one)
    return list(found.values())


def _message_id(notices: Sequence[NewNotice]) -> str:
    """Return the identity of a message: nobody is told of an occasion twice, so it is unique."""
    told = sorted(f"{one.user_id} {one.key}" for one in notices)
    return f"msg_{sha256('|'.join([notices[0].kind, *told]).encode()).hexdigest()[:32]}"


# -- how it went ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """An attempt to tell an endpoint; `fault` is a code of `outside.fault_of`, '' for none."""

    endpoint_id: int
    fault: str


def note_try(work: Work, data: Tried) -> None:
    """Note how an attempt went; nothing where the endpoint is gone meanwhile."""
    if work.session.get(WebhookEndpoint, data.endpoint_id, with_for_update=True) is None:
        return
    row = work.session.get(WebhookState, data.endpoint_id, populate_existing=True)
    if row is None:
        row = WebhookState(endpoint_id=data.endpoint_id, failures=0)
        work.session.add(row)
    row.tried_at, row.fault = work.now, data.fault
    if data.fault:
        row.failures += 1
    else:
        row.ok_at, row.failures = work.now, 0
