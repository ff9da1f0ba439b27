"""The leaders' page at its door: golden figures, rights, bad addresses, and what it costs."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.factories.accounts import grant, make_user, sign_in
from tests.factories.plans import assignment_of, make_plan, make_task, report, withdraw
from tests.factories.units import make_unit
from tests.support.statements import statements_sent
from tracker.core import kept
from tracker.core.clock import FixedClock
from tracker.core.context import current
from tracker.core.db import db
from tracker.core.deadlines import DeadlineKind
from tracker.core.rights import Role
from tracker.core.work import Work, run
from tracker.plans import figures, history
from tracker.plans.models import Assignment, PlanState, ReformArea, RowKind, Task, Urge
from tracker.plans.rules import CountRule
from tracker.reports import queries
from tracker.reports.progress import on_days, total

pytestmark = pytest.mark.usefixtures("system")

ROOT = "Thị xã Vĩnh Châu"


def text_of(html: bytes) -> str:
    """Return the words of a page, tags taken out."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.decode()))


def golden(clock: FixedClock, done: int, count: int, year: int, on: date) -> tuple[int, int, int]:
    """Make a plan with `count` tasks of which `done` are done by `on`; return root, unit, plan."""
    clock.move_to(datetime(on.year, on.month, on.day, 3, tzinfo=UTC))
    root = make_unit(ROOT, valid_from=date(2015, 1, 1))
    unit = make_unit("Phòng Nội vụ", "division", root, valid_from=date(2015, 1, 1))
    plan = make_plan(root, issued_on=date(year, 1, 4))
    for number in range(count):
        task = make_task(plan, unit, due_on=date(year, 12, 31))
        if number < done:
            report(task, done_on=on - timedelta(days=20))
    return root, unit, plan


@pytest.mark.parametrize(
    ("done", "count", "year", "on", "words"),
    [
        (21, 23, 2021, date(2021, 12, 15), "hoàn thành 21 trên 23 nhiệm vụ, đạt 91,30%"),
        (61, 68, 2023, date(2023, 11, 15), "hoàn thành 61 trên 68 nhiệm vụ, đạt 89,71%"),
        (19, 23, 2017, date(2017, 11, 30), "hoàn thành 19 trên 23 nhiệm vụ, đạt 82,61%"),
    ],
    ids=["A0", "A4", "A3"],
)
def test_golden_cases(
    client: FlaskClient,
    clock: FixedClock,
    done: int,
    count: int,
    year: int,
    on: date,
    words: str,
) -> None:
    """What the newspapers printed, from real rows, today and looked back at from next year."""
    root, _unit, _plan = golden(clock, done, count, year, on)
    leader = make_user(root, Role.LEADER)
    sign_in(client, leader)
    page = client.get("/tong-quan")
    assert page.status_code == 200
    assert f"Đến {on:%d/%m/%Y} {words}." in text_of(page.data)
    # On a phone the choices fold into the head, so that the figure comes first.
    head, figure = page.text.index('class="filter-more"'), page.text.index("lead-figure")
    assert page.text.index('type="checkbox" id="filter-toggle"') < head < figure
    clock.advance(days=100)
    sign_in(client, leader)
    later = client.get(f"/tong-quan?as_of={on.isoformat()}")
    assert f"Đến {on:%d/%m/%Y} {words}." in text_of(later.data)


def test_the_sentence_compares_with_the_window_closed_last(
    client: FlaskClient, clock: FixedClock
) -> None:
    """Two of four tasks were done by 14/9, one more since."""
    clock.move_to(datetime(2026, 11, 20, 3, tzinfo=UTC))
    root = make_unit(ROOT)
    plan = make_plan(root)
    tasks = [make_task(plan, root, due_on=date(2026, 12, 1)) for _ in range(4)]
    for task in tasks[:2]:
        report(task, done_on=date(2026, 9, 1))
    report(tasks[2], done_on=date(2026, 10, 1))
    sign_in(client, make_user(root, Role.LEADER))
    words = text_of(client.get("/tong-quan").data)
    assert "Tăng 25,00 điểm phần trăm so với kỳ Quý III 2026 (chốt 14/09/2026: 2/4, 50,00%)." in (
        words
    )
    assert "Không có phần việc nào quá hạn." in words


