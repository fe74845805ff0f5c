"""Facts about the servers this engine talks to."""

OLDEST = 14
"""The oldest major version that is tested."""
