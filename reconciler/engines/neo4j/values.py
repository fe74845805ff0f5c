"""Values of properties as JSON and back, exactly: what JSON has no word for is a mapping with its type under `$`.

Temporal values keep their nanoseconds, their zone by its name and its offset (an hour that comes twice is told apart by
that); floats their last bit; points their reference system; vectors their coordinates' type and bytes.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from reconciler.errors import StoreError

TYPE, VALUE = "$", "v"


def encoded(value: Any) -> Any:
    """Plain data for JSON. Raises StoreError for a type that is not known here, so that nothing is kept halfway."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {TYPE: "float", VALUE: repr(value)}
    if isinstance(value, (list, tuple)) and type(value).__module__ == "builtins":
        return [encoded(v) for v in value]
    if isinstance(value, (bytes, bytearray)):
        return {TYPE: "bytes", VALUE: base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {TYPE: "map", VALUE: {k: encoded(v) for k, v in value.items()}}
    name = type(value).__name__
    writer = _WRITERS.get(name)
    if writer is None and any(base.__name__ == "Point" for base in type(value).__mro__):
        name, writer = "Point", _point
    if writer is None:
        raise StoreError(f"a value of the type {name} cannot be kept in a snapshot")
    return {TYPE: name, VALUE: writer(value)}


def decoded(value: Any) -> Any:
    """The inverse of `encoded`, in the driver's types. Raises KeyError, TypeError or ValueError for anything else."""
    if isinstance(value, list):
        return [decoded(v) for v in value]
    if not isinstance(value, dict):
        return value
    kind, said = value[TYPE], value[VALUE]
    if kind == "float":
        return float(said)
    if kind == "bytes":
        return base64.b64decode(said)
    if kind == "map":
        return {k: decoded(v) for k, v in said.items()}
    return _READERS[kind](said)


def _clock(value: Any) -> list[Any]:
    return [value.hour, value.minute, value.second, value.nanosecond]


def _zone(value: Any) -> list[Any]:
    """The zone's name, empty for a plain offset, and the offset in seconds; nothing for a local value."""
    if value.tzinfo is None:
        return []
    return [getattr(value.tzinfo, "zone", None) or "", int(value.utc_offset().total_seconds())]


def _date_time(value: Any) -> list[Any]:
    return [[value.year, value.month, value.day, *_clock(value)], _zone(value)]


def _point(value: Any) -> list[Any]:
    return [value.srid, list(value)]


def _vector(value: Any) -> list[Any]:
    return [value.dtype, base64.b64encode(value.raw()).decode("ascii")]


_WRITERS: Mapping[str, Callable[[Any], Any]] = {
    "Date": lambda v: [v.year, v.month, v.day],
    "Time": lambda v: [_clock(v), _zone(v)],
    "DateTime": _date_time,
    "Duration": lambda v: [v.months, v.days, v.seconds, v.nanoseconds],
    "Vector": _vector,
    "UUID": str,
}


def _fixed(seconds: int) -> Any:
    import pytz  # type: ignore[import-untyped]

    return pytz.FixedOffset(seconds // 60)


def _read_date(said: Any) -> Any:
    from neo4j.time import Date

    return Date(*said)


def _read_time(said: Any) -> Any:
    from neo4j.time import Time

    clock, zone = said
    hour, minute, second, nanosecond = clock
    return Time(hour, minute, second, nanosecond, _fixed(zone[1]) if zone else None)


def _read_date_time(said: Any) -> Any:
    """Through UTC: the hour that a zone has twice in autumn means one of the two only with its offset."""
    import pytz
    from neo4j.time import DateTime, Duration

    parts, zone = said
    local = DateTime(*parts)
    if not zone:
        return local
    name, offset = zone
    if not name:
        return local.replace(tzinfo=_fixed(offset))
    utc = (local - timedelta(seconds=offset) if offset else local + Duration()).replace(tzinfo=pytz.utc)
    return utc.as_timezone(pytz.timezone(name))


def _read_duration(said: Any) -> Any:
    from neo4j.time import Duration

    months, days, seconds, nanoseconds = said
    return Duration(months=months, days=days, seconds=seconds, nanoseconds=nanoseconds)


def _read_point(said: Any) -> Any:
    from neo4j.spatial import CartesianPoint, WGS84Point

    srid, coordinates = said
    return (WGS84Point if srid in (4326, 4979) else CartesianPoint)(coordinates)


def _read_vector(said: Any) -> Any:
    from neo4j.vector import Vector

    kind, data = said
    return Vector(base64.b64decode(data), kind)


def _read_uuid(said: Any) -> Any:
    from uuid import UUID

    return UUID(said)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "Date": _read_date,
    "Time": _read_time,
    "DateTime": _read_date_time,
    "Duration": _read_duration,
    "Point": _read_point,
    "Vector": _read_vector,
    "UUID": _read_uuid,
}
