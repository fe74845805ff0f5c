"""Resource policies, in one spelling: the service gives them back as they were written, and there are many ways."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.engines.dynamodb.row import TableRow

TABLE_ARN = "{table_arn}"
"""What stands in a policy for the ARN of its own table."""
VERSION = "2012-10-17"
LISTS = ("Action", "NotAction", "Resource", "NotResource")
Json = Mapping[str, Any]


def loaded(text: str) -> dict[str, Any]:
    """A policy from its text. Raises ValueError for what is no JSON object."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("a policy is a JSON object")
    return document


def canonical(document: Json) -> str:
    """One text for all spellings that mean the same: lists of one, the order of actions, what is left out.

    The resource of a statement is the table where it says none.
    """
    statements = document.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    said = {key: value for key, value in document.items() if key not in ("Version", "Statement")}
    whole = {"Version": document.get("Version", VERSION), **said, "Statement": [_statement(s) for s in statements]}
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def of_live(row: TableRow) -> str:
    """The policy of a live table, its own ARN replaced by a word; empty for none."""
    return canonical(loaded(portable(row.policy, row.arn))) if row.policy else ""


def portable(text: str, arn: str) -> str:
    """The text without the table's own ARN, which holds an account and an environment."""
    return re.sub(rf"{re.escape(arn)}(?=[\"/*]|$)", TABLE_ARN, text)


def lifted(text: str) -> dict[str, Any]:
    """A document to declare, without what `canonical` adds."""
    document = loaded(text)
    if document.get("Version") == VERSION:
        del document["Version"]
    for statement in document["Statement"]:
        if statement.get("Resource") == TABLE_ARN:
            del statement["Resource"]
    return document


def denies(text: str) -> bool:
    """Whether any statement takes something away."""
    return any(s.get("Effect") == "Deny" for s in loaded(text)["Statement"])


def _statement(statement: Json) -> dict[str, Any]:
    found = {key: _listed(value) if key in LISTS else value for key, value in statement.items()}
    if not {"Resource", "NotResource"} & found.keys():
        found["Resource"] = TABLE_ARN
    for key in ("Principal", "NotPrincipal"):
        if key in found:
            found[key] = _principal(found[key])
    if "Condition" in found:
        found["Condition"] = {
            operator: {key: _listed(_text(value)) for key, value in tests.items()}
            for operator, tests in found["Condition"].items()
        }
    return found


def _principal(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {kind: _listed(_text(names)) for kind, names in value.items()}
    if "AWS" in found:
        names = found["AWS"] if isinstance(found["AWS"], list) else [found["AWS"]]
        found["AWS"] = _listed([_account(name) for name in names])
    return "*" if found == {"AWS": "*"} else found


def _account(name: str) -> str:
    """An account's number means the account's root."""
    return f"arn:aws:iam::{name}:root" if re.fullmatch(r"\d{12}", name) else name


def _listed(value: Any) -> Any:
    """A list without its order; one of one as the value itself."""
    if not isinstance(value, list):
        return value
    ordered = sorted(set(value), key=str)
    return ordered[0] if len(ordered) == 1 else ordered


def _text(value: Any) -> Any:
    """Numbers and booleans as the service writes them."""
    if isinstance(value, list):
        return [_text(v) for v in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
