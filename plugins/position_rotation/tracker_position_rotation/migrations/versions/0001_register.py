"""Categories, reasons, posts, people, deferrals and yearly plans; the reasons to begin with.

The reasons are those of decree 59/2019/ND-CP on the law against corruption, articles on periodic
rotation; an instance edits the list when the rules change. Categories and their periods are set by
the ministries for their sectors, so none is put in.

Revision ID: 0001
Revises:
"""

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BASIS = "Nghị định 59/2019/NĐ-CP"
# Code, name, English name, not rotated at all, private, needs an end.
REASONS = (
    (
        "discipline",
        "Đang bị xem xét, xử lý kỷ luật",
        "Under disciplinary consideration",
        False,
        True,
        False,
    ),
    (
        "inspection",
        "Đang bị kiểm tra, xác minh, thanh tra, điều tra, truy tố, xét xử",
        "Under inspection, verification, investigation, prosecution or trial",
        False,
        True,
        False,
    ),
    (
        "illness",
        "Đang điều trị bệnh hiểm nghèo có xác nhận của cơ quan y tế",
        "Treated for a critical illness certified by a health body",
        False,
        True,
        False,
    ),
    (
        "study",
        "Đi học tập trung từ 12 tháng trở lên",
        "In full-time study of 12 months or more",
        False,
        False,
        True,
    ),
    ("secondment", "Đang biệt phái", "On secondment", False, False, True),
    (
        "child",
        "Mang thai hoặc nuôi con dưới 36 tháng tuổi",
        "Pregnant or raising a child under 36 months",
        False,
        True,
        True,
    ),
    (
        "father",
        "Nam nuôi con dưới 36 tháng tuổi do vợ mất hoặc lý do khách quan khác",
        "A man raising a child under 36 months as the wife died or for another objective reason",
        False,
        True,
        True,
    ),
    (
        "retirement",
        "Còn dưới 18 tháng đến tuổi nghỉ hưu",
        "Less than 18 months to retirement age",
        True,
        False,
        False,
    ),
)


