"""Desks, cameras, how they stood, the watch log and its roster, with the list to begin with.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# What may be seen, to begin with: an instance changes the list as it likes.
SIGHTS = (
    ("late_opening", "Mở cửa muộn giờ", "Opens late", "minor"),
    ("early_closing", "Nghỉ trước giờ", "Closes early", "minor"),
    ("empty_desk", "Không có người trực tại bàn", "Nobody at the desk", "major"),
    ("attitude", "Thái độ phục vụ chưa đúng mực", "Poor attitude towards people", "major"),
    ("private_work", "Làm việc riêng trong giờ", "Private matters during hours", "minor"),
    ("no_badge", "Không đeo thẻ, trang phục chưa đúng", "No badge or wrong dress", "minor"),
    ("crowding", "Người dân chờ đông", "Many people waiting", "minor"),
    ("camera_off", "Camera tắt hoặc bị che", "Camera off or covered", "major"),
    ("good_service", "Phục vụ tốt, nên biểu dương", "Good service, worth praise", "normal"),
)


def upgrade() -> None:
    op.create_table(
        "plugin_camera_monitoring__sights",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "normal",
                "minor",
                "major",
                "critical",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__sights")),
        sa.UniqueConstraint("code", name=op.f("uq_plugin_camera_monitoring__sights_code")),
    )
    op.create_table(
        "plugin_camera_monitoring__desks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=500), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column(
            "sort_key",
            sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("folded", sa.String(length=2000), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "closed_on IS NULL OR closed_on >= opened_on",
            name=op.f("ck_plugin_camera_monitoring__desks_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_camera_monitoring__desks_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__desks")),
        sa.UniqueConstraint("public_id", name=op.f("uq_plugin_camera_monitoring__desks_public_id")),
        sa.UniqueConstraint(
            "unit_id", "name", name=op.f("uq_plugin_camera_monitoring__desks_unit_id_name")
        ),
    )
    op.create_table(
        "plugin_camera_monitoring__cameras",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("desk_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("set_name", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "in_use",
                "repair",
                "stored",
                "retired",
                name="camerastate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("bought_on", sa.Date(), nullable=True),
        sa.Column("retired_on", sa.Date(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("retention_days", sa.Integer(), nullable=True),
        sa.Column(
            "probe_kind",
            sa.Enum(
                "rtsp",
                "http",
                "https",
                "tcp",
                name="probekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("probe_minutes", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column(
            "sort_key",
            sa.String(length=400).with_variant(sa.String(length=400, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("folded", sa.String(length=2000), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "cost IS NULL OR cost >= 0", name=op.f("ck_plugin_camera_monitoring__cameras_cost")
        ),
        sa.CheckConstraint(
            "port BETWEEN 0 AND 65535", name=op.f("ck_plugin_camera_monitoring__cameras_port")
        ),
        sa.CheckConstraint(
            "probe_minutes BETWEEN 5 AND 1440",
            name=op.f("ck_plugin_camera_monitoring__cameras_minutes"),
        ),
        sa.CheckConstraint(
            "retention_days IS NULL OR retention_days BETWEEN 0 AND 36500",
            name=op.f("ck_plugin_camera_monitoring__cameras_retention"),
        ),
        sa.ForeignKeyConstraint(
            ["desk_id"],
            ["plugin_camera_monitoring__desks.id"],
            name=op.f("fk_plugin_camera_monitoring__cameras_desk_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__cameras")),
        sa.UniqueConstraint(
            "desk_id", "name", name=op.f("uq_plugin_camera_monitoring__cameras_desk_id_name")
        ),
        sa.UniqueConstraint(
            "public_id", name=op.f("uq_plugin_camera_monitoring__cameras_public_id")
        ),
    )
    with op.batch_alter_table("plugin_camera_monitoring__cameras", schema=None) as batch_op:
        batch_op.create_index("ix_plugin_camera_monitoring_cameras_state", ["state"], unique=False)

    op.create_table(
        "plugin_camera_monitoring__desk_units",
        sa.Column("desk_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to > valid_from",
            name=op.f("ck_plugin_camera_monitoring__desk_units_dates"),
        ),
        sa.ForeignKeyConstraint(
            ["desk_id"],
            ["plugin_camera_monitoring__desks.id"],
            name=op.f("fk_plugin_camera_monitoring__desk_units_desk_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_camera_monitoring__desk_units_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint(
            "desk_id", "valid_from", name=op.f("pk_plugin_camera_monitoring__desk_units")
        ),
    )
    with op.batch_alter_table("plugin_camera_monitoring__desk_units", schema=None) as batch_op:
        batch_op.create_index(
            "ix_plugin_camera_monitoring_desk_units_unit", ["unit_id"], unique=False
        )

    op.create_table(
        "plugin_camera_monitoring__shifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("watcher_id", sa.Integer(), nullable=False),
        sa.Column("watcher_name", sa.String(length=200), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.Time(), nullable=False),
        sa.Column("ends_at", sa.Time(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "ends_at > starts_at", name=op.f("ck_plugin_camera_monitoring__shifts_times")
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_camera_monitoring__shifts_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["watcher_id"],
            ["users.id"],
            name=op.f("fk_plugin_camera_monitoring__shifts_watcher_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__shifts")),
        sa.UniqueConstraint(
            "watcher_id",
            "day",
            "starts_at",
            name=op.f("uq_plugin_camera_monitoring__shifts_watcher_id_day_starts_at"),
        ),
    )
    with op.batch_alter_table("plugin_camera_monitoring__shifts", schema=None) as batch_op:
        batch_op.create_index("ix_plugin_camera_monitoring_shifts_day", ["day"], unique=False)
        batch_op.create_index("ix_plugin_camera_monitoring_shifts_unit", ["unit_id"], unique=False)

    op.create_table(
        "plugin_camera_monitoring__days",
        sa.Column("camera_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("up_seconds", sa.Integer(), nullable=False),
        sa.Column("fault_seconds", sa.Integer(), nullable=False),
        sa.Column("down_seconds", sa.Integer(), nullable=False),
        sa.Column("unknown_seconds", sa.Integer(), nullable=False),
        sa.Column("outages", sa.Integer(), nullable=False),
        sa.Column("longest_outage_seconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["plugin_camera_monitoring__cameras.id"],
            name=op.f("fk_plugin_camera_monitoring__days_camera_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("camera_id", "day", name=op.f("pk_plugin_camera_monitoring__days")),
    )
    with op.batch_alter_table("plugin_camera_monitoring__days", schema=None) as batch_op:
        batch_op.create_index("ix_plugin_camera_monitoring_days_day", ["day"], unique=False)

    op.create_table(
        "plugin_camera_monitoring__entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("desk_id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts_at", sa.Time(), nullable=False),
        sa.Column("ends_at", sa.Time(), nullable=False),
        sa.Column(
            "severity",
            sa.Enum(
                "normal",
                "minor",
                "major",
                "critical",
                name="severity",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("shows_people", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Integer(), nullable=True),
        sa.Column("recorded_by_name", sa.String(length=200), nullable=False),
        sa.Column("visit_public_id", sa.Uuid(), nullable=True),
        sa.Column("finding_public_id", sa.Uuid(), nullable=True),
        sa.Column("send_key", sa.String(length=64), nullable=True),
        sa.Column("folded", sa.String(length=4000), nullable=False),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "ends_at > starts_at", name=op.f("ck_plugin_camera_monitoring__entries_times")
        ),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["plugin_camera_monitoring__cameras.id"],
            name=op.f("fk_plugin_camera_monitoring__entries_camera_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["desk_id"],
            ["plugin_camera_monitoring__desks.id"],
            name=op.f("fk_plugin_camera_monitoring__entries_desk_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"],
            ["users.id"],
            name=op.f("fk_plugin_camera_monitoring__entries_recorded_by_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_camera_monitoring__entries_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__entries")),
        sa.UniqueConstraint(
            "public_id", name=op.f("uq_plugin_camera_monitoring__entries_public_id")
        ),
        sa.UniqueConstraint("send_key", name=op.f("uq_plugin_camera_monitoring__entries_send_key")),
    )
    with op.batch_alter_table("plugin_camera_monitoring__entries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_plugin_camera_monitoring_entries_day", ["day", "starts_at"], unique=False
        )
        batch_op.create_index(
            "ix_plugin_camera_monitoring_entries_desk", ["desk_id", "day"], unique=False
        )
        batch_op.create_index(
            "ix_plugin_camera_monitoring_entries_unit", ["unit_id", "day"], unique=False
        )

    op.create_table(
        "plugin_camera_monitoring__incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "ok",
                "timeout",
                "refused",
                "unreachable",
                "no_name",
                "closed",
                "tls",
                "not_allowed",
                "needs_password",
                "wrong_password",
                "forbidden",
                "no_stream",
                "redirected",
                "bad_answer",
                "too_long",
                "server_error",
                "not_measured",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("explained_by_name", sa.String(length=200), nullable=False),
        sa.Column("explained_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["plugin_camera_monitoring__cameras.id"],
            name=op.f("fk_plugin_camera_monitoring__incidents_camera_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["unit_id"],
            ["units.id"],
            name=op.f("fk_plugin_camera_monitoring__incidents_unit_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__incidents")),
        sa.UniqueConstraint(
            "public_id", name=op.f("uq_plugin_camera_monitoring__incidents_public_id")
        ),
    )
    with op.batch_alter_table("plugin_camera_monitoring__incidents", schema=None) as batch_op:
        batch_op.create_index(
            "ix_plugin_camera_monitoring_incidents_camera", ["camera_id", "began_at"], unique=False
        )
        batch_op.create_index(
            "ix_plugin_camera_monitoring_incidents_ended", ["ended_at"], unique=False
        )
        batch_op.create_index(
            "ix_plugin_camera_monitoring_incidents_unit", ["unit_id", "ended_at"], unique=False
        )

    op.create_table(
        "plugin_camera_monitoring__standings",
        sa.Column("camera_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "ok",
                "timeout",
                "refused",
                "unreachable",
                "no_name",
                "closed",
                "tls",
                "not_allowed",
                "needs_password",
                "wrong_password",
                "forbidden",
                "no_stream",
                "redirected",
                "bad_answer",
                "too_long",
                "server_error",
                "not_measured",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("has_incident", sa.Boolean(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["plugin_camera_monitoring__cameras.id"],
            name=op.f("fk_plugin_camera_monitoring__standings_camera_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_plugin_camera_monitoring__standings")),
    )
    op.create_table(
        "plugin_camera_monitoring__stretches",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("camera_id", sa.Integer(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "ok",
                "timeout",
                "refused",
                "unreachable",
                "no_name",
                "closed",
                "tls",
                "not_allowed",
                "needs_password",
                "wrong_password",
                "forbidden",
                "no_stream",
                "redirected",
                "bad_answer",
                "too_long",
                "server_error",
                "not_measured",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["camera_id"],
            ["plugin_camera_monitoring__cameras.id"],
            name=op.f("fk_plugin_camera_monitoring__stretches_camera_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_camera_monitoring__stretches")),
    )
    with op.batch_alter_table("plugin_camera_monitoring__stretches", schema=None) as batch_op:
        batch_op.create_index(
            "ix_plugin_camera_monitoring_stretches_camera", ["camera_id", "began_at"], unique=False
        )
        batch_op.create_index(
            "ix_plugin_camera_monitoring_stretches_ended", ["ended_at"], unique=False
        )

    op.create_table(
        "plugin_camera_monitoring__entry_sights",
        sa.Column("entry_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sight_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["plugin_camera_monitoring__entries.id"],
            name=op.f("fk_plugin_camera_monitoring__entry_sights_entry_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["sight_id"],
            ["plugin_camera_monitoring__sights.id"],
            name=op.f("fk_plugin_camera_monitoring__entry_sights_sight_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint(
            "entry_id", "sight_id", name=op.f("pk_plugin_camera_monitoring__entry_sights")
        ),
    )
    with op.batch_alter_table("plugin_camera_monitoring__entry_sights", schema=None) as batch_op:
        batch_op.create_index(
            "ix_plugin_camera_monitoring_entry_sights_sight", ["sight_id"], unique=False
        )

    sights = sa.table(
        "plugin_camera_monitoring__sights",
        *(
            sa.column(name)
            for name in ("code", "name", "name_en", "severity", "position", "is_active", "version")
        ),
    )
    op.bulk_insert(
        sights,
        [
            {
                "code": code,
                "name": name,
                "name_en": name_en,
                "severity": severity,
                "position": 10 * number,
                "is_active": True,
                "version": 1,
            }
            for number, (code, name, name_en, severity) in enumerate(SIGHTS, 1)
        ],
    )


def downgrade() -> None:
    with op.batch_alter_table("plugin_camera_monitoring__entry_sights", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_entry_sights_sight")

    op.drop_table("plugin_camera_monitoring__entry_sights")
    with op.batch_alter_table("plugin_camera_monitoring__stretches", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_stretches_ended")
        batch_op.drop_index("ix_plugin_camera_monitoring_stretches_camera")

    op.drop_table("plugin_camera_monitoring__stretches")
    op.drop_table("plugin_camera_monitoring__standings")
    with op.batch_alter_table("plugin_camera_monitoring__incidents", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_incidents_unit")
        batch_op.drop_index("ix_plugin_camera_monitoring_incidents_ended")
        batch_op.drop_index("ix_plugin_camera_monitoring_incidents_camera")

    op.drop_table("plugin_camera_monitoring__incidents")
    with op.batch_alter_table("plugin_camera_monitoring__entries", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_entries_unit")
        batch_op.drop_index("ix_plugin_camera_monitoring_entries_desk")
        batch_op.drop_index("ix_plugin_camera_monitoring_entries_day")

    op.drop_table("plugin_camera_monitoring__entries")
    with op.batch_alter_table("plugin_camera_monitoring__days", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_days_day")

    op.drop_table("plugin_camera_monitoring__days")
    with op.batch_alter_table("plugin_camera_monitoring__shifts", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_shifts_unit")
        batch_op.drop_index("ix_plugin_camera_monitoring_shifts_day")

    op.drop_table("plugin_camera_monitoring__shifts")
    with op.batch_alter_table("plugin_camera_monitoring__desk_units", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_desk_units_unit")

    op.drop_table("plugin_camera_monitoring__desk_units")
    with op.batch_alter_table("plugin_camera_monitoring__cameras", schema=None) as batch_op:
        batch_op.drop_index("ix_plugin_camera_monitoring_cameras_state")

    op.drop_table("plugin_camera_monitoring__cameras")
    op.drop_table("plugin_camera_monitoring__desks")
    op.drop_table("plugin_camera_monitoring__sights")
