"""Imports of large files: the run that reads or writes one, and what it found.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("import_uploads", sa.Column("run_id", sa.Uuid(), nullable=True))
    op.add_column("import_uploads", sa.Column("found", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("import_uploads", "found")
    op.drop_column("import_uploads", "run_id")
