"""`tracker plugin`: what the pages do, and what has to work while the server does not start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click
from flask import current_app
from flask_babel import gettext as _

from tracker.config import Settings, settings_from_environment
from tracker.core.clock import to_local
from tracker.core.errors import NotFound, PluginError
from tracker.core.numbers import format_date
from tracker.core.text import N_
from tracker.core.work import run
from tracker.plugin_admin import author_cli, operations, queries, services, sources
from tracker.plugin_admin.contract import contract_of
from tracker.plugin_admin.safe_mode import safe_mode
from tracker.plugins import index, packages, signatures
from tracker.plugins.commands import without_app, without_plugins
from tracker.plugins.models import Disposal
from tracker.plugins.signatures import Signature
from tracker.plugins.states import STATES, Wanted

JSON_HELP = N_("In kết quả dạng JSON.")
YES_HELP = N_("Không hỏi lại.")
CHOICES = [Disposal.KEEP.value, Disposal.EXPORT.value, Disposal.ERASE.value]


def _settings() -> Settings:
    return cast(Settings, current_app.extensions["tracker_settings"])


def _say(text: str) -> None:
    click.echo(f"· {text}", err=True)


@without_plugins
@click.group("plugin", help=N_("Mô-đun mở rộng: cài, bật, tắt, nâng cấp, quay lại, gỡ, ký."))
def plugin() -> None:
    """Hold the commands on plug-ins."""


plugin.add_command(safe_mode)


@plugin.command(
    "list",
    help=N_("Liệt kê mô-đun: tên, phiên bản, trạng thái và lý do."),
    epilog=N_("Ví dụ: tracker plugin list --json"),
)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def list_plugins(as_json: bool) -> None:
    """List the plug-ins."""
    lines = queries.lines()
    names = queries.key_names()
    if as_json:
        rows = [
            {
                "name": one.name,
                "version": one.version,
                "state": one.state.value,
                "reason": one.reason,
                "installed": one.is_installed,
                "signed_by": one.signed_by,
                "newer": one.newer_version,
            }
            for one in lines
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not lines:
        click.echo(_("Chưa có mô-đun nào. Cài bằng: tracker plugin install <tệp>"))
    for one in lines:
        signed = names.get(one.signed_by, "") or _("CHƯA KÝ")
        click.echo(f"{one.name:<24} {one.version:<10} {STATES[one.state]!s:<22} {signed}")
        if one.reason:
            click.echo(f"    {one.reason}")


# -- installing -----------------------------------------------------------------------------


def _signature(path: Path | None, found: Signature | None) -> Signature | None:
    if path is None:
        return found
    return signatures.read_signature(path.read_text(encoding="utf-8"), path.name)


def _show_contract(release_id: int) -> None:
    """Print what a release declares; for one that is installed already, what is new."""
    release = queries.release(release_id)
    manifest = queries.manifest_of(release)
    install = queries.installs().get(manifest.name)
    before = queries.manifest_of(install.release) if install else None
    click.echo(f"\n{manifest.title} {manifest.version}")
    click.echo(f"{manifest.summary}")
    contract = contract_of(manifest, before)
    if before is not None:
        click.echo(_("Điểm mới so với bản %(version)s:", version=before.version))
        for clause in contract.news:
            click.echo(f"  + {clause.text}")
        for text in contract.gone:
            click.echo(f"  - {text}")
        if not contract.news and not contract.gone:
            click.echo("  " + _("Không có gì mới trong cam kết."))
    else:
        for chapter in contract.chapters:
            click.echo(f"  {chapter.question}")
            for clause in chapter.clauses:
                click.echo(f"    - {clause.text}")
            if not chapter.clauses:
                click.echo(f"    {chapter.nothing}")
    if release.signed_by is None:
        click.echo(_("Chưa ai ký gói này."))
    click.echo(
        _("Mô-đun là mã được tin cậy: nó chạy với mọi quyền của hệ thống, cam kết chỉ để biết.")
        + "\n"
    )


def _show_report(report: Mapping[str, Any] | None) -> None:
    if report is None:
        return
    words = _("Diễn tập đạt") if report["passed"] else _("Diễn tập không đạt")
    click.echo(
        _(
            "%(words)s: %(pages)d lượt mở trang, %(seconds)s giây.",
            words=words,
            pages=len(report["pages"]),
            seconds=report["seconds"],
        )
    )
    for error in report["errors"]:
        click.echo(f"  ! {error}")


def _confirm(is_sure: bool, question: str) -> None:
    if not is_sure and not click.confirm(question):
        raise click.Abort


@plugin.command(
    "install",
    help=N_(
        "Cài WHAT: tệp .whl hoặc .bundle.zip, thư mục mã nguồn, hoặc tên mô-đun trong kho. "
        "Kiểm tra, cho xem cam kết, diễn tập trên bản sao, rồi mới đưa vào chạy. "
        "Bản cao hơn của mô-đun đã cài là nâng cấp."
    ),
    epilog=N_("Ví dụ: tracker plugin install --index /media/usb camera_monitoring"),
)
@click.argument("what")
@click.option(
    "--index",
    "index_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=N_("Thư mục kho có index.json; WHAT là tên, có thể kèm ==phiên bản."),
)
@click.option(
    "--signature",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=N_("Tệp chữ ký, khi nó không nằm cạnh gói."),
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=N_("Tệp ZIP dữ liệu xuất ra khi gỡ, để nạp lại."),
)
@click.option("--disabled", is_flag=True, help=N_("Cài nhưng chưa bật."))
@click.option("--without-rehearsal", is_flag=True, help=N_("Không diễn tập trước khi cài."))
@click.option("--yes", is_flag=True, help=YES_HELP)
def install(
    what: str,
    index_folder: Path | None,
    signature: Path | None,
    data: Path | None,
    disabled: bool,
    without_rehearsal: bool,
    yes: bool,
) -> None:
    """Install a plug-in, or upgrade it."""
    settings = _settings()
    source = sources.fetch(settings, what, index_folder)
    release_id = operations.add(
        settings, source.content, source.filename, _signature(signature, source.signature)
    )
    _show_contract(release_id)
    _confirm(yes, _("Cài mô-đun này?"))
    _install(
        release_id,
        skip_rehearsal=without_rehearsal,
        data=data.read_bytes() if data else b"",
        wanted=Wanted.DISABLED if disabled else None,
    )


def _install(
    release_id: int, *, skip_rehearsal: bool, data: bytes = b"", wanted: Wanted | None = None
) -> None:
    try:
        done = operations.install(
            _settings(),
            release_id,
            skip_rehearsal=skip_rehearsal,
            data=data,
            wanted=wanted,
            say=_say,
        )
    except operations.RehearsalFailed as error:
        _show_report(error.report)
        raise
    _show_report(done.report)
    click.echo(_("Đã cài %(name)s %(version)s.", name=done.name, version=done.version))


@plugin.command(
    "upgrade",
    help=N_("Nâng mô-đun NAME lên bản mới nhất đã thêm vào hệ thống, hoặc bản ghi bằng --to."),
    epilog=N_("Ví dụ: tracker plugin upgrade camera_monitoring --yes"),
)
@click.argument("name")
@click.option("--to", "version", default="", help=N_("Phiên bản muốn lên."))
@click.option("--without-rehearsal", is_flag=True, help=N_("Không diễn tập trước khi nâng cấp."))
@click.option("--yes", is_flag=True, help=YES_HELP)
def upgrade(name: str, version: str, without_rehearsal: bool, yes: bool) -> None:
    """Upgrade a plug-in to a release that was added before."""
    if name not in queries.installs():
        raise PluginError(_("Mô-đun %(name)s chưa được cài.", name=name))
    found = [one for one in queries.releases(name) if not version or one.version == version]
    if not found:
        raise PluginError(_("Chưa thêm bản %(version)s vào hệ thống.", version=version))
    release_id = found[0].id
    _show_contract(release_id)
    _confirm(yes, _("Nâng cấp mô-đun này?"))
    _install(release_id, skip_rehearsal=without_rehearsal)


@plugin.command(
    "rehearse",
    help=N_("Diễn tập WHAT trên bản sao cơ sở dữ liệu mà không cài. Mã thoát 1 khi không đạt."),
    epilog=N_("Ví dụ: tracker plugin rehearse camera-2.0.whl --json"),
)
@click.argument("what")
@click.option(
    "--index",
    "index_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=N_("Thư mục kho có index.json."),
)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
@click.pass_context
def rehearse(ctx: click.Context, what: str, index_folder: Path | None, as_json: bool) -> None:
    """Rehearse a plug-in."""
    settings = _settings()
    source = sources.fetch(settings, what, index_folder)
    release_id = operations.add(settings, source.content, source.filename, source.signature)
    report = operations.rehearse(settings, release_id)
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _show_report(report)
    if not report["passed"]:
        ctx.exit(1)


# -- switching ------------------------------------------------------------------------------


@plugin.command(
    "enable",
    help=N_(
        "Bật mô-đun NAME, có hiệu lực từ lần mở trang kế tiếp; cũng cho chạy lại khi tạm dừng."
    ),
    epilog=N_("Ví dụ: tracker plugin enable camera_monitoring"),
)
@click.argument("name")
def enable(name: str) -> None:
    """Enable a plug-in."""
    operations.enable(_settings(), name)
    click.echo(_("Đã bật %(name)s.", name=name))


@plugin.command(
    "disable",
    help=N_("Tắt mô-đun NAME, có hiệu lực từ lần mở trang kế tiếp; dữ liệu vẫn còn."),
    epilog=N_("Ví dụ: tracker plugin disable camera_monitoring"),
)
@click.argument("name")
def disable(name: str) -> None:
    """Disable a plug-in."""
    operations.disable(_settings(), name)
    click.echo(_("Đã tắt %(name)s. Dữ liệu vẫn còn.", name=name))


@plugin.command(
    "rollback",
    help=N_(
        "Quay lại bản trước của mô-đun NAME, cả bảng dữ liệu của nó; dòng ghi sau đó được cất vào "
        "tệp ZIP. Chạy được cả khi máy chủ không khởi động."
    ),
    epilog=N_("Ví dụ: tracker plugin rollback camera_monitoring --yes"),
)
@click.argument("name")
@click.option("--yes", is_flag=True, help=YES_HELP)
def rollback(name: str, yes: bool) -> None:
    """Go back to the release before."""
    _confirm(yes, _("Quay lại bản trước của %(name)s?", name=name))
    done = operations.rollback(_settings(), name, say=_say)
    click.echo(_("%(name)s đã về bản %(version)s.", name=name, version=done.version))
    if done.export is not None:
        click.echo(
            _(
                "%(count)d dòng ghi sau lần nâng cấp được cất vào %(path)s",
                count=sum((done.rows or {}).values()),
                path=done.export,
            )
        )


@plugin.command(
    "remove",
    help=N_("Gỡ mô-đun NAME. Dữ liệu: keep giữ lại, export xuất ra tệp ZIP rồi xóa, erase xóa."),
    epilog=N_("Ví dụ: tracker plugin remove camera_monitoring --data export"),
)
@click.argument("name")
@click.option("--data", "disposal", type=click.Choice(CHOICES), required=True)
@click.option("--reason", default="", help=N_("Lý do, ghi vào nhật ký."))
@click.option("--yes", is_flag=True, help=YES_HELP)
def remove(name: str, disposal: str, reason: str, yes: bool) -> None:
    """Remove a plug-in."""
    _confirm(yes, _("Gỡ %(name)s?", name=name))
    done = operations.remove(_settings(), name, Disposal(disposal), reason=reason, say=_say)
    click.echo(_("Đã gỡ %(name)s %(version)s.", name=name, version=done.version))
    for table, count in sorted((done.rows or {}).items()):
        click.echo(f"  {table}: {count}")
    if done.export is not None:
        click.echo(_("Dữ liệu ở %(path)s", path=done.export))


@plugin.command(
    "discard",
    help=N_("Xóa khỏi hệ thống bản VERSION của mô-đun NAME khi không dùng nữa."),
    epilog=N_("Ví dụ: tracker plugin discard camera_monitoring 1.0.0"),
)
@click.argument("name")
@click.argument("version")
@click.option("--yes", is_flag=True, help=YES_HELP)
def discard(name: str, version: str, yes: bool) -> None:
    """Drop a release."""
    found = [one.id for one in queries.releases(name) if one.version == version]
    if not found:
        raise NotFound(_("Không có bản phát hành này."))
    _confirm(yes, _("Xóa bản %(version)s của %(name)s?", version=version, name=name))
    click.echo(_("Đã xóa bản %(label)s.", label=operations.discard(_settings(), found[0])))


@plugin.command(
    "diagnose",
    help=N_(
        "Ghi gói chẩn đoán của mô-đun NAME cho tác giả: phiên bản, bản khai, lỗi; không có dữ "
        "liệu, tên người hay bí mật."
    ),
    epilog=N_("Ví dụ: tracker plugin diagnose camera_monitoring --to chan-doan.zip"),
)
@click.argument("name")
@click.option(
    "--to",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help=N_("Tệp ZIP được ghi (mặc định: <tên>-chan-doan.zip)."),
)
def diagnose(name: str, target: Path | None) -> None:
    """Write the bundle for a plug-in's author."""
    if name not in queries.installs():
        raise NotFound(_("Mô-đun %(name)s chưa được cài.", name=name))
    path = target or Path(f"{name}-chan-doan.zip")
    path.write_bytes(queries.diagnosis(_settings(), name))
    click.echo(str(path))


