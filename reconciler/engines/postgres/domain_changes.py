"""How domains change: row 83 of the online catalogue, and a new domain where the base type is another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from reconciler.engines.postgres import type_conversion
from reconciler.engines.postgres.evidence import became, shows
from reconciler.engines.postgres.inheritance import table_at
from reconciler.engines.postgres.inheritance_changes import rows_of
from reconciler.engines.postgres.locks import SHARE, lock
from reconciler.engines.postgres.names import freed
from reconciler.engines.postgres.operations import sql
from reconciler.engines.postgres.plain_objects import created, dropped
from reconciler.engines.postgres.quoting import ident, qualified
from reconciler.engines.postgres.type_names import named, type_name
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.change import Change
from reconciler.model.expr import Expr
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context, Disturbance
from reconciler.model.step import Draft, Lock, Phase, Probe

if TYPE_CHECKING:
    from reconciler.engines.postgres.kinds.domain import Domain


class Rule(NamedTuple):
    """A check of a domain. `validated` False: values that are there were never looked at."""

    name: str
    check: Expr
    validated: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.check}"


def statements(domain: Domain, name: str = "") -> list[str]:
    """CREATE DOMAIN; checks that are not valid come by ALTER DOMAIN after it."""
    name = name or type_name(domain.address)
    text = f"CREATE DOMAIN {name} AS {domain.type}"
    if domain.collation is not None:
        text += f" COLLATE {qualified(*domain.collation)}"
    if domain.default is not None:
        text += f" DEFAULT {domain.default.source}"
    if domain.not_null:
        text += " NOT NULL"
    text += "".join(f" {_clause(r)}" for r in domain.checks if r.validated)
    later = [f"ALTER DOMAIN {name} ADD {_clause(r)} NOT VALID" for r in domain.checks if not r.validated]
    return [text, *later]


def definition(domain: Domain, name: str = "") -> str:
    """The same as one text."""
    return "; ".join(statements(domain, name))


def _clause(rule: Rule) -> str:
    return f"CONSTRAINT {ident(rule.name)} CHECK ({rule.check.source})"


def _label(domain: Domain) -> str:
    return ".".join(domain.address.path)


def create(change: Change[Domain], context: Context) -> list[Draft]:
    """No lock on anything that exists."""
    return [
        created(
            change,
            f"domain {_label(change.desired)}",
            *statements(change.desired),
            drop=f"DROP DOMAIN {type_name(change.address)}",
            requires=freed(change, context),
        )
    ]


def drop(change: Change[Domain], _context: Context) -> list[Draft]:
    """RESTRICT: a column that still uses it makes the step fail."""
    return [
        dropped(
            change,
            f"domain {_label(change.live)}",
            f"DROP DOMAIN {type_name(change.address)}",
            *statements(change.live),
            hazards=(hazard(Code.OLD_READERS, "code that names the domain breaks"),),
        )
    ]


def convert(change: Change[Domain], context: Context) -> list[Draft]:
    """Another base type: a new domain, and every column moved to it."""
    return type_conversion.converted(change, context, statements)


def disturbs(change: Change[Domain]) -> Disturbance:
    """A new base type leaves nothing that names the domain in place; a check made again loses its comment."""
    if change.changed("type", "collation"):
        return Disturbance.DROPS
    return Disturbance.RENEWS if change.changed("checks") else Disturbance.NONE


def spreads(_change: Change[Domain]) -> Disturbance:
    """Only its rules let go of what is made anew."""
    return Disturbance.RENEWS


def rebuild(change: Change[Domain], context: Context) -> list[Draft]:
    """Its default and its checks let go of a function that is made anew, and take up the new one.

    Raises UnsupportedChange where it gets another base type meanwhile.
    """
    domain, live = change.desired, change.live
    if change.changed("type", "collation"):
        raise UnsupportedChange(
            f"{change.address} changes its type while something that its checks use is made anew",
            hint="change one of them in an earlier plan",
        )
    alter = f"ALTER DOMAIN {type_name(change.address)}"
    out = [f"{alter} DROP DEFAULT"] if live.default is not None else []
    out += [f"{alter} DROP CONSTRAINT {ident(r.name)}" for r in live.checks]
    back = [f"{alter} SET DEFAULT {domain.default.source}"] if domain.default is not None else []
    back += [f"{alter} ADD {_clause(r)}{'' if r.validated else ' NOT VALID'}" for r in domain.checks]
    locks = _holders(change, context)
    return [
        Draft(
            "let go",
            Phase.CONTRACT,
            f"take the default and the checks of domain {_label(domain)} away",
            sql(*out),
            removes=True,
        ),
        *(set_not_null(change, context) if change.changed("not_null") else []),
        _with_parts(
            Draft(
                "again",
                Phase.CONTRACT,
                f"give domain {_label(domain)} its default and its checks again",
                sql(*back),
                locks=locks,
                hazards=_scanning(locks),
                done=became(change, "not_null"),
                provides=True,
            ),
            change,
            context,
        ),
    ]


def _holders(change: Change[Domain], context: Context) -> tuple[Lock, ...]:
    """A check of a domain is made of every table that has a column of it and rows of its own, under Share (measured,
    row 83).
    """
    used = type_conversion.columns(type_conversion.family(change.address, context), context)
    tables = dict.fromkeys(
        c.table for c in used if getattr(table_at(context.live, c.address), "partition_by", None) is None
    )
    return tuple(lock(SHARE, *t) for t in tables)


def _unfit(change: Change[Domain], condition: str, what: str, context: Context) -> tuple[Probe, ...]:
    """Finds rows with a value that is refused, in columns that are of the domain itself or of one over it."""
    used = [d for d in type_conversion.family(change.address, context) if d.kind == "domain"]
    texts = {d.path for d in used if not _text_of(d, context).endswith("]")} | {change.address.path}
    found = []
    for c in type_conversion.columns(used, context):
        if named(c.type) in texts and not c.type.endswith("]"):
            held = f"SELECT ctid, {ident(c.address.name)} AS value FROM {rows_of(c.address, context)}"
            query = f"SELECT ctid::text FROM ({held}) held\nWHERE {condition}"
            found.append(Probe(f"values in {c.table[1]}.{c.address.name} {what}", query))
    return tuple(found)


def _text_of(domain: Address, context: Context) -> str:
    return str(getattr(context.live.resources.get(domain), "type", ""))


def _scanning(locks: tuple[Lock, ...]) -> tuple[Hazard, ...]:
    tables = ", ".join(held.on for held in locks)
    return (hazard(Code.SCAN_UNDER_LOCK, f"{tables}: read from end to end while writers wait"),) if locks else ()


def set_default(change: Change[Domain], _context: Context) -> list[Draft]:
    """Columns with a default of their own keep that."""
    domain, live = change.desired, change.live

    def action(of: Domain) -> str:
        said = f"SET DEFAULT {of.default.source}" if of.default is not None else "DROP DEFAULT"
        return f"ALTER DOMAIN {type_name(change.address)} {said}"

    return [
        Draft(
            "default",
            Phase.EXPAND if domain.default is not None else Phase.CONTRACT,
            f"{'set' if domain.default is not None else 'drop'} the default of domain {_label(domain)}",
            sql(action(domain)),
            done=shows(change.address, ("default", domain.default)),
            undo=(sql(action(live)),),
        )
    ]


def set_not_null(change: Change[Domain], context: Context) -> list[Draft]:
    """SET NOT NULL reads every table with such a column (row 83); DROP NOT NULL loosens."""
    domain = change.desired
    words, back = ("SET", "DROP") if domain.not_null else ("DROP", "SET")
    locks = _holders(change, context) if domain.not_null else ()
    refused = hazard(Code.OLD_WRITERS, f"no value in a column of {_label(domain)} is refused from here on")
    draft = Draft(
        "not null",
        Phase.CONTRACT if domain.not_null else Phase.EXPAND,
        f"{'require' if domain.not_null else 'no longer require'} a value in domain {_label(domain)}",
        sql(f"ALTER DOMAIN {type_name(change.address)} {words} NOT NULL"),
        locks=locks,
        hazards=(refused, *_scanning(locks)) if domain.not_null else (),
        probes=_unfit(change, "VALUE IS NULL", "have no value", context) if domain.not_null else (),
        done=shows(change.address, ("not_null", domain.not_null)),
        undo=(sql(f"ALTER DOMAIN {type_name(change.address)} {back} NOT NULL"),),
    )
    return [_with_parts(draft, change, context) if domain.not_null else draft]


def _with_parts(draft: Draft, change: Change[Domain], context: Context) -> Draft:
    """The server looks at columns of the domain, and at none that has its values in arrays, composites or ranges."""
    from reconciler.engines.postgres.row_holders import around

    return around(draft, [change.address], context)


def set_checks(change: Change[Domain], context: Context) -> list[Draft]:
    """New rules bind new values at once; those that are there are checked in a step of its own (row 83)."""
    domain, live = change.desired, change.live
    before, after = {r.name: r for r in live.checks}, {r.name: r for r in domain.checks}
    same = {n for n in before.keys() & after.keys() if before[n].check == after[n].check}
    reset = {n for n in same if before[n].validated and not after[n].validated}
    gone = sorted((before.keys() - same) | reset)
    added = sorted((after.keys() - same) | reset)
    drafts = [_changed(change, gone, added)] if gone or added else []
    late = sorted(n for n in after if after[n].validated and (n in added or not before[n].validated))
    drafts += [_validated(change, name, context) for name in late]
    if late:
        drafts[-1] = replace(drafts[-1], done=shows(change.address, ("checks", domain.checks)))
    return drafts


def _changed(change: Change[Domain], gone: list[str], added: list[str]) -> Draft:
    before, after = {r.name: r for r in change.live.checks}, {r.name: r for r in change.desired.checks}
    alter = f"ALTER DOMAIN {type_name(change.address)}"
    drops = [f"{alter} DROP CONSTRAINT {ident(n)}" for n in gone]
    adds = [f"{alter} ADD {_clause(after[n])} NOT VALID" for n in added]
    back = [f"{alter} DROP CONSTRAINT {ident(n)}" for n in added]
    back += [f"{alter} ADD {_clause(before[n])}{'' if before[n].validated else ' NOT VALID'}" for n in gone]
    refused = tuple(hazard(Code.OLD_WRITERS, f"a value that is not {after[n].check} is refused") for n in added)
    loosened = tuple(hazard(Code.LOOSENS, f"values that are not {before[n].check} are let in") for n in gone)
    return Draft(
        "checks",
        Phase.CONTRACT,
        f"change the checks of domain {_label(change.desired)}: {', '.join(dict.fromkeys([*gone, *added]))}",
        sql(*drops, *adds),
        hazards=(*refused, *loosened),
        done=() if added else shows(change.address, ("checks", change.desired.checks)),
        undo=(sql(*back),),
    )


def _validated(change: Change[Domain], name: str, context: Context) -> Draft:
    locks = _holders(change, context)
    alter = f"ALTER DOMAIN {type_name(change.address)}"
    there = [r for r in change.desired.checks if r.name == name and r._replace(validated=False) in change.live.checks]
    back = [s for r in there for s in (f"{alter} DROP CONSTRAINT {ident(name)}", f"{alter} ADD {_clause(r)} NOT VALID")]
    rule = next(r for r in change.desired.checks if r.name == name)
    draft = Draft(
        f"validate {name}",
        Phase.CONTRACT,
        f"check what columns of domain {_label(change.desired)} hold by {name}",
        sql(f"{alter} VALIDATE CONSTRAINT {ident(name)}"),
        locks=locks,
        hazards=_scanning(locks),
        probes=_unfit(change, f"NOT ({rule.check.source})", f"break {name}", context),
        undo=(sql(*back),) if back else (),
    )
    return _with_parts(draft, change, context)
