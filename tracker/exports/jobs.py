"""Large spreadsheets, as runs of the ledger: the page is opened again for whoever asked.

It acts with the rights and in the language that its owner has at that moment. Pages of plug-ins are
opened in a process of its own, as their jobs are. A process may die anywhere: the file is kept and
the run ended in one transaction.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Final
from uuid import UUID

from flask import current_app, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.core.context import acting, current
from tracker.core.errors import BadRequest, NotFound, PermissionDenied, ValidationFailed
from tracker.core.work import Work, run
from tracker.exports import queries, services
from tracker.files.names import clean_name
from tracker.files.services import PreparedFile
from tracker.files.store import current_stores
from tracker.plugins import gate
from tracker.plugins.descriptors import JobCall, JobSpec
from tracker.web.contracts import Person, shell_contracts
from tracker.web.doors import check_door
from tracker.web.exports import making
from tracker.web.xlsx import MEDIA_TYPE

BUDGET_SECONDS: Final = 1800


def write(call: JobCall) -> str:
    """Make a spreadsheet, keep it for whoever asked, end the run; return that in a sentence.

    What stands in the person's way (rights, a page that is no more) is no failure of the system.
    """
    asked = queries.get_asked(call.run_id)
    person = shell_contracts().person_of(asked.owner_id) if asked.owner_id is not None else None
    if person is None:
        return str(_("Tài khoản đã yêu cầu tệp không còn hoạt động."))
    with force_locale(person.locale):
        try:
            filename, content = _make(call, person)
        except (NotFound, PermissionDenied, BadRequest, ValidationFailed) as error:
            why = str(error.message) or _("Bạn không còn quyền, hoặc danh sách không còn.")
            return str(_("Chưa xuất được: %(why)s", why=why))
        # The system keeps it: whoever acts would not be told.
        reason = _("%(who)s yêu cầu xuất danh sách.", who=person.actor.name)
        return _keep(call, asked.id, clean_name(filename), content, reason)


def _make(call: JobCall, person: Person) -> tuple[str, bytes]:
    """Open the page as its person would; return the file that it sends.

    Raises what the page or its doors raise.
    """

    def tell(done: int, total: int) -> None:
        call.progress(done, total, _("Đang ghi tệp"))

    call.progress(0, None, _("Đang đọc dữ liệu"))
    with (
        current_app.test_request_context(str(call.input["address"])),
        force_locale(person.locale),
        acting(replace(current(), actor=person.actor)),
        making(tell) as made,
    ):
        if request.routing_exception is not None:
            raise NotFound
        gate.check()
        if check_door() is not None:
            raise PermissionDenied
        current_app.view_functions[request.endpoint or ""](**(request.view_args or {}))
    if made.content is None:
        # After an upgrade the address may be another page's.
        raise NotFound
    return made.filename, made.content


def _keep(call: JobCall, run_id: int, name: str, content: bytes, reason: str) -> str:
    file = PreparedFile(hashlib.sha256(content).hexdigest(), len(content), MEDIA_TYPE, name)
    current_stores().contents.put(file.sha256, io.BytesIO(content))
    said = str(_("Tệp %(name)s đã sẵn sàng, được giữ trong một ngày.", name=name))

    def end(work: Work, public_id: UUID) -> None:
        call.link(_page(public_id))
        call.finish_in(work, said)

    run(services.keep_export, services.KeepExport(run_id, file, end), reason=reason)
    return said


def _page(public_id: UUID) -> str:
    with current_app.test_request_context():
        return url_for("files.download", public_id=public_id)


CORE: Final = JobSpec(
    key=services.WRITE,
    label=_l("Xuất danh sách lớn"),
    hint=_l("Tệp lớn được ghi ở đây, để trang không phải chờ."),
    run=write,
    result_label=_l("Tải tệp"),
    budget_seconds=BUDGET_SECONDS,
    parallel=True,
    by_hand=False,
    attempts=3,
)
FOREIGN: Final = replace(
    CORE,
    key=services.WRITE_FOREIGN,
    label=_l("Xuất danh sách lớn của mô-đun"),
    own_process=True,
)
