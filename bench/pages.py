"""The pages that are measured, and the one indexed query that the bare view makes for each."""

from __future__ import annotations

from dataclasses import dataclass

# The coordinator of the province: whoever sees every unit pays most for the filter of rights.
SIGNED_IN_AS = 3
POST_RULE = "/viec/giao/<int:assignment_id>/cap-nhat"


@dataclass(frozen=True)
class Page:
    """One page: what it is called, its address, the bare view's query, the goal if it has one."""

    name: str
    address: str
    query: str
    # Requests a second of this app as a share of the bare view's.
    goal: float | None = None


LIST_COLUMNS = (
    "t.id, t.title, t.number, a.unit_id, a.due_on, a.original_due_on, a.done_on, a.percent,"
    " a.reported"
)
PAGES = (
    Page(
        "one unit's tasks",
        "/viec?unit=5",
        f"SELECT {LIST_COLUMNS} FROM assignments a JOIN tasks t ON t.id = a.task_id"
        " WHERE a.unit_id = 5 ORDER BY a.due_on LIMIT 50",
        goal=0.5,
    ),
    Page("one task", "/viec/99", "SELECT * FROM tasks WHERE id = 99", goal=0.3),
    Page("overview", "/tong-quan", "SELECT * FROM plans WHERE id = 1", goal=0.3),
    Page(
        "home",
        "/",
        f"SELECT {LIST_COLUMNS} FROM assignments a JOIN tasks t ON t.id = a.task_id"
        " WHERE a.unit_id = 5 ORDER BY a.due_on LIMIT 50",
    ),
    Page(
        "plan tree",
        "/ke-hoach/lam-dong-2026",
        "SELECT * FROM tasks WHERE plan_id = 1 ORDER BY path LIMIT 50",
    ),
    Page(
        "visits",
        "/kiem-tra",
        "SELECT * FROM visits WHERE unit_id = 5 ORDER BY visited_on DESC LIMIT 50",
    ),
    Page("admin list", "/quan-tri/don-vi/", "SELECT * FROM units WHERE id <= 50 ORDER BY id"),
)
# A status is posted on the page of its task, which is shown again afterwards.
POSTED = Page("post a status", "/viec/99", "", goal=0.3)
