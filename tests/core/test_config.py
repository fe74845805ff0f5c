"""reconcile.yaml, environment variables, connections, ad hoc URLs; and that no secret shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.config.adhoc import parse_target
from reconciler.config.connections import Connections
from reconciler.config.environment import environment
from reconciler.config.file import NO_FILE, ConfigFile, find, read
from reconciler.config.load import load_project
from reconciler.config.local_stores import connection, local_target
from reconciler.config.options import Options
from reconciler.errors import ConfigError, DeclarationError
from reconciler.model.step import Phase
from tests.memory_engine import MemoryEngine

SECRET = "s3cr3t"


def config(tmp_path: Path, text: str) -> ConfigFile:
    path = tmp_path / "reconcile.yaml"
    path.write_text(text)
    return read(path)


def test_it_is_found_upwards(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    (tmp_path / "reconcile.yaml").write_text("schemas: here\n")
    assert find(deep) == tmp_path / "reconcile.yaml"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("schemas: s\nenvironmnts: {}\n", 2, "unknown key 'environmnts'", "did you mean 'environments'?"),
        ("environments:\n  dev:\n    prune: some\n", 3, "prune is 'some'", "allowed: managed, all, never"),
        ("environments:\n  dev:\n    production: 1\n", 3, "expected true or false", None),
        ("environments:\n  dev:\n    allow: [RC9999]\n", 3, "RC9999", None),
        ("a: 1\na: 2\n", 2, "", None),
    ],
)
def test_errors_have_a_line(tmp_path: Path, text: str, line: int, message: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text)
    assert caught.value.where is not None
    assert caught.value.where.line == line
    assert message in caught.value.message
    if hint is not None:
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("name", "stop", "retain", "production"),
    [
        ("local", None, False, False),
        ("dev", None, False, False),
        ("dev-7", None, False, False),
        ("staging", Phase.CONTRACT, True, False),
        ("production", Phase.CONTRACT, True, True),
    ],
)
def test_defaults(name: str, stop: Phase | None, retain: bool, production: bool) -> None:
    found = environment(name, NO_FILE)
    assert (found.stop_before, found.policy.retain, found.policy.production) == (stop, retain, production)
    assert found.policy.prune == "managed"


def test_later_patterns_go_over_earlier_ones(tmp_path: Path) -> None:
    file = config(
        tmp_path,
        """
environments:
  "*": {prune: never, lock_timeout: 5, wait_timeout: 0, ignore: [tmp_*]}
  prod-*: {production: true, stop_before: null, naming: "{environment}.{table}"}
  prod-eu: {prune: all, removal: destroy, allow: [RC1101]}
""",
    )
    found = environment("prod-eu", file)
    assert found.policy == ("prod-eu", True, False, "all")
    assert (found.stop_before, found.limits.lock_timeout, found.ignore) == (None, 5.0, ("tmp_*",))
    assert found.limits.wait_timeout == 0
    assert (found.allow, found.naming) == (frozenset({"RC1101"}), "{environment}.{table}")
    assert environment("staging", file).policy.prune == "never"


def connections(environ: dict[str, str], file: ConfigFile = NO_FILE, name: str = "dev") -> Connections:
    return Connections(name, file, environ)


POSTGRES = {
    "POSTGRES_TUTOR_MATCHING_HOST": "db.example",
    "POSTGRES_TUTOR_MATCHING_PORT": "6543",
    "POSTGRES_TUTOR_MATCHING_USER": "app",
    "POSTGRES_TUTOR_MATCHING_PASSWORD": SECRET,
    "POSTGRES_TUTOR_MATCHING_DB": "matching",
}


def test_postgres_by_convention() -> None:
    found = connections(POSTGRES).target("tutor-matching", "postgres", single=False)
    assert found.connection == {
        "host": "db.example",
        "port": "6543",
        "user": "app",
        "password": SECRET,
        "dbname": "matching",
    }
    assert found.label == "db.example:6543/matching"
    assert SECRET not in repr(found)


def test_db_variables_are_for_the_one_service_that_has_postgres() -> None:
    environ = {"DB_HOST": "db", "DB_USER": "app", "DB_NAME": "x"}
    found = connections(environ).target("payment", "postgres", single=True)
    assert found.connection == {"host": "db", "port": "5432", "user": "app", "dbname": "x"}
    with pytest.raises(ConfigError, match="POSTGRES_PAYMENT_HOST"):
        connections(environ).target("payment", "postgres", single=False)


def test_a_missing_variable_is_named() -> None:
    environ = {k: v for k, v in POSTGRES.items() if not k.endswith("_USER")}
    with pytest.raises(ConfigError, match="POSTGRES_TUTOR_MATCHING_USER is not") as caught:
        connections(environ).target("tutor-matching", "postgres", single=False)
    assert SECRET not in str(caught.value)


def test_neo4j_and_dynamodb_by_convention() -> None:
    environ = {"NEO4J_URI": "neo4j+s://graph:7687", "NEO4J_USER": "neo4j", "NEO4J_PASSWORD": SECRET}
    found = connections(environ).target("a", "neo4j", single=False)
    assert found.connection == {"uri": "neo4j+s://graph:7687", "user": "neo4j", "password": SECRET}
    assert found.label == "graph:7687"
    with pytest.raises(ConfigError, match="NEO4J_URI"):
        connections({}).target("a", "neo4j", single=False)
    assert connections({"AWS_REGION": "eu-west-1"}).target("a", "dynamodb", single=False).label == "eu-west-1"


def test_configured_connections_go_first_and_take_variables(tmp_path: Path) -> None:
    file = config(
        tmp_path,
        """
