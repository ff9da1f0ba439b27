"""The one place where errors become responses: a page, a fragment's message, or JSON."""

from __future__ import annotations

import logging
from typing import NamedTuple

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from tracker.core import errors as e
from tracker.core.db import db

log = logging.getLogger(__name__)


class Told(NamedTuple):
    """What a person is told: status, title, what to do next."""

    status: int
    title: str
    message: str


def _told(status: int) -> Told:
    words = {
        400: (_("Yêu cầu không đọc được"), _("Hãy quay lại trang trước và thử lại.")),
        401: (_("Cần đăng nhập"), _("Hãy đăng nhập rồi thử lại.")),
        403: (
            _("Bạn không có quyền làm việc này"),
            _("Nếu công việc của bạn cần quyền này, hãy báo quản trị viên cấp quyền."),
        ),
        404: (
            _("Không tìm thấy trang hoặc mục này"),
            _("Địa chỉ có thể đã đổi, hoặc mục này không thuộc phạm vi của bạn."),
        ),
        405: (_("Thao tác không hợp lệ"), _("Hãy quay lại trang trước và thử lại.")),
        409: (
            _("Dữ liệu đã thay đổi"),
            _("Người khác vừa sửa mục này. Hãy tải lại để xem bản mới nhất."),
        ),
        413: (_("Tệp hoặc biểu mẫu quá lớn"), _("Hãy chọn tệp nhỏ hơn.")),
        415: (_("Loại tệp không dùng được"), _("Hãy chọn loại tệp khác.")),
        422: (_("Thông tin chưa đúng"), _("Hãy sửa những chỗ được nêu rồi gửi lại.")),
        503: (_("Kho tệp đang gặp trục trặc"), _("Hãy chờ một lúc rồi thử lại.")),
        429: (_("Quá nhiều lần thử"), _("Hãy chờ một lúc rồi thử lại.")),
    }
    title, message = words.get(
        status,
        (
            _("Hệ thống gặp trục trặc"),
            _("Dữ liệu chưa bị thay đổi. Hãy thử lại; nếu vẫn lỗi, báo quản trị viên mã bên dưới."),
        ),
    )
    return Told(status, title, message)


STATUS = (
    (e.ValidationFailed, 422),
    (e.BadRequest, 400),
    (e.NotFound, 404),
    (e.PermissionDenied, 403),
    (e.Conflict, 409),
    (e.PluginError, 409),
    (e.TooLarge, 413),
    (e.TooMany, 429),
    (e.Unavailable, 503),
)


def respond(told: Told, retry_after: int | None = None) -> Response:
    """Return the page (or JSON, when that is what was asked for) of an error."""
    request_id = str(g.get("request_id", ""))
    if request.accept_mimetypes.best == "application/json":
        response = jsonify(error=told.title, message=told.message, request_id=request_id)
    else:
        response = make_response(
            render_template(
                "errors/error.html",
                status=told.status,
                title=told.title,
                message=told.message,
                back_url="",
                request_id=request_id,
            )
        )
    response.status_code = told.status
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def handle_tracker_error(error: e.TrackerError) -> Response:
    """Answer an error of ours."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    told = _told(status)
    if error.message:
        told = told._replace(message=error.message)
    if isinstance(error, e.Switching):
        told = told._replace(title=_("Đang chuyển sang bản khác"))
    retry_after = error.retry_after_seconds if isinstance(error, e.TooMany | e.Switching) else None
    return respond(told, retry_after)


def handle_http_error(error: HTTPException) -> Response:
    """Answer an error of Werkzeug's or Flask's."""
    if error.response is not None and isinstance(error.response, Response):
        return error.response
    code = error.code or 500
    if isinstance(error, CSRFError):
        return respond(
            Told(
                400,
                _("Trang đã hết hạn"),
                _("Hãy tải lại trang rồi gửi lại; những gì bạn đã gõ vẫn còn trên trang."),
            )
        )
    response = respond(_told(code))
    if code == 405 and getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]
    return response


def handle_bug(error: Exception) -> Response:
    """Answer what nobody expected: logged with the request's id, told in plain words."""
    log.exception("unexpected error in request %s", g.get("request_id", ""), exc_info=error)
    db.session.rollback()
    return respond(_told(500))


def init_errors(app: Flask) -> None:
    """Map every error to a response."""
    app.register_error_handler(e.TrackerError, handle_tracker_error)
    app.register_error_handler(HTTPException, handle_http_error)
    if not app.testing:
        app.register_error_handler(Exception, handle_bug)
