"""What a plan holds when a table is made anew: expand, migrate and contract, with the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any

from reconciler.engines.dynamodb import limits
from reconciler.engines.dynamodb.migration import fencing, naming, options
from reconciler.engines.dynamodb.migration.conversion import Conversion, encoded
from reconciler.engines.dynamodb.migration.operations import Moving
from reconciler.engines.dynamodb.migration.parts import AFTER_SWITCH, AT_SWITCH, beside, created
from reconciler.engines.dynamodb.operations import TABLE_ACTIVE, TABLE_GONE, Call
from reconciler.errors import UnsupportedChange
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog
from reconciler.model.change import Change
from reconciler.model.hazard import Code, Hazard, hazard
from reconciler.model.kind import Context
from reconciler.model.resource import Resource, compared_attributes
from reconciler.model.step import Check, Draft, Phase, Size

IMAGES = "new_and_old_images"


def replace_table(change: Change[Any], context: Context) -> list[Draft]:
    """The whole way of a table with another key, other local indexes or another name."""
    move = _Move.of(change, context)
    drafts = [*move.give_up(), *move.begin()]
    if not move.empty:
        drafts += [*move.turn_on_stream(), *move.copy(), move.follow()]
    return [*drafts, *move.fence(), move.switch(), *move.settings(AFTER_SWITCH), move.part_with_old()]


def end(change: Change[Any], context: Context) -> list[Draft]:
    """What is left of a move that no difference asks for any more: the copy goes, or after the switch the old table."""
    found = change.live
    table = change.address.sibling("table", change.address.path)
    said = {"Table": change.address.name, "From": found.old, "To": found.new}
    if not found.switched:
        unused = hazard(
            Code.LOOSENS, f"{found.new} is a copy that is not in use; what was copied is copied again later"
        )
        gone = Moving("abandon", said, _delete(found.new, context.desired, table))
        title = f"give up moving {found.old} to {found.new}"
        return [Draft("abandon", Phase.CONTRACT, title, gone, hazards=(unused,), done=(_gone(change.address),))]
    why = "since it is protected against deletion" if found.protected else ""
    return [_parting(change.address, said, found.old, why, context, -1)]


@dataclass(frozen=True, slots=True)
class _Move:
    """One table on its way. `there` is the address by which it is live until the switch."""

    change: Change[Any]
    context: Context
    new: str
    base: str
    shape: str
    conversion: Conversion
    options: options.Options
    known: Any

    @classmethod
    def of(cls, change: Change[Any], context: Context) -> _Move:
        """Raises UnsupportedChange where there is no way."""
        before, after = change.live, change.desired
        known: Any = context.live.resources.get(change.address.sibling("succession", change.address.path))
        said = after.copy or options.Options()
        indexed = tuple(a for a in after.attributes if a not in after.key)
        conversion = options.conversion(before.key, after.key, indexed, said)
        shape = _shape(change.address, context.desired, encoded(conversion))
        _possible(change, context, conversion, known)
        ours = known is not None and known.shape == shape and not known.stale
        new = known.new if ours else naming.successor(before, after, known.new if known else "")
        base = after.name if after.name not in (before.name, before.base) else before.base or before.name
        return cls(change, context, new, base, shape, conversion, said, known if ours else None)

    @property
    def there(self) -> Address:
        return self.change.moved or self.change.address

    @property
    def old(self) -> str:
        return str(self.change.live.name)

    @property
    def size(self) -> Size:
        return self.context.size(self.change.address)

    @property
    def empty(self) -> bool:
        """No items when last counted, which is hours ago perhaps: the switch looks again."""
        return self.size.rows == 0 and self.known is None

    def said(self, **more: Any) -> dict[str, Any]:
        return {"Table": self.there.name, "From": self.old, "To": self.new, **more}

    @property
    def succession(self) -> Address:
        return self.there.sibling("succession", self.there.path)

    def is_(self, **attributes: Any) -> tuple[Check, ...]:
        return (Check(self.succession, attributes=tuple(attributes.items())),)

    def give_up(self) -> Iterator[Draft]:
        """A move towards something else that was declared in between."""
        found: Any = self.context.live.resources.get(
            self.change.address.sibling("succession", self.change.address.path)
        )
        if found is None or self.known is not None:
            return
        said = {"Table": self.there.name, "From": found.old, "To": found.new}
        operation = Moving("abandon", said, _delete(found.new, self.context.desired, self.change.address))
        why = "its changes were not brought over in time" if found.stale else "something else is declared by now"
        title = f"give up moving {found.old} to {found.new}: {why}"
        yield Draft("abandon", Phase.EXPAND, title, operation, done=(_gone(self.succession),))

    def begin(self) -> Iterator[Draft]:
        if self.known is not None and self.known.built:
            return
        calls = tuple(call for draft in self._made() for call in draft.operation.calls)  # type: ignore[attr-defined]
        operation = Moving("begin", self.said(Base=self.base, Shape=self.shape), calls)
        undone = Moving("abandon", self.said(), _delete(self.new, self.context.desired, self.change.address))
        yield Draft(
            "begin",
            Phase.EXPAND,
            f"create table {self.new}, which is to take the place of {self.old}",
            operation,
            hazards=(hazard(Code.COST, "two tables are paid for until the old one goes"),),
            done=self.is_(new=self.new, built=True),
            undo=(undone,),
        )

    def _made(self) -> Iterator[Draft]:
        """The table and all that is declared of it but what waits for the switch."""
        apart = AFTER_SWITCH | AT_SWITCH
        yield from created(self.change, self.context, self.new, lambda kind: kind not in apart)

    def settings(self, wanted: frozenset[str]) -> Iterator[Draft]:
        """What is declared of these kinds, on the new table, after the switch."""
        for draft in created(self.change, self.context, self.new, lambda kind: kind in wanted):
            yield replace(draft, phase=Phase.CONTRACT, requires=())

    def turn_on_stream(self) -> Iterator[Draft]:
        """Before anything is copied. One that is on stays as it is: others read it."""
        if self.context.live.resources.get(self.change.address.sibling("stream", self.change.address.path)) is None:
            yield Draft(
                "stream",
                Phase.EXPAND,
                f"turn on the stream of {self.old}: new and old images",
                _stream(self.old, IMAGES),
                done=(Check(self.there.sibling("stream", self.there.path), attributes=(("view", IMAGES),)),),
                undo=(_stream(self.old, ""),),
            )

    def copy(self) -> Iterator[Draft]:
        if self.known is not None and self.known.copied:
            return
        said = self.options
        operation = Moving(
            "copy",
            self.said(
                Segments=options.segments(self.size.bytes, said),
                Share=said.share,
                Executor=said.executor,
                Items=encoded(self.conversion),
            ),
        )
        yield Draft(
            "copy",
            Phase.MIGRATE,
            f"copy the items of {self.old} to {self.new}",
            operation,
            hazards=tuple(_copying(self)),
            done=self.is_(copied=True),
            undo=(),
            reads=self.change.address,
        )

    def follow(self) -> Draft:
        return Draft(
            "follow",
            Phase.MIGRATE,
            f"bring over what changed in {self.old} meanwhile, and compare both tables",
            Moving("follow", self.said(Items=encoded(self.conversion))),
            hazards=(
                hazard(
                    Code.MAY_FAIL, f"the stream keeps changes for {limits.STREAM_HOURS} hours: the copy must take less"
                ),
            ),
            done=self.is_(compared=True),
            undo=(),
            reads=self.change.address,
        )

    def fence(self) -> Iterator[Draft]:
        """Only where it is declared, and the store has policies."""
        if self.options.fence and self.context.server.edition != "local":
            yield fencing.fence(self.old, self.there, self.context)

    def switch(self) -> Draft:
        stream = [d.operation for d in created(self.change, self.context, self.new, lambda kind: kind in AT_SWITCH)]
        calls = tuple(call for operation in stream for call in operation.calls)  # type: ignore[attr-defined]
        becomes = self.change.address.name
        said = self.said(
            **({"Becomes": becomes} if becomes != self.there.name else {}),
            **({"Empty": True} if self.empty else {"Items": encoded(self.conversion)}),
        )
        moved = (Check(self.there, present=False),) if self.there != self.change.address else ()
        return Draft(
            "switch",
            Phase.CONTRACT,
            f"call {self.new} {becomes} from now on, once it equals {self.old} and nobody writes to that"
            if not self.empty
            else f"call {self.new} {becomes} from now on, if {self.old} is still empty",
            Moving("switch", said, calls),
            hazards=(hazard(Code.WRITERS_MOVE, self._before_the_switch()),),
            done=(Check(self.change.address, attributes=(("name", self.new),)), *moved),
            reads=None if self.empty else self.change.address,
            provides=True,
        )

    def _before_the_switch(self) -> str:
        after = f"write to {self.new} after it, not before"
        if self.options.fence and self.context.server.edition != "local":
            return f"nobody can write to {self.old} by now; {after}"
        unfenced = "; DynamoDB Local has no policies that could refuse writes" if self.options.fence else ""
        return f"stop all that writes to {self.old} before this step; {after}{unfenced}"

    def part_with_old(self) -> Draft:
        said = {**self.said(), "Table": self.change.address.name}
        said |= {"Empty": True} if self.empty else {"Items": encoded(self.conversion)}
        succession = self.change.address.sibling("succession", self.change.address.path)
        why = "since it is protected against deletion" if self.change.live.deletion_protection else ""
        why = why or ("as `copy.leave_old` says" if self.options.leave else "")
        return _parting(
            succession, said, self.old, why, self.context, self.size.rows, beside(self.change, self.context)
        )


def _parting(
    succession: Address,
    said: dict[str, Any],
    old: str,
    why_not: str,
    context: Context,
    rows: int,
    more: Iterable[Call] = (),
) -> Draft:
    """The old table goes, after a backup where the store makes one; a protected one stays and is nobody's."""
    done = (_gone(succession),)
    if why_not:
        title = f"leave {old} as it is, {why_not}: no longer managed"
        return Draft("keep", Phase.CONTRACT, title, Moving("keep", said), done=done)
    backup = "" if context.server.edition == "local" else f"{old}.before-{said['To']}"[:255]
    saved = f"the backup {backup} is made first" if backup else "DynamoDB Local makes no backups"
    items = f"its {rows} items" if rows > 0 else "its items"
    gone = hazard(Code.DELETES_DATA, f"{items} are gone with {old}; {said['To']} has them, and {saved}")
    if said.get("Empty"):
        gone = hazard(Code.DELETES_DATA, f"{old} was empty when last counted, and the step looks again")
    delete = Call("DeleteTable", {"TableName": old}, TABLE_GONE)
    told = {**said, **({"Backup": backup} if backup and not said.get("Empty") else {})}
    title = f"back up {old}, then delete it" if told.get("Backup") else f"delete {old}"
    broken = hazard(Code.OLD_READERS, f"code that names {old} breaks")
    return Draft(
        "retire", Phase.CONTRACT, title, Moving("retire", told, (*more, delete)), hazards=(gone, broken), done=done
    )


