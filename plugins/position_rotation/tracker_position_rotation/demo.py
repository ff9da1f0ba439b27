"""Demo data: the five officials of article A2, and a register with this year's plan.

Plan 134/KH-UBND of 28/05/2021 and its five land-and-construction officials are the article's
(Vĩnh Châu); names, posts and days are invented, and marked so by their staff codes.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from sqlalchemy import select

from tracker.api.queries import session, units
from tracker.api.work import Work, run
from tracker_position_rotation import drafting, inputs, plans, services
from tracker_position_rotation.models import Category, Outcome, Person, Plan, PlanRow, Post, Reason
from tracker_position_rotation.rules import add_months

LAND = "Địa chính - Xây dựng"
FINANCE = "Tài chính - Kế toán"
FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Thạch", "Sơn", "Lâm")
GIVEN = ("Minh Hải", "Thị Ngọc", "Văn Út", "Thanh Tâm", "Hoàng Nam", "Thị Bé", "Quốc Việt",
         "Thị Kim Loan", "Văn Đạt", "Ngọc Ánh", "Hữu Phước", "Thị Hồng")  # fmt: skip
OLD_COMMUNES = ("VC-P1", "VC-P2", "VC-KH", "VC-VP1", "VC-HD")
# Where the communes went on 1/7/2025, in the same order.
NEW_WARDS = ("CT-VC", "CT-VC", "CT-KH", "CT-VPH", "CT-KH")
SEED = 134


def load(today: date) -> None:
    """Load the demo's register; loading again changes nothing, and without its units nothing."""
    if session().scalar(select(Category.id).limit(1)):
        return
    by_code = {
        row.code: row.id
        for row in session().execute(select(units.c.code, units.c.id).where(units.c.code != ""))
    }
    if not {"VC", "CT", *OLD_COMMUNES, *NEW_WARDS} <= by_code.keys():
        return
    run(_categories, None)
    run(_people_of_2021, by_code)
    _plan_of_2021(by_code["VC"])
    run(_new_wards, by_code)
    run(_accountants, (by_code, today))
    _plan_of_this_year(by_code["CT"], today)


def _categories(work: Work, _data: None) -> None:
    for code, title, sector, months in (
        ("DC-XD", "Công chức địa chính, xây dựng (minh họa)", "Đất đai, xây dựng", 60),
        ("TC-KT", "Kế toán, tài chính ngân sách (minh họa)", "Tài chính", 36),
    ):
        services.save_category(
            work,
            inputs.SaveCategory(
                code=code,
                title=title,
                sector=sector,
                months=months,
                alert_months=months - 6,
                legal_basis="Nghị định 59/2019/NĐ-CP; thời hạn minh họa",
                valid_from=date(2019, 7, 1),
            ),
        )


def _post(work: Work, unit_id: int, reach: int, title: str, profession: str, code: str) -> int:
    """Return the post of that title in a unit, with one seat more when it is there already."""
    found = work.session.scalars(
        select(Post).where(Post.unit_id == unit_id, Post.title == title)
    ).one_or_none()
    category = work.session.scalars(select(Category.id).where(Category.code == code)).one()
    return services.save_post(
        work,
        inputs.SavePost(
            unit_id=unit_id,
            reach_unit_id=reach,
            title=title,
            profession=profession,
            category_id=category,
            seats=found.seats + 1 if found else 1,
            smallest=1,
            post_id=found.id if found else None,
        ),
    )


def _people_of_2021(work: Work, by_code: dict[str, int]) -> None:
    """Put the five officials into their posts of 2016."""
    for number, code in enumerate(OLD_COMMUNES):
        post = _post(
            work, by_code[code], by_code["VC"], "Công chức Địa chính - Xây dựng", LAND, "DC-XD"
        )
        services.save_person(
            work,
            inputs.SavePerson(
                staff_code=f"MH-{number + 1:03}",
                name=f"{FAMILY[number]} {GIVEN[number]}",
                post_id=post,
                since=date(2016, 2 + number % 4, 1),
            ),
        )


def _plan_of_2021(town: int) -> None:
    """Carry out plan 134/KH-UBND: each goes to the commune of the next, the last to the first's."""
    plan_id = run(plans.draft_plan, inputs.DraftPlan(unit_id=town, year=2021))
    rows = (
        session()
        .execute(
            select(PlanRow.id, PlanRow.from_post_id)
            .where(PlanRow.plan_id == plan_id)
            .order_by(PlanRow.from_post_id)
        )
        .all()
    )
    for number, row in enumerate(rows):
        run(
            plans.save_row,
            inputs.SaveRow(
                row_id=row.id,
                outcome=Outcome.PLANNED,
                to_post_id=rows[(number + 1) % len(rows)].from_post_id,
                month=7,
                why="Cùng chuyên môn, xã, phường lân cận.",
            ),
        )
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="134/KH-UBND", issued_on=date(2021, 5, 28)),
    )
    run(
        plans.publish_plan,
        inputs.PublishPlan(
            plan_id=plan_id,
            published_on=date(2021, 5, 31),
            published_where="Bảng tin UBND thị xã và họp cơ quan",
        ),
    )
    for number, row in enumerate(rows):
        run(
            plans.finish_row,
            inputs.FinishRow(
                row_id=row.id,
                decision_number=f"{1501 + number}/QĐ-UBND",
                decided_on=date(2021, 6, 25),
                effective_on=date(2021, 7, 1),
                minutes_number=f"{11 + number}/BB",
                minutes_on=date(2021, 7, 1),
            ),
        )
    run(plans.close_plan, inputs.PlanRef(plan_id))


