"""Roles as SQL names them."""

from __future__ import annotations

from reconciler.engines.postgres.quoting import ident

PUBLIC = "public"
OWNER = "$owner"
"""Who owns the object, whoever that is: no role can be told from its name in a declaration of several environments."""
SPECIAL = frozenset({"current_user", "current_role", "session_user"})


def role(name: str) -> str:
    """A role; PUBLIC and the roles of the session are words, everything else is a name."""
    if name == PUBLIC or name in SPECIAL:
        return name.upper()
    return ident(name)