def _copying(move: _Move) -> Iterator[Hazard]:
    rows, size = move.size
    share, billing = move.options.share, move.change.desired.billing
    units = billing.write if billing.provisioned else 4000
    if move.change.live.key != move.change.desired.key or not move.conversion.plain:
        yield hazard(Code.MAY_FAIL, "items that do not fit the new table are named before anything is written")
    yield hazard(
        Code.COST, f"every item is read twice and written once, with up to {share:.0%} of the capacity of both tables"
    )
    took = options.hours(rows, size, units, share)
    if size > options.LONG_BYTES or took > options.LONG_HOURS:
        yield hazard(
            Code.LONG_COPY,
            f"{size / 1024**3:,.0f} GiB take {took:.0f} hours or more, and the stream keeps {limits.STREAM_HOURS}:"
            " export to S3 and import a new table from there (`import_from`), or raise `copy.share`",
        )


def _possible(change: Change[Any], context: Context, conversion: Conversion, known: Any) -> None:
    where = context.desired.origin(change.address)
    if known is not None and known.switched:
        raise UnsupportedChange(
            f"{change.address}: {known.old} has not gone yet, whose place {known.new} took",
            hint="apply the rest of that plan first; then declare the next change",
            where=where,
        )
    if context.live.children(change.address, "global_table", Resource):
        raise UnsupportedChange(
            f"{change.address}: a table with replicas cannot be made anew",
            hint="remove the replicas, apply, change the key, apply, and declare them again",
            where=where,
        )
    stream: Any = context.live.resources.get(change.address.sibling("stream", change.address.path))
    if stream is not None and not conversion.told_by(stream.view):
        raise UnsupportedChange(
            f"{change.address}: its stream tells {stream.view.replace('_', ' ')}, not which key an item had before",
            hint="declare `stream: new_and_old_images` first and let its consumers move; then declare the new key",
            where=where,
        )
    missing = [k.name for k in conversion.before if k.name not in dict(conversion.kept)]
    if missing:
        raise UnsupportedChange(
            f"{change.address}: new items would not hold the old key ({', '.join(missing)}), so no change of an item"
            " could be brought over",
            hint="keep the attribute, `set` another one to it, or say in `copy.keeps` which one holds it",
            where=where,
        )


