"""Which private reason somebody has is encrypted; retirement that is near exempts by itself.

Until now a key pointed from a deferral, and from a plan's row, at the reason in the open, and the
number of a certificate stood in the open too.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PREFIX = "plugin_position_rotation__"
REASONS = sa.table(
    f"{PREFIX}reasons",
    sa.column("id", sa.Integer),
    sa.column("is_private", sa.Boolean),
    sa.column("counts_out", sa.Boolean),
)
DEFERRALS = sa.table(
    f"{PREFIX}deferrals",
    sa.column("id", sa.Integer),
    sa.column("reason_id", sa.Integer),
    sa.column("private_reason", sa.Text),
    sa.column("counts_out", sa.Boolean),
    sa.column("evidence_number", sa.Text),
)
ROWS = sa.table(
    f"{PREFIX}plan_rows",
    sa.column("id", sa.Integer),
    sa.column("reason_id", sa.Integer),
    sa.column("private_reason", sa.Text),
)
PEOPLE = sa.table(f"{PREFIX}people", sa.column("retirement_override", sa.String))
ONE_OF_DEFERRAL = f"ck_{PREFIX}deferrals_one_reason"
ONE_OF_ROW = f"ck_{PREFIX}plan_rows_one_reason"


def upgrade() -> None:
    connection = op.get_bind()
    with op.batch_alter_table(f"{PREFIX}people") as people:
        people.add_column(sa.Column("retirement_override", sa.String(length=300), nullable=True))
    connection.execute(PEOPLE.update().values(retirement_override=""))
    with op.batch_alter_table(f"{PREFIX}people") as people:
        people.alter_column("retirement_override", existing_type=sa.String(300), nullable=False)
    with op.batch_alter_table(f"{PREFIX}deferrals") as deferrals:
        deferrals.add_column(sa.Column("private_reason", sa.Text(), nullable=True))
        deferrals.add_column(sa.Column("counts_out", sa.Boolean(), nullable=True))
        deferrals.alter_column("reason_id", existing_type=sa.Integer(), nullable=True)
        deferrals.alter_column(
            "evidence_number", existing_type=sa.String(100), type_=sa.Text(), nullable=True
        )
    with op.batch_alter_table(f"{PREFIX}plan_rows") as rows:
        rows.add_column(sa.Column("private_reason", sa.Text(), nullable=True))
    _seal()
    with op.batch_alter_table(f"{PREFIX}deferrals") as deferrals:
        deferrals.alter_column("counts_out", existing_type=sa.Boolean(), nullable=False)
        deferrals.create_check_constraint(
            op.f(ONE_OF_DEFERRAL), "(reason_id IS NULL) <> (private_reason IS NULL)"
        )
    with op.batch_alter_table(f"{PREFIX}plan_rows") as rows:
        rows.create_check_constraint(
            op.f(ONE_OF_ROW), "reason_id IS NULL OR private_reason IS NULL"
        )


def _seal() -> None:
    connection, seal = op.get_bind(), op.get_context().opts["seal"]
    reasons = {row.id: row for row in connection.execute(sa.select(REASONS))}
    for row in connection.execute(sa.select(DEFERRALS)).all():
        reason = reasons[row.reason_id]
        sealed = seal(str(reason.id)) if reason.is_private else None
        connection.execute(
            DEFERRALS.update()
            .where(DEFERRALS.c.id == row.id)
            .values(
                reason_id=None if sealed else reason.id,
                private_reason=sealed,
                counts_out=reason.counts_out,
                evidence_number=seal(row.evidence_number) if row.evidence_number else None,
            )
        )
    for row in connection.execute(sa.select(ROWS).where(ROWS.c.reason_id.is_not(None))).all():
        if reasons[row.reason_id].is_private:
            connection.execute(
                ROWS.update()
                .where(ROWS.c.id == row.id)
                .values(reason_id=None, private_reason=seal(str(row.reason_id)))
            )


def downgrade() -> None:
    with op.batch_alter_table(f"{PREFIX}plan_rows") as rows:
        rows.drop_constraint(op.f(ONE_OF_ROW), type_="check")
    with op.batch_alter_table(f"{PREFIX}deferrals") as deferrals:
        deferrals.drop_constraint(op.f(ONE_OF_DEFERRAL), type_="check")
    _unseal()
    with op.batch_alter_table(f"{PREFIX}plan_rows") as rows:
        rows.drop_column("private_reason")
    with op.batch_alter_table(f"{PREFIX}deferrals") as deferrals:
        deferrals.drop_column("private_reason")
        deferrals.drop_column("counts_out")
        deferrals.alter_column("reason_id", existing_type=sa.Integer(), nullable=False)
        deferrals.alter_column(
            "evidence_number", existing_type=sa.Text(), type_=sa.String(100), nullable=False
        )
    with op.batch_alter_table(f"{PREFIX}people") as people:
        people.drop_column("retirement_override")


def _unseal() -> None:
    connection, unseal = op.get_bind(), op.get_context().opts["unseal"]
    for row in connection.execute(sa.select(DEFERRALS)).all():
        number = unseal(row.evidence_number) if row.evidence_number else ""
        key = int(unseal(row.private_reason)) if row.private_reason else row.reason_id
        connection.execute(
            DEFERRALS.update()
            .where(DEFERRALS.c.id == row.id)
            .values(reason_id=key, evidence_number=number)
        )
    for row in connection.execute(sa.select(ROWS).where(ROWS.c.private_reason.is_not(None))).all():
        connection.execute(
            ROWS.update()
            .where(ROWS.c.id == row.id)
            .values(reason_id=int(unseal(row.private_reason)))
        )