# -- keys and signatures --------------------------------------------------------------------


@plugin.group("key", help=N_("Khóa ký: tạo, tin cậy, liệt kê, thu hồi."))
def key() -> None:
    """Hold the commands on keys."""


@without_app
@key.command(
    "new",
    help=N_("Tạo cặp khóa NAME trong thư mục: NAME.key giữ kín, NAME.pub đưa cho nơi cài đặt."),
    epilog=N_("Ví dụ: tracker plugin key new so-noi-vu --folder ~/khoa"),
)
@click.argument("name")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path(), show_default=True
)
def new_key(name: str, folder: Path) -> None:
    """Make a key pair."""
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise PluginError(_("Tên khóa chỉ gồm chữ không dấu, chữ số, gạch nối."))
    made = signatures.new_key(name, folder)
    click.echo(_("Khóa ký: %(path)s (giữ kín)", path=folder / f"{name}.key"))
    click.echo(_("Khóa công khai: %(path)s", path=folder / f"{name}.pub"))
    click.echo(_("Dấu vân tay: %(fingerprint)s", fingerprint=made.fingerprint))


@key.command(
    "trust",
    help=N_("Tin cậy khóa công khai trong FILE; hãy đối chiếu dấu vân tay với chủ khóa trước."),
    epilog=N_("Ví dụ: tracker plugin key trust so-noi-vu.pub"),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", default="", help=N_("Tên gọi của khóa ở cơ quan này."))
@click.option("--yes", is_flag=True, help=YES_HELP)
def trust(file: Path, name: str, yes: bool) -> None:
    """Trust a public key."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PluginError(_("%(path)s không phải khóa công khai.", path=file)) from error
    found = signatures.read_public_key(text, name)
    click.echo(_("Dấu vân tay: %(fingerprint)s", fingerprint=found.fingerprint))
    _confirm(yes, _("Tin cậy khóa “%(name)s”?", name=found.name))
    run(services.trust_key, services.TrustKey(found))
    click.echo(_("Đã tin cậy khóa “%(name)s”.", name=found.name))


@key.command(
    "list", help=N_("Liệt kê các khóa."), epilog=N_("Ví dụ: tracker plugin key list --json")
)
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def list_keys(as_json: bool) -> None:
    """List the keys."""
    found = queries.keys()
    if as_json:
        rows = [
            {
                "name": one.name,
                "fingerprint": one.fingerprint,
                "trusted_at": one.trusted_at.isoformat(),
                "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
            }
            for one in found
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for one in found:
        end = (
            _("thu hồi %(day)s", day=format_date(to_local(one.revoked_at).date()))
            if one.revoked_at
            else _("tin cậy")
        )
        click.echo(f"{one.fingerprint}  {one.name:<24} {end}")


@key.command(
    "revoke",
    help=N_("Thu hồi khóa có dấu vân tay bắt đầu bằng FINGERPRINT (ít nhất 8 ký tự)."),
    epilog=N_("Ví dụ: tracker plugin key revoke 3fa94c01"),
)
@click.argument("fingerprint")
def revoke(fingerprint: str) -> None:
    """Revoke a key."""
    name = run(services.revoke_key, services.RevokeKey(fingerprint))
    click.echo(_("Đã thu hồi khóa “%(name)s”.", name=name))


@without_app
@plugin.command(
    "sign",
    help=N_("Ký gói FILE bằng khóa; chữ ký nằm cạnh gói, đuôi .sig."),
    epilog=N_("Ví dụ: tracker plugin sign camera.bundle.zip --key so-noi-vu.key"),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    "key_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help=N_("Tệp khóa ký (.key)."),
)
def sign(file: Path, key_file: Path) -> None:
    """Sign a release."""
    package = packages.open_package(file.read_bytes(), file.name)
    signed = signatures.sign(key_file, package.name, package.version, package.sha256)
    target = file.with_name(file.name + signatures.SUFFIX)
    target.write_text(signed.to_json(), encoding="utf-8")
    click.echo(_("Đã ký %(name)s: %(path)s", name=package.name, path=target))


# -- packages -------------------------------------------------------------------------------


@without_app
@plugin.group("index", help=N_("Kho mô-đun trong một thư mục, cho máy không có mạng."))
def index_group() -> None:
    """Hold the commands on index folders."""


@index_group.command(
    "build",
    help=N_("Kiểm tra mọi gói trong FOLDER và ghi index.json với mã băm và chữ ký của chúng."),
    epilog=N_("Ví dụ: tracker plugin index build /media/usb"),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def build_index(folder: Path) -> None:
    """Write an index."""
    for entry in index.build_index(folder):
        signed = entry.fingerprint[:16] or _("CHƯA KÝ")
        click.echo(f"{entry.name:<24} {entry.version:<10} {signed}  {entry.file}")


@without_app
@plugin.command(
    "bundle",
    help=N_("Đóng gói mã nguồn FOLDER và các thư viện WHEELS thành một tệp .bundle.zip."),
    epilog=N_("Ví dụ: tracker plugin bundle plugins/camera onvif.whl --to dist"),
)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("wheels", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", type=click.Path(file_okay=False, path_type=Path), default=Path())
def bundle(folder: Path, wheels: tuple[Path, ...], target: Path) -> None:
    """Build a bundle."""
    settings = settings_from_environment()
    built = sources.from_folder(settings, folder)
    target.mkdir(parents=True, exist_ok=True)
    wheel = target / built.filename
    wheel.write_bytes(built.content)
    path = wheel
    if wheels:
        name = built.filename.removesuffix("-py3-none-any.whl") + packages.BUNDLE_SUFFIX
        path = packages.write_bundle(wheel, wheels, target / name)
        wheel.unlink()
    package = packages.open_package(path.read_bytes(), path.name)
    click.echo(f"{path}  {package.name} {package.version}")


for _command in author_cli.COMMANDS:
    plugin.add_command(_command)
