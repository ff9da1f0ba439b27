"""Plug-ins: releases, the wanted set, trusted keys, machines and incidents.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plugin_incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "error",
                "timeout",
                "crash",
                "import",
                name="incidentkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_incidents")),
    )
    op.create_index(
        "ix_plugin_incidents_plugin_last_at",
        "plugin_incidents",
        ["plugin", "last_at"],
        unique=False,
    )
    op.create_table(
        "plugin_servers",
        sa.Column("machine", sa.String(length=120), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("machine", name=op.f("pk_plugin_servers")),
    )
    op.create_table(
        "plugin_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("safe_mode_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("safe_mode_token_hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_set")),
    )
    op.create_table(
        "plugin_disposals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column(
            "disposal",
            sa.Enum(
                "keep",
                "export",
                "erase",
                "rollback",
                name="disposal",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("export_name", sa.String(length=200), nullable=False),
        sa.Column("export_sha256", sa.String(length=64), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_by_id", sa.Integer(), nullable=True),
        sa.Column("removed_by_name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["removed_by_id"],
            ["users.id"],
            name=op.f("fk_plugin_disposals_removed_by_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_disposals")),
    )
    op.create_index("ix_plugin_disposals_plugin", "plugin_disposals", ["plugin"], unique=False)
    op.create_index(
        "ix_plugin_disposals_removed_by_id", "plugin_disposals", ["removed_by_id"], unique=False
    )
    op.create_table(
        "plugin_keys",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("trusted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trusted_by_id", sa.Integer(), nullable=True),
        sa.Column("trusted_by_name", sa.String(length=200), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["trusted_by_id"],
            ["users.id"],
            name=op.f("fk_plugin_keys_trusted_by_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_plugin_keys")),
    )
    op.create_index("ix_plugin_keys_trusted_by_id", "plugin_keys", ["trusted_by_id"], unique=False)
    op.create_table(
        "plugin_releases",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("libraries", sa.Text(), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=True),
        sa.Column("signed_by", sa.String(length=64), nullable=True),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uploaded_by_id", sa.Integer(), nullable=True),
        sa.Column("uploaded_by_name", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["uploaded_by_id"],
            ["users.id"],
            name=op.f("fk_plugin_releases_uploaded_by_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_releases")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_plugin_releases_name_version")),
    )
    op.create_index(
        "ix_plugin_releases_uploaded_by_id", "plugin_releases", ["uploaded_by_id"], unique=False
    )
    op.create_table(
        "plugin_installs",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("previous_release_id", sa.Integer(), nullable=True),
        sa.Column(
            "wanted",
            sa.Enum(
                "enabled",
                "disabled",
                name="wanted",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "available",
                "incompatible",
                "failed",
                "needs_migration",
                "enabled",
                "disabled",
                "paused",
                name="pluginstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("reason_parameters", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("installed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["previous_release_id"],
            ["plugin_releases.id"],
            name=op.f("fk_plugin_installs_previous_release_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["plugin_releases.id"],
            name=op.f("fk_plugin_installs_release_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_plugin_installs")),
    )
    op.create_index(
        "ix_plugin_installs_previous_release_id",
        "plugin_installs",
        ["previous_release_id"],
        unique=False,
    )
    op.create_index(
        "ix_plugin_installs_release_id", "plugin_installs", ["release_id"], unique=False
    )
    op.create_table(
        "plugin_rehearsals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["plugin_releases.id"],
            name=op.f("fk_plugin_rehearsals_release_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_rehearsals")),
    )
    op.create_index(
        "ix_plugin_rehearsals_release_id", "plugin_rehearsals", ["release_id"], unique=False
    )
    op.create_table(
        "plugin_snapshots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=80), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["plugin_releases.id"],
            name=op.f("fk_plugin_snapshots_release_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_snapshots")),
    )
    op.create_index(
        "ix_plugin_snapshots_plugin_taken_at",
        "plugin_snapshots",
        ["plugin", "taken_at"],
        unique=False,
    )
    op.create_index(
        "ix_plugin_snapshots_release_id", "plugin_snapshots", ["release_id"], unique=False
    )
    op.create_table(
        "plugin_snapshot_parts",
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["plugin_snapshots.id"],
            name=op.f("fk_plugin_snapshot_parts_snapshot_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name=op.f("pk_plugin_snapshot_parts")),
    )

    op.execute("INSERT INTO plugin_set (id, generation) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("plugin_snapshot_parts")
    op.drop_index("ix_plugin_snapshots_release_id", table_name="plugin_snapshots")
    op.drop_index("ix_plugin_snapshots_plugin_taken_at", table_name="plugin_snapshots")
    op.drop_table("plugin_snapshots")
    op.drop_index("ix_plugin_rehearsals_release_id", table_name="plugin_rehearsals")
    op.drop_table("plugin_rehearsals")
    op.drop_index("ix_plugin_installs_release_id", table_name="plugin_installs")
    op.drop_index("ix_plugin_installs_previous_release_id", table_name="plugin_installs")
    op.drop_table("plugin_installs")
    op.drop_index("ix_plugin_releases_uploaded_by_id", table_name="plugin_releases")
    op.drop_table("plugin_releases")
    op.drop_index("ix_plugin_keys_trusted_by_id", table_name="plugin_keys")
    op.drop_table("plugin_keys")
    op.drop_index("ix_plugin_disposals_removed_by_id", table_name="plugin_disposals")
    op.drop_index("ix_plugin_disposals_plugin", table_name="plugin_disposals")
    op.drop_table("plugin_disposals")
    op.drop_table("plugin_set")
    op.drop_table("plugin_servers")
    op.drop_index("ix_plugin_incidents_plugin_last_at", table_name="plugin_incidents")
    op.drop_table("plugin_incidents")