def test_overdue_work_is_named_with_its_age(client: FlaskClient, clock: FixedClock) -> None:
    """The oldest stands in the sentence; ages, matrix and list hold all three."""
    root = make_unit(ROOT)
    unit = make_unit("Phòng Tư pháp", "division", root)
    plan, today = make_plan(root), clock.today()
    area = db.session.scalars(select(ReformArea.id).order_by(ReformArea.position)).first()
    for days, title in ((3, "Việc mới trễ"), (20, "Việc trễ vừa"), (45, "Việc trễ lâu")):
        make_task(plan, unit, title=title, due_on=today - timedelta(days=days), area=area)
    make_task(plan, unit, due_on=today, area=area)
    sign_in(client, make_user(root, Role.LEADER))
    page = client.get("/tong-quan").data
    words = text_of(page)
    assert "Còn 3 phần việc quá hạn; lâu nhất là “Việc trễ lâu” của Phòng Tư pháp, quá hạn 45" in (
        words
    )
    assert re.search(r"0–7 ngày 1 8–30 ngày 1 Trên 30 ngày 1", words)
    assert f"scope=reports&amp;unit={unit}&amp;area={area}&amp;status=overdue" in page.decode()
    assert "3/4" in words
    assert "Đôn đốc" in words
    oldest = words.index("Việc trễ lâu", words.index("phần việc quá hạn lâu nhất"))
    assert oldest < words.index("Việc trễ vừa", oldest)


def test_matrix_opens_down_to_the_units_that_differ(client: FlaskClient) -> None:
    """Who reads two trees sees the units of the one that holds the work, not its top alone."""
    root, elsewhere = make_unit(ROOT), make_unit("UBND thành phố Hà Nội")
    city = make_unit("UBND thành phố trực thuộc", parent=root)
    wards = [make_unit(f"UBND phường số {number}", parent=city) for number in (1, 2)]
    plan = make_plan(root)
    for ward in wards:
        make_task(plan, ward)
    leader = make_user(root, Role.LEADER)
    grant(leader, Role.LEADER, elsewhere)
    sign_in(client, leader)
    page = client.get("/tong-quan").data.decode()
    matrix = page[page.index('id="ma-tran"') :]
    assert "UBND phường số 1" in matrix
    assert "UBND phường số 2" in matrix
    assert "Tổng cộng" in matrix
    assert "UBND thành phố trực thuộc" not in matrix


def test_each_cell_of_the_matrix_leads_to_its_rows(client: FlaskClient, clock: FixedClock) -> None:
    """Also what a unit leads beside those under it, what has no area, and the sums."""
    root = make_unit(ROOT)
    ward = make_unit("Phường 1", "ward", root)
    plan, late = make_plan(root), clock.today() - timedelta(days=9)
    area = db.session.scalars(select(ReformArea.id).order_by(ReformArea.position)).first()
    for unit, of in ((root, area), (root, None), (ward, area), (ward, None), (ward, None)):
        make_task(plan, unit, due_on=late, area=of)
    sign_in(client, make_user(root, Role.LEADER))
    page = client.get("/tong-quan").get_data(as_text=True)
    cells = re.findall(
        r'<td class="(?:heat|sum)[^"]*"><a href="([^"]*)">(\d+)/',
        page[page.index('id="ma-tran"') :],
    )
    assert sorted(int(count) for _url, count in cells) == [1, 1, 1, 2, 2, 2, 3, 3, 5]
    for url, count in cells:
        listed = client.get(html.unescape(url)).get_data(as_text=True)
        assert len(re.findall(r'<tr class="is-late"', listed)) == int(count), url


def test_only_who_may_urge_is_offered_to(client: FlaskClient, clock: FixedClock) -> None:
    """An inspector reads the page without the button; a pushed row says so."""
    root = make_unit(ROOT)
    task = make_task(make_plan(root), root, due_on=clock.today() - timedelta(days=9))
    url = f"/viec/giao/{assignment_of(task)}/don-doc"
    sign_in(client, make_user(root, Role.INSPECTOR))
    assert url not in client.get("/tong-quan").data.decode()
    sign_in(client, make_user(root, Role.LEADER))
    assert url in client.get("/tong-quan").data.decode()

    def urge(work: Work, _data: None) -> None:
        work.session.add(
            Urge(
                assignment_id=assignment_of(task),
                message="Khẩn trương",
                reply_by=work.today - timedelta(days=1),
                urged_at=work.now,
            )
        )

    run(urge, None)
    words = text_of(client.get("/tong-quan").data)
    assert "đã đôn đốc" in words
    assert "Đôn đốc chưa trả lời 1 1 quá hạn trả lời" in words


def test_a_year_without_plans_says_what_would_be_here(client: FlaskClient) -> None:
    """A draft is no plan yet."""
    root = make_unit(ROOT)
    make_plan(root, issued_on=None)
    sign_in(client, make_user(root, Role.LEADER))
    page = client.get("/tong-quan")
    assert page.status_code == 200
    assert "Chưa có kế hoạch nào được ban hành cho năm 2026" in text_of(page.data)


