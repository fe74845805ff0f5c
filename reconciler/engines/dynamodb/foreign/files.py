"""Which tool a file is of, and the catalog that its tables make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.engines.dynamodb.foreign import cloudformation, terraform
from reconciler.engines.dynamodb.foreign.found import Found
from reconciler.engines.dynamodb.naming import logical_name
from reconciler.engines.dynamodb.registry import kinds
from reconciler.errors import ConfigError
from reconciler.model.address import Address
from reconciler.model.catalog import Catalog, Deferred, Unmanaged
from reconciler.model.resource import Resource

TAGS = ("Ref", "Condition")


def translated(files: Mapping[str, str], service: str, naming: str, given: Mapping[str, str]) -> Catalog:
    """The tables of CloudFormation templates (YAML or JSON) and of Terraform states or plans (JSON), by file name.

    What could not be understood is deferred, a file that is neither is unmanaged. Raises ConfigError for a table that
    two of them declare.
    """
    catalogs: list[Catalog] = []
    others: list[Unmanaged] = []
    for where, text in files.items():
        try:
            catalogs.append(_catalog(_read(text, where, given), service, naming))
        except ConfigError as error:
            others.append(Unmanaged(Address(service, "dynamodb", "file", (where,)), f"{error.message}; {error.hint}"))
    whole: dict[Address, Resource] = {}
    for catalog in catalogs:
        if twice := sorted(str(a) for a in whole.keys() & catalog.resources.keys()):
            raise ConfigError(f"two of the files declare {twice[0]}", hint="import one of them")
        whole |= catalog.resources
    return Catalog(service, "dynamodb", whole, tuple(others), tuple(d for c in catalogs for d in c.deferred))


def _read(text: str, where: str, given: Mapping[str, str]) -> Found:
    document = loaded(text, where)
    if "Resources" in document:
        return cloudformation.read(document, given)
    if "terraform_version" in document or "planned_values" in document:
        return terraform.read(document)
    if "service" in document and "provider" in document:
        raise ConfigError(
            f"{where} is a file of the Serverless Framework, which only that works out",
            hint="run `serverless package` and give .serverless/cloudformation-template-update-stack.json",
        )
    raise ConfigError(
        f"{where} is neither a CloudFormation template nor a state or plan of Terraform",
        hint="templates have `Resources:`; of Terraform give the state file, or what `terraform show -json` prints",
    )


def _catalog(found: Found, service: str, naming: str) -> Catalog:
    resources: dict[Address, Resource] = {}
    for row in found.rows():
        physical = row.table["TableName"]
        logical = logical_name(naming, physical)
        address = Address(service, "dynamodb", "table", (logical or physical,))
        whole = row._replace(explicit=logical is None)
        for kind in kinds().values():
            resources |= {r.address: r for r in kind.read(whole, address)}
    left_out = (Deferred(Address(service, "dynamodb", "table", (n,)), why) for n, why in sorted(found.left_out.items()))
    return Catalog(service, "dynamodb", {a: resources[a] for a in sorted(resources)}, deferred=tuple(left_out))


def loaded(text: str, where: str) -> dict[str, Any]:
    """The document, with the short forms of functions (`!Ref`, `!Sub`) as the long ones. Raises ConfigError."""
    import yaml

    def plain(loader: Any, node: Any) -> Any:
        return loader.construct_scalar(node)  # a version that looks like a date

    class Loader(yaml.SafeLoader):
        """Of templates: JSON is YAML too."""

    def function(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
        name = suffix if suffix in TAGS else f"Fn::{suffix}"
        if isinstance(node, yaml.ScalarNode):
            return {name: loader.construct_scalar(node)}
        deep = loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else None
        return {name: deep if deep is not None else loader.construct_mapping(node, deep=True)}

    Loader.add_multi_constructor("!", function)
    Loader.add_constructor("tag:yaml.org,2002:timestamp", plain)
    try:
        document = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader with nothing but plain values added
    except yaml.YAMLError as error:
        said = str(error).splitlines()[0]
        raise ConfigError(f"{where} is neither YAML nor JSON", hint=f"it says: {said}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{where} holds no mapping", hint="give a template, or a state or plan of Terraform as JSON")
    return document
