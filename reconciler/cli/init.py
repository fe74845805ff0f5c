"""`reconcile init`: a first reconcile.yaml and an example declaration."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.options import Shared, output

CONFIG = """\
# What differs between environments. Commands find this file from any folder below it.
# A flag goes before an environment variable (RECONCILE_ENVIRONMENT, RECONCILE_SCHEMAS), and that before this file.

# The folder of the declarations: one file, or several, a service.
schemas: schemas

# The environment that commands mean unless they are told another with `--environment NAME`.
environment: local

# Patterns of environment names; what several of them say is merged, the later over the earlier.
environments:
  # `local` are the stores that `reconcile up` starts on this computer.
  local: {}
  # dev-*:
  #   allow: [RC1101]          # hazards approved beforehand; `reconcile explain` lists the codes
  # production:
  #   stop_before: contract    # apply waits here until no running code needs the old schema
  #   removal: retain          # DynamoDB tables are forgotten, not deleted
  #   prune: managed           # what was never managed is left alone; also: all, never
  #   lock_timeout: 2          # seconds a step waits for a lock before it lets others pass and tries again
  #   ignore: [legacy_*]       # names that are left alone

# Where the stores are: service (or a pattern of services) → engine → connection. Without this, the environment
# variables POSTGRES_<SERVICE>_HOST, _PORT, _USER, _PASSWORD and _DB, NEO4J_URI and AWS_REGION are used.
# Secrets stay in environment variables, never in this file.
# connections:
#   example:
#     postgres:
#       host: ${EXAMPLE_DB_HOST}
#       user: ${EXAMPLE_DB_USER}
#       password: ${EXAMPLE_DB_PASSWORD}
#       dbname: example
"""
EXAMPLE = """\
# What the service `example` wants its stores to look like. `reconcile plan` finds the way there.
service: example

postgres:
  enums:
    order_status: [pending, paid, cancelled]
  tables:
    customers:
      columns:
        id: {type: uuid, default: gen_random_uuid()}
        email: {type: text, not_null: true}        # a mapping says more than a type;
        name: text                                 # a column is nullable unless `not_null`
      primary_key: [id]
      indexes:
        customers_email_idx: {columns: [email], unique: true}
    orders:
      columns:
        id: {type: uuid, default: gen_random_uuid()}
        customer_id: {type: uuid, not_null: true}
        amount: {type: "numeric(12,2)", not_null: true}
        status: {type: order_status, not_null: true, default: "'pending'"}
      primary_key: [id]
      checks:
        amount_positive: amount > 0
      foreign_keys:
        orders_customer_fkey: {columns: [customer_id], references: {table: customers, columns: [id]}}
      indexes:
        orders_open_idx: {columns: [customer_id], where: status = 'pending'}

# DynamoDB and Neo4j are declared beside it:
# dynamodb:
#   tables:
#     sessions:
#       attributes: {session_id: S}
#       key: {partition: session_id}
#       ttl: expires_at
# neo4j:
#   constraints:
#     customer_id_unique: {node: Customer, unique: [id]}
"""


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@output
def command(shared: Shared, folder: Path) -> int:
    """Write a first reconcile.yaml and schemas/example.yaml, both commented. Files that exist stay as they are."""
    wanted = {folder / "reconcile.yaml": CONFIG, folder / "schemas" / "example.yaml": EXAMPLE}
    if any((folder / "schemas").glob("*.y*ml")):
        del wanted[folder / "schemas" / "example.yaml"]  # an example among real declarations would be planned
    written = [str(path) for path, text in wanted.items() if _new(path, text)]
    kept = [str(path) for path in wanted if str(path) not in written]
    shared.answer(
        lambda: "\n".join([*(f"wrote {w}" for w in written), *(f"kept {k}, which exists" for k in kept)]),
        lambda: {"kind": "init", "version": 1, "written": written, "kept": kept},
    )
    shared.say("next: reconcile up, then reconcile plan")
    return 0


def _new(path: Path, text: str) -> bool:
    """Write a file unless it exists, without a gap in which another could appear."""
    from reconciler.errors import ConfigError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}", hint="choose a folder you may write to") from None
    return True
