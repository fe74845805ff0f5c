"""Foreign text in GitHub's Markdown: shown as it is, never interpreted.

Markdown's own escapes do not stop what GitHub does to the finished page (mentions, issue and commit references, links,
emoji): only code does. So every name and every text that holds one stands in a code span or a fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.render import visible

_ENDS_A_SPAN = re.compile(r"[`|\\]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_WORDS = re.compile(r"[^\W_](?:[^\W_]|_|[ .,;()'\"%/=+→–-]|:(?= ))*")
_REFERENCE = re.compile(r"www\.|[A-Za-z]-\d|\b[0-9a-fA-F]{7,}\b", re.IGNORECASE)
_BACKTICKS = re.compile("`+")


def code(text: str) -> str:
    """A code span that is safe in a paragraph, a list, a heading and a table cell."""
    text = visible.line(text)
    if not text.strip():
        return "`(empty)`"
    return html_code(text) if _ENDS_A_SPAN.search(text) else f"`{text}`"


def html_code(text: str) -> str:
    """The same in HTML, for where Markdown is not interpreted: every punctuation mark as an entity."""
    return f"<code>{_PUNCTUATION.sub(_entity, visible.line(text))}</code>"


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found.group())};"


def prose(text: str) -> str:
    """A sentence as a sentence where its characters cannot mean anything else, and as code otherwise."""
    if _WORDS.fullmatch(text) and not _REFERENCE.search(text):
        return text.replace("_", "\\_")
    return code(text)


def fence(language: str, lines: Iterable[str]) -> str:
    """A fenced block, its fence longer than any run of backticks inside."""
    shown = visible.code_lines(lines)
    longest = max((len(run) for text in shown for run in _BACKTICKS.findall(text)), default=0)
    mark = "`" * max(3, longest + 1)
    return "\n".join([f"{mark}{language}", *shown, mark])
