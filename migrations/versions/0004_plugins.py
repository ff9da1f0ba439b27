"""Plug-ins: releases, the wanted set, trusted keys, machines and incidents.

Revision ID: 0004
"""

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Plug-ins: releases, the wanted set, trusted keys, machines and incidents."""


def downgrade() -> None:
    """Take it back."""
