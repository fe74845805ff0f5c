"""Alembic's autogenerate with nothing to generate: the models of `postgres_plan.table`, and one comparison.

Run by `benchmarks.peers` in the peers' own environment: `python alembic_no_change.py URL COUNT`. Prints the number of
differences.
"""

from __future__ import annotations

import sys

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.dialects.postgresql import JSONB


def models(count: int) -> sa.MetaData:
    """What a service would declare in its models module."""
    found = sa.MetaData()
    for n in range(count):
        sa.Table(
            f"t_{n}",
            found,
            sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
            sa.Column("parent_id", sa.BigInteger, *([sa.ForeignKey(f"t_{n - 1}.id")] if n else [])),
            sa.Column("name", sa.String(120), nullable=False),
            sa.Column("email", sa.Text, nullable=False),
            sa.Column("amount", sa.Numeric(12, 2), nullable=False, server_default=sa.text("0")),
            sa.Column("state", sa.Text, nullable=False, server_default="new"),
            sa.Column("payload", JSONB),
            sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
            sa.Column("updated_at", sa.DateTime(timezone=True)),
            sa.CheckConstraint("amount >= 0", name=f"t_{n}_amount_check"),
            sa.Index(f"t_{n}_created_idx", "created_at", "state"),
            sa.Index(f"t_{n}_email_idx", sa.text("lower(email)"), postgresql_where=sa.text("active")),
        )
    return found


if __name__ == "__main__":
    url, number = sys.argv[1].replace("postgresql://", "postgresql+psycopg2://"), int(sys.argv[2])
    with sa.create_engine(url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        print(len(compare_metadata(context, models(number))))
