"""The functions of CloudFormation templates, worked out as far as a file and a few given values allow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


class Unknown(Exception):
    """A value that only the deployed stack knows. `name` is how it can be given: `Key.Arn`, `StageParameter`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class _Nothing:
    """`AWS::NoValue`: what holds it is left out."""


NOTHING = _Nothing()


@dataclass
class Intrinsics:
    """`given` are values by the name of a parameter, or of an attribute as `Resource.Attribute`; `attribute` tells
    what is known of the file's own resources and raises Unknown."""

    template: Json
    given: Mapping[str, str]
    pseudo: Mapping[str, str]
    attribute: Callable[[str, str], str]
    _conditions: dict[str, bool] = field(default_factory=dict)

    def value(self, node: Any) -> Any:
        """The node with all functions worked out. Raises Unknown."""
        if isinstance(node, list):
            return [v for v in map(self.value, node) if v is not NOTHING]
        if isinstance(node, str):
            return self._resolved(node)
        if not isinstance(node, Mapping):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            function = _FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument)
            if str(name).startswith("Fn::"):
                raise Unknown(str(name))
        worked = {key: self.value(v) for key, v in node.items()}
        return {key: v for key, v in worked.items() if v is not NOTHING}

    def _resolved(self, text: str) -> str:
        """Without dynamic references (`{{resolve:ssm:/shop/table}}`), which only the deployed stack knows; nor what a
        CDK app leaves open until it is synthesised."""

        def known(match: re.Match[str]) -> str:
            name = match[1] or match["token"]
            if name not in self.given:
                raise Unknown(name)
            return self.given[name]

        return re.sub(r"\{\{resolve:([^}]+)\}\}|\$\{(?P<token>Token\[[^\]]*\])\}", known, text)

    def ref(self, name: str) -> Any:
        """A parameter, a pseudo parameter, or a resource of the file."""
        if name == "AWS::NoValue":
            return NOTHING
        if name in self.given or name in self.pseudo:
            return self.given.get(name, self.pseudo.get(name))
        parameter = self.template.get("Parameters", {}).get(name)
        if parameter is not None:
            if "Default" not in parameter or str(parameter.get("Type", "")).startswith("AWS::SSM"):
                raise Unknown(name)
            default = parameter["Default"]
            listed = parameter.get("Type") == "CommaDelimitedList"
            return str(default).split(",") if listed else default
        return self.attribute(name, "Ref")

    def holds(self, name: str) -> bool:
        """Whether a condition of the file holds."""
        if name not in self._conditions:
            self._conditions[name] = bool(self._condition(self.template.get("Conditions", {}).get(name, False)))
        return self._conditions[name]

    def _condition(self, node: Any) -> bool:
        if not isinstance(node, Mapping):
            return bool(node)
        ((name, argument),) = node.items()
        match name:
            case "Condition":
                return self.holds(argument)
            case "Fn::Equals":
                one, other = (self.value(v) for v in argument)
                return str(one) == str(other)
            case "Fn::And":
                return all(self._condition(v) for v in argument)
            case "Fn::Or":
                return any(self._condition(v) for v in argument)
            case "Fn::Not":
                return not self._condition(argument[0])
        raise Unknown(name)

    def _get_att(self, argument: Any) -> Any:
        name, _, attribute = argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
        known = self.given.get(f"{name}.{attribute}")
        return known if known is not None else self.attribute(name, attribute)

    def _sub(self, argument: Any) -> str:
        text, names = (argument, {}) if isinstance(argument, str) else argument

        def found(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in names:
                return str(self.value(names[name]))
            return str(self._get_att(name) if "." in name else self.ref(name))

        return re.sub(r"\$\{([^}]+)\}", found, text)

    def _join(self, argument: Any) -> str:
        separator, parts = argument
        return str(separator).join(str(v) for v in self.value(parts))

    def _select(self, argument: Any) -> Any:
        index, values = argument
        return self.value(values)[int(self.value(index))]

    def _split(self, argument: Any) -> list[str]:
        separator, text = argument
        return str(self.value(text)).split(separator)

    def _find(self, argument: Any) -> Any:
        name, first, second = (self.value(v) for v in argument[:3])
        found = self.template.get("Mappings", {}).get(name, {}).get(str(first), {})
        if second in found:
            return found[second]
        if len(argument) > 3 and "DefaultValue" in argument[3]:
            return self.value(argument[3]["DefaultValue"])
        raise Unknown(f"{name}.{first}.{second}")

    def _if(self, argument: Any) -> Any:
        name, yes, no = argument
        return self.value(yes if self.holds(name) else no)

    def _import(self, argument: Any) -> Any:
        name = str(self.value(argument))
        if name not in self.given:
            raise Unknown(name)
        return self.given[name]


_FUNCTIONS: Mapping[str, Callable[[Intrinsics, Any], Any]] = {
    "Ref": Intrinsics.ref,
    "Fn::GetAtt": Intrinsics._get_att,
    "Fn::Sub": Intrinsics._sub,
    "Fn::Join": Intrinsics._join,
    "Fn::Select": Intrinsics._select,
    "Fn::Split": Intrinsics._split,
    "Fn::FindInMap": Intrinsics._find,
    "Fn::If": Intrinsics._if,
    "Fn::ImportValue": Intrinsics._import,
    "Fn::Length": lambda work, argument: len(work.value(argument)),
    "Fn::ToJsonString": lambda work, argument: json.dumps(work.value(argument)),
}
