"""The demo's units: four places, as they were and as they are since 1 July 2025."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from tracker.core.db import db
from tracker.core.work import run
from tracker.ops.demo.scene import on, unit_ids
from tracker.units import operations, services
from tracker.units.inputs import CreateUnit, NewUnit, Operation, SaveUnitSet
from tracker.units.models import Unit, UnitEventKind, UnitKind

BORN = date(2019, 1, 1)
TWO_TIERS = date(2025, 7, 1)

P, D, X, C, W, DIV, SC = (
    UnitKind.PROVINCE,
    UnitKind.DEPARTMENT,
    UnitKind.DISTRICT,
    UnitKind.COMMUNE,
    UnitKind.WARD,
    UnitKind.DIVISION,
    UnitKind.SERVICE_CENTRE,
)

# code, name, short name, kind, parent's code, head's title, other names
UNITS: tuple[tuple[str, str, str, UnitKind, str, str, tuple[str, ...]], ...] = (
    ("CT", "UBND thành phố Cần Thơ", "Cần Thơ", P, "", "Chủ tịch UBND thành phố", ()),
    ("CT-STP", "Sở Tư pháp", "", D, "CT", "Giám đốc Sở", ()),
    ("CT-SNV", "Sở Nội vụ", "", D, "CT", "Giám đốc Sở", ("Sở Nội vụ (Thường trực CCHC)",)),
    ("CT-VP", "Văn phòng UBND thành phố", "", D, "CT", "Chánh Văn phòng", ()),
    ("CT-STC", "Sở Tài chính", "", D, "CT", "Giám đốc Sở", ("Sở Kế hoạch và Đầu tư",)),
    ("CT-SKHCN", "Sở Khoa học và Công nghệ", "", D, "CT", "Giám đốc Sở",
     ("Sở Thông tin và Truyền thông",)),
    ("CT-SXD", "Sở Xây dựng", "", D, "CT", "Giám đốc Sở", ("Sở Giao thông vận tải",)),
    ("CT-SNNMT", "Sở Nông nghiệp và Môi trường", "", D, "CT", "Giám đốc Sở",
     ("Sở Tài nguyên và Môi trường",)),
    ("CT-SYT", "Sở Y tế", "", D, "CT", "Giám đốc Sở", ()),
    ("ST", "UBND tỉnh Sóc Trăng", "Sóc Trăng", P, "", "Chủ tịch UBND tỉnh", ()),
    ("VC", "UBND thị xã Vĩnh Châu", "Vĩnh Châu", X, "ST", "Chủ tịch UBND thị xã", ()),
    ("VC-NV", "Phòng Nội vụ thị xã Vĩnh Châu", "Phòng Nội vụ", DIV, "VC", "Trưởng phòng",
     ("Phòng Nội vụ huyện Vĩnh Châu",)),
    ("VC-VP", "Văn phòng HĐND và UBND thị xã Vĩnh Châu", "Văn phòng", DIV, "VC",
     "Chánh Văn phòng", ()),
    ("VC-TP", "Phòng Tư pháp thị xã Vĩnh Châu", "Phòng Tư pháp", DIV, "VC", "Trưởng phòng", ()),
    ("VC-TCKH", "Phòng Tài chính - Kế hoạch thị xã Vĩnh Châu", "Phòng TC-KH", DIV, "VC",
     "Trưởng phòng", ()),
    ("VC-VHTT", "Phòng Văn hóa và Thông tin thị xã Vĩnh Châu", "Phòng VH-TT", DIV, "VC",
     "Trưởng phòng", ()),
    ("VC-P1", "UBND Phường 1", "", W, "VC", "Chủ tịch UBND phường", ()),
    ("VC-P2", "UBND Phường 2", "", W, "VC", "Chủ tịch UBND phường", ()),
    ("VC-KH", "UBND phường Khánh Hòa", "", W, "VC", "Chủ tịch UBND phường",
     ("UBND phường Khánh Hoà",)),
    ("VC-VP1", "UBND phường Vĩnh Phước", "", W, "VC", "Chủ tịch UBND phường", ()),
    ("VC-HD", "UBND xã Hòa Đông", "", C, "VC", "Chủ tịch UBND xã", ()),
    ("VC-LH", "UBND xã Lạc Hòa", "", C, "VC", "Chủ tịch UBND xã", ()),
    ("VC-LAI", "UBND xã Lai Hòa", "", C, "VC", "Chủ tịch UBND xã", ()),
    ("VC-VH", "UBND xã Vĩnh Hải", "", C, "VC", "Chủ tịch UBND xã", ()),
    ("VC-VHI", "UBND xã Vĩnh Hiệp", "", C, "VC", "Chủ tịch UBND xã", ()),
    ("VC-VT", "UBND xã Vĩnh Tân", "", C, "VC", "Chủ tịch UBND xã", ()),
    ("HN", "UBND thành phố Hà Nội", "Hà Nội", P, "", "Chủ tịch UBND thành phố", ()),
    ("CM", "UBND huyện Chương Mỹ", "Chương Mỹ", X, "HN", "Chủ tịch UBND huyện", ()),
    ("CM-NV", "Phòng Nội vụ huyện Chương Mỹ", "Phòng Nội vụ", DIV, "CM", "Trưởng phòng", ()),
    ("CM-VP", "Văn phòng HĐND và UBND huyện Chương Mỹ", "Văn phòng", DIV, "CM",
     "Chánh Văn phòng", ()),
    ("CM-TNMT", "Phòng Tài nguyên và Môi trường huyện Chương Mỹ", "Phòng TN-MT", DIV, "CM",
     "Trưởng phòng", ()),
    ("LD", "UBND tỉnh Lâm Đồng", "Lâm Đồng", P, "", "Chủ tịch UBND tỉnh", ()),
    ("LD-DT", "UBND huyện Đạ Tẻh", "Đạ Tẻh", X, "LD", "Chủ tịch UBND huyện", ()),
)  # fmt: skip

CHUONG_MY = (
    "thị trấn Chúc Sơn", "thị trấn Xuân Mai", "xã Đại Yên", "xã Đông Phương Yên", "xã Đông Sơn",
    "xã Đồng Lạc", "xã Đồng Phú", "xã Hòa Chính", "xã Hoàng Diệu", "xã Hoàng Văn Thụ",
    "xã Hồng Phong", "xã Hợp Đồng", "xã Hữu Văn", "xã Lam Điền", "xã Mỹ Lương",
    "xã Nam Phương Tiến", "xã Ngọc Hòa", "xã Phú Nghĩa", "xã Phụng Châu", "xã Quảng Bị",
    "xã Tân Tiến", "xã Thanh Bình", "xã Thủy Xuân Tiên", "xã Tốt Động", "xã Trung Hòa",
)  # fmt: skip

# Wards and communes that Cần Thơ has of its own, before and after.
CAN_THO = (
    ("CT-NK", "UBND phường Ninh Kiều", W), ("CT-CR", "UBND phường Cái Răng", W),
    ("CT-BT", "UBND phường Bình Thủy", W), ("CT-OM", "UBND phường Ô Môn", W),
    ("CT-TN", "UBND phường Thốt Nốt", W), ("CT-PD", "UBND xã Phong Điền", C),
    ("CT-TL", "UBND xã Thới Lai", C), ("CT-CD", "UBND xã Cờ Đỏ", C),
)  # fmt: skip

# What became of Vĩnh Châu's wards and communes: new unit, its kind, the old ones.
MERGERS = (
    ("CT-VC", "UBND phường Vĩnh Châu", W, ("VC-P1", "VC-P2", "VC-LH")),
    ("CT-KH", "UBND phường Khánh Hòa (mới)", W, ("VC-KH", "VC-HD", "VC-VHI")),
    ("CT-VPH", "UBND phường Vĩnh Phước (mới)", W, ("VC-VP1", "VC-VT")),
)


def load(today: date) -> None:
    """Make the units and carry out the reorganisation of 2025; again changes nothing."""
    if db.session.scalar(select(Unit.id).limit(1)) is not None:
        return
    with on(BORN):
        for code, name, short, kind, parent, head, aliases in UNITS:
            _create(code, name, kind, parent, short, head, aliases)
        for code, name, kind in CAN_THO:
            _create(code, name, kind, "CT")
        for number, place in enumerate(CHUONG_MY, 1):
            _create(f"CM-{number:02}", f"UBND {place}", C, "CM")
    if today >= TWO_TIERS:
        with on(TWO_TIERS):
            _reorganise()
    with on(min(today, date(2025, 7, 2))):
        _make_sets()


def _create(
    code: str,
    name: str,
    kind: UnitKind,
    parent: str,
    short: str = "",
    head: str = "Chủ tịch UBND",
    aliases: tuple[str, ...] = (),
) -> None:
    run(
        services.create_unit,
        CreateUnit(
            name=name,
            kind=kind,
            parent_id=unit_ids()[parent] if parent else None,
            valid_from=BORN,
            code=code,
            short_name=short,
            head_title=head,
            aliases=aliases,
        ),
    )


def _reorganise() -> None:
    """End the district level: merge Vĩnh Châu's communes, hand what is left to Cần Thơ."""
    units = unit_ids()
    for code, name, kind, old in MERGERS:
        _merge(tuple(units[one] for one in old), NewUnit(name=name, kind=kind,
               parent_id=units["CT"], code=code))  # fmt: skip
    for code in ("VC-LAI", "VC-VH"):
        _operate(UnitEventKind.MOVE, (units[code],), parent_id=units["CT"])
    divisions = tuple(units[f"VC-{code}"] for code in ("NV", "VP", "TP", "TCKH", "VHTT"))
    _operate(UnitEventKind.END, divisions, successors=(unit_ids()["CT-VC"],))
    _operate(UnitEventKind.END, (units["VC"],), successors=(unit_ids()["CT-VC"],))
    _operate(UnitEventKind.END, (units["ST"],), successors=(units["CT"],))


def _merge(old: tuple[int, ...], new: NewUnit) -> None:
    _operate(UnitEventKind.MERGE, old, new_units=(new,))


def _operate(
    kind: UnitEventKind,
    units: tuple[int, ...],
    *,
    parent_id: int | None = None,
    successors: tuple[int, ...] = (),
    new_units: tuple[NewUnit, ...] = (),
) -> None:
    run(
        operations.apply,
        Operation(
            kind=kind,
            effective_on=TWO_TIERS,
            units=units,
            decision_number="01/NQ (số minh họa)",
            decision_date=TWO_TIERS,
            note="Sắp xếp đơn vị hành chính hai cấp từ ngày 01/7/2025 (chi tiết minh họa).",
            parent_id=parent_id,
            successors=successors,
            new_units=new_units,
        ),
    )


def _make_sets() -> None:
    units = unit_ids()
    for name, kinds in (
        ("Các xã, phường của thành phố", (C, W)),
        ("Các sở, ban, ngành", (D,)),
    ):
        run(
            services.save_unit_set,
            SaveUnitSet(name=name, kinds=kinds, under_unit_id=units["CT"]),
        )
