"""The checklist item 'cameras work and keep recordings long enough', proposed from what is known.

Nothing is proposed where nobody knows: a unit without desks, cameras that nobody measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracker.api.hooks import ChecklistPrefill, PrefilledAnswer, PrefillQuery
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import ngettext, show_percent
from tracker.api.queries import session
from tracker_camera_monitoring import health_queries, labels, queries, values
from tracker_camera_monitoring.health_views import last_days
from tracker_camera_monitoring.probing import Health
from tracker_camera_monitoring.rollups import total

MOST_NAMED = 4


def answers(query: PrefillQuery) -> Sequence[PrefilledAnswer]:
    """Propose an answer to the item about cameras, with its ground."""
    codes = [code for code in query.codes if code in values.checklist_codes()]
    if not codes:
        return ()
    proposed = _judge(query.unit_id)
    if proposed is None:
        return ()
    answer, note = proposed
    return [PrefilledAnswer(code, answer, note) for code in codes]


def _judge(unit_id: int) -> tuple[str, str] | None:
    """Return the answer for a unit and why; None when nobody can say."""
    counts = health_queries.count_health(unit_id)
    cameras = sum(counts.values())
    if not cameras:
        if session().execute(queries.desks_query(unit_id).limit(1)).first() is None:
            return None
        return "fail", _("Sổ camera: bàn tiếp dân chưa có camera nào.")
    days = values.whole("retention_days")
    parts = [
        _(
            "Theo dõi camera: %(up)d/%(all)d camera đang hoạt động.",
            up=counts[Health.UP],
            all=cameras,
        )
    ]
    failing = counts[Health.DOWN] + counts[Health.FAULT]
    if failing:
        rows = session().execute(
            health_queries.health_query(health_queries.HealthFilters(unit_id=unit_id))
            .order_by(*health_queries.HEALTH_ORDER["state"])
            .limit(min(failing, MOST_NAMED))
        )
        named = "; ".join(
            f"{row.name} ({labels.HEALTHS[labels.health_of_row(row.reason)]})" for row in rows
        )
        parts.append(_("Không hoạt động: %(names)s.", names=named))
    known, short = queries.count_retention(days, unit_id)
    if short:
        parts.append(
            ngettext(
                "%(num)d camera lưu hình dưới %(days)s ngày.",
                "%(num)d camera lưu hình dưới %(days)s ngày.",
                short,
                days=days,
            )
        )
    elif known == cameras:
        parts.append(_("Tất cả lưu hình từ %(days)s ngày.", days=days))
    figures = total(health_queries.figures_by_unit(*last_days(), unit_id).values())
    if figures.measured_seconds:
        share = show_percent(figures.availability)
        parts.append(_("30 ngày qua hoạt động %(share)s thời gian.", share=share))
    note = " ".join(parts)
    if failing or short:
        return "fail", note
    if counts[Health.UP] == cameras and known == cameras:
        return "pass", note
    return None


PREFILLS = (
    ChecklistPrefill(
        key="camera_monitoring.health", label=_l("Theo dõi camera"), answers=answers, weight=50
    ),
)
