"""Plans made by hand, with an operation that is of no engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.model.address import Address
from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.change import Action
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.plan import Note, Plan, PlannedChange, Proof, TargetStamp, Verdict
from reconciler.model.step import Check, Lock, Operation, Phase, Probe, Size, Step


@dataclass(frozen=True)
class Statement:
    """An SQL-like operation."""

    text: str
    transaction: bool = True

    def encode(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"sql": self.text}
        return fields if self.transaction else {**fields, "transaction": False}

    def lines(self) -> list[str]:
        return f"{self.text};".split("\n")


@dataclass(frozen=True)
class Call:
    """An API-like operation."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()

    def encode(self) -> dict[str, Any]:
        return {"call": self.name, "parameters": dict(self.parameters)}

    def lines(self) -> list[str]:
        return [self.name, *(f"  {n}: {v}" for n, v in self.parameters)]


def pg(kind: str, *path: str, service: str = "payment") -> Address:
    return Address(service, "postgres", kind, path)


INVOICES = pg("table", "public", "invoices")
CURRENCY = pg("column", "public", "transactions", "currency")
OLD = pg("column", "public", "transactions", "legacy_code")
LOOKUP = pg("index", "public", "transactions", "transactions_user_idx")
PROFILES = Address("tutor-matching", "dynamodb", "table", ("profiles",))
TUTOR = Address("tutor-matching", "neo4j", "constraint", ("tutor_id_unique",))
ARCHIVE = Address("tutor-matching", "dynamodb", "table", ("archive",))


PROVEN, IMPOSSIBLE = Verdict.PROVEN, Verdict.IMPOSSIBLE


def stamp(target: str, server: str) -> TargetStamp:
    return TargetStamp(target, server, "public", "1f" * 8, "2e" * 8)


def usual() -> Plan:
    """Three phases, three engines, every sort of fact."""
    return Plan(
        tool_version="0.1.0",
        environment="production",
        targets=(
            stamp("payment/postgres", "PostgreSQL 18.1"),
            stamp("tutor-matching/dynamodb", "DynamoDB"),
            stamp("tutor-matching/neo4j", "Neo4j 5.26 community"),
        ),
        changes=(
            PlannedChange(INVOICES, Action.CREATE),
            PlannedChange(LOOKUP, Action.REPLACE, (("columns", "(user_id)", "(user_id, created_at)"),)),
            PlannedChange(CURRENCY, Action.UPDATE, (("not_null", "false", "true"),)),
            PlannedChange(OLD, Action.DELETE),
            PlannedChange(PROFILES, Action.UPDATE, (("billing", "provisioned", "on demand"),)),
            PlannedChange(TUTOR, Action.CREATE),
            PlannedChange(ARCHIVE, Action.FORGET),
        ),
        steps=steps(),
        unmanaged=(Unmanaged(pg("table", "public", "scratch"), "not declared, and never managed by reconcile"),),
        deferred=(Deferred(pg("view", "public", "totals"), "the server allows no temporary tables"),),
        notes=(Note("payment/postgres", "the columns of transactions stand in another order than declared"),),
        proofs=(
            Proof("payment/postgres", PROVEN, IMPOSSIBLE, "PostgreSQL 18.6", undo_reason="1 step cannot be undone (7)"),
            Proof("tutor-matching/dynamodb", IMPOSSIBLE, IMPOSSIBLE, reason="dynamodb has no scratch databases"),
        ),
        stop_before=Phase.CONTRACT,
        digest="ab" * 32,
    )


