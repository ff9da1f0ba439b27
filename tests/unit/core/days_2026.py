"""The days off and swapped days of 2026, to try the calendar on."""

from datetime import date
from typing import Final

from tracker.core.calendar import DayRule

_TET: Final = "Nghỉ Tết Nguyên đán"
_NATIONAL_DAY: Final = "Nghỉ Quốc khánh"
_CULTURE_DAY_RESOLUTION: Final = "Nghị quyết 28/2026/QH16"

DAYS_2026: Final = (
    DayRule(date(2026, 1, 1), "holiday", "Tết Dương lịch"),
    DayRule(date(2026, 1, 2), "swap_off", "Nghỉ hoán đổi dịp Tết Dương lịch"),
    DayRule(date(2026, 1, 10), "swap_work", "Làm bù cho ngày 02/01/2026"),
    *(DayRule(date(2026, 2, day), "holiday", _TET) for day in range(14, 23)),
    DayRule(date(2026, 4, 26), "holiday", "Giỗ Tổ Hùng Vương"),
    DayRule(date(2026, 4, 27), "holiday", "Nghỉ bù Giỗ Tổ Hùng Vương"),
    DayRule(date(2026, 4, 30), "holiday", "Ngày Chiến thắng"),
    DayRule(date(2026, 5, 1), "holiday", "Ngày Quốc tế Lao động"),
    DayRule(date(2026, 8, 22), "swap_work", "Làm bù cho ngày 31/8/2026"),
    DayRule(date(2026, 8, 31), "swap_off", "Nghỉ hoán đổi dịp Quốc khánh"),
    DayRule(date(2026, 9, 1), "holiday", _NATIONAL_DAY),
    DayRule(date(2026, 9, 2), "holiday", _NATIONAL_DAY),
    DayRule(date(2026, 11, 24), "holiday", "Ngày Văn hóa Việt Nam", _CULTURE_DAY_RESOLUTION),
)
