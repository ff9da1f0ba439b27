"""The register from a spreadsheet: one row a person, with the post held now.

A row whose staff code is known changes that person's name and retirement day; the post of somebody
who is in the register changes by a decision only. Posts that are not there yet are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from tracker.api import clock, text
from tracker.api.errors import ValidationFailed
from tracker.api.i18n import gettext as _
from tracker.api.i18n import lazy_gettext as _l
from tracker.api.i18n import ngettext
from tracker.api.imports import (
    CellKind,
    ImportColumn,
    ImportRow,
    ParsedRows,
    RowError,
    RowOutcome,
)
from tracker.api.queries import match_units, reaches, session, unit_closure, units, visible
from tracker.api.work import Work
from tracker_position_rotation import queries
from tracker_position_rotation.models import Holding, Person, Post
from tracker_position_rotation.permissions import MANAGE
from tracker_position_rotation.services import is_above


def _category_codes() -> list[str]:
    today = clock.today()
    return [
        one.code
        for one in queries.categories(session())
        if one.valid_to is None or one.valid_to > today
    ]


COLUMNS = (
    ImportColumn(
        key="staff_code",
        heading_vi="Mã số công chức",
        heading_en="Staff code",
        required=True,
        example="CC-00123",
        aliases=("Mã số", "Mã CBCC", "Code"),
        longest=40,
        width=16,
    ),
    ImportColumn(
        key="name",
        heading_vi="Họ tên",
        heading_en="Name",
        required=True,
        example="Nguyễn Thị Minh",
        aliases=("Họ và tên", "Full name"),
        longest=200,
        width=28,
    ),
    ImportColumn(
        key="unit",
        heading_vi="Đơn vị",
        heading_en="Unit",
        required=True,
        hint=_l("Tên, tên gọi khác hoặc mã của đơn vị."),
        example="UBND phường Vĩnh Phước",
        longest=500,
        width=36,
    ),
    ImportColumn(
        key="post",
        heading_vi="Vị trí công tác",
        heading_en="Post",
        required=True,
        example="Công chức Địa chính - Xây dựng",
        aliases=("Giữ vị trí", "Vị trí", "Chức danh"),
        longest=300,
        width=36,
    ),
    ImportColumn(
        key="profession",
        heading_vi="Chuyên môn",
        heading_en="Profession",
        required=True,
        hint=_l("Chỉ chuyển giữa các vị trí cùng chuyên môn."),
        example="Địa chính - Xây dựng",
        longest=200,
        width=26,
    ),
    ImportColumn(
        key="category",
        heading_vi="Mã danh mục chuyển đổi",
        heading_en="Category code",
        hint=_l("Để trống khi vị trí không thuộc diện chuyển đổi."),
        example="DC-XD",
        aliases=("Danh mục", "Mã danh mục"),
        choices=_category_codes,
        longest=40,
        width=18,
    ),
    ImportColumn(
        key="since",
        heading_vi="Giữ vị trí từ ngày",
        heading_en="In post since",
        required=True,
        kind=CellKind.DATE,
        example="28/05/2021",
        aliases=("Từ ngày", "Ngày bắt đầu"),
        width=16,
    ),
    ImportColumn(
        key="since_in_category",
        heading_vi="Giữ loại vị trí từ ngày",
        heading_en="In category since",
        hint=_l("Để trống khi trùng cột bên trái."),
        kind=CellKind.DATE,
        example="28/05/2021",
        width=18,
    ),
    ImportColumn(
        key="reach",
        heading_vi="Phạm vi điều động",
        heading_en="Manager's reach",
        hint=_l("Đơn vị của người có quyền điều động. Để trống: đơn vị cấp trên."),
        example="UBND thị xã Vĩnh Châu",
        longest=500,
        width=36,
    ),
    ImportColumn(
        key="retires_on",
        heading_vi="Ngày đến tuổi nghỉ hưu",
        heading_en="Retires on",
        kind=CellKind.DATE,
        example="01/09/2041",
        width=18,
    ),
)


@dataclass(frozen=True)
class RegisterLine:
    """A row that was read and checked."""

    staff_code: str
    name: str
    unit_id: int
    reach_unit_id: int
    post: str
    profession: str
    category_id: int | None
    since: date
    since_in_category: date
    retires_on: date | None


def parse(rows: Sequence[ImportRow], options: Mapping[str, str]) -> ParsedRows:
    """Check the rows against each other and against what there is."""
    today = clock.today()
    found: dict[str, int | None] = {}
    by_code = {one.code: one.id for one in queries.categories(session())}
    known = _known([text.normalise(str(cells.get("staff_code") or "")) for _number, cells in rows])
    parents = {
        row.id: row.parent_id for row in session().execute(select(units.c.id, units.c.parent_id))
    }
    may_manage: dict[int, bool] = {}
    above = _above()
    elsewhere = 0
    seen: dict[str, int] = {}
    errors: list[RowError] = []
    outcomes: dict[int, RowOutcome] = {}
    lines: list[RegisterLine] = []

    def unit(number: int, column: str, words: str) -> int | None:
        if words not in found:
            matches = match_units(words, today)
            best = [one for one in matches if one.exactness == matches[0].exactness]
            found[words] = best[0].id if len(best) == 1 else None
        if found[words] is None:
            errors.append(
                RowError(number, column, _("Không rõ là đơn vị nào: “%(unit)s”.", unit=words))
            )
        return found[words]

    for number, cells in rows:
        code = text.normalise(str(cells.get("staff_code") or ""))
        if code and code in seen:
            errors.append(
                RowError(number, "staff_code", _("Trùng với dòng %(row)d.", row=seen[code]))
            )
        seen.setdefault(code, number)
        category = cells.get("category")
        if category and category not in by_code:
            errors.append(
                RowError(number, "category", _("Không có danh mục “%(code)s”.", code=category))
            )
        since, in_category = cells.get("since"), cells.get("since_in_category")
        if since and since > today:
            errors.append(RowError(number, "since", _("Ngày bắt đầu không sau hôm nay.")))
        if since and in_category and in_category > since:
            errors.append(
                RowError(
                    number,
                    "since_in_category",
                    _("Ngày này không sau ngày bắt đầu giữ vị trí hiện tại."),
                )
            )
        unit_id = unit(number, "unit", cells["unit"]) if cells.get("unit") else None
        reach_id = unit(number, "reach", cells["reach"]) if cells.get("reach") else None
        if unit_id is not None:
            if unit_id not in may_manage:
                may_manage[unit_id] = reaches(MANAGE, units, unit_id)
            if not may_manage[unit_id]:
                errors.append(RowError(number, "unit", _("Đơn vị này ngoài phạm vi của bạn.")))
            if reach_id is not None and (reach_id, unit_id) not in above:
                errors.append(
                    RowError(number, "reach", _("Hãy chọn chính đơn vị này hoặc cấp trên."))
                )
        person = known.get(code)
        if person is not None and not person.may_manage:
            errors.append(
                RowError(number, "staff_code", _("Người này thuộc đơn vị ngoài phạm vi của bạn."))
            )
        if not (code and cells.get("name") and unit_id and since):
            continue
        outcomes[number] = RowOutcome.CHANGED if person else RowOutcome.NEW
        if person and (person.name, person.retires_on) == (cells["name"], cells.get("retires_on")):
            outcomes[number] = RowOutcome.SAME
        if person and (unit_id, text.normalise(str(cells.get("post") or ""))) not in person.posts:
            elsewhere += 1
        lines.append(
            RegisterLine(
                staff_code=code,
                name=str(cells["name"]),
                unit_id=unit_id,
                reach_unit_id=reach_id or parents.get(unit_id) or unit_id,
                post=str(cells.get("post") or ""),
                profession=str(cells.get("profession") or ""),
                category_id=by_code.get(category or ""),
                since=since,
                since_in_category=in_category or since,
                retires_on=cells.get("retires_on"),
            )
        )
    summary = ""
    if elsewhere:
        summary = ngettext(
            "%(num)d người đang giữ vị trí khác trong sổ: vị trí của họ không đổi theo tệp, hãy "
            "ghi quyết định chuyển ở trang của từng người.",
            "%(num)d người đang giữ vị trí khác trong sổ: vị trí của họ không đổi theo tệp, hãy "
            "ghi quyết định chuyển ở trang của từng người.",
            elsewhere,
        )
    return ParsedRows(lines, errors, outcomes, summary)


def _above() -> set[tuple[int, int]]:
    """Return (superior, unit) pairs, each unit also with itself."""
    rows = session().execute(select(unit_closure.c.ancestor_id, unit_closure.c.descendant_id))
    return {(row.ancestor_id, row.descendant_id) for row in rows}


@dataclass(frozen=True)
class _Known:
    """Somebody in the register, and the post held now."""

    name: str
    retires_on: date | None
    posts: frozenset[tuple[int, str]]
    may_manage: bool


def _known(codes: Sequence[str]) -> dict[str, _Known]:
    """Return the people who are in the register, by staff code."""
    found: dict[str, _Known] = {}
    for start in range(0, len(codes), 500):
        rows = session().execute(
            select(
                Person.staff_code,
                Person.name,
                Person.retires_on,
                Post.unit_id,
                Post.title,
                visible(MANAGE, Person).label("may_manage"),
            )
            .outerjoin(Holding, (Holding.person_id == Person.id) & Holding.until.is_(None))
            .outerjoin(Post, Post.id == Holding.post_id)
            .where(Person.staff_code.in_(codes[start : start + 500]))
        )
        found.update(
            {
                row.staff_code: _Known(
                    row.name,
                    row.retires_on,
                    frozenset([(row.unit_id, row.title)] if row.unit_id else ()),
                    bool(row.may_manage),
                )
                for row in rows
            }
        )
    return found


def apply(work: Work, lines: Sequence[RegisterLine]) -> int:
    """Write all rows; return how many there were. Checks again what may have changed."""
    work.require_held(MANAGE)
    posts = _posts(work, lines)
    people = {
        one.staff_code: one
        for start in range(0, len(lines), 500)
        for one in work.session.scalars(
            select(Person).where(
                Person.staff_code.in_([line.staff_code for line in lines[start : start + 500]])
            )
        )
    }
    fresh: list[RegisterLine] = []
    for line in lines:
        person = people.get(line.staff_code)
        if person is None:
            fresh.append(line)
            continue
        work.require(MANAGE, person)
        if (person.name, person.retires_on) != (line.name, line.retires_on):
            person.name, person.retires_on = line.name, line.retires_on
            person.folded = text.fold(f"{line.name} {line.staff_code}")
            person.sort_key = text.person_sort_key(line.name)
    work.session.flush()
    ids = work.bulk_insert(
        Person,
        [
            {
                "staff_code": line.staff_code,
                "name": line.name,
                "retires_on": line.retires_on,
                "folded": text.fold(f"{line.name} {line.staff_code}"),
                "sort_key": text.person_sort_key(line.name),
            }
            for line in fresh
        ],
    )
    work.bulk_insert(
        Holding,
        [
            {
                "person_id": person_id,
                "post_id": posts[line.unit_id, line.post],
                "since": line.since,
                "since_in_category": line.since_in_category,
            }
            for person_id, line in zip(ids, fresh, strict=True)
        ],
    )
    _widen(work, Counter(posts[line.unit_id, line.post] for line in fresh))
    return len(lines)


def _posts(work: Work, lines: Sequence[RegisterLine]) -> dict[tuple[int, str], int]:
    """Return the posts of the rows by (unit, title), making those that are not there."""
    unit_ids = sorted({line.unit_id for line in lines})
    posts = {
        (post.unit_id, post.title): post.id
        for start in range(0, len(unit_ids), 500)
        for post in work.session.scalars(
            select(Post).where(Post.unit_id.in_(unit_ids[start : start + 500]))
        )
    }
    for line in lines:
        if (line.unit_id, line.post) in posts:
            continue
        post = Post(
            unit_id=line.unit_id,
            reach_unit_id=line.reach_unit_id,
            title=line.post,
            profession=line.profession,
            profession_folded=text.fold(line.profession),
            category_id=line.category_id,
            folded=text.fold(line.post),
            sort_key=text.sort_key(line.post),
        )
        if not work.may(MANAGE, post):
            raise ValidationFailed({"": _("Có đơn vị ngoài phạm vi của bạn.")})
        if not is_above(work, line.reach_unit_id, line.unit_id):
            raise ValidationFailed({"": _("Hãy chọn chính đơn vị này hoặc cấp trên.")})
        work.session.add(post)
        work.session.flush()
        posts[line.unit_id, line.post] = post.id
    return posts


def _widen(work: Work, added: Mapping[int, int]) -> None:
    """Give posts the seats that their holders take: a list says who sits where, not how many."""
    ids = sorted(added)
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        held = {
            row.post_id: row.many
            for row in work.session.execute(
                select(Holding.post_id, func.count().label("many"))
                .where(Holding.post_id.in_(part), Holding.until.is_(None))
                .group_by(Holding.post_id)
            )
        }
        for post in work.session.scalars(select(Post).where(Post.id.in_(part))):
            post.seats = max(post.seats, held.get(post.id, 0))
    work.session.flush()