def steps() -> tuple[Step, ...]:
    table = "CREATE TABLE public.invoices (\n    id uuid NOT NULL,\n    total numeric(12,2)\n)"
    return (
        Step(
            1,
            Phase.EXPAND,
            INVOICES,
            "create table public.invoices",
            "declared, not there",
            Statement(table),
            done=(Check(INVOICES),),
            undo=(Statement("DROP TABLE public.invoices"),),
        ),
        Step(
            2,
            Phase.EXPAND,
            LOOKUP,
            "build transactions_user_idx under a temporary name",
            "columns (user_id) → (user_id, created_at)",
            Statement("CREATE INDEX CONCURRENTLY tmp_idx ON public.transactions (user_id, created_at)", False),
            locks=(Lock("ShareUpdateExclusive", "public.transactions"),),
            size=Size(48_210_334, 9_100_000_000),
            undo=(Statement("DROP INDEX CONCURRENTLY tmp_idx", False),),
        ),
        Step(
            3,
            Phase.EXPAND,
            PROFILES,
            "bill profiles by request",
            "billing provisioned → on demand",
            Call("UpdateTable", (("TableName", "profiles"), ("BillingMode", "PAY_PER_REQUEST"))),
            hazards=(hazard(Code.COST, "requests are paid one by one from here on"),),
            undo=(Call("UpdateTable", (("TableName", "profiles"), ("BillingMode", "PROVISIONED"))),),
        ),
        Step(
            4,
            Phase.MIGRATE,
            CURRENCY,
            "fill transactions.currency",
            "not_null false → true",
            Statement("UPDATE public.transactions SET currency = 'EUR'\nWHERE currency IS NULL"),
            locks=(Lock("RowExclusive", "public.transactions"),),
            size=Size(1_200, -1),
            undo=(),
        ),
        Step(
            5,
            Phase.CONTRACT,
            CURRENCY,
            "require a value in transactions.currency",
            "not_null false → true",
            Statement("ALTER TABLE public.transactions ALTER COLUMN currency SET NOT NULL"),
            locks=(Lock("AccessExclusive", "public.transactions"),),
            hazards=(hazard(Code.OLD_WRITERS, "old code that writes no currency is refused from here on"),),
            probes=(
                Probe(
                    "rows without a currency", "SELECT id FROM public.transactions\nWHERE currency IS NULL", (("n", 5),)
                ),
            ),
            done=(Check(CURRENCY, True, (("not_null", True),)),),
            undo=(Statement("ALTER TABLE public.transactions ALTER COLUMN currency DROP NOT NULL"),),
        ),
        Step(
            6,
            Phase.CONTRACT,
            OLD,
            "drop column transactions.legacy_code",
            "there, not declared",
            Statement("ALTER TABLE public.transactions DROP COLUMN legacy_code"),
            locks=(Lock("AccessExclusive", "public.transactions"),),
            hazards=(
                hazard(Code.DELETES_DATA, "the values of legacy_code are deleted"),
                hazard(Code.OLD_READERS, "old code that reads legacy_code fails"),
            ),
            done=(Check(OLD, False),),
        ),
        Step(
            7,
            Phase.CONTRACT,
            TUTOR,
            "require unique Tutor.tutor_id",
            "declared, not there",
            Call("CREATE CONSTRAINT tutor_id_unique"),
        ),
    )


def nothing(deferred: bool = False) -> Plan:
    """No changes, and perhaps not the whole truth."""
    return Plan(
        "0.1.0",
        "dev-1",
        (stamp("payment/postgres", "PostgreSQL 18.1"), stamp("user/postgres", "PostgreSQL 18.1")),
        (),
        (),
        deferred=(Deferred(pg("view", "public", "totals"), "a reason"),) if deferred else (),
    )


def single(title: str = "t", *, operation: Operation | None = None, **step: Any) -> Plan:
    """One step, with what is being tried put somewhere."""
    address = step.pop("address", INVOICES)
    made = Step(1, Phase.EXPAND, address, title, step.pop("because", ""), operation or Statement("SELECT 1"), **step)
    return Plan(
        "0.1.0", "dev", (stamp(made.target, "PostgreSQL 18.1"),), (PlannedChange(address, Action.CREATE),), (made,)
    )


def big(count: int, hazards: int, message: str = "the rows of {} are deleted for good", targets: int = 8) -> Plan:
    """Many steps, the last ones with hazards, spread over targets and phases."""
    made, changes = [], []
    for number in range(1, count + 1):
        phase = Phase(1 + (number - 1) * 3 // count)
        service = f"service-{(number - 1) * targets * 3 // count % targets}"
        address = pg("table", "public", f"a_rather_long_table_name_{number}", service=service)
        risky = number > count - hazards
        changes.append(PlannedChange(address, Action.DELETE if risky else Action.CREATE))
        made.append(
            Step(
                number,
                phase,
                address,
                f"{'drop' if risky else 'create'} table {address.path[1]}",
                "there, not declared",
                Statement(f"CREATE TABLE public.{address.path[1]} (\n    id uuid NOT NULL\n)"),
                locks=(Lock("AccessExclusive", address.path[1]),),
                hazards=(Hazard("RC1101", message.format(address.path[1])),) if risky else (),
                undo=(),
            )
        )
    stamps = tuple(stamp(t, "PostgreSQL 18.1") for t in sorted({s.target for s in made}))
    return Plan(
        "0.1.0", "production", stamps, tuple(changes), tuple(made), stop_before=Phase.CONTRACT, digest="cd" * 32
    )
