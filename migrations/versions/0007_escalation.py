"""The escalation ladder, calendar feeds and proposed days off.

Revision ID: 0007
"""

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The escalation ladder, calendar feeds and proposed days off."""


def downgrade() -> None:
    """Take it back."""
