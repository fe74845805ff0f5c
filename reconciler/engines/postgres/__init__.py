"""PostgreSQL 14 to 18. Importing this imports no driver."""

from reconciler.engines.postgres.engine import ENGINE

__all__ = ["ENGINE"]
