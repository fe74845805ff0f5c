"""Bad input: one clear error with its place and what to do, exit code 1, and not one store touched."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

import pytest

from .stores import Stores
from .user import User


class Bad(NamedTuple):
    """A file, and what the error has to say: where, what is wrong, what helps."""

    text: str | bytes
    where: str
    problem: str
    hint: str


def table(body: str) -> str:
    """A table of PostgreSQL with one column, and more; `body` begins in line 6."""
    indented = "".join(f"      {line}\n" for line in body.splitlines())
    return "service: shop\npostgres:\n  tables:\n    orders:\n      columns: {id: uuid}\n" + indented


def column(text: str) -> str:
    """A table of PostgreSQL with a good column in line 6, and `text` in line 7."""
    return f"service: shop\npostgres:\n  tables:\n    orders:\n      columns:\n        id: uuid\n        {text}\n"


def aliases() -> str:
    """The bomb: nine levels of ten."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{n}: &{n} [{', '.join([f'*{p}'] * 10)}]" for p, n in zip("abcdefgh", "bcdefghi", strict=True)]
    return "service: shop\n" + "\n".join(lines) + "\n"


GSI = """\
service: shop
dynamodb:
  tables:
    orders:
      attributes: {id: S}
      key: {partition: id}
      indexes:
        by_user: {partition: user_id}
"""
FILES = {
    "unknown key": Bad(table("colums: {a: text}"), "shop.yaml:6", "unknown key 'colums'", "did you mean 'columns'"),
    "wrong type": Bad(
        column("b: {type: text, not_null: maybe}"), "shop.yaml:7", "expected true or false", "write true"
    ),
    "on": Bad(column("b: {type: text, not_null: on}"), "shop.yaml:7", "is 'on'; expected true or false", "write true"),
    "clause in a type": Bad(
        column("b: int not null"), "shop.yaml:7", "NOT NULL is no part of a type", "not_null: true"
    ),
    "comma": Bad(
        table("policies: {own: {using: f('x', true)}}"), "shop.yaml:6", "unknown key 'true)'", "a value that has one"
    ),
    "list of names": Bad(table("indexes: [id]"), "shop.yaml:6", "expected a mapping", "what each is called"),
    "no key": Bad(
        table("foreign_keys: {f: {columns: [id], references: {table: orders, columns: [id]}}}"),
        "shop.yaml:6",
        "which is no key there",
        "primary_key: [id]",
    ),
    "duplicate key": Bad(column("id: text"), "shop.yaml:7", "written twice, first at schemas/shop.yaml:6", "keep one"),
    "tab": Bad("service: shop\npostgres:\n\ttables: {}\n", "shop.yaml:3", "a tab indents", "indent with spaces"),
    "alias bomb": Bad(aliases(), "shop.yaml:", "aliases stand for more than", "write the values out"),
    "flow nesting": Bad("service: shop\npostgres: " + "[" * 9999, "shop.yaml:2", "nested deeper than 64", "flatter"),
    "block nesting": Bad(
        "service: shop\npostgres:\n" + "".join(f"{'  ' * n}k:\n" for n in range(1, 300)),
        "shop.yaml:66",
        "nested deeper than 64",
        "flatter",
    ),
    "not UTF-8": Bad(b"service: shop\n\xff\xfe\n", "shop.yaml:2", "not UTF-8", "encoding UTF-8"),
    "empty file": Bad("", "shop.yaml", "the file is empty", "service: NAME"),
    "no service": Bad("postgres: {}\n", "shop.yaml:1", "lacks 'service'", "add 'service"),
    "dangling index": Bad(
        table("indexes:\n  total_idx: [total]"), "shop.yaml:7", "column public.orders.total, which is not", "there: id"
    ),
    "dangling foreign key": Bad(
        table("foreign_keys:\n  fk: {columns: [id], references: {table: customers, columns: [id]}}"),
        "shop.yaml:7",
        "table public.customers, which is not declared",
        "declared there: orders",
    ),
    "64 bytes": Bad(column("o" * 64 + ": text"), "shop.yaml:7", "64 bytes long", "shorter name"),
    "32 letters of two bytes": Bad(column("ä" * 32 + ": text"), "shop.yaml:7", "64 bytes long", "shorter name"),
    "unknown type": Bad(column("t: nummeric(12,2)"), "shop.yaml:7", "no type 'nummeric(12,2)'", "did you mean numeric"),
    "GSI key without a type": Bad(GSI, "shop.yaml:8", "'user_id' has no type", "attributes: {user_id: S}"),
    "constraint on two labels": Bad(
        "service: shop\nneo4j:\n  constraints:\n    c: {node: [A, B], unique: id}\n",
        "shop.yaml:4",
        "node is a list",
        "one label",
    ),
}
GOOD = """\
service: good
postgres: {tables: {fine: {columns: {id: uuid}}}}
dynamodb: {tables: {fine: {attributes: {id: S}, key: {partition: id}}}}
neo4j: {indexes: {fine: {node: Fine, range: id}}}
"""


@pytest.fixture(scope="module")
def untouched(stores: Stores) -> Iterator[tuple[Stores, str]]:
    """The stores and an empty database, all of which have to be as empty at the end of these tests."""
    stores.empty_graph()
    url = stores.database()
    yield stores, url
    assert stores.holds(url, "good") == []
    assert stores.holds(url, "shop") == []