connections:
  "*": {postgres: {dsn: "postgresql://u:${PW}@all/x"}}
environments:
  dev*:
    connections:
      payment:
        postgres: {host: "${PAYMENT_HOST}", port: 5433, user: u, password: "${PW}", dbname: p}
""",
    )
    environ = {"PW": SECRET, "PAYMENT_HOST": "h", **POSTGRES}
    found = connections(environ, file).target("payment", "postgres", single=False)
    assert found.connection == {"host": "h", "port": "5433", "user": "u", "password": SECRET, "dbname": "p"}
    other = connections(environ, file).target("tutor-matching", "postgres", single=False)
    assert other.label == "all/x"
    assert SECRET not in repr(other)
    with pytest.raises(ConfigError) as caught:
        connections({"PW": SECRET}, file).target("payment", "postgres", single=False)
    assert "PAYMENT_HOST is not set" in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where.line == 8
    assert "export PAYMENT_HOST" in (caught.value.hint or "")


def test_an_unknown_key_of_a_connection(tmp_path: Path) -> None:
    file = config(tmp_path, "connections:\n  a:\n    neo4j:\n      url: x\n")
    with pytest.raises(ConfigError, match=r":4: unknown key 'url'"):
        connections({}, file).target("a", "neo4j", single=False)


@pytest.mark.parametrize(
    ("url", "engine", "expected", "naming", "suggested"),
    [
        (
            "postgresql://u:p@h:5/My_DB",
            "postgres",
            {"dsn": "postgresql://u:p@h:5/My_DB"},
            "{table}",
            "my_db",
        ),
        ("postgres://h/x?sslmode=require", "postgres", {"dsn": "postgresql://h/x?sslmode=require"}, "{table}", "x"),
        (
            "bolt://neo4j:p%40ss@h:7687",
            "neo4j",
            {"uri": "bolt://h:7687", "user": "neo4j", "password": "p@ss"},
            "{table}",
            "neo4j",
        ),
        ("neo4j+s://h?database=graph", "neo4j", {"uri": "neo4j+s://h", "database": "graph"}, "{table}", "graph"),
        (
            "dynamodb://eu-west-1?endpoint=http://127.0.0.1:8000&prefix=orders-",
            "dynamodb",
            {
                "region": "eu-west-1",
                "endpoint": "http://127.0.0.1:8000",
                "access_key": "local",
                "secret_key": "local",
            },
            "orders-{table}",
            "orders",
        ),
        ("dynamodb://eu-west-1", "dynamodb", {"region": "eu-west-1"}, "{table}", "eu-west-1"),
    ],
)
def test_ad_hoc_urls(url: str, engine: str, expected: dict[str, str], naming: str, suggested: str) -> None:
    found = parse_target(url, {})
    assert (found.engine, dict(found.connection)) == (engine, expected)
    assert (found.naming, found.suggested) == (naming, suggested)


def test_credentials_of_the_environment_go_before_made_up_ones() -> None:
    found = parse_target("dynamodb://r?endpoint=http://localhost:8000", {"AWS_ACCESS_KEY_ID": "x"})
    assert "access_key" not in found.connection


@pytest.mark.parametrize(
    "url", ["mysql://u:s3cr3t@h/x", "s3cr3t", "postgresql://u:s3cr3t@h:port/x", "dynamodb://r?s3cr3t=1", "bolt://h?x=1"]
)
def test_urls_that_are_refused_are_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_target(url, {})
    if "=" not in url:
        assert "s3cr3t" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("url", [f"postgresql://u:{'hunter2'}@h/x", "bolt://u:hunter2@h", "dynamodb://k:hunter2@r"])
def test_no_secret_in_a_representation(url: str) -> None:
    found = parse_target(url, {})
    target = found.bound("shop")
    assert "hunter2" not in f"{found!r} {target!r} {target.label}"


def test_local_stores() -> None:
    assert connection("payment", "postgres", "postgresql://postgres@127.0.0.1:15432/postgres") == {
        "host": "127.0.0.1",
        "port": "15432",
        "dbname": "payment",
        "user": "postgres",
        "create_database": "true",
    }
    assert connection("a", "neo4j", "bolt://127.0.0.1:17687") == {"uri": "bolt://127.0.0.1:17687"}
    assert connection("a", "dynamodb", "http://127.0.0.1:18000")["endpoint"] == "http://127.0.0.1:18000"
    found = local_target("a", "neo4j", {"RECONCILE_NEO4J_URI": "bolt://u:p@h:1"}, start=False, known={})
    assert found.connection == {"uri": "bolt://h:1", "user": "u", "password": "p"}


def test_a_local_store_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler import local
    from reconciler.local.instance import StoreStatus

    down = StoreStatus("neo4j", "stopped", "1", Path(), 0)
    monkeypatch.setattr(local, "status", lambda stores: [down])
    with pytest.raises(ConfigError, match="the local neo4j is stopped") as caught:
        local_target("a", "neo4j", {}, start=False, known={})
    assert "reconcile up" in (caught.value.hint or "")


def write(folder: Path, **files: str) -> None:
    (folder / "schemas").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "schemas" / f"{name}.yaml").write_text(text)


def load(folder: Path, environ: dict[str, str] | None = None, **options: Any) -> Any:
    return load_project(
        Options(cwd=folder, **options), environ or {}, {n: MemoryEngine(name=n) for n in ("memory", "postgres")}
    )


def test_flag_over_variable_over_file(tmp_path: Path) -> None:
    write(tmp_path, a="service: a\nmemory: {}\n")
    (tmp_path / "reconcile.yaml").write_text("environment: dev-1\n")
    assert load(tmp_path).environment.name == "dev-1"
    assert load(tmp_path, {"RECONCILE_ENVIRONMENT": "dev-2"}).environment.name == "dev-2"
    assert load(tmp_path, {"RECONCILE_ENVIRONMENT": "dev-2"}, environment="dev-3").environment.name == "dev-3"
    (tmp_path / "reconcile.yaml").unlink()
    assert load(tmp_path).environment.name == "local"


def test_names_of_tables(tmp_path: Path) -> None:
    write(tmp_path, a="service: a\nmemory: {}\n")
    project = load(tmp_path, environment="dev-1")
    assert project.naming("a") == "a-{table}-dev-1"
    assert project.scope("a", "dynamodb", frozenset({"x"})).roots == {"x"}
    assert not project.scope("a", "dynamodb").everything
    told = str(project.scope("a", "dynamodb", frozenset({"a-t-dev-1", "other", "x=a-y-dev-1"})))
    assert told == "a-*-dev-1, other, x=a-y-dev-1", "the pattern, and what does not follow from it"
    assert str(project.scope("a", "postgres", frozenset({"b", "a"}))) == "a, b"


def test_one_service_of_several(tmp_path: Path) -> None:
    write(tmp_path, a="service: a\npostgres: {}\n", b="service: b\npostgres: {}\n")
    project = load(tmp_path, {"DB_HOST": "h", "DB_USER": "u", "DB_DB": "d"}, environment="dev", service="b")
    assert project.targets() == [("b", "postgres")]
    assert project.connect("b", "postgres").label == "h:5432/d"


def test_ad_hoc(tmp_path: Path) -> None:
    write(tmp_path, a="service: a\npostgres: {}\n", b="service: b\npostgres: {}\n", c="service: c\nmemory: {}\n")
    url = "postgresql://u:hunter2@h/x"
    with pytest.raises(ConfigError, match="several services") as caught:
        load(tmp_path, target=url)
    assert caught.value.hint == "choose one with `--service NAME`"
    project = load(tmp_path, target=url, service="b")
    assert project.targets() == [("b", "postgres")]
    assert project.scope("b", "postgres").everything
    assert project.environment.policy == ("adhoc", False, False, "all")
    assert project.environment.stop_before is None
    assert "hunter2" not in repr(project)
    with pytest.raises(ConfigError, match="section `neo4j:`"):
        load(tmp_path, target="bolt://h")


def test_an_import_needs_no_declarations(tmp_path: Path) -> None:
    project = load_project(Options(cwd=tmp_path, target="postgresql://h/My-App"), {}, {}, declared=False)
    assert project.targets() == [("my-app", "postgres")]


def test_a_folder_without_declarations(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="no such folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("engine", "environ", "source"),
    [
        (
            "postgres",
            {"POSTGRES_A_HOST": "h", "POSTGRES_A_USER": "u", "POSTGRES_A_DB": "d"},
            "POSTGRES_A_HOST, POSTGRES_A_USER, POSTGRES_A_DB",
        ),
        ("postgres", {"DB_HOST": "h", "DB_USER": "u", "DB_NAME": "d"}, "DB_HOST, DB_USER, DB_NAME"),
        ("neo4j", {"NEO4J_URI": "bolt://h", "NEO4J_PASSWORD": "p"}, "NEO4J_URI, NEO4J_PASSWORD"),
        ("dynamodb", {"AWS_REGION": "r"}, "AWS_REGION and the chain of the AWS SDK"),
        ("dynamodb", {}, "the chain of the AWS SDK"),
    ],
)
def test_a_target_knows_where_its_connection_was_found(engine: str, environ: dict[str, str], source: str) -> None:
    found = Connections("production", NO_FILE, environ).target("a", engine, single=True)
    assert found.source == source


def test_dynamodb_may_name_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "reconcile.yaml"
    path.write_text('connections: {"*": {dynamodb: {profile: audit, region: eu-west-1}}}\n')
    found = Connections("production", read(path), {}).target("a", "dynamodb", single=True)
    assert dict(found.connection) == {"profile": "audit", "region": "eu-west-1"}
    assert found.source.endswith("reconcile.yaml:1")
