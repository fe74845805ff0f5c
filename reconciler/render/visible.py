"""Foreign text made harmless: whatever a name, a comment or a statement holds, a terminal only ever prints it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

# C0 and C1 controls, DEL, line and paragraph separators, invisible and direction-changing characters (which can show a
# statement in another order than it runs), lone surrogates (which cannot be encoded).
_INVISIBLE = (
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_IN_A_LINE = re.compile(_INVISIBLE)
_IN_CODE = re.compile(rf"(?!\t){_INVISIBLE}")
_IN_JSON = re.compile(rf"(?!\n){_INVISIBLE}")
_SHORT = {9: "\\t", 10: "\\n", 13: "\\r"}


def line(text: str) -> str:
    r"""Text as one line: every invisible character as its escape, such as `\x1b` or `\u202e`."""
    return _IN_A_LINE.sub(_escape, text)


def code_lines(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines of a statement: split at newlines only, tabs kept, every other invisible character as its escape."""
    return tuple(_IN_CODE.sub(_escape, part) for text in lines for part in text.split("\n"))


def json_text(text: str) -> str:
    """JSON text with every invisible character in its strings as an escape of JSON, which means the same."""
    return _IN_JSON.sub(_escape_json, text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    if number in _SHORT:
        return _SHORT[number]
    return f"\\x{number:02x}" if number < 0x100 else _escape_json(found)


def _escape_json(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\u{number:04x}" if number < 0x10000 else json.dumps(found.group())[1:-1]
