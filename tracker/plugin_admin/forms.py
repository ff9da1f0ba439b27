"""What administrators fill in about plug-ins."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import BooleanField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its types

from tracker.plugins.models import Disposal
from tracker.web.forms import Form, Longest, Required

LONGEST_REASON = 500


class UploadForm(Form):
    """A wheel or a bundle, with its signature."""

    package = FileField(_l("Gói mô-đun (.whl hoặc .bundle.zip)"), [Required()])
    signature = FileField(_l("Tệp chữ ký (.sig)"))


class KeyForm(Form):
    """A public key to be trusted."""

    line = TextAreaField(_l("Khóa công khai"), [Required(), Longest(400)])
    name = StringField(_l("Tên gọi"), [Required(), Longest(120)])


class InstallForm(Form):
    """How a release comes in: with which data, switched on or not, with a rehearsal or without."""

    data_from = SelectField(_l("Nạp lại dữ liệu"), choices=[], default="")
    disabled = BooleanField(_l("Cài nhưng chưa bật"))
    skip_rehearsal = BooleanField(_l("Không diễn tập trước"))


class NamedForm(Form):
    """The name of a plug-in in the index that is set."""

    what = StringField(_l("Tên mô-đun trong kho"), [Required(), Longest(80)])


class RemoveForm(Form):
    """What becomes of the data, and why."""

    disposal = RadioField(
        _l("Dữ liệu của mô-đun"),
        [Required()],
        choices=[
            SelectChoice(Disposal.KEEP.value, _l("Giữ lại")),
            SelectChoice(Disposal.EXPORT.value, _l("Xuất ra tệp rồi xóa")),
            SelectChoice(Disposal.ERASE.value, _l("Xóa hẳn")),
        ],
    )
    reason = StringField(_l("Lý do"), [Longest(LONGEST_REASON)])