def test_a_head_sees_the_own_subtree_only(client: FlaskClient) -> None:
    """Figures, units and plans of others stay out, also when the address asks for them."""
    root = make_unit(ROOT)
    own = make_unit("Phòng Nội vụ", "division", root)
    other = make_unit("Phòng Tư pháp", "division", root)
    plan, foreign = make_plan(root), make_plan(root)
    report(make_task(plan, own, title="Việc của mình"), done_on=date(2026, 3, 1))
    make_task(plan, other, title="Việc của người khác", due_on=date(2026, 1, 20))
    make_task(plan, title="Việc chưa giao")
    make_task(foreign, other)
    sign_in(client, make_user(own, Role.HEAD))
    page = client.get("/tong-quan")
    words = text_of(page.data)
    assert "hoàn thành 1 trên 1 nhiệm vụ, đạt 100,00%" in words
    assert "Việc của người khác" not in words
    assert "Phòng Tư pháp" not in words
    for url in (f"unit={other}", f"unit={root}", f"plan={foreign}", "plan=99999", "unit=99999"):
        for path in ("/tong-quan", "/bao-cao-ky", "/bao-cao-ky/xuat"):
            assert client.get(f"{path}?{url}").status_code == 404, (path, url)
    assert client.get(f"/tong-quan?unit={own}").status_code == 200


@pytest.mark.parametrize("role", [Role.OFFICER])
def test_who_may_not_read_reports_is_refused(client: FlaskClient, role: Role) -> None:
    """An officer has the day's work, not the overview."""
    root = make_unit(ROOT)
    sign_in(client, make_user(root, role))
    for path in ("/tong-quan", "/bao-cao-ky", "/bao-cao-ky/xuat"):
        assert client.get(path).status_code == 403


def test_nobody_reads_it_without_signing_in(client: FlaskClient) -> None:
    """A visitor is led to the sign-in page."""
    assert client.get("/tong-quan").status_code == 302


@pytest.mark.parametrize(
    "query",
    [
        "as_of=31/02/2026",
        "as_of=12/31/2026",
        "as_of=2027-01-01",
        "as_of=1901-01-01",
        "as_of=%00",
        "year=abc",
        "year=99999999999999999999",
        "year=-1",
        "year=1999",
        "plan=1e3",
        "plan=0",
        "unit=x",
        "unit=2147483648",
        "unit=٣",
    ],
)
def test_an_address_that_cannot_be_read_is_told(client: FlaskClient, query: str) -> None:
    """Never guessed, never a failure of the server."""
    root = make_unit(ROOT)
    make_plan(root)
    sign_in(client, make_user(root, Role.LEADER))
    assert client.get(f"/tong-quan?{query}").status_code == 400


def test_a_unit_is_opened_with_what_lies_under_it(client: FlaskClient) -> None:
    """The filter counts the subtree; tasks that nobody leads are left out."""
    root = make_unit(ROOT)
    ward = make_unit("Phường 1", "ward", root)
    desk = make_unit("Bộ phận một cửa", "service_centre", ward)
    plan = make_plan(root)
    report(make_task(plan, desk), done_on=date(2026, 3, 1))
    make_task(plan, ward)
    make_task(plan, root)
    make_task(plan)
    sign_in(client, make_user(root, Role.LEADER))
    assert "hoàn thành 1 trên 4 nhiệm vụ" in text_of(client.get("/tong-quan").data)
    assert "hoàn thành 1 trên 2 nhiệm vụ" in text_of(client.get(f"/tong-quan?unit={ward}").data)


def mixed(clock: FixedClock) -> tuple[int, list[int]]:
    """Make plans with every kind of row; return the root and the plans."""
    root = make_unit(ROOT)
    units = [make_unit(f"Phòng {number}", "division", root) for number in range(3)]
    plans = [make_plan(root), make_plan(root, needs_confirmation=True)]
    for plan in plans:
        shared = make_task(plan, *units)
        for unit in units[:2]:
            report(shared, unit=unit, done_on=date(2026, 4, 1))
        full = make_task(plan, *units)
        for number, unit in enumerate(units):
            report(full, unit=unit, done_on=date(2026, 3, 1 + number * 9))
        withdraw(make_task(plan, units[0]), date(2026, 5, 1))
        make_task(plan, units[1], kind=DeadlineKind.OPEN_ENDED, due_on=None)
        make_task(plan, units[2], due_on=None)
        make_task(plan)
        report(make_task(plan, units[2]), percent=30)
    return root, plans


