"""The ledger of jobs: queued runs, their input and progress.

A scheduled run is unique by its job and due moment, a queued one is not; the table is therefore
made anew and what it held is carried over.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW_STATES = ("queued", "running", "done", "caught_up", "failed", "missed")
OLD_STATES = ("running", "done", "failed", "missed")
# Named with their types: what SQLite tells of a table's types is less than what they were.
KEPT = sa.table(
    "job_runs",
    sa.column("id", sa.Integer()),
    sa.column("job", sa.String()),
    sa.column("due_at", sa.DateTime(timezone=True)),
    sa.column("state", sa.String()),
    sa.column("started_at", sa.DateTime(timezone=True)),
    sa.column("ended_at", sa.DateTime(timezone=True)),
    sa.column("process", sa.String()),
    sa.column("log", sa.Text()),
    sa.column("public_id", sa.Uuid()),
)


def states(values):
    return sa.Enum(*values, name="runstate", native_enum=False, create_constraint=True, length=32)


def taken():
    """Return the rows of the ledger, oldest first, and drop it."""
    columns = [column for column in KEPT.c if column.name != "id"]
    rows = op.get_bind().execute(sa.select(*columns).order_by(KEPT.c.id))
    found = [dict(row) for row in rows.mappings()]
    op.drop_index("ix_job_runs_state", table_name="job_runs")
    return found


def upgrade() -> None:
    """Make room for queued runs, with input, attempts, signs of life and progress."""
    rows = taken()
    op.drop_table("job_runs")
    made = op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=80), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "scheduled",
                "queued",
                name="runkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", states(NEW_STATES), nullable=False),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("asked_by_id", sa.Integer(), nullable=True),
        sa.Column("asked_by_name", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("once_key", sa.String(length=160), nullable=True),
        sa.Column("alone_key", sa.String(length=80), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("process", sa.String(length=120), nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_seconds", sa.Double(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("progress_done", sa.Integer(), nullable=False),
        sa.Column("progress_total", sa.Integer(), nullable=True),
        sa.Column("progress_text", sa.String(length=500), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("result_url", sa.String(length=500), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asked_by_id"],
            ["users.id"],
            name=op.f("fk_job_runs_asked_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("alone_key", name=op.f("uq_job_runs_alone_key")),
        sa.UniqueConstraint("once_key", name=op.f("uq_job_runs_once_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_job_runs_public_id")),
    )
    op.create_index("ix_job_runs_job", "job_runs", ["job", "id"], unique=False)
    op.create_index("ix_job_runs_state", "job_runs", ["state", "job"], unique=False)
    op.create_index(
        "uq_job_runs_scheduled",
        "job_runs",
        ["job", "due_at"],
        unique=True,
        sqlite_where=sa.text("kind = 'scheduled'"),
        postgresql_where=sa.text("kind = 'scheduled'"),
    )
    new = {
        "kind": "scheduled",
        "input": "{}",
        "asked_by_name": "",
        "reason": "",
        "attempts": 1,
        "beats": 0,
        "lease_seconds": 0.0,
        "progress_done": 0,
        "progress_text": "",
        "result_url": "",
    }
    if rows:
        op.bulk_insert(made, [{**new, **row} for row in rows])


def downgrade() -> None:
    """Keep the scheduled runs that the older ledger has words for."""
    rows = [
        {**row, "state": "done" if row["state"] == "caught_up" else row["state"]}
        for row in taken()
        if row["state"] != "queued"
    ]
    unique = {(row["job"], row["due_at"]): row for row in rows}
    op.drop_index("ix_job_runs_job", table_name="job_runs")
    op.drop_index("uq_job_runs_scheduled", table_name="job_runs")
    op.drop_table("job_runs")
    made = op.create_table(
        "job_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=80), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", states(OLD_STATES), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("process", sa.String(length=120), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
        sa.UniqueConstraint("job", "due_at", name=op.f("uq_job_runs_job_due_at")),
        sa.UniqueConstraint("public_id", name=op.f("uq_job_runs_public_id")),
    )
    op.create_index("ix_job_runs_state", "job_runs", ["state"], unique=False)
    if unique:
        op.bulk_insert(made, list(unique.values()))