@pytest.fixture
def careless(user: User, untouched: tuple[Stores, str]) -> User:
    """A user whose services both live in the empty database."""
    user.write("reconcile.yaml", f"connections:\n  '*':\n    postgres: {{dsn: '{untouched[1]}'}}\n")
    return user


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file(careless: User, name: str) -> None:
    bad = FILES[name]
    careless.write("schemas/good.yaml", GOOD)
    careless.write("schemas/shop.yaml", bad.text)
    ended = careless("apply", "--auto-approve", "--allow", "*", code=1)
    for words in ("error RC0100: schemas/", bad.where, bad.problem, f"hint: {bad.hint}"[:6], bad.hint):
        assert words in ended.err
    assert "nothing was changed" in ended.err
    assert ended.out == ""


def test_two_files_declare_one_table(careless: User) -> None:
    careless.write("schemas/a.yaml", table(""))
    careless.write("schemas/b.yaml", table(""))
    told = careless("apply", "--auto-approve", code=1).err
    assert "schemas/b.yaml:4: table public.orders is declared twice; first at schemas/a.yaml:4" in told
    assert "hint: keep one of them" in told and "nothing was changed" in told


def test_words_that_yaml_1_1_would_turn_into_something_else(user: User, stores: Stores) -> None:
    """`on`, `no` and `12:30` are what their author wrote."""
    user.write(
        "schemas/words.yaml", "service: words\npostgres:\n  tables:\n    on:\n      columns: {no: text, off: text}\n"
    )
    user.write("schemas/times.yaml", "service: times\npostgres:\n  enums:\n    at: [12:30, no, on, y, 2020-01-01]\n")
    user("apply", "--auto-approve")
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = '\"on\"'::regclass AND attnum > 0 ORDER BY attnum"
    assert stores.sql(columns, stores.url("words")) == [("no",), ("off",)]
    labels = stores.sql("SELECT enumlabel FROM pg_enum ORDER BY enumsortorder", stores.url("times"))
    assert [label for (label,) in labels] == ["12:30", "no", "on", "y", "2020-01-01"]


def test_the_community_edition_lacks_a_constraint(careless: User) -> None:
    careless.write("schemas/shop.yaml", "service: shop\nneo4j:\n  constraints:\n    c: {node: A, exists: id}\n")
    told = careless("apply", "--auto-approve", code=1).err
    assert "schemas/shop.yaml:4" in told and "nterprise" in told and "nothing was changed" in told


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("postgresql://me:s3cr3t@127.0.0.1:1/x", "127.0.0.1:1"),
        ("bolt://me:s3cr3t@127.0.0.1:1", "127.0.0.1:1"),
        ("dynamodb://local?endpoint=http://127.0.0.1:1&access_key=me&secret_key=s3cr3t", "127.0.0.1:1"),
        ("mysql://me:s3cr3t@127.0.0.1:1/x", "no engine has the scheme mysql://"),
    ],
)
def test_a_store_that_cannot_be_reached(user: User, target: str, named: str) -> None:
    user.write("schemas/good.yaml", GOOD)
    ended = user("apply", "--target", target, "--auto-approve", code=1)
    assert named in ended.err and "hint: " in ended.err and "nothing was changed" in ended.err
    assert "s3cr3t" not in ended.err + ended.out


def test_a_wrong_password(user: User, stores: Stores) -> None:
    """The server of these tests trusts everybody; for one role it asks for the password."""
    url = stores.database()
    stores.sql("CREATE ROLE walled LOGIN PASSWORD 'right'")
    ((file,),) = stores.sql("SHOW hba_file")
    with open(file, encoding="utf-8") as hba:
        trusting = hba.read()
    with open(file, "w", encoding="utf-8") as hba:
        hba.write("host all walled 127.0.0.1/32 scram-sha-256\n" + trusting)
    stores.sql("SELECT pg_reload_conf()")
    parts = urlsplit(url)
    user.write("schemas/good.yaml", GOOD)

    def target(password: str) -> str:
        return urlunsplit(parts._replace(netloc=f"walled:{password}@{parts.hostname}:{parts.port}"))

    told = user("apply", "--target", target("wr0ng"), "--auto-approve", code=1)
    assert "RC0300" in told.err and "hint: " in told.err and "nothing was changed" in told.err
    assert "password" in told.err and "wr0ng" not in told.err + told.out
    user("plan", "--target", target("right"))


def test_an_environment_variable_is_missing(user: User) -> None:
    user.write("schemas/good.yaml", GOOD)
    told = user("plan", "-e", "staging", code=1).err
    assert "set POSTGRES_GOOD_HOST" in told and "set NEO4J_URI" in told and "nothing was changed" in told
    user.write("reconcile.yaml", "connections:\n  good:\n    postgres:\n      host: ${GOOD_DB_HOST}\n")
    told = user("plan", "-e", "staging", code=1).err
    assert "reconcile.yaml:4: the environment variable GOOD_DB_HOST is not set" in told and "hint: export" in told


def test_usage(user: User) -> None:
    assert "hint: " in user("plan", "--no-such-option", code=64).err
    assert "Did you mean 'plan'" in user("plna", code=64).err
    assert os.listdir(user.folder) == []
