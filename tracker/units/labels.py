"""What people read for each kind of unit and of event: the one place for these words."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l

from tracker.core.text import fold
from tracker.plugins.descriptors import Label
from tracker.units.models import UnitEventKind, UnitKind

KINDS: Mapping[UnitKind, Label] = {
    UnitKind.PROVINCE: _l("Tỉnh, thành phố"),
    UnitKind.DEPARTMENT: _l("Sở, ban, ngành"),
    UnitKind.DISTRICT: _l("Cấp huyện"),
    UnitKind.COMMUNE: _l("Xã"),
    UnitKind.WARD: _l("Phường"),
    UnitKind.SPECIAL_ZONE: _l("Đặc khu"),
    UnitKind.DIVISION: _l("Phòng, ban"),
    UnitKind.SERVICE_UNIT: _l("Đơn vị sự nghiệp"),
    UnitKind.SERVICE_CENTRE: _l("Trung tâm phục vụ hành chính công"),
    UnitKind.OTHER: _l("Khác"),
}

EVENTS: Mapping[UnitEventKind, Label] = {
    UnitEventKind.CREATE: _l("Thành lập"),
    UnitEventKind.RENAME: _l("Đổi tên"),
    UnitEventKind.MOVE: _l("Chuyển trực thuộc"),
    UnitEventKind.MERGE: _l("Sáp nhập"),
    UnitEventKind.SPLIT: _l("Chia tách"),
    UnitEventKind.END: _l("Kết thúc hoạt động"),
}

# How the kinds are also written in files, folded; the labels of the reader's language count too.
KIND_WORDS: Mapping[str, UnitKind] = {
    "tinh": UnitKind.PROVINCE,
    "tinh thanh pho": UnitKind.PROVINCE,
    "thanh pho": UnitKind.PROVINCE,
    "province": UnitKind.PROVINCE,
    "city": UnitKind.PROVINCE,
    "so": UnitKind.DEPARTMENT,
    "ban": UnitKind.DEPARTMENT,
    "nganh": UnitKind.DEPARTMENT,
    "so nganh": UnitKind.DEPARTMENT,
    "so ban nganh": UnitKind.DEPARTMENT,
    "department": UnitKind.DEPARTMENT,
    "huyen": UnitKind.DISTRICT,
    "quan": UnitKind.DISTRICT,
    "thi xa": UnitKind.DISTRICT,
    "cap huyen": UnitKind.DISTRICT,
    "district": UnitKind.DISTRICT,
    "xa": UnitKind.COMMUNE,
    "commune": UnitKind.COMMUNE,
    "phuong": UnitKind.WARD,
    "ward": UnitKind.WARD,
    "dac khu": UnitKind.SPECIAL_ZONE,
    "special zone": UnitKind.SPECIAL_ZONE,
    "phong": UnitKind.DIVISION,
    "phong ban": UnitKind.DIVISION,
    "division": UnitKind.DIVISION,
    "don vi su nghiep": UnitKind.SERVICE_UNIT,
    "service unit": UnitKind.SERVICE_UNIT,
    "trung tam phuc vu hanh chinh cong": UnitKind.SERVICE_CENTRE,
    "trung tam pvhcc": UnitKind.SERVICE_CENTRE,
    "service centre": UnitKind.SERVICE_CENTRE,
    "khac": UnitKind.OTHER,
    "other": UnitKind.OTHER,
}


def kind_label(kind: UnitKind | str) -> str:
    """Return what people read for a kind, in their language."""
    return str(KINDS[UnitKind(kind)])


def kind_of(words: str) -> UnitKind | None:
    """Return the kind that a cell names, with or without marks, in either language."""
    folded = fold(words)
    spoken = {fold(str(label)): kind for kind, label in KINDS.items()}
    return spoken.get(folded) or KIND_WORDS.get(folded)


def kind_choices() -> list[tuple[str, str]]:
    """Return the kinds for a select."""
    return [(kind.value, str(label)) for kind, label in KINDS.items()]
