"""Progress that registers know of: plug-ins say what is new, a job keeps it as reports."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from flask_babel import gettext as _
from sqlalchemy import select

from tracker.core.context import current
from tracker.core.db import db
from tracker.core.errors import TrackerError
from tracker.core.work import run
from tracker.plans.inputs import EvidenceInput, ReportProgress
from tracker.plans.models import Assignment, ProgressEntry, Reported
from tracker.plans.progress import report_progress
from tracker.plugins.descriptors import JobCall, ProgressSource, SourcedProgress
from tracker.plugins.host import current_registry

log = logging.getLogger(__name__)

# As long as the column that says where a report came from.
LONGEST_SOURCE: Final = 40


def ask_sources(call: JobCall) -> str:
    """Ask every source what is new and keep it; a fact that is refused does not stop the others."""
    kept = refused = 0
    for source in current_registry().progress_sources:
        for fact in source.read(current().clock.today()):
            try:
                kept += _keep(source, fact)
            except (TrackerError, ValueError) as error:
                refused += 1
                call.say(f"{source.key} {fact.key}: {error}")
                log.info("progress of %s was refused: %s", source.key, error)
    return str(_("%(kept)d báo cáo mới, %(refused)d bị từ chối", kept=kept, refused=refused))


def _keep(source: ProgressSource, fact: SourcedProgress) -> bool:
    """Report a fact unless it was reported; tell whether it is new. Raises TrackerError."""
    key = hashlib.sha256(f"{source.key}:{fact.key}".encode()).hexdigest()
    known = select(ProgressEntry.id).where(ProgressEntry.idempotency_key == key)
    if db.session.scalar(known) is not None:
        return False
    assignment_id = db.session.scalar(
        select(Assignment.id).where(Assignment.public_id == fact.assignment)
    )
    if assignment_id is None:
        raise ValueError(f"no assignment {fact.assignment}")
    run(
        report_progress,
        ReportProgress(
            assignment_id=assignment_id,
            reported=Reported(fact.reported),
            percent=fact.percent,
            note=fact.note,
            done_on=fact.done_on,
            evidence=EvidenceInput(
                number=fact.evidence_number,
                issued_on=fact.evidence_on,
                title=fact.evidence_title,
            ),
            idempotency_key=key,
            source=source.key[:LONGEST_SOURCE],
        ),
    )
    return True
