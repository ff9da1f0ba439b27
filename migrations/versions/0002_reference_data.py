"""What every instance begins with: content areas, reporting windows, days off of 2026.

All of it is data that administrators edit; the rows here are frozen as they were first shipped.
Sources: Resolution 76/NQ-CP of 15/7/2021 (six areas; steering is the customary seventh);
official letter 581/BNV-CCHC (reporting windows); Resolution 28/2026/QH16 (24 November).

Revision ID: 0002
"""

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AREAS = (
    ("TC", "Cải cách thể chế", "Institutional reform", "Thể chế", "Institutions"),
    ("TTHC", "Cải cách thủ tục hành chính", "Reform of administrative procedures",
     "Thủ tục hành chính", "Procedures"),
    ("TCBM", "Cải cách tổ chức bộ máy hành chính nhà nước",
     "Reform of the administrative apparatus", "Tổ chức bộ máy", "Apparatus"),
    ("CDCV", "Cải cách chế độ công vụ", "Civil service reform", "Chế độ công vụ", "Civil service"),
    ("TCC", "Cải cách tài chính công", "Public finance reform", "Tài chính công", "Public finance"),
    ("CPDT", "Xây dựng, phát triển Chính phủ điện tử, Chính phủ số",
     "E-government and digital government", "Chính phủ số", "Digital government"),
    ("CDDH", "Công tác chỉ đạo, điều hành cải cách hành chính", "Steering of the reform",
     "Chỉ đạo, điều hành", "Steering"),
)  # fmt: skip

# code, name, English name, from (month, day, year offset), to, due, cumulative
WINDOWS = (
    ("Q1", "Quý I", "First quarter", (12, 15, -1), (3, 14), (3, 20), False),
    ("H1", "6 tháng đầu năm", "First half-year", (12, 15, -1), (6, 14), (6, 20), True),
    ("Q3", "Quý III", "Third quarter", (6, 15, 0), (9, 14), (9, 20), False),
    ("Y", "Cả năm", "Whole year", (12, 15, -1), (12, 14), (12, 20), True),
)


def _days_off() -> list[dict[str, object]]:
    new_year_swap = (
        "Hoán đổi ngày làm việc dịp Tết Dương lịch 2026: nghỉ thứ Sáu 02/01, làm bù thứ Bảy 10/01"
    )
    tet = "Nghỉ Tết Nguyên đán Bính Ngọ"
    culture = "Nghị quyết 28/2026/QH16, từ ngày 01/7/2026"
    days = [
        (date(2026, 1, 1), "holiday", "Tết Dương lịch", ""),
        (date(2026, 1, 2), "swap_off", "Nghỉ hoán đổi Tết Dương lịch", new_year_swap),
        (date(2026, 1, 10), "swap_work", "Làm bù cho ngày 02/01/2026", new_year_swap),
        *((date(2026, 2, day), "holiday", tet, "") for day in range(16, 21)),
        (date(2026, 4, 26), "holiday", "Giỗ Tổ Hùng Vương", ""),
        (date(2026, 4, 27), "holiday", "Nghỉ bù Giỗ Tổ Hùng Vương", ""),
        (date(2026, 4, 30), "holiday", "Ngày Chiến thắng", ""),
        (date(2026, 5, 1), "holiday", "Ngày Quốc tế Lao động", ""),
        (date(2026, 8, 22), "swap_work", "Làm bù cho ngày 31/8/2026", ""),
        (date(2026, 8, 31), "swap_off", "Nghỉ hoán đổi dịp Quốc khánh", ""),
        (date(2026, 9, 1), "holiday", "Quốc khánh", ""),
        (date(2026, 9, 2), "holiday", "Quốc khánh", ""),
        (date(2026, 11, 24), "holiday", "Ngày Văn hóa Việt Nam", culture),
    ]
    return [
        {"day": day, "kind": kind, "name": name, "decision": decision, "version": 1}
        for day, kind, name, decision in days
    ]


def upgrade() -> None:
    areas = sa.table(
        "reform_areas",
        *(sa.column(name) for name in ("code", "name", "name_en", "short_name", "short_name_en")),
        sa.column("position"),
        sa.column("valid_from", sa.Date),
        sa.column("version"),
    )
    op.bulk_insert(
        areas,
        [
            {"code": code, "name": name, "name_en": name_en, "short_name": short,
             "short_name_en": short_en, "position": position, "valid_from": date(2021, 1, 1),
             "version": 1}
            for position, (code, name, name_en, short, short_en) in enumerate(AREAS, 1)
        ],
    )  # fmt: skip
    names = (
        "code", "name", "name_en", "from_month", "from_day", "from_year_offset", "to_month",
        "to_day", "due_month", "due_day", "position", "version",
    )  # fmt: skip
    windows = sa.table(
        "report_windows",
        *(sa.column(name) for name in names),
        sa.column("is_cumulative", sa.Boolean),
    )
    op.bulk_insert(
        windows,
        [
            {"code": code, "name": name, "name_en": name_en, "from_month": start[0],
             "from_day": start[1], "from_year_offset": start[2], "to_month": end[0],
             "to_day": end[1], "due_month": due[0], "due_day": due[1], "position": position,
             "is_cumulative": cumulative, "version": 1}
            for position, (code, name, name_en, start, end, due, cumulative) in enumerate(
                WINDOWS, 1
            )
        ],
    )  # fmt: skip
    days = sa.table(
        "calendar_days",
        sa.column("day", sa.Date),
        *(sa.column(name) for name in ("kind", "name", "decision", "version")),
    )
    op.bulk_insert(days, _days_off())


def downgrade() -> None:
    for table in ("calendar_days", "report_windows", "reform_areas"):
        op.execute(sa.delete(sa.table(table)))
