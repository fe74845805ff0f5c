"""README.md tells the truth: its files are written, its commands run, its answers compared with the real ones.

The comment before a block says what it is: `file PATH` is written; `sql DATABASE` runs behind the tool's back;
`run`, with `exit N` where it ends so, is a command whose stdout is compared; `valid` is a declaration.
`--update-goldens` writes the answers anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.cli.main import COMMANDS
from reconciler.engines import engines
from reconciler.errors import ReconcileError
from reconciler.model.hazard import Code

from .stores import Stores
from .user import User

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"<!-- (file|sql|run|valid) ?([^>\n]*?) ?-->\n```\w+\n(.*?)```\n", re.DOTALL)
PASSING = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"(PostgreSQL|Neo4j) [\d.]+"), r"\1 VERSION"),
    (re.compile(r"about [\d,]+ rows, [\d.]+ \wB"), "SIZE"),
)
"""What is different on another machine."""


def replayed(text: str, user: User, stores: Stores) -> str:
    """The README with the answers that its commands give here and now."""

    def play(match: re.Match[str]) -> str:
        what, details, body = match.groups()
        if what == "file":
            user.write(details, body)
        elif what == "sql":
            stores.sql(body, stores.url(details))
        elif what == "valid":
            user.write("valid/declaration.yaml", body)
            user("validate", "--schemas", "valid")
        else:
            command = body.splitlines()[0]
            code = int(details.removeprefix("exit ") or 0)
            answer = user(*command.removeprefix("$ reconcile ").split(), code=code).out.rstrip("\n")
            return match[0].replace(body, f"{command}\n{answer}\n")
        return match[0]

    return BLOCK.sub(play, text)


def listed(text: str) -> str:
    """The README with the tables of sections and hazards as the code has them."""
    rows = [f"| `{c.code}` | {c.meaning} | {'yes' if c.needs_approval else 'no'} |" for c in Code]
    hazards = "\n".join(["| code | meaning | needs `--allow` |", "|---|---|---|", *rows])
    sections = "\n".join(["| in | sections |", "|---|---|", *_sections()])
    for name, table in (("hazards", hazards), ("sections", sections)):
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("\n\n")
        text = before + mark + table + end + after
    return text


def _sections() -> Iterator[str]:
    for name in ("postgres", "dynamodb", "neo4j"):
        places: dict[str, list[str]] = {}
        for kind in sorted(engines()[name].kinds.values(), key=lambda k: k.order):
            where = f"{name}: {kind.parent.replace('_', ' ')}" if kind.parent else f"`{name}`"
            places.setdefault(f"{name}: most of these" if kind.attaches else where, []).append(f"`{kind.section}`")
        yield from (f"| {where} | {', '.join(found)} |" for where, found in places.items())


def lasting(text: str) -> str:
    """What is the same on every machine."""
    for pattern, word in PASSING:
        text = pattern.sub(word, text)
    return text


def test_its_session_is_real(user: User, graph: Stores, request: pytest.FixtureRequest) -> None:
    text = README.read_text(encoding="utf-8")
    real = replayed(text, user, graph)
    if request.config.getoption("--update-goldens"):
        README.write_text(listed(real), encoding="utf-8")
    else:
        assert lasting(text) == lasting(real)
    assert len(BLOCK.findall(text)) > 8


@pytest.mark.parametrize("code", Code)
def test_it_has_every_hazard(code: Code) -> None:
    row = f"| `{code.code}` | {code.meaning} | {'yes' if code.needs_approval else 'no'} |"
    assert row in README.read_text(encoding="utf-8"), "--update-goldens writes the table anew"


def test_its_sections_exist() -> None:
    table = README.read_text(encoding="utf-8").partition("<!-- sections -->\n")[2].partition("\n\n")[0]
    known = {kind.section for engine in engines().values() for kind in engine.kinds.values()} | {*engines()}
    named = set(re.findall(r"`(\w+)`", table))
    assert len(named) > 25 and named <= known, "--update-goldens writes the table anew"


def test_it_has_every_exit_code_and_command() -> None:
    text = README.read_text(encoding="utf-8")
    classes = [ReconcileError]
    for cls in classes:
        classes += cls.__subclasses__()
    for cls in classes:
        assert f"| {cls.exit_code} |" in text
    for command in COMMANDS:
        assert f"`{command}`" in text
