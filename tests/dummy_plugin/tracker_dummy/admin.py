"""Things in the back office."""

from __future__ import annotations

from tracker.api.admin import Filter, SecureModelView
from tracker.api.i18n import lazy_gettext as _l
from tracker_dummy.models import Colour, Thing
from tracker_dummy.services import MANAGE

COLOURS = {Colour.RED: _l("Đỏ"), Colour.GREEN: _l("Xanh")}


class ThingView(SecureModelView):
    """Things."""

    record = Thing
    permission = MANAGE
    label = _l("Mẫu thử")
    slug = "mau-thu"
    search_column = "folded"
    column_list = ("title", "colour")
    column_details_list = column_list
    column_labels = {"title": _l("Tên mẫu"), "colour": _l("Màu")}  # noqa: RUF012
    column_values = {"colour": lambda thing: str(COLOURS[thing.colour])}  # noqa: RUF012
    column_sortable_list = {"title": Thing.sort_key}  # noqa: RUF012
    column_default_sort = "title"
    filters = (
        Filter(
            "colour",
            _l("Màu"),
            lambda: [(one.value, str(label)) for one, label in COLOURS.items()],
            lambda value: Thing.colour == Colour(value),
        ),
    )
