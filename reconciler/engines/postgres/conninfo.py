"""Connection strings as libpq reads them, without the words in them that are nobody's business.

Both forms: `host=films dbname='my films'` and `postgresql://user@films/films?sslmode=require` (libpq documentation,
Connection Strings).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from reconciler.engines.postgres.generic_options import SECRET, is_secret
from reconciler.engines.postgres.quoting import literal

_URI = re.compile(r"(postgres(?:ql)?://)(.*)", re.DOTALL)
_USER = re.compile(r"([^:@/]*):([^@/]*)@")
_WORD = re.compile(r"\s*([^\s=]+)\s*=\s*('(?:\\.|[^'\\])*'|(?!')(?:\\.|[^\s\\])*)\s*", re.DOTALL)

SECRETS = f"""
    SELECT DISTINCT m[1] FROM regexp_matches(regexp_replace({{0}}, '''(\\\\.|[^''\\\\])*''', '', 'g'),
                                             '(?:^|[\\s?&])(\\w+)\\s*=', 'g') m WHERE m[1] ~* {literal(SECRET.pattern)}
    UNION SELECT 'password' WHERE {{0}} ~ '^postgres(ql)?://[^:@/]*:[^@/]+@'"""
"""SQL of the names that `without_secrets` tells of the text {0}."""


def without_secrets(text: str) -> tuple[str, tuple[str, ...]]:
    """The text, letter by letter where nothing in it is secret, and the sorted names of what was left out.

    Raises ValueError for what libpq could not read either; the message does not quote it.
    """
    uri = _URI.fullmatch(text)
    return _of_uri(uri[1], uri[2]) if uri else _of_words(text)


def _of_uri(start: str, rest: str) -> tuple[str, tuple[str, ...]]:
    hidden: set[str] = set()
    user = _USER.match(rest)
    if user is not None:
        rest = f"{user[1]}@{rest[user.end() :]}" if user[2] else rest
        hidden |= {"password"} if user[2] else set()
    where, mark, said = rest.partition("?")
    parameters = said.split("&") if mark else []
    names = [unquote(p.partition("=")[0]) for p in parameters]
    hidden |= {n for n in names if is_secret(n)}
    kept = [p for n, p in zip(names, parameters, strict=True) if not is_secret(n)]
    return start + where + (f"?{'&'.join(kept)}" if kept else ""), tuple(sorted(hidden))


def _of_words(text: str) -> tuple[str, tuple[str, ...]]:
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text) and (at or text.strip()):
        word = _WORD.match(text, at)
        if word is None:
            raise ValueError("words of a connection are written name=value")
        words.append((word[1], word[0].strip()))
        at = word.end()
    hidden = {n for n, _ in words if is_secret(n)}
    kept = " ".join(w for n, w in words if not is_secret(n)) if hidden else text
    return kept, tuple(sorted(hidden))
