"""Amending documents of inspection plans, and what forms need to merge.

Revision ID: 0006
"""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Amending documents of inspection plans, and what forms need to merge."""


def downgrade() -> None:
    """Take it back."""
