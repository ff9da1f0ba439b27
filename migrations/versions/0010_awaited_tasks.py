"""What a conditional task waits for can be another task of its plan.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Both databases take the column with its constraints in one statement; SQLite no other way.
    op.execute(
        "ALTER TABLE tasks ADD COLUMN awaits_id INTEGER"
        " CONSTRAINT fk_tasks_awaits_id REFERENCES tasks (id)"
        " CONSTRAINT ck_tasks_awaits CHECK (awaits_id <> id)"
    )
    op.create_index("ix_tasks_awaits_id", "tasks", ["awaits_id"])


def downgrade() -> None:
    op.drop_index("ix_tasks_awaits_id", table_name="tasks")
    # The constraints stand in the column's own definition and go with it.
    op.drop_column("tasks", "awaits_id")
