"""Plan files on disk: written whole or not at all, and read only as they were written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from reconciler.desired.positions import locate
from reconciler.desired.strictyaml import parse
from reconciler.errors import ConfigError, DeclarationError, StalePlan
from reconciler.files import write_whole
from reconciler.model.engine import Engine
from reconciler.model.plan import FORMAT, Plan
from reconciler.model.span import Span
from reconciler.planfile.codec import decode, encode

_LAST_LINE = re.compile(rb"\A(.*\n)digest: ([0-9a-f]{64})\n\Z", re.DOTALL)
AGAIN = "run `reconcile plan` again and have the new file reviewed"


def write(path: Path, plan: Plan) -> None:
    """Write the plan file atomically: a kill leaves the old file or the new one. Raises ConfigError."""
    text = encode(plan)
    try:
        write_whole(path, text.encode(), durable=True)
    except OSError as error:
        raise ConfigError(f"cannot write the plan file {path}: {error.strerror}") from None


def read(path: Path, engines: Mapping[str, Engine]) -> Plan:
    """The plan of a file. Raises StalePlan where it is not byte for byte what `write` wrote, or of another format."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the plan file {path}: {error.strerror}", hint="make one with `reconcile plan -o FILE`"
        ) from None
    return read_text(raw, str(path), engines)


def read_text(raw: bytes, file: str, engines: Mapping[str, Engine]) -> Plan:
    """The same from the bytes of a file; `file` is the name that errors show."""
    found = _LAST_LINE.match(raw)
    if found is None:
        raise StalePlan("no plan file, or cut off: its last line is not its digest", hint=AGAIN, where=Span(file))
    if sha256(found[1]).hexdigest() != found[2].decode():
        raise StalePlan(
            "the plan file was edited: what it says does not match its digest",
            hint=f"change the declarations instead; {AGAIN}",
            where=Span(file),
        )
    text = raw.decode("utf-8")

    def fail(message: str, *pointer: str | int) -> StalePlan:
        return StalePlan(f"no plan of this format: {message}", hint=AGAIN, where=locate(text, file, pointer))

    try:
        data = parse(text, file)
    except DeclarationError as error:
        raise StalePlan(f"the plan file is no YAML: {error.message}", hint=AGAIN, where=error.where) from None
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        raise StalePlan(
            f"the plan file has format {version}; this version of reconcile reads format {FORMAT}",
            hint=AGAIN,
            where=Span(file),
        )
    return decode(data, engines, fail)
