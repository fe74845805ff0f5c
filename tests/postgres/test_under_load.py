"""Plans with the online recipes run while clients read and write: no error, and no wait above `lock_timeout`."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import psycopg

from reconciler import pipeline
from reconciler.config.options import Options
from reconciler.model.engine import Limits
from tests.postgres.clients import SHOP, open_shop
from tests.postgres.server import Postgres

AFTER = """
service: shop
postgres:
  tables:
    customers:
      columns:
        id: {type: bigint, identity: always}
        email: {type: text, not_null: true}
        level: {type: integer, not_null: true, default: 1}
      primary_key: [id]
      uniques: {customers_email_key: [email]}
      checks: {customers_level_check: level > 0}
    orders:
      columns:
        id: {type: bigint, identity: always}
        customer_id: {type: bigint, not_null: true}
        state: {type: text, not_null: true, default: "'new'"}
        code: varchar(60)
        amount: {type: integer, default: 0}
        paid_at: timestamptz
      primary_key: [id]
      uniques: {orders_code_key: [code]}
      checks: {orders_amount_check: amount >= 0}
      foreign_keys:
        orders_customer_id_fkey:
          columns: [customer_id]
          references: {table: customers, columns: [id]}
          on_delete: cascade
      indexes:
        orders_state_idx: [state, customer_id]
        orders_customer_idx: {columns: [customer_id], where: state = 'new'}
        orders_lower_idx: [{expression: lower(code)}]
"""


def test_clients_notice_nothing(pg_database: Postgres.Factory, tmp_path: Path) -> None:
    uri = pg_database()
    with psycopg.connect(uri) as connection:
        connection.execute(SHOP)
    (tmp_path / "shop.yaml").write_text(AFTER)
    project = pipeline.load(Options(target=uri, schemas=tmp_path), {})
    with open_shop(uri) as tally:
        plan = pipeline.make_plan(project, stamped=True).plan
        result = pipeline.apply_plan(project, plan, allow=["*"])
    assert result.outcome == "applied"
    assert len(result.ran) >= 15
    assert tally.errors == []
    assert tally.operations > 100
    assert tally.longest < Limits().lock_timeout


def test_what_is_no_online_recipe_would_be_noticed(pg_database: Postgres.Factory) -> None:
    """The clients do see a statement that waits for its lock without a limit: the test above can fail."""
    uri = pg_database()
    with psycopg.connect(uri) as connection:
        connection.execute(SHOP)
    with open_shop(uri) as tally, psycopg.connect(uri) as reader:
        reader.execute("SELECT count(*) FROM orders")  # an old transaction that is idle

        def careless() -> None:
            with psycopg.connect(uri) as connection:
                connection.execute("ALTER TABLE orders ADD COLUMN extra integer")

        change = Thread(target=careless)
        change.start()
        change.join(Limits().lock_timeout + 0.5)
        assert change.is_alive()
        reader.rollback()
        change.join()
    assert tally.longest > Limits().lock_timeout
