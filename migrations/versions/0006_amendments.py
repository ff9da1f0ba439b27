"""Amending documents of inspection plans, and checklists that never change once published.

Revision ID: 0006
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MESSAGE = "a published checklist is never changed"
IS_PUBLISHED = (
    "EXISTS (SELECT 1 FROM checklist_versions v "
    "WHERE v.id = {row}.version_id AND v.published_at IS NOT NULL)"
)
# What a visit rests on takes no further items either; before the first visit a publication is
# still being written (a restored backup fills table after table).
IS_IN_USE = "EXISTS (SELECT 1 FROM visits x WHERE x.checklist_version_id = {row}.version_id)"


def upgrade() -> None:
    op.add_column("inspection_plan_items", sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column("inspection_plan_items", sa.Column("withdrawn_on", sa.Date(), nullable=True))
    documents = op.create_table(
        "inspection_plan_documents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["inspection_plans.id"],
            name=op.f("fk_inspection_plan_documents_plan_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_plan_documents")),
        sa.UniqueConstraint(
            "plan_id", "ordinal", name=op.f("uq_inspection_plan_documents_plan_id_ordinal")
        ),
    )
    versions = op.create_table(
        "inspection_plan_item_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "action IN ('added', 'changed', 'withdrawn')",
            name=op.f("ck_inspection_plan_item_versions_action"),
        ),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["inspection_plan_items.id"],
            name=op.f("fk_inspection_plan_item_versions_item_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["inspection_plan_documents.id"],
            name=op.f("fk_inspection_plan_item_versions_document_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_plan_item_versions")),
        sa.UniqueConstraint(
            "item_id",
            "document_id",
            name=op.f("uq_inspection_plan_item_versions_item_id_document_id"),
        ),
    )
    op.create_index(
        "ix_inspection_plan_item_versions_document_id",
        "inspection_plan_item_versions",
        ["document_id"],
        unique=False,
    )
    _write_issued_versions(documents, versions)
    _guard_checklists()


def _write_issued_versions(documents: sa.Table, versions: sa.Table) -> None:
    """Give plans that are issued already the version that they were issued in."""
    bind = op.get_bind()
    plans = sa.table(
        "inspection_plans",
        sa.column("id", sa.Integer()),
        sa.column("number", sa.String()),
        sa.column("issued_on", sa.Date()),
        sa.column("is_issued", sa.Boolean()),
    )
    items = sa.table(
        "inspection_plan_items",
        sa.column("id", sa.Integer()),
        sa.column("plan_id", sa.Integer()),
        sa.column("planned_from", sa.Date()),
        sa.column("planned_to", sa.Date()),
        sa.column("scope", sa.Text()),
        sa.column("valid_from", sa.Date()),
    )
    issued = bind.execute(sa.select(plans).where(plans.c.is_issued)).all()
    for plan in issued:
        bind.execute(
            sa.insert(documents).values(
                plan_id=plan.id,
                ordinal=0,
                number=plan.number,
                issued_on=plan.issued_on,
                summary="",
            )
        )
        document_id = bind.scalar(sa.select(documents.c.id).where(documents.c.plan_id == plan.id))
        rows = bind.execute(sa.select(items).where(items.c.plan_id == plan.id)).all()
        for row in rows:
            content = {
                "from": row.planned_from.isoformat(),
                "scope": row.scope,
                "to": row.planned_to.isoformat(),
            }
            bind.execute(
                sa.insert(versions).values(
                    item_id=row.id,
                    document_id=document_id,
                    action="added",
                    content=json.dumps(content, ensure_ascii=False, separators=(",", ":")),
                )
            )
        bind.execute(
            sa.update(items).where(items.c.plan_id == plan.id).values(valid_from=plan.issued_on)
        )


def _guard_checklists() -> None:
    """Let the database itself refuse changes of what was published.

    A later migration that copies one of these tables on SQLite has to make the triggers again.
    """
    if op.get_bind().dialect.name == "sqlite":
        for verb, row in (("UPDATE", "OLD"), ("DELETE", "OLD"), ("INSERT", "NEW")):
            condition = IS_PUBLISHED.format(row=row)
            if verb == "INSERT":
                condition += " AND " + IS_IN_USE.format(row=row)
            op.execute(
                f"CREATE TRIGGER checklist_items_no_{verb.lower()} BEFORE {verb} "
                f"ON checklist_items WHEN {condition} "
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER checklist_versions_no_{verb.lower()} BEFORE {verb} "
                "ON checklist_versions WHEN OLD.published_at IS NOT NULL "
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION tracker_keep_checklist() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_TABLE_NAME = 'checklist_versions' THEN "
        f"IF OLD.published_at IS NOT NULL THEN RAISE EXCEPTION '{MESSAGE}'; END IF; "
        "ELSIF TG_OP = 'INSERT' THEN "
        f"IF {IS_PUBLISHED.format(row='NEW')} AND {IS_IN_USE.format(row='NEW')} "
        f"THEN RAISE EXCEPTION '{MESSAGE}'; END IF; "
        f"ELSIF {IS_PUBLISHED.format(row='OLD')} THEN RAISE EXCEPTION '{MESSAGE}'; END IF; "
        "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER checklist_items_no_change BEFORE INSERT OR UPDATE OR DELETE "
        "ON checklist_items FOR EACH ROW EXECUTE FUNCTION tracker_keep_checklist()"
    )
    op.execute(
        "CREATE TRIGGER checklist_versions_no_change BEFORE UPDATE OR DELETE "
        "ON checklist_versions FOR EACH ROW EXECUTE FUNCTION tracker_keep_checklist()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete", "insert"):
            op.execute(f"DROP TRIGGER checklist_items_no_{verb}")
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER checklist_versions_no_{verb}")
    else:
        op.execute("DROP TRIGGER checklist_items_no_change ON checklist_items")
        op.execute("DROP TRIGGER checklist_versions_no_change ON checklist_versions")
        op.execute("DROP FUNCTION tracker_keep_checklist()")
    op.drop_index(
        "ix_inspection_plan_item_versions_document_id",
        table_name="inspection_plan_item_versions",
    )
    op.drop_table("inspection_plan_item_versions")
    op.drop_table("inspection_plan_documents")
    with op.batch_alter_table("inspection_plan_items") as batch:
        batch.drop_column("withdrawn_on")
        batch.drop_column("valid_from")
