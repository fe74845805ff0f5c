"""Numbers and lists as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.model.step import Size

_ROWS = ((1_000_000_000, " billion"), (1_000_000, " million"))
_BYTES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 step`, `12,000 steps`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def rows(number: int) -> str:
    """`980 rows`, `about 48.2 million rows`: what stores tell is an estimate."""
    for unit, word in _ROWS:
        if number >= unit:
            return f"about {number / unit:.1f}{word} rows"
    return f"about {count(number, 'row')}"


def size_in_bytes(number: int) -> str:
    """`9.1 GB`; a kB is 1,000 bytes."""
    for unit, word in _BYTES:
        if number >= unit:
            return f"{number / unit:.1f} {word}"
    return count(number, "byte")


def size(value: Size) -> str:
    """Rows and bytes, as far as they are known; empty where nothing is."""
    parts = [rows(value.rows)] if value.rows >= 0 else []
    if value.bytes >= 0:
        parts.append(size_in_bytes(value.bytes))
    return ", ".join(parts)


def ranges(numbers: Iterable[int]) -> str:
    """`1-4, 7, 9-10`."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def listing(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}" if names else "nothing"


def some(names: Sequence[str], most: int) -> str:
    """`a, b, c`; of more than `most` and one: `a, b, c and 7 more`."""
    if len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"
