"""The ledger of jobs: queued runs, their input and progress.

Revision ID: 0003
"""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The ledger of jobs: queued runs, their input and progress."""


def downgrade() -> None:
    """Take it back."""