def upgrade() -> None:
    op.create_table(
        "plugin_position_rotation__categories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("sector", sa.String(length=200), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("alert_months", sa.Integer(), nullable=False),
        sa.Column("legal_basis", sa.String(length=500), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "sort_key",
            sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "alert_months BETWEEN 0 AND months",
            name=op.f("ck_plugin_position_rotation__categories_alert"),
        ),
        sa.CheckConstraint(
            "months BETWEEN 24 AND 60", name=op.f("ck_plugin_position_rotation__categories_period")
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from",
            name=op.f("ck_plugin_position_rotation__categories_dates"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__categories")),
        sa.UniqueConstraint(
            "code",
            "valid_from",
            name=op.f("uq_plugin_position_rotation__categories_code_valid_from"),
        ),
    )
    op.create_table(
        "plugin_position_rotation__reasons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("name_en", sa.String(length=300), nullable=False),
        sa.Column("counts_out", sa.Boolean(), nullable=False),
        sa.Column("is_private", sa.Boolean(), nullable=False),
        sa.Column("needs_end", sa.Boolean(), nullable=False),
        sa.Column("legal_basis", sa.String(length=500), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from",
            name=op.f("ck_plugin_position_rotation__reasons_dates"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__reasons")),
        sa.UniqueConstraint("code", name=op.f("uq_plugin_position_rotation__reasons_code")),
    )
    op.create_table(
        "plugin_position_rotation__posts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("reach_unit_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("profession", sa.String(length=200), nullable=False),
        sa.Column("profession_folded", sa.String(length=200), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=True),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("smallest", sa.Integer(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("folded", sa.String(length=2000), nullable=False),
        sa.Column(
            "sort_key",
            sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "seats BETWEEN 1 AND 1000", name=op.f("ck_plugin_position_rotation__posts_seats")
        ),
        sa.CheckConstraint(
            "smallest BETWEEN 0 AND seats", name=op.f("ck_plugin_position_rotation__posts_smallest")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"],
            ["plugin_position_rotation__categories.id"],
            name=op.f("fk_plugin_position_rotation__posts_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reach_unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_position_rotation__posts_reach_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_position_rotation__posts_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__posts")),
        sa.UniqueConstraint("public_id", name=op.f("uq_plugin_position_rotation__posts_public_id")),
        sa.UniqueConstraint(
            "unit_id", "title", name=op.f("uq_plugin_position_rotation__posts_unit_id_title")
        ),
    )
    op.create_index(
        "ix_plugin_position_rotation__posts_category",
        "plugin_position_rotation__posts",
        ["category_id"],
        unique=False,
    )
    op.create_index(
        "ix_plugin_position_rotation__posts_reach",
        "plugin_position_rotation__posts",
        ["reach_unit_id", "profession_folded"],
        unique=False,
    )
    op.create_table(
        "plugin_position_rotation__people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("staff_code", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("retires_on", sa.Date(), nullable=True),
        sa.Column("folded", sa.String(length=2000), nullable=False),
        sa.Column(
            "sort_key",
            sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_plugin_position_rotation__people_user_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__people")),
        sa.UniqueConstraint(
            "public_id", name=op.f("uq_plugin_position_rotation__people_public_id")
        ),
        sa.UniqueConstraint(
            "staff_code", name=op.f("uq_plugin_position_rotation__people_staff_code")
        ),
    )
    op.create_index(
        "ix_plugin_position_rotation__people_sort",
        "plugin_position_rotation__people",
        ["sort_key"],
        unique=False,
    )
    op.create_table(
        "plugin_position_rotation__deferrals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("reason_id", sa.Integer(), nullable=False),
        sa.Column("start", sa.Date(), nullable=False),
        sa.Column("end", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("evidence_number", sa.String(length=100), nullable=False),
        sa.Column("evidence_on", sa.Date(), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            '"end" IS NULL OR "end" >= start',
            name=op.f("ck_plugin_position_rotation__deferrals_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["plugin_position_rotation__people.id"],
            name=op.f("fk_plugin_position_rotation__deferrals_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reason_id"],
            ["plugin_position_rotation__reasons.id"],
            name=op.f("fk_plugin_position_rotation__deferrals_reason_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__deferrals")),
        sa.UniqueConstraint(
            "public_id", name=op.f("uq_plugin_position_rotation__deferrals_public_id")
        ),
    )
    op.create_index(
        "ix_plugin_position_rotation__deferrals_person",
        "plugin_position_rotation__deferrals",
        ["person_id", "start"],
        unique=False,
    )
    op.create_table(
        "plugin_position_rotation__holdings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("since_in_category", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("decision_number", sa.String(length=100), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "since_in_category <= since",
            name=op.f("ck_plugin_position_rotation__holdings_category_first"),
        ),
        sa.CheckConstraint(
            "until IS NULL OR until > since",
            name=op.f("ck_plugin_position_rotation__holdings_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["plugin_position_rotation__people.id"],
            name=op.f("fk_plugin_position_rotation__holdings_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["post_id"],
            ["plugin_position_rotation__posts.id"],
            name=op.f("fk_plugin_position_rotation__holdings_post_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__holdings")),
    )
    op.create_index(
        "ix_plugin_position_rotation__holdings_person",
        "plugin_position_rotation__holdings",
        ["person_id", "since"],
        unique=False,
    )
    op.create_index(
        "ix_plugin_position_rotation__holdings_post",
        "plugin_position_rotation__holdings",
        ["post_id", "until"],
        unique=False,
    )
    op.create_index(
        "uq_plugin_position_rotation__holdings_current",
        "plugin_position_rotation__holdings",
        ["person_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "plugin_position_rotation__plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "approved",
                "closed",
                name="planstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.String(length=100), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("published_on", sa.Date(), nullable=True),
        sa.Column("published_where", sa.String(length=300), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proposal", sa.Text(), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state = 'draft' OR (number <> '' AND issued_on IS NOT NULL)",
            name=op.f("ck_plugin_position_rotation__plans_paper"),
        ),
        sa.CheckConstraint(
            "year BETWEEN 2000 AND 2100", name=op.f("ck_plugin_position_rotation__plans_year")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
            name=op.f("fk_plugin_position_rotation__plans_task_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_position_rotation__plans_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__plans")),
        sa.UniqueConstraint("public_id", name=op.f("uq_plugin_position_rotation__plans_public_id")),
        sa.UniqueConstraint(
            "unit_id", "year", name=op.f("uq_plugin_position_rotation__plans_unit_id_year")
        ),
    )
    op.create_table(
        "plugin_position_rotation__plan_rows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("from_post_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "open",
                "planned",
                "deferred",
                "exempt",
                "done",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("to_post_id", sa.Integer(), nullable=True),
        sa.Column("month", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(length=1000), nullable=False),
        sa.Column("reason_id", sa.Integer(), nullable=True),
        sa.Column("deferred_until", sa.Date(), nullable=True),
        sa.Column("is_by_hand", sa.Boolean(), nullable=False),
        sa.Column("decision_number", sa.String(length=100), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("effective_on", sa.Date(), nullable=True),
        sa.Column("minutes_number", sa.String(length=100), nullable=False),
        sa.Column("minutes_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "outcome <> 'done' OR (decision_number <> '' AND decided_on IS NOT NULL"
            " AND effective_on IS NOT NULL)",
            name=op.f("ck_plugin_position_rotation__plan_rows_decision"),
        ),
        sa.CheckConstraint(
            "outcome NOT IN ('planned', 'done') OR to_post_id IS NOT NULL",
            name=op.f("ck_plugin_position_rotation__plan_rows_target"),
        ),
        sa.CheckConstraint(
            "month IS NULL OR month BETWEEN 1 AND 12",
            name=op.f("ck_plugin_position_rotation__plan_rows_month"),
        ),
        sa.CheckConstraint(
            "to_post_id IS NULL OR to_post_id <> from_post_id",
            name=op.f("ck_plugin_position_rotation__plan_rows_moves"),
        ),
        sa.ForeignKeyConstraint(
            ["from_post_id"],
            ["plugin_position_rotation__posts.id"],
            name=op.f("fk_plugin_position_rotation__plan_rows_from_post_id"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["plugin_position_rotation__people.id"],
            name=op.f("fk_plugin_position_rotation__plan_rows_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["plugin_position_rotation__plans.id"],
            name=op.f("fk_plugin_position_rotation__plan_rows_plan_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reason_id"],
            ["plugin_position_rotation__reasons.id"],
            name=op.f("fk_plugin_position_rotation__plan_rows_reason_id"),
        ),
        sa.ForeignKeyConstraint(
            ["to_post_id"],
            ["plugin_position_rotation__posts.id"],
            name=op.f("fk_plugin_position_rotation__plan_rows_to_post_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_position_rotation__plan_rows")),
        sa.UniqueConstraint(
            "plan_id",
            "person_id",
            name=op.f("uq_plugin_position_rotation__plan_rows_plan_id_person_id"),
        ),
    )
    op.create_index(
        "ix_plugin_position_rotation__plan_rows_outcome",
        "plugin_position_rotation__plan_rows",
        ["plan_id", "outcome"],
        unique=False,
    )
    op.create_index(
        "ix_plugin_position_rotation__plan_rows_person",
        "plugin_position_rotation__plan_rows",
        ["person_id"],
        unique=False,
    )

    reasons = sa.table(
        "plugin_position_rotation__reasons",
        *(sa.column(name) for name in ("code", "name", "name_en", "legal_basis", "position")),
        *(sa.column(name, sa.Boolean) for name in ("counts_out", "is_private", "needs_end")),
        sa.column("valid_from", sa.Date),
        sa.column("version", sa.Integer),
    )
    op.bulk_insert(
        reasons,
        [
            {
                "code": code,
                "name": name,
                "name_en": name_en,
                "counts_out": counts_out,
                "is_private": is_private,
                "needs_end": needs_end,
                "legal_basis": BASIS,
                "valid_from": date(2019, 7, 1),
                "position": 10 * number,
                "version": 1,
            }
            for number, (code, name, name_en, counts_out, is_private, needs_end) in enumerate(
                REASONS, 1
            )
        ],
    )


def downgrade() -> None:
    op.drop_index(
        "ix_plugin_position_rotation__plan_rows_person",
        table_name="plugin_position_rotation__plan_rows",
    )
    op.drop_index(
        "ix_plugin_position_rotation__plan_rows_outcome",
        table_name="plugin_position_rotation__plan_rows",
    )
    op.drop_table("plugin_position_rotation__plan_rows")
    op.drop_table("plugin_position_rotation__plans")
    op.drop_index(
        "uq_plugin_position_rotation__holdings_current",
        table_name="plugin_position_rotation__holdings",
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.drop_index(
        "ix_plugin_position_rotation__holdings_post",
        table_name="plugin_position_rotation__holdings",
    )
    op.drop_index(
        "ix_plugin_position_rotation__holdings_person",
        table_name="plugin_position_rotation__holdings",
    )
    op.drop_table("plugin_position_rotation__holdings")
    op.drop_index(
        "ix_plugin_position_rotation__deferrals_person",
        table_name="plugin_position_rotation__deferrals",
    )
    op.drop_table("plugin_position_rotation__deferrals")
    op.drop_index(
        "ix_plugin_position_rotation__people_sort", table_name="plugin_position_rotation__people"
    )
    op.drop_table("plugin_position_rotation__people")
    op.drop_index(
        "ix_plugin_position_rotation__posts_reach", table_name="plugin_position_rotation__posts"
    )
    op.drop_index(
        "ix_plugin_position_rotation__posts_category", table_name="plugin_position_rotation__posts"
    )
    op.drop_table("plugin_position_rotation__posts")
    op.drop_table("plugin_position_rotation__reasons")
    op.drop_table("plugin_position_rotation__categories")
