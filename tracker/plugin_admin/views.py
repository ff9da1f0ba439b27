"""The back office's pages about plug-ins: what there is, what each promises, and the switches.

What takes long (rehearsal, migration, removal) is queued for the job process and watched on the
run's own page. What is dangerous asks for the password again.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import cast

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from tracker.accounts.reauth import fresh_required
from tracker.config import Settings
from tracker.core.clock import to_local
from tracker.core.errors import (
    Conflict,
    NotFound,
    PluginError,
    ValidationFailed,
)
from tracker.core.numbers import format_date
from tracker.core.work import run
from tracker.plugin_admin import exports, jobs, operations, queries, services, sources
from tracker.plugin_admin.contract import contract_of
from tracker.plugin_admin.forms import InstallForm, KeyForm, NamedForm, RemoveForm, UploadForm
from tracker.plugin_admin.permissions import MANAGE
from tracker.plugins import signatures
from tracker.plugins.host import current_host
from tracker.plugins.manifest import API_VERSION, version_key
from tracker.plugins.models import Disposal, PluginDisposal, PluginRelease
from tracker.plugins.states import STATES, PluginState, Wanted
from tracker.web.doors import requires
from tracker.web.xlsx import download

blueprint = Blueprint("plugin_admin", __name__)

Answer = str | tuple[str, int] | Response

TONES = {
    PluginState.AVAILABLE: "calm",
    PluginState.INCOMPATIBLE: "wait",
    PluginState.FAILED: "wait",
    PluginState.NEEDS_MIGRATION: "move",
    PluginState.ENABLED: "done",
    PluginState.DISABLED: "calm",
    PluginState.PAUSED: "wait",
}
ICONS = {
    PluginState.AVAILABLE: "plus",
    PluginState.INCOMPATIBLE: "x-circle",
    PluginState.FAILED: "x-circle",
    PluginState.NEEDS_MIGRATION: "refresh",
    PluginState.ENABLED: "check-circle",
    PluginState.DISABLED: "minus-circle",
    PluginState.PAUSED: "pause",
}


BROKEN = {PluginState.NEEDS_MIGRATION, PluginState.FAILED}


def _settings() -> Settings:
    return cast(Settings, current_app.extensions["tracker_settings"])


def _words() -> dict[str, object]:
    return {"states": STATES, "tones": TONES, "icons": ICONS, "keys": queries.key_names()}


def _shown(name: str) -> Response:
    return redirect(url_for("plugin_admin.show_plugin", name=name), 303)


def _queued(ask: jobs.Ask) -> Response:
    try:
        run_id = run(jobs.ask, ask)
    except Conflict as error:
        flash(error.message, "warning")
        return _shown(ask.name)
    return redirect(url_for("jobs.show_run", run_id=run_id), 303)


@blueprint.get("/mo-dun")
@requires(MANAGE)
def list_plugins() -> str:
    """Show every plug-in of this instance with its state and the reason."""
    generation, safe_until = queries.the_set()
    return render_template(
        "plugin_admin/list.html",
        lines=queries.lines(),
        servers=[(one, one.generation >= generation) for one in queries.servers()],
        orphans=queries.orphans(),
        may_upload=_settings().plugin_upload,
        api=".".join(map(str, API_VERSION)),
        safe_until=safe_until,
        starts_safe=current_host().starts_safe,
        **_words(),
    )


@blueprint.post("/mo-dun/quan-ly/che-do-thuong")
@requires(MANAGE)
@fresh_required
def leave_safe_mode() -> Answer:
    """Open the plug-ins again after safe mode."""
    operations.leave_safe_mode(_settings())
    flash(_("Đã ra khỏi chế độ an toàn."), "success")
    return redirect(url_for("plugin_admin.list_plugins"), 303)


@blueprint.get("/mo-dun/<name>")
@requires(MANAGE)
def show_plugin(name: str) -> str:
    """Show one plug-in: how it stands, its releases, its faults, what was done with its data."""
    releases = queries.releases(name)
    install = queries.installs().get(name)
    disposals = queries.disposals(name)
    if not releases and not disposals:
        raise NotFound(_("Không có mô-đun “%(name)s”.", name=name[:60]))
    line = queries.line(name) if releases else None
    kept = queries.kept_exports(disposals)
    return render_template(
        "plugin_admin/show.html",
        name=name,
        line=line,
        install=install,
        releases=releases,
        previous=install.previous_release if install else None,
        incidents=queries.incidents(name) if line else (),
        disposals=[(one, _is_kept(one, kept)) for one in disposals],
        contract=contract_of(line.manifest) if line else None,
        resume=line is not None and line.state is PluginState.PAUSED,
        is_off=install is not None and install.wanted is Wanted.DISABLED,
        newest=releases[0] if releases else None,
        **_words(),
    )


def _path_here(name: str) -> Path:
    return exports.exports_folder(_settings()) / name


def _is_kept(record: PluginDisposal, in_store: Collection[int]) -> bool:
    """Tell whether the file of an export is still to be had, here or in the store."""
    here = bool(record.export_name) and _path_here(record.export_name).is_file()
    return here or record.id in in_store


@blueprint.get("/mo-dun/<name>/ban/<int:release_id>")
@requires(MANAGE)
def show_release(name: str, release_id: int) -> Answer:
    """Show what a release promises, like a letter, before it is let in."""
    release = _release(name, release_id)
    return _release_page(release, _install_form(release, is_sent=False))


def _release(name: str, release_id: int) -> PluginRelease:
    found = queries.release(release_id)
    if found.name != name:
        raise NotFound
    return found


def _install_form(release: PluginRelease, *, is_sent: bool) -> InstallForm:
    """Return what is asked before an install: of a first one, also whether data comes back."""
    form = InstallForm() if is_sent else InstallForm(formdata=None)
    if release.name in queries.installs():
        del form.disabled, form.data_from
        return form
    disposals = queries.disposals(release.name)
    kept = queries.kept_exports(disposals)
    told = [one for one in disposals if one.disposal is Disposal.EXPORT and _is_kept(one, kept)]
    if not told:
        del form.data_from
        return form
    form.data_from.choices = [
        ("", _("Không nạp, bắt đầu từ trống")),
        *((str(one.id), _export_words(one)) for one in told),
    ]
    return form


def _export_words(one: PluginDisposal) -> str:
    words: str = ngettext(
        "Bản xuất ngày %(day)s, %(num)d dòng",
        "Bản xuất ngày %(day)s, %(num)d dòng",
        sum(one.rows.values()),
        day=format_date(to_local(one.removed_at).date()),
    )
    return words


def _release_page(release: PluginRelease, form: InstallForm, status: int = 200) -> Answer:
    manifest = queries.manifest_of(release)
    install = queries.installs().get(release.name)
    before = None
    if install is not None and install.release_id != release.id:
        before = queries.manifest_of(install.release)
    is_older = before is not None and version_key(release.version) < version_key(before.version)
    page = render_template(
        "plugin_admin/release.html",
        release=release,
        manifest=manifest,
        before=before,
        is_current=install is not None and install.release_id == release.id,
        # It can be installed once more: a switch was cut off, or it could not be loaded.
        is_broken=install is not None and install.state in BROKEN,
        is_older=is_older,
        is_used=install is not None
        and release.id in {install.release_id, install.previous_release_id},
        contract=contract_of(manifest, before),
        rehearsal=queries.rehearsal(release.id),
        fits=manifest.fits(),
        api_reason="" if manifest.fits() else queries.api_reason(manifest),
        form=form,
        **_words(),
    )
    return page if status == 200 else (page, status)


@blueprint.post("/mo-dun/<name>/ban/<int:release_id>/cai")
@requires(MANAGE)
@fresh_required
def install_release(name: str, release_id: int) -> Answer:
    """Queue an install or an upgrade."""
    release = _release(name, release_id)
    form = _install_form(release, is_sent=True)
    if not form.validate():
        return _release_page(release, form, 422)
    data: dict[str, object] = {
        "release_id": release.id,
        "skip_rehearsal": bool(form.skip_rehearsal.data),
    }
    if "disabled" in form and form.disabled.data:
        data["disabled"] = True
    if "data_from" in form and form.data_from.data:
        data["data_from"] = int(form.data_from.data)
    return _queued(jobs.Ask("install", name, data))


@blueprint.post("/mo-dun/<name>/ban/<int:release_id>/dien-tap")
@requires(MANAGE)
@fresh_required
def rehearse_release(name: str, release_id: int) -> Answer:
    """Queue a rehearsal, which changes nothing."""
    release = _release(name, release_id)
    return _queued(jobs.Ask("rehearse", name, {"release_id": release.id}))


@blueprint.post("/mo-dun/<name>/ban/<int:release_id>/xoa")
@requires(MANAGE)
@fresh_required
def discard_release(name: str, release_id: int) -> Answer:
    """Drop a release that is not in use."""
    release = _release(name, release_id)
    try:
        label = operations.discard(_settings(), release.id)
    except (PluginError, Conflict) as error:
        flash(error.message, "warning")
        return _shown(name)
    flash(_("Đã xóa bản %(label)s.", label=label), "success")
    if not queries.releases(name) and not queries.disposals(name):
        return redirect(url_for("plugin_admin.list_plugins"), 303)
    return _shown(name)


@blueprint.post("/mo-dun/<name>/bat")
@requires(MANAGE)
@fresh_required
def enable_plugin(name: str) -> Answer:
    """Let a plug-in be heard and shown again."""
    return _switch(name, on=True)


@blueprint.post("/mo-dun/<name>/tat")
@requires(MANAGE)
@fresh_required
def disable_plugin(name: str) -> Answer:
    """Silence a plug-in; its data stays."""
    return _switch(name, on=False)


def _switch(name: str, *, on: bool) -> Answer:
    try:
        (operations.enable if on else operations.disable)(_settings(), name)
    except PluginError as error:
        flash(error.message, "warning")
    else:
        flash(_("Đã bật.") if on else _("Đã tắt. Dữ liệu của mô-đun vẫn còn."), "success")
    return _shown(name)


@blueprint.post("/mo-dun/<name>/quay-lai")
@requires(MANAGE)
@fresh_required
def roll_back(name: str) -> Answer:
    """Queue the way back to the release before."""
    _installed(name)
    return _queued(jobs.Ask("rollback", name))


def _installed(name: str) -> queries.Line:
    line = queries.line(name)
    if not line.is_installed:
        raise NotFound(_("Mô-đun %(name)s chưa được cài.", name=name))
    return line


@blueprint.route("/mo-dun/<name>/go", methods=["GET", "POST"])
@requires(MANAGE)
@fresh_required
def remove_plugin(name: str) -> Answer:
    """Ask what becomes of the data, then queue the removal."""
    line = _installed(name)
    form = RemoveForm()
    status = 200
    if request.method == "POST":
        if form.validate():
            data = {"disposal": form.disposal.data, "reason": form.reason.data or ""}
            return _queued(jobs.Ask("remove", name, data, form.reason.data or ""))
        status = 422
    page = render_template(
        "plugin_admin/remove.html",
        line=line,
        form=form,
        counts=operations.row_counts(_settings(), name),
        keep=Disposal.KEEP.value,
    )
    return page, status


# -- handing in -----------------------------------------------------------------------------


@blueprint.route("/mo-dun/quan-ly/them", methods=["GET", "POST"])
@requires(MANAGE)
@fresh_required
def upload() -> Answer:
    """Take a package from the browser, where the configuration allows it; nothing of it runs."""
    settings = _settings()
    _require_open(settings)
    form = UploadForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                release_id = _hand_in(settings, form.package.data, form.signature.data)
            except (PluginError, Conflict) as error:
                form.package.errors = [error.message]
            else:
                release = queries.release(release_id)
                return redirect(
                    url_for("plugin_admin.show_release", name=release.name, release_id=release.id),
                    303,
                )
    return _upload_page(settings, form, NamedForm(formdata=None)), status


@blueprint.post("/mo-dun/quan-ly/lay")
@requires(MANAGE)
@fresh_required
def fetch_named() -> Answer:
    """Queue the fetching of a package from the index that is set; nothing of it runs."""
    settings = _settings()
    _require_open(settings)
    if not settings.plugin_index:
        raise NotFound(_("Máy chủ này chưa đặt kho mô-đun (TRACKER_PLUGIN_INDEX)."))
    form = NamedForm()
    if form.validate():
        what = (form.what.data or "").strip()
        try:
            name, _version = sources.wanted_name(what)
            run_id = run(jobs.ask, jobs.Ask("fetch", name, {"what": what}))
        except (PluginError, Conflict) as error:
            form.what.errors = [error.message]
        else:
            return redirect(url_for("jobs.show_run", run_id=run_id), 303)
    return _upload_page(settings, UploadForm(formdata=None), form), 422


def _require_open(settings: Settings) -> None:
    if not settings.plugin_upload:
        raise NotFound(_("Máy chủ này chỉ nhận mô-đun qua dòng lệnh (tracker plugin install)."))


def _upload_page(settings: Settings, form: UploadForm, named: NamedForm) -> str:
    return render_template(
        "plugin_admin/upload.html",
        form=form,
        named=named,
        index=settings.plugin_index,
        unsigned=settings.plugin_unsigned,
    )


def _hand_in(settings: Settings, package: FileStorage, signature: FileStorage | None) -> int:
    found = None
    if signature is not None and signature.filename:
        text = signature.read(signatures.LARGEST_SIGNATURE_FILE).decode("utf-8", "replace")
        found = signatures.read_signature(text, signature.filename)
    return operations.add(settings, package.read(), package.filename or "", found)


# -- keys -----------------------------------------------------------------------------------


@blueprint.route("/mo-dun/quan-ly/khoa", methods=["GET", "POST"])
@requires(MANAGE)
@fresh_required
def list_keys() -> Answer:
    """Show the keys that count, and take another."""
    form = KeyForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            try:
                key = signatures.read_public_key(form.line.data or "", form.name.data or "")
                run(services.trust_key, services.TrustKey(key))
            except ValidationFailed as error:
                form.take_errors(error)
            except (PluginError, Conflict) as error:
                form.line.errors = [error.message]
            else:
                flash(_("Đã tin cậy khóa “%(name)s”.", name=key.name), "success")
                return redirect(url_for("plugin_admin.list_keys"), 303)
    page = render_template(
        "plugin_admin/keys.html", form=form, found=queries.keys(), key_name=queries.key_name
    )
    return page, status


@blueprint.post("/mo-dun/quan-ly/khoa/<fingerprint>/thu-hoi")
@requires(MANAGE)
@fresh_required
def revoke_key(fingerprint: str) -> Answer:
    """Revoke a key for ever."""
    name = run(services.revoke_key, services.RevokeKey(fingerprint))
    flash(_("Đã thu hồi khóa “%(name)s”.", name=name), "success")
    return redirect(url_for("plugin_admin.list_keys"), 303)


# -- files ----------------------------------------------------------------------------------


@blueprint.get("/mo-dun/<name>/chan-doan")
@requires(MANAGE)
def fetch_diagnostics(name: str) -> Response:
    """Hand out what a plug-in's author needs to find a fault, without people or secrets."""
    content = queries.diagnosis(_settings(), name)
    return download(content, f"{name}-chan-doan.zip", exports.ZIP)


@blueprint.get("/mo-dun/quan-ly/du-lieu/<int:disposal_id>")
@requires(MANAGE)
@fresh_required
def fetch_export(disposal_id: int) -> Response:
    """Hand out the data that left a plug-in, from this machine or from the store."""
    record = queries.disposal(disposal_id)
    if not _is_kept(record, queries.kept_exports([record])):
        raise NotFound(_("Tệp này không còn trên máy chủ."))
    content = exports.kept_content(_settings(), record.export_name, record.export_sha256)
    return download(content, record.export_name, exports.ZIP)


@blueprint.post("/mo-dun/quan-ly/du-lieu/<int:disposal_id>/xoa")
@requires(MANAGE)
@fresh_required
def drop_export(disposal_id: int) -> Response:
    """Let go of the data that left a plug-in; the record of it stays."""
    record = queries.disposal(disposal_id)
    name, export = record.plugin, record.export_name
    run(services.drop_export, disposal_id)
    if export:
        _path_here(export).unlink(missing_ok=True)
    flash(_("Đã xóa tệp dữ liệu."), "success")
    return _shown(name)
