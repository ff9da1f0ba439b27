"""Plans of three newspaper articles, with the figures that they print.

Vĩnh Châu 2021: 7 areas, 23 work items, 21 done on 15/12/2021 (91,30%).
Cần Thơ 2023: 68 tasks, 61 done in the middle of November 2023 (89,71%).
Chương Mỹ 2024: 19 units inspected by surprise in the first quarter, re-inspections, self-checks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tracker.core.work import Work, run
from tracker.ops.demo import scene
from tracker.plans import lifecycle, rows
from tracker.plugins.descriptors import DemoData

INVENTED = "Số văn bản, tên nhiệm vụ, đơn vị chủ trì và ngày báo cáo từng việc là dữ liệu minh họa."

AREA_TITLES = (
    "Cải cách thể chế",
    "Cải cách thủ tục hành chính",
    "Cải cách tổ chức bộ máy hành chính nhà nước",
    "Cải cách chế độ công vụ",
    "Cải cách tài chính công",
    "Xây dựng, phát triển chính quyền điện tử, chính quyền số",
    "Công tác chỉ đạo, điều hành cải cách hành chính",
)
NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")

# (area, title, product, lead, month in which it is due)
VINH_CHAU: tuple[tuple[int, str, str, str, int], ...] = (
    (1, "Rà soát văn bản quy phạm pháp luật của HĐND, UBND thị xã", "Báo cáo", "VC-TP", 6),
    (1, "Theo dõi tình hình thi hành pháp luật năm 2021", "Báo cáo", "VC-TP", 11),
    (1, "Kiểm tra, xử lý văn bản của các xã, phường", "Kết luận kiểm tra", "VC-TP", 9),
    (2, "Thống kê, công khai bộ thủ tục hành chính cấp thị xã và cấp xã", "Danh mục", "VC-VP", 3),
    (2, "Rút ngắn thời gian giải quyết 03 thủ tục hành chính", "Quyết định", "VC-VP", 8),
    (2, "Lắp camera giám sát tại bộ phận một cửa các xã, phường", "Hệ thống camera", "VC-VP", 10),
    (2, "Bố trí quầy tiếp nhận căn cước công dân tại bộ phận một cửa", "Quầy", "VC-VP", 5),
    (2, "Đánh giá việc giải quyết hồ sơ một cửa, một cửa liên thông", "Báo cáo", "VC-VP", 12),
    (3, "Sắp xếp cơ quan chuyên môn và đơn vị sự nghiệp thuộc thị xã", "Quyết định", "VC-NV", 9),
    (3, "Rà soát chức năng, nhiệm vụ của các phòng chuyên môn", "Báo cáo", "VC-NV", 7),
    (3, "Kiểm tra quy chế làm việc của các xã, phường", "Báo cáo", "VC-NV", 10),
    (4, "Hoàn thiện vị trí việc làm và cơ cấu ngạch công chức", "Đề án", "VC-NV", 6),
    (4, "Đào tạo, bồi dưỡng cán bộ, công chức cấp xã", "Kế hoạch, danh sách", "VC-NV", 11),
    (4, "Đánh giá, phân loại cán bộ, công chức, viên chức", "Báo cáo", "VC-NV", 12),
    (5, "Giao tự chủ về tài chính cho đơn vị sự nghiệp", "Quyết định", "VC-TCKH", 4),
    (5, "Công khai ngân sách thị xã và các xã, phường", "Hồ sơ công khai", "VC-TCKH", 7),
    (5, "Kiểm tra việc sử dụng kinh phí quản lý hành chính", "Báo cáo", "VC-TCKH", 10),
    (6, "Ký số văn bản điện tử tại 100% cơ quan", "Báo cáo", "VC-VHTT", 6),
    (6, "Cung cấp dịch vụ công trực tuyến mức độ 3, mức độ 4", "Danh mục dịch vụ", "VC-VHTT", 9),
    (6, "Duy trì phần mềm một cửa điện tử tại 10 xã, phường", "Báo cáo", "VC-VHTT", 11),
    (7, "Ban hành kế hoạch kiểm tra và kiểm tra cải cách hành chính", "Kế hoạch", "VC-NV", 8),
    (7, "Tuyên truyền cải cách hành chính trên đài truyền thanh", "Chuyên mục", "VC-VHTT", 11),
    (7, "Báo cáo cải cách hành chính quý, 6 tháng và năm", "Báo cáo", "VC-NV", 11),
)
VINH_CHAU_DAY = date(2021, 12, 15)

CAN_THO_LEADS = ("CT-STP", "CT-VP", "CT-SNV", "CT-SNV", "CT-STC", "CT-SKHCN", "CT-SNV")
CAN_THO_WORK = (
    ("Rà soát văn bản quy phạm pháp luật thuộc lĩnh vực", "Báo cáo"),
    ("Ban hành kế hoạch triển khai về", "Kế hoạch"),
    ("Tập huấn nghiệp vụ về", "Tài liệu, danh sách"),
    ("Kiểm tra việc thực hiện tại các quận, huyện về", "Kết luận"),
    ("Tổng hợp, báo cáo kết quả về", "Báo cáo"),
    ("Đề xuất đơn giản hóa, nâng cao chất lượng về", "Tờ trình"),
)
CAN_THO_TOPICS = (
    ("thể chế", "xây dựng pháp luật"),
    ("thủ tục hành chính nội bộ", "một cửa, một cửa liên thông"),
    ("tổ chức bộ máy", "phân cấp, ủy quyền"),
    ("vị trí việc làm", "kỷ luật, kỷ cương hành chính"),
    ("tự chủ tài chính", "giải ngân đầu tư công"),
    ("dịch vụ công trực tuyến", "chuyển đổi số"),
    ("chỉ đạo, điều hành", "khảo sát sự hài lòng"),
)
CAN_THO_COUNT, CAN_THO_DONE = 68, 61
CAN_THO_DAY = date(2023, 11, 15)

CHUONG_MY: tuple[tuple[int, str, str, str, int], ...] = (
    (
        2,
        "Niêm yết thủ tục hành chính bằng 4 hình thức: giấy, QR, ki-ốt, cổng",
        "Báo cáo",
        "CM-VP",
        3,
    ),
    (2, "Công khai số điện thoại phản ánh, kiến nghị tại bộ phận một cửa", "Niêm yết", "CM-VP", 2),
    (4, "Hoàn thiện đề án vị trí việc làm", "Đề án", "CM-NV", 6),
    (4, "Chuyển đổi vị trí công tác công chức Địa chính - Xây dựng", "Quyết định", "CM-NV", 9),
    (4, "Kiểm tra đột xuất kỷ luật, kỷ cương hành chính", "Kết luận", "CM-NV", 11),
    (6, "Thí điểm ISO điện tử", "Báo cáo", "CM-VP", 10),
    (7, "Kế hoạch khắc phục các tiêu chí mất điểm Chỉ số CCHC", "Kế hoạch", "CM-NV", 4),
    (7, "Tự kiểm tra cải cách hành chính tại các đơn vị", "Báo cáo", "CM-NV", 10),
    (7, "Hội nghị đối thoại với nhân dân về thủ tục hành chính", "Hội nghị", "CM-TNMT", 8),
)


def load_vinh_chau(today: date) -> None:
    """Load the plan of Vĩnh Châu town for 2021."""
    if scene.has_plan("vinh-chau-2021"):
        return
    source = (
        "Theo bài báo về thị xã Vĩnh Châu năm 2021: 07 nhiệm vụ, 23 phần việc, 21 phần việc "
        "hoàn thành (91,30%) tính đến ngày 15/12/2021. " + INVENTED
    )
    plan_id = _draft("vinh-chau-2021", "Kế hoạch cải cách hành chính năm 2021 của thị xã Vĩnh Châu",
                     "VC", 2021, date(2020, 12, 28), source)  # fmt: skip
    with scene.on(date(2020, 12, 28), "dieuphoi"):
        _add_rows(plan_id, VINH_CHAU, 2021)
    scene.issue(plan_id, "186/KH-UBND", date(2020, 12, 31))
    chance = random.Random(2021)
    for assignment, task in scene.shares_of(plan_id):
        due_on = task.deadline_on or VINH_CHAU_DAY
        if due_on > VINH_CHAU_DAY:
            scene.report_moving(
                assignment.id, date(2021, 12, 10), 80, "Đang tổng hợp số liệu cuối năm.", ""
            )
            scene.report_done(assignment.id, date(2021, 12, 28), "", "BC cuối năm")
            continue
        late = chance.random() < 0.15
        done_on = due_on + timedelta(days=3 if late else -chance.randrange(1, 20))
        scene.report_done(
            assignment.id, min(done_on, VINH_CHAU_DAY), "", f"{chance.randrange(20, 300)}/BC"
        )
    scene.close(plan_id, date(2021, 12, 31))


def load_can_tho(today: date) -> None:
    """Load the plan of Cần Thơ city for 2023."""
    if scene.has_plan("can-tho-2023"):
        return
    source = (
        "Theo bài báo về thành phố Cần Thơ năm 2023: 68 nhiệm vụ, 61 nhiệm vụ hoàn thành (89,71%) "
        "đến giữa tháng 11/2023. " + INVENTED
    )
    plan_id = _draft("can-tho-2023", "Kế hoạch cải cách hành chính năm 2023 của thành phố Cần Thơ",
                     "CT", 2023, date(2022, 12, 26), source)  # fmt: skip
    chance = random.Random(2023)
    with scene.on(date(2022, 12, 26), "dieuphoi"):
        _add_rows(plan_id, _can_tho_rows(chance), 2023)
    scene.issue(plan_id, "270/KH-UBND", date(2022, 12, 30))
    for number, (assignment, task) in enumerate(scene.shares_of(plan_id)):
        due_on = task.deadline_on or CAN_THO_DAY
        if number % 10 == 9 or number == 67:
            done_on = date(2023, 12, 1) + timedelta(days=number % 28)
        else:
            done_on = min(due_on - timedelta(days=chance.randrange(0, 15)), CAN_THO_DAY)
        scene.report_done(assignment.id, done_on, "", f"{chance.randrange(10, 900)}/BC-UBND")
    scene.close(plan_id, date(2023, 12, 31))


def _can_tho_rows(chance: random.Random) -> list[tuple[int, str, str, str, int]]:
    found: list[tuple[int, str, str, str, int]] = []
    for number in range(CAN_THO_COUNT):
        area = number % len(AREA_TITLES) + 1
        verb, product = CAN_THO_WORK[number // len(AREA_TITLES) % len(CAN_THO_WORK)]
        topics = CAN_THO_TOPICS[area - 1]
        topic = topics[number // (len(AREA_TITLES) * len(CAN_THO_WORK)) % len(topics)]
        found.append(
            (area, f"{verb} {topic}", product, CAN_THO_LEADS[area - 1], chance.randrange(2, 11))
        )
    ordered = sorted(found, key=lambda row: row[0])
    # The seven that were left in November were due at the end of the year.
    return [
        (area, title, product, lead, 12 if number % 10 == 9 or number == 67 else month)
        for number, (area, title, product, lead, month) in enumerate(ordered)
    ]


def load_chuong_my(today: date) -> None:
    """Load the plan of Chương Mỹ district for 2024."""
    if scene.has_plan("chuong-my-2024"):
        return
    source = (
        "Theo bài báo về huyện Chương Mỹ năm 2024: kiểm tra đột xuất 19 đơn vị trong quý I, tái "
        "kiểm tra, tự kiểm tra; chuyển đổi 05 công chức Địa chính - Xây dựng. " + INVENTED
    )
    plan_id = _draft("chuong-my-2024", "Kế hoạch cải cách hành chính năm 2024 của huyện Chương Mỹ",
                     "CM", 2024, date(2024, 1, 8), source)  # fmt: skip
    with scene.on(date(2024, 1, 8), "dieuphoi"):
        _add_rows(plan_id, CHUONG_MY, 2024)
    scene.issue(plan_id, "12/KH-UBND", date(2024, 1, 12))
    for assignment, task in scene.shares_of(plan_id):
        scene.report_done(
            assignment.id, (task.deadline_on or date(2024, 12, 1)) - timedelta(days=4), "", "45/BC"
        )
    scene.close(plan_id, date(2024, 12, 31))


def _draft(key: str, title: str, issuer: str, year: int, day: date, source: str) -> int:
    with scene.on(day, "dieuphoi"):
        return run(
            lifecycle.create_plan,
            lifecycle.CreatePlan(
                lifecycle.PlanInput(
                    title=title,
                    issuer_id=scene.unit_ids()[issuer],
                    year_from=year,
                    year_to=year,
                    key=key,
                    source_note=source,
                )
            ),
        )


@dataclass(frozen=True)
class _Rows:
    plan_id: int
    year: int
    rows: Sequence[tuple[int, str, str, str, int]]


def _add_rows(plan_id: int, wanted: Sequence[tuple[int, str, str, str, int]], year: int) -> None:
    run(_write_rows, _Rows(plan_id, year, wanted))


def _write_rows(work: Work, data: _Rows) -> None:
    areas, units = scene.area_ids(), scene.unit_ids()
    groups: dict[int, int] = {}
    counts: dict[int, int] = {}
    for area, title, product, lead, month in data.rows:
        if area not in groups:
            numeral = NUMERALS[len(groups)]
            groups[area] = scene.add_group(
                work, data.plan_id, numeral, AREA_TITLES[area - 1], areas[area - 1]
            )
        counts[area] = counts.get(area, 0) + 1
        following = date(data.year + month // 12, month % 12 + 1, 1)
        row = rows.RowInput(
            title=title,
            number=str(counts[area]),
            area_id=areas[area - 1],
            product=product,
            lead_unit_ids=(units[lead],),
            deadline=scene.due(following - timedelta(days=1), f"Tháng {month}/{data.year}"),
            is_invented=True,
        )
        rows.add_row(work, rows.AddRow(data.plan_id, row, parent_id=groups[area]))


DEMO = (
    DemoData(key="press.vinh_chau", load=load_vinh_chau, weight=30),
    DemoData(key="press.can_tho", load=load_can_tho, weight=31),
    DemoData(key="press.chuong_my", load=load_chuong_my, weight=32),
)
