"""The outbox, notices and their deliveries.

Revision ID: 0005
"""

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The outbox, notices and their deliveries."""


def downgrade() -> None:
    """Take it back."""