def _new_wards(work: Work, by_code: dict[str, int]) -> None:
    """Make the posts anew in the wards of 2025; time in the post goes on."""
    people = work.session.scalars(select(Person).order_by(Person.staff_code)).all()
    for person, code in zip(people, NEW_WARDS, strict=True):
        post = _post(
            work, by_code[code], by_code["CT"], "Công chức Địa chính - Xây dựng", LAND, "DC-XD"
        )
        services.move_person(
            work,
            inputs.MovePerson(
                person_id=person.id,
                effective_on=date(2025, 7, 1),
                post_id=post,
                decision_number="1668/NQ-UBTVQH15",
                decided_on=date(2025, 6, 16),
                keeps_clock=True,
            ),
        )


def _accountants(work: Work, data: tuple[dict[str, int], date]) -> None:
    """Put accountants of Cần Thơ into the register: some due, one at study, one near retirement."""
    by_code, today = data
    chance = random.Random(SEED)  # noqa: S311 - laid from a fixed seed, nothing secret
    wards = sorted(code for code in by_code if code.startswith("CT-"))
    reasons = {row.code: row.id for row in work.session.execute(select(Reason.code, Reason.id))}
    for number in range(24):
        post = _post(
            work,
            by_code[wards[number % len(wards)]],
            by_code["CT"],
            "Kế toán",
            FINANCE,
            "TC-KT",
        )
        months = chance.choice((4, 10, 16, 22, 27, 30, 32, 34, 35, 37, 40, 44))
        person = services.save_person(
            work,
            inputs.SavePerson(
                staff_code=f"MH-{101 + number}",
                name=f"{chance.choice(FAMILY)} {chance.choice(GIVEN)}",
                post_id=post,
                since=add_months(today, -months) - timedelta(days=chance.randrange(28)),
                # Near retirement: the register exempts this one by itself.
                retires_on=add_months(today, 12) if number == 11 else None,
            ),
        )
        if number == 5:
            services.add_deferral(
                work,
                inputs.AddDeferral(
                    person_id=person,
                    reason_id=reasons["study"],
                    start=add_months(today, -3),
                    end=add_months(today, 14),
                    evidence_number=f"{200 + number}/QĐ-SNV",
                    evidence_on=add_months(today, -3),
                ),
            )


def _plan_of_this_year(city: int, today: date) -> None:
    """Draft this year's plan, take the solver's proposal, approve it, and carry half of it out."""
    plan_id = run(plans.draft_plan, inputs.DraftPlan(unit_id=city, year=today.year))
    plan = session().get(Plan, plan_id)
    if plan is None:
        return
    facts = drafting.situation(session(), plan, 24, today)
    session().rollback()
    run(plans.apply_proposal, drafting.solve(facts, seconds=5))
    undecided = session().scalar(
        select(PlanRow.id).where(PlanRow.plan_id == plan_id, PlanRow.outcome == Outcome.OPEN)
    )
    if undecided is not None:
        return
    issued_on = min(date(today.year, 1, 15), today)
    run(
        plans.approve_plan,
        inputs.ApprovePlan(plan_id=plan_id, number="12/KH-UBND", issued_on=issued_on),
    )
    run(
        plans.publish_plan,
        inputs.PublishPlan(
            plan_id=plan_id, published_on=issued_on, published_where="Cổng thông tin nội bộ"
        ),
    )
    rows = (
        session()
        .execute(
            select(PlanRow.id, PlanRow.month)
            .where(PlanRow.plan_id == plan_id, PlanRow.outcome == Outcome.PLANNED)
            .order_by(PlanRow.month, PlanRow.id)
        )
        .all()
    )
    for number, row in enumerate(rows):
        effective_on = date(today.year, row.month, 20)
        if effective_on > today or number % 3 == 2:
            continue
        run(
            plans.finish_row,
            inputs.FinishRow(
                row_id=row.id,
                decision_number=f"{310 + number}/QĐ-SNV",
                decided_on=effective_on - timedelta(days=5),
                effective_on=effective_on,
                minutes_number=f"{30 + number}/BB",
                minutes_on=effective_on,
            ),
        )
