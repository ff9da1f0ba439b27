"""A plan of this year with something of everything, laid around the day of the first load."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import select

from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind, Frequency, RecurrenceRule
from tracker.core.work import Work, run
from tracker.ops.demo import scene
from tracker.ops.demo.press import AREA_TITLES, NUMERALS
from tracker.plans import assign, extensions, lifecycle, progress, rows, urges
from tracker.plans.inputs import (
    AskExtension,
    DecideExtension,
    JudgeReport,
    OpenDispute,
    ReportProgress,
    UrgeUnits,
)
from tracker.plans.models import Assignment, Extension, Reported, Task
from tracker.plugins.descriptors import DemoData
from tracker.units.models import UnitSet

KEY = "can-tho-{year}"


@dataclass(frozen=True)
class Wanted:
    """A task: area, title, product, lead (a unit's code or '*' for all wards), due in days."""

    area: int
    title: str
    product: str
    lead: str
    due: int | str
    state: str = "moving"


# `due` counts days from today; a word stands for another kind of deadline.
TASKS: Sequence[Wanted] = (
    Wanted(1, "Tham mưu Kế hoạch rà soát, hệ thống hóa văn bản quy phạm pháp luật", "Kế hoạch", "CT-STP", -200, "done"),
    Wanted(1, "Rà soát văn bản trong lĩnh vực đất đai, xây dựng sau sắp xếp đơn vị hành chính", "Báo cáo rà soát", "CT-STP", -12, "moving"),
    Wanted(1, "Tổ chức lấy ý kiến nhân dân về dự thảo nghị quyết của HĐND thành phố", "Báo cáo tổng hợp", "CT-STP", 3, "moving"),
    Wanted(1, "Kiểm tra văn bản do cấp xã ban hành", "Kết luận kiểm tra", "CT-STP", -3, "disputed"),
    Wanted(1, "Theo dõi thi hành pháp luật trong lĩnh vực trọng tâm", "Báo cáo", "CT-STP", "ask", "idle"),
    Wanted(1, "Hướng dẫn áp dụng quy định mới sau khi có văn bản của Bộ Tư pháp", "Văn bản hướng dẫn", "CT-STP", "conditional", "idle"),
    Wanted(1, "Tuyên truyền, phổ biến pháp luật về cải cách hành chính", "Chuyên mục", "CT-STP", "regular", "moving"),
    Wanted(2, "Công bố, công khai danh mục thủ tục hành chính ba cấp", "Quyết định", "CT-VP", -150, "done"),
    Wanted(2, "Rà soát, đơn giản hóa 46 thủ tục hành chính", "Quyết định phương án", "CT-VP", -40, "late"),
    Wanted(2, "Tái cấu trúc quy trình điện tử các thủ tục về đất đai", "Quy trình nội bộ", "CT-SNNMT", -35, "moving"),
    Wanted(2, "Tiếp nhận hồ sơ không phụ thuộc địa giới hành chính", "Báo cáo kết quả", "*", -20, "mixed"),
    Wanted(2, "Niêm yết thủ tục hành chính bằng bốn hình thức tại Trung tâm Phục vụ hành chính công", "Biên bản niêm yết", "*", 20, "mixed"),
    Wanted(2, "Khảo sát mức độ hài lòng của người dân, doanh nghiệp", "Báo cáo khảo sát", "CT-VP", 5, "moving"),
    Wanted(3, "Hoàn thiện chức năng, nhiệm vụ của các sở sau hợp nhất", "Quyết định", "CT-SNV", -120, "done"),
    Wanted(3, "Rà soát phân cấp, phân quyền cho Ủy ban nhân dân cấp xã", "Đề án", "CT-SNV", -8, "awaiting"),
    Wanted(3, "Sắp xếp đơn vị sự nghiệp công lập thuộc sở", "Đề án", "CT-SNV", 45, "moving"),
    Wanted(3, "Sắp xếp đơn vị sự nghiệp ngành y tế", "Đề án", "CT-SYT", -60, "late"),
    Wanted(4, "Phê duyệt vị trí việc làm của cơ quan, đơn vị", "Quyết định", "CT-SNV", -90, "done"),
    Wanted(4, "Kế hoạch chuyển đổi vị trí công tác năm nay", "Kế hoạch", "CT-SNV", -180, "done"),
    Wanted(4, "Đánh giá cán bộ, công chức hằng tháng", "Báo cáo tháng", "CT-SNV", "monthly", "moving"),
    Wanted(4, "Tập huấn kỹ năng giao tiếp cho công chức bộ phận một cửa", "Danh sách, tài liệu", "CT-SNV", 2, "moving"),
    Wanted(5, "Giao quyền tự chủ tài chính giai đoạn mới cho đơn vị sự nghiệp", "Quyết định", "CT-STC", -75, "done"),
    Wanted(5, "Công khai dự toán, quyết toán ngân sách", "Hồ sơ công khai", "CT-STC", -30, "done"),
    Wanted(5, "Đẩy nhanh giải ngân vốn đầu tư công", "Báo cáo quý", "CT-STC", "quarterly", "moving"),
    Wanted(5, "Rà soát tài sản công dôi dư sau sắp xếp", "Phương án xử lý", "CT-STC", -18, "moving"),
    Wanted(6, "Nâng cấp hệ thống thông tin giải quyết thủ tục hành chính", "Hệ thống", "CT-SKHCN", -28, "late"),
    Wanted(6, "Cung cấp dịch vụ công trực tuyến toàn trình", "Danh mục", "CT-SKHCN", 12, "moving"),
    Wanted(6, "Số hóa hồ sơ, kết quả giải quyết thủ tục hành chính", "Báo cáo", "*", -5, "mixed"),
    Wanted(6, "Kết nối dữ liệu dân cư với hệ thống của thành phố", "Biên bản nghiệm thu", "CT-SKHCN", 30, "moving"),
    Wanted(6, "Triển khai chữ ký số cho công chức cấp xã", "Danh sách cấp phát", "CT-SKHCN", -100, "done"),
    Wanted(7, "Ban hành Kế hoạch kiểm tra cải cách hành chính", "Kế hoạch", "CT-SNV", -230, "done"),
    Wanted(7, "Tự chấm điểm Chỉ số cải cách hành chính", "Bảng tự chấm", "CT-SNV", 25, "idle"),
    Wanted(7, "Báo cáo cải cách hành chính định kỳ", "Báo cáo", "CT-SNV", "quarterly", "moving"),
    Wanted(7, "Tổ chức hội nghị đối thoại với người dân, doanh nghiệp", "Hội nghị", "CT-SXD", 6, "idle"),
    Wanted(7, "Khắc phục các tiêu chí mất điểm của năm trước", "Kế hoạch khắc phục", "CT-SXD", -50, "moving"),
)  # fmt: skip

DEADLINES = {
    "regular": assign.Deadline(DeadlineKind.OPEN_ENDED, text="Thường xuyên", read_by="column"),
    "ask": assign.Deadline(DeadlineKind.ASK, text="Có hạn cụ thể", read_by="column"),
    "monthly": assign.Deadline(
        DeadlineKind.RECURRING, text="Hằng tháng", rule=RecurrenceRule(Frequency.MONTHLY, day="last"),
        read_by="column",
    ),
    "quarterly": assign.Deadline(
        DeadlineKind.RECURRING, text="Hằng quý", rule=RecurrenceRule(Frequency.QUARTERLY, month=3, day="last"),
        read_by="column",
    ),
}  # fmt: skip


def load(today: date) -> None:
    """Load the plan of this year; again changes nothing."""
    key = KEY.format(year=today.year)
    if scene.has_plan(key):
        return
    issued_on = _issue_day(today)
    units = scene.unit_ids()
    with scene.on(issued_on - timedelta(days=10), "dieuphoi"):
        plan_id = run(
            lifecycle.create_plan,
            lifecycle.CreatePlan(
                lifecycle.PlanInput(
                    title=f"Kế hoạch cải cách hành chính năm {today.year} của thành phố Cần Thơ",
                    issuer_id=units["CT"],
                    year_from=today.year,
                    year_to=today.year,
                    key=key,
                    needs_confirmation=True,
                    source_note="Toàn bộ nhiệm vụ và số liệu là dữ liệu minh họa.",
                )
            ),
        )
        run(_write_rows, _Laid(plan_id, today))
    scene.issue(plan_id, f"08/KH-UBND-{today.year}", issued_on)
    _live(plan_id, today, issued_on)


def _issue_day(today: date) -> date:
    """Return when the plan was issued: in the middle of January, or earlier in a young year."""
    return min(date(today.year, 1, 15), today - timedelta(days=14))


@dataclass(frozen=True)
class _Laid:
    plan_id: int
    today: date


def _write_rows(work: Work, data: _Laid) -> None:
    units, areas = scene.unit_ids(), scene.area_ids()
    wards = work.session.scalar(
        select(UnitSet.id).where(UnitSet.name == "Các xã, phường của thành phố")
    )
    groups = {
        area: scene.add_group(
            work, data.plan_id, NUMERALS[area - 1], AREA_TITLES[area - 1], areas[area - 1]
        )
        for area in range(1, len(AREA_TITLES) + 1)
    }
    counts: dict[int, int] = {}
    for one in TASKS:
        counts[one.area] = counts.get(one.area, 0) + 1
        to_all = one.lead == "*"
        row = rows.RowInput(
            title=one.title,
            number=str(counts[one.area]),
            area_id=areas[one.area - 1],
            product=one.product,
            lead_text="UBND các xã, phường" if to_all else "",
            lead_unit_ids=() if to_all else (units[one.lead],),
            unit_set_id=wards if to_all else None,
            coordinator_ids=() if to_all or one.lead == "CT-VP" else (units["CT-VP"],),
            deadline=_deadline(one.due, data.today),
            is_invented=True,
        )
        rows.add_row(work, rows.AddRow(data.plan_id, row, parent_id=groups[one.area]))


def _deadline(due: int | str, today: date) -> assign.Deadline:
    if due == "conditional":
        return assign.Deadline(
            DeadlineKind.CONDITIONAL,
            text="Sau 15 ngày kể từ khi có hướng dẫn của Bộ Tư pháp",
            trigger="Có hướng dẫn của Bộ Tư pháp",
            offset=15,
            review_on=today + timedelta(days=20),
            read_by="column",
        )
    if isinstance(due, str):
        return DEADLINES[due]
    return scene.due(max(today + timedelta(days=due), _issue_day(today) + timedelta(days=10)))


def _live(plan_id: int, today: date, issued_on: date) -> None:
    """Let the year happen: reports, confirmations, requests, urges, a dispute."""
    chance = random.Random(20_260_101)
    by_title = {one.title: one for one in TASKS}
    shares = [
        (assignment.id, assignment.due_on, task.title)
        for assignment, task in scene.shares_of(plan_id)
    ]
    for assignment_id, due_on, title in shares:
        one = by_title[title]
        state = one.state
        if state == "mixed":
            state = chance.choice(("done", "done", "late", "moving", "idle", "awaiting"))
        if one.due in ("monthly", "quarterly"):
            state = "done" if due_on and due_on < today - timedelta(days=3) else "idle"
        _happen(assignment_id, state, due_on or today, today, issued_on, chance)
    _ask_and_urge(plan_id, today)


def _happen(
    assignment_id: int,
    state: str,
    due_on: date,
    today: date,
    issued_on: date,
    chance: random.Random,
) -> None:
    first = issued_on + timedelta(days=5)
    if state == "idle":
        return
    started = min(max(first, due_on - timedelta(days=60)), today - timedelta(days=2))
    started = max(started, issued_on)
    scene.report_moving(
        assignment_id, started, 30, "Đã xây dựng dự thảo, đang lấy ý kiến.", "truongphong"
    )
    if state in ("moving", "disputed"):
        moved = min(max(started, due_on - timedelta(days=15)), today)
        scene.report_moving(
            assignment_id, moved, 60, "Đã tiếp thu ý kiến, đang hoàn thiện.", "chuyenvien"
        )
    if state in ("done", "late", "awaiting"):
        late = chance.randrange(4, 16) if state == "late" else -chance.randrange(1, 12)
        latest = today - timedelta(days=1)
        done_on = max(started, min(due_on + timedelta(days=late), latest))
        number = f"{chance.randrange(20, 900)}/BC-UBND" if chance.random() < 0.8 else ""
        lag = min(chance.randrange(0, 6), (today - done_on).days)
        scene.report_done(assignment_id, done_on, "truongphong", number, lag)
        if state != "awaiting":
            with scene.on(min(done_on + timedelta(days=lag + 1), today), "dieuphoi"):
                run(progress.confirm, JudgeReport(assignment_id, "Đã kiểm tra văn bản."))


def _ask_and_urge(plan_id: int, today: date) -> None:
    late = _open_shares(plan_id, "CT-STP") + _open_shares(plan_id, "CT-SNNMT")
    rows_late = [one for one in late if one.due_on and one.due_on < today]
    others = _open_shares(plan_id, "CT-SXD") + _open_shares(plan_id, "CT-STC")
    if rows_late:
        with scene.on(today - timedelta(days=2), "lanhdao"):
            run(
                urges.urge_units,
                UrgeUnits(
                    tuple(one.id for one in rows_late[:2]),
                    "Đề nghị báo cáo nguyên nhân chậm và ngày hoàn thành.",
                    today + timedelta(days=1),
                ),
            )
    disputed = _titled(plan_id, "Kiểm tra văn bản do cấp xã ban hành")
    if disputed is not None and disputed.due_on and disputed.due_on < today:
        with scene.on(today - timedelta(days=1), "truongphong"):
            run(
                progress.open_dispute,
                OpenDispute(disputed.id, "Đã gửi kết luận đúng hạn, văn thư chưa cập nhật số."),
            )
    for one, days in zip(others[:2], (30, 21), strict=False):
        with scene.on(today - timedelta(days=3), "truongphong"):
            run(
                extensions.ask_extension,
                AskExtension(
                    one.id,
                    max(today, one.due_on or today) + timedelta(days=days),
                    "Chờ ý kiến thẩm định của cơ quan cấp trên.",
                ),
            )
    pending = db.session.scalars(select(Extension.id).order_by(Extension.id).limit(1)).first()
    if pending is not None:
        with scene.on(today - timedelta(days=1), "dieuphoi"):
            run(
                extensions.decide_extension,
                DecideExtension(pending, approved=True, note="Đồng ý, yêu cầu giữ đúng hạn mới."),
            )
    stuck = _titled(plan_id, "Rà soát tài sản công dôi dư sau sắp xếp")
    if stuck is not None:
        with scene.on(today, "chuyenvien", hour=8):
            run(
                progress.report_progress,
                ReportProgress(
                    stuck.id, Reported.CANNOT, 60,
                    note="Chưa có hướng dẫn xử lý nhà, đất dôi dư; đề nghị Sở hướng dẫn.",
                ),
            )  # fmt: skip


def _open_shares(plan_id: int, code: str) -> list[Assignment]:
    return list(
        db.session.scalars(
            select(Assignment)
            .join(Task, Task.id == Assignment.task_id)
            .where(
                Task.plan_id == plan_id,
                Assignment.unit_id == scene.unit_ids()[code],
                Assignment.reported != Reported.DONE,
                Assignment.due_on.is_not(None),
                Assignment.occurrence == 0,
                Task.title != "Kiểm tra văn bản do cấp xã ban hành",
            )
            .order_by(Assignment.due_on, Assignment.id)
        )
    )


def _titled(plan_id: int, title: str) -> Assignment | None:
    return db.session.scalars(
        select(Assignment)
        .join(Task, Task.id == Assignment.task_id)
        .where(Task.plan_id == plan_id, Task.title == title)
    ).first()


DEMO = (DemoData(key="this_year.plan", load=load, weight=40),)
