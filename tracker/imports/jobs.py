"""Imports of large files, as runs of the ledger: read and check, and later write, for who asked.

Both act for the person who sent the file, with the rights of the moment in which they run. What
that person did wrong is told on the page and is no failure of the system. A process may die
anywhere: reading changes nothing, and what is written commits with the end of its run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from flask import current_app, url_for
from flask_babel import force_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.core.context import Source, acting, current
from tracker.core.errors import NotFound, TrackerError, ValidationFailed
from tracker.core.work import Work, run
from tracker.imports import engine, findings, queries, services
from tracker.jobs.ledger import RunLost
from tracker.plugins.descriptors import ImportSpec, JobCall, JobSpec
from tracker.web.contracts import shell_contracts
from tracker.web.doors import safe_next
from tracker.web.i18n import show_number

BUDGET_SECONDS: Final = 1800


@dataclass(frozen=True)
class Matter:
    """A run's file and what is done with it."""

    call: JobCall
    spec: ImportSpec
    upload: queries.Upload
    page: str

    def check(self) -> engine.DryRun:
        """Return what importing the file would do now, telling how far the reading is."""
        return engine.check(
            self.spec,
            self.upload.content,
            self.upload.name,
            self.upload.options,
            lambda done, about: self.call.progress(done, max(done, about), _("Đang đọc tệp")),
        )

    def keep(self, finding: findings.Finding, said: str) -> None:
        """Keep what was found, and end the run with it."""
        packed = findings.pack(finding)
        run(services.keep_finding, services.KeepFinding(self.upload.id, packed, self._end(said)))

    def _end(self, said: str) -> Callable[[Work], None]:
        return lambda work: self.call.finish_in(work, said)


def _page(key: str, public_id: UUID) -> str:
    with current_app.test_request_context():
        return url_for("imports.show", key=key, public_id=public_id)


@contextmanager
def _acting_for(owner_id: int | None) -> Iterator[None]:
    """Act for whoever sent a file, in their language. Raises NotFound when either is gone."""
    if owner_id is None:
        raise NotFound(_("Tệp không còn được giữ. Hãy gửi lại."))
    person = shell_contracts().person_of(owner_id)
    if person is None:
        raise NotFound(_("Tài khoản đã gửi tệp không còn hoạt động."))
    context = replace(current(), actor=person.actor, source=Source.IMPORT)
    with force_locale(person.locale), acting(context):
        yield


def _for_its_owner(call: JobCall, act: Callable[[Matter], str]) -> str:
    public_id = UUID(str(call.input["upload"]))
    key = str(call.input["spec"])
    try:
        with _acting_for(queries.owner_of(public_id)):
            page = _page(key, public_id)
            call.link(page)
            try:
                spec = engine.get_spec(key)
                upload = queries.get_upload(key, public_id)
                call.say(upload.name)
                return act(Matter(call, spec, upload, page))
            except RunLost:
                raise
            except TrackerError as error:
                why = str(error.message) or _("Bạn không có quyền, hoặc tệp không còn được giữ.")
                return str(_("Chưa ghi gì: %(why)s", why=why))
    except NotFound as error:
        return str(error.message)


def read(call: JobCall) -> str:
    """Read and check a file, and keep what was found with it; return that in a sentence."""
    return _for_its_owner(call, _read)


def _read(matter: Matter) -> str:
    try:
        dry_run = matter.check()
    except ValidationFailed as error:
        said = str(_("Tệp không dùng được: %(why)s", why=str(error.message)))
        matter.keep(findings.Finding(refusal=str(error.message)), said)
        return said
    said = _summary(dry_run)
    matter.keep(findings.Finding(dry_run), said)
    return said


def _summary(dry_run: engine.DryRun) -> str:
    rows = len(dry_run.lines)
    faulty = len(dry_run.faulty_lines)
    read_rows = ngettext(
        "Đã đọc %(rows)s dòng.", "Đã đọc %(rows)s dòng.", rows, rows=show_number(rows)
    )
    if not faulty:
        return str(_("%(read)s Không có lỗi. Hãy xem kết quả rồi bấm Nhập.", read=read_rows))
    return str(_("%(read)s Dòng cần sửa: %(faulty)s.", read=read_rows, faulty=show_number(faulty)))


def write(call: JobCall) -> str:
    """Check a file again and write all of it, with the end of the run; return that in a sentence.

    What has changed since it was read is kept as a new finding instead.
    """
    return _for_its_owner(call, _write)


def _write(matter: Matter) -> str:
    upload = matter.upload
    if upload.applied_at is not None:
        return str(_("Tệp này đã được nhập rồi."))
    dry_run = matter.check()
    rows = len(dry_run.lines)
    if not dry_run.is_clean:
        what = _summary(dry_run)
        said = str(_("Chưa ghi gì: dữ liệu đã khác lúc xem thử. %(what)s", what=what))
        matter.keep(findings.Finding(dry_run), said)
        return said
    matter.call.progress(rows, rows, _("Đang ghi"))
    shown = show_number(rows)
    said = str(ngettext("Đã nhập %(rows)s dòng.", "Đã nhập %(rows)s dòng.", rows, rows=shown))

    def finish(work: Work, result: Any) -> None:
        matter.call.link(_done_page(matter, result))
        matter.call.finish_in(work, said)

    engine.apply(matter.spec, dry_run, upload.name, upload.id, finish)
    return said


def _done_page(matter: Matter, result: Any) -> str:
    with current_app.test_request_context():
        return safe_next(matter.spec.done_url(result), matter.page)


JOBS: Final = (
    JobSpec(
        key=services.READ,
        label=_l("Đọc và kiểm tra tệp nhập"),
        hint=_l("Tệp lớn được đọc ở đây, để trang không phải chờ."),
        run=read,
        budget_seconds=BUDGET_SECONDS,
        parallel=True,
        by_hand=False,
        attempts=3,
    ),
    JobSpec(
        key=services.WRITE,
        label=_l("Nhập dữ liệu từ tệp lớn"),
        hint=_l("Ghi tất cả các dòng cùng một lúc, hoặc không dòng nào."),
        run=write,
        budget_seconds=BUDGET_SECONDS,
        parallel=True,
        by_hand=False,
        attempts=3,
    ),
)
