"""Of which unit somebody was when put on the roster, so that a move shows as a gap.

Turns that are there take the unit of today.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PREFIX = "plugin_camera_monitoring__"
FOREIGN_KEY = f"fk_{PREFIX}shifts_watcher_unit_id"
SHIFTS = sa.table(
    f"{PREFIX}shifts", sa.column("watcher_id", sa.Integer), sa.column("watcher_unit_id", sa.Integer)
)
USERS = sa.table("users", sa.column("id", sa.Integer), sa.column("unit_id", sa.Integer))


def upgrade() -> None:
    with op.batch_alter_table(f"{PREFIX}shifts") as shifts:
        shifts.add_column(sa.Column("watcher_unit_id", sa.Integer(), nullable=True))
        shifts.create_foreign_key(
            op.f(FOREIGN_KEY), "units", ["watcher_unit_id"], ["id"], ondelete="RESTRICT"
        )
    unit = sa.select(USERS.c.unit_id).where(USERS.c.id == SHIFTS.c.watcher_id).scalar_subquery()
    op.execute(SHIFTS.update().values(watcher_unit_id=unit))


def downgrade() -> None:
    with op.batch_alter_table(f"{PREFIX}shifts") as shifts:
        shifts.drop_constraint(op.f(FOREIGN_KEY), type_="foreignkey")
        shifts.drop_column("watcher_unit_id")
