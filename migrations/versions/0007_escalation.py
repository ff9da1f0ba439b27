"""The escalation ladder and calendar feeds.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LADDER = (
    (-5, "officer"),
    (-1, "officer"),
    (1, "officer"),
    (1, "head"),
    (3, "coordinator"),
    (10, "leader"),
)


def upgrade() -> None:
    op.create_table(
        "escalation_rungs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("offset_days", sa.Integer(), nullable=False),
        sa.Column(
            "audience",
            sa.Enum(
                "officer",
                "head",
                "coordinator",
                "leader",
                name="audience",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "offset_days BETWEEN -60 AND 120", name=op.f("ck_escalation_rungs_offset_days")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_rungs")),
        sa.UniqueConstraint(
            "offset_days", "audience", name=op.f("uq_escalation_rungs_offset_days_audience")
        ),
    )
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "feed_kind",
            sa.Enum(
                "person",
                "unit",
                name="feedkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(feed_kind = 'unit') = (unit_id IS NOT NULL)", name=op.f("ck_calendar_feeds_unit")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"], ["units.id"], name=op.f("fk_calendar_feeds_unit_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_calendar_feeds_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feeds")),
        sa.UniqueConstraint("public_id", name=op.f("uq_calendar_feeds_public_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_calendar_feeds_token_hash")),
    )
    op.create_index("ix_calendar_feeds_unit_id", "calendar_feeds", ["unit_id"], unique=False)
    op.create_index("ix_calendar_feeds_user_id", "calendar_feeds", ["user_id"], unique=False)
    op.create_table(
        "escalation_pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_by_name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignments.id"],
            name=op.f("fk_escalation_pauses_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["users.id"],
            name=op.f("fk_escalation_pauses_created_by_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_pauses")),
    )
    op.create_index(
        "ix_escalation_pauses_assignment_id",
        "escalation_pauses",
        ["assignment_id", "until"],
        unique=False,
    )
    op.create_table(
        "escalation_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("rung_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("distance", sa.Integer(), nullable=False),
        sa.Column("taken_on", sa.Date(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignments.id"],
            name=op.f("fk_escalation_steps_assignment_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["rung_id"],
            ["escalation_rungs.id"],
            name=op.f("fk_escalation_steps_rung_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_escalation_steps_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_steps")),
        sa.UniqueConstraint(
            "assignment_id",
            "due_on",
            "rung_id",
            "user_id",
            name=op.f("uq_escalation_steps_assignment_id_due_on_rung_id_user_id"),
        ),
    )
    op.create_index("ix_escalation_steps_rung_id", "escalation_steps", ["rung_id"], unique=False)
    op.create_index(
        "ix_escalation_steps_unanswered",
        "escalation_steps",
        ["assignment_id", "sent_at"],
        unique=False,
        sqlite_where=sa.text("acted_at IS NULL"),
        postgresql_where=sa.text("acted_at IS NULL"),
    )
    op.create_index(
        "ix_escalation_steps_unsent",
        "escalation_steps",
        ["user_id", "rung_id"],
        unique=False,
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_index("ix_escalation_steps_user_id", "escalation_steps", ["user_id"], unique=False)

    rungs = sa.table(
        "escalation_rungs",
        sa.column("offset_days", sa.Integer()),
        sa.column("audience", sa.String()),
        sa.column("is_active", sa.Boolean()),
        sa.column("version", sa.Integer()),
    )
    # Officer, then head, then coordinator, then leader; to be changed on the ladder's page.
    op.bulk_insert(
        rungs,
        [
            {"offset_days": days, "audience": audience, "is_active": True, "version": 1}
            for days, audience in LADDER
        ],
    )


def downgrade() -> None:
    op.drop_index("ix_escalation_steps_user_id", table_name="escalation_steps")
    op.drop_index(
        "ix_escalation_steps_unsent",
        table_name="escalation_steps",
        sqlite_where=sa.text("sent_at IS NULL"),
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.drop_index(
        "ix_escalation_steps_unanswered",
        table_name="escalation_steps",
        sqlite_where=sa.text("acted_at IS NULL"),
        postgresql_where=sa.text("acted_at IS NULL"),
    )
    op.drop_index("ix_escalation_steps_rung_id", table_name="escalation_steps")
    op.drop_table("escalation_steps")
    op.drop_index("ix_escalation_pauses_assignment_id", table_name="escalation_pauses")
    op.drop_table("escalation_pauses")
    op.drop_index("ix_calendar_feeds_user_id", table_name="calendar_feeds")
    op.drop_index("ix_calendar_feeds_unit_id", table_name="calendar_feeds")
    op.drop_table("calendar_feeds")
    op.drop_table("escalation_rungs")
