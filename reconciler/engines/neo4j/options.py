"""Options of indexes: how the server spells them, and which of them it fills in by itself.

A resource holds only what differs from the server's defaults, so that a default is never a difference and never needs
declaring. Defaults are facts of an index provider (`vector-2.0`) or of the server's configuration (full-text). Where
neither is known, an option that nobody declared is not compared: `settled` takes over what the live index has.

The provider itself cannot be chosen, and so is nothing that one declares: 5.26 takes `indexProvider` and builds the
index with its newest one all the same, Cypher 25 refuses the word (measured on 5.26.30 and 2026.09.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]
"""Option key as Neo4j has it (`vector.dimensions`) → value; lists are tuples of floats."""

ANALYZER = "fulltext.analyzer"
EVENTUALLY = "fulltext.eventually_consistent"
DIMENSIONS = "vector.dimensions"
SIMILARITY = "vector.similarity_function"
QUANTIZED = "vector.quantization.enabled"
QUANTIZATION = "vector.quantization.type"
EXPANSION = "vector.default_search_expansion_factor"

KEYS: Mapping[str, tuple[str, ...]] = {
    "range": (),
    "text": (),
    "point": tuple(
        f"spatial.{system}.{end}"
        for system in ("cartesian", "cartesian-3d", "wgs-84", "wgs-84-3d")
        for end in ("min", "max")
    ),
    "fulltext": (ANALYZER, EVENTUALLY),
    "vector": (
        DIMENSIONS,
        SIMILARITY,
        "vector.hnsw.m",
        "vector.hnsw.ef_construction",
        QUANTIZED,
        QUANTIZATION,
        EXPANSION,
    ),
}
"""Known options of each method of index."""

_HNSW = {SIMILARITY: "cosine", "vector.hnsw.m": 16, "vector.hnsw.ef_construction": 100}
_DEFAULTS: Mapping[str, Config] = {
    "point-1.0": {
        "spatial.cartesian.min": (-1e6, -1e6),
        "spatial.cartesian.max": (1e6, 1e6),
        "spatial.cartesian-3d.min": (-1e6, -1e6, -1e6),
        "spatial.cartesian-3d.max": (1e6, 1e6, 1e6),
        "spatial.wgs-84.min": (-180.0, -90.0),
        "spatial.wgs-84.max": (180.0, 90.0),
        "spatial.wgs-84-3d.min": (-180.0, -90.0, -1e6),
        "spatial.wgs-84-3d.max": (180.0, 90.0, 1e6),
    },
    "vector-2.0": {**_HNSW, QUANTIZED: True},
    "vector-2026.08": {**_HNSW, QUANTIZATION: "BINARY"},
}
_EXPANSION_OF = {"NONE": 1.0, "SCALAR": 1.5, "BINARY": 3.0}


def spelled(key: str, value: Any) -> Any:
    """A value in the one spelling that is compared: cosine, BINARY, tuples of floats, floats where Neo4j has floats."""
    if isinstance(value, (list, tuple)):
        return tuple(float(v) for v in value)
    if key == SIMILARITY:
        return str(value).lower()
    if key == QUANTIZATION:
        return str(value).upper()
    return float(value) if key == EXPANSION else value


def provider_of(method: str, version: tuple[int, ...]) -> str:
    """The provider a server of this version gives a new index, as far as its defaults are known here; else ''."""
    if method == "point":
        return "point-1.0"
    if method == "vector":
        return "vector-2.0" if (5, 26) <= version < (2025,) else "vector-2026.08" if version >= (2026, 8) else ""
    return ""


def significant(config: Config, provider: str, settings: Config) -> dict[str, Any]:
    """What differs from the defaults of the provider and of the server's `settings`; unknown options are kept."""
    defaults: dict[str, Any] = {**_DEFAULTS.get(provider, {}), **settings}
    if provider in _DEFAULTS and QUANTIZATION in defaults:
        defaults[EXPANSION] = _EXPANSION_OF.get(config.get(QUANTIZATION, defaults[QUANTIZATION]))
    return {k: v for k, v in config.items() if defaults.get(k) != v}


def settled(declared: Config, live: Config, provider: str, settings: Config) -> dict[str, Any]:
    """Declared options as the live index of `provider` would show them, both without defaults.

    Options whose default nobody knows and nobody declared are taken over from the live index.
    """
    typed = QUANTIZATION in live or QUANTIZATION in _DEFAULTS.get(provider, {})
    wanted = significant(_translated(declared) if typed else declared, provider, settings)
    known = {*_DEFAULTS.get(provider, {}), *settings, DIMENSIONS}
    known |= {EXPANSION} if QUANTIZATION in known else set()
    return {**{k: v for k, v in live.items() if k not in known and k not in declared}, **wanted}


def _translated(declared: Config) -> dict[str, Any]:
    """`quantization.enabled` in the words of a provider that has `quantization.type`, which wins if both are said."""
    result = {k: v for k, v in declared.items() if k != QUANTIZED}
    if declared.get(QUANTIZED) is False:
        result.setdefault(QUANTIZATION, "NONE")
    return result


def shown_as(wanted: Config, shown: Config) -> bool:
    """Whether an index that shows these options is the one that was asked for with those."""
    for key, value in wanted.items():
        if key == QUANTIZED and key not in shown:
            if QUANTIZATION not in wanted and (shown.get(QUANTIZATION) != "NONE") != value:
                return False
        elif spelled(key, shown.get(key)) != spelled(key, value):
            return False
    return True
