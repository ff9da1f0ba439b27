"""The words that scripts say: sent with every page, in the page's language."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Final

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from markupsafe import Markup, escape

from tracker.web.i18n import locale_code

# Lists are one text each, parted by '|', so that a translator sees them whole.
WORDS: Final[dict[str, LazyString]] = {
    "busy": _l("Đang xử lý…"),
    "leave": _l("Nội dung vừa nhập chưa được gửi."),
    "draft_back": _l("Đã khôi phục nội dung nhập dở lúc"),
    "draft_drop": _l("Bỏ bản nháp"),
    "draft_kept": _l("Đã giữ bản nháp"),
    "offline": _l(
        "Không kết nối được máy chủ. Nội dung vẫn còn trên màn hình; thử lại sau ít giây."
    ),
    "signed_out": _l("Phiên làm việc đã hết. Đăng nhập lại ở thẻ khác rồi bấm lại."),
    "failed": _l("Chưa làm được việc này. Thử lại, nếu vẫn vậy hãy báo quản trị."),
    "too_many": _l("Bấm quá nhanh. Chờ ít giây rồi thử lại."),
    "close": _l("Đóng"),
    "undo": _l("Hoàn tác"),
    "copied": _l("Đã chép"),
    "months": _l(
        "Tháng 1|Tháng 2|Tháng 3|Tháng 4|Tháng 5|Tháng 6"
        "|Tháng 7|Tháng 8|Tháng 9|Tháng 10|Tháng 11|Tháng 12"
    ),
    "weekdays": _l("T2|T3|T4|T5|T6|T7|CN"),
    "weekdays_long": _l("Thứ Hai|Thứ Ba|Thứ Tư|Thứ Năm|Thứ Sáu|Thứ Bảy|Chủ nhật"),
    "prev_month": _l("Tháng trước"),
    "next_month": _l("Tháng sau"),
    "today": _l("Hôm nay"),
    "clear": _l("Xóa ngày"),
    "calendar": _l("Lịch"),
    "bad_date": _l("Nhập ngày dạng dd/mm/yyyy, ví dụ 15/12/2026."),
    "none_found": _l("Không có kết quả. Thử gõ ít chữ hơn."),
    "recent": _l("Chọn gần đây"),
    "more_results": _l("Gõ thêm để thu hẹp"),
    "remove": _l("Bỏ"),
    "search_here": _l("Gõ để tìm"),
    "shrinking": _l("Đang thu nhỏ ảnh…"),
    "results": _l("kết quả"),
}


@lru_cache(maxsize=8)
def _in_language(_locale: str) -> Markup:
    # The language is the current one; it is named because the answer is kept.
    said = {key: str(word) for key, word in WORDS.items()}
    return escape(json.dumps(said, ensure_ascii=False))


def script_words() -> Markup:
    """Return the words as the value of an attribute: JSON, escaped, in the current language."""
    return _in_language(locale_code())