def _delete(name: str, desired: Catalog, table: Address) -> tuple[Call, ...]:
    """DeleteTable, after the protection that the new table may have by its declaration."""
    wanted: Any = desired.resources.get(table)
    protected = wanted is not None and wanted.deletion_protection
    unprotect = Call("UpdateTable", {"TableName": name, "DeletionProtectionEnabled": False}, TABLE_ACTIVE)
    return (*((unprotect,) if protected else ()), Call("DeleteTable", {"TableName": name}, TABLE_GONE))


def _gone(address: Address) -> Check:
    return Check(address, present=False)


def _stream(table: str, view: str) -> Call:
    said = {"StreamEnabled": True, "StreamViewType": view.upper()} if view else {"StreamEnabled": False}
    return Call("UpdateTable", {"TableName": table, "StreamSpecification": said}, TABLE_ACTIVE)


def _shape(address: Address, desired: Catalog, more: Any) -> str:
    """A digest of all that is declared of a table, but its name."""
    mine = sorted((r for a, r in desired.resources.items() if a.path[:1] == address.path), key=lambda r: r.address)
    texts = [f"{r.address.kind}{r.address.path[1:]}{_values(r)!r}" for r in mine]
    return sha256("\n".join([*texts, repr(more)]).encode()).hexdigest()[:16]


def _values(resource: Resource) -> list[tuple[str, Any]]:
    """What a resource says besides the defaults: so an attribute that is new in `reconcile` makes no other shape."""
    default = {f.name: f.default for f in fields(resource)}
    names = [n for n in compared_attributes(type(resource)) if (resource.address.kind, n) != ("table", "name")]
    return [(n, getattr(resource, n)) for n in sorted(names) if getattr(resource, n) != default[n]]
