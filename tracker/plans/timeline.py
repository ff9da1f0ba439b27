"""A task's history as people read it: who did what, when, with which proof, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import BindParameter, Row, Select, bindparam, select

from tracker.core.clock import LOCAL, to_local
from tracker.core.context import current
from tracker.core.db import db, read_rows
from tracker.core.rights import Access, rights
from tracker.files import queries as files
from tracker.plans.labels import ENTRY_WORDS, REPORTED_WORDS
from tracker.plans.models import (
    Assignment,
    Decision,
    EntryKind,
    Evidence,
    Extension,
    ProgressEntry,
    Reported,
    Urge,
)
from tracker.plans.progress import EVIDENCE_FILES
from tracker.plans.task_queries import KEPT_STATEMENTS
from tracker.plugins.descriptors import TimelineEntry
from tracker.units.models import Unit
from tracker.web.i18n import show_date, show_number

ICONS = {
    EntryKind.PROGRESS: ("edit", "move"),
    EntryKind.CONFIRMED: ("check-circle", "done"),
    EntryKind.SENT_BACK: ("undo", "wait"),
    EntryKind.DISPUTED: ("dispute", "wait"),
    EntryKind.DISPUTE_DECIDED: ("flag", "calm"),
    EntryKind.WITHDRAWN: ("withdrawn", "calm"),
    EntryKind.HANDED_OVER: ("handover", "calm"),
    EntryKind.TRIGGERED: ("calendar", "calm"),
}
MOST = 300


def entries(task_id: int) -> Iterable[TimelineEntry]:
    """Return what happened to the shares of a task that the actor may read."""
    statements = _statements(current().actor.access)
    shares = read_rows(db.session, statements.shares, {"task_id": task_id}).all()
    units = {row.id: row.name for row in shares}
    # With one unit its name says nothing new.
    names = units if len(set(units.values())) > 1 else {}
    # Most shares have neither extensions nor pushes, and then they are not asked for.
    yield from _reports(sorted(units), [row.id for row in shares if row.has_evidence], names)
    yield from _extensions([row.id for row in shares if row.is_extended], names)
    yield from _urges([row.id for row in shares if row.is_urged], names)


@dataclass(frozen=True)
class _Statements:
    """What is sent for each task's page, made once; `keys` are assignments."""

    shares: Select[*tuple[Any, ...]]
    lines: Select[*tuple[Any, ...]]
    proofs: Select[*tuple[Any, ...]]


@lru_cache(maxsize=KEPT_STATEMENTS)
def _statements(access: Access) -> _Statements:
    keys: BindParameter[Sequence[int]] = bindparam("keys", expanding=True)
    return _Statements(
        shares=select(
            Assignment.id,
            Unit.name,
            Assignment.has_evidence,
            select(Extension.id)
            .where(Extension.assignment_id == Assignment.id)
            .exists()
            .label("is_extended"),
            select(Urge.id).where(Urge.assignment_id == Assignment.id).exists().label("is_urged"),
        )
        .join(Unit, Unit.id == Assignment.unit_id)
        .where(
            Assignment.task_id == bindparam("task_id"),
            rights.visible(access, "plans.view", Assignment),
        ),
        lines=select(
            ProgressEntry.id,
            ProgressEntry.assignment_id,
            ProgressEntry.kind,
            ProgressEntry.effective_on,
            ProgressEntry.reported,
            ProgressEntry.percent,
            ProgressEntry.done_on,
            ProgressEntry.until,
            ProgressEntry.note,
            ProgressEntry.recorded_at,
            ProgressEntry.recorded_by_name,
        )
        .where(ProgressEntry.assignment_id.in_(keys))
        .order_by(ProgressEntry.recorded_at.desc(), ProgressEntry.id.desc())
        .limit(MOST),
        proofs=select(
            Evidence.id,
            Evidence.entry_id,
            Evidence.number,
            Evidence.issued_on,
            Evidence.issuer,
            Evidence.title,
        ).where(Evidence.assignment_id.in_(keys)),
    )


def _who(name: str, unit: str) -> str:
    return f"{name} · {unit}" if unit else name


def _reports(keys: list[int], proven: list[int], names: dict[int, str]) -> Iterable[TimelineEntry]:
    statements = _statements(current().actor.access)
    lines = read_rows(db.session, statements.lines, {"keys": keys}).all()
    found = read_rows(db.session, statements.proofs, {"keys": proven}).all() if proven else []
    proofs: dict[int, list[Row[*tuple[Any, ...]]]] = {}
    for proof in found:
        proofs.setdefault(proof.entry_id, []).append(proof)
    attached = files.of(EVIDENCE_FILES, [proof.id for proof in found])
    for line in lines:
        icon, tone = ICONS[line.kind]
        if line.reported is Reported.DONE:
            icon, tone = "check-circle", "done"
        own = proofs.get(line.id, [])
        yield TimelineEntry(
            at=line.effective_on,
            known_at=line.recorded_at,
            who=_who(line.recorded_by_name, names.get(line.assignment_id, "")),
            label=_title(line),
            detail="\n".join(part for part in (line.note, *map(describe_evidence, own)) if part),
            icon=icon,
            tone=tone,
            links=[
                (link.name, link.view_url) for proof in own for link in attached.get(proof.id, [])
            ],
        )


