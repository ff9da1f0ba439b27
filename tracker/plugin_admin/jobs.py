"""Switches that take long, as runs of the job process: pages queue them and show how far they are.

Whether the password was asked for is settled by the page before it queues; the input of a run names
releases by their number and never holds a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from flask import current_app, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from tracker.config import Settings
from tracker.core.errors import Conflict, PluginError
from tracker.core.work import Work
from tracker.jobs.ledger import queue
from tracker.jobs.models import JobRun
from tracker.plugin_admin import exports, operations, queries, sources
from tracker.plugin_admin.permissions import MANAGE
from tracker.plugins.descriptors import JobCall, JobSpec, MissedPolicy
from tracker.plugins.models import Disposal
from tracker.plugins.states import Wanted

KEY = "plugin_admin.switch"
STEPS = 5


@dataclass(frozen=True)
class Ask:
    """A switch to be done: what, of which plug-in, and with what."""

    action: str
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


def ask(work: Work, data: Ask) -> UUID:
    """Queue a switch and return its run; the same one that waits is not doubled.

    Raises Conflict while another switch of the plug-in is open.
    """
    work.require_held(MANAGE)
    values = {"action": data.action, "name": data.name, **data.data}
    run_id = queue(work, KEY, values, once=data.name, reason=data.reason)
    open_run = work.session.scalars(select(JobRun).where(JobRun.public_id == run_id)).one()
    if dict(open_run.input or {}) != values:
        raise Conflict(
            _("Đang có việc khác của mô-đun này chưa xong. Hãy chờ việc đó xong rồi làm lại.")
        )
    return run_id


def switch(call: JobCall) -> str:
    """Do what a run was queued for, and return one sentence for the ledger."""
    done = 0

    def say(text: str) -> None:
        nonlocal done
        done += 1
        call.progress(min(done, STEPS), STEPS, text)
        call.say(text)

    settings = cast(Settings, current_app.extensions["tracker_settings"])
    name = str(call.input["name"])
    is_fetch = call.input["action"] == "fetch"
    # What is fetched has no page of its own until it is there.
    call.link(_page("" if is_fetch else name))
    action = ACTIONS.get(str(call.input["action"]))
    if action is None:
        raise PluginError(_("Không có việc “%(action)s”.", action=call.input["action"]))
    # What earlier switches left; nobody reads from it any more.
    for name_gone in operations.tidy(settings):
        call.say(_("Đã dọn %(folder)s.", folder=name_gone))
    return action(settings, call.input, say)


def _page(name: str) -> str:
    with current_app.test_request_context():
        if not name:
            return url_for("plugin_admin.list_plugins")
        return url_for("plugin_admin.show_plugin", name=name)


def _fetch(settings: Settings, data: Mapping[str, Any], say: operations.Say) -> str:
    say(_("Lấy từ kho mô-đun"))
    source = sources.from_index(settings, str(data["what"]))
    release_id = operations.add(settings, source.content, source.filename, source.signature)
    label = queries.release(release_id).change_label
    return str(_("Đã lấy %(label)s về. Hãy xem cam kết rồi cài.", label=label))


def _install(settings: Settings, data: Mapping[str, Any], say: operations.Say) -> str:
    content = b""
    if data.get("data_from"):
        told = queries.disposal(int(data["data_from"]))
        content = exports.kept_content(settings, told.export_name, told.export_sha256)
    done = operations.install(
        settings,
        int(data["release_id"]),
        skip_rehearsal=bool(data.get("skip_rehearsal")),
        data=content,
        wanted=Wanted.DISABLED if data.get("disabled") else None,
        say=say,
    )
    return str(_("Đã cài %(name)s %(version)s.", name=done.name, version=done.version))


def _rehearse(settings: Settings, data: Mapping[str, Any], say: operations.Say) -> str:
    say(_("Diễn tập trên bản sao cơ sở dữ liệu"))
    report = operations.rehearse(settings, int(data["release_id"]))
    if not report["passed"]:
        raise PluginError(_("Diễn tập không đạt: %(error)s", error=report["errors"][0]))
    return str(_("Diễn tập đạt."))


def _roll_back(settings: Settings, data: Mapping[str, Any], say: operations.Say) -> str:
    done = operations.rollback(settings, str(data["name"]), say=say)
    words = _(
        "%(name)s đã về bản %(version)s; %(count)d dòng mới hơn được cất vào tệp để tra cứu.",
        name=done.name,
        version=done.version,
        count=sum((done.rows or {}).values()),
    )
    return str(words)


def _remove(settings: Settings, data: Mapping[str, Any], say: operations.Say) -> str:
    done = operations.remove(
        settings,
        str(data["name"]),
        Disposal(data["disposal"]),
        reason=str(data.get("reason", "")),
        say=say,
    )
    return str(_("Đã gỡ %(name)s.", name=done.name))


ACTIONS: Mapping[str, Callable[[Settings, Mapping[str, Any], operations.Say], str]] = {
    "fetch": _fetch,
    "install": _install,
    "rehearse": _rehearse,
    "rollback": _roll_back,
    "remove": _remove,
}

SPEC = JobSpec(
    key=KEY,
    label=_l("Cài, nâng cấp, gỡ mô-đun"),
    run=switch,
    hint=_l("Việc nặng của trang Mô-đun mở rộng: diễn tập, chuyển đổi dữ liệu, đưa vào chạy."),
    missed=MissedPolicy.CATCH_UP,
    budget_seconds=1800,
    by_hand=False,
    # A switch that was cut off is looked at by a person, not tried again by itself.
    attempts=1,
)