def test_the_line_through_time_counts_as_the_figures_do(clock: FixedClock) -> None:
    """Rule 'plan' by the sweep over the history agrees with the one query for one day."""
    _root, plans = mixed(clock)
    session = db.session()
    days = [date(2026, 1, 14), date(2026, 1, 15), date(2026, 3, 9), date(2026, 3, 19)]
    days += [date(2026, 4, 1), date(2026, 4, 30), date(2026, 5, 1), clock.today()]
    for plan in plans:
        scope = queries.Scope(plan_id=plan)
        swept = on_days(queries.stretches(session, scope, clock.today()), days)
        for day in days:
            one = figures.figure(session, day, CountRule.PLAN, figures.Filter(plan_id=plan))
            tally = total(swept[day])
            assert (tally.done, tally.claimed, tally.total) == (
                one.numerator,
                one.claimed,
                one.denominator,
            ), day


def test_a_change_is_seen_at_once(client: FlaskClient) -> None:
    """Figures are kept between requests only as long as nothing was changed."""
    root = make_unit(ROOT)
    plan = make_plan(root)
    tasks = [make_task(plan, root) for _ in range(2)]
    sign_in(client, make_user(root, Role.LEADER))
    assert "hoàn thành 0 trên 2" in text_of(client.get("/tong-quan").data)
    report(tasks[0], done_on=date(2026, 6, 1))
    assert "hoàn thành 1 trên 2" in text_of(client.get("/tong-quan").data)


def test_one_reader_never_gets_what_another_may_see(app: Flask, client: FlaskClient) -> None:
    """The reach is part of what is kept: the leader's figures don't become the head's."""
    root = make_unit(ROOT)
    own = make_unit("Phòng Nội vụ", "division", root)
    plan = make_plan(root)
    make_task(plan, own)
    make_task(plan, root, title="Việc kín của thị xã", due_on=date(2026, 2, 1))
    sign_in(client, make_user(root, Role.LEADER))
    assert "Việc kín của thị xã" in text_of(client.get("/tong-quan").data)
    another = app.test_client()
    sign_in(another, make_user(own, Role.HEAD))
    assert "Việc kín của thị xã" not in text_of(another.get("/tong-quan").data)


def many(count: int) -> int:
    """Make a plan of `count` tasks over 20 units in bulk; return the root."""
    root = make_unit(ROOT)
    units = [make_unit(f"Phường {number}", "ward", root) for number in range(20)]
    plan = make_plan(root)

    def fill(work: Work, _data: None) -> None:
        tasks = [
            {
                "plan_id": plan,
                "kind": RowKind.TASK,
                "position": number,
                "path": f"{number:06d}",
                "title": f"Việc {number}",
                "deadline_kind": DeadlineKind.DATE,
                "deadline_on": date(2026, 1, 1) + timedelta(days=number % 365),
                "valid_from": date(2026, 1, 15),
            }
            for number in range(count)
        ]
        ids = work.bulk_insert(Task, tasks)
        shares = [
            {
                "task_id": task,
                "unit_id": units[number % 20],
                "original_due_on": tasks[number]["deadline_on"],
                "due_on": tasks[number]["deadline_on"],
            }
            for number, task in enumerate(ids)
        ]
        history.rebuild(work, work.bulk_insert(Assignment, shares))

    run(fill, None)
    return root


@pytest.mark.parametrize("count", [100, 3000])
def test_the_page_asks_at_most_twelve_queries(client: FlaskClient, count: int) -> None:
    """Whatever the number of rows, and fewer once its figures are kept."""
    root = many(count)
    sign_in(client, make_user(root, Role.LEADER))
    kept.forget()
    with statements_sent() as sent:
        assert client.get("/tong-quan").status_code == 200
    assert len(sent) <= 12, "\n".join(sent)
    with statements_sent() as again:
        assert client.get("/tong-quan").status_code == 200
    assert len(again) <= 8, "\n".join(again)


def test_many_units_fit_on_the_page(client: FlaskClient) -> None:
    """The worst come first, the others stand in one row that opens to all."""
    root = many(100)
    sign_in(client, make_user(root, Role.LEADER))
    page = client.get("/tong-quan").data.decode()
    assert "9 đơn vị còn lại" in text_of(page.encode())
    assert "rows=all" in page
    whole = text_of(client.get("/tong-quan?rows=all").data)
    assert "đơn vị còn lại" not in whole
    assert all(f"Phường {number}" in whole for number in range(20))


def test_a_closed_plan_still_counts_in_its_year(client: FlaskClient, clock: FixedClock) -> None:
    """Closing a plan doesn't take it out of the figures of its year."""
    root = make_unit(ROOT)
    plan = make_plan(root, state=PlanState.CLOSED, closed_on=clock.today())
    make_task(plan, root)
    sign_in(client, make_user(root, Role.LEADER))
    assert "hoàn thành 0 trên 1" in text_of(client.get("/tong-quan").data)
    assert current().clock is clock
