"""Reading notices: the bell, the list, and their words in somebody's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import Select, select
from sqlalchemy.orm import aliased
from werkzeug.routing import BuildError

from tracker.accounts.models import User
from tracker.core.db import db
from tracker.notices.hours import Hours
from tracker.notices.models import Notice, NoticeHours, NoticePreference
from tracker.plugins.descriptors import NoticeWords, ShownNotice
from tracker.plugins.host import current_registry
from tracker.settings import queries as settings

SITE: Final = "notices.site_address"


@dataclass(frozen=True)
class Row:
    """A notice as the list shows it."""

    id: int
    title: str
    text: str
    icon: str
    kind_label: str
    is_urgent: bool
    at: datetime
    is_read: bool
    represents: str


@dataclass(frozen=True)
class Filter:
    """Which notices are listed."""

    only_unread: bool = False
    kinds: tuple[str, ...] = ()


def list_query(user_id: int, wanted: Filter) -> Select[Any]:
    """Return a person's notices, newest first."""
    represented = aliased(User)
    query = (
        select(
            Notice.id,
            Notice.kind,
            Notice.params,
            Notice.created_at,
            Notice.read_at,
            represented.name.label("represents"),
        )
        .outerjoin(represented, represented.id == Notice.represents_id)
        .where(Notice.user_id == user_id)
        .order_by(Notice.id.desc())
    )
    if wanted.only_unread:
        query = query.where(Notice.read_at.is_(None))
    if wanted.kinds:
        query = query.where(Notice.kind.in_(wanted.kinds))
    return query


def row_of(row: Any) -> Row:
    """Return a row of `list_query` with its words in the current language."""
    kind = current_registry().notice_kinds.get(row.kind)
    words = words_of(row.kind, row.params)
    return Row(
        id=row.id,
        title=words.title,
        text=words.text,
        icon=kind.icon if kind else "plugin",
        kind_label=str(kind.label) if kind else "",
        is_urgent=bool(kind and kind.urgent),
        at=row.created_at,
        is_read=row.read_at is not None,
        represents=row.represents or "",
    )


def words_of(kind: str, params: Mapping[str, Any]) -> NoticeWords:
    """Return the words of a notice in the current language."""
    spec = current_registry().notice_kinds.get(kind)
    if spec is None:
        return NoticeWords(_("Thông báo của một mô-đun đang tắt"))
    return spec.words(params)


def groups() -> dict[str, list[str]]:
    """Return the kinds' keys by the heading they stand under, in order."""
    found: dict[str, list[str]] = {}
    for key, kind in current_registry().notice_kinds.items():
        found.setdefault(str(kind.group) or _("Khác"), []).append(key)
    return found


# -- outside the app -----------------------------------------------------------------------------


def site_address() -> str:
    """Return the address under which people reach this site, '' while nobody has said it."""
    return str(settings.value(SITE)).strip().rstrip("/")


def page_address(endpoint: str, values: Mapping[str, Any], site_known: str | None = None) -> str:
    """Return the full address of a page outside a request; '' where it can't be told.

    For many pages the site's own address is read once and given.
    """
    site = urlsplit(site_address() if site_known is None else site_known)
    if not site.netloc:
        return ""
    adapter = current_app.url_map.bind(
        site.netloc, script_name=site.path or "/", url_scheme=site.scheme or "https"
    )
    try:
        return adapter.build(endpoint, dict(values), force_external=True)
    except BuildError:
        # The page is gone with its plug-in; the notice still says what there is to say.
        return ""


def shown_in(locale: str, ids: Sequence[int]) -> list[ShownNotice]:
    """Return notices in the language of their reader, with full addresses, oldest first."""
    rows = db.session.execute(
        select(Notice.id, Notice.kind, Notice.params, Notice.created_at)
        .where(Notice.id.in_(ids))
        .order_by(Notice.id)
    ).all()
    found: list[ShownNotice] = []
    site = site_address()
    with force_locale(locale):
        for row in rows:
            kind = current_registry().notice_kinds.get(row.kind)
            words = words_of(row.kind, row.params)
            found.append(
                ShownNotice(
                    id=row.id,
                    kind=row.kind,
                    kind_label=str(kind.label) if kind else "",
                    title=words.title,
                    text=words.text,
                    url=page_address("notices.open_notice", {"notice_id": row.id}, site),
                    at=row.created_at,
                )
            )
    return found


# -- choices -------------------------------------------------------------------------------------


def hours_of(user_id: int) -> Hours:
    """Return when a person wants to be reached."""
    row = db.session.get(NoticeHours, user_id)
    return Hours(row.digest_hour, row.quiet_from, row.quiet_to) if row else Hours()


def choices_of(user_id: int) -> dict[tuple[str, str], bool]:
    """Return what a person has chosen by (kind, channel)."""
    rows = db.session.execute(
        select(NoticePreference.kind, NoticePreference.channel, NoticePreference.is_wanted).where(
            NoticePreference.user_id == user_id
        )
    )
    return {(row.kind, row.channel): row.is_wanted for row in rows}