def _title(line: Row[*tuple[Any, ...]]) -> str:
    if line.kind is EntryKind.PROGRESS and line.reported is not None:
        word = str(REPORTED_WORDS[line.reported])
        if line.reported is Reported.DONE:
            return str(
                _("Báo %(word)s ngày %(day)s", word=word.lower(), day=show_date(line.done_on))
            )
        if line.reported is Reported.IN_PROGRESS:
            return f"{word} · {show_number(line.percent)}%"
        return word
    word = str(ENTRY_WORDS[line.kind])
    if line.until is not None:
        return str(_("%(what)s đến %(day)s", what=word, day=show_date(line.until)))
    return word


def describe_evidence(proof: Evidence | Row[*tuple[Any, ...]]) -> str:
    """Return a document as it is cited: 'Báo cáo số 12/BC ngày 05/09/2026 của UBND xã …'."""
    parts = [
        proof.title,
        _("số %(number)s", number=proof.number) if proof.number else "",
        _("ngày %(day)s", day=show_date(proof.issued_on)) if proof.issued_on else "",
        _("của %(issuer)s", issuer=proof.issuer) if proof.issuer else "",
    ]
    words = " ".join(part for part in parts if part)
    return _("Minh chứng: %(words)s", words=words) if words else ""


def _extensions(keys: list[int], names: dict[int, str]) -> Iterable[TimelineEntry]:
    if not keys:
        return
    for one in db.session.scalars(select(Extension).where(Extension.assignment_id.in_(keys))):
        unit = names.get(one.assignment_id, "")
        is_direct = one.decided_at == one.requested_at and one.decided_by_id == one.requested_by_id
        if not is_direct:
            yield TimelineEntry(
                at=one.requested_at,
                known_at=one.requested_at,
                who=_who(one.requested_by_name, unit),
                label=_("Đề nghị gia hạn đến %(day)s", day=show_date(one.new_due_on)),
                detail=one.reason,
                icon="calendar",
                tone="wait",
            )
        if one.decided_at is None:
            continue
        is_granted = one.state is Decision.APPROVED
        label = _("Đồng ý gia hạn") if is_granted else _("Không đồng ý gia hạn")
        if is_granted:
            label = (
                _(
                    "Gia hạn từ %(old)s đến %(new)s",
                    old=show_date(one.old_due_on),
                    new=show_date(one.new_due_on),
                )
                if one.old_due_on
                else _("Ghi hạn %(new)s", new=show_date(one.new_due_on))
            )
        yield TimelineEntry(
            at=one.decided_on or one.decided_at,
            known_at=one.decided_at,
            who=_who(one.decided_by_name, unit),
            label=label,
            detail=one.decision_note or (one.reason if is_direct else ""),
            icon="calendar",
            tone="calm",
        )


def _urges(keys: list[int], names: dict[int, str]) -> Iterable[TimelineEntry]:
    if not keys:
        return
    for one in db.session.scalars(select(Urge).where(Urge.assignment_id.in_(keys))):
        unit = names.get(one.assignment_id, "")
        yield TimelineEntry(
            at=one.urged_at,
            known_at=one.urged_at,
            who=_who(one.urged_by_name, unit),
            label=_("Đôn đốc, trả lời trước %(day)s", day=show_date(one.reply_by)),
            detail=one.message,
            icon="megaphone",
            tone="wait",
        )
        if one.answered_at is not None:
            yield TimelineEntry(
                at=one.answered_at,
                known_at=one.answered_at,
                who=_who(one.answered_by_name, unit),
                label=_("Trả lời đôn đốc"),
                detail=one.answer,
                icon="message",
                tone="calm",
            )


def order(entry: TimelineEntry) -> tuple[datetime, datetime]:
    """Return the key by which a timeline is sorted: when it took effect, then when recorded."""
    at = entry.at
    if not isinstance(at, datetime):
        # A day without a time stands where it was recorded, when that was the same day.
        recorded = to_local(entry.known_at)
        clock_time = recorded.timetz() if recorded.date() == at else time(0, tzinfo=LOCAL)
        at = datetime.combine(at, clock_time)
    return at, entry.known_at
